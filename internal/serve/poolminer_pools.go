package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/touchstone-btc/touchstone/stratum"
)

// minedPool is a pool as the supervisor of a PoolMiner sees it.
type minedPool struct {
	index     int // 0 is wanted most
	url       PoolURL
	elsewhere *PoolURL        // where the pool sent us, until that fails
	before    *stratum.Client // of the last connection that was of use, whose session is taken up again
	failures  int             // in a row
	retry     time.Time
	err       error // why it failed last
}

// connNews is what a connection has to tell the supervisor: that it can be used, or that it has ended.
type connNews struct {
	conn  *minerConn
	ended bool
	err   error
}

// tellNews queues news for the supervisor. The caller holds mu.
func (m *PoolMiner) tellNews(n connNews) {
	m.news = append(m.news, n)
	select {
	case m.poke <- struct{}{}:
	default:
	}
}

// supervisor keeps a connection to the best pool that works.
type supervisor struct {
	*PoolMiner
	ctx      context.Context
	active   *minerConn // is worked for
	attempt  *minerConn // is to become so
	alive    int        // connections that have not ended
	everUsed bool
}

// supervise connects to pools until ctx ends.
func (m *PoolMiner) supervise(ctx context.Context) error {
	s := &supervisor{PoolMiner: m, ctx: ctx}
	err := s.run()
	s.stop()
	return err
}

func (s *supervisor) run() error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		for _, n := range s.takeNews() {
			if err := s.hear(n); err != nil {
				return err
			}
		}
		if s.ctx.Err() != nil {
			return nil
		}
		pool, wait := s.due()
		if pool != nil {
			s.attempt = s.connect(s.ctx, pool)
			s.alive++
			wait = time.Hour
		}
		timer.Reset(wait)
		select {
		case <-s.ctx.Done():
			return nil
		case <-s.poke:
		case <-timer.C:
		}
	}
}

func (s *supervisor) takeNews() []connNews {
	s.mu.Lock()
	defer s.mu.Unlock()
	news := s.news
	s.news = nil
	return news
}

// due returns the pool that is to be tried now, or how long it is until there is one. Of those better than the active
// one, the first whose time has come is tried, one at a time.
func (s *supervisor) due() (*minedPool, time.Duration) {
	wait := time.Hour
	if s.attempt != nil {
		return nil, wait
	}
	now := time.Now()
	for _, p := range s.pools {
		if s.active != nil && p.index >= s.active.pool.index {
			break
		}
		if d := p.retry.Sub(now); d > 0 {
			wait = min(wait, d)
			continue
		}
		return p, 0
	}
	return nil, wait
}

func (s *supervisor) hear(n connNews) error {
	c := n.conn
	if !n.ended {
		return s.use(c)
	}
	s.alive--
	active, attempt := c == s.active, c == s.attempt
	if !active && !attempt {
		return nil // it was left before
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if active {
		s.active = nil
		s.idle()
	} else {
		s.attempt = nil
	}
	if s.ctx.Err() != nil {
		return nil
	}
	p := c.pool
	p.before = c.before
	if active {
		p.before = c.client
		if c.stable(n.err, now) {
			p.failures = 0
		}
	}
	p.err = n.err
	p.failures++
	wait := s.backoff(p.failures)
	p.elsewhere = nil
	if c.move != nil {
		p.elsewhere = c.move
		if p.failures == 1 {
			wait = 0
		}
		p.retry = now.Add(max(wait, c.moveAt.Sub(now)))
		return nil
	}
	p.retry = now.Add(wait)
	if err := s.hopeless(); err != nil {
		return err // which says it all, and nothing is tried again
	}
	// A pool that goes on failing in the same way while another is used is no news.
	if active || s.active == nil || p.failures == 1 {
		s.config.OnEvent(PoolLost{p.url.String(), n.err.Error(), seconds(wait)})
	}
	return nil
}

// hopeless returns an error if all pools have refused us from the start, for reasons that don't pass by waiting.
func (s *supervisor) hopeless() error {
	if s.everUsed {
		return nil
	}
	var errs []error
	for _, p := range s.pools {
		var authorize *stratum.AuthorizeError
		var certificate *tls.CertificateVerificationError
		var name *net.DNSError
		if !errors.As(p.err, &authorize) && !errors.As(p.err, &certificate) && !(errors.As(p.err, &name) && name.IsNotFound) {
			return nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", p.url, p.err))
	}
	return errors.Join(errs...)
}

// backoff returns how long to wait after so many failures.
func (s *supervisor) backoff(failures int) time.Duration {
	t := &s.config.Times
	d := t.LongestRetry
	if n := failures - 1; n < 30 && t.Retry < t.LongestRetry>>n {
		d = t.Retry << n
	}
	return d/2 + rand.N(d/2+1)
}

// use makes a connection the active one.
func (s *supervisor) use(c *minerConn) error {
	if c != s.attempt {
		return nil
	}
	s.everUsed = true
	if s.miner == nil { // only this goroutine sets it
		s.mu.Lock()
		mask := c.latest.Job.VersionMask
		s.mu.Unlock()
		if err := s.newMiner(s.ctx, mask); err != nil {
			if s.ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.shares == nil {
		return nil // it has ended since; that is the next of the news
	}
	before := s.active
	s.active, s.attempt = c, nil
	c.usedSince = time.Now()
	w := c.latest
	s.config.OnEvent(PoolConnected{
		Pool: c.pool.url.String(), Address: c.url.Address(), Worker: c.url.User, Difficulty: w.Target.Difficulty(),
		VersionMask: formatMask(w.Job.VersionMask), Resumed: c.before != nil && c.before.Session() != "",
	})
	s.serving = c
	s.searched = nil
	s.search(c, w)
	if before != nil {
		before.pool.before = before.client
		before.leave(s.config.Times.Linger)
	}
	return nil
}

// stop ends all connections, and waits for the answers to shares, but not for long.
func (s *supervisor) stop() {
	s.mu.Lock()
	s.stopping = true
	s.idle()
	s.mu.Unlock()
	if s.attempt != nil {
		s.attempt.end(errLeft)
	}
	if s.active != nil {
		s.mu.Lock()
		s.active.leave(lingerAtEnd)
		s.mu.Unlock()
	}
	for s.alive > 0 {
		for _, n := range s.takeNews() {
			if n.ended {
				s.alive--
			}
		}
		if s.alive > 0 {
			<-s.poke
		}
	}
}
