package node

import "strings"

// An Answer is what a node said of a submitted block. Its words are those of
// BIP 22 as bitcoind and btcd use them.
type Answer struct {
	// Final reports whether the node has decided, so that sending the block
	// again would change nothing. "inconclusive" is not final: the node stored
	// the block without judging it, and says "duplicate" when it is sent again.
	// Neither are a parent that the node does not know yet and a time that its
	// clock has not reached: both pass.
	Final bool `json:"final"`
	// Accepted reports whether the node took the block and did not find it
	// invalid. The block may still have lost a race: Text says so where known.
	// It is false for "duplicate-inconclusive": the block then lost a race, or
	// btcd, which does not say which, found it invalid when it first came.
	Accepted bool `json:"accepted"`
	// Reason is the node's word (BIP 22), or the word for its text; empty for
	// plain acceptance.
	Reason string `json:"reason,omitempty"`
	// Text is Reason in plain words, with the node's own where it gave more.
	Text string `json:"text"`
	// Dispute says which nodes refused a block that another accepted.
	Dispute string `json:"dispute,omitempty"`
}

// taken reports whether the node had the block in its best chain then, as far as it
// said.
func (a *Answer) taken() bool { return a.Accepted && (a.Reason == "" || a.Reason == "duplicate") }

// reasons are the words that nodes give, in plain words.
var reasons = map[string]string{
	"duplicate":              "the node already has the block",
	"duplicate-inconclusive": "the node already has the block, but not in its best chain",
	"duplicate-invalid":      "the node already has the block and found it invalid",

	"inconclusive":                         "the node keeps the block without having judged it; it may not be on the best chain",
	"inconclusive-not-best-prvblk":         "the node did not judge the block: its parent is not the tip",
	"prev-blk-not-found":                   "the node does not know the block's parent yet",
	"time-too-new":                         "the block's time is more than two hours ahead of the node's clock",
	"rejected":                             "the node rejected the block",
	"high-hash":                            "the block's hash is above its target",
	"bad-diffbits":                         "the block's nBits are not those that its height demands",
	"bad-prevblk":                          "the block's parent is invalid or not the tip",
	"stale-prevblk":                        "another block took its place: its parent is no longer the tip",
	"stale-work":                           "the work was replaced before the block was found",
	"unknown-work":                         "the node does not know the template that the block came from",
	"bad-version":                          "the block's version is too old",
	"bad-time":                             "the block's time is not a whole second",
	"time-invalid":                         "the block's time is not allowed",
	"time-too-old":                         "the block's time is not after the median of the eleven before it",
	"time-timewarp-attack":                 "the block's time is too far before that of its parent, at the start of a difficulty period",
	"bad-txnmrklroot":                      "the merkle root is not that of the transactions",
	"bad-txns-duplicate":                   "a transaction occurs twice",
	"bad-witness-merkle-match":             "the coinbase's witness commitment is not that of the transactions",
	"bad-witness-nonce-size":               "the coinbase's witness is not the one reserved value of 32 bytes",
	"unexpected-witness":                   "the block has witness data without a commitment to it",
	"bad-signet-blksig":                    "the block is not signed as this signet demands",
	"bad-blk-length":                       "the block is too big, or empty",
	"bad-blk-weight":                       "the block is too heavy",
	"bad-blk-sigops":                       "the block has too many signature operations",
	"high-sigops":                          "the block has too many signature operations",
	"bad-cb-missing":                       "the first transaction is not a coinbase",
	"bad-cb-multiple":                      "the block has more than one coinbase",
	"bad-cb-length":                        "the coinbase's script is not of 2 to 100 bytes",
	"bad-cb-height":                        "the coinbase does not begin with the block's height",
	"bad-cb-amount":                        "the coinbase pays more than subsidy and fees",
	"bad-cb-value":                         "the coinbase pays more than subsidy and fees",
	"bad-cb-flag":                          "the coinbase signals something that the node does not accept",
	"bad-cb-prefix":                        "the coinbase does not begin as the node wanted",
	"bad-txns":                             "the transactions are not valid together",
	"bad-txns-nonfinal":                    "a transaction is locked until later",
	"bad-txns-unfinalizedtx":               "a transaction is locked until later",
	"bad-txns-inputs-missingorspent":       "a transaction spends what does not exist or is spent",
	"bad-txns-missinginput":                "a transaction spends what does not exist or is spent",
	"bad-txns-in-belowout":                 "a transaction spends more than it has",
	"bad-txns-highspend":                   "a transaction spends more than it has",
	"bad-txns-premature-spend-of-coinbase": "a transaction spends a coinbase younger than 100 blocks",
	"bad-txns-maturity":                    "a transaction spends a coinbase younger than 100 blocks",
	"bad-txns-fees":                        "the fees do not add up",
	"bad-txns-overwrite":                   "a transaction repeats an older one that is not spent",
	"bad-txns-BIP30":                       "a transaction repeats an older one that is not spent",
	"bad-txns-badinput":                    "a transaction has an input that refers to nothing",
	"bad-txns-dupinputs":                   "a transaction spends the same output twice",
	"bad-script-validate":                  "a transaction's script does not succeed",
	"block-script-verify-flag-failed":      "a transaction's script does not succeed",
	"mandatory-script-verify-flag-failed":  "a transaction's script does not succeed",
	"bad-script-malformed":                 "a transaction's script cannot be read",
	"bad-checkpoint":                       "the block contradicts a checkpoint",
	"fork-too-old":                         "the block forks off before a checkpoint",
	"checkpoint-time-too-old":              "the block's time is before that of a checkpoint",
}

