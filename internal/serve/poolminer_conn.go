package serve

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work/mine"
)

// minerConn is a connection of a PoolMiner to a pool. It is the Client's Handler; its methods are called with the
// PoolMiner's mu held.
type minerConn struct {
	*PoolMiner
	pool   *minedPool
	url    PoolURL            // where it goes: the pool's, or where that sent us
	before *stratum.Client    // whose session is taken up
	cancel context.CancelFunc // of dialing
	wake   chan struct{}      // there is something to send; room for one

	// Guarded by mu.
	client    *stratum.Client
	latest    *stratum.ClientWork
	out       []byte                   // to be sent
	shares    map[uint64]*waitingShare // nil when it has ended
	usedSince time.Time
	accepted  time.Time // when a share was accepted last
	connected time.Time
	jobAt     time.Time
	leaving   bool
	heard     bool     // the pool said something
	move      *PoolURL // where the pool wants us
	moveAt    time.Time

	ending sync.Mutex
	ended  bool
	err    error    // why it ended
	conn   net.Conn // without TLS, whose Close may wait; nil before it is connected
}

// Reasons to end a connection that are nobody's fault.
var (
	errLeft  = errors.New("left for a better one")
	errMoved = errors.New("the pool sends us to another address")
)

// writeTimeout is how long a pool may take to read what we send.
const writeTimeout = 10 * time.Second

// maxAnswers is how many bytes wait to be sent at most: whoever asks more of us and does not read is cut off.
const maxAnswers = 1 << 20

// longestMoveWait bounds how long a pool can make us wait before we connect elsewhere.
const longestMoveWait = 10 * time.Minute

// connect begins a connection to a pool, in goroutines of its own. They end with news that it has ended.
func (m *PoolMiner) connect(whole context.Context, p *minedPool) *minerConn {
	ctx, cancel := context.WithCancel(whole)
	c := &minerConn{
		PoolMiner: m, pool: p, url: p.url, cancel: cancel, wake: make(chan struct{}, 1), shares: map[uint64]*waitingShare{},
	}
	if p.elsewhere != nil {
		c.url = *p.elsewhere
	}
	config := stratum.ClientConfig{
		Worker: c.url.User, Password: c.url.Password, UserAgent: m.config.UserAgent, After: p.before,
		VersionMask: m.config.VersionMask, Difficulty: m.config.Difficulty, Handler: c,
	}
	c.before, p.before = p.before, nil
	c.client = stratum.NewClient(config)
	// Also one that was left, and waits for answers.
	forget := context.AfterFunc(whole, func() { time.AfterFunc(lingerAtEnd, func() { c.end(errLeft) }) })
	m.group.Go(func() {
		defer cancel()
		defer forget()
		err := c.run(ctx)
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, s := range c.shares {
			m.answered(c, s, AnswerUnknown, "")
		}
		c.shares = nil
		if m.serving == c {
			m.idle()
		}
		m.tellNews(connNews{c, true, err})
	})
	return c
}

// run carries a connection to its end, and returns why it ended.
func (c *minerConn) run(ctx context.Context) error {
	conn, err := c.open(ctx)
	if err != nil {
		return err
	}
	plain := conn
	if secure, ok := conn.(*tls.Conn); ok {
		plain = secure.NetConn()
	}
	defer plain.Close()
	c.ending.Lock()
	c.conn = plain
	if c.ended {
		plain.Close()
	}
	c.ending.Unlock()

	c.mu.Lock()
	c.connected = time.Now()
	c.out = c.client.Start(c.out, c.connected)
	c.mu.Unlock()
	c.wakeUp()
	done := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() { c.write(conn, done) })
	c.end(c.read(conn))
	close(done)
	writing.Wait()
	return c.why()
}

// open connects.
func (c *minerConn) open(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Times.Connect)
	defer cancel()
	conn, err := c.config.dial(ctx, "tcp", c.url.Address())
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, fmt.Errorf("no connection within %s", c.config.Times.Connect)
		}
		return nil, dialCause(err)
	}
	if !c.url.TLS {
		return conn, nil
	}
	secure := tls.Client(conn, &tls.Config{ServerName: c.url.Host, RootCAs: c.config.Roots, MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within %s", c.config.Times.Connect)
		}
		return nil, fmt.Errorf("TLS: %w", tlsCause(err))
	}
	return secure, nil
}

// end ends the connection, for a reason, unless it has ended. It can be called from anywhere.
func (c *minerConn) end(why error) {
	c.cancel()
	c.ending.Lock()
	defer c.ending.Unlock()
	if c.ended {
		return
	}
	c.ended, c.err = true, why
	if c.conn != nil {
		c.conn.Close()
	}
}

func (c *minerConn) why() error {
	c.ending.Lock()
	defer c.ending.Unlock()
	return c.err
}

// read takes in lines until there is no use in it any more.
func (c *minerConn) read(conn net.Conn) error {
	r := bufio.NewReaderSize(conn, stratum.MaxLine+2)
	for {
		line, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return stratum.ErrTooLong
		case err == io.EOF:
			if !c.heard && !c.url.TLS {
				return errSilentEnd
			}
			return errors.New("the pool closed the connection")
		case err != nil:
			return dialCause(err)
		}
		c.mu.Lock()
		c.heard = true
		c.out, err = c.client.Receive(c.out, line, time.Now())
		if err == nil && len(c.out) > maxAnswers {
			err = errors.New("the pool asks more than it reads the answers of")
		}
		unsent := len(c.out) > 0
		c.mu.Unlock()
		if err != nil {
			return err
		}
		if unsent {
			c.wakeUp()
		}
	}
}

