package stratum

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// say has a line answered.
func say(t testing.TB, c *ServerSession, line string) string {
	t.Helper()
	out, err := c.Receive(nil, []byte(line), serverTime)
	require.NoError(t, err)
	return string(out)
}

// hello subscribes and authorizes, and returns what came after that.
func hello(t testing.TB, c *ServerSession) string {
	t.Helper()
	say(t, c, `{"id":1,"method":"mining.subscribe","params":["test/1"]}`)
	out := say(t, c, `{"id":2,"method":"mining.authorize","params":["w","x"]}`)
	rest, ok := strings.CutPrefix(out, `{"id":2,"result":true,"error":null}`+"\n")
	require.True(t, ok, out)
	return rest
}

// submitLineOf is a mining.submit.
func submitLineOf(job string, nonce uint32) string {
	return string(AppendSubmit(nil, 9, "w", job, make([]byte, 8), uint32(serverTime.Unix()), nonce, 0, false))
}

const (
	yes = `{"id":9,"result":true,"error":null}` + "\n"
	// set is a mining.set_difficulty.
	set = `{"id":null,"method":"mining.set_difficulty","params":[%s]}` + "\n"
)

func TestServerConfig(t *testing.T) {
	v, p := share.NewValidator(share.Options{}), &testPool{}
	for _, test := range []struct {
		c    ServerConfig
		says string
	}{
		{ServerConfig{Handler: p}, "no Validator"},
		{ServerConfig{Validator: v}, "no Handler"},
		{ServerConfig{Validator: v, Handler: p, Extranonce2Size: -1}, "extranonce2 of -1 bytes"},
		{ServerConfig{Validator: v, Handler: p, Extranonce2Size: 33}, "extranonce2 of 33 bytes"},
		{ServerConfig{Validator: v, Handler: p, Vardiff: Vardiff{Min: 2, Max: 1}}, "least difficulty 2"},
	} {
		_, err := NewServer(test.c)
		require.ErrorContains(t, err, test.says)
	}
	s, err := NewServer(ServerConfig{Validator: v, Handler: p})
	require.NoError(t, err)
	require.Equal(t, Vardiff{20, 1, 1e-9, noMax}, *s.vardiff())
}

// TestResume has connections taken up again.
func TestResume(t *testing.T) {
	s, _ := testServer(t)
	now := serverTime
	subscribe := func(session string) (c *ServerSession, id string, extranonce1 string) {
		c = s.Open(now)
		out, err := c.Receive(nil, fmt.Appendf(nil, `{"id":1,"method":"mining.subscribe","params":["m",%s]}`, session), now)
		require.NoError(t, err)
		e, err := decoded(t, string(out)).SubscribeResult()
		require.NoError(t, err)
		require.Equal(t, c.Extranonce(), e)
		return c, strconv.Quote(c.Session()), fmt.Sprintf("%x", e.Extranonce1)
	}
	a, idA, enA := subscribe(`null`)
	require.Equal(t, "01000000", enA)
	_, idB, enB := subscribe(idA) // while that is still connected
	require.Equal(t, "01000001", enB)
	require.NotEqual(t, idA, idB)
	a.Close(now)
	a.Close(now)
	_, err := a.Receive(nil, []byte(`{"id":1,"method":"mining.ping"}`), now)
	require.ErrorIs(t, err, ErrClosed)
	require.Empty(t, a.Offer(nil, serverJob(t, "x", 1, true), now))
	require.Empty(t, a.Tick(nil, now))

	for _, unknown := range []string{`""`, `"x"`, `"` + strings.Repeat("0", 32) + `"`, `"` + strings.Repeat("g", 32) + `"`, `"` + strings.Repeat("0", 33) + `"`} {
		c, id, en := subscribe(unknown)
		require.NotEqual(t, enA, en)
		require.NotEqual(t, unknown, id)
		c.Close(now)
	}
	now = now.Add(SessionKept - 1)
	a, id, en := subscribe(idA)
	require.Equal(t, [2]string{idA, enA}, [2]string{id, en})
	a.Close(now)
	now = now.Add(SessionKept)
	_, id, en = subscribe(idA)
	require.NotEqual(t, idA, id)
	require.NotEqual(t, enA, en)
	require.Len(t, s.extranonces.kept, 0)
	require.Len(t, s.extranonces.taken, 2, "of those that are open")
}

