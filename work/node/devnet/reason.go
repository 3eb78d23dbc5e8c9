package devnet

import (
	"github.com/btcsuite/btcd/blockchain"

	"github.com/touchstone-btc/touchstone/work/node"
)

// Words of BIP 22 that have no code of btcd's behind them.
const (
	reasonDuplicate = "duplicate"
	reasonStale     = "stale-prevblk"
	reasonUnknown   = "bad-prevblk"
	reasonRejected  = "rejected"
)

// reasons are the words for btcd's codes: those of Bitcoin Core, which
// submitblock returns under BIP 22.
var reasons = map[blockchain.ErrorCode]string{
	blockchain.ErrDuplicateBlock:           reasonDuplicate,
	blockchain.ErrBlockTooBig:              "bad-blk-length",
	blockchain.ErrBlockWeightTooHigh:       "bad-blk-weight",
	blockchain.ErrBlockVersionTooOld:       "bad-version",
	blockchain.ErrInvalidTime:              "time-invalid",
	blockchain.ErrTimeTooOld:               "time-too-old",
	blockchain.ErrTimeTooNew:               "time-too-new",
	blockchain.ErrTimewarpAttack:           "time-timewarp-attack",
	blockchain.ErrDifficultyTooLow:         "bad-diffbits",
	blockchain.ErrUnexpectedDifficulty:     "bad-diffbits",
	blockchain.ErrHighHash:                 "high-hash",
	blockchain.ErrBadMerkleRoot:            "bad-txnmrklroot",
	blockchain.ErrNoTransactions:           "bad-blk-length",
	blockchain.ErrNoTxInputs:               "bad-txns-vin-empty",
	blockchain.ErrNoTxOutputs:              "bad-txns-vout-empty",
	blockchain.ErrTxTooBig:                 "bad-txns-oversize",
	blockchain.ErrBadTxOutValue:            "bad-txns-vout-toolarge",
	blockchain.ErrDuplicateTxInputs:        "bad-txns-inputs-duplicate",
	blockchain.ErrBadTxInput:               "bad-txns-prevout-null",
	blockchain.ErrMissingTxOut:             "bad-txns-inputs-missingorspent",
	blockchain.ErrUnfinalizedTx:            "bad-txns-nonfinal",
	blockchain.ErrDuplicateTx:              "bad-txns-duplicate",
	blockchain.ErrOverwriteTx:              "bad-txns-BIP30",
	blockchain.ErrImmatureSpend:            "bad-txns-premature-spend-of-coinbase",
	blockchain.ErrSpendTooHigh:             "bad-txns-in-belowout",
	blockchain.ErrBadFees:                  "bad-txns-fee-outofrange",
	blockchain.ErrTooManySigOps:            "bad-blk-sigops",
	blockchain.ErrFirstTxNotCoinbase:       "bad-cb-missing",
	blockchain.ErrMultipleCoinbases:        "bad-cb-multiple",
	blockchain.ErrBadCoinbaseScriptLen:     "bad-cb-length",
	blockchain.ErrBadCoinbaseValue:         "bad-cb-amount",
	blockchain.ErrMissingCoinbaseHeight:    "bad-cb-height",
	blockchain.ErrBadCoinbaseHeight:        "bad-cb-height",
	blockchain.ErrScriptMalformed:          "block-script-verify-flag-failed",
	blockchain.ErrScriptValidation:         "block-script-verify-flag-failed",
	blockchain.ErrUnexpectedWitness:        "unexpected-witness",
	blockchain.ErrInvalidWitnessCommitment: "bad-witness-nonce-size",
	// btcd has one code for two things of Core's: see Core's
	// CheckWitnessMalleation.
	blockchain.ErrWitnessCommitmentMismatch: "bad-witness-merkle-match",
	blockchain.ErrPreviousBlockUnknown:      reasonUnknown,
	blockchain.ErrInvalidAncestorBlock:      reasonUnknown,
	blockchain.ErrPrevBlockNotBest:          reasonStale,
}

// refusal is the answer to a block that breaks a rule: btcd's code as a word,
// btcd's own words as the text.
func refusal(e blockchain.RuleError) node.Answer {
	word, ok := reasons[e.ErrorCode]
	if !ok {
		word = reasonRejected
	}
	return refused(word, e.Description)
}

func refused(word, text string) node.Answer {
	return node.Answer{Final: true, Reason: word, Text: text}
}
