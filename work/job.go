package work

import (
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/hash"
)

// ErrNoBlock says that a job holds headers only: it was not made from a template, so nobody here knows its transactions.
var ErrNoBlock = errors.New("job was not made from a template: its transactions are not known, so no block can be built")

// Job is work to search: a header but for its extranonce, version bits, time and nonce. NewJob makes it from a template,
// HeaderJob from a header, and one that came over a wire is filled in field by field. Nothing in it changes once it is in use,
// so it is safe to share.
type Job struct {
	// ID is the caller's name for the job.
	ID string
	// Height is the block's; -1 or 0 if not known.
	Height int32
	// Version is the header's version; VersionMask are the bits of it that may be rolled (BIP 310).
	Version, VersionMask uint32
	// PrevBlock is in internal order.
	PrevBlock chainhash.Hash
	// Bits is the header's nBits and Target the target it stands for.
	Bits   Bits
	Target Target
	// Time is the header's time as given; MinTime and MaxTime bound it, 0 where not known.
	Time, MinTime, MaxTime uint32
	// NonceFirst and NonceLast bound the nonce, both included; NonceLast 0 stands for ffffffff.
	NonceFirst, NonceLast uint32
	// CoinbasePrefix and CoinbaseSuffix are the coinbase without witness before and after the extranonce (coinb1, coinb2). If
	// both are empty, the header's merkle root is MerkleRoot and there is no extranonce.
	CoinbasePrefix, CoinbaseSuffix []byte
	// Extranonce1Size and Extranonce2Size are in bytes.
	Extranonce1Size, Extranonce2Size int
	// Branch is the coinbase's path to the merkle root, internal order.
	Branch []chainhash.Hash
	// MerkleRoot is used only where there is no coinbase.
	MerkleRoot chainhash.Hash
	// CoinbaseWitness is the reserved value that stands in the coinbase's witness, nil for a block without witness commitment.
	CoinbaseWitness []byte
	// Transactions are the serialized transactions after the coinbase, with witness. Only NewJob's jobs have them.
	Transactions [][]byte
	// WorkID must go with the block to submitblock, if not empty.
	WorkID string

	// whole says that Transactions is the block's whole list.
	whole bool
}

// Solution names one header of a job.
type Solution struct {
	// Extranonce is extranonce1 and extranonce2 together.
	Extranonce []byte
	// Version is the whole version, not only the rolled bits.
	Version, Time, Nonce uint32
}

// RefusedError says that a template was judged and refused.
type RefusedError struct{ Verdict Verdict }

// Error returns the verdict's words.
func (e *RefusedError) Error() string { return "template refused: " + e.Verdict.String() }

// NewJob makes the job that a template asks for, with a coinbase as o says. It calls t.Check and judges the limits again with
// the coinbase; a *RefusedError holds the verdict. The job shares the memory of the template's transactions.
//
// Where the node gives coinbasevalue, the coinbase is made here, whatever mutable says: nodes that leave the coinbase out of it
// (btcd) mean their own coinbasetxn. Where it gives only coinbasetxn, that is used with extranonce and tag appended to its
// scriptSig, if mutable grants it, and o must have no payouts; or replaced, if mutable grants "coinbase" and "generation".
func NewJob(id string, t *Template, o CoinbaseOptions) (*Job, error) {
	if v := t.Check(); !v.Valid() {
		return nil, &RefusedError{v}
	}
	j := &Job{
		ID: id, Height: t.Height, Version: t.Version, VersionMask: o.VersionMask, PrevBlock: t.PreviousBlock,
		Bits: t.Bits, Target: t.Target, Time: t.CurTime, MinTime: t.MinTime, MaxTime: t.MaxTime,
		NonceFirst: t.NonceFirst, NonceLast: t.NonceLast, WorkID: t.WorkID, whole: true,
	}
	if j.MinTime == 0 {
		j.MinTime = t.CurTime
	}
	if err := j.addCoinbase(t, &o); err != nil {
		return nil, jobError(id, err)
	}
	j.Branch = MerkleBranch(t.merkleLeaves())
	j.Transactions = make([][]byte, len(t.Transactions))
	for i := range t.Transactions {
		j.Transactions[i] = t.Transactions[i].Data
	}
	return j, nil
}