// TestExtranoncesBounded floods the kept sessions, and lets the numbers wrap.
func TestExtranoncesBounded(t *testing.T) {
	e := newExtranonces()
	e.limit, e.next = 10, ^uint32(0)-1
	held, heldNumber := e.take("", serverTime)
	require.Equal(t, ^uint32(0)-1, heldNumber)
	var first sessionID
	for i := range 100 {
		id, n := e.take("", serverTime)
		require.NotEqual(t, heldNumber, n)
		e.keep(id, n, serverTime)
		if i == 0 {
			first = id
		}
	}
	require.Equal(t, 10, e.order.Len())
	require.Len(t, e.kept, 10)
	require.Len(t, e.taken, 11)
	id, _ := e.take(first.String(), serverTime)
	require.NotEqual(t, first, id)
	e.next = heldNumber
	require.NotEqual(t, heldNumber, e.another())
	e.keep(held, heldNumber, serverTime)
	again, n := e.take(held.String(), serverTime.Add(-time.Hour)) // the clock was turned back
	require.Equal(t, held, again)
	require.Equal(t, heldNumber, n)
}

// TestDifficultyInFlight changes the difficulty: each job keeps the one it was sent with.
func TestDifficultyInFlight(t *testing.T) {
	s, pool := testServer(t)
	pool.job = serverJob(t, "a", 7, true)
	fresh := 0
	pool.fresh = func(int) *ServerJob { fresh++; return serverJob(t, fmt.Sprint("f", fresh), 7, false) }
	c := s.Open(serverTime)
	require.Equal(t, fmt.Sprintf(set, "1e-10")+serverJobLine("a", 7, true)+"\n", hello(t, c))
	require.Equal(t, 1e-10, c.Difficulty())
	require.Equal(t, `{"id":3,"result":true,"error":null}`+"\n"+fmt.Sprintf(set, "0.5")+serverJobLine("f1", 7, false)+"\n",
		say(t, c, `{"id":3,"method":"mining.suggest_difficulty","params":["0.5"]}`))
	require.Equal(t, yes, say(t, c, submitLineOf("a", 1)))
	require.Contains(t, say(t, c, submitLineOf("f1", 1)), `[23,"low-difficulty: difficulty `)
	// down again: work on the harder job is held to what it was sent with
	require.Contains(t, say(t, c, `{"id":3,"method":"mining.suggest_target","params":["`+strings.Repeat("f", 64)+`"]}`), serverJobLine("f2", 7, false))
	require.Less(t, c.Difficulty(), 1e-9)
	require.Contains(t, say(t, c, submitLineOf("f1", 2)), `[23,`)
	require.Equal(t, yes, say(t, c, submitLineOf("f2", 2)))
	require.Equal(t, yes, say(t, c, submitLineOf("a", 3)))
	require.Equal(t, uint64(5), c.Submits())

	// The same again is no change, and a job that has gone out does not go again.
	require.Equal(t, `{"id":3,"result":true,"error":null}`+"\n", say(t, c, `{"id":3,"method":"mining.suggest_target","params":["`+strings.Repeat("f", 64)+`"]}`))
	require.Empty(t, c.Offer(nil, pool.job, serverTime))
	require.Equal(t, serverJobLine("b", 8, true)+"\n", string(c.Offer(nil, serverJob(t, "b", 8, true), serverTime)))
	require.Contains(t, say(t, c, submitLineOf("a", 4)), `[21,"stale`)
	require.Empty(t, c.Offer(nil, nil, serverTime))
}

