package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/mine"
	"github.com/touchstone-btc/touchstone/work/share"
)

// runningMiner is a PoolMiner in a test.
type runningMiner struct {
	t     *testing.T
	miner *PoolMiner
	stop  context.CancelFunc
	done  chan error

	mu     sync.Mutex
	events []Event
	more   chan struct{}
}

// quickTimes are for pools of this machine that answer at once; what makes a pool count as hung is far off all the same.
func quickTimes() PoolTimes {
	return PoolTimes{Retry: 10 * time.Millisecond, LongestRetry: 50 * time.Millisecond, Stable: time.Nanosecond}
}

// startPoolMiner runs a miner until the test ends, which fails if it leaves anything behind.
func startPoolMiner(t *testing.T, c PoolMinerConfig) *runningMiner {
	t.Helper()
	if c.Threads == 0 {
		c.Threads = 2
	}
	if c.Kernel == hash.Auto {
		c.Kernel = genericKernel(t)
	}
	if c.VersionMask == 0 {
		c.VersionMask = work.MaskBIP320
	}
	if c.Times == (PoolTimes{}) {
		c.Times = quickTimes()
	}
	r := &runningMiner{t: t, done: make(chan error, 1), more: make(chan struct{}, 1)}
	c.OnEvent = func(e Event) {
		r.mu.Lock()
		r.events = append(r.events, e)
		r.mu.Unlock()
		select {
		case r.more <- struct{}{}:
		default:
		}
	}
	m, err := NewPoolMiner(c)
	require.NoError(t, err)
	r.miner = m
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() { r.done <- m.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			r.mu.Lock()
			defer r.mu.Unlock()
			for _, e := range r.events[max(0, len(r.events)-20):] {
				t.Logf("%s %+v", e.Kind(), e)
			}
		}
	})
	return r
}

// wait waits for the end, of itself or as told.
func (r *runningMiner) wait() error {
	r.t.Helper()
	select {
	case err := <-r.done:
		return err
	case <-time.After(scriptPatience):
		require.FailNow(r.t, "the miner does not end")
	}
	return nil
}

// end stops the miner and returns its last event.
func (r *runningMiner) end() MinerStopped {
	r.t.Helper()
	r.stop()
	require.NoError(r.t, r.wait())
	r.mu.Lock()
	defer r.mu.Unlock()
	last, ok := r.events[len(r.events)-1].(MinerStopped)
	require.True(r.t, ok)
	return last
}

// minerEvents returns the events of a type so far.
func minerEvents[E Event](r *runningMiner) (all []E) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e, ok := e.(E); ok {
			all = append(all, e)
		}
	}
	return all
}

// awaitEvents waits for n events of a type and returns all there are.
func awaitEvents[E Event](r *runningMiner, n int) []E {
	r.t.Helper()
	limit := time.After(scriptPatience)
	for {
		if all := minerEvents[E](r); len(all) >= n {
			return all
		}
		select {
		case <-r.more:
		case <-limit:
			require.FailNow(r.t, "no such event", "%T", *new(E))
		}
	}
}

// goroutines returns a check that no goroutine was left behind since.
func goroutines(t *testing.T) func() {
	before := runtime.NumGoroutine()
	return func() {
		t.Helper()
		var n int
		for range 500 {
			if n = runtime.NumGoroutine(); n <= before {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		buf := make([]byte, 1<<20)
		require.FailNow(t, "goroutines are left", "%d, before %d\n%s", n, before, buf[:runtime.Stack(buf, true)])
	}
}

// A pool, a job, shares that are all good, and the end after as many as were asked for.
func TestPoolMiner(t *testing.T) {
	left := goroutines(t)
	pool := newScriptPool(t)
	url := pool.listen(nil)
	url.User, url.Password = "alice", "secret"
	r := startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{url}, Shares: 30, StatusEvery: time.Millisecond})
	require.NoError(t, r.wait())
	c := pool.next()
	c.gone()
	require.Empty(t, c.refusals())
	require.Len(t, c.verdicts, 30)
	require.Equal(t, []string{`"touchstone"`}, c.subscribed)
	stopped := minerEvents[MinerStopped](r)
	require.Len(t, stopped, 1)
	require.Equal(t, 30, stopped[0].Accepted)
	require.Zero(t, stopped[0].Rejected+stopped[0].Unknown+stopped[0].Blocks)
	require.Positive(t, stopped[0].Hashes)
	connected := minerEvents[PoolConnected](r)
	require.Len(t, connected, 1)
	require.Equal(t, "1fffe000", connected[0].VersionMask)
	require.Equal(t, "alice", connected[0].Worker)
	shares := minerEvents[ShareAnswered](r)
	require.Len(t, shares, 30)
	for _, s := range shares {
		require.Equal(t, AnswerAccepted, s.Answer)
		require.GreaterOrEqual(t, s.Difficulty, s.Required)
		require.InEpsilon(t, easyDifficulty, s.Required, 1e-9)
		require.Equal(t, url.String(), s.Pool)
	}
	for _, e := range r.events {
		require.NotContains(t, strings.ToLower(e.Kind()), "secret")
	}
	pool.close()
	left()
}

