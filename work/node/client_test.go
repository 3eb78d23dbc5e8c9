package node

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/btcsuite/btcd/btcjson"
	"github.com/stretchr/testify/require"
)

func fixed(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// dropped begins an answer and closes the connection.
func dropped(part string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		fmt.Fprint(conn, part)
		conn.Close()
	}
}

// Each way in which a node can be in trouble has its kind, says which call at
// which node, and mostly the cure.
func TestNodeTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		handler   http.Handler
		kind      Kind
		temporary bool
		text      string
	}{
		"web page":              {fixed(200, "<!DOCTYPE html><html>"), KindNotRPC, false, `"<!DOCTYPE html><html>"`},
		"text":                  {fixed(200, "OK\n"), KindNotRPC, false, `"OK\n"`},
		"web page 500":          {fixed(500, "<html>oops"), KindHTTP, true, `HTTP 500 Internal Server Error: "<html>oops"`},
		"401":                   {fixed(401, ""), KindCredentials, false, "--rpc-user"},
		"403":                   {fixed(403, ""), KindForbidden, false, "rpcallowip"},
		"404":                   {fixed(404, "404 page not found"), KindHTTP, false, "check the path"},
		"405":                   {fixed(405, "JSONRPC server handles only POST requests"), KindHTTP, false, "HTTP 405"},
		"500":                   {fixed(500, ""), KindHTTP, true, "HTTP 500"},
		"502":                   {fixed(502, ""), KindHTTP, true, "HTTP 502"},
		"503":                   {fixed(503, "Work queue depth exceeded"), KindBusy, true, "rpcworkqueue"},
		"429":                   {fixed(429, ""), KindHTTP, true, "429"},
		"204":                   {fixed(204, ""), KindHTTP, false, "204"},
		"redirect":              {http.RedirectHandler("http://127.0.0.1:1/", http.StatusMovedPermanently), KindHTTP, false, "redirects are not followed"},
		"TLS port":              {fixed(400, "Client sent an HTTP request to an HTTPS server.\n"), KindTLS, false, "use https://"},
		"empty answer":          {fixed(200, ""), KindDropped, true, "after 0 bytes"},
		"connection dropped":    {dropped(""), KindDropped, true, "connection ended"},
		"headers dropped":       {dropped("HTTP/1.1 200 OK\r\nContent-"), KindDropped, true, "connection ended"},
		"body dropped":          {dropped("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"result\""), KindDropped, true, "connection ended"},
		"body dropped, no size": {dropped("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"result\":{\"chain\":\"ma"), KindDropped, true, "middle of the answer, after 22 bytes"},
		"chunk dropped":         {dropped("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{\"result\""), KindDropped, true, "connection ended"},
		"not HTTP":              {dropped("SSH-2.0-OpenSSH_9.6\r\n"), KindNotRPC, false, "not HTTP"},
		"wrong id":              {fixed(200, `{"result":{},"error":null,"id":99999}`), KindMalformed, false, "request id"},
		"no result":             {fixed(200, `{"id":1}`), KindMalformed, false, "neither"},
		"null result":           {rpcHandler(func(rpcCall) (string, int) { return "null", 0 }), KindMalformed, false, "no chain"},
		"other result":          {rpcHandler(func(rpcCall) (string, int) { return "[]", 0 }), KindMalformed, false, "no chain"},
		"long chain":            {rpcHandler(func(rpcCall) (string, int) { return `{"chain":"` + strings.Repeat("m", 65) + `"}`, 0 }), KindMalformed, false, "no chain"},
		"warm-up":               {rpcHandler(func(rpcCall) (string, int) { return "Loading block index…", -28 }), KindWarmup, true, "Loading block index…"},
		"syncing":               {rpcHandler(func(rpcCall) (string, int) { return "x", -10 }), KindSyncing, true, "downloading the chain"},
		"no peers":              {rpcHandler(func(rpcCall) (string, int) { return "x", -9 }), KindNotConnected, true, "no peers"},
		"no method":             {rpcHandler(func(rpcCall) (string, int) { return "Method not found", -32601 }), KindNoMethod, false, "not a wallet"},
		"RPC error":             {rpcHandler(func(rpcCall) (string, int) { return "one\ntwo", -8 }), KindRPC, false, "RPC error -8: one two"},
		"disk full":             {rpcHandler(func(rpcCall) (string, int) { return "x", -25 }), KindRPC, true, "-25"},
		"RPC error in a 404":    {fixed(404, `{"result":null,"error":{"code":-32601,"message":"Method not found"},"id":1}`), KindNoMethod, false, "Method not found"},
		"too long, said":        {dropped("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n{"), KindTooLong, false, "longer than 1 MiB"},
		"too long":              {fixed(200, strings.Repeat(" ", maxSmallAnswer+1)), KindTooLong, false, "longer than 1 MiB"},
		"headers without end": {http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", maxHeaderAnswer))
		}), KindDropped, true, "headers"},
	} {
		t.Run(name, func(t *testing.T) {
			c2 := serve(t, c.handler)
			_, err := c2.Chain(t.Context())
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.kind, e.Kind, err)
			require.Equal(t, c.temporary, e.Temporary(), err)
			require.Equal(t, c.temporary, Temporary(fmt.Errorf("wrapped: %w", err)))
			require.Equal(t, "getblockchaininfo", e.Method)
			require.Equal(t, c2.String(), e.Node)
			require.ErrorContains(t, err, c.text)
			require.True(t, strings.HasPrefix(err.Error(), "getblockchaininfo at http://127.0.0.1:"), err)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	_, err = client(t, "http://"+addr).Chain(t.Context())
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, KindUnreachable, e.Kind)
	require.True(t, e.Temporary())
	require.ErrorContains(t, err, "is the node running")

	// A URL without a port is nearly always an oversight.
	c := client(t, "http://127.0.0.1")
	e = c.transportError(0, &net.OpError{Op: "dial", Err: errors.New("connection refused")})
	require.ErrorContains(t, e, "bitcoind's RPC port is 8332")

	e = c.transportError(0, &net.OpError{Op: "dial", Err: &net.DNSError{Name: "nosuch", IsNotFound: true}})
	require.Equal(t, KindUnreachable, e.Kind)
	require.False(t, e.Temporary())
	require.ErrorContains(t, e, `"nosuch"`)
}

