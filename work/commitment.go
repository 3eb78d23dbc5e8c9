package work

import (
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/touchstone-btc/touchstone/hash"
)

const (
	// CommitmentScriptSize is the size in bytes of the script that BIP 141 wants for a witness commitment.
	CommitmentScriptSize = 38
	// commitmentHeader begins it: OP_RETURN, a push of 36 bytes, and four bytes of BIP 141.
	commitmentHeader = "\x6a\x24\xaa\x21\xa9\xed"
)

// WitnessCommitment returns what a coinbase must commit to (BIP 141): the double SHA-256 of the witness root and the reserved
// value. The witness root is the merkle root of the wtxids with zero for the coinbase's. Internal order.
func WitnessCommitment(witnessRoot, reserved chainhash.Hash) chainhash.Hash {
	var pair [hash.PairSize]byte
	copy(pair[:], witnessRoot[:])
	copy(pair[chainhash.HashSize:], reserved[:])
	return hash.Sum256d(pair[:])
}

// CommitmentScript returns the output script that carries a commitment (BIP 141).
func CommitmentScript(commitment chainhash.Hash) []byte {
	return append([]byte(commitmentHeader), commitment[:]...)
}

// FindCommitment returns the witness commitment among a coinbase's outputs: the last one whose script begins as BIP 141 says.
func FindCommitment(coinbase *wire.MsgTx) (commitment chainhash.Hash, found bool) {
	for i := len(coinbase.TxOut) - 1; i >= 0; i-- {
		if commitment, found = parseCommitment(coinbase.TxOut[i].PkScript); found {
			return commitment, true
		}
	}
	return chainhash.Hash{}, false
}

// parseCommitment returns the commitment in an output's script, which may go on after it.
func parseCommitment(script []byte) (commitment chainhash.Hash, ok bool) {
	if len(script) < CommitmentScriptSize || string(script[:len(commitmentHeader)]) != commitmentHeader {
		return chainhash.Hash{}, false
	}
	return chainhash.Hash(script[len(commitmentHeader):CommitmentScriptSize]), true
}
