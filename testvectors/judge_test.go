package testvectors

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"strings"
)

// A second, plain reading of the rules, in the order in which Bitcoin Core
// applies them. It knows just what these vectors need and shares no code with
// anything that is tested with them.

func sum256d(b []byte) [32]byte {
	first := sha256.Sum256(b)
	return sha256.Sum256(first[:])
}

// number reads a hash in internal order as a number.
func number(h [32]byte) *big.Int {
	slices.Reverse(h[:])
	return new(big.Int).SetBytes(h[:])
}

func decodeTarget(bits uint32) (t *big.Int, negative, overflow bool) {
	size, mantissa := int(bits>>24), bits&0x7fffff
	t = big.NewInt(int64(mantissa))
	if size <= 3 {
		t.Rsh(t, uint(8*(3-size)))
	} else {
		t.Lsh(t, uint(8*(size-3)))
	}
	return t, t.Sign() != 0 && bits&0x800000 != 0, t.BitLen() > 256
}

func encodeTarget(t *big.Int) uint32 {
	size := (t.BitLen() + 7) / 8
	mantissa := new(big.Int).Set(t)
	if size > 3 {
		mantissa.Rsh(mantissa, uint(8*(size-3)))
	} else {
		mantissa.Lsh(mantissa, uint(8*(3-size)))
	}
	m := uint32(mantissa.Uint64())
	if m&0x800000 != 0 {
		m >>= 8
		size++
	}
	if t.Sign() == 0 {
		return 0
	}
	return uint32(size)<<24 | m
}

func field(h [80]byte, at int) uint32 { return binary.LittleEndian.Uint32(h[at:]) }

func hasWork(h [80]byte) bool {
	t, negative, overflow := decodeTarget(field(h, 72))
	return !negative && !overflow && number(sum256d(h[:])).Cmp(t) <= 0
}

func foldLeft(leaf [32]byte, branch [][32]byte) [32]byte {
	for _, right := range branch {
		leaf = sum256d(append(leaf[:], right[:]...))
	}
	return leaf
}

// merkle also reports whether a level repeats a pair (CVE-2012-2459).
func merkle(level [][32]byte) (root [32]byte, repeated bool) {
	level = slices.Clone(level)
	for len(level) > 1 {
		for i := 0; i+1 < len(level); i += 2 {
			repeated = repeated || level[i] == level[i+1]
		}
		if len(level)%2 == 1 {
			level = append(level, level[len(level)-1])
		}
		for i := range len(level) / 2 {
			level[i] = sum256d(append(level[2*i][:], level[2*i+1][:]...))
		}
		level = level[:len(level)/2]
	}
	return level[0], repeated
}

// transaction is what a block's judgement needs of one.
type transaction struct {
	txid, wtxid [32]byte
	stripped    []byte
	witness     [][][]byte // nil if serialised without
	outputs     [][]byte   // scripts
}

var errDecode = errors.New("does not decode")

// scanner reads a serialisation; bad stays set after the first failure.
type scanner struct {
	b   []byte
	bad bool
}

func (s *scanner) take(n uint64) []byte {
	if s.bad || n > uint64(len(s.b)) {
		s.bad = true
		return nil
	}
	taken := s.b[:n]
	s.b = s.b[n:]
	return taken
}

func (s *scanner) count() uint64 {
	first := s.take(1)
	if s.bad {
		return 0
	}
	if first[0] < 0xfd {
		return uint64(first[0])
	}
	size := 1 << (first[0] - 0xfc)
	var wide [8]byte
	copy(wide[:], s.take(uint64(size)))
	n := binary.LittleEndian.Uint64(wide[:])
	if smallest := map[int]uint64{2: 0xfd, 4: 1 << 16, 8: 1 << 32}[size]; n < smallest {
		s.bad = true
	}
	return n
}

func (s *scanner) transaction() transaction {
	start := s.b
	version := s.take(4)
	segwit := len(s.b) > 1 && s.b[0] == 0 && s.b[1] == 1
	if segwit {
		s.take(2)
	}
	body := s.b
	inputs := s.count()
	for i := uint64(0); i < inputs && !s.bad; i++ {
		s.take(36)
		s.take(s.count())
		s.take(4)
	}
	var tx transaction
	outputs := s.count()
	for i := uint64(0); i < outputs && !s.bad; i++ {
		s.take(8)
		tx.outputs = append(tx.outputs, s.take(s.count()))
	}
	body = body[:len(body)-len(s.b)]
	if segwit {
		tx.witness = [][][]byte{}
		for i := uint64(0); i < inputs && !s.bad; i++ {
			var stack [][]byte
			items := s.count()
			for j := uint64(0); j < items && !s.bad; j++ {
				stack = append(stack, s.take(s.count()))
			}
			tx.witness = append(tx.witness, stack)
		}
	}
	lockTime := s.take(4)
	tx.stripped = slices.Concat(version, body, lockTime)
	tx.txid = sum256d(tx.stripped)
	tx.wtxid = sum256d(start[:len(start)-len(s.b)])
	return tx
}

