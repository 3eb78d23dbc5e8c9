package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/testvectors"
	"github.com/touchstone-btc/touchstone/work/share"
)

// testProxy is a proxy that runs.
type testProxy struct {
	*Proxy
	t       testing.TB
	addr    string
	stop    func() // and waits until it has
	stopped chan error

	mu       sync.Mutex
	events   []Event
	verdicts map[string][]string // by session, in their order
	arrived  *sync.Cond
}

// startProxy runs a proxy on loopback before these pools. prepare may change it before it runs.
func startProxy(t testing.TB, c ProxyConfig, prepare func(p *Proxy), pools ...string) *testProxy {
	t.Helper()
	tp := &testProxy{t: t, stopped: make(chan error, 1), verdicts: map[string][]string{}}
	tp.arrived = sync.NewCond(&tp.mu)
	if c.Listen == nil {
		c.Listen = []ListenAt{{Address: "127.0.0.1:0"}}
	}
	c.Pools = pools
	c.OnEvent = func(e Event) {
		tp.mu.Lock()
		defer tp.mu.Unlock()
		tp.events = append(tp.events, e)
		tp.arrived.Broadcast()
	}
	var err error
	tp.Proxy, err = NewProxy(c)
	require.NoError(t, err)
	tp.judge.judged = func(w *witness, v *share.Verdict, err error) {
		word := v.Word.String()
		if err != nil {
			word = "unjudged"
		}
		tp.mu.Lock()
		defer tp.mu.Unlock()
		tp.verdicts[w.session] = append(tp.verdicts[w.session], word)
	}
	if prepare != nil {
		prepare(tp.Proxy)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { tp.stopped <- tp.Run(ctx) }()
	tp.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-tp.stopped:
			require.NoError(t, err)
		case <-time.After(patience):
			t.Error("the proxy does not stop")
		}
	})
	t.Cleanup(tp.stop)
	started := waitEvent[ProxyStarted](tp)
	_, tp.addr, _ = strings.Cut(started.Listen[0], "://")
	return tp
}

// waitEvent waits until an event of that type was told, and returns the first that was not returned before.
func waitEvent[E Event](tp *testProxy) E {
	tp.t.Helper()
	tp.mu.Lock()
	defer tp.mu.Unlock()
	late := time.AfterFunc(patience, func() {
		tp.mu.Lock()
		defer tp.mu.Unlock()
		tp.events = append(tp.events, nil)
		tp.arrived.Broadcast()
	})
	defer late.Stop()
	for {
		for i, e := range tp.events {
			if found, ok := e.(E); ok {
				tp.events = slices.Delete(tp.events, i, i+1)
				return found
			}
			if e == nil {
				var want E
				require.FailNow(tp.t, "no event", "%T in %v", want, tp.events)
			}
		}
		tp.arrived.Wait()
	}
}

// dial connects a device.
func (tp *testProxy) dial() *net.TCPConn { return dialTest(tp.t, tp.addr) }

func dialTest(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn)
}

// testPool is where a scripted pool listens.
type testPool struct {
	t testing.TB
	net.Listener
}

func listenPool(t testing.TB) *testPool {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return &testPool{t, l}
}

func (p *testPool) url() string { return "stratum+tcp://" + p.Addr().String() }

func (p *testPool) accept() *net.TCPConn {
	p.t.Helper()
	p.Listener.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	c, err := p.Accept()
	require.NoError(p.t, err)
	p.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn)
}

// step is what one side of a connection sends, in pieces.
type step struct {
	conn   int // which of several connections
	from   stratum.From
	pieces [][]byte
}

// captured is what both ends of the connections got.
type captured struct {
	device, pool []string
}

