package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// poolConn is a connection of a device.
type poolConn struct {
	pool   *Pool
	name   string // of the session, in events and recordings
	peer   string
	lines  *Lines
	shard  *poolShard
	track  *Track
	device *Device
	audit  *liveSession

	// mu makes the order of lines on the wire that of what the session says.
	mu      sync.Mutex
	session *stratum.ServerSession
	now     time.Time // of the call of the session that is under way
	agent   string    // as the device was last told of
	worker  string
	workers []string // that were authorized
	refusal bool     // a worker was refused
	target  float64  // difficulty, likewise

	address string // that its payee is known by; "" where all pay the same
	payee   *payee

	// What it was given last.
	last *stratum.ServerJob
	job  *poolJob
	tip  chainhash.Hash

	accepted, refused uint64
	cause             error // why we hung up, if we did
}

// serve serves a device until one of the two hangs up.
func (p *Pool) serve(ctx context.Context, l *Lines, at *ListenAt) error {
	now := time.Now()
	c := &poolConn{pool: p, name: SessionName(), peer: l.Addr(), lines: l, payee: p.payees.only}
	secure := at.Config.TLS != nil
	c.track = p.config.Recorder.Open(c.name, Opening{Peer: c.peer, TLS: secure}, now)
	c.device = p.config.Devices.Connected(c.name, c.peer, "", now)
	c.audit = p.audit.open(c.name, c.peer, l.Local(), "", now)
	c.session = p.server.Open(now)
	c.session.Owner = c
	if c.audit != nil {
		c.session.Offered = c.audit.Offered
	}
	p.conns.add(c)
	p.emit(DeviceConnected{c.name, c.peer, secure})

	err := c.read()

	p.conns.remove(c)
	end := time.Now()
	c.mu.Lock()
	c.session.Close(end)
	if c.address != "" {
		p.payees.drop(c.address)
	}
	if c.worker != "" {
		p.conns.working.Add(-1)
	}
	gone := DeviceGone{
		Session: c.name, Peer: c.peer, Worker: c.worker,
		Accepted: c.accepted, Refused: c.refused, Elapsed: seconds(end.Sub(now)),
	}
	switch {
	case c.cause != nil:
		gone.Reason = c.cause.Error()
	case ctx.Err() == nil && !errors.Is(err, io.EOF):
		gone.Reason = dialCause(err).Error()
	}
	c.mu.Unlock()
	c.track.Close(end)
	c.audit.close(end)
	c.device.Gone(end)
	p.emit(gone)
	return err
}

// read takes in what the device says until that ends.
func (c *poolConn) read() error {
	for {
		line, err := c.lines.Next()
		if err != nil {
			return err
		}
		if err := c.receive(line); err != nil {
			return err
		}
	}
}

// buffers hold what a session says until it is queued: most of the time, a
// connection needs none.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// receive takes in a line and answers it.
func (c *poolConn) receive(line []byte) error {
	out := buffers.Get().(*[]byte)
	defer buffers.Put(out)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = time.Now()
	c.track.Saw(stratum.FromMiner, line, c.now)
	var err error
	submits := c.accepted + c.refused
	*out, err = c.session.Receive((*out)[:0], line, c.now)
	if err == nil && submits == c.accepted+c.refused {
		c.audit.Heard(c.now)
	}
	c.send(*out, c.lines.Reply)
	c.tellDevice()
	return err
}

// do has the session say something of itself.
func (c *poolConn) do(say func(dst []byte) []byte) {
	out := buffers.Get().(*[]byte)
	defer buffers.Put(out)
	*out = say((*out)[:0])
	c.send(*out, c.lines.Write)
	c.tellDevice()
	if err := c.session.Err(); err != nil && c.cause == nil {
		// Without work, the device may as well go elsewhere, or come again. The
		// room that its jobs took is for others at once, or all of them would
		// have to leave.
		c.cause = fmt.Errorf("no job could be sent: %w", err)
		c.session.Close(c.now)
		go c.lines.Close()
	}
}

