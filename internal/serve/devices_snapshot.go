package serve

import (
	"cmp"
	"runtime/debug"
	"slices"
	"strconv"
	"time"
)

// Snapshot is what a pool or proxy shows of itself at one time. Its JSON is stable: fields may be added.
type Snapshot struct {
	RoleStatus
	Total TotalStatus `json:"total"`
	// Workers are in the order of their names, Devices in that in which they connected.
	Workers []WorkerStatus `json:"workers"`
	Devices []DeviceStatus `json:"devices"`
}

// RoleStatus is what is no sum over devices. Version, Started and Time are those of Devices, the role knows the rest.
type RoleStatus struct {
	Role    string    `json:"role"` // pool or proxy
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Time    time.Time `json:"time"`
	// Chain and Height are what a pool mines on; absent where they are not known.
	Chain  string `json:"chain,omitempty"`
	Height int32  `json:"height,omitempty"`
	// TemplateAge is the time since a pool's node gave the last template, in seconds; Outdated says that it is so long that devices may
	// work on what is no longer the tip.
	TemplateAge Seconds `json:"template_age,omitempty"`
	Outdated    bool    `json:"outdated,omitempty"`
	// Listen are the addresses where devices connect.
	Listen []string `json:"listen,omitempty"`
	// Pools are those of a proxy, in the order of preference.
	Pools []PoolState `json:"pools,omitempty"`
	// Recording is null if nothing is recorded.
	Recording *RecordingStatus `json:"recording"`
}

// PoolState is what a proxy knows of a pool.
type PoolState struct {
	URL     string `json:"url"` // without password
	Working bool   `json:"working"`
	Devices int    `json:"devices"`         // joined to it now
	Error   string `json:"error,omitempty"` // of the last failure, while it does not work
}

// RecordingStatus says how a recording goes.
type RecordingStatus struct {
	Folder   string `json:"folder"`
	Lost     uint64 `json:"lost"`            // lines that were not recorded; the recording says where they are missing
	Failures uint64 `json:"failures"`        // how often writing began to fail
	Error    string `json:"error,omitempty"` // while it fails
}

// DeviceTally counts what came of a device, a worker, or all.
type DeviceTally struct {
	Shares   int64            `json:"shares"`
	Verdicts map[string]int64 `json:"verdicts"` // by word, without those that did not occur
	Credited int64            `json:"credited"`
	Refused  int64            `json:"refused"`
	Unjudged int64            `json:"unjudged"` // that could not be judged
	Missed   int64            `json:"missed"`   // messages that the judge did not keep up with
	Blocks   int64            `json:"blocks"`   // headers that meet the network's target, refused shares too
	// PoolAccepted and PoolRejected are what the pool of a proxy said. Disagreements is how often that was not our verdict:
	// WronglyAccepted by the pool, WronglyRejected. Crossed are none of them: shares that were good when they left, and that the pool
	// refused as stale because it had turned to a new block meanwhile.
	PoolAccepted    int64 `json:"pool_accepted"`
	PoolRejected    int64 `json:"pool_rejected"`
	Disagreements   int64 `json:"disagreements"`
	WronglyAccepted int64 `json:"wrongly_accepted"`
	WronglyRejected int64 `json:"wrongly_rejected"`
	Crossed         int64 `json:"crossed"`
	// Work is how many hashes the credited shares take on average, exact, as a decimal number; Credit the sum of their
	// difficulties.
	Work   string  `json:"work"`
	Credit float64 `json:"credit"`
	// Best is the difficulty that the best credited share is worth, 0 if there is none.
	Best      float64    `json:"best"`
	LastShare *time.Time `json:"last_share"` // null if there was none
	// HashRate is what the credited shares prove, null where nothing could be found yet.
	HashRate *HashRate `json:"hash_rate"`
}

// hashes is Work, rounded.
func (t *DeviceTally) hashes() float64 {
	v, _ := strconv.ParseFloat(t.Work, 64) // what is beyond its range is +Inf
	return v
}

// DeviceStatus is one connection.
type DeviceStatus struct {
	Number     uint64    `json:"number"`  // of all connections, from 1
	Session    string    `json:"session"` // as in recordings
	Peer       string    `json:"peer"`
	UserAgent  string    `json:"user_agent"`
	Worker     string    `json:"worker"`            // the one named last
	Workers    int       `json:"workers,omitempty"` // how many there are, if more than one
	Pool       string    `json:"pool,omitempty"`
	Connected  time.Time `json:"connected"`
	Difficulty float64   `json:"difficulty"` // in force, 0 if there is none
	DeviceTally
	// Recent is the rate of the last ten to twenty minutes, or since it connected.
	Recent *HashRate `json:"recent"`
	// Reply is how long the pool took to answer shares, Added how long the proxy held messages; null where nothing was measured.
	Reply *Latency `json:"reply"`
	Added *Latency `json:"added"`
	// Examples are the last few disagreements, oldest first.
	Examples []*Disagreement `json:"examples,omitempty"`
}

