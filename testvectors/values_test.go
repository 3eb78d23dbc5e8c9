package testvectors

import (
	"cmp"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"encoding/json"
	"math/big"
	"math/bits"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func readREADME(t *testing.T) string {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	return string(text)
}

func TestHeaderRuns(t *testing.T) {
	all := HeaderRuns()
	require.GreaterOrEqual(t, len(all), 50)
	byName := make(map[string]HeaderRun)
	reasons := make(map[string]int)
	longest, retargets := 0, 0
	for _, r := range all {
		byName[r.Name] = r
		reasons[r.Reason]++
		longest = max(longest, len(r.Headers))
		for i := 2016; i < len(r.Headers); i++ {
			retargets += count(r.Consecutive && field(r.Headers[i], 72) != field(r.Headers[i-1], 72))
		}
	}
	require.GreaterOrEqual(t, longest, 4032)
	require.Positive(t, retargets)
	for _, r := range all {
		t.Run(r.Name, func(t *testing.T) {
			index, reason := judgeHeaders(&r)
			require.Equal(t, r.Reason, reason)
			require.Equal(t, r.BadIndex, index)
			if r.Base == "" {
				return
			}
			from := byName[r.Base]
			require.Equal(t, Valid, from.Expect)
			require.Equal(t, from.Network, r.Network)
			require.False(t, reflect.DeepEqual(from.Headers, r.Headers) && from.StartHeight == r.StartHeight)
			if from.StartHeight != r.StartHeight {
				require.Equal(t, from.Headers, r.Headers)
			} else if len(r.Headers) > len(from.Headers) {
				require.Equal(t, from.Headers, r.Headers[:len(from.Headers)])
			}
		})
	}
	for _, reason := range []string{
		"high-hash", "bad-prevblk", "bad-diffbits", "time-too-old", "time-too-new", "bad-version",
		"time-timewarp-attack", "time-negative-interval",
	} {
		require.Positive(t, reasons[reason], reason)
	}
	t.Log(reasons)

	clone := HeaderRuns()
	clone[0].Headers[0][0] ^= 1
	require.NotEqual(t, clone[0].Headers[0], HeaderRuns()[0].Headers[0])
}

func TestNonces(t *testing.T) {
	all := Nonces()
	wins := map[bool]int{}
	for _, n := range all {
		t.Run(n.Name, func(t *testing.T) {
			require.Equal(t, n.Network, hasWork(n.Header))
			require.Equal(t, 256-number(n.Hash).BitLen(), n.Zeros)
			require.GreaterOrEqual(t, n.Zeros, 32)
			h := sha256.New()
			h.Write(n.Header[:64])
			state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
			require.NoError(t, err)
			for i, word := range n.Midstate {
				require.Equal(t, binary.BigEndian.Uint32(state[4+4*i:]), word) // after the magic
			}
		})
		if n.Network && n.Height >= 0 {
			wins[n.Rolled]++
		}
	}
	require.GreaterOrEqual(t, wins[true], 30)
	require.GreaterOrEqual(t, wins[false], 40)
	byNonce := func(a, b Nonce) int { return cmp.Compare(a.Nonce, b.Nonce) }
	require.Less(t, slices.MinFunc(all, byNonce).Nonce, uint32(0x1000))
	require.Greater(t, slices.MaxFunc(all, byNonce).Nonce, uint32(0xfffe0000))
	// The benchmark headers lie in all sixteen parts of the range, read as the
	// device that searched them wrote the nonce.
	var parts [16]int
	for _, n := range all {
		if strings.HasPrefix(n.Name, "nonce/cgminer") {
			parts[bits.ReverseBytes32(n.Nonce)>>28]++
		}
	}
	require.NotContains(t, parts, 0)
	t.Logf("%d nonces: %d wins with rolled versions, %d without", len(all), wins[true], wins[false])
}

func TestBits(t *testing.T) {
	var negative, overflow, zero, usable int
	for _, b := range AllBits() {
		t.Run(b.Name, func(t *testing.T) {
			target, neg, over := decodeTarget(b.Bits)
			require.Equal(t, neg, b.Negative)
			require.Equal(t, over, b.Overflow)
			require.Equal(t, b.Expect == Valid, !neg && !over && target.Sign() > 0)
			if over {
				require.Zero(t, b.Canonical)
				require.Zero(t, b.Target)
				return
			}
			require.Zero(t, target.Cmp(new(big.Int).SetBytes(b.Target[:])))
			canonical := encodeTarget(target)
			if neg {
				canonical |= 0x800000
			}
			require.Equal(t, canonical, b.Canonical)
			if b.Expect == Valid {
				work := new(big.Int).Lsh(big.NewInt(1), 256)
				work.Quo(work, target.Add(target, big.NewInt(1)))
				require.Zero(t, work.Cmp(new(big.Int).SetBytes(b.Work[:])))
			}
		})
		negative += count(b.Negative)
		overflow += count(b.Overflow)
		zero += count(!b.Overflow && b.Target == [32]byte{})
		usable += count(b.Expect == Valid)
	}
	require.GreaterOrEqual(t, negative, 4)
	require.GreaterOrEqual(t, overflow, 5)
	require.GreaterOrEqual(t, zero, 10)
	require.GreaterOrEqual(t, usable, 20)
}

// decimal is what a difficulty may look like.
var decimal = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func TestDifficulties(t *testing.T) {
	all := Difficulties()
	require.GreaterOrEqual(t, len(all), 40)
	limit := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
	for _, d := range all {
		q, ok := new(big.Rat).SetString(d.Difficulty)
		if !ok || !decimal.MatchString(d.Difficulty) {
			require.Equal(t, Malformed, d.Reason, d.Name)
			continue
		}
		want := new(big.Int).Lsh(big.NewInt(0xffff), 208)
		if q.Sign() <= 0 || q.Cmp(new(big.Rat).SetInt(want)) > 0 {
			require.Equal(t, "bad-difficulty", d.Reason, d.Name)
			continue
		}
		require.Equal(t, Valid, d.Expect, d.Name)
		want.Mul(want, q.Denom())
		want.Quo(want, q.Num())
		if want.Cmp(limit) > 0 {
			want = limit
		}
		require.Zero(t, want.Cmp(new(big.Int).SetBytes(d.Target[:])), d.Name)
	}
}

func TestRetargets(t *testing.T) {
	all := Retargets()
	require.GreaterOrEqual(t, len(all), 30)
	for _, r := range all {
		require.Equal(t, r.NewBits, retarget(r.OldBits, r.FirstTime, r.LastTime), r.Name)
		require.Zero(t, r.Height%2016, r.Name)
	}
}

func TestTemplates(t *testing.T) {
	byName := make(map[string]Template)
	for _, v := range Templates() {
		byName[v.Name] = v
	}
	reasons := make(map[string]int)
	for _, v := range Templates() {
		reasons[v.Reason]++
		t.Run(v.Name, func(t *testing.T) {
			require.Equal(t, v.Reason, judgeTemplate(v.JSON))
			var j templateJSON
			if v.Reason != Malformed {
				require.NoError(t, json.Unmarshal(v.JSON, &j))
				require.EqualValues(t, v.Height, *j.Height)
			}
			if v.Base == "" {
				return
			}
			from, ok := byName[v.Base]
			require.True(t, ok)
			require.Equal(t, Valid, from.Expect)
			var was, is map[string]any
			require.NoError(t, json.Unmarshal(from.JSON, &was))
			if json.Unmarshal(v.JSON, &is) != nil || is == nil {
				require.Equal(t, Malformed, v.Reason)
				return
			}
			var changed []string
			for key := range was {
				if !reflect.DeepEqual(was[key], is[key]) {
					changed = append(changed, key)
				}
			}
			for key := range is {
				if _, ok := was[key]; !ok {
					changed = append(changed, key)
				}
			}
			// Bits and target say the same, so both change when bits are zero.
			if !strings.HasSuffix(v.Name, "-bits-zero") {
				require.Len(t, changed, 1)
			}
		})
	}
	require.GreaterOrEqual(t, reasons[""], 12)
	require.Equal(t, "bad-witness-merkle-match", byName["template/testnet3-1038222-btcpool"].Reason)
	t.Log(reasons)

	clone := Templates()
	clone[0].JSON[0] = 0
	require.NotZero(t, Templates()[0].JSON[0])
}
