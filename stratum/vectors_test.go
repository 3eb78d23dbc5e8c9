package stratum

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/testvectors"
	"github.com/touchstone-btc/touchstone/work/share"
)

// judge is a Handler that judges each submission at once and notes what the pool said.
type judge struct {
	t       testing.TB
	session *share.Session
	line    int64
	lines   []int64 // of the submissions
	words   []string
	said    map[int64]Reply // by line
	assumed []string
}

func (j *judge) Submitted(s *Submit) {
	require.Equal(j.t, len(j.lines)+1, int(s.Number))
	var kept Submit
	s.CopyTo(&kept)
	v, err := j.session.Check(&kept.Submission)
	word := v.Word.String()
	if err != nil {
		require.Equal(j.t, share.NotJudged, v.Word)
		word = "unjudged"
	}
	if code, _ := Code(&v); v.Word.Credited() {
		require.Zero(j.t, code)
	} else {
		require.NotZero(j.t, code)
	}
	j.lines, j.words = append(j.lines, j.line), append(j.words, word)
}

func (j *judge) Replied(number uint64, r Reply) {
	require.NotContains(j.t, j.said, j.lines[number-1], "answered twice")
	j.said[j.lines[number-1]] = r
}

func (j *judge) Forgotten(uint64)   {}
func (j *judge) Assumed(why string) { j.assumed = append(j.assumed, why) }

// TestRecordedShares replays every recording there is and holds each submission against its verdict by the strict rules, and the
// pool's answer against what the source has.
func TestRecordedShares(t *testing.T) {
	for _, vector := range testvectors.Shares() {
		t.Run(vector.Name, func(t *testing.T) {
			validator := share.NewValidator(share.Options{})
			type connection struct {
				onlooker *Onlooker
				judge    *judge
			}
			connections := map[string]*connection{}
			words := map[int64]string{}
			r := NewTranscript(bytes.NewReader(vector.Transcript))
			for {
				line, err := r.Next()
				if err == io.EOF {
					break
				}
				require.NoError(t, err)
				c := connections[string(line.Session)]
				if c == nil {
					s := validator.NewSession()
					c = &connection{NewOnlooker(s), &judge{t: t, session: s, said: map[int64]Reply{}}}
					connections[string(line.Session)] = c
				}
				c.judge.line = line.Number
				require.NoError(t, c.onlooker.Observe(line.From, line.Bytes(), line.Time, c.judge), "line %d", line.Number)
			}
			said := map[int64]Reply{}
			for _, c := range connections {
				for i, line := range c.judge.lines {
					words[line] = c.judge.words[i]
				}
				for line, reply := range c.judge.said {
					said[line] = reply
				}
			}
			for _, want := range vector.Judged {
				if want.Policy == "strict" {
					require.Equal(t, want.Word, words[int64(want.Line)], "line %d", want.Line)
				}
			}
			if len(said) == 0 {
				return // a source without answers on the wire
			}
			for _, want := range vector.SourceVerdicts {
				got, answered := said[int64(want.Line)]
				require.True(t, answered, "line %d", want.Line)
				require.Equal(t, want.Accepted, got.Accepted, "line %d", want.Line)
				if want.Code != 0 {
					require.Equal(t, want.Code, got.Code, "line %d", want.Line)
					require.Equal(t, want.Text, got.Words, "line %d", want.Line)
				}
			}
		})
	}
}
