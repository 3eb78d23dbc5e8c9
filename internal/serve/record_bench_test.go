package serve

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
)

const (
	recordedSubmit = `{"id":4,"method":"mining.submit","params":["worker.1","17c2","0000000000000001","64b3f3ec","ed460d91","00002000"]}`
	recordedReply  = `{"id":4,"result":true,"error":null}`
)

// longNotify is a mining.notify of about 4 KB.
func longNotify(id int) []byte {
	branch := strings.Repeat(fmt.Sprintf(`"%064x",`, id), 12)
	return fmt.Appendf(nil, `{"id":null,"method":"mining.notify","params":["%x","%064x","%s","%s",[%s],"20000000","1703255b","%08x",false]}`,
		id, 7, strings.Repeat("5a", 700), strings.Repeat("a5", 800), strings.TrimSuffix(branch, ","), streamTime)
}

// BenchmarkRecorderSaw is what recording costs those who are recorded: a share and its reply are two operations.
func BenchmarkRecorderSaw(b *testing.B) {
	for _, c := range []struct {
		name  string
		lines [2]string
		from  [2]stratum.From
	}{
		{"share", [2]string{recordedSubmit, recordedReply}, [2]stratum.From{stratum.FromMiner, stratum.FromPool}},
		{"notify", [2]string{string(longNotify(1)), string(longNotify(2))}, [2]stratum.From{stratum.FromPool, stratum.FromPool}},
	} {
		b.Run(c.name, func(b *testing.B) {
			r, err := OpenRecorder(RecorderConfig{Dir: b.TempDir()})
			require.NoError(b, err)
			t := r.Open("a", Opening{}, time.Now())
			now := time.Now()
			lines := [2][]byte{[]byte(c.lines[0]), []byte(c.lines[1])}
			b.ReportAllocs()
			for i := range b.N {
				if t.Saw(c.from[i%2], lines[i%2], now) == 0 || i%4096 == 0 { // the disk is not what is measured
					b.StopTimer()
					r.wait()
					b.StartTimer()
				}
			}
			b.StopTimer()
			require.NoError(b, r.Close())
		})
	}
}

// wait waits until all is written.
func (r *Recorder) wait() {
	r.queue.mu.Lock()
	ticket := r.queue.ticket
	r.queue.mu.Unlock()
	for r.written.Load() < ticket {
		time.Sleep(100 * time.Microsecond)
	}
}

// BenchmarkRecorderWrites is how many lines are written, from the queue to the file.
func BenchmarkRecorderWrites(b *testing.B) {
	r, err := OpenRecorder(RecorderConfig{Dir: b.TempDir()})
	require.NoError(b, err)
	t := r.Open("a", Opening{}, time.Now())
	now := time.Now()
	lines := [2][]byte{[]byte(recordedSubmit), []byte(recordedReply)}
	lost := 0
	for i := range b.N {
		for t.Saw([2]stratum.From{stratum.FromMiner, stratum.FromPool}[i%2], lines[i%2], now) == 0 {
			lost++
			r.wait()
		}
	}
	r.wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
	b.ReportMetric(float64(lost), "lost")
	require.NoError(b, r.Close())
}

// BenchmarkRecorderWritten is how long who forwards a share waits for it to be in the file, while 3300 shares a second come.
func BenchmarkRecorderWritten(b *testing.B) {
	r, err := OpenRecorder(RecorderConfig{Dir: b.TempDir()})
	require.NoError(b, err)
	const devices = 100
	var mu sync.Mutex
	var took []time.Duration
	var all sync.WaitGroup
	for d := range devices {
		all.Go(func() {
			t := r.Open(fmt.Sprint(d), Opening{}, time.Now())
			var mine []time.Duration
			for range max(1, b.N/devices) {
				begun := time.Now()
				r.Written(t.Saw(stratum.FromMiner, []byte(recordedSubmit), begun))
				mine = append(mine, time.Since(begun))
				t.Saw(stratum.FromPool, []byte(recordedReply), begun)
				time.Sleep(30 * time.Millisecond)
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
		})
	}
	all.Wait()
	slices.Sort(took)
	for _, p := range []float64{0.5, 0.99, 0.999} {
		b.ReportMetric(float64(took[int(p*float64(len(took)-1))].Microseconds()), fmt.Sprintf("p%v-µs", 100*p))
	}
	require.NoError(b, r.Close())
}

// Thousands of connections that are sent the same jobs take little memory, and as little after a hundred blocks.
func TestRecorderMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 40 MB")
	}
	const sessions, jobs = 2000, 20
	w, err := newRecordWriter(RecorderConfig{Dir: t.TempDir(), MaxFileSize: 1 << 40}, func(string) (diskFile, error) {
		return nullFile{}, nil
	}, time.Now)
	require.NoError(t, err)
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	now := time.Now()
	tracks := make([]*Track, sessions)
	for i := range tracks {
		tracks[i] = w.Open(SessionName(), Opening{Peer: "192.0.2.1:50000"}, now)
		for _, l := range []struct {
			from stratum.From
			text string
		}{
			{stratum.FromMiner, `{"id":1,"method":"mining.subscribe","params":["cgminer/4.12.1"]}`},
			{stratum.FromPool, fmt.Sprintf(`{"id":1,"result":[[["mining.set_difficulty","1"],["mining.notify","1"]],"%08x",8],"error":null}`, i)},
			{stratum.FromMiner, `{"id":2,"method":"mining.configure","params":[["version-rolling"],{"version-rolling.mask":"ffffffff"}]}`},
			{stratum.FromPool, `{"id":2,"result":{"version-rolling":true,"version-rolling.mask":"1fffe000"},"error":null}`},
			{stratum.FromMiner, `{"id":3,"method":"mining.authorize","params":["worker.1","x"]}`},
			{stratum.FromPool, `{"id":3,"result":true,"error":null}`},
			{stratum.FromPool, `{"id":null,"method":"mining.set_difficulty","params":[8192]}`},
		} {
			require.NotZero(t, tracks[i].Saw(l.from, []byte(l.text), now))
		}
	}
	w.work()
	job := 0
	round := func() {
		for range jobs {
			line := longNotify(job)
			line = bytes.Replace(line, fmt.Appendf(nil, `"%064x"`, 7), fmt.Appendf(nil, `"%064x"`, job/jobs), 1)
			job++
			for _, track := range tracks {
				require.NotZero(t, track.Saw(stratum.FromPool, line, now))
			}
			now = now.Add(time.Minute)
			w.work()
		}
	}
	round()
	once := (heap() - before) / sessions
	for range 3 {
		round()
	}
	after := (heap() - before) / sessions
	t.Logf("%d bytes for each connection of %d jobs, %d after more", once, jobs, after)
	require.Less(t, after, int64(8<<10))
	runtime.KeepAlive(tracks)
}

// nullFile takes everything.
type nullFile struct{}

func (nullFile) Write(b []byte) (int, error)        { return len(b), nil }
func (nullFile) Truncate(int64) error               { return nil }
func (nullFile) Seek(o int64, _ int) (int64, error) { return o, nil }
func (nullFile) Sync() error                        { return nil }
func (nullFile) Close() error                       { return nil }

var _ diskFile = (*os.File)(nil)
