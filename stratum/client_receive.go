package stratum

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/touchstone-btc/touchstone/work"
)

// The other extensions of mining.configure that a Client names, and their parameters.
const (
	extensionExtranonce   = "subscribe-extranonce"
	versionRollingMinBits = "version-rolling.min-bit-count"
)

// maxGarbage is how many lines in a row that can't be read make a pool one that can't be understood.
const maxGarbage = 100

// maxMessage is the most bytes that are kept of a text for the user.
const maxMessage = 1000

// Receive takes in a line from the pool, which is not kept. An error means that the connection is of no use: an
// *AuthorizeError if the pool refused the worker; otherwise it can't be understood. What else can't be used is told to
// the Handler and skipped.
func (c *Client) Receive(dst, line []byte, now time.Time) ([]byte, error) {
	if len(line) > longMessage {
		defer func() { c.message = Message{} }()
	}
	if len(bytes.TrimSpace(line)) == 0 {
		return dst, nil // some keep a connection alive so
	}
	m := &c.message
	if err := Decode(line, m); err != nil {
		c.garbage++
		switch {
		case !c.understood:
			return dst, fmt.Errorf("this is no Stratum pool: it said %s: %w", readable(line, maxQuoted), err)
		case c.garbage >= maxGarbage:
			return dst, fmt.Errorf("nothing that the pool says can be read any more: %w", err)
		}
		c.config.Handler.Ignored(err)
		return dst, nil
	}
	c.understood, c.garbage = true, 0
	if m.Method == "" {
		return c.answered(dst)
	}
	return c.told(dst)
}

// answered takes in the answer to a request.
func (c *Client) answered(dst []byte) ([]byte, error) {
	m := &c.message
	id, err := strconv.ParseUint(string(bytes.Trim(m.ID, `"`)), 10, 64) // some make text of it
	switch {
	case err != nil || id == 0 || id > c.lastID:
		if m.Refused() {
			c.config.Handler.Ignored(fmt.Errorf("an error that names no request of ours: %s", m.Reply()))
		}
	case id == c.configuring:
		c.configuring = 0
		c.configured()
	case id == c.subscribing:
		c.subscribing = 0
		return c.subscribeAnswered(dst)
	case id == c.authorizing:
		c.authorizing = 0
		if m.Refused() {
			return dst, &AuthorizeError{c.config.Worker, m.Reply()}
		}
		c.authorized = true
		c.offer()
	default:
		i, found := slices.BinarySearchFunc(c.waiting, id, func(s submitted, id uint64) int {
			return cmp.Compare(s.id, id)
		})
		if !found {
			break // the answer to a request that changes nothing, or a second one
		}
		number := c.waiting[i].number
		c.waiting = slices.Delete(c.waiting, i, i+1)
		c.config.Handler.Replied(number, m.Reply())
	}
	return dst, nil
}

// configured takes in the answer to mining.configure.
func (c *Client) configured() {
	m := &c.message
	if m.Result.Kind() == Object && m.Result.member(extensionExtranonce).Kind() == True {
		c.extranonceAsked = true
	}
	switch mask, granted, err := m.ConfigureResult(); {
	case err != nil:
		c.config.Handler.Ignored(err)
	case granted:
		c.setMask(mask)
	}
}

// subscribeAnswered takes in the answer to mining.subscribe.
func (c *Client) subscribeAnswered(dst []byte) ([]byte, error) {
	m := &c.message
	if m.Refused() && c.resuming {
		c.resuming = false
		return c.subscribe(dst), nil
	}
	e, err := m.SubscribeResult()
	if err != nil {
		return dst, err
	}
	c.session, c.extranonce, c.subscribed = m.subscribedSession(), e, true
	if is := c.issue; is != nil { // it came early, and those before it are of no use
		clear(c.live)
		c.live[is.job.ID] = is
		is.extranonce1, is.hasExtranonce = e.Extranonce1, true
		is.job.Extranonce1Size, is.job.Extranonce2Size = len(e.Extranonce1), e.Extranonce2Size
		is.content = is.sum()
	}
	return c.introduce(dst), nil
}

