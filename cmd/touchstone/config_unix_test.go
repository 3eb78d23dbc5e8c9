//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
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
		current := cmd
		stop := p.onReload(ctx, cmd, func() ([]string, error) {
			var next serverCommand
			fresh := next.command()
			if err := p.parseAgain(cmd, fresh); err != nil {
				return nil, err
			}
			if err := next.flags.check(fresh); err != nil {
				return nil, err
			}
			restart := changedFlags(current, fresh, "max-conns")
			current = fresh
			reloaded <- next.flags
			return restart, nil
		})
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
	says("touchstone: changed, but not before a restart: record\n")
	says("touchstone: read " + name + " again\n")

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
