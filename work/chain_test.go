package work

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"
)

// judgeRun returns the index and the verdict of the first refused header, -1 if
// the whole run is valid.
func judgeRun(r ChainRules, headers []Header) (int, Verdict) {
	c := NewHeaderChain(r)
	for i := range headers {
		hash := headers[i].Hash()
		if v := c.Add(&headers[i], &hash); !v.Valid() {
			return i, v
		}
	}
	return -1, Verdict{}
}

func requireValidRun(t *testing.T, r ChainRules, headers []Header) {
	t.Helper()
	i, v := judgeRun(r, headers)
	require.True(t, v.Valid(), "header %d: %v", i, v)
}

// realRuns are the files of headers that follow each other and are valid.
var realRuns = []struct {
	file    string
	network *Network
	start   int32
}{
	{"headers-mainnet-0.bin", Mainnet, 0},
	{"headers-mainnet-32200.bin", Mainnet, 32200},
	{"headers-mainnet-40000.bin", Mainnet, 40000},
	{"headers-mainnet-98784.bin", Mainnet, 98784},
	{"headers-mainnet-300000.bin", Mainnet, 300000},
	{"headers-mainnet-437466.bin", Mainnet, 437466},
	{"headers-mainnet-554390.bin", Mainnet, 554390},
	{"headers-mainnet-562621.bin", Mainnet, 562621},
	{"headers-mainnet-586657.bin", Mainnet, 586657},
	{"headers-mainnet-685440.bin", Mainnet, 685440},
	{"headers-mainnet-orphan-437478.bin", Mainnet, 437478},
	{"headers-mainnet-orphan-562630.bin", Mainnet, 562630},
	{"headers-altmainnet-0.bin", Mainnet, 0},
	{"headers-testnet3-0.bin", Testnet3, 0},
	{"headers-testnet3-fork.bin", Testnet3, 1},
	{"headers-testnet4-0.bin", Testnet4, 0},
	{"headers-signet-0.bin", Signet, 0},
}

func TestRealRuns(t *testing.T) {
	for _, run := range realRuns {
		t.Run(run.file, func(t *testing.T) {
			headers := readRealHeaders(t, run.file)
			requireValidRun(t, ChainRules{Network: run.network, StartHeight: run.start, Now: 1_800_000_000}, headers)
			requireValidRun(t, ChainRules{Network: run.network, StartHeight: -1}, headers)
			requireValidRun(t, ChainRules{StartHeight: -1}, headers)
			requireValidRun(t, ChainRules{Network: run.network, NoLinks: true}, headers)
		})
	}
	t.Run("short", func(t *testing.T) {
		var runs []struct {
			Start   *int32   `json:"start_height"`
			Headers []string `json:"headers"`
		}
		require.NoError(t, json.Unmarshal(readRealData(t, "headers-mainnet-short-runs.json"), &runs))
		require.NotEmpty(t, runs)
		for _, run := range runs {
			start := int32(-1)
			if run.Start != nil {
				start = *run.Start
			}
			var headers []Header
			for _, s := range run.Headers {
				headers = append(headers, parseHeaderHex(t, s))
			}
			requireValidRun(t, ChainRules{Network: Mainnet, StartHeight: start}, headers)
		}
	})
}

func TestRealHeadersWithoutLinks(t *testing.T) {
	for file, network := range map[string]*Network{
		"headers-mainnet-every2016-2016.bin":      Mainnet,
		"headers-mainnet-boundaries-to-99999.bin": Mainnet,
		"headers-signet-every2016.bin":            Signet,
		"headers-bip54-pool.bin":                  Mainnet,
	} {
		t.Run(file, func(t *testing.T) {
			headers := readRealHeaders(t, file)
			requireValidRun(t, ChainRules{Network: network, NoLinks: true}, headers)
			_, v := judgeRun(ChainRules{StartHeight: -1}, headers)
			require.Equal(t, ReasonBadPrevBlk, v.Reason)
		})
	}
}

