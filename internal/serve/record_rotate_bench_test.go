package serve

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
)

// BenchmarkRecorderRotation begins another file while 10 000 connections remember eight jobs each, and some of them go on finding 3300
// shares a second: how long it takes until all have moved, how much memory, how long shares wait for it meanwhile, and what is lost. Each
// run writes 700 MB: use -benchtime 1x.
func BenchmarkRecorderRotation(b *testing.B) {
	const sessions, jobs, busy = 10_000, 8, 100
	for range b.N {
		var ahead atomic.Int64
		clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		w, err := newRecordWriter(RecorderConfig{Dir: b.TempDir(), MaxFileSize: 1 << 40}, createFile, clock)
		require.NoError(b, err)
		r := w.start()
		now := time.Now()
		tracks := make([]*Track, sessions)
		for i := range tracks {
			tracks[i] = r.Open(SessionName(), Opening{Peer: "192.0.2.1:50000"}, now)
			for _, l := range []struct {
				from stratum.From
				text string
			}{
				{stratum.FromMiner, `{"id":1,"method":"mining.subscribe","params":["cgminer/4.12.1"]}`},
				{stratum.FromPool, fmt.Sprintf(`{"id":1,"result":[[["mining.set_difficulty","1"],["mining.notify","1"]],"%08x",8],"error":null}`, i)},
				{stratum.FromMiner, `{"id":3,"method":"mining.authorize","params":["worker.1","x"]}`},
				{stratum.FromPool, `{"id":3,"result":true,"error":null}`},
				{stratum.FromPool, `{"id":null,"method":"mining.set_difficulty","params":[8192]}`},
			} {
				tracks[i].Saw(l.from, []byte(l.text), now)
			}
		}
		for job := range jobs {
			r.wait()
			line := longNotify(job)
			for i, t := range tracks {
				if t.Saw(stratum.FromPool, line, now); i%1000 == 0 {
					r.wait()
				}
			}
		}
		r.wait()
		require.Zero(b, r.lostLines.Load())
		before := memory()

		var finders sync.WaitGroup
		var mu sync.Mutex
		var took []time.Duration
		moved := make(chan struct{})
		most := int64(0)
		finders.Go(func() {
			var m runtime.MemStats
			for {
				select {
				case <-moved:
					return
				case <-time.After(5 * time.Millisecond):
					runtime.ReadMemStats(&m)
					most = max(most, int64(m.HeapAlloc)+int64(m.StackInuse))
				}
			}
		})
		for _, t := range tracks[:busy] {
			finders.Go(func() {
				var mine []time.Duration
				for done := false; !done; {
					select {
					case <-moved:
						done = true
					case <-time.After(30 * time.Millisecond):
					}
					begun := time.Now()
					r.Written(t.Saw(stratum.FromMiner, []byte(recordedSubmit), begun))
					mine = append(mine, time.Since(begun))
					t.Saw(stratum.FromPool, []byte(recordedReply), begun)
				}
				mu.Lock()
				defer mu.Unlock()
				took = append(took, mine...)
			})
		}
		b.ResetTimer()
		ahead.Store(int64(defaultMaxFileAge))
		for files := 1; files == 1 || r.unsynced() > 1; files = max(files, r.unsynced()) {
			time.Sleep(time.Millisecond)
		}
		elapsed := b.Elapsed()
		close(moved)
		finders.Wait()
		require.NoError(b, r.Close())
		slices.Sort(took)
		b.ReportMetric(elapsed.Seconds(), "s/rotation")
		b.ReportMetric(float64(most-before)/1e6, "MB-more")
		b.ReportMetric(float64(before)/1e6, "MB")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		b.ReportMetric(float64(took[len(took)-1].Microseconds()), "longest-µs")
		b.ReportMetric(float64(r.lostLines.Load()), "lost")
	}
}

// unsynced is how many files are not closed.
func (r *Recorder) unsynced() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.files)
}
