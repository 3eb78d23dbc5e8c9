package node

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// A Config tells a Client which node to speak to. The zero value of each field
// but URL is its default.
type Config struct {
	// URL is http://host:port or https://host:port, and may carry
	// user:password@. Required.
	URL string
	// User and Password for HTTP basic authentication, or User and
	// PasswordFile, or CookieFile. A user or password in URL takes the place of
	// the one here; giving both is an error.
	User, Password string
	// PasswordFile's only line is the password. It is read again when the node
	// answers 401.
	PasswordFile string
	// CookieFile is bitcoind's .cookie (user:password). It is read when first
	// needed, and again when the node answers 401, because bitcoind writes a new
	// one at each start.
	CookieFile string
	// CertFile holds the PEM certificates that an https node may show or be
	// signed by, such as btcd's rpc.cert. Default: the system's roots.
	CertFile string
	// Timeout bounds each call but a long poll. Default 30 s.
	Timeout time.Duration
	// LongPollTimeout bounds a long poll; after it a fresh template is asked
	// for without waiting. It bounds how long a node that hangs goes unnoticed.
	// Default 90 s.
	LongPollTimeout time.Duration
	// Poll is the interval at which a node without long polling is asked
	// whether its tip moved. Default 1 s.
	Poll time.Duration
	// Refresh is how long polling waits before it returns a template of the
	// same tip, for its new transactions. Default 30 s.
	Refresh time.Duration
}

var errURLEscape = errors.New("node URL cannot be read; give http://USER@HOST:PORT, with special characters of a password as %XX")

// parseURL never quotes what it was given, which may hold a password.
func parseURL(s string) (*url.URL, error) {
	if s == "" {
		return nil, errors.New("no node URL; give http://HOST:PORT")
	}
	u, err := url.Parse(s)
	if err != nil {
		var e *url.Error
		if errors.As(err, &e) {
			err = e.Err
		}
		var escape url.EscapeError
		if errors.As(err, &escape) || u == nil {
			return nil, errURLEscape
		}
		return nil, errors.New("node URL cannot be read; give http://HOST:PORT")
	}
	if strings.Contains(u.Path+u.RawQuery+u.Fragment, "@") {
		// A password with / ? or #: its beginning was taken for a port.
		return nil, errURLEscape
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Opaque != "" {
		return nil, errors.New("node URL's scheme is not http or https; give http://HOST:PORT")
	}
	if u.Hostname() == "" {
		u.User = nil
		return nil, fmt.Errorf("node URL %s names no host; give http://HOST:PORT", u)
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("node URL of %s has a query or fragment; give http://HOST:PORT", u.Host)
	}
	return u, nil
}
