package stratum

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
)

// heard is a ClientHandler that notes what it is told.
type heard struct {
	works    []*ClientWork
	replies  map[uint64]Reply
	moves    []string
	messages []string
	ignored  []string
}

func (h *heard) Work(w *ClientWork) { h.works = append(h.works, w) }
func (h *heard) Replied(number uint64, r Reply) {
	if h.replies == nil {
		h.replies = map[uint64]Reply{}
	}
	if _, twice := h.replies[number]; twice {
		panic("told twice")
	}
	h.replies[number] = r
}
func (h *heard) Reconnect(host string, port int, wait time.Duration) {
	h.moves = append(h.moves, fmt.Sprintf("%s:%d after %s", host, port, wait))
}
func (h *heard) Message(text string) { h.messages = append(h.messages, text) }
func (h *heard) Ignored(err error)   { h.ignored = append(h.ignored, err.Error()) }

// talk is a conversation of a Client with a pool that says what the test writes.
type talk struct {
	t      *testing.T
	client *Client
	*heard
}

var talkTime = time.Unix(1763649600, 0)

// newTalk begins a conversation; hello is what the client has to say first.
func newTalk(t *testing.T, c ClientConfig, hello ...string) *talk {
	k := &talk{t, nil, &heard{}}
	c.Handler = k.heard
	k.client = NewClient(c)
	k.says(k.client.Start(nil, talkTime), hello)
	return k
}

func (k *talk) says(got []byte, want []string) {
	k.t.Helper()
	require.Equal(k.t, strings.Join(append(want, ""), "\n"), string(got))
	var m Message
	for line := range strings.Lines(string(got)) {
		require.NoError(k.t, Decode([]byte(line), &m), line)
	}
}

// pool is a line of the pool, and what the client has to answer.
func (k *talk) pool(line string, answers ...string) {
	k.t.Helper()
	got, err := k.client.Receive(nil, []byte(line+"\n"), talkTime)
	require.NoError(k.t, err)
	k.says(got, answers)
}

// refuses is a line of the pool that ends the connection.
func (k *talk) refuses(line string) error {
	k.t.Helper()
	_, err := k.client.Receive(nil, []byte(line+"\n"), talkTime)
	require.Error(k.t, err)
	return err
}

// last returns the newest work.
func (k *talk) last() *ClientWork {
	k.t.Helper()
	require.NotEmpty(k.t, k.works)
	return k.works[len(k.works)-1]
}

// notifyOf is a mining.notify of a small job.
func notifyOf(id, coinb1 string, clean bool) string {
	return fmt.Sprintf(`{"id":null,"method":"mining.notify","params":["%s","%s","%s","0102",[],"20000000","1d00ffff","691f2840",%t]}`,
		id, strings.Repeat("00", 32), coinb1, clean)
}

const (
	helloConfigure = `{"id":1,"method":"mining.configure","params":[["version-rolling","subscribe-extranonce"],{"version-rolling.mask":"1fffe000","version-rolling.min-bit-count":2}]}`
	helloSubscribe = `{"id":2,"method":"mining.subscribe","params":["touchstone/1"]}`
	askExtranonce  = `{"id":3,"method":"mining.extranonce.subscribe","params":[]}`
	askAuthorize   = `{"id":4,"method":"mining.authorize","params":["w","x"]}`
	helloAnswer    = `{"id":2,"result":[[["mining.set_difficulty","d1"],["mining.notify","s1"]],"f000000a",4],"error":null}`
)

var usual = ClientConfig{Worker: "w", Password: "x", UserAgent: "touchstone/1", VersionMask: work.MaskBIP320}

// begun is a conversation in which the worker is authorized.
func begun(t *testing.T) *talk {
	k := newTalk(t, usual, helloConfigure, helloSubscribe)
	k.pool(`{"id":1,"result":{"version-rolling":true,"version-rolling.mask":"1fffe000"},"error":null}`)
	k.pool(helloAnswer, askExtranonce, askAuthorize)
	k.pool(`{"id":3,"result":null,"error":[20,"Not supported.",null]}`)
	k.pool(`{"id":4,"result":true,"error":null}`)
	return k
}

// solution is a share of w.
func solution(w *ClientWork, extranonce2 string, version, nonce uint32) *work.Solution {
	return &work.Solution{Extranonce: append(append([]byte{}, w.Extranonce1...), extranonce2...), Version: version, Time: w.Job.Time + 1, Nonce: nonce}
}

func TestClient(t *testing.T) {
	k := begun(t)
	require.False(t, k.client.Ready())
	require.Equal(t, "s1", k.client.Session())
	k.pool(`{"id":null,"method":"mining.set_difficulty","params":[1e-9]}`)
	k.pool(notifyOf("a", "aa", true))
	require.True(t, k.client.Ready())
	w := k.last()
	want, err := DifficultyTarget(1e-9)
	require.NoError(t, err)
	require.Equal(t, want, w.Target)
	require.True(t, w.Clean)
	require.Equal(t, []byte{0xf0, 0, 0, 0x0a}, w.Extranonce1)
	require.EqualValues(t, work.MaskBIP320, int(w.Job.VersionMask))
	require.Equal(t, []uint32{0x691f2840, 0x691f2840, 0x691f2840 + 600}, []uint32{w.Job.Time, w.Job.MinTime, w.Job.MaxTime})
	require.Equal(t, 8, w.Job.ExtranonceSize())

	out, number := k.client.Submit(nil, w, solution(w, "\x00\x00\x00\x01", 0x20002000, 7), talkTime)
	require.Equal(t, 1, int(number))
	k.says(out, []string{`{"id":5,"method":"mining.submit","params":["w","a","00000001","691f2841","00000007","00002000"]}`})
	out, number = k.client.Submit(out[:0], w, solution(w, "\x00\x00\x00\x01", 0x20002000, 7), talkTime)
	require.Zero(t, number, "twice")
	require.Empty(t, out)
	_, number = k.client.Submit(nil, w, solution(w, "\x00\x00\x00\x02", 0x20002000, 7), talkTime.Add(time.Second))
	require.Equal(t, 2, int(number))
	count, since := k.client.Outstanding()
	require.Equal(t, 2, count)
	require.Equal(t, talkTime, since)
	k.pool(`{"id":6,"result":null,"error":[23,"Low difficulty share",null]}`)
	k.pool(`{"id":"5","result":true,"error":null}`)
	k.pool(`{"id":5,"result":true,"error":null}`)
	require.Equal(t, map[uint64]Reply{1: {Accepted: true}, 2: {Code: 23, HasCode: true, Words: "Low difficulty share"}}, k.replies)
	count, _ = k.client.Outstanding()
	require.Zero(t, count)
	require.Empty(t, k.ignored)
}