// TestFork363731 judges the branch that ended the era of version 2: each header
// has its proof of work, and only the height tells that the first is not valid.
func TestFork363731(t *testing.T) {
	headers := readRealHeaders(t, "headers-mainnet-invalidfork-363731.bin")
	requireValidRun(t, ChainRules{StartHeight: -1}, headers)
	requireValidRun(t, ChainRules{Network: Mainnet, StartHeight: -1}, headers)
	i, v := judgeRun(ChainRules{Network: Mainnet, StartHeight: 363731}, headers)
	require.Equal(t, 0, i)
	require.Equal(t, ReasonBadVersion, v.Reason)
	require.Contains(t, v.Detail, "00000002")
	requireValidRun(t, ChainRules{Network: Mainnet, StartHeight: 363731 - 10000}, headers)
}

func TestBIP54Cases(t *testing.T) {
	pool := readRealHeaders(t, "headers-bip54-pool.bin")
	var cases []struct {
		Valid   bool     `json:"valid_bip54"`
		Ranges  [][2]int `json:"ranges"`
		Length  int      `json:"length"`
		Comment string   `json:"comment_from_source"`
	}
	require.NoError(t, json.Unmarshal(readRealData(t, "headers-bip54-cases.json"), &cases))
	require.Len(t, cases, 9)
	for _, c := range cases {
		t.Run(c.Comment, func(t *testing.T) {
			var headers []Header
			for _, r := range c.Ranges {
				headers = append(headers, pool[r[0]:r[1]]...)
			}
			require.Len(t, headers, c.Length)
			requireValidRun(t, ChainRules{Network: Mainnet}, headers)
			i, v := judgeRun(ChainRules{Network: Mainnet, BIP54: true}, headers)
			require.Equal(t, c.Valid, v.Valid(), v.String())
			if !c.Valid {
				require.Equal(t, c.Length-1, i, "the last header is the one at fault")
				want := ReasonTimewarp
				if i%2016 == 2015 {
					want = ReasonNegativeInterval
				}
				require.Equal(t, want, v.Reason)
			}
		})
	}
}

// TestFlippedBits holds that no bit of a header can change unseen.
func TestFlippedBits(t *testing.T) {
	for _, run := range realRuns {
		t.Run(run.file, func(t *testing.T) {
			headers := readRealHeaders(t, run.file)
			c := NewHeaderChain(ChainRules{Network: run.network, StartHeight: run.start})
			step := max(1, len(headers)/4)
			for i := range headers {
				if i%step == 0 {
					raw := headers[i].Bytes()
					for bit := range 8 * HeaderSize {
						flipped := raw
						flipped[bit/8] ^= 1 << (bit % 8)
						h := ParseHeader(&flipped)
						hash, copied := h.Hash(), *c
						require.False(t, copied.Add(&h, &hash).Valid(), "header %d, bit %d", i, bit)
						require.False(t, CheckPoW(&h, &hash).Valid() && bit < 8*72, "header %d, bit %d", i, bit)
					}
				}
				hash := headers[i].Hash()
				require.True(t, c.Add(&headers[i], &hash).Valid())
			}
		})
	}
}

// TestAddGoesOn holds that one flipped bit, wherever it is, is found once, its
// successor refused for the broken link, and the rest of the run still judged.
func TestAddGoesOn(t *testing.T) {
	headers := readRealHeaders(t, "headers-mainnet-32200.bin")
	for _, at := range []int{0, 1, 55, 56, 57, 1000, 2071, 2072, 2073} { // periods begin at 56 and 2072
		for _, field := range []int{0, 40, 68, 71, 72, 74, 76} {
			c := NewHeaderChain(ChainRules{Network: Mainnet, StartHeight: 32200})
			bad := map[int]Reason{}
			for i, h := range headers {
				if i == at {
					raw := h.Bytes()
					raw[field] ^= 1
					h = ParseHeader(&raw)
				}
				hash := h.Hash()
				if v := c.Add(&h, &hash); !v.Valid() {
					bad[i] = v.Reason
				}
			}
			require.Len(t, bad, 2, "header %d, byte %d", at, field)
			require.NotEmpty(t, bad[at])
			require.Equal(t, ReasonBadPrevBlk, bad[at+1])
		}
	}
}

