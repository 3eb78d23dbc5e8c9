package work

import (
	"encoding/binary"
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/touchstone-btc/touchstone/hash"
)

const (
	// outpointSize is a txid and an index.
	outpointSize = chainhash.HashSize + 4
	// minInputSize and minOutputSize are what an input and an output take at least, with empty scripts.
	minInputSize  = outpointSize + 1 + 4
	minOutputSize = 8 + 1
	// minTransactionSize is what a transaction takes at least: version, counts, one input, nLockTime.
	minTransactionSize = 4 + 1 + minInputSize + 1 + 4
	// bip54Size is the stripped size that BIP 54 forbids: that of a pair of hashes in the merkle tree.
	bip54Size = 64
)

// transaction is where the parts of a serialized transaction lie. It holds no memory but raw: blocks are judged and templates
// decoded without building a tree of objects for each of thousands of transactions.
type transaction struct {
	// raw is the whole transaction, with witness.
	raw []byte
	// inputs, outputs and witness are where the counts of inputs and outputs and the first input's witness begin; without a
	// witness the last is where nLockTime begins.
	inputs, outputs, witness int
	inputCount, outputCount  int
}

// scanTransaction finds the transaction at the beginning of b, at which at stands in what was sent, for errors. It is strict:
// counts and lengths in their shortest form, no unknown flag, no witness without content (BIP 144).
func scanTransaction(b []byte, at int) (transaction, error) {
	r := byteReader{b: b, base: at}
	r.skip(4, "transaction version")
	t := transaction{inputs: r.at}
	segwit := len(b) > r.at+1 && b[r.at] == 0
	if segwit {
		if b[r.at+1] != 1 {
			r.fail("transaction with no inputs or with flags %02x, which nobody knows", b[r.at+1])
		}
		r.skip(2, "marker and flag")
		t.inputs = r.at
	}
	t.inputCount = r.count(minInputSize, "inputs")
	if r.err == nil && t.inputCount == 0 {
		r.fail("transaction without inputs")
	}
	for i := 0; i < t.inputCount && r.err == nil; i++ {
		r.skip(outpointSize, "outpoint")
		r.bytes("scriptSig")
		r.skip(4, "nSequence")
	}
	t.outputs = r.at
	t.outputCount = r.count(minOutputSize, "outputs")
	for i := 0; i < t.outputCount && r.err == nil; i++ {
		r.skip(8, "output value")
		r.bytes("output script")
	}
	t.witness = r.at
	if segwit {
		items := 0
		for i := 0; i < t.inputCount && r.err == nil; i++ {
			n := r.count(1, "witness items")
			items += n
			for j := 0; j < n && r.err == nil; j++ {
				r.bytes("witness item")
			}
		}
		if r.err == nil && items == 0 {
			r.fail("transaction with a witness marker but no witness")
		}
	}
	r.skip(4, "nLockTime")
	t.raw = b[:r.at]
	return t, r.err
}

// hasWitness says whether any input has a witness.
func (t *transaction) hasWitness() bool { return t.inputs > 4 }

// strippedSize is the size in bytes without marker, flag and witness.
func (t *transaction) strippedSize() int { return 4 + (t.witness - t.inputs) + 4 }

// weight is in weight units (BIP 141).
func (t *transaction) weight() int {
	return t.strippedSize()*(WitnessScaleFactor-1) + len(t.raw)
}

// appendStripped appends the transaction without marker, flag and witness.
func (t *transaction) appendStripped(dst []byte) []byte {
	dst = append(dst, t.raw[:4]...)
	dst = append(dst, t.raw[t.inputs:t.witness]...)
	return append(dst, t.raw[len(t.raw)-4:]...)
}

// ids returns txid and wtxid. It uses scratch's memory and returns it, perhaps grown, for the next transaction.
func (t *transaction) ids(scratch []byte) (txid, wtxid chainhash.Hash, _ []byte) {
	wtxid = hash.Sum256d(t.raw)
	if !t.hasWitness() {
		return wtxid, wtxid, scratch
	}
	scratch = t.appendStripped(scratch[:0])
	return hash.Sum256d(scratch), wtxid, scratch
}

