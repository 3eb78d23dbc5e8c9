package audit

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// worker simulates how a machine goes through extranonce2: so many shares of each value, jobs of a minute, a clean one each ten minutes.
type worker struct {
	order        binary.ByteOrder
	size         int
	onward       bool // counts on through jobs that are not clean
	valuesPerJob float64
	sharesPer    float64 // of a value
	boards       uint64  // values that are in work at the same time
	random       bool    // no counter
	skip         func(job, at uint64) bool
}

func (w *worker) run(t *workTest, seed uint64, jobs int) {
	rng := rand.New(rand.NewPCG(seed, 12))
	base := uint64(0)
	for n := uint64(1); n <= uint64(jobs); n++ {
		began := testStart.Add(time.Duration(n) * time.Minute)
		j := &Job{Number: n, Time: began, Clean: n%10 == 1, Mask: 0x1fffe000, NTime: uint32(began.Unix())}
		t.job(j)
		if j.Clean || !w.onward {
			base = 0
		}
		at := 0.
		for {
			at += rng.ExpFloat64() / w.sharesPer
			if at >= w.valuesPerJob {
				break
			}
			if w.skip != nil && w.skip(n, uint64(at)) {
				continue
			}
			v := base + uint64(at)
			if w.boards > 0 {
				v -= min(v, rng.Uint64N(w.boards))
			}
			if w.random {
				v = rng.Uint64()
			}
			s := &Share{Time: began.Add(time.Duration(at / w.valuesPerJob * 60e9)), Job: n, Extranonce2Size: w.size, Required: 1000, Difficulty: 1000,
				Bits: true, VersionBits: rng.Uint32() & 0x0fffe000, NTime: j.NTime}
			var b [8]byte
			w.order.PutUint64(b[:], v)
			if w.order == binary.BigEndian {
				copy(s.Extranonce2[:], b[8-min(w.size, 8):])
			} else {
				copy(s.Extranonce2[:], b[:min(w.size, 8)])
			}
			t.arrive(&arrival{at: s.Time, floor: 1000, difficulty: 1000, share: s, job: j})
		}
		base += uint64(w.valuesPerJob)
	}
}

func workContext() *context { return factsContext(0) }

// A machine that counts has its order learned; honest ones, of whatever order, boards and luck, are not told; one that steps over values
// is.
func TestExtranonceOrder(t *testing.T) {
	for _, c := range []struct {
		name  string
		w     worker
		state State
		words string
	}{
		{"cgminer", worker{order: binary.LittleEndian, size: 4, onward: true, valuesPerJob: 40, sharesPer: .5}, Clear, "little-endian), on through jobs"},
		{"ESP-Miner", worker{order: binary.LittleEndian, size: 4, valuesPerJob: 120, sharesPer: .2}, Clear, "little-endian), from 0 with each job"},
		{"big-endian", worker{order: binary.BigEndian, size: 4, valuesPerJob: 120, sharesPer: .2}, Clear, "big-endian)"},
		{"eight bytes", worker{order: binary.BigEndian, size: 8, valuesPerJob: 120, sharesPer: .2}, Clear, "big-endian)"},
		{"three boards", worker{order: binary.LittleEndian, size: 4, onward: true, valuesPerJob: 60, sharesPer: .5, boards: 3}, Clear, "little-endian"},
		{"many shares of a value", worker{order: binary.LittleEndian, size: 4, valuesPerJob: 2, sharesPer: 20}, Clear, "little-endian"},
		{"no counter", worker{order: binary.LittleEndian, size: 4, valuesPerJob: 60, sharesPer: .5, random: true}, NotApplicable, "does not count"},
		{"skims", worker{order: binary.LittleEndian, size: 4, valuesPerJob: 200, sharesPer: .5, skip: func(job, at uint64) bool { return job > 20 && job%7 == 0 && at > 60 && at < 140 }}, Alarm, "stepped over"},
	} {
		t.Run(c.name, func(t *testing.T) {
			test := &workTest{}
			fs := test.findings(workContext())
			requireSoundFacts(t, fs)
			c.w.run(test, 1, 400)
			require.NoError(t, test.check())
			fs = test.findings(workContext())
			requireSoundFacts(t, fs)
			f := fs[0]
			require.Equal(t, c.state, f.State, f.Words)
			require.Contains(t, f.Words, c.words)
			if c.state == Alarm {
				require.NotEmpty(t, f.FalseAlarms)
				require.False(t, f.Since.IsZero())
				require.Equal(t, Surveillance, f.Kind)
			}
			if low := test.Order.Low; low > 0 { // of the work of a value
				require.Less(t, low, c.w.sharesPer*1000)
			}
		})
	}
}

// False alarms are as rare as is said: at e^-9 of a share, so many of a million shares.
func TestExtranonceFalseAlarms(t *testing.T) {
	shares, told := 0., 0
	for seed := range uint64(40) {
		w := worker{order: binary.LittleEndian, size: 4, valuesPerJob: 80, sharesPer: .25 + .1*float64(seed%4)}
		test := &workTest{}
		w.run(test, seed, 600)
		shares += float64(test.Order.Events)
		for _, j := range test.Order.Jumps {
			if j.Nats >= 9 {
				told++
			}
		}
	}
	allowed := shares * math.Exp(-9)
	t.Logf("%d of %.0f allowed, in %.0f shares", told, allowed, shares)
	require.LessOrEqual(t, float64(told), allowed+4*math.Sqrt(allowed))
}

