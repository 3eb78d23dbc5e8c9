package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// submitGrace is how long, after one node has accepted a block, the others are
// waited for. They are local or near, and each that takes the block spreads it.
const submitGrace = 2 * time.Second

// maxIssued bounds the longpollids remembered; callers use the latest.
const maxIssued = 16

// A NodesConfig lists the Sources of a Nodes. The zero value of each field but
// Sources is its default.
type NodesConfig struct {
	// Sources in order of preference, at least one. Those that are
	// fmt.Stringers are called by that name.
	Sources []Source
	// CheckChain judges the chain name of a node before its first use and after
	// each failure; an error keeps the node from being used. Default: none.
	// All nodes must be on the chain of the first one heard of in any case.
	CheckChain func(chain string) error
	// MinBackoff and MaxBackoff bound the time for which a failed node is left
	// alone; it doubles with each failure. Defaults 1 s and 1 min.
	MinBackoff, MaxBackoff time.Duration
	// OnEvent is called when a node fails, comes back, or becomes the one that
	// templates are taken from, from several goroutines. It must return soon,
	// and not call the Nodes.
	OnEvent func(NodeEvent)
}

// A NodeEvent is a change in the state of one node.
type NodeEvent struct {
	Node  string        // name of the node
	Err   error         // why it failed; nil when it works
	Retry time.Duration // when it will be tried again, after a failure
	InUse bool          // templates come from it now
}

// Nodes is a Source made of several. Templates come from the first that works;
// a node that fails is left alone for a while that doubles each time, and
// returned to when it works again. It has no goroutines between calls, and is
// safe for concurrent use.
type Nodes struct {
	cfg NodesConfig

	mu      sync.Mutex
	members []*member
	inUse   *member // that the latest template came from
	issued  []issue // latest longpollids, newest last
	chain   string  // of all members, empty until the first was heard
	chainOf string  // name of that first
}

// A member is one Source and its state, which Nodes.mu guards.
type member struct {
	index int
	src   Source
	name  string

	failures int // in a row
	lastErr  error
	retryAt  time.Time
	checked  bool // its chain, since it last failed
}

type issue struct {
	id string
	by *member
}

var _ Source = (*Nodes)(nil)

// NewNodes returns a Source over cfg.Sources. It speaks to none of them yet.
func NewNodes(cfg NodesConfig) (*Nodes, error) {
	if len(cfg.Sources) == 0 {
		return nil, errors.New("no node given")
	}
	if err := defaultBackoff(&cfg.MinBackoff, &cfg.MaxBackoff); err != nil {
		return nil, err
	}
	if cfg.OnEvent == nil {
		cfg.OnEvent = func(NodeEvent) {}
	}
	n := &Nodes{cfg: cfg}
	for i, src := range cfg.Sources {
		m := &member{index: i, src: src, name: fmt.Sprintf("node %d", i+1)}
		if s, ok := src.(fmt.Stringer); ok {
			m.name = s.String()
		}
		for _, other := range n.members {
			if other.name == m.name {
				return nil, fmt.Errorf("node %s is given twice; give it once", m.name)
			}
		}
		n.members = append(n.members, m)
	}
	return n, nil
}

// Template implements Source. A call waits, if all nodes failed lately, until
// the first of them may be tried again; it returns an error when it has tried
// and no node gave a template. So calling it again and again is right and does
// not hurry anyone.
//
// While it waits for new work at a node that is not the first, it tries those
// before it as their time comes, and changes to one that works.
func (n *Nodes) Template(ctx context.Context, longPollID string) ([]byte, error) {
	home := n.issuer(longPollID)
	if home != nil {
		t, err := n.wait(ctx, home, longPollID)
		if err == nil {
			return n.use(t), nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
		n.failed(home, err)
	}
	return n.round(ctx, home != nil)
}

// issuer returns the member that a longpollid came from, if it works.
func (n *Nodes) issuer(id string) *member {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, i := range n.issued {
		if i.id == id && i.by.failures == 0 {
			return i.by
		}
	}
	return nil
}

// An offer is a template and the member it came from.
type offer struct {
	by       *member
	template []byte
	id       string // its longpollid
}

// ask asks one node for a template.
func (n *Nodes) ask(ctx context.Context, m *member, longPollID string) (offer, error) {
	template, err := m.src.Template(ctx, longPollID)
	if err != nil {
		return offer{}, err
	}
	p, err := readPoll(template)
	if err != nil {
		return offer{}, fmt.Errorf("template of %s: %w", m.name, err)
	}
	return offer{m, template, p.id}, nil
}

// wait waits for home's new work, or for a better node to come back.
func (n *Nodes) wait(ctx context.Context, home *member, longPollID string) (offer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		wg     sync.WaitGroup
		better offer
	)
	if home.index > 0 {
		wg.Go(func() {
			if better = n.comeback(ctx, n.members[:home.index]); better.by != nil {
				cancel()
			}
		})
	}
	t, err := n.ask(ctx, home, longPollID)
	cancel()
	wg.Wait()
	if better.by != nil {
		return better, nil
	}
	return t, err
}