// play plays a script on connections that dial makes and accept takes, and returns what each end got until the other ended. Each step
// has arrived before the next begins.
func play(t *testing.T, conns int, script []step, dial, accept func() *net.TCPConn) (c captured) {
	t.Helper()
	var devices, pools []*net.TCPConn
	for range conns {
		devices = append(devices, dial())
		pools = append(pools, accept())
	}
	c.device, c.pool = make([]string, conns), make([]string, conns)
	for _, s := range script {
		src, dst, got := devices[s.conn], pools[s.conn], &c.pool[s.conn]
		if s.from == stratum.FromPool {
			src, dst, got = dst, src, &c.device[s.conn]
		}
		size := 0
		for _, piece := range s.pieces {
			_, err := src.Write(piece)
			require.NoError(t, err)
			size += len(piece)
		}
		b := make([]byte, size)
		n, err := io.ReadFull(dst, b)
		require.NoError(t, err, "got %q", b[:n])
		*got += string(b)
	}
	for i := range conns {
		require.NoError(t, devices[i].CloseWrite())
		rest, err := io.ReadAll(pools[i])
		require.NoError(t, err)
		c.pool[i] += string(rest)
		require.NoError(t, pools[i].CloseWrite())
		rest, err = io.ReadAll(devices[i])
		require.NoError(t, err)
		c.device[i] += string(rest)
		devices[i].Close()
		pools[i].Close()
	}
	return c
}

// script returns the messages of a recording, each cut by split, and how many connections it has.
func script(t testing.TB, transcript []byte, split func([]byte) [][]byte) (conns int, steps []step) {
	t.Helper()
	names := map[string]int{}
	lines := stratum.NewTranscript(bytes.NewReader(transcript))
	for {
		l, err := lines.Next()
		if err == io.EOF {
			return len(names), steps
		}
		require.NoError(t, err)
		if l.From != stratum.FromMiner && l.From != stratum.FromPool {
			continue
		}
		n, ok := names[string(l.Session)]
		if !ok {
			n = len(names)
			names[string(l.Session)] = n
		}
		steps = append(steps, step{n, l.From, split(append(bytes.Clone(l.Bytes()), '\n'))})
	}
}

// Ways to cut what is sent.
var cuts = map[string]func([]byte) [][]byte{
	"lines": func(b []byte) [][]byte { return [][]byte{b} },
	"bytes": func(b []byte) (pieces [][]byte) {
		for i := range b {
			pieces = append(pieces, b[i:i+1])
		}
		return pieces
	},
	"CRLF": func(b []byte) [][]byte {
		return [][]byte{append(bytes.TrimSuffix(bytes.Clone(b), []byte("\n")), "\r\n"...)}
	},
	"garbage": func(b []byte) [][]byte {
		return [][]byte{[]byte("\x00\xff no JSON \n\n \r\n{\"id\":\n"), b[:len(b)/2], b[len(b)/2:], []byte("\r\r\n")}
	},
	"late end": func(b []byte) [][]byte {
		line := bytes.TrimSuffix(b, []byte("\n"))
		return [][]byte{append([]byte("\n"), line...)}
	},
}

// What pool and device see through the proxy is, byte for byte, what they see without it; and what the judge makes of it is what a replay
// of the recording does.
func TestProxyIsTransparent(t *testing.T) {
	for name, split := range cuts {
		t.Run(name, func(t *testing.T) {
			pool := listenPool(t)
			for _, v := range testvectors.Shares() {
				if name == "bytes" && len(v.Transcript) > 10_000 {
					continue
				}
				conns, steps := script(t, v.Transcript, split)
				direct := play(t, conns, steps, func() *net.TCPConn { return dialTest(t, pool.Addr().String()) }, pool.accept)

				dir := t.TempDir()
				recorder, err := OpenRecorder(RecorderConfig{Dir: dir})
				require.NoError(t, err)
				tp := startProxy(t, ProxyConfig{Recorder: recorder, Recording: dir}, nil, pool.url())
				through := play(t, conns, steps, tp.dial, pool.accept)
				tp.stop()
				require.NoError(t, recorder.Close())
				require.Equal(t, direct, through, v.Name)
				requireReplayed(t, tp, dir)
			}
		})
	}
}

