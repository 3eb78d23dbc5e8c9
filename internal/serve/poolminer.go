package serve

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"golang.org/x/time/rate"

	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/mine"
)

// PoolMinerConfig says how to mine at pools. It is not touched after NewPoolMiner.
type PoolMinerConfig struct {
	// Pools are the pools in the order in which they are wanted. A later one is used while those before it fail. At
	// least one. Without a user the worker is called DefaultWorker.
	Pools []PoolURL

	// Roots are the certificates to trust. Default: those of the system.
	Roots *x509.CertPool

	// UserAgent is what pools are told of us. Default: touchstone.
	UserAgent string

	// VersionMask are the version bits to roll where a pool grants them; 0 rolls none.
	VersionMask uint32

	// Difficulty is suggested to the pool if it is not 0.
	Difficulty float64

	// Threads is the number of searching goroutines; 0 means GOMAXPROCS.
	Threads int

	// Kernel searches; the zero value, hash.Auto, is the fastest of those that can be used here, measured when there is
	// the first work.
	Kernel hash.Kernel

	// Shares ends Run when that many shares were accepted, Blocks when that many of them were blocks; 0 means never.
	Shares, Blocks int

	// StatusEvery is the time between two MinerStatus events; 0 means none.
	StatusEvery time.Duration

	// Times are how long pools may take.
	Times PoolTimes

	// OnEvent is told what happens, one call at a time, from a goroutine of its own: if it blocks, events are lost and
	// counted, and the search goes on. Default: nobody is told.
	OnEvent func(Event)

	// dial connects; nil means a net.Dialer.
	dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// PoolTimes are how long pools may take. Zero values are the defaults.
type PoolTimes struct {
	// Connect is for the connection, with TLS. Default: 10 s.
	Connect time.Duration
	// Handshake is from there to the first job. Default: 30 s.
	Handshake time.Duration
	// Reply is for the answer to a share. Default: 60 s.
	Reply time.Duration
	// Job is between two jobs: a pool that sends none for longer has hung, and searching the old one for longer is of
	// no use, because pools bound ntime. Default: 10 min.
	Job time.Duration
	// Retry is the first time between two attempts to reach a pool. It doubles with each that fails up to LongestRetry,
	// and both are shortened by up to a half, at random, so that not all miners come at once. Defaults: 1 s and 1 min.
	Retry, LongestRetry time.Duration
	// Stable is how long a connection on which no share was accepted must have worked for the next attempt to be the
	// first again. One that hung must have accepted shares for so long. Default: 1 min.
	Stable time.Duration
	// Linger is how long a connection that is left is kept for the answers to come. Default: 2 s; and 300 ms at the end
	// of Run.
	Linger time.Duration
}

// DefaultWorker is the worker's name where a pool's URL has no user; its password is DefaultPassword.
const (
	DefaultWorker   = "touchstone"
	DefaultPassword = "x"
)

// maxOutstandingShares bounds the shares that wait for their answers.
const maxOutstandingShares = 64

// lingerAtEnd is how long Run waits for the answers to shares when it is told to stop, which takes a second at most in all.
const lingerAtEnd = 300 * time.Millisecond

// PoolMiner mines at a pool: it takes jobs, searches them, and hands in the shares it finds.
//
// A pool that sends us elsewhere by client.reconnect is obeyed only where that is within its own domain: the same host,
// or a name under the same registered domain. All else is refused and told, for it is how hash rate is stolen.
//
// A share that is found while its job is replaced is handed in as long as its block is the newest; and one that is a
// block even if the pool dropped its job. Shares whose answer did not come before the connection ended are unknown: the
// pool may have counted them or not.
type PoolMiner struct {
	config PoolMinerConfig
	events *eventQueue
	choice func() kernelChoice // asked if no kernel is named
	pools  []*minedPool        // the supervisor's
	group  sync.WaitGroup      // of what Run starts
	enough chan struct{}       // closed when there is as much as was asked for
	poke   chan struct{}       // there is news; room for one

	mu       sync.Mutex
	room     sync.Cond   // is told when a share that waits for room may have it
	miner    *mine.Miner // nil before there is work
	news     []connNews
	serving  *minerConn      // shares go to it
	searched []*searchedWork // whose shares are welcome, oldest first
	stopping bool
	ended    bool           // the last event was told
	waiting  int            // shares that wait for their answers, on all connections
	blocking int            // those of them that are blocks
	racing   chainhash.Hash // parent of a block that was handed in and may have been taken
	messages pace           // of messages of pools
	garbage  pace           // of what can't be used
	refusals pace           // of what is refused: chatter can't hide it
	started  time.Time
	rate     rateMeter
	tally    minerTally
}

// minerTally is what came of the search.
type minerTally struct {
	accepted, rejected, unknown, blocks int
	best                                float64
}

// searchedWork is a work that was given to the miner.
type searchedWork struct {
	conn    *minerConn
	offered *stratum.ClientWork
	work    *mine.Work
	dropped bool // the pool wants no more of it
}

// waitingShare is a share that was handed in.
type waitingShare struct {
	job                  string
	hash                 chainhash.Hash
	difficulty, required float64
	block                bool
	parent               chainhash.Hash
	at                   time.Time
}

// NewPoolMiner returns a PoolMiner that does not run yet. It fails if the kernel can't be used here.
func NewPoolMiner(c PoolMinerConfig) (*PoolMiner, error) {
	if len(c.Pools) == 0 {
		return nil, errors.New("no pool to mine at")
	}
	if err := hash.SelfTest(c.Kernel); err != nil {
		return nil, err
	}
	if c.OnEvent == nil {
		c.OnEvent = func(Event) {}
	}
	if c.UserAgent == "" {
		c.UserAgent = "touchstone"
	}
	if c.Threads == 0 {
		c.Threads = runtime.GOMAXPROCS(0)
	}
	if c.dial == nil {
		c.dial = (&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: 30 * time.Second, Interval: 15 * time.Second, Count: 4,
		}}).DialContext
	}
	t := &c.Times
	for _, one := range []struct {
		value  *time.Duration
		normal time.Duration
	}{
		{&t.Connect, 10 * time.Second}, {&t.Handshake, 30 * time.Second}, {&t.Reply, time.Minute}, {&t.Job, 10 * time.Minute},
		{&t.Retry, time.Second}, {&t.LongestRetry, time.Minute}, {&t.Stable, time.Minute}, {&t.Linger, 2 * time.Second},
	} {
		if *one.value == 0 {
			*one.value = one.normal
		}
	}
	m := &PoolMiner{
		config: c, choice: thisMachine, enough: make(chan struct{}), poke: make(chan struct{}, 1),
		// Some at once, and one each second: a pool can't fill a log.
		messages: newPace(20), garbage: newPace(20), refusals: newPace(5),
		events: newEventQueue(c.OnEvent),
	}
	m.config.OnEvent = m.events.put
	m.room.L = &m.mu
	for i, url := range c.Pools {
		if url.User == "" {
			url.User = DefaultWorker
		}
		if url.Password == "" {
			url.Password = DefaultPassword
		}
		m.pools = append(m.pools, &minedPool{index: i, url: url})
	}
	return m, nil
}

