package serve

import (
	"strings"
	"time"
)

// Snapshot returns what there is to show of the pool. It is safe for concurrent use.
func (p *Pool) Snapshot() Snapshot {
	now := time.Now()
	s := p.config.Devices.Snapshot(now)
	s.Role, s.Chain = "pool", p.config.Backend.Chain
	status := p.status(now)
	s.Height, s.TemplateAge, s.Outdated = status.Height, status.TemplateAge, status.Outdated
	if urls := p.listening.Load(); urls != nil {
		s.Listen = *urls
	}
	s.Recording = p.config.Recorder.Status()
	return s
}

// Snapshot returns what there is to show of the proxy. It is safe for concurrent use.
func (p *Proxy) Snapshot() Snapshot {
	s := p.config.Devices.Snapshot(time.Now())
	s.Role, s.Pools = "proxy", p.upstreams.states()
	joined := map[string]int{}
	for i := range s.Devices {
		joined[s.Devices[i].Pool]++
	}
	for i := range s.Pools {
		s.Pools[i].Devices = joined[cutName(s.Pools[i].URL)]
	}
	if urls := p.listening.Load(); urls != nil {
		s.Listen = *urls
	}
	s.Recording = p.config.Recorder.Status()
	return s
}

// states returns what is known of the pools.
func (u *upstreams) states() []PoolState {
	u.mu.Lock()
	defer u.mu.Unlock()
	states := make([]PoolState, 0, len(u.all))
	for _, one := range u.all {
		s := PoolState{URL: one.url.String(), Working: one.failures == 0}
		if !s.Working {
			s.Error = strings.TrimPrefix(one.why, s.URL+": ")
		}
		states = append(states, s)
	}
	return states
}

// Status returns how the recording goes, nil if r is.
func (r *Recorder) Status() *RecordingStatus {
	if r == nil {
		return nil
	}
	s := &RecordingStatus{Folder: r.config.Dir, Lost: r.lostLines.Load()}
	r.trouble.mu.Lock()
	defer r.trouble.mu.Unlock()
	s.Failures = r.trouble.failures
	if !r.trouble.since.IsZero() {
		s.Error = r.trouble.why
	}
	return s
}
