package rogue

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/internal/serve"
)

// Trial is an experiment: two real devices mine side by side through a proxy that records them, one with a vice and an honest twin, and
// the recording is audited.
type Trial struct {
	// Vice is that of the rogue.
	Vice Vice
	// Drop, if not 0, is what part the rogue does less when half of the time is over, on command.
	Drop float64
	// Names are the tests of which one has to name the rogue: Want by its vice. May are others that its vice sets off too.
	Want, May []string
	// Duration is how long they mine.
	Duration time.Duration
	// SharesPerSecond is how many shares each device finds, if honest. Default: 30.
	SharesPerSecond float64
	// BlockEvery is how often there is a new block. Default: 45 s. Devices that stand still for a moment just then lose work, which counts
	// where blocks are frequent.
	BlockEvery time.Duration
	// Plan is that of the audit. Where it says nothing it lets pass what these devices need.
	Plan audit.Plan
}

// Result is what came of a Trial.
type Result struct {
	// Rogue and Twin are what the audit says of the two.
	Rogue, Twin audit.DeviceReport
	Report      *audit.FleetReport
	// Count is what the rogue really did, TwinCount its twin.
	Count, TwinCount RealCount
	// Caught is how long after the start, or after Drop, the first of the tests wanted gave alarm; negative if none did.
	Caught time.Duration
	// By are the rogue's alarms, the most serious first; Accused those of the twin.
	By, Accused []string
	// Unexpected are alarms of the rogue that are neither wanted nor allowed.
	Unexpected []string
}

// Named says that the rogue was caught by a test that it was to be caught by.
func (r *Result) Named() bool { return r.Caught >= 0 }

// Trials returns those that show each real vice: the full ones take minutes, all at once; the short ones, with strong vices at many shares
// a second, some seconds. What depends on silences can't be told in seconds on a machine that has other things to do.
func Trials(full bool) []Trial {
	var all []Trial
	add := func(t Trial, vice string, want []string, may ...string) {
		if vice != "" {
			v, err := ParseVice(vice)
			if err != nil {
				panic(err)
			}
			t.Vice = v
		}
		t.Want, t.May = want, append(may, want...)
		t.May = append(t.May, TestCombined)
		if t.Duration == 0 {
			t.Duration = 100 * time.Second
			if !full {
				t.Duration, t.SharesPerSecond = 13*time.Second, 150
			}
		}
		all = append(all, t)
	}
	one := func(test string) []string { return []string{test} }
	// What is missing shows in all of these.
	rate := []string{audit.TestClaim, audit.TestDrop, audit.TestGap, audit.TestPeriod, audit.TestArrivals}
	add(Trial{}, "withhold=10", one(audit.TestTail), rate...)
	add(Trial{}, "overreport=3", one(audit.TestClaim))
	add(Trial{}, "replay=0.1", one(audit.TestDuplicate), audit.TestInvalidRate)
	add(Trial{}, "elsewhere=0.3,every=10s", one(audit.TestRedirect), rate...)
	add(Trial{}, "invalid=0.2", one(audit.TestInvalid), audit.TestInvalidRate)
	if !full {
		return all
	}
	add(Trial{}, "skim=0.4,every=30s", []string{audit.TestGap, audit.TestPeriod}, rate...)
	add(Trial{}, "skim=0.3", one(audit.TestClaim), rate...)
	add(Trial{}, "withhold=10,q=0.5", one(audit.TestTail), rate...)
	add(Trial{}, "overreport=0.5", one(audit.TestClaim))
	add(Trial{Drop: 1}, "", []string{audit.TestDrop, audit.TestGap}, rate...)
	add(Trial{SharesPerSecond: 60}, "cell=40", one(audit.TestCells), rate...)
	add(Trial{BlockEvery: 2 * time.Second}, "hoard=4", one(audit.TestLatency), append(rate, audit.TestTail)...)
	return all
}

// TestCombined is the test of all evidence together.
const TestCombined = "combined"

