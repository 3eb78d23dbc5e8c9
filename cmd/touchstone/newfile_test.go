package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWriteFileReplacesOnlyFiles writes where a file was, where none was, and to a device: that must be one afterwards as well.
func TestWriteFileReplacesOnlyFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "page.html")
	for _, text := range []string{"one", "two"} {
		require.NoError(t, writeFile(name, func(w io.Writer) error { _, err := io.WriteString(w, text); return err }))
		got, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, text, string(got))
	}
	err := writeFile(name, func(w io.Writer) error { io.WriteString(w, "three"); return errors.New("no more") })
	require.ErrorContains(t, err, "no more")
	got, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "two", string(got), "a file that could not be written whole took the place of another")
	entries, err := os.ReadDir(filepath.Dir(name))
	require.NoError(t, err)
	require.Len(t, entries, 1)

	// Only a link to the device lies where a file could take its place.
	link := filepath.Join(t.TempDir(), "null")
	if err := os.Symlink(os.DevNull, link); err != nil {
		t.Skip(err)
	}
	require.NoError(t, writeFile(link, func(w io.Writer) error { _, err := io.WriteString(w, "gone"); return err }))
	info, err := os.Stat(link)
	require.NoError(t, err)
	require.False(t, info.Mode().IsRegular(), "a device was replaced by a file")
}
