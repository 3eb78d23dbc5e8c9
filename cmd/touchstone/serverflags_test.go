package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/internal/serve"
)

// serverCommand is a command with nothing but server flags.
type serverCommand struct {
	flags serverFlags
	ran   func(cmd *cobra.Command) error
}

func (s *serverCommand) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "server",
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.flags.check(cmd); err != nil {
				return err
			}
			if s.ran != nil {
				return s.ran(cmd)
			}
			return nil
		},
	}
	s.flags.add(cmd, "127.0.0.1:3333", "127.0.0.1:3380")
	return cmd
}

// runServer runs a server command with a command line and an environment.
func runServer(t *testing.T, environment map[string]string, args ...string) (*serverFlags, error) {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	require.NoError(t, err)
	defer null.Close()
	p := &program{
		con:    newConsole(null, null),
		stderr: io.Discard,
		lookupEnv: func(name string) (string, bool) {
			v, ok := environment[name]
			return v, ok
		},
		args: append([]string{"server"}, args...),
	}
	var s serverCommand
	root := &cobra.Command{Use: "touchstone", SilenceErrors: true, SilenceUsage: true}
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return p.applySettings(cmd) }
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(s.command())
	root.SetArgs(p.args)
	return &s.flags, root.ExecuteContext(t.Context())
}

// requireError checks an error, and a part of its hint.
func requireError(t *testing.T, err error, text, hint string) {
	t.Helper()
	require.ErrorContains(t, err, text)
	var h *hintedError
	require.ErrorAs(t, err, &h)
	require.Contains(t, h.hint, hint)
}

func TestServerFlags(t *testing.T) {
	s, err := runServer(t, nil)
	require.NoError(t, err)
	at, err := s.listenAt()
	require.NoError(t, err)
	require.Equal(t, []serve.ListenAt{{Address: "127.0.0.1:3333", Config: serve.ListenConfig{
		MaxConns: 20_000, MaxConnsPerAddress: 10_000, Idle: 10 * time.Minute, LinesPerSecond: 100, BanFor: time.Minute,
	}}}, at)
	require.Equal(t, "127.0.0.1:3380", s.statusAddress())
	require.Empty(t, s.notices())
	recorder, err := s.openRecorder(nil)
	require.NoError(t, err)
	require.Nil(t, recorder)

	s, err = runServer(t, nil, "--listen", ":0", "--listen", "[::1]:1", "--proxy-protocol", "10.1.2.3/8", "--proxy-protocol", "::ffff:192.0.2.7",
		"--max-conns", "5", "--max-conns-per-address", "2", "--idle", "0", "--lines-per-second", "0", "--ban", "0", "--status", "off",
		"--record", "x", "--record-size", "1g")
	require.NoError(t, err)
	at, err = s.listenAt()
	require.NoError(t, err)
	require.Len(t, at, 2)
	require.Equal(t, "[::1]:1", at[1].Address)
	config := at[0].Config
	require.Equal(t, []int{5, 2}, []int{config.MaxConns, config.MaxConnsPerAddress})
	require.Negative(t, config.Idle)
	require.Negative(t, config.LinesPerSecond)
	require.Negative(t, config.BanFor)
	require.Equal(t, []string{"10.0.0.0/8", "192.0.2.7/32"}, s.proxyProtocol.GetSlice())
	require.Empty(t, s.statusAddress())
	require.EqualValues(t, 1<<30, s.recordSize)
	notices := s.notices()
	require.Len(t, notices, 1)
	require.Contains(t, notices[0], "whoever reaches :0 can mine here")
}

func TestServerFlagsTLS(t *testing.T) {
	s, err := runServer(t, nil, "--tls-listen", "127.0.0.1:1", "--tls-cert", "no-such.pem", "--tls-key", "no-such-key.pem")
	require.NoError(t, err)
	require.Empty(t, s.plain()) // no port without TLS
	_, err = s.listenAt()
	require.ErrorContains(t, err, "no-such.pem")
}

