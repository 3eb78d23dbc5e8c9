package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/touchstone-btc/touchstone/internal/serve"
)

// proxyCommand stands between devices and a pool.
type proxyCommand struct {
	program   *program
	server    serverFlags
	pools     []string
	poolCert  string
	silence   time.Duration
	back      bool
	enforce   bool
	shareRate float64
}

const proxyUsage = `Stands between your devices and a pool, judges every share on its way, and says
where the pool's answers are not what the shares deserve.

Each device gets a connection of its own to the pool. What crosses it is
forwarded byte for byte, as it comes: the pool sees your devices' own names and
passwords, and the devices the pool's own words. Nothing that touchstone thinks
of a share changes that, unless --enforce or --share-rate asks for it. With
--record, a share is handed on when it is written to a file, which takes less
than a millisecond.

Usage:
  touchstone proxy --pool URL [FLAGS]

Flags:
  --pool URL                stratum+tcp://HOST:PORT or stratum+ssl://HOST:PORT,
                            without user and password: devices have their own;
                            repeated, a device gets the first that works
  --pool-cert FILE          certificates, PEM, from one of which that of a
                            stratum+ssl pool must come; default: the system's
  --pool-timeout DURATION   when a pool that leaves a device without any answer
                            counts as failed; default 2m
  --return                  when a pool that failed has worked again for a
                            minute, disconnect those who went to a later one, a
                            few each second, so that they come back; without it
                            they stay there until they connect again
  --enforce                 answer bad shares here, as a strict pool would, and
                            don't forward them; blocks always are
  --share-rate N            let each device find N shares a minute, for better
                            statistics: its difficulty becomes easier than the
                            pool's, never harder, and shares that are too easy
                            for the pool are answered here; it changes only
                            with a new job of the pool; default 0: the pool's
` + serverFlagsUsage + configFlagUsage + `  --json                    events as JSON on standard output
  --help                    this text

Without --json, disagreements with the pool and blocks go to standard output,
the rest to standard error, with a live view if that is a terminal.

With --json every line is an object with event and time (RFC 3339) and, by
event (hashes in display order, durations in seconds):
  proxy_started  listen (URLs), status (URL), pools, recording (folder), mode
                 (transparent, enforce, share-rate), share_rate
  device_joined  session, peer, pool
  device_left    session, peer, pool, worker (empty: unknown), reason, elapsed
  device_turned_away
                 peer, error (why no pool could be reached), untold (others
                 before that were not told of)
  pool_lost      pool, error, retry
  pool_back      pool
  pool_redirects session, worker, pool, to (host:port; empty: the same),
                 forwarded: the pool told a device to go elsewhere
  disagreed      session, worker, pool, job, hash, verdict (ours), reason,
                 block, difficulty (achieved), required, pool_said, untold
  share_is_block session, worker, pool, job, hash, verdict, difficulty: a share
                 met the network's target
  judge_behind   session, messages: forwarded and recorded, but not judged
  judge_failed   session, peer, error: a fault in touchstone; the connection is
                 forwarded and recorded, but judged no more
` + serverEventsUsage + `  notice         text
  proxy_stopped  devices (connections), shares, credited, refused, unjudged,
                 disagreed, crossed (good ones that the pool refused as stale,
                 because they crossed a new block on the wire: no disagreement),
                 blocks, unanswered, elapsed

SIGHUP reads --config again: pools, limits and modes change for connections made
from then on. Interrupt stops taking devices, waits up to a second for answers
to what they sent, and disconnects them.

Exit code: 0 interrupted, 2 it could not run, or not all of the recording could
be written.

Example:
  touchstone proxy --pool stratum+tcp://pool.example:3333 --listen 0.0.0.0:3334 --record ~/shares
`

func (c *proxyCommand) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:  "proxy",
		RunE: c.run,
	}
	setUsage(cmd, proxyUsage)
	f := cmd.Flags()
	f.StringArrayVar(&c.pools, "pool", nil, "")
	f.StringVar(&c.poolCert, "pool-cert", "", "")
	f.DurationVar(&c.silence, "pool-timeout", 2*time.Minute, "")
	f.BoolVar(&c.back, "return", false, "")
	f.BoolVar(&c.enforce, "enforce", false, "")
	f.Float64Var(&c.shareRate, "share-rate", 0, "")
	c.server.add(cmd, "127.0.0.1:3334", "127.0.0.1:3381")
	cmd.MarkFlagFilename("pool-cert")
	return cmd
}

