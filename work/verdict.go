package work

// Verdict is the result of judging a header, block or template: valid, or
// refused for one reason. It is a value and not an error: an error means that
// nothing could be judged. The zero Verdict is valid.
type Verdict struct {
	// Reason is the rule that was broken, "" if none was.
	Reason Reason
	// Detail says in words what was found and what was expected. It is for
	// people and may change; programs branch on Reason.
	Detail string
}

// Valid reports whether no rule was broken.
func (v Verdict) Valid() bool { return v.Reason == "" }

// String returns "valid", or the reason and, after a colon, the detail.
func (v Verdict) String() string {
	switch {
	case v.Valid():
		return "valid"
	case v.Detail == "":
		return string(v.Reason)
	}
	return string(v.Reason) + ": " + v.Detail
}

// Reason names the rule that a header, block or template breaks, in the words
// that Bitcoin Core uses in logs and in its BIP 22 answers.
type Reason string

// Reasons of headers, in the order in which HeaderChain tries them.
const (
	ReasonHighHash         Reason = "high-hash"              // the hash is above the target
	ReasonBadPrevBlk       Reason = "bad-prevblk"            // does not follow the header before it
	ReasonBadGenesis       Reason = "bad-genesis"            // height 0 is not the network's genesis block
	ReasonBadDiffBits      Reason = "bad-diffbits"           // nBits is no target or not the one demanded
	ReasonTimeTooOld       Reason = "time-too-old"           // not above the median of the last 11 times
	ReasonTimewarp         Reason = "time-timewarp-attack"   // BIP 94, BIP 54: a period begins too long before its parent
	ReasonNegativeInterval Reason = "time-negative-interval" // BIP 54: a period ends before it began
	ReasonTimeTooNew       Reason = "time-too-new"           // too far ahead of the clock
	ReasonBadVersion       Reason = "bad-version"            // a version that this height no longer allows
)

// Reasons of blocks and templates.
const (
	ReasonBadTxnMrklRoot        Reason = "bad-txnmrklroot"
	ReasonBadTxnsDuplicate      Reason = "bad-txns-duplicate"
	ReasonBadWitnessMerkleMatch Reason = "bad-witness-merkle-match"
	ReasonBadWitnessNonceSize   Reason = "bad-witness-nonce-size"
	ReasonUnexpectedWitness     Reason = "unexpected-witness"
	ReasonBadCoinbaseLength     Reason = "bad-cb-length"
	ReasonBadCoinbaseHeight     Reason = "bad-cb-height"
	ReasonBadCoinbaseMissing    Reason = "bad-cb-missing"
	ReasonBadCoinbaseMultiple   Reason = "bad-cb-multiple"
	ReasonBadCoinbaseLockTime   Reason = "bad-cb-locktime" // BIP 54
	ReasonBadCoinbaseSequence   Reason = "bad-cb-sequence" // BIP 54
	ReasonBadBlockLength        Reason = "bad-blk-length"
	ReasonBadBlockWeight        Reason = "bad-blk-weight"
	ReasonBadBlockSigOps        Reason = "bad-blk-sigops"
)

// Reasons of transactions.
const (
	ReasonBadTxnsVoutEmpty       Reason = "bad-txns-vout-empty"            // no outputs
	ReasonBadTxnsOversize        Reason = "bad-txns-oversize"              // more than fits a block
	ReasonBadTxnsVoutNegative    Reason = "bad-txns-vout-negative"         // an output of less than nothing
	ReasonBadTxnsVoutTooLarge    Reason = "bad-txns-vout-toolarge"         // an output of more than there is
	ReasonBadTxnsTotalTooLarge   Reason = "bad-txns-txouttotal-toolarge"   // outputs of more than there is
	ReasonBadTxnsInputsDuplicate Reason = "bad-txns-inputs-duplicate"      // spends an output twice
	ReasonBadTxnsPrevoutNull     Reason = "bad-txns-prevout-null"          // a coinbase's input in another transaction
	ReasonBadTxnsNonFinal        Reason = "bad-txns-nonfinal"              // nLockTime is not over
	ReasonBadTxnsMissingOrSpent  Reason = "bad-txns-inputs-missingorspent" // spends what comes later, or what another spends
	ReasonBadTxnsSize            Reason = "bad-txns-size64"                // BIP 54: 64 bytes without witness
)

// Reasons that only templates have: nodes judge blocks, not templates.
const (
	ReasonUnknownRule      Reason = "unknown-rule"     // BIP 9: a rule that must be understood and is not
	ReasonSignetChallenge  Reason = "signet-challenge" // BIP 325: blocks need a signature that only the signet's keepers can make
	ReasonBadTxnsTxID      Reason = "bad-txns-txid"    // a txid that is not the transaction's
	ReasonBadTxnsHash      Reason = "bad-txns-hash"    // a wtxid that is not the transaction's
	ReasonBadTxnsWeight    Reason = "bad-txns-weight"  // a weight that is not the transaction's
	ReasonBadCoinbaseValue Reason = "bad-cb-amount"    // coinbasetxn spends more than coinbasevalue
)
