package serve

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// deviceTime is when Devices under test begin.
var deviceTime = time.Date(2026, 11, 20, 14, 40, 0, 0, time.UTC)

func at(seconds float64) time.Time {
	return deviceTime.Add(time.Duration(seconds * float64(time.Second)))
}

func testDevices() *Devices { return newDevices(func() time.Time { return deviceTime }) }

func testTarget(t testing.TB, difficulty string) work.Target {
	t.Helper()
	d, err := work.ParseDifficulty(difficulty)
	require.NoError(t, err)
	target, err := work.DifficultyTarget(d)
	require.NoError(t, err)
	return target
}

// verdictFor is a verdict on a share for the target, as if judged.
func verdictFor(word share.Word, target work.Target) *share.Verdict {
	v := &share.Verdict{Word: word, Target: target, Built: true}
	v.Hash[28] = 1 // so much that it is no great find
	return v
}

// The recent rate is that of the window before this one and of this one, exactly.
func TestDevicesRecent(t *testing.T) {
	d := testDevices()
	target := testTarget(t, "1000")
	hashes := hashesFor(t, "1000")
	c := d.Connected("s", "192.0.2.1:5", "", at(30))
	c.Is("miner/1", "w")
	c.Target(target, at(60))
	v := verdictFor(share.Accepted, target)
	var shares []float64
	rnd := rand.New(rand.NewPCG(3, 4))
	look := func(now, start, since float64) {
		t.Helper()
		n, late := uint64(len(shares)), uint64(0)
		for _, s := range shares {
			if s >= start {
				late++
			}
		}
		s := d.Snapshot(at(now))
		require.Len(t, s.Devices, 1)
		requireRate(t, n, hashes, now-60, s.Devices[0].HashRate)
		requireRate(t, n, hashes, now-60, s.Total.HashRate)
		requireRate(t, late, hashes, now-max(start, 60), s.Devices[0].Recent)
		require.False(t, s.Devices[0].Recent.Approximate)
		// In all, and for the worker, the time before it connected counts.
		requireRate(t, late, hashes, now-start, s.Total.Recent)
		requireRate(t, late, hashes, now-since, s.Workers[0].Recent)
	}
	seconds := 60.0
	for seconds < 5000 {
		seconds += math.Round(rnd.ExpFloat64()*20*512) / 512 // whole nanoseconds
		c.Judged(v, nil, at(seconds))
		shares = append(shares, seconds)
		if now := seconds + 0.5; rnd.IntN(10) == 0 {
			start := max(float64(int(now/600)-1)*600, 0)
			look(now, start, max(start, 30))
			seconds = now
		}
	}
	// A device that says nothing is watched all the same.
	look(9000, 8400, 8400)
	look(20000, 19200, 19200)
	c.Judged(v, nil, at(20001))
	shares = append(shares, 20001)
	look(20399, 19200, 19200)
	look(20401, 19800, 19800)
}

// A device that left counts as long as it was there.
func TestDevicesGone(t *testing.T) {
	d := testDevices()
	target, hashes := testTarget(t, "1000"), hashesFor(t, "1000")
	connect := func(session string, start, end float64, shares int) {
		c := d.Connected(session, "192.0.2.1:5", "", at(start))
		c.Is("", "w")
		c.Target(target, at(start))
		for range shares {
			c.Judged(verdictFor(share.Accepted, target), nil, at(start+60))
		}
		c.Gone(at(end))
		c.Gone(at(end + 5))
		c.Judged(verdictFor(share.Accepted, target), nil, at(end))
		c.Target(target, at(end))
		c.Missed(3)
		c.Is("x", "x")
		c.Said(verdictFor(share.Accepted, target), nil, stratum.Reply{}, false, 0)
		c.Forwarded(1)
	}
	connect("a", 0, 500, 20)
	connect("b", 550, 650, 5)
	s := d.Snapshot(at(700))
	require.Empty(t, s.Devices)
	require.Len(t, s.Workers, 1)
	require.EqualValues(t, 2, s.Workers[0].Connections)
	require.Zero(t, s.Workers[0].Devices)
	require.EqualValues(t, 25, s.Total.Credited)
	requireRate(t, 25, hashes, 600, s.Workers[0].HashRate)
	requireRate(t, 25, hashes, 600, s.Total.HashRate)
	requireRate(t, 25, hashes, 700, s.Total.Recent)
	s = d.Snapshot(at(1300)) // the first window is over
	requireRate(t, 5, hashes, 700, s.Total.Recent)
	requireRate(t, 5, hashes, 700, s.Workers[0].Recent)
	s = d.Snapshot(at(1900))
	require.Nil(t, s.Total.Recent, "nothing was watched")
	requireRate(t, 25, hashes, 600, s.Total.HashRate)
}

