package serve

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/node"
	"github.com/touchstone-btc/touchstone/work/share"
)

// poolPatience is how long a step may take before a test gives up.
const poolPatience = time.Minute

// runningPool is a pool that listens on loopback.
type runningPool struct {
	*recorder
	t       testing.TB
	pool    *Pool
	address string
	stop    func() error
}

// startPool runs a pool on a backend. It is stopped with the test, if not before.
func startPool(t testing.TB, c PoolConfig) *runningPool {
	t.Helper()
	r := &runningPool{recorder: &recorder{}, t: t}
	if c.Listen == nil {
		c.Listen = []ListenAt{{Address: "127.0.0.1:0"}}
	}
	started := make(chan PoolStarted, 1)
	r.hook = func(e Event) {
		if s, ok := e.(PoolStarted); ok {
			started <- s
		}
	}
	c.OnEvent = r.on
	var err error
	r.pool, err = NewPool(c)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.pool.Run(ctx) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { _ = r.stop() })
	select {
	case s := <-started:
		r.address = strings.TrimPrefix(s.Listen[0], "stratum+tcp://")
	case err := <-done:
		require.NoError(t, err)
		require.Fail(t, "the pool ended at once")
	}
	return r
}

// testMiner is a device on loopback.
type testMiner struct {
	t       testing.TB
	conn    net.Conn
	works   chan *stratum.ClientWork
	replies chan stratum.Reply
	ended   chan error

	mu     sync.Mutex
	client *stratum.Client
}

func (m *testMiner) Work(w *stratum.ClientWork)           { m.works <- w }
func (m *testMiner) Replied(_ uint64, r stratum.Reply)    { m.replies <- r }
func (m *testMiner) Reconnect(string, int, time.Duration) {}
func (m *testMiner) Message(string)                       {}
func (m *testMiner) Ignored(error)                        {}
func (r *runningPool) connect(c stratum.ClientConfig) *testMiner {
	r.t.Helper()
	m := &testMiner{t: r.t, works: make(chan *stratum.ClientWork, 1000), replies: make(chan stratum.Reply, 1000), ended: make(chan error, 1)}
	c.Handler = m
	m.client = stratum.NewClient(c)
	var err error
	m.conn, err = net.Dial("tcp", r.address)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { m.conn.Close() })
	_, err = m.conn.Write(m.client.Start(nil, time.Now()))
	require.NoError(r.t, err)
	go func() {
		lines := bufio.NewReader(m.conn)
		for {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				m.ended <- err
				return
			}
			m.mu.Lock()
			out, err := m.client.Receive(nil, line, time.Now())
			if err == nil && len(out) > 0 {
				_, err = m.conn.Write(out)
			}
			m.mu.Unlock()
			if err != nil {
				m.ended <- err
				return
			}
		}
	}()
	return m
}

// next returns the next job.
func (m *testMiner) next() *stratum.ClientWork {
	m.t.Helper()
	select {
	case w := <-m.works:
		return w
	case err := <-m.ended:
		require.NoError(m.t, err)
	case <-time.After(poolPatience):
		require.Fail(m.t, "no job came")
	}
	return nil
}

// after returns the first job that follows a block.
func (m *testMiner) after(previous chainhash.Hash) *stratum.ClientWork {
	m.t.Helper()
	for {
		if w := m.next(); w.Job.PrevBlock == previous {
			return w
		}
	}
}

// solve finds a share of w, which is a block if block says so.
func (m *testMiner) solve(w *stratum.ClientWork, block bool) *work.Solution {
	m.t.Helper()
	target := w.Target
	if block {
		target = w.Job.Target
	}
	extranonce := binary.BigEndian.AppendUint64(append([]byte{}, w.Extranonce1...), rand.Uint64())
	b := w.Job.NewBuilder()
	require.NoError(m.t, b.SetExtranonce(extranonce))
	s := &work.Solution{Extranonce: extranonce, Version: w.Job.Version, Time: w.Job.Time}
	for ; ; s.Nonce++ {
		var header [work.HeaderSize]byte
		b.Header(&header, s.Version, s.Time, s.Nonce)
		if hash := chainhash.DoubleHashH(header[:]); target.MetBy(&hash) && (block || !w.Job.Target.MetBy(&hash)) {
			return s
		}
	}
}

// submit hands in a share.
func (m *testMiner) submit(w *stratum.ClientWork, s *work.Solution) {
	m.t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	out, number := m.client.Submit(nil, w, s, time.Now())
	require.NotZero(m.t, number)
	_, err := m.conn.Write(out)
	require.NoError(m.t, err)
}

