package node

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

var errDown = &Error{Node: "x", Kind: KindUnreachable, Message: "down"}

func nodes(t *testing.T, cfg NodesConfig, sources ...*fakeSource) (*Nodes, *[]string) {
	t.Helper()
	var events []string
	for _, s := range sources {
		cfg.Sources = append(cfg.Sources, s)
	}
	cfg.OnEvent = func(e NodeEvent) {
		switch {
		case e.InUse:
			events = append(events, e.Node+" in use")
		case e.Err != nil:
			events = append(events, e.Node+" failed")
		}
	}
	n, err := NewNodes(cfg)
	require.NoError(t, err)
	return n, &events
}

// from returns which fake a template came from, and its longpollid.
func from(t *testing.T, text []byte, err error) string {
	t.Helper()
	require.NoError(t, err)
	p, err := readPoll(text)
	require.NoError(t, err)
	return p.id
}

func TestNodesOrder(t *testing.T) {
	a, b, c := newFake("a"), newFake("b"), newFake("c")
	n, events := nodes(t, NodesConfig{}, a, b, c)
	text, err := n.Template(t.Context(), "")
	require.Equal(t, "a-"+hashA, from(t, text, err))
	require.Zero(t, b.count(""))

	a.down = errDown
	text, err = n.Template(t.Context(), "")
	require.Equal(t, "b-"+hashA, from(t, text, err))
	b.down = errDown
	text, err = n.Template(t.Context(), "")
	require.Equal(t, "c-"+hashA, from(t, text, err))
	require.Equal(t, []string{"a in use", "a failed", "b in use", "b failed", "c in use"}, *events)
	require.Zero(t, n.members[2].failures)
}

func TestNodesConfig(t *testing.T) {
	_, err := NewNodes(NodesConfig{})
	require.ErrorContains(t, err, "no node given")
	_, err = NewNodes(NodesConfig{Sources: []Source{newFake("a"), newFake("a")}})
	require.ErrorContains(t, err, "a is given twice")
	_, err = NewNodes(NodesConfig{Sources: []Source{newFake("a")}, MinBackoff: time.Minute, MaxBackoff: time.Second})
	require.ErrorContains(t, err, "back-off")
}

// The node waited at fails: the next one gives its template without a wait.
func TestNodesFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newFake("a"), newFake("b")
		n, events := nodes(t, NodesConfig{}, a, b)
		text, err := n.Template(t.Context(), "")
		id := from(t, text, err)
		a.wait = func(ctx context.Context, _ string) error {
			_ = sleep(ctx, 7*time.Second)
			a.set(func() { a.down = errDown })
			return errDown
		}
		start := time.Now()
		text, err = n.Template(t.Context(), id)
		require.Equal(t, "b-"+hashA, from(t, text, err))
		require.Equal(t, 7*time.Second, time.Since(start))
		require.Equal(t, []string{"a in use", "a failed", "b in use"}, *events)
		require.Equal(t, 1, b.count("template "))
	})
}

// While b serves, a is tried at growing intervals, and used as soon as it works,
// in the middle of b's long poll.
func TestNodesReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newFake("a"), newFake("b")
		a.down = errDown
		n, events := nodes(t, NodesConfig{}, a, b)
		text, err := n.Template(t.Context(), "")
		id := from(t, text, err)
		require.Equal(t, "b-"+hashA, id)

		text, err = n.Template(t.Context(), id)
		require.Equal(t, id, from(t, text, err), "b's own refresh")
		tried := a.count("chain")
		require.InDelta(t, 7, tried, 1, "at 1, 2, 4, 8, 16 and 32 s, each shortened at random by up to half")

		start := time.Now()
		time.AfterFunc(10*time.Second, func() { a.set(func() { a.down = nil }) })
		text, err = n.Template(t.Context(), id)
		require.Equal(t, "a-"+hashA, from(t, text, err))
		require.LessOrEqual(t, time.Since(start), time.Minute)
		require.GreaterOrEqual(t, time.Since(start), 10*time.Second)
		require.Equal(t, "a in use", (*events)[len(*events)-1])
		require.Zero(t, n.members[0].failures)
	})
}