// TestRetargetBoundaries computes each retarget to height 98784 from the pairs
// of headers around it, and holds them to another project's table of targets.
func TestRetargetBoundaries(t *testing.T) {
	pairs := readRealHeaders(t, "headers-mainnet-boundaries-to-99999.bin")
	first := parseHeaderHex(t, genesisHex)
	for i := 0; i < len(pairs); i += 2 {
		last, next := pairs[i], pairs[i+1]
		require.Equal(t, last.Hash(), next.PrevBlock)
		require.Equal(t, next.Bits, Mainnet.Retarget(last.Bits, int64(last.Time)-int64(first.Time)), "retarget %d", i/2+1)
		first = next
	}

	var table struct {
		Rows [][3]any `json:"rows"`
	}
	require.NoError(t, json.Unmarshal(readRealData(t, "mainnet-checkpoints.json"), &table))
	require.Greater(t, len(table.Rows), 436)
	for i, h := range readRealHeaders(t, "headers-mainnet-every2016-2016.bin") {
		target, _, _ := h.Bits.Target()
		require.Equal(t, table.Rows[i][2], target.String())
		require.Equal(t, table.Rows[i][1], h.PrevBlock.String())
		require.Equal(t, h.Bits, target.Bits())
	}
	for i := 1; i < len(table.Rows); i++ {
		before, err := ParseTarget(table.Rows[i-1][2].(string))
		require.NoError(t, err)
		after, err := ParseTarget(table.Rows[i][2].(string))
		require.NoError(t, err)
		hardest, _, _ := Mainnet.Retarget(before.Bits(), 0).Target()
		easiest, _, _ := Mainnet.Retarget(before.Bits(), math.MaxInt64).Target()
		require.True(t, hardest.Cmp(after) <= 0 && after.Cmp(easiest) <= 0, "row %d", i)
	}
}

func TestAltMainnetRetarget(t *testing.T) {
	headers := readRealHeaders(t, "headers-altmainnet-0.bin")
	require.Equal(t, Bits(0x1c3fffc0), headers[2016].Bits)
	require.Equal(t, Bits(0x1c3fffc0), Mainnet.Retarget(0x1d00ffff, int64(headers[2015].Time)-int64(headers[0].Time)))
}

// synthetic makes headers without work: a chain believes the hash it is given,
// and these give hashes that meet every target.
type synthetic struct {
	*HeaderChain
	t    *testing.T
	next uint32
	last Header
}

func newSynthetic(t *testing.T, r ChainRules) *synthetic {
	return &synthetic{HeaderChain: NewHeaderChain(r), t: t}
}

func (s *synthetic) hash() chainhash.Hash {
	var h chainhash.Hash
	binary.LittleEndian.PutUint32(h[:], s.next)
	return h
}

// genesis adds the network's own genesis block.
func (s *synthetic) genesis() {
	n := s.rules.Network
	g := n.Params.GenesisBlock.Header
	s.last = Header{Version: uint32(g.Version), Time: uint32(g.Timestamp.Unix()), Bits: Bits(g.Bits)}
	h := s.last
	require.True(s.t, s.Add(&h, &n.Genesis).Valid())
}

// try judges a header on top of the last without adding it.
func (s *synthetic) try(change func(h *Header)) Verdict {
	h := Header{Version: 0x20000000, PrevBlock: s.tip, Time: s.last.Time + 600, Bits: s.last.Bits}
	change(&h)
	s.next++
	hash, c := s.hash(), *s.HeaderChain
	v := c.Add(&h, &hash)
	if v.Valid() {
		s.last = h
		*s.HeaderChain = c
	}
	return v
}

// grow adds n valid headers, each delta seconds after the one before.
func (s *synthetic) grow(n int, delta uint32) {
	s.t.Helper()
	for range n {
		v := s.try(func(h *Header) {
			h.Time = s.last.Time + delta
			if want, ok := s.nextBits(h.Time); ok {
				h.Bits = want
			}
		})
		require.True(s.t, v.Valid(), v.String())
	}
}

func (s *synthetic) refused(want Reason, change func(h *Header)) {
	s.t.Helper()
	v := s.try(change)
	require.Equal(s.t, want, v.Reason, v.String())
	require.NotEmpty(s.t, v.Detail)
}

