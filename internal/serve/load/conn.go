package load

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
)

// Ids of the requests of a new connection; submissions count from firstSubmit.
const (
	idConfigure = iota + 1
	idSubscribe
	idAuthorize
	idSuggest
	firstSubmit = 16
)

const (
	// maxOutstanding bounds the shares that wait for their reply. They fit into the socket's buffer: writing does not block.
	maxOutstanding = 32
	// readyTimeout is how long a pool may take to send a first job, writeTimeout to take a line.
	readyTimeout = 30 * time.Second
	writeTimeout = 10 * time.Second
	// backOffFirst and backOffMost bound the time before a connection is opened again.
	backOffFirst, backOffMost = 100 * time.Millisecond, 5 * time.Second
	// firstBuffer is what a connection reads into until a line is longer.
	firstBuffer = 2 << 10
)

// conn is a connection, or what takes its place after its end.
type conn struct {
	g       *Generator
	number  int
	worker  string
	rolling bool

	mu     sync.Mutex
	socket net.Conn // nil while there is none
	life   int      // counts the sockets
	// stopped says that no other socket is wanted.
	stopped    bool
	authorized bool
	ready      bool
	subscribed bool
	extranonce stratum.Extranonce
	mask       uint32
	granted    bool
	target     work.Target // of the next job
	newest     assignment
	before     assignment // of the same previous block
	old        assignment // of another
	credited   *sent      // a share to send again
	counter    uint64     // of extranonce2
	nonce      uint32
	id         uint64
	waiting    []sent
}

// run keeps the connection open until ctx ends. opened is called once, when the first attempt has come to something.
func (c *conn) run(ctx context.Context, opened func()) {
	wait := backOffFirst
	for first := true; ctx.Err() == nil; first = false {
		if !first {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait + time.Duration(c.g.jitter(int64(wait)))):
			}
			wait = min(2*wait, backOffMost)
		}
		began := time.Now()
		err := c.once(ctx, began, func() {
			wait = backOffFirst
			if first {
				opened()
			} else {
				c.g.reconnects.Add(1)
			}
		})
		if c.end(ctx, err) && first {
			opened()
		}
	}
}

// end takes note of the end of a socket, and says whether it had never been ready.
func (c *conn) end(ctx context.Context, err error) (failed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.socket != nil {
		_ = c.socket.Close()
		c.socket = nil
	}
	if c.subscribed {
		c.g.dropExtranonce(c.extranonce.Extranonce1)
	}
	failed = !c.ready
	if c.ready {
		c.g.ready.Add(-1)
	}
	c.ready, c.authorized, c.subscribed, c.granted, c.mask = false, false, false, false, 0
	c.newest, c.before, c.old, c.credited = assignment{}, assignment{}, assignment{}, nil
	if ctx.Err() != nil || c.stopped {
		return failed // what still waits is counted by the generator
	}
	if failed {
		c.g.failed.Add(1)
		c.g.words.problem("connection %d: %v", c.number, err)
	} else {
		c.g.closed.Add(1)
		c.g.words.problem("connection %d: closed with %d shares outstanding: %v", c.number, len(c.waiting), err)
	}
	c.g.lost.Add(uint64(len(c.waiting)))
	c.g.outstanding.Add(-int64(len(c.waiting)))
	c.waiting = nil
	return failed
}

// stop ends the socket, for good.
func (c *conn) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	if c.socket != nil {
		_ = c.socket.Close()
	}
}