// send records lines and queues them with write. They are sent when they are recorded, so
// that what the device knows is in the recording whatever happens to us. The
// caller holds mu.
func (c *poolConn) send(out []byte, write func([]byte, func())) {
	if len(out) == 0 {
		return
	}
	var ticket Ticket
	if c.track != nil {
		for line := range bytes.Lines(out) {
			ticket = c.track.Saw(stratum.FromPool, line, c.now)
		}
	}
	if ticket == 0 {
		write(out, nil)
		return
	}
	recorder := c.pool.config.Recorder
	write(out, func() { recorder.Written(ticket) })
}

// tellDevice tells what changed to those who show it. The caller holds mu.
func (c *poolConn) tellDevice() {
	agent, worker := c.session.UserAgent(), c.session.Worker()
	if agent != c.agent {
		c.audit.Subscribed(agent, c.now)
	}
	if agent != c.agent || worker != c.worker {
		// Whoever authorizes one name after the other fills no lists with them.
		known := slices.Contains(c.workers, worker)
		if known {
			c.device.Is(agent, worker)
		} else {
			c.device.Is(agent, "")
		}
		if worker != c.worker {
			if c.worker == "" {
				c.pool.conns.working.Add(1)
			}
			if known {
				c.pool.emit(DeviceAuthorized{c.name, c.peer, worker, agent})
			}
		}
		c.agent, c.worker = agent, worker
	}
	if d := c.session.Difficulty(); d != c.target {
		if t, err := stratum.DifficultyTarget(d); err == nil {
			c.device.Target(t, c.now)
		}
		c.target = d
	}
}

// offer gives the device the work there is, if it has older. It reports
// whether it did.
func (c *poolConn) offer() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.pool.work.Load()
	if w == nil || !c.session.Ready() || c.job != nil && c.job.work.number >= w.number {
		return false
	}
	c.now = time.Now()
	j := c.pick(false)
	if j == nil {
		return false
	}
	c.do(func(dst []byte) []byte { return c.session.Offer(dst, j, c.now) })
	return true
}

// tick lets time pass. Where the connection is busy, such as with a block that is
// written to disk, the others don't wait for it: there is another tick soon.
func (c *poolConn) tick() {
	if !c.mu.TryLock() {
		return
	}
	defer c.mu.Unlock()
	c.now = time.Now()
	c.do(func(dst []byte) []byte { return c.session.Tick(dst, c.now) })
}

// pick returns the job to work on; fresh wants another ID than was given
// before. The caller holds mu.
func (c *poolConn) pick(fresh bool) *stratum.ServerJob {
	w := c.pool.work.Load()
	if w == nil || c.payee == nil {
		return nil
	}
	variant := 0
	if c.job != nil && c.job.work.number >= w.number {
		if !fresh {
			return c.last
		}
		w, variant = c.job.work, c.job.variant+1
	}
	j, err := c.payee.job(c.pool, w, variant)
	if err != nil {
		c.pool.emit(NoTemplate{err.Error(), 0})
		return nil
	}
	c.last = j.plain
	if c.job == nil || c.tip != j.work.base.PrevBlock {
		c.last = j.clean
	}
	c.job, c.tip = j, j.work.base.PrevBlock
	return c.last
}

// maxWorkersOfDevice is how many workers of a connection are told apart, as
// share.Session does.
const maxWorkersOfDevice = 64

// poolHandler joins the sessions of a server to their connections.
type poolHandler struct{ *Pool }

// Authorize implements stratum.ServerHandler.
func (h poolHandler) Authorize(s *stratum.ServerSession, worker, _ string) error {
	c := s.Owner.(*poolConn)
	if h.config.Solo {
		if err := h.pay(c, worker); err != nil {
			if !c.refusal {
				c.refusal = true
				h.emit(DeviceRefused{c.name, c.peer, worker, err.Error()})
			}
			return err
		}
	}
	if len(c.workers) < maxWorkersOfDevice && !slices.Contains(c.workers, worker) {
		c.workers = append(c.workers, worker)
		c.audit.Authorized(worker, c.now)
	}
	return nil
}