func TestCheckPoWBits(t *testing.T) {
	var zero chainhash.Hash
	for _, b := range []Bits{0, 0x1d000000, 0x1d800001, 0x21010000, 0x01003456, 0xff123456} {
		require.Equal(t, ReasonBadDiffBits, CheckPoW(&Header{Bits: b}, &zero).Reason, b.String())
	}
	hash := chainhash.Hash{0: 0x12}
	require.True(t, CheckPoW(&Header{Bits: 0x01120000}, &hash).Valid())
	hash[0]++
	require.Equal(t, ReasonHighHash, CheckPoW(&Header{Bits: 0x01120000}, &hash).Reason)
}

func TestGenesisRules(t *testing.T) {
	genesis, one := parseHeaderHex(t, genesisHex), parseHeaderHex(t, block1Hex)
	requireValidRun(t, ChainRules{Network: Mainnet}, []Header{genesis, one})
	requireValidRun(t, ChainRules{Network: Mainnet, StartHeight: 1}, []Header{one})

	_, v := judgeRun(ChainRules{Network: Mainnet}, []Header{one})
	require.Equal(t, ReasonBadGenesis, v.Reason)
	_, v = judgeRun(ChainRules{Network: Testnet3}, []Header{genesis})
	require.Equal(t, ReasonBadGenesis, v.Reason)
	_, v = judgeRun(ChainRules{Network: Testnet3, StartHeight: 1}, []Header{one})
	require.Equal(t, ReasonBadPrevBlk, v.Reason)
	for _, n := range Networks() {
		newSynthetic(t, ChainRules{Network: n}).genesis()
		raw := n.Params.GenesisBlock.Header.BlockHash()
		require.Equal(t, n.Genesis, raw)
	}
}

func TestMedianTime(t *testing.T) {
	s := newSynthetic(t, ChainRules{Network: Regtest})
	s.genesis()
	first := s.last.Time
	// With fewer than eleven times the median is the upper middle one.
	s.refused(ReasonTimeTooOld, func(h *Header) { h.Time = first })
	s.grow(1, 1)
	s.refused(ReasonTimeTooOld, func(h *Header) { h.Time = first + 1 })
	s.grow(20, 10)
	median := s.last.Time - 50
	s.refused(ReasonTimeTooOld, func(h *Header) { h.Time = median })
	s.refused(ReasonTimeTooOld, func(h *Header) { h.Time = 0 })
	require.True(t, s.try(func(h *Header) { h.Time = median + 1 }).Valid())

	// In the middle of a chain nothing is said before eleven were seen.
	s = newSynthetic(t, ChainRules{Network: Regtest, StartHeight: 500})
	s.last = Header{Time: 1_600_000_000, Bits: Regtest.PowLimitBits}
	s.grow(10, 10)
	require.True(t, s.try(func(h *Header) { h.Time = 1 }).Valid())
	s.refused(ReasonTimeTooOld, func(h *Header) { h.Time = 1 })
}

func TestFutureTime(t *testing.T) {
	for _, r := range []ChainRules{{StartHeight: -1}, {Network: Regtest, StartHeight: 500}, {NoLinks: true}, {Network: Regtest, NoLinks: true}} {
		r.Now = 1_700_000_000
		s := newSynthetic(t, r)
		s.last.Bits = Regtest.PowLimitBits
		require.True(t, s.try(func(h *Header) { h.Time = r.Now + 7200 }).Valid())
		s.refused(ReasonTimeTooNew, func(h *Header) { h.Time = r.Now + 7201 })
		s.refused(ReasonTimeTooNew, func(h *Header) { h.Time = math.MaxUint32 })
	}
}

func TestVersionsByHeight(t *testing.T) {
	for _, c := range []struct {
		height        int32
		version       uint32
		valid         bool
		networkHeight string
	}{
		{227930, 1, true, "before BIP34"}, {227930, 0, true, ""}, {227930, 0xffffffff, true, "negative"},
		{227931, 1, false, "BIP34"}, {227931, 2, true, ""}, {227931, 0x80000000, false, "negative"},
		{363724, 2, true, ""}, {363725, 2, false, "BIP66"}, {363725, 3, true, ""},
		{388380, 3, true, ""}, {388381, 3, false, "BIP65"}, {388381, 4, true, ""},
		{800000, 0x20000000, true, ""}, {800000, 0x7fffffff, true, ""}, {800000, 0xa0000000, false, "negative"},
	} {
		s := newSynthetic(t, ChainRules{Network: Mainnet, StartHeight: c.height})
		s.last.Bits = 0x1d00ffff
		v := s.try(func(h *Header) { h.Version = c.version })
		require.Equal(t, c.valid, v.Valid(), "%+v: %v", c, v)
		if !c.valid {
			require.Equal(t, ReasonBadVersion, v.Reason)
		}
	}
}

