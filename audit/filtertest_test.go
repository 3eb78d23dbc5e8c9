package audit

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFilterWarmUp(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	var test filterTest
	for i := range filterWarmUp {
		_, known := test.floor(600)
		require.False(t, known, i)
		test.share(600, pareto(r, 600))
	}
	f, known := test.floor(600)
	require.True(t, known)
	require.Equal(t, 600.0, f)
	f, known = test.floor(1023) // the same octave
	require.True(t, known)
	require.Equal(t, 1023.0, f)
	_, known = test.floor(1024)
	require.False(t, known)
	_, known = test.floor(math.NaN())
	require.False(t, known)
}

func TestFilterIsFound(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 9))
	var test filterTest
	for range 200 {
		test.share(64, pareto(r, 256))
	}
	f, known := test.floor(64)
	require.True(t, known)
	require.Equal(t, 256.0, f)
	f, _ = test.floor(100) // the same octave
	require.Equal(t, 256.0, f)
	require.Equal(t, 256.0, test.hardware())
	c := &context{plan: testPlan(t, nil), threshold: 16}
	finding := test.finding(c)
	require.Equal(t, Description, finding.Kind)
	require.Contains(t, finding.Words, "256")
	t.Log(finding.Words)
	// The pool asks for more: no filter above that.
	for range 100 {
		test.share(1024, pareto(r, 1024))
	}
	f, _ = test.floor(1024)
	require.Equal(t, 1024.0, f)
	require.Equal(t, 256.0, test.hardware())
	// Other firmware: the filter falls at once, and the proof of it with it.
	test.share(64, 70)
	f, _ = test.floor(64)
	require.Equal(t, 64.0, f)
	require.Zero(t, test.hardware())
	// And comes again.
	for range 3 * filterWarmUp {
		test.share(64, pareto(r, 256))
	}
	f, _ = test.floor(64)
	require.Equal(t, 256.0, f)
	require.NoError(t, test.check())
}

// An honest device is said to have a filter with the probability that the threshold says, at most; and the floor, whatever it
// is, was fixed before the shares that are held against it.
func TestFilterErrorRate(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	const runs, shares = 400, 400
	claims, counted, expected := 0, 0., 0.
	for range runs {
		var test filterTest
		sure := false
		for i := range shares {
			required := []float64{1000, 1900, 1500}[i%3]
			d := pareto(r, required)
			if f, known := test.floor(required); known {
				expected += required / f
				if d >= f {
					counted++
				}
			}
			test.share(required, d)
			if f, _, _ := test.sure(math.Log(20)); f > 0 {
				sure = true
			}
		}
		if sure {
			claims++
		}
	}
	t.Logf("filters claimed at 5 %%: %d of %d; counted %.0f, expected %.0f", claims, runs, counted, expected)
	require.LessOrEqual(t, float64(claims), 0.05*runs+3*math.Sqrt(0.05*0.95*runs))
	require.InDelta(t, expected, counted, 4*math.Sqrt(expected-counted+1000))
}

func TestFilterMerge(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 9))
	var whole, first, second filterTest
	for i := range 100 {
		required, d := 64., pareto(r, 512)
		if i%5 == 0 {
			required, d = 4096, pareto(r, 4096)
		}
		whole.share(required, d)
		if i < 50 {
			first.share(required, d)
		} else {
			second.share(required, d)
		}
	}
	first.merge(&second)
	require.NoError(t, first.check())
	require.Equal(t, whole.hardware(), first.hardware())
	a, _, _ := whole.sure(1)
	b, _, _ := first.sure(1)
	require.Equal(t, a, b)
	for i := range whole.Octaves {
		require.Equal(t, whole.Octaves[i].Shares, first.Octaves[i].Shares)
		require.Equal(t, whole.Octaves[i].Ratio, first.Octaves[i].Ratio)
		require.Equal(t, whole.Octaves[i].Runs, first.Octaves[i].Runs)
	}
	var empty filterTest
	empty.merge(&first)
	require.Equal(t, first.hardware(), empty.hardware())
	// What is merged is not shared.
	first.share(64, 64)
	require.NotEqual(t, first.hardware(), empty.hardware())
}

func TestFilterIsBounded(t *testing.T) {
	var test filterTest
	for e := -1070; e < 1000; e++ {
		test.share(math.Ldexp(1, e), math.Ldexp(1.5, e))
	}
	require.LessOrEqual(t, len(test.Octaves), filterOctaves)
	require.NoError(t, test.check())
}
