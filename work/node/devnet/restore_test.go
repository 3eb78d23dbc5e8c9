package devnet

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func removeDatabase(t testing.TB, dir string) {
	t.Helper()
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "chain")))
}

// copyDir copies the folder from to a new one and returns its name.
func copyDir(t testing.TB, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, os.CopyFS(to, os.DirFS(from)))
	require.NoError(t, os.Chmod(to, 0o700))
	return to
}

// minedDir returns a folder with a closed chain of n blocks.
func minedDir(t testing.TB, clock *slowClock, n int) string {
	t.Helper()
	dir := t.TempDir()
	c, err := Open(dir, easyOptions(clock))
	require.NoError(t, err)
	for range n {
		clock.seconds.Add(3)
		mineBlocks(t, c, 1)
	}
	require.NoError(t, c.Close())
	return dir
}

// reopen opens the chain in dir, checks its height, extends it by a block, and
// returns what Open told.
func reopen(t testing.TB, dir string, clock *slowClock, height int32) []string {
	t.Helper()
	var notices []string
	o := easyOptions(clock)
	o.Notice = func(text string) { notices = append(notices, text) }
	c, err := Open(dir, o)
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	got, _ := c.Tip()
	require.Equal(t, height, got, "%q", notices)
	clock.seconds.Add(3)
	mineBlocks(t, c, 1)
	return notices
}

func TestRestoreWithoutDatabase(t *testing.T) {
	clock := newSlowClock()
	dir := minedDir(t, clock, 30)
	removeDatabase(t, dir)
	require.Empty(t, reopen(t, dir, clock, 30))
	require.Empty(t, reopen(t, dir, clock, 31))
}

// TestRestoreInBatches replays more blocks than fit into one batch.
func TestRestoreInBatches(t *testing.T) {
	clock := newSlowClock()
	dir := minedDir(t, clock, 50)
	removeDatabase(t, dir)
	o := easyOptions(clock)
	c, err := open(dir, o, 16)
	require.NoError(t, err)
	height, _ := c.Tip()
	require.EqualValues(t, 50, height)
	require.NoError(t, c.Close())
	require.Empty(t, reopen(t, dir, clock, 50))
}

// TestRestoreOldDatabase is what a kill leaves: the database has forgotten blocks.
func TestRestoreOldDatabase(t *testing.T) {
	clock := newSlowClock()
	dir := minedDir(t, clock, 10)
	old := copyDir(t, filepath.Join(dir, "chain"))
	c := openEasy(t, dir, clock)
	for range 15 {
		clock.seconds.Add(3)
		mineBlocks(t, c, 1)
	}
	require.NoError(t, c.Close())
	removeDatabase(t, dir)
	require.NoError(t, os.Rename(old, filepath.Join(dir, "chain")))
	require.Empty(t, reopen(t, dir, clock, 25))
}

// TestRestoreFileBehind loses the file, or its end, but not the database.
func TestRestoreFileBehind(t *testing.T) {
	clock := newSlowClock()
	dir := minedDir(t, clock, 10)
	early, err := os.ReadFile(filepath.Join(dir, "blocks.dat"))
	require.NoError(t, err)
	reopen(t, dir, clock, 10)
	full, err := os.ReadFile(filepath.Join(dir, "blocks.dat"))
	require.NoError(t, err)

	file := filepath.Join(dir, "blocks.dat")
	require.NoError(t, os.WriteFile(file, early, 0o600))
	notices := reopen(t, dir, clock, 11)
	require.Len(t, notices, 1)
	require.Contains(t, notices[0], "added blocks up to height 11")

	require.NoError(t, os.Remove(file))
	reopen(t, dir, clock, 12)
	now, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, full, now[:len(full)])

	removeDatabase(t, dir)
	require.Empty(t, reopen(t, dir, clock, 13))
}

// TestRestoreOtherDatabase puts another chain's database beside the file.
func TestRestoreOtherDatabase(t *testing.T) {
	clock := newSlowClock()
	for name, blocks := range map[string]int{"shorter": 5, "as long": 10, "longer": 15} {
		t.Run(name, func(t *testing.T) {
			dir, other := minedDir(t, clock, 10), minedDir(t, clock, blocks)
			removeDatabase(t, dir)
			require.NoError(t, os.Rename(filepath.Join(other, "chain"), filepath.Join(dir, "chain")))
			notices := reopen(t, dir, clock, 10)
			require.Len(t, notices, 1)
			require.Contains(t, notices[0], "building a new one")
			require.Contains(t, notices[0], "another block")
		})
	}
}

// TestRestoreBrokenDatabase damages the database in many ways. Whatever btcd makes
// of it, the chain opens at its height.
func TestRestoreBrokenDatabase(t *testing.T) {
	clock := newSlowClock()
	dir := minedDir(t, clock, 25)
	var files []string
	require.NoError(t, filepath.WalkDir(filepath.Join(dir, "chain"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, err := filepath.Rel(dir, path)
			require.NoError(t, err)
			files = append(files, rel)
		}
		return err
	}))
	require.NotEmpty(t, files)
	random := rand.New(rand.NewPCG(1, 2))
	damage := map[string]func(data []byte) []byte{
		"emptied": func([]byte) []byte { return nil },
		"halved":  func(data []byte) []byte { return data[:len(data)/2] },
		"zeroed":  func(data []byte) []byte { return make([]byte, len(data)) },
		"flipped": func(data []byte) []byte {
			for range min(len(data), 8) {
				data[random.IntN(len(data))] ^= byte(1 + random.IntN(255))
			}
			return data
		},
	}
	for _, file := range files {
		for name, change := range damage {
			t.Run(strings.ReplaceAll(file, string(filepath.Separator), "-")+" "+name, func(t *testing.T) {
				clock := newSlowClock()
				clock.seconds.Add(1000)
				bad := copyDir(t, dir)
				path := filepath.Join(bad, file)
				data, err := os.ReadFile(path)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(path, change(data), 0o600))
				t.Log(reopen(t, bad, clock, 25))
				removeDatabase(t, bad)
				reopen(t, bad, clock, 26)
			})
		}
	}
}

// A database that does not open beside an empty file may be the only copy.
func TestRestoreKeepsLastCopy(t *testing.T) {
	clock := newSlowClock()
	dir := minedDir(t, clock, 5)
	require.NoError(t, os.Remove(filepath.Join(dir, "blocks.dat")))
	require.NoError(t, os.Remove(filepath.Join(dir, "chain", "metadata", "CURRENT")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "chain", "metadata", "CURRENT"), []byte("nonsense"), 0o600))
	require.NotEmpty(t, reopen(t, dir, clock, 0))
	require.DirExists(t, filepath.Join(dir, "chain.unusable"))
}

func TestRestoreInterrupt(t *testing.T) {
	clock := newSlowClock()
	dir := minedDir(t, clock, 5)
	removeDatabase(t, dir)
	stop := make(chan struct{})
	close(stop)
	o := easyOptions(clock)
	o.Interrupt = stop
	_, err := Open(dir, o)
	require.ErrorIs(t, err, errInterrupted)
	require.Empty(t, reopen(t, dir, clock, 5))
}
