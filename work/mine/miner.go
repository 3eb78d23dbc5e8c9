package mine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/touchstone-btc/touchstone/hash"
)

// Config says how to search. It is not touched after [New].
type Config struct {
	// Threads is the number of searching goroutines; 0 means GOMAXPROCS.
	Threads int

	// Kernel searches; the zero value, hash.Auto, leaves the choice to hash.
	Kernel hash.Kernel

	// OnFound is called with each header that meets its work's target, from
	// the goroutine that found it: searching there goes on when it returns.
	// Calls can overlap. It may call SetWork, also with nil. Run does not
	// return before the last call has.
	OnFound func(Found)

	// OnExhausted, if set, is called once for each work whose every header
	// was tried and that the passing of time won't extend.
	OnExhausted func(*Work)

	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Miner searches the work it is given until it is given other work. Its
// methods are safe for concurrent use.
type Miner struct {
	config   Config
	running  atomic.Bool
	searches []*searcher

	mu   sync.Mutex // serialises SetWork
	task atomic.Pointer[task]
}

// New returns a Miner without work. It fails if the kernel can't run here.
func New(config Config) (*Miner, error) {
	if config.Threads < 0 {
		return nil, fmt.Errorf("mine: %d threads: want 1 or more, or 0 for one on each processor", config.Threads)
	}
	if config.Threads == 0 {
		config.Threads = runtime.GOMAXPROCS(0)
	}
	if config.OnFound == nil {
		return nil, errors.New("mine: no OnFound: solutions would be lost")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	m := &Miner{config: config}
	for range config.Threads {
		scanner, err := hash.NewScanner(config.Kernel)
		if err != nil {
			return nil, err
		}
		m.searches = append(m.searches, &searcher{
			miner:      m,
			scanner:    scanner,
			candidates: make([]hash.Candidate, 0, 64*hash.MaxMidstates),
		})
	}
	m.task.Store(idle())
	return m, nil
}

// Threads returns the number of searching goroutines.
func (m *Miner) Threads() int { return m.config.Threads }

// Kernel returns the kernel that searches, never hash.Auto.
func (m *Miner) Kernel() hash.Kernel { return m.searches[0].scanner.Kernel() }

// SetWork makes w, or nothing if it is nil, what is searched from now on: each
// thread at most finishes the slice it is hashing. A work that was set before
// begins anew, so a caller that sets one twice tries headers twice. On error
// the miner goes on with what it had.
func (m *Miner) SetWork(w *Work) error {
	next := idle()
	if w != nil {
		var err error
		if next, err = newTask(w, m.config.Now); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.task.Swap(next).replaced)
	return nil
}

// Run searches until ctx is done, waiting while there is no work. It returns
// nil then, after all its goroutines have ended. It can be called again, but
// not while it runs.
func (m *Miner) Run(ctx context.Context) error {
	if !m.running.CompareAndSwap(false, true) {
		return errors.New("mine: this miner is running already")
	}
	defer m.running.Store(false)
	var group sync.WaitGroup
	for _, s := range m.searches {
		group.Go(func() { s.run(ctx) })
	}
	group.Wait()
	return nil
}

// Stats is what a Miner did so far.
type Stats struct {
	// Hashes is the exact number of headers hashed since New, each once
	// however many SHA-256 that takes. Headers of a slice still being hashed
	// are not in it.
	Hashes uint64

	// Work is what is searched now, nil if nothing. WorkHashes counts the
	// headers hashed for it.
	Work       *Work
	WorkHashes uint64

	// Best is the best header of Work so far; nil until there is one. Only
	// hashes with about 20 leading zero bits or more, or that meet the
	// target, are looked at.
	Best *Found
}

// Stats returns what m did so far.
func (m *Miner) Stats() Stats {
	var stats Stats
	for _, s := range m.searches {
		stats.Hashes += s.hashes.Load()
	}
	t := m.task.Load()
	stats.Work, stats.WorkHashes, stats.Best = t.work, t.hashes.Load(), t.best.Load()
	return stats
}
