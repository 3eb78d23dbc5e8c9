package telemetry

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// samples returns the replies of one machine, in files named by command, of the folder that TOUCHSTONE_DATA names.
func samples(t *testing.T, name string) []Reply {
	t.Helper()
	data := os.Getenv("TOUCHSTONE_DATA")
	if data == "" {
		t.Skip("TOUCHSTONE_DATA does not name the folder of samples: those of real machines are not read")
	}
	return folder(t, filepath.Join(data, "telemetry", name))
}

// folder returns the replies in a folder.
func folder(t *testing.T, dir string) (out []Reply) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.NotEmpty(t, files, dir)
	for _, f := range files {
		raw, err := os.ReadFile(f)
		require.NoError(t, err)
		out = append(out, Reply{Command: strings.TrimSuffix(filepath.Base(f), filepath.Ext(f)), Raw: raw})
	}
	return out
}

// terahashes rounds to a millionth.
func terahashes(rate float64) float64 { return math.Round(rate/1e6) / 1e6 }

// TestSamples reads the replies of every machine that there are samples of.
func TestSamples(t *testing.T) {
	nan := math.NaN()
	for name, want := range map[string]struct {
		dialect, model, field                          string
		rate, nominal, uptime, accepted, work, best    float64
		difficulty, age, tickets, ticket, power, chips float64
		boards, pools, repairs, oddities               int
	}{
		"antminer-s19pro-bmminer": {"bmminer", "Antminer S19 Pro", "GHS av", 111.83485, 110, 50474, 4057, 1305083904, 12904207043, 524288, 3, nan, nan, nan, 342, 3, 3, 0, 2},
		"antminer-s3-cgminer":     {"cgminer", "", "MHS av", 0.38145, nan, 18955, 187, 1531904, 2656081, 8192, 23, nan, nan, nan, nan, 1, 0, 0, 0},
		"antminer-s9-bmminer":     {"bmminer", "Antminer S9", "GHS av", 7.90081, nan, 49530, 4988, 91765760, 31539419, nan, nan, nan, nan, nan, nan, 0, 0, 1, 0},
		"auradine":                {"auradine", "", "MHS av", 7.970630, nan, 56696, 3310, 829210624, nan, nan, nan, nan, nan, 58.94, nan, 3, 3, 0, 1},
		"avalon-a1246":            {"avalon", "Avalon 1246", "GHSavg", 79.65663, 83.92304, 24684, nan, nan, nan, nan, nan, nan, nan, 3504, 360, 3, 0, 0, 0},
		"avalon-q":                {"avalon", "Avalon Q", "MHS av", 44.539602, 55.03279, 37714, 890, 368550176, 354914572, 524288, 6435, 95676, 4096, 146, 160, 1, 1, 0, 0},
		"axeos-constructed":       {"axeos", "601", "hashRate_1h", 1.0678, 1.071, 68400, 812, nan, 2041876, 2048, nan, nan, nan, 18.4, 1, 1, 1, 0, 0},
		"bitaxe-axeos-v2":         {"axeos", "401", "hashRate", 1, nan, 4, 0, nan, 0, nan, nan, nan, nan, 2.65000009536743, 1, 0, 2, 0, 0},
		"sealminer":               {"sealminer", "A2", "MHS av", 206.860474, 221.663472, 2481, 1421, 118444032, 33318911, 262144, 2, nan, nan, 3504, 459, 3, 1, 0, 1},
		"whatsminer-btminer-v1":   {"whatsminer", "", "MHS av", 67.753251, 68.796, 10154, 2338, 158334976, 41127493, 65536, 7, 625711, 256, 3427, 315, 3, 3, 0, 0},
		"whatsminer-v3-port4433":  {"whatsminer-v3", "M60S_VK40", "hash-average", 170.8, 181.051, 50000, nan, nan, nan, nan, nan, nan, nan, 3156, 225, 3, 3, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := Parse(samples(t, name))
			require.Empty(t, r.Unread)
			require.Equal(t, want.dialect, r.Dialect)
			require.Equal(t, want.model, r.Model)
			require.Equal(t, want.field, r.RateField)
			for _, v := range []struct {
				name      string
				want, got float64
			}{
				{"rate", want.rate, terahashes(r.Rate)}, {"nominal", want.nominal, terahashes(r.Nominal)}, {"uptime", want.uptime, r.Uptime},
				{"accepted", want.accepted, r.Accepted}, {"work", want.work, r.DifficultyAccepted}, {"best", want.best, r.Best},
				{"difficulty", want.difficulty, r.LastDifficulty}, {"age", want.age, r.LastShareAge}, {"tickets", want.tickets, r.Tickets},
				{"ticket", want.ticket, r.TicketDifficulty}, {"power", want.power, r.Power}, {"chips", want.chips, r.Chips},
			} {
				require.True(t, v.want == v.got || math.IsNaN(v.want) && math.IsNaN(v.got), "%s: %v, want %v", v.name, v.got, v.want)
			}
			require.Len(t, r.Boards, want.boards)
			require.Len(t, r.Pools, want.pools)
			require.Len(t, r.Repairs, want.repairs, r.Repairs)
			require.Len(t, r.Oddities, want.oddities, r.Oddities)
		})
	}
}

