package share

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What a batch was given while a tip was in force is held against its duplicates, though the tip is forgotten before Judge; who
// gets jobs of it later begins anew, as with Check.
func TestBatchHoldsTips(t *testing.T) {
	s := newTestSession(t, Policy{})
	s.send(testJob("1", 1), true)
	text := testText("1")
	sub := text.Submission(nil)
	sub.Received = s.now
	later := func() {
		for _, prev := range []byte{2, 3, 4} {
			s.now = s.now.Add(Forgotten + time.Second)
			s.send(testJob("2", prev), true)
		}
	}
	var b Batch
	b.Add(s.Session, &sub)
	b.Add(s.Session, &sub)
	later()
	require.Zero(t, s.v.Remembered())
	results := b.Judge(nil)
	require.NoError(t, results[0].Err)
	require.NoError(t, results[1].Err)
	require.Equal(t, Accepted, results[0].Verdict.Word)
	require.Equal(t, Duplicate, results[1].Verdict.Word)
	require.Zero(t, s.v.Remembered(), "nobody holds it any more")

	s.send(testJob("1", 1), true)
	b.Add(s.Session, &sub)
	b.Judge(results[:0])
	require.Equal(t, 1, s.v.Remembered())
	b.Add(s.Session, &sub)
	require.Equal(t, Duplicate, b.Judge(nil)[0].Verdict.Word)
	require.Equal(t, Duplicate, s.submit(text).Word)
	later()
	require.Zero(t, s.v.Remembered())
}

// Who recovers from a panic of CheckBatch, at a submission that is not there, has not its tips held for ever.
func TestBatchLetsGoAfterPanic(t *testing.T) {
	s := newTestSession(t, Policy{})
	s.send(testJob("1", 1), true)
	text := testText("1")
	sub := text.Submission(nil)
	require.Panics(t, func() { s.v.CheckBatch(nil, []Request{{s.Session, &sub}, {s.Session, nil}}) })
	require.Zero(t, s.newest.tip.holders)
	results := s.v.CheckBatch(nil, []Request{{s.Session, &sub}})
	require.Len(t, results, 1)
	require.Equal(t, Accepted, results[0].Verdict.Word)
}
