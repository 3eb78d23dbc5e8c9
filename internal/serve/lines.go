package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/touchstone-btc/touchstone/stratum"
)

// Why a connection can't go on. Errors of Lines wrap one of these, or the operating system's.
var (
	// ErrHalfOpen says that a connection was made and nothing useful sent.
	ErrHalfOpen = errors.New("no line")
	// ErrIdle says that a connection fell silent.
	ErrIdle = errors.New("silent")
	// ErrLineTooLong says that a line has more than stratum.MaxLine bytes.
	ErrLineTooLong = errors.New("line too long")
	// ErrFlood says that a connection went on sending more lines than allowed.
	ErrFlood = errors.New("flood of lines")
	// ErrNotReading says that a connection does not read what we write.
	ErrNotReading = errors.New("does not read")
	// ErrForgedHeader says that a connection began with a PROXY header, from where none may come.
	ErrForgedHeader = errors.New("forged PROXY header")
	// ErrSpeaksTLS says that a connection without TLS began with a TLS handshake.
	ErrSpeaksTLS = errors.New("speaks TLS where none is spoken: stratum+tcp:// is for this port, stratum+ssl:// for one with TLS")
	// ErrSpeaksHTTP says that a connection began with an HTTP request.
	ErrSpeaksHTTP = errors.New("speaks HTTP, not Stratum")
)

// Sizes of the buffer for what was read. Most messages fit the small one, which is all that an idle connection has.
const (
	smallReadBuffer = 512
	// shrinkAbove is what is given back as soon as it is empty. Smaller ones are kept while they are used.
	shrinkAbove = 4 << 10
	// shrinkAfter is how many reads in a row that the small buffer would have held make it small again.
	shrinkAfter = 16
)

// floodLimit is how long a connection may want to send more lines than allowed. Until then it is slowed down, by not reading. It is long
// enough for a machine that found too easy work to run dry: what it has sent before it hears of a higher difficulty is in its buffers.
const floodLimit = time.Minute

// unblock is a deadline in the past.
var unblock = time.Unix(1, 0)

// Lines is a connection that carries lines. Reading is for one goroutine; writing is safe for concurrent use, never blocks, and is bounded:
// whoever does not read what we write is cut off.
type Lines struct {
	conn   net.Conn // what is read and written; TLS over raw, or raw itself
	raw    net.Conn
	config *ListenConfig // with defaults
	addr   string
	done   chan struct{} // closed when the connection can't go on

	// What was read, for the reading goroutine.
	in       []byte // the bytes from start to end are unread
	start    int
	scanned  int // no line ends before
	end      int
	small    int8 // reads in a row that would have fit the small buffer
	sniffed  bool
	began    bool // a line was returned
	patient  bool
	deadline time.Time
	bucket   *rate.Limiter // nil: no limit
	tooMuch  time.Time     // since when more is sent than allowed

	mu      sync.Mutex
	err     error // why the connection can't go on
	reading bool  // from the network
	gone    bool  // cut off: nothing can be written
	closing bool  // nothing more is queued
	closeBy time.Time
	sending bool // some goroutine sends
	out     []byte
	before  []func()
	unsent  int           // bytes in out and with who sends
	sent    chan struct{} // made by Close, closed when nobody sends any more
	closed  chan struct{} // made by Close, closed when it is done
}

// NewLines returns the lines of a connection, which it owns from now on. config gives its limits.
func NewLines(c net.Conn, config ListenConfig) *Lines {
	config = config.withDefaults()
	return newLines(c, c, &config, c.RemoteAddr().String(), nil)
}

// newLines returns the lines of conn, which is raw itself or TLS over it. Reading begins with pending, which it takes.
func newLines(conn, raw net.Conn, config *ListenConfig, addr string, pending []byte) *Lines {
	l := &Lines{conn: conn, raw: raw, config: config, addr: addr, done: make(chan struct{}), in: pending, end: len(pending)}
	if config.LinesPerSecond > 0 {
		l.bucket = rate.NewLimiter(rate.Limit(config.LinesPerSecond), int(10*config.LinesPerSecond)+1)
	}
	return l
}

// Addr returns the device's address: that of the PROXY header, if there was one.
func (l *Lines) Addr() string { return l.addr }

