package rogue

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// seen is what came of a stream.
type seen struct {
	words              map[share.Word]int
	shares, proving    int
	below, high        int     // less than required; at least 100 times that
	uniform            float64 // the sum of floor over difficulty of those that prove
	times              []time.Duration
	chips              map[int]int
	expected           float64
	jobs, tips, claims int
	opened, closed     int
	claim              float64
	difficulties       map[float64]bool
	lowest             float64
}

func look(t testing.TB, c Synthetic) *seen {
	s, err := c.Stream()
	require.NoError(t, err)
	r := &seen{words: map[share.Word]int{}, chips: map[int]int{}, difficulties: map[float64]bool{}, lowest: math.Inf(1)}
	var last time.Time
	tip := uint64(0)
	for e := s.Next(); e != nil; e = s.Next() {
		require.False(t, e.Time.Before(last), "time goes back")
		last = e.Time
		switch e.What {
		case Opened:
			r.opened++
		case Closed:
			r.closed++
		case Claimed:
			r.claims++
			r.claim = e.Rate
		case GotJob:
			r.jobs++
			require.Equal(t, e.Job.Clean, e.Job.Tip != tip)
			if e.Job.Tip != tip {
				r.tips++
			}
			tip = e.Job.Tip
			r.difficulties[e.Job.Difficulty] = true
		case Sent:
			r.shares++
			r.words[e.Share.Word]++
			require.Equal(t, e.Job.Number, e.Share.Job)
			if e.Share.Difficulty < e.Share.Required {
				r.below++
				continue
			}
			if e.Share.Proves() {
				r.proving++
				r.uniform += e.Share.Required / e.Share.Difficulty
				r.times = append(r.times, e.Time.Sub(s.Start()))
				r.lowest = min(r.lowest, e.Share.Difficulty)
			}
			if e.Share.Difficulty >= 100*e.Share.Required {
				r.high++
			}
			r.chips[int(reverse(e.Share.Nonce)>>17&0xff)]++
		}
	}
	r.expected = s.Expected()
	return r
}

func reverse(n uint32) uint32 { return n<<24 | n<<8&0xff0000 | n>>8&0xff00 | n>>24 }

// near asks that a Poisson count is near its mean.
func near(t testing.TB, mean float64, n int, what string) {
	t.Helper()
	require.InDelta(t, mean, n, 4.5*math.Sqrt(mean)+1, what)
}

// base is a device whose streams are long enough to tell.
var base = Synthetic{Rate: 100e12, Duration: 100 * time.Hour, Seed: 1}

func with(t testing.TB, c Synthetic, vice string) Synthetic {
	v, err := ParseVice(vice)
	require.NoError(t, err)
	c.Vice = v
	return c
}

func TestHonest(t *testing.T) {
	r := look(t, base)
	near(t, r.expected, r.proving, "shares")
	require.InDelta(t, 120_000, r.proving, 8000, "the pool gets what it aims at")
	require.InDelta(t, 0.5, r.uniform/float64(r.proving), 4.5/math.Sqrt(12*float64(r.proving)))
	require.Greater(t, len(r.difficulties), 20, "vardiff")
	near(t, 600, r.tips, "blocks")
	require.Greater(t, r.jobs, 12_000)
	require.InDelta(t, 6000, r.claims, 1)
	require.Equal(t, base.Rate, r.claim)
	require.Equal(t, 1, r.opened)
	require.Equal(t, 1, r.closed)
	require.Equal(t, r.shares, r.words[share.Accepted]+r.words[share.Stale])
	near(t, r.expected*0.2/600, r.words[share.Stale], "stale")
	near(t, float64(r.proving)/100, r.high, "high shares")

	// Gaps of a fixed difficulty without jobs are exponential: their mean square is twice the square of the mean.
	fixed := base
	fixed.Difficulty, fixed.JobEvery, fixed.BlockEvery = 1e6, -1, -1
	r = look(t, fixed)
	require.Len(t, r.difficulties, 1)
	near(t, base.Rate*base.Duration.Seconds()/1e6/4295032833, r.proving, "shares")
	require.InDelta(t, 1, dispersion(r.times), 0.15)
	require.InEpsilon(t, r.expected, base.Rate/(1e6*hashesPerDifficulty)*base.Duration.Seconds(), 1e-9)
}

// dispersion is the variance of gaps over the square of their mean.
func dispersion(times []time.Duration) float64 {
	var sum, squares float64
	for i := 1; i < len(times); i++ {
		gap := (times[i] - times[i-1]).Seconds()
		sum, squares = sum+gap, squares+gap*gap
	}
	n := float64(len(times) - 1)
	return squares*n/(sum*sum) - 1
}