// reply returns the next answer to a share.
func (m *testMiner) reply() stratum.Reply {
	m.t.Helper()
	select {
	case r := <-m.replies:
		return r
	case err := <-m.ended:
		require.NoError(m.t, err)
	case <-time.After(poolPatience):
		require.Fail(m.t, "no answer came")
	}
	return stratum.Reply{}
}

// eventually waits for what another goroutine does.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	require.Eventually(t, done, poolPatience, 5*time.Millisecond, what)
}

func coinbaseOf(t testing.TB, raw []byte) (script []byte, text string) {
	t.Helper()
	block, err := work.ParseBlock(raw)
	require.NoError(t, err)
	coinbase := block.Transactions[0]
	return coinbase.TxOut[0].PkScript, string(coinbase.TxIn[0].SignatureScript)
}

func TestPoolMines(t *testing.T) {
	f := newFakeNode(easyBits)
	b := backend(t, f, t.TempDir())
	p := startPool(t, PoolConfig{Backend: b, Tag: "/test/", VersionMask: work.MaskBIP320})
	m := p.connect(stratum.ClientConfig{Worker: "alice", UserAgent: "test/1", VersionMask: work.MaskBIP320})
	ids := map[string]bool{}
	for range 5 {
		w := m.next()
		require.True(t, w.Clean, "each of these jobs is on a new block")
		require.False(t, ids[w.Job.ID])
		ids[w.Job.ID] = true
		s := m.solve(w, true)
		s.Version ^= 1 << 20
		for h, err := w.Job.Header(s); ; h, err = w.Job.Header(s) {
			require.NoError(t, err)
			if hash := h.Hash(); w.Job.Target.MetBy(&hash) {
				break
			}
			s.Nonce++
		}
		m.submit(w, s)
		require.True(t, m.reply().Accepted)
	}
	m.next()
	require.NoError(t, p.stop())

	require.Len(t, f.accepted, 5)
	for _, raw := range f.submits {
		script, text := coinbaseOf(t, raw)
		require.Equal(t, b.Script, script)
		require.Contains(t, text, "/test/")
	}
	require.Empty(t, b.Journal.Pending())
	require.Empty(t, eventsOf[BlockNotKept](p.recorder))
	found := eventsOf[PoolFound](p.recorder)
	require.Len(t, found, 5)
	require.Equal(t, "alice", found[0].Worker)
	require.Equal(t, "block", found[0].Verdict)
	require.Equal(t, f.accepted[0].Hash, found[0].Hash)
	accepted := eventsOf[BlockAccepted](p.recorder)
	require.Len(t, accepted, 5)
	require.Equal(t, 5, accepted[4].Blocks)
	require.Equal(t, "test/1", eventsOf[DeviceAuthorized](p.recorder)[0].UserAgent)
	require.IsType(t, PoolStarted{}, p.events[0])
	stopped := p.events[len(p.events)-1].(PoolStopped)
	require.Equal(t, 5, stopped.Accepted)
	require.Equal(t, uint64(5), stopped.Shares)
	require.Equal(t, uint64(5), eventsOf[DeviceGone](p.recorder)[0].Accepted)
}

// A block of somebody else's: all have clean work on it.
func TestPoolNewTip(t *testing.T) {
	f := newFakeNode(hardBits)
	p := startPool(t, PoolConfig{Backend: backend(t, f, t.TempDir()), Vardiff: stratum.Vardiff{SharesPerMinute: -1, Start: 1e-9}})
	var miners []*testMiner
	for i := range 40 {
		miners = append(miners, p.connect(stratum.ClientConfig{Worker: fmt.Sprint("w", i)}))
	}
	first := map[string]bool{}
	for _, m := range miners {
		w := m.next()
		require.True(t, w.Clean)
		first[w.Job.ID] = true
	}
	require.Len(t, first, 1, "one job is made for all")
	f.set(func() { f.move(work.Mainnet.Genesis) })
	for _, m := range miners {
		w := m.next()
		require.True(t, w.Clean)
		require.Equal(t, work.Mainnet.Genesis, w.Job.PrevBlock)
		require.False(t, first[w.Job.ID])
	}
	eventually(t, "it is told, once the last has it", func() bool {
		return slices.ContainsFunc(eventsOf[JobOffered](p.recorder), func(e JobOffered) bool { return e.Sessions == 40 })
	})
}

