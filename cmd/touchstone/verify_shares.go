package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/touchstone-btc/touchstone/internal/serve"
	"github.com/touchstone-btc/touchstone/work/share"
)

// verifySharesCommand judges recordings of Stratum connections.
type verifySharesCommand struct {
	program  *program
	policy   policyFlag
	policies policyFlag
	json     bool
}

const verifySharesUsage = `Judges the shares in recordings of Stratum V1 connections: whether a pool ought
to credit each mining.submit, and if not, why. Each share is built and hashed
anew. Where the pool said otherwise, the share is listed with the reason.

A recording is a transcript, one JSON object per line:

  {"time":"2026-11-20T14:40:00.123456Z","session":"a1","from":"miner",
   "message":{"id":4,"method":"mining.submit","params":["w","7","00", …]}}

from is "pool" or "miner", or "touchstone" with one of the messages
{"event":"open"}, {"event":"close"} and {"event":"gap"}; "telemetry" is skipped.
What is no JSON stands as "raw", in base64, instead of message. Where the
beginning of a session is missing, authorisation and a mask of 1fffffe0 are
assumed; a share whose job, extranonce1 or difficulty was not seen is not
judged. A line that cannot be read may have been of any session, so all count as
interrupted there: jobs sent before are known, of later ones extranonce1 and
difficulty only when the pool sends them again. What a device sent and is no
message is a fact about the device: it is counted and said.

Every file is the recording of one pool, in which a share counts once. To judge
one that is in several files, join them: cat a.jsonl b.jsonl | touchstone verify
shares -

Where a proxy rewrote what crossed it (--share-rate, --enforce), its two sides
are two sessions, of which the pool's names the device's as its "link". What
devices sent is counted; what was forwarded is judged as well, by the pool's
difficulty and against the pool's replies, and counted apart.

Files are streamed: their size does not matter. A pipe may be live: what has
come is judged before more is waited for, and an interrupt prints the summary.

Usage:
  touchstone verify shares FILE… [FLAGS]

Flags:
  --policy NAME       judge as this pool does: strict (the default: the rules
                      and nothing else), ckpool, datum, public-pool, btcpool,
                      miningcore, node-stratum-pool or sri
  --policies A,B,…    judge by several, or by all, and show the shares that any
                      of them refuses, and why; the verdicts that count are
                      those of --policy, or else of the first
  --json              a line per share, when its reply was seen or at the end:
                      file, line (of the submit), time, session, worker, job,
                      extranonce2, ntime, nonce, version_bits (null if none),
                      verdict (null if not judged), reason (null if credited),
                      block (it meets the network's target, whatever the
                      verdict), hash, difficulty (null if no header could be
                      built), required (null if not known), pool_said
                      ("accepted" or "rejected: …"; null without a reply),
                      replied (when), crossed (the share is credited, and the
                      pool refused it as stale because a new block crossed it on
                      the wire: no disagreement), sent (when the job was sent;
                      null if that was not seen); with --policies also policies:
                      by name, verdict, said (the pool's words), reason,
                      block_lost; of a forwarded share also link: the device's
                      session. 'touchstone audit' reads these lines.
                      The last line is {"summary": {policy, recordings, failed,
                      lines, bad_lines, garbage (lines of devices that are no
                      messages), interruptions (by lines not read),
                      sessions, assumed (sessions of which something was
                      missed), unmatched_replies (to no request seen), first,
                      last, shares, verdicts, unjudged, credited, blocks,
                      pool_accepted, pool_rejected, disagreements, crossed,
                      work (expected hashes of the credited shares, exact, as a
                      string), difficulty,
                      hash_rate {rate, low, high (at 95 %, hashes/s), seconds,
                      approximate}, best {difficulty, hash, file, line, worker},
                      workers [{worker, sessions, shares …}], policies,
                      forwarded {sessions, shares …} (if any were)}}
  --help              this text

The words of verdicts, in the order in which strict decides: malformed,
unauthorized, unknown-job, bad-extranonce2, bad-version, bad-ntime, bad-nonce,
stale, low-difficulty, duplicate; accepted, and block. Shares with the last two
are credited.

Exit code: 0 all shares are credited, 1 one was refused (by the policy whose
verdicts count), 2 one could not be judged, a line not be read, or it was
interrupted.

Example:
  touchstone verify shares --policies strict,ckpool recording.jsonl
`

