package serve

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/netip"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
	"github.com/stretchr/testify/require"
)

// TestListenerFlood: who floods is slowed down; who does not is answered all the while.
func TestListenerFlood(t *testing.T) {
	l := startListener(t, ListenConfig{LinesPerSecond: 20}, echo)
	bystander := l.dial()
	ask(t, bystander, "{}\n")
	flood := bytes.Repeat([]byte("{}\n"), 10_000)
	for range 20 {
		c := l.dial()
		go func() {
			for {
				if _, err := c.Write(flood); err != nil {
					return
				}
			}
		}()
		go io.Copy(io.Discard, c)
	}
	for range 100 {
		require.Equal(t, "127.0.0.1 {}\n", ask(t, bystander, "{}\n"))
	}
	l.stop()
}

// TestListenerSlowReader: who reads nothing is cut off when its queue is full, and neither the others nor who writes to all waits for it.
func TestListenerSlowReader(t *testing.T) {
	lines := make(chan *Lines, 2)
	l := startListener(t, ListenConfig{}, func(ctx context.Context, l *Lines) error {
		lines <- l
		_, err := l.Next()
		return err
	})
	slow := l.dial()
	toSlow := <-lines
	good := l.dial()
	toGood := <-lines
	notify := []byte(strings.Repeat("x", 4<<10) + "\n")
	received := make(chan struct{}, 1)
	go func() {
		r := bufio.NewReader(good)
		for {
			if _, err := r.ReadSlice('\n'); err != nil && err != bufio.ErrBufferFull {
				return
			} else if err == nil {
				received <- struct{}{}
			}
		}
	}()
	for i := 0; ; i++ {
		// The kernel's buffers take a few MB before anything waits here.
		require.Less(t, i, 100_000)
		toSlow.Write(notify, nil)
		toGood.Write(notify, nil)
		<-received
		if toSlow.Err() != nil {
			break
		}
	}
	require.ErrorIs(t, <-l.handled, ErrNotReading)
	require.NoError(t, toGood.Err())
	requireClosed(t, slow)
}

// TestListenerLeavesNothing: when Serve has returned, no goroutine is left of connections of all kinds.
func TestListenerLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	l := startListener(t, ListenConfig{}, func(ctx context.Context, l *Lines) error {
		for range 10 {
			l.Write([]byte("hello\n"), nil)
		}
		_, err := readAll(l)
		return err
	})
	for i := range 100 {
		c := l.dial()
		switch i % 4 {
		case 0:
			c.Close()
		case 1:
			io.WriteString(c, "{")
		case 2:
			io.WriteString(c, strings.Repeat("x", 100_000))
		}
	}
	l.stop()
	// Not by require.Eventually, which has goroutines of its own.
	for end := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%s", stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// TestListenerStopsEarly: the end of the context ends what has not come to its first line, and nobody is told that this was wrong.
func TestListenerStopsEarly(t *testing.T) {
	certFile, keyFile := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	testCertificate(t, certFile, keyFile)
	certificate, err := LoadCertificate(certFile, keyFile)
	require.NoError(t, err)
	l := startListener(t, ListenConfig{TLS: certificate.Config(), ProxyProtocol: loopbackNet()}, echo)
	header := l.dial()
	io.WriteString(header, "PROXY TC")
	hello := l.dial()
	hello.Write(proxyHeader(t, 1, "192.0.2.7:1000"))
	hello.Write([]byte{0x16, 3, 1})
	require.Eventually(t, func() bool {
		l.guard.mu.Lock()
		defer l.guard.mu.Unlock()
		return l.guard.total == 2 && len(l.guard.address) == 1
	}, time.Minute, time.Millisecond)
	l.stop()
	requireClosed(t, header)
	requireClosed(t, hello)
	require.Empty(t, l.events)
	require.Zero(t, l.guard.total)
}

// FuzzProxyHeader: in whatever pieces a header comes, it is the one that the library finds in the whole, and nothing that follows it is
// lost.
func FuzzProxyHeader(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n{}\n"), 1)
	f.Add([]byte("PROXY UNKNOWN\r\n"), 3)
	f.Add([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x02\x00\x01\x00\x02{}\n"), 5)
	f.Add([]byte("\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x03\x04\x00\x00{}\n"), 100)
	f.Add([]byte("PROXY TCP6 ::1 ::2 65536 2\r\n"), 7)
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		peer := netip.MustParseAddrPort("127.0.0.1:7")
		c := &segmentConn{segments: chunks(in, 1+max(0, size)%2000)}
		from, pending, err := readProxyHeader(t.Context(), c, -1, peer)
		if err != nil {
			return
		}
		for _, s := range c.segments {
			pending = append(pending, s...)
		}
		r := bufio.NewReader(bytes.NewReader(in))
		header, err := proxyproto.Read(r)
		require.NoError(t, err)
		rest, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, string(rest), string(pending))
		source, _, ok := header.TCPAddrs()
		if !ok || header.Command.IsLocal() {
			require.Equal(t, peer, from)
		} else {
			require.Equal(t, source.AddrPort().Addr().Unmap(), from.Addr())
		}
	})
}
