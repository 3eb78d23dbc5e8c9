package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/spf13/cobra"

	"github.com/touchstone-btc/touchstone/hash"
)

// program is one run of the command: its streams and its environment.
type program struct {
	stdin     io.Reader
	stderr    io.Writer
	con       *console
	lookupEnv func(string) (string, bool)
	refused   func() []*hash.Refusal // kernels that compute wrong
	measure   measureFunc            // nil means bench.Run

	eventsLost sync.Once // it was said that events are lost
	args       []string  // the command line

	endAtHangup func() // has SIGHUP end the run; nil leaves it alone
}

// run parses args, runs the command they name, reports its error if there is
// one, and returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	root := p.rootCommand()
	p.args = args
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil {
		err = blame(cmd, err)
	}
	// A result that did not reach its reader is no result.
	if ferr := p.con.Close(); ferr != nil {
		err = errors.Join(err, fmt.Errorf("standard output: %w", cause(ferr)))
	}
	if err == nil {
		return exitOK
	}
	var quiet quietExit
	if errors.As(err, &quiet) {
		return int(quiet)
	}
	p.report(err)
	return exitCannotJudge
}

const rootUsage = `touchstone tries proof of work: an open, auditable reference miner and verifier
for Bitcoin's SHA-256d.

Usage:
  touchstone COMMAND [FLAGS] [ARGUMENTS]

Commands:
  mine        mine at a pool, on a node, or on a chain that needs nothing
  pool        serve miners, on a node of yours or on a private chain
  proxy       stand between devices and a pool, and judge their shares
  audit       say what recorded shares prove of the machines that sent them
  bench       measure this machine's kernels
  verify      check headers, blocks, block templates and recorded shares
  simulate    write what synthetic devices would send, honest or not
  version     print the build, this machine and its kernels
  completion  print a completion script for a shell
  help        print the help of a command

Every flag can also be given as an environment variable: TOUCHSTONE_ and the
flag's name in capitals, with _ for -, such as TOUCHSTONE_KERNEL. Flags win.
An empty variable counts as not given. Of a flag that can be repeated, a
variable holds all values, with spaces between them.

Results go to standard output; progress and logs go to standard error, and
progress only if that is a terminal. The file name - is standard input.

Exit code: 0 everything asked for holds, 1 something was judged invalid,
2 it could not be judged (usage, input or output, a malformed file).

Example:
  touchstone mine --blocks 3
`

func (p *program) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "touchstone",
		SilenceErrors: true,
		SilenceUsage:  true,
		// Args stays permissive so that an unknown command is reported in our
		// own words, by RunE.
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return missingCommand(cmd, args)
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.applySettings(cmd); err != nil {
				return err
			}
			if f := cmd.Flags().Lookup("config"); (f == nil || f.Value.String() == "") && p.endAtHangup != nil {
				p.endAtHangup()
			}
			return nil
		},
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	setUsage(root, rootUsage)
	root.SetOut(p.con)
	root.SetErr(p.stderr)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		(&mineCommand{program: p}).command(),
		(&poolCommand{program: p}).command(),
		(&proxyCommand{program: p}).command(),
		(&auditCommand{program: p}).command(),
		(&benchCommand{program: p}).command(),
		(&verifyCommand{program: p}).command(),
		(&simulateCommand{program: p}).command(),
		(&versionCommand{program: p}).command(),
		(&completionCommand{program: p}).command(),
	)
	root.SetHelpCommand((&helpCommand{program: p}).command())
	return root
}

// setUsage makes text, written by hand, the whole help of cmd.
func setUsage(cmd *cobra.Command, text string) {
	cmd.Long = text
	cmd.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		fmt.Fprint(cmd.OutOrStdout(), cmd.Long)
	})
	// Completion lists commands with the first line of their text.
	if cmd.Short == "" {
		cmd.Short = firstSentence(text)
	}
}
