package serve

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
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

	// Kernel searches; the zero value, hash.Auto, is the fastest of those that
	// can be used here, measured as Run begins.
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
	choice    func() kernelChoice // asked if no kernel is named
	miner     *mine.Miner         // made by Run
	submitter *node.Submitter
	follower  *follower[*soloJob]

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

// NewSolo returns a Solo that does not run yet. It fails if the kernel can't
// be used here.
func NewSolo(c SoloConfig) (*Solo, error) {
	if c.OnEvent == nil {
		c.OnEvent = func(Event) {}
	}
	if err := hash.SelfTest(c.Kernel); err != nil {
		return nil, err
	}
	s := &Solo{
		config: c,
		choice: thisMachine,
		enough: make(chan struct{}),
		races:  map[chainhash.Hash]*race{},
		blocks: map[chainhash.Hash]*soloBlock{},
	}
	s.follower = newFollower(c.Backend, s.newJob, s.search, s.emit)
	// Two processes that pay the same address from the same templates try
	// different headers because they begin elsewhere.
	var begin [extranonce1Size]byte
	rand.Read(begin[:])
	s.extranonce1 = binary.BigEndian.Uint32(begin[:])
	var err error
	s.submitter, err = c.Backend.newSubmitter(s.submitted, s.emit)
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
	pending := s.config.Backend.Journal.Pending()
	for _, e := range pending {
		b := s.earlierBlock(e.Hash)
		s.blocks[e.Hash] = b
		s.races[b.parent] = &race{}
	}

	next, err := s.follower.template(ctx, "")
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		if len(pending) == 0 || !node.Temporary(err) {
			return err
		}
		s.emit(NoTemplate{err.Error(), 0})
	}
	told, err := s.newMiner(ctx, next)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	s.started = time.Now()
	s.rate.add(s.started, 0)
	b := s.config.Backend
	b.running.Store(true)
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
	for _, e := range told {
		s.emit(e)
	}

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
	group.Go(func() { s.follower.follow(ctx, next) })
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

// newMiner makes the miner, which takes the kernel that does the first job
// fastest unless one is named, and returns what there is to tell of the kernel.
func (s *Solo) newMiner(ctx context.Context, first *offer[*soloJob]) (told []Event, err error) {
	mask := s.config.VersionMask
	if first != nil {
		mask = first.job.job.VersionMask
	}
	kernel := s.config.Kernel
	if kernel == hash.Auto {
		if kernel, told, err = s.choice().choose(ctx, midstatesOf(mask)); err != nil {
			return nil, err
		}
	} else {
		told = []Event{KernelChosen{kernel.String(), ReasonNamed, midstatesOf(mask), []KernelRate{}}}
	}
	s.miner, err = mine.New(mine.Config{
		Threads: s.config.Threads,
		Kernel:  kernel,
		OnFound: s.found,
	})
	return told, err
}

// emit tells an event.
func (s *Solo) emit(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config.OnEvent(e)
}

func formatMask(mask uint32) string { return fmt.Sprintf("%08x", mask) }
