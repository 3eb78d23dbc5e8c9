package serve

import (
	"crypto/sha256"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/touchstone-btc/touchstone/audit"
)

// Auditor tells an audit what sessions do: it finds the device behind each session and worker. What reads recordings and what looks on
// live use the same one. Its methods, and those of its sessions, are for one goroutine at a time.
//
// A device is a worker's name and a place: sessions of one worker one after the other are one device, named like the worker, and
// sessions at the same time are several, of which the others are named "worker #2" and so on. A session that comes takes the place that
// one of the same host left, or else the first that is free. One whose other end has long been silent gives way to one of the same host:
// a machine that lost its connection comes back before anybody notices.
type Auditor struct {
	fleet   *audit.Fleet
	limits  *auditLimits
	workers map[string]*auditedWorker
}

// auditLimits are shared by auditors of one fleet that work side by side: each has workers of its own.
type auditLimits struct {
	mu      sync.Mutex // of the fleet, and of what follows
	max     int        // devices
	since   time.Time  // what was until then is known
	devices int
	// beyond counts sessions of devices that are one more than there may be, and stray the shares that are nobody's.
	beyond, stray int64
	again         int64 // shares that were told before
	// known are the devices that the fleet had before.
	known map[string]bool
}

const (
	// maxAuditDevices is how many devices an auditor tells apart; each takes some tens of kilobytes.
	maxAuditDevices = 100_000
	// maxAuditWorkers is how many workers a session can have.
	maxAuditWorkers = 256
	// maxDeviceName is how many bytes of a worker's name a device's has.
	maxDeviceName = 64
	// silentSession is how long the device of a session must have said nothing for another of the same host to take its place.
	silentSession = 90 * time.Second
	// auditSlack is how far times of one device may go back without being told: events of several goroutines are not quite in order.
	auditSlack = time.Second
)

// auditedWorker is a worker's name, and the devices behind it.
type auditedWorker struct {
	name  string
	slots []*auditSlot
	// several says that several machines were seen at the same time.
	several bool
}

// auditSlot is one device.
type auditSlot struct {
	device *audit.Device
	part   *auditPart // of the session that has it now, nil if none does
	host   string     // of the session that had it last
	agent  string
	jobs   uint64    // Number of the latest
	now    time.Time // of the latest event
	// left says that the record which told of it ended, or is an earlier one: nobody knows what it did until the next event.
	left bool
}

// NewAuditor returns an auditor of a fleet. Devices that the fleet knows already go on; what they did until their first event here was
// not seen.
func NewAuditor(fleet *audit.Fleet) *Auditor {
	a := &Auditor{fleet: fleet, workers: map[string]*auditedWorker{}, limits: &auditLimits{max: maxAuditDevices, known: map[string]bool{}}}
	for _, d := range fleet.Devices() {
		a.limits.known[d.Name()] = true
	}
	a.limits.devices = len(a.limits.known)
	return a
}

// beside returns an auditor of the same fleet, for other workers: it may be used by another goroutine.
func (a *Auditor) beside() *Auditor {
	return &Auditor{fleet: a.fleet, limits: a.limits, workers: map[string]*auditedWorker{}}
}

// Since says that what was until then was told to the fleet before: of it, only what sessions are and were given is taken in.
func (a *Auditor) Since(t time.Time) { a.limits.since = t }

// before reports whether an event was told before.
func (a *Auditor) before(t time.Time) bool { return !t.After(a.limits.since) }

// Fleet returns the fleet; it may be looked at while no method of the auditor runs.
func (a *Auditor) Fleet() *audit.Fleet { return a.fleet }

// Notes says in words what was left out because there was too much of it.
func (a *Auditor) Notes() (notes []string) {
	l := a.limits
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.beyond > 0 {
		notes = append(notes, fmt.Sprintf("There were more than %d devices: %d sessions of others are not in this report.", l.max, l.beyond))
	}
	if l.stray > 0 {
		notes = append(notes, fmt.Sprintf("%d submissions named no worker that had logged in, and are counted for nobody.", l.stray))
	}
	if l.again > 0 {
		notes = append(notes, fmt.Sprintf("%d shares were sent until %s, up to which the audit before this one came: they do not count again.", l.again,
			l.since.UTC().Format("2006-01-02 15:04:05 UTC")))
	}
	return notes
}

// told counts a share that was told before.
func (l *auditLimits) told() {
	l.mu.Lock()
	l.again++
	l.mu.Unlock()
}

// worker returns what is known of a worker.
func (a *Auditor) worker(name string) *auditedWorker {
	w := a.workers[name]
	if w == nil {
		w = &auditedWorker{name: strings.Clone(name)}
		a.workers[w.name] = w
	}
	return w
}

// drop forgets a worker that has no device, because there are too many: names without end must not be remembered.
func (a *Auditor) drop(w *auditedWorker) {
	if len(w.slots) == 0 {
		delete(a.workers, w.name)
	}
}

// slot returns the place of a session that comes, nil if there are too many devices.
func (a *Auditor) slot(w *auditedWorker, s *AuditSession, now time.Time) *auditSlot {
	host := hostOf(s.peer)
	var free, silent *auditSlot
	for _, slot := range w.slots {
		switch {
		case slot.part == nil && slot.host == host && slot.agent == s.agent:
			return slot
		case slot.part == nil:
			if free == nil || free.host != host && slot.host == host {
				free = slot
			}
		case slot.host == host && slot.part.session.gone(now, w.several):
			if silent == nil || slot.part.session.heard.Before(silent.part.session.heard) {
				silent = slot
			}
		}
	}
	switch {
	case free != nil && (free.host == host || silent == nil):
		return free
	case silent != nil:
		silent.part.slot = nil // it gets another if it speaks again
		silent.device.Close(silent.at(now))
		silent.part = nil
		return silent
	}
	slot := a.newSlot(w)
	if slot == nil {
		return nil
	}
	w.slots = append(w.slots, slot)
	if w.several = len(w.slots) > 1; w.several {
		for _, slot := range w.slots {
			slot.device.SharedName()
		}
	}
	return slot
}

// newSlot makes a device of a worker, nil if there are too many.
func (a *Auditor) newSlot(w *auditedWorker) *auditSlot {
	name := deviceName(w.name)
	if n := len(w.slots); n > 0 {
		name = fmt.Sprintf("%s #%d", name, n+1)
	}
	l := a.limits
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.known[name]
	if !known {
		if l.devices >= l.max {
			l.beyond++
			return nil
		}
		l.devices++
	}
	return &auditSlot{device: a.fleet.Device(name), left: known}
}

// deviceName returns the name of a worker's first device. Of names that are too long, different ones stay different.
func deviceName(worker string) string {
	if len(worker) <= maxDeviceName {
		return worker
	}
	sum := sha256.Sum256([]byte(worker))
	end := maxDeviceName
	for end > 0 && !utf8.RuneStart(worker[end]) {
		end--
	}
	return fmt.Sprintf("%s… %x", worker[:end], sum[:4])
}

// at returns the time of an event of the device: that of the latest, if it is a little later.
func (s *auditSlot) at(now time.Time) time.Time {
	if back := s.now.Sub(now); back > 0 && back <= auditSlack {
		return s.now
	}
	s.now = now
	return now
}

// hostOf returns the host of an address, all of it if it has no port.
func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}
