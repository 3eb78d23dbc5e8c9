package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/testvectors"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"touchstone": func() { os.Exit(realMain()) },
	})
}

// TestScripts runs the command as a command. Each script of testdata finds the
// vectors as files in $VECTORS; see writeVectors.
func TestScripts(t *testing.T) {
	vectors := t.TempDir()
	require.NoError(t, writeVectors(vectors))
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("XDG_DATA_HOME", filepath.Join(e.WorkDir, "data"))
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("VECTORS", vectors)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":      scriptCode,
			"jsonlines": scriptJSONLines,
			"sparse":    scriptSparse,
		},
	})
}

// writeVectors writes some vectors as the files that people have.
func writeVectors(dir string) error {
	write := func(name string, data []byte) error {
		return os.WriteFile(filepath.Join(dir, name), data, 0o600)
	}
	for _, r := range testvectors.HeaderRuns() {
		var raw, text []byte
		for _, h := range r.Headers {
			raw = append(raw, h[:]...)
			text = fmt.Appendf(text, "%x\n", h)
		}
		if err := write(fileName(r.Name)+".bin", raw); err != nil {
			return err
		}
		if err := write(fileName(r.Name)+".hex", text); err != nil {
			return err
		}
	}
	for _, b := range append(testvectors.Blocks(), testvectors.InvalidBlocks()...) {
		if b.Raw == nil {
			continue
		}
		if err := write(fileName(b.Name)+".bin", b.Raw); err != nil {
			return err
		}
	}
	for _, t := range testvectors.Templates() {
		if err := write(fileName(t.Name)+".json", t.JSON); err != nil {
			return err
		}
	}
	for _, s := range testvectors.Shares() {
		if err := write(fileName(s.Name)+".jsonl", s.Transcript); err != nil {
			return err
		}
	}
	return nil
}

// fileName is the name of a vector as a file in one folder: block/mainnet-170
// is block-mainnet-170.
func fileName(vector string) string { return strings.ReplaceAll(vector, "/", "-") }

// scriptCode runs a command and checks its exit code: code N COMMAND ARGS…
func scriptCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND [ARGS…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := err.(interface{ ExitCode() int })
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// scriptJSONLines checks that a file, or stdout, is JSON objects, one a line,
// and that each has the keys given: jsonlines FILE KEY…
func scriptJSONLines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: jsonlines FILE [KEY…]")
	}
	lines := strings.SplitAfter(ts.ReadFile(args[0]), "\n")
	for i, line := range lines[:len(lines)-1] {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			ts.Fatalf("line %d: %v: %s", i+1, err, line)
		}
		for _, key := range args[1:] {
			if _, ok := object[key]; !ok && object["summary"] == nil {
				ts.Fatalf("line %d lacks %q: %s", i+1, key, line)
			}
		}
	}
	if last := lines[len(lines)-1]; last != "" {
		ts.Fatalf("the last line is not ended: %s", last)
	}
}

// scriptSparse makes a file of zeros that takes no room: sparse FILE BYTES
func scriptSparse(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sparse FILE BYTES")
	}
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(f.Truncate(size))
	ts.Check(f.Close())
}