// While the first pool fails the second is used, and the first again when it works.
func TestPoolMinerFailover(t *testing.T) {
	left := goroutines(t)
	first, second := newScriptPool(t), newScriptPool(t)
	url := first.listen(nil)
	first.close()
	r := startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{url, second.listen(nil)}})
	c := second.next()
	c.credited(3, "a")
	require.Contains(t, minerEvents[PoolLost](r)[0].Error, "refused")

	first.listen(nil)
	back := first.next()
	back.credited(3, "a")
	c.gone()
	require.Empty(t, c.refusals())

	back.conn.Close()
	back = first.next()
	back.credited(3, "a")
	require.Equal(t, []string{`"touchstone"`, `"session-e0000001"`}, back.subscribed, "the session is taken up again")
	stopped := r.end()
	require.Empty(t, back.refusals())
	require.Zero(t, stopped.Rejected)
	first.close()
	second.close()
	left()
}

// A pool that takes the connection and says nothing, and one that falls silent, are left for another.
func TestPoolMinerHung(t *testing.T) {
	mute, works := newScriptPool(t), newScriptPool(t)
	mute.mute = true
	times := quickTimes()
	times.Handshake = 100 * time.Millisecond
	r := startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{mute.listen(nil), works.listen(nil)}, Times: times})
	works.next().credited(1, "a")
	require.Contains(t, minerEvents[PoolLost](r)[0].Error, "no job within 100ms")
	r.end()

	silent := newScriptPool(t)
	times = quickTimes()
	times.Job = 300 * time.Millisecond
	r = startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{silent.listen(nil)}, Times: times})
	silent.next()
	silent.next()
	require.Contains(t, minerEvents[PoolLost](r)[0].Error, "no new job within 300ms")
	r.end()

	// One that takes shares and does not answer.
	deaf := newScriptPool(t)
	deaf.answer = func(*scriptConn, []byte, share.Verdict) {}
	times = quickTimes()
	times.Reply = 100 * time.Millisecond
	r = startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{deaf.listen(nil)}, Times: times})
	deaf.next()
	deaf.next()
	require.Contains(t, minerEvents[PoolLost](r)[0].Error, "no answer to a share within 100ms")
	stopped := r.end()
	require.Zero(t, stopped.Accepted+stopped.Rejected)
	require.Positive(t, stopped.Unknown)
	require.Len(t, minerEvents[ShareAnswered](r), stopped.Unknown)
}

// A connection that breaks in the middle of a line is made again.
func TestPoolMinerCut(t *testing.T) {
	pool := newScriptPool(t)
	r := startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{pool.listen(nil)}})
	c := pool.next()
	c.credited(1, "a")
	c.send(`{"id":null,"method":"mining.notify","params":["b","00`)
	// Not Close: with shares that were not read, that would be a reset.
	require.NoError(t, c.conn.(*net.TCPConn).CloseWrite())
	pool.next().credited(3, "a")
	require.Contains(t, awaitEvents[PoolLost](r, 1)[0].Error, "closed the connection")
	require.Zero(t, r.end().Rejected)
}

