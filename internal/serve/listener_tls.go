package serve

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
)

// handshake makes c speak TLS. pending is what was read of c.
func handshake(ctx context.Context, c net.Conn, pending []byte, config *ListenConfig) (net.Conn, error) {
	if config.HalfOpen > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, config.HalfOpen)
		defer cancel()
	}
	inner := c
	if len(pending) > 0 {
		inner = &pendingConn{Conn: c, pending: *bytes.NewReader(pending)}
	}
	conn := tls.Server(inner, config.TLS)
	err := conn.HandshakeContext(ctx)
	var header tls.RecordHeaderError
	switch {
	case err == nil:
		return conn, nil
	case errors.As(err, &header):
		return nil, fmt.Errorf("speaks no TLS, but began with %q", header.RecordHeader[:])
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("no TLS handshake within %s", config.HalfOpen)
	}
	return nil, err
}

// pendingConn gives what was read before, first.
type pendingConn struct {
	net.Conn
	pending bytes.Reader
}

func (c *pendingConn) Read(b []byte) (int, error) {
	if c.pending.Len() > 0 {
		return c.pending.Read(b)
	}
	return c.Conn.Read(b)
}

// Certificate is a TLS certificate with its key, in files that may change while it is in use. It is safe for concurrent use.
type Certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
}

// LoadCertificate reads a certificate, with those that lead to a known one, and its key: two files in PEM.
func LoadCertificate(certFile, keyFile string) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile}
	return c, c.Reload()
}

// Reload reads the files again. After an error the certificate stays as it was.
func (c *Certificate) Reload() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("TLS certificate %s with key %s: %w", c.certFile, c.keyFile, err)
	}
	c.current.Store(&pair)
	return nil
}

// Config returns what a Listener needs to speak TLS with the certificate as it is at the time of each connection.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.current.Load(), nil
		},
	}
}
