package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/spf13/cobra"

	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/work"
)

// verifyHeadersCommand judges files of headers.
type verifyHeadersCommand struct {
	program     *program
	network     networkFlag
	startHeight heightFlag
	noLinks     bool
	bip54       bool
	json        bool
}

const verifyHeadersUsage = `Checks files of headers: their proof of work, and that each follows the one
before it. With --network also the network's limit of difficulty and the times;
with --start-height also the difficulty of each retarget whose whole period is
in the file, and the versions that a height demands. The clock is not asked:
a header from the future is not refused for it.

A file holds raw headers, 80 bytes each with nothing between, or text with one
header in hex per line; empty lines and lines beginning with # are skipped. A
name ending in .bin means raw. Every file begins a chain of its own; to check
one chain in several files, join them: cat a.bin b.bin | touchstone verify
headers -

Files are streamed: their size does not matter. Invalid headers are printed one
per line, the first 20 of each file; with --json, all.

Usage:
  touchstone verify headers FILE… [FLAGS]

Flags:
  --network NAME      apply the rules of mainnet, testnet3, testnet4, signet,
                      regtest or simnet
  --start-height N    height of the first header (needs --network)
  --no-links          the headers don't follow each other
  --bip54             also BIP 54's limits of times around a retarget (needs
                      --network and --start-height)
  --json              a line per header: file, index (from 0), valid, hash,
                      height (null if unknown), difficulty (that nBits demands;
                      null if none), reason (null if valid), detail; the last
                      line is {"summary": {checked, valid, invalid, failed,
                      reasons}}, failed counting files not wholly judged
  --help              this text

Example:
  touchstone verify headers --network mainnet --start-height 0 headers.bin
`

func (v *verifyHeadersCommand) command() *cobra.Command {
	v.startHeight.height = -1
	cmd := &cobra.Command{
		Use:  "headers FILE…",
		RunE: v.run,
	}
	setUsage(cmd, verifyHeadersUsage)
	v.network.addTo(cmd)
	cmd.Flags().Var(&v.startHeight, "start-height", "")
	cmd.Flags().BoolVar(&v.noLinks, "no-links", false, "")
	cmd.Flags().BoolVar(&v.bip54, "bip54", false, "")
	cmd.Flags().BoolVar(&v.json, "json", false, "")
	return cmd
}

func (v *verifyHeadersCommand) run(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return usageError(cmd, "no file named")
	case v.startHeight.given() && v.network.network == nil:
		return usageError(cmd, "--start-height needs --network: rules bind from different heights on each")
	case v.startHeight.given() && v.noLinks:
		return usageError(cmd, "--start-height and --no-links exclude each other: heights follow from links")
	case v.startHeight.given() && len(args) > 1:
		return usageError(cmd, "--start-height is the height of one file's first header, and there are %d files", len(args))
	case v.bip54 && !v.startHeight.given():
		return usageError(cmd, "--bip54 needs --network and --start-height: its limits bind around retargets")
	}
	return v.program.verifyAll(cmd.Context(), args, v.json, "header", v.file)
}

// file judges one file.
func (v *verifyHeadersCommand) file(ctx context.Context, name string, total *tally) error {
	p := v.program
	in, size, err := p.open(ctx, name)
	if err != nil {
		return err
	}
	defer in.Close()
	r, err := newHeaderReader(in, strings.EqualFold(filepath.Ext(name), ".bin"))
	if errors.Is(err, errEmpty) {
		return fmt.Errorf("%s is %w", display(name), err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", display(name), err)
	}
	c := &headerCheck{
		program: p,
		name:    name,
		size:    size,
		json:    v.json,
		started: time.Now(),
		height:  v.startHeight.height,
		chain: work.NewHeaderChain(work.ChainRules{
			Network:     v.network.network,
			StartHeight: v.startHeight.height,
			NoLinks:     v.noLinks,
			BIP54:       v.bip54,
		}),
	}
	err = c.all(ctx, r)
	p.con.ClearStatus()
	total.merge(&c.tally)
	c.finish(err == nil)
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%s: %w", display(name), err)
	}
	return nil
}