// The same block with other transactions is offered beside the work there is,
// and not too often.
func TestPoolRefresh(t *testing.T) {
	f := newFakeNode(hardBits)
	p := startPool(t, PoolConfig{Backend: backend(t, f, t.TempDir()), Vardiff: stratum.Vardiff{SharesPerMinute: -1, Start: 1e-9}})
	m := p.connect(stratum.ClientConfig{Worker: "w"})
	w := m.next()
	refresh := func() {
		f.mu.Lock()
		asked := f.asked
		f.mu.Unlock()
		p.pool.follower.askRefresh()
		eventually(t, "a template is asked for", func() bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.asked > asked
		})
	}
	f.set(func() { f.alter = func(t map[string]any) { t["coinbasevalue"] = int64(5_000_001_000) } })
	refresh()
	refresh() // the first one is dealt with by now
	require.Empty(t, m.works, "it was too soon")
	p.pool.mu.Lock()
	p.pool.issued.last = time.Now().Add(-time.Minute)
	p.pool.mu.Unlock()
	refresh()
	again := m.next()
	require.False(t, again.Clean)
	require.Equal(t, w.Job.PrevBlock, again.Job.PrevBlock)
	require.NotEqual(t, w.Job.ID, again.Job.ID)

	// Shares of both count.
	for _, w := range []*stratum.ClientWork{w, again} {
		m.submit(w, m.solve(w, false))
		require.True(t, m.reply().Accepted)
	}
}

// Fresh work that is asked for while a template is on its way is fetched after it.
func TestPoolRefreshUnderWay(t *testing.T) {
	f := newFakeNode(hardBits)
	p := startPool(t, PoolConfig{Backend: backend(t, f, t.TempDir()), Vardiff: stratum.Vardiff{SharesPerMinute: -1, Start: 1e-9}})
	p.connect(stratum.ClientConfig{Worker: "w"}).next()
	made := 0 // by calls under f.mu
	f.set(func() {
		f.alter = func(map[string]any) {
			if made++; made == 1 {
				p.pool.follower.askRefresh()
				for len(p.pool.follower.refresh) > 0 { // until it is heard
					runtime.Gosched()
				}
			}
		}
	})
	p.pool.follower.askRefresh()
	eventually(t, "another template is asked for", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return made > 1
	})
}

func TestPoolRefreshDue(t *testing.T) {
	parse := func(change func(map[string]any)) *poolWork {
		f := newFakeNode(hardBits)
		f.alter = change
		data, err := json.Marshal(f.template())
		require.NoError(t, err)
		template, err := work.ParseTemplate(data)
		require.NoError(t, err)
		return &poolWork{template: template}
	}
	same := func(map[string]any) {}
	fees := func(t map[string]any) { t["coinbasevalue"] = int64(5_000_001_000) }
	easier := func(t map[string]any) {
		target, _, _ := easyBits.Target()
		t["bits"], t["target"] = easyBits.String(), target.String()
	}
	for _, c := range []struct {
		name        string
		change      func(map[string]any)
		before, tip time.Duration
		want        bool
	}{
		{"fees, soon", fees, 10 * time.Second, 10 * time.Second, false},
		{"fees, in time", fees, 30 * time.Second, 30 * time.Second, true},
		{"time only, soon", same, 30 * time.Second, 30 * time.Second, false},
		{"time only", same, time.Minute, time.Minute, true},
		{"old tip, soon", fees, 50 * time.Second, time.Hour, false},
		{"old tip", same, time.Minute, 24 * time.Hour, true},
		{"easier", easier, time.Second, time.Hour, true},
	} {
		require.Equal(t, c.want, parse(c.change).due(parse(same), c.before, c.tip), c.name)
	}
}

// A device that comes back has its extranonce1 again, and fresh work.
func TestPoolResume(t *testing.T) {
	f := newFakeNode(hardBits)
	p := startPool(t, PoolConfig{Backend: backend(t, f, t.TempDir()), Vardiff: stratum.Vardiff{SharesPerMinute: -1, Start: 1e-9}})
	m := p.connect(stratum.ClientConfig{Worker: "w"})
	w := m.next()
	share := m.solve(w, false)
	m.submit(w, share)
	require.True(t, m.reply().Accepted)
	m.conn.Close()
	eventually(t, "it is gone", func() bool { return len(eventsOf[DeviceGone](p.recorder)) == 1 })

	again := p.connect(stratum.ClientConfig{Worker: "w", Session: m.client.Session()})
	w2 := again.next()
	require.Equal(t, w.Extranonce1, w2.Extranonce1)
	again.submit(w2, share)
	require.Equal(t, stratum.CodeDuplicate, again.reply().Code, "it was credited on the earlier connection")
	again.submit(w2, again.solve(w2, false))
	require.True(t, again.reply().Accepted)
}

