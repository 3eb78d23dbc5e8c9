package serve

import (
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work/share"
)

// ShareReport is what became of one mining.submit of a recording.
type ShareReport struct {
	File    string
	Line    int64 // of the submit, from 1
	Time    time.Time
	Session string
	// Link is the session of the device's side, where Session is the pool's side of a proxy that rewrites: a share that was forwarded.
	// Else "".
	Link string
	// Text are the fields as they crossed the wire.
	Text share.Text
	// Sent is when the job was sent to this session, the zero time if that was not seen.
	Sent time.Time
	// Verdict is that of the first policy, and Err why there is none.
	Verdict share.Verdict
	Err     error
	// Reply is what the pool said at the time Replied, if HasReply.
	Reply    stratum.Reply
	HasReply bool
	Replied  time.Time
	// Crossed says that the pool refused it as stale, while the first policy credits it, and that its job became stale between the
	// two: the share crossed a new block on the wire.
	Crossed bool
	// Opinions are those of all policies in their order, if there is more than one.
	Opinions []Opinion
}

// Opinion is how one of several policies judged a share.
type Opinion struct {
	Policy    string
	Word      share.Word // NotJudged if it could not
	Said      string     // the pool's own words, where they are known
	Detail    string     // what was wrong, or why nothing was decided; "" if the share is credited
	BlockLost bool       // the share is a block, and a pool of this policy would not have sent it
}

// Credited says that the first policy credits the share.
func (r *ShareReport) Credited() bool { return r.Err == nil && r.Verdict.Word.Credited() }

// Disagreed says that the pool accepted what the first policy refuses, or the reverse, and that this was not Crossed.
func (r *ShareReport) Disagreed() bool {
	return r.HasReply && r.Err == nil && !r.Crossed && r.Reply.Accepted != r.Verdict.Word.Credited()
}

// Reason is why the share was refused or not judged, for people; "" if it is credited.
func (r *ShareReport) Reason() string {
	if r.Err != nil {
		return r.Err.Error()
	}
	return r.Verdict.Detail()
}

// timeFormat is that of recordings.
const timeFormat = "2006-01-02T15:04:05.000000Z"

// AppendJSON appends the verdict line, without an end of line:
//
//	file, line   where the mining.submit stands
//	time         when it was seen
//	session      the connection
//	worker, job, extranonce2, ntime, nonce, version_bits
//	             its fields as they crossed the wire; version_bits is null if there was no sixth field
//	verdict      the word, null if the share could not be judged
//	reason       more closely, for people; null if it is credited
//	block        whether the header meets the network's target, whatever the verdict is
//	hash         of the header in display order; it and difficulty, what it achieves, are null where no header could be built
//	required     the share difficulty that held, null where it is not known
//	pool_said    "accepted", or "rejected: " and its words; it and replied, when that was, are null where no reply was seen
//	crossed      whether the pool refused as stale what the policy credits, because the share crossed a new block on the wire: such an
//	             answer is no disagreement
//	sent         when the share's job was sent to this session, null where that was not seen
//	policies     if there are several: by name, each one's verdict, what such a pool says (null where that is not known), its
//	             reason, and block_lost: the share is a block which that pool would not have sent
//	link         only of a share that was forwarded: the session of the device's side, where session is the pool's side of a proxy that
//	             rewrites
func (r *ShareReport) AppendJSON(dst []byte) []byte {
	o := objectWriter{dst: dst}
	o.string("file", r.File)
	o.integer("line", r.Line)
	o.time("time", r.Time, true)
	o.string("session", r.Session)
	o.string("worker", r.Text.Worker)
	o.string("job", r.Text.JobID)
	o.string("extranonce2", r.Text.Extranonce2)
	o.string("ntime", r.Text.Time)
	o.string("nonce", r.Text.Nonce)
	o.optional("version_bits", r.Text.VersionBits, r.Text.HasVersionBits)
	v := &r.Verdict
	o.optional("verdict", v.Word.String(), r.Err == nil)
	if v.Word.Credited() {
		o.null("reason")
	} else {
		o.string("reason", r.Reason())
	}
	o.boolean("block", v.Block)
	o.hash("hash", &v.Hash, v.Built)
	o.number("difficulty", v.Difficulty(), v.Built)
	required := v.Required()
	o.number("required", required, required != 0)
	o.optional("pool_said", r.Reply.String(), r.HasReply)
	o.time("replied", r.Replied, r.HasReply)
	o.boolean("crossed", r.Crossed)
	o.time("sent", r.Sent, !r.Sent.IsZero())
	if len(r.Opinions) > 0 {
		o.name("policies")
		o.dst = appendOpinions(o.dst, r.Opinions)
	}
	if r.Link != "" {
		o.string("link", r.Link)
	}
	return o.end()
}

