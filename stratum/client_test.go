package stratum

import (
	"fmt"
	"slices"
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

// A pool that refuses what it need not know, or never answers it, is one all the same.
func TestClientOldPool(t *testing.T) {
	for _, answers := range [][]string{
		nil,
		{`{"id":1,"result":null,"error":[-3,"Method not found",null]}`},
		{`{"id":1,"error":"unknown method"}`},
		{`{"id":1,"result":{"version-rolling":false},"error":null}`},
		{`{"id":1,"result":{"version-rolling":"no such bits"},"error":null}`},
		{`{"id":1,"result":true,"error":null}`},
		{`{"id":1,"result":{"version-rolling":true},"error":null}`},
		{`{"id":1,"result":{"version-rolling":true,"version-rolling.mask":"1fffe00"},"error":null}`},
	} {
		k := newTalk(t, usual, helloConfigure, helloSubscribe)
		for _, line := range answers {
			k.pool(line)
		}
		k.pool(helloAnswer, askExtranonce, askAuthorize)
		k.pool(notifyOf("a", "aa", false))
		require.Empty(t, k.works)
		k.pool(`{"id":4,"result":null,"error":null}`)
		w := k.last()
		require.Zero(t, w.Job.VersionMask)
		out, number := k.client.Submit(nil, w, solution(w, "\x00\x00\x00\x01", 0x20000000, 7), talkTime)
		require.NotZero(t, number)
		k.says(out, []string{`{"id":5,"method":"mining.submit","params":["w","a","00000001","691f2841","00000007"]}`})
		_, number = k.client.Submit(nil, w, solution(w, "\x00\x00\x00\x01", 0x20002000, 7), talkTime)
		require.Zero(t, number, "no bit was granted")
	}
}

// What is asked, and when.
func TestClientHello(t *testing.T) {
	c := ClientConfig{Worker: "a\"b", Password: "p\n", UserAgent: "u", Difficulty: 1e-7, Session: "s0"}
	k := newTalk(t, c, `{"id":1,"method":"mining.subscribe","params":["u","s0"]}`)
	// A pool that does not know the session is asked for another.
	k.pool(`{"id":1,"result":null,"error":[20,"no such session",null]}`, `{"id":2,"method":"mining.subscribe","params":["u"]}`)
	k.pool(`{"id":2,"result":[["mining.notify","s1"],"",0],"error":null}`, askExtranonce,
		`{"id":4,"method":"mining.suggest_difficulty","params":[1e-07]}`, `{"id":5,"method":"mining.authorize","params":["a\"b","p\n"]}`)
	require.Equal(t, "s1", k.client.Session())

	// Who says that it knows set_extranonce is not asked again; bits that others asked for are not rolled.
	c = usual
	c.VersionMask = 0x00006000
	c.Host = "pool.example:3333"
	k = newTalk(t, c, strings.Replace(helloConfigure, "1fffe000", "00006000", 1),
		`{"id":2,"method":"mining.subscribe","params":["touchstone/1",null,"pool.example",3333]}`)
	k.pool(`{"id":1,"result":{"subscribe-extranonce":true,"version-rolling":true,"version-rolling.mask":"1FFFC000"},"error":null}`)
	k.pool(helloAnswer, `{"id":3,"method":"mining.authorize","params":["w","x"]}`)
	k.pool(`{"id":3,"result":true,"error":null}`)
	k.pool(notifyOf("a", "aa", false))
	require.EqualValues(t, 0x00004000, k.last().Job.VersionMask)
	mask, granted := k.client.VersionMask()
	require.True(t, granted)
	require.EqualValues(t, 0x1fffc000, mask)
	require.Empty(t, k.ignored)

	for _, line := range []string{
		`{"id":2,"result":null,"error":[20,"banned",null]}`, `{"id":2,"result":[[],"zz",4],"error":null}`, `{"id":2,"result":true,"error":null}`,
		`{"id":2,"result":[[],"00",33],"error":null}`, `{"id":2,"result":[[],"00"],"error":null}`,
	} {
		k = newTalk(t, usual, helloConfigure, helloSubscribe)
		require.ErrorContains(t, k.refuses(line), "mining.subscribe")
	}
}

func TestClientSessionNames(t *testing.T) {
	for result, want := range map[string]string{
		`[[["mining.set_difficulty","d"],["mining.notify","n"]],"00",4]`: "n",
		`[[["mining.notify","n\u0041"],["mining.notify","m"]],"00",4]`:   "nA",
		`[["mining.notify","n"],"00",4]`:                                 "n",
		`[[["mining.notify",7]],"00",4]`:                                 "",
		`[[["mining.set_difficulty","d"]],"00",4]`:                       "",
		`[null,"00",4]`: "",
		`["n","00",4]`:  "",
		`[[["mining.notify","` + strings.Repeat("n", 300) + `"]],"00",4]`: "",
	} {
		k := newTalk(t, usual, helloConfigure, helloSubscribe)
		k.pool(`{"id":2,"result":`+result+`,"error":null}`, askExtranonce, askAuthorize)
		require.Equal(t, want, k.client.Session(), result)
	}
}

func TestClientUnauthorized(t *testing.T) {
	for answer, words := range map[string]string{
		`"result":null,"error":[24,"Unauthorized worker",null]`:                                 `the pool does not let worker "w" mine: rejected: 24 Unauthorized worker`,
		`"result":false,"error":null`:                                                           `the pool does not let worker "w" mine: rejected`,
		`"result":false,"error":"bad address"`:                                                  `the pool does not let worker "w" mine: rejected: bad address`,
		`"result":null,"error":{"code":24,"message":"who?"}`:                                    `the pool does not let worker "w" mine: rejected: 24 who?`,
		`"result":false,"error":null,"reject-reason":"who?"`:                                    `the pool does not let worker "w" mine: rejected: who?`,
		`"error":{"code":24,"message":"` + strings.Repeat("x", 500) + `"},"result":null,"a":{}`: `the pool does not let worker "w" mine: rejected: 24 ` + strings.Repeat("x", 200) + "…",
	} {
		k := newTalk(t, usual, helloConfigure, helloSubscribe)
		k.pool(helloAnswer, askExtranonce, askAuthorize)
		err := k.refuses(`{"id":4,` + answer + `}`)
		var refused *AuthorizeError
		require.ErrorAs(t, err, &refused)
		require.EqualError(t, err, words)
	}
}

// What a pool asks is answered under its own id.
func TestClientAsked(t *testing.T) {
	k := begun(t)
	k.pool(`{"id":"x\"1","method":"client.get_version","params":[]}`, `{"id":"x\"1","result":"touchstone/1","error":null}`)
	k.pool(`{"id":77,"method":"mining.ping","params":[]}`, `{"id":77,"result":"pong","error":null}`)
	k.pool(`{"id":78,"method":"client.show_message","params":["a\u001b[2Jb"]}`, `{"id":78,"result":true,"error":null}`)
	k.pool(`{"id":null,"method":"client.show_message","params":["c"]}`)
	k.pool(`{"method":"mining.ping"}`)
	k.pool(`{"id":79,"method":"mining.set_goal","params":["d"]}`)
	k.pool(`{"id":null,"method":"client.show_message","params":[7]}`)
	k.pool("")
	k.pool(" \r")
	require.Equal(t, []string{"a [2Jb", "c"}, k.messages)
	require.Empty(t, k.ignored)
	k.pool(`{"id":null,"result":null,"error":[24,"slow down",null]}`)
	k.pool(`{"id":99,"result":null,"error":[24,"who",null]}`)
	require.Equal(t, []string{"an error that names no request of ours: rejected: 24 slow down", "an error that names no request of ours: rejected: 24 who"}, k.ignored)
}

func TestClientReconnect(t *testing.T) {
	for params, want := range map[string]string{
		`[]`:                      ":0 after 0s",
		`["h.example",3333,0]`:    "h.example:3333 after 0s",
		`["h.example","3333"]`:    "h.example:3333 after 0s",
		`["h.example"]`:           "h.example:0 after 0s",
		`["",0,10]`:               ":0 after 10s",
		`[null,null,"60"]`:        ":0 after 1m0s",
		`["::1",3333,null]`:       "::1:3333 after 0s",
		`["h",65536,0]`:           "",
		`["h",-1,0]`:              "",
		`["h",1.5,0]`:             "",
		`["h","x",0]`:             "",
		`["h",1,"-5"]`:            "",
		`["h",1,99999999999]`:     "",
		`[7,1,1]`:                 "",
		`["h",{},1]`:              "",
		`["h",3333,0,"one more"]`: "h:3333 after 0s",
		`["` + strings.Repeat("h", 256) + `",1,1]`: "",
	} {
		k := begun(t)
		k.pool(`{"id":null,"method":"client.reconnect","params":` + params + `}`)
		if want == "" {
			require.Empty(t, k.moves, params)
			require.Len(t, k.ignored, 1, params)
			continue
		}
		require.Equal(t, []string{want}, k.moves, params)
	}
}

// Bits that the pool gives or takes hold at once.
func TestClientMask(t *testing.T) {
	k := begun(t)
	k.pool(notifyOf("a", "aa", true))
	old := k.last()
	k.pool(`{"id":null,"method":"mining.set_version_mask","params":["0000e000"]}`)
	w := k.last()
	require.NotSame(t, old, w)
	require.True(t, w.Clean, "what was found with other bits is refused")
	require.EqualValues(t, 0x0000e000, w.Job.VersionMask)
	_, number := k.client.Submit(nil, old, solution(old, "0000", 0x20010000, 1), talkTime)
	require.Zero(t, number)
	_, number = k.client.Submit(nil, old, solution(old, "0000", 0x20002000, 1), talkTime)
	require.NotZero(t, number)
	_, number = k.client.Submit(nil, w, solution(w, "0000", 0x20002000, 1), talkTime)
	require.Zero(t, number, "the same share, of the same job")
	k.pool(`{"id":null,"method":"mining.set_version_mask","params":["1fffe000"]}`)
	require.False(t, k.last().Clean)
	n := len(k.works)
	k.pool(`{"id":null,"method":"mining.set_version_mask","params":["ffffe000"]}`)
	k.pool(`{"id":null,"method":"mining.set_version_mask","params":["ffff"]}`)
	require.Len(t, k.works, n, "nothing that concerns us")
	require.Len(t, k.ignored, 1)
}

// The answer to mining.configure may come after the first job.
func TestClientLateMask(t *testing.T) {
	k := newTalk(t, usual, helloConfigure, helloSubscribe)
	k.pool(helloAnswer, askExtranonce, askAuthorize)
	k.pool(`{"id":4,"result":true,"error":null}`)
	k.pool(notifyOf("a", "aa", true))
	old := k.last()
	require.Zero(t, old.Job.VersionMask)
	k.pool(`{"id":1,"result":{"version-rolling":true,"version-rolling.mask":"1fffe000"},"error":null}`)
	require.EqualValues(t, work.MaskBIP320, k.last().Job.VersionMask)
	require.False(t, k.last().Clean)
	out, _ := k.client.Submit(nil, old, solution(old, "0000", 0x20000000, 1), talkTime)
	k.says(out, []string{`{"id":5,"method":"mining.submit","params":["w","a","30303030","691f2841","00000001","00000000"]}`})
}

// A difficulty holds for the jobs after it; the first, for one before it too.
func TestClientDifficulty(t *testing.T) {
	target := func(d float64) work.Target {
		v, err := DifficultyTarget(d)
		require.NoError(t, err)
		return v
	}
	k := begun(t)
	k.pool(notifyOf("a", "aa", true))
	require.Equal(t, target(1), k.last().Target)
	k.pool(`{"id":null,"method":"mining.set_difficulty","params":["0.5"]}`)
	require.Equal(t, target(0.5), k.last().Target)
	require.Len(t, k.works, 2)
	k.pool(`{"id":null,"method":"mining.set_difficulty","params":[1e-9]}`)
	require.Len(t, k.works, 2)
	for _, bad := range []string{"[0]", "[-1]", `["x"]`, "[]", "[1e999]", "[null]"} {
		k.pool(`{"id":null,"method":"mining.set_difficulty","params":` + bad + `}`)
	}
	require.Len(t, k.ignored, 6)
	k.pool(notifyOf("b", "bb", false))
	require.Equal(t, target(1e-9), k.last().Target)
	require.False(t, k.last().Clean)
}

// Jobs before the worker may mine are kept, the newest of them.
func TestClientEarlyJobs(t *testing.T) {
	k := newTalk(t, usual, helloConfigure, helloSubscribe)
	k.pool(notifyOf("a", "aa", true))
	k.pool(notifyOf("b", "bb", false))
	k.pool(helloAnswer, askExtranonce, askAuthorize)
	require.Empty(t, k.works)
	k.pool(`{"id":4,"result":true,"error":null}`)
	require.Len(t, k.works, 1)
	w := k.last()
	require.Equal(t, "b", w.Job.ID)
	require.True(t, w.Clean)
	require.Equal(t, []byte{0xf0, 0, 0, 0x0a}, w.Extranonce1)
	require.Equal(t, 8, w.Job.ExtranonceSize())
}

// Another extranonce is for later jobs; one that can't be read leaves nothing to work with.
func TestClientExtranonce(t *testing.T) {
	k := begun(t)
	k.pool(notifyOf("a", "aa", true))
	k.pool(`{"id":null,"method":"mining.set_extranonce","params":["0102",16]}`)
	require.Len(t, k.works, 1)
	k.pool(notifyOf("b", "bb", false))
	require.Equal(t, []byte{1, 2}, k.last().Extranonce1)
	require.Equal(t, 18, k.last().Job.ExtranonceSize())
	for _, w := range k.works { // shares of both are good
		_, number := k.client.Submit(nil, w, solution(w, strings.Repeat("\x01", w.Job.Extranonce2Size), 0x20000000, 1), talkTime)
		require.NotZero(t, number)
	}
	_, number := k.client.Submit(nil, k.last(), solution(k.works[0], "0000", 0x20000000, 1), talkTime)
	require.Zero(t, number, "the extranonce of another job")
	require.ErrorContains(t, k.refuses(`{"id":null,"method":"mining.set_extranonce","params":["0102",33]}`), "extranonce2 size")
}

// Big jobs are jobs, and what is none is told and skipped.
func TestClientJobs(t *testing.T) {
	k := begun(t)
	k.pool(notifyOf("a", strings.Repeat("ab", 16<<10), true))
	require.Len(t, k.last().Job.CoinbasePrefix, 16<<10)
	branch := `"` + strings.Join(slices.Repeat([]string{strings.Repeat("01", 32)}, 32), `","`) + `"`
	k.pool(strings.Replace(notifyOf("b", strings.Repeat("ab", 16<<10), true), "[]", "["+branch+"]", 1))
	require.Len(t, k.last().Job.Branch, 32)
	k.pool(strings.Replace(notifyOf("b", "aa", true), "[]", "["+branch+`,"`+strings.Repeat("01", 32)+`"]`, 1))
	k.pool(strings.Replace(notifyOf("b", "aa", true), "1d00ffff", "00000000", 1))
	k.pool(notifyOf("b", "a", true))
	k.pool(`{"id":null,"method":"mining.notify","params":null}`)
	require.Len(t, k.works, 2)
	require.Len(t, k.ignored, 4)

	// Time ends in 2106.
	k.pool(strings.Replace(notifyOf("z", "aa", true), "691f2840", "ffffff00", 1))
	require.EqualValues(t, uint32(0xffffffff), k.last().Job.MaxTime)
}

// A job of an ID in use takes its place; one that comes again is the same one. Another block makes stale what was before.
func TestClientJobAgain(t *testing.T) {
	k := begun(t)
	share := func(w *ClientWork, nonce uint32) bool {
		_, number := k.client.Submit(nil, w, solution(w, "0000", 0x20000000, nonce), talkTime)
		return number != 0
	}
	k.pool(notifyOf("a", "aa", true))
	a := k.last()
	require.True(t, share(a, 1))
	k.pool(notifyOf("a", "aa", false))
	again := k.last()
	require.False(t, again.Clean)
	require.False(t, share(again, 1), "was handed in")
	require.True(t, share(a, 2))
	require.True(t, share(again, 3))
	k.pool(notifyOf("b", "aa", false))
	require.False(t, share(k.last(), 3), "another name for the same")
	require.True(t, share(again, 4))
	k.pool(notifyOf("a", "bb", false))
	require.True(t, k.last().Clean)
	require.False(t, share(a, 5))
	require.False(t, share(again, 5))
	b := k.works[2]
	require.True(t, share(b, 5), "clean_jobs makes nothing stale")
	k.pool(strings.Replace(notifyOf("c", "aa", false), strings.Repeat("00", 32), strings.Repeat("01", 32), 1))
	require.True(t, k.last().Clean)
	require.False(t, share(b, 6))
	require.True(t, share(k.last(), 6))
	other := begun(t)
	other.pool(notifyOf("c", "aa", false))
	require.False(t, share(other.last(), 7), "of another connection")
}

// What is no Stratum is an error at the beginning, and later only if it goes on.
func TestClientGarbage(t *testing.T) {
	k := newTalk(t, usual, helloConfigure, helloSubscribe)
	require.ErrorContains(t, k.refuses("HTTP/1.1 400 Bad Request"), "this is no Stratum pool: it said HTTP/1.1 400 Bad Request")
	k = begun(t)
	for range maxGarbage - 1 {
		k.pool("{")
	}
	k.pool(`{"method":"x"}`)
	for range maxGarbage - 1 {
		k.pool("{")
	}
	require.Len(t, k.ignored, 2*maxGarbage-2)
	require.ErrorContains(t, k.refuses(strings.Repeat("x", MaxLine+1)), "nothing that the pool says can be read any more")
}

// A later connection takes up the session, and hands in nothing twice.
func TestClientAfter(t *testing.T) {
	k := begun(t)
	k.pool(notifyOf("a", "aa", true))
	_, number := k.client.Submit(nil, k.last(), solution(k.last(), "0000", 0x20000000, 1), talkTime)
	require.NotZero(t, number)
	c := usual
	c.After = k.client
	k = newTalk(t, c, helloConfigure, `{"id":2,"method":"mining.subscribe","params":["touchstone/1","s1"]}`)
	k.pool(helloAnswer, askExtranonce, askAuthorize)
	k.pool(`{"id":4,"result":true,"error":null}`)
	k.pool(notifyOf("x", "aa", true))
	_, number = k.client.Submit(nil, k.last(), solution(k.last(), "0000", 0x20000000, 1), talkTime)
	require.Zero(t, number)
	_, number = k.client.Submit(nil, k.last(), solution(k.last(), "0001", 0x20000000, 1), talkTime)
	require.EqualValues(t, 1, number)
}

// A pool that never answers does not make us remember for ever.
func TestClientOutstanding(t *testing.T) {
	k := begun(t)
	k.pool(notifyOf("a", "aa", true))
	for i := range MaxOutstanding + 10 {
		_, number := k.client.Submit(nil, k.last(), solution(k.last(), "0000", 0x20000000, uint32(i)), talkTime.Add(time.Duration(i)))
		require.EqualValues(t, i+1, number)
	}
	count, since := k.client.Outstanding()
	require.Equal(t, MaxOutstanding, count)
	require.Equal(t, talkTime.Add(10), since)
	k.pool(`{"id":5,"result":true,"error":null}`)
	require.Empty(t, k.replies)
	k.pool(fmt.Sprintf(`{"id":%d,"result":true,"error":null}`, 4+MaxOutstanding))
	require.Equal(t, map[uint64]Reply{MaxOutstanding: {Accepted: true}}, k.replies)
}
