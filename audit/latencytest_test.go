package audit

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work/share"
)

// latencyRun feeds jobs of 30 s at 20 shares a minute. Shares of at least hoard times the difficulty are held until their job ends; a
// part of all comes after the next job's first. The rate drifts up within each job, as it must not matter.
func latencyRun(r *rand.Rand, test *latencyTest, jobs int, hoard float64, stop func() bool) {
	number := uint64(0)
	var late []arrival
	for range jobs {
		number++
		job := &Job{Number: number, Difficulty: 1000}
		var shares []arrival
		for range 5 + r.IntN(10) {
			shares = append(shares, arrival{at: testStart.Add(time.Duration(30*(float64(number)+math.Sqrt(r.Float64()))) * time.Second),
				floor: 1000, difficulty: pareto(r, 1000), job: job})
		}
		slices.SortFunc(shares, func(a, b arrival) int { return a.at.Compare(b.at) })
		var held []arrival
		for i := range shares {
			if hoard > 0 && shares[i].difficulty >= hoard*1000 {
				held = append(held, shares[i])
				continue
			}
			test.arrive(&shares[i])
			for k := range late {
				test.arrive(&late[k])
			}
			late = nil
		}
		for i := range held {
			if i%2 == 0 {
				late = append(late, held[i])
			} else {
				test.arrive(&held[i])
			}
		}
		if stop != nil && stop() {
			return
		}
	}
}

func TestLatencyErrorRate(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 10))
	const runs = 600
	alarms, sum := 0, 0.
	for range runs {
		var test latencyTest
		latencyRun(r, &test, 200, 0, nil)
		require.NoError(t, test.check())
		if test.Summit.with(test.logE()) >= math.Log(20) {
			alarms++
		}
		sum += test.Levels[0].Place / float64(test.Levels[0].Jobs)
	}
	t.Logf("alarms at 5 %%: %d of %d, mean place %.4f", alarms, runs, sum/runs)
	require.LessOrEqual(t, float64(alarms), 0.05*runs+3*math.Sqrt(0.05*0.95*runs))
	require.InDelta(t, 0.5, sum/runs, 0.005)
}

func TestLatencyFindsHoarding(t *testing.T) {
	c := &context{plan: testPlan(t, nil), threshold: 16, shares: 1}
	for _, hoard := range []float64{4, 64, 300} {
		r := rand.New(rand.NewPCG(2, 10))
		var test latencyTest
		latencyRun(r, &test, 100_000, hoard, func() bool { return test.Summit.Peak >= c.threshold })
		f := test.finding(c)
		require.Equal(t, Alarm, f.State)
		t.Logf("from %v times the difficulty on: %d shares. %s", hoard, test.Shares, f.Words)
		require.Less(t, float64(test.Shares), 100*hoard+1500)
	}
	r := rand.New(rand.NewPCG(3, 10))
	var honest latencyTest
	f := honest.finding(c)
	require.Equal(t, NotApplicable, f.State)
	latencyRun(r, &honest, 3, 0, nil)
	f = honest.finding(c)
	require.Equal(t, TooEarly, f.State)
	require.Positive(t, f.NeedShares)
	latencyRun(r, &honest, 3000, 0, nil) // numbers start again: late shares of old jobs, for all it knows
	var more latencyTest
	latencyRun(r, &more, 3000, 0, nil)
	f = more.finding(c)
	require.Equal(t, Clear, f.State)
	t.Log(f.Words, f.Power)
}

func TestLatencyMerge(t *testing.T) {
	var whole, first, second latencyTest
	r := rand.New(rand.NewPCG(4, 10))
	latencyRun(r, &first, 100, 16, nil)
	latencyRun(r, &second, 100, 16, nil)
	sum := first.Levels[1].Stakes[1] + second.Levels[1].Stakes[1]
	first.merge(&second)
	require.NoError(t, first.check())
	require.InDelta(t, sum, first.Levels[1].Stakes[1], 2) // and the two jobs that were open
	whole.merge(&first)
	require.Equal(t, first, whole)
}

