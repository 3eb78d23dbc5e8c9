package node

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"
)

// block returns different bytes for each n: to the journal, a block.
func block(n int) []byte {
	b := bytes.Repeat([]byte{0xb1}, 300)
	binary.LittleEndian.PutUint32(b[76:], uint32(n))
	return b
}

func blockHash(n int) chainhash.Hash { return chainhash.DoubleHashH(block(n)[:headerSize]) }

func open(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := OpenJournal(dir)
	require.NoError(t, err)
	return j
}

func pendingHashes(j *Journal) (hashes []chainhash.Hash) {
	for _, e := range j.Pending() {
		hashes = append(hashes, e.Hash)
	}
	return hashes
}

var accepted = Answer{Final: true, Accepted: true, Text: "the node accepted the block"}

func TestJournal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "blocks")
	j := open(t, dir)
	require.Empty(t, j.Pending())
	hash, added, err := j.Add(block(1))
	require.NoError(t, err)
	require.True(t, added)
	require.Equal(t, blockHash(1), hash)
	_, added, err = j.Add(block(1))
	require.NoError(t, err)
	require.False(t, added)
	_, _, err = j.Add(block(2))
	require.NoError(t, err)
	require.Equal(t, []chainhash.Hash{blockHash(1), blockHash(2)}, pendingHashes(j))
	require.Equal(t, 300, j.Pending()[0].Size)

	j = open(t, dir)
	require.Empty(t, j.Problems())
	require.Len(t, j.Pending(), 2)
	got, err := j.Block(hash)
	require.NoError(t, err)
	require.Equal(t, block(1), got)

	require.ErrorContains(t, j.Resolve(hash, Answer{Accepted: true, Reason: "inconclusive"}), "not final")
	require.NoError(t, j.Resolve(hash, accepted))
	require.ErrorContains(t, j.Resolve(hash, accepted), "not pending")
	got, err = j.Block(hash)
	require.NoError(t, err, "a block with an answer is kept")
	require.Equal(t, block(1), got)
	require.Equal(t, hash, j.Latest(5)[0].Hash)
	_, err = j.Block(blockHash(3))
	require.ErrorContains(t, err, "not kept")
	require.Equal(t, []chainhash.Hash{blockHash(2)}, pendingHashes(j))

	for range 2 {
		_, added, err = j.Add(block(1))
		require.NoError(t, err)
		require.False(t, added, "a block with an answer is not sent again")
		j = open(t, dir)
		require.Empty(t, j.Problems())
		require.Equal(t, []chainhash.Hash{blockHash(2)}, pendingHashes(j))
	}
	// The block stays as it went to the node, beside the answer.
	kept, err := os.ReadFile(filepath.Join(dir, doneDir, blockName(hash, block(1))))
	require.NoError(t, err)
	require.Equal(t, block(1), kept)
	text, err := os.ReadFile(filepath.Join(dir, doneDir, hash.String()+noteSuffix))
	require.NoError(t, err)
	n, err := parseNote(text)
	require.NoError(t, err)
	require.Equal(t, accepted, n.Answer)
}

func TestJournalSize(t *testing.T) {
	j := open(t, t.TempDir())
	for _, n := range []int{0, 1, headerSize, maxBlockSize + 1} {
		hash, _, err := j.Add(make([]byte, n))
		require.ErrorContains(t, err, fmt.Sprintf("block of %d bytes", n))
		require.Zero(t, hash)
	}
	for _, n := range []int{headerSize + 1, maxBlockSize} {
		b := make([]byte, n)
		b[0] = byte(n)
		hash, _, err := j.Add(b)
		require.NoError(t, err)
		got, err := j.Block(hash)
		require.NoError(t, err)
		require.True(t, bytes.Equal(b, got))
	}
}

var errStop = errors.New("the machine stopped")

// A stoppingDisk stops after a number of steps; a write at that moment leaves
// only some of its bytes.
type stoppingDisk struct {
	disk
	torn int // bytes that the last write leaves; -1: none of the file

	mu   sync.Mutex
	left int
	log  []string
}

func (d *stoppingDisk) set(left int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = left
}

func (d *stoppingDisk) step(what string, last func()) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left == 0 {
		if last != nil {
			last()
		}
		d.left = -1
	}
	if d.left < 0 {
		return errStop
	}
	d.left--
	d.log = append(d.log, what)
	return nil
}

