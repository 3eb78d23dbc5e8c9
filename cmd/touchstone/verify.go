package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/touchstone-btc/touchstone/work"
)

// verifyCommand groups the commands that judge.
type verifyCommand struct {
	program *program
}

const verifyUsage = `Checks headers, blocks, block templates and recorded shares against the rules.

Usage:
  touchstone verify header HEX…      single headers
  touchstone verify headers FILE…    files of headers, as long as you like
  touchstone verify block FILE…      whole blocks
  touchstone verify template FILE…   replies to getblocktemplate
  touchstone verify shares FILE…     recordings of Stratum connections

Exit code: 0 all valid, 1 at least one judged invalid, 2 at least one could not
be judged.

Example:
  touchstone verify block --network mainnet block-840000.bin
`

func (v *verifyCommand) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:  "verify",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return missingCommand(cmd, args)
		},
	}
	setUsage(cmd, verifyUsage)
	cmd.AddCommand(
		(&verifyHeaderCommand{program: v.program}).command(),
		(&verifyHeadersCommand{program: v.program}).command(),
		(&verifyBlockCommand{program: v.program}).command(),
		(&verifyTemplateCommand{program: v.program}).command(),
		(&verifySharesCommand{program: v.program}).command(),
	)
	return cmd
}

// networkFlag is a flag that names a network; nil when not given.
type networkFlag struct{ network *work.Network }

func (f *networkFlag) Set(s string) (err error) {
	f.network, err = work.NetworkByName(s)
	return err
}

func (f *networkFlag) String() string {
	if f.network == nil {
		return ""
	}
	return f.network.Name
}

func (f *networkFlag) Type() string { return "network" }

// addTo defines --network, with completion.
func (f *networkFlag) addTo(cmd *cobra.Command) {
	cmd.Flags().Var(f, "network", "")
	var names []string
	for _, n := range work.Networks() {
		names = append(names, n.Name)
	}
	cmd.RegisterFlagCompletionFunc("network", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
}

// heightFlag is a flag that gives a block height; -1 when not given.
type heightFlag struct{ height int32 }

func (f *heightFlag) Set(s string) error {
	var h int32
	if n, err := fmt.Sscanf(s, "%d", &h); err != nil || n != 1 || fmt.Sprint(h) != s || h < 0 || h > work.MaxHeight {
		return fmt.Errorf("height %q is not a whole number from 0 to %d", s, work.MaxHeight)
	}
	f.height = h
	return nil
}

func (f *heightFlag) String() string { return fmt.Sprint(f.height) }
func (f *heightFlag) Type() string   { return "height" }
func (f *heightFlag) given() bool    { return f.height >= 0 }

var _, _ pflag.Value = (*networkFlag)(nil), (*heightFlag)(nil)

// judgement is one line of verify's --json.
type judgement struct {
	File       *string  `json:"file"`
	Index      int64    `json:"index"`
	Valid      bool     `json:"valid"`
	Hash       string   `json:"hash"`
	Height     *int32   `json:"height"`
	Difficulty *float64 `json:"difficulty"`
	Reason     *string  `json:"reason"`
	Detail     string   `json:"detail,omitempty"`
}

// judge fills in what a verdict says.
func (j *judgement) judge(v work.Verdict) {
	j.Valid = v.Valid()
	if !j.Valid {
		reason := string(v.Reason)
		j.Reason, j.Detail = &reason, v.Detail
	}
}

// demanded fills in the difficulty that bits demand, if they can be met.
func (j *judgement) demanded(b work.Bits) {
	if t, negative, overflow := b.Target(); !negative && !overflow && !t.IsZero() {
		d := t.Difficulty()
		j.Difficulty = &d
	}
}

// tally counts what verify judged; it is the summary of --json.
type tally struct {
	Checked int64            `json:"checked"`
	Valid   int64            `json:"valid"`
	Invalid int64            `json:"invalid"`
	Failed  int64            `json:"failed"`
	Reasons map[string]int64 `json:"reasons"`
}

// add counts a verdict.
func (t *tally) add(v work.Verdict) {
	t.Checked++
	if v.Valid() {
		t.Valid++
		return
	}
	t.Invalid++
	if t.Reasons == nil {
		t.Reasons = map[string]int64{}
	}
	t.Reasons[string(v.Reason)]++
}

// merge adds the counts of u.
func (t *tally) merge(u *tally) {
	t.Checked += u.Checked
	t.Valid += u.Valid
	t.Invalid += u.Invalid
	t.Failed += u.Failed
	for reason, n := range u.Reasons {
		if t.Reasons == nil {
			t.Reasons = map[string]int64{}
		}
		t.Reasons[reason] += n
	}
}

// verifyAll judges each named input with one and reports those that could not
// be judged, without stopping at them. It ends with the summary and the exit
// code of all.
func (p *program) verifyAll(ctx context.Context, names []string, asJSON bool, what string, one func(ctx context.Context, name string, t *tally) error) error {
	p.warnRefused()
	var total tally
	for _, name := range names {
		err := one(ctx, name, &total)
		if ctx.Err() != nil {
			break // said once, at the end
		}
		if err != nil {
			total.Failed++
			p.report(err)
		}
	}
	return p.finish(ctx, &total, asJSON, len(names) > 1, what)
}

// finish prints the summary and returns the exit code that the counts demand.
func (p *program) finish(ctx context.Context, t *tally, asJSON, many bool, what string) error {
	if asJSON {
		if t.Reasons == nil {
			t.Reasons = map[string]int64{}
		}
		summary := struct {
			Summary     *tally `json:"summary"`
			Interrupted bool   `json:"interrupted,omitempty"`
		}{t, ctx.Err() != nil}
		if err := p.printJSON(summary); err != nil {
			return err
		}
	} else if many && t.Checked > 0 {
		p.con.Print("in all: %s: %d valid, %d invalid", count(t.Checked, what), t.Valid, t.Invalid)
	}
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted: what was not yet read is not judged")
	case t.Failed > 0:
		return quietExit(exitCannotJudge)
	case t.Invalid > 0:
		return quietExit(exitInvalid)
	}
	return nil
}

// count is a number with its noun.
func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
