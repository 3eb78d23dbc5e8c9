package serve

import (
	"bufio"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// patience is how long tests wait for what must come; it comes much sooner.
const scriptPatience = 30 * time.Second

// scriptPool is a pool that does what a test says. It judges by the strict rules all that it gets.
type scriptPool struct {
	t         *testing.T
	address   string
	validator *share.Validator
	conns     chan *scriptConn // as they come

	// mask is granted, 0 for none. greet is called when a worker was authorized; by default it sends a difficulty and a
	// job.
	mask  uint32
	greet func(c *scriptConn)
	// refuse is what workers are answered, if not empty.
	refuse string
	// mute says that nothing is answered.
	mute bool
	// answer answers a share, with the verdict by the strict rules; nil answers at once.
	answer func(c *scriptConn, id []byte, v share.Verdict)

	listener net.Listener
	group    sync.WaitGroup
	mu       sync.Mutex
	open     map[net.Conn]bool
	opened   int
}

// scriptConn is a connection of a miner.
type scriptConn struct {
	*scriptPool
	conn       net.Conn
	session    *share.Session
	extranonce stratum.Extranonce
	subscribed []string // the parameters of mining.subscribe
	closed     chan struct{}

	mu       sync.Mutex // of all below, and of what is sent
	verdicts []share.Verdict
	jobs     []string // of the verdicts
	got      chan struct{}
}

// easyDifficulty is about a thousand hashes for a share.
const easyDifficulty = 2.5e-7

func newScriptPool(t *testing.T) *scriptPool {
	return &scriptPool{
		t: t, validator: share.NewValidator(share.Options{}), conns: make(chan *scriptConn, 1000), open: map[net.Conn]bool{}, mask: work.MaskBIP320,
		greet: func(c *scriptConn) {
			c.difficulty(easyDifficulty)
			c.job("a", 1, true)
		},
	}
}

// listen begins to take connections, at the address it had before if it had one.
func (p *scriptPool) listen(config *tls.Config) PoolURL {
	address := p.address
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", address)
	require.NoError(p.t, err)
	p.address = l.Addr().String()
	p.listener = l
	if config != nil {
		l = tls.NewListener(l, config)
	}
	p.group.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.open[conn] = true
			p.opened++
			n := p.opened
			p.mu.Unlock()
			p.group.Go(func() { p.serve(conn, n) })
		}
	})
	p.t.Cleanup(p.close)
	url, err := ParsePoolURL(p.address)
	require.NoError(p.t, err)
	url.TLS = config != nil
	return url
}

// close ends all connections, and takes no more.
func (p *scriptPool) close() {
	p.listener.Close()
	p.mu.Lock()
	for c := range p.open {
		c.Close()
	}
	p.mu.Unlock()
	p.group.Wait()
}

func (p *scriptPool) serve(conn net.Conn, n int) {
	c := &scriptConn{
		scriptPool: p, conn: conn, session: p.validator.NewSession(), closed: make(chan struct{}), got: make(chan struct{}, 1),
		extranonce: stratum.Extranonce{Extranonce1: []byte{0xe0, 0, 0, byte(n)}, Extranonce2Size: 8},
	}
	defer func() {
		conn.Close()
		p.mu.Lock()
		delete(p.open, conn)
		p.mu.Unlock()
		close(c.closed)
	}()
	var m stratum.Message
	r := bufio.NewReaderSize(conn, stratum.MaxLine)
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return
		}
		if err := stratum.Decode(line, &m); err != nil {
			p.t.Errorf("the miner sent %s: %v", line, err)
			return
		}
		if !p.mute {
			c.receive(&m)
		}
	}
}

// receive answers a message of the miner.
func (c *scriptConn) receive(m *stratum.Message) {
	switch m.Method {
	case stratum.MethodConfigure:
		mask, _, err := m.Configure()
		if err != nil {
			c.t.Errorf("%v", err)
		}
		if c.mask &= mask; c.mask == 0 {
			c.send(string(stratum.AppendResult(nil, m.ID, `{"version-rolling":false}`)))
			return
		}
		c.session.SetMask(c.mask)
		c.send(string(stratum.AppendResult(nil, m.ID, fmt.Sprintf(`{"version-rolling":true,"version-rolling.mask":"%08x"}`, c.mask))))
	case stratum.MethodSubscribe:
		for _, v := range m.Params {
			c.subscribed = append(c.subscribed, string(v))
		}
		if err := c.session.SetExtranonce(c.extranonce.Extranonce1, c.extranonce.Extranonce2Size); err != nil {
			c.t.Errorf("%v", err)
		}
		c.send(string(stratum.AppendSubscribeResult(nil, m.ID, "session-"+hex.EncodeToString(c.extranonce.Extranonce1), c.extranonce)))
	case stratum.MethodAuthorize:
		if c.refuse != "" {
			c.send(string(stratum.AppendError(nil, m.ID, stratum.CodeUnauthorized, c.refuse)))
			return
		}
		worker, err := m.Authorize()
		if err != nil {
			c.t.Errorf("%v", err)
		}
		c.session.Authorize(worker)
		c.send(string(stratum.AppendResult(nil, m.ID, "true")))
		c.greet(c)
		c.conns <- c
	case stratum.MethodSubmit:
		c.judge(m)
	case "":
	default:
		c.send(string(stratum.AppendError(nil, m.ID, stratum.CodeOther, "unknown method")))
	}
}

