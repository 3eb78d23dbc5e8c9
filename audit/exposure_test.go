package audit

import (
	"encoding/json"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
)

var start = time.Date(2026, 11, 20, 14, 40, 0, 0, time.UTC)

// after is a time, in seconds from start.
func after(seconds float64) time.Time { return start.Add(time.Duration(seconds * 1e9)) }

func difficulty(t *testing.T, num, denom int64) work.Target {
	t.Helper()
	target, err := work.DifficultyTarget(big.NewRat(num, denom))
	require.NoError(t, err)
	return target
}

func target(t *testing.T, hex string) work.Target {
	t.Helper()
	target, err := work.ParseTarget(hex)
	require.NoError(t, err)
	return target
}

func TestExposure(t *testing.T) {
	var e Exposure
	require.Zero(t, e.Seconds())
	// 256 and 1 hashes for a share.
	easy, all := target(t, "00"+strings.Repeat("f", 62)), target(t, strings.Repeat("f", 64))
	e.Advance(after(0))
	e.Set(after(10), easy)
	e.Count(1)
	e.Advance(after(15))
	e.Set(after(20), all)
	e.Count(2)
	e.Pause(after(21.5))
	e.Count(1)
	e.Pause(after(30))
	e.Advance(after(40))
	require.Equal(t, 10./256+1.5, e.Seconds())
	require.Equal(t, uint64(4), e.Shares())
	require.Equal(t, Rate{4, 10./256 + 1.5, true}, e.Rate())
	e.Set(after(50), easy)
	e.Advance(after(51))
	require.Equal(t, 11./256+1.5, e.Seconds())
}

// TestExposureDifficulty has the exact target where difficulty times 2^32 is off by 15 in a million.
func TestExposureDifficulty(t *testing.T) {
	var e Exposure
	e.Set(after(0), difficulty(t, 1, 1))
	e.Pause(after(1))
	hashes := new(big.Rat).SetFrac(new(big.Int).Lsh(big.NewInt(1), 256), new(big.Int).Add(difficulty(t, 1, 1).Big(), big.NewInt(1)))
	want, _ := new(big.Rat).Inv(hashes).Float64()
	require.Equal(t, want, e.Seconds())
	require.InEpsilon(t, 4295032833.00001, 1/e.Seconds(), 1e-12)
}

// TestExposureLimits has the hardest target and the easiest, for as short and as long as can be.
func TestExposureLimits(t *testing.T) {
	var e Exposure
	e.Set(start, work.Target{})
	e.Advance(start.Add(1))
	require.Equal(t, math.Ldexp(1e-9, -256), e.Seconds())
	require.False(t, e.Varied())

	e = Exposure{}
	e.Set(time.Time{}, target(t, strings.Repeat("f", 64)))
	e.Advance(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))
	require.Equal(t, float64(math.MaxInt64)/1e9, e.Seconds())

	for range 70 { // doubled, until it is full
		e.Count(math.MaxUint64/4 + 1)
		o := e
		e.Merge(&o)
	}
	require.Equal(t, uint64(math.MaxUint64), e.Shares())
	require.Equal(t, wideMax, e.sum)
	o := e
	e.Merge(&o)
	require.Equal(t, wideMax, e.sum)
	require.InEpsilon(t, math.Ldexp(1e-9, 128), e.Seconds(), 1e-15)
	require.Equal(t, wideMax, wideMax.times(2))
}

// TestExposureClock has clocks that jump: what lies behind adds nothing, and time goes on from there.
func TestExposureClock(t *testing.T) {
	all := target(t, strings.Repeat("f", 64))
	var e Exposure
	e.Set(after(100), all)
	e.Advance(after(110))
	e.Advance(after(50))
	require.Equal(t, 10., e.Seconds())
	e.Advance(after(50))
	e.Advance(after(53))
	require.Equal(t, 13., e.Seconds())
	e.Set(after(20), all)
	e.Set(after(21), all)
	e.Pause(after(1))
	require.Equal(t, 14., e.Seconds())
	require.False(t, e.Varied())
}