// While messages are missed nothing is known, and no time counts.
func TestDevicesMissed(t *testing.T) {
	d := testDevices()
	target, hashes := testTarget(t, "1"), hashesFor(t, "1")
	c := d.Connected("s", "192.0.2.1:5", "", at(0))
	c.Is("", "w")
	c.Missed(2) // before there is a job
	c.Missed(0)
	c.Target(target, at(0))
	c.Judged(verdictFor(share.Accepted, target), nil, at(100))
	c.Missed(5)
	require.EqualValues(t, 7, d.Snapshot(at(150)).Total.Missed)
	requireRate(t, 1, hashes, 100, d.Snapshot(at(160)).Devices[0].HashRate)
	c.Target(target, at(200))
	s := d.Snapshot(at(300))
	requireRate(t, 1, hashes, 200, s.Devices[0].HashRate)
	requireRate(t, 1, hashes, 200, s.Workers[0].HashRate)
	requireRate(t, 1, hashes, 200, s.Total.HashRate)
}

// A connection of several workers: each has its shares, and all of the time.
func TestDevicesWorkersOfOneConnection(t *testing.T) {
	d := testDevices()
	target, hashes := testTarget(t, "1"), hashesFor(t, "1")
	c := d.Connected("s", "192.0.2.1:5", "", at(0))
	c.Target(target, at(0))
	c.Judged(verdictFor(share.Unauthorized, target), nil, at(1))
	const workers = 100
	for i := range 10 * workers {
		c.Is("farm/1", fmt.Sprintf("w%03d", i*i%workers))
		c.Judged(verdictFor(share.Accepted, target), nil, at(float64(2+i)))
	}
	s := d.Snapshot(at(2000))
	requireRate(t, 10*workers, hashes, 2000, s.Devices[0].HashRate)
	require.Equal(t, "farm/1", s.Devices[0].UserAgent)
	named := map[string]int{"": 0}
	for i := range workers * 10 {
		named[fmt.Sprintf("w%03d", i*i%workers)]++
	}
	require.Len(t, s.Workers, len(named))
	require.Equal(t, len(named), s.Devices[0].Workers)
	require.Empty(t, *s.Workers[0].Worker)
	for _, w := range s.Workers[1:] {
		requireRate(t, uint64(named[*w.Worker]), hashes, 2000, w.HashRate)
		require.Equal(t, 1, w.Devices)
	}
}

