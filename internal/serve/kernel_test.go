package serve

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/bench"
	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/work"
)

func TestChooseKernel(t *testing.T) {
	var askedFor []hash.Kernel
	var midstates int
	measure := func(_ context.Context, kernels []hash.Kernel, k int, d time.Duration) ([]bench.Rate, error) {
		askedFor, midstates = kernels, k
		require.LessOrEqual(t, d, 250*time.Millisecond)
		return []bench.Rate{{Kernel: hash.SHANI, Hashes: 20e6}, {Kernel: hash.AVX2, Hashes: 15e6}, {Kernel: hash.Generic, Hashes: 2e6}}, nil
	}
	some := []hash.Kernel{hash.Generic, hash.SHANI, hash.AVX2}
	refused := []*hash.Refusal{{Kernel: hash.AVX512, Err: errors.New("nonce 1 is missing")}}

	// What was measured decides, not what was expected; a refused kernel is not
	// even measured, and told of.
	k, events, err := kernelChoice{some, refused, measure}.choose(t.Context(), 16)
	require.NoError(t, err)
	require.Equal(t, hash.SHANI, k)
	require.Equal(t, some, askedFor)
	require.Equal(t, 16, midstates)
	require.Equal(t, []Event{
		KernelRefused{"avx512", "nonce 1 is missing"},
		KernelChosen{"shani", ReasonFastest, 16, []KernelRate{{"shani", 20e6}, {"avx2", 15e6}, {"generic", 2e6}}},
	}, events)

	// One alone needs no measurement.
	askedFor = nil
	k, events, err = kernelChoice{some[:1], refused, measure}.choose(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, hash.Generic, k)
	require.Nil(t, askedFor)
	require.Equal(t, []Event{
		KernelRefused{"avx512", "nonce 1 is missing"},
		KernelChosen{"generic", ReasonOnly, 1, []KernelRate{}},
	}, events)

	broken := func(context.Context, []hash.Kernel, int, time.Duration) ([]bench.Rate, error) { return nil, errDown }
	_, _, err = kernelChoice{some, nil, broken}.choose(t.Context(), 1)
	require.ErrorIs(t, err, errDown)
}

// What is chosen here, by real measurements, is one of what there is.
func TestChooseKernelHere(t *testing.T) {
	k, events, err := thisMachine().choose(t.Context(), 1)
	require.NoError(t, err)
	require.Contains(t, hash.Kernels(), k)
	require.Len(t, events, 1)
	chosen := events[0].(KernelChosen)
	require.Equal(t, k.String(), chosen.Kernel)
	if len(hash.Kernels()) > 1 {
		require.Equal(t, ReasonFastest, chosen.Reason)
		require.Len(t, chosen.Rates, len(hash.Kernels()))
		require.Equal(t, chosen.Kernel, chosen.Rates[0].Kernel)
	}
}

func TestMidstatesOf(t *testing.T) {
	for mask, want := range map[uint32]int{0: 1, 1 << 13: 2, 0xe000: 8, 0x1e000: 16, work.MaskBIP320: 16, ^uint32(0): 16} {
		require.Equal(t, want, midstatesOf(mask), "%08x", mask)
	}
}

// The kernel that searches is the one that was the fastest with as many
// midstates as the first template leaves; one that is named is not measured.
func TestSoloKernel(t *testing.T) {
	for _, test := range []struct {
		named hash.Kernel
		want  KernelChosen
	}{
		{hash.Auto, KernelChosen{"generic", ReasonFastest, 2, []KernelRate{{"generic", 7}, {"avx2", 5}}}},
		{hash.Generic, KernelChosen{"generic", ReasonNamed, 2, []KernelRate{}}},
	} {
		synctest.Test(t, func(t *testing.T) {
			f, r := newFakeNode(easyBits), &recorder{}
			f.alter = func(t map[string]any) { t["vbavailable"] = map[string]int{"one": 13} }
			s, err := NewSolo(SoloConfig{
				Backend: backend(t, f, t.TempDir()), Kernel: test.named, Threads: 1, VersionMask: 0x6000, Blocks: 1, OnEvent: r.on,
			})
			require.NoError(t, err)
			s.choice = func() kernelChoice {
				require.Equal(t, hash.Auto, test.named)
				return kernelChoice{[]hash.Kernel{hash.Generic, hash.AVX2}, []*hash.Refusal{{Kernel: hash.AVX512, Err: errDown}},
					func(_ context.Context, kernels []hash.Kernel, midstates int, _ time.Duration) ([]bench.Rate, error) {
						require.Equal(t, 2, midstates)
						return []bench.Rate{{Kernel: hash.Generic, Hashes: 7}, {Kernel: hash.AVX2, Hashes: 5}}, nil
					}}
			}
			require.NoError(t, s.Run(t.Context()))
			require.Equal(t, "generic", eventsOf[Started](r)[0].Kernel)
			require.Equal(t, []KernelChosen{test.want}, eventsOf[KernelChosen](r))
			if test.named == hash.Auto {
				require.Equal(t, []KernelRefused{{"avx512", errDown.Error()}}, eventsOf[KernelRefused](r))
			} else {
				require.Empty(t, eventsOf[KernelRefused](r))
			}
			require.Equal(t, "kernel", r.events[len(eventsOf[KernelRefused](r))+1].Kind(), "told before the first job")
		})
	}

	// Interrupted meanwhile, it ends as at any other time.
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		s, err := NewSolo(SoloConfig{Backend: backend(t, newFakeNode(easyBits), t.TempDir()), Threads: 1, OnEvent: r.on})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		s.choice = func() kernelChoice {
			return kernelChoice{[]hash.Kernel{hash.Generic, hash.AVX2}, nil,
				func(ctx context.Context, _ []hash.Kernel, _ int, _ time.Duration) ([]bench.Rate, error) {
					cancel()
					return nil, ctx.Err()
				}}
		}
		require.NoError(t, s.Run(ctx))
		require.Empty(t, r.events)
	})

	_, err := NewSolo(SoloConfig{Backend: &Backend{}, Kernel: hash.Kernel(250)})
	require.ErrorContains(t, err, "kernel(250) does not run on this machine")
}