func TestRetargetRules(t *testing.T) {
	s := newSynthetic(t, ChainRules{Network: Mainnet})
	s.genesis()
	s.grow(2015, 60)
	s.refused(ReasonBadDiffBits, func(h *Header) { h.Bits = 0x1d00ffff })
	s.refused(ReasonBadDiffBits, func(h *Header) { h.Bits = 0x1c3fffbf })
	require.True(t, s.try(func(h *Header) { h.Bits = 0x1c3fffc0 }).Valid(), "ten times too fast makes it four times as hard")
	s.refused(ReasonBadDiffBits, func(h *Header) { h.Bits = 0x1d00ffff })
	s.grow(2015, 6000)
	require.True(t, s.try(func(h *Header) { h.Bits = 0x1d00ffff }).Valid(), "and ten times too slow as easy again")
	s.grow(2015, 6000)
	require.True(t, s.try(func(h *Header) {}).Valid(), "easier than the limit it never gets")
	s.refused(ReasonBadDiffBits, func(h *Header) { h.Bits = 0x1d01ffff })

	// A period whose beginning was not seen bounds the next by a factor of 4.
	for bits, valid := range map[Bits]bool{0x1b3fffc0: true, 0x1b3fffbf: false, 0x1c03fffc: true, 0x1c03fffd: false, 0x1c00ffff: true, 0x1d00ff00: false, 0x1b400000: true} {
		s := newSynthetic(t, ChainRules{Network: Mainnet, StartHeight: 2010})
		s.last.Bits = 0x1c00ffff
		s.grow(6, 600)
		v := s.try(func(h *Header) { h.Bits = bits })
		require.Equal(t, valid, v.Valid(), "%v: %v", bits, v)
	}
	// But under BIP 94 it is its first header that bounds it, not its last.
	s = newSynthetic(t, ChainRules{Network: Testnet4, StartHeight: 4026})
	s.last = Header{Time: 1_700_000_000, Bits: 0x1d00ffff}
	s.grow(6, 600)
	require.True(t, s.try(func(h *Header) { h.Bits = 0x1b00ffff }).Valid())
	// The same target in another form is not the nBits that a chain can have.
	s = newSynthetic(t, ChainRules{Network: Mainnet, StartHeight: 2010})
	s.refused(ReasonBadDiffBits, func(h *Header) { h.Bits = 0x1e0000ff })
}

