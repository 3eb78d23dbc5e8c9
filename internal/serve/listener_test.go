package serve

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
)

// testListener is a Listener whose handler answers each line with the address it came from and the line.
type testListener struct {
	*Listener
	t       *testing.T
	handled chan error // what ended each connection

	mu     sync.Mutex
	events []Event
	stop   func()
}

func echo(ctx context.Context, l *Lines) error {
	for {
		line, err := l.Next()
		if err != nil {
			return err
		}
		if string(line) == "violate\n" {
			return fmt.Errorf("wrapped: %w", &stratum.Violation{What: "violated"})
		}
		host, _, _ := strings.Cut(l.Addr(), ":")
		l.Reply([]byte(host+" "+string(line)), nil)
	}
}

func startListener(t *testing.T, c ListenConfig, handle func(context.Context, *Lines) error) *testListener {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return serveOn(t, inner, c, handle)
}

func serveOn(t *testing.T, inner net.Listener, c ListenConfig, handle func(context.Context, *Lines) error) *testListener {
	l := &testListener{t: t, handled: make(chan error, 10_000)}
	l.Listener = newListener(inner, c, func(e Event) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.events = append(l.events, e)
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		done <- l.Serve(ctx, func(ctx context.Context, lines *Lines) error {
			err := handle(ctx, lines)
			l.handled <- err
			return err
		})
	}()
	l.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
	})
	t.Cleanup(l.stop)
	return l
}

func (l *testListener) dial() *net.TCPConn {
	c, err := net.Dial("tcp", l.Addr().String())
	require.NoError(l.t, err)
	l.t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// told returns the events of a type so far.
func told[E Event](l *testListener) (all []E) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if e, ok := e.(E); ok {
			all = append(all, e)
		}
	}
	return all
}

// ask sends a line and returns the answer.
func ask(t *testing.T, c net.Conn, line string) string {
	t.Helper()
	_, err := io.WriteString(c, line)
	require.NoError(t, err)
	answer, err := bufio.NewReader(c).ReadString('\n')
	require.NoError(t, err)
	return answer
}

// requireClosed reads until the connection ends.
func requireClosed(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(time.Minute)) // a safety net
	_, err := io.Copy(io.Discard, c)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
}

// requireTurnedAway connects, which may fail already because the connection is reset so soon.
func (l *testListener) requireTurnedAway() {
	l.t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return
	}
	requireClosed(l.t, c)
	c.Close()
}

func TestListener(t *testing.T) {
	l := startListener(t, ListenConfig{}, echo)
	a, b := l.dial(), l.dial()
	require.Equal(t, "127.0.0.1 {}\n", ask(t, a, "{}\n"))
	require.Equal(t, "127.0.0.1 []\n", ask(t, b, "[]\n"))
	a.Close()
	require.ErrorIs(t, <-l.handled, io.EOF)
	// The end of the context ends those that are there, and none comes.
	l.stop()
	require.ErrorIs(t, <-l.handled, context.Canceled)
	requireClosed(t, b)
	_, err := net.Dial("tcp", l.Addr().String())
	require.Error(t, err)
	require.Empty(t, l.events)
}

func TestListenerInUse(t *testing.T) {
	l := startListener(t, ListenConfig{}, echo)
	_, err := Listen(l.Addr().String(), ListenConfig{}, nil)
	require.ErrorContains(t, err, "listen on "+l.Addr().String())
}

// TestListenerEndsHandlers: what a handler says when the context ends arrives.
func TestListenerEndsHandlers(t *testing.T) {
	l := startListener(t, ListenConfig{}, func(ctx context.Context, l *Lines) error {
		_, err := l.Next()
		l.Write([]byte("bye\n"), nil)
		return err
	})
	c := l.dial()
	go l.stop()
	got, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Contains(t, []string{"bye\n", ""}, string(got)) // "" where it was stopped before it was accepted
}

