package stratum

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"github.com/touchstone-btc/touchstone/work/share"
)

// Codes of errors beside those of mining.submit's.
const (
	// CodeMethod answers a method that is not known.
	CodeMethod = -3
	// CodeParse answers a line that is no message, as JSON-RPC has it: the id is null, for it could not be read.
	CodeParse = -32700
)

const (
	// maxUnreadable is how many lines in succession may be no messages; one more ends the connection.
	maxUnreadable = 4
	// maxNames is how many authorized workers a session tells apart, as share.Session does. Those beyond count as long as one of these.
	maxNames = 64
	// versionRequest is the id of the only request that is ever made of a miner.
	versionRequest = 1
)

// ServerSession is one connection of a Server. Its methods append to dst what is to be sent to the miner, whole lines; they are for one
// goroutine at a time.
//
// Requests may come in any order: jobs are sent once both mining.subscribe and mining.authorize were answered. Requests without an id get
// no answer; mining.subscribe and mining.configure, which mean nothing without theirs, are ignored then.
type ServerSession struct {
	// Owner is for whoever opened the session, so that a ServerHandler knows whose it is.
	Owner any
	// Offered, if not nil, is told of each job that is sent, when it is.
	Offered func(o Offer, now time.Time)

	server *Server
	shares *share.Session
	last   *ServerJob // sent last
	err    error      // why the one offered after it was not

	id          sessionID
	number      uint32   // the extranonce1 that the session can be taken up with again
	more        []uint32 // others it had later
	extranonce  Extranonce
	subscribed  bool
	extranonces bool // may be changed

	workers   []string
	worker    string
	userAgent string

	maskLimit, maskAsked, mask uint32
	rolling                    bool // was granted

	wanted, sent     difficulty // that of later jobs, and the one sent last
	least, suggested float64    // that the miner can work with (minimum-difficulty), and that it suggested
	vardiff          vardiff
	known            float64 // the difficulty of the share credited last, 0 for none
	wished           time.Time
	wishes           uint8 // since then

	submits      uint64
	garbage      uint8
	askedVersion bool
	knowsVersion bool
	closed       bool
}

// Open begins a connection.
func (s *Server) Open(now time.Time) *ServerSession {
	c := &ServerSession{server: s, shares: s.config.Validator.NewSession(), maskLimit: s.config.VersionMask}
	c.want(s.vardiff().Start)
	return c
}

// Receive takes in a line from the miner, with or without its end. line is not kept. After an error the connection is to be closed, when
// dst was sent: a [*Violation] says that this is no miner, or one that broke the protocol beyond repair; others, that it can't be given
// jobs, see [ServerSession.Offer].
//
// A line that is no message is answered with CodeParse, and the fifth in succession ends the connection; what is plainly something else, such
// as an HTTP request, or longer than MaxLine, ends it at once. Empty lines are ignored.
func (c *ServerSession) Receive(dst, line []byte, now time.Time) ([]byte, error) {
	if c.closed {
		return dst, ErrClosed
	}
	line = bytes.TrimRight(line, "\r\n")
	if len(line) > MaxLine {
		return dst, &Violation{ErrTooLong.Error(), "no miner needs as much"}
	}
	r := c.server.readings.Get().(*serverReading)
	defer func() {
		if len(line) > longMessage {
			r.message = Message{}
		}
		c.server.readings.Put(r)
	}()
	m := &r.message
	if err := Decode(line, m); err != nil {
		return c.unreadable(dst, line, err)
	}
	c.garbage = 0
	if m.Method == "" {
		c.answered(m)
		return dst, nil
	}
	return c.asked(dst, r, now)
}

// unreadable answers a line that is no message.
func (c *ServerSession) unreadable(dst, line []byte, err error) ([]byte, error) {
	if v := foreign(line); v != nil {
		return dst, v
	}
	if len(bytes.TrimSpace(line)) == 0 {
		return dst, nil
	}
	if c.garbage++; c.garbage > maxUnreadable {
		return dst, &Violation{"one line after the other that is no message, the last one: " + err.Error(), "want JSON, one message a line"}
	}
	return AppendError(dst, nil, CodeParse, "Parse error: "+err.Error()), nil
}

