package devnet

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// A block file begins with
//
//	fileMagic      16 bytes
//	genesis hash   32 bytes, internal order
//
// and goes on with one record for each block, in order of height from 1:
//
//	recordMagic     4 bytes
//	length          4 bytes, of the block, little-endian as all numbers here
//	checksum        4 bytes, CRC-32C of the block
//	head checksum   4 bytes, CRC-32C of the 12 bytes before it
//	block           as on the wire, with witness
//
// The head has a checksum of its own so that a wrong length is known for what it
// is. Without one it would look like an unfinished record, and all blocks after it
// like the record's rest, to be cut off.
const (
	fileMagic     = "touchstone-blk1\n"
	fileStartSize = len(fileMagic) + chainhash.HashSize

	recordMagic    = "TSBK"
	recordHeadSize = 16

	minBlockSize = wire.MaxBlockHeaderPayload + 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func fileStart(genesis *chainhash.Hash) (start [fileStartSize]byte) {
	copy(start[:], fileMagic)
	copy(start[len(fileMagic):], genesis[:])
	return start
}

// appendRecord appends the record of block to dst.
func appendRecord(dst, block []byte) []byte {
	head := len(dst)
	dst = append(dst, recordMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(block)))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(block, castagnoli))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[head:], castagnoli))
	return append(dst, block...)
}

// parseHead returns what a record's head says; ok is false if it is not one.
func parseHead(head []byte) (length int64, checksum uint32, ok bool) {
	if len(head) < recordHeadSize || string(head[:len(recordMagic)]) != recordMagic ||
		binary.LittleEndian.Uint32(head[12:]) != crc32.Checksum(head[:12], castagnoli) {
		return 0, 0, false
	}
	length = int64(binary.LittleEndian.Uint32(head[4:]))
	return length, binary.LittleEndian.Uint32(head[8:]), length >= minBlockSize && length <= wire.MaxBlockPayload
}

// DamagedError says that the block file holds something in its middle that no
// crash leaves there.
type DamagedError struct {
	Path    string
	Offset  int64  // of the record's first byte
	Height  int32  // of the block that should stand there
	Problem string // in words
}

// Error names the place, the problem and the cure.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("block file %s is damaged at byte %d, at the block of height %d: %s; "+
		"restore it from a backup, or rename it and start again: a new one is then written from the database beside it, as far as that reaches",
		e.Path, e.Offset, e.Height, e.Problem)
}

// recordReader reads a block file from its first record on. It checks what can be
// checked without consensus code: checksums, and that each block names the one
// before it as its parent.
type recordReader struct {
	source io.ReaderAt
	size   int64
	r      *bufio.Reader
	buffer []byte

	offset int64 // where the next record begins
	height int32 // of the record read last
	last   chainhash.Hash
}

// newRecordReader reads a file of size bytes, whose start has been checked.
func newRecordReader(source io.ReaderAt, size int64, genesis *chainhash.Hash) *recordReader {
	const start = int64(fileStartSize)
	return &recordReader{
		source: source,
		size:   size,
		r:      bufio.NewReaderSize(io.NewSectionReader(source, start, size-start), 1<<16),
		offset: start,
		last:   *genesis,
	}
}

// next returns the next block, valid until the following call. At the end it
// returns io.EOF; if offset is less than the file's size then, what follows is an
// unfinished record. Anything that cannot come from a write cut short is a
// *DamagedError.
func (r *recordReader) next() ([]byte, error) {
	left := r.size - r.offset
	if left < recordHeadSize {
		return nil, io.EOF
	}
	var head [recordHeadSize]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return nil, fmt.Errorf("reading block file: %w", err)
	}
	length, checksum, ok := parseHead(head[:])
	if !ok {
		return nil, r.badHead(left)
	}
	end := recordHeadSize + length
	if end > left {
		return nil, io.EOF
	}
	if int64(cap(r.buffer)) < length {
		r.buffer = make([]byte, length)
	}
	block := r.buffer[:length]
	if _, err := io.ReadFull(r.r, block); err != nil {
		return nil, fmt.Errorf("reading block file: %w", err)
	}
	if crc32.Checksum(block, castagnoli) != checksum {
		if end == left {
			// The last record: after a power cut a file may have its new length
			// and not yet its new contents.
			return nil, io.EOF
		}
		return nil, r.damage("its checksum is wrong")
	}
	if parent := chainhash.Hash(block[4:36]); parent != r.last {
		return nil, r.damage(fmt.Sprintf("it follows block %s, not %s", parent, r.last))
	}
	r.last = chainhash.DoubleHashH(block[:wire.MaxBlockHeaderPayload])
	r.offset += end
	r.height++
	return block, nil
}

// badHead decides what to make of the left bytes from r.offset on, which don't
// begin as a record does: io.EOF if they can be one unfinished record, damage if
// they are too many or if a whole head stands in them.
func (r *recordReader) badHead(left int64) error {
	const problem = "no record begins there"
	if left > recordHeadSize+wire.MaxBlockPayload {
		return r.damage(problem)
	}
	rest := make([]byte, left)
	if _, err := r.source.ReadAt(rest, r.offset); err != nil {
		return fmt.Errorf("reading block file: %w", err)
	}
	for at := 0; ; at++ {
		next := bytes.Index(rest[at:], []byte(recordMagic))
		if next < 0 {
			return io.EOF
		}
		at += next
		if _, _, ok := parseHead(rest[at:]); ok {
			return r.damage(problem)
		}
	}
}

func (r *recordReader) damage(problem string) error {
	return &DamagedError{Offset: r.offset, Height: r.height + 1, Problem: problem}
}