func TestListenerBans(t *testing.T) {
	l := startListener(t, ListenConfig{BanLoopback: true}, echo)
	now := time.Now()
	var mu sync.Mutex
	l.guard.now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	bystander := l.dial()
	require.Equal(t, "127.0.0.1 {}\n", ask(t, bystander, "{}\n"))
	bad := l.dial()
	io.WriteString(bad, "violate\n")
	requireClosed(t, bad)
	require.Equal(t, []Banned{{"127.0.0.1", "wrapped: violated", 60}}, told[Banned](l))
	for range 3 {
		l.requireTurnedAway()
	}
	require.Equal(t, []TurnedAway{{Reason: AwayBanned, Count: 1, Address: told[TurnedAway](l)[0].Address}}, told[TurnedAway](l))
	// Who is there stays.
	require.Equal(t, "127.0.0.1 {}\n", ask(t, bystander, "{}\n"))
	mu.Lock()
	now = now.Add(59 * time.Second)
	mu.Unlock()
	l.requireTurnedAway()
	require.Equal(t, 3, told[TurnedAway](l)[1].Count)
	mu.Lock()
	now = now.Add(time.Second)
	mu.Unlock()
	require.Equal(t, "127.0.0.1 {}\n", ask(t, l.dial(), "{}\n"))
}

// TestListenerBansNobody: not loopback, where all programs of a lab live, nor where that is not wanted, nor for what is no malice.
func TestListenerBansNobody(t *testing.T) {
	long := strings.Repeat("x", 70_000)
	for _, test := range []struct {
		name   string
		config ListenConfig
		line   string
	}{
		{"loopback", ListenConfig{}, "violate\n"},
		{"off", ListenConfig{BanLoopback: true, BanFor: -1}, "violate\n"},
		{"loopback, long line", ListenConfig{}, long},
		{"TLS", ListenConfig{BanLoopback: true}, "\x16\x03\x01\x02\x00"},
		{"HTTP", ListenConfig{BanLoopback: true}, "GET / HTTP/1.1\r\n\r\n"},
		{"unfinished", ListenConfig{BanLoopback: true}, "{"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := startListener(t, test.config, echo)
			for range 2 {
				c := l.dial()
				io.WriteString(c, test.line)
				c.CloseWrite()
				require.Error(t, <-l.handled)
				requireClosed(t, c)
			}
			require.Empty(t, l.events)
		})
	}
}

func TestListenerLongLine(t *testing.T) {
	l := startListener(t, ListenConfig{BanLoopback: true}, echo)
	c := l.dial()
	go func() {
		for range 1000 {
			if _, err := c.Write(make([]byte, 10_000)); err != nil {
				return
			}
		}
	}()
	err := <-l.handled
	require.ErrorIs(t, err, ErrLineTooLong)
	require.EqualError(t, err, "line too long: more than 65536 bytes")
	requireClosed(t, c)
	require.Len(t, told[Banned](l), 1)
}

func TestListenerHTTP(t *testing.T) {
	l := startListener(t, ListenConfig{}, echo)
	r, err := http.Get("http://" + l.Addr().String() + "/")
	require.NoError(t, err)
	defer r.Body.Close()
	require.Equal(t, http.StatusBadRequest, r.StatusCode)
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), "Stratum")
	require.ErrorIs(t, <-l.handled, ErrSpeaksHTTP)
}

func TestListenerLimits(t *testing.T) {
	t.Run("all", func(t *testing.T) {
		l := startListener(t, ListenConfig{MaxConns: 2}, echo)
		a, b := l.dial(), l.dial()
		ask(t, a, "{}\n")
		ask(t, b, "{}\n")
		l.requireTurnedAway()
		require.Equal(t, AwayFull, told[TurnedAway](l)[0].Reason)
		a.Close()
		require.ErrorIs(t, <-l.handled, io.EOF)
		require.Eventually(t, func() bool {
			l.guard.mu.Lock()
			defer l.guard.mu.Unlock()
			return l.guard.total == 1
		}, time.Minute, time.Millisecond)
		ask(t, l.dial(), "{}\n")
	})
	t.Run("thousands of one address", func(t *testing.T) {
		l := startListener(t, ListenConfig{MaxConnsPerAddress: 10}, echo)
		for range 10 {
			ask(t, l.dial(), "{}\n")
		}
		for range 2000 {
			c, err := net.Dial("tcp", l.Addr().String())
			if err == nil {
				c.Close()
			}
		}
		away := told[TurnedAway](l)
		require.NotEmpty(t, away)
		require.Equal(t, AwayAddress, away[0].Reason)
		require.Less(t, len(away), 100) // told now and then
		l.stop()
		require.Len(t, l.handled, 10)
		require.Empty(t, l.guard.address)
		require.Zero(t, l.guard.total)
	})
}