func TestHashesPerDifficulty(t *testing.T) {
	target, err := work.DifficultyTarget(big.NewRat(1, 1))
	require.NoError(t, err)
	whole := new(big.Rat).SetFrac(new(big.Int).Lsh(big.NewInt(1), 256), new(big.Int).Add(target.Big(), big.NewInt(1)))
	want, _ := whole.Float64()
	require.InEpsilon(t, want, hashesPerDifficulty, 1e-15)
}

func TestVices(t *testing.T) {
	base := base
	base.Difficulty = 70_000 // else the pool evens out what is missing
	run := func(vice string) *seen { return look(t, with(t, base, vice)) }
	longest := func(r *seen) (gap time.Duration) {
		for i := 1; i < len(r.times); i++ {
			gap = max(gap, r.times[i]-r.times[i-1])
		}
		return gap
	}

	r := run("skim=0.1")
	near(t, 0.9*r.expected, r.proving, "skimmed share by share")
	r = run("skim=0.1,every=1h")
	near(t, 0.9*r.expected, r.proving, "skimmed in slices")
	require.Greater(t, longest(r), 6*time.Minute)

	r = run("withhold=1e7")
	honest := look(t, base)
	require.Less(t, r.high, honest.high)
	r = run("withhold=1e7,q=0.5")
	require.Less(t, r.high, honest.high)

	r = run("overreport=0.2")
	near(t, r.expected, r.proving, "")
	require.InDelta(t, 1.2*base.Rate, r.claim, 1)

	r = run("drop=0.5,at=50h")
	near(t, 0.75*r.expected, r.proving, "dropped")
	r = run("drop=1,at=50h,for=10h")
	require.Greater(t, longest(r), 10*time.Hour)
	require.Equal(t, 1, r.closed)

	r = run("gap=5m,every=2h")
	require.Greater(t, longest(r), 5*time.Minute)
	require.Less(t, longest(r), 7*time.Minute)
	require.Equal(t, 1, r.closed)

	r = run("offline=5m,every=2h")
	near(t, r.expected, r.proving, "it is not to be blamed for when it was offline")
	require.Equal(t, r.opened, r.closed)
	require.Equal(t, 51, r.opened)

	r = run("replay=0.05")
	near(t, 0.05*r.expected, r.words[share.Duplicate], "duplicates")
	r = run("invalid=0.05")
	near(t, 0.05*float64(r.shares), r.below, "invalid")
	require.Equal(t, r.below, r.words[share.LowDifficulty]+r.words[share.Stale]-(r.proving-r.words[share.Accepted]))
	r = run("stale=0.1")
	require.InDelta(t, 0.1, float64(r.words[share.Stale])/r.expected, 0.015, "stale; there are only 600 blocks")
	near(t, r.expected, r.proving, "they prove work all the same")

	r = run("hoard=50")
	require.Greater(t, r.words[share.Stale], r.high, "what was kept until the block is stale then")
	near(t, r.expected, r.proving, "")
	r = run("regular=4")
	require.InDelta(t, r.expected, r.proving, 4.5*math.Sqrt(r.expected/4))
	require.InDelta(t, 0.25, dispersion(r.times), 0.1)
	r = run("burst=30s")
	near(t, r.expected, r.proving, "")
	require.Greater(t, dispersion(r.times), 3.0)

	r = run("filter=200000")
	require.GreaterOrEqual(t, r.lowest, 200000.0)

	chips := base
	chips.Model = "BM1370"
	healthy := look(t, chips)
	require.Len(t, healthy.chips, 65)
	r = look(t, with(t, chips, "chip=3"))
	require.Len(t, r.chips, 64)
	require.Zero(t, r.chips[3*3])
	r = look(t, with(t, chips, "chip=3,weak=0.5"))
	near(t, float64(r.shares)/64.5/2, r.chips[3*3], "weak chip")
	r = look(t, with(t, chips, "core=3"))
	near(t, r.expected*127/128, r.proving, "dead core")
	_, err := with(t, base, "chip=3").Stream()
	require.ErrorContains(t, err, "needs a model")
	_, err = with(t, chips, "chip=65").Stream()
	require.ErrorContains(t, err, "want less than 65")
}

func TestSyntheticRefuses(t *testing.T) {
	for want, c := range map[string]Synthetic{
		"rate of 0 H/s":                        {Duration: 1},
		"rate of NaN":                          {Duration: 1, Rate: math.NaN()},
		"0s of work":                           {Rate: 1},
		"shares per minute: want more":         {Rate: 1, Duration: 1, SharesPerMinute: -1},
		"difficulty NaN":                       {Rate: 1, Duration: 1, Difficulty: math.NaN()},
		"network difficulty -1":                {Rate: 1, Duration: 1, Network: -1},
		`model "Z9" is not known: want one of`: {Rate: 1, Duration: 1, Model: "Z9"},
	} {
		_, err := c.Stream()
		require.ErrorContains(t, err, want)
	}
}

