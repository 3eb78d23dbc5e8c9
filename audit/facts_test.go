package audit

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work/share"
)

func factsContext(best float64) *context {
	c := *testContext
	plan := *cellPlan
	plan.InvalidRate, plan.DropARL = .01, 1e9
	c.plan, c.best, c.now, c.first, c.perSecond = &plan, best, testStart.Add(24*time.Hour), testStart, .1
	return &c
}

func findingOf(t *testing.T, fs []Finding, test string, kind Kind) Finding {
	t.Helper()
	for _, f := range fs {
		if f.Test == test && f.Kind == kind {
			return f
		}
	}
	require.Fail(t, "no finding", "%s %s", test, kind)
	return Finding{}
}

// sendTo gives facts n shares of a word, one each ten seconds in jobs of a minute.
func sendTo(f *facts, n int, word share.Word) {
	for range n {
		at := testStart.Add(time.Duration(f.Shares) * 10 * time.Second)
		number := f.Shares/6 + 1
		j := &Job{Number: number, Time: testStart.Add(time.Duration(number-1) * time.Minute)}
		s := &Share{Time: at, Job: number, Required: 1000, Difficulty: 2000, Word: word}
		if word == share.LowDifficulty {
			s.Difficulty = 3
		}
		f.share(s, j)
	}
}

func TestFactsVerdicts(t *testing.T) {
	c := factsContext(2000)
	for _, one := range []struct {
		name  string
		bad   []share.Word
		good  int
		test  string
		state State
		words string
	}{
		{"none", nil, 0, TestInvalid, TooEarly, "No share has come yet"},
		{"good", nil, 1000, TestInvalid, Clear, "Every share is what it claims"},
		{"good mask", nil, 1000, TestMask, Clear, "No share changes version bits"},
		{"one low", []share.Word{share.LowDifficulty}, 999, TestInvalid, Clear, "1 of 1,000 shares (0.1 %) are not what they claim"},
		{"many low", make20(share.LowDifficulty, 40), 200, TestInvalid, Alarm, "40 of 240 shares"},
		{"mask", []share.Word{share.BadVersion}, 999, TestMask, Alarm, "outside the mask"},
		{"ntime once", []share.Word{share.BadNTime}, 999, TestNTime, Clear, "a time before their job's"},
		{"ntime", make20(share.BadNTime, 3), 999, TestNTime, Alarm, "a time before their job's"},
		{"resent", make20(share.Duplicate, 4), 100, TestDuplicate, Clear, "were sent before"},
		{"replay", make20(share.Duplicate, 50), 500, TestDuplicate, Alarm, "were sent before"},
	} {
		t.Run(one.name, func(t *testing.T) {
			f := &facts{}
			f.use(c.plan)
			sendTo(f, one.good, share.Accepted)
			for _, w := range one.bad {
				sendTo(f, 1, w)
			}
			require.NoError(t, f.check())
			fs := f.findings(c)
			requireSoundFacts(t, fs)
			a := findingOf(t, fs, one.test, Fact)
			require.Equal(t, one.state, a.State, a.Words)
			require.Contains(t, a.Words, one.words)
			if a.State == Alarm {
				require.False(t, a.Since.IsZero())
			}
			counts := f.counts()
			require.EqualValues(t, one.good+len(one.bad), counts.Submitted)
			require.EqualValues(t, one.good, counts.Proving)
			require.EqualValues(t, one.good*1000, counts.Work)
		})
	}
}

func make20(w share.Word, n int) (all []share.Word) {
	for range n {
		all = append(all, w)
	}
	return all
}

func requireSoundFacts(t *testing.T, fs []Finding) {
	t.Helper()
	for _, f := range fs {
		require.NotEmpty(t, f.Words)
		require.NotContains(t, f.Words+f.Power+f.Limits, "NaN")
		require.NotContains(t, f.Words+f.Power+f.Limits, "%!")
		require.NotContains(t, f.Words+f.Power+f.Limits, "unknown number")
		for name, v := range f.Numbers {
			require.True(t, isFinite(v), "%s: %v", name, v)
		}
		require.True(t, isFinite(f.LogE) && isFinite(f.Peak) && isFinite(f.NeedShares) && f.NeedShares >= 0)
	}
}

