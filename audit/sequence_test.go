package audit

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSequence has intervals in parts of the estimate, where the prior is right.
func TestSequence(t *testing.T) {
	for _, v := range []struct {
		n         uint64
		low, high float64
		digits    float64
	}{
		{100, 0.697, 1.380, 1e-3},
		{1000, 0.887, 1.123, 1e-3},
		{10_000, 0.960, 1.041, 1e-3},
		{100_000, 0.9865, 1.0137, 1e-4},
		{1_000_000, 0.9954, 1.0046, 1e-4},
	} {
		const prior = 1e14
		low, high, err := Sequence(v.n, float64(v.n)/prior, prior, 0.05)
		require.NoError(t, err)
		require.InDelta(t, v.low, low/prior, v.digits/2*1.0001, "n %d", v.n)
		require.InDelta(t, v.high, high/prior, v.digits/2*1.0001, "n %d", v.n)
	}
}
