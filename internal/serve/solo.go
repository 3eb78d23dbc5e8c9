package serve

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"sync"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/mine"
	"github.com/touchstone-btc/touchstone/work/node"
)

// SoloConfig says how to mine alone. It is not touched after [NewSolo].
type SoloConfig struct {
	// Backend gives templates and takes blocks. Required; the caller closes it,
	// after Run.
	Backend *Backend

	// Tag is text for the coinbase's scriptSig. Default: none.
	Tag string

	// VersionMask are the version bits to roll where a template leaves them
	// free; 0 rolls none.
	VersionMask uint32

	// Threads is the number of searching goroutines; 0 means GOMAXPROCS.
	Threads int

	// Kernel searches; the zero value leaves the choice to package hash.
	Kernel hash.Kernel

	// Blocks ends Run when that many blocks of this run were accepted; 0 means
	// never.
	Blocks int

	// StatusEvery is the time between two Status events; 0 means none.
	StatusEvery time.Duration

	// OnEvent is told what happens, one call at a time. It must not block, nor
	// call the Solo. Default: nobody is told.
	OnEvent func(Event)
}

// Solo mines alone: it takes templates from a Backend, searches them, and
// hands over the blocks it finds, each written to disk before it is sent.
type Solo struct {
	config    SoloConfig
	miner     *mine.Miner
	submitter *node.Submitter

	// refresh asks for a template at once; it has room for one request.
	refresh chan struct{}
	// enough is closed when as many blocks were accepted as were asked for.
	enough chan struct{}
	// keeping are the goroutines that hand a spare to the submitter.
	keeping sync.WaitGroup

	started time.Time
	jobs    int // made so far; only one goroutine makes them

	mu          sync.Mutex
	extranonce1 uint32 // of the next work
	job         *soloJob
	races       map[chainhash.Hash]*race      // by parent
	blocks      map[chainhash.Hash]*soloBlock // undecided, by hash
	accepted    int
	refused     int
	rate        rateMeter
}

// soloJob is a job with what is told of it.
type soloJob struct {
	job          *work.Job
	transactions int
}

// soloBlock is a block on its way to the node.
type soloBlock struct {
	height int32
	parent chainhash.Hash
	resent bool
}

// race is about the block that follows one parent. A block of ours takes part
// until a node refuses it; those found meanwhile, by threads that had not yet
// heard of it, would only compete with our own and wait for its end.
type race struct {
	spare []foundBlock
	won   time.Time // when a node took our block; zero before
}

// patience is how long a node may offer work for a place that our block has
// already won there, before we believe that it lost the block again.
const patience = time.Minute

// foundBlock is a found block in full.
type foundBlock struct {
	raw    []byte
	parent chainhash.Hash
	event  BlockFound
}

// NewSolo returns a Solo that does not run yet. It fails if the kernel can't
// run here.
func NewSolo(c SoloConfig) (*Solo, error) {
	if c.OnEvent == nil {
		c.OnEvent = func(Event) {}
	}
	s := &Solo{
		config:  c,
		refresh: make(chan struct{}, 1),
		enough:  make(chan struct{}),
		races:   map[chainhash.Hash]*race{},
		blocks:  map[chainhash.Hash]*soloBlock{},
	}
	// Two processes that pay the same address from the same templates try
	// different headers because they begin elsewhere.
	var begin [extranonce1Size]byte
	rand.Read(begin[:])
	s.extranonce1 = binary.BigEndian.Uint32(begin[:])
	var err error
	s.miner, err = mine.New(mine.Config{
		Threads: c.Threads,
		Kernel:  c.Kernel,
		OnFound: s.found,
	})
	if err != nil {
		return nil, err
	}
	s.submitter, err = node.NewSubmitter(node.SubmitterConfig{
		Journal: c.Backend.Journal,
		Source:  c.Backend.Source,
		OnEvent: s.submitted,
	})
	return s, err
}

// Sizes of the extranonces, in bytes: one to tell processes apart, one that
// no process can exhaust.
const (
	extranonce1Size = 4
	extranonce2Size = 8
)

