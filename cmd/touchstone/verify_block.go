package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/touchstone-btc/touchstone/work"
)

// verifyBlockCommand judges whole blocks.
type verifyBlockCommand struct {
	program *program
	network networkFlag
	height  heightFlag
	bip54   bool
	json    bool
}

const verifyBlockUsage = `Checks whole blocks by themselves: proof of work, merkle root, witness
commitment, coinbase, size, weight and signature operations; with --network
also what that network demands at the block's height. What depends on the
chain before it (who owns what is spent, the difficulty) is not checked.

A file holds one block, raw or in hex, as getblock with verbosity 0 gives it.

Usage:
  touchstone verify block FILE… [FLAGS]

Flags:
  --network NAME  apply the rules of mainnet, testnet3, testnet4, signet,
                  regtest or simnet
  --height N      height of the block; without it the one that the coinbase
                  states (BIP 34), if it does
  --bip54         also BIP 54's rules of coinbases
  --json          a line per block: file, index (from 0), valid, hash, height
                  (null if unknown), difficulty (that nBits demands; null if
                  none), reason (null if valid), detail, transactions, size,
                  weight; the last line is {"summary": {checked, valid, invalid,
                  failed, reasons}}, failed counting files that hold no block
  --help          this text

Example:
  touchstone verify block --network mainnet block-840000.bin
`

func (v *verifyBlockCommand) command() *cobra.Command {
	v.height.height = -1
	cmd := &cobra.Command{
		Use:  "block FILE…",
		RunE: v.run,
	}
	setUsage(cmd, verifyBlockUsage)
	v.network.addTo(cmd)
	cmd.Flags().Var(&v.height, "height", "")
	cmd.Flags().BoolVar(&v.bip54, "bip54", false, "")
	cmd.Flags().BoolVar(&v.json, "json", false, "")
	return cmd
}

func (v *verifyBlockCommand) run(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return usageError(cmd, "no file named")
	case v.height.given() && len(args) > 1:
		return usageError(cmd, "--height is the height of one block, and there are %d files", len(args))
	}
	return v.program.verifyAll(cmd.Context(), args, v.json, "block", v.file)
}

// hexSlack is room for white space and line ends around a block in hex.
const hexSlack = 64 << 10

// blockJudgement is a line of --json.
type blockJudgement struct {
	judgement
	Transactions int `json:"transactions"`
	Size         int `json:"size"`
	Weight       int `json:"weight"`
}

// file judges one file.
func (v *verifyBlockCommand) file(ctx context.Context, name string, total *tally) error {
	raw, err := v.program.readAll(ctx, name, 2*work.MaxBlockSize+hexSlack, "block")
	if err != nil {
		return err
	}
	if looksLikeText(raw[:min(len(raw), 512)]) {
		if raw, err = decodeHex(raw); err != nil {
			return fmt.Errorf("%s: %w", display(name), err)
		}
	}
	if len(raw) > work.MaxBlockSize {
		return fmt.Errorf("%s is %d bytes long; a block has at most %d", display(name), len(raw), work.MaxBlockSize)
	}
	report, err := work.CheckBlock(raw, work.BlockRules{
		Network: v.network.network,
		Height:  v.height.height,
		BIP54:   v.bip54,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", display(name), err)
	}
	j := blockJudgement{
		judgement:    judgement{File: &name, Index: total.Checked, Hash: report.Hash.String()},
		Transactions: report.Transactions,
		Size:         report.Size,
		Weight:       report.Weight,
	}
	total.add(report.Verdict)
	at := ""
	if report.Height >= 0 {
		j.Height = &report.Height
		at = fmt.Sprintf(" height %d,", report.Height)
	}
	j.judge(report.Verdict)
	j.demanded(report.Header.Bits)
	if v.json {
		return v.program.printJSON(&j)
	}
	if !j.Valid {
		v.program.con.Print("%s: block %s is invalid: %s", display(name), report.Hash, report.Verdict)
		return nil
	}
	v.program.con.Print("%s: block %s is valid:%s difficulty %s, %s, %d bytes, weight %d", display(name), report.Hash, at,
		formatDifficulty(*j.Difficulty), count(int64(report.Transactions), "transaction"), report.Size, report.Weight)
	return nil
}
