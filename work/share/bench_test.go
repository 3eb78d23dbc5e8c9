package share

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
)

// What is measured: a pool of 64 connections and 16 jobs, each with a coinbase of 250 bytes and a branch of 12, and shares that are all
// new and all credited, so that each is remembered. A rate counts shares.
const (
	benchSessions = 64
	benchJobs     = 16
	benchBranch   = 12
	benchCoinbase = 250
	// benchWindow is how many shares are judged between two looks at the clock.
	benchWindow = 1 << 15
	// benchTip is how many shares are remembered before the next block comes, and the memory of them is let go.
	benchTip = 1 << 20
)

// benchWork returns the jobs.
func benchWork() (jobs []*work.Job) {
	for i := range benchJobs {
		j := testJob(fmt.Sprintf("%x", 0x6601+i), 1, func(j *work.Job) {
			j.CoinbasePrefix = bytes.Repeat([]byte{byte(i)}, 90) // a version, an input, the height, a tag
			j.CoinbaseSuffix = bytes.Repeat([]byte{byte(i)}, benchCoinbase-90-12)
			j.Branch = nil
			for k := range benchBranch {
				j.Branch = append(j.Branch, sha256.Sum256([]byte{byte(i), byte(k)}))
			}
		})
		jobs = append(jobs, j)
	}
	return jobs
}

// benchShares are shares of a window, all different.
type benchShares struct {
	next     uint64
	of       uint64           // sessions, the first so many
	sessions [benchWindow]int // whose a share is
	shares   [benchWindow]Submission
	extra    [benchWindow][8]byte
	jobs     []*work.Job
}

// newBenchShares returns shares of a worker, which no other has.
func newBenchShares(worker, sessions int) *benchShares {
	return &benchShares{next: uint64(worker) << 40, of: uint64(sessions), jobs: benchWork()}
}

// refill makes the next shares.
func (w *benchShares) refill() {
	for i := range w.shares {
		w.next++
		binary.BigEndian.PutUint64(w.extra[i][:], w.next)
		random := mix(w.next)
		w.sessions[i] = int(random % w.of)
		w.shares[i] = Submission{
			Worker: "worker", JobID: w.jobs[random>>8%benchJobs].ID, Extranonce2: w.extra[i][:], Time: testTime + uint32(random>>16%600),
			Nonce: uint32(random >> 32), VersionBits: uint32(random>>13) & work.MaskBIP320, HasVersionBits: true, Received: testNow,
		}
	}
}

// A contestant judges the shares of a window.
type contestant interface {
	// reset forgets all shares.
	reset(testing.TB)
	judge(testing.TB, *benchShares)
}

// benchPool is a validator with its sessions.
type benchPool struct {
	v        *Validator
	sessions []*Session
}

func (p *benchPool) reset(tb testing.TB) {
	p.v, p.sessions = NewValidator(Options{MaxShares: 4 * benchTip * runtime.GOMAXPROCS(0)}), nil
	var jobs []*Job
	for _, j := range benchWork() {
		job, err := NewJob(j)
		require.NoError(tb, err)
		jobs = append(jobs, job)
	}
	for i := range benchSessions {
		s := p.v.NewSession()
		require.NoError(tb, s.SetExtranonce([]byte{0, 0, 0, byte(i)}, 8))
		s.Authorize("worker")
		s.SetMask(work.MaskBIP320)
		s.SetTarget(targetOf(0))
		for _, job := range jobs {
			require.NoError(tb, s.AddJob(job, false, testNow))
		}
		p.sessions = append(p.sessions, s)
	}
}

// benchSingle judges one by one.
type benchSingle struct{ *benchPool }

func (c benchSingle) judge(tb testing.TB, w *benchShares) {
	for i := range w.shares {
		if v, err := c.sessions[w.sessions[i]].Check(&w.shares[i]); err != nil || v.Word != Accepted {
			tb.Errorf("%v (%s): want accepted", v.Word, v.Detail())
		}
	}
}

// benchBatch judges with a Batch.
type benchBatch struct {
	*benchPool
	batch   *Batch
	results []Result
}

func newBenchBatch(p *benchPool) *benchBatch { return &benchBatch{p, new(Batch), nil} }