func (d *stoppingDisk) write(name string, data []byte) error {
	err := d.step("write", func() {
		if d.torn >= 0 {
			_ = d.disk.write(name, data[:min(d.torn, len(data))])
		}
	})
	if err != nil {
		return err
	}
	return d.disk.write(name, data)
}

func (d *stoppingDisk) rename(from, to string) error {
	if err := d.step("rename", nil); err != nil {
		return err
	}
	return d.disk.rename(from, to)
}

func (d *stoppingDisk) remove(name string) error {
	if err := d.step("remove", nil); err != nil {
		return err
	}
	return d.disk.remove(name)
}

func (d *stoppingDisk) syncDir(dir string) error {
	if err := d.step("sync", nil); err != nil {
		return err
	}
	return d.disk.syncDir(dir)
}

// Stopped after any number of steps, and with any part of a write done: what Add
// returned for is pending or answered, what Resolve returned for is answered,
// and no block is anything in between.
func TestJournalStopped(t *testing.T) {
	for _, torn := range []int{-1, 0, 1, headerSize, 299, 300} {
		finished := false
		for steps := 0; !finished; steps++ {
			require.Less(t, steps, 100)
			dir := t.TempDir()
			d := &stoppingDisk{disk: osDisk{}, left: steps, torn: torn}
			var added, resolved bool
			j, err := openJournal(dir, d, 1)
			if err == nil {
				_, _, err = j.Add(block(1))
				added = err == nil
			}
			if err == nil {
				err = j.Resolve(blockHash(1), accepted)
				resolved = err == nil
			}
			if err == nil {
				// With keep 1 the second answer pushes the first out.
				_, _, err = j.Add(block(2))
			}
			if err == nil {
				err = j.Resolve(blockHash(2), accepted)
			}
			finished = d.left >= 0
			if !finished && err != nil {
				require.ErrorIs(t, err, errStop)
			}

			for range 2 { // a second start finds what the first left
				j = open(t, dir)
				for _, p := range j.Problems() {
					require.Equal(t, asideDir, filepath.Base(filepath.Dir(p.File)))
					require.FileExists(t, p.File)
					require.True(t, strings.HasSuffix(p.File, tmpSuffix), "only an unfinished write: %v", p)
				}
				for _, e := range j.Pending() {
					_, err := j.Block(e.Hash)
					require.NoError(t, err)
				}
				isPending := len(j.Pending()) > 0 && j.Pending()[0].Hash == blockHash(1)
				switch {
				case resolved:
					require.False(t, isPending, "step %d, torn %d", steps, torn)
				case added:
					require.True(t, isPending || j.doneSet[blockHash(1)], "step %d, torn %d: block lost", steps, torn)
				}
				if j.doneSet[blockHash(1)] {
					require.False(t, isPending)
					require.FileExists(t, filepath.Join(dir, doneDir, blockHash(1).String()+noteSuffix))
				}
				inAll, err := filepath.Glob(filepath.Join(dir, "*", "*.block"))
				require.NoError(t, err)
				require.LessOrEqual(t, len(inAll), 2)
			}
		}
	}
}

// The order of steps is the promise.
func TestJournalSteps(t *testing.T) {
	d := &stoppingDisk{disk: osDisk{}, left: 1000}
	j, err := openJournal(t.TempDir(), d, keepDone)
	require.NoError(t, err)
	d.log = nil
	_, _, err = j.Add(block(1))
	require.NoError(t, err)
	require.Equal(t, []string{"write", "rename", "sync"}, d.log)
	d.log = nil
	require.NoError(t, j.Resolve(blockHash(1), accepted))
	require.Equal(t, []string{"write", "rename", "sync", "rename"}, d.log)
}

// A disk that fails for a while costs nothing but the errors.
func TestJournalDiskFails(t *testing.T) {
	dir := t.TempDir()
	d := &stoppingDisk{disk: osDisk{}, left: 1000}
	j, err := openJournal(dir, d, keepDone)
	require.NoError(t, err)
	for steps := range 3 {
		d.left = steps
		_, _, err = j.Add(block(1))
		require.ErrorIs(t, err, errStop)
		require.Empty(t, j.Pending())
	}
	d.left = 1000
	_, added, err := j.Add(block(1))
	require.NoError(t, err)
	require.True(t, added)
	for steps := range 4 { // all that Resolve has
		d.left = steps
		require.ErrorIs(t, j.Resolve(blockHash(1), accepted), errStop)
		require.Len(t, j.Pending(), 1)
		_, err = j.Block(blockHash(1))
		require.NoError(t, err)
	}
	d.left = 1000
	require.NoError(t, j.Resolve(blockHash(1), accepted))
	require.Empty(t, open(t, dir).Pending())
}