// TestSuggest holds suggestions to the bounds.
func TestSuggest(t *testing.T) {
	suggest := func(d string) string { return `{"id":3,"method":"mining.suggest_difficulty","params":[` + d + `]}` }
	bounds := func(c *ServerConfig) { c.Vardiff = Vardiff{Start: 0.5, Min: 0.01, Max: 0.9} }
	for _, test := range []struct {
		suggested string
		want      float64
	}{
		{suggest(`0.125`), 0.125}, {suggest(`"0.125"`), 0.125}, {suggest(`125e-3`), 0.125}, {suggest(`1000`), 0.9}, {suggest(`0.0001`), 0.01},
		{suggest(`1`), 0.9}, {suggest(`1e60`), 0.9}, {suggest(`1e-90`), 0.01},
		{suggest(`0`), 0.5}, {suggest(`-1`), 0.5}, {suggest(`null`), 0.5}, {suggest(`"x"`), 0.5}, {suggest(``), 0.5}, {suggest(`1e400`), 0.5},
		{`{"id":3,"method":"mining.suggest_target","params":["00000007fff80000000000000000000000000000000000000000000000000000"]}`, 0.125},
		{`{"id":3,"method":"mining.suggest_target","params":["` + strings.Repeat("0", 64) + `"]}`, 0.5},
		{`{"id":3,"method":"mining.suggest_target","params":["0x"]}`, 0.5},
		{`{"id":3,"method":"mining.suggest_target","params":[1]}`, 0.5},
		{`{"id":3,"method":"mining.suggest_target","params":{}}`, 0.5},
		{`{"id":3,"method":"mining.configure","params":[["minimum-difficulty"],{"minimum-difficulty.value":0.75}]}`, 0.75},
		{`{"id":3,"method":"mining.configure","params":[["minimum-difficulty"],{"minimum-difficulty.value":0.25}]}`, 0.5},
		{`{"id":3,"method":"mining.configure","params":[["minimum-difficulty"],{"minimum-difficulty.value":2048}]}`, 0.5},
	} {
		for _, before := range []bool{true, false} { // hello
			s, pool := testServer(t, bounds)
			pool.job = serverJob(t, "a", 7, true)
			pool.fresh = func(int) *ServerJob { return serverJob(t, "b", 7, true) }
			c := s.Open(serverTime)
			if before {
				say(t, c, test.suggested)
				require.Contains(t, hello(t, c), fmt.Sprintf(set, fmt.Sprint(test.want)))
			} else {
				hello(t, c)
				out := say(t, c, test.suggested)
				require.Equal(t, test.want != 0.5, strings.Contains(out, fmt.Sprintf(set, fmt.Sprint(test.want))), "%s: %s", test.suggested, out)
			}
			require.Equal(t, test.want, c.Difficulty(), test.suggested)
		}
	}
	// What shares have shown is not lost to a suggestion, but the least it names holds.
	s, pool := testServer(t, func(c *ServerConfig) { c.Vardiff = Vardiff{Start: easyDifficulty, Min: 1e-12} })
	pool.job = serverJob(t, "a", 7, true)
	pool.fresh = func(n int) *ServerJob { return serverJob(t, fmt.Sprint("f", n), 7, true) }
	c := s.Open(serverTime)
	hello(t, c)
	say(t, c, submitLineOf("a", 1))
	say(t, c, suggest(`1e-11`))
	require.Equal(t, easyDifficulty, c.Difficulty())
	say(t, c, suggest(`1e-3`))
	require.Equal(t, 1e-3, c.Difficulty())
	for i := range 1000 {
		c.Tick(nil, serverTime.Add(time.Duration(i)*time.Minute))
	}
	require.Equal(t, 1e-3, c.Difficulty())
	say(t, c, suggest(`1e-11`))
	for i := range 1000 {
		c.Tick(nil, serverTime.Add(time.Duration(1000+i)*time.Minute))
	}
	require.Equal(t, 1e-11, c.Difficulty())
}

// TestNetworkBounds has jobs whose network is easier than the difficulty.
func TestNetworkBounds(t *testing.T) {
	s, _ := testServer(t, func(c *ServerConfig) { c.Vardiff = Vardiff{Start: 1e6, SharesPerMinute: -1} })
	c := s.Open(serverTime)
	hello(t, c)
	last := ""
	for i, bits := range []work.Bits{0x1d00ffff, 0x207fffff, 0x1f00abcd, 0x1b0404cb, 0x1a44b9f2, 0x17030ecd, 0x03000001, 0x2100ffff, 0x1e123456, 0x1d00ffff} {
		network, _, _ := bits.Target()
		job := serverJob(t, fmt.Sprint(i), 7, false, func(j *work.Job) {
			j.Bits, j.Target = bits, work.Target{}
			if i%2 == 0 {
				j.Target = network
			}
		})
		out := string(c.Offer(nil, job, serverTime))
		line := strings.SplitAfter(out, "\n")[0]
		if !strings.Contains(line, MethodSetDifficulty) {
			line = last
		}
		last = line
		target, err := decoded(t, line).SetDifficulty()
		require.NoError(t, err)
		require.GreaterOrEqual(t, target.Cmp(network), 0, "bits %s: %s", bits, line)
		wanted, err := DifficultyTarget(min(1e6, network.Difficulty()))
		require.NoError(t, err)
		require.InEpsilon(t, wanted.Difficulty(), target.Difficulty(), 1e-12)
		require.LessOrEqual(t, c.Difficulty(), 1e6)
	}
	// A network that nobody knows bounds nothing.
	out := c.Offer(nil, serverJob(t, "none", 7, false, func(j *work.Job) { j.Bits, j.Target = 0, work.Target{} }), serverTime)
	require.Contains(t, string(out), fmt.Sprintf(set, "1000000"))
}