// Local returns to which of this machine's addresses the device, or the load balancer before it, connected.
func (l *Lines) Local() string { return l.conn.LocalAddr().String() }

// Config returns the limits of the connection, with defaults filled in.
func (l *Lines) Config() ListenConfig { return *l.config }

// Next returns the next line with its end, valid until the next call. It errs with why the connection can't go on: io.EOF, a time-out,
// a line longer than stratum.MaxLine, more lines than allowed for a minute, the end of the context that Serve was given, net.ErrClosed.
// More lines than allowed are slowed down first, by not reading. What Reply has queued is sent before Next waits for the network.
func (l *Lines) Next() ([]byte, error) {
	for {
		if !l.sniffed && l.end > l.start {
			if err := l.sniff(); err != nil {
				return nil, err
			}
		}
		// A PROXY header of version 2 begins with ends of lines.
		if i := bytes.IndexByte(l.in[l.scanned:l.end], '\n'); i >= 0 && l.sniffed {
			line := l.in[l.start : l.scanned+i+1 : l.scanned+i+1]
			if len(line) > stratum.MaxLine {
				return nil, l.tooLong()
			}
			if err := l.pace(); err != nil {
				return nil, err
			}
			l.start += len(line)
			l.scanned = l.start
			l.began, l.deadline = true, time.Time{}
			return line, nil
		}
		if l.sniffed {
			l.scanned = l.end
		}
		if l.end-l.start >= stratum.MaxLine {
			return nil, l.tooLong()
		}
		if err := l.fill(); err != nil {
			return nil, err
		}
	}
}

// Patient makes Next wait without end for all lines but the first: the caller looks after Idle. It is called before Next.
func (l *Lines) Patient() { l.patient = true }

func (l *Lines) tooLong() error {
	return fmt.Errorf("%w: more than %d bytes", ErrLineTooLong, stratum.MaxLine)
}

// fill reads from the network, once.
func (l *Lines) fill() error {
	l.Flush()
	l.makeRoom()
	if l.deadline.IsZero() {
		l.deadline = l.lineDeadline()
	}
	if err := l.beginRead(l.deadline); err != nil {
		return err
	}
	n, err := l.conn.Read(l.in[l.end:])
	l.endRead()
	if l.end += n; n > 0 {
		if n > smallReadBuffer || l.end == len(l.in) {
			l.small = 0
		} else {
			l.small = min(l.small+1, shrinkAfter)
		}
		return nil
	}
	return l.readError(err)
}

// lineDeadline is until when the line that is now waited for has to be whole; zero for no limit. Bytes that don't make a line don't
// count as a sign of life: one a minute would keep a connection for ever.
func (l *Lines) lineDeadline() time.Time {
	switch {
	case !l.began:
		return after(l.config.HalfOpen)
	case l.patient:
		return time.Time{}
	}
	return after(l.config.Idle)
}

// after is when limit is over; zero for never, which a negative limit stands for.
func after(limit time.Duration) time.Time {
	if limit < 0 {
		return time.Time{}
	}
	return time.Now().Add(limit)
}

// beginRead sets the deadline of a read, but for a connection that can't go on.
func (l *Lines) beginRead(deadline time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	l.reading = true
	l.conn.SetReadDeadline(deadline) // where this fails, reading does
	return nil
}

func (l *Lines) endRead() {
	l.mu.Lock()
	l.reading = false
	l.mu.Unlock()
}

// readError says why a read returned nothing.
func (l *Lines) readError(err error) error {
	l.mu.Lock()
	known := l.err
	l.mu.Unlock()
	switch {
	case known != nil:
		return known
	case err == nil:
		return io.ErrNoProgress
	case errors.Is(err, io.EOF) && l.end > l.start:
		return fmt.Errorf("%w: closed within a line", io.ErrUnexpectedEOF)
	case errors.Is(err, os.ErrDeadlineExceeded) && !l.began:
		return fmt.Errorf("%w within %s of connecting", ErrHalfOpen, l.config.HalfOpen)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w: no line for %s", ErrIdle, l.config.Idle)
	}
	return err
}