func (t *transaction) lockTime() uint32 { return binary.LittleEndian.Uint32(t.raw[len(t.raw)-4:]) }

// input is one input's parts, in the transaction's memory.
type input struct {
	outpoint []byte // txid in internal order and index
	script   []byte
	sequence uint32
}

// isNull says that the input spends no output: it is a coinbase's.
func (in *input) isNull() bool { return string(in.outpoint) == nullOutpoint }

// nullOutpoint is what a coinbase spends.
const nullOutpoint = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff"

// eachInput yields the inputs in order.
func (t *transaction) eachInput(yield func(i int, in *input) bool) {
	r := byteReader{b: t.raw, at: t.inputs}
	n := r.count(minInputSize, "inputs")
	var in input
	for i := range n {
		in.outpoint = r.take(outpointSize)
		in.script = r.bytes("scriptSig")
		in.sequence = binary.LittleEndian.Uint32(r.take(4))
		if !yield(i, &in) {
			return
		}
	}
}

// eachOutput yields the outputs in order: value in satoshi, and script in the transaction's memory.
func (t *transaction) eachOutput(yield func(value int64, script []byte) bool) {
	r := byteReader{b: t.raw, at: t.outputs}
	n := r.count(minOutputSize, "outputs")
	for range n {
		value := int64(binary.LittleEndian.Uint64(r.take(8)))
		if !yield(value, r.bytes("output script")) {
			return
		}
	}
}

// firstWitness returns the items of the first input's witness, two at most: enough to judge a coinbase's.
func (t *transaction) firstWitness() (items [2][]byte, n int) {
	if !t.hasWitness() {
		return items, 0
	}
	r := byteReader{b: t.raw, at: t.witness}
	n = r.count(1, "witness items")
	for i := range min(n, len(items)) {
		items[i] = r.bytes("witness item")
	}
	return items, n
}

// commitment returns the witness commitment among the outputs: the last that is one (BIP 141).
func (t *transaction) commitment() (commitment chainhash.Hash, found bool) {
	for _, script := range t.eachOutput {
		if c, ok := parseCommitment(script); ok {
			commitment, found = c, true
		}
	}
	return commitment, found
}

// isCoinbase says whether this is a coinbase: one input, which spends nothing.
func (t *transaction) isCoinbase() bool {
	return t.inputCount == 1 && string(t.raw[t.inputs+1:t.inputs+1+outpointSize]) == nullOutpoint
}

// legacySigOps counts signature operations as before BIP 16: all in the transaction's own scripts, executed or not.
func (t *transaction) legacySigOps() int {
	n := 0
	for _, in := range t.eachInput {
		n += txscript.GetSigOpCount(in.script)
	}
	for _, script := range t.eachOutput {
		n += txscript.GetSigOpCount(script)
	}
	return n
}

// check judges what a transaction must be by itself, whatever it spends.
func (t *transaction) check() Verdict {
	if t.outputCount == 0 {
		return refuse(ReasonBadTxnsVoutEmpty, "it has no outputs")
	}
	if t.strippedSize()*WitnessScaleFactor > MaxBlockWeight {
		return refuse(ReasonBadTxnsOversize, "%d bytes without witness", t.strippedSize())
	}
	if v := t.checkOutputs(); !v.Valid() {
		return v
	}
	return t.checkInputs()
}

func (t *transaction) checkOutputs() Verdict {
	var total int64
	for value := range t.eachOutput {
		if value < 0 {
			return refuse(ReasonBadTxnsVoutNegative, "an output of %d satoshi", value)
		}
		if value > MaxMoney {
			return refuse(ReasonBadTxnsVoutTooLarge, "an output of %d satoshi", value)
		}
		if total += value; total > MaxMoney {
			return refuse(ReasonBadTxnsTotalTooLarge, "outputs of %d satoshi and more", total)
		}
	}
	return Verdict{}
}