// Run mines until ctx ends or there are enough blocks, and returns nil then.
// If there is no usable template to begin with it returns why; unless a block
// of an earlier run waits to be sent and the reason may pass. Later troubles
// are events, and what failed is tried again. Run can be called once.
func (s *Solo) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.started = time.Now()
	s.rate.add(s.started, 0)
	pending := s.config.Backend.Journal.Pending()
	for _, e := range pending {
		b := s.earlierBlock(e.Hash)
		s.blocks[e.Hash] = b
		s.races[b.parent] = &race{}
	}

	next, err := s.template(ctx, "")
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		if len(pending) == 0 || !node.Temporary(err) {
			return err
		}
		s.emit(NoTemplate{err.Error(), 0})
	}
	b := s.config.Backend
	s.emit(Started{
		Chain:       b.Chain,
		Nodes:       append([]string{}, b.Nodes...),
		Folder:      b.Folder,
		Address:     b.Address,
		Threads:     s.miner.Threads(),
		Kernel:      s.miner.Kernel().String(),
		VersionMask: formatMask(s.config.VersionMask),
		Pending:     len(pending),
	})

	var group sync.WaitGroup
	fail := make(chan error, 2)
	run := func(f func(context.Context) error) {
		group.Go(func() {
			if err := f(ctx); err != nil {
				fail <- err
				cancel()
			}
		})
	}
	run(s.submitter.Run)
	run(s.miner.Run)
	group.Go(func() { s.follow(ctx, next) })
	if s.config.StatusEvery > 0 {
		group.Go(func() { s.tell(ctx) })
	}
	select {
	case <-ctx.Done():
	case <-s.enough:
		cancel()
	}
	group.Wait()
	s.keeping.Wait()

	s.mu.Lock()
	defer s.mu.Unlock()
	stats, elapsed := s.miner.Stats(), time.Since(s.started)
	s.config.OnEvent(Stopped{
		Accepted: s.accepted,
		Refused:  s.refused,
		Pending:  len(b.Journal.Pending()),
		Hashes:   stats.Hashes,
		Elapsed:  seconds(elapsed),
		Rate:     float64(stats.Hashes) / max(elapsed.Seconds(), 1e-9),
	})
	select {
	case err := <-fail:
		return err
	default:
		return nil
	}
}

// emit tells an event.
func (s *Solo) emit(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config.OnEvent(e)
}

// earlierBlock is what is known of a block that an earlier run found.
func (s *Solo) earlierBlock(hash chainhash.Hash) *soloBlock {
	b := &soloBlock{height: -1, resent: true}
	if raw, err := s.config.Backend.Journal.Block(hash); err == nil {
		if report, err := work.CheckBlock(raw, work.BlockRules{Height: -1}); err == nil {
			b.height, b.parent = report.Height, report.Header.PrevBlock
		}
	}
	return b
}

// offer is a template made into a job.
type offer struct {
	job        *soloJob
	longPollID string
}

// errSource marks errors of the source, as against those of what it sent.
var errSource = errors.New("no answer from the source")

type sourceError struct{ error }

func (e sourceError) Unwrap() []error { return []error{errSource, e.error} }

// template takes a template and makes a job of it.
func (s *Solo) template(ctx context.Context, longPollID string) (*offer, error) {
	data, err := s.config.Backend.Source.Template(ctx, longPollID)
	if err != nil {
		return nil, sourceError{err}
	}
	t, err := work.ParseTemplate(data)
	if err != nil {
		return nil, err
	}
	s.jobs++
	job, err := work.NewJob(strconv.Itoa(s.jobs), t, work.CoinbaseOptions{
		Payouts:         []work.Payout{{Script: s.config.Backend.Script, Value: work.Remainder}},
		Tag:             []byte(s.config.Tag),
		Extranonce1Size: extranonce1Size,
		Extranonce2Size: extranonce2Size,
		VersionMask:     work.SoloMask(t, s.config.VersionMask),
	})
	if err != nil {
		return nil, err
	}
	return &offer{&soloJob{job, len(t.Transactions)}, t.LongPollID}, nil
}

// pollInterval is the time between two templates of a source that cannot say
// when there is new work.
const pollInterval = time.Second

