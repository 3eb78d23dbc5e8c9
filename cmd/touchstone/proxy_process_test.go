//go:build unix

package main_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
)

// yesPool is a pool that says yes to everything, and remembers what it credited.
type yesPool struct {
	net.Listener
	mu       sync.Mutex
	credited []string // the lines, before they were answered
	enough   chan struct{}
}

func newYesPool(t testing.TB, enough int) *yesPool {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	p := &yesPool{Listener: l, enough: make(chan struct{})}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c, enough)
		}
	}()
	return p
}

func (p *yesPool) serve(c net.Conn, enough int) {
	defer c.Close()
	var m stratum.Message
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadString('\n')
		if err != nil || stratum.Decode([]byte(line), &m) != nil {
			return
		}
		answer := stratum.AppendResult(nil, m.ID, "true")
		switch m.Method {
		case stratum.MethodSubscribe:
			answer = stratum.AppendSubscribeResult(nil, m.ID, "s", stratum.Extranonce{Extranonce1: []byte{1, 2, 3, 4}, Extranonce2Size: 4})
		case stratum.MethodSubmit:
			p.mu.Lock()
			p.credited = append(p.credited, strings.TrimSpace(line))
			if len(p.credited) == enough {
				close(p.enough)
			}
			p.mu.Unlock()
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// hail sends shares as fast as they are taken, until the connection ends.
func hail(c net.Conn) {
	defer c.Close()
	go io.Copy(io.Discard, c)
	io.WriteString(c, `{"id":1,"method":"mining.subscribe","params":[]}`+"\n"+`{"id":2,"method":"mining.authorize","params":["w","secret"]}`+"\n")
	for id := uint64(10); ; id++ {
		line := stratum.AppendSubmit(nil, id, "w", "job", []byte{1, 2, 3, 4}, 0x6920d000, uint32(id), 0, false)
		if _, err := c.Write(line); err != nil {
			return
		}
	}
}

// startProxyProcess starts a proxy and returns where it listens.
func startProxyProcess(t testing.TB, args ...string) (p *minerProcess, address string) {
	t.Helper()
	p = startProcess(t, append([]string{"proxy", "--json", "--listen", "127.0.0.1:0", "--status", "off"}, args...)...)
	var started struct{ Listen []string }
	require.NoError(t, json.Unmarshal([]byte(p.Wait("proxy_started").Text), &started))
	return p, strings.TrimPrefix(started.Listen[0], "stratum+tcp://")
}

// Whenever a proxy is killed: each share that the pool credited is in the
// recording.
func TestProxyKilled(t *testing.T) {
	t.Parallel()
	for round := range 3 {
		pool := newYesPool(t, 100+1000*round)
		dir := filepath.Join(t.TempDir(), "recording")
		p, address := startProxyProcess(t, "--pool", pool.Addr().String(), "--record", dir)
		for range 4 {
			c, err := net.Dial("tcp", address)
			require.NoError(t, err)
			go hail(c)
		}
		select {
		case <-pool.enough:
		case <-time.After(btcdPatience):
			require.Fail(t, "the pool gets nothing")
		}
		p.Kill()
		recorded := recordedMessages(t, dir)
		pool.mu.Lock()
		for _, line := range pool.credited {
			require.True(t, recorded[line], "%s was credited and is not in the recording of %d", line, len(recorded))
		}
		pool.mu.Unlock()
	}
}

// recordedMessages returns the messages of miners in a recording.
func recordedMessages(t testing.TB, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	messages := map[string]bool{}
	for _, name := range files {
		f, err := os.Open(name)
		require.NoError(t, err)
		defer f.Close()
		lines := stratum.NewTranscript(f)
		for {
			l, err := lines.Next()
			if fault := (*stratum.LineError)(nil); errors.As(err, &fault) {
				continue // the last may be cut
			}
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			require.NotContains(t, string(l.Message), "secret")
			if l.From == stratum.FromMiner {
				messages[string(l.Message)] = true
			}
		}
	}
	return messages
}

// SIGHUP sends new devices to another pool, and leaves those that are there;
// SIGTERM ends it all.
func TestProxyProcessReloads(t *testing.T) {
	t.Parallel()
	first, second := newYesPool(t, 1), newYesPool(t, 1)
	config := filepath.Join(t.TempDir(), "proxy.toml")
	write := func(pool *yesPool) {
		require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, "pool = [%q]\n", "stratum+tcp://"+pool.Addr().String()), 0o600))
	}
	write(first)
	p, address := startProxyProcess(t, "--config", config)
	dial := func() net.Conn {
		c, err := net.Dial("tcp", address)
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		return c
	}
	old := dial()
	require.Contains(t, p.Wait("device_joined").Text, first.Addr().String())
	write(second)
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGHUP))
	for {
		c := dial()
		if strings.Contains(p.Wait("device_joined").Text, second.Addr().String()) {
			break
		}
		c.Close()
	}
	go hail(old)
	<-first.enough
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	events, code, stderr := p.Rest()
	require.Zero(t, code, stderr)
	require.Len(t, only("proxy_stopped", events), 1)
	require.Contains(t, stderr, "read "+config+" again")
}
