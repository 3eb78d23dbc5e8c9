package bench

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/touchstone-btc/touchstone/hash"
)

// Config says what is measured. Its zero value is everything this machine can do, in about a minute.
type Config struct {
	Tasks    []Task        // default: all
	Kernels  []hash.Kernel // default: all that this machine can run
	Threads  []int         // numbers of threads; default: 1, 2, 4, … and as many as run at once. See Run
	Duration time.Duration // of all measurements, about; default: a minute

	// Progress, if not nil, is called between windows, on the goroutine that measures: it should return at once.
	Progress func(Progress)

	// What tests replace.
	energy fs.FS                     // default: /sys/class/powercap
	check  func(k hash.Kernel) error // default: answers are checked
}

// Progress is how far a run has come.
type Progress struct {
	Task      Task
	Kernel    string
	Midstates int // 0 if the task is not a search
	Threads   int
	Done      float64       // of 1
	Left      time.Duration // about
}

// Run measures. For each task it has a row for every kernel, and for scan one for every number of midstates, all on one
// thread, and rows for crypto/sha256, sha256-simd and chainhash, which hash one message after the other; in scan the first
// two begin with a saved midstate, and chainhash, which saves none, with the whole header. For scan there are then rows for
// the fastest kernel on more threads.
//
// All rows on one thread are visited in turn, in an order that is shuffled each time, for a window of two milliseconds each.
// What a kernel has operation counts for is held against what the units of the processor can do, measured in windows of
// their own before and after each of its windows. So all of it meets the same disturbances, and ratios of neighbours are
// more exact than the rates themselves.
//
// Before that the answers of every kernel are checked. A kernel with a wrong one is not measured, and the summary says why.
//
// Run returns ctx's error, and nothing else, if ctx ends before it does. Nothing else should run on the machine.
func Run(ctx context.Context, c Config) (*Results, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	b := &bench{Config: c, now: newClock(), units: map[resource]*unitProbe{}, shuffle: rand.New(rand.NewPCG(1, 2))}
	return b.run(ctx)
}

// complete fills in defaults and refuses what makes no sense.
func (c *Config) complete() error {
	if c.Tasks == nil {
		c.Tasks = Tasks()
	}
	if c.Kernels == nil {
		c.Kernels = hash.Kernels()
		for _, r := range hash.Refused() {
			c.Kernels = append(c.Kernels, r.Kernel) // to be refused again, with a reason
		}
	}
	if c.Threads == nil {
		c.Threads = DefaultThreads(runtime.GOMAXPROCS(0))
	}
	if c.Duration == 0 {
		c.Duration = time.Minute
	}
	if c.check == nil {
		c.check = func(k hash.Kernel) error { return answersOf(k).check() }
	}
	if c.energy == nil {
		c.energy = os.DirFS("/sys/class/powercap")
	}
	for _, t := range c.Tasks {
		if !slices.Contains(Tasks(), t) {
			return fmt.Errorf("unknown task %q", t)
		}
	}
	for _, n := range c.Threads {
		if n < 1 {
			return fmt.Errorf("%d threads: give 1 or more", n)
		}
	}
	return nil
}

// DefaultThreads returns the numbers of threads measured on a machine that runs most of them at once: the powers of two
// below it and itself.
func DefaultThreads(most int) (threads []int) {
	for n := 1; n < most; n *= 2 {
		threads = append(threads, n)
	}
	return append(threads, most)
}

// bench is a run.
type bench struct {
	Config
	now     clock
	meter   *energyMeter // nil: not readable
	units   map[resource]*unitProbe
	shuffle *rand.Rand
	results Results
	done    float64 // of the whole run: the stages that are over
}

// unitProbe measures a unit of the processor.
type unitProbe struct {
	subject
	rates []float64
}

func (b *bench) run(ctx context.Context) (*Results, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := b.now()
	summary := &b.results.Summary
	summary.Machine = ThisMachine()
	var err error
	if b.meter, err = newEnergyMeter(b.energy); err != nil {
		summary.NoEnergy = err.Error()
	}
	if err := b.checkAll(ctx); err != nil {
		return nil, err
	}
	byTask, all := make([][]*row, len(b.Tasks)), []*row(nil)
	for i, t := range b.Tasks {
		if byTask[i], err = b.rows(t); err != nil {
			return nil, err
		}
		all = append(all, byTask[i]...)
	}
	// Every row is visited during the whole run, so that what disturbs the machine for seconds is met by all of them.
	threadShare := float64(b.threadTime()) / float64(b.threadTime()+rotationTime(all))
	if err := b.rotate(ctx, all, 1-threadShare); err != nil {
		return nil, err
	}
	for i, t := range b.Tasks {
		rows := byTask[i]
		std := rows[slices.IndexFunc(rows, func(r *row) bool { return r.kernel == stdlib })]
		for _, r := range rows {
			b.results.Measurements = append(b.results.Measurements, r.measurement(nil, std))
		}
		if best := fastest(rows); t == Scan && best != nil {
			if err := b.scale(ctx, best, threadShare); err != nil {
				return nil, err
			}
		}
	}
	b.summarizeUnits()
	summary.Seconds = rounded((b.now() - start).Seconds())
	return &b.results, nil
}

// checkAll keeps the kernels whose answers are right.
func (b *bench) checkAll(ctx context.Context) error {
	b.results.Summary.Refused = []RefusedKernel{}
	var right []hash.Kernel
	for _, k := range b.Kernels {
		if err := ctx.Err(); err != nil {
			return err
		}
		k = k.Resolve()
		if slices.Contains(right, k) {
			continue
		}
		if err := b.check(k); err != nil {
			b.results.Summary.Refused = append(b.results.Summary.Refused, RefusedKernel{k.String(), err.Error()})
			continue
		}
		right = append(right, k)
	}
	b.Kernels = right
	return nil
}