func (c *scriptConn) judge(m *stratum.Message) {
	var s stratum.Submit
	m.Submit(&s)
	s.Submission.Received = time.Now()
	c.mu.Lock()
	v, err := c.session.Check(&s.Submission)
	if err != nil {
		c.t.Errorf("%v", err)
	}
	c.verdicts = append(c.verdicts, v)
	c.jobs = append(c.jobs, s.Submission.JobID)
	c.mu.Unlock()
	select {
	case c.got <- struct{}{}:
	default:
	}
	if c.answer != nil {
		c.answer(c, m.ID, v)
		return
	}
	c.reply(m.ID, v)
}

// reply answers a share as judged.
func (c *scriptConn) reply(id []byte, v share.Verdict) {
	if code, text := stratum.Code(&v); code != 0 {
		c.send(string(stratum.AppendError(nil, id, code, text)))
		return
	}
	c.send(string(stratum.AppendResult(nil, id, "true")))
}

// send sends bytes as they are.
func (c *scriptConn) send(text string) {
	c.conn.SetWriteDeadline(time.Now().Add(scriptPatience))
	_, _ = c.conn.Write([]byte(text)) // a miner may be gone
}

// locked does something that no share comes in the middle of.
func (c *scriptConn) locked(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

func (c *scriptConn) difficulty(d float64) {
	target, err := stratum.DifficultyTarget(d)
	require.NoError(c.t, err)
	c.locked(func() {
		c.session.SetTarget(target)
		c.send(string(stratum.AppendSetDifficulty(nil, d)))
	})
}

// job sends a job on the block with that number.
func (c *scriptConn) job(id string, block byte, clean bool) {
	c.notify(c.work(id, block), clean)
}

// work is a job on the block with that number.
func (c *scriptConn) work(id string, block byte) *work.Job {
	return &work.Job{
		ID: id, Version: 0x20000000, PrevBlock: chainhash.Hash{block, 1}, Bits: hardBits, Time: uint32(time.Now().Unix()),
		CoinbasePrefix: []byte("the beginning of coinbase " + id), CoinbaseSuffix: []byte("its end"), Branch: []chainhash.Hash{{2}, {3}},
		Extranonce1Size: len(c.extranonce.Extranonce1), Extranonce2Size: c.extranonce.Extranonce2Size,
	}
}

func (c *scriptConn) notify(j *work.Job, clean bool) {
	prepared, err := share.NewJob(j)
	require.NoError(c.t, err)
	c.locked(func() {
		require.NoError(c.t, c.session.AddJob(prepared, clean, time.Now()))
		c.send(string(stratum.AppendNotify(nil, j, clean)))
	})
}

// wait waits until there are n shares that fit.
func (c *scriptConn) wait(n int, fits func(job string, v *share.Verdict) bool) {
	c.t.Helper()
	limit := time.After(scriptPatience)
	for {
		count := 0
		c.locked(func() {
			for i := range c.verdicts {
				if fits(c.jobs[i], &c.verdicts[i]) {
					count++
				}
			}
		})
		if count >= n {
			return
		}
		select {
		case <-c.got:
		case <-limit:
			require.FailNow(c.t, "no share", "%d of %d came", count, n)
		}
	}
}

// credited waits for n good shares of a job.
func (c *scriptConn) credited(n int, job string) {
	c.t.Helper()
	c.wait(n, func(j string, v *share.Verdict) bool { return j == job && v.Word.Credited() })
}

// words are the verdicts so far that are not credits.
func (c *scriptConn) refusals() (words []string) {
	c.locked(func() {
		for i := range c.verdicts {
			if v := &c.verdicts[i]; !v.Word.Credited() {
				words = append(words, fmt.Sprintf("%s: %s: %s", c.jobs[i], v.Word, v.Detail()))
			}
		}
	})
	return words
}

// next returns the next connection whose worker was authorized.
func (p *scriptPool) next() *scriptConn {
	p.t.Helper()
	select {
	case c := <-p.conns:
		return c
	case <-time.After(scriptPatience):
		require.FailNow(p.t, "no miner comes")
	}
	return nil
}

// gone waits until the miner has closed the connection.
func (c *scriptConn) gone() {
	c.t.Helper()
	select {
	case <-c.closed:
	case <-time.After(scriptPatience):
		require.FailNow(c.t, "the miner stays")
	}
}

func lines(text ...string) string { return strings.Join(text, "\n") + "\n" }
