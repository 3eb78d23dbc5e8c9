package hash

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the self-test knows is what crypto/sha256 says.
func TestKnownAnswers(t *testing.T) {
	sum := func(b []byte) [32]byte {
		first := sha256.Sum256(b)
		return sha256.Sum256(first[:])
	}
	var level [][32]byte
	for m, row := range knownWords {
		require.Len(t, row, 32/roundedUp(m+1))
		for n, word := range row {
			h := knownVersion(m)
			binary.LittleEndian.PutUint32(h[76:], knownFirst+uint32(n))
			digest := sum(h[:])
			require.Equal(t, binary.BigEndian.Uint32(digest[28:]), word, "row %d, column %d", m, n)
			if len(level) < len(knownHeaders()) {
				require.Equal(t, h, knownHeaders()[len(level)])
				level = append(level, digest)
			}
		}
	}
	for len(level) > 1 {
		for i := range len(level) / 2 {
			level[i] = sum(append(level[2*i][:], level[2*i+1][:]...))
		}
		level = level[:len(level)/2]
	}
	require.Equal(t, level[0], knownRoot)

	require.Equal(t, knownHeader[76:], knownHeaders()[1][76:], "the winning nonce is the second")
	require.Zero(t, knownWords[0][1])
}

func roundedUp(n int) int {
	for p := 1; ; p *= 2 {
		if p >= n {
			return p
		}
	}
}

// No kernel fails here; if one did, tests that ask for it by name would fail too, and none is skipped for it.
func TestNoKernelIsRefused(t *testing.T) {
	require.Empty(t, Refused())
	require.Equal(t, machine().kernels(), Kernels())
	for _, k := range append(Kernels(), Auto) {
		require.NoError(t, SelfTest(k), k)
	}
	require.ErrorContains(t, SelfTest(Kernel(250)), "kernel(250) does not run on this machine")
}

// A kernel that misses, invents or shifts an answer of any lane, or stops too soon, is found out.
func TestSelfTestOfSearch(t *testing.T) {
	type scanner = func([]Candidate, uint32, uint32, uint64) ([]Candidate, uint64)
	type lane struct {
		midstate int
		nonce    uint32
	}
	midstates := 0 // of the present search
	broken := func(alter func(scan scanner) scanner) error {
		s := newScanner(Generic)
		return testSearch(func(mids []Midstate, tail *Tail) { midstates = len(mids); s.Reset(mids, tail) }, alter(s.Scan), testShifts)
	}
	require.NoError(t, broken(func(scan scanner) scanner { return scan }))

	// One lane that always, or never, says yes, or hashes something else.
	for k := 1; k <= MaxMidstates; k *= 2 {
		for i := range 32 {
			bad := lane{i % k, knownFirst + uint32(i/k)}
			if knownWords[bad.midstate][bad.nonce-knownFirst] == 0 {
				continue // yes is right with any mask
			}
			for name, answer := range map[string]func(word, mask uint32) bool{
				"never": func(uint32, uint32) bool { return false }, "always": func(uint32, uint32) bool { return true },
				"other":   func(word, mask uint32) bool { return (word*0x9e3779b1+1)&mask == 0 },
				"no mask": func(word, _ uint32) bool { return word == 0 },
			} {
				err := broken(func(scan scanner) scanner {
					return func(dst []Candidate, mask, first uint32, n uint64) (out []Candidate, tried uint64) {
						all, tried := scan(dst, mask, first, n)
						if midstates != k {
							return all, tried
						}
						for _, c := range all {
							if (lane{c.Midstate, c.Nonce}) != bad {
								out = append(out, c)
							}
						}
						if answer(knownWords[bad.midstate][bad.nonce-knownFirst], mask) {
							out = append(out, Candidate{Nonce: bad.nonce, Midstate: bad.midstate})
						}
						return out, tried
					}
				})
				require.ErrorContains(t, err, fmt.Sprintf("search of %d midstates with mask ", k), "%s %+v", name, bad)
				require.ErrorContains(t, err, fmt.Sprintf("nonce %08x with midstate %d: found is ", bad.nonce, bad.midstate))
			}
		}
	}
	// One of the vectors that are computed side by side, sixteen nonces in each, that never says yes.
	for k := 1; k <= MaxMidstates; k *= 2 {
		for vector := range uint32(4) {
			require.ErrorContains(t, broken(func(scan scanner) scanner {
				return func(dst []Candidate, mask, first uint32, n uint64) (out []Candidate, tried uint64) {
					all, tried := scan(dst, mask, first, n)
					for _, c := range all {
						if midstates != k || (c.Nonce-first)/16%4 != vector {
							out = append(out, c)
						}
					}
					return out, tried
				}
			}), fmt.Sprintf("search of %d midstates with mask ", k), "vector %d", vector)
		}
	}
	for text, c := range map[string]Candidate{
		"nonce 7c2bac1b with midstate 0 was not to be tried":  {Nonce: knownFirst - 1},
		"nonce 7c2bac3c with midstate 0 was not to be tried":  {Nonce: knownFirst + 32},
		"nonce 7c2bac1c with midstate 1 was not to be tried":  {Nonce: knownFirst, Midstate: 1},
		"nonce 7c2bac1c with midstate -1 was not to be tried": {Nonce: knownFirst, Midstate: -1},
	} {
		require.ErrorContains(t, broken(func(scan scanner) scanner {
			return func(dst []Candidate, mask, first uint32, n uint64) ([]Candidate, uint64) {
				out, tried := scan(dst, mask, first, n)
				return append(out, c), tried
			}
		}), text)
	}
	require.ErrorContains(t, broken(func(scan scanner) scanner {
		return func(dst []Candidate, mask, first uint32, n uint64) ([]Candidate, uint64) {
			return scan(dst, mask, first, n-1)
		}
	}), "search of 1 midstates with mask 00000001: 31 of 32 nonces tried")
}

