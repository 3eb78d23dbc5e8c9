package serve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/node"
	"github.com/touchstone-btc/touchstone/work/node/devnet"
)

// A Backend is where templates come from and blocks go, with the folder in
// which found blocks are kept until a node has judged them.
type Backend struct {
	Source  node.Source
	Journal *node.Journal
	Chain   string        // the chain's name
	Nodes   []string      // empty for the embedded chain
	Folder  string        // of this chain's data
	Address string        // who is paid; "" if it was not said
	Script  []byte        // the address as an output script
	Network *work.Network // by whose rules addresses are read

	running   atomic.Bool // a role has begun
	submitter atomic.Pointer[node.Submitter]
	close     []func() error
}

// Close gives the folder free. It must come after the last use of Source and
// Journal.
func (b *Backend) Close() error {
	var errs []error
	for i := len(b.close) - 1; i >= 0; i-- {
		errs = append(errs, b.close[i]())
	}
	b.close = nil
	return errors.Join(errs...)
}

// newSubmitter returns what sends found blocks. It looks, now and each time that a
// node comes back, whether the nodes still have the blocks they were given.
func (b *Backend) newSubmitter(submitted func(node.SubmitEvent), emit func(Event)) (*node.Submitter, error) {
	s, err := node.NewSubmitter(node.SubmitterConfig{
		Journal: b.Journal,
		Source:  b.Source,
		OnEvent: func(e node.SubmitEvent) {
			if e.Again {
				emit(Notice{fmt.Sprintf("the node had lost block %s, which it had accepted, and took it again", e.Hash)})
				return
			}
			submitted(e)
		},
	})
	if err == nil && len(b.Nodes) > 0 {
		b.submitter.Store(s)
		s.Recheck()
	}
	return s, err
}

// foundFolder holds the journal, inside the folder of a chain.
const foundFolder = "found"

// OpenDevnet opens the embedded chain in the folder devnet of dataDir, or
// begins one there. It pays the address that is kept there. What Open repaired
// is told to onEvent as a Notice.
func OpenDevnet(ctx context.Context, dataDir string, onEvent func(Event)) (*Backend, error) {
	b := &Backend{Folder: filepath.Join(dataDir, "devnet")}
	chain, err := devnet.Open(b.Folder, devnet.Options{
		Notice:    func(text string) { onEvent(Notice{text}) },
		Interrupt: ctx.Done(),
	})
	if err != nil {
		return nil, err
	}
	b.close = append(b.close, chain.Close)
	b.Source, b.Address, b.Script = chain, chain.PayoutAddress(), chain.PayoutScript()
	// Segwit holds from the first block.
	if b.Network, err = work.NewNetwork(devnet.Name, devnet.Params(), 0); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	if b.Chain, err = chain.Chain(ctx); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	// The chain's lock guards the journal too.
	if b.Journal, err = openJournal(b.Folder, onEvent); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// NodesConfig says which nodes to mine on.
type NodesConfig struct {
	// Nodes in order of preference, at least one.
	Nodes []node.Config
	// Address is who is paid. It must be one of the nodes' network. "" leaves
	// it open; then the Backend has no Script.
	Address string
	// DataDir is where the folder of found blocks is, in nodes/CHAIN.
	DataDir string
	// OnEvent is told of nodes lost and back, from several goroutines.
	OnEvent func(Event)
}

// OpenNodes makes a Backend of nodes, and asks them which chain they are on.
// A node that can't be used is an error here, at the beginning, where somebody
// reads it; unless a block found by an earlier run waits to be sent: then it
// is tried again until ctx ends.
func OpenNodes(ctx context.Context, c NodesConfig) (_ *Backend, err error) {
	if c.Address != "" {
		if err := checkAddress(c.Address); err != nil {
			return nil, err
		}
	}
	b := &Backend{Address: c.Address}
	defer func() {
		if err != nil {
			b.Close()
		}
	}()
	var sources []node.Source
	for _, nc := range c.Nodes {
		client, err := node.NewClient(nc)
		if err != nil {
			return nil, err
		}
		b.Nodes = append(b.Nodes, client.String())
		var source node.Source = client
		if len(c.Nodes) > 1 {
			source = checkedSource{client}
		}
		sources = append(sources, source)
	}
	var settled atomic.Pointer[work.Network]
	nodes, err := node.NewNodes(node.NodesConfig{
		Sources: sources,
		// The address decides which chains are ours. Where that is more than
		// one (test networks share their addresses), the folder does.
		CheckChain: func(chain string) error {
			if n := settled.Load(); n != nil && !node.SameChain(n.Name, chain) {
				return fmt.Errorf("the node is on another chain: %s, not %s", chain, n.Name)
			}
			return checkChain(c.Address, chain)
		},
		OnEvent: func(e node.NodeEvent) {
			switch {
			case e.Err != nil && len(c.Nodes) == 1 && !b.running.Load():
				// Nothing is lost yet: it is the error of the beginning.
			case e.Err != nil:
				c.OnEvent(NodeLost{e.Node, e.Err.Error(), seconds(e.Retry)})
			default:
				c.OnEvent(NodeBack{e.Node, e.InUse})
				if s := b.submitter.Load(); s != nil {
					s.Recheck()
				}
			}
		},
	})
	if err != nil {
		return nil, err
	}
	b.Source = nodes
	chain, err := firstChain(ctx, nodes, c)
	if err != nil {
		return nil, err
	}
	network, err := work.NetworkByChain(chain)
	if err != nil {
		return nil, err
	}
	settled.Store(network)
	b.Network = network
	if c.Address != "" {
		if b.Script, err = work.AddressScript(c.Address, network); err != nil {
			return nil, err
		}
	}
	b.Folder = nodeFolder(c.DataDir, network)
	lock, err := node.LockFolder(b.Folder)
	if err != nil {
		return nil, err
	}
	b.close = append(b.close, lock.Release)
	b.Chain = network.Name
	b.Journal, err = openJournal(b.Folder, c.OnEvent)
	return b, err
}

// checkedSource is a node whose templates are judged before anyone uses them:
// where there are several nodes, one that sends bad ones counts as failed, and
// the next is asked.
type checkedSource struct{ *node.Client }

// Template implements node.Source.
func (s checkedSource) Template(ctx context.Context, longPollID string) ([]byte, error) {
	data, err := s.Client.Template(ctx, longPollID)
	if err != nil {
		return nil, err
	}
	t, err := parseTemplate(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s, err)
	}
	if v := t.Check(); !v.Valid() {
		return nil, fmt.Errorf("%s: template refused: %s", s, v)
	}
	return data, nil
}