func TestHang(t *testing.T) {
	short := func(cfg *Config) { cfg.Timeout = 20 * time.Millisecond }
	for name, h := range map[string]http.HandlerFunc{
		"at once": hang,
		"in the middle": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, `{"result"`)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := serve(t, h, short).Chain(t.Context())
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, KindTimeout, e.Kind)
			require.True(t, e.Temporary())
			require.ErrorContains(t, err, "within 20ms")
		})
	}
}

// A caller that stops learns that it did, and nothing is blamed on the node.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	}))
	_, err := c.Chain(ctx)
	require.ErrorIs(t, err, context.Canceled)
	var e *Error
	require.False(t, errors.As(err, &e))
	_, err = c.Template(ctx, "x")
	require.ErrorIs(t, err, context.Canceled)
	_, err = c.Submit(ctx, make([]byte, 100))
	require.ErrorIs(t, err, context.Canceled)
}

func TestChain(t *testing.T) {
	c := serve(t, rpcHandler(func(c rpcCall) (string, int) {
		require.Equal(t, "getblockchaininfo", c.Method)
		return `{"chain":"testnet4","blocks":1}`, 0
	}))
	chain, err := c.Chain(t.Context())
	require.NoError(t, err)
	require.Equal(t, "testnet4", chain)

	require.True(t, SameChain("main", "mainnet"))
	require.True(t, SameChain("test", "testnet3"))
	require.False(t, SameChain("test", "testnet4"))
	require.False(t, SameChain("regtest", "simnet"))
}

func TestTemplateLimit(t *testing.T) {
	const n = 20 << 20 // more than other answers may have
	c := serve(t, rpcHandler(func(rpcCall) (string, int) {
		return `{"x":"` + strings.Repeat("0", n) + `","longpollid":"x","previousblockhash":"` + hashA + `"}`, 0
	}))
	text, err := c.Template(t.Context(), "")
	require.NoError(t, err)
	require.Greater(t, len(text), n)
	require.Less(t, cap(text), 3*n)
}

const secret = "s3cret/&word"