func TestServerFlagsRefused(t *testing.T) {
	tests := []struct{ args, text, hint string }{
		{"--listen 3333", `--listen: "3333" is not HOST:PORT`, "127.0.0.1:3333"},
		{"--listen 127.0.0.1:x", `--listen: port "x" of "127.0.0.1:x" is not from 0 to 65535`, ""},
		{"--listen 127.0.0.1:65536", "is not from 0 to 65535", ""},
		{"--tls-listen nothing", `--tls-listen: "nothing" is not HOST:PORT`, ""},
		{"--tls-listen :1", "--tls-listen needs --tls-cert and --tls-key", "openssl"},
		{"--tls-listen :1 --tls-key k", "--tls-listen needs --tls-cert and --tls-key", "openssl"},
		{"--tls-cert c", "need --tls-listen", "server --help"},
		{"--status on", `--status: "on" is not HOST:PORT`, ""},
		{"--proxy-protocol 10.0.0.0/33", `--proxy-protocol: "10.0.0.0/33" is no network`, "10.0.0.0/8"},
		{"--max-conns 0", "--max-conns: 0 is not 1 or more", ""},
		{"--max-conns many", `--max-conns: "many" is not a whole number in range`, ""},
		{"--max-conns-per-address -1", "--max-conns-per-address: -1 is not 1 or more", ""},
		{"--idle 10", `--idle: "10" is not a duration`, ""},
		{"--idle 1ms", "--idle: 1ms is neither 1s or more, nor 0", ""},
		{"--idle -1s", "--idle: -1s is neither", ""},
		{"--lines-per-second NaN", "--lines-per-second: NaN is not", ""},
		{"--lines-per-second 0.5", "--lines-per-second: 0.5 is neither", ""},
		{"--lines-per-second fast", `--lines-per-second: "fast" is not a number`, ""},
		{"--ban -1s", "--ban: -1s is negative", ""},
		{"--record-size 1M", "--record-size needs --record", ""},
		{"--record x --record-size 1", "--record-size: 1 is less than 64K", ""},
		{"--record x --record-size 9999999999G", `--record-size: "9999999999G" is not a number of bytes`, "256M"},
		{"--record x --record-size M", `"M" is not a number of bytes`, ""},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			_, err := runServer(t, nil, strings.Fields(test.args)...)
			requireError(t, err, test.text, test.hint)
		})
	}
}

func TestSizeText(t *testing.T) {
	for in, want := range map[string]string{"0": "0", "1000": "1000", "1024": "1K", "1536K": "1536K", "2048K": "2M", "3G": "3G", "4096G": "4096G"} {
		var f sizeFlag
		require.NoError(t, f.Set(in))
		require.Equal(t, want, f.String())
	}
}

// TestServerFlagsUsage: the usage text names each flag, and no line is too long.
func TestServerFlagsUsage(t *testing.T) {
	usage := serverFlagsUsage + configFlagUsage
	for line := range strings.Lines(usage) {
		require.LessOrEqual(t, len(line), 81, line)
	}
	cmd := (&serverCommand{}).command()
	for _, name := range flagNames(cmd) {
		if name != "json" {
			require.Contains(t, usage, "  --"+name+" ")
		}
	}
}

// writeConfig writes a file with flags.
func writeConfig(t *testing.T, text string) string {
	name := filepath.Join(t.TempDir(), "touchstone.toml")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func (s *serverCommand) check(cmd *cobra.Command, _ []string) error { return s.flags.check(cmd) }

// The example of another port is another one.
func TestOtherPort(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:3433": ", such as --listen 127.0.0.1:3533", "[::1]:65500": ", such as --listen [::1]:65400",
	} {
		require.Equal(t, want, otherPort(fmt.Errorf("listen on %s: %w", address, syscall.EADDRINUSE)))
	}
	require.Empty(t, otherPort(syscall.EADDRINUSE))
}
