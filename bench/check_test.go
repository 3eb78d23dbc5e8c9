package bench

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/hash"
)

func TestCheck(t *testing.T) {
	for _, k := range hash.Kernels() {
		require.NoError(t, answersOf(k).check(), k)
	}
}

// Each way to be wrong is noticed.
func TestCheckRefuses(t *testing.T) {
	right := answersOf(hash.Generic)
	tests := []struct {
		name  string
		wrong func(a *answers)
		want  string
	}{
		{"misses the candidates of a midstate", func(a *answers) {
			a.scan = func(mids []hash.Midstate, tail *hash.Tail, mask, first uint32, n uint64) ([]hash.Candidate, error) {
				found, err := right.scan(mids, tail, mask, first, n)
				kept := found[:0]
				for _, c := range found {
					if c.Midstate != 7 {
						kept = append(kept, c)
					}
				}
				return kept, err
			}
		}, "with 8 midstates it does not find nonce 7c2bac1d of a mined header"},
		{"misses a nonce at one place of a vector", func(a *answers) {
			a.scan = func(mids []hash.Midstate, tail *hash.Tail, mask, first uint32, n uint64) ([]hash.Candidate, error) {
				found, err := right.scan(mids, tail, mask, first, n)
				kept := found[:0]
				for _, c := range found {
					if (c.Nonce-first)%16 != 13 {
						kept = append(kept, c)
					}
				}
				return kept, err
			}
		}, "does not find nonce"},
		{"finds too much", func(a *answers) {
			a.scan = func(mids []hash.Midstate, tail *hash.Tail, mask, first uint32, n uint64) ([]hash.Candidate, error) {
				found, err := right.scan(mids, tail, mask, first, n)
				return append(found, hash.Candidate{Nonce: first}), err
			}
		}, "does not find nonce"},
		{"has another filter", func(a *answers) {
			a.scan = func(mids []hash.Midstate, tail *hash.Tail, mask, first uint32, n uint64) ([]hash.Candidate, error) {
				if mask != ^uint32(0) {
					mask >>= 8
				}
				return right.scan(mids, tail, mask, first, n)
			}
		}, "with 1 midstates it does not find the candidates that kernel generic finds"},
		{"fails", func(a *answers) {
			a.scan = func([]hash.Midstate, *hash.Tail, uint32, uint32, uint64) ([]hash.Candidate, error) {
				return nil, errors.New("out of order")
			}
		}, "out of order"},
		{"hashes a header wrong", func(a *answers) {
			a.headers = func(dst [][32]byte, src [][hash.HeaderSize]byte) {
				right.headers(dst, src)
				if len(dst) > 17 {
					dst[17][5] ^= 1
				}
			}
		}, "in a batch of 18 it hashes header 17 wrong"},
		{"leaves a pair out", func(a *answers) {
			a.pairs = func(dst [][32]byte, src [][hash.PairSize]byte) {
				right.pairs(dst[:len(dst)&^7], src[:len(dst)&^7])
			}
		}, "in a batch of 1 it hashes pair 0 wrong"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := right
			tt.wrong(&a)
			require.ErrorContains(t, a.check(), tt.want)
		})
	}
}

// What is compared hashes the same.
func TestBaselines(t *testing.T) {
	all := baselines()
	require.Equal(t, stdlib, all[0].name)
	message := make([]byte, 80)
	for _, b := range all {
		require.Contains(t, baselineNames, b.name)
		require.Equal(t, hash.Sum256d(message), b.doubled(message), b.name)
		last, err := b.lastWord()
		require.NoError(t, err)
		require.NotZero(t, last(1), b.name)
		require.Zero(t, last(0x7c2bac1d), b.name)
		require.NotZero(t, last(2), b.name)

		run, err := b.search()
		require.NoError(t, err)
		require.Equal(t, 100, run(100))
	}
}

// No allocation disturbs a measurement.
func TestWorkloadsDoNotAllocate(t *testing.T) {
	for _, k := range hash.Kernels() {
		run, err := searchWith(k, 16)
		require.NoError(t, err)
		require.Zero(t, testing.AllocsPerRun(3, func() { run(1) }))
		headers := batches(func(dst [][32]byte, src [][hash.HeaderSize]byte) { hash.SumHeaders(k, dst, src) })
		require.Zero(t, testing.AllocsPerRun(3, func() { headers(1) }))
	}
	for _, b := range baselines() {
		run, err := b.search()
		require.NoError(t, err)
		require.Zero(t, testing.AllocsPerRun(3, func() { run(10) }), b.name)
		pairs := batches(oneByOne[[hash.PairSize]byte](b.doubled))
		require.Zero(t, testing.AllocsPerRun(3, func() { pairs(1) }), b.name)
	}
}
