package share

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"math/big"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/touchstone-btc/touchstone/work"
)

const (
	// defaultMaxWorkers is how many workers a Ledger holds unless told otherwise.
	defaultMaxWorkers = 1 << 20
	// maxWorkerName is the most bytes that a worker's name may have.
	maxWorkerName = 1024
	// maxWorks bounds how many targets a Ledger remembers the work of.
	maxWorks = 1024
)

// ErrTooManyWorkers means that a Ledger holds as many workers as it may.
var ErrTooManyWorkers = errors.New("too many workers")

// Credit is what shares have earned.
type Credit struct {
	// Shares counts the shares credited, Blocks those of them that met the network's target too.
	Shares, Blocks uint64
	// Work is the sum of their targets' work, each 2^256/(target+1) rounded down: how many hashes it takes on average to
	// find such shares. It is exact.
	Work *big.Int
}

// Ledger sums credit by worker. The zero Ledger is empty and holds up to 2^20 workers. Safe for concurrent use; where many
// goroutines add all the time, let each have a Ledger of its own, and Merge them.
type Ledger struct {
	mu      sync.Mutex
	max     int // 0 stands for defaultMaxWorkers
	workers map[string]*tally
	total   tally
	works   map[work.Target]wide // of the last targets
}

// NewLedger returns an empty Ledger that holds up to maxWorkers; 0 means 2^20.
func NewLedger(maxWorkers int) *Ledger { return &Ledger{max: max(maxWorkers, 0)} }

// Add credits worker with a share of the given target, the one required and not the one achieved. The name is copied, and may
// be any UTF-8 of up to 1024 bytes. An error means that nothing was added: ErrTooManyWorkers, or a name that is refused.
// For a worker known already, and a target that was among the last thousand, Add does not allocate.
func (l *Ledger) Add(worker string, target work.Target, block bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := tally{shares: 1, work: l.workOf(target)}
	if block {
		one.blocks = 1
	}
	if err := l.room(one); err != nil {
		return err
	}
	sum := l.workers[worker]
	if sum == nil {
		if err := checkWorker(worker); err != nil {
			return err
		}
		if len(l.workers) >= l.limit() {
			return l.tooMany(len(l.workers) + 1)
		}
		sum = l.open(worker)
	}
	sum.add(&one)
	l.total.add(&one)
	return nil
}

// Merge adds all that other holds, which keeps it: to move credit, merge what Reset returns. An error means that nothing was
// added. A Ledger may be merged into itself, which doubles it, and two into each other at once.
func (l *Ledger) Merge(other *Ledger) error {
	entries, total := other.snapshot() // never two locks at a time
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.room(total); err != nil {
		return err
	}
	workers := len(l.workers)
	for _, e := range entries {
		if l.workers[e.worker] == nil {
			workers++
		}
	}
	if workers > l.limit() {
		return l.tooMany(workers)
	}
	for _, e := range entries {
		sum := l.workers[e.worker]
		if sum == nil {
			sum = l.open(e.worker)
		}
		sum.add(&e.tally)
	}
	l.total.add(&total)
	return nil
}

// Reset empties l and returns what it held: each share is in the one or the other, whoever adds meanwhile.
func (l *Ledger) Reset() *Ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := &Ledger{max: l.max, workers: l.workers, total: l.total}
	l.workers, l.total = nil, tally{}
	return held
}

// Len returns how many workers l holds.
func (l *Ledger) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.workers)
}

// Worker returns what worker has earned, and whether l holds it. The Work is the caller's.
func (l *Ledger) Worker(worker string) (Credit, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sum := l.workers[worker]
	if sum == nil {
		return Credit{Work: new(big.Int)}, false
	}
	return sum.credit(), true
}

// Total returns what all have earned together. The Work is the caller's.
func (l *Ledger) Total() Credit {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total.credit()
}