func TestMinDifficultyRule(t *testing.T) {
	s := newSynthetic(t, ChainRules{Network: Testnet3})
	s.genesis()
	s.grow(2015, 60)
	s.grow(10, 600)
	require.Equal(t, Bits(0x1c3fffc0), s.last.Bits)
	const easy, hard = Bits(0x1d00ffff), Bits(0x1c3fffc0)
	late := func(b Bits, delta uint32) func(*Header) {
		return func(h *Header) { h.Bits, h.Time = b, s.last.Time+delta }
	}
	s.refused(ReasonBadDiffBits, late(easy, 1200))
	s.refused(ReasonBadDiffBits, late(hard, 1201))
	require.True(t, s.try(late(easy, 1201)).Valid())
	require.True(t, s.try(late(easy, 1201)).Valid())
	s.refused(ReasonBadDiffBits, late(easy, 600))
	require.True(t, s.try(late(hard, 600)).Valid(), "back to the last block that did not use the rule")
	for s.height%2016 != 2015 {
		s.grow(1, 600)
	}
	require.True(t, s.try(late(easy, 1201)).Valid())
	// The last block of the period was easy, and the next period starts from it.
	s.refused(ReasonBadDiffBits, late(hard, 600))
	require.True(t, s.try(late(easy, 600)).Valid())
	require.True(t, s.try(late(easy, 600)).Valid(), "the walk back stops at the period's first block")

	// Testnet4 starts from the first block of the period instead.
	s = newSynthetic(t, ChainRules{Network: Testnet4})
	s.genesis()
	s.grow(2015, 60)
	s.grow(1, 600)
	first := s.last.Time
	s.grow(2014, 600)
	require.True(t, s.try(late(easy, 1201)).Valid())
	want := Testnet4.Retarget(hard, int64(s.last.Time-first))
	s.refused(ReasonBadDiffBits, late(easy, 600))
	s.refused(ReasonBadDiffBits, late(easy, 1201))
	require.True(t, s.try(late(want, 1201)).Valid(), "the first of a period cannot use the rule")
	// In a run from the middle of a period, nothing is known until a block of
	// full difficulty or a period's beginning was seen.
	s = newSynthetic(t, ChainRules{Network: Testnet3, StartHeight: 5000})
	s.last = Header{Time: 1_500_000_000, Bits: easy}
	require.True(t, s.try(late(easy, 600)).Valid())
	require.True(t, s.try(late(hard, 600)).Valid())
	s.refused(ReasonBadDiffBits, late(easy, 600))
}

func TestTimewarpRules(t *testing.T) {
	for _, c := range []struct {
		name    string
		rules   ChainRules
		allowed uint32 // seconds back at a period's beginning; 0: all that the median allows
	}{
		{"mainnet", ChainRules{Network: Mainnet}, 0},
		{"mainnet with BIP54", ChainRules{Network: Mainnet, BIP54: true}, 7200},
		{"testnet4", ChainRules{Network: Testnet4}, 600},
		{"testnet4 with BIP54", ChainRules{Network: Testnet4, BIP54: true}, 600},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSynthetic(t, c.rules)
			s.genesis()
			s.grow(2010, 1)
			// Let the last five run far ahead of the median.
			s.grow(5, 1100)
			last := s.last.Time
			far := func(back uint32) func(*Header) {
				return func(h *Header) {
					h.Time = last - back
					h.Bits, _ = s.nextBits(h.Time)
				}
			}
			// The median is 5 s before the first of these.
			switch c.allowed {
			case 600:
				s.refused(ReasonTimewarp, far(601))
				require.True(t, s.try(far(600)).Valid())
			default:
				require.True(t, s.try(far(5000)).Valid())
			}
		})
	}
	t.Run("7200", func(t *testing.T) {
		for _, on := range []bool{false, true} {
			s := newSynthetic(t, ChainRules{Network: Mainnet, BIP54: on})
			s.genesis()
			s.grow(2010, 1)
			s.grow(5, 3000)
			back := func(n uint32) func(*Header) {
				return func(h *Header) { h.Time = s.last.Time - n; h.Bits, _ = s.nextBits(h.Time) }
			}
			if on {
				s.refused(ReasonTimewarp, back(7201))
				require.True(t, s.try(back(7200)).Valid())
			} else {
				require.True(t, s.try(back(7201)).Valid())
			}
		}
	})
	t.Run("negative interval", func(t *testing.T) {
		for _, on := range []bool{false, true} {
			s := newSynthetic(t, ChainRules{Network: Mainnet, BIP54: on})
			s.genesis()
			s.grow(2015, 1)
			// The period begins 7000 s ahead; the others stay where they were.
			s.grow(1, 7000)
			first := s.last.Time
			bits := s.last.Bits
			slow := first - 7000
			for s.height%2016 != 2015 {
				slow++
				require.True(t, s.try(func(h *Header) { h.Time, h.Bits = slow, bits }).Valid())
			}
			v := s.try(func(h *Header) { h.Time, h.Bits = first-1, bits })
			if on {
				require.Equal(t, ReasonNegativeInterval, v.Reason)
				require.True(t, s.try(func(h *Header) { h.Time, h.Bits = first, bits }).Valid())
			} else {
				require.True(t, v.Valid(), v.String())
			}
		}
	})
}

