package serve

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/work/share"
)

// ProxyConfig says how a Proxy runs. It is not touched after it was given away.
type ProxyConfig struct {
	// Listen says where to wait for devices. At least one. Idle is how long nothing may cross a connection in either direction. In
	// transparent mode, LinesPerSecond has no effect: what is too much is for the pool to say.
	Listen []ListenAt
	// Pools are URLs, see ParsePoolURL, in the order in which they are wanted. At least one. They carry no credentials: those are the
	// devices' own.
	Pools []string
	// PoolRoots are the certificates that a pool's must come from. Default: those of the system.
	PoolRoots *x509.CertPool
	// Return moves devices back to a pool that stands before theirs when it has worked for a minute again: their connections are
	// closed, a few a second, and they connect again. Default: they stay where they are until they connect again by themselves.
	Return bool
	// Silence is how long a pool may leave a device without any answer before both are disconnected and the pool counts as failed.
	// Default: 2 min.
	Silence time.Duration
	// Enforce answers bad shares instead of forwarding them. Default: everything is forwarded.
	Enforce bool
	// ShareRate, if not 0, is how many shares a minute each device is to find: it gets an easier difficulty than the pool's, and only
	// shares that the pool asked for are forwarded.
	ShareRate float64
	// Recorder records the connections; nil records nothing. The caller closes it, after Run.
	Recorder *Recorder
	// Recording is its folder, for ProxyStarted.
	Recording string
	// Devices is told of the devices. Default: one of the proxy's own.
	Devices *Devices
	// Audit says how the devices are audited. Default: they are not.
	Audit *AuditConfig
	// Status is where the status is shown over HTTP, HOST:PORT; see StatusServer. Default: nowhere.
	Status string
	// OnEvent is told what happens, one call at a time, from a goroutine of its own: if it blocks, events are lost and counted, and
	// nothing else happens. Default: nobody is told.
	OnEvent func(Event)
}

// Defaults of ProxyConfig, and times that are not configured.
const (
	defaultSilence = 2 * time.Minute
	// proxyStall is how long whoever we write to may take nothing.
	proxyStall = time.Minute
	// proxyLinger is how long a connection of which one side has ended waits for the other.
	proxyLinger = 30 * time.Second
	// proxyDrain is how long a stopping proxy waits for answers of the pool.
	proxyDrain = time.Second
	// judgeDrain is how long it waits for its judge.
	judgeDrain = time.Second
	// auditDrain is how long it waits for its audit, whose last report takes a second or two with a thousand devices.
	auditDrain = 5 * time.Second
	// eventDrain is how long it waits for who is told of events.
	eventDrain = time.Second
)

// Proxy stands between devices and pools. Each device gets a connection of its own to a pool, and what crosses it is recorded and judged.
//
// By default it is transparent: bytes are forwarded as they come, whatever they are, before anything else happens to them. But for one
// thing: the end of a mining.submit waits until the recording has it, so that each share that the pool credits is in the recording,
// even if this process is killed.
type Proxy struct {
	config    ProxyConfig
	settings  atomic.Pointer[proxySettings]
	upstreams *upstreams
	judge     *judge
	audit     *LiveAudit // nil if there is none
	// easier judges by the difficulties that devices are given, where those are ours.
	easier    *share.Validator
	started   time.Time
	listening atomic.Pointer[[]string] // URLs that devices connect to, nil before Run listens

	events *eventQueue

	mu         sync.Mutex
	listeners  []*Listener
	flows      map[proxied]struct{}
	devices    int // connections of this run
	turnedAway tellLimit
}

// proxySettings are what new connections begin with.
type proxySettings struct {
	silence   time.Duration
	enforce   bool
	shareRate float64
	back      bool
}

// proxied is a connection of a device, in either mode.
type proxied interface {
	// check looks for what is wrong with the connection now, and ends it if so.
	check(now time.Time)
	// drain stops taking in what the device sends.
	drain()
	// settled reports whether the pool has answered all shares.
	settled() bool
	// end closes the connection for that reason. It can be called more than once, and the first reason is told.
	end(reason error)
	// on returns the pool.
	on() *upstream
}

// NewProxy returns a Proxy that does not run yet. It fails where the configuration makes no sense.
func NewProxy(c ProxyConfig) (*Proxy, error) {
	if len(c.Listen) == 0 {
		return nil, errors.New("proxy without an address to listen on")
	}
	if c.OnEvent == nil {
		c.OnEvent = func(Event) {}
	}
	if c.Devices == nil {
		c.Devices = NewDevices()
	}
	p := &Proxy{config: c, started: time.Now(), events: newEventQueue(c.OnEvent), flows: map[proxied]struct{}{}}
	p.upstreams = newUpstreams(p.emit)
	p.judge = newJudge(newValidator(), p.emit)
	var err error
	if p.audit, err = newLiveAudit(c.Audit, p.emit); err != nil {
		return nil, err
	}
	p.judge.audit = p.audit
	p.easier = newValidator()
	if err := p.configure(c); err != nil {
		return nil, err
	}
	return p, nil
}