func TestCredentials(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		return name
	}
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, pass, _ := r.BasicAuth()
		if user != "alice" || pass != secret {
			w.WriteHeader(401)
			return
		}
		rpcHandler(func(rpcCall) (string, int) { return `{"chain":"main"}`, 0 })(w, r)
	}))
	defer node.Close()
	host := strings.TrimPrefix(node.URL, "http://")
	escaped := "alice:s3cret%2F&word@"
	for name, cfg := range map[string]Config{
		"fields":               {URL: "http://" + host, User: "alice", Password: secret},
		"URL":                  {URL: "http://" + escaped + host},
		"password file":        {URL: "http://" + host, User: "alice", PasswordFile: file("pw", secret+"\n")},
		"password file, CRLF":  {URL: "http://alice@" + host, PasswordFile: file("pwcr", secret+"\r\n")},
		"password file, plain": {URL: "http://alice@" + host, User: "alice", PasswordFile: file("pw0", secret)},
		"cookie":               {URL: "http://" + host, CookieFile: file("cookie", "alice:"+secret)},
	} {
		c, err := NewClient(cfg)
		require.NoError(t, err, name)
		_, err = c.Chain(t.Context())
		require.NoError(t, err, name)
		require.Equal(t, node.URL, c.String())
	}

	for _, cfg := range []Config{
		{URL: "http://" + host},
		{URL: "http://bob:" + "s3cret%2F&word@" + host},
		{URL: "http://" + host, User: "bob", PasswordFile: file("pw1", secret)},
		{URL: "http://" + host, CookieFile: file("cookie1", "__cookie__:"+secret)},
	} {
		c, err := NewClient(cfg)
		require.NoError(t, err)
		_, err = c.Chain(t.Context())
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, KindCredentials, e.Kind)
		require.False(t, e.Temporary())
		require.NotEmpty(t, e.Hint)
		require.NotContains(t, err.Error(), "s3cret")
		require.NotContains(t, fmt.Sprintf("%+v", *e), "s3cret")
	}
}

func TestConfigErrors(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	long := filepath.Join(dir, "long")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	require.NoError(t, os.WriteFile(long, make([]byte, 1<<20+1), 0o600))
	for _, c := range []struct {
		cfg  Config
		text string
	}{
		{Config{}, "no node URL"},
		{Config{URL: "127.0.0.1:8332"}, "node URL cannot be read"},
		{Config{URL: "localhost:8332"}, "scheme is not http or https"},
		{Config{URL: "ftp://alice:s3cret@h"}, "scheme is not http"},
		{Config{URL: "http://"}, "names no host"},
		{Config{URL: "http://alice:s3cret@:8332"}, "names no host"},
		{Config{URL: "http://alice:s3cret@h:8332?x=1"}, "query"},
		{Config{URL: "http://alice:s3cret%@h:8332"}, "%XX"},
		{Config{URL: "http://alice:s3cret/x@h:8332"}, "cannot be read"},
		{Config{URL: "http://alice:s3c ret@h\x7f"}, "cannot be read"},
		{Config{URL: "http://alice:1/s3cret@h:8332"}, "%XX"},
		{Config{URL: "http://alice:1?s3cret@h:8332"}, "%XX"},
		{Config{URL: "http://alice:1#s3cret@h:8332"}, "%XX"},
		{Config{URL: "http://h", Timeout: -1}, "negative"},
		{Config{URL: "http://h", Password: "s3cret"}, "without a user"},
		{Config{URL: "http://h", PasswordFile: empty}, "without a user"},
		{Config{URL: "http://h", User: "alice"}, "without a password"},
		{Config{URL: "http://bob:s3cret@h", User: "alice"}, "two RPC users"},
		{Config{URL: "http://alice:s3cret@h", Password: "s3cret"}, "two RPC passwords"},
		{Config{URL: "http://alice:s3cret@h", PasswordFile: empty}, "two RPC passwords"},
		{Config{URL: "http://h", User: "alice", Password: "s3cret", PasswordFile: empty}, "both an RPC password"},
		{Config{URL: "http://alice:s3cret@h", CookieFile: empty}, "both a cookie"},
		{Config{URL: "http://h", User: "alice", PasswordFile: empty}, "first line is empty"},
		{Config{URL: "http://h", User: "alice", PasswordFile: dir}, "not a regular file"},
		{Config{URL: "http://h", User: "alice", PasswordFile: long}, "longer than"},
		{Config{URL: "http://h", User: "alice", PasswordFile: filepath.Join(dir, "nosuch")}, "nosuch"},
		{Config{URL: "http://h", CertFile: empty}, "use https://"},
		{Config{URL: "https://h", CertFile: empty}, "no PEM certificate"},
		{Config{URL: "https://h", CertFile: dir}, "not a regular file"},
		{Config{URL: "https://h", CertFile: long}, "longer than"},
	} {
		_, err := NewClient(c.cfg)
		require.ErrorContains(t, err, c.text)
		require.NotContains(t, err.Error(), "s3c")
		require.NotContains(t, err.Error(), "alice:1")
		require.NotContains(t, err.Error(), "\n")
	}
}

