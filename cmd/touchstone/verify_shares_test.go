package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/testvectors"
)

// verifyShares runs the command on a recording that comes from standard input.
func verifyShares(t *testing.T, in io.Reader, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, log bytes.Buffer
	code = testProgram(in, &out, &log).run(t.Context(), append([]string{"verify", "shares", "-"}, args...))
	return code, out.String(), log.String()
}

// Each vector has the exit code that its verdicts demand.
func TestVerifySharesVectors(t *testing.T) {
	for _, v := range testvectors.Shares() {
		t.Run(v.Name, func(t *testing.T) {
			want := exitOK
			for _, j := range v.Judged {
				switch {
				case j.Policy != "strict":
				case j.Word == "unjudged":
					want = exitCannotJudge
				case j.Word != "accepted" && j.Word != "block":
					want = max(want, exitInvalid)
				}
			}
			for _, args := range [][]string{nil, {"--json"}, {"--policies", "all"}, {"--policies", "strict,sri", "--json"}} {
				code, stdout, stderr := verifyShares(t, bytes.NewReader(v.Transcript), args...)
				require.Equal(t, want, code, "%v: %s%s", args, stdout, stderr)
			}
		})
	}
}

// What is printed for people fits a screen.
func TestVerifySharesColumns(t *testing.T) {
	for _, v := range testvectors.Shares() {
		_, stdout, _ := verifyShares(t, bytes.NewReader(v.Transcript), "--policies", "all")
		for line := range strings.Lines(stdout) {
			require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 100, "%s: %s", v.Name, line)
			require.NotContains(t, line, "\u00a0")
		}
	}
}

// An interrupt of a live pipe prints the summary of what came until then; and what came is printed before more is waited for.
func TestVerifySharesInterrupted(t *testing.T) {
	recording := testvectors.Shares()
	var text []byte
	for i := range recording {
		if recording[i].Name == "share/bitaxe-bm1370" {
			text = recording[i].Transcript
		}
	}
	for _, c := range []struct{ arg, live, last string }{
		{"--json", `{"file":"-","line":10,`, `"failed":0},"interrupted":true}` + "\n"},
		{"--policies=strict,node-stratum-pool", "standard input:10: bc1qexample.bitaxe: job 875b4b7, nonce 7552034c; pool accepted\n", "29588\n"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		in, feed := io.Pipe()
		stdout, out := io.Pipe()
		var log bytes.Buffer
		code := make(chan int, 1)
		go func() {
			code <- testProgram(in, out, &log).run(ctx, []string{"verify", "shares", "-", c.arg})
			out.Close()
		}()
		_, err := feed.Write(text)
		require.NoError(t, err)
		r := bufio.NewReader(stdout)
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		require.Contains(t, line, c.live)
		cancel()
		rest, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, exitCannotJudge, <-code)
		require.True(t, strings.HasSuffix(string(rest), c.last), "%s", rest)
		require.Equal(t, "touchstone: error: interrupted: what was not yet read is not judged\n", log.String())
		feed.Close()
	}
}

// Lists are bounded: of workers, bad lines and assumed sessions.
func TestVerifySharesBounded(t *testing.T) {
	const line = `{"time":"2026-11-20T14:40:00Z","session":"%d","from":"miner","message":{"id":1,"method":"mining.submit","params":["worker%d","1","","",""]}}` + "\nbad\n"
	var text strings.Builder
	for i := range 30 {
		fmt.Fprintf(&text, line, i, i)
	}
	code, stdout, stderr := verifyShares(t, strings.NewReader(text.String()))
	require.Equal(t, exitCannotJudge, code)
	require.Equal(t, 20, strings.Count(stdout, "\n  worker")-1, "and the head")
	require.Contains(t, stdout, "\nand 10 more; --json lists all\n")
	require.Contains(t, stdout, "\n    30 the job was not seen, or could not be read")
	require.Equal(t, 20, strings.Count(stderr, "invalid character 'b'"))
	require.Contains(t, stderr, "touchstone: error: standard input: and 10 more lines that could not be read\n")
	require.Contains(t, stderr, "touchstone: warning: standard input: and 29 more sessions of which something is assumed\n")
	require.Equal(t, 24, strings.Count(stderr, "\n"), "and one that says what the first bad line means")
}

// Hostile names do not reach the terminal.
func TestVerifySharesHostile(t *testing.T) {
	const text = `{"time":"2026-11-20T14:40:00Z","session":"\u001b[2J","from":"miner","message":{"id":1,"method":"mining.submit","params":["\u001b]0;x\u0007\n","\u001b[2J","","",""]}}` +
		"\n" + `{"time":"2026-11-20T14:40:00Z","session":"\u001b[2J","from":"pool","message":{"id":1,"result":null,"error":[20,"\u001b[2J\n",null]}}` + "\n"
	for _, args := range [][]string{nil, {"--policies", "all"}, {"--json"}} {
		_, stdout, stderr := verifyShares(t, strings.NewReader(text), args...)
		for _, c := range stdout + stderr {
			require.True(t, c >= ' ' && c != 0x7f || c == '\n', "%q", stdout+stderr)
		}
	}
}

func TestWrap(t *testing.T) {
	require.Equal(t, []string{"a bc", "d", "efghij", "k l"}, wrap("a bc d efghij k l", 4))
	require.Equal(t, []string{"a b"}, wrap("a\u00a0b", 2))
	require.Equal(t, []string{""}, wrap("", 2))
}
