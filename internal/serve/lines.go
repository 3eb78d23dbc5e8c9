package serve

import (
	"context"
	"crypto/tls"
	"net"
	"time"
)

// ListenConfig says who may connect, and how much they may ask. It is not touched after it was given away.
type ListenConfig struct {
	// TLS, if set, is what connections must speak. Plain TCP otherwise.
	TLS *tls.Config
	// ProxyProtocol says that connections come through a load balancer that puts the PROXY protocol's header, version 1 or 2, in front,
	// and only from these networks; others must not send one. Default: from nobody.
	ProxyProtocol []*net.IPNet
	// MaxConns bounds the connections, MaxConnsPerAddress those of one address (an IPv6 /64 counts as one). Defaults: 20 000 and 10 000.
	MaxConns, MaxConnsPerAddress int
	// HalfOpen is how long a connection may take to send its first line, and a TLS handshake. Default: 15 s.
	HalfOpen time.Duration
	// Idle is how long a connection may send nothing. Default: 10 min.
	Idle time.Duration
	// LinesPerSecond is how many lines a connection may send for long, with bursts of ten times as many. Default: 100.
	LinesPerSecond float64
	// BanFor is how long an address is kept out that broke the protocol or flooded us. Default: 1 min. Negative: nobody is.
	BanFor time.Duration
}

// Lines is a connection that carries lines. Reading is for one goroutine; writing is safe for concurrent use, never blocks, and is bounded:
// whoever does not read what we write is cut off.
type Lines struct{}

// NewLines returns the lines of a connection, which it owns from now on. config gives its limits.
func NewLines(c net.Conn, config ListenConfig) *Lines { return &Lines{} }

// Next returns the next line with its end, valid until the next call. It errs with why the connection can't go on: io.EOF, a time-out,
// a line longer than stratum.MaxLine, more lines than allowed.
func (l *Lines) Next() ([]byte, error) { return nil, nil }

// Write queues whole lines to be sent, after before was called, if it is not nil, by the goroutine that sends them. b is copied.
func (l *Lines) Write(b []byte, before func()) {}

// Close sends what is queued, for at most a second, and closes the connection. It can be called from any goroutine, and more than once;
// why is told to OnEvent of who listens, nil for an ordinary end.
func (l *Lines) Close() {}

// Conn returns the connection itself, for who carries bytes as they come instead of lines; it is used in place of Next and Write, not beside
// them. Read begins with what the device sent first: after a PROXY header, inside TLS. No deadline is set: limits of time are the
// user's from then on, and so are those of lines. Close of l closes it.
func (l *Lines) Conn() Conn { return nil }

// Conn is a connection of which one direction can be ended alone, as *net.TCPConn and *tls.Conn are.
type Conn interface {
	net.Conn
	CloseWrite() error
}

// Addr returns the device's address: that of the PROXY header, if there was one.
func (l *Lines) Addr() string { return "" }

// Listener takes connections.
type Listener struct{}

// Listen listens on an address such as "127.0.0.1:3333".
func Listen(address string, c ListenConfig, onEvent func(Event)) (*Listener, error) {
	return &Listener{}, nil
}

// Serve calls handle for each connection, each in a goroutine of its own, until ctx ends; then it stops listening and returns when all have.
// An error of handle that is a Violation bans the address.
func (l *Listener) Serve(ctx context.Context, handle func(ctx context.Context, l *Lines) error) error {
	return nil
}

// Addr returns where it listens, with the port that was chosen for port 0.
func (l *Listener) Addr() net.Addr { return nil }