// Machines beside and after each other, in a random order, against sums over all that happened.
func TestDevicesFleet(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	d := testDevices()
	difficulties := []string{"1", "10", "512.5"}
	type stay struct {
		*Device
		worker     int
		difficulty string
		target     work.Target
		start, end float64
		n          uint64
	}
	var all, live []*stay
	now := 0.0
	credit := new(big.Int)
	for range 5000 {
		now += rnd.Float64()
		switch {
		case len(live) < 3 || len(live) < 30 && rnd.IntN(20) == 0:
			s := &stay{worker: rnd.IntN(5), difficulty: difficulties[rnd.IntN(3)], start: now}
			s.target = testTarget(t, s.difficulty)
			s.Device = d.Connected(fmt.Sprint(len(all)), "192.0.2.1:5", "", at(now))
			s.Is("", fmt.Sprint("w", s.worker))
			s.Target(s.target, at(now))
			live, all = append(live, s), append(all, s)
		case rnd.IntN(30) == 0:
			i := rnd.IntN(len(live))
			live[i].end = now
			live[i].Gone(at(now))
			live = slices.Delete(live, i, i+1)
		default:
			s := live[rnd.IntN(len(live))]
			s.Judged(verdictFor(share.Accepted, s.target), nil, at(now))
			s.n++
			credit.Add(credit, s.target.Work())
		}
	}
	for _, s := range live {
		s.end = now
	}
	got := d.Snapshot(at(now))
	require.Equal(t, len(live), got.Total.Devices)
	require.Equal(t, credit.String(), got.Total.Work)
	// By brute force: the time that any covers, and each one's part.
	expect := func(of func(*stay) bool) (rate, low, high float64) {
		var sum, squares, largest, covered, end float64
		for _, s := range all { // in the order in which they began
			if !of(s) {
				continue
			}
			if s.end > end {
				covered += s.end - max(end, s.start)
				end = s.end
			}
			w := hashesFor(t, s.difficulty)
			sum += float64(s.n) * w
			squares += float64(s.n) * w * w
			largest = max(largest, w)
		}
		low, high, err := audit.Weighted(sum, squares, largest, 0.05)
		require.NoError(t, err)
		return sum / covered, low / covered, high / covered
	}
	check := func(r *HashRate, of func(*stay) bool) {
		t.Helper()
		rate, low, high := expect(of)
		require.InEpsilon(t, rate, r.Rate, 1e-6)
		require.InEpsilon(t, low, r.Low, 1e-6)
		require.InEpsilon(t, high, r.High, 1e-6)
	}
	check(got.Total.HashRate, func(*stay) bool { return true })
	require.Len(t, got.Workers, 5)
	for i := range got.Workers {
		check(got.Workers[i].HashRate, func(s *stay) bool { return s.worker == i })
	}
}

// Workers by name are bounded, what the others did is not lost, and workers that never earned anything make room.
func TestDevicesManyWorkers(t *testing.T) {
	d := testDevices()
	target := testTarget(t, "1")
	const more = 500
	for i := range maxDeviceWorkers + more {
		c := d.Connected("s", "192.0.2.1:5", "", at(float64(i)/1000))
		c.Is("", fmt.Sprintf("w%05d", i))
		c.Target(target, at(float64(i)/1000))
		word := share.Accepted
		if i < 10 {
			word = share.Stale
		}
		c.Judged(verdictFor(word, target), nil, at(float64(i)/1000))
		c.Gone(at(float64(i)/1000 + 0.01))
	}
	s := d.Snapshot(at(1000))
	require.EqualValues(t, maxDeviceWorkers+more, s.Total.Shares)
	require.Equal(t, maxDeviceWorkers, s.Total.Workers)
	require.Len(t, s.Workers, maxDeviceWorkers+1)
	others := s.Workers[maxDeviceWorkers]
	require.Nil(t, others.Worker)
	require.EqualValues(t, more, others.Shares, "and ten were moved there")
	require.EqualValues(t, 10, others.Refused)
	require.NotNil(t, others.HashRate)
	require.Equal(t, "w00010", *s.Workers[0].Worker)
	require.EqualValues(t, maxDeviceWorkers+more, s.Total.Connections)
	// A name stays as long as one who uses it is there.
	require.Less(t, unsafe.Sizeof(Device{})+unsafe.Sizeof(devicePart{})+2*unsafe.Sizeof(latencies{}), uintptr(2900))
}