// Whatever else lies in the folders is put aside, reported, and in nobody's way.
func TestJournalForeign(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	for n := 1; n <= 2; n++ {
		_, _, err := j.Add(block(n))
		require.NoError(t, err)
	}
	require.NoError(t, j.Resolve(blockHash(2), accepted))

	name := func(n int) string { return blockName(blockHash(n), block(n)) }
	flipped := block(7)
	flipped[200] ^= 1
	otherHeader := block(8)
	otherHeader[0] ^= 1
	note := `{"hash":"` + blockHash(5).String() + `","time":"2026-01-02T03:04:05Z","answer":{"final":true,"accepted":true,"text":"x"}}`
	files := map[string]string{
		pendingDir + "/" + name(3):                                  string(block(3)[:200]),
		pendingDir + "/" + name(4):                                  "",
		pendingDir + "/" + name(5) + tmpSuffix:                      string(block(5)[:299]),
		pendingDir + "/" + name(7):                                  string(flipped),
		pendingDir + "/" + name(8):                                  string(otherHeader),
		pendingDir + "/" + name(9):                                  string(block(9)) + "x",
		pendingDir + "/" + strings.ToUpper(name(10)):                string(block(10)),
		pendingDir + "/" + blockHash(11).String() + blockSuffix:     string(block(11)),
		pendingDir + "/notes.txt":                                   "mine",
		pendingDir + "/.block":                                      "",
		pendingDir + "/" + strings.Repeat("f", 64) + ".0.block":     "",
		pendingDir + "/" + strings.Repeat("0", 81) + ".block.tmp":   "",
		doneDir + "/" + blockHash(3).String() + noteSuffix:          note, // about another
		doneDir + "/" + blockHash(4).String() + noteSuffix:          note[:50],
		doneDir + "/" + blockHash(6).String() + noteSuffix:          note + note,
		doneDir + "/" + blockHash(7).String() + noteSuffix + ".tmp": note,
		doneDir + "/" + blockHash(8).String() + noteSuffix:          strings.Repeat(" ", maxNote+1),
		doneDir + "/notes.txt":                                      "mine",
	}
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, pendingDir, "folder.block"), 0o700))
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(dir, pendingDir, name(20))))
	big, err := os.Create(filepath.Join(dir, pendingDir, name(21)))
	require.NoError(t, err)
	require.NoError(t, big.Truncate(4<<30))
	require.NoError(t, big.Close())

	j = open(t, dir)
	require.Equal(t, []chainhash.Hash{blockHash(1)}, pendingHashes(j))
	require.Len(t, j.Problems(), len(files)+3)
	for _, p := range j.Problems() {
		require.Equal(t, filepath.Join(dir, asideDir), filepath.Dir(p.File))
		require.NotEmpty(t, p.Reason)
		require.NotContains(t, p.Reason, "\n")
		_, err := os.Lstat(p.File)
		require.NoError(t, err)
	}
	require.Empty(t, open(t, dir).Problems(), "once is enough")
	_, added, err := j.Add(block(2))
	require.NoError(t, err)
	require.False(t, added)
	_, added, err = j.Add(block(3))
	require.NoError(t, err)
	require.True(t, added, "a block whose file was torn can be added again")

	// The same names again do not overwrite what was put aside.
	require.NoError(t, os.WriteFile(filepath.Join(dir, pendingDir, "notes.txt"), []byte("two"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, doneDir, "notes.txt"), []byte("three"), 0o600))
	require.Len(t, open(t, dir).Problems(), 2)
	found, err := filepath.Glob(filepath.Join(dir, asideDir, "notes.txt*"))
	require.NoError(t, err)
	require.Len(t, found, 4)
}

// A whole block under its unfinished name is sent rather than lost.
func TestJournalRescue(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	name := blockName(blockHash(1), block(1))
	require.NoError(t, os.WriteFile(filepath.Join(dir, pendingDir, name+tmpSuffix), block(1), 0o600))
	for range 2 {
		j := open(t, dir)
		require.Empty(t, j.Problems())
		require.Equal(t, []chainhash.Hash{blockHash(1)}, pendingHashes(j))
		require.FileExists(t, filepath.Join(dir, pendingDir, name))
	}
}