// Each worker is paid for its own blocks.
func TestPoolSolo(t *testing.T) {
	f := newFakeNode(easyBits)
	b := backend(t, f, t.TempDir())
	b.Script, b.Address = nil, ""
	p := startPool(t, PoolConfig{Backend: b, Solo: true})
	require.Empty(t, eventsOf[PoolStarted](p.recorder)[0].Address)

	const other = "bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6"
	tip := work.Regtest.Genesis
	for i, worker := range []string{regtestAddress + ".rig", other, regtestAddress} {
		m := p.connect(stratum.ClientConfig{Worker: worker})
		w := m.after(tip)
		s := m.solve(w, true)
		m.submit(w, s)
		require.True(t, m.reply().Accepted)
		eventually(t, "it is accepted", func() bool { return len(eventsOf[BlockAccepted](p.recorder)) == i+1 })
		f.mu.Lock()
		script, _ := coinbaseOf(t, f.submits[i])
		tip = f.accepted[i].Hash
		f.mu.Unlock()
		address, _, _ := strings.Cut(worker, ".")
		want, err := work.AddressScript(address, work.Regtest)
		require.NoError(t, err)
		require.Equal(t, want, script)
	}
	for worker, text := range map[string]string{
		"alice": "alice", "": "address", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa": "mainnet",
	} {
		m := p.connect(stratum.ClientConfig{Worker: worker})
		select {
		case err := <-m.ended:
			require.ErrorContains(t, err, text)
		case <-time.After(poolPatience):
			require.Fail(t, "not refused")
		}
		m.conn.Close()
	}
	require.Len(t, p.pool.payees.byAddress, 2)
	require.NoError(t, p.stop())
	require.Empty(t, p.pool.payees.byAddress)
}

// A block that is found while no node answers is on disk when the device has
// its answer, and another run sends it.
func TestPoolSendsAgain(t *testing.T) {
	dir := t.TempDir()
	f := newFakeNode(easyBits)
	f.answer = func(int, []byte) (node.Answer, error) { return node.Answer{}, errDown }
	b := backend(t, f, dir)
	p := startPool(t, PoolConfig{Backend: b})
	m := p.connect(stratum.ClientConfig{Worker: "w"})
	w := m.next()
	m.submit(w, m.solve(w, true))
	require.True(t, m.reply().Accepted)
	// What another process would find.
	j, err := node.OpenJournal(dir)
	require.NoError(t, err)
	require.Len(t, j.Pending(), 1)
	found := j.Pending()[0].Hash
	m.submit(w, m.solve(w, true))
	require.True(t, m.reply().Accepted, "a second block for the same place is one too")
	require.NoError(t, p.stop())
	require.Len(t, b.Journal.Pending(), 2)
	require.Equal(t, 2, eventsOf[PoolStopped](p.recorder)[0].Pending)

	f.set(func() { f.answer = nil })
	b = backend(t, f, dir)
	p = startPool(t, PoolConfig{Backend: b})
	require.Equal(t, 2, eventsOf[PoolStarted](p.recorder)[0].Pending)
	eventually(t, "they are judged", func() bool { return len(b.Journal.Pending()) == 0 })
	m = p.connect(stratum.ClientConfig{Worker: "w"})
	m.after(f.tips[1])
	require.NoError(t, p.stop())
	accepted, refused := eventsOf[BlockAccepted](p.recorder), eventsOf[BlockRefused](p.recorder)
	require.Len(t, accepted, 1)
	require.Len(t, refused, 1)
	require.True(t, accepted[0].Resent)
	require.Equal(t, int32(1), accepted[0].Height)
	require.Zero(t, accepted[0].Blocks, "only this run's blocks count")
	require.Contains(t, []chainhash.Hash{accepted[0].Hash, refused[0].Hash}, found)
}

// A share for a block that was replaced is stale, and its block is sent all
// the same.
func TestPoolStaleBlock(t *testing.T) {
	f := newFakeNode(easyBits)
	p := startPool(t, PoolConfig{Backend: backend(t, f, t.TempDir())})
	m := p.connect(stratum.ClientConfig{Worker: "w"})
	w := m.next()
	s := m.solve(w, true)
	f.set(func() { f.move(work.Mainnet.Genesis) })
	m.after(work.Mainnet.Genesis)
	// The client would not send it any more.
	line := stratum.AppendSubmit(nil, 77, "w", w.Job.ID, s.Extranonce[len(w.Extranonce1):], s.Time, s.Nonce, 0, false)
	for range 3 {
		_, err := m.conn.Write(line)
		require.NoError(t, err)
	}
	eventually(t, "it is refused", func() bool { return len(eventsOf[BlockRefused](p.recorder)) == 1 })
	require.NoError(t, p.stop())
	require.Equal(t, "stale", eventsOf[PoolFound](p.recorder)[0].Verdict)
	require.Len(t, eventsOf[PoolFound](p.recorder), 1, "one block is sent once")
	require.Len(t, f.submits, 1)
}

