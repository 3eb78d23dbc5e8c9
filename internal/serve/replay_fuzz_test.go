package serve

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/testvectors"
	"github.com/touchstone-btc/touchstone/work/share"
)

// FuzzReplay judges anything as a recording: it neither panics nor stops, its JSON is JSON, and its counts agree. Verdicts don't
// depend on how many shares are judged at once, nor on where reading pauses.
func FuzzReplay(f *testing.F) {
	for _, v := range testvectors.Shares() {
		f.Add(v.Transcript)
	}
	f.Add([]byte(newConversation().event("open").begin("w").job("1", 1).submit("w", "1", 1, "true").event("gap").event("close").String()))
	f.Add([]byte("\ufeff\r\n\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		whole := replay(t, ReplayConfig{Policies: share.Presets(), MaxWaiting: 1000}, string(text))
		pieces := &collected{}
		r := NewReplay(ReplayConfig{OnShare: func(s *ShareReport) error {
			pieces.Shares = append(pieces.Shares, *s)
			return nil
		}, MaxWaiting: 1000})
		err := r.Recording(t.Context(), "a", &halves{r: bytes.NewReader(text)})
		require.Equal(t, whole.Err == nil, err == nil)
		require.Equal(t, whole.words(), pieces.words())
	})
}

// halves reads little at a time, so that each share is judged by itself.
type halves struct{ r *bytes.Reader }

func (h *halves) Read(p []byte) (int, error) { return h.r.Read(p[:min(len(p), 100)]) }
