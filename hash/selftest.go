package hash

import (
	"encoding/binary"
	"fmt"
)

// The self-test asks a kernel for what is known: the headers of a search around the nonce of Bitcoin's first block, with its
// own version and fifteen others. It is for a machine, a compiler or an emulator that computes wrong, which tests run
// elsewhere don't show. The answers are stored, not computed here; crypto/sha256 gave them, as a test shows again.

// knownHeader is Bitcoin's first block.
var knownHeader = [HeaderSize]byte{
	0x01, 0x00, 0x00, 0x00, // version
	36: 0x3b, 0xa3, 0xed, 0xfd, 0x7a, 0x7b, 0x12, 0xb2, 0x7a, 0xc7, 0x2c, 0x3e, 0x67, 0x76, 0x8f, 0x61,
	0x7f, 0xc8, 0x1b, 0xc3, 0x88, 0x8a, 0x51, 0x32, 0x3a, 0x9f, 0xb8, 0xaa, 0x4b, 0x1e, 0x5e, 0x4a, // merkle root
	0x29, 0xab, 0x5f, 0x49, // time
	0xff, 0xff, 0x00, 0x1d, // nBits
	0x1d, 0xac, 0x2b, 0x7c, // nonce
}

// knownFirst is the first nonce of the known search: the winning one is the second, so that it is in every row below.
const knownFirst = 0x7c2bac1d - 1

// knownWords are the last words of the digests: row m of the header whose version word is knownHeader's xor m << 13, column
// n with the nonce knownFirst + n. With each number of midstates up to sixteen, there are the columns for two vectors of
// sixteen lanes.
var knownWords = [MaxMidstates][]uint32{
	{
		0x3d34dc8c, 0x00000000, 0x4a7a229b, 0x8947ef8f, 0x73fcdc8f, 0xe8cc29e4, 0xe21eee97, 0xc4c5fb02,
		0x3120ccc1, 0x4a1567e0, 0xb24f27bb, 0xe836701f, 0xee3d4d69, 0xa354ba8c, 0x9d5af0bd, 0x7c9b5450,
		0xf476acf2, 0x4a83462a, 0x0600a3a1, 0xb5fe6c6f, 0x6fcd7661, 0x43ac92ef, 0x61e80fb5, 0xbfa15d76,
		0x23f2ca5a, 0x4663dee1, 0x34291ee2, 0xb7c0e187, 0x239ed494, 0xea2c5d13, 0x849873c6, 0x251cbd01,
	},
	{
		0x6eaab4a3, 0x5abc914f, 0x5247288d, 0xab744c81, 0xadd86676, 0x2a74609c, 0x23bf08bb, 0xf60a8eff,
		0x838ccd54, 0x26ee425f, 0xdfca51fc, 0x6bda127d, 0x7fbaf69a, 0xc8f702af, 0xe6b16ebc, 0xa5eed481,
	},
	{0x15f14500, 0xb59f8edd, 0x30d8cc2b, 0x437804ff, 0x20aac4ef, 0xb4e5929b, 0x5d221fdc, 0x97760cac},
	{0x4d1883f7, 0x07c4e46f, 0xaafdcd26, 0xa56f6019, 0x28953164, 0xe7e7e6ac, 0x2fe61b6d, 0x8f88f637},
	{0xcde065ed, 0xeb82a6f9, 0xc0cf5753, 0xc4f88dfd},
	{0xbf262b06, 0xc2009105, 0x2f661354, 0x8b72e17a},
	{0x7ef760ea, 0x7c5a0865, 0x0b385928, 0xa9697f78},
	{0xfaaa0dab, 0xa2f14a40, 0x439fd17c, 0xcd87cd9f},
	{0x3e065c4b, 0xcc3c641b},
	{0xd93a8cdf, 0xa7d558d5},
	{0xb7337900, 0x7672f56a},
	{0x2589948d, 0xd58dbdff},
	{0x950876dd, 0x841c169d},
	{0x8640c23b, 0xaf4911c1},
	{0x4d06bff1, 0xba44a580},
	{0xd6b3a6a9, 0x299f4e7f},
}

