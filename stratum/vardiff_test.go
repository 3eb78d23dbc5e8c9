package stratum

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// simulation is a miner whose shares come as they do in nature: at any time, independent of each other, as often as its hash rate and the
// difficulty say.
type simulation struct {
	vardiff    vardiff
	bounds     Vardiff
	random     *rand.Rand
	now        time.Time
	difficulty float64
	ideal      float64 // the difficulty at which it finds the wanted number of shares

	latency time.Duration // until the miner heeds a difficulty
	before  float64       // the difficulty it heeds until then
	heeds   time.Time

	shares, changes int
}

func newSimulation(seed uint64, ideal, start float64) *simulation {
	s := &simulation{random: rand.New(rand.NewPCG(seed, 0)), now: serverTime, ideal: ideal, difficulty: start}
	if err := s.bounds.complete(); err != nil {
		panic(err)
	}
	s.bounds.Min = 1e-50
	s.vardiff.restart(s.now)
	return s
}

// next passes the time to the next share, or to the next tick, which is every five seconds.
func (s *simulation) next() {
	const tick = 5 * time.Second
	heeded, until := s.difficulty, s.now.Add(tick)
	if s.now.Before(s.heeds) {
		heeded, until = s.before, s.heeds
	}
	wait := time.Duration(min(s.random.ExpFloat64()*heeded/s.ideal*60/s.bounds.SharesPerMinute, 1e6) * float64(time.Second))
	if s.now = s.now.Add(wait); s.now.After(until) {
		s.now = until // shares have no memory
	} else {
		s.vardiff.share(heeded/s.difficulty, heeded == s.difficulty)
		s.shares++
	}
	if factor := s.vardiff.adjust(s.bounds.SharesPerMinute, s.now); factor != 1 {
		s.before, s.heeds = heeded, s.now.Add(s.latency)
		s.difficulty = s.bounds.bound(readableDifficulty(s.difficulty * factor))
		s.vardiff.restart(s.now)
		s.changes++
	}
}

// off returns by which factor the difficulty is wrong.
func (s *simulation) off() float64 { return math.Exp(math.Abs(math.Log(s.difficulty / s.ideal))) }

// TestVardiffConverges begins far off, and has few shares and little time to come near. Nearly always it stays there.
func TestVardiffConverges(t *testing.T) {
	const runs, ideal = 100, 0.7
	for _, off := range []float64{1e-9, 1e-3, 0.1, 0.4, 2.5, 10, 1e3, 1e6} {
		t.Run(fmt.Sprintf("off=%g", off), func(t *testing.T) {
			shares, took, changes := 0, time.Duration(0), 0
			for seed := range uint64(runs) {
				s := newSimulation(seed, ideal, ideal*off)
				for s.off() > 2 {
					s.next()
					require.Less(t, s.shares, 200, "seed %d: at %g after %s", seed, s.difficulty, s.now.Sub(serverTime))
					require.Less(t, s.now.Sub(serverTime), 20*time.Minute, "seed %d: at %g after %d shares", seed, s.difficulty, s.shares)
				}
				shares += s.shares
				took += s.now.Sub(serverTime)
				s.changes = 0
				for end := s.now.Add(2 * time.Hour); s.now.Before(end); {
					s.next()
				}
				require.Less(t, s.off(), 2.0)
				require.LessOrEqual(t, s.changes, 6, "seed %d", seed)
				changes += s.changes
			}
			t.Logf("on average after %d shares and %s; %.1f changes in the two hours after that",
				shares/runs, (took / runs).Round(time.Second), float64(changes)/runs)
			require.Less(t, changes, 2*runs)
		})
	}
}

// TestVardiffIsQuiet has miners of a steady rate: their difficulty hardly ever changes once it is right.
func TestVardiffIsQuiet(t *testing.T) {
	const runs, hours = 20, 24
	changes, shares := 0, 0
	for seed := range uint64(runs) {
		s := newSimulation(seed, 1, 1.2)
		for s.now.Sub(serverTime) < hours*time.Hour {
			s.next()
			require.Less(t, s.off(), 3.0, "seed %d", seed)
		}
		changes += s.changes
		shares += s.shares
	}
	t.Logf("%d changes in %d hours, %.1f shares a minute", changes, runs*hours, float64(shares)/(runs*hours*60))
	require.Less(t, changes, runs*hours/24)
}

