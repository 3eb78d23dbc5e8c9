package bench

import (
	"slices"
	"time"

	"github.com/touchstone-btc/touchstone/hash"
)

// row is one line of the table while it is measured.
type row struct {
	task      Task
	ours      hash.Kernel // hash.Auto: others' code
	kernel    string
	midstates int
	threads   int

	run     func(d time.Duration) float64 // the workload, for about d; it returns the rate, in hashes a second
	length  time.Duration                 // of a window
	demands []demand                      // on the units of the processor

	rates    []float64 // of each window
	bounds   []float64 // of each window: its rate as a fraction of what the units allowed
	limiters []unit    // of each window: which of them that was
	joules   float64   // of the windows whose energy is known
	hashes   float64   // done in them
}

// The length of windows: of a row, of what is measured beside it, and of several threads. They are long beside a call of a
// kernel, 0.1 to 0.5 ms, and short beside the time after which the operating system or a neighbour takes the core away, so
// that most windows are undisturbed.
const (
	rowWindow    = 2 * time.Millisecond
	unitWindow   = 250 * time.Microsecond
	threadWindow = 10 * time.Millisecond
)

// visitTime is how long a visit takes.
func (r *row) visitTime() time.Duration { return r.length + time.Duration(2*len(r.demands))*unitWindow }

// visit measures a window of r, with the units it needs before and after.
func (b *bench) visit(r *row) {
	before := b.unitRates(r.demands)
	energyBefore := b.meter.read()
	start := b.now()
	rate := r.run(r.length)
	elapsed := b.now() - start
	energyAfter := b.meter.read()
	after := b.unitRates(r.demands)

	r.rates = append(r.rates, rate)
	if joules, ok := b.meter.between(energyBefore, energyAfter); ok {
		r.joules += joules
		r.hashes += rate * elapsed.Seconds()
	}
	if len(r.demands) == 0 {
		return
	}
	longest, limiter := 0.0, unit("") // of the times a hash needs each unit for
	for i, d := range r.demands {
		if seconds := d.perHash / ((before[i] + after[i]) / 2); seconds > longest {
			longest, limiter = seconds, d.unit
		}
	}
	r.bounds = append(r.bounds, longest*rate)
	r.limiters = append(r.limiters, limiter)
}

// unitRates measures a window of each of the units.
func (b *bench) unitRates(ds []demand) []float64 {
	rates := make([]float64, len(ds))
	for i, d := range ds {
		u := b.units[d.resource]
		if u == nil {
			u = &unitProbe{subject: subject{run: probeOf(d.resource)}}
			b.units[d.resource] = u
		}
		rates[i] = u.window(b.now, unitWindow)
		u.rates = append(u.rates, rates[i])
	}
	return rates
}

// measurement sums up the windows of r. one is the same row with one thread, std that of crypto/sha256, both visited as often
// as r; each is nil if there is none.
func (r *row) measurement(one, std *row) Measurement {
	sorted := slices.Sorted(slices.Values(r.rates))
	low, high := medianInterval(r.rates)
	middle := quantile(sorted, 0.5)
	m := Measurement{
		Task:      r.task,
		Kernel:    r.kernel,
		Midstates: r.midstates,
		Threads:   r.threads,
		Median:    rounded(middle / 1e6),
		Best:      rounded(sorted[len(sorted)-1] / 1e6),
		Low:       rounded(low / 1e6),
		High:      rounded(high / 1e6),
		Spread:    rounded((quantile(sorted, 0.75) - quantile(sorted, 0.25)) / middle),
		Windows:   len(sorted),
	}
	if len(r.bounds) > 0 {
		fraction, limiter := rounded(median(r.bounds)), string(mostFrequent(r.limiters))
		m.BoundFraction, m.BoundBy = &fraction, &limiter
	}
	if std != nil {
		ratio := rounded(median(quotients(r.rates, std.rates)))
		m.RatioStdlib = &ratio
	}
	if one != nil {
		scaling := rounded(median(quotients(r.rates, one.rates)) / float64(r.threads))
		m.Scaling = &scaling
	}
	if r.hashes > 0 && r.joules > 0 {
		nanojoules := rounded(1e9 * r.joules / r.hashes)
		m.Nanojoules = &nanojoules
	}
	return m
}
