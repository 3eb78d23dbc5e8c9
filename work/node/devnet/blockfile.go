package devnet

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/work/node"
)

// blockFile is blocks.dat, open for appending: every accepted block from height 1
// on. It is not safe to share.
type blockFile struct {
	file *os.File
	path string
	// size is where the next record goes. Up to there everything is synced.
	size int64
	// broken is set when the disk may hold something else than was written.
	broken error
}

// openBlockFile opens the block file path of the chain with this genesis block,
// and begins one where there is none. It looks at the file's first bytes only:
// scan must be called before append.
func openBlockFile(path string, genesis *chainhash.Hash) (*blockFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		start := fileStart(genesis)
		if err := node.WriteFile(path, start[:]); err != nil {
			return nil, fmt.Errorf("creating block file %s: %w", path, err)
		}
		f, err = os.OpenFile(path, os.O_RDWR, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("opening block file: %w", err)
	}
	if err := checkFileStart(f, genesis); err != nil {
		f.Close()
		return nil, fmt.Errorf("block file %s: %w", path, err)
	}
	return &blockFile{file: f, path: path}, nil
}

// checkFileStart returns an error unless r begins as a block file of the chain
// with this genesis block.
func checkFileStart(r io.ReaderAt, genesis *chainhash.Hash) error {
	var start [fileStartSize]byte
	n, err := r.ReadAt(start[:], 0)
	if err != nil && err != io.EOF {
		return err
	}
	want := fileStart(genesis)
	switch {
	case n < len(start) || [len(fileMagic)]byte(start[:]) != [len(fileMagic)]byte(want[:]):
		return errors.New("does not begin as a block file of touchstone; restore it from a backup, or rename it to have a new one written")
	case start != want:
		return fmt.Errorf("belongs to another chain, with genesis block %s instead of %s; choose another data folder",
			chainhash.Hash(start[len(fileMagic):]), genesis)
	}
	return nil
}

// scan reads the file from its beginning and calls visit for each block with its
// height; what visit gets is valid only until it returns. An unfinished record at
// the end is cut off and told to notice. scan ends at visit's first error and
// returns it as it is.
func (b *blockFile) scan(genesis *chainhash.Hash, notice func(string), visit func(height int32, block []byte) error) error {
	info, err := b.file.Stat()
	if err != nil {
		return fmt.Errorf("reading block file: %w", err)
	}
	r := newRecordReader(b.file, info.Size(), genesis)
	for {
		block, err := r.next()
		switch {
		case err == io.EOF:
			b.size = r.offset
			return b.cut(info.Size(), notice)
		case err != nil:
			if damage := (*DamagedError)(nil); errors.As(err, &damage) {
				damage.Path = b.path
			}
			return err
		}
		if err := visit(r.height, block); err != nil {
			return err
		}
	}
}

// cut shortens the file from end to b.size. The bytes are kept in a file beside it:
// they may be what is left of a block somebody wants to look at.
func (b *blockFile) cut(end int64, notice func(string)) error {
	if end == b.size {
		return nil
	}
	rest := make([]byte, end-b.size)
	if _, err := b.file.ReadAt(rest, b.size); err != nil {
		return fmt.Errorf("reading block file: %w", err)
	}
	aside := filepath.Join(filepath.Dir(b.path), fmt.Sprintf("blocks.torn-%d", b.size))
	if err := node.WriteFile(aside, rest); err != nil {
		return fmt.Errorf("putting the unfinished end of %s aside: %w", b.path, err)
	}
	if err := b.truncate(); err != nil {
		return fmt.Errorf("cutting the unfinished end off %s: %w", b.path, err)
	}
	notice(fmt.Sprintf("block file %s ended in an unfinished block, which was never accepted: moved its %d bytes to %s", b.path, len(rest), aside))
	return nil
}

func (b *blockFile) truncate() error {
	if err := b.file.Truncate(b.size); err != nil {
		return err
	}
	return b.file.Sync()
}

// append writes block at the end and syncs it. When it returns an error the block
// is not in the file, unless the disk is failing: then every later append returns
// the same error.
func (b *blockFile) append(block []byte) error {
	if b.broken != nil {
		return b.broken
	}
	record := appendRecord(nil, block)
	_, err := b.file.WriteAt(record, b.size)
	if err == nil {
		if err = b.file.Sync(); err == nil {
			b.size += int64(len(record))
			return nil
		}
		// After a failed sync nobody knows what the disk holds.
		b.broken = fmt.Errorf("syncing block file %s: %w; check the disk and start touchstone again", b.path, err)
		b.truncate()
		return b.broken
	}
	err = fmt.Errorf("writing block file %s: %w", b.path, err)
	if cut := b.truncate(); cut != nil {
		b.broken = fmt.Errorf("%w; taking the unfinished block back: %w; check the disk and start touchstone again", err, cut)
		return b.broken
	}
	return err
}

func (b *blockFile) close() error { return b.file.Close() }