// WorkerStatus is what came of a worker over all its connections.
type WorkerStatus struct {
	// Worker is the name: "" is one that was not named, null stands for all those beyond the first 20 000.
	Worker      *string `json:"worker"`
	Number      uint64  `json:"number"`  // of all workers, from 1 in the order in which they came; 0 for those beyond
	Devices     int     `json:"devices"` // connected now
	Connections uint64  `json:"connections"`
	DeviceTally
	// Recent is the rate of the last ten to twenty minutes, or since the worker first came: time without a connection counts too.
	Recent *HashRate `json:"recent"`
}

// TotalStatus is what came of all.
type TotalStatus struct {
	Devices     int    `json:"devices"` // connected now
	Connections uint64 `json:"connections"`
	Workers     int    `json:"workers"`
	DeviceTally
	// Recent is the rate of the last ten to twenty minutes: of machines that were there for a part of them, that part.
	Recent   *HashRate       `json:"recent"`
	Reply    *Latency        `json:"reply"`
	Added    *Latency        `json:"added"`
	Examples []*Disagreement `json:"examples,omitempty"`
}

// How a pool and touchstone disagree.
const (
	PoolAccepted = "accepted" // the pool, what strict refuses
	PoolRefused  = "refused"  // the pool, what strict credits
)

// Disagreement is a share of which the pool said something else than touchstone. It is not changed.
type Disagreement struct {
	Kind       string    `json:"kind"` // one of the constants PoolAccepted and PoolRefused
	Time       time.Time `json:"time"` // when the answer was seen
	Session    string    `json:"session"`
	Worker     string    `json:"worker"`
	Pool       string    `json:"pool,omitempty"`
	Verdict    string    `json:"verdict"`
	Reason     string    `json:"reason,omitempty"` // why it was refused
	Hash       string    `json:"hash,omitempty"`   // in display order; absent where there is no header
	Difficulty float64   `json:"difficulty"`       // achieved
	Required   float64   `json:"required"`
	PoolSaid   string    `json:"pool_said"`
}

// StatusSource is a role that shows what it does. Snapshot is safe for concurrent use, and returns what the caller may keep.
type StatusSource interface{ Snapshot() Snapshot }

// drawing is a snapshot being made: first all is copied, with Devices locked, then the rates are computed.
type drawing struct {
	out     Snapshot
	rates   []drawnRate // of the devices
	workers []drawnWorker
	total   drawnWorker
	recent  rateParts
	reply   latencySum
	added   latencySum
}

type drawnRate struct {
	spans          spans
	credited, late uint64 // in all, and of late
	parts          []drawnPart
}

type drawnPart struct {
	worker         int
	credited, late uint64
}

type drawnWorker struct {
	name        string
	others      bool
	tally       deviceTally
	rate        rateParts
	seconds     float64
	beside      bool
	live        int
	number      uint64
	connections uint64
	recent      rateParts
	since       time.Time
}

// Snapshot returns what is known at the time now. The role adds what it knows.
func (d *Devices) Snapshot(now time.Time) Snapshot {
	var s drawing
	s.copy(d, now)
	s.compute(d.started, now)
	s.out.Version, s.out.Started, s.out.Time = buildVersion(), d.started.UTC(), now.UTC()
	return s.out
}

// copy takes all that is needed from Devices.
func (s *drawing) copy(d *Devices, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	window := windowOf(d.started, now)
	s.workers = make([]drawnWorker, 0, len(d.workers)+1)
	for _, w := range d.workers {
		w.ended.roll(window)
		s.worker(w, now)
	}
	d.others.ended.roll(window)
	s.worker(&d.others, now)
	s.workers[d.others.drawn].others = true
	s.total.seconds, _ = d.cover.seconds(now)
	s.total.rate = d.rate
	d.ended.roll(window)
	s.recent = d.ended.recent()
	s.reply, s.added = d.reply, d.added
	s.out.Total.Devices, s.out.Total.Connections, s.out.Total.Workers = d.count, d.last, len(d.workers)
	s.out.Total.Examples = slices.Clone(d.examples.all)
	s.out.Devices = make([]DeviceStatus, 0, d.count)
	s.rates = make([]drawnRate, 0, d.count)
	for c := d.live.oldest; c != nil; c = c.age.newer {
		s.device(c, now)
	}
}

