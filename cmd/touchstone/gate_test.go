package main_test

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A gate stands between a miner and a btcd. Blocks that are found reach it,
// not the node, until Open: so a test holds the moment at which a block is
// found but not yet delivered.
type gate struct {
	URL      string
	Arrived  <-chan struct{} // a first block stands before the gate
	open     chan struct{}
	openOnce sync.Once
}

// newGate returns a closed gate before b. Like a node that is down, it breaks
// the connection where it lets nothing pass, or where b does not answer.
func newGate(t testing.TB, b *btcd) *gate {
	t.Helper()
	to, err := url.Parse(b.URL())
	require.NoError(t, err)
	arrived := make(chan struct{})
	g := &gate{Arrived: arrived, open: make(chan struct{})}
	proxy := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport:    b.client.Transport,
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:     log.New(io.Discard, "", 0),
	}
	var first sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		if bytes.Contains(body, []byte(`"submitblock"`)) {
			first.Do(func() { close(arrived) })
			select {
			case <-g.open:
			case <-r.Context().Done():
				panic(http.ErrAbortHandler)
			}
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(func() {
		g.Open()
		server.CloseClientConnections()
		server.Close()
	})
	g.URL = server.URL
	return g
}

// Open lets blocks pass from now on, also those that stand there.
func (g *gate) Open() { g.openOnce.Do(func() { close(g.open) }) }
