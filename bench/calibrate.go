package bench

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"github.com/touchstone-btc/touchstone/hash"
)

// Rate is how fast a kernel searches.
type Rate struct {
	Kernel hash.Kernel // never [hash.Auto]
	Hashes float64     // per second, on one thread: the median of the windows
}

// calibrationWindow is long beside a slice of any kernel and short beside whatever interrupts it.
const calibrationWindow = 2 * time.Millisecond

// Calibrate measures how fast each of the kernels searches with so many midstates, on the calling goroutine, in windows
// that alternate between them, for about d in all. Each kernel gets three windows at least, however short d is. It returns
// the rates sorted, the highest first; of equals, the one named first comes first. It fails if there is no kernel, if this
// machine cannot run one of them, if there are not 1 to [hash.MaxMidstates] midstates, and, with ctx's error, when ctx ends
// before it does.
func Calibrate(ctx context.Context, kernels []hash.Kernel, midstates int, d time.Duration) ([]Rate, error) {
	if len(kernels) == 0 {
		return nil, errors.New("no kernel to measure")
	}
	searches := make([]subject, len(kernels))
	for i, k := range kernels {
		run, err := searchWith(k, midstates)
		if err != nil {
			return nil, err
		}
		searches[i].run = run
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	medians, err := alternate(ctx, newClock(), searches, calibrationWindow, d)
	if err != nil {
		return nil, err
	}
	rates := make([]Rate, len(kernels))
	for i, k := range kernels {
		rates[i] = Rate{Kernel: k.Resolve(), Hashes: medians[i]}
	}
	slices.SortStableFunc(rates, func(a, b Rate) int { return cmp.Compare(b.Hashes, a.Hashes) })
	return rates, nil
}

// leastWindows is how many windows a median is of at least.
const leastWindows = 3

// alternate visits the subjects in turn, a window each, for about d in all, and returns the median rate of each.
func alternate(ctx context.Context, now clock, subjects []subject, window, d time.Duration) ([]float64, error) {
	rates := make([][]float64, len(subjects))
	for start := now(); len(rates[0]) < leastWindows || now()-start < d; {
		for i := range subjects {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			rates[i] = append(rates[i], subjects[i].window(now, window))
		}
	}
	medians := make([]float64, len(subjects))
	for i := range rates {
		medians[i] = median(rates[i])
	}
	return medians, nil
}
