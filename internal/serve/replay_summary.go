package serve

import (
	"github.com/btcsuite/btcd/chainhash/v2"
)

// ReplaySummary is what was found in all recordings together.
type ReplaySummary struct {
	// Policy is the one whose verdicts are counted.
	Policy     string `json:"policy"`
	Recordings int64  `json:"recordings"`
	Lines      int64  `json:"lines"`
	BadLines   int64  `json:"bad_lines"` // that could not be read, or held a message of the pool that could not
	Garbage    int64  `json:"garbage"`   // lines of devices that are no messages, or none that can be understood
	// Interruptions is how often lines that could not be read had others after them: all sessions count as interrupted there.
	Interruptions int64 `json:"interruptions"`
	Sessions      int64 `json:"sessions"`
	Assumed       int64 `json:"assumed"` // sessions of which something was missed, and assumed to have been granted
	// UnmatchedReplies is how many replies came to requests that were not seen, or not waited for any more.
	UnmatchedReplies int64  `json:"unmatched_replies"`
	First            string `json:"first,omitempty"`
	Last             string `json:"last,omitempty"` // the earliest and latest times
	// Tally is that of all workers: of what devices sent.
	Tally
	Workers []WorkerSummary `json:"workers"`
	// Policies is how each judged the shares, in the order asked for; empty if there is one.
	Policies []PolicySummary `json:"policies,omitempty"`
	// Forwarded is what a proxy that rewrites sent to the pool; nil if there was none.
	Forwarded *ForwardedSummary `json:"forwarded,omitempty"`
}

// ForwardedSummary counts shares on the pool's side of a proxy that rewrites, with the pool's difficulty and the pool's replies. Where
// devices sent them they are counted too, with the proxy's.
type ForwardedSummary struct {
	Sessions int64 `json:"sessions"` // that were such sides; those of the summary are all
	Tally
}

// Tally counts shares. Its JSON is flat: part of what embeds it.
type Tally struct {
	Shares   int64            `json:"shares"`
	Verdicts map[string]int64 `json:"verdicts"`
	Unjudged int64            `json:"unjudged"`
	Credited int64            `json:"credited"`
	Blocks   int64            `json:"blocks"` // headers that meet the network's target, refused shares too
	// PoolAccepted and PoolRejected are what the pool said; of the other shares no reply was seen.
	PoolAccepted  int64 `json:"pool_accepted"`
	PoolRejected  int64 `json:"pool_rejected"`
	Disagreements int64 `json:"disagreements"` // where that is not the verdict
	// Crossed are credited shares that the pool refused as stale because they crossed a new block on the wire; no disagreements.
	Crossed int64 `json:"crossed"`
	// Work is how many hashes the credited shares take on average, exact, as a decimal number; Difficulty the same divided by that
	// of difficulty 1.
	Work       string    `json:"work"`
	Difficulty float64   `json:"difficulty"`
	HashRate   *HashRate `json:"hash_rate"` // null where the time is not known
	Best       *Best     `json:"best"`      // null if nothing was credited
}

// Best is the credited share with the lowest hash.
type Best struct {
	Difficulty float64        `json:"difficulty"`
	Hash       chainhash.Hash `json:"hash"`
	File       string         `json:"file"`
	Line       int64          `json:"line"`
	Worker     string         `json:"worker"`
}

// WorkerSummary is what one worker sent.
type WorkerSummary struct {
	// Worker is the name, null for all those beyond the first hundred thousand.
	Worker   *string `json:"worker"`
	Sessions int64   `json:"sessions"`
	Tally
}

// PolicySummary is how one of several policies judged the shares.
type PolicySummary struct {
	Policy     string           `json:"policy"`
	Verdicts   map[string]int64 `json:"verdicts"`
	Unjudged   int64            `json:"unjudged"`
	BlocksLost int64            `json:"blocks_lost"`
}