// TestVersionMasks has the mask that is granted follow what is asked for and what is allowed.
func TestVersionMasks(t *testing.T) {
	configure := func(params string) string { return `{"id":3,"method":"mining.configure","params":[` + params + `]}` }
	for _, test := range []struct {
		limit         uint32
		asked, answer string
	}{
		{0x1fffe000, `["version-rolling"],{"version-rolling.mask":"1FFFFFFF","version-rolling.min-bit-count":16}`,
			`{"version-rolling":true,"version-rolling.mask":"1fffe000"}`},
		{0x1fffe000, `["version-rolling"],{"version-rolling.mask":"00c00000","version-rolling.min-bit-count":2}`,
			`{"version-rolling":true,"version-rolling.mask":"00c00000"}`},
		{0x1fffe000, `["version-rolling"],{"version-rolling.mask":"ffffffff","version-rolling.min-bit-count":17}`, `{"version-rolling":false}`},
		{0x1fffe000, `["version-rolling"],{"version-rolling.mask":"00000fff"}`, `{"version-rolling":false}`},
		{0, `["version-rolling"],{"version-rolling.mask":"ffffffff"}`, `{"version-rolling":false}`},
		{0x1fffe000, `["version-rolling"]`, `{"version-rolling":true,"version-rolling.mask":"1fffe000"}`},
		{0x1fffe000, `["version-rolling"],{"version-rolling.mask":null}`, `{"version-rolling":true,"version-rolling.mask":"1fffe000"}`},
		{0x1fffe000, `["x\"y","info","x\"y","version-rolling"],{"info.sw-version":"v1"}`,
			`{"x\"y":false,"info":true,"version-rolling":true,"version-rolling.mask":"1fffe000"}`},
		{0x1fffe000, `[]`, `{}`},
		{0x1fffe000, ``, ``}, {0x1fffe000, `{}`, ``}, {0x1fffe000, `[1]`, ``}, {0x1fffe000, `["version-rolling"],{"version-rolling.mask":1}`, ``},
		{0x1fffe000, `["version-rolling"],{"version-rolling.min-bit-count":"2"}`, ``},
		{0x1fffe000, `["version-rolling"],{"version-rolling.min-bit-count":33}`, ``},
		{0x1fffe000, `["minimum-difficulty"],{"minimum-difficulty.value":"hard"}`, ``},
		{0x1fffe000, `["info"],{"info.sw-version":[]}`, ``},
		{0x1fffe000, `["` + strings.Repeat("e", maxExtension+1) + `"]`, ``},
		{0x1fffe000, `["x"` + strings.Repeat(`,"x"`, MaxParams) + `]`, ``},
	} {
		s, _ := testServer(t, func(c *ServerConfig) { c.VersionMask = test.limit })
		c := s.Open(serverTime)
		out := say(t, c, configure(test.asked))
		if test.answer == "" {
			require.Contains(t, out, `{"id":3,"result":null,"error":[20,"mining.configure: `, test.asked)
			continue
		}
		require.Equal(t, `{"id":3,"result":`+test.answer+`,"error":null}`+"\n", out)
		require.NoError(t, Decode([]byte(out), new(Message)))
		mask, granted := c.VersionMask()
		require.Equal(t, strings.Contains(test.answer, `"version-rolling":true`), granted)
		require.Equal(t, granted, mask != 0)
	}

	s, pool := testServer(t)
	pool.job = serverJob(t, "a", 7, true)
	c := s.Open(serverTime)
	require.Empty(t, c.SetVersionMask(nil, 0x1fff0000), "nothing was granted yet")
	hello(t, c)
	require.Contains(t, say(t, c, configure(`["version-rolling"],{"version-rolling.mask":"00ffffff"}`)), `"00ff0000"`)
	submit := func(nonce, bits uint32) string {
		return say(t, c, string(AppendSubmit(nil, 9, "w", "a", make([]byte, 8), uint32(serverTime.Unix()), nonce, bits, true)))
	}
	require.Equal(t, yes, submit(1, 0x00010000))
	require.Equal(t, `{"id":null,"method":"mining.set_version_mask","params":["00fe0000"]}`+"\n", string(c.SetVersionMask(nil, 0x1ffe0000)))
	require.Contains(t, submit(2, 0x00010000), "outside the mask 00fe0000")
	require.Empty(t, c.SetVersionMask(nil, 0x00fe0000), "no change to this miner")
	require.Equal(t, `{"id":null,"method":"mining.set_version_mask","params":["00000000"]}`+"\n", string(c.SetVersionMask(nil, 0)))
	require.Equal(t, yes, submit(2, 0))
	require.Equal(t, `{"id":3,"result":{"version-rolling":false},"error":null}`+"\n", say(t, c, configure(`["version-rolling"]`)))
	require.Equal(t, yes, submit(3, 0))
}

