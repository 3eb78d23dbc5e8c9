package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// A SubmitterConfig joins a journal and a Source. The zero value of each field
// but Journal and Source is its default.
type SubmitterConfig struct {
	Journal *Journal // required
	Source  Source   // required
	// MinBackoff and MaxBackoff bound the wait between two attempts with the
	// same block; it doubles each time. Defaults 1 s and 1 min.
	MinBackoff, MaxBackoff time.Duration
	// Patience is how many answers in a row that are not final are taken before
	// the last of them counts: a node may never learn of a block's parent, or
	// one of several nodes may never return. Attempts without an answer don't
	// count. Default 100, which is over an hour.
	Patience int
	// OnEvent is called after each attempt, from several goroutines. It must
	// return soon.
	OnEvent func(SubmitEvent)
}

// A SubmitEvent is the outcome of one attempt to submit a block.
type SubmitEvent struct {
	Hash    chainhash.Hash // of the block, internal order
	Attempt int            // from 1, since this process started
	Answer  Answer         // the node's; zero when no node answered
	Err     error          // no node answered, or the journal failed
	Retry   time.Duration  // wait before the next attempt; 0 when there is none
	Done    bool           // the answer is final and recorded
	Again   bool           // the node had lost the block, and took it again: see Recheck
}

// A Submitter sends found blocks, each until a node gives a final answer, also
// across restarts. It is safe for concurrent use.
type Submitter struct {
	cfg  SubmitterConfig
	wake chan struct{}
	lost chan struct{} // Recheck was called

	mu      sync.Mutex
	unkept  map[chainhash.Hash][]byte // blocks that the journal could not take
	ongoing map[chainhash.Hash]bool   // blocks with a goroutine
}

// NewSubmitter returns a Submitter; Run starts it.
func NewSubmitter(cfg SubmitterConfig) (*Submitter, error) {
	if cfg.Journal == nil || cfg.Source == nil {
		return nil, errors.New("submitter without a journal or a source")
	}
	if err := defaultBackoff(&cfg.MinBackoff, &cfg.MaxBackoff); err != nil {
		return nil, err
	}
	if cfg.Patience <= 0 {
		cfg.Patience = 100
	}
	if cfg.OnEvent == nil {
		cfg.OnEvent = func(SubmitEvent) {}
	}
	return &Submitter{cfg: cfg, wake: make(chan struct{}, 1), lost: make(chan struct{}, 1),
		unkept: map[chainhash.Hash][]byte{}, ongoing: map[chainhash.Hash]bool{}}, nil
}

// Found keeps a block in the journal, then has Run send it. It returns the hash
// of its header, in internal order. After an error of the journal (a full disk)
// the block is sent all the same, but would not survive a stop; only a block of
// impossible size is not. Found keeps no reference to block.
func (s *Submitter) Found(block []byte) (chainhash.Hash, error) {
	hash, _, err := s.cfg.Journal.Add(block)
	if err != nil && hash != (chainhash.Hash{}) {
		s.mu.Lock()
		s.unkept[hash] = append([]byte(nil), block...)
		s.mu.Unlock()
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return hash, err
}

// Run sends pending blocks, those left from an earlier run first, until ctx
// ends; then it returns nil. Blocks without a final answer stay in the journal.
// It must not run twice at once.
func (s *Submitter) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { s.runRecheck(ctx) })
	for {
		for _, hash := range s.start() {
			// One goroutine each, so that a block that waits to be sent again
			// holds up no other.
			wg.Go(func() {
				s.deliver(ctx, hash)
				s.mu.Lock()
				delete(s.ongoing, hash)
				s.mu.Unlock()
			})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		}
	}
}

// start returns the blocks that nobody sends yet, and notes that somebody does.
func (s *Submitter) start() []chainhash.Hash {
	// Blocks leave the journal under the same lock, so that none is both
	// pending here and no longer ongoing.
	s.mu.Lock()
	defer s.mu.Unlock()
	var hashes []chainhash.Hash
	for _, e := range s.cfg.Journal.Pending() {
		hashes = append(hashes, e.Hash)
	}
	for hash := range s.unkept {
		hashes = append(hashes, hash)
	}
	fresh := hashes[:0]
	for _, hash := range hashes {
		if !s.ongoing[hash] {
			s.ongoing[hash] = true
			fresh = append(fresh, hash)
		}
	}
	return fresh
}

// deliver sends one block until there is a final answer, and records it.
func (s *Submitter) deliver(ctx context.Context, hash chainhash.Hash) {
	var a Answer
	for attempt, answers := 1, 0; ctx.Err() == nil; attempt++ {
		var err error
		// A final answer is not asked for twice, even if it could not be
		// recorded: the second would be "duplicate", whatever the first was.
		if !a.Final {
			if a, err = s.send(ctx, hash); err == nil {
				answers++
			} else if ctx.Err() != nil {
				return // stopping says nothing of the block
			}
		}
		if err == nil && !a.Final && answers >= s.cfg.Patience {
			a.Final = true
			a.Text += fmt.Sprintf(" (the answer to %d attempts)", answers)
		}
		if a.Final {
			err = s.resolve(hash, a)
		}
		e := SubmitEvent{Hash: hash, Attempt: attempt, Answer: a, Err: err, Done: a.Final && err == nil}
		if !e.Done {
			e.Retry = backoff(s.cfg.MinBackoff, s.cfg.MaxBackoff, attempt)
		}
		s.cfg.OnEvent(e)
		if e.Done || sleep(ctx, e.Retry) != nil {
			return
		}
	}
}

// send makes one attempt. An error means that no node answered.
func (s *Submitter) send(ctx context.Context, hash chainhash.Hash) (Answer, error) {
	s.mu.Lock()
	block := s.unkept[hash]
	s.mu.Unlock()
	if block != nil {
		// Perhaps there is room by now.
		if _, _, err := s.cfg.Journal.Add(block); err == nil {
			s.mu.Lock()
			delete(s.unkept, hash)
			s.mu.Unlock()
		}
	} else {
		var err error
		if block, err = s.cfg.Journal.Block(hash); err != nil {
			return Answer{}, err
		}
	}
	return s.cfg.Source.Submit(ctx, block)
}

// resolve records a final answer.
func (s *Submitter) resolve(hash chainhash.Hash, a Answer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unkept[hash] != nil {
		delete(s.unkept, hash)
		return nil
	}
	return s.cfg.Journal.Resolve(hash, a)
}

func defaultBackoff(shortest, longest *time.Duration) error {
	if *shortest == 0 {
		*shortest = time.Second
	}
	if *longest == 0 {
		*longest = max(time.Minute, *shortest)
	}
	if *shortest < 0 || *longest < *shortest {
		return fmt.Errorf("back-off from %v to %v; the first must be positive and not above the second", *shortest, *longest)
	}
	return nil
}
