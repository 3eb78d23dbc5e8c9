//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// TestReload: SIGHUP reads the file again, below the command line and the
// environment. A broken file changes nothing, and that is said.
func TestReload(t *testing.T) {
	name := writeConfig(t, "max-conns = 1\nlines-per-second = 1\nidle = \"1s\"\n")
	stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	defer stderr.Close()
	said := func() string {
		b, err := os.ReadFile(stderr.Name())
		require.NoError(t, err)
		return string(b)
	}
	p := &program{
		con:    newConsole(stderr, stderr),
		stderr: stderr,
		lookupEnv: func(name string) (string, bool) {
			return "11", name == "TOUCHSTONE_LINES_PER_SECOND"
		},
		args: []string{"server", "--idle", "9s", "--config", name},
	}
	reloaded := make(chan serverFlags)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var s serverCommand
	s.ran = func(cmd *cobra.Command) error {
		stop := p.onReload(ctx, cmd, reloader(p, cmd, []string{"max-conns", "idle", "lines-per-second"},
			func() *serverCommand { return new(serverCommand) },
			func(next *serverCommand) error {
				reloaded <- next.flags
				return nil
			}))
		defer stop()
		reloaded <- s.flags
		<-ctx.Done()
		return nil
	}
	root := &cobra.Command{Use: "touchstone", SilenceErrors: true, SilenceUsage: true}
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return p.applySettings(cmd) }
	root.AddCommand(s.command())
	root.SetArgs(p.args)
	done := make(chan error)
	go func() { done <- root.ExecuteContext(ctx) }()

	hangUp := func() { require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP)) }
	says := func(text string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Contains(said(), text) }, time.Minute, time.Millisecond, text)
	}
	write := func(text string) { require.NoError(t, os.WriteFile(name, []byte(text), 0o600)) }
	first := <-reloaded
	require.Equal(t, "1 11 9s", fmt.Sprint(first.maxConns, first.linesPerSecond, first.idle))

	write("max-conns = 2\nlines-per-second = 2\nidle = \"2s\"\nrecord = \"x\"\n")
	hangUp()
	second := <-reloaded
	require.Equal(t, "2 11 9s x", fmt.Sprint(second.maxConns, second.linesPerSecond, second.idle, " ", second.record))
	says("touchstone: warning: changed, but not before a restart: record\n" +
		"touchstone: read " + name + " again, and certificates: changed: max-conns\n")
	hangUp()
	<-reloaded
	says("touchstone: read " + name + " again, and certificates: no flag changed that can without a restart\n")

	write("max-cons = 3\n")
	hangUp()
	says("touchstone: error: everything stays as it was: --config: " + name + ", line 1: max-cons: no flag of 'touchstone server' has this name\n" +
		"touchstone: hint: did you mean max-conns?\n")
	write("max-conns = 0\n")
	hangUp()
	says("touchstone: error: everything stays as it was: --max-conns: 0 is not 1 or more\n")
	require.NoError(t, os.Remove(name))
	hangUp()
	says("everything stays as it was: --config: " + name + ": no such file or directory\n")

	write("")
	hangUp()
	third := <-reloaded
	require.Equal(t, "20000 11 9s", fmt.Sprint(third.maxConns, third.linesPerSecond, third.idle))
	cancel()
	require.NoError(t, <-done)
}

// TestPoolReload: a pool that runs reads its file again. Devices that are there
// stay, those that come obey the new limits, and a broken file changes nothing.
func TestPoolReload(t *testing.T) {
	dir := t.TempDir()
	config := func(more string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "pool.toml"), []byte(more+"\n"+
			"listen = [\"127.0.0.1:0\"]\nstatus = \"off\"\njson = true\ndifficulty = 1e-6\n"), 0o600))
	}
	config("max-conns = 1")
	cmd := exec.Command("touchstone", "pool", "--config", filepath.Join(dir, "pool.toml"), "--datadir", dir)
	stderr, err := os.Create(filepath.Join(dir, "stderr"))
	require.NoError(t, err)
	defer stderr.Close()
	cmd.Stderr = stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer cmd.Process.Kill()
	says := func(text string) {
		t.Helper()
		require.Eventually(t, func() bool {
			b, err := os.ReadFile(stderr.Name())
			return err == nil && strings.Contains(string(b), text)
		}, time.Minute, 5*time.Millisecond, text)
	}
	hangUp := func() { require.NoError(t, cmd.Process.Signal(syscall.SIGHUP)) }
	ask := func(c net.Conn) error {
		c.SetDeadline(time.Now().Add(time.Minute))
		fmt.Fprintf(c, `{"id":1,"method":"mining.ping","params":[]}`+"\n")
		_, err := bufio.NewReader(c).ReadString('\n')
		return err
	}

	events := bufio.NewScanner(stdout)
	var started struct {
		Event  string
		Listen []string
	}
	for started.Event != "pool_started" {
		require.True(t, events.Scan(), "the pool ended")
		require.NoError(t, json.Unmarshal(events.Bytes(), &started))
	}
	address := strings.TrimPrefix(started.Listen[0], "stratum+tcp://")
	first, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer first.Close()
	require.NoError(t, ask(first))
	if second, err := net.Dial("tcp", address); err == nil {
		require.Error(t, ask(second))
	}

	config("max-conns = 0")
	hangUp()
	says("touchstone: error: everything stays as it was: --max-conns: 0 is not 1 or more\n")
	config("max-conns = 2\nrecord = \"elsewhere\"")
	hangUp()
	says("touchstone: warning: changed, but not before a restart: record\n")
	require.NoError(t, ask(first))
	second, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer second.Close()
	require.NoError(t, ask(second))

	endsPool(t, cmd, events, syscall.SIGTERM)
}
