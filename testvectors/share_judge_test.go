package testvectors

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// A plain reading of the strict rules, one connection after another, that hashes
// each header anew. It shares no code with anything that is tested with these
// vectors, and its order is that of the table in README.md.

// transcriptLine is one line of a transcript.
type transcriptLine struct {
	Time    string
	Session string
	From    string
	Message stratumMessage
}

// stratumMessage is a request, a reply or an event.
type stratumMessage struct {
	ID     json.RawMessage
	Method string
	Params json.RawMessage
	Result json.RawMessage
	Error  json.RawMessage

	Event, Peer, Pool string
	TLS               bool
}

type connection struct {
	opened, subscribed, authorized, masked bool

	mask        uint32
	extranonce1 []byte
	size        int
	limit       *big.Int // the share target; nil if the difficulty was not seen
	jobs        map[string]*sentJob
	newest      string               // the newest job's previous block, as sent
	replaced    map[string]time.Time // when a previous block ceased to be the newest
	asked       map[string]stratumMessage
}

type sentJob struct {
	prev                 string
	coinb1, coinb2       []byte
	branch               [][]byte
	version, bits, ntime uint32
	extranonce1          []byte
	size                 int
	limit                *big.Int
}

// strictJudge judges the connections of one pool.
type strictJudge struct {
	connections map[string]*connection
	credited    map[[32]byte]bool
	at          time.Time
}

// strictVerdict is what strict finds. hash is that of the header, in internal
// order, where one could be built.
type strictVerdict struct {
	word  string
	block bool
	hash  [32]byte
}

var eightHex = regexp.MustCompile(`^[0-9a-fA-F]{8}$`)

func word32(s string) (uint32, bool) {
	if !eightHex.MatchString(s) {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 16, 32)
	return uint32(n), err == nil
}

// take reads one line and returns the verdict if it is a mining.submit.
func (j *strictJudge) take(l *transcriptLine, at time.Time) *strictVerdict {
	j.at = at
	c := j.connections[l.Session]
	if c == nil {
		c = &connection{jobs: map[string]*sentJob{}, replaced: map[string]time.Time{}, asked: map[string]stratumMessage{}}
		j.connections[l.Session] = c
	}
	m := l.Message
	switch {
	case l.From == "touchstone":
		c.opened = c.opened || m.Event == "open"
	case l.From == "pool" && m.Method == "":
		c.reply(c.asked[string(m.ID)], m)
	case l.From == "pool":
		c.told(m, at)
	case m.Method == "mining.submit":
		return j.judge(c, m.Params)
	default:
		c.asked[string(m.ID)] = m
	}
	return nil
}

func (c *connection) reply(to, m stratumMessage) {
	switch to.Method {
	case "mining.subscribe":
		var result [3]json.RawMessage
		if json.Unmarshal(m.Result, &result) == nil {
			c.subscribed = true
			c.extranonces(result[1], result[2])
		}
	case "mining.authorize":
		c.authorized = c.authorized || string(m.Result) == "true"
	case "mining.configure":
		var result struct {
			Rolling bool   `json:"version-rolling"`
			Mask    string `json:"version-rolling.mask"`
		}
		if json.Unmarshal(m.Result, &result) == nil && result.Rolling {
			c.mask, c.masked = word32(result.Mask)
		}
	}
}

func (c *connection) extranonces(first, size json.RawMessage) {
	var text string
	_ = json.Unmarshal(first, &text)
	_ = json.Unmarshal(size, &c.size)
	c.extranonce1, _ = hex.DecodeString(text)
}

func (c *connection) told(m stratumMessage, at time.Time) {
	var params []json.RawMessage
	_ = json.Unmarshal(m.Params, &params)
	switch m.Method {
	case "mining.set_difficulty":
		q, _ := new(big.Rat).SetString(string(params[0]))
		c.limit = new(big.Int).Lsh(big.NewInt(0xffff), 208)
		c.limit.Mul(c.limit, q.Denom()).Quo(c.limit, q.Num())
	case "mining.set_extranonce":
		c.extranonces(params[0], params[1])
	case "mining.set_version_mask":
		var text string
		_ = json.Unmarshal(params[0], &text)
		c.mask, c.masked = word32(text)
	case "mining.notify":
		c.notify(params, at)
	}
}

