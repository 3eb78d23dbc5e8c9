package devnet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/stretchr/testify/require"
)

// records splits a block file into its start and its records.
func records(t testing.TB, data []byte) (start []byte, list [][]byte) {
	t.Helper()
	start, data = data[:fileStartSize], data[fileStartSize:]
	for len(data) > 0 {
		length, _, ok := parseHead(data)
		require.True(t, ok)
		list = append(list, data[:recordHeadSize+length])
		data = data[recordHeadSize+length:]
	}
	return start, list
}

// readAll reads a whole block file and returns its blocks, and how many bytes are
// left over at its end.
func readAll(data []byte, genesis *chainhash.Hash) (blocks [][]byte, torn int64, err error) {
	if err := checkFileStart(bytes.NewReader(data), genesis); err != nil {
		return nil, 0, err
	}
	r := newRecordReader(bytes.NewReader(data), int64(len(data)), genesis)
	for {
		block, err := r.next()
		if err == io.EOF {
			return blocks, int64(len(data)) - r.offset, nil
		}
		if err != nil {
			return blocks, 0, err
		}
		blocks = append(blocks, bytes.Clone(block))
	}
}

// TestTornTail cuts the last record at every byte and also fills the rest with
// zeros, as some file systems do. All blocks before it must be there.
func TestTornTail(t *testing.T) {
	clock := newSlowClock()
	dir := minedDir(t, clock, 4)
	full, err := os.ReadFile(filepath.Join(dir, "blocks.dat"))
	require.NoError(t, err)
	genesis := easyParams().GenesisHash
	_, list := records(t, full)
	last := list[len(list)-1]
	whole := len(full) - len(last)
	for n := range last {
		cut := full[:whole+n]
		zeros := append(bytes.Clone(cut), make([]byte, len(last)-n)...)
		headless := append(bytes.Clone(full[:whole]), make([]byte, n)...)
		headless = append(headless, last[n:]...)
		for _, data := range [][]byte{cut, zeros, headless} {
			if bytes.Equal(data, full) {
				continue
			}
			blocks, torn, err := readAll(data, genesis)
			require.NoError(t, err, "%d", n)
			require.Len(t, blocks, 3)
			require.EqualValues(t, len(data)-whole, torn)
		}
	}
	// Some of them through Open, with a database that knows no more.
	for _, n := range []int{1, 15, 16, 17, len(last) / 2, len(last) - 1} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			clock := newSlowClock()
			clock.seconds.Add(100)
			torn := copyDir(t, dir)
			removeDatabase(t, torn)
			require.NoError(t, os.WriteFile(filepath.Join(torn, "blocks.dat"), full[:whole+n], 0o600))
			notices := reopen(t, torn, clock, 3)
			require.Len(t, notices, 1)
			require.Contains(t, notices[0], "unfinished")
			aside, err := os.ReadFile(filepath.Join(torn, fmt.Sprintf("blocks.torn-%d", whole)))
			require.NoError(t, err)
			require.Equal(t, last[:n], aside)
			require.Empty(t, reopen(t, torn, clock, 4))
		})
	}
}

// TestDamagedMiddle flips every byte before the last record, one at a time. No
// such file may be read as a shorter chain.
func TestDamagedMiddle(t *testing.T) {
	clock := newSlowClock()
	dir := minedDir(t, clock, 4)
	path := filepath.Join(dir, "blocks.dat")
	full, err := os.ReadFile(path)
	require.NoError(t, err)
	genesis := easyParams().GenesisHash
	start, list := records(t, full)
	whole := len(full) - len(list[3])
	for at := range whole {
		data := bytes.Clone(full)
		data[at] ^= 0x40
		_, _, err := readAll(data, genesis)
		require.Error(t, err, "byte %d", at)
	}

	database, err := os.ReadDir(filepath.Join(dir, "chain"))
	require.NoError(t, err)
	data := bytes.Clone(full)
	data[len(start)+len(list[0])+100] ^= 1
	require.NoError(t, os.WriteFile(path, data, 0o600))
	_, err = Open(dir, easyOptions(clock))
	var damage *DamagedError
	require.ErrorAs(t, err, &damage)
	require.EqualValues(t, 2, damage.Height)
	require.EqualValues(t, len(start)+len(list[0]), damage.Offset)
	require.Equal(t, path, damage.Path)
	require.ErrorContains(t, err, path)
	require.ErrorContains(t, err, "restore it from a backup, or rename it")
	now, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, data, now, "the file must be left as it is")
	still, err := os.ReadDir(filepath.Join(dir, "chain"))
	require.NoError(t, err)
	require.Len(t, still, len(database), "so must the database, it may be the better copy")

	// The cure that the error names.
	require.NoError(t, os.Rename(path, path+".damaged"))
	notices := reopen(t, dir, clock, 4)
	require.Len(t, notices, 1)
	now, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, full, now[:len(full)])
}

