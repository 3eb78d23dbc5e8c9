package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/testvectors"
)

// A folder is audited while it grows; the first report comes at once, and an interrupt ends it cleanly.
func TestAuditWatch(t *testing.T) {
	dir := t.TempDir()
	for _, v := range testvectors.Shares() {
		if v.Name == "share/bitaxe-bm1370" {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "a.jsonl"), v.Transcript, 0o600))
		}
	}
	page := filepath.Join(t.TempDir(), "page.html")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stdout, out := io.Pipe()
	var log bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- testProgram(nil, out, &log).run(ctx, []string{"audit", "--watch", "--json", "--html", page, dir})
		out.Close()
	}()
	lines := bufio.NewReaderSize(stdout, 1<<20)
	line, err := lines.ReadBytes('\n')
	require.NoError(t, err)
	var r audit.FleetReport
	require.NoError(t, json.Unmarshal(line, &r))
	require.Len(t, r.Devices, 1)
	cancel()
	_, err = io.Copy(io.Discard, lines)
	require.NoError(t, err)
	require.Equal(t, exitOK, <-code)
	require.Empty(t, log.String())
}
