package main_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/stretchr/testify/require"
)

// nodeFlags are the flags that mine on b, through url, for the wallet's
// segwit address.
func nodeFlags(b *btcd, url, dataDir string, more ...string) []string {
	flags := []string{
		"--node", url,
		"--rpc-user", btcdUser,
		"--rpc-password-file", b.PasswordFile(),
		"--address", b.wallet.SegwitAddress().String(),
		"--datadir", dataDir,
	}
	if url == b.URL() { // not a gate, which speaks plain HTTP
		flags = append(flags, "--rpc-cert", b.CertFile())
	}
	return append(flags, more...)
}

// requireBlocks holds that the blocks of accepted are on the node's chain, at
// the heights they state, and that each pays the wallet all it may.
func requireBlocks(t *testing.T, b *btcd, accepted []minerEvent) {
	t.Helper()
	require.NotEmpty(t, accepted)
	script, err := txscript.PayToAddrScript(b.wallet.SegwitAddress())
	require.NoError(t, err)
	for _, e := range accepted {
		block := b.Block(e.Height)
		require.Equal(t, e.Hash, block.BlockHash().String())
		var got int64
		for _, out := range block.Transactions[0].TxOut {
			if out.Value > 0 {
				require.Equal(t, script, out.PkScript)
				got += out.Value
			}
		}
		require.GreaterOrEqual(t, got, blockchain.CalcBlockSubsidy(e.Height, b.wallet.network))
	}
}

// requireTip holds that, and that the highest of them is the node's tip. It need
// not be the last: a block counts as accepted when that is on disk, and meanwhile
// the next may have been found.
func requireTip(t *testing.T, b *btcd, accepted []minerEvent) {
	t.Helper()
	requireBlocks(t, b, accepted)
	require.Equal(t, highest(accepted), b.Height())
}

func highest(events []minerEvent) int32 {
	var height int32
	for _, e := range events {
		height = max(height, e.Height)
	}
	return height
}

// TestMineOnBtcd mines before segwit binds, and then what is in the mempool,
// judged by a real node.
func TestMineOnBtcd(t *testing.T) {
	for _, network := range []string{"simnet", "regtest"} {
		t.Run(network, func(t *testing.T) {
			b := startBtcd(t, network)
			dataDir := t.TempDir()

			// The first blocks of a chain: no witness commitment, no
			// transactions, and the smallest heights in the coinbase.
			events, code, stderr := startMiner(t, nodeFlags(b, b.URL(), dataDir, "--blocks", "20")...).Rest()
			require.Zero(t, code, stderr)
			require.Len(t, only("accepted", events), 20)
			requireTip(t, b, only("accepted", events))
			require.Empty(t, only("refused", events))

			b.GenerateToSegwit()
			start := b.Height()
			sent := b.FillMempool(21)
			events, code, stderr = startMiner(t, nodeFlags(b, b.URL(), dataDir, "--blocks", "5")...).Rest()
			require.Zero(t, code, stderr)
			accepted := only("accepted", events)
			require.Len(t, accepted, 5)
			require.Equal(t, start+5, b.Height())
			requireTip(t, b, accepted)
			require.Empty(t, only("refused", events))

			// The first of them holds all that was sent, as it was sent.
			block := b.Block(start + 1)
			var mined []chainhash.Hash
			for _, tx := range block.Transactions[1:] {
				mined = append(mined, tx.WitnessHash())
			}
			var fees int64
			for i, tx := range sent {
				require.Contains(t, mined, tx.WitnessHash())
				fees += []int64{20_000, 10_000, 10_000}[i]
			}
			require.Len(t, mined, len(sent))
			require.NoError(t, blockchain.ValidateWitnessCommitment(btcutil.NewBlock(block)))
			var paid int64
			for _, out := range block.Transactions[0].TxOut {
				paid += out.Value
			}
			// Splitting into equal parts leaves a satoshi or two to the fee.
			require.InDelta(t, blockchain.CalcBlockSubsidy(start+1, b.wallet.network)+fees, paid, 4)
			var waiting []string
			require.NoError(t, b.Call(&waiting, "getrawmempool"))
			require.Empty(t, waiting)
		})
	}
}

