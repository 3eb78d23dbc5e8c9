package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/internal/serve"
	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
)

// What is measured runs in a process of its own, and so does what measures: this test binary, started once more. What it is then is in
// the environment.
const (
	childRole   = "TOUCHSTONE_LOAD_ROLE"
	childConfig = "TOUCHSTONE_LOAD_CONFIG" // JSON
)

func TestMain(m *testing.M) {
	roles := map[string]func(ctx context.Context, config []byte) error{
		"pool": runPool, "proxy": runProxy, "generator": runGenerator,
	}
	if role := roles[os.Getenv(childRole)]; role != nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		if err := role(ctx, []byte(os.Getenv(childConfig))); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// poolSetup is what a pool of the test binary is told.
type poolSetup struct {
	DataDir string
	Record  string // a folder; "" records nothing
}

// poolMessage is a line that a child writes: an event of the role, or what it was asked for.
type poolMessage struct {
	Event  string   `json:"event,omitempty"`
	Listen []string `json:"listen"`
	Error  string   `json:"error"`

	// Of the last event.
	Shares    uint64 `json:"shares"`
	Credited  uint64 `json:"credited"`
	Unjudged  uint64 `json:"unjudged"`
	Disagreed uint64 `json:"disagreed"`

	// Of the answer to "memory", in bytes, but for the last.
	Heap       uint64 `json:"heap"`
	Stack      uint64 `json:"stack"`
	Goroutines int    `json:"goroutines"`
}

// writeEvent writes an event as a line of JSON; how many devices come and go is for others to tell.
func writeEvent(e serve.Event) {
	switch e.(type) {
	case serve.DeviceConnected, serve.DeviceAuthorized, serve.DeviceGone, serve.DeviceJoined, serve.DeviceLeft:
	default:
		writeLine(e.Kind(), e)
	}
}

var writing sync.Mutex

func writeLine(name string, fields any) {
	b, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	writing.Lock()
	defer writing.Unlock()
	fmt.Printf(`{"event":%q,%s`+"\n", name, b[1:])
}

// untilAsked returns a context that ends when standard input does. Until then, what is asked there is done.
func untilAsked(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			var m poolMessage
			if err := answer(in.Text(), &m); err != nil {
				m.Error = err.Error()
			}
			writeLine("answer", m)
		}
	}()
	return ctx, cancel
}

// runPool is the child that is a pool on the embedded chain.
func runPool(ctx context.Context, config []byte) error {
	var setup poolSetup
	if err := json.Unmarshal(config, &setup); err != nil {
		return err
	}
	backend, err := serve.OpenDevnet(ctx, setup.DataDir, func(serve.Event) {})
	if err != nil {
		return err
	}
	recorder, err := openRecorder(setup.Record)
	if err != nil {
		return err
	}
	pool, err := serve.NewPool(serve.PoolConfig{
		Backend:     backend,
		Listen:      listenAt,
		VersionMask: work.MaskBIP320,
		Vardiff:     stratum.Vardiff{SharesPerMinute: -1, Start: 1e-9},
		Recorder:    recorder,
		OnEvent:     writeEvent,
	})
	if err != nil {
		return err
	}
	ctx, cancel := untilAsked(ctx)
	defer cancel()
	err = pool.Run(ctx)
	if recorder != nil {
		err = errors.Join(err, recorder.Close())
	}
	return errors.Join(err, backend.Close())
}

var listenAt = []serve.ListenAt{{Address: "127.0.0.1:0", Config: serve.ListenConfig{MaxConnsPerAddress: 20_000}}}

func openRecorder(dir string) (*serve.Recorder, error) {
	if dir == "" {
		return nil, nil
	}
	return serve.OpenRecorder(serve.RecorderConfig{Dir: dir})
}

// proxySetup is what a proxy of the test binary is told.
type proxySetup struct {
	Pool   string
	Record string // a folder; "" records nothing
}

// runProxy is the child that is a proxy.
func runProxy(ctx context.Context, config []byte) error {
	var setup proxySetup
	if err := json.Unmarshal(config, &setup); err != nil {
		return err
	}
	recorder, err := openRecorder(setup.Record)
	if err != nil {
		return err
	}
	proxy, err := serve.NewProxy(serve.ProxyConfig{Listen: listenAt, Pools: []string{setup.Pool}, Recorder: recorder, OnEvent: writeEvent})
	if err != nil {
		return err
	}
	ctx, cancel := untilAsked(ctx)
	defer cancel()
	err = proxy.Run(ctx)
	if recorder != nil {
		err = errors.Join(err, recorder.Close())
	}
	return err
}

