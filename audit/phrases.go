package audit

import (
	"fmt"
	"math"
	"time"
)

// bandWords says a rate and its band: "93.1 TH/s (between 91 and 95.3)".
func bandWords(i Interval) string {
	text := rateWords(i.Estimate)
	if i.Estimate == 0 && i.High > 0 && i.High <= math.MaxFloat64 {
		return fmt.Sprintf("nothing (less than %s)", rateWords(i.High))
	}
	if !(i.High > 0 && i.High <= math.MaxFloat64) {
		return fmt.Sprintf("%s (at least %s)", text, rateWords(i.Low))
	}
	return fmt.Sprintf("%s (between %s and %s)", text, rateWords(i.Low), rateWords(i.High))
}

// chanceWords says what an e-value means for the reader.
func chanceWords(logE float64) string {
	return "The odds against this being chance are " + oddsWords(logE) + "."
}

// momentWords says when, in UTC and to the second.
func momentWords(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// finite drops what is no number from the numbers of a finding.
func finite(numbers map[string]float64) map[string]float64 {
	for name, v := range numbers {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			delete(numbers, name)
		}
	}
	return numbers
}

// logMeanExp returns the logarithm of the mean of the exponentials.
func logMeanExp(logs []float64) float64 { return logSumExp(logs) - math.Log(float64(len(logs))) }

// maxLogE bounds log e-values, so that sums of them stay numbers.
const maxLogE = 1e15

// last returns when the latest whole step of a peak was reached; the zero time if none was.
func (s *summit) last() time.Time {
	if len(s.Steps) == 0 {
		return time.Time{}
	}
	return time.Unix(0, s.Steps[len(s.Steps)-1]).UTC()
}
