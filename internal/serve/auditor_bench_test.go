package serve

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work/share"
)

// BenchmarkLiveAudit measures what a share costs a running proxy or pool: op is all of it, submit-ns what whoever tells of the share
// waits. There are 100 devices that find 20 shares a minute each.
func BenchmarkLiveAudit(b *testing.B) {
	live, err := newLiveAudit(&AuditConfig{}, func(Event) {})
	require.NoError(b, err)
	const devices = 100
	sessions := make([]*liveSession, devices)
	now := auditStart
	job := testJob(true, now)
	for i := range sessions {
		sessions[i] = live.open(fmt.Sprint(i), fmt.Sprint("10.0.0.", i, ":1"), "", "", now)
		sessions[i].Authorized(fmt.Sprint("w", i), now)
		sessions[i].put(&auditEvent{what: auditJobGiven, now: now, job: "1", given: &job})
	}
	live.turn()
	v := share.Verdict{Word: share.Accepted, Built: true}
	v.Target, _ = stratum.DifficultyTarget(1000)
	sub := share.Submission{JobID: "1"}
	var waited time.Duration
	i := uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		i++
		now = now.Add(30 * time.Millisecond)
		s := sessions[i%devices]
		sub.Worker, sub.Nonce = s.session.parts[0].worker.name, i*0x9e3779b1
		for k := range 4 { // a hash of some difficulty above the required one
			v.Hash[k] = byte(i >> (8 * k))
			v.Hash[k+16] = byte((i * 0x85ebca6b) >> (8 * k))
		}
		if i%64 == 0 {
			began := time.Now()
			s.share(&sub, &v, nil, now)
			s.answered(sub.Worker, true, true, false, now)
			waited += time.Since(began)
		} else {
			s.share(&sub, &v, nil, now)
			s.answered(sub.Worker, true, true, false, now)
		}
		if i%1024 == 0 {
			live.turn()
		}
	}
	live.turn()
	b.ReportMetric(float64(waited.Nanoseconds())/float64(max(i/64, 1)), "submit-ns")
}