// TestTestdata reads what is here of them, without the folder of samples.
func TestTestdata(t *testing.T) {
	for dir, k := range map[string]struct {
		dialect, field             string
		rate, age, ticket, highest float64
		pools, repairs, oddities   int
	}{
		"bmminer-s9":    {"bmminer", "GHS av", 7.90081, math.NaN(), math.NaN(), math.NaN(), 0, 1, 0},
		"cgminer-s3":    {"cgminer", "MHS av", 0.38145, 23, math.NaN(), 8192, 0, 0, 0},
		"avalon-q":      {"avalon", "MHS av", 44.539602, 6435, 4096, 524288, 1, 0, 0},
		"whatsminer-v1": {"whatsminer", "MHS av", 67.753251, 7, 256, 65536, 2, 0, 0},
		"whatsminer-v3": {"whatsminer-v3", "hash-average", 170.8, math.NaN(), math.NaN(), math.NaN(), 3, 0, 0},
		"axeos-v2":      {"axeos", "hashRate", 1, math.NaN(), math.NaN(), math.NaN(), 2, 0, 0},
		"luxos":         {"luxos", "GHS av", 52.5, 1, math.NaN(), 32768, 3, 0, 3},
	} {
		r := Parse(folder(t, filepath.Join("testdata", dir)))
		require.Empty(t, r.Unread, dir)
		require.Equal(t, k.dialect, r.Dialect, dir)
		require.Equal(t, k.field, r.RateField, dir)
		same(t, k.rate, terahashes(r.Rate), dir)
		same(t, k.age, r.LastShareAge, dir)
		same(t, k.ticket, r.TicketDifficulty, dir)
		same(t, k.highest, r.MaxDifficulty, dir)
		require.Len(t, r.Pools, k.pools, dir)
		require.Len(t, r.Repairs, k.repairs, dir)
		require.Len(t, r.Oddities, k.oddities, "%s %q", dir, r.Oddities)
	}
}

// same compares numbers that may be missing.
func same(t *testing.T, want, got float64, what string) {
	t.Helper()
	require.True(t, want == got || math.IsNaN(want) && math.IsNaN(got), "%s: %v, want %v", what, got, want)
}