func (t *transaction) checkInputs() Verdict {
	if t.isCoinbase() {
		return checkCoinbaseScript(t.coinbaseScript())
	}
	var seen map[[outpointSize]byte]struct{}
	if t.inputCount > 1 {
		seen = make(map[[outpointSize]byte]struct{}, t.inputCount)
	}
	for i, in := range t.eachInput {
		if in.isNull() {
			return refuse(ReasonBadTxnsPrevoutNull, "input %d spends nothing", i)
		}
		if seen == nil {
			break
		}
		outpoint := [outpointSize]byte(in.outpoint)
		if _, twice := seen[outpoint]; twice {
			return refuse(ReasonBadTxnsInputsDuplicate, "input %d spends what another spends", i)
		}
		seen[outpoint] = struct{}{}
	}
	return Verdict{}
}

// coinbaseScript returns the first input's scriptSig.
func (t *transaction) coinbaseScript() []byte {
	for _, in := range t.eachInput {
		return in.script
	}
	return nil
}

// checkCoinbaseScript judges the size of a coinbase's scriptSig.
func checkCoinbaseScript(script []byte) Verdict {
	if n := len(script); n < MinCoinbaseScript || n > MaxCoinbaseScript {
		return refuse(ReasonBadCoinbaseLength, "the coinbase's scriptSig has %d bytes: from %d to %d are allowed", n, MinCoinbaseScript, MaxCoinbaseScript)
	}
	return Verdict{}
}

// byteReader reads serialized bytes. After its first error it reads nothing more, so callers look at err once.
type byteReader struct {
	b    []byte
	at   int
	base int // where b stands in what was sent, for errors
	err  error
}

func (r *byteReader) fail(format string, a ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("byte %d: %s", r.base+r.at, fmt.Sprintf(format, a...))
	}
}

// skip steps over n bytes of what.
func (r *byteReader) skip(n int, what string) {
	if r.err != nil {
		return
	}
	if left := len(r.b) - r.at; left < n {
		r.fail("cut short: %s has %d bytes, %d are left", what, n, left)
		return
	}
	r.at += n
}

// take returns n bytes that are known to be there.
func (r *byteReader) take(n int) []byte {
	r.at += n
	return r.b[r.at-n : r.at]
}

// bytes reads a length and as many bytes of what.
func (r *byteReader) bytes(what string) []byte {
	n := r.count(1, what)
	if r.err != nil {
		return nil
	}
	return r.take(n)
}

// count reads a compact size that says how many things of at least size bytes follow. So it never exceeds what was sent.
func (r *byteReader) count(size int, what string) int {
	n := r.compactSize(what)
	if r.err != nil {
		return 0
	}
	if left := len(r.b) - r.at; n > uint64(left/size) {
		r.fail("cut short: %s, %d of at least %d bytes, in the %d that are left", what, n, size, left)
		return 0
	}
	return int(n)
}

// compactSize reads a number in its shortest form.
func (r *byteReader) compactSize(what string) uint64 {
	start := r.at
	r.skip(1, what)
	if r.err != nil {
		return 0
	}
	first := r.b[start]
	var n, least uint64
	switch first {
	default:
		return uint64(first)
	case 0xfd:
		if r.skip(2, what); r.err == nil {
			n, least = uint64(binary.LittleEndian.Uint16(r.b[start+1:])), 0xfd
		}
	case 0xfe:
		if r.skip(4, what); r.err == nil {
			n, least = uint64(binary.LittleEndian.Uint32(r.b[start+1:])), 1<<16
		}
	case 0xff:
		if r.skip(8, what); r.err == nil {
			n, least = binary.LittleEndian.Uint64(r.b[start+1:]), 1<<32
		}
	}
	if r.err == nil && n < least {
		r.at = start
		r.fail("%s: %d is not in its shortest form", what, n)
	}
	return n
}

// appendCompactSize appends n in its shortest form.
func appendCompactSize(dst []byte, n int) []byte {
	switch {
	case n < 0xfd:
		return append(dst, byte(n))
	case n < 1<<16:
		return binary.LittleEndian.AppendUint16(append(dst, 0xfd), uint16(n))
	default:
		return binary.LittleEndian.AppendUint32(append(dst, 0xfe), uint32(n))
	}
}

// compactSizeLen is how many bytes appendCompactSize appends.
func compactSizeLen(n int) int {
	switch {
	case n < 0xfd:
		return 1
	case n < 1<<16:
		return 3
	default:
		return 5
	}
}
