package share

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is said of an extranonce2 is true of the one that came, however the policy reads it.
func TestDetailOfExtranonce2(t *testing.T) {
	for extranonce2, want := range map[string]string{
		"":                        "extranonce2 has 0 bytes, want 8",
		"0102":                    "extranonce2 has 2 bytes, want 8",
		strings.Repeat("00", 9):   "extranonce2 has 9 bytes, want 8",
		strings.Repeat("0", 15):   "extranonce2 is not up to 32 bytes in hex",
		strings.Repeat("00", 33):  "extranonce2 is not up to 32 bytes in hex",
		"0x" + "000000000000001":  "extranonce2 is not up to 32 bytes in hex",
		"0x" + "0000000000000001": "extranonce2 is not up to 32 bytes in hex",
	} {
		for _, p := range Presets() {
			s := newTestSession(t, p)
			s.send(testJob("1", 1), true)
			v := s.submit(testText("1", func(t *Text) { t.Extranonce2 = extranonce2 }))
			if v.Word == BadExtranonce2 {
				require.Equal(t, want, v.Detail(), "%s: %q", p.Name, extranonce2)
			} else {
				require.NotEqual(t, "strict", p.Name)
			}
		}
	}
}