// Name is the vice's.
func (t *Trial) Name() string {
	if t.Drop > 0 {
		return fmt.Sprintf("drop=%g, on command", t.Drop)
	}
	return t.Vice.String()
}

const (
	rogueName = "rogue"
	twinName  = "twin"
	// realDifficulty is that of all jobs, about 430 hashes.
	realDifficulty = 1e-7
)

// Run carries out the trial, and records in dir, a folder of its own.
func (t *Trial) Run(ctx context.Context, dir string) (*Result, error) {
	if t.SharesPerSecond == 0 {
		t.SharesPerSecond = 30
	}
	if t.BlockEvery == 0 {
		t.BlockEvery = 45 * time.Second
	}
	began := time.Now()
	result := &Result{Caught: -1}
	told, ours, err := t.mine(ctx, dir, result)
	if err != nil {
		return nil, err
	}
	if err := t.audit(ctx, dir, ours, result); err != nil {
		return nil, err
	}
	from := began
	if t.Drop > 0 {
		from = told
	}
	for _, f := range result.Rogue.Findings {
		if f.State != audit.Alarm {
			continue
		}
		result.By = append(result.By, f.Test)
		switch {
		case slices.Contains(t.Want, f.Test):
			since := max(f.Since.Sub(from), 0)
			if result.Caught < 0 || since < result.Caught {
				result.Caught = since
			}
		case !slices.Contains(t.May, f.Test):
			result.Unexpected = append(result.Unexpected, f.Test)
		}
	}
	for _, f := range result.Twin.Findings {
		if f.State == audit.Alarm {
			result.Accused = append(result.Accused, f.Test)
		}
	}
	return result, nil
}

// mine lets the two devices mine, and returns when the rogue was told to drop, and where the devices connect.
func (t *Trial) mine(ctx context.Context, dir string, result *Result) (told time.Time, ours string, err error) {
	config := PoolConfig{Difficulty: realDifficulty, BlockEvery: t.BlockEvery}
	pool, err := StartPool(config)
	if err != nil {
		return told, "", err
	}
	defer pool.Close()
	second, err := StartPool(config)
	if err != nil {
		return told, "", err
	}
	defer second.Close()
	recorder, err := serve.OpenRecorder(serve.RecorderConfig{Dir: dir})
	if err != nil {
		return told, "", err
	}
	closed := false
	defer func() {
		if !closed {
			_ = recorder.Close()
		}
	}()
	proxy, stop, err := startProxy(ctx, pool.URL(), recorder)
	if err != nil {
		return told, "", err
	}
	defer stop()
	// By name, so that it can be told from the second pool's, which is said to be elsewhere.
	at, err := url.Parse(proxy)
	if err != nil {
		return told, "", err
	}
	ours = "stratum+tcp://localhost:" + at.Port()
	rate := t.SharesPerSecond * realDifficulty * hashesPerDifficulty
	start := func(name string, vice Vice, seed uint64) (*Real, error) {
		c := RealConfig{Worker: name, Pool: proxy, Rate: rate, Vice: vice, Seed: seed, Says: [2]string{ours}}
		if vice.Name == "elsewhere" {
			c.Second, c.Says[1] = second.URL(), "stratum+tcp://pool.elsewhere.example:3333"
		}
		return StartReal(ctx, c)
	}
	rogue, err := start(rogueName, t.Vice, 1)
	if err != nil {
		return told, "", err
	}
	defer rogue.Close()
	twin, err := start(twinName, Vice{}, 2)
	if err != nil {
		return told, "", err
	}
	defer twin.Close()
	track := recorder.Open("telemetry", serve.Opening{}, time.Now())
	poller, err := serve.NewTelemetryPoller(serve.TelemetryConfig{
		Targets: []serve.TelemetryTarget{{Worker: rogueName, URL: "cgminer://" + rogue.Telemetry()}, {Worker: twinName, URL: "cgminer://" + twin.Telemetry()}},
		// Often, because trials are short.
		Interval: max(t.Duration/30, 500*time.Millisecond), OnPoll: func(p *serve.TelemetryPoll) { p.Record(track) },
	})
	if err != nil {
		return told, "", err
	}
	var polling sync.WaitGroup
	mining, end := context.WithTimeout(ctx, t.Duration)
	defer end()
	polling.Go(func() { poller.Run(mining) })
	if t.Drop > 0 {
		select {
		case <-time.After(t.Duration / 2):
		case <-ctx.Done():
		}
		rogue.Drop(t.Drop)
		told = time.Now()
	}
	<-mining.Done()
	polling.Wait()
	result.Count, result.TwinCount = rogue.Count(), twin.Count()
	err = errors.Join(ctx.Err(), rogue.Err(), twin.Err())
	rogue.Close()
	twin.Close()
	stop()
	closed = true
	return told, ours, errors.Join(err, recorder.Close())
}