// TestExposureVaried counts only targets that were in force for some time.
func TestExposureVaried(t *testing.T) {
	one, two := difficulty(t, 1, 1), difficulty(t, 2, 1)
	var e Exposure
	e.Set(after(0), one)
	e.Set(after(0), two)
	e.Set(after(5), two)
	e.Pause(after(6))
	e.Set(after(7), one)
	e.Set(after(7), two)
	e.Advance(after(9))
	require.False(t, e.Varied())
	e.Set(after(9), one)
	require.False(t, e.Varied())
	e.Advance(after(9).Add(1))
	require.True(t, e.Varied())

	var a, b, c Exposure
	a.Set(after(0), one)
	a.Pause(after(1))
	b.Set(after(1), two)
	b.Pause(after(2))
	same, empty := a, Exposure{}
	same.Merge(&a)
	same.Merge(&c)
	require.False(t, same.Varied())
	empty.Merge(&b)
	require.False(t, empty.Varied())
	empty.Merge(&a)
	require.True(t, empty.Varied())
	a.Merge(&b)
	require.True(t, a.Varied())
	c.Merge(&a)
	require.True(t, c.Varied())
}

// history drives e through steps of random kind and length that depend on the seed only.
func history(t *testing.T, e *Exposure, from time.Time, seed uint64) (end time.Time) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 0))
	now := from
	for range 50 {
		now = now.Add(time.Duration(r.Int64N(1e12)))
		switch r.IntN(4) {
		case 0:
			e.Set(now, difficulty(t, 1+r.Int64N(1e6), 1+r.Int64N(1e3)))
		case 1:
			e.Pause(now)
		case 2:
			e.Advance(now)
		case 3:
			e.Count(r.Uint64N(10))
		}
	}
	e.Pause(now)
	return now
}

// TestExposureMerge takes a record apart: the parts, merged in any order, are the whole, to the last bit.
func TestExposureMerge(t *testing.T) {
	var whole Exposure
	var parts [5]Exposure
	now := start
	for i := range parts {
		end := history(t, &parts[i], now, uint64(i))
		require.Equal(t, end, history(t, &whole, now, uint64(i)))
		now = end
	}
	for _, order := range [][5]int{{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 0, 4, 1, 3}} {
		var merged Exposure
		for _, i := range order {
			before := parts[i]
			merged.Merge(&parts[i])
			require.Equal(t, before, parts[i])
		}
		require.Equal(t, whole.Rate(), merged.Rate())
		require.Equal(t, whole.sum, merged.sum)
	}
}

func TestExposureJSON(t *testing.T) {
	var open, closed Exposure
	history(t, &closed, start, 7)
	open = closed
	open.Count(3)
	open.Set(after(1e7), difficulty(t, 8192, 1))
	open.Advance(after(1e7 + 1.25))
	fresh := Exposure{}
	fresh.Set(start, target(t, strings.Repeat("f", 64)))
	easiest := fresh
	easiest.Pause(after(1))
	for _, e := range []Exposure{{}, fresh, easiest, closed, open} {
		text, err := json.Marshal(e)
		require.NoError(t, err)
		require.Less(t, len(text), maxExposureJSON)
		read := Exposure{shares: 99}
		require.NoError(t, json.Unmarshal(text, &read), "%s", text)
		require.Equal(t, e, read)
	}
	text, err := json.Marshal(Exposure{})
	require.NoError(t, err)
	require.Equal(t, `{"shares":0,"sum":"0","varied":false}`, string(text))
	full := Exposure{shares: math.MaxUint64, sum: wideMax, first: targetWeight(work.Target{}), varied: true}
	full.Set(time.Date(9999, 12, 31, 23, 59, 59, 123456789, time.FixedZone("", 3600*23)), work.Target{})
	text, err = full.MarshalJSON()
	require.NoError(t, err)
	require.Less(t, len(text), maxExposureJSON)
	_, err = Exposure{running: true, since: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}.MarshalJSON()
	require.Error(t, err)
}