// TestTraps takes fields that are not what they say, or are spelled in their own way.
func TestTraps(t *testing.T) {
	summary := func(fields string) string {
		return `{"STATUS":[{"STATUS":"S","When":1700000000,"Description":"cgminer 4.9.2"}],"SUMMARY":[{` + fields + `}],"id":1}`
	}
	pools := func(fields string) string {
		return `{"STATUS":[{"STATUS":"S","When":1700000010,"Description":"cgminer 4.9.2"}],"POOLS":[{"POOL":0,"Stratum Active":"true",` + fields + `}]}`
	}
	nan := math.NaN()
	for name, k := range map[string]struct {
		replies []string
		get     func(r *Reading) float64
		want    float64
		odd     string
	}{
		"overflow":            {[]string{summary(`"Best Share":18446744073709551615`)}, func(r *Reading) float64 { return r.Best }, nan, "Best Share is 18446744073709551615: an overflow"},
		"nan":                 {[]string{summary(`"MHS av":nan`)}, func(r *Reading) float64 { return r.Rate }, nan, "MHS av is nan: not a finite number"},
		"text inf":            {[]string{summary(`"MHS av":"inf"`)}, func(r *Reading) float64 { return r.Rate }, nan, "MHS av is inf: not a finite number"},
		"negative":            {[]string{summary(`"Accepted":-5`)}, func(r *Reading) float64 { return r.Accepted }, nan, "Accepted is -5: negative"},
		"a list":              {[]string{summary(`"Elapsed":[1]`)}, func(r *Reading) float64 { return r.Uptime }, nan, "Elapsed is a list or an object: not a number"},
		"absurd rate":         {[]string{summary(`"GHS av":1e300`)}, func(r *Reading) float64 { return r.Rate }, nan, "GHS av is 1e300: an overflow"},
		"text rate":           {[]string{summary(`"GHS av":"14.5"`)}, func(r *Reading) float64 { return r.Rate }, 14.5e9, ""},
		"terahashes":          {[]string{summary(`"THS av":14.5`)}, func(r *Reading) float64 { return r.Rate }, 14.5e12, ""},
		"two rates":           {[]string{summary(`"GHS av":14,"MHS av":15000`)}, func(r *Reading) float64 { return r.Rate }, 14e9, "GHS av says 14 GH/s and MHS av says 15 GH/s"},
		"thousandfold":        {[]string{summary(`"GHS av":85899346,"Elapsed":50000,"Accepted":10000,"Difficulty Accepted":1000000000`)}, func(r *Reading) float64 { return r.Rate }, 85899346e9, "about 1000 times the 85.9 TH/s of the accepted work"},
		"millionth":           {[]string{summary(`"GHS av":0.085899,"Elapsed":50000,"Accepted":10000,"Difficulty Accepted":1000000000`)}, func(r *Reading) float64 { return r.Rate }, 0.085899e9, "about a millionth times"},
		"total is average":    {[]string{summary(`"MHS av":5000,"Elapsed":3600,"Total MH":5000.5`)}, func(r *Reading) float64 { return r.Rate }, 5e9, "Total MH is no total"},
		"total disagrees":     {[]string{summary(`"MHS av":5000,"Elapsed":3600,"Total MH":9000000`)}, func(r *Reading) float64 { return r.Rate }, 5e9, "Total MH over Elapsed is 2.5 GH/s, MHS av says 5 GH/s"},
		"best is difficulty":  {[]string{summary(`"Best Share":32768,"Accepted":50`), pools(`"Stratum Difficulty":32768`)}, func(r *Reading) float64 { return r.Best }, nan, "Best Share 32768 is the pool's difficulty"},
		"best below mean":     {[]string{summary(`"Best Share":100,"Accepted":50,"Difficulty Accepted":50000`)}, func(r *Reading) float64 { return r.Best }, 100, "below the mean difficulty of its shares, 1000"},
		"suffix":              {[]string{pools(`"Diff":"524K"`)}, func(r *Reading) float64 { return r.LastDifficulty }, 524000, ""},
		"better than suffix":  {[]string{pools(`"Diff":"524K","Last Share Difficulty":524288`)}, func(r *Reading) float64 { return r.LastDifficulty }, 524288, ""},
		"difficulty is time":  {[]string{pools(`"Last Share Difficulty":1700000005`)}, func(r *Reading) float64 { return r.LastDifficulty }, nan, "Last Share Difficulty 1700000005 is a time"},
		"epoch":               {[]string{pools(`"Last Share Time":1699999990`)}, func(r *Reading) float64 { return r.LastShareAge }, 20, ""},
		"age":                 {[]string{pools(`"Last Share Time":"0:01:03"`)}, func(r *Reading) float64 { return r.LastShareAge }, 63, ""},
		"age of days":         {[]string{pools(`"Last Share Time":"57:00:33"`)}, func(r *Reading) float64 { return r.LastShareAge }, 57*3600 + 33, ""},
		"uptime":              {[]string{summary(`"Elapsed":1000`), pools(`"Last Share Time":900`)}, func(r *Reading) float64 { return r.LastShareAge }, 100, ""},
		"none yet":            {[]string{pools(`"Last Share Time":"0"`)}, func(r *Reading) float64 { return r.LastShareAge }, nan, ""},
		"in the future":       {[]string{pools(`"Last Share Time":1700009999`)}, func(r *Reading) float64 { return r.LastShareAge }, nan, "Last Share Time 1700009999 is not before now"},
		"old bitaxe":          {[]string{`{"ASICModel":"BM1366","hashRate":500.5,"sharesAccepted":"7","bestDiff":"4.29G","bestSessionDiff":"483k","uptimeSeconds":100}`}, func(r *Reading) float64 { return r.BestEver }, 4.29e9, ""},
		"old bitaxe, session": {[]string{`{"ASICModel":"BM1366","hashRate":500.5,"sharesAccepted":"7","bestDiff":"4.29G","bestSessionDiff":"483k","uptimeSeconds":100}`}, func(r *Reading) float64 { return r.Best }, 483e3, ""},
		"hour too early":      {[]string{`{"ASICModel":"BM1370","hashRate":1000,"hashRate_1m":1100,"hashRate_1h":50,"uptimeSeconds":100}`}, func(r *Reading) float64 { return r.Rate }, 1100e9, ""},
		"no array":            {[]string{`{"summary":{"STATUS":[{"STATUS":"S"}],"SUMMARY":[{"Elapsed":7}]},"id":1}`}, func(r *Reading) float64 { return r.Uptime }, 7, ""},
		"text":                {[]string{`STATUS=S,When=1,Code=11,Msg=Summary,Description=cgminer 4.9.2|SUMMARY,Elapsed=7,MHS av=12.5|`}, func(r *Reading) float64 { return r.Rate }, 12.5e6, ""},
		"odd unit":            {[]string{`{"STATS":[{"miner_count":1,"rate_unit":"sol","chain_rate1":"5"}]}`}, func(r *Reading) float64 { return r.Rate }, nan, "rate_unit sol is none that we know"},
		"dead chips":          {[]string{`{"STATS":[{"miner_count":1,"chain_rate1":"5","chain_acn1":6,"chain_acs1":" ooo xox"}]}`}, func(r *Reading) float64 { return r.Chips }, 6, "it marks 2 chips of chain 1 as dead"},
	} {
		t.Run(name, func(t *testing.T) {
			var replies []Reply
			for _, raw := range k.replies {
				replies = append(replies, Reply{"x", []byte(raw)})
			}
			r := Parse(replies)
			require.Empty(t, r.Unread)
			same(t, k.want, k.get(r), name)
			if k.odd == "" {
				require.Empty(t, r.Oddities)
				return
			}
			require.Contains(t, strings.Join(r.Oddities, "\n"), k.odd)
		})
	}
}