// What is no job is told and skipped: the search goes on.
func TestPoolMinerMalformedJob(t *testing.T) {
	pool := newScriptPool(t)
	pool.greet = func(c *scriptConn) {
		c.send(lines(`{"id":null,"method":"mining.notify","params":["bad"]}`))
		c.difficulty(easyDifficulty)
		c.job("a", 1, true)
		c.send(lines(
			`{"id":null,"method":"mining.notify","params":["worse","00","00","00",[],"20000000","1d00ffff","691f2840",true]}`,
			`{"id":null,"method":"mining.set_difficulty","params":[-1]}`, `{"id":null,`, `{"id":null,"method":"client.show_message","params":["hear, hear"]}`))
	}
	r := startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{pool.listen(nil)}})
	c := pool.next()
	c.credited(3, "a")
	bad := awaitEvents[PoolUnreadable](r, 4)
	require.Contains(t, bad[0].Error, "mining.notify: params: 1 elements: want 9")
	require.Equal(t, "hear, hear", awaitEvents[PoolMessage](r, 1)[0].Text)
	require.Zero(t, r.end().Rejected)
	require.Empty(t, c.refusals())
}

// A pool that does not take the worker, or shows the wrong certificate, is an error at the start.
func TestPoolMinerRefused(t *testing.T) {
	left := goroutines(t)
	pool := newScriptPool(t)
	pool.refuse = "who is that?"
	r := startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{pool.listen(nil)}})
	err := r.wait()
	var refused *stratum.AuthorizeError
	require.True(t, errors.As(err, &refused))
	require.Equal(t, "who is that?", refused.Reply.Words)
	require.Contains(t, err.Error(), pool.address)
	pool.close()
	left()
}

// A pool may send its miners to another address of its own domain, and nowhere else.
func TestPoolMinerReconnect(t *testing.T) {
	home, moved, thief := newScriptPool(t), newScriptPool(t), newScriptPool(t)
	homeURL, movedURL, thiefURL := home.listen(nil), moved.listen(nil), thief.listen(nil)
	names := map[string]PoolURL{"eu.pool.example.com:3333": homeURL, "us.pool.example.com:3334": movedURL, "thief.example.net:3333": thiefURL}
	url, err := ParsePoolURL("stratum+tcp://eu.pool.example.com:3333")
	require.NoError(t, err)
	r := startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{url}, dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		to, known := names[address]
		if !known {
			return nil, errors.New("no such host")
		}
		return (&net.Dialer{}).DialContext(ctx, network, to.Address())
	}})
	c := home.next()
	c.send(lines(`{"id":null,"method":"client.reconnect","params":["thief.example.net",3333,0]}`))
	require.Equal(t, "thief.example.net:3333", awaitEvents[ReconnectRefused](r, 1)[0].To)
	c.credited(3, "a")
	c.send(lines(`{"id":null,"method":"client.reconnect","params":["us.pool.example.com","3334","0"]}`))
	c.gone()
	c = moved.next()
	c.credited(3, "a")
	require.Equal(t, "us.pool.example.com:3334", awaitEvents[PoolConnected](r, 2)[1].Address)
	require.Equal(t, url.String(), minerEvents[PoolConnected](r)[1].Pool)
	// When it fails there, it is at its own address again.
	c.conn.Close()
	home.next().credited(1, "a")
	require.Zero(t, r.end().Rejected)
	require.Empty(t, thief.conns)
}

func TestSameDomain(t *testing.T) {
	for _, one := range []struct {
		from, to string
		same     bool
	}{
		{"pool.example.com", "pool.example.com", true},
		{"pool.example.com", "POOL.example.com.", true},
		{"pool.example.com", "eu.pool.example.com", true},
		{"pool.example.com", "example.com", true},
		{"pool.example.com", "backup.example.com", true},
		{"pool.example.com", "example.net", false},
		{"pool.example.com", "notexample.com", false},
		{"pool.example.co.uk", "other.co.uk", false},
		{"pool.example.co.uk", "eu.example.co.uk", true},
		{"a.github.io", "b.github.io", false},
		{"com", "example.com", false},
		{"localhost", "localhost", true},
		{"localhost", "evil.localhost", false},
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "1.192.0.2.1", false},
		{"2001:db8::1", "[2001:DB8:0::1]", true},
		{"pool.example.com", "192.0.2.1", false},
		{"", "", false},
		{"pool.example.com", "", false},
		{"pool.example.com", "pool..example.com", false},
	} {
		require.Equal(t, one.same, sameDomain(one.from, one.to), "%s to %s", one.from, one.to)
		require.Equal(t, one.same, sameDomain(one.to, one.from), "%s to %s", one.to, one.from)
	}
}

