package mine

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/work"
)

// testJob is a small job with a coinbase, so that extranonces count.
func testJob(mask uint32) *work.Job {
	return &work.Job{
		ID:              "1",
		Height:          1,
		Version:         0x20000000,
		VersionMask:     mask,
		Bits:            0x1d00ffff,
		Target:          mustTarget(0x1d00ffff),
		Time:            1_700_000_000,
		MinTime:         1_699_990_000,
		CoinbasePrefix:  []byte("coinbase "),
		CoinbaseSuffix:  []byte(" end"),
		Extranonce1Size: 2,
		Extranonce2Size: 3,
	}
}

func mustTarget(b work.Bits) work.Target {
	t, negative, overflow := b.Target()
	if negative || overflow {
		panic(fmt.Sprintf("bits %v", b))
	}
	return t
}

// anyHash is the target that every hash meets.
func anyHash(t testing.TB) work.Target {
	all, err := work.TargetFromBig(new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)))
	require.NoError(t, err)
	return all
}

// collector gathers what a miner finds.
type collector struct {
	mu    sync.Mutex
	found []Found
}

func (c *collector) add(f Found) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found = append(c.found, f)
}

func (c *collector) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.found)
}

// exhaust searches w with n threads until it is exhausted, and returns all that
// met its target and the statistics. The clock is held: time in the bubble
// passes only once every thread waits.
func exhaust(t *testing.T, w *Work, threads int, kernel hash.Kernel) ([]Found, Stats) {
	var c collector
	var stats Stats
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		m, err := New(Config{Threads: threads, Kernel: kernel, OnFound: c.add, OnExhausted: func(*Work) { cancel() }})
		require.NoError(t, err)
		require.NoError(t, m.SetWork(w))
		require.NoError(t, m.Run(ctx))
		stats = m.Stats()
	})
	return c.found, stats
}

// randomMask returns a mask of so many bits anywhere.
func randomMask(rng *rand.Rand, bits int) (mask uint32) {
	for _, bit := range rng.Perm(32)[:bits] {
		mask |= 1 << bit
	}
	return mask
}

// TestSpaceIsPartitioned lets every header count as found, and asks that each
// header of the space came exactly once, whatever the threads, mask and ranges.
func TestSpaceIsPartitioned(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range 24 {
		mask := randomMask(rng, i%6) // 1 to 32 versions: less than a group, one, two
		job := testJob(mask)
		job.MaxTime = job.Time // one ntime, so that the space ends
		w := &Work{
			Job:              job,
			Extranonce1:      []byte{0xaa, byte(i)},
			Target:           anyHash(t),
			FirstExtranonce2: rng.Uint64N(1 << 20),
			Extranonce2s:     1 + rng.Uint64N(4),
			FirstNonce:       rng.Uint32(),
		}
		w.Nonces = 1 + rng.Uint64N(min(300, 1<<32-uint64(w.FirstNonce)))
		if i%5 == 0 { // to the very end of the nonces
			w.FirstNonce = math.MaxUint32 - uint32(rng.IntN(200))
			w.Nonces = 0
		}
		if i%7 == 0 { // to the very end of extranonce2
			w.FirstExtranonce2, w.Extranonce2s = 1<<24-2, 0
		}
		threads := 1 + rng.IntN(7)
		if i == 5 { // both groups by one thread, one after the other
			threads = 1
		}
		t.Run(fmt.Sprintf("threads=%d,mask=%08x,%d", threads, mask, i), func(t *testing.T) {
			found, stats := exhaust(t, w, threads, hash.Generic)

			s, err := w.space()
			require.NoError(t, err)
			all := uint64(s.versions) * uint64(s.groups) * s.nonces * (s.lastExtranonce2 - s.firstExtranonce2 + 1)
			require.Equal(t, all, stats.Hashes)
			require.Equal(t, all, stats.WorkHashes)
			require.Len(t, found, int(all))

			headers := map[work.Header]bool{}
			for _, f := range found {
				header, err := job.Header(&f.Solution)
				require.NoError(t, err)
				require.Equal(t, header.Hash(), f.Hash)
				require.False(t, headers[header], "a header was tried twice")
				headers[header] = true

				require.Equal(t, job.Time, header.Time)
				require.Zero(t, (header.Version^job.Version)&^mask)
				require.GreaterOrEqual(t, header.Nonce, w.FirstNonce)
				require.Less(t, uint64(header.Nonce)-uint64(w.FirstNonce), s.nonces)
				require.Equal(t, w.Extranonce1, f.Solution.Extranonce[:2])
			}
			require.NotNil(t, stats.Best)
			for _, f := range found {
				require.LessOrEqual(t, work.HashValue(&stats.Best.Hash).Cmp(work.HashValue(&f.Hash)), 0)
			}
		})
	}
}