// answered takes in what the miner answers.
func (c *ServerSession) answered(m *Message) {
	if !c.askedVersion || c.knowsVersion || string(m.ID) != "1" {
		return
	}
	c.knowsVersion = true
	if text, ok := m.Result.text(&m.scratch); ok && c.userAgent == "" {
		c.userAgent = readable(text, maxWords)
	}
}

// asked takes in a request.
func (c *ServerSession) asked(dst []byte, r *serverReading, now time.Time) ([]byte, error) {
	m := &r.message
	switch m.Method {
	case MethodSubmit:
		return c.submit(dst, r, now), nil
	case MethodSubscribe:
		return c.subscribe(dst, m, now)
	case MethodAuthorize:
		return c.authorize(dst, m, now)
	case MethodConfigure:
		return c.configure(dst, m, now), nil
	case MethodSuggestDifficulty, MethodSuggestTarget:
		return c.suggest(dst, m, now), nil
	case MethodExtranonceSubscribe:
		c.extranonces = true
		return reply(dst, m, "true"), nil
	case MethodPing:
		return reply(dst, m, `"pong"`), nil
	case MethodGetTransactions:
		return reply(dst, m, "[]"), nil
	}
	return refuse(dst, m, CodeMethod, "Method not found: "+readable([]byte(m.Method), maxQuoted)), nil
}

// reply answers a request, if it wants an answer.
func reply(dst []byte, m *Message, result string) []byte {
	if !m.HasID() {
		return dst
	}
	return AppendResult(dst, m.ID, result)
}

// refuse answers a request with an error, if it wants an answer.
func refuse(dst []byte, m *Message, code int, words string) []byte {
	if !m.HasID() {
		return dst
	}
	return AppendError(dst, m.ID, code, words)
}

// subscribe answers a mining.subscribe. A second one gets the same.
func (c *ServerSession) subscribe(dst []byte, m *Message, now time.Time) ([]byte, error) {
	if !m.HasID() {
		return dst, nil
	}
	q, err := m.SubscribeRequest()
	if err != nil {
		return refuse(dst, m, CodeOther, err.Error()), nil
	}
	if q.UserAgent != "" {
		c.userAgent = readable([]byte(q.UserAgent), maxWords)
	}
	fresh := !c.subscribed
	if fresh {
		c.id, c.number = c.server.extranonces.take(q.Session, now)
		c.setExtranonce(Extranonce{binary.BigEndian.AppendUint32(nil, c.number), c.server.config.Extranonce2Size})
		c.subscribed = true
	}
	dst = AppendSubscribeResult(dst, m.ID, c.id.String(), c.extranonce)
	return c.welcome(dst, fresh, now)
}

// setExtranonce sets that of later jobs. Its sizes were held against the bounds before.
func (c *ServerSession) setExtranonce(e Extranonce) {
	c.extranonce = e
	_ = c.shares.SetExtranonce(e.Extranonce1, e.Extranonce2Size)
}

// authorize answers a mining.authorize.
func (c *ServerSession) authorize(dst []byte, m *Message, now time.Time) ([]byte, error) {
	worker, err := m.Authorize()
	if err != nil {
		return refuse(dst, m, CodeUnauthorized, err.Error()), nil
	}
	if err := c.server.config.Handler.Authorize(c, worker, m.password()); err != nil {
		c.withdraw(worker)
		return refuse(dst, m, CodeUnauthorized, err.Error()), nil
	}
	fresh := len(c.workers) == 0
	if len(c.workers) < maxNames && !slices.Contains(c.workers, worker) {
		c.workers = append(c.workers, worker)
	}
	c.worker = worker
	c.shares.Authorize(worker)
	return c.welcome(reply(dst, m, "true"), fresh, now)
}