// bitcoind writes a new cookie at each start, and removes it when it stops.
func TestCookieRotation(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".cookie")
	var cookie atomic.Value
	start := func(pass string) {
		cookie.Store(pass)
		require.NoError(t, os.WriteFile(file, []byte("__cookie__:"+pass), 0o600))
	}
	var asked atomic.Int32
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if _, pass, _ := r.BasicAuth(); pass != cookie.Load() {
			w.WriteHeader(401)
			return
		}
		rpcHandler(func(rpcCall) (string, int) { return `{"chain":"main"}`, 0 })(w, r)
	}), func(cfg *Config) { cfg.CookieFile = file })

	// Not there yet: bitcoind may be about to start.
	_, err := c.Chain(t.Context())
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.True(t, Temporary(err))
	require.ErrorContains(t, err, "is bitcoind running")
	require.Zero(t, asked.Load())

	for _, pass := range []string{"one", "two", "three"} {
		start(pass)
		asked.Store(0)
		_, err = c.Chain(t.Context())
		require.NoError(t, err)
		require.LessOrEqual(t, asked.Load(), int32(2))
	}
	require.EqualValues(t, 2, asked.Load())

	// A cookie of another node: asked once more, not for ever.
	cookie.Store("other")
	asked.Store(0)
	_, err = c.Chain(t.Context())
	require.ErrorContains(t, err, "refused the cookie in "+file)
	require.False(t, Temporary(err))
	require.EqualValues(t, 1, asked.Load())
	require.NotContains(t, err.Error(), "three")

	for _, text := range []string{"", "nonsense", ":", "a:", ":b", "a:b\nc", strings.Repeat("x", maxSecretFile+1)} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		_, err = c.Chain(t.Context())
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, KindCredentials, e.Kind, "%q", text)
	}
	start("four")
	_, err = c.Chain(t.Context())
	require.NoError(t, err, "after nonsense a good cookie works")

	require.NoError(t, os.Remove(file))
	cookie.Store("five")
	_, err = c.Chain(t.Context())
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.True(t, Temporary(err))
}

func TestTLS(t *testing.T) {
	leaks(t)
	handler := rpcHandler(func(rpcCall) (string, int) { return `{"chain":"main"}`, 0 })
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = discard
	server.StartTLS()
	defer server.Close()
	file := filepath.Join(t.TempDir(), "rpc.cert")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	require.NoError(t, os.WriteFile(file, text, 0o600))
	withCert := func(cfg *Config) { cfg.CertFile = file }

	_, err := client(t, server.URL, withCert).Chain(t.Context())
	require.NoError(t, err)

	refuse := func(c *Client, text string) {
		t.Helper()
		_, err := c.Chain(t.Context())
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, KindTLS, e.Kind, err)
		require.False(t, e.Temporary())
		require.ErrorContains(t, err, text)
	}
	refuse(client(t, server.URL), "--rpc-cert")
	refuse(client(t, strings.Replace(server.URL, "127.0.0.1", "localhost", 1), withCert), "use a name from the certificate")
	refuse(client(t, strings.Replace(server.URL, "https", "http", 1)), "use https://")

	other := httptest.NewUnstartedServer(handler)
	other.Config.ErrorLog = discard
	other.Start()
	defer other.Close()
	refuse(client(t, strings.Replace(other.URL, "http", "https", 1), withCert), "use http://")
}

// longPolling is a node with long polling whose work changes when told.
type longPolling struct {
	mu       sync.Mutex
	id, prev string
	asked    []string
	changed  chan struct{}
}

func (n *longPolling) answer(c rpcCall) (string, int) {
	n.mu.Lock()
	n.asked = append(n.asked, c.Method+" "+c.longPollID())
	wait := c.longPollID() == n.id
	n.mu.Unlock()
	if wait {
		<-n.changed
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return template(n.id, n.prev), 0
}

func TestLongPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &longPolling{id: "one", prev: hashA, changed: make(chan struct{})}
		c := wired(t, n.answer)
		text, err := c.Template(t.Context(), "")
		require.NoError(t, err)
		require.JSONEq(t, template("one", hashA), string(text))

		start := time.Now()
		time.AfterFunc(17*time.Second, func() {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.id, n.prev = "two", hashB
			close(n.changed)
		})
		text, err = c.Template(t.Context(), "one")
		require.NoError(t, err)
		require.JSONEq(t, template("two", hashB), string(text))
		require.Equal(t, 17*time.Second, time.Since(start))
		require.Equal(t, []string{"getblocktemplate ", "getblocktemplate one"}, n.asked)
	})
}

