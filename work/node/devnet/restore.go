package devnet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/database"
	_ "github.com/btcsuite/btcd/database/ffldb" // registers the driver named below
	"github.com/btcsuite/btcd/txscript/v2"
)

const databaseDriver = "ffldb"

// utxoCacheSize bounds btcd's cache of unspent outputs, in bytes. One block adds
// one output, so a small one is plenty.
const utxoCacheSize = 4 << 20

// replayBatch is the number of blocks after which a replay closes the database and
// opens it again. Nothing else makes ffldb write down what it holds in memory,
// which would grow to hundreds of megabytes on a long chain; and a replay that is
// killed need not begin anew.
const replayBatch = 20_000

// errInterrupted ends an Open whose Options.Interrupt was closed.
var errInterrupted = errors.New("interrupted while opening the embedded chain")

// cacheError wraps what is wrong with the database, as against the block file: it
// can be cured by building a new database.
type cacheError struct{ error }

func (e *cacheError) Unwrap() error { return e.error }

// restore opens btcd's database in the folder path and brings it and the block
// file to the same height. A database that does not open, or that holds something
// else than the file, is a cache gone bad: it is replaced by a new one.
func (c *Chain) restore(path string) error {
	_, err := os.Stat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	err = c.openAndReplay(path)
	if bad := (*cacheError)(nil); fresh || !errors.As(err, &bad) {
		return err
	}
	c.options.Notice(fmt.Sprintf("database %s can't be used (%v): building a new one from %s", path, err, c.blocks.path))
	if err := c.discard(path); err != nil {
		return fmt.Errorf("removing the unusable database %s: %w; remove it by hand while touchstone does not run", path, err)
	}
	return c.openAndReplay(path)
}

// interrupted returns an error once Options.Interrupt is closed.
func (c *Chain) interrupted() error {
	select {
	case <-c.options.Interrupt:
		return errInterrupted
	default:
		return nil
	}
}

// discard closes and removes the database. If the block file is empty the database
// may hold the only copy of the chain, and is renamed instead.
func (c *Chain) discard(path string) error {
	if c.db != nil {
		c.db.Close() // it is of no use any more, nor is its error
		c.db, c.chain = nil, nil
	}
	info, err := c.blocks.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() > int64(fileStartSize) {
		return os.RemoveAll(path)
	}
	aside := path + ".unusable"
	if err := os.RemoveAll(aside); err != nil {
		return err
	}
	return os.Rename(path, aside)
}

// openAndReplay returns a *cacheError if the database is to blame.
func (c *Chain) openAndReplay(path string) error {
	if err := c.openDatabase(path); err != nil {
		return err
	}
	return c.replay(path)
}

// openDatabase opens or creates the database and btcd's chain in it. It returns a
// *cacheError if that fails.
func (c *Chain) openDatabase(path string) error {
	err := sheltered(func() error { return c.openChain(path) })
	if err == nil {
		return nil
	}
	if stop := c.interrupted(); stop != nil {
		return stop
	}
	return &cacheError{fmt.Errorf("opening database %s: %w", path, err)}
}

// sheltered runs a piece of btcd that reads a database which may be damaged. Some
// damage makes btcd index beyond what it has read: the database is a cache, and
// must not take the process down each time it starts.
func sheltered(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("btcd fails on it: %v", p)
		}
	}()
	return f()
}

func (c *Chain) openChain(path string) (err error) {
	params := c.options.Params
	c.db, err = database.Open(databaseDriver, path, params.Net)
	if code := (database.Error{}); errors.As(err, &code) && code.ErrorCode == database.ErrDbDoesNotExist {
		c.db, err = database.Create(databaseDriver, path, params.Net)
	}
	if err != nil {
		c.db = nil
		return err
	}
	c.chain, err = blockchain.New(&blockchain.Config{
		DB:               c.db,
		UtxoCacheMaxSize: utxoCacheSize,
		Interrupt:        c.options.Interrupt,
		ChainParams:      params,
		TimeSource:       c.clock,
		SigCache:         txscript.NewSigCache(0),
		HashCache:        txscript.NewHashCache(0),
	})
	if err != nil {
		return err
	}
	first, err := c.chain.BlockHashByHeight(0)
	if err != nil {
		return err
	}
	if *first != *params.GenesisHash {
		return fmt.Errorf("it belongs to another chain, with genesis block %s", first)
	}
	return nil
}

// closeDatabase writes what btcd holds in memory to the disk and closes it.
func (c *Chain) closeDatabase() error {
	var flush error
	if c.chain != nil {
		flush = c.chain.FlushUtxoCache(blockchain.FlushRequired)
	}
	if err := errors.Join(flush, c.db.Close()); err != nil {
		return fmt.Errorf("closing the embedded chain's database: %w", err)
	}
	return nil
}

// reopenDatabase closes the database and opens it again.
func (c *Chain) reopenDatabase(path string) error {
	err := c.closeDatabase()
	c.db, c.chain = nil, nil
	if err != nil {
		return &cacheError{err}
	}
	return c.openDatabase(path)
}

// replay reads the whole block file. It gives the database the blocks that it
// lacks, and the file those that the database has beyond its end.
func (c *Chain) replay(path string) error {
	start := c.chain.BestSnapshot()
	height, last := int32(0), *c.options.Params.GenesisHash
	err := c.blocks.scan(c.options.Params.GenesisHash, c.options.Notice, func(h int32, raw []byte) error {
		if err := c.interrupted(); err != nil {
			return err
		}
		height, last = h, chainhash.DoubleHashH(raw[:80])
		switch {
		case h < start.Height:
			return nil
		case h == start.Height:
			if last != start.Hash {
				return otherBlock(h)
			}
			return nil
		}
		if (h-start.Height)%c.batch == 0 {
			if err := c.reopenDatabase(path); err != nil {
				return err
			}
		}
		block, err := parseBlock(raw)
		if err == nil {
			err = sheltered(func() error { return c.connect(block) })
		}
		if err != nil {
			return &cacheError{fmt.Errorf("it does not take block %s of height %d: %w", last, h, err)}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if height < start.Height {
		return c.replenish(height, &last)
	}
	return nil
}

func otherBlock(height int32) error {
	return &cacheError{fmt.Errorf("it holds another block at height %d than the block file", height)}
}

// replenish appends to the block file, which ends at height with the block last,
// the blocks that the database has beyond it. That happens only when the file was
// lost or cut: it is always written first.
func (c *Chain) replenish(height int32, last *chainhash.Hash) error {
	best := c.chain.BestSnapshot()
	hash, err := c.chain.BlockHashByHeight(height)
	if err != nil {
		return &cacheError{err}
	}
	if *hash != *last {
		return otherBlock(height)
	}
	for h := height + 1; h <= best.Height; h++ {
		var raw []byte
		err := sheltered(func() error {
			block, err := c.chain.BlockByHeight(h)
			if err != nil {
				return err
			}
			raw, err = block.Bytes()
			return err
		})
		if err != nil {
			return &cacheError{err}
		}
		if err := c.blocks.append(raw); err != nil {
			return err
		}
	}
	c.options.Notice(fmt.Sprintf("block file %s ended at height %d: added blocks up to height %d from the database", c.blocks.path, height, best.Height))
	return nil
}
