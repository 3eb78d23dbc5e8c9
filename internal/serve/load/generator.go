package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// Generator makes load. Its methods are safe for concurrent use.
type Generator struct {
	config  Config
	address string
	conns   []*conn

	dialling chan struct{}
	jobs     *jobs
	tips     tips
	words    words

	connect, reply, late histogram

	ready, mostReady, outstanding                     atomic.Int64
	failed, closed, reconnects, shared                atomic.Uint64
	sent, accepted, refused, lost, misjudged, excused atomic.Uint64
	crossed, unasked, garbled, skipped, tooHard       atomic.Uint64
	blocks, hashes, due                               atomic.Uint64
	kinds, right                                      [numKinds]atomic.Uint64

	mu          sync.Mutex
	rng         *rand.Rand
	extranonces map[string]int
	began       time.Time
	ended       time.Time
}

// maxDialling is how many connections are being opened at a time.
const maxDialling = 128

// New returns a Generator that does nothing yet. It errs where the config makes no sense, and where this process may not have that
// many files open.
func New(c Config) (*Generator, error) {
	c, address, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	// A few are needed for other things.
	if limit := fileLimit(); uint64(c.Connections)+32 > limit {
		return nil, fmt.Errorf("%d connections: this process may have only %d files open: raise the limit, for example with ulimit -n %d",
			c.Connections, limit, c.Connections+1000)
	}
	g := &Generator{
		config: c, address: address,
		dialling: make(chan struct{}, maxDialling), jobs: newJobs(), words: words{replies: map[string]uint64{}},
		rng: rand.New(rand.NewPCG(c.Seed, 0)), extranonces: map[string]int{},
	}
	for i := range c.Connections {
		g.conns = append(g.conns, &conn{
			g: g, number: i + 1, worker: fmt.Sprintf("%s.%d", c.Worker, i+1), rolling: g.rng.Float64() < c.Rolling, nonce: g.rng.Uint32(),
		})
	}
	return g, nil
}

// Run makes the load until it is done or ctx ends; it returns when all is closed. It errs if no connection came as far as a job; what
// else goes wrong is in the Report. It can be called once.
func (g *Generator) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var reading sync.WaitGroup
	defer func() {
		cancel()
		for _, c := range g.conns {
			c.stop()
		}
		reading.Wait()
	}()
	if err := g.open(ctx, &reading); err != nil || ctx.Err() != nil {
		return err
	}
	if err := g.load(ctx); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return nil
	}
	g.drain(ctx)
	if g.config.Drained != nil {
		g.config.Drained()
	}
	return nil
}

// open opens the connections, at the rate that the config says, and returns when each has come to something.
func (g *Generator) open(ctx context.Context, reading *sync.WaitGroup) error {
	var opening sync.WaitGroup
	began := time.Now()
	for i, c := range g.conns {
		at := began.Add(time.Duration(float64(i) / g.config.ConnectRate * float64(time.Second)))
		if !sleep(ctx, time.Until(at)) {
			break
		}
		opening.Add(1)
		reading.Add(1)
		go func() {
			defer reading.Done()
			once := sync.OnceFunc(opening.Done)
			defer once()
			c.run(ctx, once)
		}()
	}
	opening.Wait()
	if ctx.Err() == nil && g.ready.Load() == 0 {
		r := g.Report()
		if len(r.Problems) == 0 {
			return errors.New("no connection came as far as a job")
		}
		return fmt.Errorf("no connection came as far as a job: %s", r.Problems[0])
	}
	return nil
}

// sleep waits, and returns false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// load sends shares for as long as the config says.
func (g *Generator) load(ctx context.Context) error {
	g.mu.Lock()
	g.began = time.Now()
	began := g.began
	g.mu.Unlock()
	if g.config.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, began.Add(g.config.Duration))
		defer cancel()
	}
	senders := max(1, min(runtime.GOMAXPROCS(0), len(g.conns)))
	errs := make(chan error, senders)
	var sending sync.WaitGroup
	for i := range senders {
		sending.Go(func() { errs <- g.sendDue(ctx, began, i, senders) })
	}
	blocks, stopBlocks := context.WithCancel(ctx)
	defer stopBlocks()
	var searching sync.WaitGroup
	if g.config.BlockEvery > 0 {
		searching.Go(func() {
			for sleep(blocks, g.config.BlockEvery) {
				if _, err := g.FindBlock(blocks); err != nil && blocks.Err() == nil {
					g.words.problem("%v", err)
				}
			}
		})
	}
	sending.Wait()
	stopBlocks()
	searching.Wait()
	g.mu.Lock()
	g.ended = time.Now()
	g.mu.Unlock()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}

