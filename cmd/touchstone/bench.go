package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/touchstone-btc/touchstone/bench"
	"github.com/touchstone-btc/touchstone/hash"
)

// benchCommand measures.
type benchCommand struct {
	program *program
	kernels kernelsFlag
	threads threadsFlag
	seconds secondsFlag
	tasks   tasksFlag
	against string
	plot    string
	json    bool
}

// measureFunc measures as bench.Run does.
type measureFunc func(context.Context, bench.Config) (*bench.Results, error)

const benchUsage = `Measures how fast this machine computes SHA-256d with each kernel, beside other
Go code for the same (crypto/sha256, sha256-simd, chainhash) and, where a
kernel's operations are counted, beside the most that this processor's vector
units allow. The answers of every kernel are checked first. It takes a minute;
nothing else should run meanwhile.

Tasks are scan (the search of a miner: headers that differ in nonce and
version, with 1, 2, 4, 8 and 16 midstates that share one message schedule),
headers and pairs (batches of 80 and of 64 bytes, as checked in blocks). A rate
counts hashes a second, and a hash is one SHA-256d of one header or pair. Other
code hashes one message after the other; in scan from a saved midstate, but
chainhash, which can't save one, whole headers.

All rows are measured in turn, again and again, in windows of a few
milliseconds. A rate is the median of its windows, "best" the fastest of them,
"spread" that of the middle half; "of bound" is the fraction of what the units
did in windows before and after; "x crypto/sha256" is the median of ratios to
it. The fastest search is then measured on more threads; "scaling" is the median
of ratios to so many times one thread, measured in turn with them.

Usage:
  touchstone bench [FLAGS]

Flags:
  --kernel K,…       only these kernels; default: all this machine can run
  --threads N,…      numbers of threads for the fastest search; default: 1, 2,
                     4, … and one per CPU we may use
  --seconds S        how long to measure, about, 0.1 to 3600; default 60
  --task T,…         scan, headers, pairs; default: all
  --against FILE     compare with the output of an earlier bench --json. A
                     change is more than noise if the 95 % intervals of the two
                     medians have nothing in common, the fastest windows changed
                     likewise, and both by more than others' code and the
                     processor's units, which are the same in both runs. What
                     was busy during the whole of one run is not told from a
                     change: repeat what surprises you
  --plot FILE        also draw the table: a name in .svg or .png
  --json             a line per row: task, kernel, midstates (0: not a search),
                     threads, mhs_median, mhs_best, mhs_low and mhs_high (the
                     interval), spread, windows, bound_fraction, bound_by
                     (vector, shifts or rounds: the unit that limits),
                     ratio_stdlib, scaling (to threads times one thread),
                     nj_per_hash (energy of the whole processor; fields are
                     null where unknown), and with --against change
                     {mhs_median, ratio, verdict: faster, slower or noise};
                     the last line is {"summary": {touchstone, revision,
                     modified, go, os, arch, threads, cpu, seconds, units,
                     refused, no_energy, against}}
  --help             this text

Exit code: 0 measured, 1 a kernel's answers are wrong (it was not measured),
2 it could not measure, or was interrupted; then nothing is printed.

Example:
  touchstone bench --task scan --seconds 20 --plot bench.svg
`

func (b *benchCommand) command() *cobra.Command {
	b.seconds = secondsFlag(time.Minute)
	cmd := &cobra.Command{
		Use:  "bench",
		RunE: b.run,
	}
	setUsage(cmd, benchUsage)
	f := cmd.Flags()
	f.Var(&b.kernels, "kernel", "")
	f.Var(&b.threads, "threads", "")
	f.Var(&b.seconds, "seconds", "")
	f.Var(&b.tasks, "task", "")
	f.StringVar(&b.against, "against", "", "")
	f.StringVar(&b.plot, "plot", "", "")
	f.BoolVar(&b.json, "json", false, "")
	b.kernels.complete(cmd)
	b.tasks.complete(cmd)
	return cmd
}