// btcdTexts are the beginnings of what btcd says after "rejected: ", where its
// submitblock knows no words of BIP 22. The first that fits counts.
var btcdTexts = []struct{ text, reason string }{
	{"already have block (orphan)", "prev-blk-not-found"},
	{"already have block", "duplicate"},
	{"block hash of", "high-hash"},
	{"block target difficulty of", "bad-diffbits"},
	{"block difficulty of", "bad-diffbits"},
	{"new blocks with version", "bad-version"},
	{"block merkle root is invalid", "bad-txnmrklroot"},
	{"block contains duplicate transaction", "bad-txns-duplicate"},
	{"witness commitment does not match", "bad-witness-merkle-match"},
	{"the coinbase transaction has", "bad-witness-nonce-size"},
	{"the coinbase transaction witness nonce", "bad-witness-nonce-size"},
	{"block contains transaction with witness", "unexpected-witness"},
	{"block's weight metric is too high", "bad-blk-weight"},
	{"serialized block is too big", "bad-blk-length"},
	{"block contains too many transactions", "bad-blk-length"},
	{"block does not contain any transactions", "bad-blk-length"},
	{"block contains too many signature operations", "bad-blk-sigops"},
	{"first transaction in block is not a coinbase", "bad-cb-missing"},
	{"block contains second coinbase", "bad-cb-multiple"},
	{"coinbase transaction script length", "bad-cb-length"},
	{"coinbase transaction for block pays", "bad-cb-amount"},
	{"the coinbase signature script", "bad-cb-height"},
	{"block contains unfinalized transaction", "bad-txns-nonfinal"},
	{"block contains transaction whose input sequence locks are not met", "bad-txns-nonfinal"},
	{"output ", "bad-txns-inputs-missingorspent"},
	{"tried to spend coinbase", "bad-txns-premature-spend-of-coinbase"},
	{"tried to overwrite transaction", "bad-txns-BIP30"},
	{"total value of all transaction inputs for", "bad-txns-in-belowout"},
	{"block's timestamp", "time-timewarp-attack"},
	{"block timestamp of", "time-too-old"}, // its other endings are told apart below
	{"previous block must be the current chain tip", "inconclusive-not-best-prvblk"},
}

// answer returns what reason, a node's result of submitblock, says.
func answer(reason string) Answer {
	text := oneLine(reason)
	word, more, _ := strings.Cut(text, " ")
	// btcd answers "rejected: TEXT" whatever was wrong; bitcoind a word, and
	// after some an explanation in brackets.
	if word == "rejected:" {
		word = btcdReason(more)
	}
	a := Answer{Reason: word, Text: reasons[word]}
	if a.Text == "" {
		a.Text = "the node rejected the block"
	}
	if more != "" {
		a.Text += ": " + more
	}
	switch word {
	case "duplicate":
		a.Final, a.Accepted = true, true
	case "inconclusive":
		a.Accepted = true
	case "inconclusive-not-best-prvblk", "prev-blk-not-found", "time-too-new":
	default:
		a.Final = true
	}
	return a
}

func btcdReason(text string) string {
	if strings.HasPrefix(text, "previous block ") {
		switch {
		case strings.HasSuffix(text, " is unknown"):
			return "prev-blk-not-found"
		case strings.HasSuffix(text, " is known to be invalid"):
			return "bad-prevblk"
		}
	}
	if strings.HasPrefix(text, "block ") && strings.HasSuffix(text, " is known to be invalid") {
		return "duplicate-invalid"
	}
	if strings.HasPrefix(text, "block timestamp of ") {
		switch {
		case strings.HasSuffix(text, " is too far in the future"):
			return "time-too-new"
		case strings.HasSuffix(text, " has a higher precision than one second"):
			return "bad-time"
		}
	}
	for _, t := range btcdTexts {
		if strings.HasPrefix(text, t.text) {
			return t.reason
		}
	}
	return "rejected"
}
