package serve

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/node"
)

// serveNode puts a fake node behind JSON-RPC. It answers 503 as long as down
// is above zero, and counts it down.
func serveNode(t *testing.T, f *fakeNode, down *atomic.Int64) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down != nil && down.Add(-1) >= 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var call struct {
			ID     json.RawMessage
			Method string
			Params []json.RawMessage
		}
		if json.NewDecoder(r.Body).Decode(&call) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		result := "null"
		switch call.Method {
		case "getblockchaininfo":
			result = `{"chain":"regtest"}`
		case "getblocktemplate":
			var request struct{ LongPollID string }
			if len(call.Params) > 0 {
				_ = json.Unmarshal(call.Params[0], &request)
			}
			data, err := f.Template(r.Context(), request.LongPollID)
			if err != nil {
				return
			}
			result = string(data)
		case "submitblock":
			var text string
			_ = json.Unmarshal(call.Params[0], &text)
			block, _ := hex.DecodeString(text)
			if a, _ := f.Submit(r.Context(), block); a.Reason != "" {
				result = fmt.Sprintf("%q", a.Reason)
			}
		}
		fmt.Fprintf(w, `{"result":%s,"error":null,"id":%s}`, result, call.ID)
	}))
	t.Cleanup(server.CloseClientConnections)
	t.Cleanup(server.Close)
	return server.URL
}

// Of two nodes the first sends templates that lie: the second is mined on.
func TestNodesOneLies(t *testing.T) {
	liar, honest, r := newFakeNode(easyBits), newFakeNode(easyBits), &recorder{}
	liar.alter = func(t map[string]any) { t["default_witness_commitment"] = "6a24aa21a9ed" + string(make64('0')) }
	// The liar judges no block either, so that only the honest one's word counts.
	liar.answer = func(int, []byte) (node.Answer, error) { return node.Answer{Final: true, Reason: "rejected"}, nil }
	urls := []string{serveNode(t, liar, nil), serveNode(t, honest, nil)}
	b, err := OpenNodes(t.Context(), NodesConfig{
		Nodes:   []node.Config{{URL: urls[0]}, {URL: urls[1]}},
		Address: regtestAddress,
		DataDir: t.TempDir(),
		OnEvent: r.on,
	})
	require.NoError(t, err)
	require.Equal(t, "regtest", b.Chain)
	require.NoError(t, <-run(t, t.Context(), SoloConfig{Backend: b, Threads: 1, Blocks: 2, OnEvent: r.on}))
	require.NoError(t, b.Close())
	require.Len(t, honest.accepted, 2)
	lost := eventsOf[NodeLost](r)
	require.NotEmpty(t, lost)
	require.Equal(t, urls[0], lost[0].Node)
	require.Contains(t, lost[0].Error, "commitment")
	require.Equal(t, NodeBack{Node: urls[1], InUse: true}, eventsOf[NodeBack](r)[0])
}

// A node that is down at the start is an error, unless a block waits for it.
func TestNodesDownAtStart(t *testing.T) {
	f, r, dir := newFakeNode(easyBits), &recorder{}, t.TempDir()
	var down atomic.Int64
	config := NodesConfig{
		Nodes:   []node.Config{{URL: serveNode(t, f, &down)}},
		Address: regtestAddress,
		DataDir: dir,
		OnEvent: r.on,
	}
	down.Store(1)
	_, err := OpenNodes(t.Context(), config)
	require.ErrorContains(t, err, "503")

	folder := filepath.Join(dir, "nodes", "regtest")
	addBlock(t, backend(t, f, filepath.Join(folder, foundFolder)))
	scrap := filepath.Join(folder, foundFolder, "pending", "scrap")
	require.NoError(t, os.WriteFile(scrap, nil, 0o600))
	down.Store(1)
	b, err := OpenNodes(t.Context(), config)
	require.NoError(t, err)
	require.Len(t, eventsOf[NoTemplate](r), 1)
	require.Len(t, eventsOf[Notice](r), 1, "what was put aside before the node answered is told too")
	require.NoError(t, <-run(t, t.Context(), SoloConfig{Backend: b, Threads: 1, Blocks: 1, OnEvent: r.on}))
	require.True(t, eventsOf[BlockAccepted](r)[0].Resent)

	// The folder is taken until it is closed.
	_, err = OpenNodes(t.Context(), config)
	var inUse *node.InUseError
	require.ErrorAs(t, err, &inUse)
	require.Equal(t, folder, inUse.Folder)
	require.NoError(t, b.Close())
	b, err = OpenNodes(t.Context(), config)
	require.NoError(t, err)
	require.NoError(t, b.Close())
}

// An address that is none on any network is told before any node is asked, and
// nothing is made on disk.
func TestNodesBadAddress(t *testing.T) {
	dir := t.TempDir()
	for _, address := range []string{"", "hello", regtestAddress + "x", "1BoatSLRHtKNngkdXEeobR76b53LETtpyU"} {
		_, err := OpenNodes(t.Context(), NodesConfig{Nodes: []node.Config{{URL: "http://127.0.0.1:1"}}, Address: address, DataDir: dir, OnEvent: func(Event) {}})
		require.ErrorContains(t, err, "address")
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// The private chain goes on where it was, pays the same address, and is kept
// from a second user.
func TestOpenDevnet(t *testing.T) {
	dir := t.TempDir()
	b, err := OpenDevnet(t.Context(), dir, func(Event) {})
	require.NoError(t, err)
	_, err = OpenDevnet(t.Context(), dir, func(Event) {})
	require.ErrorContains(t, err, "in use")
	address := b.Address
	require.NotEmpty(t, b.Script)
	data, err := b.Source.Template(context.Background(), "")
	require.NoError(t, err)
	template, err := work.ParseTemplate(data)
	require.NoError(t, err)
	require.True(t, template.Check().Valid(), template.Check())
	require.NoError(t, b.Close())
	b, err = OpenDevnet(t.Context(), dir, func(Event) {})
	require.NoError(t, err)
	require.Equal(t, address, b.Address)
	require.NoError(t, b.Close())
}
