package node

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/btcjson"
	"github.com/btcsuite/btcd/chainhash/v2"
)

// Limits on what a node may answer. A template of a full block is under 10 MiB.
const (
	maxTemplateAnswer = 64 << 20
	maxSmallAnswer    = 1 << 20
	maxHeaderAnswer   = 64 << 10
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

// A Client is a Source that speaks JSON-RPC to one bitcoind or btcd. It opens a
// connection for each call and keeps none, nor any goroutine, between calls. It
// uses no proxy and follows no redirect, so that credentials go to the node
// alone. It is safe for concurrent use.
type Client struct {
	cfg   Config
	url   string // without credentials
	port  bool   // URL names one
	creds *credentials
	http  http.Client
	id    atomic.Uint64

	mu    sync.Mutex
	polls []poll // latest templates, newest last
}

var _ Source = (*Client)(nil)

// NewClient checks the configuration and reads PasswordFile and CertFile. It
// does not speak to the node.
func NewClient(cfg Config) (*Client, error) {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&cfg.Timeout, 30 * time.Second},
		{&cfg.LongPollTimeout, 90 * time.Second},
		{&cfg.Poll, time.Second},
		{&cfg.Refresh, 30 * time.Second},
	} {
		if *d.field < 0 {
			return nil, fmt.Errorf("negative duration %v in a node's configuration", *d.field)
		}
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	u, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg}
	if c.creds, err = newCredentials(&cfg, u.User); err != nil {
		return nil, err
	}
	u.User = nil
	c.url, c.port = u.String(), u.Port() != ""
	transport := &http.Transport{
		// A kept connection that the node closes meanwhile would fail the next
		// call, and btcd keeps none anyway.
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeaderAnswer,
	}
	if cfg.CertFile != "" {
		if u.Scheme != "https" {
			return nil, fmt.Errorf("certificate file %s is for https, but the node is %s; use https:// or leave the certificate out", cfg.CertFile, c.url)
		}
		pem, err := readSmall(cfg.CertFile, 1<<20)
		if err != nil {
			return nil, fmt.Errorf("certificate file: %w; btcd writes its rpc.cert at its first start", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("certificate file %s holds no PEM certificate; btcd's is named rpc.cert", cfg.CertFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	c.http = http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
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
	redacted := *u
	redacted.User = nil
	if u.Scheme != "http" && u.Scheme != "https" || u.Opaque != "" {
		return nil, fmt.Errorf("node URL's scheme is not http or https; give http://HOST:PORT")
	}
	if u.Hostname() == "" {
		return nil, fmt.Errorf("node URL %s names no host; give http://HOST:PORT", redacted.String())
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("node URL of %s has a query or fragment; give http://HOST:PORT", u.Host)
	}
	return u, nil
}

func newCredentials(cfg *Config, inURL *url.Userinfo) (*credentials, error) {
	user, pass := cfg.User, cfg.Password
	if inURL != nil {
		p, hasPass := inURL.Password()
		if user != "" && inURL.Username() != "" && user != inURL.Username() {
			return nil, errors.New("two RPC users, one in the node's URL; give one")
		}
		if hasPass && (pass != "" || cfg.PasswordFile != "") {
			return nil, errors.New("two RPC passwords, one in the node's URL; give one")
		}
		if inURL.Username() != "" {
			user = inURL.Username()
		}
		if hasPass {
			pass = p
		}
	}
	switch {
	case cfg.CookieFile != "" && (user != "" || pass != "" || cfg.PasswordFile != ""):
		return nil, fmt.Errorf("both a cookie file (%s) and an RPC user or password; give one of them", cfg.CookieFile)
	case pass != "" && cfg.PasswordFile != "":
		return nil, fmt.Errorf("both an RPC password and a password file (%s); give one of them", cfg.PasswordFile)
	case cfg.CookieFile != "":
		return cookieFile(cfg.CookieFile), nil
	case user == "" && (pass != "" || cfg.PasswordFile != ""):
		return nil, errors.New("an RPC password without a user; give the user too")
	case cfg.PasswordFile != "":
		c := passwordFile(user, cfg.PasswordFile)
		if _, _, err := c.get(); err != nil {
			return nil, fmt.Errorf("password file: %w", err)
		}
		return c, nil
	case user != "" && pass == "":
		return nil, fmt.Errorf("RPC user %q without a password; give a password file too", user)
	}
	return fixedCredentials(user, pass), nil
}

// String returns the node's URL without credentials.
func (c *Client) String() string { return c.url }

// Chain implements Source with getblockchaininfo.
func (c *Client) Chain(ctx context.Context) (string, error) {
	const method = "getblockchaininfo"
	result, err := c.call(ctx, c.cfg.Timeout, maxSmallAnswer, method)
	if err != nil {
		return "", err
	}
	var info struct {
		Chain string `json:"chain"`
	}
	if err := json.Unmarshal(result, &info); err != nil || info.Chain == "" || len(info.Chain) > 64 {
		return "", c.malformed(method, fmt.Errorf("no chain in the answer %s", excerpt(result)))
	}
	return oneLine(info.Chain), nil
}

// Submit implements Source with submitblock.
//
// bitcoind answers null for a block that became the tip, btcd for any that it
// did not find invalid, even one whose parent it does not know and which it will
// forget. So after null or "duplicate" the node is asked where it has the block.
func (c *Client) Submit(ctx context.Context, block []byte) (Answer, error) {
	const method = "submitblock"
	result, err := c.call(ctx, c.cfg.Timeout, maxSmallAnswer, method, hex.EncodeToString(block))
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			switch e.Code {
			case rpcDecode, rpcRejected:
				a := answer("rejected")
				a.Text += ": " + e.faultText()
				return a, nil
			case rpcAlreadyInside:
				return c.locate(ctx, block, answer("duplicate")), nil
			}
		}
		return Answer{}, err
	}
	if string(result) == "null" {
		return c.locate(ctx, block, Answer{Final: true, Accepted: true, Text: "the node accepted the block"}), nil
	}
	var reason string
	if err := json.Unmarshal(result, &reason); err != nil || oneLine(reason) == "" {
		return Answer{}, c.malformed(method, fmt.Errorf("neither null nor a word in the answer %s", excerpt(result)))
	}
	a := answer(reason)
	if a.Reason == "duplicate" {
		a = c.locate(ctx, block, a)
	}
	return a, nil
}

// locate corrects a, which says that the node has the block, by where it has it.
// If the node doesn't tell, a stands.
func (c *Client) locate(ctx context.Context, block []byte, a Answer) Answer {
	if len(block) < headerSize {
		return a
	}
	hash := chainhash.DoubleHashH(block[:headerSize])
	result, err := c.call(ctx, c.cfg.Timeout, maxSmallAnswer, "getblockheader", hash.String(), true)
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return a
		}
		switch e.Code {
		case rpcAddress: // "Block not found": btcd holds it as an orphan
			a = answer("prev-blk-not-found")
		case rpcInternal: // btcd: "Failed to obtain block height"
			a = aside(a)
		}
		return a
	}
	var header struct {
		Confirmations *int64 `json:"confirmations"`
	}
	if json.Unmarshal(result, &header) == nil && header.Confirmations != nil && *header.Confirmations < 1 {
		a = aside(a)
	}
	return a
}

