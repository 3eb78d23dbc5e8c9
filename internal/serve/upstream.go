package serve

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/touchstone-btc/touchstone/stratum"
)

// upstreams are the pools of a proxy, in the order in which they are wanted. One that failed is remembered for a while and tried after
// those that work; a probe finds out when it works again. It is safe for concurrent use.
type upstreams struct {
	onEvent func(Event)
	dialer  net.Dialer
	times   upstreamTimes

	mu   sync.Mutex
	all  []*upstream
	poke chan struct{} // asks the probe to look
}

// upstream is a pool.
type upstream struct {
	url   PoolURL
	roots *x509.CertPool
	tls   *tls.Config // nil for plain TCP

	heard atomic.Int64 // when it said something last, in nanoseconds since 1970
	mute  atomic.Int32 // connections in a row that it closed without a word

	// Guarded by upstreams.mu.
	failures int // without success between
	why      string
	retry    time.Time
	since    time.Time // when it began to work, zero at the start
}

// upstreamTimes are how long things may take, and are waited for.
type upstreamTimes struct {
	// dial is how long a pool may take to accept a connection, and for TLS; dials is that of all pools together: then the device does
	// better to try again.
	dial, dials time.Duration
	// A pool that failed is probed after first, and twice as long each time, at most last.
	first, last time.Duration
	// answer is how long a pool may take to answer a probe.
	answer time.Duration
	// steady is how long a pool must have worked again before devices are sent back to it.
	steady time.Duration
	// away is how long a device for which there is no pool is kept waiting, because there are some that try again at once.
	away time.Duration
}

var defaultUpstreamTimes = upstreamTimes{
	dial: 5 * time.Second, dials: 20 * time.Second, first: 15 * time.Second, last: 5 * time.Minute, answer: 10 * time.Second, steady: time.Minute,
	away: time.Second,
}

func newUpstreams(onEvent func(Event)) *upstreams {
	return &upstreams{onEvent: onEvent, times: defaultUpstreamTimes, poke: make(chan struct{}, 1)}
}

// set replaces the pools. What is known of those that stay is kept.
func (u *upstreams) set(urls []PoolURL, roots *x509.CertPool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	before := u.all
	u.all = nil
	for _, url := range urls {
		if i := slices.IndexFunc(before, func(old *upstream) bool { return old.url == url && old.roots == roots }); i >= 0 {
			u.all = append(u.all, before[i])
			continue
		}
		one := &upstream{url: url, roots: roots}
		if url.TLS {
			one.tls = &tls.Config{ServerName: url.Host, RootCAs: roots, MinVersion: tls.VersionTLS12}
		}
		u.all = append(u.all, one)
	}
}

// names returns the URLs of the pools.
func (u *upstreams) names() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	names := []string{}
	for _, one := range u.all {
		names = append(names, one.url.String())
	}
	return names
}

// better returns the pool that devices of this one are to be sent back to, nil if there is none.
func (u *upstreams) better(than *upstream, now time.Time) *upstream {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, one := range u.all {
		if one == than {
			return nil
		}
		if one.failures == 0 && now.Sub(one.since) > u.times.steady {
			return one
		}
	}
	return nil
}

// silentSince reports whether the pool has said nothing to anybody for so long.
func (one *upstream) silentSince(now time.Time, d time.Duration) bool {
	return now.UnixNano()-one.heard.Load() > int64(d)
}

// order returns the pools as they are to be tried: first those that work, then those that failed, the one that is to be tried again
// soonest first.
func (u *upstreams) order() []*upstream {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := slices.Clone(u.all)
	slices.SortStableFunc(all, func(a, b *upstream) int {
		if a.failures == 0 || b.failures == 0 {
			return cmp.Compare(min(a.failures, 1), min(b.failures, 1))
		}
		return a.retry.Compare(b.retry)
	})
	return all
}

// connect returns a connection to the first pool that can be reached.
func (u *upstreams) connect(ctx context.Context) (Conn, *upstream, error) {
	ctx, cancel := context.WithTimeout(ctx, u.times.dials)
	defer cancel()
	var errs []error
	for _, one := range u.order() {
		if ctx.Err() != nil {
			errs = append(errs, fmt.Errorf("%s: there was no time left to try it", one.url))
			continue
		}
		c, err := u.dial(ctx, one)
		if err == nil {
			return c, one, nil
		}
		if errors.Is(err, context.Canceled) {
			return nil, nil, err
		}
		errs = append(errs, err)
		u.failed(one, err)
	}
	return nil, nil, errors.Join(errs...)
}

