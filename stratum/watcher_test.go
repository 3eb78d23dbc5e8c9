package stratum

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work/share"
)

// noted writes down what a Watcher is told.
type noted struct{ all []string }

func (n *noted) note(format string, args ...any)       { n.all = append(n.all, fmt.Sprintf(format, args...)) }
func (n *noted) Submitted(*Submit)                     { n.note("submitted") }
func (n *noted) Replied(uint64, Reply)                 { n.note("replied") }
func (n *noted) Forgotten(uint64)                      {}
func (n *noted) Assumed(string)                        {}
func (n *noted) Subscribed(agent string, _ time.Time)  { n.note("subscribed %s", agent) }
func (n *noted) Authorized(worker string, _ time.Time) { n.note("authorized %s", worker) }
func (n *noted) Unknown(time.Time)                     { n.note("unknown") }
func (n *noted) Redirected(m *Message, _ time.Time)    { n.note("redirected %s", m.Params[0]) }
func (n *noted) Heard(time.Time)                       { n.note("heard") }
func (n *noted) Offered(o Offer, now time.Time) {
	n.note("offered %s %v %g %08x %d", o.Job.Work().ID, o.Clean, o.Target.Difficulty(), o.Mask, now.Unix())
}

func TestWatcher(t *testing.T) {
	const job = `{"id":null,"method":"mining.notify","params":["j","0000000000000000000000000000000000000000000000000000000000000000","01000000","ffffffff",[],"20000000","1d00ffff","69a35000",true]}`
	var n noted
	s := share.NewValidator(share.Options{}).NewSession()
	o := NewOnlooker(s)
	now := time.Unix(1_700_000_000, 0)
	for _, l := range []struct {
		from From
		text string
	}{
		{FromMiner, `{"id":1,"method":"mining.subscribe","params":["agent/1"]}`},
		{FromPool, job}, // before anybody knows what a share has to reach
		{FromPool, `{"id":1,"result":[[],"00000001",4],"error":null}`},
		{FromMiner, `{"id":2,"method":"mining.configure","params":[["version-rolling"],{}]}`},
		{FromPool, `{"id":2,"result":{"version-rolling":true,"version-rolling.mask":"1fffe000"},"error":null}`},
		{FromMiner, `{"id":3,"method":"mining.authorize","params":["w","x"]}`},
		{FromPool, `{"id":3,"result":true,"error":null}`},
		{FromMiner, `{"id":4,"method":"mining.authorize","params":["other","x"]}`},
		{FromPool, `{"id":4,"result":false,"error":null}`},
		{FromPool, `{"id":null,"method":"mining.set_difficulty","params":[2]}`},
		{FromPool, job},
		{FromMiner, `{"id":5,"method":"mining.submit","params":["w","j","00000000","69a35000","00000000"]}`},
		{FromPool, `{"id":5,"result":true,"error":null}`},
		{FromPool, `rubbish`},
		{FromPool, `{"id":null,"method":"client.reconnect","params":["elsewhere.test",3333]}`},
	} {
		_ = o.Observe(l.from, []byte(l.text), now, &n)
	}
	require.Equal(t, []string{
		"subscribed agent/1", "heard", "unknown", "heard", "heard", "authorized w", "heard", "offered j true 2 1fffe000 1700000000", "submitted", "replied",
		"unknown", `redirected "elsewhere.test"`,
	}, n.all)
	sent, known := s.JobSent("j")
	require.True(t, known)
	require.True(t, now.Equal(sent))
	_, known = s.JobSent("k")
	require.False(t, known)
}
