package serve

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/work/share"
)

var auditStart = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// auditAt is a time of the tests.
func auditAt(seconds float64) time.Time {
	return auditStart.Add(time.Duration(seconds * float64(time.Second)))
}

func newTestAuditor(t testing.TB) *Auditor {
	t.Helper()
	plan, err := audit.Plan{}.Complete()
	require.NoError(t, err)
	return NewAuditor(audit.NewFleet(plan))
}

func goodShare(at time.Time) *audit.Share {
	return &audit.Share{Time: at, Required: 1000, Difficulty: 2000, Word: share.Accepted}
}

// submitted are the shares of each device.
func submitted(f *audit.Fleet) map[string]uint64 {
	all := map[string]uint64{}
	for _, d := range f.Devices() {
		r := d.Report()
		all[r.Device] = r.Counts.Submitted
	}
	return all
}

func testJob(clean bool, at time.Time) audit.Job {
	return audit.Job{Time: at, Clean: clean, Tip: 1, Difficulty: 1000, Network: 1e14}
}

// auditTestSession opens a session of a worker, with work.
func auditTestSession(a *Auditor, name, peer, worker string, at time.Time) *AuditSession {
	s := a.Open(name, peer, "stratum+tcp://pool.example:3333", at)
	s.Authorized(worker, at, false)
	s.Job("1", testJob(true, at), false)
	return s
}

// Sessions one after the other are one device; those at the same time are several.
func TestAuditorDevices(t *testing.T) {
	a := newTestAuditor(t)
	s := auditTestSession(a, "1", "10.0.0.1:1", "w", auditAt(0))
	s.Share("w", "1", goodShare(auditAt(10)))
	s.Close(auditAt(20))
	s = auditTestSession(a, "2", "10.0.0.1:2", "w", auditAt(30))
	s.Share("w", "1", goodShare(auditAt(40)))
	require.Equal(t, map[string]uint64{"w": 2}, submitted(a.Fleet()))

	beside := auditTestSession(a, "3", "10.0.0.2:1", "w", auditAt(50))
	beside.Share("w", "1", goodShare(auditAt(60)))
	require.Equal(t, map[string]uint64{"w": 2, "w #2": 1}, submitted(a.Fleet()))
	require.Contains(t, strings.Join(a.Fleet().Device("w").Report().Notes, " "), "Several machines")

	// Both come back in the other order, and are told apart by their hosts.
	s.Close(auditAt(70))
	beside.Close(auditAt(70))
	beside = auditTestSession(a, "4", "10.0.0.2:7", "w", auditAt(71))
	s = auditTestSession(a, "5", "10.0.0.1:7", "w", auditAt(72))
	beside.Share("w", "1", goodShare(auditAt(73)))
	require.Equal(t, map[string]uint64{"w": 2, "w #2": 2}, submitted(a.Fleet()))
	require.Equal(t, uint64(4), a.Fleet().Device("w").Report().Sessions+a.Fleet().Device("w #2").Report().Sessions-1)
	s.Close(auditAt(80))
}

// A machine that lost its connection comes back before anybody notices; if the old one speaks again after all, they are two.
func TestAuditorHalfOpen(t *testing.T) {
	a := newTestAuditor(t)
	old := auditTestSession(a, "1", "10.0.0.1:1", "w", auditAt(0))
	old.Share("w", "1", goodShare(auditAt(10)))
	s := auditTestSession(a, "2", "10.0.0.1:2", "w", auditAt(10+91))
	s.Share("w", "1", goodShare(auditAt(110)))
	require.Equal(t, map[string]uint64{"w": 2}, submitted(a.Fleet()))
	old.Share("w", "1", goodShare(auditAt(120)))
	require.Equal(t, map[string]uint64{"w": 2, "w #2": 1}, submitted(a.Fleet()))
	old.Close(auditAt(130))
	s.Close(auditAt(140))
	require.Equal(t, map[string]uint64{"w": 2, "w #2": 1}, submitted(a.Fleet()))
}

