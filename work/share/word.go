package share

import (
	"fmt"
	"slices"
)

// Word is what a share was judged to be. Words are numbered in the order in which strict decides them.
type Word uint8

// The words. The first that applies is the verdict.
const (
	NotJudged      Word = iota // nothing was decided: the error beside it says why
	Malformed                  // the message has not the shape of a submission
	Unauthorized               // before mining.authorize, or before mining.subscribe
	UnknownJob                 // a job that was never sent, or is forgotten
	BadExtranonce2             // not hex, or not of the size in force when the job was sent
	BadVersion                 // version bits missing, unwanted, not 8 hex digits, or outside the mask (BIP 310)
	BadNTime                   // not 8 hex digits, too early, or too late
	BadNonce                   // not 8 hex digits
	Stale                      // the job builds on a block that is no longer the newest
	LowDifficulty              // the hash is above the target in force when the job was sent
	Duplicate                  // this header was credited before
	Accepted                   // a share to be credited
	Block                      // the same, and its header meets the network's target
)

var words = [...]string{
	NotJudged: "not-judged", Malformed: "malformed", Unauthorized: "unauthorized", UnknownJob: "unknown-job",
	BadExtranonce2: "bad-extranonce2", BadVersion: "bad-version", BadNTime: "bad-ntime", BadNonce: "bad-nonce",
	Stale: "stale", LowDifficulty: "low-difficulty", Duplicate: "duplicate", Accepted: "accepted", Block: "block",
}

// Words returns the verdicts, all but NotJudged, in order. The slice is the caller's.
func Words() []Word {
	all := make([]Word, 0, len(words)-1)
	for w := Malformed; w <= Block; w++ {
		all = append(all, w)
	}
	return all
}

// String returns the word as documents and JSON have it, such as "low-difficulty".
func (w Word) String() string {
	if int(w) < len(words) {
		return words[w]
	}
	return fmt.Sprintf("word(%d)", uint8(w))
}

// Credited reports whether w is Accepted or Block.
func (w Word) Credited() bool { return w == Accepted || w == Block }

// Refused reports whether w is a verdict and earns nothing.
func (w Word) Refused() bool { return w != NotJudged && !w.Credited() }

// MarshalText returns the word as String does.
func (w Word) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (w *Word) UnmarshalText(text []byte) error {
	i := slices.Index(words[:], string(text))
	if i < 0 {
		return fmt.Errorf("%.40q is no verdict: want one of %v", text, Words())
	}
	*w = Word(i)
	return nil
}