// TestSetExtranonce gives a miner other extranonces.
func TestSetExtranonce(t *testing.T) {
	s, pool := testServer(t)
	pool.job = serverJob(t, "a", 7, true)
	c := s.Open(serverTime)
	_, err := c.SetExtranonce(nil, Extranonce{Extranonce2Size: 8})
	require.ErrorContains(t, err, "the connection has none")
	hello(t, c)
	_, err = c.SetExtranonce(nil, Extranonce{Extranonce2Size: 8})
	require.ErrorIs(t, err, ErrNoExtranonceChange)
	say(t, c, `{"method":"mining.extranonce.subscribe"}`)
	for _, bad := range []Extranonce{{make([]byte, 33), 8}, {nil, 0}, {nil, 33}, {nil, -1}} {
		out, err := c.SetExtranonce(nil, bad)
		require.ErrorContains(t, err, "want at most 32")
		require.Empty(t, out)
	}
	out, err := c.SetExtranonce(nil, Extranonce{Extranonce2Size: 8})
	require.NoError(t, err)
	require.Equal(t, `{"id":null,"method":"mining.set_extranonce","params":["01000001",8]}`+"\n", string(out))
	require.Equal(t, yes, say(t, c, submitLineOf("a", 1)), "a job sent before is of the extranonce before")
	out, err = c.SetExtranonce(nil, Extranonce{[]byte{1, 2}, 10})
	require.NoError(t, err)
	require.Equal(t, `{"id":null,"method":"mining.set_extranonce","params":["0102",10]}`+"\n", string(out))
	require.Equal(t, Extranonce{[]byte{1, 2}, 10}, c.Extranonce())
	require.NotEmpty(t, c.Offer(nil, serverJob(t, "b", 7, false), serverTime))
	require.Equal(t, yes, say(t, c, submitLineOf("a", 2)))
	require.Contains(t, say(t, c, submitLineOf("b", 2)), "extranonce2 has 8 bytes, want 10")
	// one that leaves no room in the job
	out, err = c.SetExtranonce(nil, Extranonce{[]byte{1, 2}, 11})
	require.NoError(t, err)
	require.NotEmpty(t, out)
	require.Empty(t, c.Offer(nil, serverJob(t, "c", 7, false), serverTime))
	require.ErrorContains(t, c.Err(), "takes 12 bytes of extranonce")
	c.Close(serverTime)
	require.Len(t, s.extranonces.taken, 1, "kept to be taken up again")
	_, err = c.SetExtranonce(nil, Extranonce{Extranonce2Size: 8})
	require.Error(t, err)
}

// TestAuthorization has workers come and go.
func TestAuthorization(t *testing.T) {
	s, pool := testServer(t)
	pool.deny = func(_, password string) error {
		if password == "wrong" {
			return errors.New("wrong \"password\"\n")
		}
		return nil
	}
	c := s.Open(serverTime)
	say(t, c, `{"id":1,"method":"mining.subscribe","params":[]}`)
	authorize := func(worker, password string) string {
		return say(t, c, `{"id":3,"method":"mining.authorize","params":["`+worker+`",`+password+`]}`)
	}
	require.Equal(t, `{"id":3,"result":null,"error":[24,"wrong \"password\"\n",null]}`+"\n", authorize("a", `"wrong"`))
	require.False(t, c.Ready())
	require.Contains(t, say(t, c, submitLineOf("x", 1)), `[24,"unauthorized: submitted before mining.authorize, or after it was refused"`)
	require.Contains(t, authorize("a", `"right"`), "true")
	require.True(t, c.Ready())
	require.Contains(t, authorize("b", `123`), "true")
	require.Equal(t, "b", c.Worker())
	require.Contains(t, authorize("b", `"wrong"`), "24")
	require.Equal(t, "a", c.Worker())
	require.Contains(t, say(t, c, submitLineOf("x", 1)), `[21,"unknown-job`)
	require.Contains(t, authorize("a", `"wrong"`), "24")
	require.False(t, c.Ready())
	require.Equal(t, "", c.Worker())
	require.Empty(t, c.Offer(nil, serverJob(t, "a", 7, false), serverTime))
	require.Contains(t, say(t, c, submitLineOf("x", 1)), `[24,"unauthorized`)
	require.Contains(t, authorize("a", `null`), "true")
	require.Equal(t, []string{"a/wrong", "a/right", "b/123", "b/wrong", "a/wrong", "a/"}, pool.asked)
	require.Empty(t, say(t, c, `{"method":"mining.authorize","params":["c","wrong"]}`))
	require.Empty(t, say(t, c, `{"method":"mining.authorize","params":["c"]}`))
	require.Equal(t, "c", c.Worker())
	for i := range 2 * maxNames {
		authorize(fmt.Sprint("w", i), `""`)
	}
	require.Len(t, c.workers, maxNames)
	require.Empty(t, say(t, c, `{"id":null,"method":"mining.subscribe"}`))
	require.Empty(t, say(t, c, `{"method":"mining.configure","params":[["version-rolling"]]}`))
	_, granted := c.VersionMask()
	require.False(t, granted)
}