// aside turns an answer for a block that the node keeps off its best chain. One
// that it has just taken is valid as far as it looked; a duplicate may be one
// that it found invalid, of which btcd's submitblock does not tell.
func aside(a Answer) Answer {
	if a.Reason == "duplicate" {
		return answer("duplicate-inconclusive")
	}
	a.Text = "the node accepted the block, but another one is the tip"
	return a
}

// call asks the node for method and returns the JSON text of the result.
func (c *Client) call(ctx context.Context, timeout time.Duration, limit int64, method string, params ...any) ([]byte, error) {
	// Nodes demand an array, even an empty one.
	if params == nil {
		params = []any{}
	}
	id := c.id.Add(1)
	request, err := encodeRequest(id, method, params)
	if err != nil {
		return nil, fmt.Errorf("%s at %s: %w", method, c.url, err)
	}
	inner, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	status, body, err := c.exchange(inner, method, request, limit)
	if err != nil {
		if ctx.Err() != nil {
			// The caller stopped it; that says nothing of the node.
			return nil, fmt.Errorf("%s at %s: %w", method, c.url, ctx.Err())
		}
		if inner.Err() != nil {
			return nil, &Error{Node: c.url, Method: method, Kind: KindTimeout, Status: status, Err: err,
				Message: fmt.Sprintf("no whole answer within %v", timeout)}
		}
		return nil, err
	}
	result, fault, err := decodeResponse(body, id)
	switch {
	case fault != nil:
		return nil, c.faultError(method, status, fault)
	case status != http.StatusOK:
		return nil, c.statusError(method, status, body)
	case err != nil:
		return nil, c.decodeError(method, body, err)
	}
	return result, nil
}

