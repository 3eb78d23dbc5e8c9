package node

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// maxBlockSize is the longest serialized block, in bytes, that consensus allows:
// the weight limit of BIP 141 counts each byte at least once.
const maxBlockSize = 4_000_000

// The journal's folder:
//
//	pending/HASH.SUM.block  a block without a final answer, as it goes to a node
//	done/HASH.SUM.block     a block with one
//	done/HASH.json          the answer
//	aside/…                 whatever else was found in the two, untouched
//
// HASH is the block's, in display order, SUM the beginning of its content's
// SHA-256d. A file is written as NAME.tmp, synced, and renamed; an answer is
// durable before its block leaves pending, so that a stop anywhere between
// leaves either a block to send or an answer to move it by.
const (
	pendingDir  = "pending"
	doneDir     = "done"
	asideDir    = "aside"
	blockSuffix = ".block"
	noteSuffix  = ".json"
	tmpSuffix   = ".tmp"

	sumDigits = 16      // hex digits of SUM
	maxNote   = 8 << 10 // bytes of an answer's file
	keepDone  = 10_000  // blocks with an answer that are kept
)

// A Journal is a folder of found blocks, each known by the hash of its header.
// A block is on disk, synced, before Add returns, and stays pending until a
// final answer is on disk too. The latest 10,000 blocks with an answer are kept,
// older ones removed. It is safe for concurrent use by one process; the caller
// holds the folder's lock.
type Journal struct {
	dir  string
	disk disk
	keep int

	mu       sync.Mutex
	problems []Problem
	pending  map[chainhash.Hash]record
	done     []record // oldest first
	doneSet  map[chainhash.Hash]bool
}

// An Entry is a block in the journal.
type Entry struct {
	Hash chainhash.Hash // of the header, internal order
	Size int            // of the serialized block, bytes
	Time time.Time      // when it was added
}

type record struct {
	Entry
	name  string // of the block's file; in done, empty if only the answer is there
	taken bool   // the answer was that the node took it, and not beside its chain
}

// A Problem is something in the journal's folder that is neither an intact block
// nor an answer.
type Problem struct {
	File   string // where it lies now
	Reason string
}

// A note is the content of done/HASH.json.
type note struct {
	Hash   string    `json:"hash"` // display order
	Time   time.Time `json:"time"`
	Answer Answer    `json:"answer"`
}

// OpenJournal opens or makes the journal in folder dir. What it finds there and
// cannot use it puts aside and reports as Problems; an error means that the
// folder, or a block in it, cannot be read or written.
func OpenJournal(dir string) (*Journal, error) { return openJournal(dir, osDisk{}, keepDone) }

func openJournal(dir string, d disk, keep int) (*Journal, error) {
	j := &Journal{dir: dir, disk: d, keep: keep,
		pending: map[chainhash.Hash]record{}, doneSet: map[chainhash.Hash]bool{}}
	for _, sub := range []string{pendingDir, doneDir, asideDir} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("block journal: %w", err)
		}
	}
	for _, folder := range []string{dir, filepath.Dir(dir)} {
		if err := d.syncDir(folder); err != nil {
			return nil, fmt.Errorf("block journal: %w", err)
		}
	}
	if err := j.readDone(); err != nil {
		return nil, fmt.Errorf("block journal: %w", err)
	}
	if err := j.readPending(); err != nil {
		return nil, fmt.Errorf("block journal: %w", err)
	}
	// A stop may have left the answer to a block without the move that follows.
	for hash := range j.pending {
		if j.doneSet[hash] {
			if err := j.move(hash); err != nil {
				return nil, fmt.Errorf("block journal: %w", err)
			}
		}
	}
	j.trim()
	return j, nil
}