// TestUnitsOfManySlices crosses the boundaries of slices and units.
func TestUnitsOfManySlices(t *testing.T) {
	requireAllFound(t, 0, 2, 0, unitNonces+1000)
}

// TestTicksOfTheClock searches the same versions and nonces at four ntimes, of
// which the scanner must hear though all midstates stay.
func TestTicksOfTheClock(t *testing.T) {
	requireAllFound(t, 0xe000, 1, 3, 4000)
}

// requireAllFound searches versions × extranonces × ntimes × nonces for one
// hash in 4096, and demands what trying each header in turn finds.
func requireAllFound(t *testing.T, mask uint32, extranonces byte, seconds uint32, nonces uint32) {
	job := testJob(mask)
	job.MaxTime = job.Time + seconds
	target, err := work.ParseTarget("000fffff" + "ffffffffffffffffffffffffffffffffffffffffffffffffffffffff")
	require.NoError(t, err)
	w := &Work{Job: job, Extranonce1: []byte{1, 2}, Target: target, Extranonce2s: uint64(extranonces), Nonces: uint64(nonces)}
	found, stats := exhaust(t, w, 3, hash.Generic)

	want := map[work.Header]bool{}
	var tried uint64
	b := job.NewBuilder()
	for extranonce2 := range extranonces {
		require.NoError(t, b.SetExtranonce([]byte{1, 2, 0, 0, extranonce2}))
		for value := range uint32(1) << bits.OnesCount32(mask) {
			for ntime := job.Time; ntime <= job.MaxTime; ntime++ {
				for nonce := range nonces {
					var raw [80]byte
					b.Header(&raw, job.Version|work.SpreadVersion(value, mask), ntime, nonce)
					h := work.ParseHeader(&raw)
					if sum := h.Hash(); target.MetBy(&sum) {
						want[h] = true
					}
					tried++
				}
			}
		}
	}
	require.NotEmpty(t, want)
	require.Equal(t, tried, stats.Hashes)
	got := map[work.Header]bool{}
	for _, f := range found {
		header, err := job.Header(&f.Solution)
		require.NoError(t, err)
		got[header] = true
	}
	require.Equal(t, want, got)
	require.Len(t, found, len(want))
}

// TestPassesGoOnWithTime exhausts a small space at several moments: each pass
// has ntimes of its own, first ahead of the clock, then with it.
func TestPassesGoOnWithTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job := testJob(0)
		var c collector
		m, err := New(Config{Threads: 2, OnFound: c.add, OnExhausted: func(*Work) { t.Error("time goes on") }})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		require.NoError(t, m.SetWork(&Work{
			Job: job, Extranonce1: []byte{0, 0}, Target: anyHash(t), Extranonce2s: 1, Nonces: 3}))
		done := make(chan error)
		go func() { done <- m.Run(ctx) }()

		synctest.Wait() // all that can be done at this moment is done
		require.Equal(t, 3*(1+rollAhead), c.len())
		time.Sleep(10*time.Second + time.Millisecond)
		synctest.Wait()
		require.Equal(t, 3*(1+rollAhead+10), c.len())
		cancel()
		require.NoError(t, <-done)

		headers := map[work.Header]bool{}
		for _, f := range c.found {
			header, err := job.Header(&f.Solution)
			require.NoError(t, err)
			require.False(t, headers[header])
			headers[header] = true
			require.LessOrEqual(t, header.Time, job.Time+rollAhead+10)
		}
	})
}

func TestTimesFollowTheClockWithinLimits(t *testing.T) {
	start := time.Unix(50, 0) // a clock that is wrong does no harm
	clock := start
	job := testJob(0)
	w := &Work{Job: job, Extranonce1: []byte{0, 0}}
	for _, c := range []struct {
		time, minTime, maxTime uint32
		elapsed                time.Duration
		now, ahead             uint32
	}{
		{1000, 900, 0, 0, 1000, 1600},
		{1000, 900, 0, 7900 * time.Millisecond, 1007, 1607},
		{1000, 900, 1005, 10 * time.Second, 1005, 1005},
		{1000, 900, 1300, 10 * time.Second, 1010, 1300},
		{1000, 1500, 0, 10 * time.Second, 1500, 1610},
		{1000, 900, 0, -time.Hour, 1000, 1600},
		{math.MaxUint32 - 5, 900, 0, 10 * time.Second, math.MaxUint32, math.MaxUint32},
	} {
		job.Time, job.MinTime, job.MaxTime = c.time, c.minTime, c.maxTime
		clock = start
		task, err := newTask(w, func() time.Time { return clock })
		require.NoError(t, err)
		clock = start.Add(c.elapsed)
		now, ahead := task.times()
		require.Equal(t, [2]uint32{c.now, c.ahead}, [2]uint32{now, ahead}, "%+v", c)
	}
}

