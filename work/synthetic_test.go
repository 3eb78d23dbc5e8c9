package work_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/work"
)

// syntheticTemplate returns a template of regtest with n made-up transactions of about 500 bytes, one in sixteen of them without
// witness, as Bitcoin Core would write it. 4000 of them nearly fill a block.
func syntheticTemplate(n int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var txs strings.Builder
	wtxids := make([]chainhash.Hash, n+1)
	weight := func(stripped, full int) int { return 3*stripped + full }
	for i := range n {
		stripped, full := syntheticTransaction(random, i%16 != 0)
		txid, wtxid := chainhash.Hash(hash.Sum256d(stripped)), chainhash.Hash(hash.Sum256d(full))
		wtxids[i+1] = wtxid
		if i > 0 {
			txs.WriteByte(',')
		}
		fmt.Fprintf(&txs, `{"data":"%x","txid":"%v","hash":"%v","depends":[],"fee":%d,"sigops":4,"weight":%d}`,
			full, txid, wtxid, 1000+i, weight(len(stripped), len(full)))
	}
	root, _ := work.MerkleRoot(wtxids)
	commitment := work.WitnessCommitment(root, chainhash.Hash{})
	return fmt.Appendf(nil, `{"capabilities":["proposal"],"version":536870912,"rules":["csv","!segwit","taproot"],"vbavailable":{},"vbrequired":0,`+
		`"previousblockhash":"0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206","transactions":[%s],"coinbaseaux":{},"coinbasevalue":5000000000,`+
		`"longpollid":"0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e22061","target":"7fffff0000000000000000000000000000000000000000000000000000000000",`+
		`"mintime":1296688603,"mutable":["time","transactions","prevblock"],"noncerange":"00000000ffffffff","sigoplimit":80000,"sizelimit":4000000,"weightlimit":4000000,`+
		`"curtime":1700000000,"bits":"207fffff","height":101,"default_witness_commitment":"%x"}`, txs.String(), work.CommitmentScript(commitment))
}

// syntheticTransaction returns a transaction that spends what nobody has, without and with witness.
func syntheticTransaction(random *rand.Rand, segwit bool) (stripped, full []byte) {
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	script := 107
	if segwit {
		script = 0
	}
	body := append([]byte{1}, noise(36)...)
	body = append(append(body, byte(script)), make([]byte, script)...)
	body = append(body, 0xfd, 0xff, 0xff, 0xff, 3)
	for range 3 {
		body = binary.LittleEndian.AppendUint64(body, uint64(random.Uint32()))
		body = append(append(body, 22, 0, 20), noise(20)...)
	}
	stripped = append(append([]byte{2, 0, 0, 0}, body...), 0, 0, 0, 0)
	if !segwit {
		return stripped, stripped
	}
	full = append([]byte{2, 0, 0, 0, 0, 1}, body...)
	full = append(append(full, 2, 250), noise(250)...)
	full = append(append(full, 130), noise(130)...)
	return stripped, append(full, 0, 0, 0, 0)
}

func mustHex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
