package serve

import (
	"crypto/tls"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hasty makes a proxy try again what failed without waiting long.
func hasty(p *Proxy) {
	t := &p.upstreams.times
	t.first, t.last, t.steady, t.away = 10*time.Millisecond, 10*time.Millisecond, 0, 0
}

// slow makes it not try again in this test.
func slow(p *Proxy) {
	p.upstreams.times.first, p.upstreams.times.away = time.Hour, 0
}

// answerLine is any answer of a pool.
const answerLine = `{"id":1,"result":[[],"aa",4],"error":null}` + "\n"

// converses checks that a device is joined to a pool.
func converses(t testing.TB, device, pool net.Conn) {
	t.Helper()
	says(t, device, pool, subscribeLine)
	says(t, pool, device, answerLine)
}

// deadAddress returns an address where nobody listens.
func deadAddress(t testing.TB) string {
	p := listenPool(t)
	p.Close()
	return p.url()
}

func TestProxyFailsOver(t *testing.T) {
	second := listenPool(t)
	dead := deadAddress(t)
	tp := startProxy(t, ProxyConfig{}, slow, dead, second.url())
	converses(t, tp.dial(), second.accept())
	require.Equal(t, dead, waitEvent[PoolLost](tp).Pool)
	// The next does not try the first one before.
	converses(t, tp.dial(), second.accept())
	require.Equal(t, second.url(), waitEvent[DeviceJoined](tp).Pool)
	tp.stop()
	for _, e := range tp.events {
		require.NotEqual(t, "pool_lost", e.Kind())
	}
}

func TestProxyReturns(t *testing.T) {
	first, second := listenPool(t), listenPool(t)
	address := first.Addr().String()
	first.Close()
	tp := startProxy(t, ProxyConfig{Return: true}, hasty, first.url(), second.url())
	device, pool := tp.dial(), second.accept()
	converses(t, device, pool)
	waitEvent[PoolLost](tp)

	l, err := net.Listen("tcp", address)
	require.NoError(t, err)
	defer l.Close()
	first = &testPool{t, l}
	// The proxy asks whether it works.
	probe := first.accept()
	hears(t, probe, `{"id":1,"method":"mining.subscribe","params":["touchstone"]}`+"\n")
	_, err = io.WriteString(probe, answerLine)
	require.NoError(t, err)
	require.Equal(t, first.url(), waitEvent[PoolBack](tp).Pool)
	// The device is sent back: it is disconnected, and its next connection is with the first.
	hearsEnd(t, device)
	hearsEnd(t, pool)
	require.Contains(t, waitEvent[DeviceLeft](tp).Reason, "works again")
	converses(t, tp.dial(), first.accept())
}

func TestProxyWithoutPool(t *testing.T) {
	dead := deadAddress(t)
	tp := startProxy(t, ProxyConfig{}, slow, dead)
	hearsEnd(t, tp.dial())
	e := waitEvent[DeviceTurnedAway](tp)
	require.Contains(t, e.Error, dead)
	require.Contains(t, e.Error, "refused")
}

// A pool that takes connections and says nothing fails, and so does one that closes them without a word; but not because of a device that
// does not speak Stratum.
func TestProxyKnowsPoolsThatDontWork(t *testing.T) {
	t.Run("hangs", func(t *testing.T) {
		for _, mode := range []ProxyConfig{{}, {Enforce: true}} {
			mode.Silence = 10 * time.Millisecond
			l := newLab(t, mode, slow)
			says(t, l.device, l.pool, subscribeLine)
			hearsEnd(t, l.device)
			hearsEnd(t, l.pool)
			require.Contains(t, waitEvent[PoolLost](l.testProxy).Error, "no answer for 10ms")
		}
	})
	t.Run("closes", func(t *testing.T) {
		for _, mode := range []ProxyConfig{{}, {Enforce: true}} {
			second := listenPool(t)
			first := listenPool(t)
			tp := startProxy(t, mode, slow, first.url(), second.url())
			for _, line := range []string{subscribeLine, "GET / HTTP/1.0\n"[4:], subscribeLine} {
				device, pool := tp.dial(), first.accept()
				says(t, device, pool, line)
				pool.Close()
				hearsEnd(t, device)
				device.Close()
				waitEvent[DeviceLeft](tp)
			}
			require.Contains(t, waitEvent[PoolLost](tp).Error, "without an answer")
			converses(t, tp.dial(), second.accept())
		}
	})
	t.Run("a device that says nothing", func(t *testing.T) {
		l := newLab(t, ProxyConfig{Listen: []ListenAt{{Address: "127.0.0.1:0", Config: ListenConfig{HalfOpen: 10 * time.Millisecond}}}}, slow)
		hearsEnd(t, l.device)
		hearsEnd(t, l.pool)
		require.Contains(t, waitEvent[DeviceLeft](l.testProxy).Reason, "said nothing")
	})
	t.Run("nobody says anything", func(t *testing.T) {
		l := newLab(t, ProxyConfig{Listen: []ListenAt{{Address: "127.0.0.1:0", Config: ListenConfig{Idle: 10 * time.Millisecond}}}}, slow)
		converses(t, l.device, l.pool)
		hearsEnd(t, l.device)
		require.Contains(t, waitEvent[DeviceLeft](l.testProxy).Reason, "nothing was sent")
	})
}

func TestProxyTLS(t *testing.T) {
	certFile, keyFile := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	client := testCertificate(t, certFile, keyFile)
	certificate, err := LoadCertificate(certFile, keyFile)
	require.NoError(t, err)
	pool, err := tls.Listen("tcp", "127.0.0.1:0", certificate.Config())
	require.NoError(t, err)
	defer pool.Close()
	url := "stratum+ssl://" + pool.Addr().String()

	accepted := make(chan net.Conn)
	go func() {
		for {
			c, err := pool.Accept()
			if err != nil {
				return
			}
			c.SetDeadline(time.Now().Add(patience))
			go func() {
				if c.(*tls.Conn).Handshake() == nil {
					accepted <- c
				}
			}()
		}
	}()
	for _, mode := range []ProxyConfig{{}, {Enforce: true}} {
		mode.PoolRoots = client.RootCAs
		mode.Listen = []ListenAt{{Address: "127.0.0.1:0", Config: ListenConfig{TLS: certificate.Config()}}}
		tp := startProxy(t, mode, nil, url)
		device, err := tls.Dial("tcp", tp.addr, client)
		require.NoError(t, err)
		device.SetDeadline(time.Now().Add(patience))
		at := <-accepted
		converses(t, device, at)
		require.NoError(t, at.Close())
		hearsEnd(t, device)
		device.Close()
		require.Contains(t, waitEvent[DeviceLeft](tp).Reason, errPoolLeft.Error())
		tp.stop()
	}
	// A certificate that nobody vouches for.
	tp := startProxy(t, ProxyConfig{}, slow, url)
	hearsEnd(t, tp.dial())
	require.Contains(t, waitEvent[DeviceTurnedAway](tp).Error, "certificate")
}

func TestProxyReloads(t *testing.T) {
	first, second := listenPool(t), listenPool(t)
	tp := startProxy(t, ProxyConfig{}, nil, first.url())
	device, pool := tp.dial(), first.accept()
	converses(t, device, pool)
	c := tp.config
	c.Pools = []string{"nonsense://"}
	_, err := tp.Reload(c)
	require.Error(t, err)
	c.Pools = []string{second.url()}
	c.Enforce = true
	restart, err := tp.Reload(c)
	require.NoError(t, err)
	require.Empty(t, restart)
	converses(t, tp.dial(), second.accept())
	// Who was there stays where it was.
	converses(t, device, pool)
	c.Listen = []ListenAt{{Address: "127.0.0.1:1"}}
	restart, err = tp.Reload(c)
	require.NoError(t, err)
	require.Equal(t, []string{"listen"}, restart)
}

// After a proxy has stopped, nothing of it is left.
func TestProxyLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, mode := range []ProxyConfig{{}, {Enforce: true}} {
		pool := listenPool(t)
		tp := startProxy(t, mode, nil, pool.url(), deadAddress(t))
		for range 20 {
			converses(t, tp.dial(), pool.accept())
		}
		tp.stop()
	}
	for limit := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			buf := make([]byte, 1<<20)
			require.FailNow(t, "goroutines are left", "%s", buf[:runtime.Stack(buf, true)])
		}
	}
}

func TestParsePoolURL(t *testing.T) {
	for text, want := range map[string]PoolURL{
		"pool.example":                                 {Host: "pool.example", Port: 3333},
		"pool.example:1":                               {Host: "pool.example", Port: 1},
		"stratum+tcp://pool.example:3334/":             {Host: "pool.example", Port: 3334},
		"STRATUM+SSL://[2001:db8::1]:443":              {Host: "2001:db8::1", Port: 443, TLS: true},
		"stratum+tls://wallet.worker:x%40y@pool.net:5": {Host: "pool.net", Port: 5, TLS: true, User: "wallet.worker", Password: "x@y"},
	} {
		got, err := ParsePoolURL(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		again, err := ParsePoolURL(got.String())
		require.NoError(t, err)
		got.User, got.Password = "", ""
		require.Equal(t, got, again)
	}
	for _, text := range []string{"", "stratum+tcp://", "stratum+tcp://:1", "a:0", "a:65536", "a:b", "ftp://a", "a/b", "a?b", "user:secret@a:b"} {
		_, err := ParsePoolURL(text)
		require.Error(t, err, text)
		require.NotContains(t, err.Error(), "secret")
	}
}