func (v *verifySharesCommand) command() *cobra.Command {
	v.policies.list = true
	cmd := &cobra.Command{
		Use:  "shares FILE…",
		RunE: v.run,
	}
	setUsage(cmd, verifySharesUsage)
	v.policy.addTo(cmd, "policy")
	v.policies.addTo(cmd, "policies")
	cmd.Flags().BoolVar(&v.json, "json", false, "")
	return cmd
}

// judges returns the policies to judge by, the one whose verdicts count first.
func (v *verifySharesCommand) judges() []share.Policy {
	all := append([]share.Policy(nil), v.policy.policies...)
	for _, p := range v.policies.policies {
		if len(all) == 0 || p.String() != all[0].String() || len(v.policy.policies) == 0 {
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		return []share.Policy{{}}
	}
	return all
}

func (v *verifySharesCommand) run(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usageError(cmd, "no file named")
	}
	p, ctx := v.program, cmd.Context()
	p.warnRefused()
	policies := v.judges()
	c := &shareCheck{
		program: p, json: v.json, started: time.Now(),
		policy: policies[0].String(), several: len(policies) > 1,
	}
	c.replay = serve.NewReplay(serve.ReplayConfig{
		Policies: policies, OnShare: c.share, OnBadLine: c.badLine, OnGarbage: c.garbled, OnInterrupted: c.interrupted, OnAssumed: c.assumed, OnWait: c.wait,
	})
	for _, name := range args {
		err := c.file(ctx, name)
		if ctx.Err() != nil {
			break // said once, at the end
		}
		if err != nil {
			c.failed++
			p.report(err)
		}
	}
	return c.finish(ctx)
}

// Bounds on what is printed of each kind.
const (
	shownShares   = 20
	shownBadLines = 20
	shownWorkers  = 20
)

// shareCheck judges recordings and prints.
type shareCheck struct {
	program *program
	replay  *serve.Replay
	json    bool
	policy  string // whose verdicts count
	several bool   // policies
	started time.Time
	failed  int64 // recordings not wholly judged

	shares   int64
	listed   int64            // shares worth a line, printed or not
	unjudged map[string]int64 // by reason
	line     []byte

	// Of the recording that is being read.
	name          string
	size, read    int64 // bytes; the size is -1 if unknown
	bad, assuming int64
	garbage       int64
}

// file judges one recording.
func (c *shareCheck) file(ctx context.Context, name string) error {
	in, size, err := c.program.open(ctx, name)
	if err != nil {
		return err
	}
	defer in.Close()
	c.name, c.size, c.read, c.bad, c.assuming, c.garbage = name, size, 0, 0, 0, 0
	err = c.replay.Recording(ctx, name, &countingReader{in, &c.read})
	c.program.con.ClearStatus()
	if more := c.bad - shownBadLines; more > 0 {
		c.program.con.Log("touchstone: error: %s: and %s that could not be read", display(name), count(more, "more line"))
	}
	if more := c.garbage - 1; more > 0 {
		c.program.con.Log("touchstone: warning: %s: and %s of devices that could not be understood", display(name), count(more, "more line"))
	}
	if more := c.assuming - 1; more > 0 {
		c.program.con.Log("touchstone: warning: %s: and %s of which something is assumed", display(name), count(more, "more session"))
	}
	switch {
	case errors.Is(err, serve.ErrEmptyRecording):
		return fmt.Errorf("%s is %w: no share to check", display(name), errEmpty)
	case errors.Is(err, serve.ErrNoTranscript):
		return withHint(fmt.Errorf("%s: %w", display(name), err), "'touchstone verify shares --help' shows what a line of a recording looks like")
	case err != nil:
		return fmt.Errorf("%s: %w", display(name), cause(err))
	}
	return nil
}

// countingReader counts the bytes read.
type countingReader struct {
	r io.Reader
	n *int64
}

