package serve

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// PoolURL is where a pool is found.
type PoolURL struct {
	// Host is a name or an address, Port a number from 1.
	Host string
	Port int
	// TLS says that the connection is encrypted: stratum+ssl instead of stratum+tcp.
	TLS bool
	// User and Password are those of the URL, if it has them.
	User, Password string
}

// defaultPoolPort is the port where none is given.
const defaultPoolPort = 3333

// ParsePoolURL reads a pool's URL, such as stratum+tcp://pool.example:3333 or stratum+ssl://user:password@pool.example:3443. Without a scheme
// it is plain TCP. Errors don't repeat a password.
func ParsePoolURL(text string) (PoolURL, error) {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		scheme, rest = "stratum+tcp", text
	}
	shown := text
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		shown = "…" + text[at:]
	}
	var p PoolURL
	switch strings.ToLower(scheme) {
	case "stratum+tcp", "stratum", "tcp":
	case "stratum+ssl", "stratum+tls", "ssl", "tls":
		p.TLS = true
	case "stratum2+tcp":
		return p, fmt.Errorf("pool %q: Stratum V2 is not spoken; want stratum+tcp://HOST:PORT or stratum+ssl://HOST:PORT", shown)
	default:
		return p, fmt.Errorf("pool %q: unknown scheme; want stratum+tcp://HOST:PORT or stratum+ssl://HOST:PORT", shown)
	}
	u, err := url.Parse("//" + rest)
	if err != nil {
		var why *url.Error
		if errors.As(err, &why) {
			err = why.Err
		}
		return p, fmt.Errorf("pool %q: want stratum+tcp://HOST:PORT or stratum+ssl://HOST:PORT: %v", shown, err)
	}
	if u.User != nil {
		p.User = u.User.Username()
		p.Password, _ = u.User.Password()
	}
	p.Host, p.Port = u.Hostname(), defaultPoolPort
	if port := u.Port(); port != "" {
		if p.Port, err = strconv.Atoi(port); err != nil || p.Port < 1 || p.Port > 65535 {
			return p, fmt.Errorf("pool %q: port %s: want 1 to 65535", shown, port)
		}
	}
	switch {
	case p.Host == "":
		return p, fmt.Errorf("pool %q: the host is missing; want stratum+tcp://HOST:PORT", shown)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return p, fmt.Errorf("pool %q: more after the port; want stratum+tcp://HOST:PORT", shown)
	}
	return p, nil
}

// Address returns host and port, as for net.Dial.
func (p PoolURL) Address() string { return net.JoinHostPort(p.Host, strconv.Itoa(p.Port)) }

// String returns the URL without user and password.
func (p PoolURL) String() string {
	scheme := "stratum+tcp://"
	if p.TLS {
		scheme = "stratum+ssl://"
	}
	return scheme + p.Address()
}