// A farm logs in once, and its machines send shares under their own names.
func TestAuditorSharedLogin(t *testing.T) {
	a := newTestAuditor(t)
	s := auditTestSession(a, "1", "", "farm", auditAt(0))
	for i := range 4 {
		s.Share(fmt.Sprint("farm.", i%2), "1", goodShare(auditAt(10+float64(i))))
	}
	require.Equal(t, map[string]uint64{"farm": 0, "farm.0": 2, "farm.1": 2}, submitted(a.Fleet()))
	require.Contains(t, strings.Join(a.Fleet().Device("farm").Report().Notes, " "), "sent nothing itself")
	// The share that showed that a machine is there proves no rate: nobody knows for how long it was.
	require.InDelta(t, 2, a.Fleet().Device("farm.0").Report().Connected, 1e-6, "from the first share on")
}

// What is nobody's is counted, and names without end make no devices.
func TestAuditorBounds(t *testing.T) {
	a := newTestAuditor(t)
	a.limits.max = 3
	s := a.Open("1", "", "", auditAt(0))
	bad := goodShare(auditAt(1))
	bad.Word = share.Unauthorized
	s.Share("nobody", "1", bad)
	require.Empty(t, submitted(a.Fleet()))
	for i := range 300 {
		s.Share(fmt.Sprint("w", i), "1", goodShare(auditAt(2)))
	}
	require.Len(t, submitted(a.Fleet()), 3)
	notes := strings.Join(a.Notes(), " ")
	require.Contains(t, notes, "more than 3 devices")
	require.Contains(t, notes, fmt.Sprint(1+300-maxAuditWorkers, " submissions named no worker"), "those beyond the bound are not the first one's")
	require.LessOrEqual(t, len(s.parts), maxAuditWorkers)
	long := strings.Repeat("é", 500)
	require.NotEqual(t, deviceName(long+"a"), deviceName(long+"b"))
	require.Less(t, len(deviceName(long)), 100)
}

// What a recording restates is known, and nothing counts until something new comes.
func TestAuditorRestated(t *testing.T) {
	a := newTestAuditor(t)
	s := a.Continue("1", "", "")
	s.Authorized("w", auditAt(-1000), true)
	s.Job("1", testJob(true, auditAt(-1000)), true)
	require.Empty(t, submitted(a.Fleet()))
	s.Heard(auditAt(5))
	s.Share("w", "1", goodShare(auditAt(65)))
	r := a.Fleet().Device("w").Report()
	require.Equal(t, auditAt(5), r.First)
	require.InDelta(t, 60, r.Connected, 1e-6)
	require.Equal(t, uint64(1), r.Counts.Proving)
}

// script is a transcript with a session of a worker: a share (of the vectors' kind it is not, so it is refused) every ten seconds.
func auditTranscript(session, worker string, from, to int) string {
	var b strings.Builder
	line := func(at int, from, message string) {
		fmt.Fprintf(&b, `{"time":%q,"session":%q,"from":%q,"message":%s}`+"\n", auditAt(float64(at)).Format(timeFormat), session, from, message)
	}
	line(from, "touchstone", `{"event":"open","peer":"10.0.0.1:5","tls":false}`)
	line(from, "miner", `{"id":1,"method":"mining.subscribe","params":["agent/1"]}`)
	line(from, "pool", `{"id":1,"result":[[["mining.notify","ab"]],"00000001",4],"error":null}`)
	line(from, "miner", `{"id":2,"method":"mining.authorize","params":["`+worker+`","x"]}`)
	line(from, "pool", `{"id":2,"result":true,"error":null}`)
	line(from, "pool", `{"id":null,"method":"mining.set_difficulty","params":[1]}`)
	line(from, "pool", `{"id":null,"method":"mining.notify","params":["j","`+strings.Repeat("00", 32)+`","01000000","ffffffff",[],"20000000","1d00ffff","69a35000",true]}`)
	for at := from + 10; at < to; at += 10 {
		line(at, "miner", fmt.Sprintf(`{"id":%d,"method":"mining.submit","params":["%s","j","%08x","69a35000","%08x"]}`, at, worker, at, at))
		line(at, "pool", fmt.Sprintf(`{"id":%d,"result":null,"error":[23,"low difficulty",null]}`, at))
	}
	line(to, "touchstone", `{"event":"close"}`)
	return b.String()
}