// A silent long poll ends, and a fresh template follows at once.
func TestLongPollTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &longPolling{id: "one", prev: hashA, changed: make(chan struct{})}
		defer close(n.changed)
		c := wired(t, n.answer)
		start := time.Now()
		text, err := c.Template(t.Context(), "one")
		require.NoError(t, err)
		require.JSONEq(t, template("one", hashA), string(text))
		require.Equal(t, c.cfg.LongPollTimeout, time.Since(start))
	})
}

// A node that answers a long poll at once, or not at all, is polled; nothing
// spins.
func TestLongPollUnsupported(t *testing.T) {
	for name, bad := range map[string]func() (string, int){
		"same id at once": func() (string, int) { return template("one", hashA), 0 },
		"error":           func() (string, int) { return "Invalid longpollid", -8 },
		"gateway":         func() (string, int) { return "null", 0 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				start := time.Now()
				c := wired(t, func(c rpcCall) (string, int) {
					asked++
					prev := hashA
					if time.Since(start) >= 10*time.Second {
						prev = hashB
					}
					switch {
					case c.Method == methodBest:
						return `"` + prev + `"`, 0
					case c.longPollID() != "":
						return bad()
					case prev == hashA:
						return template("one", hashA), 0
					}
					return template("two", hashB), 0
				})
				text, err := c.Template(t.Context(), "")
				require.NoError(t, err)
				require.JSONEq(t, template("one", hashA), string(text))
				text, err = c.Template(t.Context(), "one")
				require.NoError(t, err)
				require.JSONEq(t, template("two", hashB), string(text))
				require.InDelta(t, 10*time.Second, time.Since(start), float64(c.cfg.Poll))
				require.Less(t, asked, 15)
			})
		})
	}
}

// When the node itself is gone, the fallback finds out at once.
func TestLongPollNodeGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := wired(t, func(c rpcCall) (string, int) { return "Shutting down", -9 })
		start := time.Now()
		_, err := c.Template(t.Context(), "one")
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, KindNotConnected, e.Kind)
		require.Zero(t, time.Since(start))
	})
}

// A node without longpollid is asked for its tip; the template says how.
func TestPoll(t *testing.T) {
	for name, noBest := range map[string]bool{"getbestblockhash": false, "getblocktemplate only": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var tip atomic.Value
				tip.Store(hashA)
				c := wired(t, func(c rpcCall) (string, int) {
					require.Empty(t, c.longPollID())
					prev := tip.Load().(string)
					if c.Method == methodBest {
						if noBest {
							return "Method not found", -32601
						}
						return `"` + prev + `"`, 0
					}
					return template("", prev), 0
				})
				text, err := c.Template(t.Context(), "")
				require.NoError(t, err)
				p, err := readPoll(text)
				require.NoError(t, err)
				require.Equal(t, poll{pollPrefix + hashA, hashA}, p)

				start := time.Now()
				_, err = c.Template(t.Context(), p.id)
				require.NoError(t, err)
				require.Equal(t, c.cfg.Refresh, time.Since(start), "new transactions")

				start = time.Now()
				time.AfterFunc(4500*time.Millisecond, func() { tip.Store(hashB) })
				text, err = c.Template(t.Context(), p.id)
				require.NoError(t, err)
				require.Equal(t, 5*time.Second, time.Since(start), "new tip")
				p, err = readPoll(text)
				require.NoError(t, err)
				require.Equal(t, pollPrefix+hashB, p.id)

				ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
				defer cancel()
				_, err = c.Template(ctx, p.id)
				require.ErrorIs(t, err, context.DeadlineExceeded)
			})
		})
	}
}

func TestTemplateMalformed(t *testing.T) {
	for _, result := range []string{"null", `""`, "{}", "[]", `{"previousblockhash":"x"}`} {
		c := wired(t, func(rpcCall) (string, int) { return result, 0 })
		_, err := c.Template(t.Context(), "")
		var e *Error
		require.ErrorAs(t, err, &e, result)
		require.Equal(t, KindMalformed, e.Kind)
		require.Equal(t, methodTemplate, e.Method)
	}
}