// knownRoot is the merkle root over the digests of knownWords' first 64 headers, row by row, in internal byte order.
var knownRoot = [32]byte{
	0x31, 0x73, 0x4b, 0x51, 0xce, 0x98, 0x58, 0x19, 0x7d, 0x0c, 0x6e, 0x29, 0x44, 0x7b, 0xb4, 0x2b,
	0xca, 0x5a, 0x92, 0xf6, 0xc3, 0xa3, 0x7a, 0xed, 0xb8, 0x1d, 0x1f, 0xd1, 0x5f, 0x85, 0xa0, 0x1d,
}

// knownHeaders returns those headers.
func knownHeaders() [][HeaderSize]byte {
	headers := make([][HeaderSize]byte, 0, 64)
	for m, row := range knownWords {
		for n := range row {
			if len(headers) < cap(headers) {
				headers = append(headers, knownVersion(m))
				binary.LittleEndian.PutUint32(headers[len(headers)-1][76:], knownFirst+uint32(n))
			}
		}
	}
	return headers
}

// knownVersion is knownHeader with another version.
func knownVersion(m int) [HeaderSize]byte {
	h := knownHeader
	binary.LittleEndian.PutUint32(h[:], binary.LittleEndian.Uint32(h[:])^uint32(m)<<13)
	return h
}

// selfTest returns what is wrong with the answers of kernel k, which this machine must be able to run.
func selfTest(k Kernel) error {
	s := newScanner(k)
	shifts := testShifts
	if k == Generic {
		shifts = nil // it has no lanes
	}
	if err := testSearch(s.Reset, s.Scan, shifts); err != nil {
		return err
	}
	return testBatches(
		func(dst [][32]byte, src [][HeaderSize]byte) { sumHeaders(choice{many: k}, dst, src) },
		func(dst [][32]byte, src [][PairSize]byte) { sumPairs(choice{many: k}, dst, src) },
		func(dst [][32]byte, p Prefix, src []byte, size int) { sumSuffixes(choice{many: k}, dst, &p, src, size) },
	)
}

// testMasks are the filters of the known search: as little as one bit, in each byte of the word, and all of it. Every wrong
// word has an even chance to show with each of the first.
var testMasks = []uint32{1 << 0, 1 << 7, 1 << 10, 1 << 13, 1 << 17, 1 << 20, 1 << 27, 1 << 31, 0x000080ff, ^uint32(0)}

// testShifts are how many nonces the known search begins earlier, to have the known words in vectors that are computed side
// by side with the first ones, but by instructions of their own: one more for each sixteen nonces.
var testShifts = []uint32{16, 32, 48}

// testSearch does the known search with each number of midstates that lanes are laid out for, each lane of two vectors being
// one of the known words, and again with shifts, and says which answer is wrong.
func testSearch(
	reset func([]Midstate, *Tail),
	scan func([]Candidate, uint32, uint32, uint64) ([]Candidate, uint64),
	shifts []uint32,
) error {
	mids := make([]Midstate, MaxMidstates)
	for m := range mids {
		h := knownVersion(m)
		mids[m] = NewMidstate((*[64]byte)(h[:]))
	}
	found := make([]Candidate, 0, 64*MaxMidstates) // room for all
	for k := 1; k <= MaxMidstates; k *= 2 {
		reset(mids[:k], (*Tail)(knownHeader[64:76]))
		for _, mask := range testMasks {
			out, tried := scan(found, mask, knownFirst, uint64(len(knownWords[k-1])))
			if err := checkKnown(out, tried, k, mask, 0); err != nil {
				return fmt.Errorf("search of %d midstates with mask %08x: %w", k, mask, err)
			}
		}
		for _, shift := range shifts {
			const mask = 1 << 20
			out, tried := scan(found, mask, knownFirst-shift, uint64(shift)+uint64(len(knownWords[k-1])))
			if err := checkKnown(out, tried, k, mask, shift); err != nil {
				return fmt.Errorf("search of %d midstates with mask %08x from %d nonces before: %w", k, mask, shift, err)
			}
		}
	}
	return nil
}