// subscribedSession returns the session's name in the answer to a mining.subscribe, "" if there is none: the text
// beside "mining.notify".
func (m *Message) subscribedSession() (name string) {
	var scratch []byte
	pair := func(v Value) {
		var text [2]string
		_ = v.elements(func(i int, e Value) error {
			if t, ok := e.text(&scratch); ok && i < len(text) && len(t) <= maxSession {
				text[i] = string(t)
			}
			return nil
		})
		if text[0] == MethodNotify && name == "" {
			name = text[1]
		}
	}
	_ = m.Result.elements(func(i int, v Value) error {
		if i > 0 || v.Kind() != Array {
			return errEnough
		}
		pair(v) // it may be one pair, not in an array
		return v.elements(func(_ int, v Value) error {
			if v.Kind() == Array {
				pair(v)
			}
			return nil
		})
	})
	return name
}

// errEnough ends a walk through an array.
var errEnough = errors.New("enough")

// told takes in what the pool says or asks on its own.
func (c *Client) told(dst []byte) ([]byte, error) {
	m := &c.message
	h := c.config.Handler
	switch m.Method {
	case MethodNotify:
		c.notified()
	case MethodSetDifficulty:
		target, err := m.SetDifficulty()
		if err != nil {
			h.Ignored(err)
			break
		}
		c.setTarget(target)
	case MethodSetExtranonce:
		e, err := m.SetExtranonce()
		if err != nil {
			return dst, err // no share could be right from now on
		}
		c.extranonce = e
	case MethodSetVersionMask:
		mask, err := m.SetVersionMask()
		if err != nil {
			h.Ignored(err)
			break
		}
		c.setMask(mask)
	case MethodReconnect:
		host, port, wait, err := m.Reconnect()
		if err != nil {
			h.Ignored(err)
			break
		}
		h.Reconnect(host, port, wait)
	case MethodShowMessage:
		if text, ok := m.text(0); ok {
			h.Message(readable(text, maxMessage))
		}
		if m.HasID() {
			dst = AppendResult(dst, m.ID, "true")
		}
	case MethodGetVersion:
		if m.HasID() {
			dst = AppendResult(dst, m.ID, string(appendText(nil, c.config.UserAgent)))
		}
	case MethodPing:
		if m.HasID() {
			dst = AppendResult(dst, m.ID, `"pong"`)
		}
	}
	return dst, nil
}

// text returns the text that is the parameter i.
func (m *Message) text(i int) ([]byte, bool) {
	if i >= len(m.Params) {
		return nil, false
	}
	return m.Params[i].text(&m.scratch)
}

// notified takes in a job.
func (c *Client) notified() {
	job, clean, err := c.message.Notify(len(c.extranonce.Extranonce1), c.extranonce.Extranonce2Size)
	if err != nil {
		c.config.Handler.Ignored(err)
		return
	}
	is := &issue{
		job: job, clean: clean, extranonce1: c.extranonce.Extranonce1, hasExtranonce: c.subscribed, target: c.target, hasTarget: c.hasTarget,
	}
	is.content = is.sum()
	if before := c.issue; before != nil {
		if before.job.PrevBlock != job.PrevBlock {
			is.clean = true
			clear(c.live)
		}
		if before.clean && c.shown == nil { // nobody was told of it
			is.clean = true
		}
	}
	if len(c.live) >= maxLive {
		clear(c.live)
	}
	if old := c.live[job.ID]; old != nil {
		if old.content == is.content {
			// The same again: what was found in the one counts for the other.
			old.job, old.clean, old.target, old.hasTarget = job, is.clean, is.target, is.hasTarget
			is = old
		} else {
			is.clean = true // nobody could tell them apart
		}
	}
	c.issue, c.live[job.ID] = is, is
	c.offer()
}

