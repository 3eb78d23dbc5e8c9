package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
)

// pipeLines returns Lines and the other side of them, without a network.
func pipeLines(t testing.TB, c ListenConfig) (*Lines, net.Conn) {
	ours, theirs := net.Pipe()
	l := NewLines(ours, c)
	t.Cleanup(func() { l.Close(); theirs.Close() })
	return l, theirs
}

// tcpLines returns Lines and the other side of them, on loopback.
func tcpLines(t testing.TB, c ListenConfig) (*Lines, *net.TCPConn) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	theirs, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	ours, err := listener.Accept()
	require.NoError(t, err)
	l := NewLines(ours, c)
	t.Cleanup(func() { l.Close(); theirs.Close() })
	return l, theirs.(*net.TCPConn)
}

// readAll returns the lines up to an error.
func readAll(l *Lines) (lines []string, err error) {
	for {
		line, err := l.Next()
		if err != nil {
			return lines, err
		}
		lines = append(lines, string(line))
	}
}

// send writes segments one by one, and ends.
func send(c net.Conn, segments ...[]byte) {
	for _, s := range segments {
		if _, err := c.Write(s); err != nil {
			break
		}
	}
	c.Close()
}

func TestLinesNext(t *testing.T) {
	long := strings.Repeat("x", stratum.MaxLine-1) + "\n"
	tests := []struct {
		name, in string
		want     []string
		err      error
	}{
		{"none", "", nil, io.EOF},
		{"two", "{}\n[]\r\n", []string{"{}\n", "[]\r\n"}, io.EOF},
		{"empty lines", "\n\r\n\n", []string{"\n", "\r\n", "\n"}, io.EOF},
		{"unfinished", "{}\n{", []string{"{}\n"}, io.ErrUnexpectedEOF},
		{"longest", long + "{}\n" + long, []string{long, "{}\n", long}, io.EOF},
		{"too long", "{}\nx" + long, []string{"{}\n"}, ErrLineTooLong},
		{"too long, unfinished", strings.Repeat("x", stratum.MaxLine), nil, ErrLineTooLong},
		{"10 MB", "{}\n" + strings.Repeat("x", 10<<20), []string{"{}\n"}, ErrLineTooLong},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", nil, ErrSpeaksTLS},
		{"HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", nil, ErrSpeaksHTTP},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", nil, ErrSpeaksHTTP},
		{"PROXY v1", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n{}\n", nil, ErrForgedHeader},
		{"PROXY v2", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c", nil, ErrForgedHeader},
		{"starts like HTTP", "GE\n{}\n", []string{"GE\n", "{}\n"}, io.EOF},
		{"starts like PROXY v2", "\r\n\r\n{}\n", []string{"\r\n", "\r\n", "{}\n"}, io.EOF},
		{"garbage", "\x00\xff\xfe\n", []string{"\x00\xff\xfe\n"}, io.EOF},
	}
	for _, test := range tests {
		in := []byte(test.in)
		for _, size := range []int{1, 700, len(in) + 1} {
			if size == 1 && len(in) > 1000 {
				continue
			}
			t.Run(fmt.Sprint(test.name, "/", size), func(t *testing.T) {
				l, c := pipeLines(t, ListenConfig{})
				go send(c, chunks(in, size)...)
				got, err := readAll(l)
				require.ErrorIs(t, err, test.err)
				require.Equal(t, test.want, got)
			})
		}
	}
}

func chunks(b []byte, size int) (all [][]byte) {
	for len(b) > 0 {
		n := min(size, len(b))
		all = append(all, b[:n])
		b = b[n:]
	}
	return all
}

// segmentConn is a connection from which segments are read, without another goroutine, which fuzzing likes better.
type segmentConn struct {
	net.Conn
	segments [][]byte
}

func (c *segmentConn) Read(b []byte) (int, error) {
	if len(c.segments) == 0 {
		return 0, io.EOF
	}
	n := copy(b, c.segments[0])
	if c.segments[0] = c.segments[0][n:]; len(c.segments[0]) == 0 {
		c.segments = c.segments[1:]
	}
	return n, nil
}

func (c *segmentConn) Close() error                     { return nil }
func (c *segmentConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *segmentConn) SetReadDeadline(time.Time) error  { return nil }
func (c *segmentConn) SetWriteDeadline(time.Time) error { return nil }

// FuzzLinesNext splits text at random: the lines are the same.
func FuzzLinesNext(f *testing.F) {
	f.Add([]byte("{}\n[]\r\n\n{"), uint64(1))
	f.Add(bytes.Repeat([]byte("0123456789abcdef\n"), 100), uint64(2))
	f.Add([]byte(strings.Repeat("x", 2000)+"\n"+strings.Repeat("y", 5000)+"\nz\n"), uint64(3))
	f.Fuzz(func(t *testing.T, in []byte, seed uint64) {
		in = append([]byte("{"), in...) // begins like no other protocol
		r := rand.New(rand.NewPCG(seed, 0))
		var segments [][]byte
		for rest := in; len(rest) > 0; {
			n := 1 + r.IntN(min(len(rest), 1<<r.IntN(12)))
			segments = append(segments, rest[:n])
			rest = rest[n:]
		}
		l := NewLines(&segmentConn{segments: segments}, ListenConfig{LinesPerSecond: -1})
		lines, err := readAll(l)
		l.Close()
		var want []string
		wantErr := io.EOF
		for rest := in; len(rest) > 0; {
			i := bytes.IndexByte(rest, '\n') + 1
			if i > stratum.MaxLine || i == 0 && len(rest) >= stratum.MaxLine {
				wantErr = ErrLineTooLong
				break
			} else if i == 0 {
				wantErr = io.ErrUnexpectedEOF
				break
			}
			want = append(want, string(rest[:i]))
			rest = rest[i:]
		}
		require.ErrorIs(t, err, wantErr)
		require.Equal(t, want, lines)
	})
}

// TestLinesBuffer: the buffer grows for what comes, and an idle connection has a small one.
func TestLinesBuffer(t *testing.T) {
	l, c := pipeLines(t, ListenConfig{LinesPerSecond: -1})
	long := strings.Repeat("x", 50_000) + "\n"
	go func() {
		c.Write([]byte(long))
		for range 100 {
			c.Write([]byte("{}\n"))
		}
		c.Close()
	}()
	line, err := l.Next()
	require.NoError(t, err)
	require.Equal(t, long, string(line))
	for range 100 {
		line, err := l.Next()
		require.NoError(t, err)
		require.Equal(t, "{}\n", string(line))
	}
	require.Len(t, l.in, smallReadBuffer)
	_, err = l.Next()
	require.ErrorIs(t, err, io.EOF)
}

func TestLinesTimeouts(t *testing.T) {
	tests := []struct {
		name  string
		write func(net.Conn)
		after time.Duration
		err   error
	}{
		{"nothing", func(c net.Conn) {}, 15 * time.Second, ErrHalfOpen},
		{"a byte a second", func(c net.Conn) {
			for {
				if _, err := c.Write([]byte("{")); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}, 15 * time.Second, ErrHalfOpen},
		{"a line, then nothing", func(c net.Conn) {
			time.Sleep(10 * time.Second)
			c.Write([]byte("{}\n"))
		}, 10*time.Second + 10*time.Minute, ErrIdle},
		{"a line, then a byte a minute", func(c net.Conn) {
			c.Write([]byte("{}\n"))
			for {
				time.Sleep(time.Minute)
				if _, err := c.Write([]byte("{")); err != nil {
					return
				}
			}
		}, 10 * time.Minute, ErrIdle},
		{"a line every nine minutes", func(c net.Conn) {
			for range 5 {
				c.Write([]byte("{}\n"))
				time.Sleep(9 * time.Minute)
			}
			c.Close()
		}, 45 * time.Minute, io.EOF},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, c := pipeLines(t, ListenConfig{})
				var wg sync.WaitGroup
				defer wg.Wait()
				wg.Go(func() { test.write(c) })
				start := time.Now()
				_, err := readAll(l)
				require.ErrorIs(t, err, test.err)
				require.Equal(t, test.after, time.Since(start))
				l.Close()
			})
		})
	}
}