// configure makes the settings of new connections.
func (p *Proxy) configure(c ProxyConfig) error {
	var urls []PoolURL
	for _, text := range c.Pools {
		url, err := ParsePoolURL(text)
		if err != nil {
			return err
		}
		if url.User != "" || url.Password != "" {
			return &PoolCredentialsError{url}
		}
		if err := checkLoop(url, c.Listen); err != nil {
			return err
		}
		urls = append(urls, url)
	}
	switch {
	case len(urls) == 0:
		return errors.New("proxy without a pool")
	case c.ShareRate < 0 || c.ShareRate > MaxShareRate:
		return fmt.Errorf("share rate %g: want up to %d a minute, or 0 for the pool's difficulty", c.ShareRate, MaxShareRate)
	}
	s := &proxySettings{silence: c.Silence, enforce: c.Enforce, shareRate: c.ShareRate, back: c.Return}
	if s.silence == 0 {
		s.silence = defaultSilence
	}
	p.upstreams.set(urls, c.PoolRoots)
	p.settings.Store(s)
	return nil
}

// MaxShareRate is the most shares a minute that make sense to want: more tell no more of a device, and cost it time.
const MaxShareRate = 6000

// PoolCredentialsError says that a pool's URL has a user or password, which a proxy has no use for: devices log in themselves.
type PoolCredentialsError struct{ URL PoolURL }

// Error names the pool, without the credentials.
func (e *PoolCredentialsError) Error() string {
	return fmt.Sprintf("pool %s: user and password are the devices' own, and can't be given here", e.URL)
}

// Reload takes over pools, certificates, Return, times, Enforce, ShareRate and limits of who may connect from c, for connections that are
// made from now on; those that are there go on as they began. It returns what else differs and needs a restart. An error means that
// nothing was changed.
func (p *Proxy) Reload(c ProxyConfig) (changedThatNeedRestart []string, err error) {
	if err := p.configure(c); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	same := len(c.Listen) == len(p.config.Listen)
	for i := range min(len(c.Listen), len(p.listeners)) {
		if c.Listen[i].Address == p.config.Listen[i].Address {
			p.listeners[i].Reload(c.Listen[i].Config)
		} else {
			same = false
		}
	}
	if !same {
		changedThatNeedRestart = append(changedThatNeedRestart, "listen")
	}
	return changedThatNeedRestart, nil
}

func (s *proxySettings) mode() string {
	switch {
	case s.shareRate > 0:
		return ModeShareRate
	case s.enforce:
		return ModeEnforce
	}
	return ModeTransparent
}

// Run serves devices until ctx ends, and returns nil then; or why it can't listen. At the end it stops listening, waits a moment for the
// answers to what devices have sent, and disconnects them. Run can be called once.
func (p *Proxy) Run(ctx context.Context) error {
	status, err := listenStatus(p.config.Status, p)
	if err != nil {
		return err
	}
	urls, err := p.listen()
	if err != nil {
		status.Close()
		return err
	}
	p.listening.Store(&urls)
	p.started = time.Now()
	go p.events.run()
	s := p.settings.Load()
	started := ProxyStarted{Listen: urls, Pools: p.upstreams.names(), Recording: p.config.Recording, Mode: s.mode(), ShareRate: s.shareRate}
	started.Status = status.URL()
	p.emit(started)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	judged := make(chan struct{})
	go func() {
		defer close(judged)
		p.judge.run()
	}()
	if p.audit != nil {
		go p.audit.run()
	}
	var group, serving sync.WaitGroup
	fail := make(chan error, len(p.listeners)+1)
	showing := make(chan struct{})
	go func() {
		defer close(showing)
		if err := status.Run(ctx); err != nil {
			fail <- err
			cancel()
		}
	}()
	for _, l := range p.listeners {
		serving.Go(func() {
			if err := l.Serve(ctx, p.serve); err != nil {
				fail <- err
				cancel()
			}
		})
	}
	group.Go(func() { p.upstreams.probe(ctx) })
	group.Go(func() { p.look(ctx) })
	group.Go(func() { p.audit.poll(ctx, p.config.Recorder) })
	group.Wait()
	p.drain()
	serving.Wait()
	<-showing
	p.judge.stop()
	// A judge that hangs must not keep us from ending.
	timer := time.NewTimer(judgeDrain)
	defer timer.Stop()
	select {
	case <-judged:
	case <-timer.C:
	}
	p.audit.stop(auditDrain)
	p.emit(p.stopped())
	p.events.close(eventDrain)
	select {
	case err := <-fail:
		return err
	default:
		return nil
	}
}

