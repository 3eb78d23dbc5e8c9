package serve

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/testvectors"
	"github.com/touchstone-btc/touchstone/work/share"
)

// What Replay writes, the decoder reads: every share of the vectors.
func TestVerdictLinesOfReplay(t *testing.T) {
	var d verdictDecoder
	for _, v := range testvectors.Shares() {
		r := NewReplay(ReplayConfig{OnShare: func(r *ShareReport) error {
			line := r.AppendJSON(nil)
			require.True(t, d.plain(line) || strings.ContainsAny(string(line), "\\\u2026") || !isASCII(line), "%s", line)
			l, err := d.decode(line)
			require.NoError(t, err, "%s", line)
			require.Equal(t, verdictShare, l.what)
			require.True(t, r.Time.Truncate(time.Microsecond).Equal(l.time))
			require.Equal(t, r.Session, string(l.session))
			require.Equal(t, r.Text.Worker, string(l.worker))
			require.Equal(t, r.Text.JobID, string(l.job))
			want := r.Verdict.Word
			if r.Err != nil {
				want = share.NotJudged
			}
			require.Equal(t, want, l.share.Word)
			require.Equal(t, r.Verdict.Block, l.share.Block)
			require.Equal(t, r.Verdict.Difficulty(), l.share.Difficulty)
			require.Equal(t, r.Verdict.Required(), l.share.Required)
			require.Equal(t, r.HasReply, l.answered)
			require.Equal(t, r.HasReply && r.Reply.Accepted, l.accepted)
			require.Equal(t, r.Crossed, l.crossed)
			require.True(t, r.Sent.Truncate(time.Microsecond).Equal(l.sent))
			require.Equal(t, r.Link != "", l.forwarded)
			sub := r.Text.Submission(nil)
			if sub.Faults == 0 {
				require.Equal(t, sub.Nonce, l.share.Nonce)
				require.Equal(t, sub.Time, l.share.NTime)
				require.Equal(t, sub.VersionBits, l.share.VersionBits)
				require.Equal(t, sub.HasVersionBits, l.share.Bits)
				require.Equal(t, len(sub.Extranonce2), l.share.Extranonce2Size)
				require.True(t, bytes.HasPrefix(l.share.Extranonce2[:], sub.Extranonce2[:min(8, len(sub.Extranonce2))]))
			}
			return nil
		}})
		require.NoError(t, r.Recording(t.Context(), "a", bytes.NewReader(v.Transcript)), v.Name)
		summary, err := json.Marshal(map[string]any{"summary": r.Summary()})
		require.NoError(t, err)
		l, err := d.decode(summary)
		require.NoError(t, err)
		require.Equal(t, verdictSummary, l.what)
	}
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

const goodVerdict = `{"time":"2026-01-02T03:04:05.25Z","session":"a1","worker":"w","job":"7","extranonce2":"0102030405060708090a","ntime":"5cb6dd9e",` +
	`"nonce":"fe65ed2f","version_bits":"1fffe000","verdict":"accepted","difficulty":1e3,"required":512.5,"sent":"2026-01-02T03:03:05Z","clean":true,"network":1.5e14}`

func TestVerdictLine(t *testing.T) {
	var d verdictDecoder
	l, err := d.decode([]byte(goodVerdict))
	require.NoError(t, err)
	require.Equal(t, time.Date(2026, 1, 2, 3, 4, 5, 250e6, time.UTC), l.time)
	require.Equal(t, time.Date(2026, 1, 2, 3, 3, 5, 0, time.UTC), l.sent)
	require.False(t, l.share.WholeSeconds)
	require.Equal(t, [8]byte{1, 2, 3, 4, 5, 6, 7, 8}, l.share.Extranonce2)
	require.Equal(t, 10, l.share.Extranonce2Size)
	require.Equal(t, 1000.0, l.share.Difficulty)
	require.Equal(t, 1.5e14, l.network)
	require.True(t, l.clean)
	for _, c := range []struct{ line, want string }{
		{``, "EOF"},
		{`[]`, "want an object"},
		{`7`, "want an object"},
		{`{`, "EOF"},
		{`{}`, "neither a verdict"},
		{`{"verdict":null}`, "time is missing"},
		{`{"verdict":null,"time":"2026-01-02T03:04:05Z"}`, "session is missing"},
		{`{"verdict":null,"time":5}`, "want a time"},
		{`{"verdict":null,"time":"yesterday"}`, "RFC 3339"},
		{`{"verdict":null,"time":"0001-01-01T00:00:00Z","session":"a"}`, "RFC 3339"},
		{`{"verdict":"good"}`, `want one of`},
		{`{"verdict":"not-judged"}`, `want one of`},
		{`{"verdict":true}`, `want one of`},
		{`{"verdict":null,"verdict":null}`, "duplicate"},
		{`{"difficulty":-1}`, "number from 0"},
		{`{"difficulty":1e999}`, "number from 0"},
		{`{"difficulty":1e81}`, "number from 0"},
		{`{"difficulty":NaN}`, "invalid"},
		{`{"difficulty":"7"}`, "number from 0"},
		{`{"difficulty":01}`, "invalid"},
		{`{"clean":1}`, "true or false"},
		{`{"event":"boot"}`, "open, close or gap"},
		{`{"event":"open","time":"2026-01-02T03:04:05Z"}`, "session is missing"},
		{`{"claim":1e12,"time":"2026-01-02T03:04:05Z","session":"a"}`, "worker is missing"},
		{`{"worker":7}`, "want a string"},
		{`{"session":"` + strings.Repeat("x", 2000) + `"}`, "want a string"},
		{`{"verdict":"accepted","time":"2026-01-02T03:04:05Z","session":"a","difficulty":5}`, "without difficulty and required"},
		{goodVerdict + `{}`, "more after the object"},
		{strings.Repeat(" ", maxVerdictLine+1), "more than"},
		{`{"reason":"` + "\x01" + `"}`, "invalid"},
	} {
		_, err := d.decode([]byte(c.line))
		require.ErrorContains(t, err, c.want, "%.100s", c.line)
	}
	for _, line := range []string{
		`{"time":"2026-01-02T03:04:05+01:00","session":"a","verdict":null}`,
		` { "time" : "2026-01-02T03:04:05Z" , "session" : "a\u0041" , "verdict" : null , "more" : [ {} ] } `,
		`{"time":"2026-01-02T03:04:05.123456789Z","session":"é","worker":null,"event":"open"}`,
		`{"time":"2026-01-02T03:04:05Z","worker":"w","claim":1e14}`,
		`{"time":"2026-01-02T23:59:59Z","session":"a","verdict":"bad-nonce","nonce":"xyz","difficulty":null,"required":16}`,
	} {
		_, err := d.decode([]byte(line))
		require.NoError(t, err, line)
	}
}

// Whatever comes, the fast way and the other say the same.
func FuzzVerdictLine(f *testing.F) {
	f.Add([]byte(goodVerdict))
	f.Add([]byte(`{"time":"2026-01-02T03:04:05.123456Z","session":"a","worker":"w","event":"open","synthetic":true}`))
	f.Add([]byte(`{"time":"2026-01-02T03:04:05Z","session":"a","worker":"w","claim":1e14,"source":"x"}`))
	f.Add([]byte(`{"summary":1}`))
	f.Add([]byte(`{"time":"2026-01-02T03:04:05Z","session":"a\u0000","verdict":null,"extranonce2":"0","reason":null}`))
	for _, v := range testvectors.Shares() {
		r := NewReplay(ReplayConfig{OnShare: func(r *ShareReport) error {
			f.Add(r.AppendJSON(nil))
			return nil
		}})
		require.NoError(f, r.Recording(f.Context(), "a", bytes.NewReader(v.Transcript)))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var fast, slow verdictDecoder
		_, _ = fast.decode([]byte(goodVerdict)) // so that it knows a day
		var l verdictRecord
		read, err := fast.decode(line)
		if err == nil {
			l = *read
		}
		if fast.plain(line) {
			require.NoError(t, slow.any(line), "what is plain is JSON")
			require.Equal(t, slow.seen, fast.seen)
			require.Equal(t, slow.line, fast.line)
			require.True(t, json.Valid(line))
		}
		if err != nil {
			return
		}
		s := &l.share
		for _, v := range []float64{s.Difficulty, s.Required, l.network, l.claim} {
			require.False(t, math.IsNaN(v) || math.IsInf(v, 0) || v < 0)
		}
		require.LessOrEqual(t, len(l.session), maxVerdictName)
		require.LessOrEqual(t, s.Extranonce2Size, share.MaxExtranonce)
		require.NotZero(t, l.what)
	})
}
