package serve

import (
	"fmt"
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// hashesFor is how many hashes a share of that difficulty takes.
func hashesFor(t *testing.T, difficulty string) float64 {
	t.Helper()
	d, err := work.ParseDifficulty(difficulty)
	require.NoError(t, err)
	target, err := work.DifficultyTarget(d)
	require.NoError(t, err)
	all, _ := new(big.Float).SetInt(target.Big()).Float64()
	return math.Exp2(256) / all // Work would round it down to 1
}

// requireRate checks a rate against n shares, each for so many hashes, found in seconds.
func requireRate(t *testing.T, n uint64, hashes, seconds float64, got *HashRate) {
	t.Helper()
	low, high, err := audit.Garwood(n, 0.05)
	require.NoError(t, err)
	require.NotNil(t, got)
	require.InEpsilon(t, seconds, got.Seconds, 1e-12)
	if n == 0 {
		require.Zero(t, got.Rate)
		require.Zero(t, got.Low)
	} else {
		require.InEpsilon(t, float64(n)*hashes/seconds, got.Rate, 1e-9)
		require.InEpsilon(t, low*hashes/seconds, got.Low, 1e-9)
	}
	require.InEpsilon(t, high*hashes/seconds, got.High, 1e-9)
}

// The difficulty of the jobs counts from the first job to the end of the recording, a gap and what is after a close do not.
func TestReplayRate(t *testing.T) {
	const easy = "2.4e-10"
	for name, c := range map[string]struct {
		build   func(c *conversation)
		n       uint64
		seconds float64
	}{
		"one job": {func(c *conversation) {
			c.wait(100*time.Second).job("1", 1).wait(10*time.Second).submit("w", "1", 1, "true").wait(10*time.Second).submit("w", "1", 2, "true")
		}, 2, 20},
		"refused ones don't count": {func(c *conversation) {
			c.job("1", 1).submit("w", "1", 1, "true").wait(10*time.Second).submit("w", "1", 1, "true")
		}, 1, 10},
		"another miner speaks": {func(c *conversation) {
			c.job("1", 1).submit("w", "1", 1, "true").wait(300 * time.Second)
			c.name = "other"
			c.event("open")
		}, 1, 300},
		"but for too long": {func(c *conversation) {
			c.job("1", 1).wait(7*time.Second).submit("w", "1", 1, "true").wait(idleSession)
			c.name = "other"
			c.event("open")
		}, 1, 7},
		"gap": {func(c *conversation) {
			c.job("1", 1).wait(10*time.Second).submit("w", "1", 1, "true").event("gap").wait(time.Hour).pool(`{"id":9,"method":"client.get_version"}`)
			c.wait(time.Hour).begin("w").job("2", 1).wait(5*time.Second).submit("w", "2", 2, "true")
		}, 2, 15},
		"close": {func(c *conversation) {
			c.job("1", 1).wait(10*time.Second).submit("w", "1", 1, "true").event("close").wait(30 * time.Second)
			c.event("open").begin("w").job("1", 1).wait(5*time.Second).submit("w", "1", 2, "true")
		}, 2, 15},
		"lines that changed places": {func(c *conversation) {
			c.job("1", 1).wait(10*time.Second).submit("w", "1", 1, "true").wait(-5*time.Second).job("2", 1).wait(7*time.Second).job("3", 1)
		}, 1, 12},
		"clock set back": {func(c *conversation) {
			c.job("1", 1).wait(10*time.Second).submit("w", "1", 1, "true").wait(-time.Hour).job("2", 1).wait(10*time.Second).job("3", 1)
		}, 1, 20},
		"side by side": {func(c *conversation) {
			c.job("1", 1)
			c.name = "other"
			c.begin("w").job("1", 1).submit("w", "1", 1, "true").submit("w", "1", 2, "true").wait(10*time.Second).submit("w", "1", 3, "true")
		}, 3, 10},
	} {
		t.Run(name, func(t *testing.T) {
			conversation := newConversation().begin("w")
			c.build(conversation)
			out := replay(t, ReplayConfig{}, conversation.String())
			require.Empty(t, out.Bad)
			require.EqualValues(t, c.n, out.Summary.Credited)
			requireRate(t, c.n, hashesFor(t, easy), c.seconds, out.Summary.Workers[0].HashRate)
			requireRate(t, c.n, hashesFor(t, easy), c.seconds, out.Summary.HashRate)
			require.False(t, out.Summary.HashRate.Approximate)
		})
	}
}

// A difficulty that changes is told, and each share counts for the one in force.
func TestReplayRateVardiff(t *testing.T) {
	c := newConversation().begin("w").job("1", 1).submit("w", "1", 1, "true").wait(30 * time.Second)
	c.difficulty("4.8e-10").wait(30*time.Second).job("2", 1) // holds from the next job on
	for nonce := 1; nonce < 40; nonce++ {
		c.submit("w", "2", nonce, "true")
	}
	c.wait(120*time.Second).job("3", 1)
	out := replay(t, ReplayConfig{}, c.String())
	r := out.Summary.Workers[0].HashRate
	require.True(t, r.Approximate)
	exposure := 60/hashesFor(t, "2.4e-10") + 120/hashesFor(t, "4.8e-10")
	n := uint64(out.Summary.Credited)
	require.Greater(t, n, uint64(10))
	require.Less(t, n, uint64(40))
	requireRate(t, n, 180/exposure, 180, r)
}

// Several workers of one connection share its time; each has its own shares.
func TestReplayRateWorkers(t *testing.T) {
	c := newConversation().begin("w").job("1", 1)
	for i := range 40 {
		c.submit(fmt.Sprintf("w%d", i), "1", i, "true").wait(time.Second)
	}
	out := replay(t, ReplayConfig{}, c.job("2", 1).String())
	require.Len(t, out.Summary.Workers, 40)
	for _, w := range out.Summary.Workers {
		requireRate(t, uint64(w.Credited), hashesFor(t, "2.4e-10"), 40, w.HashRate)
		require.EqualValues(t, 1, w.Sessions)
	}
	requireRate(t, uint64(out.Summary.Credited), hashesFor(t, "2.4e-10"), 40, out.Summary.HashRate)
}

// Machines of different difficulties side by side: their rates add up.
func TestReplayRateFleet(t *testing.T) {
	c := newConversation()
	c.begin("w").job("1", 1)
	c.name = "b"
	c.begin("w").difficulty("4.8e-10").job("1", 1)
	for i := range 10 {
		c.submit("w", "1", i, "true")
	}
	c.name = "s"
	for i := range 10 {
		c.submit("w", "1", 100+i, "true")
	}
	out := replay(t, ReplayConfig{}, c.wait(100*time.Second).job("2", 1).String())
	first, second := 0.0, 0.0
	for _, s := range out.Shares {
		if s.Credited() && s.Session == "s" {
			first++
		} else if s.Credited() {
			second++
		}
	}
	r := out.Summary.Workers[0].HashRate
	want := (first*hashesFor(t, "2.4e-10") + second*hashesFor(t, "4.8e-10")) / 100
	require.Positive(t, first)
	require.Positive(t, second)
	require.InEpsilon(t, want, r.Rate, 1e-9)
	require.True(t, r.Approximate)
	require.Less(t, r.Low, want)
	require.Greater(t, r.High, want)
}

func TestCover(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	var c cover
	require.False(t, c.add(at(0), at(10)))
	require.False(t, c.add(at(10), at(20)), "they touch")
	require.False(t, c.add(at(30), at(40)))
	require.InDelta(t, 30, c.seconds(), 0)
	require.True(t, c.add(at(15), at(35)))
	require.InDelta(t, 40, c.seconds(), 0)
	require.True(t, c.add(at(0), at(40)))
	require.False(t, c.add(at(5), at(5)))
	require.InDelta(t, 40, c.seconds(), 0)
	require.Len(t, c.intervals, 1)
	// Against counting seconds; and the memory is bounded, which costs nothing where times come in order.
	var seen [10_000]bool
	c = cover{}
	for i := range 1000 {
		start := i*9 + i*i%7
		end := start + 1 + i*i%5
		c.add(at(start), at(end))
		for s := start; s < end; s++ {
			seen[s] = true
		}
	}
	want := 0
	for _, s := range seen {
		if s {
			want++
		}
	}
	require.InDelta(t, want, c.seconds(), 1e-9)
	require.LessOrEqual(t, len(c.intervals), maxIntervals)
	require.True(t, c.add(at(0), at(1)), "what is closed is covered")
}

// The shares that a proxy passed on are judged, and counted apart: what devices found is what it is without them.
func TestReplayLinked(t *testing.T) {
	forwarded := func(opening string, interrupt func(c *conversation)) *collected {
		c := newConversation().event("open").begin("w").job("1", 1)
		c.name = "up"
		c.line("touchstone", opening).begin("w").job("1", 1)
		for i := range 20 {
			c.name = "s"
			c.submit("w", "1", i, "true")
			if c.name = "up"; i%2 == 0 {
				c.submit("w", "1", i, "true")
			}
			switch i {
			case 10:
				interrupt(c)
			case 19:
				c.submit("w", "1", 0, "false")
			}
			c.wait(time.Second)
		}
		return replay(t, ReplayConfig{Policies: share.Presets()[:2]}, c.String())
	}
	alone := newConversation().event("open").begin("w").job("1", 1)
	for i := range 20 {
		alone.submit("w", "1", i, "true").wait(time.Second)
	}
	want := replay(t, ReplayConfig{Policies: share.Presets()[:2]}, alone.String()).Summary
	for name, interrupt := range map[string]func(c *conversation){
		"whole": func(*conversation) {},
		"gap": func(c *conversation) {
			c.event("gap").line("touchstone", `{"event":"open","link":"s","continued":true}`).begin("w").job("1", 1)
		},
		"opened again": func(c *conversation) {
			c.line("touchstone", `{"event":"open","link":"s"}`).begin("w").job("1", 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			out := forwarded(`{"event":"open","link":"s"}`, interrupt)
			got := out.Summary
			require.Equal(t, want.Tally.Verdicts, got.Tally.Verdicts)
			require.Equal(t, want.Work, got.Work)
			require.Equal(t, want.Policies, got.Policies)
			require.Equal(t, want.HashRate, got.HashRate)
			require.Equal(t, want.Workers[0].HashRate, got.Workers[0].HashRate)
			require.EqualValues(t, 1, got.Workers[0].Sessions)
			require.Len(t, got.Workers, 1)
			f := got.Forwarded
			require.Equal(t, map[string]int64{"accepted": 10, "duplicate": 1}, f.Verdicts)
			require.EqualValues(t, 1, f.PoolRejected)
			require.Equal(t, want.Difficulty, 2*f.Difficulty)
			require.Nil(t, f.HashRate)
			for _, s := range out.Shares {
				require.Equal(t, s.Session == "up", s.Link == "s")
			}
		})
	}
	require.Nil(t, want.Forwarded)
	require.Greater(t, forwarded(`{"event":"open"}`, func(*conversation) {}).Summary.Shares, want.Shares)
}