func nodeFolder(dataDir string, n *work.Network) string {
	return filepath.Join(dataDir, "nodes", n.Name)
}

// firstChain asks which chain the nodes are on.
func firstChain(ctx context.Context, source node.Source, c NodesConfig) (string, error) {
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		chain, err := source.Chain(ctx)
		if err == nil || ctx.Err() != nil || !node.Temporary(err) || !blocksWait(c) {
			return chain, err
		}
		c.OnEvent(NoTemplate{err.Error(), seconds(wait)})
		if err := sleep(ctx, wait); err != nil {
			return "", err
		}
	}
}

// blocksWait reports whether a block for a chain that may be the address's
// waits to be sent.
func blocksWait(c NodesConfig) bool {
	for _, n := range work.Networks() {
		if _, err := work.AddressScript(c.Address, n); err != nil && c.Address != "" {
			continue
		}
		if waiting(nodeFolder(c.DataDir, n), c.OnEvent) {
			return true
		}
	}
	return false
}

// waiting reports whether the journal in a chain's folder has blocks without
// an answer. A folder that another process holds is that one's to look after.
func waiting(folder string, onEvent func(Event)) bool {
	if _, err := os.Stat(filepath.Join(folder, foundFolder)); err != nil {
		return false
	}
	lock, err := node.LockFolder(folder)
	if err != nil {
		return false
	}
	defer lock.Release()
	j, err := openJournal(folder, onEvent)
	return err == nil && len(j.Pending()) > 0
}

// checkAddress reports an address that is none on any network.
func checkAddress(address string) error {
	var first error
	for _, n := range work.Networks() {
		_, err := work.AddressScript(address, n)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// checkChain reports an address, unless it is "", that is none on a node's
// chain, or a chain that we don't know.
func checkChain(address, chain string) error {
	n, err := work.NetworkByChain(chain)
	if err == nil && address != "" {
		_, err = work.AddressScript(address, n)
	}
	return err
}

// openJournal opens the journal in a chain's folder and tells what in it was no
// intact block.
func openJournal(folder string, onEvent func(Event)) (*node.Journal, error) {
	j, err := node.OpenJournal(filepath.Join(folder, foundFolder))
	if err != nil {
		return nil, err
	}
	for _, p := range j.Problems() {
		onEvent(Notice{fmt.Sprintf("put aside %s, which is no intact block: %s", p.File, p.Reason)})
	}
	return j, nil
}

// Waits between two attempts at what failed for a reason that passes.
const (
	firstWait   = time.Second
	longestWait = 30 * time.Second
)

// sleep waits, or returns ctx's error as soon as there is one.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
