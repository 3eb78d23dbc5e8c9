package serve

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// PoolLoopError says that a pool is the proxy itself: each connection would make another, without end.
type PoolLoopError struct {
	URL    PoolURL
	Listen string
}

// Error names the two.
func (e *PoolLoopError) Error() string {
	return fmt.Sprintf("pool %s is where the proxy listens itself (%s)", e.URL, e.Listen)
}

// checkLoop reports a pool that is one of the addresses to listen on, as far as can be told without asking anyone for a name.
func checkLoop(url PoolURL, listen []ListenAt) error {
	ip, err := netip.ParseAddr(url.Host)
	if url.Host == "localhost" {
		ip, err = netip.AddrFrom4([4]byte{127, 0, 0, 1}), nil
	}
	if err != nil {
		return nil
	}
	for _, at := range listen {
		host, port, err := net.SplitHostPort(at.Address)
		if err != nil || port != strconv.Itoa(url.Port) {
			continue
		}
		if host == "localhost" {
			host = "127.0.0.1"
		}
		here, err := netip.ParseAddr(host)
		everywhere := host == "" || err == nil && here.IsUnspecified()
		if everywhere && ours(ip) || err == nil && here.Unmap() == ip.Unmap() {
			return &PoolLoopError{url, at.Address}
		}
	}
	return nil
}

// ours reports whether ip is one of this machine's.
func ours(ip netip.Addr) bool {
	if ip.IsLoopback() || ip.IsUnspecified() {
		return true
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip.AsSlice()) {
			return true
		}
	}
	return false
}
