//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Waiting for somebody to write to a named pipe can be interrupted.
func TestInterruptNamedPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	var log bytes.Buffer
	code := make(chan int, 1)
	go func() { code <- testProgram(nil, io.Discard, &log).run(ctx, []string{"verify", "block", pipe}) }()
	cancel()
	require.Equal(t, exitCannotJudge, <-code)
	require.Equal(t, "touchstone: error: interrupted: what was not yet read is not judged\n", log.String())
	// Ends the open that was left behind.
	w, err := os.OpenFile(pipe, os.O_RDWR, 0)
	require.NoError(t, err)
	require.NoError(t, w.Close())
}

// A signal ends the process although whoever reads its output has stopped.
func TestInterruptUnreadOutput(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	raw, err := w.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Write(func(fd uintptr) bool {
		for {
			switch _, err := syscall.Write(int(fd), make([]byte, 1)); err {
			case nil, syscall.EINTR:
			default: // EAGAIN: the pipe is full
				return true
			}
		}
	}))
	cmd := exec.Command("touchstone", "verify", "header", "--json", "nosuch", "-") // a summary at least
	cmd.Stdin = newHeaderStream(1000, true)
	cmd.Stdout = w
	log, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	require.NoError(t, w.Close())
	line, err := bufio.NewReader(log).ReadString('\n')
	require.NoError(t, err, "it runs, and hears signals")
	require.Contains(t, line, "nosuch")
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.Error(t, cmd.Wait())
	require.Equal(t, exitCannotJudge, cmd.ProcessState.ExitCode())
}

// A terminal that is closed ends a pool as a signal does: with its last words.
func TestHangup(t *testing.T) {
	// Under nohup the process would inherit that the signal is ignored, and
	// rightly stay. One that is caught here starts out there as usual.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	defer signal.Reset(syscall.SIGHUP)
	cmd := exec.Command("touchstone", "pool", "--listen", "127.0.0.1:0", "--status", "off", "--json", "--datadir", t.TempDir())
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer cmd.Process.Kill()
	events := bufio.NewScanner(out)
	require.True(t, events.Scan())
	for !bytes.Contains(events.Bytes(), []byte(`"pool_started"`)) {
		require.True(t, events.Scan())
	}
	endsPool(t, cmd, events, syscall.SIGHUP)
}

// endsPool sends a pool a signal, and wants its last words and no error.
func endsPool(t *testing.T, cmd *exec.Cmd, events *bufio.Scanner, signal os.Signal) {
	t.Helper()
	require.NoError(t, cmd.Process.Signal(signal))
	last := ""
	for events.Scan() {
		last = events.Text()
	}
	require.NoError(t, cmd.Wait())
	require.Contains(t, last, `"event":"pool_stopped"`)
}
