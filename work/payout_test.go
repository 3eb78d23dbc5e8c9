package work_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
)

func TestAddressScript(t *testing.T) {
	for _, test := range []struct {
		name, addr string
		network    *work.Network
		script     string
	}{
		{"P2PKH of the genesis block", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", work.Mainnet, "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac"},
		{"P2SH", "3P14159f73E4gFr7JterCCQh9QjiTjiZrG", work.Mainnet, "a914e9c3dd0c07aac76179ebc76a6c78d4d67c6c160a87"},
		{"P2WPKH of BIP 173", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", work.Mainnet, "0014751e76e8199196d454941c45d1b3a323f1433bd6"},
		{"P2WSH of BIP 173", "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7", work.Testnet4, "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262"},
		{"P2TR of BIP 350", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", work.Mainnet, "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"},
		{"P2TR on a test network", "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c", work.Signet, "5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433"},
		{"P2PKH on a test network", "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", work.Testnet3, "76a914243f1394f44554f4ce3fd68649c19adc483ce92488ac"},
		{"P2SH on regtest", "2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc", work.Regtest, "a9144e9f39ca4688ff102128ea4ccda34105324305b087"},
		{"P2WPKH on regtest", "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", work.Regtest, "0014751e76e8199196d454941c45d1b3a323f1433bd6"},
	} {
		t.Run(test.name, func(t *testing.T) {
			script, err := work.AddressScript(test.addr, test.network)
			require.NoError(t, err)
			require.Equal(t, test.script, hex.EncodeToString(script))
		})
	}
}

func TestAddressScriptRefuses(t *testing.T) {
	for _, test := range []struct {
		name, addr string
		network    *work.Network
		says       []string
	}{
		{"mainnet address on testnet4", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", work.Testnet4, []string{"is for mainnet, not for testnet4"}},
		{"mainnet taproot address on regtest", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", work.Regtest, []string{"is for mainnet, not for regtest"}},
		{"test address on mainnet", "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7", work.Mainnet, []string{"testnet3 or testnet4 or signet, not for mainnet"}},
		{"regtest address on simnet", "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", work.Simnet, []string{"regtest", "simnet"}},
		{"typing error", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", work.Mainnet, []string{"checksum", "typed"}},
		{"bech32 typing error", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", work.Mainnet, []string{"checksum", "typed"}},
		{"witness version 1 with bech32", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd", work.Mainnet, []string{"bech32m"}},
		{"witness version 2", "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs", work.Mainnet, []string{"witness version"}},
		{"mixed case", "bc1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", work.Mainnet, []string{"case"}},
		{"public key", "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798", work.Mainnet, []string{"PubKey", "want a P2PKH"}},
		{"anchor, which anyone may spend", "bc1pfeessrawgf", work.Mainnet, []string{"Anchor", "want a P2PKH"}},
		{"nothing", "", work.Mainnet, []string{`""`}},
		{"a line of control characters", "\x00\n\x1b[31m", work.Mainnet, []string{`\x1b`}},
		{"much", strings.Repeat("z", 1<<20), work.Mainnet, []string{"…", "1048576 characters"}},
		{"public key, not compressed", "04" + strings.Repeat("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798", 2), work.Mainnet, []string{"130 characters"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := work.AddressScript(test.addr, test.network)
			require.Error(t, err)
			for _, part := range test.says {
				require.ErrorContains(t, err, part)
			}
			require.NotContains(t, err.Error(), "\n")
			require.Less(t, len(err.Error()), 400)
		})
	}
}

// TestAddressOfOwnNetwork pays to addresses of a network made from regtest's parameters.
func TestAddressOfOwnNetwork(t *testing.T) {
	params := chaincfg.RegressionNetParams
	params.Name = "private"
	n, err := work.NewNetwork("private", &params, 0)
	require.NoError(t, err)
	_, err = work.AddressScript("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", n)
	require.NoError(t, err)
	_, err = work.AddressScript("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", n)
	require.ErrorContains(t, err, "mainnet, not for private")
}