// requireReplayed checks that a replay of the recording gives the verdicts of the judge.
func requireReplayed(t *testing.T, tp *testProxy, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var recording bytes.Buffer
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		recording.Write(b)
	}
	replayed := map[string][]string{}
	r := NewReplay(ReplayConfig{OnShare: func(s *ShareReport) error {
		word := s.Verdict.Word.String()
		if s.Err != nil {
			word = "unjudged"
		}
		replayed[s.Session] = append(replayed[s.Session], fmt.Sprintf("%06d %s", s.Line, word))
		return nil
	}})
	if err := r.Recording(t.Context(), "recording", &recording); !errors.Is(err, ErrEmptyRecording) {
		require.NoError(t, err)
	}
	for session, all := range replayed {
		slices.Sort(all)
		for i := range all {
			all[i] = all[i][7:]
		}
		replayed[session] = all
	}
	tp.mu.Lock()
	defer tp.mu.Unlock()
	require.Equal(t, replayed, tp.verdicts)
}

// lab is one device at one pool, through a proxy.
type lab struct {
	*testProxy
	upstream *testPool
	device   *net.TCPConn
	pool     *net.TCPConn
}

func newLab(t testing.TB, c ProxyConfig, prepare func(*Proxy)) *lab {
	l := &lab{upstream: listenPool(t)}
	l.testProxy = startProxy(t, c, prepare, l.upstream.url())
	l.device = l.dial()
	l.pool = l.upstream.accept()
	return l
}

// says sends a text and checks that it arrives.
func says(t testing.TB, from, to net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(from, text)
	require.NoError(t, err)
	hears(t, to, text)
}

// hears checks that a text arrives.
func hears(t testing.TB, c net.Conn, text string) {
	t.Helper()
	b := make([]byte, len(text))
	n, err := io.ReadFull(c, b)
	require.NoError(t, err, "got %q, want %q", b[:n], text)
	require.Equal(t, text, string(b))
}

// hearsEnd checks that nothing more comes.
func hearsEnd(t testing.TB, c net.Conn) {
	t.Helper()
	rest, err := io.ReadAll(c)
	require.Empty(t, string(rest))
	if err != nil {
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	}
}

const subscribeLine = `{"id":1,"method":"mining.subscribe","params":["tester/1.0"]}` + "\n"

func TestProxyHalfClose(t *testing.T) {
	t.Run("device", func(t *testing.T) {
		l := newLab(t, ProxyConfig{}, nil)
		says(t, l.device, l.pool, "no line feed")
		require.NoError(t, l.device.CloseWrite())
		hearsEnd(t, l.pool)
		says(t, l.pool, l.device, "still here\n")
		l.pool.Close()
		hearsEnd(t, l.device)
		require.Equal(t, errDeviceLeft.Error(), waitEvent[DeviceLeft](l.testProxy).Reason)
	})
	t.Run("pool", func(t *testing.T) {
		l := newLab(t, ProxyConfig{}, nil)
		says(t, l.pool, l.device, "bye")
		require.NoError(t, l.pool.CloseWrite())
		hearsEnd(t, l.device)
		says(t, l.device, l.pool, "one more")
		l.device.Close()
		hearsEnd(t, l.pool)
		require.Equal(t, errPoolLeft.Error(), waitEvent[DeviceLeft](l.testProxy).Reason)
	})
	t.Run("pool resets", func(t *testing.T) {
		l := newLab(t, ProxyConfig{}, nil)
		says(t, l.device, l.pool, subscribeLine)
		l.pool.SetLinger(0)
		l.pool.Close()
		hearsEnd(t, l.device)
		require.Contains(t, waitEvent[DeviceLeft](l.testProxy).Reason, errPoolLeft.Error())
	})
}

// A long line is forwarded like any other bytes; the judge knows only that something was there.
func TestProxyForwardsLongLines(t *testing.T) {
	l := newLab(t, ProxyConfig{}, nil)
	long := strings.Repeat("x", 10<<20) + "\n"
	go io.WriteString(l.pool, long)
	hears(t, l.device, long)
	says(t, l.device, l.pool, subscribeLine)
	l.stop()
}

func TestProxyJudgeFails(t *testing.T) {
	l := newLab(t, ProxyConfig{}, func(p *Proxy) { p.judge.before = func(*witness) { panic("test") } })
	says(t, l.device, l.pool, subscribeLine)
	require.Equal(t, "test", waitEvent[JudgeFailed](l.testProxy).Error)
	for range 10 {
		says(t, l.device, l.pool, subscribeLine)
		says(t, l.pool, l.device, subscribeLine)
	}
}