// Names are cut to a size that is bearable, between characters.
func TestCutName(t *testing.T) {
	require.Equal(t, "bob", cutName("bob"))
	require.Equal(t, strings.Repeat("x", 256), cutName(strings.Repeat("x", 1000)))
	require.Equal(t, strings.Repeat("矿", 85), cutName(strings.Repeat("矿", 1000)))
	require.Equal(t, "x"+strings.Repeat("矿", 85), cutName("x"+strings.Repeat("矿", 1000)))
	require.LessOrEqual(t, len(cutName(strings.Repeat("\xff", 1000))), 256)
	require.LessOrEqual(t, len(cutName(strings.Repeat("\x80", 1000))), 256)
}

// Disagreements are counted by kind, and the last few are kept.
func TestDevicesDisagreements(t *testing.T) {
	d := testDevices()
	target := testTarget(t, "1")
	c := d.Connected("s1", "192.0.2.1:5", "stratum+tcp://pool.example:3333", at(0))
	c.Is("", "w")
	yes, no := stratum.Reply{Accepted: true}, stratum.Reply{Code: 23, HasCode: true, Words: "low difficulty"}
	for range 30 {
		c.Said(verdictFor(share.LowDifficulty, target), nil, yes, false, time.Millisecond)
	}
	c.Said(verdictFor(share.Accepted, target), nil, no, false, time.Millisecond)
	c.Said(verdictFor(share.Accepted, target), nil, yes, false, time.Millisecond)
	c.Said(verdictFor(share.Stale, target), nil, no, false, time.Millisecond)
	c.Said(verdictFor(share.Accepted, target), share.ErrNoJob, no, false, time.Millisecond)
	c.Said(nil, share.ErrNoJob, no, false, time.Millisecond)
	c.Said(new(share.Verdict), nil, yes, false, time.Millisecond)
	s := d.Snapshot(at(1))
	require.Equal(t, [...]int64{31, 30, 1, 32, 4}, [...]int64{
		s.Total.Disagreements, s.Total.WronglyAccepted, s.Total.WronglyRejected, s.Total.PoolAccepted, s.Total.PoolRejected,
	})
	require.Len(t, s.Total.Examples, allExamples)
	require.Len(t, s.Devices[0].Examples, deviceExamples)
	last := s.Devices[0].Examples[deviceExamples-1]
	require.Equal(t, PoolRefused, last.Kind)
	require.Equal(t, "rejected: 23 low difficulty", strings.ReplaceAll(last.PoolSaid, ":  ", ": "))
	require.Equal(t, "accepted", last.Verdict)
	require.Equal(t, "w", last.Worker)
	require.Equal(t, PoolAccepted, s.Total.Examples[0].Kind)
	require.EqualValues(t, 36, s.Total.Reply.Count)
}

// All may be told from many goroutines at once, and nothing is counted twice or not at all.
func TestDevicesConcurrent(t *testing.T) {
	d := NewDevices()
	target := testTarget(t, "1")
	v := verdictFor(share.Accepted, target)
	const conns, shares = 40, 300
	var group sync.WaitGroup
	for i := range conns {
		group.Go(func() {
			c := d.Connected(fmt.Sprint(i), "192.0.2.1:5", "", time.Now())
			var both sync.WaitGroup
			both.Go(func() {
				for j := range shares {
					c.Is("a", fmt.Sprint("w", j%3))
					c.Target(target, time.Now())
					c.Judged(v, nil, time.Now())
				}
			})
			both.Go(func() {
				for j := range shares {
					c.Forwarded(time.Duration(j))
					c.Said(v, nil, stratum.Reply{Accepted: j%10 != 0}, false, time.Millisecond)
					if j%50 == 0 {
						c.Missed(1)
					}
				}
			})
			both.Wait()
			if i%2 == 0 {
				c.Gone(time.Now())
			}
		})
	}
	stop := make(chan struct{})
	var looking sync.WaitGroup
	looking.Go(func() {
		before := d.Snapshot(time.Now()).Total
		for {
			select {
			case <-stop:
				return
			default:
			}
			now := d.Snapshot(time.Now()).Total
			for _, grew := range [][2]int64{
				{before.Shares, now.Shares}, {before.PoolAccepted, now.PoolAccepted}, {before.Missed, now.Missed}, {before.Disagreements, now.Disagreements},
			} {
				if grew[1] < grew[0] {
					t.Errorf("a count went back: %v", grew)
				}
			}
			before = now
		}
	})
	group.Wait()
	close(stop)
	looking.Wait()
	s := d.Snapshot(time.Now())
	require.EqualValues(t, conns*shares, s.Total.Credited)
	require.EqualValues(t, conns*shares/10, s.Total.WronglyRejected)
	require.EqualValues(t, conns*shares, s.Total.Added.Count)
	require.EqualValues(t, conns*6, s.Total.Missed)
	require.Equal(t, new(big.Int).Mul(target.Work(), big.NewInt(conns*shares)).String(), s.Total.Work)
	require.Equal(t, conns/2, s.Total.Devices)
	var ofWorkers int64
	for _, w := range s.Workers {
		ofWorkers += w.Credited
	}
	require.EqualValues(t, conns*shares, ofWorkers)
}