// What was found with a journal that can't be written is sent all the same.
func TestPoolNodeDownAtStart(t *testing.T) {
	f := newFakeNode(easyBits)
	f.broken = errDown
	p, err := NewPool(PoolConfig{Backend: backend(t, f, t.TempDir()), Listen: []ListenAt{{Address: "127.0.0.1:0"}}})
	require.NoError(t, err)
	require.ErrorIs(t, p.Run(t.Context()), errDown)

	// With a block waiting to be sent, the node is waited for, and so do the
	// devices.
	b := backend(t, f, t.TempDir())
	addBlock(t, b)
	r := startPool(t, PoolConfig{Backend: b})
	m := r.connect(stratum.ClientConfig{Worker: "w"})
	eventually(t, "the device waits", func() bool { return len(eventsOf[DeviceAuthorized](r.recorder)) == 1 })
	f.set(func() { f.broken = nil })
	m.next()
	eventually(t, "it is sent", func() bool { return len(b.Journal.Pending()) == 0 })
}

// A node that fails later costs nobody the work there is.
func TestPoolNodeLost(t *testing.T) {
	f := newFakeNode(hardBits)
	p := startPool(t, PoolConfig{Backend: backend(t, f, t.TempDir()), Vardiff: stratum.Vardiff{SharesPerMinute: -1, Start: 1e-9}})
	f.set(func() { f.broken = errDown })
	p.pool.follower.askRefresh()
	eventually(t, "it is told", func() bool { return len(eventsOf[NoTemplate](p.recorder)) > 0 })
	m := p.connect(stratum.ClientConfig{Worker: "w"})
	w := m.next()
	m.submit(w, m.solve(w, false))
	require.True(t, m.reply().Accepted)
	require.False(t, p.pool.status(time.Now()).Outdated)
	require.True(t, p.pool.status(time.Now().Add(time.Hour)).Outdated)
}

// A port that is taken is an error that says so.
func TestPoolPortInUse(t *testing.T) {
	f := newFakeNode(hardBits)
	p := startPool(t, PoolConfig{Backend: backend(t, f, t.TempDir())})
	second, err := NewPool(PoolConfig{
		Backend: backend(t, f, t.TempDir()),
		Listen:  []ListenAt{{Address: "127.0.0.1:0"}, {Address: p.address}},
	})
	require.NoError(t, err)
	require.ErrorContains(t, second.Run(t.Context()), p.address)
}

// Jobs of another ID, for a change of difficulty: nobody gets one twice, and
// few are made.
func TestPoolFreshJobs(t *testing.T) {
	f := newFakeNode(hardBits)
	// A long tag leaves no room.
	p := startPool(t, PoolConfig{Backend: backend(t, f, t.TempDir()), Tag: strings.Repeat("x", 81)})
	eventually(t, "there is work", func() bool { return p.pool.work.Load() != nil })
	conns := make([]*poolConn, 10)
	for i := range conns {
		conns[i] = &poolConn{pool: p.pool, payee: p.pool.payees.only}
	}
	all := map[string]bool{}
	for i, c := range conns {
		seen, coinbases := map[string]bool{}, map[string]bool{}
		for range 1 + i {
			j := c.pick(true)
			id := j.Job.Work().ID
			require.False(t, seen[id])
			coinbase := string(j.Job.Work().CoinbasePrefix) + string(j.Job.Work().CoinbaseSuffix)
			require.False(t, coinbases[coinbase], "a miner that begins anew would find the same shares again")
			coinbases[coinbase] = true
			require.Equal(t, len(seen) == 0, j.Clean, "the first one drops what was before")
			require.Same(t, j, c.pick(false))
			seen[id], all[id] = true, true
		}
	}
	require.Len(t, all, len(conns))

	f.set(func() { f.move(work.Mainnet.Genesis) })
	eventually(t, "the tip moved", func() bool { return p.pool.work.Load().base.PrevBlock == work.Mainnet.Genesis })
	j := conns[3].pick(true)
	require.True(t, j.Clean, "the first job of a tip drops what was before, even if it came for another reason")
	require.False(t, all[j.Job.Work().ID])
}