// Bits are rolled as granted, and no others from the moment that the pool takes some back.
func TestPoolMinerMask(t *testing.T) {
	pool := newScriptPool(t)
	pool.mask = 0x0000e000
	r := startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{pool.listen(nil)}})
	c := pool.next()
	c.credited(50, "a")
	// What was found before it is told is not refused here.
	c.send(string(stratum.AppendSetVersionMask(nil, 0x00002000)))
	c.job("b", 1, true)
	c.credited(1, "b")
	c.session.SetMask(0x00002000)
	c.locked(func() { c.verdicts, c.jobs = nil, nil })
	c.credited(50, "b")
	rolled := map[uint32]bool{}
	c.locked(func() {
		for _, v := range c.verdicts {
			rolled[uint32(v.Header[0])|uint32(v.Header[1])<<8|uint32(v.Header[2])<<16|uint32(v.Header[3])<<24] = true
		}
	})
	require.Zero(t, r.end().Rejected)
	require.Empty(t, c.refusals())
	for version := range rolled {
		require.Contains(t, []uint32{0x20000000, 0x20002000}, version)
	}

	none := newScriptPool(t)
	none.mask = 0
	r = startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{none.listen(nil)}})
	c = none.next()
	c.credited(20, "a")
	require.Zero(t, r.end().Rejected)
	require.Empty(t, c.refusals())
}

// Another extranonce holds for the jobs after it, whatever its size.
func TestPoolMinerExtranonce(t *testing.T) {
	pool := newScriptPool(t)
	r := startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{pool.listen(nil)}})
	c := pool.next()
	c.credited(3, "a")
	for i, size := range []int{0, 1, 2, 16, 4} {
		e := stratum.Extranonce{Extranonce1: slices.Repeat([]byte{byte(i)}, i), Extranonce2Size: size}
		c.locked(func() {
			require.NoError(t, c.session.SetExtranonce(e.Extranonce1, size))
			c.send(string(stratum.AppendSetExtranonce(nil, e)))
			c.extranonce = e
		})
		id := string(rune('b' + i))
		c.job(id, 1, false)
		c.credited(3, id)
	}
	require.Zero(t, r.end().Rejected)
	require.Empty(t, c.refusals())
}

// However easy shares are, only so many wait for their answers, and threads that wait for room turn to other work at once.
func TestPoolMinerFlood(t *testing.T) {
	left := goroutines(t)
	pool := newScriptPool(t)
	pool.greet = func(c *scriptConn) {
		c.difficulty(1e-9)
		c.job("a", 1, true)
	}
	var mu sync.Mutex
	holding, held := true, [][]byte{}
	pool.answer = func(c *scriptConn, id []byte, v share.Verdict) {
		mu.Lock()
		defer mu.Unlock()
		if holding {
			held = append(held, slices.Clone(id))
			return
		}
		c.reply(id, v)
	}
	r := startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{pool.listen(nil)}})
	c := pool.next()
	c.credited(maxOutstandingShares, "a")
	c.job("b", 2, true)
	for _, e := range awaitEvents[PoolJob](r, 2)[1:] {
		require.Equal(t, "b", e.Job)
	}
	c.locked(func() { require.Len(t, c.verdicts, maxOutstandingShares) })
	mu.Lock()
	for _, id := range held {
		c.send(string(stratum.AppendResult(nil, id, "true")))
	}
	holding = false
	mu.Unlock()
	c.credited(1000, "b")
	require.Empty(t, c.refusals(), "nothing is stale")
	// Threads that wait for room do not delay the end.
	mu.Lock()
	holding = true
	mu.Unlock()
	stopped := r.end()
	require.LessOrEqual(t, stopped.Unknown, maxOutstandingShares)
	require.Zero(t, stopped.Rejected)
	pool.close()
	left()
}