// exchange posts request and reads the answer, twice if the credentials in a
// file changed.
func (c *Client) exchange(ctx context.Context, method string, request []byte, limit int64) (status int, body []byte, err error) {
	for first := true; ; first = false {
		user, pass, err := c.creds.get()
		if err != nil {
			return 0, nil, c.credentialsError(method, 0, err)
		}
		status, body, err := c.post(ctx, user, pass, request, limit)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				e = c.transportError(status, err)
			}
			e.Method = method
			return status, nil, e
		}
		if status != http.StatusUnauthorized {
			return status, body, nil
		}
		changed, err := c.creds.refused(user, pass)
		if err != nil || !changed || !first {
			return status, nil, c.credentialsError(method, status, err)
		}
	}
}

// post sends one request. A status other than 0 comes with an error when the
// answer began but could not be read.
func (c *Client) post(ctx context.Context, user, pass string, request []byte, limit int64) (status int, body []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(request))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "touchstone")
	if user != "" || pass != "" {
		r.SetBasicAuth(user, pass)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		var e *url.Error
		if errors.As(err, &e) {
			err = e.Err
		}
		return 0, nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		limit = min(limit, maxSmallAnswer)
	}
	if resp.ContentLength > limit {
		return resp.StatusCode, nil, c.tooLong(resp.StatusCode, limit)
	}
	var buf bytes.Buffer
	if resp.ContentLength > 0 {
		buf.Grow(int(resp.ContentLength) + bytes.MinRead)
	}
	if _, err := buf.ReadFrom(io.LimitReader(resp.Body, limit+1)); err != nil {
		return resp.StatusCode, nil, err
	}
	if int64(buf.Len()) > limit {
		return resp.StatusCode, nil, c.tooLong(resp.StatusCode, limit)
	}
	return resp.StatusCode, buf.Bytes(), nil
}

func (c *Client) tooLong(status int, limit int64) error {
	return &Error{Node: c.url, Kind: KindTooLong, Status: status,
		Message: fmt.Sprintf("the answer is longer than %d MiB", limit>>20),
		Hint:    "is this a node's RPC address?"}
}

// transportError explains why there was no whole HTTP answer.
func (c *Client) transportError(status int, err error) *Error {
	e := &Error{Node: c.url, Status: status, Err: err}
	var (
		record   tls.RecordHeaderError
		verify   *tls.CertificateVerificationError
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		alert    tls.AlertError
		dns      *net.DNSError
		op       *net.OpError
	)
	switch {
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		e.Kind, e.Message, e.Hint = KindTLS, "the answer is not TLS", "does the node speak plain HTTP? then use http://"
	case errors.As(err, &unknown):
		e.Kind, e.Message = KindTLS, "the node's certificate is signed by nobody known"
		if e.Hint = "give the node's certificate (btcd's rpc.cert) with --rpc-cert"; c.cfg.CertFile != "" {
			e.Hint = "is " + c.cfg.CertFile + " the certificate of this node?"
		}
	case errors.As(err, &hostname):
		e.Kind, e.Message, e.Hint = KindTLS, oneLine(err.Error()), "use a name from the certificate, or make a new one for this name"
	case errors.As(err, &verify), errors.As(err, &alert):
		e.Kind, e.Message = KindTLS, oneLine(err.Error())
	case errors.As(err, &dns):
		e.Kind, e.Message = KindUnreachable, fmt.Sprintf("no address for host %q", dns.Name)
		if e.lasting = dns.IsNotFound; e.lasting {
			e.Hint = "check the host's name"
		}
	case errors.As(err, &op) && op.Op == "dial":
		e.Kind, e.Message, e.Hint = KindUnreachable, oneLine(err.Error()), "is the node running, with its RPC server on this address?"
		if !c.port {
			e.Hint = "the URL names no port; bitcoind's RPC port is 8332, btcd's 8334"
		}
	default:
		// Reset, EOF, or HTTP that isn't.
		e.Kind, e.Message = KindDropped, "the connection ended before the answer: "+oneLine(err.Error())
		if strings.Contains(err.Error(), "malformed HTTP") { // net/http has no type for it
			e.Kind, e.Message, e.Hint = KindNotRPC, "the answer is not HTTP: "+oneLine(err.Error()), "is this the node's RPC port, not its peer-to-peer port?"
		}
	}
	return e
}

