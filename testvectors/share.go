package testvectors

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Share is a recorded Stratum V1 connection, or several of one pool, and how its
// submits are to be judged.
type Share struct {
	Name    string
	Network string
	// Transcript is one JSON object per line, each line ended by a line feed;
	// README.md describes them. Lines are counted from 1.
	Transcript     []byte
	Judged         []Judged        // in the order of the file; of strict there is one for every mining.submit
	Said           []Said          // the words in which pools answer, where they are known
	SourceVerdicts []SourceVerdict // what the pool said, where a recording's source has it

	Base    string // the vector a broken one was made from; "" if none
	Altered string // what was changed; "" if nothing

	// Expect is Valid if strict credits every submit; else Reason is the word of
	// the first it does not credit.
	Expect, Reason, Source, Comment string
}

// Judged is how one policy judges one mining.submit.
type Judged struct {
	Policy string // "strict", or the pool whose rules are meant
	Line   int    // of the mining.submit
	Word   string // the verdict, or "unjudged" where the recording does not tell enough
	Block  bool   // the header meets the network's target
	Lost   bool   // it does, and that pool would never have sent the block
}

// Said is what a pool says to a mining.submit, in its own words.
type Said struct {
	Policy string
	Line   int
	Text   string
}

// SourceVerdict is what the pool of the source answered.
type SourceVerdict struct {
	Line     int
	Accepted bool
	Code     int    // of the error; 0 if accepted or if the source has none
	Text     string // of the error, or what the source calls the success; may be ""
}

var sharePolicies = []string{
	"strict", "ckpool", "datum", "public-pool", "btcpool", "miningcore", "node-stratum-pool", "sri",
}

var shareWords = []string{
	Malformed, "unauthorized", "unknown-job", "bad-extranonce2", "bad-version", "bad-ntime", "bad-nonce", "stale",
	"low-difficulty", "duplicate", "accepted", "block", "unjudged",
}

var shares = sync.OnceValue(func() []Share { return decodeAll("share", decodeShare) })

// Shares returns recorded connections with their verdicts, ordered by name.
func Shares() []Share {
	all := slices.Clone(shares())
	for i := range all {
		s := &all[i]
		s.Transcript = slices.Clone(s.Transcript)
		s.Judged = slices.Clone(s.Judged)
		s.Said = slices.Clone(s.Said)
		s.SourceVerdicts = slices.Clone(s.SourceVerdicts)
	}
	return all
}

func decodeShare(d *decoder) Share {
	s := Share{
		Name: d.v.Name, Source: d.v.Source, Comment: d.v.Comment, Expect: d.v.Expect, Reason: d.v.Reason,
		Network:    d.network(),
		Transcript: d.payload("file"),
		Base:       d.text("base"),
		Altered:    d.text("altered"),
	}
	if !bytes.HasSuffix(s.Transcript, []byte("\n")) {
		d.fail("file is missing or does not end in a line feed")
	}
	if (s.Base != "") != (s.Altered != "") {
		d.fail("base and altered come together")
	}
	lines := bytes.Count(s.Transcript, []byte("\n"))
	for _, text := range d.all("judged") {
		s.Judged = append(s.Judged, d.judged(text, lines))
	}
	for _, text := range d.all("said") {
		said := Said{}
		said.Policy, text = d.policy(text)
		said.Line, said.Text = d.line(text, lines)
		if said.Text == "" {
			d.fail("said has no text")
		}
		s.Said = append(s.Said, said)
	}
	for _, text := range d.all("source-verdict") {
		s.SourceVerdicts = append(s.SourceVerdicts, d.sourceVerdict(text, lines))
	}
	first := ""
	for _, j := range s.Judged {
		if j.Policy == "strict" && j.Word != "accepted" && j.Word != "block" && first == "" {
			first = j.Word
		}
	}
	if first != s.Reason {
		d.fail("strict's first refusal is %q, but the reason %q", first, s.Reason)
	}
	return s
}

// judged reads "POLICY LINE WORD [block] [lost]".
func (d *decoder) judged(text string, lines int) Judged {
	var j Judged
	j.Policy, text = d.policy(text)
	j.Line, text = d.line(text, lines)
	j.Word, text, _ = strings.Cut(text, " ")
	if !slices.Contains(shareWords, j.Word) {
		d.fail("judged %q, want one of %q", j.Word, shareWords)
	}
	flag, rest, _ := strings.Cut(text, " ")
	if j.Block = flag == "block"; j.Block {
		flag = rest
	}
	if j.Lost = flag == "lost"; j.Lost {
		flag = ""
	}
	if flag != "" || j.Block && j.Word == "block" || j.Lost && !j.Block {
		d.fail("judged ends in %q, want [block [lost]], and no block twice", text)
	}
	j.Block = j.Block || j.Word == "block"
	return j
}

// sourceVerdict reads "LINE accepted [TEXT]" or "LINE rejected CODE [TEXT]".
func (d *decoder) sourceVerdict(text string, lines int) SourceVerdict {
	var v SourceVerdict
	v.Line, text = d.line(text, lines)
	word, text, _ := strings.Cut(text, " ")
	switch v.Accepted = word == "accepted"; {
	case v.Accepted:
		v.Text = text
	case word == "rejected":
		code, rest, _ := strings.Cut(text, " ")
		v.Code, v.Text = d.decimal(code), rest
	default:
		d.fail("source-verdict is %q, want accepted or rejected", word)
	}
	return v
}

func (d *decoder) policy(text string) (policy, rest string) {
	policy, rest, _ = strings.Cut(text, " ")
	if !slices.Contains(sharePolicies, policy) {
		d.fail("policy is %q, want one of %q", policy, sharePolicies)
	}
	return policy, rest
}

// line reads the number of a line of a transcript that has so many.
func (d *decoder) line(text string, lines int) (n int, rest string) {
	number, rest, _ := strings.Cut(text, " ")
	if n = d.decimal(number); n < 1 || n > lines {
		d.fail("line %d, but there are lines 1 to %d", n, lines)
	}
	return n, rest
}

func (d *decoder) decimal(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || strconv.Itoa(n) != s {
		d.fail("%q is no plain decimal number", s)
	}
	return n
}
