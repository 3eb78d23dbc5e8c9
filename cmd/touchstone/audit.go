package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/audit/report"
	"github.com/touchstone-btc/touchstone/internal/serve"
)

// auditCommand says what recorded shares prove of the machines that sent them.
type auditCommand struct {
	program *program
	plan    auditPlanFlags
	json    bool
	all     bool
	html    string
	state   string
	watch   bool
}

const auditUsage = `Says of each device in recordings how much hash rate it proved, whether that is
what it claims, and what it may be hiding: missing shares, silences, dead parts,
odd conduct; with each finding, how often it would be wrong and what it cannot
see.

Usage:
  touchstone audit FILE… [FLAGS]
  touchstone audit telemetry PATH… [FLAGS]   what machines say, against itself

A FILE is a recording (a transcript, as --record of proxy and pool writes), or
lines as 'touchstone verify shares --json' and 'touchstone simulate' print them;
a folder stands for all the .jsonl files in it, and - for standard input. Files
are read in the order of their times, those that overlap together. Lines that
are in several of them count once.

A device is a worker's name; several machines that use one name at the same time
are NAME, NAME #2 and so on. Where the beginning of a session is missing,
nothing counts until it is known what the device works on.

Flags:
  --alpha A         how often an honest machine may be accused, ever; default
                    0.001
  --tolerance T     the part of a claimed rate that may be missing for honest
                    reasons; default 0.01
  --rated RATE      what the machines should compute where they make no claim,
                    such as 100TH/s
  --model NAME      their chips, where they do not say: BM1362, BM1366, BM1368,
                    BM1370 or BM1387; uniform for machines that search nonces
                    evenly
  --known-as URL    an address at which machines may say that they mine: those
                    by which they know the proxy or pool that recorded, and of
                    backup pools; repeated; with any, another one is an alarm
  --plan FILE       all that is decided before the data, see below; the flags
                    above win
  --state FILE      go on from where the audit before stopped, and leave there
                    how far this one came: lines that were read then do not
                    count again
  --html FILE       write the report as one page, with pictures
  --watch           audit again every few seconds, while the recordings grow,
                    until interrupted: all of it, so less often if it is long;
                    a running proxy or pool shows the same under /audit
  --all             print every device and every test that waits
  --json            the report as one JSON object, see below
  --help            this text

` + auditPlanUsage + `More on recordings:
  sent, clean, network   verdict lines may say when a share's job was sent,
                         whether with clean_jobs, and the difficulty of a block
  events                 {"time":…,"session":…,"worker":…,"event":E} between
                         verdict lines, E being "open", "close" or "gap":
                         without them silence at the beginning and end of
                         sessions is not seen
  claims                 {"time":…,"session":…,"worker":…,"claim":H/s,
                         "source":…}; in transcripts, answers of the devices
                         ("from":"telemetry")

` + auditJSONUsage + `
Exit code: 0 nothing is in alarm, 1 a finding is, 2 not all could be read (wrong
usage, I/O, a file of another kind), or it was interrupted. Single lines that
cannot be read are counted, shown and said in the report.

Example:
  touchstone audit --rated 100TH/s --html report.html ~/shares
`