func TestVersionUse(t *testing.T) {
	for _, c := range []struct {
		mask, ones uint32
		with       bool
		words      string
		state      State
	}{
		{0, 0, true, "No version bits were granted", NotApplicable},
		{0x1fffe000, 0x1fffe000, true, "rolls all 16", Clear},
		{0x1fffe000, 0x0fffe000, true, "rolls 15 of the 16 version bits that are granted; those of 10000000", Clear},
		{0x1fffe000, 0, true, "rolls none of the 16", Clear},
		{0x1fffe000, 0, false, "does not: none of 200 shares", Clear},
	} {
		rng := rand.New(rand.NewPCG(1, 1))
		test := &workTest{}
		for range 200 {
			s := &Share{Time: testStart, Bits: c.with, VersionBits: rng.Uint32() & c.ones, Job: 1}
			test.arrive(&arrival{share: s, job: &Job{Number: 1, Time: testStart, Mask: c.mask}, floor: 1})
		}
		fs := test.findings(workContext())
		requireSoundFacts(t, fs)
		f := findingOf(t, fs, TestVersion, Description)
		require.Contains(t, f.Words, c.words)
		require.Equal(t, c.state, f.State)
	}
}

func TestNTimeUse(t *testing.T) {
	for slope, words := range map[float64]string{0: "leaves the time", 1: "follows the clock", .5: "s a second, up to 29 s after"} {
		test := &workTest{}
		for i := range 200 {
			after := time.Duration(i%60) * time.Second
			s := &Share{Time: testStart.Add(after), NTime: uint32(testStart.Unix()) + uint32(slope*after.Seconds()), Job: 1}
			test.arrive(&arrival{share: s, job: &Job{Number: 1, Time: testStart, NTime: uint32(testStart.Unix())}, floor: 1})
		}
		fs := test.findings(workContext())
		requireSoundFacts(t, fs)
		f := findingOf(t, fs, TestNTime, Description)
		require.Contains(t, f.Words, words)
	}
}

func TestWorkMergeAndState(t *testing.T) {
	w := worker{order: binary.LittleEndian, size: 4, valuesPerJob: 100, sharesPer: .5}
	a, b := &workTest{}, &workTest{}
	w.run(a, 1, 100)
	w.run(b, 2, 100)
	events := a.Order.Events + b.Order.Events
	text, err := json.Marshal(a)
	require.NoError(t, err)
	back := &workTest{}
	require.NoError(t, json.Unmarshal(text, back))
	require.NoError(t, back.check())
	require.Equal(t, a.findings(workContext()), back.findings(workContext()))
	w.run(a, 3, 1)
	w.run(back, 3, 1)
	require.Equal(t, a.Order, back.Order)
	events += a.Order.Events + b.Order.Events - events
	a.merge(b)
	require.NoError(t, a.check())
	require.Equal(t, events, a.Order.Events)
	empty := &workTest{}
	empty.merge(a)
	require.NoError(t, empty.check())
	require.Equal(t, a.Order.Events, empty.Order.Events)
	require.Equal(t, a.Version, empty.Version)
	for _, bad := range []string{`{"version":{"ones":[1]}}`, `{"ntime":{"zero":1}}`, `{"extranonce2":{"order":9}}`, `{"extranonce2":{"size":-1}}`,
		`{"extranonce2":{"exposure":-1}}`, `{"extranonce2":{"jumps":[{"nats":-3}]}}`, `{"ntime":{"xx":-1}}`, `{"extranonce2":{"upward":[1,1]}}`} {
		test := &workTest{}
		if json.Unmarshal([]byte(bad), test) == nil {
			require.Error(t, test.check(), bad)
		}
	}
}

func FuzzWork(f *testing.F) {
	f.Add(`{}`, uint64(5), uint64(6), 4, 1.0)
	f.Add(`{"extranonce2":{"order":1,"size":4,"low":5,"job":1,"in_job":3}}`, uint64(1)<<63, uint64(6), 99, 1e-9)
	f.Fuzz(func(t *testing.T, text string, x, y uint64, size int, floor float64) {
		test := &workTest{}
		if json.Unmarshal([]byte(text), test) != nil || test.check() != nil || !(floor > 1e-12 && floor < 1e30) {
			return
		}
		for i, v := range []uint64{x, y, x + 1, y + 1} {
			s := &Share{Time: testStart, Job: uint64(i/2) + 1, Extranonce2Size: size, NTime: uint32(x), VersionBits: uint32(y), Bits: x%2 == 0}
			binary.LittleEndian.PutUint64(s.Extranonce2[:], v)
			test.arrive(&arrival{at: testStart, share: s, floor: floor, job: &Job{Number: s.Job, Time: testStart, Mask: 0x1fffe000, NTime: uint32(y)}})
		}
		requireSoundFacts(t, test.findings(workContext()))
		test.merge(test)
	})
}

// What facts, census and work take together for a share.
func BenchmarkCellsFactsWork(b *testing.B) {
	plan := testPlan(b, nil)
	f, cells, work := &facts{}, &cellTest{}, &workTest{}
	f.use(plan)
	cells.use(plan)
	cells.model("Antminer S19j Pro", plan)
	nonces := benchmarkNonces(1 << 12)
	job := &Job{Time: testStart, Mask: 0x1fffe000, Number: 1}
	s := &Share{Required: 1000, Difficulty: 2000, Word: 11, Bits: true, Extranonce2Size: 4}
	a := &arrival{share: s, job: job, floor: 1000}
	b.ReportAllocs()
	for i := range b.N {
		if i%10 == 0 {
			job.Number++
			job.Time = job.Time.Add(30 * time.Second)
			work.job(job)
		}
		s.Job, s.Nonce = job.Number, nonces[i&4095]
		s.Time = job.Time.Add(time.Duration(i%10) * 3 * time.Second)
		a.at = s.Time
		binary.LittleEndian.PutUint32(s.Extranonce2[:], uint32(i%10))
		f.share(s, job)
		f.answered(true, true, false)
		cells.arrive(a)
		work.arrive(a)
	}
}
