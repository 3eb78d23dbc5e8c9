// Command loadgen puts a Stratum V1 server under load, from a process of its own, and says what came of it. It is for those who
// develop a pool or a proxy; see package load.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/touchstone-btc/touchstone/internal/serve/load"
)

const usage = `Usage: loadgen --pool HOST:PORT [flag…]

Opens connections to a Stratum V1 server, mines shares at its difficulty, which
should be tiny, and checks every reply. Some shares can be wrong on purpose.
Prints a report. Exit status: 0 if nothing was lost or misjudged, 1 if anything
was, 2 if there was nothing to measure.

Flags:
`

const example = `
Example:
  loadgen --pool 127.0.0.1:3333 --connections 1000 --duration 60s --bad 0.02
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run does what main does and returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var c load.Config
	var kinds string
	var every time.Duration
	var asJSON, wait, histograms bool
	f := flag.NewFlagSet("loadgen", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprint(stderr, usage)
		f.PrintDefaults()
		fmt.Fprint(stderr, example)
	}
	f.StringVar(&c.Pool, "pool", "", "`host:port`, or a URL of stratum+tcp or stratum+ssl")
	f.IntVar(&c.Connections, "connections", 1, "`how many` connections")
	f.Float64Var(&c.ConnectRate, "connect-rate", 500, "`how many` connections are opened a second")
	f.Float64Var(&c.SharesPerMinute, "shares", 20, "`how many` shares each sends a minute; -1 for none")
	f.BoolVar(&c.Even, "even", false, "spread the shares evenly, not as real ones are found")
	f.DurationVar(&c.Duration, "duration", 0, "how long shares are sent (default: until a signal)")
	f.Uint64Var(&c.Shares, "total", 0, "end when that `many` shares were due")
	f.DurationVar(&c.Drain, "drain", 10*time.Second, "how long the last replies may take")
	f.StringVar(&c.Worker, "worker", "load", "`name` of the workers; .1, .2 and so on is added")
	f.Float64Var(&c.Difficulty, "difficulty", 0, "suggest this `difficulty`")
	f.Float64Var(&c.Rolling, "rolling", 0.5, "`part` of the connections that roll versions; -1 for none")
	f.Float64Var(&c.Bad, "bad", 0, "`part` of the shares that are wrong on purpose")
	f.StringVar(&kinds, "kinds", "", "how they are wrong, `names` with commas (default: all that follow)\n"+kindNames())
	f.BoolVar(&c.Lenient, "lenient", false, "take any code for a refusal: for pools that have others")
	f.DurationVar(&c.BlockEvery, "block-every", 0, "have a connection search a block so often")
	f.Uint64Var(&c.Seed, "seed", 0, "repeat the random choices of another run")
	f.DurationVar(&every, "every", 10*time.Second, "how often to say on standard error how it goes;\n0 for never")
	f.BoolVar(&asJSON, "json", false, "print the report as JSON")
	f.BoolVar(&histograms, "histograms", false, "with all buckets of the latencies")
	f.BoolVar(&wait, "wait", false, "keep the connections open, after the last reply and the report, until\nstandard input ends")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	fail := func(err error) int {
		fmt.Fprintf(stderr, "loadgen: error: %v\n", err)
		return 2
	}
	if f.NArg() > 0 {
		return fail(fmt.Errorf("argument %q: there are only flags", f.Arg(0)))
	}
	for _, name := range strings.FieldsFunc(kinds, func(r rune) bool { return r == ',' || r == ' ' }) {
		kind, err := load.ParseKind(name)
		if err != nil {
			return fail(err)
		}
		c.Kinds = append(c.Kinds, kind)
	}
	var g *load.Generator
	reported := false
	var last load.Report
	report := func() {
		if reported {
			return
		}
		reported, last = true, g.Report()
		printed := last
		if !histograms {
			printed.Connect.Histogram, printed.Reply.Histogram, printed.Late.Histogram = nil, nil, nil
		}
		if asJSON {
			_ = json.NewEncoder(stdout).Encode(&printed)
			return
		}
		fmt.Fprintln(stdout, printed.String())
		for _, p := range printed.Problems {
			fmt.Fprintln(stdout, p)
		}
	}
	c.Drained = func() {
		report()
		if !wait {
			return
		}
		ended := make(chan struct{})
		go func() {
			_, _ = io.Copy(io.Discard, stdin)
			close(ended)
		}()
		select {
		case <-ended:
		case <-ctx.Done():
		}
	}
	g, err := load.New(c)
	if err != nil {
		return fail(err)
	}
	running, cancel := context.WithCancel(ctx)
	progress := make(chan struct{})
	go func() {
		defer close(progress)
		say(running, g, every, stderr)
	}()
	err = g.Run(ctx)
	cancel()
	<-progress
	if err != nil {
		return fail(err)
	}
	report()
	if err := last.Right(); err != nil {
		fmt.Fprintf(stderr, "loadgen: %v\n", err)
		return 1
	}
	return 0
}

// say tells how it goes, until ctx ends.
func say(ctx context.Context, g *load.Generator, every time.Duration, w io.Writer) {
	if every <= 0 {
		return
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			r := g.Report()
			fmt.Fprintf(w, "%.0f s: %d ready, %d sent, %d outstanding, %d lost, %d misjudged, reply p99 %.2f ms, late p99 %.2f ms\n",
				r.Seconds, r.Ready, r.Sent, r.Outstanding, r.Lost, r.Misjudged, r.Reply.P99, r.Late.P99)
		}
	}
}

func kindNames() string {
	var names []string
	for _, k := range load.BadKinds() {
		names = append(names, k.String())
	}
	half := len(names) / 2
	return strings.Join(names[:half], ", ") + ",\n" + strings.Join(names[half:], ", ")
}