func (b *benchCommand) run(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError(cmd, "bench takes no argument, not %s", shorten(args[0]))
	}
	p, ctx := b.program, cmd.Context()
	// What can go wrong without measuring does so before.
	picture, err := newPicture(cmd, b.plot)
	if err != nil {
		return err
	}
	defer picture.discard()
	var old *bench.Results
	if b.against != "" {
		text, err := p.readAll(ctx, b.against, bench.MaxResultsSize, "run")
		if err != nil {
			return err
		}
		if old, err = bench.ParseResults(text); err != nil {
			return withHint(fmt.Errorf("--against: %s: %w", display(b.against), err), "such a file is what 'touchstone bench --json' prints")
		}
	}
	measure := p.measure
	if measure == nil {
		measure = bench.Run
	}
	results, err := measure(ctx, bench.Config{
		Tasks:    b.tasks,
		Kernels:  b.kernels,
		Threads:  b.threads,
		Duration: time.Duration(b.seconds),
		Progress: func(at bench.Progress) {
			p.con.Status(time.Now(), func(int) string { return progressText(at) })
		},
	})
	p.con.ClearStatus()
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted: nothing is printed of a part of the measurements")
		}
		return err
	}
	if old != nil {
		results.CompareWith(old)
	}
	if b.json {
		text, err := results.AppendJSON(nil)
		if err != nil {
			return err
		}
		if _, err := p.con.Write(text); err != nil {
			return err
		}
	} else {
		(&benchPrinter{con: p.con, results: results}).print()
	}
	for _, r := range results.Summary.Refused {
		p.con.Log("touchstone: error: kernel %s is refused: %s", r.Kernel, oneLine(r.Reason))
	}
	// Last, so that what was measured is known even if it can't be drawn.
	if err := picture.draw(results); err != nil {
		return err
	}
	if len(results.Summary.Refused) > 0 {
		return quietExit(exitInvalid)
	}
	return nil
}

// progressText is the status line.
func progressText(at bench.Progress) string {
	what := string(at.Task) + ": " + at.Kernel
	if at.Midstates > 0 {
		what += fmt.Sprintf(", %s", count(int64(at.Midstates), "midstate"))
	}
	if at.Threads > 1 {
		what += fmt.Sprintf(", %d threads", at.Threads)
	}
	return fmt.Sprintf("%3.0f %%, %s left | %s", 100*at.Done, formatDuration(at.Left), what)
}

// eachItem calls add for each item of a list with commas.
func eachItem(list string, add func(item string) error) error {
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			return fmt.Errorf("%s has an empty item", shorten(list))
		}
		if err := add(item); err != nil {
			return err
		}
	}
	return nil
}

// joined writes a list as it was given.
func joined[T any](items []T) string {
	var texts []string
	for _, i := range items {
		texts = append(texts, fmt.Sprint(i))
	}
	return strings.Join(texts, ",")
}

// kernelsFlag is a flag that names kernels.
type kernelsFlag []hash.Kernel

func (f *kernelsFlag) Set(s string) error {
	*f = nil
	return eachItem(s, func(name string) error {
		one := kernelFlag{test: runnable}
		if err := one.Set(name); err != nil {
			return err
		}
		*f = append(*f, one.kernel.Resolve())
		return nil
	})
}

// runnable is a kernelFlag's test that lets pass what computes wrong: that is
// a result of a run, not wrong usage.
func runnable(k hash.Kernel) error {
	err := hash.SelfTest(k)
	if errors.As(err, new(*hash.Refusal)) {
		return nil
	}
	return err
}

func (f *kernelsFlag) String() string { return joined(*f) }
func (f *kernelsFlag) Type() string   { return "kernels" }

func (f *kernelsFlag) complete(cmd *cobra.Command) { new(kernelFlag).complete(cmd) }

// threadsFlag is a flag that gives numbers of threads.
type threadsFlag []int

func (f *threadsFlag) Set(s string) error {
	*f = nil
	return eachItem(s, func(text string) error {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxThreads {
			return fmt.Errorf("%s is not a whole number from 1 to %d", shorten(text), maxThreads)
		}
		*f = append(*f, n)
		return nil
	})
}

func (f *threadsFlag) String() string { return joined(*f) }
func (f *threadsFlag) Type() string   { return "threads" }

// tasksFlag is a flag that names tasks.
type tasksFlag []bench.Task

func (f *tasksFlag) Set(s string) error {
	*f = nil
	return eachItem(s, func(name string) error {
		t := bench.Task(name)
		if !slices.Contains(bench.Tasks(), t) {
			return fmt.Errorf("unknown task %s: use one of %s", shorten(name), strings.ReplaceAll(joined(bench.Tasks()), ",", ", "))
		}
		if !slices.Contains(*f, t) {
			*f = append(*f, t)
		}
		return nil
	})
}

func (f *tasksFlag) String() string { return joined(*f) }
func (f *tasksFlag) Type() string   { return "tasks" }

func (f *tasksFlag) complete(cmd *cobra.Command) {
	names := strings.Split(joined(bench.Tasks()), ",")
	cmd.RegisterFlagCompletionFunc("task", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
}

// secondsFlag is a flag that gives a time in seconds.
type secondsFlag time.Duration

func (f *secondsFlag) Set(s string) error {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || v < 0.1 || v > 3600 {
		return fmt.Errorf("%s is not a number from 0.1 to 3600", shorten(s))
	}
	*f = secondsFlag(v * float64(time.Second))
	return nil
}

func (f *secondsFlag) String() string {
	return strconv.FormatFloat(time.Duration(*f).Seconds(), 'g', -1, 64)
}
func (f *secondsFlag) Type() string { return "seconds" }