// TestSwitchIsImmediate changes the work while every thread hashes, and counts
// what the old work still got.
func TestSwitchIsImmediate(t *testing.T) { eachKernel(t, switchIsImmediate) }

func switchIsImmediate(t *testing.T, kernel hash.Kernel) {
	const threads = 3
	m, err := New(Config{Threads: threads, Kernel: kernel, OnFound: func(Found) {}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	job := testJob(work.MaskBIP320)
	w := func() *Work { return &Work{Job: job, Extranonce1: []byte{1, 1}} }
	require.NoError(t, m.SetWork(w()))
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()

	scanner, err := hash.NewScanner(kernel) // not one of m's, which are busy
	require.NoError(t, err)
	scanner.Reset(make([]hash.Midstate, hash.MaxMidstates), new(hash.Tail))
	slice := scanner.Slice() * hash.MaxMidstates
	for range 20 {
		old := m.task.Load()
		for old.hashes.Load() == 0 { // until it is being searched
			m.Stats()
		}
		require.NoError(t, m.SetWork(w()))
		before := old.hashes.Load()
		next := m.task.Load()
		for next.hashes.Load() < 4*threads*slice {
			m.Stats()
		}
		require.LessOrEqual(t, old.hashes.Load()-before, threads*slice)
	}
	cancel()
	require.NoError(t, <-done)
}

// TestSwitchLeavesNoRest changes the work in the middle of a unit: what was
// left of it is neither searched nor counted for the next.
func TestSwitchLeavesNoRest(t *testing.T) {
	first := &Work{Job: testJob(0xe000), Extranonce1: []byte{1, 1}, Target: anyHash(t)}
	second := &Work{Job: testJob(0xe000), Extranonce1: []byte{2, 2}, Target: anyHash(t), Extranonce2s: 1, Nonces: 100}
	second.Job.MaxTime = second.Job.Time
	synctest.Test(t, func(t *testing.T) {
		var m *Miner
		var once sync.Once
		var c collector
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		m, err := New(Config{Threads: 2, OnExhausted: func(*Work) { cancel() }, OnFound: func(f Found) {
			if f.Work == second {
				c.add(f)
			}
			once.Do(func() { require.NoError(t, m.SetWork(second)) })
		}})
		require.NoError(t, err)
		require.NoError(t, m.SetWork(first))
		require.NoError(t, m.Run(ctx))
		require.EqualValues(t, 8*100, m.Stats().WorkHashes)
		require.Len(t, c.found, 8*100)
		for _, f := range c.found {
			header, err := second.Job.Header(&f.Solution)
			require.NoError(t, err)
			require.Equal(t, header.Hash(), f.Hash)
		}
	})
}

// TestFoundMayStopTheWork sets no work from within OnFound, as a solo miner
// does when it has its block.
func TestFoundMayStopTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *Miner
		var found atomic.Int64
		m, err := New(Config{Threads: 2, OnFound: func(f Found) {
			found.Add(1)
			require.NoError(t, m.SetWork(nil))
		}})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		require.NoError(t, m.SetWork(&Work{Job: testJob(0), Extranonce1: []byte{1, 1}, Target: anyHash(t)}))
		done := make(chan error)
		go func() { done <- m.Run(ctx) }()
		synctest.Wait() // both threads wait for work
		require.Positive(t, found.Load())
		require.Nil(t, m.Stats().Work)
		require.Equal(t, m.Stats().Hashes, uint64(found.Load()))
		cancel()
		require.NoError(t, <-done)
	})
}

func TestJobsNonceRangeHolds(t *testing.T) {
	job := testJob(0)
	job.MaxTime = job.Time
	job.NonceFirst, job.NonceLast = 10, 20
	for _, c := range []struct {
		first  uint32
		nonces uint64
		tried  uint64
	}{{0, 0, 11}, {0, 11, 1}, {15, 0, 6}, {15, 2, 2}, {15, 100, 6}, {20, 0, 1}} {
		w := &Work{Job: job, Extranonce1: []byte{0, 0}, Extranonce2s: 1, FirstNonce: c.first, Nonces: c.nonces}
		_, stats := exhaust(t, w, 1, hash.Generic)
		require.Equal(t, c.tried, stats.Hashes, "%+v", c)
	}
}