// once opens a socket and reads from it until it ends.
func (c *conn) once(ctx context.Context, began time.Time, ready func()) error {
	socket, err := c.dial(ctx)
	if err != nil {
		return err
	}
	hello := c.hello()
	c.mu.Lock()
	c.socket = socket
	c.life++
	c.target, c.id = difficultyOne, firstSubmit
	stopped := c.stopped
	c.mu.Unlock()
	if stopped {
		return net.ErrClosed
	}
	if err := socket.SetDeadline(began.Add(readyTimeout)); err != nil {
		return err
	}
	if _, err := socket.Write(hello); err != nil {
		return err
	}
	wasReady := false
	buf, n := make([]byte, firstBuffer), 0
	for {
		k, err := socket.Read(buf[n:])
		now := time.Now()
		if k > 0 {
			n += k
			rest, lineErr := c.lines(buf[:n], now)
			if lineErr != nil {
				return lineErr
			}
			n = copy(buf, rest)
			switch {
			case n == len(buf) && n > stratum.MaxLine:
				return stratum.ErrTooLong
			case n == len(buf):
				buf = append(buf, make([]byte, len(buf))...)
			case n == 0 && len(buf) > firstBuffer:
				buf = make([]byte, firstBuffer)
			}
			if !wasReady && c.isReady() {
				wasReady = true
				c.g.connect.add(now.Sub(began))
				_ = socket.SetReadDeadline(time.Time{})
				ready()
			}
		}
		if err != nil {
			return err
		}
	}
}

func (c *conn) isReady() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ready
}

// dial opens a socket; no more than so many at a time, as the generator says.
func (c *conn) dial(ctx context.Context) (net.Conn, error) {
	select {
	case c.g.dialling <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-c.g.dialling }()
	d := net.Dialer{Timeout: readyTimeout, KeepAlive: -1}
	if s := c.g.config.Sources; len(s) > 0 {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(s[c.number%len(s)])}
	}
	if c.g.config.TLS != nil {
		return (&tls.Dialer{NetDialer: &d, Config: c.g.config.TLS}).DialContext(ctx, "tcp", c.g.address)
	}
	return d.DialContext(ctx, "tcp", c.g.address)
}

// hello is what a connection begins with.
func (c *conn) hello() []byte {
	var b []byte
	if c.rolling {
		b = stratum.AppendRequest(b, idConfigure, stratum.MethodConfigure,
			`["version-rolling"],{"version-rolling.mask":"1fffe000","version-rolling.min-bit-count":2}`)
	}
	b = stratum.AppendRequest(b, idSubscribe, stratum.MethodSubscribe, `"touchstone-load"`)
	if d := c.g.config.Difficulty; d > 0 {
		b = stratum.AppendRequest(b, idSuggest, stratum.MethodSuggestDifficulty, string(stratum.AppendDifficulty(nil, d)))
	}
	return stratum.AppendRequest(b, idAuthorize, stratum.MethodAuthorize,
		strconv.Quote(c.worker)+","+strconv.Quote(c.g.config.Password))
}

// lines takes in all whole lines of b and returns what is left.
func (c *conn) lines(b []byte, now time.Time) (rest []byte, err error) {
	m := messages.Get().(*stratum.Message)
	defer messages.Put(m)
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return b, nil
		}
		if err := c.line(b[:i], m, now); err != nil {
			return nil, err
		}
		b = b[i+1:]
	}
}

// messages are what lines are read into: some kilobytes each, so there is not one for each connection.
var messages = sync.Pool{New: func() any { return new(stratum.Message) }}

var notifyPrefix = []byte(`{"id":null,"method":"` + stratum.MethodNotify + `"`)

var difficultyOne = func() work.Target {
	t, err := stratum.DifficultyTarget(1)
	if err != nil {
		panic(err)
	}
	return t
}()

