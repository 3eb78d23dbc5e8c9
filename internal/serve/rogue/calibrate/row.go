package main

import (
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/internal/serve/rogue"
)

// row is one line of the tables: many devices with one vice, and how long the audit takes to find them.
type row struct {
	what string // for people
	vice string
	// devices is how many are computed at most: rows that take millions of shares have fewer.
	devices int
	plan    audit.Plan
	device  rogue.Synthetic
	// test is what has to be found, and expected how many expected shares that takes by the published formula or simulation that source
	// names; 0 where there is none.
	test     string
	expected float64
	source   string
	// after is how many expected shares the device is honest at first; delays count from there.
	after float64
	// limit is how many expected shares it has; default: twelve times expected.
	limit float64
}

// outcome is what came of a row.
type outcome struct {
	*row
	found       int
	early       int // alarms in the honest part
	median, p90 float64
	delays      []float64
}

// Difficulty of all jobs where the tables are of a fixed one, and the rate that gives 20 shares a minute then.
const (
	rate       = 100e12
	difficulty = 69849 // 20 shares a minute
)

// threshold is the log e-value of one test at 1e-6.
var threshold = math.Log(1e6)

// run computes the devices of a row on so many threads.
func (r *row) run(most, threads int, seed uint64) outcome {
	n := r.devices
	if n == 0 || n > most {
		n = most
	}
	o := outcome{row: r}
	var mu sync.Mutex
	each(n, threads, func(i int) {
		delay, early := r.one(seed + uint64(i))
		mu.Lock()
		defer mu.Unlock()
		if early {
			o.early++
			return
		}
		if !math.IsInf(delay, 1) {
			o.found++
		}
		o.delays = append(o.delays, delay)
	})
	slices.Sort(o.delays)
	o.median, o.p90 = quantile(o.delays, 0.5), quantile(o.delays, 0.9)
	return o
}

// each calls f for 0 to n-1, on so many threads.
func each(n, threads int, f func(i int)) {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	var next sync.Mutex
	at := 0
	var all sync.WaitGroup
	for range threads {
		all.Go(func() {
			for {
				next.Lock()
				i := at
				at++
				next.Unlock()
				if i >= n {
					return
				}
				f(i)
			}
		})
	}
	all.Wait()
}

func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.Inf(1)
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// one computes a device, and returns after how many expected shares it was found, +Inf if it was not.
func (r *row) one(seed uint64) (delay float64, early bool) {
	c := r.device
	c.Seed, c.Duration = seed, -1
	vice, err := rogue.ParseVice(r.vice)
	if err != nil {
		panic(err)
	}
	c.Vice = vice
	s, err := c.Stream()
	if err != nil {
		panic(err)
	}
	plan, err := r.plan.Complete()
	if err != nil {
		panic(err)
	}
	d := audit.NewDevice("d", plan)
	index := slices.Index(d.Report().Evidence, r.test)
	limit := r.limit
	if limit == 0 {
		limit = 12 * r.expected
	}
	perSecond := c.Rate / hashesPerShare(c.Difficulty)
	look, step := 0.0, 0.01
	if index < 0 {
		step = 0.1 // the alarm has its time
	}
	var logE []float64
	for {
		e := s.Next()
		if e == nil {
			return math.Inf(1), false
		}
		e.Tell(d)
		at := s.Expected() - r.after
		if at < look {
			continue
		}
		look = at + max(1, step*max(at, r.expected/10))
		if index >= 0 {
			if logE = d.Evidence(logE[:0]); logE[index] >= threshold {
				return at, at < 0
			}
		} else if since, ok := alarm(d, r.test); ok {
			at = since.Sub(s.Start()).Seconds()*perSecond - r.after
			return at, at < 0
		}
		if at > limit {
			return math.Inf(1), false
		}
	}
}

// hashesPerShare is 2^256 over the target of a difficulty, near enough.
func hashesPerShare(difficulty float64) float64 { return difficulty * 4295032833 }

// alarm returns since when a test is in alarm.
func alarm(d *audit.Device, test string) (time.Time, bool) {
	r := d.Report()
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Test == test && f.State == audit.Alarm {
			return f.Since, true
		}
	}
	return time.Time{}, false
}