// makeRoom makes room for a read: it moves what is unread to the front, and makes the buffer larger or smaller.
func (l *Lines) makeRoom() {
	unread := l.end - l.start
	size := len(l.in)
	switch {
	case size < smallReadBuffer:
		size = max(smallReadBuffer, unread)
	case size > shrinkAbove && unread <= smallReadBuffer/2, size > smallReadBuffer && unread == 0 && l.small == shrinkAfter:
		size = smallReadBuffer
	case unread == size, l.end == size && size < shrinkAbove:
		// There is more to come.
		size = min(2*size, stratum.MaxLine)
	}
	to := l.in
	if size != len(l.in) {
		to = make([]byte, size)
		l.small = 0
	}
	copy(to, l.in[l.start:l.end])
	l.in, l.scanned, l.start, l.end = to, l.scanned-l.start, 0, unread
}

// pace takes the right to receive a line, and waits for it if need be.
func (l *Lines) pace() error {
	if l.bucket == nil {
		return nil
	}
	now := time.Now()
	if l.bucket.AllowN(now, 1) {
		if !l.tooMuch.IsZero() && l.bucket.TokensAt(now) >= float64(l.bucket.Burst())/2 {
			l.tooMuch = time.Time{}
		}
		return nil
	}
	if l.tooMuch.IsZero() {
		l.tooMuch = now
	} else if now.Sub(l.tooMuch) > floodLimit {
		return fmt.Errorf("%w: more than %g lines a second for more than %s", ErrFlood, l.config.LinesPerSecond, floodLimit)
	}
	// Others who wait for an answer don't have to wait for this.
	l.Flush()
	timer := time.NewTimer(l.bucket.ReserveN(now, 1).DelayFrom(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-l.done:
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.err
	}
}

// How connections begin that don't speak Stratum. Stratum begins with a brace.
var (
	proxyV1     = []byte("PROXY ")
	proxyV2     = []byte("\r\n\r\n\x00\r\nQUIT\n")
	tlsRecord   = []byte{0x16, 0x03}
	httpMethods = [][]byte{[]byte("GET "), []byte("HEAD "), []byte("POST "), []byte("PUT "), []byte("OPTIONS "), []byte("CONNECT "), []byte("PRI * HTTP/")}
)

// sniff looks at the first bytes, until they can't begin anything else than Stratum.
func (l *Lines) sniff() error {
	have := l.in[l.start:l.end]
	undecided, err := l.forged()
	if err != nil {
		return err
	}
	if begins(have, tlsRecord, &undecided) && l.conn == l.raw {
		return ErrSpeaksTLS
	}
	for _, m := range httpMethods {
		if begins(have, m, &undecided) {
			return ErrSpeaksHTTP
		}
	}
	l.sniffed = !undecided
	return nil
}

// forged errs where the first bytes are a PROXY header: where one may come it was taken away before. It is undecided while they may
// become one.
func (l *Lines) forged() (undecided bool, err error) {
	have := l.in[l.start:l.end]
	if begins(have, proxyV1, &undecided) || begins(have, proxyV2, &undecided) {
		return false, fmt.Errorf("%w: none may come from %s", ErrForgedHeader, l.addr)
	}
	return undecided, nil
}

// begins returns whether have begins with prefix, and sets undecided where it is too short to tell.
func begins(have, prefix []byte, undecided *bool) bool {
	if len(have) < len(prefix) && bytes.HasPrefix(prefix, have) {
		*undecided = true
	}
	return bytes.HasPrefix(have, prefix)
}

// stop makes reading end with err. Writing goes on until Close.
func (l *Lines) stop(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail(err)
}

// fail notes why the connection can't go on, and makes who reads know. The first reason stays. l.mu is held.
func (l *Lines) fail(err error) {
	if l.err != nil {
		return
	}
	l.err = err
	close(l.done)
	l.conn.SetReadDeadline(unblock)
}

// Err returns why the connection can't go on: what Next returns or would return, as far as it is not the other side's doing. It is nil
// while the connection can go on.
func (l *Lines) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Done is closed when the connection can't go on, but for the other side's doing, of which only Next knows.
func (l *Lines) Done() <-chan struct{} { return l.done }

// stopAt makes reading end when ctx does. The function that it returns forgets that.
func (l *Lines) stopAt(ctx context.Context) (forget func() bool) {
	return context.AfterFunc(ctx, func() { l.stop(context.Cause(ctx)) })
}
