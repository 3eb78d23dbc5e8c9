package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFilesNotice(t *testing.T) {
	require.Empty(t, filesNotice(20_064, 20_000, 1))
	require.Empty(t, filesNotice(40_064, 20_000, 2))
	require.Equal(t, "only 9968 devices can connect at a time, not 20000 (--max-conns): this process may have no more than 20000 files open; "+
		"for all of them, start it after 'ulimit -n 40064'", filesNotice(20_000, 20_000, 2))
	require.Contains(t, filesNotice(10, 5, 1), "only 0 devices")
	require.NotZero(t, filesLimit())
}