// TestStoppedRunGoesOn stops and starts a search again and again; the space is
// still tried whole, and nothing twice.
func TestStoppedRunGoesOn(t *testing.T) {
	job := testJob(0xe000)
	job.MaxTime = job.Time
	ctx, stop := context.WithCancel(t.Context())
	var c collector
	var exhausted atomic.Bool
	m, err := New(Config{
		Threads: 2,
		OnFound: func(f Found) {
			c.add(f)
			stop()
		},
		OnExhausted: func(*Work) { exhausted.Store(true); stop() },
	})
	require.NoError(t, err)
	w := &Work{Job: job, Extranonce1: []byte{0, 0}, Target: anyHash(t), Extranonce2s: 2, Nonces: 2000}
	require.NoError(t, m.SetWork(w))
	runs := 0
	for ; !exhausted.Load(); runs++ {
		require.NoError(t, m.Run(ctx))
		ctx, stop = context.WithCancel(t.Context())
	}
	stop()
	require.Greater(t, runs, 5)
	require.EqualValues(t, 2*8*2000, m.Stats().Hashes)
	headers := map[work.Header]bool{}
	for _, f := range c.found {
		header, err := job.Header(&f.Solution)
		require.NoError(t, err)
		headers[header] = true
	}
	require.Len(t, headers, 2*8*2000)
	require.Len(t, c.found, 2*8*2000)
}

// TestRunEndsAndBeginsAgain also asserts, by the bubble's own rule, that no
// goroutine outlives Run.
func TestRunEndsAndBeginsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := New(Config{Threads: 4, OnFound: func(Found) {}})
		require.NoError(t, err)
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- m.Run(ctx) }()
			synctest.Wait()
			require.ErrorContains(t, m.Run(ctx), "running already")
			cancel()
			require.NoError(t, <-done)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	_, err := New(Config{Threads: -1, OnFound: func(Found) {}})
	require.ErrorContains(t, err, "-1 threads")
	_, err = New(Config{})
	require.ErrorContains(t, err, "OnFound")
}

func TestSetWorkRefuses(t *testing.T) {
	m, err := New(Config{Threads: 1, OnFound: func(Found) {}})
	require.NoError(t, err)
	late := testJob(0)
	late.MaxTime = late.MinTime - 1
	narrow := testJob(0)
	narrow.NonceFirst, narrow.NonceLast = 10, 20
	negative := testJob(0)
	negative.Extranonce2Size = -1
	for _, c := range []struct {
		work Work
		says string
	}{
		{Work{}, "without a job"},
		{Work{Job: testJob(0)}, "extranonce1 of 0 bytes for a job that takes 2"},
		{Work{Job: testJob(0), Extranonce1: make([]byte, 2), FirstExtranonce2: 1 << 24}, "do not fit 3 bytes"},
		{Work{Job: testJob(0), Extranonce1: make([]byte, 2), FirstExtranonce2: 1, Extranonce2s: 1 << 24}, "do not fit 3 bytes"},
		{Work{Job: testJob(0), Extranonce1: make([]byte, 2), FirstNonce: 1, Nonces: 1 << 32}, "pass 2^32"},
		{Work{Job: narrow, Extranonce1: make([]byte, 2), FirstNonce: 21}, "no nonce from 21"},
		{Work{Job: narrow, Extranonce1: make([]byte, 2), Nonces: 10}, "no nonce from 0"},
		{Work{Job: negative, Extranonce1: make([]byte, 2)}, "extranonce2 of -1 bytes"},
		{Work{Job: late, Extranonce1: make([]byte, 2)}, "before mintime"},
	} {
		require.ErrorContains(t, m.SetWork(&c.work), c.says)
		require.Nil(t, m.Stats().Work)
	}
}

func TestHeaderJobHasNoExtranonce(t *testing.T) {
	raw, err := hex.DecodeString("0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c")
	require.NoError(t, err)
	header := work.ParseHeader((*[80]byte)(raw))
	job := work.HeaderJob(&header)
	job.MinTime, job.MaxTime = header.Time, header.Time
	found, stats := exhaust(t, &Work{Job: job, FirstNonce: header.Nonce - 1000, Nonces: 2000}, 2, hash.Generic)
	require.EqualValues(t, 2000, stats.Hashes)
	require.Len(t, found, 1)
	require.Equal(t, header.Hash(), found[0].Hash)
	require.True(t, found[0].Network)
	require.Equal(t, work.Solution{Version: 1, Time: header.Time, Nonce: header.Nonce}, found[0].Solution)
}