// startProxy starts a transparent proxy on loopback, and returns its URL.
func startProxy(ctx context.Context, pool string, recorder *serve.Recorder) (address string, stop func(), err error) {
	started := make(chan string, 1)
	p, err := serve.NewProxy(serve.ProxyConfig{
		Listen: []serve.ListenAt{{Address: "127.0.0.1:0"}}, Pools: []string{pool}, Recorder: recorder,
		OnEvent: func(e serve.Event) {
			if s, ok := e.(*serve.ProxyStarted); ok {
				started <- s.Listen[0]
			} else if s, ok := e.(serve.ProxyStarted); ok {
				started <- s.Listen[0]
			}
		},
	})
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			<-ended
		})
	}
	select {
	case address = <-started:
		return address, stop, nil
	case err = <-ended:
		cancel()
		return "", nil, errors.Join(errors.New("the proxy did not start"), err)
	case <-time.After(30 * time.Second):
		stop()
		return "", nil, errors.New("the proxy did not start within 30 s")
	}
}

// audit audits the recording.
func (t *Trial) audit(ctx context.Context, dir, ours string, result *Result) error {
	decided := t.plan()
	decided.KnownAs = []string{ours}
	plan, err := decided.Complete()
	if err != nil {
		return err
	}
	fleet := audit.NewFleet(plan)
	r := &serve.AuditReader{Auditor: serve.NewAuditor(fleet)}
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return err
	}
	if len(names) == 0 {
		entries, _ := os.ReadDir(dir)
		return fmt.Errorf("no recording in %s: %v", dir, entries)
	}
	var inputs []serve.AuditInput
	for _, name := range names {
		inputs = append(inputs, serve.AuditInput{Name: filepath.Base(name), Path: name, Folder: dir})
	}
	if err := r.Read(ctx, inputs); err != nil {
		return err
	}
	result.Report = r.Report(time.Now(), "")
	var seen []string
	for _, d := range result.Report.Devices {
		switch d.Device {
		case rogueName:
			result.Rogue = d
		case twinName:
			result.Twin = d
		}
		seen = append(seen, d.Device)
	}
	if result.Rogue.Device == "" || result.Twin.Device == "" {
		return fmt.Errorf("the recording has the devices %s: want %s and %s", strings.Join(seen, ", "), rogueName, twinName)
	}
	return nil
}

// plan is the trial's, for such devices: on a machine that has other things to do they stand still for a second or more, and then catch
// up.
func (t *Trial) plan() audit.Plan {
	p := t.Plan
	if p.Lag == 0 {
		p.Lag = 5 * time.Second
	}
	if p.SwitchLoss == 0 {
		p.SwitchLoss = 200 * time.Millisecond
	}
	if p.Tolerance == 0 {
		p.Tolerance = 0.05
	}
	if p.ToleranceAbove == 0 {
		p.ToleranceAbove = 0.05
	}
	if p.Drift == 0 {
		p.Drift = 0.05
	}
	if p.ExtraDispersion == 0 {
		p.ExtraDispersion = 1
	}
	if p.Model == "" {
		p.Model = "uniform" // as they search
	}
	return p
}