// checkKnown returns what is wrong with the answer to a search of k midstates that began shift nonces before the known ones.
func checkKnown(out []Candidate, tried uint64, k int, mask, shift uint32) error {
	columns := uint32(len(knownWords[k-1]))
	if tried != uint64(shift+columns) {
		return fmt.Errorf("%d of %d nonces tried", tried, shift+columns)
	}
	var hits [MaxMidstates]uint32 // by midstate, bit n for the nonce knownFirst+n
	for _, c := range out {
		if c.Midstate < 0 || c.Midstate >= k || c.Nonce-(knownFirst-shift) >= shift+columns {
			return fmt.Errorf("nonce %08x with midstate %d was not to be tried", c.Nonce, c.Midstate)
		}
		if c.Nonce-knownFirst < columns {
			hits[c.Midstate] |= 1 << (c.Nonce - knownFirst)
		}
	}
	for m, row := range knownWords[:k] {
		for n, word := range row[:columns] {
			if got, want := hits[m]>>n&1 != 0, word&mask == 0; got != want {
				return fmt.Errorf("nonce %08x with midstate %d: found is %t, must be %t", knownFirst+n, m, got, want)
			}
		}
	}
	return nil
}

// testBatches hashes the known headers, as headers, as suffixes of nothing, and as suffixes of their first block where that
// is the same, the first two kinds one at a time too, and makes the merkle root of their digests, in batches of 32, 16, 8, 4,
// 2 and 1 pairs. It says which answer is wrong.
func testBatches(
	headers func([][32]byte, [][HeaderSize]byte),
	pairs func([][32]byte, [][PairSize]byte),
	suffixes func([][32]byte, Prefix, []byte, int),
) error {
	src := knownHeaders()
	digests := make([][32]byte, len(src))
	headers(digests, src)
	i := 0
	for m, row := range knownWords {
		for n, want := range row {
			if i < len(digests) {
				if got := binary.BigEndian.Uint32(digests[i][28:]); got != want {
					return fmt.Errorf("batch of headers: digest of nonce %08x with midstate %d ends in %08x, must be %08x",
						knownFirst+n, m, got, want)
				}
			}
			i++
		}
	}

	again := make([][32]byte, len(src))
	messages := make([]byte, 0, len(src)*HeaderSize)
	for i := range src {
		messages = append(messages, src[i][:]...)
	}
	suffixes(again, Prefix{}, messages, HeaderSize)
	for i := range again {
		if again[i] != digests[i] {
			return fmt.Errorf("batch of suffixes: digest %d is %x, must be %x (internal order)", i, again[i], digests[i])
		}
	}
	for i := range again {
		if headers(again[i:i+1], src[i:i+1]); again[i] != digests[i] {
			return fmt.Errorf("header %d alone: digest is %x, must be %x (internal order)", i, again[i], digests[i])
		}
		if suffixes(again[i:i+1], Prefix{}, src[i][:], HeaderSize); again[i] != digests[i] {
			return fmt.Errorf("suffix %d alone: digest is %x, must be %x (internal order)", i, again[i], digests[i])
		}
	}
	again, messages = again[:len(knownWords[0])], messages[:0]
	for i := range again {
		messages = append(messages, src[i][64:]...)
	}
	suffixes(again, NewPrefix(src[0][:]), messages, HeaderSize-64)
	for i := range again {
		if again[i] != digests[i] {
			return fmt.Errorf("batch of suffixes after a block: digest %d is %x, must be %x (internal order)", i, again[i], digests[i])
		}
	}

	for len(digests) > 1 {
		src := make([][PairSize]byte, len(digests)/2)
		for i := range src {
			copy(src[i][:32], digests[2*i][:])
			copy(src[i][32:], digests[2*i+1][:])
		}
		digests = digests[:len(src)]
		pairs(digests, src)
	}
	if digests[0] != knownRoot {
		return fmt.Errorf("batches of pairs: merkle root is %x, must be %x (internal order)", digests[0], knownRoot)
	}
	return nil
}