// Invalid shares come in bursts when jobs change: none of that counts. Elsewhere one in a hundred may be invalid; one in thirty is told.
func TestFactsInvalidRate(t *testing.T) {
	c := factsContext(2000)
	run := func(seed uint64, shares int, away, atSwitch float64, burst int) *facts {
		rng := rand.New(rand.NewPCG(seed, 4))
		f := &facts{}
		f.use(c.plan)
		left := 0
		for i := range shares {
			at := testStart.Add(time.Duration(i) * 3 * time.Second)
			number := uint64(i/10 + 1)
			began := testStart.Add(time.Duration(number-1) * 30 * time.Second)
			s := &Share{Time: at, Job: number, Required: 1, Difficulty: 2, Word: share.Accepted}
			p := away
			if at.Sub(began) < switchTime {
				p = atSwitch
			}
			if rng.Float64() < p {
				left = burst
			}
			if left > 0 {
				left--
				s.Word, s.Difficulty = share.LowDifficulty, .1
			}
			f.share(s, &Job{Number: number, Time: began})
		}
		return f
	}
	alarms := 0
	for seed := range uint64(200) {
		if run(seed, 4000, .01, .3, 1).Rate.Most.Peak >= math.Log(20) {
			alarms++
		}
	}
	require.LessOrEqual(t, alarms, 16, "of 200, with 10 allowed on average")
	f := run(1, 20000, .0005, .3, 8) // bursts from a switch into its job
	require.Equal(t, Clear, findingOf(t, f.findings(c), TestInvalidRate, Evidence).State, "%+v", f.Rate)
	f = run(2, 20000, .035, .035, 1)
	a := findingOf(t, f.findings(c), TestInvalidRate, Evidence)
	require.Equal(t, Alarm, a.State, a.Words)
	require.GreaterOrEqual(t, a.Peak, a.Threshold)
	require.False(t, a.Since.IsZero())
	require.Contains(t, a.Words, "where 1 % may be. The odds against this being chance are")
	f = run(3, 20000, .002, 0, 1)
	a = findingOf(t, f.findings(c), TestInvalidRate, Evidence)
	require.Equal(t, Clear, a.State)
	require.Contains(t, a.Power, "twice")
	f = run(4, 30, 0, 0, 1)
	a = findingOf(t, f.findings(c), TestInvalidRate, Evidence)
	require.Equal(t, TooEarly, a.State)
	require.Greater(t, a.NeedShares, 50.)
	// Every share of every job is invalid: this test does not look, but the fact is told.
	f = run(5, 2000, 1, 1, 1)
	require.Equal(t, Alarm, findingOf(t, f.findings(c), TestInvalid, Fact).State)
}

func nanClaim(at time.Duration) *Claim {
	n := math.NaN()
	return &Claim{Time: testStart.Add(at), Rate: n, Accepted: n, Rejected: n, Stale: n, DifficultyAccepted: n, BestShare: n, Uptime: n}
}

func TestFactsCounters(t *testing.T) {
	c := factsContext(2000)
	run := func(polls int, counter func(i int, ours uint64) (accepted, uptime float64)) Finding {
		f := &facts{}
		for i := range polls {
			sendTo(f, 6, share.Accepted)
			for range 6 {
				f.answered(true, true, false)
			}
			claim := nanClaim(time.Duration(i) * time.Minute)
			claim.Accepted, claim.Uptime = counter(i, f.Yes)
			f.claim(claim)
		}
		require.NoError(t, f.check())
		fs := f.findings(c)
		requireSoundFacts(t, fs)
		return findingOf(t, fs, TestCounters, Fact)
	}
	up := func(i int) float64 { return float64(60 * i) }
	a := run(100, func(i int, ours uint64) (float64, float64) { return float64(ours) + 7000 - float64(i%3), up(i) }) // begun before, in flight
	require.Equal(t, Clear, a.State, a.Words)
	require.Contains(t, a.Words, "agrees with ours")
	require.NotContains(t, a.Words, "went back")
	a = run(100, func(i int, ours uint64) (float64, float64) { return float64(ours) * 1.3, up(i) })
	require.Equal(t, Alarm, a.State)
	require.Contains(t, a.Words, "as accepted more than came")
	a = run(100, func(i int, ours uint64) (float64, float64) { return float64(ours) / 2, up(i) })
	require.Equal(t, Clear, a.State)
	require.Contains(t, a.Words, "fewer than came")
	a = run(100, func(i int, ours uint64) (float64, float64) { return float64(ours % 60), float64(i % 10) }) // restarts
	require.Equal(t, Clear, a.State, a.Words)
	a = run(100, func(i int, ours uint64) (float64, float64) {
		if i == 50 {
			return 3, up(i)
		}
		return float64(ours), up(i)
	})
	require.Equal(t, 1., a.Numbers["backward_counters"])
	c.unseen = 60
	a = run(100, func(i int, ours uint64) (float64, float64) { return float64(ours) * 1.3, up(i) })
	require.Equal(t, NotApplicable, a.State)
}