func (c *benchBatch) judge(tb testing.TB, w *benchShares) {
	for i := range w.shares {
		c.batch.Add(c.sessions[w.sessions[i]], &w.shares[i])
		if c.batch.Len() < chunk && i+1 < len(w.shares) {
			continue
		}
		c.results = c.batch.Judge(c.results[:0])
		for k := range c.results {
			if r := &c.results[k]; r.Err != nil || r.Verdict.Word != Accepted {
				tb.Errorf("%v (%s): want accepted", r.Verdict.Word, r.Verdict.Detail())
			}
		}
	}
}

// reference is a pool's check as one would write it first, with care but without kernels: it judges what strict judges, and returns
// an error for what strict refuses.
type reference struct {
	sessions []*referenceSession
	network  [32]byte // as bytes, the most significant first
	seen     map[[32]byte]struct{}
	blocks   int
	buf      []byte
}

type referenceSession struct {
	mu          sync.Mutex
	authorized  bool
	extranonce1 []byte
	size        int
	mask        uint32
	target      [32]byte // as bytes, the most significant first
	jobs        map[string]*work.Job
	prev        [32]byte
}

func (c *reference) reset(testing.TB) {
	*c = reference{seen: make(map[[32]byte]struct{})}
	for i := range benchSessions {
		s := &referenceSession{
			authorized: true, extranonce1: []byte{0, 0, 0, byte(i)}, size: 8, mask: work.MaskBIP320, jobs: make(map[string]*work.Job), prev: [32]byte{1},
		}
		for i := range s.target {
			s.target[i] = 0xff
		}
		for _, j := range benchWork() {
			s.jobs[j.ID] = j
		}
		c.sessions = append(c.sessions, s)
	}
}

func (c *reference) judge(tb testing.TB, w *benchShares) {
	for i := range w.shares {
		if err := c.check(c.sessions[w.sessions[i]], &w.shares[i]); err != nil {
			tb.Error(err)
		}
	}
}

func (c *reference) check(s *referenceSession, sub *Submission) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.authorized {
		return errors.New("unauthorized")
	}
	j := s.jobs[sub.JobID]
	switch {
	case j == nil:
		return errors.New("unknown job")
	case len(sub.Extranonce2) != s.size:
		return errors.New("extranonce2 size")
	case sub.VersionBits&^s.mask != 0:
		return errors.New("version bits")
	case j.PrevBlock != s.prev:
		return errors.New("stale")
	case sub.Time < j.Time || int64(sub.Time) > sub.Received.Unix()+7200:
		return errors.New("ntime")
	}

	coinbase := append(c.buf[:0], j.CoinbasePrefix...)
	coinbase = append(coinbase, s.extranonce1...)
	coinbase = append(coinbase, sub.Extranonce2...)
	coinbase = append(coinbase, j.CoinbaseSuffix...)
	c.buf = coinbase
	root := doubleSHA256(coinbase)
	for i := range j.Branch {
		var pair [64]byte
		copy(pair[:], root[:])
		copy(pair[32:], j.Branch[i][:])
		root = doubleSHA256(pair[:])
	}
	var header [80]byte
	binary.LittleEndian.PutUint32(header[0:], j.Version&^s.mask|sub.VersionBits)
	copy(header[4:], j.PrevBlock[:])
	copy(header[36:], root[:])
	binary.LittleEndian.PutUint32(header[68:], sub.Time)
	binary.LittleEndian.PutUint32(header[72:], uint32(j.Bits))
	binary.LittleEndian.PutUint32(header[76:], sub.Nonce)
	sum := doubleSHA256(header[:])

	number := sum
	slices.Reverse(number[:])
	if bytes.Compare(number[:], c.network[:]) <= 0 {
		c.blocks++
	}
	if bytes.Compare(number[:], s.target[:]) > 0 {
		return errors.New("low difficulty")
	}
	if _, ok := c.seen[sum]; ok {
		return errors.New("duplicate")
	}
	c.seen[sum] = struct{}{}
	return nil
}

func doubleSHA256(b []byte) [32]byte {
	first := sha256.Sum256(b)
	return sha256.Sum256(first[:])
}

// median returns the middle of x, which it sorts.
func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

