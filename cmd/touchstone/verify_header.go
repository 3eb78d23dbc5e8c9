package main

import (
	"context"
	"fmt"
	"io"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/spf13/cobra"

	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/work"
)

// verifyHeaderCommand judges single headers, given in hex.
type verifyHeaderCommand struct {
	program *program
	network networkFlag
	height  heightFlag
	json    bool
}

const verifyHeaderUsage = `Checks single headers of 160 hex digits: each one's proof of work, with
--network also the network's limit of difficulty, and with --height also the
version that this height demands.

Usage:
  touchstone verify header HEX… [FLAGS]
  touchstone verify header - [FLAGS]

With -, headers are read from standard input, one per line.

Flags:
  --network NAME  apply the rules of mainnet, testnet3, testnet4, signet,
                  regtest or simnet
  --height N      height of the header (needs --network)
  --json          a line per header: file (null, or - for standard input),
                  index (from 0), valid, hash, height (null if unknown),
                  difficulty (that nBits demands; null if none), reason (null
                  if valid), detail; the last line is {"summary": {checked,
                  valid, invalid, failed, reasons}}
  --help          this text

Example, Bitcoin's first block:
  touchstone verify header 0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c
`

func (v *verifyHeaderCommand) command() *cobra.Command {
	v.height.height = -1
	cmd := &cobra.Command{
		Use:               "header HEX…",
		RunE:              v.run,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	setUsage(cmd, verifyHeaderUsage)
	v.network.addTo(cmd)
	cmd.Flags().Var(&v.height, "height", "")
	cmd.Flags().BoolVar(&v.json, "json", false, "")
	return cmd
}

func (v *verifyHeaderCommand) run(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return usageError(cmd, "no header given")
	case v.height.given() && v.network.network == nil:
		return usageError(cmd, "--height needs --network: rules bind from different heights on each")
	case v.height.given() && len(args) > 1:
		return usageError(cmd, "--height is the height of one header, and there are %d", len(args))
	}
	return v.program.verifyAll(cmd.Context(), args, v.json, "header", v.argument)
}

// argument judges the header, or the headers, that one argument stands for.
func (v *verifyHeaderCommand) argument(ctx context.Context, arg string, total *tally) error {
	var raw [hash.HeaderSize]byte
	if arg != "-" {
		if err := parseHeaderHex(&raw, []byte(arg)); err != nil {
			return withHint(fmt.Errorf("%s: %w", shorten(arg), err), "'touchstone verify headers' reads files")
		}
		return v.one(nil, &raw, total)
	}
	in, _, err := v.program.open(ctx, arg)
	if err != nil {
		return err
	}
	defer in.Close()
	r, err := newHeaderReader(in, false)
	if err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	for {
		headers := [][hash.HeaderSize]byte{raw}
		n, err := r.Read(headers)
		if n == 1 {
			if err := v.one(&arg, &headers[0], total); err != nil {
				return err
			}
		}
		switch {
		case err == nil && ctx.Err() == nil:
		case err == io.EOF || ctx.Err() != nil:
			return nil
		default:
			return fmt.Errorf("standard input: %w", err)
		}
	}
}

// one judges and prints a header.
func (v *verifyHeaderCommand) one(file *string, raw *[hash.HeaderSize]byte, total *tally) error {
	h := work.ParseHeader(raw)
	sum := chainhash.Hash(hash.Sum256d(raw[:]))
	verdict := work.NewHeaderChain(work.ChainRules{
		Network:     v.network.network,
		StartHeight: v.height.height,
	}).Add(&h, &sum)
	j := judgement{File: file, Index: total.Checked, Hash: sum.String()}
	total.add(verdict)
	if v.height.given() {
		j.Height = &v.height.height
	}
	j.judge(verdict)
	j.demanded(h.Bits)
	if v.json {
		return v.program.printJSON(&j)
	}
	if !verdict.Valid() {
		v.program.con.Print("%s is invalid: %s", sum, verdict)
		return nil
	}
	v.program.con.Print("%s is valid: difficulty %s, the hash is worth %s", sum, formatDifficulty(*j.Difficulty),
		formatDifficulty(work.HashDifficulty(&sum)))
	return nil
}
