package main_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/stretchr/testify/require"
)

const (
	btcdUser     = "user"
	btcdPassword = "päss word:1" // what a user may choose: the RPC must cope

	// btcdPatience is how long a step of btcd may take before a test gives
	// up: generous, for it only decides how long a hang lasts.
	btcdPatience = 2 * time.Minute
)

// buildBtcd builds the btcd that tools/go.mod pins, once, in the go command's
// cache, and returns the program's path.
var buildBtcd = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("go", "tool", "-modfile="+filepath.Join("..", "..", "tools", "go.mod"), "-n", "btcd")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("building btcd: %w: %s", err, &stderr)
	}
	return strings.TrimSpace(string(out)), nil
})

// A btcd is a real node on loopback, with a folder of its own and without
// peers, that a test may stop, kill and start again on the same port. On simnet
// it keeps its chain over a stop; on regtest it begins anew at every start. It
// is not safe to share between goroutines, but for Call.
type btcd struct {
	t       testing.TB
	network string // "simnet" or "regtest"
	dir     string
	port    string
	wallet  *wallet
	client  *http.Client
	peers   []string // flags that join it to others; none by default

	process *exec.Cmd
	exited  chan struct{} // closed when process has ended
	output  *btcdOutput
}

// startBtcd starts a new node, whose blocks pay wallet, and ends it with the
// test. With -short, and on Windows, where btcd can't be asked to stop, it
// skips the test. Flags can join it to other nodes.
func startBtcd(t testing.TB, network string, peers ...string) *btcd {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and runs btcd: skipped by -short")
	}
	if runtime.GOOS == "windows" {
		t.Skip("btcd can't be interrupted on Windows, only killed, and then loses its last blocks")
	}
	// Btcd makes this folder even where it is told to use others. Remove takes
	// it away again only if it is empty.
	t.Cleanup(func() { _ = os.Remove(btcutil.AppDataDir("btcd", false)) })
	b := &btcd{t: t, network: network, dir: t.TempDir(), port: freePort(t), wallet: newWallet(t, network), peers: peers}
	b.Start()
	t.Cleanup(func() {
		b.Kill()
		if t.Failed() {
			t.Logf("btcd's last words:\n%s", b.output.Tail(30))
		}
	})
	return b
}

// freePort returns a port of loopback that is free now. That nobody takes it before
// the program it is for is likely enough, and all that can be had of one that won't
// say its port.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return port
}

// Start starts the node, the first time or again, and returns when it answers.
func (b *btcd) Start() {
	b.t.Helper()
	program, err := buildBtcd()
	require.NoError(b.t, err)
	peers := b.peers
	if len(peers) == 0 {
		peers = []string{"--nolisten"}
	}
	cmd := exec.Command(program, append([]string{
		"--" + b.network,
		"--datadir=" + filepath.Join(b.dir, "data"),
		"--logdir=" + filepath.Join(b.dir, "logs"),
		"--nodnsseed",
		"--rpclisten=127.0.0.1:" + b.port,
		"--rpcuser=" + btcdUser,
		"--rpcpass=" + btcdPassword,
		"--rpccert=" + b.CertFile(),
		"--rpckey=" + filepath.Join(b.dir, "rpc.key"),
		"--miningaddr=" + b.wallet.Address().String(),
		"--txindex",
		"--debuglevel=MINR=warn", // or each block it generates is a line
	}, peers...)...)
	b.output = newBtcdOutput("RPC server listening on")
	cmd.Stdout, cmd.Stderr = b.output, b.output
	require.NoError(b.t, cmd.Start())
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // how it ended shows in its output
	}()
	b.process, b.exited = cmd, exited

	ctx, cancel := context.WithTimeout(b.t.Context(), btcdPatience)
	defer cancel()
	select {
	case <-b.output.Ready():
	case <-exited:
		require.Fail(b.t, "btcd ended at once", "%s", b.output.Tail(30))
	case <-ctx.Done():
		require.Fail(b.t, "btcd does not start", "%s", b.output.Tail(30))
	}
	if b.client == nil {
		cert, err := os.ReadFile(b.CertFile())
		require.NoError(b.t, err)
		pool := x509.NewCertPool()
		require.True(b.t, pool.AppendCertsFromPEM(cert))
		b.client = &http.Client{
			Timeout:   btcdPatience,
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true},
		}
	}
}

// Stop asks the node to end, which saves all its data, and waits for it.
func (b *btcd) Stop() {
	b.t.Helper()
	if b.process == nil {
		return
	}
	require.NoError(b.t, b.process.Process.Signal(os.Interrupt))
	b.wait()
}