// headerBatch is how many headers are hashed at once: enough to fill any
// kernel's lanes, and small enough to stay in the first-level cache.
const headerBatch = 256

// shownInvalid is how many invalid headers of a file are printed.
const shownInvalid = 20

// headerCheck judges the headers of one stream.
type headerCheck struct {
	program *program
	name    string
	size    int64 // bytes, -1 if unknown
	json    bool
	started time.Time
	height  int32 // of the first header, -1 if unknown
	chain   *work.HeaderChain
	tally   tally

	headers [headerBatch][hash.HeaderSize]byte
	hashes  [headerBatch][32]byte
}

// all judges until the stream ends or ctx does.
func (c *headerCheck) all(ctx context.Context, r *headerReader) error {
	for batches := 0; ; batches++ {
		n, err := r.Read(c.headers[:])
		hash.SumHeaders(hash.Auto, c.hashes[:n], c.headers[:n])
		for i := range n {
			if err := c.one(&c.headers[i], (*chainhash.Hash)(&c.hashes[i])); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
		// A clock read per batch would be cheap too, but a status line is
		// only wanted for what takes a while.
		if batches%256 == 255 && c.program.con.Terminal() {
			c.progress(time.Now())
		}
	}
}

// one judges a header and prints what is to be printed of it.
func (c *headerCheck) one(raw *[hash.HeaderSize]byte, sum *chainhash.Hash) error {
	h := work.ParseHeader(raw)
	verdict := c.chain.Add(&h, sum)
	index := c.tally.Checked
	c.tally.add(verdict)
	if c.json {
		j := judgement{File: &c.name, Index: index, Hash: sum.String()}
		if height := c.heightAt(index); height >= 0 {
			j.Height = &height
		}
		j.judge(verdict)
		j.demanded(h.Bits)
		return c.program.printJSON(&j)
	}
	if !verdict.Valid() && c.tally.Invalid <= shownInvalid {
		at := ""
		if height := c.heightAt(index); height >= 0 {
			at = fmt.Sprintf(" (height %d)", height)
		}
		c.program.con.Print("%s: header %d%s is invalid: %s", display(c.name), index, at, verdict)
	}
	return nil
}

// heightAt is the height of the header at index, -1 if unknown.
func (c *headerCheck) heightAt(index int64) int32 {
	if c.height < 0 || index > work.MaxHeight-int64(c.height) {
		return -1
	}
	return c.height + int32(index)
}

// finish prints what became of the file; whole says that it was read to its
// end.
func (c *headerCheck) finish(whole bool) {
	if c.json {
		return
	}
	con := c.program.con
	if more := c.tally.Invalid - shownInvalid; more > 0 {
		con.Print("%s: and %d more invalid", display(c.name), more)
	}
	until := ""
	if !whole {
		until = "; the rest was not read"
	}
	switch {
	case c.tally.Checked == 0:
	case c.tally.Invalid == 0:
		at := ""
		if last := c.heightAt(c.tally.Checked - 1); last >= 0 {
			at = fmt.Sprintf(", heights %d to %d", c.height, last)
		}
		con.Print("%s: %s, all valid%s%s", display(c.name), count(c.tally.Checked, "header"), at, until)
	default:
		con.Print("%s: %s: %d valid, %d invalid%s", display(c.name), count(c.tally.Checked, "header"), c.tally.Valid, c.tally.Invalid, until)
	}
}

// progress draws the status line.
func (c *headerCheck) progress(now time.Time) {
	c.program.con.Status(now, func(int) string {
		line := fmt.Sprintf("%s: %d headers", display(c.name), c.tally.Checked)
		if c.size > 0 {
			line += fmt.Sprintf(", %d %%", min(100, 100*c.tally.Checked*hash.HeaderSize/c.size))
		}
		if s := now.Sub(c.started).Seconds(); s > 0 {
			line += fmt.Sprintf(", %s headers/s", siRate(float64(c.tally.Checked)/s))
		}
		return line
	})
}
