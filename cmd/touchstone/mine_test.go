package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/internal/serve"
)

// A signal stops mining cleanly: the last words are said, the exit code is 0
// where no number of blocks was asked for, and the folder is free again. While
// it runs, another process is told in words who has the folder.
func TestMineInterrupt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process can't be interrupted by another here")
	}
	dir := t.TempDir()
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		var log bytes.Buffer
		cmd := exec.Command("touchstone", "mine", "--json", "--datadir", dir)
		cmd.Stderr = &log
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		event := func() string {
			require.True(t, lines.Scan(), "standard output ended: %s", &log)
			var e struct{ Event string }
			require.NoError(t, json.Unmarshal(lines.Bytes(), &e), lines.Text())
			return e.Event
		}
		for event() != "job" {
		}

		second := exec.Command("touchstone", "mine", "--datadir", dir)
		words, err := second.CombinedOutput()
		require.Error(t, err)
		require.Equal(t, exitCannotJudge, second.ProcessState.ExitCode())
		require.Contains(t, string(words), "touchstone: error: data folder "+dir)
		require.Contains(t, string(words), "is in use by another touchstone (process ")
		require.Contains(t, string(words), "--datadir")

		require.NoError(t, cmd.Process.Signal(sig))
		last := ""
		for lines.Scan() {
			last = lines.Text()
		}
		require.NoError(t, cmd.Wait(), "%s", &log)
		require.Contains(t, last, `"event":"stopped"`)
		require.Empty(t, log.String())
	}
}

// Stopped before the blocks that were asked for, the command says so.
func TestMineInterruptedBeforeEnough(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process can't be interrupted by another here")
	}
	var out bytes.Buffer
	cmd := exec.Command("touchstone", "mine", "--blocks", "1000000", "--datadir", t.TempDir())
	cmd.Stdout = &out
	log, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(log)
	for lines.Scan() && !strings.Contains(lines.Text(), "height 1") {
	}
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	rest := ""
	for lines.Scan() {
		rest += lines.Text() + "\n"
	}
	require.Error(t, cmd.Wait())
	require.Equal(t, exitCannotJudge, cmd.ProcessState.ExitCode())
	require.Contains(t, rest, "touchstone: stopped: ")
	require.Regexp(t, `touchstone: error: interrupted: \d+ of 1000000 blocks accepted\n`, rest)
}

// Every command's text, written by hand, names each of its flags and ends in an
// example; and every flag is named in it that the command knows.
func TestUsageTexts(t *testing.T) {
	root := testProgram(nil, io.Discard, io.Discard).rootCommand()
	root.InitDefaultHelpCmd()
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		t.Run(cmd.CommandPath(), func(t *testing.T) {
			text := cmd.Long
			cmd.InitDefaultHelpFlag()
			cmd.Flags().VisitAll(func(f *pflag.Flag) {
				if f.Name != "help" {
					require.Contains(t, text, "  --"+f.Name, "flag not documented")
				}
			})
			_, example, found := strings.Cut(text, "\nExample")
			require.True(t, found, "no example")
			require.Contains(t, example, ":\n  ")
			require.NotContains(t, strings.TrimSuffix(example, "\n"), "\n\n", "the example is not the end")
			for _, line := range strings.Split(text, "\n") {
				if fields := strings.Fields(line); len(fields) > 0 && strings.HasPrefix(line, "  --") && fields[0] != "--help" {
					require.NotNil(t, cmd.Flags().Lookup(strings.TrimPrefix(fields[0], "--")), line)
				}
				if !strings.Contains(example, line) {
					require.LessOrEqual(t, len([]rune(line)), 80, "%q is too wide", line)
				}
			}
		})
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	walk(root)
}

// The JSON fields of each event are those that the help names.
func TestMineEventsDocumented(t *testing.T) {
	_, documented, found := strings.Cut(mineUsage, "With --json every line")
	require.True(t, found)
	for _, e := range []serve.Event{
		serve.Started{}, serve.KernelChosen{}, serve.KernelRefused{}, serve.NewJob{}, serve.BlockFound{}, serve.BlockNotKept{}, serve.BlockAccepted{},
		serve.BlockRefused{}, serve.BlockWaiting{}, serve.NodeLost{}, serve.NodeBack{}, serve.NoTemplate{},
		serve.Notice{}, serve.Status{}, serve.Stopped{},
		serve.MinerStarted{}, serve.PoolConnected{}, serve.PoolLost{}, serve.PoolMoves{}, serve.ReconnectRefused{}, serve.PoolMessage{},
		serve.PoolUnreadable{}, serve.PoolJob{}, serve.ShareIsFound{}, serve.ShareAnswered{}, serve.MinerStatus{}, serve.MinerStopped{},
	} {
		_, about, found := strings.Cut(strings.ReplaceAll(documented, "\n               ", " "), "\n  "+e.Kind()+" ")
		require.True(t, found, e.Kind())
		data, err := json.Marshal(e)
		require.NoError(t, err)
		var fields map[string]any
		require.NoError(t, json.Unmarshal(data, &fields))
		about, _, _ = strings.Cut(about, "\n") // where the next event begins
		for name := range fields {
			require.Contains(t, about, name, e.Kind())
		}
	}
}