// readDone learns names and answers; of the blocks there it reads nothing.
func (j *Journal) readDone() error {
	files, err := os.ReadDir(filepath.Join(j.dir, doneDir))
	if err != nil {
		return err
	}
	records := map[chainhash.Hash]record{}
	for _, file := range files {
		path := filepath.Join(j.dir, doneDir, file.Name())
		if !file.Type().IsRegular() {
			j.putAside(path, "not a regular file")
			continue
		}
		if hash, _, ok := parseBlockName(file.Name()); ok {
			r := records[hash]
			if r.name != "" {
				j.putAside(path, "another file has the same block")
				continue
			}
			r.Hash, r.name = hash, file.Name()
			if info, err := file.Info(); err == nil {
				r.Size = int(info.Size())
				if r.Time.IsZero() {
					r.Time = info.ModTime()
				}
			}
			records[hash] = r
			continue
		}
		stem, ok := strings.CutSuffix(file.Name(), noteSuffix)
		hash, isHash := parseHash(stem)
		if !ok || !isHash {
			j.putAside(path, "not a name that the journal gives")
			continue
		}
		text, err := readSmall(path, maxNote)
		if err == nil {
			var n note
			if n, err = parseNote(text); err == nil && n.Hash != stem {
				err = fmt.Errorf("it is about block %s", n.Hash)
			}
			if err == nil {
				r := records[hash]
				r.Hash, r.Time, r.taken = hash, n.Time, n.Answer.taken()
				records[hash] = r
				continue
			}
		}
		j.putAside(path, "not a readable answer: "+oneLine(err.Error()))
	}
	for hash, r := range records {
		j.done = append(j.done, r)
		j.doneSet[hash] = true
	}
	sortRecords(j.done)
	return nil
}

func (j *Journal) readPending() error {
	files, err := os.ReadDir(filepath.Join(j.dir, pendingDir))
	if err != nil {
		return err
	}
	for _, file := range files {
		path := filepath.Join(j.dir, pendingDir, file.Name())
		if !file.Type().IsRegular() {
			j.putAside(path, "not a regular file")
			continue
		}
		name, isTmp := strings.CutSuffix(file.Name(), tmpSuffix)
		hash, sum, ok := parseBlockName(name)
		if !ok {
			j.putAside(path, "not a name that the journal gives")
			continue
		}
		if j.pending[hash].name != "" && !isTmp {
			j.putAside(path, "another file has the same block")
			continue
		}
		block, err := j.read(path)
		if cannotRead(err) {
			// It may be a good block: leave it for a start that can read it.
			return err
		}
		if err == nil {
			err = checkBlock(block, hash, sum)
		}
		if err != nil {
			if isTmp {
				err = fmt.Errorf("writing it was cut off: %w", err)
			}
			j.putAside(path, oneLine(err.Error()))
			continue
		}
		if isTmp {
			// Add did not return, but the block is whole. Sending it can only
			// help.
			to := filepath.Join(j.dir, pendingDir, name)
			if err := j.disk.rename(path, to); err != nil {
				return err
			}
			if err := j.disk.syncDir(filepath.Join(j.dir, pendingDir)); err != nil {
				return err
			}
		}
		r := record{Entry: Entry{Hash: hash, Size: len(block)}, name: name}
		if info, err := file.Info(); err == nil {
			r.Time = info.ModTime()
		}
		j.pending[hash] = r
	}
	return nil
}

// putAside moves something out of the way without looking into it.
func (j *Journal) putAside(path, reason string) {
	to := filepath.Join(j.dir, asideDir, filepath.Base(path))
	for i := 1; ; i++ {
		if _, err := os.Lstat(to); errors.Is(err, os.ErrNotExist) {
			break
		}
		to = filepath.Join(j.dir, asideDir, fmt.Sprintf("%s.%d", filepath.Base(path), i))
	}
	if err := j.disk.rename(path, to); err != nil {
		to, reason = path, reason+"; and it cannot be moved: "+err.Error()
	}
	j.problems = append(j.problems, Problem{File: to, Reason: reason})
}

