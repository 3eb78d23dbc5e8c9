package stratum

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"runtime"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// quietPool is a ServerHandler that does nothing.
type quietPool struct{ job *ServerJob }

func (p *quietPool) Authorize(*ServerSession, string, string) error        { return nil }
func (p *quietPool) Job(*ServerSession, bool) *ServerJob                   { return p.job }
func (p *quietPool) Judged(*ServerSession, *Submit, *share.Verdict, error) {}
func quietServer(t testing.TB) (*Server, *quietPool) {
	pool := &quietPool{}
	s, err := NewServer(ServerConfig{
		Validator: share.NewValidator(share.Options{MaxShares: 1 << 30, MaxJobBytes: 1 << 40}), Handler: pool, VersionMask: work.MaskBIP320,
		Vardiff: Vardiff{SharesPerMinute: -1, Start: easyDifficulty, Min: 1e-12},
	})
	require.NoError(t, err)
	return s, pool
}

// mainnetJob is a job as large as they are on mainnet.
func mainnetJob(t testing.TB, id string, prev byte) *ServerJob {
	return serverJob(t, id, prev, true, func(j *work.Job) {
		j.CoinbasePrefix, j.CoinbaseSuffix = make([]byte, 60), make([]byte, 150)
		j.Branch = make([]chainhash.Hash, 12)
	})
}

// distinct turns a mining.submit into another: the number goes into its extranonce2.
func distinct(line []byte, place int, number uint64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], number)
	hex.Encode(line[place:], b[:])
}

// submitBytes returns a mining.submit and where its extranonce2 is.
func submitBytes(job string) (line []byte, place int) {
	line = AppendSubmit(nil, 9, "bc1qxy2kgdygjrsqtzq2n0yrf2493p83kkfjhx0wlh.rig01", job, make([]byte, 8), uint32(serverTime.Unix()), 1, 0, true)
	return line, len(`{"id":9,"method":"mining.submit","params":["bc1qxy2kgdygjrsqtzq2n0yrf2493p83kkfjhx0wlh.rig01","`) + len(job) + len(`","`)
}

// BenchmarkServerSubmit takes in a share with a branch of 12, judges it, and answers. "judging" is the part of share.Session alone.
func BenchmarkServerSubmit(b *testing.B) {
	b.Run("all", func(b *testing.B) {
		s, pool := quietServer(b)
		pool.job = mainnetJob(b, "6641", 7)
		c := s.Open(serverTime)
		say(b, c, `{"id":3,"method":"mining.configure","params":[["version-rolling"]]}`)
		hello(b, c)
		line, place := submitBytes("6641")
		var out []byte
		number := uint64(0)
		b.ReportAllocs()
		for b.Loop() {
			number++
			distinct(line, place, number)
			out, _ = c.Receive(out[:0], line, serverTime)
			if string(out) != yes {
				b.Fatal(string(out))
			}
		}
	})
	b.Run("judging", func(b *testing.B) {
		session := share.NewValidator(share.Options{MaxShares: 1 << 30}).NewSession()
		require.NoError(b, session.SetExtranonce([]byte{1, 0, 0, 0}, 8))
		session.Authorize("w")
		session.SetMask(work.MaskBIP320)
		target, err := DifficultyTarget(easyDifficulty)
		require.NoError(b, err)
		session.SetTarget(target)
		require.NoError(b, session.AddJob(mainnetJob(b, "6641", 7).Job, true, serverTime))
		sub := share.Submission{
			Worker: "w", JobID: "6641", Extranonce2: make([]byte, 8), Time: uint32(serverTime.Unix()), Nonce: 1, HasVersionBits: true, Received: serverTime,
		}
		number := uint64(0)
		b.ReportAllocs()
		for b.Loop() {
			number++
			binary.BigEndian.PutUint64(sub.Extranonce2, number)
			if v, err := session.Check(&sub); err != nil || v.Word != share.Accepted {
				b.Fatal(v.Word, err)
			}
		}
	})
	b.Run("refused", func(b *testing.B) {
		s, pool := quietServer(b)
		pool.job = mainnetJob(b, "6641", 7)
		c := s.Open(serverTime)
		hello(b, c)
		line, _ := submitBytes("6640")
		var out []byte
		b.ReportAllocs()
		for b.Loop() {
			out, _ = c.Receive(out[:0], line, serverTime)
		}
	})
}

// BenchmarkServerOffer sends a job on a new block to one of 1000 sessions.
func BenchmarkServerOffer(b *testing.B) {
	s, pool := quietServer(b)
	pool.job = mainnetJob(b, "first", 1)
	sessions := make([]*ServerSession, 1000)
	for i := range sessions {
		sessions[i] = s.Open(serverTime)
		hello(b, sessions[i])
	}
	now, round := serverTime, 0
	var out []byte
	var job *ServerJob
	b.ReportAllocs()
	i := len(sessions)
	for b.Loop() {
		if i == len(sessions) {
			i = 0
			round++
			now = now.Add(share.Forgotten)
			job = mainnetJob(b, fmt.Sprint(round), byte(round))
		}
		if out = sessions[i].Offer(out[:0], job, now); len(out) == 0 {
			b.Fatal(sessions[i].Err())
		}
		i++
	}
}

// sessionBytes returns how much memory a session takes, of so many: new, and after it was sent some jobs.
func sessionBytes(t testing.TB, count, jobs int) (idle, working float64) {
	s, pool := quietServer(t)
	pool.job = mainnetJob(t, "first", 1)
	all := make([]*ServerJob, jobs)
	for i := range all {
		all[i] = mainnetJob(t, fmt.Sprint(i), 1)
	}
	var out []byte
	sessions := make([]*ServerSession, count)
	heap := func() float64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	before := heap()
	for i := range sessions {
		sessions[i] = s.Open(serverTime)
	}
	idle = (heap() - before) / float64(count)
	for _, c := range sessions {
		hello(t, c)
		for _, j := range all {
			if out = c.Offer(out[:0], j, serverTime); len(out) == 0 {
				t.Fatal(c.Err())
			}
		}
	}
	working = (heap() - before) / float64(count)
	runtime.KeepAlive(sessions)
	return idle, working
}

// BenchmarkServerMemory reports how much memory a session takes: new, and with twenty jobs, ten minutes of them.
func BenchmarkServerMemory(b *testing.B) {
	for b.Loop() {
		idle, working := sessionBytes(b, 10_000, 20)
		b.ReportMetric(idle, "B/session")
		b.ReportMetric(working, "B/working")
	}
}

// TestServerMemory holds sessions to a bound: there are many of them.
func TestServerMemory(t *testing.T) {
	idle, working := sessionBytes(t, 1000, 20)
	t.Logf("%.0f bytes, %.0f with twenty jobs", idle, working)
	require.Less(t, idle, 2048.0)
	require.Less(t, working, 12_000.0)
}

// TestServerSubmitAllocates holds what a share leaves behind to the text of its fields.
func TestServerSubmitAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools forget")
	}
	s, pool := quietServer(t)
	pool.job = mainnetJob(t, "6641", 7)
	c := s.Open(serverTime)
	say(t, c, `{"id":3,"method":"mining.configure","params":[["version-rolling"]]}`)
	hello(t, c)
	line, place := submitBytes("6641")
	out := make([]byte, 0, 256)
	number := uint64(0)
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() {
		number++
		distinct(line, place, number)
		if out, _ = c.Receive(out[:0], line, serverTime); string(out) != yes {
			t.Fatal(string(out))
		}
	}), 1.0)
}
