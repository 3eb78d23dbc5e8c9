package main_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBtcd tries the harness itself: the node mines, takes transactions, offers
// them in its template, and keeps its chain over a restart, where it does.
func TestBtcd(t *testing.T) {
	for _, network := range []string{"simnet", "regtest"} {
		t.Run(network, func(t *testing.T) {
			b := startBtcd(t, network)
			require.Zero(t, b.Height())
			b.GenerateToSegwit()
			txs := b.FillMempool(1)

			var template struct {
				Height       int32 `json:"height"`
				Transactions []struct {
					ID      string `json:"txid"`
					Depends []int  `json:"depends"`
				} `json:"transactions"`
			}
			require.NoError(t, b.Call(&template, "getblocktemplate", map[string]any{"rules": []string{"segwit"}}))
			require.Equal(t, segwitHeight(network), b.Height())
			require.Equal(t, b.Height()+1, template.Height)
			var ids []string
			for _, tx := range template.Transactions {
				ids = append(ids, tx.ID)
			}
			for _, tx := range txs {
				require.Contains(t, ids, tx.TxHash().String())
			}

			b.Stop()
			b.Start()
			if network == "regtest" {
				require.Zero(t, b.Height(), "btcd has learned to keep a regtest chain")
			} else {
				require.Equal(t, segwitHeight(network), b.Height())
			}
		})
	}
}
