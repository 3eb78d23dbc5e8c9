package serve

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/pires/go-proxyproto"
)

// Sizes of PROXY headers, as the PROXY protocol gives them.
const (
	// maxProxyV1 is the longest header of version 1, with the end of its line.
	maxProxyV1 = 107
	// proxyV2Start is what a header of version 2 begins with: signature, version, family, and the length of the rest.
	proxyV2Start = 16
	// maxProxyV2 bounds what we take of version 2. Addresses need 52 bytes; the rest is what load balancers add, such as names and
	// certificates, and at most 4 KB with those we know.
	maxProxyV2 = 4 << 10
)

// trusts returns whether one of the networks has the address.
func trusts(networks []*net.IPNet, a netip.Addr) bool {
	if len(networks) == 0 || !a.IsValid() {
		return false
	}
	ip := net.IP(a.Unmap().AsSlice())
	for _, n := range networks {
		if n.Contains(ip) {
			return true
		}
	}
	return false
}

// readProxyHeader reads a PROXY header and returns whose connection it is, and what came after the header. A load balancer that speaks for
// itself, to see whether we live, is who connected.
//
// The header is collected here, to take it in however few bytes at a time, and to keep no buffer beyond it.
func readProxyHeader(ctx context.Context, c net.Conn, limit time.Duration, from netip.AddrPort) (source netip.AddrPort, pending []byte, err error) {
	c.SetReadDeadline(after(limit))
	forget := context.AfterFunc(ctx, func() { c.SetReadDeadline(unblock) })
	b := make([]byte, 0, smallReadBuffer)
	size := 0
	for size == 0 {
		n, err := c.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if n == 0 {
			return from, nil, headerReadError(b, limit, err)
		}
		if size, err = proxyHeaderSize(b); err != nil {
			return from, nil, err
		}
		if size == 0 && len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
	}
	if !forget() {
		return from, nil, context.Cause(ctx)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return from, nil, err
	}
	header, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(b[:size]), max(size, 16)))
	if err != nil {
		return from, nil, fmt.Errorf("PROXY header: %w", err)
	}
	if a, ok := header.SourceAddr.(*net.TCPAddr); ok && header.Command.IsProxy() {
		ap := a.AddrPort()
		from = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return from, b[size:], nil
}

func headerReadError(have []byte, limit time.Duration, err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("no PROXY header within %s", limit)
	case len(have) == 0:
		return errors.New("closed without a PROXY header")
	}
	return fmt.Errorf("closed within the PROXY header, after %d bytes", len(have))
}

// proxyHeaderSize returns how long the PROXY header is that b begins with; 0 while there are too few bytes to tell or to have all of it.
func proxyHeaderSize(b []byte) (int, error) {
	undecided := false
	switch {
	case begins(b, proxyV1, &undecided):
		i := bytes.IndexByte(b[:min(len(b), maxProxyV1)], '\n')
		if i < 0 && len(b) >= maxProxyV1 {
			return 0, fmt.Errorf("PROXY header: no end of line within %d bytes", maxProxyV1)
		}
		return i + 1, nil
	case begins(b, proxyV2, &undecided):
		if len(b) < proxyV2Start {
			return 0, nil
		}
		size := proxyV2Start + int(binary.BigEndian.Uint16(b[proxyV2Start-2:]))
		if size > maxProxyV2 {
			return 0, fmt.Errorf("PROXY header of %d bytes, more than %d", size, maxProxyV2)
		}
		if len(b) < size {
			return 0, nil
		}
		return size, nil
	case undecided:
		return 0, nil
	}
	return 0, fmt.Errorf("no PROXY header, but %q", b[:min(len(b), 16)])
}