// Problems returns what OpenJournal found in the folder and put aside. The
// caller owns the slice.
func (j *Journal) Problems() []Problem {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.problems)
}

// Add keeps a block, and returns the hash of its header in internal order. A
// block that the journal knows already, pending or with an answer, is left as it
// is, and added is false. After an error the block may or may not be kept. It
// does not keep block itself.
func (j *Journal) Add(block []byte) (hash chainhash.Hash, added bool, err error) {
	if len(block) <= headerSize || len(block) > maxBlockSize {
		return hash, false, fmt.Errorf("block of %d bytes; a block has %d to %d", len(block), headerSize+1, maxBlockSize)
	}
	hash = chainhash.DoubleHashH(block[:headerSize])
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, ok := j.pending[hash]; ok || j.doneSet[hash] {
		return hash, false, nil
	}
	r := record{Entry: Entry{hash, len(block), time.Now()}, name: blockName(hash, block)}
	if err := place(j.disk, filepath.Join(j.dir, pendingDir, r.name), block); err != nil {
		return hash, false, fmt.Errorf("block journal: %w", err)
	}
	j.pending[hash] = r
	return hash, true, nil
}

// Pending returns the blocks without a final answer, oldest first.
func (j *Journal) Pending() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	records := make([]record, 0, len(j.pending))
	for _, r := range j.pending {
		records = append(records, r)
	}
	sortRecords(records)
	entries := make([]Entry, len(records))
	for i, r := range records {
		entries[i] = r.Entry
	}
	return entries
}

// Latest returns the latest n blocks that a node took, and not beside its chain,
// as far as they are kept, newest first.
func (j *Journal) Latest(n int) []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	var entries []Entry
	for i := len(j.done) - 1; i >= 0 && len(entries) < n; i-- {
		if j.done[i].name != "" && j.done[i].taken {
			entries = append(entries, j.done[i].Entry)
		}
	}
	return entries
}

// Block reads a block by its hash, in internal order, whether it is pending or
// has an answer. The caller owns it.
func (j *Journal) Block(hash chainhash.Hash) ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r, ok := j.pending[hash]
	folder := pendingDir
	if !ok && j.doneSet[hash] {
		// The latest are asked for.
		for i := len(j.done) - 1; i >= 0 && !ok; i-- {
			r, folder = j.done[i], doneDir
			ok = r.Hash == hash && r.name != ""
		}
	}
	if !ok {
		return nil, fmt.Errorf("block journal: %v is not kept", hash)
	}
	block, err := j.read(filepath.Join(j.dir, folder, r.name))
	if err == nil {
		_, sum, _ := parseBlockName(r.name)
		err = checkBlock(block, hash, sum)
	}
	if err != nil {
		return nil, fmt.Errorf("block journal: %v: %w", hash, err)
	}
	return block, nil
}

