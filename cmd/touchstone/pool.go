package main

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"net"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/touchstone-btc/touchstone/internal/serve"
	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
)

// poolCommand serves miners.
type poolCommand struct {
	program     *program
	node        nodeFlags
	server      serverFlags
	solo        bool
	difficulty  float64
	least, most float64
	shareRate   float64
	versionMask maskFlag
	tag         string
}

const poolUsage = `Serves miners over Stratum: on a private chain that is kept in the data folder,
with nothing installed, or on nodes of yours with --node. Every share is judged
by the rules of the protocol, and what is refused is told why.

A block that a device found is on disk before the device is answered, and is
sent again, also after a crash, until a node accepts or refuses it. One
touchstone at a time uses a chain's folder.

Usage:
  touchstone pool [FLAGS]

Flags:
  --node URL                RPC of a bitcoind or btcd, http:// or https://, with
                            user:password@ if nobody else uses this machine, for
                            they could see it; repeated, the first that works is
                            used and blocks go to all of them
  --address A               who is paid; required with --node, not to be given
                            without, nor with --solo
  --solo                    pay each block to who found it: devices log in with
                            ADDRESS or ADDRESS.NAME as their worker
  --difficulty D            of the first shares; default 1, or the nearest that
                            the next two allow
  --min-difficulty D        the least it may become; default 1e-9
  --max-difficulty D        the most; default: the network's, which is never
                            exceeded
  --share-rate N            shares a minute that each device shall find; its
                            difficulty follows from that; 0 leaves it at
                            --difficulty; default 20
  --version-mask M          version bits that devices may roll, 8 hex digits; 0
                            for none; default 1fffe000
  --tag TEXT                text for the coinbase; default /touchstone/
  --datadir DIR             data folder; see 'touchstone mine --help'
  --rpc-user NAME           user of the nodes
  --rpc-password-file FILE  file whose first line is the password
  --rpc-cookie FILE         bitcoind's .cookie file, instead of the two above
  --rpc-cert FILE           certificate to trust, such as btcd's rpc.cert
` + serverFlagsUsage + configFlagUsage + `  --json                    events as JSON on standard output
  --help                    this text

Without --json, accepted and refused blocks go to standard output, the rest to
standard error, with a live view of the devices if that is a terminal.

With --json every line is an object with event and time (RFC 3339) and, by
event (hashes in display order, durations in seconds):
  pool_started chain, nodes (empty: the private chain), folder, address (empty:
               each worker's own), listen (URLs), status (URL), version_mask,
               pending (blocks of an earlier run that are sent again)
  job          job (empty with --solo), height, previous, new_tip, difficulty,
               transactions, version_mask
  job_offered  job, sessions, elapsed (until it was offered to the last one)
  device_connected
               session, peer, tls
  device_authorized
               session, peer, worker, user_agent
  device_refused
               session, peer, worker, error: the first of a connection
  device_gone  session, peer, worker, reason, accepted, refused (shares),
               elapsed
  pool_found   hash, height, job, difficulty (of the hash), session, peer,
               worker, verdict (on the share)
  not_kept     hash, error: a found block could not be written to disk
  accepted     hash, height, reason (empty, or why it does not count, such as
               inconclusive: another block took its place), text, resent (found
               by an earlier run), blocks (accepted in this run)
  refused      hash, height, reason, text, resent
  waiting      hash, height, attempt, error, retry: a block has no answer yet
  node_lost    node, error, retry
  node_back    node, in_use
  no_template  error, retry
` + serverEventsUsage + `  notice       text
  pool_status  connections, working (with a worker), rate (hashes/s that the
               shares of the last 10 minutes stand for), shares, refused,
               accepted (blocks), height, difficulty, template_age, outdated
               (so old that it may not be the tip's any more), elapsed
  pool_stopped accepted, refused, pending (blocks), shares (credited),
               shares_refused, elapsed

What is wrong at the start (password, address, another chain, a node that does
not answer, an address in use) is an error; later it is told and tried again,
while devices keep the work they have.
Exit code: 0 interrupted; 2 it could not serve.

Example:
  touchstone pool --listen 0.0.0.0:3333 --share-rate 10
`

func (c *poolCommand) command() *cobra.Command {
	c.versionMask = work.MaskBIP320
	cmd := &cobra.Command{
		Use:  "pool",
		RunE: c.run,
	}
	setUsage(cmd, poolUsage)
	f := cmd.Flags()
	f.BoolVar(&c.solo, "solo", false, "")
	f.Float64Var(&c.difficulty, "difficulty", 1, "")
	f.Float64Var(&c.least, "min-difficulty", 1e-9, "")
	f.Float64Var(&c.most, "max-difficulty", 0, "")
	f.Float64Var(&c.shareRate, "share-rate", 20, "")
	f.Var(&c.versionMask, "version-mask", "")
	f.StringVar(&c.tag, "tag", defaultTag, "")
	c.node.add(cmd)
	c.server.add(cmd, "127.0.0.1:3333", "127.0.0.1:3380")
	return cmd
}