// When the pool turns to another block, no share of the one before comes any more.
func TestPoolMinerStale(t *testing.T) {
	pool := newScriptPool(t)
	r := startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{pool.listen(nil)}})
	c := pool.next()
	for i := range 20 {
		id := string(rune('b' + i))
		c.job(id, byte(2+i), i%2 == 0) // some don't say that it is clean
		c.credited(2, id)
	}
	r.end()
	// Those that crossed the new job on their way are stale; but none comes after a share of a newer one.
	c.locked(func() {
		require.True(t, slices.IsSorted(c.jobs))
		for i, v := range c.verdicts {
			require.True(t, v.Word.Credited() || v.Word == share.Stale, "%s: %s: %s", c.jobs[i], v.Word, v.Detail())
		}
	})
}

// A pool over TLS is used only if its certificate is trusted.
func TestPoolMinerTLS(t *testing.T) {
	left := goroutines(t)
	dir := t.TempDir()
	client := testCertificate(t, dir+"/cert", dir+"/key")
	certificate, err := LoadCertificate(dir+"/cert", dir+"/key")
	require.NoError(t, err)
	pool := newScriptPool(t)
	url := pool.listen(certificate.Config())
	r := startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{url}, Roots: client.RootCAs, Shares: 5})
	require.NoError(t, r.wait())
	require.Empty(t, pool.next().refusals())

	r = startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{url}})
	require.ErrorContains(t, r.wait(), "certificate")
	pool.close()
	left()
}

// A share that is a block is told, counted, and ends the run when there are enough.
func TestPoolMinerBlocks(t *testing.T) {
	pool := newScriptPool(t)
	pool.greet = func(c *scriptConn) {
		c.difficulty(easyDifficulty)
		j := c.work("a", 1)
		j.Bits = 0x1f00ffff
		c.notify(j, true)
	}
	r := startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{pool.listen(nil)}, Blocks: 2})
	require.NoError(t, r.wait())
	require.Len(t, minerEvents[ShareIsFound](r), 2)
	stopped := minerEvents[MinerStopped](r)[0]
	require.Equal(t, 2, stopped.Blocks)
	blocks := 0
	for _, s := range minerEvents[ShareAnswered](r) {
		if s.Block {
			blocks++
		}
	}
	require.Equal(t, 2, blocks)
}

// Told to come again, the miner does, and takes up its session.
func TestPoolMinerComeAgain(t *testing.T) {
	pool := newScriptPool(t)
	r := startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{pool.listen(nil)}})
	c := pool.next()
	c.credited(1, "a")
	c.send(lines(`{"id":null,"method":"client.reconnect","params":[]}`))
	c.gone()
	c = pool.next()
	c.credited(1, "a")
	require.Equal(t, []string{`"touchstone"`, `"session-e0000001"`}, c.subscribed)
	require.True(t, awaitEvents[PoolConnected](r, 2)[1].Resumed)
	require.Empty(t, minerEvents[PoolLost](r))
	require.Zero(t, r.end().Rejected)
}