// TestVardiffFollows changes the miner's hash rate, as when one of its boards fails or comes back.
func TestVardiffFollows(t *testing.T) {
	for _, factor := range []float64{0.01, 0.5, 2, 100} {
		s := newSimulation(1, 1, 1)
		for s.now.Sub(serverTime) < 24*time.Hour {
			s.next()
		}
		s.ideal *= factor
		changed := s.now
		for s.off() > 1.6 {
			s.next()
			require.Less(t, s.now.Sub(changed), 20*time.Minute, "factor %g", factor)
		}
		t.Logf("a hash rate of %g times: followed after %s", factor, s.now.Sub(changed).Round(time.Second))
	}
}

// TestVardiffInFlight has miners that heed a difficulty late: what they send until then must speak neither for more difficulty nor for less.
func TestVardiffInFlight(t *testing.T) {
	for _, latency := range []time.Duration{100 * time.Millisecond, 2 * time.Second, 20 * time.Second} {
		for _, off := range []float64{1e-3, 1e3} {
			for seed := range uint64(20) {
				s := newSimulation(seed, 1, off)
				s.latency = latency
				for s.now.Sub(serverTime) < 30*time.Minute {
					s.next()
					require.Less(t, s.difficulty, 12*max(1, off), "latency %s, off %g, seed %d", latency, off, seed)
					require.Greater(t, s.difficulty, min(1, off)/100, "latency %s, off %g, seed %d", latency, off, seed)
				}
				require.Less(t, s.off(), 2.0, "latency %s, off %g, seed %d", latency, off, seed)
				require.LessOrEqual(t, s.changes, 14)
			}
		}
	}
}

// TestVardiffClock lets the clock jump.
func TestVardiffClock(t *testing.T) {
	v := vardiff{}
	v.restart(serverTime)
	for i := range 1000 {
		v.share(1, true)
		require.Equal(t, 1.0, v.adjust(20, serverTime.Add(time.Duration(i)*3*time.Second)))
	}
	require.Equal(t, 1.0, v.adjust(20, serverTime.Add(-time.Hour)))
	require.Equal(t, 1.0, v.adjust(20, serverTime.Add(-time.Hour+10*time.Second)))
	require.Equal(t, 1.0/farDown, func() float64 {
		v.restart(serverTime)
		v.share(1, true)
		return v.adjust(20, serverTime.Add(1000*time.Hour))
	}())
}

func TestVardiffConfig(t *testing.T) {
	for _, test := range []struct {
		given, want Vardiff
		says        string
	}{
		{Vardiff{}, Vardiff{20, 1, 1e-9, noMax}, ""},
		{Vardiff{SharesPerMinute: -1, Start: 5}, Vardiff{-1, 5, 1e-9, noMax}, ""},
		{Vardiff{Min: 1000}, Vardiff{20, 1000, 1000, noMax}, ""},
		{Vardiff{Max: 1e-12}, Vardiff{20, 1e-12, 1e-12, 1e-12}, ""},
		{Vardiff{Start: -1}, Vardiff{}, "start difficulty -1"},
		{Vardiff{Min: math.NaN()}, Vardiff{}, "least difficulty NaN"},
		{Vardiff{Max: math.Inf(1)}, Vardiff{}, "highest difficulty +Inf"},
		{Vardiff{SharesPerMinute: math.Inf(-1)}, Vardiff{}, "shares per minute -Inf"},
		{Vardiff{Min: 2, Max: 1}, Vardiff{}, "least difficulty 2 is above the highest, 1"},
		{Vardiff{Start: 1, Min: 2}, Vardiff{}, "start difficulty 1 is not between"},
	} {
		got := test.given
		if err := got.complete(); test.says != "" {
			require.ErrorContains(t, err, test.says)
		} else {
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		}
	}
}

func TestReadableDifficulty(t *testing.T) {
	for _, test := range []struct{ d, want float64 }{
		{1, 1}, {1234.5, 1200}, {0.00046812, 0.00047}, {98765, 99000}, {99.9, 100}, {3.14159, 3.1}, {1.04e-9, 1e-9}, {0, 0},
	} {
		require.Equal(t, test.want, readableDifficulty(test.d))
	}
}
