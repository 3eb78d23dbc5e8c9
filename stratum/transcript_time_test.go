package stratum

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Times are those that package time reads, whatever came before.
func TestTranscriptTimes(t *testing.T) {
	texts := []string{
		"0001-01-01T00:00:00.000001Z", "0001-01-01T00:00:59.000000Z", "2026-11-20T14:40:00.123456Z", "2026-11-20T14:40:00.123456Z", "2026-11-20T14:40:59.999999Z",
		"2026-11-20T14:40:60.000000Z", "2026-11-20T14:40:5a.000000Z", "2026-11-20T14:40:5/.000000Z", "2026-11-20T14:40:05.00000aZ",
		"2026-11-20T14:40:05,000000Z", "2026-11-20T14:40:05.000000z", "2026-11-20T14:40:05.0000000", "2026-11-20T14:40:05.00000Z",
		"2026-11-20T14:40:05.0000000Z", "2026-11-20T14:40:05Z", "2026-11-20T14:40:05.1+02:00", "2026-11-20T14:40:05.12+02:00",
		"2026-11-20T14:40:06.1-02:00", "2026-11-20T14:40:06.100000Z", "2026-11-20T24:40:06.100000Z", "2026-11-20T14:60:06.100000Z",
		"2026-02-29T14:40:06.100000Z", "2024-02-29T23:59:59.999999Z", "2024-03-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z",
		strings.Repeat(`\u0000`, 17) + "05.000000Z",
	}
	for _, first := range texts {
		var recording strings.Builder
		for _, text := range append([]string{first}, texts...) {
			fmt.Fprintf(&recording, `{"time":"%s","session":"a","from":"pool","message":{}}`+"\n", text)
		}
		tr := NewTranscript(strings.NewReader(recording.String()))
		for i, text := range append([]string{first}, texts...) {
			line, err := tr.Next()
			var want time.Time
			if want.UnmarshalText([]byte(text)) != nil {
				require.Error(t, err, "%d: %s", i, text)
				continue
			}
			require.NoError(t, err, "%d: %s", i, text)
			require.Equal(t, want, line.Time, "%d: %s", i, text)
		}
	}
}