func TestStatusText(t *testing.T) {
	s := serve.Status{Rate: 4.47e6, Threads: 2, Kernel: "generic", Height: 12, Difficulty: 0.00390625, Best: 0.0012, Expected: 3.754, Accepted: 3}
	require.Equal(t, "4.47 MH/s, 2x generic | height 12, diff 0.003906, best 0.0012 | block in 3.8s | 3 accepted",
		statusText(s, 200))
	require.Equal(t, "4.47 MH/s, 1x generic | waiting for work | 0 accepted",
		statusText(serve.Status{Rate: 4.47e6, Threads: 1, Kernel: "generic"}, 200))
	for columns := range 200 {
		require.LessOrEqual(t, len(statusText(s, columns)), columns)
	}
}

// The status line is drawn at most every quarter of a second, fits, and is gone
// before anything else is written and at the end.
func TestConsole(t *testing.T) {
	var out, log bytes.Buffer
	c := &console{out: bufio.NewWriter(&out), err: &log, width: func() int { return 20 }}
	now := time.Unix(0, 0)
	long := func(int) string { return strings.Repeat("x", 50) }
	c.Status(now, long)
	c.Status(now.Add(statusInterval-1), long)
	require.Equal(t, "\r\x1b[K"+strings.Repeat("x", 19), log.String())
	c.Log("a line")
	require.Equal(t, "\r\x1b[K"+strings.Repeat("x", 19)+"\r\x1b[Ka line\n", log.String())
	log.Reset()
	c.Status(now, func(int) string { return "y" })
	require.NoError(t, c.Close())
	require.Equal(t, "\r\x1b[Ky\r\x1b[K", log.String())

	log.Reset()
	c.width = func() int { return 0 }
	c.Status(now, long)
	require.Empty(t, log.String(), "not a terminal")
}

// What can't be written is an error, not a success with nothing in it.
func TestStandardOutputFull(t *testing.T) {
	var log bytes.Buffer
	p := testProgram(nil, fullDisk{}, &log)
	require.Equal(t, exitCannotJudge, p.run(t.Context(), []string{"version"}))
	require.Equal(t, "touchstone: error: standard output: no space left on device\n", log.String())
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "/dev/full", Err: syscall.ENOSPC}
}

func TestEventText(t *testing.T) {
	hash := chainhash.Hash{31: 1}
	for want, e := range map[string]serve.Event{
		"block 7 accepted: 01" + strings.Repeat("00", 31): serve.BlockAccepted{Hash: hash, Height: 7},
		"block of unknown height refused: 01" + strings.Repeat("00", 31) + " (high-hash: too high) (found by an earlier run)": serve.BlockRefused{
			Hash: hash, Height: -1, Reason: "high-hash", Text: "too high", Resent: true},
		"block 7 waits: connection refused; sent again in 1.5s": serve.BlockWaiting{Height: 7, Error: "connection refused", Retry: 1.5},
		"stopped: 1 block accepted, 2 refused, 1 kept to be sent by the next run; 72.0 Mhashes in 16s (4.50 Mhashes/s)": serve.Stopped{
			Accepted: 1, Refused: 2, Pending: 1, Hashes: 72e6, Elapsed: 16, Rate: 4.5e6},
		"kernel shani is the fastest with 16 midstates on one thread: shani 20.5 MH/s, generic 2.25 MH/s": serve.KernelChosen{
			Kernel: "shani", Reason: serve.ReasonFastest, Midstates: 16, Rates: []serve.KernelRate{{Kernel: "shani", Rate: 20.5e6}, {Kernel: "generic", Rate: 2.25e6}}},
		"kernel generic: this machine has no other": serve.KernelChosen{Kernel: "generic", Reason: serve.ReasonOnly},
		"warning: kernel avx2 is not used, it computes wrong on this machine: nonce 1: found is true, must be false": serve.KernelRefused{
			Kernel: "avx2", Error: "nonce 1: found is true, must be false"},
		"": serve.NewJob{},
	} {
		text, _ := eventText(e)
		require.Equal(t, want, text)
	}
}

// One that was named is no news.
func TestNamedKernelText(t *testing.T) {
	text, _ := eventText(serve.KernelChosen{Kernel: "generic", Reason: serve.ReasonNamed})
	require.Empty(t, text)
}

func TestFormat(t *testing.T) {
	for v, want := range map[float64]string{0: "0.00 ", 999.4: "999 ", 999.6: "1.00 k", 1234: "1.23 k", 45.6e6: "45.6 M", 456e9: "456 G", 1e21: "1000 E"} {
		require.Equal(t, want, siRate(v))
	}
	for v, want := range map[float64]string{1: "1", 0.00390625: "0.003906", 16307.42: "16307", 109780000000000: "109780000000000", 1e20: "1.0000e+20"} {
		require.Equal(t, want, formatDifficulty(v))
	}
	for v, want := range map[time.Duration]string{
		-1: "0s", 1500 * time.Millisecond: "1.5s", 59 * time.Second: "59s", 61 * time.Second: "1m01s",
		25 * time.Hour: "1d01h", 90 * time.Minute: "1h30m", 1001 * 24 * time.Hour: "2.74 years",
	} {
		require.Equal(t, want, formatDuration(v))
	}
	require.Equal(t, "a; b?c", oneLine("a\r\nb\x1bc.\n"))
	require.Equal(t, "?evil? \u00a0 \u00e9", oneLine("\u202eevil\u200b \u00a0 \u00e9"), "text that turns others around or is not seen")
}