// check reports flags that make no sense.
func (c *poolCommand) check(cmd *cobra.Command, args []string) error {
	given := cmd.Flags().Changed
	if !given("min-difficulty") && given("max-difficulty") {
		c.least = min(c.least, c.most)
	}
	if !given("difficulty") && c.least > 0 {
		// It begins at the bound that is nearest.
		c.difficulty = max(c.difficulty, c.least)
		if given("max-difficulty") && c.most > 0 {
			c.difficulty = min(c.difficulty, c.most)
		}
	}
	positive := func(v float64) bool { return v > 0 && !math.IsInf(v, 0) }
	switch {
	case len(args) > 0:
		// Not quoted: it may be a node's URL with its password.
		return usageError(cmd, "pool takes no argument; nodes are named with --node")
	case c.solo && given("address"):
		return withHint(errors.New("--solo and --address exclude each other: who would be paid?"),
			"with --solo each worker's name is the address that is paid")
	case !positive(c.difficulty):
		return usageError(cmd, "--difficulty: %v is not above 0", c.difficulty)
	case !positive(c.least):
		return usageError(cmd, "--min-difficulty: %v is not above 0", c.least)
	case given("max-difficulty") && !positive(c.most):
		return usageError(cmd, "--max-difficulty: %v is not above 0", c.most)
	case given("max-difficulty") && c.least > c.most:
		return usageError(cmd, "--min-difficulty %v is above --max-difficulty %v", c.least, c.most)
	case c.difficulty < c.least:
		return usageError(cmd, "--difficulty %v is below --min-difficulty %v", c.difficulty, c.least)
	case given("max-difficulty") && c.difficulty > c.most:
		return usageError(cmd, "--difficulty %v is above --max-difficulty %v", c.difficulty, c.most)
	case c.shareRate < 0 || math.IsNaN(c.shareRate) || c.shareRate > maxShareRate:
		return usageError(cmd, "--share-rate: %v is not from 0 to %d", c.shareRate, maxShareRate)
	}
	if err := c.server.check(cmd); err != nil {
		return err
	}
	return c.node.check(cmd, c.solo)
}

// maxShareRate bounds --share-rate: more tells nothing more, and costs.
const maxShareRate = 6000

func (c *poolCommand) vardiff() stratum.Vardiff {
	v := stratum.Vardiff{SharesPerMinute: c.shareRate, Start: c.difficulty, Min: c.least, Max: c.most}
	if c.shareRate == 0 {
		v.SharesPerMinute = -1
	}
	return v
}

func (c *poolCommand) run(cmd *cobra.Command, args []string) error {
	if err := c.check(cmd, args); err != nil {
		return err
	}
	dataDir, err := c.node.folder(c.program.lookupEnv)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	c.program.saveMemory()
	printer := &poolPrinter{program: c.program, json: c.server.json}
	backend, err := c.node.open(ctx, dataDir, printer.print)
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted before serving began")
		}
		return explain(dataDir, err)
	}
	err = c.serve(cmd, backend, printer)
	if err := errors.Join(err, backend.Close()); err != nil {
		return explainListen(explain(dataDir, err))
	}
	return nil
}

// serve serves on a backend until the end.
func (c *poolCommand) serve(cmd *cobra.Command, backend *serve.Backend, printer *poolPrinter) (err error) {
	config, err := c.config()
	if err != nil {
		return err
	}
	config.Backend, config.OnEvent = backend, printer.print
	if c.server.json {
		config.StatusEvery = jsonStatus
	}
	if config.Audit, err = c.server.audit.config(cmd); err != nil {
		return err
	}
	if config.Recorder, err = c.server.openRecorder(printer.print); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeRecorder(config.Recorder)) }()
	pool, err := serve.NewPool(config)
	if err != nil {
		return err
	}
	for _, n := range append(c.server.notices(), filesNotice(filesLimit(), c.server.maxConns, 1)) {
		if n != "" {
			printer.print(serve.Notice{Text: n})
		}
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	defer c.program.onReload(ctx, cmd, reloader(c.program, cmd, poolReloaded,
		func() *poolCommand { return &poolCommand{program: c.program} },
		func(next *poolCommand) error {
			config, err := next.config()
			if err == nil {
				_, err = pool.Reload(config)
			}
			return err
		}))()
	defer c.program.show(ctx, pool, c.server.json)()
	return pool.Run(ctx)
}

// config is the part of the pool's configuration that the flags say.
func (c *poolCommand) config() (serve.PoolConfig, error) {
	listen, err := c.server.listenAt()
	return serve.PoolConfig{
		Listen:      listen,
		Solo:        c.solo,
		Tag:         c.tag,
		VersionMask: uint32(c.versionMask),
		Vardiff:     c.vardiff(),
		Status:      c.server.statusAddress(),
	}, err
}

// poolReloaded are the flags that change without a restart.
var poolReloaded = append([]string{"difficulty", "min-difficulty", "max-difficulty", "share-rate", "tag"}, serverReloaded...)

func closeRecorder(r *serve.Recorder) error {
	if r == nil {
		return nil
	}
	return r.Close()
}

// otherPort is an example of another port than the one that an error of
// listening names.
func otherPort(err error) string {
	_, rest, _ := strings.Cut(err.Error(), "listen on ")
	address, _, _ := strings.Cut(rest, ": ")
	host, port, err := net.SplitHostPort(address)
	n, perr := strconv.Atoi(port)
	if err != nil || perr != nil {
		return ""
	}
	if n += 100; n > 65535 {
		n -= 200
	}
	return ", such as --listen " + net.JoinHostPort(host, strconv.Itoa(n))
}

// explainListen adds the cure to an error of listening, where we know it.
func explainListen(err error) error {
	var status *serve.StatusListenError
	switch {
	case errors.As(err, &status):
		return withHint(err, "another touchstone may show its status there: choose another address with --status, such as "+
			"--status 127.0.0.1:0 for any that is free, or show none with --status off")
	case errors.Is(err, syscall.EADDRINUSE):
		return withHint(err, "another program uses that port: stop it, or choose another with --listen%s", otherPort(err))
	case errors.Is(err, syscall.EACCES) && !errors.As(err, new(*fs.PathError)):
		return withHint(err, "ports below 1024 are for the system: choose another with --listen")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return withHint(err, "the address is none of this machine's: --listen 0.0.0.0:3333 is all of them")
	}
	return err
}
