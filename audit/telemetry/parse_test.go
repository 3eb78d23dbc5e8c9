package telemetry

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