// What devices can't hand in any more is forgotten.
func TestPoolForgetsJobs(t *testing.T) {
	var i issuedJobs
	now := time.Unix(1_700_000_000, 0)
	tip := func(n int) *poolWork {
		return &poolWork{base: &work.Job{PrevBlock: chainhash.Hash{byte(n)}}}
	}
	for n := range 100 {
		i.published(tip(n), now)
		for k := range 3 {
			i.add(&work.Job{ID: fmt.Sprint(n, "-", k), PrevBlock: chainhash.Hash{byte(n)}})
		}
		require.LessOrEqual(t, len(i.jobs), 3*13)
		require.LessOrEqual(t, len(i.tips), 13)
		now = now.Add(time.Minute)
	}
	require.NotNil(t, i.jobs["99-2"])
	require.NotNil(t, i.jobs["90-0"])
	require.Nil(t, i.jobs["80-0"])
	i.published(tip(95), now)
	i.published(tip(96), now.Add(time.Hour))
	require.NotNil(t, i.jobs["95-1"], "it was the tip until now")
	require.Nil(t, i.jobs["99-1"])
}

// Stopping leaves no goroutine behind, and says so to devices by hanging up.
func TestPoolStops(t *testing.T) {
	before := runtime.NumGoroutine()
	f := newFakeNode(easyBits)
	p := startPool(t, PoolConfig{Backend: backend(t, f, t.TempDir()), StatusEvery: 10 * time.Millisecond})
	var miners []*testMiner
	for i := range 20 {
		miners = append(miners, p.connect(stratum.ClientConfig{Worker: fmt.Sprint("w", i)}))
	}
	for _, m := range miners {
		m.next()
	}
	idle, err := net.Dial("tcp", p.address) // says nothing
	require.NoError(t, err)
	defer idle.Close()
	eventually(t, "there is a status", func() bool {
		s := eventsOf[PoolStatus](p.recorder)
		return len(s) > 0 && s[len(s)-1].Connections == 21 && s[len(s)-1].Working == 20
	})
	require.NoError(t, p.stop())
	for _, m := range miners {
		require.Error(t, <-m.ended)
	}
	require.Len(t, eventsOf[DeviceGone](p.recorder), 21)
	require.Zero(t, p.pool.conns.count.Load())
	require.Zero(t, p.pool.conns.working.Load())
	// Not eventually, which has a goroutine of its own.
	for limit := time.Now().Add(poolPatience); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			stacks := make([]byte, 1<<20)
			require.Fail(t, "goroutines are left", "%s", stacks[:runtime.Stack(stacks, true)])
		}
	}
}

func TestShareCount(t *testing.T) {
	var s shareCount
	now := time.Unix(1_700_000_000, 0)
	require.Zero(t, s.rate(now))
	for range 600 {
		s.add(now, 1)
		now = now.Add(time.Second)
	}
	require.InEpsilon(t, float64(1<<32), s.rate(now), 0.05)
	s.add(now, 0)
	accepted, refused := s.counts()
	require.Equal(t, uint64(600), accepted)
	require.Equal(t, uint64(1), refused)
	require.Zero(t, s.rate(now.Add(time.Hour)))
}

// Of the blocks for one place some are sent, and more only if those are
// refused.
func TestPoolSiblings(t *testing.T) {
	f := newFakeNode(easyBits)
	hold, refuse := make(chan struct{}), true
	f.answer = func(int, []byte) (node.Answer, error) {
		<-hold
		if refuse {
			return node.Answer{Final: true, Reason: "rejected"}, nil
		}
		return node.Answer{Final: true, Accepted: true}, nil
	}
	b := backend(t, f, t.TempDir())
	p := startPool(t, PoolConfig{Backend: b, Vardiff: stratum.Vardiff{SharesPerMinute: -1}})
	m := p.connect(stratum.ClientConfig{Worker: "w"})
	w := m.next()
	find := func(n int) {
		for range n {
			m.submit(w, m.solve(w, true))
			require.True(t, m.reply().Accepted, "credit does not depend on what becomes of the block")
		}
	}
	find(maxSiblings + 5)
	eventually(t, "those to be sent are told", func() bool { return len(eventsOf[PoolFound](p.recorder)) == maxSiblings })
	require.Len(t, b.Journal.Pending(), maxSiblings)
	close(hold)
	eventually(t, "they are refused", func() bool { return len(eventsOf[BlockRefused](p.recorder)) == maxSiblings })
	find(1)
	eventually(t, "one more is sent", func() bool { return len(eventsOf[BlockRefused](p.recorder)) == maxSiblings+1 })
	f.set(func() { refuse = false })
	find(1)
	eventually(t, "one is accepted", func() bool { return len(eventsOf[BlockAccepted](p.recorder)) == 1 })
	m.after(f.tip())
	eventually(t, "the unsent are told", func() bool { return len(eventsOf[Notice](p.recorder)) == 1 })
	require.Contains(t, eventsOf[Notice](p.recorder)[0].Text, "5 more blocks")
	require.NoError(t, p.stop())
	require.Equal(t, 1, eventsOf[PoolStopped](p.recorder)[0].Accepted)
}