// drain waits for the last replies. Those that don't come are lost.
func (g *Generator) drain(ctx context.Context) {
	deadline := time.Now().Add(g.config.Drain)
	for g.outstanding.Load() > 0 && time.Now().Before(deadline) && sleep(ctx, 5*time.Millisecond) {
	}
	if ctx.Err() != nil {
		return
	}
	for _, c := range g.conns {
		c.mu.Lock()
		if n := len(c.waiting); n > 0 {
			s := &c.waiting[0]
			g.words.problem("connection %d: no reply to %d shares, the first of kind %s, sent %s ago", c.number, n, s.kind,
				time.Since(s.at).Round(time.Millisecond))
			g.lost.Add(uint64(n))
			g.outstanding.Add(-int64(n))
			c.waiting = nil
		}
		c.mu.Unlock()
	}
}

// FindBlock has one of the connections search a block and send it, and returns its hash when it was sent: a new tip, which Report.Tips
// tells of. It takes as many hashes as the network's difficulty says, on one thread. It errs if ctx ends, or if there is nobody to
// search.
func (g *Generator) FindBlock(ctx context.Context) (chainhash.Hash, error) {
	m, err := newMiner()
	if err != nil {
		return chainhash.Hash{}, err
	}
	rng := g.newRand()
	for ctx.Err() == nil {
		if g.ready.Load() == 0 {
			return chainhash.Hash{}, errors.New("no connection is ready to search a block")
		}
		c := g.conns[rng.IntN(len(g.conns))]
		if hash, ok := c.findBlock(ctx, m, rng); ok {
			return hash, nil
		}
		// Others may be ready, or a new job come.
		sleep(ctx, time.Millisecond)
	}
	return chainhash.Hash{}, ctx.Err()
}

// findBlock searches a block for the connection's newest job, and sends it.
func (c *conn) findBlock(ctx context.Context, m *miner, rng *rand.Rand) (chainhash.Hash, bool) {
	p, ok := c.plan(rng, Good)
	if !ok {
		return chainhash.Hash{}, false
	}
	p.task.target = p.task.job.Target
	s, found := m.mine(ctx, &p.task)
	c.g.hashes.Add(s.tried)
	if !found || c.commit(p, &s) != fateSent {
		return chainhash.Hash{}, false
	}
	return s.hash, true
}

// Moved says that the pool's node got a new tip just now, of that hash (internal order), not by one of our shares: Report.Tips counts
// from here.
func (g *Generator) Moved(tip chainhash.Hash) { g.tips.moved(&tip, time.Now()) }

// Ready returns how many connections are authorized and have a job.
func (g *Generator) Ready() int { return int(g.ready.Load()) }

func (g *Generator) newRand() *rand.Rand {
	g.mu.Lock()
	defer g.mu.Unlock()
	return rand.New(rand.NewPCG(g.rng.Uint64(), g.rng.Uint64()))
}

func (g *Generator) jitter(n int64) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.rng.Int64N(n)
}

func (g *Generator) takeExtranonce(en1 []byte) (alone bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.extranonces[string(en1)]++
	if alone = g.extranonces[string(en1)] == 1; !alone {
		g.shared.Add(1)
	}
	return alone
}

func (g *Generator) dropExtranonce(en1 []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.extranonces[string(en1)]--; g.extranonces[string(en1)] <= 0 {
		delete(g.extranonces, string(en1))
	}
}

// Report returns what came of the load so far.
func (g *Generator) Report() Report {
	r := Report{
		Connections: len(g.conns), Ready: int(g.ready.Load()), MostReady: int(g.mostReady.Load()),
		Failed: g.failed.Load(), Closed: g.closed.Load(), Reconnects: g.reconnects.Load(), SharedExtranonce: g.shared.Load(),
		Sent: g.sent.Load(), Accepted: g.accepted.Load(), Refused: g.refused.Load(), Lost: g.lost.Load(), Outstanding: uint64(max(g.outstanding.Load(), 0)),
		Misjudged: g.misjudged.Load(), Excused: g.excused.Load(), Crossed: g.crossed.Load(), Unasked: g.unasked.Load(), Garbled: g.garbled.Load(),
		Skipped: g.skipped.Load(), TooHard: g.tooHard.Load(), Blocks: g.blocks.Load(), Hashes: g.hashes.Load(),
		Replies: map[string]uint64{}, Kinds: map[string]KindCount{},
		Connect: g.connect.latency(), Reply: g.reply.latency(), Late: g.late.latency(), Tips: g.tips.report(),
	}
	for k := range numKinds {
		if n := g.kinds[k].Load(); n > 0 {
			r.Kinds[k.String()] = KindCount{n, g.right[k].Load()}
		}
	}
	g.words.mu.Lock()
	for said, n := range g.words.replies {
		r.Replies[said] = n
	}
	r.Problems = append(r.Problems, g.words.problems...)
	g.words.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.began.IsZero():
	case g.ended.IsZero():
		r.Seconds = time.Since(g.began).Seconds()
	default:
		r.Seconds = g.ended.Sub(g.began).Seconds()
	}
	return r
}
