package work_test

import (
	"bytes"
	"testing"

	"github.com/btcsuite/btcd/wire/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
)

// TestBIP54Coinbases judges the last blocks of BIP 54's test vectors (coinbases.json): mined on mainnet's genesis block, height 4,
// with the nLockTime and nSequence that the comment names.
func TestBIP54Coinbases(t *testing.T) {
	const (
		header   = "01000000131cda7ce756b84bd95dd3ee07333f2224e286bb9a5e13ed9961374600000000"
		coinbase = "0101000000010000000000000000000000000000000000000000000000000000000000000000ffffffff"
		output   = "0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac"
	)
	for _, test := range []struct {
		comment, merkleRoot, rest, script, lockTime string
		bip54                                       work.Reason // network not known
		mainnet                                     work.Reason // at height 4 of mainnet, with BIP 54
	}{
		{"nLockTime 21", "3e699c73b70d61674235d749cfcc240c91df1b658ab774fce2779679f6867d41", "89b45f49ffff001dc1adcf01", "055403e0c810feffffff", "15000000",
			work.ReasonBadCoinbaseLockTime, work.ReasonBadTxnsNonFinal},
		{"nLockTime 4", "82cf0907a8dfb0b461f9c3f4a807cff5fb85df8e54fcc5d8b5a6208b1144fac2", "89b45f49ffff001d09439019", "05540320d61392100000", "04000000",
			work.ReasonBadCoinbaseLockTime, work.ReasonBadTxnsNonFinal},
		{"nLockTime 2", "da08acbf43b797bea5a20bb65f0a02871f6272cd0dbd5d192de0b8b241a285aa", "89b45f49ffff001d5077290a", "055403400d03feffffff", "02000000",
			work.ReasonBadCoinbaseLockTime, work.ReasonBadCoinbaseLockTime},
		{"nLockTime 3, nSequence not final", "0035fba8f8f05b94463822ffd007213ff095c4b82e5bc166fd51c8ba01e06591", "89b45f49ffff001d394a4d07", "025400fb400300", "03000000", "", ""},
		{"nLockTime 3, nSequence fffffffe", "e7822dba53b0868472211017555701e69bbd9c3e2ec5502347dce64e963cff09", "89b45f49ffff001dfb8e6e11", "05540360ae0afeffffff", "03000000", "", ""},
		{"nLockTime 3, nSequence ffffffff", "a392d0e70a32b369e2ec509ec0b5cdfad3db5f78d594f855588d6193d7e5bef8", "89b45f49ffff001d5ec3630c", "05540320d613ffffffff", "03000000",
			work.ReasonBadCoinbaseSequence, work.ReasonBadCoinbaseSequence},
		{"nLockTime a time", "2be83903e9da68744e4da285d3641faf33694531e1717724d415265bc987bfbb", "89b45f49ffff001dbfe17c1f", "05540340420ffeffffff", "88b45f49",
			work.ReasonBadCoinbaseLockTime, work.ReasonBadCoinbaseLockTime},
	} {
		t.Run(test.comment, func(t *testing.T) {
			raw := mustHex(header + test.merkleRoot + test.rest + coinbase + test.script + output + test.lockTime)
			require.Equal(t, work.Verdict{}, check(t, raw, work.BlockRules{Network: nil, Height: 4}).Verdict, "sound without BIP 54")
			require.Equal(t, test.bip54, check(t, raw, work.BlockRules{Height: 4, BIP54: true}).Verdict.Reason)
			require.Equal(t, test.mainnet, check(t, raw, work.BlockRules{Network: work.Mainnet, Height: 4, BIP54: true}).Verdict.Reason)
		})
	}
}

func TestBIP54Size(t *testing.T) {
	var pay wire.MsgTx
	require.NoError(t, pay.Deserialize(bytes.NewReader(mustHex("0200000001deb98691723fa71260ffca6ea0a7bc0a63b0a8a366e1b585caad47fb269a2ce401000000030251b201000000010000000000000000016a00000000"))))
	require.Equal(t, "892f44a49de6f5b212cdbea514d09e692d9fed5d897f37bcef14bd0eedebf193", pay.TxHash().String())
	raw := regtestBlock(t, coinbaseAt(100), &pay)
	require.Equal(t, work.Verdict{}, check(t, raw, work.BlockRules{Network: work.Regtest}).Verdict)
	require.Equal(t, work.ReasonBadTxnsSize, check(t, raw, work.BlockRules{Network: work.Regtest, BIP54: true}).Verdict.Reason)
}