// answer does what a child is asked to: "memory", or "profile KIND FILE", where KIND is cpu, which lasts until it is asked for again
// without a file, or another of package pprof.
func answer(question string, m *poolMessage) error {
	words := strings.Fields(question)
	switch {
	case len(words) == 1 && words[0] == "memory":
		// Twice: what a sync.Pool has survives once.
		runtime.GC()
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		m.Heap, m.Stack, m.Goroutines = s.HeapAlloc, s.StackInuse, runtime.NumGoroutine()
	case len(words) == 2 && words[0] == "profile":
		pprof.StopCPUProfile()
	case len(words) == 3 && words[0] == "profile":
		f, err := os.Create(words[2])
		if err != nil {
			return err
		}
		if words[1] == "cpu" {
			return pprof.StartCPUProfile(f)
		}
		defer f.Close()
		return pprof.Lookup(words[1]).WriteTo(f, 0)
	default:
		return fmt.Errorf("nobody knows %q", question)
	}
	return nil
}

// runGenerator is the child that makes load: it prints a Report when the last reply came, and ends with its standard input.
func runGenerator(ctx context.Context, config []byte) error {
	var c Config
	if err := json.Unmarshal(config, &c); err != nil {
		return err
	}
	var g *Generator
	var failed error
	c.Drained = func() {
		r := g.Report()
		failed = json.NewEncoder(os.Stdout).Encode(&r)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
	var err error
	if g, err = New(c); err != nil {
		return err
	}
	return errors.Join(g.Run(ctx), failed)
}

// A process is a child, or another program with such events. It ends with the test.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	lines  chan []byte // of standard output; closed at its end
	stderr strings.Builder
	ended  bool
}

// child starts this binary once more.
func child(t testing.TB, role string, config any) *process {
	b, err := json.Marshal(config)
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childRole+"="+role, childConfig+"="+string(b))
	return startProcess(t, cmd)
}

func startProcess(t testing.TB, cmd *exec.Cmd) *process {
	p := &process{t: t, cmd: cmd, lines: make(chan []byte, 1<<16)}
	var err error
	p.stdin, err = cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = &p.stderr
	require.NoError(t, cmd.Start())
	go func() {
		defer close(p.lines)
		for in := bufio.NewReader(stdout); ; {
			line, err := in.ReadBytes('\n')
			if err != nil {
				return
			}
			for kept := false; !kept; {
				select {
				case p.lines <- line:
					kept = true
				default: // nobody listens: the oldest goes
					select {
					case <-p.lines:
					default:
					}
				}
			}
		}
	}()
	t.Cleanup(func() {
		if !p.ended {
			_ = cmd.Process.Kill()
			for range p.lines {
			}
			_ = cmd.Wait()
		}
		if t.Failed() {
			t.Logf("%s: standard error:\n%s", cmd, &p.stderr)
		}
	})
	return p
}

// next returns the next line, which is not to take longer than that.
func (p *process) next(limit time.Duration) []byte {
	p.t.Helper()
	select {
	case line, ok := <-p.lines:
		require.True(p.t, ok, "%s ended", p.cmd)
		return line
	case <-time.After(limit):
		require.Fail(p.t, "nothing is said", "%s", p.cmd)
	}
	return nil
}

// event returns the next event of that kind.
func (p *process) event(kind string) poolMessage {
	p.t.Helper()
	for {
		var m poolMessage
		line := p.next(time.Minute)
		// Another's fields may have the same names and be something else.
		if !bytes.HasPrefix(line, []byte(`{"event":"`+kind+`"`)) {
			continue
		}
		require.NoError(p.t, json.Unmarshal(line, &m), "%s", line)
		require.Empty(p.t, m.Error)
		return m
	}
}

// ask has a child do something, see answer.
func (p *process) ask(question string) poolMessage {
	p.t.Helper()
	_, err := io.WriteString(p.stdin, question+"\n")
	require.NoError(p.t, err)
	return p.event("answer")
}

// stop ends the process as a user would, and returns its last event of that kind, if one is given.
func (p *process) stop(kind string) (m poolMessage) {
	p.t.Helper()
	require.NoError(p.t, p.stdin.Close())
	if runtime.GOOS != "windows" {
		require.NoError(p.t, p.cmd.Process.Signal(os.Interrupt))
	}
	if kind != "" {
		m = p.event(kind)
	}
	for range p.lines {
	}
	p.ended = true
	require.NoError(p.t, p.cmd.Wait(), "%s", &p.stderr)
	return m
}

// rss returns how many bytes of memory the process has, 0 where that is not known.
func (p *process) rss() uint64 {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
			kB, _ := strconv.ParseUint(f[1], 10, 64)
			return kB << 10
		}
	}
	return 0
}

// startPool starts a pool of this binary and returns where it listens.
func startPool(t testing.TB, record string) (p *process, url string) {
	p = child(t, "pool", poolSetup{DataDir: t.TempDir(), Record: record})
	return p, p.event("pool_started").Listen[0]
}

// startProxy starts a proxy of this binary before a pool and returns where it listens.
func startProxy(t testing.TB, pool, record string) (p *process, url string) {
	p = child(t, "proxy", proxySetup{pool, record})
	return p, p.event("proxy_started").Listen[0]
}