// A blindDisk cannot read.
type blindDisk struct{ osDisk }

func (blindDisk) read(name string, _ int64) ([]byte, error) {
	return nil, &fs.PathError{Op: "read", Path: name, Err: syscall.EIO}
}

// A pending block that cannot be read, for want of permission or because the disk
// has a bad day, stays where it is: it is as good as ever on a better one.
func TestJournalUnreadable(t *testing.T) {
	dir := t.TempDir()
	_, _, err := open(t, dir).Add(block(1))
	require.NoError(t, err)
	_, err = openJournal(dir, blindDisk{}, keepDone)
	require.ErrorIs(t, err, syscall.EIO)
	require.ErrorContains(t, err, blockName(blockHash(1), block(1)))
	j := open(t, dir)
	require.Empty(t, j.Problems())
	require.Equal(t, []chainhash.Hash{blockHash(1)}, pendingHashes(j))
}

// A block that rots on the disk while pending is not sent.
func TestJournalRot(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	_, _, err := j.Add(block(1))
	require.NoError(t, err)
	name := filepath.Join(dir, pendingDir, blockName(blockHash(1), block(1)))
	bad := block(1)
	bad[100] ^= 1
	require.NoError(t, os.WriteFile(name, bad, 0o600))
	_, err = j.Block(blockHash(1))
	require.ErrorContains(t, err, "checksum")
	require.NoError(t, os.Remove(name))
	_, err = j.Block(blockHash(1))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestJournalFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := OpenJournal(file)
	require.ErrorContains(t, err, "block journal: ")
	require.ErrorContains(t, err, file)
}

func TestJournalTrim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		j, err := openJournal(dir, osDisk{}, 3)
		require.NoError(t, err)
		for n := range 6 {
			_, _, err := j.Add(block(n))
			require.NoError(t, err)
			require.NoError(t, j.Resolve(blockHash(n), accepted))
			time.Sleep(time.Second)
		}
		for range 2 {
			for n := range 6 {
				require.Equal(t, n >= 3, j.doneSet[blockHash(n)], n)
			}
			files, err := os.ReadDir(filepath.Join(dir, doneDir))
			require.NoError(t, err)
			require.Len(t, files, 6)
			j, err = openJournal(dir, osDisk{}, 3)
			require.NoError(t, err)
			require.Empty(t, j.Problems())
		}
		j, err = openJournal(dir, osDisk{}, 1)
		require.NoError(t, err)
		require.Len(t, j.done, 1)
		require.True(t, j.doneSet[blockHash(5)])
	})
}

func FuzzParseNote(f *testing.F) {
	f.Add([]byte(`{"hash":"` + strings.Repeat("0a", 32) + `","time":"2026-01-02T03:04:05Z","answer":{"final":true,"accepted":true,"text":"x"}}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := parseNote(text)
		if err == nil {
			require.True(t, n.Answer.Final)
			_, ok := parseHash(n.Hash)
			require.True(t, ok)
		}
	})
}

// Any name with any content in either folder: never a panic, and never a
// pending block that is not what its name says.
func FuzzJournalFile(f *testing.F) {
	f.Add(blockName(blockHash(1), block(1)), block(1), true)
	f.Add(blockName(blockHash(1), block(1))+tmpSuffix, block(1), true)
	f.Add(blockName(blockHash(1), block(1)), block(1)[:100], true)
	f.Add(blockHash(1).String()+noteSuffix, []byte(`{"hash":"`+blockHash(1).String()+`"}`), false)
	f.Fuzz(func(t *testing.T, name string, content []byte, pending bool) {
		if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00:*?\"<>|") || len(name) > 200 {
			t.Skip()
		}
		sub := doneDir
		if pending {
			sub = pendingDir
		}
		dir := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(dir, sub), 0o700))
		if os.WriteFile(filepath.Join(dir, sub, name), content, 0o600) != nil {
			t.Skip()
		}
		j, err := OpenJournal(dir)
		require.NoError(t, err)
		require.LessOrEqual(t, len(j.Problems())+len(j.Pending())+len(j.done), 1+len(j.done))
		for _, e := range j.Pending() {
			b, err := j.Block(e.Hash)
			require.NoError(t, err)
			require.Equal(t, content, b)
			require.Equal(t, e.Hash, chainhash.DoubleHashH(b[:headerSize]))
		}
	})
}
