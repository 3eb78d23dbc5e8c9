package node

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"strings"

	"github.com/btcsuite/btcd/btcjson"
)

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
