package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/touchstone-btc/touchstone/internal/serve"
	"github.com/touchstone-btc/touchstone/work"
)

// mineCommand mines.
type mineCommand struct {
	program     *program
	blocks      int
	node        nodeFlags
	pool        poolFlags
	threads     int
	kernel      kernelFlag
	versionMask maskFlag
	nice        int
	tag         string
	json        bool
}

const mineUsage = `Mines blocks: alone and with nothing installed on a private chain that is kept
in the data folder, or on nodes of yours with --node, or at a pool with --pool.

A block that was found is on disk before it is sent, and is sent again, also
after a crash, until a node accepts or refuses it. One touchstone at a time
uses a chain's folder.

At a pool, shares are found and handed in; with several, the first that works
is used, and one named before it as soon as it works again. A pool may send us
elsewhere (client.reconnect) only within its own domain: to the same host, or to
a name under the same registered domain. All else is refused and said aloud, for
so hash rate is stolen.

Usage:
  touchstone mine [FLAGS]

Flags:
  --blocks N                stop with exit code 0 when N blocks of this run
                            were accepted; without it, mine until interrupted;
                            at a pool, shares that it accepted and are blocks
  --shares N                the same for N shares, at a pool
  --node URL                RPC of a bitcoind or btcd, http:// or https://, with
                            user:password@ if nobody else uses this machine, for
                            they could see it; repeated, the first that works is
                            used and blocks go to all of them
  --address A               who is paid; required with --node, not to be given
                            without
  --pool URL                a pool, stratum+tcp://[USER[:PASSWORD]@]HOST:PORT,
                            or stratum+ssl:// for TLS; repeated, the first is
                            wanted most; others on this machine can see a
                            password that stands here, so better use a file
  --pool-user NAME          worker, where a URL has none; default touchstone
  --pool-password-file FILE file whose first line is the password, where a URL
                            has none; default x, which most pools are content
                            with
  --pool-cert FILE          certificate to trust instead of the system's, PEM
  --threads N               searching threads; default: one per CPU we may use
  --kernel K                one of those that 'touchstone version' lists; auto,
                            the default, measures them at the start and takes
                            the fastest
  --version-mask M          version bits to roll, 8 hex digits, less those that
                            a template uses or a pool does not grant; 0 rolls
                            none; default 1fffe000
  --tag TEXT                text for the coinbase; default /touchstone/
  --datadir DIR             data folder; default $XDG_DATA_HOME/touchstone or
                            ~/.local/share/touchstone, on macOS ~/Library/
                            Application Support/touchstone, on Windows
                            %LocalAppData%\touchstone
  --nice N                  give way to other programs: 0 (don't) to 19
  --rpc-user NAME           user of the nodes
  --rpc-password-file FILE  file whose first line is the password
  --rpc-cookie FILE         bitcoind's .cookie file, instead of the two above
  --rpc-cert FILE           certificate to trust, such as btcd's rpc.cert
  --json                    events as JSON on standard output
  --help                    this text

Without --json, accepted and refused blocks go to standard output, the rest to
standard error, with a live status line if that is a terminal.

With --json every line is an object with event and time (RFC 3339) and, by
event (hashes in display order, durations in seconds):
  started      chain, nodes (empty: the private chain), folder, address,
               threads, kernel, version_mask, pending (blocks of an earlier run
               that are sent again)
  kernel       kernel, reason (named, only, fastest), midstates (versions that
               are searched at once), rates (by which it was chosen, each with
               kernel and rate: hashes/s of one thread)
  kernel_refused
               kernel, error: a kernel that fails its self-test is not used
  job          job, height, previous, new_tip, difficulty, transactions,
               version_mask
  found        hash, height, job, difficulty (of the hash), hashes (tried for
               the job)
  not_kept     hash, error: a found block could not be written to disk
  accepted     hash, height, reason, text, resent (found by an earlier run),
               blocks (accepted in this run)
  refused      hash, height, reason, text, resent
  waiting      hash, height, attempt, error, retry: a block has no answer yet
  node_lost    node, error, retry
  node_back    node, in_use
  no_template  error, retry
  notice       text
  status       rate (hashes/s of the last 10 s), hashes, elapsed, threads,
               kernel, height, difficulty, best (difficulty of the job's best
               hash), expected (mean time to a block; 0: unknown), accepted
  stopped      accepted, refused, pending, hashes, elapsed, rate

With --pool they are kernel, kernel_refused and
  miner_started
               pools, worker (at the first), threads, version_mask (asked for)
  pool_connected
               pool, address (where it is), worker, difficulty, version_mask (as
               granted), resumed (the session before was asked for)
  pool_lost    pool, error, retry
  pool_moves   pool, to, wait: it sends us to another address of its own
  reconnect_refused
               pool, to, untold: it wanted to send us out of its domain
  pool_message
               pool, text, untold (messages before it that came too fast)
  pool_unreadable
               pool, error, untold: what it sent can't be used
  pool_job     pool, job, previous, clean, difficulty (of a share), network
               (difficulty of a block), version_mask
  block_share  pool, job, hash, difficulty: a share that is a block, handed in
  share        pool, job, hash, difficulty (of the hash), required, block,
               answer (accepted, rejected, unknown: the connection ended before
               it came), words (the pool's), wait (for the answer)
  miner_status
               rate, hashes, elapsed, threads, kernel, pool (empty: none),
               difficulty (of a share), network (of a block), best (share of
               this run), expected (mean time to a share), accepted, rejected,
               unknown, outstanding (shares without an answer yet), blocks
  miner_stopped
               accepted, rejected, unknown, blocks, hashes, elapsed, rate

What is wrong at the start (password, address, another chain, a node that does
not answer, a template that lies; a pool that does not take the worker, or whose
name or certificate is wrong) is an error; later it is told and tried again.
Exit code: 0 all blocks or shares asked for were accepted, or interrupted where
none were; 2 it could not mine, or was interrupted before.

Examples:
  touchstone mine --pool stratum+tcp://127.0.0.1:3333
  touchstone mine --node http://127.0.0.1:18443 --rpc-cookie ~/.bitcoin/regtest/.cookie --address bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080 --blocks 5
`

