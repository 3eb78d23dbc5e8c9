package serve

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/work/share"
)

// newTestLive returns an audit whose clock is now, and the events it tells. It does not run.
func newTestLive(t *testing.T, now *time.Time) (*LiveAudit, *[]Event) {
	t.Helper()
	events := new([]Event)
	l, err := newLiveAudit(&AuditConfig{}, func(e Event) { *events = append(*events, e) })
	require.NoError(t, err)
	l.clock = func() time.Time { return *now }
	return l, events
}

func liveJob(s *liveSession, now time.Time) {
	j := testJob(true, now)
	s.put(&auditEvent{what: auditJobGiven, now: now, job: "1", given: &j})
}

// An alarm is told once, and the end sums up.
func TestLiveAuditAlarms(t *testing.T) {
	now := auditAt(0)
	l, events := newTestLive(t, &now)
	s := l.open("1", "10.0.0.1:1", "", "stratum+tcp://pool.example:3333", now)
	s.Authorized("w", now)
	liveJob(s, now)
	s.put(&auditEvent{what: auditRedirected, now: now, text: "elsewhere.test:3333"})
	now = auditAt(10)
	l.look(now)
	require.NotEmpty(t, *events)
	told := len(*events)
	for i, e := range *events {
		alarm, ok := e.(AuditAlarm)
		require.True(t, ok, "%d", i)
		require.Equal(t, "w", alarm.Device)
		require.NotEmpty(t, alarm.Words)
	}
	require.Equal(t, audit.TestRedirect, (*events)[0].(AuditAlarm).Test)
	now = auditAt(20)
	l.look(now)
	require.Len(t, *events, told, "once")
	s.close(now)
	l.turn()
	require.Empty(t, l.sessions)
	l.end()
	require.Equal(t, AuditEnded{Devices: 1, Alarms: 1, Named: []string{"w"}}, (*events)[told])
}

// Nobody waits for an audit that does not keep up: what it missed counts neither for nor against a device.
func TestLiveAuditBehind(t *testing.T) {
	now := auditAt(0)
	l, events := newTestLive(t, &now)
	s := l.open("1", "10.0.0.1:1", "", "", now)
	s.Authorized("w", now)
	liveJob(s, now)
	sub := share.Submission{Worker: "w", JobID: "1"}
	for range maxLiveEvents + 10 {
		s.share(&sub, &share.Verdict{Word: share.Stale}, nil, now)
	}
	l.turn()
	require.Equal(t, []Event{AuditBehind{Events: 13}}, *events)
	now = auditAt(100)
	s.Heard(now)
	l.turn()
	r := l.report(now)
	require.Equal(t, uint64(maxLiveEvents-3), r.Devices[0].Counts.Submitted)
	require.InDelta(t, 100, r.Devices[0].Unseen, 1e-6)
}

// Reports are given while it runs, and none when it has ended or there is none.
func TestLiveAuditReport(t *testing.T) {
	now := auditAt(0)
	l, _ := newTestLive(t, &now)
	s := l.open("1", "10.0.0.1:1", "", "", now)
	s.Authorized("w", now)
	go l.run()
	r, err := l.Report(t.Context())
	require.NoError(t, err)
	require.Len(t, r.Devices, 1)
	require.Equal(t, []audit.Source{{Name: "this run", Kind: "live"}}, r.Sources)

	server := &StatusServer{source: liveSource{l}}
	for path, want := range map[string]string{"/audit": `"device":"w"`, "/audit.html": "<html"} {
		w := httptest.NewRecorder()
		server.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		require.Equal(t, http.StatusOK, w.Code, path)
		text, _ := io.ReadAll(w.Body)
		require.True(t, strings.Contains(string(text), want), "%s", path)
	}
	l.stop(time.Minute)
	_, err = l.Report(t.Context())
	require.Error(t, err)
	var none *LiveAudit
	_, err = none.Report(t.Context())
	require.ErrorIs(t, err, errAuditOff)
	none.stop(0)
	none.open("1", "", "", "", now).close(now)
	w := httptest.NewRecorder()
	(&StatusServer{source: liveSource{}}).handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/audit", nil))
	require.Equal(t, http.StatusNotFound, w.Code)
}

// liveSource shows nothing but an audit.
type liveSource struct{ l *LiveAudit }

func (s liveSource) Snapshot() Snapshot { return Snapshot{} }
func (s liveSource) AuditReport(ctx context.Context) (*audit.FleetReport, error) {
	return s.l.Report(ctx)
}