// Whatever a pool says, and however much of it, is bounded.
func TestPoolMinerNonsense(t *testing.T) {
	for name, one := range map[string]struct {
		greet func(c *scriptConn)
		error string
	}{
		"a line without end":   {func(c *scriptConn) { c.send(strings.Repeat("x", 1<<20)) }, stratum.ErrTooLong.Error()},
		"only what is no JSON": {func(c *scriptConn) { c.send(strings.Repeat("{\n", 1000)) }, "nothing that the pool says can be read any more"},
		"an extranonce that is none": {func(c *scriptConn) {
			c.send(lines(`{"id":null,"method":"mining.set_extranonce","params":["xy",4]}`))
		}, "mining.set_extranonce: extranonce1"},
		"questions whose answers it does not read": {func(c *scriptConn) {
			for range 2000 {
				c.send(strings.Repeat(`{"id":"`+strings.Repeat("i", 100)+`","method":"mining.ping"}`+"\n", 200))
			}
		}, "the pool asks more than it reads the answers of"},
	} {
		t.Run(name, func(t *testing.T) {
			pool := newScriptPool(t)
			pool.greet = one.greet
			r := startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{pool.listen(nil)}})
			require.Contains(t, awaitEvents[PoolLost](r, 1)[0].Error, one.error)
			r.end()
			require.LessOrEqual(t, len(minerEvents[PoolUnreadable](r)), 40)
		})
	}

	pool := newScriptPool(t)
	r := startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{pool.listen(nil)}})
	c := pool.next()
	c.send(strings.Repeat(lines(`{"id":null,"method":"client.show_message","params":["buy!"]}`), 5000))
	c.job("b", 1, false)
	c.credited(1, "b")
	r.end()
	require.Less(t, len(minerEvents[PoolMessage](r)), 100)

	web, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer web.Close()
	go func() {
		for {
			c, err := web.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"))
			defer c.Close()
		}
	}()
	url, err := ParsePoolURL(web.Addr().String())
	require.NoError(t, err)
	r = startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{url}})
	require.Contains(t, awaitEvents[PoolLost](r, 1)[0].Error, "this is no Stratum pool: it said HTTP/1.1 400 Bad Request")
	r.end()
}

// Another block after the same parent would only compete with the first: it waits for the job that builds on that. Where none comes, such
// as when the pool lost the block, the search goes on after some time.
func TestPoolMinerRace(t *testing.T) {
	pool := newScriptPool(t)
	pool.greet = func(c *scriptConn) {
		c.difficulty(1e-10) // easier than a block: each share is one
		j := c.work("a", 1)
		j.Bits = easyBits
		c.notify(j, true)
	}
	pool.answer = func(*scriptConn, []byte, share.Verdict) {}
	begin := time.Now()
	r := startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{pool.listen(nil)}})
	c := pool.next()
	awaitEvents[ShareIsFound](r, 4)
	require.GreaterOrEqual(t, time.Since(begin), 3*blockPatience)
	c.wait(4, func(_ string, v *share.Verdict) bool { return v.Block })
	r.end()
	pool.close()
}

// A block that waits is handed in when it may be, even if there is a newer job by then, as long as its parent is the tip; and a pool that
// is behind with its answers hears of it.
func TestPoolMinerBlockWaits(t *testing.T) {
	pool := newScriptPool(t)
	pool.greet = func(c *scriptConn) {
		c.difficulty(1e6) // nothing is found by itself
		c.job("a", 1, true)
	}
	pool.answer = func(*scriptConn, []byte, share.Verdict) {}
	r := startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{pool.listen(nil)}})
	c, m := pool.next(), r.miner
	awaitEvents[PoolJob](r, 1)
	m.mu.Lock()
	old := m.searched[0].work
	m.racing = old.Job.PrevBlock
	m.waiting += maxOutstandingShares
	m.mu.Unlock()
	c.job("b", 1, false)
	awaitEvents[PoolJob](r, 2)
	find := func(nonce uint32, block bool) {
		m.found(mine.Found{Work: old, Network: block, Solution: work.Solution{
			Extranonce: slices.Concat(old.Extranonce1, make([]byte, old.Job.Extranonce2Size)), Version: old.Job.Version, Time: old.Job.Time, Nonce: nonce,
		}})
	}
	find(1, false) // not worth waiting for
	done := make(chan struct{})
	go func() {
		defer close(done)
		find(2, true)
	}()
	m.mu.Lock()
	m.lost(old.Job.PrevBlock)
	m.mu.Unlock()
	<-done
	require.Equal(t, "a", awaitEvents[ShareIsFound](r, 1)[0].Job)
	m.mu.Lock()
	m.waiting -= maxOutstandingShares
	m.mu.Unlock()

	// Another tip: nobody wants it any more.
	c.job("c", 2, false)
	awaitEvents[PoolJob](r, 3)
	find(3, true)
	r.end()
	require.Len(t, minerEvents[ShareIsFound](r), 1)
}