func (t *transaction) hasWitness() bool {
	return slices.ContainsFunc(t.witness, func(stack [][]byte) bool { return len(stack) > 0 })
}

// commitment returns the last one, nil if there is none.
func (t *transaction) commitment() []byte {
	var found []byte
	for _, script := range t.outputs {
		if len(script) >= 38 && bytes.HasPrefix(script, []byte{0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed}) {
			found = script[6:38]
		}
	}
	return found
}

// reserved judges the shape of the coinbase's witness and returns its one item.
func (t *transaction) reserved() ([]byte, bool) {
	if len(t.witness) != 1 || len(t.witness[0]) != 1 || len(t.witness[0][0]) != 32 {
		return nil, false
	}
	return t.witness[0][0], true
}

func decodeTransaction(b []byte) (transaction, error) {
	s := scanner{b: b}
	tx := s.transaction()
	if s.bad || len(s.b) != 0 {
		return tx, errDecode
	}
	return tx, nil
}

func decodeTransactions(raw []byte) ([]transaction, error) {
	s := scanner{b: raw}
	s.take(80)
	n := s.count()
	var all []transaction
	for i := uint64(0); i < n && !s.bad; i++ {
		all = append(all, s.transaction())
	}
	if s.bad || len(s.b) != 0 {
		return nil, errDecode
	}
	return all, nil
}

// judgeBlock returns the first reason against b, "" if there is none. segwit
// tells whether commitments are in force.
func judgeBlock(b *Block, segwit bool) string {
	if b.Raw != nil {
		return judgeRaw(b.Raw, segwit)
	}
	coinbase, err := decodeTransaction(b.Coinbase)
	if err != nil {
		return Malformed
	}
	root := [32]byte(b.Header[36:])
	switch {
	case !hasWork(b.Header):
		return "high-hash"
	case foldLeft(coinbase.txid, b.Branch) != root:
		return "bad-txnmrklroot"
	}
	if b.CoinbaseWitness == nil {
		return ""
	}
	full, err := decodeTransaction(b.CoinbaseWitness)
	if err != nil || !bytes.Equal(full.stripped, b.Coinbase) {
		return Malformed
	}
	reserved, ok := full.reserved()
	if !ok {
		return "bad-witness-nonce-size"
	}
	// Blocks of one transaction aside, no branch means that none is given.
	if b.WitnessBranch != nil {
		top := foldLeft([32]byte{}, b.WitnessBranch)
		if want := sum256d(append(top[:], reserved...)); !bytes.Equal(want[:], full.commitment()) {
			return "bad-witness-merkle-match"
		}
	}
	return ""
}

func judgeRaw(raw []byte, segwit bool) string {
	txs, err := decodeTransactions(raw)
	if err != nil {
		return Malformed
	}
	header := [80]byte(raw)
	var txids, wtxids [][32]byte
	for i := range txs {
		txids = append(txids, txs[i].txid)
		wtxids = append(wtxids, txs[i].wtxid)
	}
	root, repeated := merkle(txids)
	switch {
	case !hasWork(header):
		return "high-hash"
	case root != [32]byte(header[36:]):
		return "bad-txnmrklroot"
	case repeated:
		return "bad-txns-duplicate"
	}
	if commitment := txs[0].commitment(); segwit && commitment != nil {
		reserved, ok := txs[0].reserved()
		if !ok {
			return "bad-witness-nonce-size"
		}
		wtxids[0] = [32]byte{}
		top, _ := merkle(wtxids)
		if want := sum256d(append(top[:], reserved...)); !bytes.Equal(want[:], commitment) {
			return "bad-witness-merkle-match"
		}
		return ""
	}
	if slices.ContainsFunc(txs, func(t transaction) bool { return t.hasWitness() }) {
		return "unexpected-witness"
	}
	return ""
}

// judgeHeaders returns the index of the first bad header and the reason, or -1.
func judgeHeaders(r *HeaderRun) (int, string) {
	times := make([]uint32, len(r.Headers))
	for i, h := range r.Headers {
		times[i] = field(h, 68)
		if reason := judgeHeader(r, i, times[:i]); reason != "" {
			return i, reason
		}
	}
	return -1, ""
}

