package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/touchstone-btc/touchstone/stratum"
)

// Sizes of the buffers that bytes pass through. They have no influence on what is forwarded.
const (
	fromDeviceBuffer = 2 << 10
	fromPoolBuffer   = 8 << 10
)

// flow is a device's connection in transparent mode.
type flow struct {
	proxyConn
	device Conn
	// mu makes the recording and the judge see messages in one order.
	mu      sync.Mutex
	track   *Track
	witness *witness
	halves  atomic.Int32 // directions that have ended
}

// proxyConn is what the connections of all modes have in common.
type proxyConn struct {
	proxy    *Proxy
	settings *proxySettings
	lines    *Lines
	pool     Conn
	upstream *upstream
	session  string
	peer     string
	joined   time.Time
	status   *Device

	// Times since joined, in nanoseconds; 0 for never.
	asked atomic.Int64 // when a request of the device was forwarded; 0 if the pool has said anything since
	moved atomic.Int64 // when something was forwarded
	half  atomic.Int64 // when one direction ended
	// carried are reads whose bytes are not written yet.
	carried atomic.Int32
	// answered says that the pool said something, sane that the device spoke Stratum.
	answered, sane atomic.Bool
	draining       atomic.Bool

	first  atomic.Pointer[error] // why the first direction ended, if it did by itself
	ending sync.Once
	reason error // why the connection ended, for who called end
}

func (p *Proxy) newConn(s *proxySettings, lines *Lines, pool Conn, up *upstream) proxyConn {
	now := time.Now()
	session := SessionName()
	return proxyConn{
		proxy: p, settings: s, lines: lines, pool: pool, upstream: up, session: session, peer: lines.Addr(), joined: now,
		status: p.config.Devices.Connected(session, lines.Addr(), up.url.String(), now),
	}
}

func newFlow(p *Proxy, s *proxySettings, lines *Lines, pool Conn, up *upstream) *flow {
	f := &flow{proxyConn: p.newConn(s, lines, pool, up), device: lines.Conn()}
	f.track = p.config.Recorder.Open(f.session, f.opening(), f.joined)
	f.witness = p.judge.watch(f.session, f.peer, lines.Local(), up.url.String(), f.status)
	return f
}

// opening is what the recording says of the device's side.
func (c *proxyConn) opening() Opening {
	return Opening{Peer: c.peer, Pool: c.upstream.url.String(), TLS: c.lines.Config().TLS != nil}
}

func (c *proxyConn) on() *upstream { return c.upstream }

// since returns the time since the device joined.
func (c *proxyConn) since(now time.Time) int64 { return max(int64(now.Sub(c.joined)), 1) }

// trouble returns why the connection has to end: its pool hangs, or its ends are gone. nil if it has not.
func (c *proxyConn) trouble(now time.Time) error {
	t := c.since(now)
	longer := func(since int64, limit time.Duration) bool { return limit > 0 && time.Duration(t-since) > limit }
	asked, half := c.asked.Load(), c.half.Load()
	switch {
	case half != 0:
		if longer(half, proxyLinger) {
			return fmt.Errorf("one side ended, the other did not in %s", proxyLinger)
		}
	case asked != 0 && longer(asked, c.settings.silence):
		why := fmt.Errorf("%s: no answer for %s", c.upstream.url, c.settings.silence)
		if c.sane.Load() && c.upstream.silentSince(now, c.settings.silence) {
			c.proxy.upstreams.failed(c.upstream, why)
		}
		return why
	case longer(c.moved.Load(), c.lines.Config().Idle):
		return fmt.Errorf("nothing was sent in either direction for %s", c.lines.Config().Idle)
	case c.moved.Load() == 0 && longer(0, c.halfOpen()):
		return fmt.Errorf("the device said nothing within %s", c.halfOpen())
	}
	return nil
}

// asks takes note of a line of the device before it is forwarded: what is no request, such as what the device answers, gets no answer.
func (c *proxyConn) asks(line []byte, now time.Time) {
	if mayBe(line, "method") {
		c.asked.CompareAndSwap(0, c.since(now))
	}
}

// halfOpen is how long a device may take to say anything.
func (c *proxyConn) halfOpen() time.Duration { return c.lines.Config().HalfOpen }

// forwarded notes that something was forwarded that was read at that time.
func (c *proxyConn) forwarded(from stratum.From, read time.Time) {
	now := time.Now()
	c.status.Forwarded(now.Sub(read))
	c.moved.Store(c.since(now))
	if from == stratum.FromMiner {
		return
	}
	c.upstream.heard.Store(now.UnixNano())
	if !c.answered.Load() {
		c.answered.Store(true)
		c.upstream.mute.Store(0)
		c.proxy.upstreams.works(c.upstream)
	}
}

// left notes how the connection ended: the pool failed if it left without a word.
func (c *proxyConn) left(now time.Time) {
	if c.sane.Load() && !c.answered.Load() && !c.draining.Load() && errors.Is(c.reason, errPoolLeft) && c.upstream.mute.Add(1) > 1 {
		c.proxy.upstreams.failed(c.upstream, fmt.Errorf("%s: closes connections without an answer", c.upstream.url))
	}
	c.proxy.emit(DeviceLeft{c.session, c.peer, c.upstream.url.String(), c.status.Worker(), c.reason.Error(), seconds(now.Sub(c.joined))})
}

// Why connections end.
var (
	errPoolLeft   = errors.New("the pool closed the connection")
	errDeviceLeft = errors.New("the device closed the connection")
)

