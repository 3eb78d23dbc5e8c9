package serve

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/node"
	"github.com/touchstone-btc/touchstone/work/share"
)

// PoolConfig says how to run a pool. It is not touched after [NewPool].
type PoolConfig struct {
	// Backend gives templates and takes blocks. Required; the caller closes it,
	// after Run.
	Backend *Backend

	// Listen says where to wait for devices. At least one.
	Listen []ListenAt

	// Solo pays for each block whoever found it: the worker's name, up to its
	// first dot, is the address. Otherwise the Backend's address is paid.
	Solo bool

	// Tag is text for the coinbase's scriptSig. Default: none.
	Tag string

	// VersionMask are the version bits that miners may roll at most, less those
	// that the first template uses; 0 lets them roll none.
	VersionMask uint32

	// Vardiff says how hard shares are.
	Vardiff stratum.Vardiff

	// Recorder records the connections; nil records nothing. The caller closes
	// it, after Run.
	Recorder *Recorder

	// Devices is told of the devices. Default: one of the pool's own.
	Devices *Devices

	// Audit says how the devices are audited. Default: they are not.
	Audit *AuditConfig

	// Status is where the status is shown over HTTP, HOST:PORT; see
	// [StatusServer]. Default: nowhere.
	Status string

	// StatusEvery is the time between two PoolStatus events; 0 means none.
	StatusEvery time.Duration

	// OnEvent is told what happens, one call at a time, from a goroutine of its
	// own: if it blocks, events are lost and counted, and nothing else happens.
	// Default: nobody is told.
	OnEvent func(Event)

	// validator judges; nil means that of newValidator.
	validator *share.Validator
}

// ListenAt is a place to wait for devices.
type ListenAt struct {
	// Address is HOST:PORT; port 0 is any that is free.
	Address string
	// Config says who may connect, and how much they may ask.
	Config ListenConfig
}

// url is what a miner is told to connect to, where the listener's address is
// address.
func (l *ListenAt) url(address string) string {
	if l.Config.TLS != nil {
		return "stratum+ssl://" + address
	}
	return "stratum+tcp://" + address
}

// Pool is a Stratum V1 server on a Backend: it gives devices the jobs that
// follow from its templates, judges what they find, and hands over the blocks
// among it, each written to disk before the device is answered.
type Pool struct {
	config    PoolConfig
	server    *stratum.Server // made by Run
	submitter *node.Submitter
	follower  *follower[*poolWork]

	jobs    jobNames
	work    atomic.Pointer[poolWork] // what is offered now; nil before the first
	payees  payees
	conns   poolConns
	started time.Time
	// listening are the URLs that miners connect to, nil before Run listens.
	listening atomic.Pointer[[]string]
	// heard is when the last usable template came, in nanoseconds since started.
	heard atomic.Int64

	events *eventQueue
	audit  *LiveAudit // nil if there is none
	shares shareCount
	tag    atomic.Pointer[string]

	mu        sync.Mutex
	vardiff   stratum.Vardiff
	listeners []*Listener

	issued   issuedJobs
	blocks   map[chainhash.Hash]*poolBlock // undecided, by hash
	accepted int
	refused  int
}

// NewPool returns a Pool that does not run yet.
func NewPool(c PoolConfig) (*Pool, error) {
	if len(c.Listen) == 0 {
		return nil, errors.New("pool without an address to listen on")
	}
	if c.OnEvent == nil {
		c.OnEvent = func(Event) {}
	}
	if c.Devices == nil {
		c.Devices = NewDevices()
	}
	if c.validator == nil {
		c.validator = newValidator()
	}
	p := &Pool{
		config:  c,
		jobs:    newJobNames(time.Now()),
		events:  newEventQueue(c.OnEvent),
		vardiff: c.Vardiff,
		blocks:  map[chainhash.Hash]*poolBlock{},
		started: time.Now(),
	}
	p.tag.Store(&c.Tag)
	p.follower = newFollower(c.Backend, p.newWork, p.publish, p.emit)
	p.payees.init(c.Solo, c.Backend.Script)
	p.conns.init()
	var err error
	if p.audit, err = newLiveAudit(c.Audit, p.emit); err != nil {
		return nil, err
	}
	p.submitter, err = c.Backend.newSubmitter(p.submitted, p.emit)
	return p, err
}

