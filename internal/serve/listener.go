package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// ListenConfig says who may connect, and how much they may ask. It is not touched after it was given away.
type ListenConfig struct {
	// TLS, if set, is what connections must speak. Plain TCP otherwise.
	TLS *tls.Config
	// ProxyProtocol says that connections come through a load balancer that puts the PROXY protocol's header, version 1 or 2, in front,
	// and only from these networks; others must not send one. Default: from nobody.
	ProxyProtocol []*net.IPNet
	// MaxConns bounds the connections, of all listeners that were joined, MaxConnsPerAddress those of one address (an IPv6 /64 counts as one). Defaults: 20 000 and 10 000.
	MaxConns, MaxConnsPerAddress int
	// HalfOpen is how long a connection may take to send its first line, and before that a PROXY header and a TLS handshake.
	// Default: 15 s. Negative: no limit.
	HalfOpen time.Duration
	// Idle is how long a connection may send no whole line. Default: 10 min. Negative: no limit.
	Idle time.Duration
	// Unread is how long a connection may take to read what we write. Default: 30 s. Negative: no limit.
	Unread time.Duration
	// LinesPerSecond is how many lines a connection may send for long, with bursts of ten times as many. More are slowed down, by not
	// reading them; who wants more for a minute without a pause is cut off. Default: 100. Negative: no limit.
	LinesPerSecond float64
	// BanFor is how long an address is kept out that broke the protocol or flooded us. Default: 1 min. Negative: nobody is.
	BanFor time.Duration
	// BanLoopback says that addresses of this machine are banned like others. They are not by default: in a lab all programs have the
	// same one, and one that misbehaves would keep out the others.
	BanLoopback bool
}