// TestSeveralPools names the pools that had shares.
func TestSeveralPools(t *testing.T) {
	r := Parse(folder(t, filepath.Join("testdata", "luxos")))
	require.Contains(t, r.Oddities, "pools: several of them had shares of it: stratum+tcp://pool.example:3333 as acct.worker1, stratum+tcp://pool.example:3333 as acct.worker2")
}

// TestUnknown takes machines of which we know nothing, or which refuse.
func TestUnknown(t *testing.T) {
	r := Parse([]Reply{{"summary", []byte(`{"STATUS":[{"STATUS":"S","Description":"newminer 1.0"}],"SUMMARY":[{"Elapsed":10,"GHS av":5}]}`)}})
	require.Equal(t, "", r.Dialect)
	require.Equal(t, 5e9, r.Rate)
	r = Parse([]Reply{{"pools", []byte(`{"STATUS":[{"STATUS":"E","Code":45,"Msg":"Access denied"}],"id":1}`)}, {"devs", []byte(`{"STATUS":"E","When":1,"Code":14,"Msg":"invalid cmd","Description":""}`)},
		{"get.device.info", []byte(`{"code":-2,"when":1,"msg":"invalid command","desc":""}`)}})
	require.Equal(t, []string{`pools: the machine refused it: "Access denied", code 45`, `devs: the machine refused it: "invalid cmd", code 14`,
		`get.device.info: the machine refused it: "invalid command", code -2`}, r.Unread)
	require.Equal(t, "", r.Dialect)
	r = Parse(nil)
	require.Empty(t, r.Unread)
	require.True(t, math.IsNaN(r.Rate) && math.IsNaN(r.Accepted) && math.IsNaN(r.Chips))
	r = Parse([]Reply{{"stats", []byte(`{"STATUS":[{"STATUS":"S","Description":"bdminer"}],"STATS":[` + strings.Repeat(`{"Board Count":1,"0 MHS(Sample)":1},`, 5000) + `]}`)}})
	require.Len(t, r.Boards, maxBoards)
	require.Equal(t, []string{"stats: more than 1024 boards, pools and the like in all: the others are not read"}, r.Unread)
	many := make([]Reply, maxReplies+7)
	r = Parse(many)
	require.Len(t, r.Unread, 2) // what is empty says the same
	require.Equal(t, "7 more replies than the 64 that are read", r.Unread[1])
}

