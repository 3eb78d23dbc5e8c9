package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A minerProcess is a running "touchstone mine --json", or another command that
// tells events.
type minerProcess struct {
	t      testing.TB
	cmd    *exec.Cmd
	events chan minerEvent // closed when standard output ends
	exited chan error      // one value
	stderr bytes.Buffer    // to be read after the end only
}

// A minerEvent is one line of --json, with the fields that tests read.
type minerEvent struct {
	Event  string `json:"event"`
	Hash   string `json:"hash"`
	Height int32  `json:"height"`
	Resent bool   `json:"resent"`
	Text   string `json:"-"` // the whole line
}

// startMiner starts "touchstone mine --json".
func startMiner(t testing.TB, args ...string) *minerProcess {
	t.Helper()
	return startProcess(t, append([]string{"mine", "--json"}, args...)...)
}

// startProcess starts the program as a user would: as a process of its own. It
// is killed with the test, if it still runs then. It must be told --json.
func startProcess(t testing.TB, args ...string) *minerProcess {
	t.Helper()
	m := &minerProcess{
		t:      t,
		cmd:    exec.Command("touchstone", args...),
		events: make(chan minerEvent, 1<<16),
		exited: make(chan error, 1),
	}
	m.cmd.Stderr = &m.stderr
	stdout, err := m.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, m.cmd.Start())
	go func() {
		s := bufio.NewScanner(stdout)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			e := minerEvent{Text: s.Text()}
			if err := json.Unmarshal(s.Bytes(), &e); err != nil {
				e = minerEvent{Event: "not JSON", Text: s.Text()}
			}
			m.events <- e
		}
		close(m.events)
		m.exited <- m.cmd.Wait()
	}()
	t.Cleanup(func() {
		if m.cmd != nil {
			_ = m.cmd.Process.Kill()
			m.end()
		}
		if t.Failed() {
			t.Logf("touchstone's standard error:\n%s", &m.stderr)
		}
	})
	return m
}

// Next returns the next event.
func (m *minerProcess) Next() minerEvent {
	m.t.Helper()
	select {
	case e, ok := <-m.events:
		if !ok {
			m.end()
			require.Fail(m.t, "touchstone ended", "%s", &m.stderr)
		}
		require.NotEqual(m.t, "not JSON", e.Event, e.Text)
		return e
	case <-time.After(btcdPatience):
		require.Fail(m.t, "touchstone says no more")
	}
	return minerEvent{}
}

// Wait returns the next event of a kind, and drops those before it.
func (m *minerProcess) Wait(kind string) minerEvent {
	m.t.Helper()
	limit := time.Now().Add(btcdPatience)
	for {
		e := m.Next()
		if e.Event == kind {
			return e
		}
		require.True(m.t, time.Now().Before(limit), "touchstone does not say %s; last: %s", kind, e.Text)
	}
}

// Rest waits for the end and returns the events that were not waited for, the
// exit code, and standard error.
func (m *minerProcess) Rest() (events []minerEvent, code int, stderr string) {
	m.t.Helper()
	limit := time.After(btcdPatience)
	for {
		select {
		case e, ok := <-m.events:
			if !ok {
				code := m.end()
				return events, code, m.stderr.String()
			}
			require.NotEqual(m.t, "not JSON", e.Event, e.Text)
			events = append(events, e)
		case <-limit:
			require.Fail(m.t, "touchstone does not end")
		}
	}
}

// Kill ends the process as kill -9 does.
func (m *minerProcess) Kill() {
	m.t.Helper()
	require.NoError(m.t, m.cmd.Process.Kill())
	m.end()
}

// end waits for the process and returns its exit code.
func (m *minerProcess) end() int {
	m.t.Helper()
	err := <-m.exited
	m.cmd = nil
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	require.NoError(m.t, err)
	return 0
}

// only returns the events of a kind.
func only(kind string, events []minerEvent) []minerEvent {
	var some []minerEvent
	for _, e := range events {
		if e.Event == kind {
			some = append(some, e)
		}
	}
	return some
}
