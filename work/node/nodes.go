package node

import (
	"context"
	"errors"
	"time"
)

// A NodesConfig lists the Sources of a Nodes. The zero value of each field but
// Sources is its default.
type NodesConfig struct {
	// Sources in order of preference, at least one.
	Sources []Source
	// CheckChain judges the chain name of a node before its first use and after
	// each failure; an error keeps the node from being used. Default: all nodes
	// must be on the chain of the first one heard of.
	CheckChain func(chain string) error
	// MinBackoff and MaxBackoff bound the time for which a failed node is left
	// alone; it doubles with each failure. Defaults 1 s and 1 min.
	MinBackoff, MaxBackoff time.Duration
	// OnEvent is called when a node fails, comes back, or becomes the one that
	// templates are taken from. It must not block or call the Nodes.
	OnEvent func(NodeEvent)
}

// A NodeEvent is a change in the state of one node.
type NodeEvent struct {
	Node  string        // name of the node
	Err   error         // why it failed; nil when it works
	Retry time.Duration // when it will be tried again, after a failure
	InUse bool          // templates come from it now
}

// Nodes is a Source made of several. It is safe for concurrent use.
type Nodes struct{}

var _ Source = (*Nodes)(nil)

// NewNodes returns a Source over cfg.Sources. It speaks to none of them yet.
func NewNodes(cfg NodesConfig) (*Nodes, error) { return &Nodes{}, nil }

// Template implements Source.
func (n *Nodes) Template(ctx context.Context, longPollID string) ([]byte, error) {
	return nil, errors.ErrUnsupported
}

// Submit implements Source. The block goes to all nodes at once.
func (n *Nodes) Submit(ctx context.Context, block []byte) (Answer, error) {
	return Answer{}, errors.ErrUnsupported
}

// Chain implements Source.
func (n *Nodes) Chain(ctx context.Context) (string, error) { return "", errors.ErrUnsupported }
