package work

import (
	"fmt"
	"strings"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// knownRules are the rules that are understood here: those that change nothing for who builds a block from a template, and
// segwit and signet, which are provided for.
var knownRules = map[string]bool{
	"segwit": true, "taproot": true, "csv": true, "signet": true, "testdummy": true,
	"bip16": true, "bip34": true, "bip65": true, "bip66": true, "bip68": true, "bip112": true, "bip113": true, "bip147": true,
}

// opTrue is the signet challenge that anyone meets.
const opTrue = 0x51

// Check judges whether a block built from the template can be valid, by all that the template itself shows: the rules it needs,
// nBits and target, times, the ids and weights of its transactions, their order, the limits, the witness commitment, and a
// coinbase of the node's own. Where a node gives less (no weight, no limit), less is judged; consensus limits always are.
//
// Scripts, fees and what a transaction spends from earlier blocks are out of its reach. Signets are refused unless anyone may
// sign their blocks (challenge 51): then a block needs no signature, and none is made (BIP 325).
func (t *Template) Check() Verdict {
	for _, judge := range []func() Verdict{
		t.checkRules, t.checkTarget, t.checkTimes, t.checkTransactions, t.checkOrder, t.checkLimits, t.checkCommitment, t.checkCoinbaseTxn,
	} {
		if v := judge(); !v.Valid() {
			return v
		}
	}
	return Verdict{}
}

func (t *Template) checkRules() Verdict {
	for _, rule := range t.Rules {
		if name, must := strings.CutPrefix(rule, "!"); must && !knownRules[name] {
			return refuse(ReasonUnknownRule, "the template needs rule %s, which is not known here: get a newer touchstone", quote(rule))
		}
	}
	if t.SignetChallenge != nil && (len(t.SignetChallenge) != 1 || t.SignetChallenge[0] != opTrue) {
		return refuse(ReasonSignetChallenge, "blocks of this signet must be signed for challenge %.80x, and touchstone holds no keys: use a signet with challenge 51, or regtest", t.SignetChallenge)
	}
	if t.Version&t.VBRequired != t.VBRequired {
		return refuse(ReasonBadVersion, "version %08x lacks bits of vbrequired %08x", t.Version, t.VBRequired)
	}
	return Verdict{}
}

func (t *Template) checkTarget() Verdict {
	target, negative, overflow := t.Bits.Target()
	switch {
	case negative || overflow || target.IsZero():
		return refuse(ReasonBadDiffBits, "bits %v is no target that a hash can meet", t.Bits)
	case target != t.Target:
		return refuse(ReasonBadDiffBits, "target %v is not that of bits %v, %v", t.Target, t.Bits, target)
	}
	return Verdict{}
}

func (t *Template) checkTimes() Verdict {
	switch {
	case t.CurTime < t.MinTime:
		return refuse(ReasonTimeTooOld, "curtime %d is before mintime %d", t.CurTime, t.MinTime)
	case t.MaxTime != 0 && t.CurTime > t.MaxTime:
		return refuse(ReasonTimeTooNew, "curtime %d is after maxtime %d", t.CurTime, t.MaxTime)
	}
	return Verdict{}
}

// checkTransactions judges each transaction by itself.
func (t *Template) checkTransactions() Verdict {
	for i := range t.Transactions {
		tx := &t.Transactions[i]
		v := tx.parts.check()
		switch {
		case !v.Valid():
		case tx.parts.isCoinbase():
			v = refuse(ReasonBadCoinbaseMultiple, "it is a coinbase")
		case tx.TxID != tx.txid:
			v = refuse(ReasonBadTxnsTxID, "txid %v, but its data has %v", tx.TxID, tx.txid)
		case tx.Hash != tx.wtxid:
			v = refuse(ReasonBadTxnsHash, "hash %v, but its data has %v", tx.Hash, tx.wtxid)
		case tx.HasWeight && tx.Weight != int64(tx.parts.weight()):
			v = refuse(ReasonBadTxnsWeight, "weight %d, but its data has %d", tx.Weight, tx.parts.weight())
		}
		if !v.Valid() {
			v.Detail = fmt.Sprintf("transaction %d: %s", i+1, v.Detail)
			return v
		}
	}
	return Verdict{}
}

// checkOrder judges that no transaction stands there twice, spends from a later one, or spends what another spends. Places are
// counted from 1, as in depends.
func (t *Template) checkOrder() Verdict {
	place := make(map[chainhash.Hash]int, len(t.Transactions))
	inputs := 0
	for i := range t.Transactions {
		inputs += t.Transactions[i].parts.inputCount
		if first, twice := place[t.Transactions[i].txid]; twice {
			return refuse(ReasonBadTxnsDuplicate, "transactions %d and %d are the same", first, i+1)
		}
		place[t.Transactions[i].txid] = i + 1
	}
	spent := make(map[[outpointSize]byte]int, inputs)
	for i := range t.Transactions {
		for _, in := range t.Transactions[i].parts.eachInput {
			if from := place[chainhash.Hash(in.outpoint[:chainhash.HashSize])]; from > i {
				return refuse(ReasonBadTxnsMissingOrSpent, "transaction %d spends from transaction %d, which does not come before it", i+1, from)
			}
			outpoint := [outpointSize]byte(in.outpoint)
			if first, twice := spent[outpoint]; twice {
				return refuse(ReasonBadTxnsMissingOrSpent, "transactions %d and %d spend the same output", first, i+1)
			}
			spent[outpoint] = i + 1
		}
	}
	return Verdict{}
}

// checkLimits judges size, weight and signature operations of the transactions; NewJob does so again with the coinbase.
func (t *Template) checkLimits() Verdict { return t.checkRoom(0, 0, 0) }

// checkRoom judges the limits for a block with a coinbase of so many bytes with witness, weight units, and legacy signature
// operations.
func (t *Template) checkRoom(coinbaseSize, coinbaseWeight, coinbaseSigOps int) Verdict {
	rest := compactSizeLen(len(t.Transactions) + 1)
	size := int64(HeaderSize + rest + coinbaseSize)
	weight := int64((HeaderSize+rest)*WitnessScaleFactor + coinbaseWeight)
	sigOpLimit := limit(t.SigOpLimit, MaxBlockSigOpsCost)
	// Before segwit nodes count operations, not their cost, and say a quarter of the limit.
	unit := int64(WitnessScaleFactor)
	if sigOpLimit <= MaxBlockSigOpsCost/WitnessScaleFactor {
		unit = 1
	}
	sigOps := int64(coinbaseSigOps) * unit
	for i := range t.Transactions {
		tx := &t.Transactions[i]
		size += int64(len(tx.Data))
		weight += int64(tx.parts.weight())
		if tx.HasSigOps {
			sigOps += tx.SigOps
		} else {
			sigOps += int64(tx.parts.legacySigOps()) * unit
		}
	}
	switch sizeLimit, weightLimit := limit(t.SizeLimit, MaxBlockSize), limit(t.WeightLimit, MaxBlockWeight); {
	case size > sizeLimit:
		return refuse(ReasonBadBlockLength, "the block would have %d bytes: %d are allowed", size, sizeLimit)
	case weight > weightLimit:
		return refuse(ReasonBadBlockWeight, "the block would have weight %d: %d is allowed", weight, weightLimit)
	case sigOps > sigOpLimit:
		return refuse(ReasonBadBlockSigOps, "the block's signature operations would cost %d: %d is allowed", sigOps, sigOpLimit)
	}
	return Verdict{}
}

// limit is the node's limit, 0 if it gives none, but never above consensus.
func limit(node, consensus int64) int64 {
	if node == 0 {
		return consensus
	}
	return min(node, consensus)
}

func (t *Template) checkCommitment() Verdict {
	if !t.HasCommitment {
		return Verdict{}
	}
	if want := t.witnessCommitment(chainhash.Hash{}); want != t.DefaultWitnessCommitment {
		return refuse(ReasonBadWitnessMerkleMatch, "default_witness_commitment %x is not that of the transactions given, %x: some are missing or changed", t.DefaultWitnessCommitment[:], want[:])
	}
	return Verdict{}
}

// checkCoinbaseTxn judges the coinbase that the node made, if it made one.
func (t *Template) checkCoinbaseTxn() Verdict {
	tx := t.CoinbaseTxn
	if tx == nil {
		return Verdict{}
	}
	v := tx.parts.check()
	switch {
	case !v.Valid():
	case !tx.parts.isCoinbase():
		v = refuse(ReasonBadCoinbaseMissing, "it is not a coinbase")
	case tx.TxID != tx.txid:
		v = refuse(ReasonBadTxnsTxID, "txid %v, but its data has %v", tx.TxID, tx.txid)
	case tx.Hash != tx.wtxid:
		v = refuse(ReasonBadTxnsHash, "hash %v, but its data has %v", tx.Hash, tx.wtxid)
	case coinbaseHeight(tx.parts.coinbaseScript()) != t.Height:
		v = refuse(ReasonBadCoinbaseHeight, "scriptSig %x does not begin with height %d", tx.parts.coinbaseScript(), t.Height)
	case t.CoinbaseValue >= 0 && tx.spends() > t.CoinbaseValue:
		v = refuse(ReasonBadCoinbaseValue, "it spends %d satoshi, but coinbasevalue is %d", tx.spends(), t.CoinbaseValue)
	default:
		v = t.checkOwnCommitment()
	}
	if !v.Valid() {
		v.Detail = "coinbasetxn: " + v.Detail
	}
	return v
}

// checkOwnCommitment judges the witness commitment in the node's own coinbase.
func (t *Template) checkOwnCommitment() Verdict {
	reserved, v := coinbaseReserved(&t.CoinbaseTxn.parts)
	if !v.Valid() {
		return v
	}
	got, found := t.CoinbaseTxn.parts.commitment()
	if !found {
		for i := range t.Transactions {
			if t.Transactions[i].parts.hasWitness() {
				return refuse(ReasonUnexpectedWitness, "it has no witness commitment, but transaction %d has a witness", i+1)
			}
		}
		return Verdict{}
	}
	if want := t.witnessCommitment(reserved); got != want {
		return refuse(ReasonBadWitnessMerkleMatch, "it commits to %x, the transactions given to %x", got[:], want[:])
	}
	return Verdict{}
}

// coinbaseReserved returns the reserved value in a coinbase's witness (BIP 141), zeros where it has no witness.
func coinbaseReserved(tx *transaction) (reserved chainhash.Hash, v Verdict) {
	items, n := tx.firstWitness()
	switch {
	case n == 0:
	case n == 1 && len(items[0]) == chainhash.HashSize:
		reserved = chainhash.Hash(items[0])
	case n == 1:
		v = refuse(ReasonBadWitnessNonceSize, "the coinbase's witness has %d bytes: want %d", len(items[0]), chainhash.HashSize)
	default:
		v = refuse(ReasonBadWitnessNonceSize, "the coinbase's witness has %d items: want one of %d bytes", n, chainhash.HashSize)
	}
	return reserved, v
}