// A record that is missing, doubled or out of place.
func TestRecordsOutOfOrder(t *testing.T) {
	clock := newSlowClock()
	full, err := os.ReadFile(filepath.Join(minedDir(t, clock, 4), "blocks.dat"))
	require.NoError(t, err)
	genesis := easyParams().GenesisHash
	s, r := records(t, full)
	for name, order := range map[string][]int{
		"first missing": {1, 2, 3}, "middle missing": {0, 1, 3}, "doubled": {0, 0, 1}, "last doubled": {0, 1, 2, 3, 3}, "swapped": {0, 2, 1, 3},
	} {
		data := bytes.Clone(s)
		for _, i := range order {
			data = append(data, r[i]...)
		}
		_, _, err := readAll(data, genesis)
		var damage *DamagedError
		require.ErrorAs(t, err, &damage, name)
	}
}

func TestRecordSizes(t *testing.T) {
	genesis := easyParams().GenesisHash
	start := fileStart(genesis)
	header := wire.BlockHeader{PrevBlock: *genesis}
	var buf bytes.Buffer
	require.NoError(t, header.Serialize(&buf))
	for size, ok := range map[int]bool{
		wire.MaxBlockHeaderPayload: false, minBlockSize: true, wire.MaxBlockPayload: true, wire.MaxBlockPayload + 1: false,
	} {
		block := make([]byte, size)
		copy(block, buf.Bytes())
		blocks, torn, err := readAll(appendRecord(start[:], block), genesis)
		if ok {
			require.NoError(t, err, size)
			require.Zero(t, torn)
			require.Equal(t, [][]byte{block}, blocks)
			continue
		}
		require.Empty(t, blocks, size)
	}
}

func TestFileStart(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "blocks.dat")
	genesis := easyParams().GenesisHash
	b, err := openBlockFile(path, genesis)
	require.NoError(t, err)
	require.NoError(t, b.close())
	start, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, start, fileStartSize)
	for n := range start {
		require.NoError(t, os.WriteFile(path, start[:n], 0o600))
		_, err := openBlockFile(path, genesis)
		require.ErrorContains(t, err, "does not begin as a block file", "%d", n)
	}
	require.NoError(t, os.WriteFile(path, start, 0o600))
	_, err = openBlockFile(path, Params().GenesisHash)
	require.ErrorContains(t, err, "another chain")
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Mkdir(path, 0o700))
	_, err = openBlockFile(path, genesis)
	require.ErrorContains(t, err, path)
}

// FuzzBlockFile reads any bytes as a block file: no panic, no memory taken on a
// length's word, and what is read, written again, gives the bytes that were read.
func FuzzBlockFile(f *testing.F) {
	genesis := Params().GenesisHash
	start := fileStart(genesis)
	header := wire.BlockHeader{PrevBlock: *genesis}
	var buf bytes.Buffer
	require.NoError(f, header.Serialize(&buf))
	block := append(buf.Bytes(), 0)
	one := appendRecord(nil, block)
	f.Add([]byte{})
	f.Add(one)
	f.Add(one[:len(one)-1])
	f.Add(append(bytes.Clone(one), one...))
	f.Add(append(make([]byte, 20), one...))
	f.Add(binary.LittleEndian.AppendUint32([]byte(recordMagic), 0xffffffff))
	f.Fuzz(func(t *testing.T, body []byte) {
		data := append(bytes.Clone(start[:]), body...)
		blocks, torn, err := readAll(data, genesis)
		var damage *DamagedError
		if err != nil && !errors.As(err, &damage) {
			t.Fatal(err)
		}
		again := bytes.Clone(start[:])
		for _, block := range blocks {
			again = appendRecord(again, block)
		}
		require.True(t, bytes.HasPrefix(data, again))
		if err == nil {
			require.EqualValues(t, len(data), int64(len(again))+torn)
		} else {
			require.EqualValues(t, len(again), damage.Offset)
		}
	})
}
