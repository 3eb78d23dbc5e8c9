package share

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What C, JavaScript and .NET make of text, each as its documentation says.
func TestNumbersOfOtherLanguages(t *testing.T) {
	for s, want := range map[string]uint64{
		"": 0, "0": 0, "ff": 255, "FF": 255, "fG": 15, "zz": 0, " \t\n\v\f\r1f": 31, "+1f": 31, "-1": math.MaxUint64, "--1": 0, "0x1f": 31,
		"0X1F": 31, "0x": 0, "0xg": 0, "-0x10": math.MaxUint64 - 15, "00000000000000000000001": 1, "ffffffffffffffff": math.MaxUint64,
		"10000000000000000": math.MaxUint64, "-10000000000000000": math.MaxUint64, "1 2": 1, "\u00a01": 0, "1_0": 1, "１": 0,
	} {
		require.Equal(t, want, strtoul(s), "%q", s)
	}
	nan := math.NaN()
	for s, want := range map[string]float64{
		"": nan, "0": 0, "ff": 255, "fG": 15, "zz": nan, " \u00a0\ufeff\u2028\u30001f": 31, "\u00851": nan, "+1f": 31, "-1f": -31, "- 1": nan,
		"0x1f": 31, "0x": nan, "0xg": nan, "0x0x1": 0, "20000000000001": 1<<53 + 1, "200000000000010": 1<<57 + 16, "１": nan,
		strings.Repeat("f", 400): math.Inf(1),
	} {
		if got := parseInt(s); math.IsNaN(want) {
			require.True(t, math.IsNaN(got), "%q: %v", s, got)
		} else {
			require.Equal(t, want, got, "%q", s)
		}
	}
	for s, want := range map[string]uint32{ // what x ^ parseInt(s, 16) has of s
		"zz": 0, "1fffe000": 0x1fffe000, "ffffffff": 0xffffffff, "100000001": 1, "-1": 0xffffffff, "-2000": 0xffffe000, "-100000001": 0xffffffff,
		strings.Repeat("f", 400): 0, strings.Repeat("1", 40): 0, // the double has no low bits
	} {
		require.Equal(t, want, jsToInt32(parseInt(s)), "%q", s)
	}
	for s, want := range map[string]int64{"zz": 0, "-0": 0, "ffffffff": 0xffffffff, "100000000": -1, "-1": -1, "0000000001": 1, strings.Repeat("f", 400): -1} {
		v, ok := jsUint32(s)
		require.Equal(t, want >= 0, ok, "%q", s)
		require.Equal(t, uint32(max(want, 0)), v, "%q", s)
	}
	for s, want := range map[string]int64{
		"": -1, "  ": -1, "ff": 255, " \tfF\r\n": 255, "ff\x00\x00": 255, "ff \x00": 255, "\x00ff": -1, "f f": -1, "0x1": -1, "+1": -1, "-1": -1,
		"1_0": -1, "000000000000ffffffff": 0xffffffff, "100000000": -1, "zz": -1, "\u00a01": -1,
	} {
		v, ok := dotnetUint32(s)
		require.Equal(t, want >= 0, ok, "%q", s)
		require.Equal(t, uint32(max(want, 0)), v, "%q", s)
	}
	for s, want := range map[string][]byte{"": nil, "a": nil, "0aFf": {10, 255}, "0aFf1": {10, 255}, "0agf01": {10}, "0a f01": {10}, "é1": nil} {
		require.Equal(t, want, appendPairs(nil, s), "%q", s)
	}
	for s, want := range map[string]uint32{"": 0, "12345678": 0x12345678, "1234567g": 0x12345600, "z2345678": 0, "123456789a": 0x12345678, "12": 0x12000000} {
		require.Equal(t, want, pairs32(s), "%q", s)
	}
	for s, want := range map[string]int{"": 0, "abc": 3, "é": 1, "😀": 2, "\xff": 1} {
		require.Equal(t, want, utf16Len(s), "%q", s)
	}
}