// auditJSONUsage documents the report as JSON.
const auditJSONUsage = `The report as JSON (times RFC 3339; rates in hashes per second; log_e natural
logarithms of e-values; members that are zero may be missing):
  plan, plan_hash  what was decided before, and its SHA-256
  version, made, first, last
                   the program, when it was made, and what time it covers
  synthetic        some of it was computed, not seen
  sources          [{name, kind, lines, bad_lines, sha256}]
  threshold_log_e  what the combined evidence of a device has to reach
  state            alarm, clear, too-early (not enough data) or not-applicable
  findings         of the fleet as a whole, as below
  notes            what is wrong or unknown about the record
  devices          the most serious first: [{
    device, model, agents, synthetic, first, last, sessions,
    connected_seconds, unseen_seconds, difficulty_varied, notes,
    counts {submitted, proving, counted, by_verdict, blocks, pool_refused
      (good ones), pool_accepted (bad ones), work_difficulty},
    proven_hashes_per_second {estimate, low, high}: whatever the moment,
    fixed_sample_hashes_per_second: the same for one look,
    claimed_hashes_per_second, claim_source, hardware_difficulty,
    state, combined_log_e, rejected (named by the fleet's evidence),
    findings [{test, kind (fact, evidence, surveillance, description), state,
      words, power, limits, log_e, peak_log_e, threshold_log_e, false_alarms,
      need_shares, since, at, numbers {name_unit: number}}],
    evidence (tests that count in combined_log_e, in the order of log_e below),
    history [{time, shares, exposure (seconds per hash), rate, claim, log_e,
      combined_log_e}],
    tail [{difficulty, seen, expected}], audit_ceiling, largest_share,
    census {layout, model, rows, columns, counts, dead, weak},
    spans [{what (silent, down, unseen, no-work), from, to, expected_shares,
      alarm}]}]
`

func (c *auditCommand) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:  "audit FILE…",
		RunE: c.run,
	}
	setUsage(cmd, auditUsage)
	c.plan.add(cmd, "")
	f := cmd.Flags()
	f.BoolVar(&c.json, "json", false, "")
	f.BoolVar(&c.all, "all", false, "")
	f.StringVar(&c.html, "html", "", "")
	f.StringVar(&c.state, "state", "", "")
	f.BoolVar(&c.watch, "watch", false, "")
	cmd.MarkFlagFilename("html", "html")
	cmd.MarkFlagFilename("state", "json")
	cmd.AddCommand((&auditTelemetryCommand{program: c.program}).command())
	return cmd
}

func (c *auditCommand) run(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return withHint(errors.New("no file named"), "name a recording, the folder of --record, or - for standard input; 'touchstone audit --help' tells more")
	}
	plan, err := c.plan.plan(cmd)
	if err != nil {
		return err
	}
	for _, name := range []string{c.html, c.state} {
		if err := writable(name); err != nil {
			return err
		}
	}
	if c.watch {
		if c.state != "" || slices.Contains(args, "-") {
			return usageError(cmd, "--watch reads everything again and again: neither --state nor standard input go with it")
		}
		return c.watching(cmd.Context(), plan, args)
	}
	inputs, err := c.inputs(cmd.Context(), args)
	if err != nil {
		return err
	}
	a := &auditRun{command: c, program: c.program, started: time.Now()}
	fleet := audit.NewFleet(plan)
	saved := new(savedAudit)
	if c.state != "" {
		if saved, err = readSavedAudit(c.state, fleet); err != nil {
			return err
		}
	}
	a.saved = saved
	a.reader = &serve.AuditReader{Auditor: serve.NewAuditor(fleet), OnBadLine: a.badLine, OnGarbage: a.garbled, OnProgress: a.progress}
	a.reader.Auditor.Since(saved.Last)
	failed := a.reader.Read(cmd.Context(), inputs)
	return a.finish(cmd.Context(), failed)
}

// page writes the page, if one is wanted.
func (c *auditCommand) page(r *audit.FleetReport) error {
	if c.html == "" {
		return nil
	}
	if err := writeFile(c.html, func(w io.Writer) error { return report.HTML(w, r) }); err != nil {
		return fmt.Errorf("--html: %w", err)
	}
	return nil
}

// How often recordings that grow are audited, and which part of the time that
// may take: one of so many.
const (
	auditWatchEvery = 5 * time.Second
	auditWatchShare = 5
)