// rows returns the rows of a task on one thread.
func (b *bench) rows(t Task) ([]*row, error) {
	var rows []*row
	for _, k := range b.Kernels {
		switch t {
		case Scan:
			for _, n := range searched {
				run, err := searchWith(k, n)
				if err != nil {
					return nil, err
				}
				ops, _ := hash.ScanOperations(k, n)
				rows = append(rows, b.newRow(t, k, k.String(), n, run, ops))
			}
		case Headers:
			ops, _ := hash.HeaderOperations(k)
			run := batches(func(dst [][32]byte, src [][hash.HeaderSize]byte) { hash.SumHeaders(k, dst, src) })
			rows = append(rows, b.newRow(t, k, k.String(), 0, run, ops))
		case Pairs:
			ops, _ := hash.PairOperations(k)
			run := batches(func(dst [][32]byte, src [][hash.PairSize]byte) { hash.SumPairs(k, dst, src) })
			rows = append(rows, b.newRow(t, k, k.String(), 0, run, ops))
		}
	}
	for _, other := range baselines() {
		run, midstates, err := workload(nil), 0, error(nil)
		switch t {
		case Scan:
			midstates = 1
			run, err = other.search()
		case Headers:
			run = batches(oneByOne[[hash.HeaderSize]byte](other.doubled))
		case Pairs:
			run = batches(oneByOne[[hash.PairSize]byte](other.doubled))
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", other.name, err)
		}
		rows = append(rows, b.newRow(t, hash.Auto, other.name, midstates, run, hash.Operations{}))
	}
	return rows, nil
}

func (b *bench) newRow(t Task, ours hash.Kernel, name string, midstates int, run workload, ops hash.Operations) *row {
	s := &subject{run: run}
	return &row{
		task:      t,
		ours:      ours,
		kernel:    name,
		midstates: midstates,
		threads:   1,
		run:       func(d time.Duration) float64 { return s.window(b.now, d) },
		length:    rowWindow,
		demands:   demandsOf(ops),
	}
}

// fastest returns the fastest of our rows, nil if there is none.
func fastest(rows []*row) (best *row) {
	for _, r := range rows {
		if r.ours != hash.Auto && (best == nil || median(r.rates) > median(best.rates)) {
			best = r
		}
	}
	return best
}

// scale measures the search of a row again with the numbers of threads wanted, beside one thread.
func (b *bench) scale(ctx context.Context, best *row, share float64) error {
	if b.threadTime() == 0 {
		return nil
	}
	var rows []*row
	for _, n := range append([]int{1}, b.several()...) {
		runs := make([]workload, n)
		for i := range runs {
			var err error
			if runs[i], err = searchWith(best.ours, best.midstates); err != nil {
				return err
			}
		}
		c := newCrew(b.now, runs)
		defer c.stop()
		rows = append(rows, &row{
			task:      Scan,
			kernel:    best.kernel,
			midstates: best.midstates,
			threads:   n,
			run:       c.window,
			length:    threadWindow,
		})
	}
	if err := b.rotate(ctx, rows, share); err != nil {
		return err
	}
	for _, r := range rows[1:] {
		b.results.Measurements = append(b.results.Measurements, r.measurement(rows[0], nil))
	}
	return nil
}

// several are the numbers of threads wanted that are more than one, each once.
func (b *bench) several() (threads []int) {
	for _, n := range slices.Sorted(slices.Values(b.Threads)) {
		if n > 1 && !slices.Contains(threads, n) {
			threads = append(threads, n)
		}
	}
	return threads
}

// threadTime is how long a rotation of scale takes; 0 if there is none.
func (b *bench) threadTime() time.Duration {
	n := len(b.several())
	if n == 0 || len(b.Kernels) == 0 || !slices.Contains(b.Tasks, Scan) {
		return 0
	}
	return time.Duration(n+1) * threadWindow
}

func rotationTime(rows []*row) (d time.Duration) {
	for _, r := range rows {
		d += r.visitTime()
	}
	return d
}

// rotate visits the rows in turn, in another order each time, for a share of the whole duration, but [leastWindows] times at
// least.
func (b *bench) rotate(ctx context.Context, rows []*row, share float64) error {
	d := time.Duration(share * float64(b.Duration))
	order := slices.Clone(rows)
	start := b.now()
	for n := 0; n < leastWindows || b.now()-start < d; n++ {
		b.shuffle.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, r := range order {
			if err := ctx.Err(); err != nil {
				return err
			}
			b.tell(r, share*min(1, float64(b.now()-start)/float64(max(d, 1))))
			b.visit(r)
		}
	}
	b.done += share
	return nil
}

// tell reports progress: r is next, and so much of the whole was done in this stage.
func (b *bench) tell(r *row, done float64) {
	if b.Progress == nil {
		return
	}
	done = min(1, b.done+done)
	b.Progress(Progress{
		Task:      r.task,
		Kernel:    r.kernel,
		Midstates: r.midstates,
		Threads:   r.threads,
		Done:      done,
		Left:      time.Duration((1 - done) * float64(b.Duration)),
	})
}

// summarizeUnits puts what was measured of the processor's units into the summary, in a fixed order.
func (b *bench) summarizeUnits() {
	b.results.Summary.Units = []UnitRate{}
	for _, width := range []int{512, 256, 128} {
		for _, u := range []unit{vector, shifts, rounds} {
			if p := b.units[resource{u, width}]; p != nil {
				b.results.Summary.Units = append(b.results.Summary.Units, UnitRate{
					Unit:   string(u),
					Width:  width,
					Median: rounded(median(p.rates) / 1e9),
					Best:   rounded(slices.Max(p.rates) / 1e9),
				})
			}
		}
	}
}