func TestFactsBest(t *testing.T) {
	for _, one := range []struct {
		name     string
		received float64
		bests    []float64
		uptimes  []float64
		unseen   float64
		state    State
	}{
		{"agrees", 5000, []float64{1000, 5000, 5000}, []float64{100, 200, 300}, 0, Clear},
		{"rounded up", 4950, []float64{1000, 5000}, []float64{100, 200}, 0, Clear},
		{"never came", 5000, []float64{1000, 90000}, nil, 0, Alarm},
		{"from before", 5000, []float64{90000, 90000}, nil, 0, NotApplicable},
		{"from before, as uptime says", 5000, []float64{90000, 90000}, []float64{1e6, 1e6}, 0, NotApplicable},
		{"all of the uptime watched", 5000, []float64{90000, 90000}, []float64{0, 60}, 0, Alarm},
		{"holes", 5000, []float64{1000, 90000}, nil, 5, NotApplicable},
		{"overflow", 5000, []float64{1000, 18446744073709551615}, nil, 0, Clear},
		{"restarted", 5000, []float64{1000, 4000, 300, 400}, []float64{100, 200, 1, 60}, 0, Clear},
	} {
		t.Run(one.name, func(t *testing.T) {
			c := factsContext(one.received)
			c.unseen = one.unseen
			f := &facts{}
			for i, best := range one.bests {
				claim := nanClaim(time.Duration(i) * time.Minute)
				claim.BestShare = best
				if one.uptimes != nil {
					claim.Uptime = one.uptimes[i]
				}
				f.claim(claim)
			}
			require.NoError(t, f.check())
			fs := f.findings(c)
			requireSoundFacts(t, fs)
			a := findingOf(t, fs, TestBestShare, Fact)
			require.Equal(t, one.state, a.State, a.Words)
		})
	}
	c := factsContext(10)
	f := &facts{}
	for i, best := range []float64{5, 5000} {
		claim := nanClaim(time.Duration(i) * time.Minute)
		claim.BestShare = best
		f.claim(claim)
	}
	c.now = testStart.Add(90 * time.Second)
	require.Equal(t, TooEarly, findingOf(t, f.findings(c), TestBestShare, Fact).State, "may be on its way")
}

func TestFactsPlaces(t *testing.T) {
	for _, one := range []struct {
		ours, said string
		want       State
	}{
		{"stratum+tcp://pool.example.com:3333", "stratum+tcp://pool.example.com:3333", Clear},
		{"pool.example.com:3333", "stratum+tcp://POOL.example.com:3333/", Clear},
		{"", "pool.example.com:3333", NotApplicable},
		{"pool.example.com:3333", "pool.thief.example:3333", NotApplicable},
		{"pool.example.com:3333", "eu.example.com:3333", NotApplicable},
		{"pool.example.com:3333", "pool.example.com:443", NotApplicable},
		{"0.0.0.0:3333", "192.168.1.7:3333", NotApplicable},
		{"10.0.0.1:3333", "10.0.0.1:3333", Clear},
		{"10.0.0.1:3333", "10.0.0.2:3333", NotApplicable},
		{"10.0.0.1:3333", "8.8.8.8:3333", NotApplicable},
		{"10.0.0.1:3333", "pool.thief.example:3333", NotApplicable},
		{"[2001:db8::1]:3333", "[2001:db8::1]:3333", Clear},
		{"pool.example.com", "://%zz", NotApplicable},
	} {
		f := &facts{}
		if one.ours != "" {
			f.reached(one.ours)
		}
		claim := nanClaim(0)
		claim.Pool = one.said
		f.claim(claim)
		fs := f.findings(factsContext(0))
		requireSoundFacts(t, fs)
		require.Equal(t, one.want, findingOf(t, fs, TestRedirect, Fact).State, one)
	}
	f := &facts{}
	f.redirected(testStart, "pool.example.com:3334", false)
	require.Equal(t, Clear, findingOf(t, f.findings(factsContext(0)), TestRedirect, Fact).State)
	f.redirected(testStart, "thief.example:3334", true)
	f.redirected(testStart.Add(time.Hour), "pool.example.com:3334", false)
	a := findingOf(t, f.findings(factsContext(0)), TestRedirect, Fact)
	require.Equal(t, Alarm, a.State)
	require.Contains(t, a.Words, "thief.example:3334")
}