// Silence is the caller's where it says so, but not that of one who never says anything.
func TestLinesPatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, c := pipeLines(t, ListenConfig{})
		l.Patient()
		go func() {
			c.Write([]byte("{}\n"))
			time.Sleep(time.Hour)
			c.Write([]byte("{}\n"))
			c.Close()
		}()
		lines, err := readAll(l)
		require.ErrorIs(t, err, io.EOF)
		require.Len(t, lines, 2)
		l.Close()

		l, _ = pipeLines(t, ListenConfig{})
		l.Patient()
		_, err = readAll(l)
		require.ErrorIs(t, err, ErrHalfOpen)
		l.Close()
	})
}

// TestLinesRate: who sends too much is slowed down, and cut off when that goes on.
func TestLinesRate(t *testing.T) {
	flood := func(c net.Conn, lines int) {
		for range lines {
			if _, err := c.Write([]byte("{}\n")); err != nil {
				return
			}
		}
		c.Close()
	}
	t.Run("burst", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, c := pipeLines(t, ListenConfig{})
			go flood(c, 1000)
			start := time.Now()
			lines, err := readAll(l)
			require.ErrorIs(t, err, io.EOF)
			require.Len(t, lines, 1000)
			require.Zero(t, time.Since(start))
		})
	})
	t.Run("slowed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, c := pipeLines(t, ListenConfig{})
			go flood(c, 4000)
			start := time.Now()
			lines, err := readAll(l)
			require.ErrorIs(t, err, io.EOF)
			require.Len(t, lines, 4000)
			require.InDelta(t, 30, time.Since(start).Seconds(), 0.1)
		})
	})
	t.Run("flood", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, c := pipeLines(t, ListenConfig{})
			go flood(c, 1_000_000)
			start := time.Now()
			lines, err := readAll(l)
			require.ErrorIs(t, err, ErrFlood)
			require.InDelta(t, 7000, len(lines), 10)
			require.InDelta(t, 60, time.Since(start).Seconds(), 0.1)
		})
	})
	t.Run("bursts with pauses", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, c := pipeLines(t, ListenConfig{})
			go func() {
				for range 20 {
					for range 2000 {
						c.Write([]byte("{}\n"))
					}
					time.Sleep(10 * time.Second)
				}
				c.Close()
			}()
			lines, err := readAll(l)
			require.ErrorIs(t, err, io.EOF)
			require.Len(t, lines, 40_000)
		})
	})
	t.Run("closed while slowed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, c := pipeLines(t, ListenConfig{LinesPerSecond: 0.01})
			go flood(c, 10)
			go func() {
				time.Sleep(time.Second)
				l.Close()
			}()
			start := time.Now()
			_, err := readAll(l)
			require.ErrorIs(t, err, net.ErrClosed)
			require.Equal(t, time.Second, time.Since(start))
		})
	})
}