// A configuration that is read again changes what it can while devices stay.
func TestPoolReload(t *testing.T) {
	f := newFakeNode(hardBits)
	b := backend(t, f, t.TempDir())
	c := PoolConfig{Backend: b, Listen: []ListenAt{{Address: "127.0.0.1:0"}}, Tag: "/one/", Vardiff: stratum.Vardiff{SharesPerMinute: -1, Start: 1e-9}}
	p := startPool(t, c)
	m := p.connect(stratum.ClientConfig{Worker: "w"})
	before := m.next()

	wrong := c
	wrong.Vardiff = stratum.Vardiff{Min: 2, Max: 1}
	_, err := p.pool.Reload(wrong)
	require.ErrorContains(t, err, "least difficulty 2")
	wrong = c
	wrong.Tag = strings.Repeat("x", 90)
	_, err = p.pool.Reload(wrong)
	require.ErrorContains(t, err, "shorten the tag")

	c.Tag, c.Vardiff.Start, c.Vardiff.Min = "/two/", 4e-9, 2e-9
	c.Listen = []ListenAt{{Address: "127.0.0.1:0", Config: ListenConfig{MaxConns: 2}}}
	restart, err := p.pool.Reload(c)
	require.NoError(t, err)
	require.Empty(t, restart)
	after := m.next() // with the next tick
	require.False(t, after.Clean)
	require.Negative(t, after.Target.Cmp(before.Target))
	f.set(func() { f.move(work.Mainnet.Genesis) })
	w := m.after(work.Mainnet.Genesis)
	require.Contains(t, string(w.Job.CoinbaseSuffix), "/two/")
	harder := p.connect(stratum.ClientConfig{Worker: "w"}).next()
	require.Negative(t, harder.Target.Cmp(after.Target))
	third, err := net.Dial("tcp", p.address)
	if err == nil { // else it was closed before that was done
		_, err = io.ReadAll(third)
		third.Close()
		if err == nil {
			err = io.EOF
		}
	}
	require.Error(t, err, "there are as many as may be")

	c.Listen = append(c.Listen, ListenAt{Address: "127.0.0.1:0"})
	c.Solo, c.VersionMask, c.Status = true, 1, "127.0.0.1:0"
	restart, err = p.pool.Reload(c)
	require.NoError(t, err)
	require.Equal(t, []string{"listen", "status", "solo", "version-mask"}, restart)
}

// What crosses the wire is recorded before a device knows of it, without
// passwords.
func TestPoolRecords(t *testing.T) {
	dir := t.TempDir()
	recorder, err := OpenRecorder(RecorderConfig{Dir: dir})
	require.NoError(t, err)
	f := newFakeNode(hardBits)
	p := startPool(t, PoolConfig{
		Backend: backend(t, f, t.TempDir()), Recorder: recorder, Vardiff: stratum.Vardiff{SharesPerMinute: -1, Start: 1e-9},
	})
	recorded := func(text string) int {
		all := ""
		names, err := filepath.Glob(filepath.Join(dir, "*"))
		require.NoError(t, err)
		for _, name := range names {
			data, err := os.ReadFile(name)
			require.NoError(t, err)
			all += string(data)
		}
		return strings.Count(all, text)
	}
	m := p.connect(stratum.ClientConfig{Worker: "w", Password: "secret"})
	w := m.next()
	yes := recorded(`"result":true`) // to mining.authorize
	for n := range 20 {
		m.submit(w, m.solve(w, false))
		require.True(t, m.reply().Accepted)
		require.Equal(t, n+1, recorded(`"mining.submit"`))
		require.Equal(t, yes+n+1, recorded(`"result":true`))
	}
	require.NoError(t, p.stop())
	require.NoError(t, recorder.Close())
	require.Zero(t, recorded("secret"))
	require.Equal(t, 1, recorded(`"mining.notify","params":["`+w.Job.ID+`"`))
	require.Equal(t, 1, recorded(`"event":"close"`))
}

// Who hands in blocks from the future, which no node takes yet, keeps nobody else's from being sent.
func TestPoolBlocksFromTheFuture(t *testing.T) {
	f := newFakeNode(easyBits)
	future := time.Now().Add(3 * time.Hour)
	f.answer = func(_ int, block []byte) (node.Answer, error) {
		if binary.LittleEndian.Uint32(block[68:]) >= uint32(future.Unix()) {
			return node.Answer{Reason: "time-too-new"}, nil
		}
		return node.Answer{Final: true, Accepted: true}, nil
	}
	b := backend(t, f, t.TempDir())
	p := startPool(t, PoolConfig{Backend: b, Vardiff: stratum.Vardiff{SharesPerMinute: -1}})
	m := p.connect(stratum.ClientConfig{Worker: "w"})
	w := m.next()
	ahead, job := *w, *w.Job
	job.Time = uint32(future.Unix())
	ahead.Job = &job
	for range maxSiblings + 1 {
		m.submit(w, m.solve(&ahead, true))
		require.False(t, m.reply().Accepted)
	}
	require.Len(t, b.Journal.Pending(), maxSiblings)
	m.submit(w, m.solve(w, true))
	require.True(t, m.reply().Accepted)
	eventually(t, "it is accepted", func() bool { return len(eventsOf[BlockAccepted](p.recorder)) == 1 })
}