// TestNotJudged has shares that can't be judged, and jobs that there is no room for.
func TestNotJudged(t *testing.T) {
	s, pool := testServer(t, func(c *ServerConfig) {
		c.Validator = share.NewValidator(share.Options{MaxShares: 1, MaxJobBytes: 3000})
	})
	pool.job = serverJob(t, "a", 7, true)
	c := s.Open(serverTime)
	hello(t, c)
	require.Equal(t, yes, say(t, c, submitLineOf("a", 1)))
	require.Contains(t, say(t, c, submitLineOf("a", 2)), `{"id":9,"result":null,"error":[20,"no room to remember another share`)
	require.Equal(t, []string{"1 w: accepted", "2 w: " + share.ErrFull.Error()}, pool.heard)
	var err error
	for i := 0; err == nil && i < 10; i++ {
		out := c.Offer(nil, serverJob(t, fmt.Sprint(i), 7, false), serverTime)
		err = c.Err()
		require.Equal(t, err != nil, len(out) == 0)
	}
	require.ErrorIs(t, err, share.ErrJobsFull)
	d := s.Open(serverTime)
	pool.job = serverJob(t, "other", 7, true)
	say(t, d, `{"id":1,"method":"mining.subscribe","params":["test/1"]}`)
	out, err := d.Receive(nil, []byte(`{"id":2,"method":"mining.authorize","params":["w","x"]}`), serverTime)
	require.ErrorIs(t, err, share.ErrJobsFull)
	require.Equal(t, `{"id":2,"result":true,"error":null}`+"\n", string(out))
	require.Zero(t, d.Difficulty())
	c.Close(serverTime)
	require.Contains(t, string(d.Offer(nil, pool.job, serverTime)), fmt.Sprintf(set, "1e-10"))
}

// TestServerBlock finds one.
func TestServerBlock(t *testing.T) {
	s, pool := testServer(t)
	pool.job = serverJob(t, "a", 7, true, func(j *work.Job) { j.Bits, j.Target = 0x2100ffff, work.Target{} })
	c := s.Open(serverTime)
	hello(t, c)
	for nonce := range uint32(10) {
		say(t, c, submitLineOf("a", nonce))
	}
	require.Contains(t, strings.Join(pool.heard, "\n"), "w: block (block)")
	// One that is refused is still a block.
	require.NotEmpty(t, c.Offer(nil, serverJob(t, "b", 8, true), serverTime))
	for nonce := range uint32(10) {
		say(t, c, submitLineOf("a", 100+nonce))
	}
	require.Contains(t, strings.Join(pool.heard, "\n"), "w: stale (block)")
}

// TestServerVardiff has the difficulty follow the shares, through the session.
func TestServerVardiff(t *testing.T) {
	s, pool := testServer(t, func(c *ServerConfig) { c.Vardiff = Vardiff{Start: easyDifficulty, Min: 1e-20} })
	pool.job = serverJob(t, "a", 7, true)
	c := s.Open(serverTime)
	hello(t, c)
	for nonce := range uint32(fewShares) {
		require.Equal(t, yes, say(t, c, submitLineOf("a", nonce)))
	}
	require.Equal(t, []string{"w/x", "fresh"}, pool.asked, "there is none yet")
	require.Equal(t, easyDifficulty, c.Difficulty())
	require.Empty(t, c.Tick(nil, serverTime))
	require.Equal(t, []string{"w/x", "fresh", "fresh"}, pool.asked)
	// The next job brings it, whatever it is.
	require.Equal(t, fmt.Sprintf(set, "9e-08")+serverJobLine("b", 7, true)+"\n", string(c.Offer(nil, serverJob(t, "b", 7, true), serverTime)))
	// Shares of the old job say nothing of the new difficulty.
	for nonce := range uint32(100) {
		require.Equal(t, yes, say(t, c, submitLineOf("a", 100+nonce)))
	}
	require.Equal(t, 9e-8, c.Difficulty())
	// Without shares it falls.
	pool.fresh = func(n int) *ServerJob { return serverJob(t, fmt.Sprint("f", n), 7, false) }
	require.Empty(t, c.Tick(nil, serverTime.Add(20*time.Second)))
	require.Contains(t, string(c.Tick(nil, serverTime.Add(time.Minute))), fmt.Sprintf(set, "5.6e-09"))
	require.Empty(t, c.Tick(nil, serverTime.Add(time.Minute)))

	// A miner that found shares may pause: it does not fall for ever.
	for i := range 100 {
		c.Tick(nil, serverTime.Add(time.Duration(i)*time.Hour))
	}
	require.Equal(t, 2.3e-13, c.Difficulty(), "of what any hash meets, 2.3e-10")

	// At the network's difficulty, no difficulty above it makes a change.
	pool.job = serverJob(t, "n", 7, true, func(j *work.Job) { j.Bits, j.Target = 0x2100ffff, work.Target{} })
	pool.asked = nil
	c = s.Open(serverTime)
	say(t, c, `{"id":3,"method":"mining.suggest_difficulty","params":[1e-8]}`)
	require.Contains(t, hello(t, c), `"params":[2.32830643653869`)
	for nonce := range uint32(100) {
		say(t, c, submitLineOf("n", nonce))
	}
	require.Equal(t, []string{"w/x"}, pool.asked)
}

