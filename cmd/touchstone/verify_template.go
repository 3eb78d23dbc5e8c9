package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/touchstone-btc/touchstone/work"
)

// verifyTemplateCommand judges block templates.
type verifyTemplateCommand struct {
	program *program
	json    bool
}

const verifyTemplateUsage = `Checks block templates as a miner must before working on them: target and nBits,
the ids of the transactions, their order, the witness commitment, weight, size
and signature operations, and rules that a client has to understand.

A file holds the reply of a node to getblocktemplate: the template itself, or a
whole JSON-RPC reply with the template as its result.

Usage:
  touchstone verify template FILE… [FLAGS]

Flags:
  --json  a line per template: file, index (from 0), valid, height, difficulty
          (null if the target is zero), reason (null if valid), detail,
          previous_block, bits, transactions, coinbase_value (satoshi; null if
          not said), commitment (null if none), weight_limit, min_time, rules;
          the last line is {"summary": {checked, valid, invalid, failed,
          reasons}}, failed counting files that hold no template
  --help  this text

Example:
  bitcoin-cli getblocktemplate '{"rules":["segwit"]}' | touchstone verify template -
`

func (v *verifyTemplateCommand) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:  "template FILE…",
		RunE: v.run,
	}
	setUsage(cmd, verifyTemplateUsage)
	cmd.Flags().BoolVar(&v.json, "json", false, "")
	return cmd
}

func (v *verifyTemplateCommand) run(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usageError(cmd, "no file named")
	}
	return v.program.verifyAll(cmd.Context(), args, v.json, "template", v.file)
}

// templateJudgement is a line of --json.
type templateJudgement struct {
	File          string   `json:"file"`
	Index         int64    `json:"index"`
	Valid         bool     `json:"valid"`
	Height        int32    `json:"height"`
	Difficulty    *float64 `json:"difficulty"`
	Reason        *string  `json:"reason"`
	Detail        string   `json:"detail,omitempty"`
	PreviousBlock string   `json:"previous_block"`
	Bits          string   `json:"bits"`
	Transactions  int      `json:"transactions"`
	CoinbaseValue *int64   `json:"coinbase_value"`
	Commitment    *string  `json:"commitment"`
	WeightLimit   int64    `json:"weight_limit"`
	MinTime       uint32   `json:"min_time"`
	Rules         []string `json:"rules"`
}

// file judges one file.
func (v *verifyTemplateCommand) file(ctx context.Context, name string, total *tally) error {
	data, err := v.program.readAll(ctx, name, work.MaxTemplateSize, "template")
	if err != nil {
		return err
	}
	template, err := work.ParseTemplate(templateOf(data))
	if err != nil {
		return fmt.Errorf("%s: %w", display(name), err)
	}
	verdict := template.Check()
	j := templateJudgement{
		File:          name,
		Index:         total.Checked,
		Valid:         verdict.Valid(),
		Height:        template.Height,
		Detail:        verdict.Detail,
		PreviousBlock: template.PreviousBlock.String(),
		Bits:          template.Bits.String(),
		Transactions:  len(template.Transactions),
		WeightLimit:   template.WeightLimit,
		MinTime:       template.MinTime,
		Rules:         template.Rules,
	}
	total.add(verdict)
	// A target of zero, which can't be met, has no difficulty.
	if !template.Target.IsZero() {
		d := template.Target.Difficulty()
		j.Difficulty = &d
	}
	if !j.Valid {
		reason := string(verdict.Reason)
		j.Reason = &reason
	}
	if template.CoinbaseValue >= 0 {
		j.CoinbaseValue = &template.CoinbaseValue
	}
	commitment := "none"
	if template.HasCommitment {
		// Not String, which is display order: the commitment is written into
		// the coinbase as hashed, and that is how nodes print it.
		commitment = fmt.Sprintf("%x", template.DefaultWitnessCommitment[:])
		j.Commitment = &commitment
	}
	if v.json {
		if j.Rules == nil {
			j.Rules = []string{}
		}
		return v.program.printJSON(&j)
	}
	con := v.program.con
	if !j.Valid {
		con.Print("%s: template for height %d is invalid: %s", display(name), j.Height, verdict)
		return nil
	}
	con.Print("%s: template for height %d is valid", display(name), j.Height)
	con.Print("  previous block  %s", j.PreviousBlock)
	con.Print("  difficulty      %s (bits %s)", formatDifficulty(*j.Difficulty), j.Bits)
	con.Print("  transactions    %d", j.Transactions)
	if j.CoinbaseValue != nil {
		con.Print("  coinbase value  %d.%08d BTC", *j.CoinbaseValue/1e8, *j.CoinbaseValue%1e8)
	}
	con.Print("  commitment      %s", commitment)
	con.Print("  rules           %s", strings.Join(j.Rules, " "))
	return nil
}

// templateOf takes the template out of a JSON-RPC reply. Anything else is
// returned as it is.
func templateOf(data []byte) []byte {
	data = bytes.TrimPrefix(data, byteOrderMark)
	var reply struct {
		Result json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(data, &reply); err == nil && len(reply.Result) > 0 && reply.Result[0] == '{' {
		return reply.Result
	}
	return data
}