// TestLinesWrite: many write at the same time; each one's chunks arrive whole, in order, and after before was called.
func TestLinesWrite(t *testing.T) {
	l, c := tcpLines(t, ListenConfig{})
	const writers, each = 8, 200
	var mu sync.Mutex
	called := map[string]bool{}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				line := fmt.Sprintf("%d %d\n", w, i)
				write := l.Write
				if w%2 == 0 {
					write = l.Reply
				}
				write([]byte(line), func() {
					mu.Lock()
					called[line] = true
					mu.Unlock()
				})
			}
			l.Flush()
		})
	}
	go func() {
		wg.Wait()
		l.Close()
	}()
	all, err := io.ReadAll(c)
	require.NoError(t, err)
	next := map[int]int{}
	lines := strings.SplitAfter(strings.TrimSuffix(string(all), "\n"), "\n")
	for _, line := range lines {
		var w, i int
		_, err := fmt.Sscanf(line, "%d %d\n", &w, &i)
		require.NoError(t, err, line)
		require.Equal(t, next[w], i)
		next[w]++
	}
	require.Len(t, lines, writers*each)
	require.Len(t, called, writers*each)
}

// TestLinesBefore: nothing goes out while before has not returned, and the order stays.
func TestLinesBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, c := pipeLines(t, ListenConfig{})
		var got bytes.Buffer
		go io.Copy(&got, c)
		release := make(chan struct{})
		l.Write([]byte("1\n"), func() { <-release })
		l.Write([]byte("2\n"), nil)
		l.Reply([]byte("3\n"), nil)
		synctest.Wait()
		require.Empty(t, got.String())
		close(release)
		synctest.Wait()
		require.Equal(t, "1\n2\n3\n", got.String())
	})
}