// follow searches what the source offers until ctx ends.
func (s *Solo) follow(ctx context.Context, next *offer) {
	wait := firstWait
	longPollID := ""
	for ctx.Err() == nil {
		if next != nil {
			wait, longPollID = firstWait, next.longPollID
			if err := s.search(next.job); err != nil {
				s.emit(NoTemplate{err.Error(), seconds(pollInterval)})
				longPollID = ""
			}
			if longPollID == "" {
				s.pause(ctx, pollInterval)
			}
		}
		// A request for fresh work ends a long poll that is under way.
		pollCtx, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		asked := make(chan bool, 1)
		go func() {
			select {
			case <-s.refresh:
				stop()
				asked <- true
			case <-done:
				asked <- false
			}
		}()
		var err error
		next, err = s.template(pollCtx, longPollID)
		close(done)
		refreshed := <-asked
		stop()
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && !refreshed:
		case refreshed:
			if err != nil {
				next = nil
			}
			longPollID = ""
		case errors.Is(err, errSource) && len(s.config.Backend.Nodes) > 0:
			// Nodes has told of it, and takes the time that each node needs.
			longPollID = ""
		default:
			s.emit(NoTemplate{err.Error(), seconds(wait)})
			longPollID = ""
			s.pause(ctx, wait)
			wait = min(2*wait, longestWait)
		}
	}
}

// pause waits, but not longer than until fresh work is asked for.
func (s *Solo) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-s.refresh:
	case <-t.C:
	}
}

// askRefresh has follow ask for a template at once.
func (s *Solo) askRefresh() {
	select {
	case s.refresh <- struct{}{}:
	default:
	}
}

// search makes j what is searched.
func (s *Solo) search(j *soloJob) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	newTip := s.job == nil || s.job.job.PrevBlock != j.job.PrevBlock
	s.job = j
	for parent, r := range s.races {
		if parent != j.job.PrevBlock {
			// No spare of ours can win there any more.
			r.spare = nil
		}
		if !r.won.IsZero() && (parent != j.job.PrevBlock || time.Since(r.won) > patience) {
			delete(s.races, parent)
		}
	}
	if err := s.setWork(); err != nil {
		return err
	}
	s.config.OnEvent(NewJob{
		Job:          j.job.ID,
		Height:       j.job.Height,
		Previous:     j.job.PrevBlock,
		NewTip:       newTip,
		Difficulty:   j.job.Target.Difficulty(),
		Transactions: j.transactions,
		VersionMask:  formatMask(j.job.VersionMask),
	})
	return nil
}

// setWork gives the miner the job there is, or nothing while a block of ours
// is already on its way to the same place, or when enough blocks may be on
// their way. The caller holds mu.
func (s *Solo) setWork() error {
	if s.job == nil || s.races[s.job.job.PrevBlock] != nil || s.satisfied() {
		return s.miner.SetWork(nil)
	}
	// Another extranonce1 for each work: a job that is taken up again must not
	// be searched in the same places.
	extranonce1 := binary.BigEndian.AppendUint32(nil, s.extranonce1)
	s.extranonce1++
	return s.miner.SetWork(&mine.Work{Job: s.job.job, Extranonce1: extranonce1})
}

// satisfied reports whether as many blocks as asked for are accepted or may
// yet be. The caller holds mu.
func (s *Solo) satisfied() bool {
	hoped := s.accepted
	for _, b := range s.blocks {
		if !b.resent {
			hoped++
		}
	}
	return s.config.Blocks > 0 && hoped >= s.config.Blocks
}

// found takes a block from a searching thread.
func (s *Solo) found(f mine.Found) {
	job := f.Work.Job
	raw, err := job.Block(&f.Solution)
	if err != nil {
		// Cannot be: only NewJob's jobs are searched here. It must not pass
		// in silence.
		s.emit(BlockNotKept{f.Hash, err.Error()})
		return
	}
	b := foundBlock{raw, job.PrevBlock, BlockFound{
		Hash:       f.Hash,
		Height:     job.Height,
		Job:        job.ID,
		Difficulty: work.HashDifficulty(&f.Hash),
		Hashes:     s.miner.Stats().WorkHashes,
		Size:       len(raw),
	}}
	if s.enter(b) {
		s.keep(b)
	}
}

// enter has b race for the place after its parent. It reports whether b is to
// be sent; otherwise another of ours is on its way, and b waits.
func (s *Solo) enter(b foundBlock) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.races[b.parent]; r != nil {
		r.spare = append(r.spare, b)
		return false
	}
	s.races[b.parent] = &race{}
	s.dispatch(b)
	return true
}