// Who is told of events and does not come back holds up nothing, as a terminal does that was stopped with ^S.
func TestPoolMinerBlockedListener(t *testing.T) {
	pool := newScriptPool(t)
	release := make(chan struct{})
	m, err := NewPoolMiner(PoolMinerConfig{
		Pools: []PoolURL{pool.listen(nil)}, Kernel: genericKernel(t), Threads: 1, Times: quickTimes(),
		OnEvent: func(Event) { <-release },
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	c := pool.next()
	c.credited(100, "a")
	stop()
	require.NoError(t, <-ended)
	close(release)
	pool.close()
}

// Whoever asks for a number of shares and reads slowly is told all.
func TestPoolMinerSlowListener(t *testing.T) {
	pool := newScriptPool(t)
	var told []Event
	m, err := NewPoolMiner(PoolMinerConfig{
		Pools: []PoolURL{pool.listen(nil)}, Kernel: genericKernel(t), Threads: 1, Times: quickTimes(), Shares: 3,
		OnEvent: func(e Event) {
			time.Sleep(eventDrain / 3)
			told = append(told, e)
		},
	})
	require.NoError(t, err)
	require.NoError(t, m.Run(t.Context()))
	require.IsType(t, MinerStopped{}, told[len(told)-1])
}

func genericKernel(t *testing.T) hash.Kernel {
	kernel, err := hash.ParseKernel("generic")
	require.NoError(t, err)
	return kernel
}

// A pool that sends jobs and answers no share is tried more and more rarely, however long each time took.
func TestPoolMinerHangsAgain(t *testing.T) {
	hung, good := newScriptPool(t), newScriptPool(t)
	hung.answer = func(*scriptConn, []byte, share.Verdict) {}
	url := hung.listen(nil)
	r := startPoolMiner(t, PoolMinerConfig{
		Pools: []PoolURL{url, good.listen(nil)},
		Times: PoolTimes{Retry: 10 * time.Millisecond, LongestRetry: time.Hour, Stable: time.Nanosecond, Reply: 100 * time.Millisecond},
	})
	for i := range 4 {
		var e PoolLost
		for n, found := 1, -1; found < i; n++ { // the other one may be slow too, on a busy machine
			if e = awaitEvents[PoolLost](r, n)[n-1]; e.Pool == url.String() {
				found++
			}
		}
		require.Contains(t, e.Error, "no answer to a share")
		require.GreaterOrEqual(t, e.Retry, seconds(5*time.Millisecond<<i))
	}
	r.end()
	hung.close()
	good.close()
}

// However much a pool has to say, it is told where it wants to send us, and how much was left out.
func TestPoolMinerChatter(t *testing.T) {
	pool := newScriptPool(t)
	r := startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{pool.listen(nil)}})
	c := pool.next()
	message := `{"id":null,"method":"client.show_message","params":["flood"]}` + "\n"
	c.send(strings.Repeat(message, 500) + lines(`{"id":null,"method":"client.reconnect","params":["evil.example",3333,0]}`,
		`{"id":null,"method":"mining.set_difficulty","params":[-1]}`))
	require.Equal(t, "evil.example:3333", awaitEvents[ReconnectRefused](r, 1)[0].To)
	awaitEvents[PoolUnreadable](r, 1)
	told := len(awaitEvents[PoolMessage](r, 20))
	r.end()
	for _, n := range minerEvents[PoolMessage](r) {
		told += n.Untold
	}
	if said := minerEvents[Notice](r); len(said) > 0 {
		var n int
		_, err := fmt.Sscanf(said[len(said)-1].Text, "messages of pools were not told, because they came too fast: %d", &n)
		require.NoError(t, err)
		told += n
	}
	require.GreaterOrEqual(t, told, 500)
}

// Whoever takes a port with TLS for one without, or the other way round, is told.
func TestPoolMinerWrongScheme(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096))
			c.Close()
		}
	}()
	for scheme, hint := range map[string]string{"stratum+tcp": "it is stratum+ssl://", "stratum+ssl": "it is stratum+tcp://"} {
		url, err := ParsePoolURL(scheme + "://" + l.Addr().String())
		require.NoError(t, err)
		r := startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{url}})
		require.Contains(t, awaitEvents[PoolLost](r, 1)[0].Error, hint)
		r.end()
	}
}
