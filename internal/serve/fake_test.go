package serve

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/bench"
	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/node"
)

// fakeNode is a Source in this process: a chain that judges a block by package
// work and its parent alone.
type fakeNode struct {
	// alter changes a template before it is sent; nil leaves it.
	alter func(template map[string]any)
	// answer replaces the judgement of a block; nil judges.
	answer func(attempt int, block []byte) (node.Answer, error)
	// noLongPoll leaves longpollid out.
	noLongPoll bool

	mu       sync.Mutex
	bits     work.Bits
	tips     []chainhash.Hash // by height
	moved    chan struct{}    // closed at the next move of the tip
	broken   error            // what Template answers instead
	submits  [][]byte
	asked    int // templates given
	accepted []work.BlockReport
}

// easyBits are regtest's: every second hash meets them. hardBits are never met
// here.
const (
	easyBits = work.Bits(0x207fffff)
	hardBits = work.Bits(0x17034219)
)

func newFakeNode(bits work.Bits) *fakeNode {
	return &fakeNode{
		bits:  bits,
		tips:  []chainhash.Hash{work.Regtest.Genesis},
		moved: make(chan struct{}),
	}
}

func (f *fakeNode) Chain(context.Context) (string, error) { return "regtest", nil }

func (f *fakeNode) Template(ctx context.Context, longPollID string) ([]byte, error) {
	for {
		f.mu.Lock()
		tip, moved, broken := f.tips[len(f.tips)-1].String(), f.moved, f.broken
		if broken != nil {
			f.mu.Unlock()
			return nil, broken
		}
		if longPollID != tip {
			t := f.template()
			f.asked++
			f.mu.Unlock()
			return json.Marshal(t)
		}
		f.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-moved:
		}
	}
}

// template is the current template; the caller holds mu.
func (f *fakeNode) template() map[string]any {
	target, _, _ := f.bits.Target()
	tip := f.tips[len(f.tips)-1]
	t := map[string]any{
		"version":           0x20000000,
		"rules":             []string{"csv", "!segwit", "taproot"},
		"vbavailable":       map[string]int{},
		"vbrequired":        0,
		"previousblockhash": tip.String(),
		"transactions":      []any{},
		"coinbaseaux":       map[string]string{},
		"coinbasevalue":     int64(5_000_000_000),
		"longpollid":        tip.String(),
		"target":            target.String(),
		"mintime":           1_296_688_603,
		"mutable":           []string{"time", "transactions", "prevblock"},
		"noncerange":        "00000000ffffffff",
		"sigoplimit":        80000,
		"sizelimit":         4000000,
		"weightlimit":       4000000,
		"curtime":           1_700_000_000,
		"bits":              f.bits.String(),
		"height":            len(f.tips),
	}
	if f.noLongPoll {
		delete(t, "longpollid")
	}
	if f.alter != nil {
		f.alter(t)
	}
	return t
}

func (f *fakeNode) Submit(_ context.Context, block []byte) (node.Answer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.submits = append(f.submits, block)
	a := node.Answer{Final: true, Accepted: true}
	if f.answer != nil {
		var err error
		a, err = f.answer(len(f.submits), block)
		if err != nil || !a.Final || !a.Accepted {
			return a, err
		}
	}
	report, err := work.CheckBlock(block, work.BlockRules{Network: work.Regtest, Height: int32(len(f.tips))})
	switch {
	case err != nil:
		return node.Answer{Final: true, Reason: "rejected", Text: err.Error()}, nil
	case !report.Verdict.Valid():
		return node.Answer{Final: true, Reason: string(report.Verdict.Reason), Text: report.Verdict.Detail}, nil
	case report.Header.PrevBlock != f.tips[len(f.tips)-1]:
		return node.Answer{Final: true, Reason: "stale-prevblk", Text: "another block took its place"}, nil
	}
	f.accepted = append(f.accepted, report)
	f.move(report.Hash)
	return a, nil
}

// move makes hash the tip; the caller holds mu.
func (f *fakeNode) move(hash chainhash.Hash) {
	f.tips = append(f.tips, hash)
	close(f.moved)
	f.moved = make(chan struct{})
}

// tip returns the newest block.
func (f *fakeNode) tip() chainhash.Hash {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tips[len(f.tips)-1]
}

// set changes the node while it runs.
func (f *fakeNode) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// backend puts a fake node behind a journal in dir.
func backend(t testing.TB, source node.Source, dir string) *Backend {
	t.Helper()
	j, err := node.OpenJournal(dir)
	require.NoError(t, err)
	script, err := work.AddressScript(regtestAddress, work.Regtest)
	require.NoError(t, err)
	return &Backend{Source: source, Journal: j, Chain: "regtest", Folder: dir, Address: regtestAddress, Script: script, Network: work.Regtest}
}

const regtestAddress = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"

// recorder keeps events, and calls hook with each.
type recorder struct {
	mu     sync.Mutex
	events []Event
	hook   func(Event)
}

func (r *recorder) on(e Event) {
	r.mu.Lock()
	r.events = append(r.events, e)
	r.mu.Unlock()
	if r.hook != nil {
		r.hook(e)
	}
}

// eventsOf returns the events of type T.
func eventsOf[T Event](r *recorder) (out []T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e, ok := e.(T); ok {
			out = append(out, e)
		}
	}
	return out
}

var errDown = &node.Error{Node: "http://fake", Kind: node.KindUnreachable, Message: "connection refused"}

// run runs a Solo in the background and returns where its end arrives.
func run(t *testing.T, ctx context.Context, c SoloConfig) <-chan error {
	t.Helper()
	s, err := NewSolo(c)
	require.NoError(t, err)
	s.choice = func() kernelChoice { return kernelChoice{hash.Kernels(), nil, measureNothing} }
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return done
}

// measureNothing finds all kernels equally fast: in a bubble no time passes
// while somebody hashes.
func measureNothing(_ context.Context, kernels []hash.Kernel, _ int, _ time.Duration) ([]bench.Rate, error) {
	var rates []bench.Rate
	for _, k := range kernels {
		rates = append(rates, bench.Rate{Kernel: k, Hashes: 1e6})
	}
	return rates, nil
}