// With every node down a call takes its turn: the first error comes at once,
// later ones no sooner than the back-off allows.
func TestNodesBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newFake("a"), newFake("b")
		a.down, b.down = errDown, errors.New("b is odd")
		n, _ := nodes(t, NodesConfig{MinBackoff: time.Second, MaxBackoff: 8 * time.Second}, a, b)
		var waits []time.Duration
		for range 12 {
			start := time.Now()
			_, err := n.Template(t.Context(), "")
			require.ErrorContains(t, err, "no node answered: x: down | b is odd")
			require.True(t, Temporary(err))
			waits = append(waits, time.Since(start))
		}
		require.Zero(t, waits[0])
		total := time.Duration(0)
		for _, w := range waits {
			require.LessOrEqual(t, w, 8*time.Second)
			total += w
		}
		require.Greater(t, total, 15*time.Second)
		require.LessOrEqual(t, a.count("chain")+b.count("chain"), 26)

		a.set(func() { a.down = nil })
		text, err := n.Template(t.Context(), "")
		if err == nil {
			require.Equal(t, "a-"+hashA, from(t, text, err))
		}

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		b.set(func() { b.down = nil })
		a.set(func() { a.down = errDown })
		n.failed(n.members[0], errDown)
		n.failed(n.members[1], errDown)
		_, err = n.Template(ctx, "")
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestBackoff(t *testing.T) {
	for failures, want := range map[int]time.Duration{
		0: time.Second, 1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 6: 32 * time.Second,
		7: time.Minute, 8: time.Minute, 1 << 30: time.Minute,
	} {
		seen := map[time.Duration]bool{}
		for range 100 {
			d := backoff(time.Second, time.Minute, failures)
			require.LessOrEqual(t, d, want)
			require.GreaterOrEqual(t, d, want/2)
			seen[d] = true
		}
		require.Greater(t, len(seen), 50, "jitter")
	}
	require.Equal(t, time.Duration(1), backoff(1, 1, 5))
}

func TestNodesChain(t *testing.T) {
	a, b := newFake("a"), newFake("b")
	b.chain = "main"
	n, events := nodes(t, NodesConfig{}, a, b)
	chain, err := n.Chain(t.Context())
	require.NoError(t, err)
	require.Equal(t, "regtest", chain)

	// b would give templates of another chain: it is never used, and its blocks
	// are none of ours.
	a.down = errDown
	_, err = n.Template(t.Context(), "")
	require.ErrorContains(t, err, `its chain is "main", but that of a is "regtest"; give nodes of one chain`)
	require.Zero(t, b.count("template"))
	require.Equal(t, []string{"a failed", "b failed"}, *events)
	_, err = n.Submit(t.Context(), []byte("block"))
	require.Error(t, err)
	require.Zero(t, b.count("submit"))

	// bitcoind and btcd name chains differently.
	c, d := newFake("c"), newFake("d")
	c.chain, d.chain = "main", "mainnet"
	n, _ = nodes(t, NodesConfig{}, c, d)
	_, err = n.Chain(t.Context())
	require.NoError(t, err)
	c.down = errDown
	_, err = n.Template(t.Context(), "")
	require.NoError(t, err)

	// The caller's own judgement comes first.
	e := newFake("e")
	n, _ = nodes(t, NodesConfig{CheckChain: func(chain string) error {
		return fmt.Errorf("chain %q is not that of the address", chain)
	}}, e)
	for _, err := range []error{
		func() error { _, err := n.Chain(t.Context()); return err }(),
		func() error { _, err := n.Template(t.Context(), ""); return err }(),
		func() error { _, err := n.Submit(t.Context(), nil); return err }(),
	} {
		var typed *Error
		require.ErrorAs(t, err, &typed)
		require.Equal(t, KindChain, typed.Kind)
		require.False(t, Temporary(err))
		require.ErrorContains(t, err, `chain "regtest" is not that of the address`)
	}
	require.Zero(t, e.count("template")+e.count("submit"))
}

// A node may come back as another: its chain is asked for after each failure.
func TestNodesChainAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newFake("a")
		n, _ := nodes(t, NodesConfig{}, a)
		_, err := n.Template(t.Context(), "")
		require.NoError(t, err)
		a.down = errDown
		_, err = n.Template(t.Context(), "")
		require.ErrorIs(t, err, errDown)
		a.down, a.chain = nil, "main"
		_, err = n.Template(t.Context(), "")
		require.ErrorContains(t, err, `its chain is "main"`)
		a.chain = "regtest"
		_, err = n.Template(t.Context(), "")
		require.NoError(t, err)
		require.Equal(t, 3, a.count("chain"))
	})
}