// Shares that come for an older job than the two latest are too late to tell, and a new floor begins a new job.
func TestLatencyJobs(t *testing.T) {
	var test latencyTest
	send := func(number uint64, floor, difficulty float64) {
		test.arrive(&arrival{at: testStart, floor: floor, difficulty: difficulty, job: &Job{Number: number}})
	}
	send(5, 10, 20)
	send(6, 10, 30)
	send(5, 10, 40)
	require.Equal(t, [2]latencyJob{{5, 0, 10, 2, 40, 2, false}, {6, 0, 10, 1, 30, 1, false}}, test.Open)
	send(3, 10, 50)
	require.Equal(t, uint64(3), test.Shares)
	send(8, 10, 11)
	require.Equal(t, uint64(1), test.Levels[0].Jobs)
	require.Equal(t, 0.75, test.Levels[0].Place)
	send(7, 10, 11)
	require.Equal(t, uint64(7), test.Open[0].Number)
	send(8, 20, 25)
	require.Equal(t, uint32(1), test.Open[1].Shares)
	test.arrive(&arrival{at: testStart, floor: 10, difficulty: 20})
	require.NoError(t, test.check())
}

// A device that hoards high shares until clean_jobs comes sends them in the time that counts for no rate. They are seen all the same.
func TestDeviceHoardsUntilCleanJobs(t *testing.T) {
	plan := testPlan(t, nil)
	for _, hoards := range []bool{true, false} {
		r := rand.New(rand.NewPCG(5, 10))
		d := NewDevice("hoarder", plan)
		now := testStart
		d.Open(now, "")
		var held []Share
		for number := uint64(1); number <= 1500; number++ {
			j := Job{Time: now, Number: number, Tip: number, Clean: true, Difficulty: 1000, Network: 1e14}
			d.Job(&j)
			for i := range held {
				held[i].Time = now.Add(200 * time.Millisecond)
				d.Share(&held[i])
			}
			held = held[:0]
			end := now.Add(time.Minute)
			for {
				now = now.Add(time.Duration(r.ExpFloat64() * 3e9))
				if now.After(end) {
					break
				}
				s := Share{Time: now, Job: number, Required: 1000, Difficulty: pareto(r, 1000), Word: share.Accepted, Nonce: r.Uint32(),
					Extranonce2Size: 4}
				if hoards && s.Difficulty >= 32_000 {
					s.Word = share.Stale // by the time it comes
					held = append(held, s)
					continue
				}
				d.Share(&s)
			}
			now = end
		}
		report := d.Report()
		f, found := finding(&report, TestLatency)
		require.True(t, found)
		if hoards {
			require.Equal(t, Alarm, f.State, f.Words)
		} else {
			require.Equal(t, Clear, f.State, f.Words)
		}
		t.Log(f.Words)
	}
}

// TestLatencyOfBlocks: all jobs on one block are one, however many there are.
func TestLatencyOfBlocks(t *testing.T) {
	var test latencyTest
	number := uint64(0)
	for tip := uint64(1); tip <= 40; tip++ {
		first := number + 1
		for range 20 {
			number++
			for range 5 {
				test.arrive(&arrival{at: testStart, floor: 10, difficulty: 11, job: &Job{Number: number, Tip: tip}})
			}
		}
		// One that was found at the block's first job, and kept until the next.
		test.arrive(&arrival{at: testStart, floor: 10, difficulty: 1000, job: &Job{Number: first, Tip: tip}})
	}
	require.Equal(t, uint64(38), test.Levels[0].Jobs, "two are open")
	require.InDelta(t, 38*100.5/101, test.Levels[0].Place, 1e-9)
	require.Greater(t, test.logE(), 13.8)
	require.NoError(t, test.check())
}

// TestLatencyOfMiningAlone has a machine find every block itself, as in a laboratory or at home: each block ends its own job, and so the
// best share is always the last. Nothing is held back there.
func TestLatencyOfMiningAlone(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 182))
	var test latencyTest
	now := testStart
	for n := uint64(1); n <= 500; n++ {
		job := &Job{Number: n, Tip: n, Difficulty: 1, Network: 8}
		for {
			now = now.Add(time.Second)
			a := arrival{at: now, floor: 1, difficulty: pareto(r, 1), job: job}
			test.arrive(&a)
			if a.difficulty >= job.Network {
				break
			}
		}
	}
	require.Less(t, test.logE(), 1.)
	require.Zero(t, test.Levels[0].Jobs)
	require.NoError(t, test.check())
}