// comeback tries members, each as its time comes, until one gives a template. It
// returns none when ctx ends.
func (n *Nodes) comeback(ctx context.Context, members []*member) offer {
	for {
		m, wait := n.next(members, nil)
		if m == nil {
			if sleep(ctx, wait) != nil {
				return offer{}
			}
			continue
		}
		t, err := n.try(ctx, m)
		if err == nil {
			return t
		}
		if ctx.Err() != nil {
			return offer{}
		}
		n.failed(m, err)
	}
}

// round asks each node in order whose time has come for a template at once. If
// asked is false and no node's time has come, it waits for the first.
func (n *Nodes) round(ctx context.Context, asked bool) ([]byte, error) {
	tried := map[*member]bool{}
	for {
		m, wait := n.next(n.members, tried)
		if m == nil {
			if asked {
				return nil, n.lastErrors()
			}
			if err := sleep(ctx, wait); err != nil {
				return nil, fmt.Errorf("waiting to try a node again: %w (%w)", err, n.lastErrors())
			}
			continue
		}
		asked, tried[m] = true, true
		t, err := n.try(ctx, m)
		if err == nil {
			return n.use(t), nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
		n.failed(m, err)
	}
}

// next returns the first of members whose time has come and which is not in
// tried, or how long it is until one's time comes.
func (n *Nodes) next(members []*member, tried map[*member]bool) (*member, time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	wait := n.cfg.MaxBackoff
	for _, m := range members {
		if tried[m] {
			continue
		}
		d := m.retryAt.Sub(now)
		if m.failures == 0 || d <= 0 {
			return m, 0
		}
		wait = min(wait, d)
	}
	return nil, wait
}

// try asks one node for a template at once, after its chain if need be.
func (n *Nodes) try(ctx context.Context, m *member) (offer, error) {
	if err := n.checkChain(ctx, m); err != nil {
		return offer{}, err
	}
	return n.ask(ctx, m, "")
}

// checkChain asks which chain m is on, unless that is known.
func (n *Nodes) checkChain(ctx context.Context, m *member) error {
	n.mu.Lock()
	checked := m.checked
	n.mu.Unlock()
	if checked {
		return nil
	}
	chain, err := m.src.Chain(ctx)
	if err != nil {
		return err
	}
	return n.judgeChain(m, chain)
}

func (n *Nodes) judgeChain(m *member, chain string) error {
	if n.cfg.CheckChain != nil {
		if err := n.cfg.CheckChain(chain); err != nil {
			return &Error{Node: m.name, Kind: KindChain, Message: err.Error(), Err: err}
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.chain == "" {
		n.chain, n.chainOf = chain, m.name
	}
	if !SameChain(n.chain, chain) {
		return &Error{Node: m.name, Kind: KindChain,
			Message: fmt.Sprintf("its chain is %q, but that of %s is %q", chain, n.chainOf, n.chain),
			Hint:    "give nodes of one chain"}
	}
	m.checked = true
	return nil
}

// failed notes that m failed, and leaves it alone for a while.
func (n *Nodes) failed(m *member, err error) {
	n.mu.Lock()
	m.failures++
	m.lastErr, m.checked = err, false
	retry := backoff(n.cfg.MinBackoff, n.cfg.MaxBackoff, m.failures)
	m.retryAt = time.Now().Add(retry)
	n.mu.Unlock()
	n.cfg.OnEvent(NodeEvent{Node: m.name, Err: err, Retry: retry})
}

// use notes which node a template came from, and returns the template.
func (n *Nodes) use(t offer) []byte {
	n.mu.Lock()
	news := t.by.failures > 0 || n.inUse != t.by
	t.by.failures, t.by.lastErr = 0, nil
	n.inUse = t.by
	// Two nodes may give the same id; then either serves.
	n.issued = slices.DeleteFunc(n.issued, func(i issue) bool { return i.id == t.id })
	n.issued = append(n.issued, issue{t.id, t.by})
	n.issued = n.issued[max(0, len(n.issued)-maxIssued):]
	n.mu.Unlock()
	if news {
		n.cfg.OnEvent(NodeEvent{Node: t.by.name, InUse: true})
	}
	return t.template
}

// lastErrors returns why each node is not in use.
func (n *Nodes) lastErrors() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var errs []error
	for _, m := range n.members {
		if m.lastErr != nil {
			errs = append(errs, m.lastErr)
		}
	}
	return joinErrors(errs)
}

// Submit implements Source. The block goes to all nodes at once, also to those
// that failed lately, but to none on another chain. One that accepts it decides;
// the others are then given two seconds more. If none does, a rejection is final
// only when every node has answered: one that is down might know better.
func (n *Nodes) Submit(ctx context.Context, block []byte) (Answer, error) {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	type reply struct {
		m   *member
		a   Answer
		err error
	}
	replies := make(chan reply, len(n.members))
	for _, m := range n.members {
		go func() {
			r := reply{m: m}
			if r.err = n.checkChain(inner, m); r.err == nil {
				r.a, r.err = m.src.Submit(inner, block)
			}
			replies <- r
		}()
	}
	var (
		best     *reply
		errs     []error
		missing  []string
		refused  []string
		accepted = func(r *reply) bool { return r.a.Final && r.a.Accepted }
	)
	// Each Source returns soon after inner ends, so none outlives this call.
	for range n.members {
		r := <-replies
		if r.err != nil {
			errs = append(errs, r.err)
			var e *Error
			if !errors.As(r.err, &e) || e.Kind != KindChain {
				missing = append(missing, r.m.name)
			}
			continue
		}
		if best == nil || rank(r.a) > rank(best.a) {
			best = &r
		}
		if r.a.Final && !r.a.Accepted {
			refused = append(refused, fmt.Sprintf("%s (%s: %s)", r.m.name, r.a.Reason, r.a.Text))
		}
		if accepted(&r) {
			stop := time.AfterFunc(submitGrace, cancel)
			defer stop.Stop()
		}
	}
	switch {
	case best == nil && ctx.Err() != nil:
		return Answer{}, fmt.Errorf("submitting a block: %w", ctx.Err())
	case best == nil:
		return Answer{}, joinErrors(errs)
	case accepted(best) && len(refused) > 0:
		// Nodes that disagree on what is valid: whoever runs them must know.
		a := best.a
		a.Dispute = fmt.Sprintf("accepted by %s, refused by %s", best.m.name, strings.Join(refused, ", "))
		return a, nil
	case accepted(best) || len(missing) == 0:
		return best.a, nil
	}
	a := best.a
	a.Final = false
	a.Text = fmt.Sprintf("%s: %s; no answer from %s", best.m.name, a.Text, strings.Join(missing, ", "))
	return a, nil
}

// rank orders answers by how much they decide.
func rank(a Answer) int {
	switch {
	case a.Final && a.Accepted:
		return 4
	case a.Accepted:
		return 3
	case !a.Final:
		return 2
	}
	return 1
}

// Chain implements Source: the chain of the first node that answers, which must
// suit CheckChain and those heard before.
func (n *Nodes) Chain(ctx context.Context) (string, error) {
	var errs []error
	for _, m := range n.members {
		chain, err := m.src.Chain(ctx)
		if err == nil {
			err = n.judgeChain(m, chain)
		}
		if err == nil {
			return chain, nil
		}
		if ctx.Err() != nil {
			return "", err
		}
		errs = append(errs, err)
	}
	return "", joinErrors(errs)
}
