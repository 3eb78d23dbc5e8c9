package node

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	hashA = "00000000000000000000000000000000000000000000000000000000000000aa"
	hashB = "00000000000000000000000000000000000000000000000000000000000000bb"
)

// template is one as far as this package reads them.
func template(longPollID, prev string) string {
	if longPollID == "" {
		return `{"previousblockhash":"` + prev + `"}`
	}
	return fmt.Sprintf(`{"longpollid":%q,"previousblockhash":%q}`, longPollID, prev)
}

// A rpcCall is what a test's node is asked.
type rpcCall struct {
	Method string
	Params []json.RawMessage
	ID     json.RawMessage
}

// longPollID returns that of a getblocktemplate call.
func (c rpcCall) longPollID() string {
	var r struct{ LongPollID string }
	if len(c.Params) > 0 {
		_ = json.Unmarshal(c.Params[0], &r)
	}
	return r.LongPollID
}

// rpcHandler answers like a node; reply is the result or, with a code, an error.
func rpcHandler(reply func(rpcCall) (result string, code int)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var c rpcCall
		if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		result, code := reply(c)
		if code != 0 {
			// As bitcoind does for JSON-RPC 1.0.
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprintf(w, `{"result":null,"error":{"code":%d,"message":%q},"id":%s}`+"\n", code, result, c.ID)
			return
		}
		fmt.Fprintf(w, `{"result":%s,"error":null,"id":%s}`+"\n", result, c.ID)
	}
}

// serve runs a node on the loopback interface and returns a client for it.
func serve(t *testing.T, h http.Handler, change ...func(*Config)) *Client {
	t.Helper()
	leaks(t)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return client(t, server.URL, change...)
}

func client(t *testing.T, url string, change ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{URL: url}
	for _, f := range change {
		f(&cfg)
	}
	c, err := NewClient(cfg)
	require.NoError(t, err)
	return c
}

// leaks fails the test if goroutines are left after its cleanups.
func leaks(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		deadline := time.Now().Add(10 * time.Second)
		for runtime.NumGoroutine() > before {
			if time.Now().After(deadline) {
				buf := make([]byte, 1<<16)
				t.Errorf("goroutines left:\n%s", buf[:runtime.Stack(buf, true)])
				return
			}
			runtime.Gosched()
		}
	})
}

// A roundTripper is an http.RoundTripper that needs no network, so that a Client can run
// under synctest's clock.
type roundTripper func(rpcCall) (result string, code int)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	done := make(chan *http.Response, 1)
	go func() {
		rec := httptest.NewRecorder()
		rpcHandler(f)(rec, r)
		done <- rec.Result()
	}()
	select {
	case resp := <-done:
		return resp, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// wired returns a client of a node that is only a function.
func wired(t *testing.T, f roundTripper) *Client {
	c := client(t, "http://127.0.0.1:1")
	c.http.Transport = f
	return c
}

// A fakeSource is a Source that a test turns on and off.
type fakeSource struct {
	name string

	mu     sync.Mutex
	chain  string
	prev   string
	down   error                                         // if set, nothing is answered
	submit func(context.Context, []byte) (Answer, error) // nil: accepted
	wait   func(ctx context.Context, id string) error    // for a long poll; nil: a minute
	calls  []string
}

func newFake(name string) *fakeSource {
	return &fakeSource{name: name, chain: "regtest", prev: hashA}
}

func (f *fakeSource) String() string { return f.name }

func (f *fakeSource) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeSource) enter(call string) (down error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
	return f.down
}

func (f *fakeSource) count(call string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if strings.HasPrefix(c, call) {
			n++
		}
	}
	return n
}

func (f *fakeSource) Template(ctx context.Context, id string) ([]byte, error) {
	if err := f.enter("template " + id); err != nil {
		return nil, err
	}
	if id != "" {
		f.mu.Lock()
		wait := f.wait
		f.mu.Unlock()
		if wait == nil {
			wait = func(ctx context.Context, _ string) error { return sleep(ctx, time.Minute) }
		}
		if err := wait(ctx, id); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != nil {
		return nil, f.down
	}
	return []byte(template(f.name+"-"+f.prev, f.prev)), nil
}

func (f *fakeSource) Submit(ctx context.Context, block []byte) (Answer, error) {
	if err := f.enter("submit"); err != nil {
		return Answer{}, err
	}
	f.mu.Lock()
	submit := f.submit
	f.mu.Unlock()
	if submit != nil {
		return submit(ctx, block)
	}
	return Answer{Final: true, Accepted: true, Text: "accepted by " + f.name}, nil
}

func (f *fakeSource) Chain(context.Context) (string, error) {
	if err := f.enter("chain"); err != nil {
		return "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.chain, nil
}

// hang blocks until the client goes away.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

var discard = log.New(io.Discard, "", 0)