// TestListenerJoin: what one listener learned holds for the other.
func TestListenerJoin(t *testing.T) {
	a := startListener(t, ListenConfig{BanLoopback: true, MaxConns: 2}, echo)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := newListener(inner, ListenConfig{MaxConns: 2}, nil)
	b.Join(a.Listener)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- b.Serve(ctx, echo) }()
	defer func() {
		cancel()
		require.NoError(t, <-done)
	}()
	stays, err := net.Dial("tcp", b.Addr().String())
	require.NoError(t, err)
	defer stays.Close()
	ask(t, stays, "{}\n")
	bad := a.dial()
	io.WriteString(bad, "violate\n")
	requireClosed(t, bad)
	c, err := net.Dial("tcp", b.Addr().String())
	if err == nil {
		requireClosed(t, c)
		c.Close()
	}
	ask(t, stays, "{}\n")
}

// TestListenerReload: who comes now obeys the new limits.
func TestListenerReload(t *testing.T) {
	l := startListener(t, ListenConfig{MaxConns: 1}, echo)
	ask(t, l.dial(), "{}\n")
	l.requireTurnedAway()
	l.Reload(ListenConfig{MaxConns: 2})
	ask(t, l.dial(), "{}\n")
}

// proxyHeader is the PROXY header of a connection from an address.
func proxyHeader(t *testing.T, version byte, from string) []byte {
	source := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from))
	to := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 200), Port: 3333}
	b, err := proxyproto.HeaderProxyFromAddrs(version, source, to).Format()
	require.NoError(t, err)
	return b
}

func loopbackNet() []*net.IPNet {
	_, n, _ := net.ParseCIDR("127.0.0.0/8")
	return []*net.IPNet{n}
}