// Run mines until ctx ends or there is as much as was asked for, and returns nil then. It returns an error if all pools
// refuse us at the start for reasons that don't pass by waiting: they don't take the worker, or their certificate or
// name is wrong. Later troubles are events, and what failed is tried again. Run can be called once.
func (m *PoolMiner) Run(ctx context.Context) error {
	go m.events.run()
	defer m.events.close(eventDrain)
	// Who asked for so many shares wants to read of all of them, in their own time.
	defer m.events.drain(ctx)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m.mu.Lock()
	m.started = time.Now()
	m.rate.add(m.started, 0)
	started := MinerStarted{Worker: m.pools[0].url.User, Threads: m.config.Threads, VersionMask: formatMask(m.config.VersionMask)}
	for _, p := range m.pools {
		started.Pools = append(started.Pools, p.url.String())
	}
	m.config.OnEvent(started)
	m.mu.Unlock()

	if m.config.StatusEvery > 0 {
		m.group.Go(func() { m.tell(ctx) })
	}
	m.group.Go(func() {
		select {
		case <-ctx.Done():
		case <-m.enough:
			cancel()
		}
		// Whoever waits for room does so no more.
		m.mu.Lock()
		defer m.mu.Unlock()
		m.stopping = true
		m.room.Broadcast()
	})
	err := m.supervise(ctx)
	cancel()
	m.group.Wait()

	m.mu.Lock()
	defer m.mu.Unlock()
	hashes, elapsed, t := m.hashes(), time.Since(m.started), m.tally
	for _, p := range []*pace{&m.messages, &m.garbage, &m.refusals} {
		m.tellUntold(p)
	}
	m.ended = true
	m.config.OnEvent(MinerStopped{
		Accepted: t.accepted, Rejected: t.rejected, Unknown: t.unknown, Blocks: t.blocks,
		Hashes: hashes, Elapsed: seconds(elapsed), Rate: float64(hashes) / max(elapsed.Seconds(), 1e-9),
	})
	return err
}