// dial connects to a pool. Its errors name it.
func (u *upstreams) dial(ctx context.Context, one *upstream) (Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, u.times.dial)
	defer cancel()
	plain, err := u.dialer.DialContext(ctx, "tcp", one.url.Address())
	if err != nil {
		if ctx.Err() == context.DeadlineExceeded {
			err = errors.New("no answer in time")
		}
		return nil, fmt.Errorf("%s: %w", one.url, dialCause(err))
	}
	if one.tls == nil {
		return plain.(*net.TCPConn), nil
	}
	c := tls.Client(plain, one.tls)
	if err := c.HandshakeContext(ctx); err != nil {
		plain.Close()
		return nil, fmt.Errorf("%s: TLS: %w", one.url, tlsCause(err))
	}
	return c, nil
}

// dialCause leaves out what says the address again.
func dialCause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}

// errSilentEnd says that a pool hung up before it said anything, as those do that want TLS.
var errSilentEnd = errors.New("the pool closed the connection without a word; if it wants TLS there, it is stratum+ssl://")

// tlsCause says what an error of a TLS handshake means that a port without TLS gives.
func tlsCause(err error) error {
	var header tls.RecordHeaderError
	if errors.Is(err, io.EOF) || errors.As(err, &header) {
		return fmt.Errorf("%w: if the pool wants no TLS there, it is stratum+tcp://", err)
	}
	return err
}

// failed says that a pool did not work, and why.
func (u *upstreams) failed(one *upstream, why error) {
	u.mu.Lock()
	one.why = why.Error()
	now := time.Now()
	told := false
	var wait time.Duration
	// Many connections may find the same out at once: that is one failure.
	if one.failures == 0 || !now.Before(one.retry) {
		told = one.failures == 0
		one.failures++
		wait = min(u.times.first<<min(one.failures-1, 10), u.times.last)
		one.retry = now.Add(wait)
	}
	u.mu.Unlock()
	if told {
		u.onEvent(PoolLost{one.url.String(), why.Error(), seconds(wait)})
	}
	select {
	case u.poke <- struct{}{}:
	default:
	}
}

// works says that a pool answers.
func (u *upstreams) works(one *upstream) {
	u.mu.Lock()
	back := one.failures > 0
	if back {
		one.failures, one.retry, one.since = 0, time.Time{}, time.Now()
	}
	u.mu.Unlock()
	if back {
		u.onEvent(PoolBack{one.url.String()})
	}
}

// probe tries pools that failed, when it is time to, until ctx ends: devices would have to wait for them, and those that are connected
// elsewhere would never find out.
func (u *upstreams) probe(ctx context.Context) {
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-u.poke:
		case <-t.C:
		}
		next := time.Hour
		for _, one := range u.order() {
			due, failed := u.due(one)
			switch {
			case !failed:
			case due > 0:
				next = min(next, due)
			default:
				if err := u.ask(ctx, one); err == nil {
					u.works(one)
				} else if ctx.Err() == nil {
					u.failed(one, err)
					next = min(next, u.times.first)
				}
			}
		}
		t.Reset(next)
	}
}

// due returns how long it is until a pool that failed is to be tried.
func (u *upstreams) due(one *upstream) (wait time.Duration, failed bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return time.Until(one.retry), one.failures > 0
}

// ask finds out whether a pool answers a question that needs no credentials.
func (u *upstreams) ask(ctx context.Context, one *upstream) error {
	c, err := u.dial(ctx, one)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	c.SetDeadline(time.Now().Add(u.times.answer))
	if _, err := c.Write(stratum.AppendRequest(nil, 1, stratum.MethodSubscribe, `"touchstone"`)); err != nil {
		return fmt.Errorf("%s: %w", one.url, dialCause(err))
	}
	if _, err := bufio.NewReaderSize(c, 16).ReadByte(); err != nil {
		if err == io.EOF && one.tls == nil {
			err = errSilentEnd
		}
		return fmt.Errorf("%s: no answer to %s: %w", one.url, stratum.MethodSubscribe, dialCause(err))
	}
	return nil
}