// newServer makes the server, which grants version bits that are free to roll
// on the first template. What a later one reserves is rolled all the same: the
// bits of pending deployments are votes that nobody counts here.
func (p *Pool) newServer(first *offer[*poolWork]) error {
	mask := p.config.VersionMask
	if first != nil {
		mask = work.SoloMask(first.job.template, mask)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	p.server, err = stratum.NewServer(stratum.ServerConfig{
		Validator:       p.config.validator,
		Handler:         poolHandler{p},
		VersionMask:     mask,
		Extranonce2Size: extranonce2Size,
		Vardiff:         p.vardiff,
	})
	return err
}

// Run serves devices until ctx ends, and returns nil then. If there is no
// usable template to begin with it returns why; unless a block of an earlier
// run waits to be sent and the reason may pass. It returns also why it can't
// listen. Later troubles are events: devices keep the work they have, and what
// failed is tried again. Run can be called once.
func (p *Pool) Run(ctx context.Context) error {
	go p.events.run()
	defer p.events.close(eventDrain)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pending := p.config.Backend.Journal.Pending()
	for _, e := range pending {
		p.blocks[e.Hash] = p.earlierBlock(e.Hash)
	}

	next, err := p.follower.template(ctx, "")
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		if len(pending) == 0 || !node.Temporary(err) {
			return err
		}
		p.emit(NoTemplate{err.Error(), 0})
	}
	if err := p.newServer(next); err != nil {
		return err
	}
	status, err := p.listen()
	if err != nil {
		return err
	}
	b := p.config.Backend
	b.running.Store(true)
	address := b.Address
	if p.config.Solo {
		address = ""
	}
	p.emit(PoolStarted{
		Chain:       b.Chain,
		Nodes:       append([]string{}, b.Nodes...),
		Folder:      b.Folder,
		Address:     address,
		Listen:      *p.listening.Load(),
		Status:      status.URL(),
		VersionMask: formatMask(p.config.VersionMask),
		Pending:     len(pending),
	})

	if p.audit != nil {
		go p.audit.run()
	}
	// The submitter stops last, when no device can hand in a block any more.
	var group, last sync.WaitGroup
	sending, stopSending := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSending()
	fail := make(chan error, len(p.listeners)+2)
	run := func(group *sync.WaitGroup, f func() error) {
		group.Go(func() {
			if err := f(); err != nil {
				fail <- err
				cancel()
			}
		})
	}
	run(&last, func() error { return p.submitter.Run(sending) })
	for i, l := range p.listeners {
		at := &p.config.Listen[i]
		run(&group, func() error {
			return l.Serve(ctx, func(ctx context.Context, lines *Lines) error { return p.serve(ctx, lines, at) })
		})
	}
	run(&group, func() error { return status.Run(ctx) })
	group.Go(func() { p.follower.follow(ctx, next) })
	group.Go(func() { p.tick(ctx) })
	group.Go(func() { p.audit.poll(ctx, p.config.Recorder) })
	if p.config.StatusEvery > 0 {
		group.Go(func() { p.tell(ctx) })
	}
	group.Wait()
	stopSending()
	last.Wait()
	p.audit.stop(auditDrain)

	accepted, refused := p.shares.counts()
	p.mu.Lock()
	stopped := PoolStopped{p.accepted, p.refused, len(b.Journal.Pending()), accepted, refused, seconds(time.Since(p.started))}
	p.mu.Unlock()
	p.emit(stopped)
	select {
	case err := <-fail:
		return err
	default:
		return nil
	}
}

// listen opens all places, or none.
func (p *Pool) listen() (status *StatusServer, err error) {
	var listeners []*Listener
	var urls []string
	defer func() {
		if err != nil {
			for _, l := range listeners {
				_ = l.Close()
			}
		}
	}()
	for _, at := range p.config.Listen {
		l, err := Listen(at.Address, at.Config, p.emit)
		if err != nil {
			return nil, err
		}
		if len(listeners) > 0 {
			l.Join(listeners[0])
		}
		listeners = append(listeners, l)
		urls = append(urls, at.url(l.Addr().String()))
	}
	if status, err = listenStatus(p.config.Status, p); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listeners = listeners
	p.listening.Store(&urls)
	return status, nil
}

// Reload takes over from c how hard shares are, the tag, and the limits of who
// may connect with their certificates. It returns what else differs and needs
// a restart. An error means that nothing was changed.
func (p *Pool) Reload(c PoolConfig) (changedThatNeedRestart []string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w := p.work.Load(); w != nil {
		// With a tag that is too long, there would be no work from the next template on.
		if _, err := w.base.WithCoinbase("", w.template, p.coinbase(w.template, make([]byte, widestPayout), c.Tag, 0)); err != nil {
			return nil, err
		}
	}
	if p.server != nil {
		if err := p.server.SetVardiff(c.Vardiff); err != nil {
			return nil, err
		}
	}
	p.vardiff = c.Vardiff
	p.tag.Store(&c.Tag)
	same := len(c.Listen) == len(p.config.Listen)
	for i := range min(len(c.Listen), len(p.listeners)) {
		// Whether to speak TLS is a matter of the port.
		if a, b := c.Listen[i], p.config.Listen[i]; a.Address == b.Address && (a.Config.TLS != nil) == (b.Config.TLS != nil) {
			p.listeners[i].Reload(a.Config)
		} else {
			same = false
		}
	}
	for _, d := range []struct {
		name    string
		differs bool
	}{
		{"listen", !same},
		{"status", c.Status != p.config.Status},
		{"solo", c.Solo != p.config.Solo},
		{"version-mask", c.VersionMask != p.config.VersionMask},
	} {
		if d.differs {
			changedThatNeedRestart = append(changedThatNeedRestart, d.name)
		}
	}
	return changedThatNeedRestart, nil
}

// AuditReport returns what the devices' shares prove until about now; an error if nothing is audited. It is safe for concurrent use, and
// the report must not be changed.
func (p *Pool) AuditReport(ctx context.Context) (*audit.FleetReport, error) {
	return p.audit.Report(ctx)
}

// emit tells an event.
func (p *Pool) emit(e Event) { p.events.put(e) }