// newMiner makes the miner and starts it, when it is known how many version bits can be rolled: kernels differ in what
// they make of them.
func (m *PoolMiner) newMiner(ctx context.Context, mask uint32) error {
	kernel, told := m.config.Kernel, []Event{KernelChosen{m.config.Kernel.String(), ReasonNamed, midstatesOf(mask), []KernelRate{}}}
	if kernel == hash.Auto {
		var err error
		if kernel, told, err = m.choice().choose(ctx, midstatesOf(mask)); err != nil {
			return err
		}
	}
	miner, err := mine.New(mine.Config{Threads: m.config.Threads, Kernel: kernel, OnFound: m.found})
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.miner = miner
	for _, e := range told {
		m.config.OnEvent(e)
	}
	m.group.Go(func() { _ = miner.Run(ctx) }) // it errs only if it runs twice
	return nil
}

// search makes a job of the active connection what is searched. The caller holds mu.
func (m *PoolMiner) search(c *minerConn, w *stratum.ClientWork) {
	next := &searchedWork{c, w, &mine.Work{
		Job: w.Job, Extranonce1: w.Extranonce1, Target: w.Target,
		// A job that comes again, perhaps on another connection with the same extranonce1, is not searched in the same
		// places.
		FirstExtranonce2: randomExtranonce2(w.Job.Extranonce2Size),
	}, false}
	if err := m.miner.SetWork(next.work); err != nil {
		m.unreadable(c, err)
		return
	}
	var kept []*searchedWork
	for _, s := range m.searched {
		if s.conn == c && s.offered.Job.PrevBlock == w.Job.PrevBlock {
			s.dropped = s.dropped || w.Clean
			kept = append(kept, s)
		}
	}
	if len(kept) >= maxSearched {
		kept = kept[len(kept)-maxSearched+1:]
	}
	m.searched = append(kept, next)
	m.room.Broadcast()
	m.config.OnEvent(PoolJob{
		Pool: c.pool.url.String(), Job: w.Job.ID, Previous: w.Job.PrevBlock, Clean: w.Clean,
		Difficulty: w.Target.Difficulty(), Network: w.Job.Target.Difficulty(), VersionMask: formatMask(w.Job.VersionMask),
	})
}

// maxSearched is how many works on one block are remembered: a share is found in an older one only while threads turn
// to the newest.
const maxSearched = 8

// randomExtranonce2 returns where to begin, in the lower half of the values that so many bytes have.
func randomExtranonce2(size int) uint64 {
	if size == 0 {
		return 0
	}
	values := uint64(math.MaxUint64)
	if size < 8 {
		values = 1<<(8*size) - 1
	}
	return rand.Uint64N(values/2 + 1)
}

// idle makes nothing what is searched. The caller holds mu.
func (m *PoolMiner) idle() {
	m.serving, m.searched = nil, nil
	if m.miner != nil {
		_ = m.miner.SetWork(nil) // nothing can't be wrong
	}
	m.room.Broadcast()
}

// found hands in a share. Where too many wait for their answers, it waits for room: so the search goes no faster than
// the pool, until there is other work. A block waits on, as long as its parent is the tip.
func (m *PoolMiner) found(f mine.Found) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for !m.stopping {
		var s *searchedWork
		for _, one := range m.searched {
			if one.work == f.Work {
				s = one
			}
		}
		if s == nil || s.dropped && !f.Network {
			return
		}
		if m.hasRoom(f.Network) && !(f.Network && m.racing == f.Work.Job.PrevBlock) {
			s.conn.submit(s.offered, &f)
			return
		}
		if s != m.searched[len(m.searched)-1] && !f.Network {
			return
		}
		m.room.Wait()
	}
}

// blockPatience is how long we wait, after a block of ours, for the job that builds on it: another block in its place would only compete
// with it, and on an easy chain a thread finds hundreds before it hears of the first.
const blockPatience = 250 * time.Millisecond

// race has other blocks with that parent wait. The caller holds mu.
func (m *PoolMiner) race(parent chainhash.Hash) {
	m.racing = parent
	time.AfterFunc(blockPatience, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.lost(parent)
	})
}

// lost says that the place after that parent is free again, as far as is known. The caller holds mu.
func (m *PoolMiner) lost(parent chainhash.Hash) {
	if m.racing == parent {
		m.racing = chainhash.Hash{}
		m.room.Broadcast()
	}
}

// hasRoom reports whether a share may be handed in. No more are than are wanted, if all are accepted; and a pool that
// is behind with its answers is spared shares, but no block. The caller holds mu.
func (m *PoolMiner) hasRoom(block bool) bool {
	c := &m.config
	return (block || m.waiting < maxOutstandingShares) &&
		(c.Shares == 0 || m.tally.accepted+m.waiting < c.Shares) &&
		(c.Blocks == 0 || !block || m.tally.blocks+m.blocking < c.Blocks)
}

