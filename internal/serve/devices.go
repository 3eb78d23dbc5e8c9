package serve

import (
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// Bounds of what Devices remembers.
const (
	// maxDeviceWorkers is how many workers have a sum of their own; those beyond share one.
	maxDeviceWorkers = 20_000
	// maxPartsOfDevice is how many workers of one connection are told apart, fewParts how many are found by looking at each.
	maxPartsOfDevice = 1000
	fewParts         = 8
	// maxName is how many bytes of names are kept: no honest one is longer.
	maxName = 256
	// deviceExamples and allExamples are how many disagreements are kept of each device, and of all together.
	deviceExamples = 3
	allExamples    = 20
	// tidyEvery is how often at most workers are looked for that may be forgotten.
	tidyEvery = 10 * time.Second
)

// wordCredited tells the words of credited shares.
var wordCredited = func() (credited [share.Block + 1]bool) {
	for _, w := range share.Words() {
		credited[w] = w.Credited()
	}
	return credited
}()

// Devices is what is known of the devices that a pool or proxy serves: the source of its status, metrics and live view. It is safe for
// concurrent use, and its memory is bounded: 1.5 KB for a connection, 2.5 KB for that of a proxy, and as much for each of the first 20 000
// workers by name. All workers beyond are one; those that are gone and earned nothing make room for others. Names are cut to 256 bytes.
type Devices struct {
	// Locked before that of a Device.
	mu       sync.Mutex
	started  time.Time
	live     byAge[Device] // in the order in which they connected
	count    int
	last     uint64 // number of the newest
	workers  map[string]*workerSum
	named    uint64 // how many workers there were
	others   workerSum
	tidied   time.Time
	clock    func() time.Time
	examples examples

	// Of connections that ended:
	rate         rateParts
	ended        recentParts
	cover        coverage // of live ones too
	reply, added latencySum
}

// NewDevices returns an empty Devices.
func NewDevices() *Devices { return newDevices(time.Now) }

func newDevices(clock func() time.Time) *Devices {
	d := &Devices{workers: map[string]*workerSum{}, clock: clock, started: clock()}
	d.live.place = func(d *Device) *aged[Device] { return &d.age }
	d.examples.most = allExamples
	return d
}

// Device is one connection of a device. Its methods are cheap: some hundred nanoseconds at most. Times come in order, with Go's
// monotonic reading. It is safe for concurrent use.
type Device struct {
	devices             *Devices
	number              uint64
	session, peer, pool string
	connected           time.Time

	mu           sync.Mutex
	userAgent    string
	gone         bool
	seen         time.Time // the latest time it was told
	begun        time.Time // when it began to be watched, if it is
	watch        watch
	part         *devicePart // of the worker that Is named last
	parts        []*devicePart
	index        map[string]*devicePart // of parts, if they are many
	reply, added *latencies             // nil until there is one
	examples     examples

	age aged[Device]
}

// Connected begins a connection: session is its SessionName, pool the URL of the pool it was joined to, "" where touchstone is the pool.
func (d *Devices) Connected(session, peer, pool string, now time.Time) *Device {
	c := &Device{devices: d, session: session, peer: cutName(peer), pool: cutName(pool), connected: now, seen: now}
	c.examples.most = deviceExamples
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last++
	d.count++
	c.number = d.last
	c.watch.window = max(windowOf(d.started, now), 0)
	d.live.add(c)
	return c
}

// cutName keeps a name within bounds.
func cutName(s string) string {
	if len(s) <= maxName {
		return s
	}
	end := maxName
	for end > maxName-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// Is tells who the device is, as far as it has said: user agent and worker may be "". What is judged and answered from now on is that
// worker's, until another is named: where a connection serves several, name each before its share and before the answer to it.
func (d *Device) Is(userAgent, worker string) {
	worker = cutName(worker)
	d.mu.Lock()
	if userAgent != "" && userAgent != d.userAgent {
		d.userAgent = cutName(userAgent)
	}
	same := d.gone || worker == "" || d.use(worker)
	d.mu.Unlock()
	if same {
		return
	}
	d.devices.mu.Lock()
	defer d.devices.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.gone && !d.use(worker) {
		d.join(worker)
	}
}

// Worker returns the worker that Is named last, "" if none.
func (d *Device) Worker() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.part == nil {
		return ""
	}
	return d.part.name
}

// use makes a worker's part the one in use, if there is one.
func (d *Device) use(worker string) bool {
	if d.part != nil && d.part.name == worker {
		return true
	}
	part := d.index[worker]
	if d.index == nil {
		if i := slices.IndexFunc(d.parts, func(p *devicePart) bool { return p.name == worker }); i >= 0 {
			part = d.parts[i]
		}
	}
	if part == nil {
		return false
	}
	d.part = part
	return true
}

// join begins a worker's part. The caller holds both locks.
func (d *Device) join(worker string) {
	w := &d.devices.others
	if len(d.parts) < maxPartsOfDevice {
		w = d.devices.worker(worker, d.seen)
	}
	part := &devicePart{worker: w, name: worker}
	if w == &d.devices.others {
		// One part for all of them.
		if i := slices.IndexFunc(d.parts, func(p *devicePart) bool { return p.worker == w }); i >= 0 {
			d.part = d.parts[i]
			return
		}
		part.name = ""
	}
	w.live++
	w.connections++
	if w.since.IsZero() {
		w.since = d.seen
	}
	if d.watch.running {
		w.cover.join(d.begun, d.seen)
		if d.begun.Before(w.since) {
			w.since = d.begun
		}
	}
	d.part = part
	d.parts = append(d.parts, part)
	switch {
	case d.index != nil:
		d.index[part.name] = part
	case len(d.parts) > fewParts:
		d.index = make(map[string]*devicePart)
		for _, p := range d.parts {
			d.index[p.name] = p
		}
	}
}

// worker returns the sum of a worker. The caller holds the lock.
func (d *Devices) worker(name string, now time.Time) *workerSum {
	if w := d.workers[name]; w != nil {
		return w
	}
	if len(d.workers) >= maxDeviceWorkers && !d.tidy(now) {
		return &d.others
	}
	d.named++
	w := &workerSum{name: name, number: d.named, since: now}
	d.workers[name] = w
	return w
}

// tidy forgets workers that are gone and earned nothing, and reports whether there were any.
func (d *Devices) tidy(now time.Time) bool {
	if !d.tidied.IsZero() && now.Sub(d.tidied) < tidyEvery {
		return false
	}
	d.tidied = now
	for name, w := range d.workers {
		if w.live == 0 && w.credited() == 0 {
			d.others.deviceTally.merge(&w.deviceTally)
			d.others.connections += w.connections
			delete(d.workers, name)
		}
	}
	return len(d.workers) < maxDeviceWorkers
}

// now takes in the time of an event. The caller holds the lock.
func (d *Device) now(now time.Time) {
	if !now.After(d.seen) {
		return
	}
	d.seen = now
	if windows := d.watch.roll(d.devices.started, now); windows > 0 {
		for _, p := range d.parts {
			p.roll(windows)
		}
	}
}

// Target says what shares of later jobs must meet, when a job was sent.
func (d *Device) Target(t work.Target, now time.Time) {
	d.mu.Lock()
	known := d.gone
	if d.watch.running {
		d.now(now)
		d.watch.set(t, d.seen)
		known = true
	}
	d.mu.Unlock()
	if known {
		return
	}
	d.devices.mu.Lock()
	defer d.devices.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone {
		return
	}
	d.now(now)
	if !d.watch.running {
		d.cover()
	}
	d.watch.set(t, d.seen)
}

// cover says that its time counts from now on. The caller holds both locks.
func (d *Device) cover() {
	d.begun = d.seen
	d.devices.cover.join(d.begun, d.seen)
	for _, p := range d.parts {
		p.worker.cover.join(d.begun, d.seen)
	}
}

// named makes sure that there is a worker to count for: one without a name, if the device did not tell. It returns with the device's lock
// held, and false, if the connection has ended.
func (d *Device) named() bool {
	d.mu.Lock()
	if d.part == nil && !d.gone {
		d.mu.Unlock()
		d.devices.mu.Lock()
		d.mu.Lock()
		if d.part == nil && !d.gone && !d.use("") {
			d.join("")
		}
		d.devices.mu.Unlock()
	}
	return !d.gone
}

// Judged adds our verdict on a submission; err is why it could not be judged.
func (d *Device) Judged(v *share.Verdict, err error, now time.Time) {
	defer d.mu.Unlock()
	if !d.named() {
		return
	}
	d.now(now)
	if d.part.judged(v, err, d.seen) {
		d.part.current++
	}
}

// Said adds the pool's answer to a submission that we judged so; crossed says that it refuses what crossed a new block on the wire, latency is
// the time from the submission to the answer.
func (d *Device) Said(v *share.Verdict, err error, r stratum.Reply, crossed bool, latency time.Duration) {
	kind, example := d.said(v, err, r, crossed, latency)
	if kind != "" {
		d.devices.mu.Lock()
		d.devices.examples.add(example)
		d.devices.mu.Unlock()
	}
}

func (d *Device) said(v *share.Verdict, err error, r stratum.Reply, crossed bool, latency time.Duration) (string, *Disagreement) {
	defer d.mu.Unlock()
	if !d.named() {
		return "", nil
	}
	if d.reply == nil {
		d.reply = new(latencies)
	}
	d.reply.add(latency)
	kind := d.part.said(v, err, r, crossed)
	if kind == "" {
		return "", nil
	}
	example := &Disagreement{
		Kind: kind, Time: d.devices.clock().UTC(), Session: d.session, Worker: d.part.name, Verdict: v.Word.String(), Reason: v.Detail(),
		Difficulty: finite(v.Difficulty()), Required: v.Required(), Pool: d.pool, PoolSaid: r.String(),
	}
	if v.Built {
		example.Hash = v.Hash.String()
	}
	d.examples.add(example)
	return kind, example
}

// Forwarded adds the time that a message spent inside the proxy.
func (d *Device) Forwarded(inside time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone {
		return
	}
	if d.added == nil {
		d.added = new(latencies)
	}
	d.added.add(inside)
}

// Missed adds messages that could not be judged, because the judge did not keep up. From the last event before them to the next job
// nothing is known, and the time does not count.
func (d *Device) Missed(messages int) {
	if messages <= 0 {
		return
	}
	if d.named() {
		d.part.missed += uint64(messages)
	}
	d.mu.Unlock()
	d.devices.mu.Lock()
	defer d.devices.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pause()
}

// pause ends the time that counts. The caller holds both locks.
func (d *Device) pause() {
	if !d.watch.running {
		return
	}
	d.watch.pause(d.seen)
	d.devices.cover.leave(d.seen)
	for _, p := range d.parts {
		p.worker.cover.leave(d.seen)
	}
}

// Gone ends the connection. What is told of it later is not counted.
func (d *Device) Gone(now time.Time) {
	all := d.devices
	all.mu.Lock()
	defer all.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone {
		return
	}
	d.now(now)
	d.pause()
	d.gone = true
	all.live.remove(d)
	all.count--
	all.reply.merge(d.reply)
	all.added.merge(d.added)
	spans := d.watch.spans()
	exposure, watched := spans.whole.exposure.Seconds(), spans.whole.watched.Seconds()
	early, late := &d.watch.last, &d.watch.current
	earlySeconds, lateSeconds := early.exposure.Seconds(), late.exposure.Seconds()
	recently := func(r *recentParts, last, current uint64) {
		r.roll(d.watch.window)
		r.last.add(&early.exposure, earlySeconds, early.watched.Seconds(), last)
		r.current.add(&late.exposure, lateSeconds, late.watched.Seconds(), current)
	}
	var credited, last, current uint64
	for _, p := range d.parts {
		n := p.credited()
		credited, last, current = credited+n, last+p.last, current+p.current
		p.worker.live--
		p.worker.deviceTally.merge(&p.deviceTally)
		p.worker.rate.add(&spans.whole.exposure, exposure, watched, n)
		recently(&p.worker.ended, p.last, p.current)
	}
	all.rate.add(&spans.whole.exposure, exposure, watched, credited)
	recently(&all.ended, last, current)
	d.parts, d.index, d.part, d.reply, d.added = nil, nil, nil, nil, nil
}

// merge adds what o added up.
func (r *rateParts) merge(o *rateParts) {
	r.exposure.Merge(&o.exposure)
	r.sum += o.sum
	r.squares += o.squares
	if r.largest == 0 || o.largest != 0 && o.smallest < r.smallest {
		r.smallest = o.smallest
	}
	r.largest = max(r.largest, o.largest)
}

// examples are the last few disagreements.
type examples struct {
	most int
	all  []*Disagreement // oldest first; not changed any more
}

func (e *examples) add(d *Disagreement) {
	if len(e.all) >= e.most {
		e.all = e.all[:copy(e.all, e.all[1:])]
	}
	e.all = append(e.all, d)
}