// line takes in a line. The caller holds mu. An error means that the connection is of no use.
func (c *conn) line(line []byte, m *stratum.Message, now time.Time) error {
	en1, en2 := len(c.extranonce.Extranonce1), c.extranonce.Extranonce2Size
	if c.subscribed && bytes.HasPrefix(line, notifyPrefix) {
		if j := c.g.jobs.known(line, en1, en2); j != nil {
			c.work(j, now)
			return nil
		}
	}
	if err := stratum.Decode(line, m); err != nil {
		c.garbled(line, err)
		return nil
	}
	var err error
	switch m.Method {
	case "":
		return c.reply(m, now)
	case stratum.MethodNotify:
		if !c.subscribed {
			break // nobody could mine that
		}
		var j *job
		if j, err = c.g.jobs.read(m, line, en1, en2); err == nil {
			c.work(j, now)
		}
	case stratum.MethodSetDifficulty:
		var t work.Target
		if t, err = m.SetDifficulty(); err == nil {
			c.target = t
		}
	case stratum.MethodSetExtranonce:
		var e stratum.Extranonce
		if e, err = m.SetExtranonce(); err == nil {
			c.take(e)
		}
	case stratum.MethodSetVersionMask:
		var mask uint32
		if mask, err = m.SetVersionMask(); err == nil {
			c.mask, c.granted = mask, mask != 0
		}
	case stratum.MethodPing:
		return c.write(stratum.AppendResult(nil, m.ID, `"pong"`))
	case stratum.MethodGetVersion:
		return c.write(stratum.AppendResult(nil, m.ID, `"touchstone-load"`))
	case stratum.MethodReconnect:
		return errors.New("the pool asked to reconnect")
	}
	if err != nil {
		c.garbled(line, err)
	}
	return nil
}

func (c *conn) garbled(line []byte, err error) {
	c.g.garbled.Add(1)
	c.g.words.problem("connection %d: %.200q: %v", c.number, line, err)
}

// take notes the extranonce for later jobs.
func (c *conn) take(e stratum.Extranonce) {
	if c.subscribed {
		c.g.dropExtranonce(c.extranonce.Extranonce1)
	}
	c.extranonce, c.subscribed = e, true
	if !c.g.takeExtranonce(e.Extranonce1) {
		c.g.words.problem("connection %d: extranonce1 %x is another connection's", c.number, e.Extranonce1)
	}
}

// work takes in a job.
func (c *conn) work(j *job, now time.Time) {
	if last := c.newest.job; last != nil {
		if last.PrevBlock == j.PrevBlock {
			c.before = c.newest
		} else {
			c.before, c.old = assignment{}, c.newest
			if c.ready {
				c.g.tips.told(&j.PrevBlock, now)
			}
		}
	}
	c.newest = assignment{j, c.target, c.extranonce.Extranonce1}
	c.becomeReady()
}

func (c *conn) becomeReady() {
	if c.ready || !c.authorized || !c.subscribed || c.newest.job == nil {
		return
	}
	c.ready = true
	n := c.g.ready.Add(1)
	for most := c.g.mostReady.Load(); n > most && !c.g.mostReady.CompareAndSwap(most, n); most = c.g.mostReady.Load() {
	}
}

// reply takes in an answer.
func (c *conn) reply(m *stratum.Message, now time.Time) error {
	id, err := strconv.ParseUint(string(m.ID), 10, 64)
	switch {
	case err != nil:
		c.unasked(m)
	case id == idConfigure && c.rolling:
		if c.mask, c.granted, err = m.ConfigureResult(); err != nil {
			return err
		}
	case id == idSubscribe:
		e, err := m.SubscribeResult()
		if err != nil {
			return err
		}
		c.take(e)
	case id == idAuthorize:
		if r := m.Reply(); !r.Accepted {
			return fmt.Errorf("worker %q: %s", c.worker, r)
		}
		c.authorized = true
		c.becomeReady()
	case id < firstSubmit:
		// Whether a difficulty may be suggested is the pool's to say.
	default:
		for i := range c.waiting {
			if c.waiting[i].id != id {
				continue
			}
			s := c.waiting[i]
			c.waiting = append(c.waiting[:i], c.waiting[i+1:]...)
			c.replied(&s, m.Reply(), now)
			return nil
		}
		c.unasked(m)
	}
	return nil
}

func (c *conn) unasked(m *stratum.Message) {
	c.g.unasked.Add(1)
	c.g.words.problem("connection %d: a reply to %s, which was not asked or is answered", c.number, m.ID)
}

// write sends lines; the caller holds mu.
func (c *conn) write(b []byte) error {
	if err := c.socket.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := c.socket.Write(b)
	return err
}