// worker copies a worker.
func (s *drawing) worker(w *workerSum, now time.Time) {
	w.drawn = len(s.workers)
	s.workers = append(s.workers, drawnWorker{
		name: w.name, number: w.number, rate: w.rate, live: w.live, connections: w.connections, since: w.since,
	})
	c := &s.workers[w.drawn]
	c.recent = w.ended.recent()
	c.tally.merge(&w.deviceTally)
	c.seconds, c.beside = w.cover.seconds(now)
}

// device copies a device.
func (s *drawing) device(d *Device, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now(now)
	d.watch.advance(d.seen)
	out := DeviceStatus{
		Number: d.number, Session: d.session, Peer: d.peer, UserAgent: d.userAgent, Pool: d.pool, Connected: d.connected.UTC(),
		Examples: slices.Clone(d.examples.all),
	}
	if !d.watch.target.IsZero() {
		out.Difficulty = d.watch.target.Difficulty()
	}
	rate := drawnRate{spans: d.watch.spans()}
	var tally *deviceTally
	for i, p := range d.parts {
		n := p.credited()
		rate.credited += n
		rate.late += p.last + p.current
		rate.parts = append(rate.parts, drawnPart{p.worker.drawn, n, p.last + p.current})
		s.workers[p.worker.drawn].tally.merge(&p.deviceTally)
		switch i {
		case 0:
			tally = &p.deviceTally
		case 1:
			sum := new(deviceTally)
			sum.merge(tally)
			tally = sum
			fallthrough
		default:
			tally.merge(&p.deviceTally)
		}
	}
	if tally == nil {
		tally = new(deviceTally)
	}
	out.DeviceTally = tally.report()
	if d.part != nil {
		out.Worker = d.part.name
	}
	if len(d.parts) > 1 {
		out.Workers = len(d.parts)
	}
	out.Reply, out.Added = d.reply.report(), d.added.report()
	s.reply.merge(d.reply)
	s.added.merge(d.added)
	s.out.Devices = append(s.out.Devices, out)
	s.rates = append(s.rates, rate)
}

// compute computes the rates.
func (s *drawing) compute(started, now time.Time) {
	// When the windows began that count as recent.
	recently := started.Add(time.Duration(max(windowOf(started, now)-1, 0)) * recentWindow)
	for i := range s.rates {
		r, out := &s.rates[i], &s.out.Devices[i]
		exposure, watched := r.spans.whole.exposure.Seconds(), r.spans.whole.watched.Seconds()
		late, lately := r.spans.recent.exposure.Seconds(), r.spans.recent.watched.Seconds()
		var whole, recent rateParts
		if whole.add(&r.spans.whole.exposure, exposure, watched, r.credited) {
			out.HashRate = whole.rate(watched, false)
		}
		if recent.add(&r.spans.recent.exposure, late, lately, r.late) {
			out.Recent = recent.rate(lately, false)
		}
		s.recent.merge(&recent)
		s.total.rate.add(&r.spans.whole.exposure, exposure, watched, r.credited)
		for _, p := range r.parts {
			w := &s.workers[p.worker]
			w.rate.add(&r.spans.whole.exposure, exposure, watched, p.credited)
			w.recent.add(&r.spans.recent.exposure, late, lately, p.late)
		}
	}
	named := s.workers[:len(s.workers)-1] // the others come last
	slices.SortFunc(named, func(a, b drawnWorker) int { return cmp.Compare(a.name, b.name) })
	s.out.Workers = make([]WorkerStatus, 0, len(s.workers))
	var total deviceTally
	for i := range s.workers {
		w := &s.workers[i]
		if w.others && w.connections == 0 {
			continue
		}
		total.merge(&w.tally)
		out := WorkerStatus{Worker: &w.name, Number: w.number, Devices: w.live, Connections: w.connections, DeviceTally: w.tally.report()}
		if w.others {
			out.Worker = nil
			w.beside = true
		}
		out.HashRate = w.rate.rate(w.seconds, w.beside)
		if w.since.Before(recently) {
			w.since = recently
		}
		out.Recent = w.recent.rate(now.Sub(w.since).Seconds(), true)
		s.out.Workers = append(s.out.Workers, out)
	}
	out := &s.out.Total
	out.DeviceTally = total.report()
	// Of one worker's machine and another's, one after the other, exposures don't add up.
	out.HashRate = s.total.rate.rate(s.total.seconds, true)
	out.Recent = s.recent.rate(now.Sub(recently).Seconds(), true)
	out.Reply, out.Added = s.reply.report(), s.added.report()
}

// buildVersion returns the version of this program.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unknown"
	}
	return info.Main.Version
}
