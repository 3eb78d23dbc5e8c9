package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

func flagNames(cmd *cobra.Command) (names []string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

func TestConfig(t *testing.T) {
	name := writeConfig(t, `
# where devices connect
listen = ["127.0.0.1:1", "127.0.0.1:2"]
proxy-protocol = "10.0.0.0/8"
max-conns = 7
idle = "90s"
"ban" = 0
lines-per-second = 5
record = 'recordings'
record-size = 1_048_576
json = true
tls-listen = []
`)
	s, err := runServer(t, nil, "--config", name)
	require.NoError(t, err)
	require.Equal(t, []string{"127.0.0.1:1", "127.0.0.1:2"}, s.listen)
	require.Equal(t, []string{"10.0.0.0/8"}, s.proxyProtocol.GetSlice())
	require.Equal(t, 7, s.maxConns)
	require.Equal(t, 90*time.Second, s.idle)
	require.Zero(t, s.ban)
	require.Equal(t, 5.0, s.linesPerSecond)
	require.Equal(t, "recordings", s.record)
	require.EqualValues(t, 1<<20, s.recordSize)
	require.True(t, s.json)
	require.Empty(t, s.tlsListen)

	// Flags win over the environment, which wins over the file; a list is taken
	// from one place.
	s, err = runServer(t, map[string]string{
		"TOUCHSTONE_CONFIG":    name,
		"TOUCHSTONE_LISTEN":    "127.0.0.1:3 127.0.0.1:4",
		"TOUCHSTONE_MAX_CONNS": "8",
		"TOUCHSTONE_IDLE":      "80s",
	}, "--idle", "70s")
	require.NoError(t, err)
	require.Equal(t, []string{"127.0.0.1:3", "127.0.0.1:4"}, s.listen)
	require.Equal(t, 8, s.maxConns)
	require.Equal(t, 70*time.Second, s.idle)
	require.Equal(t, "recordings", s.record)
}

func TestConfigRefused(t *testing.T) {
	tests := []struct{ name, text, err, hint string }{
		{"unknown", "\nlistem = []\n", "line 2: listem: no flag of 'touchstone server' has this name", "did you mean listen?"},
		{"unknown with underscores", "max_conns = 1\n", "line 1: max_conns: no flag", "did you mean max-conns?"},
		{"unknown like nothing", "sausages = 1\n", "line 1: sausages: no flag", "'touchstone server --help' lists the flags"},
		{"table", "json = true\n[listen-on]\nx = 1\n", "line 2: listen-on: no flag", "there are no tables here"},
		{"table of a flag", "[listen]\nx = 1\n", "line 1: listen: a table is not a text or a list", ""},
		{"array of tables", "[[listen]]\nx = 1\n", "line 1: listen: a table is not", ""},
		{"dotted", "listen.x = 1\n", "line 1: listen: a table is not", ""},
		{"itself", `config = "other.toml"` + "\n", "line 1: config: no flag", ""},
		{"help", "help = true\n", "line 1: help: no flag", ""},
		{"text for a number", "\n\n" + `max-conns = "7"` + "\n", `line 3: max-conns: "7" is not a whole number, without quotes`, ""},
		{"float for a number", "max-conns = 7.5\n", "max-conns: 7.5 is not a whole number", ""},
		{"text for a truth", `json = "true"`, `json: "true" is not true or false, without quotes`, ""},
		{"number for a duration", "idle = 90", `idle: 90 is not a duration in quotes, such as "90s"`, ""},
		{"number for a text", "record = 5", "record: 5 is not a text in quotes", ""},
		{"zero for a text", "record = 0", "record: 0 is not a text in quotes", ""},
		{"list for a text", `record = ["x"]`, "record: a list is not a text in quotes", ""},
		{"date for a text", "record = 2026-11-21", "record: a date is not a text in quotes", ""},
		{"numbers in a list", "listen = [1]", "listen: a list is not a text or a list of texts", ""},
		{"bad duration", `idle = "long"`, `idle: "long" is not a duration`, ""},
		{"bad network", "\n" + `proxy-protocol = ["10.0.0.0/8", "x"]`, `line 2: proxy-protocol: "x" is no network`, "such as 10.0.0.0/8"},
		{"twice", "max-conns = 1\nmax-conns = 2\n", "line 2: ", ""},
		{"no TOML", "max-conns: 5\n", "line 1: ", `idle = "10m"`},
		{"no UTF-8", "record = \"\xff\"\n", "", ""},
		{"checked as flags are", "max-conns = 0\n", "--max-conns: 0 is not 1 or more", ""},
		{"too long", strings.Repeat("#", maxConfigSize+1), "has more than 1048576 bytes", ""},
		{"deep", "record = " + strings.Repeat("[", 100_000), "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := runServer(t, nil, "--config", writeConfig(t, test.text))
			require.ErrorContains(t, err, test.err)
			if test.hint != "" {
				requireError(t, err, test.err, test.hint)
			}
		})
	}
	_, err := runServer(t, nil, "--config", filepath.Join(t.TempDir(), "none.toml"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = runServer(t, nil, "--config", t.TempDir())
	require.Error(t, err)
}

// TestConfigOverridden: what the command line overrides is not looked at, but
// must be of the right type.
func TestConfigOverridden(t *testing.T) {
	s, err := runServer(t, nil, "--config", writeConfig(t, `idle = "long"`), "--idle", "5s")
	require.NoError(t, err)
	require.Equal(t, 5*time.Second, s.idle)
	_, err = runServer(t, nil, "--config", writeConfig(t, "idle = 7"), "--idle", "5s")
	require.Error(t, err)
}

// FuzzConfig: whatever a file holds, flags come of it or an error.
func FuzzConfig(f *testing.F) {
	f.Add(`listen = ["127.0.0.1:1"]` + "\nmax-conns = 7\n[x]\n")
	f.Add("idle = 1979-05-27T07:32:00Z\nban = 0x10\n\"json\"=inf")
	f.Add("a.b.c = {d = [[1], 'x']}")
	f.Fuzz(func(t *testing.T, text string) {
		name := filepath.Join(t.TempDir(), "c.toml")
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		c, err := readConfig(name)
		if err != nil {
			return
		}
		cmd := (&serverCommand{}).command()
		if err := c.apply(cmd); err != nil {
			require.Contains(t, err.Error(), name)
		}
	})
}