// maxLive bounds the jobs on one block of which shares may come.
const maxLive = 64

// sum returns a number for what makes the job's headers.
func (is *issue) sum() uint64 {
	var h maphash.Hash
	h.SetSeed(idSeed)
	j := is.job
	h.Write(j.PrevBlock[:])
	maphash.WriteComparable(&h, [...]int{
		int(j.Version), int(j.Bits), len(j.CoinbasePrefix), len(j.CoinbaseSuffix), len(j.Branch), len(is.extranonce1), j.Extranonce2Size,
	})
	h.Write(j.CoinbasePrefix)
	h.Write(j.CoinbaseSuffix)
	h.Write(is.extranonce1)
	for i := range j.Branch {
		h.Write(j.Branch[i][:])
	}
	return h.Sum64()
}

// setTarget takes in a difficulty.
func (c *Client) setTarget(t work.Target) {
	c.target, c.hasTarget = t, true
	if is := c.issue; is != nil && !is.hasTarget {
		is.target, is.hasTarget = t, true
		if c.shown != nil {
			c.offerAgain(false)
		}
	}
}

// setMask takes in the version bits that may be rolled, from now on and in earlier jobs too.
func (c *Client) setMask(mask uint32) {
	before := c.mask
	c.mask, c.granted = mask, true
	if c.shown != nil && (before^mask)&c.config.VersionMask != 0 {
		c.offerAgain(before&^mask&c.config.VersionMask != 0)
	}
}

// offerAgain gives the newest job to the Handler once more.
func (c *Client) offerAgain(clean bool) {
	c.issue.clean = clean
	c.offer()
}

// offer gives the newest job to the Handler, as soon as it can be searched.
func (c *Client) offer() {
	is := c.issue
	if is == nil || !is.hasExtranonce || !c.authorized {
		return
	}
	job := *is.job
	job.VersionMask = c.mask & c.config.VersionMask
	job.MinTime = job.Time
	job.MaxTime = uint32(min(uint64(job.Time)+MaxNTimeRoll, math.MaxUint32))
	c.shown = &ClientWork{Job: &job, Clean: is.clean, Extranonce1: is.extranonce1, Target: is.target, client: c, issue: is}
	c.config.Handler.Work(c.shown)
}

// Reconnect reads a client.reconnect, [host, port, wait in seconds], each of which may be missing: host "" and port 0
// stand for the same as now. Port and wait are numbers, or text with a number.
func (m *Message) Reconnect() (host string, port int, wait time.Duration, err error) {
	number := func(i int, name string, most uint64) (uint64, error) {
		if i >= len(m.Params) || m.Params[i].Kind() == Null {
			return 0, nil
		}
		digits := []byte(m.Params[i])
		if text, ok := m.text(i); ok {
			digits = text
		}
		if len(digits) == 0 {
			return 0, nil
		}
		n, err := strconv.ParseUint(string(digits), 10, 64)
		if err != nil || n > most {
			return 0, fmt.Errorf("%s: %s: %s: want a number up to %d", m.Method, name, m.Params[i], most)
		}
		return n, nil
	}
	if len(m.Params) > 0 && m.Params[0].given() {
		text, ok := m.text(0)
		if !ok || len(text) > maxHost {
			return "", 0, 0, fmt.Errorf("%s: host: %s: want a string of at most %d bytes", m.Method, m.Params[0], maxHost)
		}
		host = string(text)
	}
	p, err := number(1, "port", math.MaxUint16)
	if err != nil {
		return "", 0, 0, err
	}
	seconds, err := number(2, "wait", math.MaxInt32)
	if err != nil {
		return "", 0, 0, err
	}
	return host, int(p), time.Duration(seconds) * time.Second, nil
}

// maxHost is the most bytes that the name of a host has (RFC 1035).
const maxHost = 255
