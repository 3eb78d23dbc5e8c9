package audit

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// manyShares is the shape from which on gammaQuantile uses its own series. Below, gonum's inverses are right to 12 digits of
// the tail. Above, they lose them: its power series stops after 2,000 terms, which is too few from 1e6 on for tails beyond
// 4.5 standard deviations (of the interval of 1-1e-6 for 1e9 shares, the lower end is off by 3 % of the width).
const manyShares = 1e5

// tail says which end of a gamma distribution has a probability.
type tail float64

const (
	below tail = -1
	above tail = +1
)

// gammaQuantile returns the x that a gamma variable of the given shape, 1 or more, and scale 1 is below (or above) with
// probability p, from minAlpha/2 up to but not including 1.
func gammaQuantile(shape, p float64, side tail) float64 {
	switch {
	case shape >= manyShares:
		return manyQuantile(shape, p, side)
	case side == below:
		return mathext.GammaIncRegInv(shape, p)
	}
	return mathext.GammaIncRegCompInv(shape, p)
}

// manyQuantile is gammaQuantile for large shapes a. It solves ln tail(u) = ln p by Newton's method for u = x/a - 1, so that
// nothing is lost where x is near a. The start is so near that two or three steps reach the last bits.
func manyQuantile(a, p float64, side tail) float64 {
	z := -float64(side) * mathext.NormalQuantile(p)
	root := z/(3*math.Sqrt(a)) - 1/(9*a) // Wilson and Hilferty: x/a is nearly the cube of a normal variable
	u := root * (3 + root*(3+root))      // (1+root)³ - 1
	for range 20 {
		t, density := manyTail(a, u, side)
		step := float64(side) * t / density * math.Log(t/p)
		u += step
		if math.Abs(step) <= 1e-15*math.Abs(u) {
			break
		}
	}
	return a + a*u
}

// manyTail returns the probability of a tail of the gamma distribution of shape a beyond x = a(1+u), and the density of u
// there, by Temme's uniform expansion (DLMF §8.12):
//
//	½η² = u - ln(1+u), sign η = sign u
//	tail = ½ erfc(±η √(a/2)) ± exp(-½aη²) / √(2πa) · (c₀(η) + c₁(η)/a + …)
//
// The coefficients stand there as series in η. For a of 1e5 or more |η| is below 0.12, and what is left
// out is below 1e-14 of the tail.
func manyTail(a, u float64, side tail) (probability, density float64) {
	half := lessLog1p(u) // ½η²
	eta := math.Copysign(math.Sqrt(2*half), u)
	c0 := -1./3 + eta*(1./12+eta*(-2./135+eta*(1./864+eta*(1./2835+eta*(-139./777600+eta/25515)))))
	c1 := -1./540 + eta*(-1./288+eta*(1./378))
	peak := math.Exp(-a * half)
	s := float64(side)
	probability = math.Erfc(s*eta*math.Sqrt(a/2))/2 + s*peak/math.Sqrt(2*math.Pi*a)*(c0+c1/a)
	// x^(a-1) e^-x / Γ(a) dx, with Stirling's series for Γ.
	density = math.Sqrt(a/(2*math.Pi)) * peak / (1 + u) / (1 + 1/(12*a))
	return probability, density
}

// lessLog1p returns u - ln(1+u) for |u| up to about a half without the digits that the difference would lose.
func lessLog1p(u float64) float64 {
	sum, power := 0., u*u
	for k := 2.; ; k++ {
		next := sum + power/k
		if next == sum {
			return sum
		}
		sum, power = next, -power*u
	}
}