// dispatch tells of b, which is about to be sent, and has the search leave the
// place that b may win. The caller holds mu.
func (s *Solo) dispatch(b foundBlock) {
	s.blocks[b.event.Hash] = &soloBlock{height: b.event.Height, parent: b.parent}
	s.config.OnEvent(b.event)
	if err := s.setWork(); err != nil {
		s.config.OnEvent(NoTemplate{err.Error(), 0})
	}
}

// keep writes b to disk and has it sent. The caller does not hold mu: the
// submitter may tell of b before it returns.
func (s *Solo) keep(b foundBlock) {
	if _, err := s.submitter.Found(b.raw); err != nil {
		// The submitter sends it all the same.
		s.emit(BlockNotKept{b.event.Hash, err.Error()})
	}
}

// submitted hears what became of an attempt to send a block.
func (s *Solo) submitted(e node.SubmitEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.blocks[e.Hash]
	if b == nil {
		b = &soloBlock{height: -1, resent: true}
	}
	if !e.Done {
		text := e.Answer.Text
		if e.Err != nil {
			text = e.Err.Error()
		}
		s.config.OnEvent(BlockWaiting{e.Hash, b.height, e.Attempt, text, seconds(e.Retry)})
		return
	}
	delete(s.blocks, e.Hash)
	r := s.races[b.parent]
	if e.Answer.Accepted {
		if r != nil {
			r.won, r.spare = time.Now(), nil
		}
		// "duplicate" is acceptance too: an earlier attempt got through and
		// only its answer was lost. Other words of acceptance mean that the
		// node has the block and something better.
		if !b.resent && (e.Answer.Reason == "" || e.Answer.Reason == "duplicate") {
			s.accepted++
		}
		s.config.OnEvent(BlockAccepted{e.Hash, b.height, e.Answer.Reason, e.Answer.Text, b.resent, s.accepted})
		if s.config.Blocks > 0 && s.accepted >= s.config.Blocks {
			s.stopOnce()
			return
		}
		if s.job == nil || s.job.job.PrevBlock != e.Hash {
			s.askRefresh()
		}
		return
	}
	s.refused++
	s.config.OnEvent(BlockRefused{e.Hash, b.height, e.Answer.Reason, e.Answer.Text, b.resent})
	if r != nil && r.won.IsZero() {
		if len(r.spare) > 0 {
			next := r.spare[0]
			r.spare = r.spare[1:]
			s.dispatch(next)
			// Not here: this is the submitter's own call.
			s.keeping.Go(func() { s.keep(next) })
			return
		}
		delete(s.races, b.parent)
	}
	// Back to the job there is, which the node may have replaced by now.
	if err := s.setWork(); err != nil {
		s.config.OnEvent(NoTemplate{err.Error(), 0})
	}
	s.askRefresh()
}

// stopOnce says that there are enough blocks. The caller holds mu.
func (s *Solo) stopOnce() {
	select {
	case <-s.enough:
	default:
		close(s.enough)
	}
}

// tell emits Status events until ctx ends.
func (s *Solo) tell(ctx context.Context) {
	t := time.NewTicker(s.config.StatusEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			s.mu.Lock()
			s.config.OnEvent(s.status(now))
			s.mu.Unlock()
		}
	}
}

// status is how the search goes; the caller holds mu.
func (s *Solo) status(now time.Time) Status {
	stats := s.miner.Stats()
	st := Status{
		Rate:     s.rate.add(now, stats.Hashes),
		Hashes:   stats.Hashes,
		Elapsed:  seconds(now.Sub(s.started)),
		Threads:  s.miner.Threads(),
		Kernel:   s.miner.Kernel().String(),
		Accepted: s.accepted,
	}
	if stats.Work == nil {
		return st
	}
	job := stats.Work.Job
	st.Height, st.Difficulty = job.Height, job.Target.Difficulty()
	if stats.Best != nil {
		st.Best = work.HashDifficulty(&stats.Best.Hash)
	}
	if st.Rate > 0 {
		hashes, _ := new(big.Float).SetInt(job.Target.Work()).Float64()
		st.Expected = Seconds(hashes / st.Rate)
	}
	return st
}

func formatMask(mask uint32) string { return fmt.Sprintf("%08x", mask) }