// TestMerge: the devices' events stand in order of time, each as it was alone, and the same seed gives the same lines.
func TestMerge(t *testing.T) {
	var all []Synthetic
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		c := base
		c.Name, c.Duration = name, 2*time.Hour
		all = append(all, c)
	}
	all[2] = with(t, all[2], "offline=10m,every=1h")
	Stagger(all)
	alone := map[string][]byte{}
	var streams []*Stream
	for _, c := range all {
		s, err := c.Stream()
		require.NoError(t, err)
		for e := s.Next(); e != nil; e = s.Next() {
			alone[c.Name] = e.AppendLine(alone[c.Name])
		}
		s, err = c.Stream()
		require.NoError(t, err)
		streams = append(streams, s)
	}
	together := map[string][]byte{}
	m := Merge(streams...)
	var last time.Time
	for e := m.Next(); e != nil; e = m.Next() {
		require.False(t, e.Time.Before(last))
		last = e.Time
		together[e.Device] = e.AppendLine(together[e.Device])
	}
	require.Nil(t, m.Next())
	require.Equal(t, alone, together)
	require.False(t, bytes.Equal(alone["a"], alone["b"]))
	require.Nil(t, Merge().Next())
}

func TestLines(t *testing.T) {
	c := with(t, base, "invalid=0.05")
	c.Duration, c.Network = 3*time.Hour, 1e9
	s, err := c.Stream()
	require.NoError(t, err)
	type line struct {
		Time, Sent, Replied       time.Time
		Session, Worker, Event    string
		Job, Hash, Verdict        string
		Reason                    *string
		Extranonce2, NTime, Nonce string
		VersionBits               string `json:"version_bits"`
		PoolSaid                  string `json:"pool_said"`
		Block, Clean, Crossed     bool
		Difficulty, Required      float64
		Network, Claim            float64
		Source                    string
		Synthetic                 bool
	}
	var events []string
	words := map[string]int{}
	for e := s.Next(); e != nil; e = s.Next() {
		text := e.AppendLine(nil)
		if e.What == GotJob {
			require.Empty(t, text)
			continue
		}
		var l line
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&l), string(text))
		require.True(t, l.Synthetic)
		require.Equal(t, "synthetic", l.Worker)
		require.Equal(t, "s-synthetic", l.Session)
		require.WithinDuration(t, e.Time, l.Time, time.Microsecond)
		switch {
		case l.Event != "":
			events = append(events, l.Event)
		case l.Claim > 0:
			require.Equal(t, "synthetic", l.Source)
		default:
			words[l.Verdict]++
			raw, err := hex.DecodeString(l.Hash)
			require.NoError(t, err)
			slices.Reverse(raw)
			hash := chainhash.Hash(raw)
			require.InEpsilon(t, l.Difficulty, work.HashDifficulty(&hash), 1e-12, l.Hash)
			require.Equal(t, e.Share.Difficulty, l.Difficulty)
			require.Equal(t, l.Difficulty >= 1e9, l.Block)
			require.Equal(t, l.Verdict == "accepted" || l.Verdict == "block", l.Reason == nil)
			require.Equal(t, l.Reason == nil, l.PoolSaid == "accepted")
			require.False(t, l.Sent.After(l.Time))
			require.Len(t, l.Extranonce2, 16)
		}
	}
	require.Equal(t, []string{"open", "close"}, events)
	for _, w := range []string{"accepted", "low-difficulty"} {
		require.NotZero(t, words[w], w)
	}
}

// TestHashOfDifficulty: also at the ends.
func TestHashOfDifficulty(t *testing.T) {
	for _, d := range []float64{1e-12, 2.4e-10, 1.0 / (1 << 31), 0.001, 1, 2, 3, 255, 256, 257, 65535, 65536, 1e9, 1e14, 1e20, 1e38} {
		e := Event{random: [2]uint64{1<<64 - 1, 1<<64 - 1}}
		e.Share.Difficulty = d
		h := e.hash()
		slices.Reverse(h[:])
		hash := chainhash.Hash(h)
		if d < 2.4e-10 { // there is no such hash: the highest
			d = 0xffff / math.Ldexp(1, 48)
		}
		require.InEpsilon(t, d, work.HashDifficulty(&hash), 1e-12, "%g", d)
	}
}

func BenchmarkStream(b *testing.B) {
	c := base
	c.Duration = -1
	s, err := c.Stream()
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		for s.Next().What != Sent {
		}
	}
}