// All returns the workers with what they have earned, in the order of their names' bytes, as they are when the iteration
// begins. The Works are the caller's.
func (l *Ledger) All() iter.Seq2[string, Credit] {
	return func(yield func(string, Credit) bool) {
		entries, _ := l.snapshot()
		for _, e := range entries {
			if !yield(e.worker, e.credit()) {
				return
			}
		}
	}
}

// entry is a line of the ledger.
type entry struct {
	worker string
	tally
}

// snapshot returns copies, in the order of names.
func (l *Ledger) snapshot() ([]entry, tally) {
	l.mu.Lock()
	entries := make([]entry, 0, len(l.workers))
	for worker, sum := range l.workers {
		entries = append(entries, entry{worker, *sum})
	}
	total := l.total
	l.mu.Unlock()
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.worker, b.worker) })
	return entries, total
}

func (l *Ledger) limit() int {
	if l.max == 0 {
		return defaultMaxWorkers
	}
	return l.max
}

func (l *Ledger) tooMany(workers int) error {
	return fmt.Errorf("%w: %d, and there is room for %d", ErrTooManyWorkers, workers, l.limit())
}

// checkWorker refuses names that JSON can't hold as they are, and those that cost too much.
func checkWorker(worker string) error {
	switch {
	case len(worker) > maxWorkerName:
		return fmt.Errorf("worker %.40q…: a name of %d bytes, want at most %d", worker, len(worker), maxWorkerName)
	case !utf8.ValidString(worker):
		return fmt.Errorf("worker %.40q: the name is not UTF-8", worker)
	}
	return nil
}

// open begins a line for worker, which has none.
func (l *Ledger) open(worker string) *tally {
	if l.workers == nil {
		l.workers = map[string]*tally{}
	}
	sum := new(tally)
	l.workers[strings.Clone(worker)] = sum // not to keep the message it was cut from
	return sum
}

// workOf returns the target's work, remembered if it was asked for lately.
func (l *Ledger) workOf(target work.Target) wide {
	w, ok := l.works[target]
	if ok {
		return w
	}
	w, _ = wideFromBig(target.Work()) // at most 2^256
	if l.works == nil {
		l.works = map[work.Target]wide{}
	}
	if len(l.works) >= maxWorks {
		for other := range l.works { // any one
			delete(l.works, other)
			break
		}
	}
	l.works[target] = w
	return w
}

// tally is a Credit of fixed size. Each share's work is from 1 to 2^256, so that of up to 2^64-1 shares fits a wide.
type tally struct {
	shares, blocks uint64
	work           wide
}

// room refuses what would make the total's number of shares overflow. No other sum in l is greater.
func (l *Ledger) room(t tally) error {
	if t.shares > math.MaxUint64-l.total.shares {
		return fmt.Errorf("%d shares and %d more: want fewer than 2^64", l.total.shares, t.shares)
	}
	return nil
}

func (t *tally) add(u *tally) {
	t.shares += u.shares
	t.blocks += u.blocks
	t.work.add(&u.work)
}

func (t *tally) credit() Credit { return Credit{t.shares, t.blocks, t.work.big()} }

// wide is an unsigned number of 320 bits, least significant word first.
type wide [5]uint64

func (w *wide) add(x *wide) {
	carry := uint64(0)
	for i := range w {
		w[i], carry = bits.Add64(w[i], x[i], carry)
	}
}

func (w *wide) big() *big.Int {
	var b [8 * len(w)]byte
	for i, word := range w {
		for j := range 8 {
			b[len(b)-1-8*i-j] = byte(word >> (8 * j))
		}
	}
	return new(big.Int).SetBytes(b[:])
}

// wideFromBig reports whether v, which it does not keep, is neither negative nor of more than 320 bits.
func wideFromBig(v *big.Int) (w wide, ok bool) {
	var b [8 * len(w)]byte
	if v.Sign() < 0 || v.BitLen() > 8*len(b) {
		return wide{}, false
	}
	v.FillBytes(b[:])
	for i, c := range b {
		w[(len(b)-1-i)/8] |= uint64(c) << (8 * ((len(b) - 1 - i) % 8))
	}
	return w, true
}