// TestRefusedHeadersAreGaps holds that what was refused for its work is not
// looked back to.
func TestRefusedHeadersAreGaps(t *testing.T) {
	s := newSynthetic(t, ChainRules{Network: Mainnet, BIP54: true})
	s.genesis()
	s.grow(20, 600)
	require.Equal(t, ReasonBadDiffBits, s.gap(func(h *Header) { h.Bits = 0x1c7fffff }))
	s.last.Time = 1_000_000_000 // before genesis: no median is known
	s.grow(11, 600)
	s.refused(ReasonTimeTooOld, func(h *Header) { h.Time = 1_000_000_000 })

	s.grow(2015-int(s.height), 600)
	require.Equal(t, ReasonHighHash, s.gap(func(*Header) {}))
	_, known := s.nextBits(s.last.Time + 600)
	require.False(t, known, "when the period ended")

	// A period whose first header was refused has no beginning to end before.
	require.Equal(t, ReasonHighHash, s.gap(func(h *Header) { h.Time += 1_000_000 }))
	s.grow(2*2016-int(s.height), 1)
	require.Less(t, s.last.Time, s.firstTime)
}

// gap adds a header that is refused for its work, and returns the reason.
func (s *synthetic) gap(change func(h *Header)) Reason {
	h := Header{Version: 0x20000000, PrevBlock: s.tip, Time: s.last.Time + 600, Bits: s.last.Bits}
	change(&h)
	s.next++
	hash := s.hash()
	if h.Bits == s.last.Bits {
		hash[len(hash)-1] = 0xff
	}
	return s.Add(&h, &hash).Reason
}

func TestVerdictString(t *testing.T) {
	require.Equal(t, "valid", Verdict{}.String())
	require.Equal(t, "high-hash", Verdict{Reason: ReasonHighHash}.String())
	require.Equal(t, "high-hash: too high", Verdict{ReasonHighHash, "too high"}.String())
}

func TestHeight(t *testing.T) {
	s := newSynthetic(t, ChainRules{Network: Regtest})
	require.Zero(t, s.Height())
	s.genesis()
	s.grow(3, 10)
	require.Equal(t, int32(4), s.Height())
	require.Equal(t, int32(-1), NewHeaderChain(ChainRules{StartHeight: -7}).Height())
	// Heights past 2^31 are nobody's, and don't wrap into wrong rules.
	s = newSynthetic(t, ChainRules{Network: Regtest, StartHeight: math.MaxInt32})
	s.last = Header{Time: 1_500_000_000, Bits: Regtest.PowLimitBits}
	s.grow(3, 10)
	require.Equal(t, int32(-1), s.Height())
}

func TestAddDoesNotAllocate(t *testing.T) {
	b, err := hex.DecodeString(genesisHex + block1Hex)
	require.NoError(t, err)
	for _, r := range []ChainRules{{StartHeight: -1}, {Network: Mainnet, StartHeight: 2015, BIP54: true, Now: 1_800_000_000}, {Network: Testnet4, StartHeight: 4031}} {
		c := NewHeaderChain(r)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			copied := *c
			for i := 0; i < len(b); i += HeaderSize {
				h := ParseHeader((*[HeaderSize]byte)(b[i:]))
				h.Version = 0x20000000
				hash := chainhash.Hash{}
				if i > 0 {
					h.PrevBlock = hash
				}
				if v := copied.Add(&h, &hash); !v.Valid() {
					t.Error(v)
				}
			}
		}))
	}
}

// BenchmarkHeaderChain reads, hashes and judges a run, as fast as a file of
// headers can be verified on one core.
func BenchmarkHeaderChain(b *testing.B) {
	raw := readRealData(b, "headers-mainnet-40000.bin")
	for _, bm := range []struct {
		name  string
		rules ChainRules
	}{
		{"rules=links", ChainRules{StartHeight: -1}},
		{"rules=mainnet", ChainRules{Network: Mainnet, StartHeight: 40000}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				c := NewHeaderChain(bm.rules)
				for rest := raw; len(rest) > 0; rest = rest[HeaderSize:] {
					h := ParseHeader((*[HeaderSize]byte)(rest))
					hash := h.Hash()
					if v := c.Add(&h, &hash); !v.Valid() {
						b.Fatal(v)
					}
					n++
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "headers/s")
		})
	}
}