// WithCoinbase returns the job of that ID that NewJob would make with o from t, which must be the template that j was made from.
// It is much faster than NewJob, because t was judged and its transactions were hashed once. The two share their memory.
func (j *Job) WithCoinbase(id string, t *Template, o CoinbaseOptions) (*Job, error) {
	if !j.whole {
		return nil, ErrNoBlock
	}
	other := *j
	other.ID, other.VersionMask, other.CoinbaseWitness = id, o.VersionMask, nil
	if err := other.addCoinbase(t, &o); err != nil {
		return nil, jobError(id, err)
	}
	return &other, nil
}

// addCoinbase makes the coinbase and fits it into the block.
func (j *Job) addCoinbase(t *Template, o *CoinbaseOptions) error {
	var c *coinbase
	var err error
	switch replace := t.mayChange("coinbase") && t.mayChange("generation"); {
	case t.CoinbaseValue >= 0, replace && len(o.Payouts) > 0:
		var commitment *chainhash.Hash
		if t.hasSegwit() {
			own := t.DefaultWitnessCommitment // Check recomputed it
			if !t.HasCommitment {
				own = t.witnessCommitment(chainhash.Hash{})
			}
			commitment, j.CoinbaseWitness = &own, make([]byte, chainhash.HashSize)
		}
		c, err = newCoinbase(t, o, commitment)
	case len(o.Payouts) > 0:
		return errors.New("the template brings its own coinbase and does not let others be paid: ask the node for coinbasevalue, or give no payouts")
	case !t.mayChange("coinbase") && !t.mayChange("coinbase/append"):
		return errors.New("the template brings its own coinbase and lets nothing be appended, so there is no place for an extranonce: ask the node for coinbasevalue")
	default:
		if _, found := t.CoinbaseTxn.parts.commitment(); found {
			reserved, _ := coinbaseReserved(&t.CoinbaseTxn.parts)
			j.CoinbaseWitness = reserved[:]
		}
		c, err = appendedCoinbase(t, o)
	}
	if err != nil {
		return err
	}
	sigOps, err := c.legacySigOps()
	if err != nil {
		return err
	}
	size := c.size() + coinbaseWitnessSize(j.CoinbaseWitness)
	if v := t.checkRoom(size, c.size()*(WitnessScaleFactor-1)+size, sigOps); !v.Valid() {
		v.Detail += "; the transactions leave no room for this coinbase"
		return &RefusedError{v}
	}
	j.CoinbasePrefix, j.CoinbaseSuffix = c.prefix, c.suffix
	j.Extranonce1Size, j.Extranonce2Size = c.en1, c.en2
	return nil
}

// HeaderJob returns a job whose merkle root and time are h's, without a coinbase: for searching a header that is known. Only
// the nonce is free, unless the caller sets VersionMask or the time limits. An nBits that is no target gives a target of zero,
// which nothing meets.
func HeaderJob(h *Header) *Job {
	target, negative, overflow := h.Bits.Target()
	if negative || overflow {
		target = Target{}
	}
	return &Job{
		Height: -1, Version: h.Version, PrevBlock: h.PrevBlock, MerkleRoot: h.MerkleRoot, Bits: h.Bits, Target: target,
		Time: h.Time, MinTime: h.Time, MaxTime: h.Time,
	}
}

// HasCoinbase says that the job's merkle root follows from an extranonce.
func (j *Job) HasCoinbase() bool { return len(j.CoinbasePrefix)+len(j.CoinbaseSuffix) > 0 }

// ExtranonceSize returns how many bytes of extranonce the job's coinbase takes.
func (j *Job) ExtranonceSize() int {
	if !j.HasCoinbase() {
		return 0
	}
	return j.Extranonce1Size + j.Extranonce2Size
}

// HeaderBuilder makes headers of one job without allocating. It is for one goroutine.
type HeaderBuilder struct {
	job      *Job
	coinbase []byte
	header   Header
}

// NewBuilder returns a builder of the job's headers, with an extranonce of zeros.
func (j *Job) NewBuilder() *HeaderBuilder {
	b := &HeaderBuilder{job: j, header: Header{Version: j.Version, PrevBlock: j.PrevBlock, MerkleRoot: j.MerkleRoot, Time: j.Time, Bits: j.Bits}}
	if j.HasCoinbase() {
		b.coinbase = j.coinbase(make([]byte, j.ExtranonceSize()))
		b.fold()
	}
	return b
}