// watching audits recordings again and again, until ctx ends.
func (c *auditCommand) watching(ctx context.Context, plan *audit.Plan, args []string) error {
	var last *audit.FleetReport
	for first := true; ; first = false {
		inputs, err := c.inputs(ctx, args)
		if err != nil {
			return err
		}
		a := &auditRun{command: c, program: c.program, started: time.Now(), saved: new(savedAudit)}
		a.reader = &serve.AuditReader{Auditor: serve.NewAuditor(audit.NewFleet(plan))}
		if first {
			a.reader.OnBadLine, a.reader.OnGarbage, a.reader.OnProgress = a.badLine, a.garbled, a.progress
		}
		err = a.reader.Read(ctx, inputs)
		c.program.con.ClearStatus()
		if ctx.Err() == nil {
			if err != nil && !onlyEmpty(err) { // they may have just begun
				return auditFailure(err)
			}
			last = a.report()
			if c.program.con.flush && !c.json {
				c.program.con.Write([]byte("\x1b[H\x1b[2J")) // from the top of the screen
			}
			if err := a.print(last); err != nil {
				return err
			}
			c.program.con.Flush()
			if err := c.page(last); err != nil {
				return err
			}
		}
		timer := time.NewTimer(max(auditWatchEvery, auditWatchShare*time.Since(a.started)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			if last != nil && last.State == audit.Alarm {
				return quietExit(exitInvalid)
			}
			return nil
		}
	}
}

// onlyEmpty reports whether nothing is wrong but that files are empty.
func onlyEmpty(err error) bool {
	all, several := err.(interface{ Unwrap() []error })
	if !several {
		return errors.Is(err, serve.ErrEmptyRecording)
	}
	return !slices.ContainsFunc(all.Unwrap(), func(err error) bool { return !onlyEmpty(err) })
}

// writable makes sure early that a file can be written at the end.
func writable(name string) error {
	if name == "" {
		return nil
	}
	dir := filepath.Dir(name)
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New("not a directory")
	}
	if err != nil {
		return withHint(fmt.Errorf("%s: %w", display(dir), cause(err)), "name a file in a folder that is there")
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return withHint(fmt.Errorf("%s is a directory", display(name)), "name a file in it")
	}
	return nil
}

// inputs returns what the arguments name.
func (c *auditCommand) inputs(ctx context.Context, args []string) (inputs []serve.AuditInput, err error) {
	stdin := false
	for _, name := range args {
		if name == "-" {
			if stdin {
				return nil, errors.New("standard input is named twice")
			}
			stdin = true
			inputs = append(inputs, serve.AuditInput{Name: "standard input", Reader: &interruptible{ctx: ctx, r: c.program.stdin}})
			continue
		}
		info, err := os.Stat(name)
		switch {
		case err != nil:
			return nil, openError(name, err)
		case !info.IsDir() && info.Mode().IsRegular():
			inputs = append(inputs, serve.AuditInput{Name: name, Path: name})
		case !info.IsDir():
			in, _, err := c.program.open(ctx, name)
			if err != nil {
				return nil, err
			}
			inputs = append(inputs, serve.AuditInput{Name: name, Reader: in})
		default:
			files, err := recordings(name)
			if err != nil {
				return nil, err
			}
			inputs = append(inputs, files...)
		}
	}
	return inputs, nil
}

// recordings returns the files of a folder.
func recordings(folder string) (inputs []serve.AuditInput, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", display(folder), cause(err))
	}
	for _, e := range entries {
		if e.Type()&fs.ModeType != 0 || strings.HasPrefix(e.Name(), ".") || !strings.HasSuffix(e.Name(), ".jsonl") {
			continue
		}
		path := filepath.Join(folder, e.Name())
		inputs = append(inputs, serve.AuditInput{Name: path, Path: path, Folder: folder})
	}
	if len(inputs) == 0 {
		return nil, withHint(fmt.Errorf("%s: no recording in this folder", display(folder)), "recordings end in .jsonl; name other files one by one")
	}
	return inputs, nil
}

// auditRun is one run of the command.
type auditRun struct {
	command *auditCommand
	program *program
	reader  *serve.AuditReader
	saved   *savedAudit
	started time.Time

	bad, garbage int64
}

