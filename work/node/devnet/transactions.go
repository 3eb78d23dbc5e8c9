package devnet

import (
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/mining"
)

// noTransactions is a mempool that is always empty: nobody is there to send
// anything. Blocks may still hold transactions, which btcd judges as any others.
type noTransactions struct{}

var _ mining.TxSource = noTransactions{}

func (noTransactions) LastUpdated() time.Time               { return time.Time{} }
func (noTransactions) MiningDescs() []*mining.TxDesc        { return nil }
func (noTransactions) HaveTransaction(*chainhash.Hash) bool { return false }