// Where it was said which addresses a machine may name, another is an alarm, since it was first named.
func TestFactsKnownAs(t *testing.T) {
	known := []string{"stratum+tcp://proxy.example:3333", "10.0.0.5:3333", "[2001:db8::1]:3333", "backup.example"}
	for said, want := range map[string]State{
		"stratum+tcp://proxy.example:3333":           Clear,
		"stratum+tcp://PROXY.example.:3333/":         Clear,
		"proxy.example":                              Clear,
		"stratum+ssl://10.0.0.5:3333":                Clear,
		"::ffff:10.0.0.5":                            Clear,
		"[2001:db8:0::1]:3333":                       Clear,
		"backup.example:25":                          Clear,
		"://%zz":                                     Clear,
		"stratum+tcp://proxy.example:3334":           Alarm,
		"stratum+tcp://10.0.0.6:3333":                Alarm,
		"stratum+tcp://127.0.0.1:3333":               Alarm,
		"stratum+tcp://eu.proxy.example:3333":        Alarm,
		"stratum+tcp://a:b@pool.thief.example:3333/": Alarm,
	} {
		f := &facts{}
		c := factsContext(0)
		c.plan = testPlan(t, func(p *Plan) { p.KnownAs = known })
		f.reached("10.1.1.1:1")
		claim := nanClaim(0)
		claim.Pool = known[0]
		f.claim(claim)
		claim = nanClaim(time.Minute)
		claim.Pool = said
		f.claim(claim)
		claim.Time = claim.Time.Add(time.Minute)
		f.claim(claim)
		fs := f.findings(c)
		requireSoundFacts(t, fs)
		a := findingOf(t, fs, TestRedirect, Fact)
		require.Equal(t, want, a.State, said)
		if want == Alarm {
			require.Equal(t, testStart.Add(time.Minute), a.Since)
			require.Contains(t, a.Words, said)
			require.NotContains(t, a.Words, "at "+known[0])
		}
	}
}

func TestFactsBoards(t *testing.T) {
	run := func(polls int, boards ...float64) Finding {
		f := &facts{}
		for i := range polls {
			claim := nanClaim(time.Duration(i) * time.Minute)
			claim.Rate, claim.Boards = 100e12, boards
			f.claim(claim)
		}
		fs := f.findings(factsContext(0))
		requireSoundFacts(t, fs)
		return findingOf(t, fs, TestBoards, Fact)
	}
	require.Equal(t, Clear, run(20, 33e12, 33e12, 33.1e12).State)
	require.Equal(t, Alarm, run(20, 33e12, 33e12).State)
	require.Equal(t, TooEarly, run(3, 33e12, 33e12).State)
	f := &facts{}
	claim := nanClaim(0)
	claim.Rate, claim.Boards = 1, []float64{math.NaN()}
	f.claim(claim)
	require.Zero(t, f.BoardClaims)
}

func TestFactsPool(t *testing.T) {
	f := &facts{}
	for range 10 {
		f.answered(true, true, false)
	}
	a := findingOf(t, f.findings(factsContext(0)), TestCounters, Description)
	require.Contains(t, a.Words, "judged all 10 shares as we do")
	f.answered(false, true, false)
	f.answered(false, true, true)
	f.answered(true, false, false)
	a = findingOf(t, f.findings(factsContext(0)), TestCounters, Description)
	require.Equal(t, "The pool refused 1 shares that are good; it refused 1 that crossed a new block on their way; it accepted 1 that are not (of 13 answers).", a.Words)
}

