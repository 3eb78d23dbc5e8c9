package stratum

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Forget gives up the oldest request, of which the handler is told if it is a submission.
func TestOnlookerForget(t *testing.T) {
	o, h := NewOnlooker(), new(counter)
	o.Forget(h)
	ask := func(id int, method string) {
		line := fmt.Sprintf(`{"id":%d,"method":%q,"params":["w","1","","",""]}`, id, method)
		require.NoError(t, o.Observe(FromMiner, []byte(line), time.Time{}, h))
	}
	ask(1, "mining.ping")
	ask(2, MethodSubmit)
	ask(3, MethodSubmit)
	o.Forget(h)
	require.Zero(t, h.forgotten)
	o.Forget(h)
	require.Equal(t, 1, h.forgotten)
	require.Equal(t, 1, o.Outstanding())
	for id := range 4 {
		require.NoError(t, o.Observe(FromPool, fmt.Appendf(nil, `{"id":%d,"result":true}`, id), time.Time{}, h))
	}
	require.Equal(t, 1, h.replied)
	require.EqualValues(t, 3, o.Unmatched())
	require.Zero(t, o.Outstanding())
}

// Onlookers beside each other follow connections of their own.
func TestOnlookerBeside(t *testing.T) {
	a, h := NewOnlooker(), new(counter)
	b := a.Beside()
	require.NoError(t, a.Observe(FromMiner, []byte(submitLine), time.Time{}, h))
	require.NoError(t, b.Observe(FromPool, []byte(replyLine), time.Time{}, h))
	require.Zero(t, h.replied)
	require.EqualValues(t, 1, b.Unmatched())
	require.NoError(t, a.Observe(FromPool, []byte(replyLine), time.Time{}, h))
	require.Equal(t, 1, h.replied)
	require.EqualValues(t, 1, a.Submits())
	require.Zero(t, b.Submits())
}

// The memory of requests that were answered is given back.
func TestRequestsShrink(t *testing.T) {
	var q requests
	id := func(i int) []byte { return fmt.Append(nil, i) }
	for i := range MaxOutstanding {
		q.add(id(i), MethodSubmit, nil)
	}
	for i := 1; i < MaxOutstanding; i++ {
		_, ok := q.take(id(i))
		require.True(t, ok)
		require.LessOrEqual(t, len(q.ring), max(fewRequests, 4*q.count))
	}
	r, ok := q.take(id(0))
	require.True(t, ok)
	require.Equal(t, MethodSubmit, r.method)
}