func (c ListenConfig) withDefaults() ListenConfig {
	setDefault(&c.MaxConns, 20_000)
	setDefault(&c.MaxConnsPerAddress, 10_000)
	setDefault(&c.HalfOpen, 15*time.Second)
	setDefault(&c.Idle, 10*time.Minute)
	setDefault(&c.Unread, 30*time.Second)
	setDefault(&c.LinesPerSecond, 100)
	setDefault(&c.BanFor, time.Minute)
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// keepAlive finds out in about two minutes that the other side is gone without a word.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: 15 * time.Second, Count: 4}

// Listener takes connections.
type Listener struct {
	listener net.Listener
	config   atomic.Pointer[ListenConfig]
	guard    *guard

	mu      sync.Mutex // held for onEvent
	onEvent func(Event)
	away    map[string]*turnedAway
}

// turnedAway is what is to be told of those that were turned away for one reason.
type turnedAway struct {
	event TurnedAway
	told  time.Time
}

// Listen listens on an address such as "127.0.0.1:3333". onEvent is told of bans, of connections turned away, and of trouble with the
// operating system; by one goroutine at a time.
func Listen(address string, c ListenConfig, onEvent func(Event)) (*Listener, error) {
	lc := net.ListenConfig{KeepAliveConfig: keepAlive}
	inner, err := lc.Listen(context.Background(), networkOf(address), address)
	if err != nil {
		return nil, listenError(address, err)
	}
	return newListener(inner, c, onEvent), nil
}

// networkOf returns the network to listen on: an address of IPv4 is meant as one, 0.0.0.0 too, which Go takes for IPv6 as well.
func networkOf(address string) string {
	host, _, _ := net.SplitHostPort(address)
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() {
		return "tcp4"
	}
	return "tcp"
}

// listenError says in short why nothing listens on address.
func listenError(address string, err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return fmt.Errorf("listen on %s: %w", address, err)
}

func newListener(inner net.Listener, c ListenConfig, onEvent func(Event)) *Listener {
	l := &Listener{listener: inner, guard: newGuard(), onEvent: onEvent, away: map[string]*turnedAway{}}
	l.Reload(c)
	return l
}

// Reload makes connections that come from now on obey c. Those that are there keep the limits they came with.
func (l *Listener) Reload(c ListenConfig) {
	c = c.withDefaults()
	l.config.Store(&c)
}

// Join makes l count connections and keep out addresses together with other: what one port of a server learned holds for all. It is
// called before Serve.
func (l *Listener) Join(other *Listener) { l.guard = other.guard }

// Addr returns where it listens, with the port that was chosen for port 0.
func (l *Listener) Addr() net.Addr { return l.listener.Addr() }

// Close stops listening. It is for a Listener that does not Serve; Serve does it by itself.
func (l *Listener) Close() error { return l.listener.Close() }

// Serve calls handle for each connection, each in a goroutine of its own, until ctx ends; then it stops listening and returns when all have.
// When ctx ends, Next errs with its cause, while Write goes on until handle returns; the connection is closed then, after what was
// written is sent. An error of handle that is a [*stratum.Violation] bans the address, as do lines that are too long and floods.
func (l *Listener) Serve(ctx context.Context, handle func(ctx context.Context, l *Lines) error) error {
	var conns sync.WaitGroup
	defer conns.Wait()
	defer l.listener.Close()
	defer context.AfterFunc(ctx, func() { l.listener.Close() })()
	var delay time.Duration
	for {
		c, err := l.listener.Accept()
		switch {
		case err == nil:
			delay = 0
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return listenError(l.Addr().String(), err)
		default:
			// Most likely too many files are open. Those who are connected go on, and one that leaves makes room.
			delay = min(max(2*delay, 10*time.Millisecond), time.Second)
			l.acceptFailed(err, delay)
			select {
			case <-time.After(delay):
			case <-ctx.Done():
				return nil
			}
			continue
		}
		config := l.config.Load()
		from := remote(c)
		if away := l.guard.enter(config); away != "" {
			l.turnAway(c, away, from.String(), nil)
			continue
		}
		trusted := trusts(config.ProxyProtocol, from.Addr())
		if !trusted {
			// Here and not in a goroutine, so that who is kept out costs little.
			if away := l.guard.enterFrom(config, neighbours(from.Addr())); away != "" {
				l.guard.leave()
				l.turnAway(c, away, from.String(), nil)
				continue
			}
		}
		conns.Go(func() {
			defer l.guard.leave()
			l.serve(ctx, c, config, from, trusted, handle)
		})
	}
}

// serve serves one connection.
func (l *Listener) serve(ctx context.Context, c net.Conn, config *ListenConfig, from netip.AddrPort, trusted bool, handle func(context.Context, *Lines) error) {
	var pending []byte
	var err error
	if trusted {
		if from, pending, err = readProxyHeader(ctx, c, config.HalfOpen, from); err != nil {
			l.failed(ctx, c, AwayHeader, remote(c).String(), err)
			return
		}
		if away := l.guard.enterFrom(config, neighbours(from.Addr())); away != "" {
			l.turnAway(c, away, from.String(), nil)
			return
		}
	}
	defer l.guard.leaveFrom(neighbours(from.Addr()))
	conn := c
	if config.TLS != nil {
		if conn, err = handshake(ctx, c, pending, config); err != nil {
			l.failed(ctx, c, AwayTLS, from.String(), err)
			return
		}
		pending = nil
	}
	lines := newLines(conn, c, config, from.String(), pending)
	defer lines.Close()
	defer lines.stopAt(ctx)()
	err = handle(ctx, lines)
	if errors.Is(err, ErrSpeaksHTTP) {
		lines.Write([]byte(httpAnswer), nil)
	}
	if bannable(err) && l.guard.ban(config, from.Addr()) {
		l.tell(Banned{Address: shortPrefix(neighbours(from.Addr())), Reason: err.Error(), For: seconds(config.BanFor)})
	}
}

// httpAnswer helps people who open our port in a browser, and health checks, to find out what is wrong.
const httpAnswer = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n" +
	"Miners connect here, with the Stratum protocol. This is not a web page.\n"

// remote returns who is on the other side; the zero AddrPort where that is no TCP address.
func remote(c net.Conn) netip.AddrPort {
	a, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := a.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// shortPrefix writes a single address without its length.
func shortPrefix(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

func (l *Listener) tell(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.onEvent != nil {
		l.onEvent(e)
	}
}

// tellEvery is how often the same trouble is told.
const tellEvery = 10 * time.Second

// failed turns a connection away that was not ready for its first line, unless that is because ctx ended.
func (l *Listener) failed(ctx context.Context, c net.Conn, reason, address string, err error) {
	if ctx.Err() != nil {
		c.Close()
		return
	}
	l.turnAway(c, reason, address, err)
}

// turnAway closes a connection, and tells of it now and then.
func (l *Listener) turnAway(c net.Conn, reason, address string, err error) {
	defer c.Close()
	if t, ok := c.(*net.TCPConn); ok && err == nil {
		t.SetLinger(0) // leaves nothing behind in the kernel
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.away[reason]
	if t == nil {
		t = &turnedAway{event: TurnedAway{Reason: reason}}
		l.away[reason] = t
	}
	t.event.Count++
	t.event.Address, t.event.Error = address, ""
	if err != nil {
		t.event.Error = err.Error()
	}
	now := l.guard.now()
	if !t.told.IsZero() && now.Sub(t.told) < tellEvery {
		return
	}
	if l.onEvent != nil {
		l.onEvent(t.event)
	}
	t.event.Count, t.told = 0, now
}

// acceptFailed tells of an error of accept, at first and when it has gone on for long enough to be tried again each second.
func (l *Listener) acceptFailed(err error, delay time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	const reason = "accept"
	t := l.away[reason]
	if t == nil {
		t = &turnedAway{}
		l.away[reason] = t
	}
	now := l.guard.now()
	if !t.told.IsZero() && now.Sub(t.told) < tellEvery {
		return
	}
	t.told = now
	if l.onEvent != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		l.onEvent(AcceptFailed{Listen: l.Addr().String(), Error: err.Error(), Retry: seconds(delay)})
	}
}
