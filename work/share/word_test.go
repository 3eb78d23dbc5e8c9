package share

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWords(t *testing.T) {
	require.Len(t, Words(), len(words)-1)
	for i, w := range append(Words(), NotJudged) {
		text, err := json.Marshal(map[Word]Word{w: w})
		require.NoError(t, err)
		var back map[Word]Word
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, map[Word]Word{w: w}, back)
		require.NotEqual(t, w == NotJudged, w.Credited() || w.Refused())
		require.False(t, w.Credited() && w.Refused())
		require.Equal(t, i >= len(words)-3 && w != NotJudged, w.Credited())
	}
	w := Stale
	for _, text := range []string{"", "Stale", "stale ", "word(13)"} {
		require.Error(t, w.UnmarshalText([]byte(text)), text)
		require.Equal(t, Stale, w)
	}
	require.Equal(t, "word(13)", Word(13).String())
}