func (a *auditRun) badLine(file string, line int64, err error) {
	if a.bad++; a.bad <= shownBadLines {
		a.program.con.Log("touchstone: error: %s:%d: %s", display(file), line, oneLine(err.Error()))
	}
}

func (a *auditRun) garbled(file string, line int64, err error) {
	if a.garbage++; a.garbage == 1 {
		a.program.con.Log("touchstone: warning: %s:%d: a device sent what cannot be understood: %s", display(file), line, oneLine(err.Error()))
	}
}

func (a *auditRun) progress(lines int64) {
	a.program.con.Status(time.Now(), func(int) string {
		text := count(lines, "line")
		if s := time.Since(a.started).Seconds(); s > 0.5 {
			text += fmt.Sprintf(", %s/s", siRate(float64(lines)/s))
		}
		return text
	})
}

// finish prints and writes what came of it.
func (a *auditRun) finish(ctx context.Context, failed error) error {
	c, con := a.command, a.program.con
	con.ClearStatus()
	if more := a.bad - shownBadLines; more > 0 {
		con.Log("touchstone: error: and %s that could not be read", count(more, "more line"))
	}
	if more := a.garbage - 1; more > 0 {
		con.Log("touchstone: warning: and %s of devices that could not be understood", count(more, "more line"))
	}
	if ctx.Err() != nil && errors.Is(failed, ctx.Err()) {
		failed = nil
	}
	r := a.report()
	if len(r.Sources) == 0 && failed != nil {
		return auditFailure(failed)
	}
	if err := a.print(r); err != nil {
		return err
	}
	if err := c.page(r); err != nil {
		return err
	}
	if c.state != "" && failed == nil { // else the next run could not make up for what was not read
		if err := a.save(r); err != nil {
			return err
		}
	}
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted: what was not yet read is not audited")
	case failed != nil && c.state != "":
		return fmt.Errorf("%w; --state stays as it was", auditFailure(failed))
	case failed != nil:
		return auditFailure(failed)
	case r.State == audit.Alarm:
		return quietExit(exitInvalid)
	}
	return nil
}

func (a *auditRun) report() *audit.FleetReport {
	r := a.reader.Report(time.Now(), readVersion().Version)
	for _, s := range a.saved.Sources {
		s.Kind = "state"
		r.Sources = append([]audit.Source{s}, r.Sources...)
	}
	return r
}

// print prints a report.
func (a *auditRun) print(r *audit.FleetReport) error {
	if a.command.json {
		return a.program.printJSON(r)
	}
	var text bytes.Buffer
	con := a.program.con
	view := auditView{Columns: con.Columns(), Color: con.Colored(), All: a.command.all}
	if err := printAudit(&text, r, view); err != nil {
		return err
	}
	_, err := con.Write(text.Bytes())
	return err
}

// maxSavedSources is how many inputs a state names.
const maxSavedSources = 1000

// save leaves the state for the next run.
func (a *auditRun) save(r *audit.FleetReport) error {
	last := a.saved.Last
	t := a.reader.Last()
	if t.Sub(r.Last) > time.Hour && !r.Last.IsZero() {
		t = r.Last // no device believes it: a line that is wrong must not make all that comes later count as known
	}
	if t.After(last) {
		last = t
	}
	sources := r.Sources
	if len(sources) > maxSavedSources {
		sources = sources[len(sources)-maxSavedSources:]
	}
	return writeSavedAudit(a.command.state, a.reader.Auditor.Fleet(), last, sources)
}

// auditFailure puts what could not be read into words.
func auditFailure(err error) error {
	switch {
	case errors.Is(err, serve.ErrAuditKinds):
		return withHint(err, "give one of them: verdict lines are made from transcripts")
	case errors.Is(err, serve.ErrNoAudit):
		return withHint(err, "give a recording of proxy or pool (--record), or what 'touchstone verify shares --json' or 'touchstone simulate' print")
	case errors.Is(err, serve.ErrEmptyRecording):
		return withHint(err, "there is nothing to audit in it")
	}
	return err
}