func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	*c.n += int64(n)
	return n, err
}

// share takes a share that was judged.
func (c *shareCheck) share(r *serve.ShareReport) error {
	c.shares++
	if c.json {
		c.line = append(r.AppendJSON(c.line[:0]), '\n')
		_, err := c.program.con.Write(c.line)
		return err
	}
	if r.Err != nil {
		c.countUnjudged(r.Err)
	}
	if r.Disagreed() || refusedByAny(r) {
		if c.listed++; c.listed > shownShares {
			return nil
		}
		if c.several {
			c.printOpinions(r)
		} else {
			c.program.con.Print("%s", disagreementText(r, c.policy))
		}
	}
	return nil
}

// countUnjudged counts by reason. There are a handful, but it is not for us to promise that.
func (c *shareCheck) countUnjudged(err error) {
	if c.unjudged == nil {
		c.unjudged = map[string]int64{}
	}
	reason := err.Error()
	if _, known := c.unjudged[reason]; !known && len(c.unjudged) >= shownShares {
		reason = "other reasons"
	}
	c.unjudged[reason]++
}

// badLine reports a line that could not be read.
func (c *shareCheck) badLine(file string, line int64, err error) {
	if c.bad++; c.bad <= shownBadLines {
		c.program.con.Log("touchstone: error: %s:%d: %s", display(file), line, oneLine(err.Error()))
	}
}

// garbled warns of a device that sent something else than Stratum.
func (c *shareCheck) garbled(file string, line int64, err error) {
	if c.garbage++; c.garbage == 1 {
		c.program.con.Log("touchstone: warning: %s:%d: a device sent what cannot be understood: %s", display(file), line, oneLine(err.Error()))
	}
}

// interrupted warns that what came before a line that could not be read may not hold any more.
func (c *shareCheck) interrupted(file string, line int64) {
	c.program.con.Log("touchstone: warning: %s:%d: this line may have been of any session: after such a line, shares of jobs sent later "+
		"are not judged until the pool sends extranonce1 and difficulty again", display(file), line)
}

// assumed warns that something of a session was not seen.
func (c *shareCheck) assumed(file string, line int64, session, why string) {
	if c.assuming++; c.assuming == 1 {
		c.program.con.Log("touchstone: warning: %s:%d: session %s: %s; authorisation is assumed, and a mask of 1fffffe0 if none is known",
			display(file), line, oneLine(session), oneLine(why))
	}
}

// wait hands on what was printed, before more is waited for.
func (c *shareCheck) wait(lines int64) {
	con := c.program.con
	con.Flush() // its error comes up again at the end
	con.Status(time.Now(), func(int) string {
		line := fmt.Sprintf("%s: %s", display(c.name), count(lines, "line"))
		if c.size > 0 {
			line += fmt.Sprintf(", %d %%", min(100, 100*c.read/c.size))
		}
		line += fmt.Sprintf("; %s", count(c.shares, "share"))
		if s := time.Since(c.started).Seconds(); s > 0 {
			line += fmt.Sprintf(", %s/s", siRate(float64(c.shares)/s))
		}
		return line
	})
}

// finish prints the summary and returns the exit code.
func (c *shareCheck) finish(ctx context.Context) error {
	s := c.replay.Summary()
	if c.json {
		type summary struct {
			*serve.ReplaySummary
			Failed int64 `json:"failed"`
		}
		err := c.program.printJSON(struct {
			Summary     summary `json:"summary"`
			Interrupted bool    `json:"interrupted,omitempty"`
		}{summary{s, c.failed}, ctx.Err() != nil})
		if err != nil {
			return err
		}
	} else {
		c.printSummary(s)
	}
	unjudged, refused := s.Unjudged, s.Shares-s.Credited
	if f := s.Forwarded; f != nil {
		unjudged, refused = unjudged+f.Unjudged, refused+f.Shares-f.Credited
	}
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted: what was not yet read is not judged")
	case c.failed > 0 || s.BadLines > 0 || unjudged > 0:
		return quietExit(exitCannotJudge)
	case refused > 0:
		return quietExit(exitInvalid)
	}
	return nil
}