// minPoolTimeout is the shortest time after which a pool can count as failed:
// there are pools that take a second to answer.
const minPoolTimeout = 5 * time.Second

// check reports flags that make no sense, alone or together.
func (c *proxyCommand) check(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) > 0:
		// Not quoted: it may be a pool's URL with a password.
		return usageError(cmd, "proxy takes no argument; pools are named with --pool")
	case len(c.pools) == 0:
		return withHint(errors.New("--pool is missing: where are shares to go"),
			"such as --pool stratum+tcp://pool.example:3333; 'touchstone pool' is one for your own")
	case !(c.shareRate >= 0 && c.shareRate <= serve.MaxShareRate):
		return usageError(cmd, "--share-rate: %g is not from 0 to %d a minute", c.shareRate, serve.MaxShareRate)
	case c.silence < minPoolTimeout:
		return usageError(cmd, "--pool-timeout: %s is less than %s", c.silence, minPoolTimeout)
	}
	seen := map[serve.PoolURL]bool{}
	for _, text := range c.pools {
		url, err := serve.ParsePoolURL(text)
		if err != nil {
			return usageError(cmd, "--pool: %w", err)
		}
		if seen[url] {
			return usageError(cmd, "--pool: %s is given twice", url)
		}
		seen[url] = true
		if url.User != "" || url.Password != "" {
			return withHint(fmt.Errorf("--pool: %s: user and password can't be given here", url),
				"devices log in by themselves: set them there")
		}
		if c.poolCert != "" && !url.TLS {
			return withHint(fmt.Errorf("--pool-cert: %s is not encrypted", url), "a pool with a certificate is stratum+ssl://HOST:PORT")
		}
	}
	if c.back && len(c.pools) == 1 {
		return usageError(cmd, "--return needs another --pool to return from")
	}
	return c.server.check(cmd)
}

// config returns what the flags say. It reads certificates.
func (c *proxyCommand) config() (serve.ProxyConfig, error) {
	config := serve.ProxyConfig{
		Pools: c.pools, Return: c.back, Silence: c.silence, Enforce: c.enforce, ShareRate: c.shareRate,
		Recording: c.server.record, Status: c.server.statusAddress(),
	}
	var err error
	if c.poolCert != "" {
		if config.PoolRoots, err = readRoots(c.poolCert); err != nil {
			return config, fmt.Errorf("--pool-cert: %w", err)
		}
	}
	config.Listen, err = c.server.listenAt()
	return config, err
}

// readRoots reads certificates to trust.
func readRoots(name string) (*x509.CertPool, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, withHint(fmt.Errorf("%s: %w", name, cause(err)), "name a file that you may read")
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, withHint(fmt.Errorf("%s: no certificate in it", name), "it begins with -----BEGIN CERTIFICATE-----")
	}
	return roots, nil
}

func (c *proxyCommand) run(cmd *cobra.Command, args []string) (err error) {
	if err := c.check(cmd, args); err != nil {
		return err
	}
	config, err := c.config()
	if err != nil {
		return err
	}
	c.program.saveMemory()
	printer := &proxyPrinter{program: c.program, json: c.server.json}
	// A device takes two: its connection and that to the pool.
	for _, text := range append(c.server.notices(), filesNotice(filesLimit(), c.server.maxConns, 2)) {
		if text != "" {
			printer.print(serve.Notice{Text: text})
		}
	}
	if config.Audit, err = c.server.audit.config(cmd); err != nil {
		return err
	}
	if config.Recorder, err = c.server.openRecorder(printer.print); err != nil {
		return err
	}
	// Last: what is said until then is in it.
	defer func() { err = errors.Join(err, config.Recorder.Close()) }()
	config.OnEvent = printer.print
	proxy, err := serve.NewProxy(config)
	if errors.As(err, new(*serve.PoolLoopError)) {
		return withHint(err, "give --pool the address of the real pool, or let the proxy listen elsewhere with --listen")
	}
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	defer c.program.onReload(ctx, cmd, reloader(c.program, cmd, proxyReloaded,
		func() *proxyCommand { return &proxyCommand{program: c.program} },
		func(next *proxyCommand) error {
			config, err := next.config()
			if err == nil {
				_, err = proxy.Reload(config)
			}
			return err
		}))()
	defer c.program.show(ctx, proxy, c.server.json)()
	return explainListen(proxy.Run(ctx))
}

// proxyReloaded are the flags that change without a restart, for connections
// made from then on.
var proxyReloaded = append([]string{"pool", "pool-cert", "pool-timeout", "return", "enforce", "share-rate"}, serverReloaded...)