// answered counts a share whose fate is known. The caller holds mu.
func (m *PoolMiner) answered(c *minerConn, s *waitingShare, answer, words string) {
	m.waiting--
	if s.block {
		m.blocking--
	}
	t := &m.tally
	switch answer {
	case AnswerAccepted:
		t.accepted++
		if s.block {
			t.blocks++
		}
	case AnswerRejected:
		t.rejected++
	default:
		t.unknown++
	}
	if s.block && answer != AnswerAccepted {
		m.lost(s.parent)
	}
	m.config.OnEvent(ShareAnswered{
		Pool: c.pool.url.String(), Job: s.job, Hash: s.hash, Difficulty: s.difficulty, Required: s.required, Block: s.block,
		Answer: answer, Words: words, Wait: seconds(time.Since(s.at)),
	})
	if m.config.Shares > 0 && t.accepted >= m.config.Shares || m.config.Blocks > 0 && t.blocks >= m.config.Blocks {
		select {
		case <-m.enough:
		default:
			close(m.enough)
		}
	}
	m.room.Broadcast()
}

// unreadable tells that a pool sent what can't be used. The caller holds mu.
func (m *PoolMiner) unreadable(c *minerConn, err error) {
	if untold, tell := m.mayTell(&m.garbage); tell {
		m.config.OnEvent(PoolUnreadable{c.pool.url.String(), err.Error(), untold})
	}
}

// pace bounds how often a kind of event is told.
type pace struct {
	limiter *rate.Limiter
	untold  int
	waiting bool // for the time to tell how many were not told
}

func newPace(atOnce int) pace { return pace{limiter: rate.NewLimiter(1, atOnce)} }

// untoldAfter is when it is told how many were not, if no other event of the kind has done so.
const untoldAfter = 10 * time.Second

// mayTell reports whether an event of a pool may be told now, and how many before it were not. The caller holds mu.
func (m *PoolMiner) mayTell(p *pace) (untold int, tell bool) {
	if p.limiter.Allow() {
		untold, p.untold = p.untold, 0
		return untold, true
	}
	p.untold++
	if !p.waiting {
		p.waiting = true
		time.AfterFunc(untoldAfter, func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.tellUntold(p)
		})
	}
	return 0, false
}

// tellUntold says that a pool said more than was told. The caller holds mu.
func (m *PoolMiner) tellUntold(p *pace) {
	n := p.untold
	p.untold, p.waiting = 0, false
	if n == 0 || m.ended {
		return
	}
	what := "messages of pools"
	switch p {
	case &m.garbage:
		what = "things of pools that can't be used"
	case &m.refusals:
		what = "wishes of pools to mine elsewhere, all refused,"
	}
	m.config.OnEvent(Notice{fmt.Sprintf("%s were not told, because they came too fast: %d", what, n)})
}

// hashes is how many were tried. The caller holds mu.
func (m *PoolMiner) hashes() uint64 {
	if m.miner == nil {
		return 0
	}
	return m.miner.Stats().Hashes
}

// tell emits MinerStatus events until ctx ends.
func (m *PoolMiner) tell(ctx context.Context) {
	repeat(ctx, m.config.StatusEvery, &m.mu, func(now time.Time) { m.config.OnEvent(m.status(now)) })
}

// status is how the search goes. The caller holds mu.
func (m *PoolMiner) status(now time.Time) MinerStatus {
	hashes, t := m.hashes(), m.tally
	st := MinerStatus{
		Rate: m.rate.add(now, hashes), Hashes: hashes, Elapsed: seconds(now.Sub(m.started)), Threads: m.config.Threads,
		Best: t.best, Accepted: t.accepted, Rejected: t.rejected, Unknown: t.unknown, Outstanding: m.waiting, Blocks: t.blocks,
	}
	if m.miner != nil {
		st.Kernel = m.miner.Kernel().String()
	}
	if m.serving == nil || len(m.searched) == 0 {
		return st
	}
	w := m.searched[len(m.searched)-1].offered
	st.Pool, st.Difficulty, st.Network = m.serving.pool.url.String(), w.Target.Difficulty(), w.Job.Target.Difficulty()
	if st.Rate > 0 {
		n, _ := new(big.Float).SetInt(w.Target.Work()).Float64()
		st.Expected = Seconds(n / st.Rate)
	}
	return st
}

// shareOf is a share as it is remembered until its answer comes.
func shareOf(w *stratum.ClientWork, f *mine.Found, now time.Time) *waitingShare {
	return &waitingShare{
		job: w.Job.ID, hash: f.Hash, difficulty: work.HashDifficulty(&f.Hash), required: w.Target.Difficulty(), block: f.Network, parent: w.Job.PrevBlock, at: now,
	}
}