func TestExposureJSONRefused(t *testing.T) {
	zeros, sum := strings.Repeat("0", 64), strings.Repeat("f", 96)
	good := `{"shares":1,"sum":"` + sum + `","first":"` + zeros + `","varied":true,"target":"` + zeros + `","since":"2026-11-20T14:40:00Z"}`
	require.NoError(t, new(Exposure).UnmarshalJSON([]byte(good)))
	for name, change := range map[string][2]string{
		"unknown field":       {`"shares"`, `"share":1,"shares"`},
		"field twice":         {`"shares"`, `"varied":true,"shares"`},
		"other case":          {`"shares"`, `"Shares"`},
		"no shares":           {`"shares":1,`, ``},
		"null shares":         {`"shares":1`, `"shares":null`},
		"negative shares":     {`"shares":1`, `"shares":-1`},
		"shares with a point": {`"shares":1`, `"shares":1.5`},
		"shares as text":      {`"shares":1`, `"shares":"1"`},
		"no sum":              {`"sum":"` + sum + `",`, ``},
		"sum too long":        {sum, "1" + sum},
		"sum in upper case":   {sum, "F"},
		"sum with zeros":      {sum, "01"},
		"sum with a sign":     {sum, "+1"},
		"negative sum":        {sum, "-1"},
		"empty sum":           {sum, ""},
		"sum of 0":            {sum, "0"},
		"sum with underscore": {sum, "1_0"},
		"no first":            {`"first":"` + zeros + `",`, ``},
		"short first":         {`"first":"0`, `"first":"`},
		"first in upper case": {`"first":"0`, `"first":"A`},
		"no varied":           {`"varied":true,`, ``},
		"no target":           {`"target":"` + zeros + `",`, ``},
		"bad target":          {`"target":"0`, `"target":"g`},
		"no since":            {`,"since":"2026-11-20T14:40:00Z"`, ``},
		"bad since":           {`14:40:00Z`, `14:40:00`},
		"more behind":         {`Z"}`, `Z"}{}`},
		"cut":                 {`Z"}`, `Z"`},
		"too long":            {`Z"}`, `Z"` + strings.Repeat(" ", maxExposureJSON) + `}`},
		"an array":            {good, `[]`},
		"null":                {good, `null`},
		"nothing":             {good, ``},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(good, change[0], change[1], 1)
			require.NotEqual(t, good, text)
			e := Exposure{shares: 99}
			err := e.UnmarshalJSON([]byte(text))
			require.Error(t, err)
			require.NotContains(t, err.Error(), "\n")
			require.Equal(t, Exposure{shares: 99}, e)
		})
	}
	require.ErrorContains(t, new(Exposure).UnmarshalJSON([]byte(`{"shares":0,"sum":"0","varied":true}`)), "varied without")
}

// FuzzExposureJSON: whatever is read is written back in the same words.
func FuzzExposureJSON(f *testing.F) {
	f.Add([]byte(`{"shares":0,"sum":"0","varied":false}`))
	f.Add([]byte(`{"shares":3,"sum":"1ff","first":"` + strings.Repeat("0", 64) + `","varied":true,"target":"` + strings.Repeat("f", 64) + `","since":"2026-11-20T14:40:00.5+02:00"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var e, again Exposure
		if e.UnmarshalJSON(text) != nil {
			return
		}
		once, err := e.MarshalJSON()
		require.NoError(t, err)
		require.NoError(t, again.UnmarshalJSON(once))
		twice, err := again.MarshalJSON()
		require.NoError(t, err)
		require.Equal(t, string(once), string(twice))
		require.Equal(t, e.Rate(), again.Rate())
	})
}

func TestWide(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	limit := new(big.Int).Lsh(big.NewInt(1), 384)
	clamp := func(v *big.Int) wide {
		if v.Cmp(limit) >= 0 {
			return wideMax
		}
		return wideFromBig(v)
	}
	for range 10_000 {
		var a, b wide
		for i := range a {
			a[i], b[i] = weird(r), weird(r)
		}
		n := weird(r)
		require.Equal(t, a, wideFromBig(a.big()))
		require.Equal(t, clamp(new(big.Int).Add(a.big(), b.big())), a.plus(b))
		require.Equal(t, clamp(new(big.Int).Mul(a.big(), new(big.Int).SetUint64(n))), a.times(n))
	}
}

// weird returns often what carries, sometimes anything.
func weird(r *rand.Rand) uint64 {
	return []uint64{0, 0, 1, math.MaxUint64, math.MaxUint64 - 1, 1 << 63, r.Uint64()}[r.IntN(7)]
}