func judgeHeader(r *HeaderRun, i int, before []uint32) string {
	h := r.Headers[i]
	if !hasWork(h) {
		return "high-hash"
	}
	if !r.Consecutive {
		return ""
	}
	height := int(r.StartHeight) + i
	known := r.StartHeight >= 0
	if i > 0 {
		previous := r.Headers[i-1]
		if sum256d(previous[:]) != [32]byte(h[4:]) {
			return "bad-prevblk"
		}
		if known && !goodBits(r, i, height) {
			return "bad-diffbits"
		}
	}
	if first := max(0, i-11); i >= 11 || r.StartHeight == 0 && i > 0 {
		last := slices.Clone(before[first:])
		slices.Sort(last)
		if field(h, 68) <= last[len(last)/2] {
			return "time-too-old"
		}
	}
	if r.BIP54 && i > 0 && height%2016 == 0 && int64(field(h, 68)) < int64(before[i-1])-7200 {
		return "time-timewarp-attack"
	}
	if r.BIP54 && i >= 2015 && height%2016 == 2015 && field(h, 68) < before[i-2015] {
		return "time-negative-interval"
	}
	if r.Now != 0 && int64(field(h, 68)) > int64(r.Now)+7200 {
		return "time-too-new"
	}
	type need struct{ version, mainnet, regtest int }
	for _, n := range []need{{2, 227931, 1}, {3, 363725, 1}, {4, 388381, 1}} {
		from := map[string]int{"mainnet": n.mainnet, "regtest": n.regtest}[r.Network]
		if known && from != 0 && height >= from && int(int32(field(h, 0))) < n.version {
			return "bad-version"
		}
	}
	return ""
}

// goodBits knows mainnet's retarget and that all else here stays as it was.
func goodBits(r *HeaderRun, i, height int) bool {
	old, bits := field(r.Headers[i-1], 72), field(r.Headers[i], 72)
	if height%2016 != 0 || r.Network != "mainnet" {
		return bits == old
	}
	if i < 2016 {
		return true // the period's first header is not here
	}
	return bits == retarget(old, field(r.Headers[i-2016], 68), field(r.Headers[i-1], 68))
}

func retarget(old, first, last uint32) uint32 {
	const twoWeeks = 14 * 24 * 60 * 60
	span := min(max(int64(last)-int64(first), twoWeeks/4), twoWeeks*4)
	t, _, _ := decodeTarget(old)
	t.Mul(t, big.NewInt(span))
	t.Quo(t, big.NewInt(twoWeeks))
	if limit, _, _ := decodeTarget(0x1d00ffff); t.Cmp(limit) > 0 {
		t = limit
	}
	return encodeTarget(t)
}

// templateJSON is what a template's judgement needs of it.
type templateJSON struct {
	Version, CurTime, Height, CoinbaseValue *int64
	VBRequired, MinTime, WeightLimit        int64
	PreviousBlockHash, Bits, Target         string
	Rules                                   []string
	Commitment                              string  `json:"default_witness_commitment"`
	SignetChallenge                         *string `json:"signet_challenge"`
	Transactions                            *[]struct {
		Data, Txid, Hash string
		Weight           *int
	}
}

// judgeTemplate returns the first reason against a template, "" if there is
// none.
func judgeTemplate(text []byte) string {
	var j templateJSON
	if json.Unmarshal(text, &j) != nil || j.Version == nil || j.CurTime == nil || j.Height == nil || j.CoinbaseValue == nil ||
		j.Transactions == nil || *j.Height < 1 || *j.CoinbaseValue < 0 || len(j.PreviousBlockHash) != 64 {
		return Malformed
	}
	d := &decoder{}
	compact := d.hex("bits", j.Bits)
	commitment := d.hex("commitment", strings.TrimPrefix(j.Commitment, "6a24aa21a9ed"))
	if d.err != nil || len(compact) != 4 || len(commitment) != 32 {
		return Malformed
	}
	for _, rule := range j.Rules {
		if strings.HasPrefix(rule, "!") && rule != "!segwit" && rule != "!signet" {
			return "unknown-rule"
		}
	}
	target, negative, _ := decodeTarget(binary.BigEndian.Uint32(compact))
	given, ok := new(big.Int).SetString(j.Target, 16)
	switch {
	case j.SignetChallenge != nil && *j.SignetChallenge != "51":
		return "signet-challenge"
	case *j.Version&j.VBRequired != j.VBRequired:
		return "bad-version"
	case negative || target.Sign() == 0 || !ok || given.Cmp(target) != 0:
		return "bad-diffbits"
	case *j.CurTime < j.MinTime:
		return "time-too-old"
	}
	wtxids := make([][32]byte, 1)
	weight := 4 * 81
	for _, tx := range *j.Transactions {
		data := d.hex("data", tx.Data)
		decoded, err := decodeTransaction(data)
		if d.err != nil || err != nil {
			return Malformed
		}
		own := 3*len(decoded.stripped) + len(data)
		switch {
		case decoded.txid != d.hash("txid", tx.Txid):
			return "bad-txns-txid"
		case decoded.wtxid != d.hash("hash", tx.Hash):
			return "bad-txns-hash"
		case tx.Weight != nil && *tx.Weight != own:
			return "bad-txns-weight"
		}
		weight += own
		wtxids = append(wtxids, decoded.wtxid)
	}
	if j.WeightLimit != 0 && int64(weight) > j.WeightLimit {
		return "bad-blk-weight"
	}
	root, _ := merkle(wtxids)
	if want := sum256d(append(root[:], make([]byte, 32)...)); !bytes.Equal(want[:], commitment) {
		return "bad-witness-merkle-match"
	}
	return ""
}