func TestProxyJudgeHangs(t *testing.T) {
	release := make(chan struct{})
	l := newLab(t, ProxyConfig{}, func(p *Proxy) {
		p.judge.limits.connMessages = 8
		p.judge.before = func(*witness) { <-release }
	})
	for range 100 {
		says(t, l.device, l.pool, subscribeLine)
	}
	close(release)
	// What was missed is known when there is room for the next message.
	says(t, l.device, l.pool, subscribeLine)
	l.device.Close()
	require.Positive(t, waitEvent[JudgeBehind](l.testProxy).Messages)
	l.stop()
}

// A judge that never comes back does not keep the proxy from stopping.
func TestProxyStopsWithoutJudge(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	l := newLab(t, ProxyConfig{}, func(p *Proxy) { p.judge.before = func(*witness) { <-release } })
	says(t, l.device, l.pool, subscribeLine)
	l.stop()
	hearsEnd(t, l.device)
	hearsEnd(t, l.pool)
}

// Nor does whoever listens to events.
func TestProxyOutlivesItsListener(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	pool := listenPool(t)
	started := make(chan ProxyStarted, 1)
	p, err := NewProxy(ProxyConfig{
		Listen: []ListenAt{{Address: "127.0.0.1:0"}}, Pools: []string{pool.url()},
		OnEvent: func(e Event) {
			if e, ok := e.(ProxyStarted); ok {
				started <- e
			}
			<-release
		},
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	_, addr, _ := strings.Cut((<-started).Listen[0], "://")
	device := dialTest(t, addr)
	says(t, device, pool.accept(), subscribeLine)
	cancel()
	require.NoError(t, <-ended)
}

// On a stop, shares that the device has sent are answered first.
func TestProxyDrains(t *testing.T) {
	for name, c := range map[string]ProxyConfig{"transparent": {}, "enforce": {Enforce: true}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c)
			job := r.job("job", 1, mainnetBits)
			r.tells(string(stratum.AppendNotify(nil, job, true)))
			r.asks(r.share(10, job, r.theirs.MetBy))
			go r.stop()
			// The stop has begun when the proxy hears nothing any more.
			for {
				c, err := net.Dial("tcp", r.addr)
				if err != nil {
					break
				}
				c.Close()
			}
			r.tells(answered("10"))
			hearsEnd(t, r.device)
			hearsEnd(t, r.lab.pool)
		})
	}
}

func TestProxyConfig(t *testing.T) {
	listen := []ListenAt{{Address: "127.0.0.1:0"}}
	for name, c := range map[string]ProxyConfig{
		"without an address": {Pools: []string{"pool:1"}},
		"without a pool":     {Listen: listen},
		"user and password":  {Listen: listen, Pools: []string{"stratum+tcp://a:b@pool:1"}},
		"unknown scheme":     {Listen: listen, Pools: []string{"http://pool:1"}},
		"Stratum V2":         {Listen: listen, Pools: []string{"stratum2+tcp://pool:1/key"}},
		"share rate":         {Listen: listen, Pools: []string{"pool:1"}, ShareRate: -1},
		"port 70000":         {Listen: listen, Pools: []string{"pool:70000"}},
	} {
		_, err := NewProxy(c)
		require.ErrorContains(t, err, name)
		require.NotContains(t, err.Error(), "a:b")
	}
}

// Events are JSON whose fields have names.
func TestProxyEvents(t *testing.T) {
	for _, e := range []Event{
		ProxyStarted{}, DeviceJoined{}, DeviceLeft{}, DeviceTurnedAway{}, PoolLost{}, PoolBack{}, PoolRedirects{}, Disagreed{}, ShareIsBlock{},
		JudgeBehind{}, JudgeFailed{}, ProxyStopped{},
	} {
		b, err := json.Marshal(e)
		require.NoError(t, err)
		require.Equal(t, strings.ToLower(string(b)), string(b))
		require.NotEmpty(t, e.Kind())
	}
}
