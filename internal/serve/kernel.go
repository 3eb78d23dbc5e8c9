package serve

import (
	"context"
	"fmt"
	"math/bits"
	"time"

	"github.com/touchstone-btc/touchstone/bench"
	"github.com/touchstone-btc/touchstone/hash"
)

// calibrationTime is how long kernels are measured before one of them searches:
// long enough for a median of several windows of each, too short to wait for.
const calibrationTime = 200 * time.Millisecond

// kernelChoice is what a kernel is chosen from, and how.
type kernelChoice struct {
	kernels []hash.Kernel   // that may be used, in the order of expected speed
	refused []*hash.Refusal // that failed their self-test
	measure func(ctx context.Context, kernels []hash.Kernel, midstates int, d time.Duration) ([]bench.Rate, error)
}

// thisMachine is the choice there is here.
func thisMachine() kernelChoice {
	return kernelChoice{hash.Kernels(), hash.Refused(), bench.Calibrate}
}

// choose returns the kernel that searches so many midstates fastest, as
// measured, and what there is to tell of it.
func (c kernelChoice) choose(ctx context.Context, midstates int) (hash.Kernel, []Event, error) {
	var events []Event
	for _, r := range c.refused {
		events = append(events, KernelRefused{r.Kernel.String(), r.Err.Error()})
	}
	if len(c.kernels) == 1 {
		k := c.kernels[0]
		return k, append(events, KernelChosen{k.String(), ReasonOnly, midstates, []KernelRate{}}), nil
	}
	rates, err := c.measure(ctx, c.kernels, midstates, calibrationTime)
	if err != nil {
		return hash.Auto, nil, fmt.Errorf("measuring kernels: %w", err)
	}
	chosen := KernelChosen{rates[0].Kernel.String(), ReasonFastest, midstates, []KernelRate{}}
	for _, r := range rates {
		chosen.Rates = append(chosen.Rates, KernelRate{r.Kernel.String(), r.Hashes})
	}
	return rates[0].Kernel, append(events, chosen), nil
}

// midstatesOf is how many midstates are searched at once with a version mask.
func midstatesOf(mask uint32) int {
	return min(1<<min(bits.OnesCount32(mask), 16), hash.MaxMidstates)
}