// TestMineThroughRestart ends the node in the middle and starts it again, and
// holds that mining goes on by itself: on the same chain, on one that has lost
// its last blocks, and on one that begins anew.
func TestMineThroughRestart(t *testing.T) {
	tests := []struct {
		name    string
		network string
		end     func(*btcd)
		keeps   bool
	}{
		{"stopped", "simnet", (*btcd).Stop, true},
		{"killed", "simnet", (*btcd).Kill, false},
		{"chain gone", "regtest", (*btcd).Stop, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := startBtcd(t, tt.network)
			b.Generate(10)
			m := startMiner(t, nodeFlags(b, b.URL(), t.TempDir())...)
			before := m.Wait("accepted")
			tt.end(b)
			m.Wait("node_lost")
			b.Start()
			back := b.Height()
			if tt.keeps {
				require.Equal(t, before.Hash, b.Block(before.Height).BlockHash().String())
			}
			m.Wait("node_back")
			// Blocks found before are no measure: btcd says yes even to one whose
			// parent it has lost.
			found := map[string]bool{}
			var accepted []minerEvent
			for len(accepted) < 5 {
				switch e := m.Next(); {
				case e.Event == "found":
					found[e.Hash] = true
				case e.Event == "accepted" && found[e.Hash]:
					accepted = append(accepted, e)
				}
			}
			require.NoError(t, m.cmd.Process.Signal(os.Interrupt))
			events, code, stderr := m.Rest()
			require.Zero(t, code, stderr)
			require.Equal(t, "stopped", events[len(events)-1].Event)
			requireBlocks(t, b, accepted)
			require.Greater(t, b.Height(), back)
		})
	}
}

// TestFoundWhileNodeDown holds that a block found while the node is down is
// delivered when it returns.
func TestFoundWhileNodeDown(t *testing.T) {
	b := startBtcd(t, "simnet")
	b.GenerateToSegwit()
	start := b.Height()
	g := newGate(t, b)
	m := startMiner(t, nodeFlags(b, g.URL, t.TempDir(), "--blocks", "1")...)
	found := m.Wait("found")
	<-g.Arrived
	require.Equal(t, start, b.Height())
	b.Stop()
	g.Open()
	m.Wait("waiting")
	b.Start()
	accepted := m.Wait("accepted")
	require.Equal(t, found.Hash, accepted.Hash)
	_, code, stderr := m.Rest()
	require.Zero(t, code, stderr)
	require.Equal(t, start+1, b.Height())
	requireTip(t, b, []minerEvent{accepted})
}