func (c *minerConn) wakeUp() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// write sends what there is to send, and looks whether the pool has hung, until done.
func (c *minerConn) write(conn net.Conn, done <-chan struct{}) {
	t := &c.config.Times
	tick := time.NewTicker(max(time.Millisecond, min(time.Second, t.Handshake/4, t.Reply/4, t.Job/4)))
	defer tick.Stop()
	var sending []byte
	for {
		select {
		case <-done:
			return
		case now := <-tick.C:
			if err := c.hung(now); err != nil {
				c.end(err)
				return
			}
			continue
		case <-c.wake:
		}
		c.mu.Lock()
		sending, c.out = c.out, sending[:0]
		c.mu.Unlock()
		if len(sending) == 0 {
			continue
		}
		_ = conn.SetWriteDeadline(time.Now().Add(writeTimeout)) // where it fails, so does Write
		if _, err := conn.Write(sending); err != nil {
			c.end(fmt.Errorf("sending: %w", dialCause(err)))
			return
		}
	}
}

// hungError says what a pool should have done long ago.
type hungError struct{ text string }

func (e *hungError) Error() string { return e.text }

// stable reports whether the pool worked well enough that its failures before don't count, at the time now, when it failed again. One that
// hangs must have taken shares for a while: if it never answered, we would come back to it soon for ever, and waste all the time until
// it counts as hung. The caller holds mu.
func (c *minerConn) stable(why error, now time.Time) bool {
	t := c.config.Times.Stable
	if errors.As(why, new(*hungError)) {
		return c.accepted.Sub(c.usedSince) >= t
	}
	return !c.accepted.IsZero() || now.Sub(c.usedSince) >= t
}

// hung says what the pool should have done long ago.
func (c *minerConn) hung(now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &c.config.Times
	waiting, since := c.client.Outstanding()
	switch {
	case c.latest == nil && now.Sub(c.connected) > t.Handshake:
		return &hungError{fmt.Sprintf("no job within %s of connecting", t.Handshake)}
	case waiting > 0 && now.Sub(since) > t.Reply:
		return &hungError{fmt.Sprintf("no answer to a share within %s", t.Reply)}
	case c.latest != nil && now.Sub(c.jobAt) > t.Job:
		return &hungError{fmt.Sprintf("no new job within %s", t.Job)}
	}
	return nil
}

// submit hands in a share. The caller holds mu, and has seen that there is room.
func (c *minerConn) submit(w *stratum.ClientWork, f *mine.Found) {
	now := time.Now()
	var number uint64
	if c.out, number = c.client.Submit(c.out, w, &f.Solution, now); number == 0 {
		return
	}
	s := shareOf(w, f, now)
	c.shares[number] = s
	c.waiting++
	c.tally.best = max(c.tally.best, s.difficulty)
	if s.block {
		c.blocking++
		c.race(s.parent)
		c.PoolMiner.config.OnEvent(ShareIsFound{c.pool.url.String(), s.job, s.hash, s.difficulty})
	}
	c.wakeUp()
}

// leave ends the connection as soon as all shares are answered, or after some time. The caller holds mu.
func (c *minerConn) leave(after time.Duration) {
	c.leaving = true
	if len(c.shares) == 0 {
		c.end(errLeft)
		return
	}
	time.AfterFunc(after, func() { c.end(errLeft) })
}

// Work implements stratum.ClientHandler.
func (c *minerConn) Work(w *stratum.ClientWork) {
	first := c.latest == nil
	c.latest, c.jobAt = w, time.Now()
	switch {
	case first:
		c.tellNews(connNews{conn: c})
	case c.serving == c && !c.stopping:
		c.search(c, w)
	}
}

// Replied implements stratum.ClientHandler.
func (c *minerConn) Replied(number uint64, r stratum.Reply) {
	s := c.shares[number]
	if s == nil {
		return
	}
	delete(c.shares, number)
	if r.Accepted {
		c.accepted = time.Now()
		c.answered(c, s, AnswerAccepted, "")
	} else {
		c.answered(c, s, AnswerRejected, rejection(r))
	}
	if c.leaving && len(c.shares) == 0 {
		c.end(errLeft)
	}
}

// rejection returns what a pool said, with its code.
func rejection(r stratum.Reply) string {
	text := r.Words
	if r.HasCode {
		text = strconv.Itoa(r.Code)
		if r.Words != "" {
			text += " " + r.Words
		}
	}
	return text
}

// Reconnect implements stratum.ClientHandler.
func (c *minerConn) Reconnect(host string, port int, wait time.Duration) {
	to := c.url
	if host != "" {
		to.Host = hostName(host)
	}
	if port != 0 {
		to.Port = port
	}
	if !sameDomain(c.pool.url.Host, to.Host) {
		if untold, tell := c.mayTell(&c.refusals); tell {
			c.config.OnEvent(ReconnectRefused{c.pool.url.String(), to.Address(), untold})
		}
		return
	}
	again := c.move != nil
	c.move = &to
	if again {
		return // it is on its way
	}
	wait = min(wait, longestMoveWait)
	c.moveAt = time.Now().Add(wait)
	c.config.OnEvent(PoolMoves{c.pool.url.String(), to.Address(), seconds(wait)})
	time.AfterFunc(wait, func() { c.end(errMoved) })
}

// Message implements stratum.ClientHandler.
func (c *minerConn) Message(text string) {
	if untold, tell := c.mayTell(&c.messages); tell {
		c.config.OnEvent(PoolMessage{c.pool.url.String(), text, untold})
	}
}

// Ignored implements stratum.ClientHandler.
func (c *minerConn) Ignored(err error) { c.unreadable(c, err) }