// Where the jobs of a tip that stays take too much memory, some devices have to come again, and all have work.
func TestPoolJobsFull(t *testing.T) {
	f := newFakeNode(hardBits)
	p := startPool(t, PoolConfig{
		Backend: backend(t, f, t.TempDir()), Vardiff: stratum.Vardiff{SharesPerMinute: -1, Start: 1e-9},
		validator: share.NewValidator(share.Options{MaxJobBytes: 256 << 10}),
	})
	// More than can fail at once.
	miners := make([]*testMiner, 8*runtime.GOMAXPROCS(0))
	for i := range miners {
		miners[i] = p.connect(stratum.ClientConfig{Worker: "w"})
		miners[i].next()
	}
	for n := 1; len(eventsOf[DeviceGone](p.recorder)) == 0; n++ {
		offered := len(eventsOf[JobOffered](p.recorder))
		f.set(func() { f.alter = func(t map[string]any) { t["coinbasevalue"] = int64(5_000_000_000) + int64(n) } })
		p.pool.mu.Lock()
		p.pool.issued.last = time.Now().Add(-time.Minute)
		p.pool.mu.Unlock()
		p.pool.follower.askRefresh()
		eventually(t, "it is offered", func() bool { return len(eventsOf[JobOffered](p.recorder)) > offered })
	}
	gone := eventsOf[DeviceGone](p.recorder)
	require.LessOrEqual(t, len(gone), len(miners)/2)
	require.Contains(t, gone[0].Reason, "no job could be sent")
	newest := p.pool.payees.only.jobs[0].share.Work().ID
	for _, m := range miners {
		var err error
		for err == nil {
			select {
			case w := <-m.works:
				if w.Job.ID == newest {
					err = io.EOF
				}
			case err = <-m.ended:
				again := p.connect(stratum.ClientConfig{Worker: "w", Session: m.client.Session()})
				require.Equal(t, newest, again.next().Job.ID)
			case <-time.After(poolPatience):
				require.Fail(t, "a device has no work")
			}
		}
	}
}

// A device that authorizes worker after worker takes no more room in the status than the first of them.
func TestPoolManyWorkers(t *testing.T) {
	f := newFakeNode(hardBits)
	p := startPool(t, PoolConfig{Backend: backend(t, f, t.TempDir()), Vardiff: stratum.Vardiff{SharesPerMinute: -1, Start: 1e-9}})
	m := p.connect(stratum.ClientConfig{Worker: "w"})
	w := m.next()
	for i := range 2 * maxWorkersOfDevice {
		_, err := fmt.Fprintf(m.conn, `{"id":%d,"method":"mining.authorize","params":["w%d","x"]}`+"\n", 1000+i, i)
		require.NoError(t, err)
	}
	m.submit(w, m.solve(w, false))
	require.True(t, m.reply().Accepted)
	s := p.pool.Snapshot()
	require.Len(t, s.Workers, maxWorkersOfDevice)
	require.EqualValues(t, 1, s.Devices[0].Credited)
	require.Equal(t, maxWorkersOfDevice, s.Devices[0].Workers)
	eventually(t, "they are told", func() bool { return len(eventsOf[DeviceAuthorized](p.recorder)) == maxWorkersOfDevice })
}

// Templates of one tip share the memory of the transactions that they have in common.
func TestShareTransactions(t *testing.T) {
	tx := func(b byte) work.TemplateTransaction {
		return work.TemplateTransaction{Hash: chainhash.Hash{b}, Data: []byte{b, b}}
	}
	before := &work.Template{Transactions: []work.TemplateTransaction{tx(1), tx(2)}}
	now := &work.Template{Transactions: []work.TemplateTransaction{tx(2), tx(3), tx(1)}}
	now.Transactions[2].Data = []byte{9} // a node that errs
	shareTransactions(now, before)
	require.Same(t, &before.Transactions[1].Data[0], &now.Transactions[0].Data[0])
	require.Equal(t, []byte{3, 3}, now.Transactions[1].Data)
	require.Equal(t, []byte{9}, now.Transactions[2].Data)
}