// auditFiles audits texts as files, and returns the report.
func auditFiles(t testing.TB, texts ...string) (*audit.FleetReport, *AuditReader, error) {
	t.Helper()
	dir := t.TempDir()
	var inputs []AuditInput
	for i, text := range texts {
		name := filepath.Join(dir, fmt.Sprintf("%d.jsonl", i))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		inputs = append(inputs, AuditInput{Name: filepath.Base(name), Path: name})
	}
	r := &AuditReader{Auditor: newTestAuditor(t)}
	err := r.Read(t.Context(), inputs)
	return r.Report(auditStart, "test"), r, err
}

func countsOf(r *audit.FleetReport) map[string]uint64 {
	all := map[string]uint64{}
	for i := range r.Devices {
		all[r.Devices[i].Device] = r.Devices[i].Counts.Submitted
	}
	return all
}

func TestAuditTranscript(t *testing.T) {
	r, _, err := auditFiles(t, auditTranscript("a", "w", 0, 100))
	require.NoError(t, err)
	require.Equal(t, map[string]uint64{"w": 9}, countsOf(r))
	d := r.Devices[0]
	require.Equal(t, []string{"agent/1"}, d.Agents)
	require.Equal(t, auditAt(0), d.First)
	require.Equal(t, auditAt(100), d.Last)
	require.InDelta(t, 100, d.Connected, 1)
	require.Equal(t, map[string]uint64{"low-difficulty": 9}, d.Counts.ByVerdict)
	require.Equal(t, KindTranscript, r.Sources[0].Kind)
	require.Equal(t, int64(26), r.Sources[0].Lines)
	require.Len(t, r.Sources[0].SHA256, 64)
}

// Files are read in the order of their times, however they are named; those that overlap are merged, and copies count once.
func TestAuditSeveralFiles(t *testing.T) {
	first, second := auditTranscript("a", "w", 0, 100), auditTranscript("b", "w", 200, 300)
	other := auditTranscript("c", "v", 50, 250)
	for _, files := range [][]string{{first, second, other}, {other, second, first}, {second, first, other, first}, {first + second, other, first, second}} {
		r, _, err := auditFiles(t, files...)
		require.NoError(t, err)
		require.Equal(t, map[string]uint64{"w": 18, "v": 19}, countsOf(r), "%d files", len(files))
		for _, d := range r.Devices {
			require.Empty(t, d.Notes, d.Device)
		}
		copies := 0
		for _, n := range r.Notes {
			if strings.Contains(n, "counted once") {
				copies++
			}
		}
		require.Equal(t, len(files) > 3, copies > 0, "%v", r.Notes)
	}
	// A copy with a hole fills nothing and takes nothing away.
	lines := strings.SplitAfter(first, "\n")
	holes := strings.Join(slices.Delete(slices.Clone(lines), 8, 14), "")
	for _, files := range [][]string{{holes, first}, {first, holes}} {
		r, _, err := auditFiles(t, files...)
		require.NoError(t, err)
		require.Equal(t, map[string]uint64{"w": 9}, countsOf(r))
	}
	// Two sessions of one name at the same time, in recordings of two places, are two.
	r, _, err := auditFiles(t, first, auditTranscript("a", "v", 5, 100))
	require.NoError(t, err)
	require.Equal(t, map[string]uint64{"w": 9, "v": 9}, countsOf(r))
}

// verdicts are what verify shares prints of a transcript.
func verdictsOf(t testing.TB, name, transcript string) string {
	t.Helper()
	var b strings.Builder
	r := NewReplay(ReplayConfig{OnShare: func(r *ShareReport) error {
		b.Write(append(r.AppendJSON(nil), '\n'))
		return nil
	}})
	require.NoError(t, r.Recording(t.Context(), name, strings.NewReader(transcript)))
	summary, err := json.Marshal(map[string]any{"summary": r.Summary()})
	require.NoError(t, err)
	return b.String() + string(summary) + "\n"
}

