package share_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// addChoices seeds a fuzz target with choices that make streams of several lengths.
func addChoices(f *testing.F, add func(choices []byte)) {
	f.Helper()
	r := rand.NewChaCha8([32]byte{'s', 'h', 'a', 'r', 'e'})
	for _, n := range []int{0, 40, 300, 300, 1500, 1500, 6000} {
		b := make([]byte, n)
		_, _ = r.Read(b)
		add(b)
	}
}

// fuzzStream compares the stream that the choices make.
func fuzzStream(t *testing.T, c *compared, choices []byte) {
	s := newStream(&byteChooser{choices})
	for !s.done() {
		if err := c.do(s, s.next()); err != nil {
			t.Fatal(err)
		}
	}
	require.NoError(t, c.flush())
}

// FuzzValidator holds strict against the slow judge, in streams made of the input.
func FuzzValidator(f *testing.F) {
	addChoices(f, func(choices []byte) { f.Add(choices) })
	f.Fuzz(func(t *testing.T, choices []byte) {
		c := newCompared(share.Policy{})
		c.slow = newSlowPool()
		fuzzStream(t, c, choices)
	})
}

// FuzzBatch holds batches against single checks, by every preset.
func FuzzBatch(f *testing.F) {
	presets := share.Presets()
	addChoices(f, func(choices []byte) {
		for p := range presets {
			f.Add(uint8(p), choices)
		}
	})
	f.Fuzz(func(t *testing.T, preset uint8, choices []byte) {
		fuzzStream(t, newCompared(presets[int(preset)%len(presets)]), choices)
	})
}

// FuzzText reads texts as strict does, by digits alone, and has every preset judge them.
func FuzzText(f *testing.F) {
	const sixth = true
	f.Add("00000000000000a1", "6ab16300", "00000007", "00002000", sixth)
	f.Add("00000000000000A1", "6AB16300", "0000000a", "", !sixth)
	f.Add("", "", "", "", sixth)
	f.Add("a", "06ab16300", "0x000007", "2000", sixth)
	f.Add("00000000000000g1", " 6ab1630", "+0000007", "00002000 ", sixth)
	f.Add("0x000000000000a1", "6ab1630g", "-0000007", "0x002000", sixth)
	f.Add("٣0000000000000a1", "６ab163", "0000000\x00", "0000_000", sixth)
	f.Add(strings.Repeat("ab", share.MaxExtranonce), "ffffffff", "00000000ffffffffffffffff", "ffffffff", sixth)
	f.Add(strings.Repeat("ab", share.MaxExtranonce+1), "NaN", "\xff\xfe", "1e9", sixth)

	job, err := fastJob(&bitaxeJob)
	require.NoError(f, err)
	presets := share.Presets()

	f.Fuzz(func(t *testing.T, extranonce2, ntime, nonce, bits string, rolled bool) {
		text := share.Text{Worker: "w", JobID: bitaxeJob.id, Extranonce2: extranonce2, Time: ntime, Nonce: nonce, VersionBits: bits, HasVersionBits: rolled}
		before := text
		buf := []byte{1, 2, 3}
		sub := text.Submission(buf)
		require.Equal(t, before, text)
		require.Same(t, &text, sub.Text)
		require.Equal(t, []byte{1, 2, 3}, buf)

		var faults share.Faults
		var want [3]uint32
		for i, field := range []struct {
			text  string
			fault share.Faults
		}{{ntime, share.FaultTime}, {nonce, share.FaultNonce}, {bits, share.FaultVersionBits}} {
			b, ok := digitsOf(field.text)
			switch {
			case i == 2 && !rolled:
			case !ok || len(b) != 4:
				faults |= field.fault
			default:
				want[i] = uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
			}
		}
		b, ok := digitsOf(extranonce2)
		if !ok || len(b) > share.MaxExtranonce {
			faults |= share.FaultExtranonce2
			b = nil
		}
		require.Equal(t, faults, sub.Faults)
		require.Equal(t, want, [3]uint32{sub.Time, sub.Nonce, sub.VersionBits})
		require.True(t, bytes.Equal(b, sub.Extranonce2))
		require.Equal(t, rolled, sub.HasVersionBits)

		for _, p := range presets {
			var results [2]share.Result
			for i := range results {
				v := share.NewValidator(share.Options{Policy: p})
				s := v.NewSession()
				require.NoError(t, s.SetExtranonce([]byte{1, 2, 3, 4}, 8))
				s.Authorize("w")
				s.SetMask(work.MaskBIP320)
				s.SetTarget(work.HashValue(&chainhash.Hash{31: 0xff}))
				require.NoError(t, s.AddJob(job, true, sub.Received))
				if i == 0 {
					results[i].Verdict, results[i].Err = s.Check(&sub)
				} else {
					results = [2]share.Result{results[0], v.CheckBatch(nil, []share.Request{{Session: s, Submission: &sub}})[0]}
				}
			}
			require.NoError(t, results[0].Err, p.String())
			require.Equal(t, results[0], results[1], p.String())
		}
	})
}

// digitsOf returns the bytes that an even number of hex digits stands for.
func digitsOf(s string) (b []byte, ok bool) {
	high := 0
	for i := range len(s) {
		d := strings.IndexByte("0123456789abcdef0123456789ABCDEF", s[i])
		if d < 0 {
			return nil, false
		}
		if i%2 == 1 {
			b = append(b, byte(high<<4|d%16))
		}
		high = d % 16
	}
	return b, len(s)%2 == 0
}