func (c *Client) credentialsError(method string, status int, err error) error {
	e := &Error{Node: c.url, Method: method, Kind: KindCredentials, Status: status, Err: err}
	switch {
	case err != nil && c.creds.cookie:
		e.Message = "cannot read the cookie: " + oneLine(err.Error())
		e.Hint = "is bitcoind running, with this data folder? it writes the file when it starts"
		// It removes the file when it stops.
		e.passing = errors.Is(err, fs.ErrNotExist)
	case err != nil:
		e.Message = oneLine(err.Error())
	case c.creds.cookie:
		e.Message = fmt.Sprintf("the node refused the cookie in %s (401)", c.creds.file)
		e.Hint = "is it the cookie of this node? a node with rpcpassword set writes none and leaves an old one"
	case c.creds.file != "":
		e.Message = "the node refused user and password (401)"
		e.Hint = fmt.Sprintf("check --rpc-user and the password in %s", c.creds.file)
	default:
		e.Message = "the node refused user and password (401)"
		if user, _, _ := c.creds.get(); user == "" {
			e.Message = "the node wants a user and a password (401)"
		}
		e.Hint = "check --rpc-user and --rpc-password-file, or give bitcoind's cookie file with --rpc-cookie"
	}
	return e
}

// faultError turns the node's own error into ours.
func (c *Client) faultError(method string, status int, fault *btcjson.RPCError) error {
	e := &Error{Node: c.url, Method: method, Kind: KindRPC, Status: status, Code: int(fault.Code), Err: fault,
		Message: fmt.Sprintf("RPC error %d: %s", fault.Code, fault.Message)}
	switch e.Code {
	case rpcWarmup:
		e.Kind, e.Hint = KindWarmup, "the node is starting: wait"
	case rpcSyncing:
		e.Kind, e.Hint = KindSyncing, "the node is downloading the chain: wait until it has it"
	case rpcNotConnected:
		e.Kind, e.Hint = KindNotConnected, "the node has no peers yet: a block would reach nobody"
	case rpcNoMethod:
		e.Kind, e.Hint = KindNoMethod, "is this bitcoind or btcd, and not a wallet?"
	}
	return e
}

// faultText is the node's own text.
func (e *Error) faultText() string {
	var fault *btcjson.RPCError
	if errors.As(e.Err, &fault) {
		return fault.Message
	}
	return e.Message
}

// statusError explains an HTTP status that came without a JSON-RPC error.
func (c *Client) statusError(method string, status int, body []byte) error {
	e := &Error{Node: c.url, Method: method, Kind: KindHTTP, Status: status,
		Message: fmt.Sprintf("HTTP %d %s", status, http.StatusText(status))}
	if len(body) > 0 {
		e.Message += ": " + excerpt(body)
	}
	switch {
	case status == http.StatusForbidden:
		e.Kind, e.Hint = KindForbidden, "does the node allow this address (bitcoind's rpcallowip) and this user the method (rpcwhitelist)?"
	case status == http.StatusNotFound:
		e.Hint = "check the path in the URL: a node's RPC has none"
	case status == http.StatusBadRequest && bytes.Contains(body, []byte("HTTPS")):
		e.Kind, e.Hint = KindTLS, "the node speaks TLS: use https://"
	case status == http.StatusServiceUnavailable:
		e.Kind, e.Hint = KindBusy, "too many calls at once: raise bitcoind's rpcworkqueue or btcd's rpcmaxclients"
	case status >= 300 && status < 400:
		e.Hint = "redirects are not followed: give the node's own address"
	}
	return e
}

// decodeError explains a 200 that is not a JSON-RPC answer.
func (c *Client) decodeError(method string, body []byte, err error) error {
	e := &Error{Node: c.url, Method: method, Status: http.StatusOK, Err: err}
	switch {
	case errors.Is(err, errShort):
		// btcd marks the end of an answer only by closing the connection, so a
		// node that stops looks like this, often with no answer at all.
		e.Kind = KindDropped
		e.Message = fmt.Sprintf("the connection ended in the middle of the answer, after %d bytes", len(body))
	case len(body) > 0 && bytes.TrimLeft(body, " \t\r\n")[0] != '{':
		e.Kind, e.Message, e.Hint = KindNotRPC, "the answer is not JSON-RPC: "+excerpt(body), "is this a node's RPC address?"
	default:
		return c.malformed(method, err)
	}
	return e
}

func (c *Client) malformed(method string, err error) error {
	return &Error{Node: c.url, Method: method, Kind: KindMalformed, Status: http.StatusOK, Err: err,
		Message: "the answer makes no sense: " + oneLine(err.Error())}
}