// TestSetVardiff changes the bounds while a connection is there.
func TestSetVardiff(t *testing.T) {
	s, pool := testServer(t)
	pool.job = serverJob(t, "a", 7, true)
	c := s.Open(serverTime)
	hello(t, c)
	require.ErrorContains(t, s.SetVardiff(Vardiff{Min: 2, Max: 1}), "least difficulty 2")
	require.Empty(t, c.Tick(nil, serverTime))
	require.NoError(t, s.SetVardiff(Vardiff{SharesPerMinute: -1, Start: 0.5, Min: 0.25}))
	pool.fresh = func(int) *ServerJob { return serverJob(t, "f", 7, false) }
	require.Equal(t, fmt.Sprintf(set, "0.25")+serverJobLine("f", 7, false)+"\n", string(c.Tick(nil, serverTime)))
	require.Empty(t, c.Tick(nil, serverTime))
	require.Contains(t, hello(t, s.Open(serverTime)), fmt.Sprintf(set, "0.5"))
}

// TestServerConcurrent has many sessions at once, each with a goroutine; under -race it shows what they share.
func TestServerConcurrent(t *testing.T) {
	pool := &concurrentPool{}
	v := share.NewValidator(share.Options{})
	s, err := NewServer(ServerConfig{Validator: v, Handler: pool, Vardiff: Vardiff{Start: easyDifficulty, Min: 1e-12, SharesPerMinute: -1}})
	require.NoError(t, err)
	pool.job = serverJob(t, "a", 7, true)
	next := serverJob(t, "b", 8, true)
	var wg sync.WaitGroup
	given := make([]string, 50)
	for i := range given {
		wg.Go(func() {
			session := "null"
			for range 4 {
				c := s.Open(serverTime)
				out, err := c.Receive(nil, fmt.Appendf(nil, `{"id":1,"method":"mining.subscribe","params":["t",%s]}`, session), serverTime)
				if err != nil || len(out) == 0 || given[i] != "" && given[i] != string(c.Extranonce().Extranonce1) {
					t.Errorf("session %d: %s %v", i, out, err)
				}
				session, given[i] = strconv.Quote(c.Session()), string(c.Extranonce().Extranonce1)
				_, _ = c.Receive(nil, []byte(`{"id":2,"method":"mining.authorize","params":["w"]}`), serverTime)
				for nonce := range uint32(20) {
					_, _ = c.Receive(nil, []byte(submitLineOf("a", nonce)), serverTime)
				}
				if string(c.Offer(nil, next, serverTime)) != string(next.Line()) {
					t.Errorf("session %d: no job", i)
				}
				c.Tick(nil, serverTime.Add(time.Second))
				c.Close(serverTime)
			}
		})
	}
	wg.Wait()
	require.Equal(t, len(given)*20, pool.credited, "each share once, whatever the connection")
	unique := map[string]bool{}
	for _, e := range given {
		unique[e] = true
	}
	require.Len(t, unique, len(given))
}

type concurrentPool struct {
	job      *ServerJob
	mu       sync.Mutex
	credited int
}

func (p *concurrentPool) Authorize(*ServerSession, string, string) error { return nil }
func (p *concurrentPool) Job(*ServerSession, bool) *ServerJob            { return p.job }
func (p *concurrentPool) Judged(_ *ServerSession, _ *Submit, v *share.Verdict, err error) {
	if err == nil && v.Word.Credited() {
		p.mu.Lock()
		p.credited++
		p.mu.Unlock()
	}
}

