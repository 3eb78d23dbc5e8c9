package devnet

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/database"
	"github.com/btcsuite/btcd/mining"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/touchstone-btc/touchstone/work/node"
)

// ErrClosed is returned by methods of a Chain that has been closed.
var ErrClosed = errors.New("the embedded chain is closed")

// Chain is an open private chain. Its methods may be called from several
// goroutines at once. It runs no goroutine of its own.
type Chain struct {
	options Options
	batch   int32 // replayBatch but in tests
	lock    *node.FolderLock
	payout  payout
	clock   *clock

	// turn holds one token, which is had by who uses the fields below.
	turn      chan struct{}
	blocks    *blockFile
	db        database.DB
	chain     *blockchain.BlockChain
	generator *mining.BlkTmplGenerator
	broken    error // set once blocks.dat and the database are known to differ

	closed    chan struct{}
	closeOnce sync.Once
	closeErr  error

	mu      sync.Mutex // guards what is below
	tip     tip
	changed chan struct{} // closed when tip is replaced
}

var _ node.Source = (*Chain)(nil)

type tip struct {
	height int32
	hash   chainhash.Hash
}

// Open opens the chain in the folder dir, or begins one there, creating the folder
// for its owner only. It takes the folder for itself: if it is taken the error is
// a *node.InUseError. A file that was damaged gives a *DamagedError. What a crash left
// behind is repaired, and told to Options.Notice.
func Open(dir string, o Options) (*Chain, error) { return open(dir, o, replayBatch) }

func open(dir string, o Options, batch int32) (*Chain, error) {
	o = o.withDefaults()
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	lock, err := node.LockFolder(dir)
	if err != nil {
		return nil, err
	}
	c := &Chain{
		options: o,
		batch:   batch,
		lock:    lock,
		clock:   &clock{now: o.Now},
		turn:    make(chan struct{}, 1),
		closed:  make(chan struct{}),
		changed: make(chan struct{}),
	}
	if err := c.load(dir); err != nil {
		c.shut()
		return nil, err
	}
	return c, nil
}

// load opens what dir holds.
func (c *Chain) load(dir string) (err error) {
	params := c.options.Params
	if c.payout, err = loadPayout(filepath.Join(dir, "payout.key"), params); err != nil {
		return err
	}
	if c.blocks, err = openBlockFile(filepath.Join(dir, "blocks.dat"), params.GenesisHash); err != nil {
		return err
	}
	if err := c.restore(filepath.Join(dir, "chain")); err != nil {
		return err
	}
	policy := &mining.Policy{BlockMaxWeight: blockchain.MaxBlockWeight, BlockMaxSize: blockchain.MaxBlockBaseSize}
	c.generator = mining.NewBlkTmplGenerator(policy, params, noTransactions{}, c.chain, c.clock,
		txscript.NewSigCache(0), txscript.NewHashCache(0))
	c.announceTip()
	return nil
}

// Close waits for calls at work, writes everything to the disk and gives the
// folder free. Calls that come later, or that wait for new work, return ErrClosed.
// Closing again does nothing more and returns the same.
func (c *Chain) Close() error {
	c.closeOnce.Do(func() {
		close(c.closed)
		c.turn <- struct{}{}
		defer c.release()
		c.closeErr = c.shut()
	})
	return c.closeErr
}

// shut closes whatever is open.
func (c *Chain) shut() error {
	var errs []error
	if c.db != nil {
		errs = append(errs, c.closeDatabase())
	}
	if c.blocks != nil {
		errs = append(errs, c.blocks.close())
	}
	errs = append(errs, c.lock.Release())
	return errors.Join(errs...)
}

// acquire waits for the caller's turn. It returns an error when ctx ends, when the
// chain is closed and when it can't be used any more; else the caller must call
// release.
func (c *Chain) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-c.closed:
		return ErrClosed
	}
	select {
	case <-c.closed: // select may have chosen the turn all the same
		c.release()
		return ErrClosed
	default:
	}
	if c.broken != nil {
		c.release()
		return c.broken
	}
	return nil
}

func (c *Chain) release() { <-c.turn }

// connect gives a block that follows the tip to btcd, which makes it the tip.
func (c *Chain) connect(block *btcutil.Block) error {
	// It was valid when it was first judged, whatever the clock says now.
	c.clock.floor.Store(block.MsgBlock().Header.Timestamp.Unix())
	defer c.clock.floor.Store(0)
	main, orphan, err := c.chain.ProcessBlock(block, blockchain.BFNone)
	if err != nil {
		return err
	}
	if !main || orphan {
		return fmt.Errorf("block %s does not follow the tip", block.Hash())
	}
	// Cheap but for once in five minutes; keeps short what btcd has to work
	// through when it starts after a crash.
	return c.chain.FlushUtxoCache(blockchain.FlushPeriodic)
}

// announceTip publishes btcd's tip and wakes who waits for new work.
func (c *Chain) announceTip() {
	best := c.chain.BestSnapshot()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tip = tip{height: best.Height, hash: best.Hash}
	close(c.changed)
	c.changed = make(chan struct{})
}

// watch returns the tip and a channel that is closed when it is replaced.
func (c *Chain) watch() (tip, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tip, c.changed
}

// Tip returns the height and hash of the last block. It holds the last ones after
// Close too.
func (c *Chain) Tip() (height int32, hash chainhash.Hash) {
	t, _ := c.watch()
	return t.height, t.hash
}

// Chain returns the network's name, Name by default.
func (c *Chain) Chain(ctx context.Context) (string, error) {
	return c.options.Params.Name, ctx.Err()
}

// Params returns the parameters the chain was opened with. The caller must not
// change them.
func (c *Chain) Params() *chaincfg.Params { return c.options.Params }

// PayoutAddress returns the address of the key kept in the data folder, a P2WPKH
// address of this network.
func (c *Chain) PayoutAddress() string { return c.payout.address }

// PayoutScript returns the output script of PayoutAddress. The caller owns it.
func (c *Chain) PayoutScript() []byte { return append([]byte(nil), c.payout.script...) }
