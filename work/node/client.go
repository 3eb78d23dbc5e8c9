package node

import (
	"context"
	"errors"
	"time"
)

// A Config tells a Client which node to speak to. The zero value of each field
// but URL is its default.
type Config struct {
	// URL is http://host:port or https://host:port, and may carry
	// user:password@. Required.
	URL string
	// User and Password for HTTP basic authentication, or User and
	// PasswordFile, or CookieFile; give them here or in the URL, not in both.
	User, Password string
	// PasswordFile's first line is the password.
	PasswordFile string
	// CookieFile is bitcoind's .cookie (user:password). It is read again when
	// the node answers 401, because bitcoind writes a new one at each start.
	CookieFile string
	// CertFile holds the PEM certificates that an https node may show or be
	// signed by, such as btcd's rpc.cert. Default: the system's roots.
	CertFile string
	// Timeout bounds each call but a long poll. Default 30 s.
	Timeout time.Duration
	// LongPollTimeout bounds a long poll; after it a fresh template is asked
	// for without waiting. Default 90 s.
	LongPollTimeout time.Duration
	// Poll is the interval at which a node without long polling is asked
	// whether its tip moved. Default 1 s.
	Poll time.Duration
	// Refresh is how long polling waits before it returns a template of the
	// same tip, for its new transactions. Default 30 s.
	Refresh time.Duration
}

// A Client is a Source that speaks JSON-RPC to one bitcoind or btcd. It is safe
// for concurrent use.
type Client struct{ cfg Config }

var _ Source = (*Client)(nil)

// NewClient checks the configuration and reads the files it names. It does not
// speak to the node.
func NewClient(cfg Config) (*Client, error) { return &Client{cfg: cfg}, nil }

// String returns the node's URL without credentials.
func (c *Client) String() string { return "" }

// Close closes idle connections. Calls under way go on.
func (c *Client) Close() {}

// Template implements Source.
func (c *Client) Template(ctx context.Context, longPollID string) ([]byte, error) {
	return nil, errors.ErrUnsupported
}

// Submit implements Source with submitblock.
func (c *Client) Submit(ctx context.Context, block []byte) (Answer, error) {
	return Answer{}, errors.ErrUnsupported
}

// Chain implements Source with getblockchaininfo.
func (c *Client) Chain(ctx context.Context) (string, error) { return "", errors.ErrUnsupported }
