package audit

import (
	"fmt"
	"math"
)

// Record returns the record test of a session, a p-value that needs nothing but two numbers: the work of its shares, which is the
// sum of the difficulties that they had to achieve, and best, the highest difficulty that one of them achieved:
//
//	U = exp(-work/best)
//
// Of an honest machine U is uniform between 0 and 1, or nearly: U below 0.05 has a probability of 5 %. A small U says that the best
// share is too small for that much work, as if all shares above it were kept back. It can be had from telemetry alone ("Difficulty
// Accepted" and "Best Share").
//
// It holds under conditions:
//   - When to look was fixed in advance. Whoever looks after every share and stops at the smallest U finds one below 0.05 in 43 % of
//     honest sessions; so U accuses nobody in a running audit, where the bet on exceedances takes its place.
//   - The difficulties were not chosen by what shares achieved.
//   - Work and best are of the same session and pool, and neither counter was reset between. Work counts all that was sent, whatever
//     the pool said: accepted, rejected and stale.
//   - Best is a share's, and not the pool's difficulty, as some firmware says (LuxOS). Then U is tiny and says nothing.
//   - Only complete withholding shows. Machines that keep back some of their high shares pass.
//
// U is 1 without work. Errors are numbers below 0 or not finite, and work without a best share. A best below a single difficulty,
// which can't be, [RecordOf] sees; work alone does not tell.
func Record(work, best float64) (u float64, err error) {
	if err := checkRecord(work, best); err != nil {
		return 0, err
	}
	if work == 0 {
		return 1, nil
	}
	return math.Exp(-work / best), nil
}

// Asked are shares that had to achieve the same difficulty.
type Asked struct {
	Difficulty float64
	Shares     uint64
}

// RecordOf is [Record] exactly: U = Π (1 - D/best) over all shares. It is a little smaller than exp(-work/best), and differs where
// best is not far above the difficulties. A best share below a difficulty asked for is an error.
func RecordOf(best float64, asked ...Asked) (u float64, err error) {
	sum := 0.
	for _, a := range asked {
		if err := checkRecord(a.Difficulty, best); err != nil {
			return 0, err
		}
		if a.Difficulty > best && a.Shares > 0 {
			return 0, fmt.Errorf("best share of difficulty %v, and shares of at least %v: can't be", best, a.Difficulty)
		}
		if a.Shares > 0 {
			sum += float64(a.Shares) * math.Log1p(-a.Difficulty/best)
		}
	}
	return math.Exp(sum), nil
}

func checkRecord(work, best float64) error {
	if !(work >= 0 && work <= math.MaxFloat64) {
		return fmt.Errorf("work of difficulty %v: want a number of 0 or more", work)
	}
	if !(best >= 0 && best <= math.MaxFloat64) || best == 0 && work > 0 {
		return fmt.Errorf("best share of difficulty %v for work of %v: want a number above 0", best, work)
	}
	return nil
}
