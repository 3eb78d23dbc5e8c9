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

// NewJob makes a job from a template.
func NewJob(id string, t *Template, o CoinbaseOptions) (*Job, error) {
	return nil, errors.New("unfinished")
}

// HeaderJob returns a job whose merkle root is h's, without a coinbase: for searching a header that is known.
func HeaderJob(h *Header) *Job {
	target, negative, overflow := h.Bits.Target()
	if negative || overflow {
		target = Target{}
	}
	return &Job{
		Height: -1, Version: h.Version, PrevBlock: h.PrevBlock, MerkleRoot: h.MerkleRoot, Bits: h.Bits, Target: target,
		Time: h.Time, MinTime: h.Time,
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

// Block returns the serialized block a solution names, with witness, ready for submitblock. A job that was not made from a
// template gives ErrNoBlock.
func (j *Job) Block(s *Solution) ([]byte, error) {
	return nil, ErrNoBlock
}

func (j *Job) checkExtranonce(en []byte) error {
	if len(en) != j.ExtranonceSize() {
		return fmt.Errorf("extranonce %x has %d bytes: job %q takes %d", en, len(en), j.ID, j.ExtranonceSize())
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
