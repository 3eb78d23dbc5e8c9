package audit

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPackedCounts(t *testing.T) {
	for _, c := range []struct {
		counts packed
		want   string
	}{
		{nil, `null`}, {packed{}, `""`}, {packed{0, 1, 127, 128}, `"AAF/gAE="`}, {packed{math.MaxUint32}, `"/////w8="`},
	} {
		text, err := json.Marshal(c.counts)
		require.NoError(t, err)
		require.Equal(t, c.want, string(text))
		var back packed
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, c.counts, back)
	}
	for _, bad := range []string{`"gA=="`, `"gAA="`, `"/////x8="`, `"AAF/gAF="`, `"AA"`, `[1]`, `"A A="`, `"AA==\n"`, `1`} {
		back := packed{7}
		require.Error(t, back.UnmarshalJSON([]byte(bad)), bad)
		require.Equal(t, packed{7}, back)
	}
}
