package audit

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestClaimNotes gives a device the same fault a thousand times, with other numbers each time, and then a thousand faults.
func TestClaimNotes(t *testing.T) {
	plan, err := Plan{}.Complete()
	require.NoError(t, err)
	d := NewDevice("a", plan)
	now := time.Unix(1.7e9, 0)
	d.Open(now, "")
	claim := &Claim{Rate: math.NaN(), Accepted: math.NaN(), Rejected: math.NaN(), Stale: math.NaN(), DifficultyAccepted: math.NaN(), BestShare: math.NaN(), Uptime: math.NaN()}
	for i := range 1000 {
		claim.Time = now.Add(time.Duration(i) * time.Minute)
		claim.Notes = []string{fmt.Sprintf("It says %d.%d TH/s.", i, i), "It says nothing else."}
		d.Claim(claim)
	}
	require.Equal(t, []string{"It says 0.0 TH/s.", "It says nothing else."}, d.Notes)
	require.Nil(t, d.Said) // and so keeps what was said before
	for i := range 1000 {
		claim.Notes = []string{fmt.Sprintf("Fault %c%c.", 'a'+i%26, 'a'+i/26)}
		d.Claim(claim)
	}
	require.Len(t, d.Notes, maxNotes/2)
}

func TestSameButNumbers(t *testing.T) {
	for _, k := range []struct {
		a, b string
		same bool
	}{
		{"", "", true}, {"a", "a", true}, {"a1", "a22", true}, {"a1b", "a2.5b", true}, {"1", "", true}, {"a1b", "a2c", false}, {"a", "b", false},
		{"a", "a1", true}, {"ab", "a1b", true}, {"a", "ab", false}, {"", "b", false},
	} {
		require.Equal(t, k.same, sameButNumbers(k.a, k.b), k)
		require.Equal(t, k.same, sameButNumbers(k.b, k.a), k)
	}
}