// What happens with each share takes no memory.
func TestDevicesAllocateNothing(t *testing.T) {
	d := NewDevices()
	target := testTarget(t, "1")
	c := d.Connected("s", "192.0.2.1:5", "", time.Now())
	v := verdictFor(share.Accepted, target)
	each := func() {
		c.Is("a", "w")
		c.Target(target, time.Now())
		c.Judged(v, nil, time.Now())
		c.Said(v, nil, stratum.Reply{Accepted: true}, false, time.Millisecond)
		c.Forwarded(time.Microsecond)
	}
	each()
	require.Zero(t, testing.AllocsPerRun(1000, each))
}

// Steps are narrow, and quantiles too high by one at most.
func TestLatencies(t *testing.T) {
	require.Equal(t, time.Microsecond, latencyEdge(0))
	require.Equal(t, time.Duration(1250), latencyEdge(1))
	require.Equal(t, 2*time.Microsecond, latencyEdge(latencySteps))
	require.Equal(t, time.Microsecond<<latencyOctaves, latencyEdge(latencyEdges-1))
	for i := range latencyEdges {
		require.Equal(t, i, latencyIndex(latencyEdge(i)))
		require.Equal(t, i+1, latencyIndex(latencyEdge(i)+1))
	}
	require.Zero(t, latencyIndex(-1))
	require.Equal(t, latencyEdges, latencyIndex(1<<62))
	rnd := rand.New(rand.NewPCG(7, 8))
	var l latencies
	var sum latencySum
	require.Nil(t, sum.report())
	var all []time.Duration
	for range 5000 {
		d := time.Duration(float64(time.Millisecond) * rnd.ExpFloat64() * rnd.ExpFloat64() * rnd.ExpFloat64())
		all = append(all, d)
		l.add(d)
	}
	slices.Sort(all)
	sum.merge(&l)
	sum.merge(nil)
	r := sum.report()
	require.EqualValues(t, len(all), r.Count)
	require.Equal(t, seconds(all[len(all)-1]), r.Max)
	for _, q := range []struct {
		part float64
		got  Seconds
	}{{0.5, r.P50}, {0.99, r.P99}} {
		exact := float64(seconds(all[int(q.part*float64(len(all)))]))
		require.GreaterOrEqual(t, float64(q.got), exact)
		require.LessOrEqual(t, float64(q.got), exact*1.25+1e-6)
	}
	for _, b := range r.buckets {
		n := 0
		for n < len(all) && all[n] <= b.edge {
			n++
		}
		require.EqualValues(t, n, b.count, b.edge)
	}
}

var update = flag.Bool("update-status", false, "write the golden file of the status anew")