func TestListenerProxyProtocol(t *testing.T) {
	config := ListenConfig{ProxyProtocol: loopbackNet()}
	localV2 := append([]byte("\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"), "{}\n"...)
	withTLV := proxyHeader(t, 2, "192.0.2.7:1000")
	withTLV[15] += 7
	withTLV = append(withTLV, 0xEA, 0, 4, 1, 2, 3, 4)
	tests := []struct {
		name, in, answer, away string
	}{
		{"v1", string(proxyHeader(t, 1, "192.0.2.7:1000")) + "{}\n", "192.0.2.7 {}\n", ""},
		{"v2", string(proxyHeader(t, 2, "192.0.2.7:1000")) + "{}\n", "192.0.2.7 {}\n", ""},
		{"v2 with more", string(withTLV) + "{}\n", "192.0.2.7 {}\n", ""},
		{"v2 from IPv6", string(proxyHeader(t, 2, "[2001:db8::7]:1000")) + "{}\n", "[2001 {}\n", ""},
		{"v1 unknown", "PROXY UNKNOWN\r\n{}\n", "127.0.0.1 {}\n", ""},
		{"v2 local", string(localV2), "127.0.0.1 {}\n", ""},
		{"missing", `{"id":1}` + "\n", "", `no PROXY header, but "{`},
		{"two", string(proxyHeader(t, 1, "192.0.2.7:1000")) + string(proxyHeader(t, 1, "192.0.2.8:1000")), "", ""},
		{"v1 without end", "PROXY TCP4 " + strings.Repeat("1", 200), "", "no end of line within 107 bytes"},
		{"v1 with nonsense", "PROXY TCP4 x y 1 2\r\n", "", "PROXY header: "},
		{"v2 too long", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff", "", "PROXY header of 65551 bytes"},
		{"v2 too short", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x04\x01\x02\x03\x04", "", "PROXY header: "},
		{"closed", "", "", "closed without a PROXY header"},
		{"closed within", "PROXY TC", "", "closed within the PROXY header, after 8 bytes"},
	}
	for _, test := range tests {
		for _, size := range []int{1, 1000} {
			t.Run(fmt.Sprint(test.name, "/", size), func(t *testing.T) {
				l := startListener(t, config, echo)
				c := l.dial()
				for _, segment := range chunks([]byte(test.in), size) {
					c.Write(segment)
				}
				c.CloseWrite()
				got, _ := io.ReadAll(c)
				require.Equal(t, test.answer, string(got))
				l.stop()
				if test.away == "" {
					require.Empty(t, told[TurnedAway](l))
					return
				}
				away := told[TurnedAway](l)
				require.Len(t, away, 1)
				require.Equal(t, AwayHeader, away[0].Reason)
				require.Contains(t, away[0].Error, test.away)
				require.Empty(t, l.handled)
			})
		}
	}
}

// TestListenerProxyProtocolForged: a header from elsewhere is no header, and the address that sent it is banned, not the one it names.
func TestListenerProxyProtocolForged(t *testing.T) {
	_, elsewhere, _ := net.ParseCIDR("192.0.2.0/24")
	for _, version := range []byte{1, 2} {
		l := startListener(t, ListenConfig{ProxyProtocol: []*net.IPNet{elsewhere}, BanLoopback: true}, echo)
		c := l.dial()
		c.Write(proxyHeader(t, version, "192.0.2.7:1000"))
		c.Write([]byte("{}\n"))
		require.ErrorIs(t, <-l.handled, ErrForgedHeader)
		requireClosed(t, c)
		l.stop()
		require.Equal(t, "127.0.0.1", told[Banned](l)[0].Address)
	}
}

// TestListenerProxyProtocolBans: behind a load balancer, bans and limits are for whom it names.
func TestListenerProxyProtocolBans(t *testing.T) {
	l := startListener(t, ListenConfig{ProxyProtocol: loopbackNet(), MaxConnsPerAddress: 1}, echo)
	from := func(address string) net.Conn {
		c := l.dial()
		c.Write(proxyHeader(t, 2, address))
		return c
	}
	require.Equal(t, "192.0.2.7 {}\n", ask(t, from("192.0.2.7:1"), "{}\n"))
	requireClosed(t, from("192.0.2.7:2"))
	bad := from("[2001:db8:1:2::3]:1")
	io.WriteString(bad, "violate\n")
	requireClosed(t, bad)
	requireClosed(t, from("[2001:db8:1:2:ffff::1]:1"))
	require.Equal(t, "[2001 {}\n", ask(t, from("[2001:db8:1:3::3]:1"), "{}\n"))
	require.Equal(t, []Banned{{"2001:db8:1:2::/64", "wrapped: violated", 60}}, told[Banned](l))
	require.Equal(t, []string{AwayAddress, AwayBanned}, []string{told[TurnedAway](l)[0].Reason, told[TurnedAway](l)[1].Reason})
}

// testCertificate writes a certificate for 127.0.0.1 and its key, and returns who trusts it.
func testCertificate(t *testing.T, certFile, keyFile string) *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: "test"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(crand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return &tls.Config{RootCAs: roots}
}

func TestListenerTLS(t *testing.T) {
	certFile, keyFile := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	client := testCertificate(t, certFile, keyFile)
	certificate, err := LoadCertificate(certFile, keyFile)
	require.NoError(t, err)
	l := startListener(t, ListenConfig{TLS: certificate.Config()}, echo)
	dial := func(config *tls.Config) (*tls.Conn, error) {
		return tls.Dial("tcp", l.Addr().String(), config)
	}
	c, err := dial(client)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1 {}\n", ask(t, c, "{}\n"))
	c.Close()
	require.ErrorIs(t, <-l.handled, io.EOF)

	// Half a handshake disturbs nobody; plain text is no handshake.
	half := l.dial()
	half.Write([]byte{0x16, 3, 1})
	plain := l.dial()
	io.WriteString(plain, `{"id":1,"method":"mining.subscribe"}`+"\n")
	requireClosed(t, plain)
	require.Equal(t, `speaks no TLS, but began with "{\"id\""`, told[TurnedAway](l)[0].Error)

	// Another certificate is in force when it is told to be.
	other := testCertificate(t, certFile, keyFile)
	_, err = dial(other)
	require.Error(t, err)
	require.NoError(t, certificate.Reload())
	c, err = dial(other)
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, os.WriteFile(certFile, []byte("nonsense"), 0o600))
	require.ErrorContains(t, certificate.Reload(), certFile)
	require.Equal(t, "127.0.0.1 {}\n", ask(t, c, "{}\n"))
}

func TestListenerTLSBehindProxy(t *testing.T) {
	certFile, keyFile := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	client := testCertificate(t, certFile, keyFile)
	client.ServerName = "127.0.0.1"
	certificate, err := LoadCertificate(certFile, keyFile)
	require.NoError(t, err)
	l := startListener(t, ListenConfig{TLS: certificate.Config(), ProxyProtocol: loopbackNet()}, echo)
	c := l.dial()
	// In one segment with the beginning of the handshake.
	c.SetNoDelay(false)
	conn := tls.Client(&headerFirst{Conn: c, header: proxyHeader(t, 2, "192.0.2.7:1000")}, client)
	require.Equal(t, "192.0.2.7 {}\n", ask(t, conn, "{}\n"))
}

// headerFirst writes header with what is written first.
type headerFirst struct {
	net.Conn
	header []byte
}

func (c *headerFirst) Write(b []byte) (int, error) {
	_, err := c.Conn.Write(append(c.header, b...))
	c.header = nil
	return len(b), err
}

// failingListener fails a few times before it accepts.
type failingListener struct {
	net.Listener
	mu    sync.Mutex
	fails int
}

func (l *failingListener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fails > 0 {
		l.fails--
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

// TestListenerAcceptErrors: want of file descriptors is waited out, and told once.
func TestListenerAcceptErrors(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := serveOn(t, &failingListener{Listener: inner, fails: 4}, ListenConfig{}, echo)
	require.Equal(t, "127.0.0.1 {}\n", ask(t, l.dial(), "{}\n"))
	failed := told[AcceptFailed](l)
	require.Len(t, failed, 1)
	require.Contains(t, failed[0].Error, syscall.EMFILE.Error())
	require.Equal(t, inner.Addr().String(), failed[0].Listen)
}

// TestGuardBounds: bans take bounded memory, and the one that is over next goes first.
func TestGuardBounds(t *testing.T) {
	g := newGuard()
	now := time.Now()
	g.now = func() time.Time { return now }
	c := ListenConfig{}.withDefaults()
	address := func(i int) netip.Addr {
		return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	}
	for i := range maxBans + 100 {
		now = now.Add(time.Millisecond)
		require.True(t, g.ban(&c, address(i)))
		require.LessOrEqual(t, len(g.bans), maxBans)
	}
	require.Empty(t, g.enterFrom(&c, neighbours(address(0))))
	require.Equal(t, AwayBanned, g.enterFrom(&c, neighbours(address(100))))
	require.Equal(t, AwayBanned, g.enterFrom(&c, neighbours(address(maxBans+99))))
	now = now.Add(time.Hour)
	require.True(t, g.ban(&c, address(0)))
	require.Len(t, g.bans, 1)
	require.False(t, g.ban(&c, netip.MustParseAddr("127.0.0.2")))
	require.False(t, g.ban(&c, netip.IPv6Loopback()))
	require.False(t, g.ban(&c, netip.Addr{}))
	require.Len(t, g.bans, 1)
}

func TestNeighbours(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7":         "192.0.2.7/32",
		"::ffff:192.0.2.7":  "192.0.2.7/32",
		"2001:db8:1:2:3::4": "2001:db8:1:2::/64",
		"fe80::1%eth0":      "fe80::/64",
		"::1":               "::/64",
	} {
		require.Equal(t, want, neighbours(netip.MustParseAddr(in)).String(), in)
	}
}