// Each rule on the texts that set it apart, for 4 bytes of extranonce2.
func TestFieldRules(t *testing.T) {
	const (
		en2, ntime, nonce, bits = FaultExtranonce2, FaultTime, FaultNonce, FaultVersionBits
	)
	for _, c := range []struct {
		name string
		rule FieldRule
		text Text
		want fields
	}{
		{"honest", LikeCKPool, Text{Extranonce2: "0102030A", Time: "5a000001", Nonce: "0000000b", VersionBits: "00002000"},
			fields{extranonce2: []byte{1, 2, 3, 10}, time: 0x5a000001, nonce: 11, bits: 0x2000}},
		{"filled up", LikeCKPool, Text{Extranonce2: "01", Time: "01", Nonce: "0000000b0c"}, fields{extranonce2: []byte{1, 0, 0, 0}, time: 1, nonce: 11}},
		{"cut", LikeCKPool, Text{Extranonce2: "010203040506", Time: "1100000002", Nonce: "0000000b0c", VersionBits: "200"},
			fields{extranonce2: []byte{1, 2, 3, 4}, time: 2, nonce: 11}},
		{"too large", LikeCKPool, Text{Extranonce2: "01020304", Time: "010000000000000002", Nonce: "0000000b", VersionBits: "002000"},
			fields{extranonce2: []byte{1, 2, 3, 4}, time: math.MaxUint32, nonce: 11, bits: 0x2000}},
		{"odd", LikeCKPool, Text{Extranonce2: "0102030", Time: "5a00000", Nonce: "0000000", VersionBits: "2000z"},
			fields{time: 0x5a00000, faults: en2 | ntime | nonce}},
		{"none", LikeCKPool, Text{}, fields{faults: en2 | ntime | nonce}},

		{"honest", LikeDATUM, Text{Extranonce2: "0102abCD", Time: "5a000001", Nonce: "0000000b", VersionBits: "00002000"},
			fields{extranonce2: []byte{1, 2, 0xab, 0xcd}, time: 0x5a000001, nonce: 11, bits: 0x2000}},
		{"two cases in a byte", LikeDATUM, Text{Extranonce2: "aBAba1zé", Time: "5Aq", Nonce: " -0x1", VersionBits: "2000 "}, // é is two bytes
			fields{time: 0x5a, nonce: math.MaxUint32, bits: 0x2000, faults: en2}},
		{"two cases in a byte", LikeDATUM, Text{Extranonce2: "aBAba1z1", Time: "5Aq", Nonce: " -0x1", VersionBits: "2000 "},
			fields{extranonce2: []byte{0, 0, 0xa1, 0}, time: 0x5a, nonce: math.MaxUint32, bits: 0x2000}},

		{"honest", LikePublicPool, Text{Extranonce2: "0102030a", Time: "5a000001", Nonce: "0000000b", VersionBits: "2000"},
			fields{extranonce2: []byte{1, 2, 3, 10}, time: 0x5a000001, nonce: 11, bits: 0x2000}},
		{"none", LikePublicPool, Text{}, fields{}},
		{"any", LikePublicPool, Text{Extranonce2: "010203040506g7", Time: "zz", Nonce: "1ffffffff", VersionBits: "-1"},
			fields{extranonce2: []byte{1, 2, 3, 4, 5, 6}, bits: math.MaxUint32, faults: nonce}},

		{"honest", LikeBTCPool, Text{Extranonce2: "0102030a", Time: "5a000001", Nonce: "0000000b", VersionBits: "00002000"},
			fields{extranonce2: []byte{1, 2, 3, 10}, time: 0x5a000001, nonce: 11, bits: 0x2000}},
		{"masked", LikeBTCPool, Text{Extranonce2: "0908070605", Time: "0", Nonce: "1ffffffff"}, fields{extranonce2: []byte{8, 7, 6, 5}, time: 77, nonce: math.MaxUint32}},
		{"none", LikeBTCPool, Text{}, fields{extranonce2: make([]byte, 4), time: 77}},
		{"too large", LikeBTCPool, Text{Extranonce2: "10000000000000000", Time: "-1"}, fields{extranonce2: []byte{255, 255, 255, 255}, time: math.MaxUint32}},

		{"honest", LikeMiningcore, Text{Extranonce2: "0102030A", Time: "5a000001", Nonce: "0000000b", VersionBits: "00002000", HasVersionBits: true},
			fields{extranonce2: []byte{1, 2, 3, 10}, time: 0x5a000001, nonce: 11, bits: 0x2000}},
		{"prefix and tail", LikeMiningcore, Text{Extranonce2: "0x01020", Time: " 5a0000 ", Nonce: "b\x00\x00\x00\x00\x00\x00\x00", VersionBits: "2000", HasVersionBits: true},
			fields{extranonce2: []byte{1, 2}, time: 0x5a0000, nonce: 11, bits: 0x2000}},
		{"arithmetic", LikeMiningcore, Text{Extranonce2: "g00gzz é", Time: "5a00000z", Nonce: "0000000", VersionBits: "100000000", HasVersionBits: true},
			fields{extranonce2: []byte{0, 16, 0x53, 0x92}, nonce: 0, faults: ntime | nonce | bits}},
		{"none", LikeMiningcore, Text{}, fields{faults: en2 | ntime | nonce}},

		{"honest", LikeNodeStratumPool, Text{Extranonce2: "0102030A", Time: "5a000001", Nonce: "0000000b"},
			fields{extranonce2: []byte{1, 2, 3, 10}, time: 0x5a000001, nonce: 11, timeSeen: 0x5a000001}},
		{"tails", LikeNodeStratumPool, Text{Extranonce2: "01020z0A", Time: "5a00012g", Nonce: "00000bzz"},
			fields{extranonce2: []byte{1, 2}, time: 0x5a000100, nonce: 0xb00, timeSeen: 0x5a00012}},
		{"no number", LikeNodeStratumPool, Text{Extranonce2: "zzzzzzzz", Time: "zzzzzzzz", Nonce: "0x00000b"},
			fields{timeless: true}},
		{"sizes", LikeNodeStratumPool, Text{Extranonce2: "0102030", Time: "-a00001", Nonce: "0000000bb"},
			fields{extranonce2: []byte{1, 2, 3}, nonce: 0xb >> 4, faults: en2 | ntime | nonce}},
	} {
		p := Policy{Fields: c.rule}
		sub := c.text.Submission(nil)
		sub.Worker, sub.Text.Worker = "w", "w"
		arena := []byte("what was there")
		got := p.read(&sub, 4, 77, &arena)
		c.want.hasBits = c.text.HasVersionBits
		if c.rule != LikeNodeStratumPool {
			c.want.timeSeen = got.time
		}
		if c.want.extranonce2 == nil {
			c.want.extranonce2 = []byte{}
		}
		if got.faults&FaultTime != 0 {
			got.time, c.want.time, got.timeSeen, c.want.timeSeen = 0, 0, 0, 0
		}
		if got.faults&FaultNonce != 0 {
			got.nonce, c.want.nonce = 0, 0
		}
		if got.faults&FaultVersionBits != 0 {
			got.bits = 0
		}
		require.Equal(t, c.want, got, "%s, rule %d", c.name, c.rule)
		require.Equal(t, "what was there", string(arena[:14]))
		require.Equal(t, c.want.extranonce2, arena[14:])
	}
}

// Whoever gives values and no text is read by each rule as a miner who wrote them down; what has no value has none for any.
func TestFieldRulesWithoutText(t *testing.T) {
	for rule := Exactly; rule <= LikeNodeStratumPool; rule++ {
		p := Policy{Fields: rule}
		var arena []byte
		s := Submission{Worker: "w", Extranonce2: []byte{1, 2, 3, 4}, Time: 0x5a000001, Nonce: 7, VersionBits: 0x2000, HasVersionBits: true}
		got := p.read(&s, 4, 77, &arena)
		want := fields{extranonce2: []byte{1, 2, 3, 4}, time: 0x5a000001, timeSeen: 0x5a000001, nonce: 7, bits: 0x2000, hasBits: true}
		if rule == LikeNodeStratumPool {
			want.bits = 0 // not read
		}
		require.Equal(t, want, got, "rule %d", rule)
		s.Faults = FaultNonce | FaultExtranonce2
		got = p.read(&s, 4, 77, &arena)
		require.Equal(t, s.Faults, got.faults, "rule %d", rule)
	}
}