func TestServerTells(t *testing.T) {
	s, _ := testServer(t)
	c := s.Open(serverTime)
	require.Equal(t, `{"id":null,"method":"client.show_message","params":["bye \"you\"\n"]}`+"\n", string(c.ShowMessage(nil, "bye \"you\"\n")))
	for _, test := range []struct {
		host string
		port int
		wait time.Duration
		want string
	}{
		{"pool.example.com", 3333, 5 * time.Second, `"pool.example.com",3333,5`}, {"", 0, 0, ``}, {"", 0, 3 * time.Second, `null,null,3`},
	} {
		out := c.Reconnect(nil, test.host, test.port, test.wait)
		require.Equal(t, `{"id":null,"method":"client.reconnect","params":[`+test.want+`]}`+"\n", string(out))
		host, port, wait, err := decoded(t, string(out)).Reconnect()
		require.NoError(t, err)
		require.Equal(t, [3]any{test.host, test.port, test.wait}, [3]any{host, port, wait})
	}
}

// A miner that changes its mind without end does not have a job made each time, and gets what it asked for last.
func TestSuggestFlood(t *testing.T) {
	s, pool := testServer(t)
	pool.job = serverJob(t, "a", 7, true)
	fresh := 0
	pool.fresh = func(int) *ServerJob { fresh++; return serverJob(t, fmt.Sprint("f", fresh), 7, false) }
	c := s.Open(serverTime)
	hello(t, c)
	for round := range 3 {
		now := serverTime.Add(time.Duration(round) * wishesLast)
		for i := range 100 {
			for _, line := range []string{
				fmt.Sprintf(`{"id":3,"method":"mining.suggest_difficulty","params":[0.%d]}`, 1+i%9),
				fmt.Sprintf(`{"id":5,"method":"mining.configure","params":[["minimum-difficulty"],{"minimum-difficulty.value":0.%d}]}`, 9-i%9),
			} {
				_, err := c.Receive(nil, []byte(line), now)
				require.NoError(t, err)
			}
		}
		require.LessOrEqual(t, fresh, (round+1)*(maxWishes+1))
		c.Tick(nil, now)
		require.Equal(t, 0.9, c.Difficulty())
	}
	require.Greater(t, fresh, maxWishes)
}

// TestLeastDifficulty suggests less than what the miner can work with.
func TestLeastDifficulty(t *testing.T) {
	s, pool := testServer(t)
	pool.job = serverJob(t, "a", 7, true)
	c := s.Open(serverTime)
	say(t, c, `{"id":3,"method":"mining.configure","params":[["minimum-difficulty"],{"minimum-difficulty.value":"1e-6"}]}`)
	say(t, c, `{"id":3,"method":"mining.suggest_difficulty","params":[1e-9]}`)
	require.Contains(t, hello(t, c), fmt.Sprintf(set, "0.000001"))
}

// TestOddLines are ends of lines, and texts that are too long.
func TestOddLines(t *testing.T) {
	s, _ := testServer(t)
	c := s.Open(serverTime)
	for _, empty := range []string{"", "\n", "\r\n", " \t\r\n"} {
		require.Empty(t, say(t, c, empty))
	}
	pong := `{"id":1,"result":"pong","error":null}` + "\n"
	for _, end := range []string{"", "\n", "\r\n"} {
		require.Equal(t, pong, say(t, c, `{"id":1,"method":"mining.ping"}`+end))
	}
	full := `{"id":1,"method":"mining.ping"` + strings.Repeat(" ", MaxLine-30-1) + "}"
	require.Equal(t, pong, say(t, c, full+"\r\n"))
	long := strings.Repeat("x", MaxField+1)
	for _, line := range []string{
		`{"id":1,"method":"mining.subscribe","params":["` + long + `"]}`, `{"id":1,"method":"mining.subscribe","params":["",7]}`,
		`{"id":1,"method":"mining.subscribe","params":[null,"` + long + `"]}`, `{"id":1,"method":"mining.authorize","params":["` + long + `"]}`,
		`{"id":1,"method":"mining.submit","params":["` + long + `","","","",""]}`,
	} {
		out := say(t, c, line)
		require.Contains(t, out, `{"id":1,"result":null,"error":[2`)
		require.Less(t, len(out), 200)
	}
	require.Contains(t, say(t, c, `{"id":1,"method":"`+long[:MaxField]+`"}`), `xxx…",null]`)
	require.False(t, c.Ready())
	require.Equal(t, "x", (&Violation{What: "x"}).Error())
	for _, password := range []string{`[]`, `"` + long + `"`} {
		say(t, c, `{"id":1,"method":"mining.authorize","params":["w",`+password+`]}`)
	}
}
