package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/audit/telemetry"
)

// auditTelemetryCommand holds what machines say against itself.
type auditTelemetryCommand struct {
	program   *program
	alpha     float64
	tolerance float64
	json      bool
}

const auditTelemetryUsage = `Holds what a machine says of itself against itself: the hash rate that it claims
against the work that, by its own counters, the pools accepted. Of one set of
replies this is all that can be known; what it really did, shares prove:
'touchstone audit FILE…'.

Usage:
  touchstone audit telemetry PATH… [FLAGS]

A PATH is a folder with the replies of one machine, each in a file named by its
command (summary.json, devs.json, pools.json, stats.txt …), or one such file.
Replies are those of the cgminer API on port 4028, JSON or text, of Whatsminer's
API on port 4433, and of AxeOS's /api/system/info. What is not quite JSON is
read all the same, and it says what it took it for.

Flags:
  --alpha A      intervals miss with this probability, and a machine is named
                 when its careful p, corrected for the number of machines, is
                 less; default 0.05
  --tolerance T  the part of a claim that may be missing for honest reasons, in
                 the careful p; default 0.01
  --json         a line per machine: machine, dialect, model,
                 claimed_hashes_per_second, claim_field,
                 proven_hashes_per_second, ratio, shares, effective_shares,
                 highest_difficulty, highest_difficulty_assumed, z,
                 low_hashes_per_second, high_hashes_per_second, p,
                 effective_low_hashes_per_second,
                 effective_high_hashes_per_second, careful_p, p_holm,
                 careful_p_holm, elapsed_seconds, utility_seconds, record_u,
                 tickets {tickets, ticket_difficulty, shares, pool_difficulty,
                 expected_shares, exact, z, p}, silent_seconds,
                 silent_expected_shares, disagree, notes, repairs, oddities,
                 unread; null where it can't be had. The last line is
                 {"summary": {machines, tested, named, disagree, failed}}
  --help         this text

Exit code: 0 all machines agree with themselves, 1 at least one does not, 2 at
least one could not be read.

Example:
  touchstone audit telemetry replies/rack1-7 replies/rack1-8
`

func (a *auditTelemetryCommand) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:  "telemetry PATH…",
		RunE: a.run,
	}
	setUsage(cmd, auditTelemetryUsage)
	cmd.Flags().Float64Var(&a.alpha, "alpha", 0.05, "")
	cmd.Flags().Float64Var(&a.tolerance, "tolerance", 0.01, "")
	cmd.Flags().BoolVar(&a.json, "json", false, "")
	return cmd
}

func (a *auditTelemetryCommand) run(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usageError(cmd, "no folder of replies given")
	}
	if !(a.alpha >= 1e-15 && a.alpha < 1) {
		return usageError(cmd, "--alpha %v: want more than 0 and less than 1", a.alpha)
	}
	if !(a.tolerance >= 0 && a.tolerance < 1) {
		return usageError(cmd, "--tolerance %v: want at least 0 and less than 1", a.tolerance)
	}
	var all []*audit.ClaimWork
	failed := 0
	for _, path := range args {
		c, err := a.machine(cmd.Context(), path)
		if cmd.Context().Err() != nil {
			return errors.New("interrupted: nothing is judged")
		}
		if err != nil {
			failed++
			a.program.report(err)
			continue
		}
		all = append(all, c)
	}
	return a.finish(all, failed)
}

// Limits of a folder of replies.
const (
	mostReplies   = 64
	mostReplySize = 1 << 20
)

// machine reads the replies of one machine.
func (a *auditTelemetryCommand) machine(ctx context.Context, path string) (*audit.ClaimWork, error) {
	info, err := os.Stat(path)
	if path != "-" && err != nil {
		return nil, openError(path, err)
	}
	files := []string{path}
	if path != "-" && info.IsDir() {
		if files, err = replyFiles(path); err != nil {
			return nil, err
		}
	}
	var replies []telemetry.Reply
	for _, f := range files {
		raw, err := a.reply(ctx, f)
		if err != nil {
			return nil, err
		}
		replies = append(replies, telemetry.Reply{Command: replyCommand(f), Raw: raw})
	}
	r := telemetry.Parse(replies)
	if len(r.Unread) >= len(replies) && r.Dialect == "" {
		return nil, withHint(fmt.Errorf("%s: no reply of a machine: %s", display(path), r.Unread[0]),
			"'touchstone audit telemetry --help' says what a reply is")
	}
	return audit.ClaimAgainstWork(machineName(path), r, a.alpha, a.tolerance)
}

// replyFiles lists the files of a folder, but hidden ones.
func replyFiles(dir string) (files []string, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, openError(dir, err)
	}
	defer f.Close()
	entries, err := f.ReadDir(10 * mostReplies)
	if err != nil && err != io.EOF {
		return nil, openError(dir, err)
	}
	folders := 0
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case e.IsDir():
			folders++
		default:
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	switch {
	case len(files) == 0 && folders > 0:
		return nil, withHint(fmt.Errorf("%s has folders and no replies", dir), "name those folders, such as %s: each is one machine", filepath.Join(dir, "*"))
	case len(files) == 0:
		return nil, withHint(fmt.Errorf("%s has no replies", dir), "put each reply of the machine into a file named by its command, such as summary.json")
	case len(files) > mostReplies:
		return nil, withHint(fmt.Errorf("%s has more than %d files", dir, mostReplies), "a folder holds the replies of one machine at one time")
	}
	return files, nil
}

// reply reads one reply. It may be one byte too long, and will be told to be.
func (a *auditTelemetryCommand) reply(ctx context.Context, name string) ([]byte, error) {
	r, _, err := a.program.open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	raw, err := io.ReadAll(io.LimitReader(r, mostReplySize+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", display(name), cause(err))
	}
	return raw, nil
}

// replyCommand is the command that a file is named by.
func replyCommand(path string) string {
	if path == "-" {
		return "standard input"
	}
	name := filepath.Base(path)
	return strings.TrimSuffix(name, filepath.Ext(name))
}

// machineName is what a machine is called.
func machineName(path string) string {
	if path == "-" {
		return display(path)
	}
	if full, err := filepath.Abs(path); err == nil {
		path = full
	}
	return filepath.Base(path)
}

// telemetrySummary is the last line of --json.
type telemetrySummary struct {
	Machines int `json:"machines"`
	Tested   int `json:"tested"`
	Named    int `json:"named"`
	Disagree int `json:"disagree"`
	Failed   int `json:"failed"`
}

// finish prints what there is and returns the exit code.
func (a *auditTelemetryCommand) finish(all []*audit.ClaimWork, failed int) error {
	sum := telemetrySummary{Machines: len(all), Tested: audit.HolmClaimWork(all), Failed: failed}
	for _, c := range all {
		if c.CarefulHolm != nil && *c.CarefulHolm < a.alpha {
			sum.Named++
		}
		if c.Disagree {
			sum.Disagree++
		}
	}
	if a.json {
		for _, c := range all {
			if err := a.program.printJSON(c); err != nil {
				return err
			}
		}
		if err := a.program.printJSON(struct {
			Summary telemetrySummary `json:"summary"`
		}{sum}); err != nil {
			return err
		}
	} else if len(all) > 0 {
		t := telemetryPrinter{con: a.program.con, all: all, sum: sum, alpha: a.alpha, tolerance: a.tolerance}
		t.print()
	}
	switch {
	case failed > 0:
		return quietExit(exitCannotJudge)
	case sum.Named > 0 || sum.Disagree > 0:
		return quietExit(exitInvalid)
	}
	return nil
}