// goldenDevices is a Devices in which something of everything happened.
func goldenDevices(t testing.TB) *Devices {
	d := testDevices()
	target := testTarget(t, "512")
	a := d.Connected("a1", "192.0.2.7:50312", "stratum+tcp://pool.example:3333", at(1))
	a.Is("cgminer/4.12", "alice.1")
	a.Target(target, at(2))
	for i := range 20 {
		a.Judged(verdictFor(share.Accepted, target), nil, at(float64(3+i)))
		a.Said(verdictFor(share.Accepted, target), nil, stratum.Reply{Accepted: true}, false, 30*time.Millisecond)
		a.Forwarded(40 * time.Microsecond)
	}
	block := verdictFor(share.Block, target)
	block.Block = true
	a.Judged(block, nil, at(24))
	a.Judged(verdictFor(share.LowDifficulty, target), nil, at(25))
	a.Said(verdictFor(share.LowDifficulty, target), nil, stratum.Reply{Accepted: true}, false, 31*time.Millisecond)
	a.Judged(nil, share.ErrNoJob, at(26))
	a.Missed(2)
	b := d.Connected("b2", "[2001:db8::1]:4444", "stratum+tcp://pool.example:3333", at(10))
	b.Is("", "<b>&\x1b[2J矿\xff")
	gone := d.Connected("c3", "192.0.2.9:1", "stratum+tcp://pool.example:3333", at(10))
	gone.Is("x", "carol")
	gone.Target(target, at(11))
	gone.Gone(at(12))
	return d
}

// The JSON is what it was: programs read it.
func TestSnapshotJSON(t *testing.T) {
	s := goldenDevices(t).Snapshot(at(60))
	s.Role, s.Version = "proxy", "v0.0.0"
	s.Listen = []string{"stratum+tcp://127.0.0.1:3334"}
	s.Pools = []PoolState{{URL: "stratum+tcp://pool.example:3333", Working: true, Devices: 2}, {URL: "stratum+ssl://other.example:443", Error: "refused"}}
	s.Recording = &RecordingStatus{Folder: "rec", Lost: 3, Failures: 1, Error: "disk full"}
	got, err := json.MarshalIndent(s, "", "  ")
	require.NoError(t, err)
	const golden = "testdata/snapshot.json"
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, append(got, '\n'), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, strings.ReplaceAll(string(want), "\r\n", "\n"), string(got)+"\n")
	// An empty one has all fields, and no null lists.
	empty, err := json.Marshal(testDevices().Snapshot(at(1)))
	require.NoError(t, err)
	require.Contains(t, string(empty), `"workers":[],"devices":[]`)
}

// BenchmarkDevices measures what each share costs.
func BenchmarkDevices(b *testing.B) {
	target := testTarget(b, "512")
	v := verdictFor(share.Accepted, target)
	now := time.Now()
	c := NewDevices().Connected("s", "192.0.2.1:5", "", now)
	c.Is("a", "w")
	c.Target(target, now)
	b.Run("Judged", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			c.Judged(v, nil, now.Add(time.Duration(i)))
		}
	})
	b.Run("Said", func(b *testing.B) {
		for range b.N {
			c.Said(v, nil, stratum.Reply{Accepted: true}, false, time.Millisecond)
		}
	})
	b.Run("Forwarded", func(b *testing.B) {
		for range b.N {
			c.Forwarded(time.Millisecond)
		}
	})
}

// BenchmarkDevicesSnapshot measures a look at ten thousand devices with shares.
func BenchmarkDevicesSnapshot(b *testing.B) {
	target := testTarget(b, "512")
	v := verdictFor(share.Accepted, target)
	now := time.Now()
	d := NewDevices()
	for i := range 10_000 {
		c := d.Connected(fmt.Sprint(i), "192.0.2.1:5", "", now)
		c.Is("a", fmt.Sprint("w", i))
		c.Target(target, now)
		for j := range 20 + i%50 {
			c.Judged(v, nil, now.Add(time.Duration(j)*time.Second))
			c.Said(v, nil, stratum.Reply{Accepted: true}, false, time.Millisecond)
			c.Forwarded(time.Microsecond)
		}
	}
	for b.Loop() {
		d.Snapshot(now.Add(time.Minute))
	}
}
