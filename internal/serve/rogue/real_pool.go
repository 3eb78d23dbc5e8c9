package rogue

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// PoolConfig says how a Pool behaves. It is not touched after StartPool.
type PoolConfig struct {
	// Difficulty is that of shares, from the first job on. Default: 1e-7, about 430 hashes.
	Difficulty float64
	// JobEvery is how often there is another job on the same block (default 2 s), BlockEvery how often another block (default 20 s).
	JobEvery, BlockEvery time.Duration
}

// Pool is a Stratum V1 pool on loopback for real devices of a few thousand hashes a second: its shares are easy, but a block is as hard
// as on the main chain, so that new blocks come when it says so and not whenever somebody finds one. Coinbase and previous blocks are
// made up.
type Pool struct {
	config   PoolConfig
	listener net.Listener
	server   *stratum.Server
	stop     context.CancelFunc
	running  sync.WaitGroup

	mu       sync.Mutex
	job      *stratum.ServerJob
	jobs     uint64
	block    uint64
	conns    map[*poolConn]bool
	verdicts map[string]map[string]int // by worker
}

// poolConn is a connection of the pool.
type poolConn struct {
	socket  net.Conn
	mu      sync.Mutex // guards session
	session *stratum.ServerSession
}

// StartPool starts a pool, until Close.
func StartPool(c PoolConfig) (*Pool, error) {
	if c.Difficulty == 0 {
		c.Difficulty = 1e-7
	}
	if c.JobEvery == 0 {
		c.JobEvery = 2 * time.Second
	}
	if c.BlockEvery == 0 {
		c.BlockEvery = 20 * time.Second
	}
	p := &Pool{config: c, conns: map[*poolConn]bool{}, verdicts: map[string]map[string]int{}}
	var err error
	p.server, err = stratum.NewServer(stratum.ServerConfig{
		Validator: share.NewValidator(share.Options{}), Handler: p, VersionMask: work.MaskBIP320,
		Vardiff: stratum.Vardiff{SharesPerMinute: -1, Start: c.Difficulty},
	})
	if err != nil {
		return nil, err
	}
	if err := p.renew(true); err != nil {
		return nil, err
	}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	p.running.Go(p.accept)
	p.running.Go(func() { p.work(ctx) })
	return p, nil
}

// URL is where the pool listens.
func (p *Pool) URL() string { return "stratum+tcp://" + p.listener.Addr().String() }

// Close ends all connections, and waits until nothing of the pool runs any more.
func (p *Pool) Close() {
	p.stop()
	_ = p.listener.Close()
	p.mu.Lock()
	for c := range p.conns {
		_ = c.socket.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

// Verdicts returns how often the pool said which word of the shares of a worker.
func (p *Pool) Verdicts(worker string) map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[string]int{}
	for word, n := range p.verdicts[worker] {
		all[word] = n
	}
	return all
}

// mainBits are a network target of the main chain in 2026: nobody here meets it.
const mainBits = work.Bits(0x17021369)

// renew makes another job.
func (p *Pool) renew(block bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.jobs++
	if block {
		p.block++
	}
	var previous chainhash.Hash
	binary.LittleEndian.PutUint64(previous[:], p.block)
	target, _, _ := mainBits.Target()
	now := uint32(time.Now().Unix())
	j, err := share.NewJob(&work.Job{
		ID: fmt.Sprintf("%x", p.jobs), Version: 0x20000000, PrevBlock: previous, Bits: mainBits, Target: target, Time: now, MinTime: now - 600,
		CoinbasePrefix: fmt.Appendf(nil, "\x01\x00\x00\x00\x01 a coinbase as far as anybody here looks, of job %16x ", p.jobs),
		CoinbaseSuffix: []byte{0, 0, 0, 0}, Branch: []chainhash.Hash{{2}},
	})
	if err != nil {
		return err
	}
	p.job = stratum.NewServerJob(j, block)
	return nil
}

// work sends jobs until ctx ends.
func (p *Pool) work(ctx context.Context) {
	jobs, blocks := time.NewTicker(p.config.JobEvery), time.NewTicker(p.config.BlockEvery)
	defer jobs.Stop()
	defer blocks.Stop()
	for {
		block := false
		select {
		case <-ctx.Done():
			return
		case <-jobs.C:
		case <-blocks.C:
			block = true
		}
		if p.renew(block) != nil {
			return // never: only the numbers change
		}
		p.mu.Lock()
		job := p.job
		conns := make([]*poolConn, 0, len(p.conns))
		for c := range p.conns {
			conns = append(conns, c)
		}
		p.mu.Unlock()
		for _, c := range conns {
			c.mu.Lock()
			c.write(c.session.Offer(nil, job, time.Now()))
			c.mu.Unlock()
		}
	}
}

// write sends lines; who does not take them is cut off. The caller holds mu.
func (c *poolConn) write(lines []byte) {
	if len(lines) == 0 {
		return
	}
	_ = c.socket.SetWriteDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.socket.Write(lines); err != nil {
		_ = c.socket.Close()
	}
}

func (p *Pool) accept() {
	for {
		socket, err := p.listener.Accept()
		if err != nil {
			return
		}
		c := &poolConn{socket: socket, session: p.server.Open(time.Now())}
		p.mu.Lock()
		p.conns[c] = true
		p.mu.Unlock()
		p.running.Go(func() { p.serve(c) })
	}
}

// serve reads what a connection says until it ends.
func (p *Pool) serve(c *poolConn) {
	in := bufio.NewScanner(c.socket)
	in.Buffer(make([]byte, 0, 4096), stratum.MaxLine)
	for in.Scan() {
		c.mu.Lock()
		answer, err := c.session.Receive(nil, in.Bytes(), time.Now())
		c.write(answer)
		c.mu.Unlock()
		if err != nil {
			break
		}
	}
	_ = c.socket.Close()
	p.mu.Lock()
	delete(p.conns, c)
	p.mu.Unlock()
	c.mu.Lock()
	c.session.Close(time.Now())
	c.mu.Unlock()
}

// Authorize welcomes everybody.
func (p *Pool) Authorize(*stratum.ServerSession, string, string) error { return nil }

// Job returns the newest job.
func (p *Pool) Job(*stratum.ServerSession, bool) *stratum.ServerJob {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.job
}

// Judged counts.
func (p *Pool) Judged(s *stratum.ServerSession, _ *stratum.Submit, v *share.Verdict, err error) {
	word := v.Word.String()
	if err != nil {
		word = "unjudged"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	words := p.verdicts[s.Worker()]
	if words == nil {
		words = map[string]int{}
		p.verdicts[s.Worker()] = words
	}
	words[word]++
}