// BenchmarkCheck has a way of judging and the reference judge the same shares, in windows in turn. x_reference is the median of how
// many times as fast as the reference it was, window by window. An op is a share of each.
func BenchmarkCheck(b *testing.B) {
	pool := new(benchPool)
	for _, c := range []struct {
		name  string
		judge contestant
	}{{"single", benchSingle{pool}}, {"batch", newBenchBatch(pool)}} {
		b.Run(c.name, func(b *testing.B) {
			ref := new(reference)
			shares := newBenchShares(0, benchSessions)
			var rates, theirs, ratios []float64
			time1 := func(c contestant) float64 {
				start := time.Now()
				c.judge(b, shares)
				return time.Since(start).Seconds()
			}
			for n := 0; n < b.N || len(ratios) == 0; n += benchWindow {
				if n%benchTip == 0 {
					c.judge.reset(b)
					ref.reset(b)
				}
				shares.refill()
				ours, reference := time1(c.judge), time1(ref)
				rates = append(rates, benchWindow/ours)
				theirs = append(theirs, benchWindow/reference)
				ratios = append(ratios, reference/ours)
			}
			b.ReportMetric(median(ratios), "x_reference")
			b.ReportMetric(median(rates), "shares/s")
			b.ReportMetric(median(theirs), "reference-shares/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkBatchPhases says how many nanoseconds of each share go where in a batch. An op is a share.
func BenchmarkBatchPhases(b *testing.B) {
	pool, shares := new(benchPool), newBenchShares(0, benchSessions)
	names := []string{"prepare", "arrange", "coinbase", "fold", "header", "touch", "decide"}
	times := make([][]float64, len(names))
	var batch Batch
	var results []Result
	for n := 0; n < b.N || n == 0; n += benchWindow {
		if n%benchTip == 0 {
			pool.reset(b)
		}
		shares.refill()
		for at := 0; at < benchWindow; at += chunk {
			h := &batch.hasher
			for phase, f := range []func(){
				func() {
					for i := at; i < at+chunk; i++ {
						batch.Add(pool.sessions[shares.sessions[i]], &shares.shares[i])
					}
				},
				func() { h.arrange(batch.pending) },
				h.sumCoinbases, h.foldBranches, h.sumHeaders,
				func() { batch.touch(batch.pending) },
				func() { results = batch.decide(results[:0], batch.pending) },
			} {
				start := time.Now()
				f()
				times[phase] = append(times[phase], float64(time.Since(start).Nanoseconds())/chunk)
			}
			batch.empty()
		}
	}
	for i, name := range names {
		b.ReportMetric(median(times[i]), name+"-ns/share")
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkParallel has one goroutine, and as many as there are cores, judge with one Validator, and as many with a Validator each,
// in windows in turn. of_cores is how many times as many shares all judged as one, over the number of cores; of_private is what
// they judged with one Validator over what they judged with their own, which is less than 1 where they wait for each other and
// does not depend on whether the cores are free. Both are medians. In one-session all submit to one connection, as no pool has
// it. An op is a share of each goroutine.
func BenchmarkParallel(b *testing.B) {
	cores := runtime.GOMAXPROCS(0)
	batch := func(p *benchPool) contestant { return newBenchBatch(p) }
	single := func(p *benchPool) contestant { return benchSingle{p} }
	for _, c := range []struct {
		name     string
		sessions int
		judge    func(*benchPool) contestant
	}{
		{"batch", benchSessions, batch},
		{"single", benchSessions, single},
		{"one-session/batch", 1, batch},
		{"one-session/single", 1, single},
	} {
		b.Run(c.name, func(b *testing.B) {
			pools := []*benchPool{new(benchPool)}
			var together, apart []contestant
			var shares []*benchShares
			for i := range cores {
				pools = append(pools, new(benchPool))
				together = append(together, c.judge(pools[0]))
				apart = append(apart, c.judge(pools[1+i]))
				shares = append(shares, newBenchShares(i, c.sessions))
			}
			rate := func(workers []contestant) float64 {
				var all sync.WaitGroup
				start := time.Now()
				for i, w := range workers {
					all.Go(func() { w.judge(b, shares[i]) })
				}
				all.Wait()
				return float64(len(workers)*benchWindow) / time.Since(start).Seconds()
			}
			refill := func() {
				for _, w := range shares {
					w.refill()
				}
			}
			var rates, ofCores, ofPrivate []float64
			for n := 0; n < b.N || len(rates) == 0; n += benchWindow {
				if n%benchTip == 0 {
					for _, p := range pools {
						p.reset(b)
					}
				}
				refill()
				one := rate(together[:1])
				refill()
				shared, private := rate(together), rate(apart)
				rates = append(rates, shared)
				ofCores = append(ofCores, shared/one/float64(cores))
				ofPrivate = append(ofPrivate, shared/private)
			}
			b.ReportMetric(median(ofCores), "of_cores")
			b.ReportMetric(median(ofPrivate), "of_private")
			b.ReportMetric(median(rates), "shares/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}