// FuzzParse reads anything: what comes out is bounded, and numbers are what they may be.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*/*.json", "testdata/*/*.txt"} {
		files, err := filepath.Glob(pattern)
		require.NoError(f, err)
		for _, name := range files {
			raw, err := os.ReadFile(name)
			require.NoError(f, err)
			f.Add(filepath.Base(name), raw, []byte(nil))
		}
	}
	f.Add("x", []byte(`,"a"["b":{:"c""d"inf,-nan}]`), []byte("STATUS=S|SUMMARY,Elapsed=1|"))
	f.Fuzz(func(t *testing.T, command string, a, b []byte) {
		r := Parse([]Reply{{command, a}, {"pools", b}})
		for _, v := range []float64{
			r.Rate, r.RateNow, r.Nominal, r.Uptime, r.Accepted, r.Rejected, r.Stale, r.DifficultyAccepted, r.DifficultyRejected,
			r.DifficultyStale, r.Best, r.BestEver, r.HardwareErrors, r.Tickets, r.TicketDifficulty, r.LastDifficulty, r.MaxDifficulty,
			r.LastShareAge, r.Utility, r.Power, r.Temperature, r.Chips,
		} {
			require.False(t, v < 0 || math.IsInf(v, 0), "%v", v)
		}
		require.LessOrEqual(t, len(r.Boards), maxBoards)
		require.LessOrEqual(t, len(r.Pools), maxPools)
		require.LessOrEqual(t, len(r.Oddities), maxNotes+1)
		require.LessOrEqual(t, len(r.Repairs), 2*int(numRepairs))
		for _, text := range append(append(append([]string{r.Model, r.Firmware, r.Chip}, r.Oddities...), r.Repairs...), r.Unread...) {
			require.Less(t, len(text), 2048)
			require.True(t, utf8.ValidString(text), "%q", text)
		}
		require.Equal(t, fmt.Sprint(r), fmt.Sprint(Parse([]Reply{{command, a}, {"pools", b}})))
	})
}
