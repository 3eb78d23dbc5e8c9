package serve

import (
	"errors"
	"io"
	"net"
	"os"
)

// Conn is a connection of which one direction can be ended alone, as *net.TCPConn and *tls.Conn are.
type Conn interface {
	net.Conn
	CloseWrite() error
}

// Conn returns the connection itself, for who carries bytes as they come instead of lines; it is used in place of Next and Write, not beside
// them. Read begins with what the device sent first: after a PROXY header, inside TLS. No deadline is set: limits of time are the
// user's from then on, and so are those of lines; only a forged PROXY header is still an error. Close of l closes it, and waits a
// moment for the other side to take what was written; it is for when nobody reads any more.
func (l *Lines) Conn() Conn { return &linesConn{Conn: l.conn, lines: l} }

// linesConn gives the bytes of Lines.
type linesConn struct {
	net.Conn
	lines   *Lines
	sniffed bool
}

// Read reads what was read before, and then from the network.
func (c *linesConn) Read(b []byte) (int, error) {
	l := c.lines
	if !c.sniffed && len(b) > 0 {
		if err := c.sniff(); err != nil {
			return 0, err
		}
		c.sniffed = true
	}
	if l.start < l.end {
		n := copy(b, l.in[l.start:l.end])
		if l.start += n; l.start == l.end {
			l.in, l.start, l.scanned, l.end = nil, 0, 0, 0
		}
		return n, nil
	}
	if err := l.Err(); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

// sniff reads until the first bytes can't become a PROXY header. Stratum's first byte can't.
func (c *linesConn) sniff() error {
	l := c.lines
	for {
		undecided, err := l.forged()
		if err != nil || !undecided {
			return err
		}
		if err := l.Err(); err != nil {
			return err
		}
		l.makeRoom()
		n, err := c.Conn.Read(l.in[l.end:])
		if l.end += n; n > 0 {
			continue
		}
		if l.start < l.end && !errors.Is(err, os.ErrDeadlineExceeded) {
			return nil // what there is; the error comes with the next read
		}
		return err
	}
}

// CloseWrite ends our direction.
func (c *linesConn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return io.ErrClosedPipe
}

// Close closes the connection at once.
func (c *linesConn) Close() error { return c.Conn.Close() }