func TestAuditVerdictLines(t *testing.T) {
	text := verdictsOf(t, "x", auditTranscript("a", "w", 0, 100))
	r, _, err := auditFiles(t, text)
	require.NoError(t, err)
	require.Equal(t, map[string]uint64{"w": 9}, countsOf(r))
	require.Equal(t, KindVerdictLines, r.Sources[0].Kind)
	require.Equal(t, int64(10), r.Sources[0].Lines)
	require.Contains(t, strings.Join(r.Devices[0].Notes, " "), "was not recorded")

	// Copies of one recording that was judged twice, under two names; and another after it.
	later := verdictsOf(t, "z", auditTranscript("b", "w", 200, 300))
	r, _, err = auditFiles(t, text, later, verdictsOf(t, "y", auditTranscript("a", "w", 0, 100)))
	require.NoError(t, err)
	require.Equal(t, map[string]uint64{"w": 18}, countsOf(r))
	require.Contains(t, strings.Join(r.Notes, " "), "counted once")

	// With the transcript they come from, shares would count twice.
	_, _, err = auditFiles(t, text, auditTranscript("a", "w", 0, 100))
	require.ErrorIs(t, err, ErrAuditKinds)
	r, _, err = auditFiles(t, text, auditTranscript("c", "w", 200, 300))
	require.NoError(t, err)
	require.Equal(t, map[string]uint64{"w": 18}, countsOf(r))
}

// Lines that come a little late are put in order; nobody says that a clock went back.
func TestAuditVerdictsOutOfOrder(t *testing.T) {
	lines := strings.SplitAfter(verdictsOf(t, "x", auditTranscript("a", "w", 0, 200)), "\n")
	lines[3], lines[6] = lines[6], lines[3]
	r, _, err := auditFiles(t, strings.Join(lines, ""))
	require.NoError(t, err)
	require.Equal(t, map[string]uint64{"w": 19}, countsOf(r))
	for _, n := range append(r.Devices[0].Notes, r.Notes...) {
		require.NotContains(t, n, "order")
	}
}

func TestAuditBadInput(t *testing.T) {
	good := auditTranscript("a", "w", 0, 100)
	_, _, err := auditFiles(t, "hello\n")
	require.ErrorIs(t, err, ErrNoAudit)
	_, _, err = auditFiles(t, "")
	require.ErrorIs(t, err, ErrEmptyRecording)
	_, _, err = auditFiles(t, `{"event":"open","time":"2026-03-01T00:00:00Z"}`)
	require.ErrorIs(t, err, ErrNoAudit)

	var bad []string
	for _, text := range []string{good, verdictsOf(t, "x", good)} {
		lines := strings.SplitAfter(text, "\n")
		lines[2] += "rubbish\n"
		r := &AuditReader{Auditor: newTestAuditor(t), OnBadLine: func(file string, line int64, err error) { bad = append(bad, fmt.Sprint(file, ":", line)) }}
		in := strings.NewReader(strings.Join(lines, "") + `{"cut`)
		require.NoError(t, r.Read(t.Context(), []AuditInput{{Name: "in", Reader: in}}))
		require.Equal(t, int64(2), r.BadLines())
		require.Equal(t, int64(2), r.Report(auditStart, "").Sources[0].Bad)
	}
	require.Equal(t, []string{"in:4", "in:28", "in:4", "in:12"}, bad)
}

// An audit goes on from where another stopped: what was read then does not count again.
func TestAuditGoesOn(t *testing.T) {
	whole := auditTranscript("a", "w", 0, 100) + auditTranscript("b", "w", 200, 300)
	lines := strings.SplitAfter(whole, "\n")
	for _, part := range []int{12, 16, len(lines) / 2} {
		begun := strings.Join(lines[:part], "")
		for _, text := range [][2]string{{begun, whole}, {begun, strings.Join(lines[part:], "")}} {
			_, first, err := auditFiles(t, text[0])
			require.NoError(t, err)
			state, err := first.Auditor.Fleet().MarshalJSON()
			require.NoError(t, err)

			next := &AuditReader{Auditor: newTestAuditor(t)}
			require.NoError(t, next.Auditor.Fleet().UnmarshalJSON(state))
			next.Auditor = NewAuditor(next.Auditor.Fleet())
			next.Auditor.Since(first.Last())
			require.NoError(t, next.Read(t.Context(), []AuditInput{{Name: "whole", Reader: strings.NewReader(text[1])}}))
			require.Equal(t, map[string]uint64{"w": 18}, submitted(next.Auditor.Fleet()), "%d", part)
		}
	}
}