// withdraw takes back what an earlier mining.authorize granted to a worker.
func (c *ServerSession) withdraw(worker string) {
	c.shares.Withdraw(worker)
	if i := slices.Index(c.workers, worker); i >= 0 {
		c.workers = slices.Delete(c.workers, i, i+1)
	}
	if c.worker == worker {
		c.worker = ""
		if n := len(c.workers); n > 0 {
			c.worker = c.workers[n-1]
		}
	}
}

// welcome sends a miner that has become ready what it waits for.
func (c *ServerSession) welcome(dst []byte, fresh bool, now time.Time) ([]byte, error) {
	if !fresh || !c.Ready() {
		return dst, nil
	}
	c.err = nil
	dst = c.Offer(dst, c.server.config.Handler.Job(c, false), now)
	if c.userAgent == "" && !c.askedVersion {
		c.askedVersion = true
		dst = AppendRequest(dst, versionRequest, MethodGetVersion, "")
	}
	return dst, c.err
}

// anotherExtranonce1 returns one that no other connection has.
func (c *ServerSession) anotherExtranonce1() []byte {
	n := c.server.extranonces.another()
	c.more = append(c.more, n)
	return binary.BigEndian.AppendUint32(nil, n)
}

// submit judges a mining.submit and answers it.
func (c *ServerSession) submit(dst []byte, r *serverReading, now time.Time) []byte {
	m, s := &r.message, &r.submit
	m.Submit(s)
	c.submits++
	s.Number, s.Submission.Received = c.submits, now
	var err error
	r.verdict, err = c.shares.Check(&s.Submission)
	v := &r.verdict
	c.server.config.Handler.Judged(c, s, v, err)
	switch {
	case err != nil:
		return refuse(dst, m, CodeOther, err.Error())
	case !v.Word.Credited():
		if !m.HasID() {
			return dst
		}
		code, text := Code(v)
		return AppendError(dst, m.ID, code, text)
	}
	dst = reply(dst, m, "true")
	c.known = v.Required()
	if current := v.Target == c.sent.target; current {
		c.vardiff.share(1, true)
	} else {
		c.vardiff.share(v.Required()/c.sent.number, false)
	}
	if c.adjust(now) {
		dst = c.retarget(dst, now)
	}
	return dst
}

// Close ends the connection. The miner may take up its session within SessionKept.
func (c *ServerSession) Close(now time.Time) {
	if c.closed {
		return
	}
	c.closed = true
	c.shares.Close(now)
	c.last = nil
	if c.subscribed {
		c.server.extranonces.keep(c.id, c.number, now)
		for _, n := range c.more {
			c.server.extranonces.free(n)
		}
	}
}

// Ready reports whether jobs can be sent: the miner has subscribed, and a worker is authorized.
func (c *ServerSession) Ready() bool { return c.subscribed && len(c.workers) > 0 && !c.closed }

// Extranonce returns what the connection was given; none before mining.subscribe. It must not be changed.
func (c *ServerSession) Extranonce() Extranonce { return c.extranonce }

// Session returns the name by which the miner can take up its session again, "" before mining.subscribe.
func (c *ServerSession) Session() string {
	if !c.subscribed {
		return ""
	}
	return c.id.String()
}

// Worker returns the name that was authorized last, "" if none is.
func (c *ServerSession) Worker() string { return c.worker }

// UserAgent returns what the miner says it is, on one line and cut to a readable length; "" if it said nothing.
func (c *ServerSession) UserAgent() string { return c.userAgent }

// Difficulty returns the difficulty sent last, 0 if none was.
func (c *ServerSession) Difficulty() float64 { return c.sent.number }

// VersionMask returns the version bits that were granted, and whether any were asked for and granted.
func (c *ServerSession) VersionMask() (mask uint32, granted bool) { return c.mask, c.rolling }

// Submits returns how many submissions came.
func (c *ServerSession) Submits() uint64 { return c.submits }