// defaultTag is how our blocks are signed.
const defaultTag = "/touchstone/"

func (m *mineCommand) command() *cobra.Command {
	m.versionMask = work.MaskBIP320
	cmd := &cobra.Command{
		Use:  "mine",
		RunE: m.run,
	}
	setUsage(cmd, mineUsage)
	f := cmd.Flags()
	f.IntVar(&m.blocks, "blocks", 0, "")
	f.IntVar(&m.threads, "threads", 0, "")
	f.Var(&m.kernel, "kernel", "")
	f.Var(&m.versionMask, "version-mask", "")
	f.StringVar(&m.tag, "tag", defaultTag, "")
	f.IntVar(&m.nice, "nice", 0, "")
	f.BoolVar(&m.json, "json", false, "")
	m.kernel.complete(cmd)
	m.node.add(cmd)
	m.pool.add(cmd)
	return cmd
}

// maxThreads bounds --threads: more is a slip of the finger, and would only
// cost memory.
const maxThreads = 4096

// check reports flags that make no sense together.
func (m *mineCommand) check(cmd *cobra.Command, args []string) error {
	given := cmd.Flags().Changed
	switch {
	case len(args) > 0:
		// Not quoted: it may be a URL with its password.
		return usageError(cmd, "mine takes no argument; nodes are named with --node, pools with --pool")
	case given("blocks") && m.blocks < 1:
		return usageError(cmd, "--blocks: %d is not 1 or more", m.blocks)
	case given("threads") && (m.threads < 1 || m.threads > maxThreads):
		return usageError(cmd, "--threads: %d is not from 1 to %d", m.threads, maxThreads)
	case m.nice < 0 || m.nice > 19:
		return usageError(cmd, "--nice: %d is not from 0 to 19", m.nice)
	}
	if err := m.pool.check(cmd); err != nil || len(m.pool.pools) > 0 {
		return err
	}
	return m.node.check(cmd, false)
}

func (m *mineCommand) run(cmd *cobra.Command, args []string) error {
	if err := m.check(cmd, args); err != nil {
		return err
	}
	if m.nice > 0 {
		if err := lowerPriority(m.nice); err != nil {
			return err
		}
	}
	if len(m.pool.pools) > 0 {
		return m.minePool(cmd)
	}
	dataDir, err := m.node.folder(m.program.lookupEnv)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	printer := &minePrinter{program: m.program, json: m.json}
	backend, err := m.node.open(ctx, dataDir, printer.print)
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted before mining began")
		}
		return explain(dataDir, err)
	}
	solo, err := serve.NewSolo(serve.SoloConfig{
		Backend:     backend,
		Tag:         m.tag,
		VersionMask: uint32(m.versionMask),
		Threads:     m.threads,
		Kernel:      m.kernel.kernel,
		Blocks:      m.blocks,
		StatusEvery: printer.statusEvery(),
		OnEvent:     printer.print,
	})
	if err == nil {
		err = solo.Run(ctx)
	}
	if err := errors.Join(err, backend.Close()); err != nil {
		return explain(dataDir, err)
	}
	if m.blocks > 0 && printer.accepted < m.blocks {
		return fmt.Errorf("interrupted: %d of %s accepted", printer.accepted, count(int64(m.blocks), "block"))
	}
	return nil
}

// maskFlag is a flag that gives a version mask; 0 is short for no bit.
type maskFlag uint32

func (f *maskFlag) Set(s string) error {
	if s == "0" {
		*f = 0
		return nil
	}
	mask, err := work.ParseMask(s)
	*f = maskFlag(mask)
	return err
}

func (f *maskFlag) String() string { return fmt.Sprintf("%08x", uint32(*f)) }
func (f *maskFlag) Type() string   { return "mask" }