func TestFactsMergeAndState(t *testing.T) {
	whole, a, b := &facts{}, &facts{}, &facts{}
	rng := rand.New(rand.NewPCG(1, 9))
	words := []share.Word{share.Accepted, share.Accepted, share.Accepted, share.LowDifficulty, share.Duplicate, share.Stale, share.Block, share.BadVersion}
	for i := range 600 {
		at := testStart.Add(time.Duration(i) * 7 * time.Second)
		j := &Job{Number: uint64(i/10 + 1), Time: testStart.Add(time.Duration(i/10) * 70 * time.Second)}
		s := &Share{Time: at, Required: 1, Difficulty: 2, Word: words[rng.IntN(len(words))], Block: i%50 == 0}
		claim := nanClaim(time.Duration(i) * 7 * time.Second)
		claim.Accepted, claim.BestShare, claim.Pool, claim.Uptime = float64(i), float64(i), "a:1", float64(i)
		for _, f := range []*facts{whole, []*facts{a, b}[i/300]} {
			f.share(s, j)
			f.answered(i%3 > 0, i%5 > 0, false)
			if i%20 == 0 {
				f.claim(claim)
			}
		}
	}
	a.merge(b)
	require.NoError(t, a.check())
	require.Equal(t, whole.counts(), a.counts())
	require.Equal(t, whole.Once, a.Once)
	require.Equal(t, whole.logE(), a.logE())
	require.Equal(t, whole.Said.Claims, a.Said.Claims)
	text, err := json.Marshal(whole)
	require.NoError(t, err)
	back := &facts{}
	require.NoError(t, json.Unmarshal(text, back))
	require.NoError(t, back.check())
	require.Equal(t, whole.findings(factsContext(5)), back.findings(factsContext(5)))
	again, err := json.Marshal(back)
	require.NoError(t, err)
	require.Equal(t, string(text), string(again))
	empty := &facts{}
	empty.merge(whole)
	require.NoError(t, empty.check())
	require.Equal(t, whole.counts(), empty.counts())
	for _, bad := range []string{`{"shares":1}`, `{"words":{"accepted":2},"shares":1}`, `{"proving":1}`, `{"refused":1}`, `{"taken":2}`, `{"elsewhere":1}`,
		`{"invalid_rate":{"bad":1}}`, `{"invalid_rate":{"allowed":2}}`, `{"said":{"extra":1e999}}`, `{"said":{"best":-1}}`, `{"work":-1}`,
		`{"pools":[{},{},{},{},{},{},{},{},{}]}`, fmt.Sprintf(`{"reached":"%0400d"}`, 1), fmt.Sprintf(`{"pools":[{"name":"%0400d"}]}`, 1), `{"words":{"nonsense":1},"shares":1}`} {
		f := &facts{}
		if json.Unmarshal([]byte(bad), f) == nil {
			require.Error(t, f.check(), bad)
		}
	}
}

func FuzzFacts(f *testing.F) {
	f.Add(`{"shares":0}`, 1.0, 2.0, 3.0, "pool:1", uint8(11))
	f.Add(`{"shares":2,"words":{"accepted":2},"proving":2,"work":5,"said":{"claims":3}}`, math.Inf(1), -1.0, math.NaN(), "stratum+tcp://[::1]:3", uint8(3))
	f.Fuzz(func(t *testing.T, text string, x, y, z float64, name string, word uint8) {
		if strings.Contains(text+name, "%") || strings.Contains(text+name, "N") || strings.Contains(text+name, "unknown") { // what the check of words would take for a fault
			return
		}
		one := &facts{}
		if json.Unmarshal([]byte(text), one) != nil || one.check() != nil {
			return
		}
		for i := range 3 {
			one.claim(&Claim{Time: testStart.Add(time.Duration(i) * time.Minute), Rate: x, Accepted: y, BestShare: z, Uptime: x, Pool: name, Boards: []float64{y, z}})
			one.share(&Share{Time: testStart, Required: x, Difficulty: y, Word: share.Word(word % 14)}, &Job{Number: uint64(word), Time: testStart.Add(-time.Hour)})
		}
		one.reached(name)
		one.redirected(testStart, name, true)
		requireSoundFacts(t, one.findings(factsContext(1)))
		require.True(t, isFinite(one.logE()))
		text2, err := json.Marshal(one)
		require.NoError(t, err)
		back := &facts{}
		require.NoError(t, json.Unmarshal(text2, back))
		require.NoError(t, back.check())
	})
}