// A Source that gives something else is as good as down.
func TestNodesNonsense(t *testing.T) {
	a, b := newFake("a"), newFake("b")
	a.prev = "nonsense"
	n, _ := nodes(t, NodesConfig{}, a, b)
	text, err := n.Template(t.Context(), "")
	require.Equal(t, "b-"+hashA, from(t, text, err))
}

func TestNodesSubmit(t *testing.T) {
	accept := Answer{Final: true, Accepted: true, Text: "yes"}
	reject := Answer{Final: true, Reason: "high-hash", Text: "no"}
	unsure := Answer{Reason: "prev-blk-not-found", Text: "later"}
	kept := Answer{Accepted: true, Reason: "inconclusive", Text: "perhaps"}
	for name, c := range map[string]struct {
		answers []any
		want    any
	}{
		"all accept":  {[]any{accept, accept}, accept},
		"one accepts": {[]any{unsure, accept, unsure}, accept},
		"they disagree": {[]any{reject, unsure, accept}, Answer{Final: true, Accepted: true, Text: "yes",
			Dispute: "accepted by node2, refused by node0 (high-hash: no)"}},
		"one is down":         {[]any{errDown, accept}, accept},
		"all reject":          {[]any{reject, reject}, reject},
		"one may know better": {[]any{reject, errDown}, Answer{Reason: "high-hash", Text: "node0: no; no answer from node1"}},
		"unsure wins":         {[]any{reject, unsure}, unsure},
		"kept wins":           {[]any{reject, unsure, kept}, kept},
		"all down":            {[]any{errDown, errDown}, errDown},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var sources []*fakeSource
				for i, a := range c.answers {
					f := newFake(fmt.Sprintf("node%d", i))
					f.submit = func(context.Context, []byte) (Answer, error) {
						if err, ok := a.(error); ok {
							return Answer{}, err
						}
						return a.(Answer), nil
					}
					sources = append(sources, f)
				}
				n, _ := nodes(t, NodesConfig{}, sources...)
				got, err := n.Submit(t.Context(), []byte("block"))
				if want, ok := c.want.(error); ok {
					require.ErrorIs(t, err, want)
				} else {
					require.NoError(t, err)
					require.Equal(t, c.want, got)
				}
				for _, f := range sources {
					require.Equal(t, 1, f.count("submit"))
				}
			})
		})
	}
}

// A node that hangs does not hold up the news that another has the block.
func TestNodesSubmitHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newFake("a"), newFake("b")
		a.submit = func(ctx context.Context, _ []byte) (Answer, error) {
			<-ctx.Done()
			return Answer{}, ctx.Err()
		}
		n, _ := nodes(t, NodesConfig{}, a, b)
		start := time.Now()
		got, err := n.Submit(t.Context(), []byte("block"))
		require.NoError(t, err)
		require.True(t, got.Accepted && got.Final)
		require.Equal(t, submitGrace, time.Since(start))

		b.submit = a.submit
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = n.Submit(ctx, []byte("block"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// Many callers, nodes that come and go: nothing races, nothing is left behind.
func TestNodesConcurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := newFake("a"), newFake("b"), newFake("c")
		n, err := NewNodes(NodesConfig{Sources: []Source{a, b, c}})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for range 4 {
			go func() {
				id := ""
				for ctx.Err() == nil {
					if text, err := n.Template(ctx, id); err == nil {
						p, _ := readPoll(text)
						id = p.id
					}
				}
			}()
		}
		go func() {
			for ctx.Err() == nil {
				_, _ = n.Submit(ctx, []byte("block"))
				_, _ = n.Chain(ctx)
				_ = sleep(ctx, 13*time.Second)
			}
		}()
		for i := 0; ctx.Err() == nil; i++ {
			f := []*fakeSource{a, b, c}[i%3]
			f.set(func() {
				if f.down == nil {
					f.down = errDown
				} else {
					f.down = nil
				}
			})
			_ = sleep(ctx, 17*time.Second)
		}
		synctest.Wait()
	})
}
