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
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// Limits on what a node may answer. A template of a full block is under 10 MiB.
const (
	maxTemplateAnswer = 64 << 20
	maxSmallAnswer    = 1 << 20
	maxHeaderAnswer   = 64 << 10
)

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
	a.Reason, a.Text = "inconclusive", "the node accepted the block, but another one is the tip"
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