// TestLinesReply: an answer goes out when the reader waits for more, not before.
func TestLinesReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, c := pipeLines(t, ListenConfig{})
		var got bytes.Buffer
		go io.Copy(&got, c)
		l.Reply([]byte("1\n"), nil)
		l.Reply([]byte("2\n"), nil)
		synctest.Wait()
		require.Empty(t, got.String())
		go l.Next()
		synctest.Wait()
		require.Equal(t, "1\n2\n", got.String())
		l.Reply([]byte("3\n"), nil)
		l.Write([]byte("4\n"), nil)
		synctest.Wait()
		require.Equal(t, "1\n2\n3\n4\n", got.String())
		l.Close()
		c.Close()
		synctest.Wait()
	})
}

// TestLinesNotReading: who does not read is cut off, by time or by bytes, and who writes never waits.
func TestLinesNotReading(t *testing.T) {
	t.Run("time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, _ := pipeLines(t, ListenConfig{})
			start := time.Now()
			l.Write([]byte("{}\n"), nil)
			_, err := l.Next()
			require.ErrorIs(t, err, ErrHalfOpen) // 15 s
			<-l.Done()
			require.ErrorIs(t, l.Err(), ErrNotReading)
			require.Equal(t, 30*time.Second, time.Since(start))
			_, err = l.Next()
			require.ErrorIs(t, err, ErrNotReading)
		})
	})
	t.Run("bytes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, _ := pipeLines(t, ListenConfig{})
			start := time.Now()
			chunk := bytes.Repeat([]byte("x"), 1<<10)
			for range maxUnsent/len(chunk) + 1 {
				l.Write(chunk, nil)
			}
			_, err := l.Next()
			require.ErrorIs(t, err, ErrNotReading)
			require.Zero(t, time.Since(start))
		})
	})
}

// TestLinesClose: what was written before arrives, for at most a second.
func TestLinesClose(t *testing.T) {
	t.Run("flushes", func(t *testing.T) {
		l, c := tcpLines(t, ListenConfig{})
		l.Reply([]byte("last words\n"), nil)
		// Unread input would turn the close into a reset that swallows them.
		c.Write([]byte("{}\n{}\n{}\n"))
		_, err := l.Next()
		require.NoError(t, err)
		c.Write([]byte("{}\n{}\n{}\n"))
		l.Write([]byte("bye\n"), nil)
		go l.Close()
		got, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Equal(t, "last words\nbye\n", string(got))
		c.Close()
		l.Close()
		l.Write([]byte("too late\n"), func() { t.Error("called") })
	})
	t.Run("a second", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, _ := pipeLines(t, ListenConfig{})
			l.Write([]byte("{}\n"), nil)
			synctest.Wait()
			start := time.Now()
			var wg sync.WaitGroup
			wg.Go(l.Close)
			wg.Go(l.Close)
			wg.Wait()
			require.Equal(t, time.Second, time.Since(start))
		})
	})
	t.Run("wakes the reader", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, _ := pipeLines(t, ListenConfig{})
			done := make(chan error)
			go func() {
				_, err := l.Next()
				done <- err
			}()
			synctest.Wait()
			l.Close()
			require.ErrorIs(t, <-done, net.ErrClosed)
		})
	})
	t.Run("with a context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, c := pipeLines(t, ListenConfig{})
			ctx, cancel := context.WithCancelCause(t.Context())
			defer l.stopAt(ctx)()
			cause := errors.New("because")
			go cancel(cause)
			_, err := l.Next()
			require.ErrorIs(t, err, cause)
			// Writing goes on.
			l.Write([]byte("bye\n"), nil)
			b := make([]byte, 10)
			n, err := c.Read(b)
			require.NoError(t, err)
			require.Equal(t, "bye\n", string(b[:n]))
		})
	})
}

// TestLinesConn: the bytes come as they came, but for a forged header.
func TestLinesConn(t *testing.T) {
	for _, in := range []string{"{}\n{", "P", "PROX", "\r\n\r\n\x00x", "GET / HTTP/1.1\r\n", "\x16\x03\x01"} {
		for _, size := range []int{1, 100} {
			l, c := tcpLines(t, ListenConfig{})
			go send(c, chunks([]byte(in), size)...)
			got, err := io.ReadAll(l.Conn())
			require.NoError(t, err, in)
			require.Equal(t, in, string(got))
		}
	}
	l, c := tcpLines(t, ListenConfig{})
	go send(c, chunks([]byte("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n{}\n"), 1)...)
	_, err := io.ReadAll(l.Conn())
	require.ErrorIs(t, err, ErrForgedHeader)
	require.NoError(t, l.Conn().CloseWrite())
	require.Equal(t, c.LocalAddr().String(), l.Addr())
}