// Kill ends the node without warning. Its database loses blocks of the last
// minutes then.
func (b *btcd) Kill() {
	b.t.Helper()
	if b.process == nil {
		return
	}
	if err := b.process.Process.Kill(); !errors.Is(err, os.ErrProcessDone) {
		require.NoError(b.t, err)
	}
	b.wait()
}

func (b *btcd) wait() {
	b.t.Helper()
	select {
	case <-b.exited:
		b.process = nil
	case <-time.After(btcdPatience):
		require.Fail(b.t, "btcd does not end", "%s", b.output.Tail(30))
	}
}

// URL is what --node takes.
func (b *btcd) URL() string { return "https://127.0.0.1:" + b.port }

// CertFile is the certificate that the node made itself.
func (b *btcd) CertFile() string { return filepath.Join(b.dir, "rpc.cert") }

// PasswordFile writes a file for --rpc-password-file.
func (b *btcd) PasswordFile() string {
	b.t.Helper()
	name := filepath.Join(b.dir, "password")
	require.NoError(b.t, os.WriteFile(name, []byte(btcdPassword+"\n"), 0o600))
	return name
}

// A btcdError is btcd's own answer, as opposed to none.
type btcdError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *btcdError) Error() string { return fmt.Sprintf("btcd: %s (%d)", e.Message, e.Code) }

// Call calls method and decodes its result into result, unless that is nil.
// It shares no code with the client under test.
func (b *btcd) Call(result any, method string, params ...any) error {
	if params == nil {
		params = []any{}
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "1.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.URL(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.SetBasicAuth(btcdUser, btcdPassword)
	req.Header.Set("Content-Type", "application/json")
	resp, err := b.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var reply struct {
		Result json.RawMessage `json:"result"`
		Error  *btcdError      `json:"error"`
	}
	if err := json.Unmarshal(text, &reply); err != nil {
		return fmt.Errorf("%s: %s: %q: %w", method, resp.Status, text, err)
	}
	switch {
	case reply.Error != nil:
		return fmt.Errorf("%s: %w", method, reply.Error)
	case result != nil:
		return json.Unmarshal(reply.Result, result)
	}
	return nil
}

// Height returns the height of the node's tip.
func (b *btcd) Height() int32 {
	b.t.Helper()
	var height int32
	require.NoError(b.t, b.Call(&height, "getblockcount"))
	return height
}

// Generate has the node mine n blocks by itself, which pay its wallet.
func (b *btcd) Generate(n int32) {
	b.t.Helper()
	const most = 100 // in one call, so that none lasts long
	for ; n > most; n -= most {
		require.NoError(b.t, b.Call(nil, "generate", most))
	}
	require.NoError(b.t, b.Call(nil, "generate", n))
}

// segwitHeight returns the first height at which segwit binds in blocks that a
// network of btcd's mines from the start, all of them signalling: one window
// until it is proposed, one of votes, one of notice.
func segwitHeight(network string) int32 {
	return 3 * map[string]int32{"simnet": 100, "regtest": 144}[network]
}

// GenerateToSegwit has the node mine until segwit binds. Coinbases are mature
// long before.
func (b *btcd) GenerateToSegwit() {
	b.t.Helper()
	b.Generate(segwitHeight(b.network) - b.Height())
	var info struct {
		Bip9 map[string]struct {
			Status string `json:"status"`
		} `json:"bip9_softforks"`
	}
	require.NoError(b.t, b.Call(&info, "getblockchaininfo"))
	require.Equal(b.t, "active", info.Bip9["segwit"].Status, "%+v", info)
}

// btcdOutput keeps what a process prints and tells when a line holds what is
// waited for.
type btcdOutput struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	until string
	ready chan struct{}
	seen  bool
}

func newBtcdOutput(until string) *btcdOutput {
	return &btcdOutput{until: until, ready: make(chan struct{})}
}

func (o *btcdOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf.Write(p)
	if !o.seen && bytes.Contains(o.buf.Bytes(), []byte(o.until)) {
		o.seen = true
		close(o.ready)
	}
	return len(p), nil
}

// Ready is closed when the line has been seen.
func (o *btcdOutput) Ready() <-chan struct{} { return o.ready }

// Tail returns the last n lines.
func (o *btcdOutput) Tail(n int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var lines []string
	for s := bufio.NewScanner(bytes.NewReader(o.buf.Bytes())); s.Scan(); {
		lines = append(lines, s.Text())
	}
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