// Resolve records the final answer to a pending block, given by its hash in
// internal order, and moves it out of Pending. The answer is durable when it
// returns nil; after an error the block is still pending.
func (j *Journal) Resolve(hash chainhash.Hash, a Answer) error {
	if !a.Final {
		return fmt.Errorf("block journal: answer %q to %v is not final", a.Reason, hash)
	}
	a.Reason, a.Text = oneLine(a.Reason), oneLine(a.Text)
	now := time.Now().UTC()
	text, err := json.Marshal(note{Hash: hash.String(), Time: now, Answer: a})
	if err != nil {
		return fmt.Errorf("block journal: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	r, ok := j.pending[hash]
	if !ok {
		return fmt.Errorf("block journal: %v is not pending", hash)
	}
	if err := place(j.disk, filepath.Join(j.dir, doneDir, hash.String()+noteSuffix), append(text, '\n')); err != nil {
		return fmt.Errorf("block journal: %w", err)
	}
	if err := j.move(hash); err != nil {
		return fmt.Errorf("block journal: %w", err)
	}
	r.Time, r.taken = now, a.taken()
	j.done = append(j.done, r)
	j.doneSet[hash] = true
	j.trim()
	return nil
}

// move takes a block with a durable answer from pending to done. The move itself
// need not be durable: a stop that undoes it leaves a block with an answer, which
// the next start moves again.
func (j *Journal) move(hash chainhash.Hash) error {
	name := j.pending[hash].name
	if err := j.disk.rename(filepath.Join(j.dir, pendingDir, name), filepath.Join(j.dir, doneDir, name)); err != nil {
		return err
	}
	delete(j.pending, hash)
	for i := range j.done {
		if j.done[i].Hash == hash {
			j.done[i].name = name
		}
	}
	return nil
}

// trim removes the oldest blocks with an answer. Failing to is no harm: the next
// start tries again.
func (j *Journal) trim() {
	for len(j.done) > j.keep {
		r := j.done[0]
		if r.name != "" {
			j.disk.remove(filepath.Join(j.dir, doneDir, r.name))
		}
		j.disk.remove(filepath.Join(j.dir, doneDir, r.Hash.String()+noteSuffix))
		j.done = j.done[1:]
		delete(j.doneSet, r.Hash)
	}
}

func sortRecords(r []record) {
	slices.SortFunc(r, func(a, b record) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c
		}
		return bytes.Compare(a.Hash[:], b.Hash[:])
	})
}

// blockName returns the file name of a block.
func blockName(hash chainhash.Hash, block []byte) string {
	return hash.String() + "." + contentSum(block) + blockSuffix
}

func contentSum(block []byte) string {
	sum := chainhash.DoubleHashB(block)
	return hex.EncodeToString(sum)[:sumDigits]
}

func parseBlockName(name string) (hash chainhash.Hash, sum string, ok bool) {
	stem, ok := strings.CutSuffix(name, blockSuffix)
	if !ok {
		return hash, "", false
	}
	digits, sum, ok := strings.Cut(stem, ".")
	if !ok || len(sum) != sumDigits || !isLowerHex(sum) {
		return hash, "", false
	}
	hash, ok = parseHash(digits)
	return hash, sum, ok
}

// parseHash reads a hash in display order, in the one form that the journal
// writes.
func parseHash(s string) (chainhash.Hash, bool) {
	if len(s) != chainhash.MaxHashStringSize || !isLowerHex(s) {
		return chainhash.Hash{}, false
	}
	hash, err := chainhash.NewHashFromStr(s)
	if err != nil {
		return chainhash.Hash{}, false
	}
	return *hash, true
}

func isLowerHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}

func (j *Journal) read(path string) ([]byte, error) { return j.disk.read(path, maxBlockSize) }

// cannotRead reports whether err is the disk's or the system's, and so says
// nothing of the file's content.
func cannotRead(err error) bool {
	var e *fs.PathError
	return errors.As(err, &e)
}

// checkBlock tells whether a file's content is the block that its name promises.
func checkBlock(block []byte, hash chainhash.Hash, sum string) error {
	if len(block) <= headerSize {
		return fmt.Errorf("only %d bytes, shorter than a block", len(block))
	}
	if got := chainhash.DoubleHashH(block[:headerSize]); got != hash {
		return fmt.Errorf("its header's hash is %v, not that of its name", got)
	}
	if got := contentSum(block); got != sum {
		return fmt.Errorf("its content's checksum is %s, not that of its name", got)
	}
	return nil
}

// parseNote reads an answer's file, strictly.
func parseNote(text []byte) (note, error) {
	var n note
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&n); err != nil {
		return note{}, err
	}
	if _, err := d.Token(); err != io.EOF {
		return note{}, errors.New("text after the JSON value")
	}
	if _, ok := parseHash(n.Hash); !ok {
		return note{}, fmt.Errorf("hash %s is not one", excerpt([]byte(n.Hash)))
	}
	if !n.Answer.Final {
		return note{}, errors.New("the answer is not final")
	}
	return n, nil
}
