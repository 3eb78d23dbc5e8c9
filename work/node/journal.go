package node

import (
	"errors"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// MaxBlockSize is the longest serialized block, in bytes, that consensus allows
// (the weight limit of BIP 141 counts each byte at least once).
const MaxBlockSize = 4_000_000

// A Journal is a folder of found blocks, each known by the hash of its header.
// A block is on disk, synced, before Add returns, and stays until a final
// answer is. It is safe for concurrent use by one process; the caller holds the
// folder's lock.
type Journal struct{}

// An Entry is a block in the journal.
type Entry struct {
	Hash chainhash.Hash // of the header, internal order
	Size int            // of the serialized block, bytes
	Time time.Time      // when it was added
}

// A Problem is something in the journal's folder that is not an intact block.
type Problem struct {
	File   string // where it lies now
	Reason string
}

// OpenJournal opens or makes the journal in folder dir.
func OpenJournal(dir string) (*Journal, error) { return &Journal{}, nil }

// Problems returns what was found in the folder at OpenJournal and put aside.
func (j *Journal) Problems() []Problem { return nil }

// Add keeps a block. A block the journal knows, pending or resolved, is left as
// it is.
func (j *Journal) Add(block []byte) (hash chainhash.Hash, added bool, err error) {
	return hash, false, errors.ErrUnsupported
}

// Pending returns the blocks without a final answer, oldest first.
func (j *Journal) Pending() []Entry { return nil }

// Block reads a pending block. The caller owns it.
func (j *Journal) Block(hash chainhash.Hash) ([]byte, error) { return nil, errors.ErrUnsupported }

// Resolve records the final answer to a pending block.
func (j *Journal) Resolve(hash chainhash.Hash, a Answer) error { return errors.ErrUnsupported }
