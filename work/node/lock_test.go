package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLockFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	l, err := LockFolder(dir)
	require.NoError(t, err)
	_, err = LockFolder(dir)
	require.Equal(t, &InUseError{Folder: dir, PID: os.Getpid()}, err)
	for _, pid := range []string{"", "nonsense", strings.Repeat("1", 100)} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "pid"), []byte(pid), 0o600))
		_, err = LockFolder(dir)
		require.Equal(t, &InUseError{Folder: dir}, err)
	}
	require.NoError(t, l.Release())
	l, err = LockFolder(dir)
	require.NoError(t, err)
	require.NoError(t, l.Release())

	_, err = LockFolder(filepath.Join(dir, "lock"))
	require.ErrorContains(t, err, "data folder: ")
}