// SetExtranonce sets extranonce1 and extranonce2, given together, and with them the merkle root. It does not keep en.
func (b *HeaderBuilder) SetExtranonce(en []byte) error {
	if err := b.job.checkExtranonce(en); err != nil {
		return err
	}
	if b.coinbase != nil {
		copy(b.coinbase[len(b.job.CoinbasePrefix):], en)
		b.fold()
	}
	return nil
}

func (b *HeaderBuilder) fold() {
	b.header.MerkleRoot = FoldBranch(hash.Sum256d(b.coinbase), b.job.Branch)
}

// MerkleRoot returns the merkle root of the extranonce that was set, in internal order.
func (b *HeaderBuilder) MerkleRoot() chainhash.Hash { return b.header.MerkleRoot }

// Header writes the header with this version, time and nonce to dst. Whether the job allows them is the caller's to know.
func (b *HeaderBuilder) Header(dst *[80]byte, version, ntime, nonce uint32) {
	b.header.Version, b.header.Time, b.header.Nonce = version, ntime, nonce
	b.header.Put(dst)
}

// Header returns the header a solution names. It errs only if the extranonce has not the job's size; whether version, time and
// nonce are allowed is not judged here, so that no block is lost to a rule.
func (j *Job) Header(s *Solution) (Header, error) {
	if err := j.checkExtranonce(s.Extranonce); err != nil {
		return Header{}, err
	}
	root := j.MerkleRoot
	if j.HasCoinbase() {
		root = FoldBranch(hash.Sum256d(j.coinbase(s.Extranonce)), j.Branch)
	}
	return Header{Version: s.Version, PrevBlock: j.PrevBlock, MerkleRoot: root, Time: s.Time, Bits: j.Bits, Nonce: s.Nonce}, nil
}

// Block returns the serialized block that a solution names, with witness, ready for submitblock. It is the caller's. As Header,
// it does not judge. A job that was not made by NewJob gives ErrNoBlock.
func (j *Job) Block(s *Solution) ([]byte, error) {
	if !j.whole {
		return nil, ErrNoBlock
	}
	header, err := j.Header(s)
	if err != nil {
		return nil, err
	}
	stripped := j.coinbase(s.Extranonce)
	size := HeaderSize + compactSizeLen(len(j.Transactions)+1) + len(stripped) + coinbaseWitnessSize(j.CoinbaseWitness)
	for _, tx := range j.Transactions {
		size += len(tx)
	}
	block := make([]byte, HeaderSize, size)
	header.Put((*[HeaderSize]byte)(block))
	block = appendCompactSize(block, len(j.Transactions)+1)
	block = appendCoinbase(block, stripped, j.CoinbaseWitness)
	for _, tx := range j.Transactions {
		block = append(block, tx...)
	}
	return block, nil
}

// coinbaseWitnessSize is how many bytes a coinbase's witness adds to it: marker, flag, one item of the reserved value.
func coinbaseWitnessSize(reserved []byte) int {
	if reserved == nil {
		return 0
	}
	return 2 + 1 + 1 + len(reserved)
}

// appendCoinbase appends a coinbase with the reserved value as its witness, if there is one.
func appendCoinbase(dst, stripped, reserved []byte) []byte {
	if reserved == nil {
		return append(dst, stripped...)
	}
	lockTime := len(stripped) - 4
	dst = append(dst, stripped[:4]...)
	dst = append(dst, 0, 1)
	dst = append(dst, stripped[4:lockTime]...)
	dst = append(dst, 1, byte(len(reserved)))
	dst = append(dst, reserved...)
	return append(dst, stripped[lockTime:]...)
}

func (j *Job) checkExtranonce(en []byte) error {
	if len(en) != j.ExtranonceSize() {
		return fmt.Errorf("extranonce %.40x has %d bytes: job %s takes %d", en, len(en), quote(j.ID), j.ExtranonceSize())
	}
	return nil
}

// coinbase returns the coinbase without witness.
func (j *Job) coinbase(en []byte) []byte {
	cb := make([]byte, 0, len(j.CoinbasePrefix)+len(en)+len(j.CoinbaseSuffix))
	cb = append(cb, j.CoinbasePrefix...)
	cb = append(cb, en...)
	return append(cb, j.CoinbaseSuffix...)
}

// jobError names the job that an error is about, where it has a name: one that is made to see whether it can be has none.
func jobError(id string, err error) error {
	if id == "" {
		return err
	}
	return fmt.Errorf("job %s: %w", quote(id), err)
}
