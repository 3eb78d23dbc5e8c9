package audit

import "math"

// weaknesses are how much of a cell is bet to be missing; each has the same part of the stake. 0.15 is there for one chip of three with the
// same address (on three boards): under a tolerance of 20 % it is the best bet against a third that is missing.
var weaknesses = [...]float64{.15, .3, .5, .85, 1}

// logKept are the logarithms of what a bet keeps at a share of its cell.
var logKept = func() (logs [len(weaknesses)]float64) {
	for i, x := range weaknesses {
		logs[i] = math.Log1p(-x)
	}
	return logs
}()

// pot adds up numbers that are given by their logarithms. The zero pot is empty.
type pot struct{ top, sum float64 }

func (p *pot) add(log float64) {
	switch {
	case p.sum == 0:
		p.top, p.sum = log, 1
	case log <= p.top:
		if log > p.top-40 {
			p.sum += math.Exp(log - p.top)
		}
	default:
		p.sum = p.sum*math.Exp(p.top-log) + 1
		p.top = log
	}
}

// log is the logarithm of the sum, -Inf of an empty pot.
func (p *pot) log() float64 { return p.top + math.Log(p.sum) }

// DeadCellShares returns how many shares it takes to say that a cell is dead, if none of them is from it, of cells cells that would
// give the same number each: with probability alpha at most one of them all is accused wrongly. It is ln(alpha/cells) / ln(1-1/cells),
// rounded up; NaN for fewer than 2 cells or an alpha that is not in (0, 1).
func DeadCellShares(cells int, alpha float64) float64 {
	if cells < 2 || !(alpha > 0 && alpha < 1) {
		return math.NaN()
	}
	k := float64(cells)
	return math.Ceil(math.Log(alpha/k) / math.Log1p(-1/k))
}

// knownBet is the logarithm of what a bet on weakness x has become after n shares, seen of them from the cell, if a sound one gives p of
// all or more: each share multiplies the stake by (1-x)/(1-xp) if it is from the cell and by 1/(1-xp) if not, which is 1 on average for
// a cell that gives p and less for one that gives more.
func knownBet(x, p, seen, n float64) float64 {
	log := -n * math.Log1p(-x*p)
	if seen > 0 {
		log += seen * math.Log1p(-x)
	}
	return log
}

// learnedBet is the same where p is not known: was of the first m shares were from the cell, seen of the n after them, and a sound cell
// goes on giving keep times its p, or more. For each p the product of a likelihood ratio over the first part (Jeffreys' mixture against
// p) and the bet over the second can be expected to stay below 1; the least of them over all p is therefore no more than the one of
// the true p (universal inference: Wasserman, Ramdas, Balakrishnan 2020). No probability is spent on an estimate of p. jeffreys is
// jeffreysLog(was, m).
func learnedBet(x, keep, was, m, seen, n, jeffreys float64) float64 {
	log := jeffreys
	if seen > 0 {
		log += seen * math.Log1p(-x)
	}
	if was == 0 {
		return log // the least is at p = 0
	}
	// -was ln p - (m-was) ln(1-p) - n ln(1-cp) is convex in p; where its derivative is 0 is a root of a quadratic.
	c := x * keep
	b := m + c*(was+n)
	p := 2 * was / (b + math.Sqrt(max(0, b*b-4*c*(m+n)*was)))
	log -= was*math.Log(p) + n*math.Log1p(-c*p)
	if m > was {
		log -= (m - was) * math.Log1p(-p)
	}
	return log
}

// jeffreysLog is the logarithm of the probability that Jeffreys' mixture gives to a sequence of m shares of which was are from a cell.
func jeffreysLog(was, m float64) float64 {
	a, _ := math.Lgamma(was + .5)
	b, _ := math.Lgamma(m - was + .5)
	c, _ := math.Lgamma(m + 1)
	return a + b - c - math.Log(math.Pi)
}

// logSum is ln(e^a + e^b).
func logSum(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(b, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}

// allBets is the logarithm of the mean over the weaknesses.
func allBets(bet func(x float64) float64) float64 {
	var logs [len(weaknesses)]float64
	for i, x := range weaknesses {
		logs[i] = bet(x)
	}
	return logSumExp(logs[:]) - math.Log(float64(len(weaknesses)))
}
