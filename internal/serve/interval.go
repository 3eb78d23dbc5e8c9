package serve

import (
	"math"
	"sync"

	"github.com/touchstone-btc/touchstone/audit"
)

// countIntervals remembers the intervals of counts, which are the same for all devices: each takes some microseconds, and a status
// wants tens of thousands of them every second.
var countIntervals struct {
	sync.Mutex
	of map[uint64][2]float64
}

// maxCountIntervals bounds how many are remembered: some 3 MB.
const maxCountIntervals = 1 << 16

// countInterval is audit.Garwood of n and alpha.
func countInterval(n uint64) (low, high float64, err error) {
	c := &countIntervals
	c.Lock()
	known, ok := c.of[n]
	c.Unlock()
	if ok {
		return known[0], known[1], nil
	}
	low, high, err = audit.Garwood(n, alpha)
	if err != nil {
		return 0, 0, err
	}
	c.Lock()
	defer c.Unlock()
	if c.of == nil || len(c.of) >= maxCountIntervals {
		c.of = map[uint64][2]float64{}
	}
	c.of[n] = [2]float64{low, high}
	return low, high, nil
}

// interval is that of the sum, in its units. Where all weights are the same it is exact.
func (r *rateParts) interval() (low, high float64, err error) {
	if n := math.Round(r.sum / r.largest); r.smallest == r.largest && math.Abs(n*r.largest-r.sum) <= 1e-9*r.largest && n < 1<<53 {
		low, high, err = countInterval(uint64(n))
		return low * r.largest, high * r.largest, err
	}
	return audit.Weighted(r.sum, r.squares, r.largest, alpha)
}