// run forwards until both directions have ended.
func (f *flow) run() error {
	f.proxy.emit(DeviceJoined{f.session, f.peer, f.upstream.url.String()})
	var group sync.WaitGroup
	group.Go(func() { f.carry(stratum.FromMiner, f.device, f.pool, make([]byte, fromDeviceBuffer)) })
	f.carry(stratum.FromPool, f.pool, f.device, make([]byte, fromPoolBuffer))
	group.Wait()
	f.end(f.ended())
	f.lines.Close() // what the pool said last gets there
	now := time.Now()
	f.mu.Lock()
	f.track.Close(now)
	f.witness.close(now)
	f.mu.Unlock()
	f.left(now)
	return f.reason
}

// end ends both connections: who reads or writes stops at once, and run closes what is left.
func (f *flow) end(reason error) {
	f.ending.Do(func() {
		f.reason = reason
		f.pool.Close()
		f.lines.conn.SetDeadline(unblock)
	})
}

func (f *flow) check(now time.Time) {
	if why := f.trouble(now); why != nil {
		f.end(why)
	}
}

// drain lets the device say nothing more; what it said is answered.
func (f *flow) drain() {
	f.draining.Store(true)
	f.device.SetReadDeadline(unblock)
}

func (f *flow) settled() bool { return f.witness.idle() && f.carried.Load() == 0 }

// carry forwards what src sends to dst. It is where transparency is: bytes go out as they came in, and nothing that looks at them can
// change them, or keep them for longer than Recorder.Written does.
func (f *flow) carry(from stratum.From, src, dst Conn, buf []byte) {
	var tap lineTap
	for {
		n, err := src.Read(buf)
		if n > 0 {
			read := time.Now()
			f.carried.Add(1)
			if ticket := f.look(from, &tap, buf[:n], read); ticket != 0 {
				f.proxy.config.Recorder.Written(ticket)
			}
			if from == stratum.FromPool { // before the device can ask again
				f.asked.Store(0)
			}
			dst.SetWriteDeadline(read.Add(proxyStall))
			_, err := dst.Write(buf[:n])
			f.carried.Add(-1)
			if err != nil {
				f.end(cantWrite(from, err))
				return
			}
			f.forwarded(from, read)
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			f.finish(from, &tap, dst)
			return
		case from == stratum.FromMiner && (errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.Canceled)):
			return // we stop, or end has been called
		default:
			f.end(cantRead(from, err))
			return
		}
	}
}

// finish passes on that src has ended.
func (f *flow) finish(from stratum.From, tap *lineTap, dst Conn) {
	if ticket := f.last(from, tap); ticket != 0 {
		f.proxy.config.Recorder.Written(ticket)
	}
	f.half.CompareAndSwap(0, f.since(time.Now()))
	if f.halves.Add(1) == 2 {
		return
	}
	why := errDeviceLeft
	if from == stratum.FromPool {
		why = errPoolLeft
	}
	f.first.CompareAndSwap(nil, &why)
	if dst.CloseWrite() != nil {
		f.end(why)
	}
}

// ended returns why the connection ended, where both directions did by themselves.
func (f *flow) ended() error {
	if why := f.first.Load(); why != nil {
		return *why
	}
	return errDeviceLeft
}

// look shows bytes that go by to the recording and the judge. The ticket is that of a mining.submit which ends in them, 0 if none does.
func (f *flow) look(from stratum.From, tap *lineTap, b []byte, now time.Time) (ticket Ticket) {
	f.mu.Lock()
	defer f.mu.Unlock()
	tap.feed(b, func(line []byte, tooLong bool) { ticket = max(ticket, f.line(from, line, tooLong, now)) })
	return ticket
}

// last is look for the end of the bytes.
func (f *flow) last(from stratum.From, tap *lineTap) (ticket Ticket) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	tap.end(func(line []byte, tooLong bool) { ticket = f.line(from, line, tooLong, now) })
	return ticket
}

// line shows a line to the recording and the judge.
func (f *flow) line(from stratum.From, line []byte, tooLong bool, now time.Time) Ticket {
	if tooLong {
		f.track.Gap(now)
		f.witness.tooLong(from, now)
		return 0
	}
	ticket := f.track.Saw(from, line, now)
	f.witness.saw(from, line, now)
	if from == stratum.FromPool {
		return 0
	}
	if !f.sane.Load() && bytes.Contains(line, []byte(`"mining.`)) {
		f.sane.Store(true)
	}
	f.asks(line, now)
	if !mayBe(line, stratum.MethodSubmit) {
		return 0
	}
	return ticket
}

// mayBe reports whether a line can be a message of that method: it names it, or has escapes, which may stand for anything.
func mayBe(line []byte, method string) bool {
	return bytes.Contains(line, []byte(method)) || bytes.IndexByte(line, '\\') >= 0
}

// cantRead says why nothing more comes from there.
func cantRead(from stratum.From, err error) error {
	if from == stratum.FromPool {
		return fmt.Errorf("%w: %w", errPoolLeft, dialCause(err))
	}
	return fmt.Errorf("%w: %w", errDeviceLeft, dialCause(err))
}

// cantWrite says why what comes from there can't be forwarded.
func cantWrite(from stratum.From, err error) error {
	if from == stratum.FromPool {
		return fmt.Errorf("the device takes nothing: %w", dialCause(err))
	}
	return fmt.Errorf("%w: it takes nothing: %w", errPoolLeft, dialCause(err))
}
