package work

import (
	"bytes"
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// lockTimeThreshold is where nLockTime stops counting blocks and counts seconds.
const lockTimeThreshold = 500_000_000

// BlockRules say by what a block is judged, beyond what holds for every block.
type BlockRules struct {
	// Network gives the limit of difficulty and the rules that depend on the height. Nil judges neither.
	Network *Network
	// Height is the block's. 0 and less take it from the coinbase, where that says it (BIP 34); it is then what the block claims.
	// A block that follows none has height 0 anyway.
	Height int32
	// BIP54 adds what BIP 54 demands of a single block: the coinbase's nLockTime and nSequence, and no transaction of 64 bytes.
	BIP54 bool
}

// BlockReport is what was found about a block.
type BlockReport struct {
	// Hash is the header's, in internal order.
	Hash chainhash.Hash
	// Height is the one given, else the coinbase's (BIP 34, from version 2 on), else -1.
	Height int32
	Header Header
	// Transactions counts the coinbase too. Size is in bytes, Weight in weight units.
	Transactions, Size, Weight int
	Verdict                    Verdict
}

// ParseBlock decodes a serialized block, with witness (BIP 144). It is strict: counts and lengths in their shortest form, no
// flags that nobody knows, nothing after the end. An error names the byte at which decoding stopped and what was wanted there.
// Nothing is reserved for more than what raw holds. The block does not keep raw.
func ParseBlock(raw []byte) (*wire.MsgBlock, error) {
	if _, err := scanBlock(raw); err != nil {
		return nil, err
	}
	block := new(wire.MsgBlock)
	if err := block.Deserialize(bytes.NewReader(raw)); err != nil {
		return nil, fmt.Errorf("block: %w", err)
	}
	return block, nil
}

// scannedBlock is where the parts of a serialized block lie.
type scannedBlock struct {
	raw          []byte
	header       Header
	transactions []transaction
}

func scanBlock(raw []byte) (*scannedBlock, error) {
	if len(raw) > MaxBlockSize {
		return nil, fmt.Errorf("block: %d bytes: a block has at most %d", len(raw), MaxBlockSize)
	}
	if len(raw) < HeaderSize {
		return nil, fmt.Errorf("block: %d bytes: its header alone has %d; was it cut?", len(raw), HeaderSize)
	}
	b := &scannedBlock{raw: raw, header: ParseHeader((*[HeaderSize]byte)(raw))}
	r := byteReader{b: raw, at: HeaderSize}
	n := r.count(minTransactionSize, "transactions")
	if r.err != nil {
		return nil, fmt.Errorf("block: %w", r.err)
	}
	b.transactions = make([]transaction, n)
	at := r.at
	for i := range b.transactions {
		tx, err := scanTransaction(raw[at:], at)
		if err != nil {
			return nil, fmt.Errorf("block: transaction %d of %d: %w", i, n, err)
		}
		b.transactions[i] = tx
		at += len(tx.raw)
	}
	if at < len(raw) {
		return nil, fmt.Errorf("block: %d bytes follow its end at byte %d: give one block alone", len(raw)-at, at)
	}
	return b, nil
}

// CheckBlock judges a serialized block by all that it shows by itself, in the order in which Bitcoin Core does: proof of work;
// merkle root, and the ambiguity of CVE-2012-2459; limits; the coinbase and the form of each transaction; then what depends on
// the height, where that is known: version (BIP 34, 66, 65), nLockTime of blocks, the height in the coinbase; last the witness
// commitment (BIP 141). An error says that raw is no block; it is as strict as ParseBlock. The report does not keep raw.
//
// Out of reach are what needs other blocks (links, difficulty, median time; for these there is HeaderChain), what needs the
// outputs that are spent (scripts, values, the sigops of P2SH and witness, BIP 68), duplicates of older coinbases (BIP 30) and
// the signatures of signets (BIP 325).
//
// Where the height is not known or the network has no fixed height for segwit, a witness commitment in a block that has no
// witness at all is not judged: before segwit such outputs meant nothing (mainnet block 481815 has one).
func CheckBlock(raw []byte, r BlockRules) (BlockReport, error) {
	b, err := scanBlock(raw)
	if err != nil {
		return BlockReport{}, err
	}
	report := BlockReport{
		Hash: b.header.Hash(), Height: b.height(r.Height), Header: b.header,
		Transactions: len(b.transactions), Size: len(raw), Weight: b.weight(),
	}
	report.Verdict = b.judge(&report, r)
	return report, nil
}

// height returns the block's height: what was given, else what the coinbase says.
func (b *scannedBlock) height(given int32) int32 {
	switch {
	case b.header.PrevBlock == chainhash.Hash{}:
		return 0
	case given > 0:
		return given
	case len(b.transactions) > 0 && int32(b.header.Version) >= 2 && b.transactions[0].isCoinbase():
		return coinbaseHeight(b.transactions[0].coinbaseScript())
	}
	return -1
}

func (b *scannedBlock) strippedSize() int {
	size := HeaderSize + compactSizeLen(len(b.transactions))
	for i := range b.transactions {
		size += b.transactions[i].strippedSize()
	}
	return size
}

func (b *scannedBlock) weight() int {
	return b.strippedSize()*(WitnessScaleFactor-1) + len(b.raw)
}

func (b *scannedBlock) judge(report *BlockReport, r BlockRules) Verdict {
	if v := CheckPoW(&b.header, &report.Hash); !v.Valid() {
		return v
	}
	if target, _, _ := b.header.Bits.Target(); r.Network != nil && target.Cmp(r.Network.PowLimit) > 0 {
		return refuse(ReasonBadDiffBits, "the target of bits %v is above the limit of %s, %v", b.header.Bits, r.Network, r.Network.PowLimitBits)
	}
	txids, wtxids := b.ids()
	if v := b.checkMerkleRoot(txids); !v.Valid() {
		return v
	}
	if v := b.checkForm(); !v.Valid() {
		return v
	}
	if report.Height >= 0 {
		if v := b.checkHeight(report.Height, r.Network); !v.Valid() {
			return v
		}
	}
	if r.BIP54 {
		if v := b.checkBIP54(report.Height); !v.Valid() {
			return v
		}
	}
	if v := b.checkWitness(wtxids, segwitAt(r.Network, report.Height)); !v.Valid() {
		return v
	}
	if report.Weight > MaxBlockWeight {
		return refuse(ReasonBadBlockWeight, "weight %d: %d is allowed", report.Weight, MaxBlockWeight)
	}
	return Verdict{}
}

// ids returns the transactions' txids, and their wtxids with zero for the coinbase's.
func (b *scannedBlock) ids() (txids, wtxids []chainhash.Hash) {
	txids = make([]chainhash.Hash, len(b.transactions))
	wtxids = make([]chainhash.Hash, len(b.transactions))
	var scratch []byte
	for i := range b.transactions {
		txids[i], wtxids[i], scratch = b.transactions[i].ids(scratch)
	}
	if len(wtxids) > 0 {
		wtxids[0] = chainhash.Hash{}
	}
	return txids, wtxids
}

func (b *scannedBlock) checkMerkleRoot(txids []chainhash.Hash) Verdict {
	root, mutated := MerkleRoot(txids)
	switch {
	case root != b.header.MerkleRoot:
		return refuse(ReasonBadTxnMrklRoot, "the header has %v, the transactions %v", b.header.MerkleRoot, root)
	case mutated:
		return refuse(ReasonBadTxnsDuplicate, "transactions are repeated without changing the merkle root (CVE-2012-2459)")
	}
	return Verdict{}
}

// checkForm judges limits, the coinbase's place, each transaction by itself, and the signature operations.
func (b *scannedBlock) checkForm() Verdict {
	if len(b.transactions) == 0 {
		return refuse(ReasonBadBlockLength, "no transactions")
	}
	if size := b.strippedSize(); size*WitnessScaleFactor > MaxBlockWeight {
		return refuse(ReasonBadBlockLength, "%d bytes without witness: %d are allowed", size, MaxBlockWeight/WitnessScaleFactor)
	}
	if !b.transactions[0].isCoinbase() {
		return refuse(ReasonBadCoinbaseMissing, "the first transaction is no coinbase")
	}
	for i := range b.transactions[1:] {
		if b.transactions[1+i].isCoinbase() {
			return refuse(ReasonBadCoinbaseMultiple, "transaction %d is a second coinbase", 1+i)
		}
	}
	sigOps := 0
	for i := range b.transactions {
		tx := &b.transactions[i]
		if v := tx.check(); !v.Valid() {
			v.Detail = fmt.Sprintf("transaction %d: %s", i, v.Detail)
			return v
		}
		sigOps += tx.legacySigOps()
	}
	if cost := sigOps * WitnessScaleFactor; cost > MaxBlockSigOpsCost {
		return refuse(ReasonBadBlockSigOps, "signature operations cost %d: %d is allowed", cost, MaxBlockSigOpsCost)
	}
	return Verdict{}
}

// checkHeight judges what depends on the height.
func (b *scannedBlock) checkHeight(height int32, n *Network) Verdict {
	if n == nil {
		return Verdict{}
	}
	// Signed, so that versions with the top bit set are refused.
	if least := n.leastVersion(height); least > 0 && int32(b.header.Version) < least {
		return refuse(ReasonBadVersion, "version %08x at height %d, want at least %d", b.header.Version, height, least)
	}
	for i := range b.transactions {
		if tx := &b.transactions[i]; !tx.finalAt(height) {
			return refuse(ReasonBadTxnsNonFinal, "transaction %d is locked until after height %d", i, tx.lockTime())
		}
	}
	if script := b.transactions[0].coinbaseScript(); height >= n.BIP34Height && height > 0 && !bytes.HasPrefix(script, appendHeight(nil, height)) {
		return refuse(ReasonBadCoinbaseHeight, "scriptSig %x does not begin with the push of height %d", script, height)
	}
	return Verdict{}
}

// finalAt says whether nLockTime allows the transaction in a block of this height. Lock times in seconds need the median time of
// earlier blocks; they are taken as over.
func (t *transaction) finalAt(height int32) bool {
	if lock := t.lockTime(); int64(lock) < int64(height) || lock >= lockTimeThreshold {
		return true
	}
	for _, in := range t.eachInput {
		if in.sequence != finalSequence {
			return false
		}
	}
	return true
}

// checkBIP54 judges what BIP 54 demands of a single block.
func (b *scannedBlock) checkBIP54(height int32) Verdict {
	coinbase := &b.transactions[0]
	if lock := coinbase.lockTime(); height > 0 && lock != uint32(height-1) {
		return refuse(ReasonBadCoinbaseLockTime, "the coinbase's nLockTime is %d: BIP 54 wants %d", lock, height-1)
	}
	for _, in := range coinbase.eachInput {
		if height != 0 && in.sequence == finalSequence {
			return refuse(ReasonBadCoinbaseSequence, "the coinbase's nSequence is %08x, which BIP 54 forbids", in.sequence)
		}
	}
	for i := range b.transactions {
		if b.transactions[i].strippedSize() == bip54Size {
			return refuse(ReasonBadTxnsSize, "transaction %d has %d bytes without witness, which BIP 54 forbids", i, bip54Size)
		}
	}
	return Verdict{}
}

// segwit says whether a block is judged by BIP 141.
type segwit uint8

const (
	segwitUnknown segwit = iota
	segwitInactive
	segwitActive
)

// segwitAt returns whether segwit binds a block of this height, -1 if not known.
func segwitAt(n *Network, height int32) segwit {
	switch {
	case n == nil || n.SegwitHeight <= 0:
		return segwitUnknown
	case height >= n.SegwitHeight, height < 0 && n.SegwitHeight == 1:
		return segwitActive
	case height < 0:
		return segwitUnknown
	}
	return segwitInactive
}

// checkWitness judges the witness commitment.
func (b *scannedBlock) checkWitness(wtxids []chainhash.Hash, rule segwit) Verdict {
	coinbase := &b.transactions[0]
	witnessed := -1
	for i := range b.transactions {
		if b.transactions[i].hasWitness() {
			witnessed = i
			break
		}
	}
	commitment, found := coinbase.commitment()
	switch {
	case rule == segwitInactive, !found:
		if witnessed >= 0 {
			return refuse(ReasonUnexpectedWitness, "transaction %d has a witness, and the block may have none or does not commit to it", witnessed)
		}
		return Verdict{}
	case rule == segwitUnknown && witnessed < 0:
		return Verdict{}
	}
	if !coinbase.hasWitness() {
		return refuse(ReasonBadWitnessNonceSize, "the coinbase commits to a witness and has no reserved value in its own")
	}
	reserved, v := coinbaseReserved(coinbase)
	if !v.Valid() {
		return v
	}
	root, _ := MerkleRoot(wtxids)
	if want := WitnessCommitment(root, reserved); want != commitment {
		return refuse(ReasonBadWitnessMerkleMatch, "the coinbase commits to %x, the transactions have %x", commitment[:], want[:])
	}
	return Verdict{}
}