// A fault in the audit of one session ends that, and not the program; what others do is audited on.
func TestLiveAuditFault(t *testing.T) {
	now := auditAt(0)
	l, events := newTestLive(t, &now)
	bad, good := l.open("1", "10.0.0.1:1", "", "", now), l.open("2", "10.0.0.2:1", "", "", now)
	bad.Authorized("w", now)
	good.Authorized("v", now)
	liveJob(bad, now)
	liveJob(good, now)
	bad.put(&auditEvent{what: auditJobGiven, now: now}) // without a job, which panics
	bad.Heard(now)
	good.Heard(auditAt(10))
	bad.close(auditAt(20))
	l.turn()
	require.Len(t, *events, 1)
	failed := (*events)[0].(AuditFailed)
	require.Equal(t, []string{"1", "w"}, []string{failed.Session, failed.Device})
	require.Contains(t, failed.Error, "nil pointer")
	require.Empty(t, l.failed)
	require.Len(t, l.sessions, 1)
	now = auditAt(30)
	r := l.report(now)
	require.Len(t, r.Devices, 2)
	for _, d := range r.Devices {
		require.Equal(t, d.Device == "w", strings.Contains(strings.Join(d.Notes, " "), "a fault in touchstone"))
	}

	// The device goes on with its next session.
	bad = l.open("3", "10.0.0.1:1", "", "", now)
	bad.Authorized("w", now)
	l.turn()
	require.Equal(t, uint64(2), l.auditor.Fleet().Device("w").Report().Sessions)
	require.Len(t, *events, 1)
}

// A report that can't be made ends the audit, and nothing else: who asks is told, and who sends waits for nobody.
func TestLiveAuditEndsByFault(t *testing.T) {
	now := auditAt(0)
	l, events := newTestLive(t, &now)
	s := l.open("1", "10.0.0.1:1", "", "", now)
	l.clock = func() time.Time { panic("test") }
	go l.run()
	_, err := l.Report(t.Context())
	require.ErrorIs(t, err, errAuditEnded)
	require.Equal(t, []Event{AuditFailed{Error: "test"}}, *events)
	s.Heard(now)
	require.Empty(t, l.queue)
	l.stop(time.Minute)
}

// What happens while a report is made is told meanwhile: the queue does not fill up.
func TestLiveAuditTellsWhileReporting(t *testing.T) {
	now := auditAt(0)
	l, _ := newTestLive(t, &now)
	var last *liveSession
	for i := range 3 {
		last = l.open(fmt.Sprint(i), "10.0.0.1:1", "", "", now)
		last.Authorized(fmt.Sprint("w", i), now)
	}
	l.turn()
	between := 0
	l.auditor.Fleet().ReportBetween(func() {
		between++
		last.Authorized(fmt.Sprint("new", between), now)
		l.turn()
		require.Empty(t, l.queue)
	})
	require.Equal(t, 3, between)
	require.Len(t, l.report(now).Devices, 6)
}

// Names without end are not remembered.
func TestAuditorForgetsNames(t *testing.T) {
	a := newTestAuditor(t)
	a.limits.max = 2
	for i := range 100 {
		s := auditTestSession(a, fmt.Sprint(i), "", fmt.Sprint("w", i), auditAt(0))
		a.Claim(fmt.Sprint("claimed", i), unsaidClaim())
		s.Close(auditAt(1))
	}
	require.Len(t, a.workers, 2)
}

// Reports are read while devices work, and by several.
func TestLiveAuditConcurrently(t *testing.T) {
	plan, err := audit.Plan{KnownAs: []string{"a:1"}}.Complete()
	require.NoError(t, err)
	l, err := newLiveAudit(&AuditConfig{Plan: plan}, func(Event) {})
	require.NoError(t, err)
	now := auditAt(1000)
	l.clock = func() time.Time { // so late that each report is made anew
		now = now.Add(10 * time.Second)
		return now
	}
	go l.run()
	server := (&StatusServer{source: liveSource{l}}).handler()
	var devices, readers sync.WaitGroup
	over := make(chan struct{})
	for i := range 4 {
		devices.Go(func() {
			at := auditAt(0)
			worker := fmt.Sprint("w", i)
			s := l.open(fmt.Sprint(i), fmt.Sprintf("10.0.0.%d:1", i), "10.0.0.9:3333", "", at)
			s.Subscribed("test", at)
			s.Authorized(worker, at)
			sub := share.Submission{Worker: worker, JobID: "1", Extranonce2: make([]byte, 4)}
			for k := range 1000 {
				at = auditAt(float64(k))
				if k%30 == 0 {
					liveJob(s, at)
				}
				sub.Nonce = uint32(k)
				s.share(&sub, &share.Verdict{Word: share.Accepted}, nil, at)
				s.answered(worker, true, true, false, at)
				c := unsaidClaim()
				c.Time, c.Pool, c.Notes = at, fmt.Sprint("pool", k%20), []string{fmt.Sprint("Note ", k)}
				l.put(&auditEvent{what: auditClaim, auditor: l.auditor, text: worker, claim: c, now: at}, nil)
			}
			s.close(at)
		})
	}
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				for _, path := range []string{"/audit", "/audit.html"} {
					w := httptest.NewRecorder()
					server.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
					if w.Code != http.StatusOK {
						t.Errorf("%s: %s", path, w.Body)
					}
				}
			}
		})
	}
	devices.Wait()
	close(over)
	readers.Wait()
	l.stop(time.Minute)
	require.Len(t, l.latest.Devices, 4)
	for _, d := range l.latest.Devices {
		require.Equal(t, uint64(1000), d.Counts.Submitted)
		require.Equal(t, audit.Alarm, d.State)
	}
}