func appendOpinions(dst []byte, opinions []Opinion) []byte {
	o := objectWriter{dst: dst}
	for i := range opinions {
		by := &opinions[i]
		o.quoted(by.Policy)
		w := objectWriter{dst: o.dst}
		w.optional("verdict", by.Word.String(), by.Word != share.NotJudged)
		w.optional("said", by.Said, by.Said != "")
		w.optional("reason", by.Detail, by.Detail != "")
		w.boolean("block_lost", by.BlockLost)
		o.dst = w.end()
	}
	return o.end()
}

// objectWriter appends a JSON object, member by member: there may be millions, and reflection would take longer than judging
// them.
type objectWriter struct {
	dst  []byte
	some bool
}

// name begins a member whose name needs no quoting.
func (o *objectWriter) name(name string) {
	o.next()
	o.dst = append(append(append(o.dst, '"'), name...), '"', ':')
}

// quoted begins a member of any name.
func (o *objectWriter) quoted(name string) {
	o.next()
	o.dst, _ = jsontext.AppendQuote(o.dst, name)
	o.dst = append(o.dst, ':')
}

func (o *objectWriter) next() {
	c := byte('{')
	if o.some {
		c = ','
	}
	o.some = true
	o.dst = append(o.dst, c)
}

func (o *objectWriter) end() []byte {
	if !o.some {
		o.dst = append(o.dst, '{')
	}
	return append(o.dst, '}')
}

func (o *objectWriter) null(name string) {
	o.name(name)
	o.dst = append(o.dst, "null"...)
}

func (o *objectWriter) string(name, s string) {
	o.name(name)
	// The error says that s was not UTF-8 and is quoted all the same: a file's name may be anything.
	o.dst, _ = jsontext.AppendQuote(o.dst, s)
}

func (o *objectWriter) optional(name, s string, given bool) {
	if !given {
		o.null(name)
		return
	}
	o.string(name, s)
}

// hash writes a hash in display order.
func (o *objectWriter) hash(name string, h *chainhash.Hash, given bool) {
	if !given {
		o.null(name)
		return
	}
	o.name(name)
	reversed := *h
	slices.Reverse(reversed[:])
	o.dst = append(hex.AppendEncode(append(o.dst, '"'), reversed[:]), '"')
}

func (o *objectWriter) integer(name string, n int64) {
	o.name(name)
	o.dst = strconv.AppendInt(o.dst, n, 10)
}

func (o *objectWriter) boolean(name string, b bool) {
	o.name(name)
	o.dst = strconv.AppendBool(o.dst, b)
}

func (o *objectWriter) number(name string, f float64, given bool) {
	if !given || math.IsInf(f, 0) {
		o.null(name)
		return
	}
	o.name(name)
	format := byte('f') // as encoding/json does
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	o.dst = strconv.AppendFloat(o.dst, f, format, -1, 64)
}

func (o *objectWriter) time(name string, t time.Time, given bool) {
	if !given {
		o.null(name)
		return
	}
	o.name(name)
	o.dst = append(t.UTC().AppendFormat(append(o.dst, '"'), timeFormat), '"')
}