// So is one with any digest of a batch wrong, in whichever bit.
func TestSelfTestOfBatches(t *testing.T) {
	require.NoError(t, testBatches(sumHeadersGeneric, sumPairsGeneric, sumSuffixesGeneric))
	flip := func(digest *[32]byte, i int) { digest[i*5%256/8] ^= 1 << (i * 5 % 8) }
	for message := range 64 {
		require.Error(t, testBatches(func(dst [][32]byte, src [][HeaderSize]byte) {
			sumHeadersGeneric(dst, src)
			if len(dst) > 1 {
				flip(&dst[message], message)
			}
		}, sumPairsGeneric, sumSuffixesGeneric), "header %d", message)

		for _, prefixes := range []bool{false, true} {
			if prefixes && message >= 32 {
				continue
			}
			err := testBatches(sumHeadersGeneric, sumPairsGeneric, func(dst [][32]byte, p Prefix, src []byte, size int) {
				sumSuffixesGeneric(dst, p, src, size)
				if prefixes == (p.Size() > 0) && len(dst) > 1 {
					flip(&dst[message], message)
				}
			})
			require.ErrorContains(t, err, "batch of suffixes", "suffix %d", message)
			require.ErrorContains(t, err, fmt.Sprintf(": digest %d is ", message))
		}
	}
	for message := range 64 {
		alone := 0 // how many there were
		spoil := func(dst [][32]byte) {
			if len(dst) == 1 {
				if alone == message {
					flip(&dst[0], message)
				}
				alone++
			}
		}
		require.ErrorContains(t, testBatches(func(dst [][32]byte, src [][HeaderSize]byte) {
			sumHeadersGeneric(dst, src)
			spoil(dst)
		}, sumPairsGeneric, sumSuffixesGeneric), fmt.Sprintf("header %d alone: digest is ", message))
		alone = 0
		require.ErrorContains(t, testBatches(sumHeadersGeneric, sumPairsGeneric, func(dst [][32]byte, p Prefix, src []byte, size int) {
			sumSuffixesGeneric(dst, p, src, size)
			spoil(dst)
		}), fmt.Sprintf("suffix %d alone: digest is ", message))
	}
	for size := 1; size <= 32; size *= 2 {
		for message := range size {
			require.ErrorContains(t, testBatches(sumHeadersGeneric, func(dst [][32]byte, src [][PairSize]byte) {
				sumPairsGeneric(dst, src)
				if len(src) == size {
					flip(&dst[message], message+size)
				}
			}, sumSuffixesGeneric), "merkle root is ", "pair %d of %d", message, size)
		}
	}
}

var errWrong = errors.New("wrong answer")

// failing is an outcome of the self-test in which these kernels fail.
func failing(kernels ...Kernel) func(Kernel) error {
	return func(k Kernel) error {
		for _, bad := range kernels {
			if k == bad {
				return errWrong
			}
		}
		return nil
	}
}

// What fails is not used, the next one is, and it can be asked which and why.
func TestFailingKernels(t *testing.T) {
	all := []Kernel{Generic, AVX2, SHANI, AVX512}
	for _, test := range []struct {
		bad, passed []Kernel
		auto        Kernel
	}{
		{nil, all, AVX512},
		{[]Kernel{AVX512}, []Kernel{Generic, AVX2, SHANI}, SHANI},
		{[]Kernel{AVX2}, []Kernel{Generic, SHANI, AVX512}, AVX512},
		{[]Kernel{SHANI, AVX512}, []Kernel{Generic, AVX2}, AVX2},
		{[]Kernel{AVX2, SHANI, AVX512}, []Kernel{Generic}, Generic},
		{[]Kernel{Generic}, []Kernel{AVX2, SHANI, AVX512}, AVX512},
	} {
		s := divide(all, failing(test.bad...))
		require.Equal(t, test.passed, s.passed)
		require.Len(t, s.refused, len(test.bad))
		for i, r := range s.refused {
			require.Equal(t, &Refusal{test.bad[i], errWrong}, r)
		}
		auto, err := lastOf(all, failing(test.bad...))
		require.NoError(t, err)
		require.Equal(t, test.auto, auto)
	}
	_, err := lastOf([]Kernel{Generic, AVX2}, failing(Generic, AVX2))
	require.EqualError(t, err, "no kernel computes what is known: "+
		"kernel avx2 failed its self-test: wrong answer; kernel generic failed its self-test: wrong answer")

	// One that is asked for by name is refused, and others that pass are named.
	err = Generic.checkOn(features{}, failing(Generic))
	var refusal *Refusal
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, Generic, refusal.Kernel)
	require.ErrorIs(t, err, errWrong)
	require.EqualError(t, err, "kernel generic failed its self-test: wrong answer")
	require.EqualError(t, SHANI.checkOn(features{}, failing()), "kernel shani does not run on this machine: use one of [generic]")
}