func (c *connection) notify(params []json.RawMessage, at time.Time) {
	var text [8]string
	for _, i := range []int{0, 1, 2, 3, 5, 6, 7} {
		_ = json.Unmarshal(params[i], &text[i])
	}
	s := &sentJob{prev: text[1], extranonce1: c.extranonce1, size: c.size, limit: c.limit}
	s.coinb1, _ = hex.DecodeString(text[2])
	s.coinb2, _ = hex.DecodeString(text[3])
	var branch []string
	_ = json.Unmarshal(params[4], &branch)
	for _, b := range branch {
		hash, _ := hex.DecodeString(b)
		s.branch = append(s.branch, hash)
	}
	s.version, _ = word32(text[5])
	s.bits, _ = word32(text[6])
	s.ntime, _ = word32(text[7])
	c.jobs[text[0]] = s
	if c.newest != s.prev {
		c.replaced[c.newest] = at
		delete(c.replaced, s.prev)
		c.newest = s.prev
	}
}

// fields returns the five or six strings of a submission.
func fields(params json.RawMessage) []string {
	var given []any
	if json.Unmarshal(params, &given) != nil || len(given) < 5 || len(given) > 6 {
		return nil
	}
	var all []string
	for _, v := range given {
		s, ok := v.(string)
		if !ok {
			return nil
		}
		all = append(all, s)
	}
	return all
}

func (j *strictJudge) judge(c *connection, params json.RawMessage) *strictVerdict {
	began := c.opened || c.subscribed // else what came before the recording is assumed
	f := fields(params)
	if f == nil {
		return &strictVerdict{word: Malformed}
	}
	if began && (!c.subscribed || !c.authorized) {
		return &strictVerdict{word: "unauthorized"}
	}
	job := c.jobs[f[1]]
	if job != nil {
		if at, replaced := c.replaced[job.prev]; replaced && j.at.Sub(at) > 10*time.Minute {
			job = nil
		}
	}
	switch {
	case job == nil && began:
		return &strictVerdict{word: "unknown-job"}
	case job == nil || job.extranonce1 == nil || job.limit == nil:
		return &strictVerdict{word: "unjudged"}
	}
	extranonce2, err := hex.DecodeString(f[2])
	if err != nil || len(extranonce2) != job.size {
		return &strictVerdict{word: "bad-extranonce2"}
	}
	mask, optional := c.mask, !c.masked
	if !began && !c.masked {
		mask = 0x1fffffe0
	}
	var bits uint32
	if len(f) == 6 {
		ok := false
		if bits, ok = word32(f[5]); !ok {
			return &strictVerdict{word: "bad-version"}
		}
	} else if began && !optional {
		return &strictVerdict{word: "bad-version"}
	}
	ntime, timeOK := word32(f[3])
	nonce, nonceOK := word32(f[4])
	v := &strictVerdict{}
	if timeOK && nonceOK {
		v.hash = sum256d(job.header(extranonce2, job.version&^mask|bits&mask, ntime, nonce))
		network, _, _ := decodeTarget(job.bits)
		v.block = number(v.hash).Cmp(network) <= 0
	}
	switch {
	case bits&^mask != 0:
		v.word = "bad-version"
	case !timeOK:
		v.word = "bad-ntime"
	case !nonceOK:
		v.word = "bad-nonce"
	case job.prev != c.newest:
		v.word = "stale"
	case ntime < job.ntime || time.Unix(int64(ntime), 0).Sub(j.at) > 2*time.Hour:
		v.word = "bad-ntime"
	case number(v.hash).Cmp(job.limit) > 0:
		v.word = "low-difficulty"
	case j.credited[v.hash]:
		v.word = "duplicate"
	case v.block:
		v.word = "block"
	default:
		v.word = "accepted"
	}
	if v.word == "accepted" || v.word == "block" {
		j.credited[v.hash] = true
	}
	return v
}

func (s *sentJob) header(extranonce2 []byte, version, ntime, nonce uint32) []byte {
	root := sum256d(slices.Concat(s.coinb1, s.extranonce1, extranonce2, s.coinb2))
	for _, right := range s.branch {
		root = sum256d(append(root[:], right...))
	}
	h := binary.LittleEndian.AppendUint32(nil, version)
	prev, _ := hex.DecodeString(s.prev)
	for i := 0; i < len(prev); i += 4 {
		slices.Reverse(prev[i : i+4])
	}
	h = append(append(h, prev...), root[:]...)
	h = binary.LittleEndian.AppendUint32(h, ntime)
	h = binary.LittleEndian.AppendUint32(h, s.bits)
	return binary.LittleEndian.AppendUint32(h, nonce)
}