// listen opens all places, or none.
func (p *Proxy) listen() (urls []string, err error) {
	var listeners []*Listener
	for _, at := range p.config.Listen {
		l, err := Listen(at.Address, at.Config, p.emit)
		if err != nil {
			for _, l := range listeners {
				l.Close()
			}
			return nil, err
		}
		if len(listeners) > 0 {
			l.Join(listeners[0])
		}
		listeners = append(listeners, l)
		urls = append(urls, at.url(l.Addr().String()))
	}
	p.mu.Lock()
	p.listeners = listeners
	p.mu.Unlock()
	return urls, nil
}

// stopped returns the last event.
func (p *Proxy) stopped() ProxyStopped {
	p.mu.Lock()
	devices := p.devices
	p.mu.Unlock()
	t := &p.judge.totals
	return ProxyStopped{
		Devices: devices, Shares: t.shares.Load(), Credited: t.credited.Load(), Refused: t.refused.Load(), Unjudged: t.unjudged.Load(),
		Disagreed: t.disagreed.Load(), Crossed: t.crossed.Load(), Blocks: t.blocks.Load(), Unanswered: t.unanswered.Load(), Elapsed: seconds(time.Since(p.started)),
	}
}

// serve joins a device to a pool, until either leaves or ctx ends, and returns why. In transparent mode nothing that the device says is punished:
// that is between it and the pool.
func (p *Proxy) serve(ctx context.Context, lines *Lines) error {
	defer lines.Close()
	conn, pool, err := p.upstreams.connect(ctx)
	if err != nil {
		if ctx.Err() == nil {
			p.turnAway(ctx, lines.Addr(), err)
		}
		return nil
	}
	s := p.settings.Load()
	if s.mode() == ModeTransparent {
		return p.run(ctx, newFlow(p, s, lines, conn, pool))
	}
	return p.run(ctx, newRewriter(p, s, lines, conn, pool))
}

// runner is a connection that can be run.
type runner interface {
	proxied
	// run carries what crosses the connection until it has ended, and returns why it did.
	run() error
}

// run runs a connection, known to those who look after all of them.
func (p *Proxy) run(ctx context.Context, r runner) error {
	p.mu.Lock()
	p.flows[r] = struct{}{}
	p.devices++
	p.mu.Unlock()
	if ctx.Err() != nil { // drain may have missed it, and the device was told nothing yet
		r.end(errStopped)
	}
	reason := r.run()
	p.mu.Lock()
	delete(p.flows, r)
	p.mu.Unlock()
	return reason
}

// turnAway tells that no pool could be reached, and waits a moment.
func (p *Proxy) turnAway(ctx context.Context, peer string, err error) {
	p.mu.Lock()
	untold, tell := p.turnedAway.may(time.Now())
	p.mu.Unlock()
	if tell {
		p.emit(DeviceTurnedAway{peer, strings.ReplaceAll(err.Error(), "\n", "; "), untold})
	}
	timer := time.NewTimer(p.upstreams.times.away)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// all returns the connections there are.
func (p *Proxy) all() []proxied {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]proxied, 0, len(p.flows))
	for f := range p.flows {
		all = append(all, f)
	}
	return all
}

// look looks after all connections until ctx ends.
func (p *Proxy) look(ctx context.Context) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			all := p.all()
			for _, f := range all {
				f.check(now)
			}
			p.sendBack(all, now)
		}
	}
}

// sendBack disconnects a few of those whose pool is not the one they would get now, if that is wanted.
func (p *Proxy) sendBack(all []proxied, now time.Time) {
	if !p.settings.Load().back {
		return
	}
	left := max(1, len(all)/60)
	for _, f := range all {
		if left == 0 {
			return
		}
		if better := p.upstreams.better(f.on(), now); better != nil && f.settled() {
			f.end(fmt.Errorf("%s works again", better.url))
			left--
		}
	}
}

// drain ends all connections when they have had the answers to what they sent, or soon.
func (p *Proxy) drain() {
	for _, f := range p.all() {
		f.drain()
	}
	deadline := time.Now().Add(proxyDrain)
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for {
		waiting := 0
		for _, f := range p.all() {
			if f.settled() || !time.Now().Before(deadline) {
				f.end(errStopped)
			} else {
				waiting++
			}
		}
		if waiting == 0 {
			break
		}
		<-t.C
	}
}

var errStopped = errors.New("the proxy stopped")

// AuditReport returns what the devices' shares prove until about now; an error if nothing is audited. It is safe for concurrent use, and
// the report must not be changed.
func (p *Proxy) AuditReport(ctx context.Context) (*audit.FleetReport, error) {
	return p.audit.Report(ctx)
}

// emit tells an event. It does not wait for who is told.
func (p *Proxy) emit(e Event) { p.events.put(e) }