// pay has the blocks of a connection pay the address that a worker's name is.
func (h poolHandler) pay(c *poolConn, worker string) error {
	address, _, _ := strings.Cut(worker, ".")
	if c.address != "" && address != c.address {
		return fmt.Errorf("this connection mines for %s: connect once more to mine for another address", c.address)
	}
	if c.address != "" {
		return nil
	}
	script, err := work.AddressScript(address, h.config.Backend.Network)
	if err != nil {
		return fmt.Errorf("the worker's name must be who is paid: %w", err)
	}
	if c.payee, err = h.payees.take(address, script); err != nil {
		return err
	}
	c.address = address
	return nil
}

// Job implements stratum.ServerHandler.
func (h poolHandler) Job(s *stratum.ServerSession, fresh bool) *stratum.ServerJob {
	return s.Owner.(*poolConn).pick(fresh)
}

// Judged implements stratum.ServerHandler.
func (h poolHandler) Judged(s *stratum.ServerSession, sub *stratum.Submit, v *share.Verdict, err error) {
	c := s.Owner.(*poolConn)
	if w := sub.Submission.Worker; slices.Contains(c.workers, w) {
		c.device.Is("", w)
	}
	c.device.Judged(v, err, c.now)
	if v != nil {
		c.audit.share(&sub.Submission, v, err, c.now)
	}
	credited := 0.0
	if err == nil {
		credited = v.Credited()
	}
	if credited > 0 {
		c.accepted++
	} else {
		c.refused++
	}
	h.shares.add(c.now, credited)
	if v != nil && v.Block {
		h.block(c, sub, v, credited > 0)
	}
}

// shards is into how many parts the connections are divided: so that those
// who come and go don't wait for each other, and a round of all of them is
// spread over time.
const shards = 64

// poolConns are the connections.
type poolConns struct {
	count   atomic.Int64
	working atomic.Int64 // those with a worker
	next    atomic.Uint64
	shards  [shards]poolShard
}

type poolShard struct {
	mu    sync.Mutex
	conns map[*poolConn]struct{}
}

func (s *poolConns) init() {
	for i := range s.shards {
		s.shards[i].conns = map[*poolConn]struct{}{}
	}
}

func (s *poolConns) add(c *poolConn) {
	shard := &s.shards[s.next.Add(1)%shards]
	c.shard = shard
	s.count.Add(1)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	shard.conns[c] = struct{}{}
}

func (s *poolConns) remove(c *poolConn) {
	c.shard.mu.Lock()
	delete(c.shard.conns, c)
	c.shard.mu.Unlock()
	s.count.Add(-1)
}

// all appends the connections of a shard to dst.
func (s *poolShard) all(dst []*poolConn) []*poolConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		dst = append(dst, c)
	}
	return dst
}

// offerAll gives all devices the work there is, and returns how many got some
// from here.
func (p *Pool) offerAll() int {
	var group sync.WaitGroup
	var next, offered atomic.Int64
	// More than there are CPUs: one that waits for a connection's lock, whose
	// holder writes a block to disk, holds up nobody.
	for range 4 * runtime.GOMAXPROCS(0) {
		group.Go(func() {
			var conns []*poolConn
			for i := next.Add(1) - 1; i < shards; i = next.Add(1) - 1 {
				conns = p.conns.shards[i].all(conns[:0])
				for _, c := range conns {
					if c.offer() {
						offered.Add(1)
					}
				}
			}
		})
	}
	group.Wait()
	return int(offered.Load())
}

// tickEvery is the time between two ticks of a session.
const tickEvery = 5 * time.Second

// tick lets time pass for all sessions until ctx ends.
func (p *Pool) tick(ctx context.Context) {
	t := time.NewTicker(tickEvery / shards)
	defer t.Stop()
	var conns []*poolConn
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		conns = p.conns.shards[i%shards].all(conns[:0])
		for _, c := range conns {
			c.tick()
		}
		clear(conns)
	}
}