// TestFoundThenKilled is the same, with the miner killed before it could
// deliver. The node is still down when the miner starts again.
func TestFoundThenKilled(t *testing.T) {
	b := startBtcd(t, "simnet")
	b.GenerateToSegwit()
	start := b.Height()
	sent := b.FillMempool(1)
	g := newGate(t, b)
	dataDir := t.TempDir()
	m := startMiner(t, nodeFlags(b, g.URL, dataDir, "--blocks", "1")...)
	found := m.Wait("found")
	<-g.Arrived
	require.Equal(t, start, b.Height())
	b.Stop()
	m.Kill()
	g.Open()

	m = startMiner(t, nodeFlags(b, g.URL, dataDir)...)
	m.Wait("no_template")
	b.Start()
	var resent, fresh []minerEvent
	for len(resent) == 0 || len(fresh) == 0 {
		if e := m.Wait("accepted"); e.Resent {
			resent = append(resent, e)
		} else {
			fresh = append(fresh, e)
		}
	}
	require.Len(t, resent, 1)
	require.Equal(t, found.Hash, resent[0].Hash)
	require.Equal(t, start+1, resent[0].Height)
	requireBlocks(t, b, append(resent, fresh...))
	require.Len(t, b.Block(start+1).Transactions, 1+len(sent))

	require.NoError(t, m.cmd.Process.Signal(os.Interrupt))
	_, code, stderr := m.Rest()
	require.Zero(t, code, stderr)
	files, err := filepath.Glob(filepath.Join(dataDir, "nodes", "simnet", "found", "*", found.Hash+".*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		require.Equal(t, "done", filepath.Base(filepath.Dir(name)), "the block would be sent a third time")
	}
}

// TestTipMoves has another miner win the race: the node's new tip is what is
// mined on.
func TestTipMoves(t *testing.T) {
	b := startBtcd(t, "simnet")
	b.GenerateToSegwit()
	start := b.Height()
	g := newGate(t, b)
	m := startMiner(t, nodeFlags(b, g.URL, t.TempDir(), "--blocks", "3")...)
	late := m.Wait("found")
	<-g.Arrived
	b.Generate(1)
	theirs := b.Block(start + 1).BlockHash()
	g.Open()
	events, code, stderr := m.Rest()
	require.Zero(t, code, stderr)
	found := only("found", events)
	require.NotEmpty(t, found)
	require.Equal(t, theirs, b.Block(start+1).BlockHash())
	require.NotEqual(t, late.Hash, theirs.String())
	require.Greater(t, b.Height(), start+1)
	// Btcd says yes to a block that lost the race, too: of ours, the highest
	// is on the chain, not all.
	require.Equal(t, highest(only("accepted", events)), b.Height())
}

// TestNextNodeTakesOver gives a node that is down first.
func TestNextNodeTakesOver(t *testing.T) {
	b := startBtcd(t, "simnet")
	b.Generate(1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	dead := "https://" + l.Addr().String()
	events, code, stderr := startMiner(t, append([]string{"--node", dead}, nodeFlags(b, b.URL(), t.TempDir(), "--blocks", "2")...)...).Rest()
	require.Zero(t, code, stderr)
	require.NotEmpty(t, only("node_lost", events))
	requireTip(t, b, only("accepted", events))
	require.Equal(t, int32(3), b.Height())
}

// TestMineRefusesNode holds that what can't work is said at the start, in a
// line that names it, with exit code 2.
func TestMineRefusesNode(t *testing.T) {
	b := startBtcd(t, "simnet")
	wrong := filepath.Join(t.TempDir(), "wrong")
	require.NoError(t, os.WriteFile(wrong, []byte("wrong\n"), 0o600))
	other := newWallet(t, "regtest").SegwitAddress().String()
	good := nodeFlags(b, b.URL(), t.TempDir())
	tests := []struct {
		name  string
		flags map[string]string // in place of those that work; "" leaves one out
		want  []string
	}{
		{"wrong password", map[string]string{"--rpc-password-file": wrong}, []string{"401"}},
		{"no certificate", map[string]string{"--rpc-cert": ""}, []string{"certificate", "--rpc-cert"}},
		{"http to a port of https", map[string]string{"--node": "http" + b.URL()[len("https"):]}, []string{b.port}},
		{"address of another network", map[string]string{"--address": other}, []string{"regtest", "simnet"}},
		{"no address", map[string]string{"--address": ""}, []string{"--address"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var args []string
			for i := 0; i < len(good); i += 2 {
				value, replaced := tt.flags[good[i]]
				switch {
				case !replaced:
					args = append(args, good[i], good[i+1])
				case value != "":
					args = append(args, good[i], value)
				}
			}
			events, code, stderr := startMiner(t, append(args, "--blocks", "1")...).Rest()
			require.Equal(t, 2, code, "%v\n%s", events, stderr)
			require.Contains(t, stderr, "touchstone: error: ")
			require.NotContains(t, stderr, btcdPassword)
			for _, want := range tt.want {
				require.Contains(t, stderr, want)
			}
		})
	}
	require.Zero(t, b.Height())
}