func TestSubmit(t *testing.T) {
	const block = "00"
	const inChain, outside = `{"confirmations":1}`, `{"confirmations":-1}`
	for name, c := range map[string]struct {
		result string
		code   int
		header string // of getblockheader
		hcode  int
		want   Answer
	}{
		"accepted":                {"null", 0, inChain, 0, Answer{Final: true, Accepted: true, Text: "the node accepted the block"}},
		"accepted, lost the race": {"null", 0, outside, 0, Answer{Final: true, Accepted: true, Reason: "inconclusive", Text: "the node accepted the block, but another one is the tip"}},
		"accepted, btcd, lost":    {"null", 0, "Failed to obtain block height", -32603, Answer{Final: true, Accepted: true, Reason: "inconclusive", Text: "the node accepted the block, but another one is the tip"}},
		"orphan in btcd":          {"null", 0, "Block not found", -5, Answer{Reason: "prev-blk-not-found", Text: "the node does not know the block's parent yet"}},
		"accepted, unconfirmed":   {"null", 0, "x", -28, Answer{Final: true, Accepted: true, Text: "the node accepted the block"}},
		"accepted, odd header":    {"null", 0, "[]", 0, Answer{Final: true, Accepted: true, Text: "the node accepted the block"}},
		"duplicate":               {`"duplicate"`, 0, inChain, 0, Answer{Final: true, Accepted: true, Reason: "duplicate", Text: "the node already has the block"}},
		"duplicate outside":       {`"duplicate"`, 0, outside, 0, Answer{Final: true, Reason: "duplicate-inconclusive", Text: "the node already has the block, but not in its best chain"}},
		"invalid before, btcd":    {`"rejected: already have block 00"`, 0, "Failed to obtain block height", -32603, Answer{Final: true, Reason: "duplicate-inconclusive", Text: "the node already has the block, but not in its best chain"}},
		"orphan again, btcd":      {`"rejected: already have block (orphan) 00"`, 0, "", 0, Answer{Reason: "prev-blk-not-found", Text: "the node does not know the block's parent yet: already have block (orphan) 00"}},
		"duplicate-invalid":       {`"duplicate-invalid"`, 0, "", 0, Answer{Final: true, Reason: "duplicate-invalid", Text: "the node already has the block and found it invalid"}},
		"inconclusive":            {`"inconclusive"`, 0, "", 0, Answer{Accepted: true, Reason: "inconclusive", Text: "the node keeps the block without having judged it; it may not be on the best chain"}},
		"high-hash":               {`"high-hash"`, 0, "", 0, Answer{Final: true, Reason: "high-hash", Text: "the block's hash is above its target"}},
		"unknown word":            {`"bad-thing"`, 0, "", 0, Answer{Final: true, Reason: "bad-thing", Text: "the node rejected the block"}},
		"undecodable":             {"Block decode failed", -22, "", 0, Answer{Final: true, Reason: "rejected", Text: "the node rejected the block: Block decode failed"}},
		"already there":           {"x", -27, inChain, 0, Answer{Final: true, Accepted: true, Reason: "duplicate", Text: "the node already has the block"}},
	} {
		t.Run(name, func(t *testing.T) {
			client := wired(t, func(call rpcCall) (string, int) {
				if call.Method == "submitblock" {
					require.Equal(t, `"`+strings.Repeat(block, 81)+`"`, string(call.Params[0]))
					return c.result, c.code
				}
				require.Equal(t, "getblockheader", call.Method)
				// The hash of 80 zero bytes, in display order.
				require.Equal(t, `"14508459b221041eab257d2baaa7459775ba748246c8403609eb708f0e57e74b"`, string(call.Params[0]))
				require.NotEmpty(t, c.header)
				return c.header, c.hcode
			})
			got, err := client.Submit(t.Context(), make([]byte, 81))
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
	for _, result := range []string{`""`, `" "`, "0", "{}", "false"} {
		c := wired(t, func(rpcCall) (string, int) { return result, 0 })
		_, err := c.Submit(t.Context(), make([]byte, 81))
		var e *Error
		require.ErrorAs(t, err, &e, result)
		require.Equal(t, KindMalformed, e.Kind)
	}
	// Failures to decide are no answer.
	for _, code := range []int{-1, -8, -20, -25, -28, -9, -10, -32601, -32603} {
		c := wired(t, func(rpcCall) (string, int) { return "x", code })
		_, err := c.Submit(t.Context(), make([]byte, 81))
		var fault *btcjson.RPCError
		require.ErrorAs(t, err, &fault)
		require.EqualValues(t, code, fault.Code)
	}
}
