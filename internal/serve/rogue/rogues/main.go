// Command rogues runs each real device that misbehaves beside an honest twin through a recording proxy, audits the recordings, and prints
// which were caught, after how long, by which tests, and whether the twin was accused:
//
//	go run ./internal/serve/rogue/rogues
//
// All run at the same time, for a minute and a half. The exit code is 1 if a rogue got away or a twin was accused.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/touchstone-btc/touchstone/internal/serve/rogue"
)

func main() {
	short := flag.Bool("short", false, "seconds instead of minutes, at many shares a second")
	only := flag.String("only", "", "only vices with this in their names")
	keep := flag.String("keep", "", "a folder to keep the recordings in")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	bad, err := run(ctx, *short, *only, *keep)
	if err != nil {
		fmt.Fprintln(os.Stderr, "rogues: error:", err)
		os.Exit(2)
	}
	if bad {
		os.Exit(1)
	}
}

func run(ctx context.Context, short bool, only, keep string) (bad bool, err error) {
	if keep == "" {
		if keep, err = os.MkdirTemp("", "rogues-"); err != nil {
			return false, err
		}
		defer os.RemoveAll(keep)
	}
	var trials []rogue.Trial
	for _, t := range rogue.Trials(!short) {
		if strings.Contains(t.Name(), only) {
			trials = append(trials, t)
		}
	}
	results := make([]*rogue.Result, len(trials))
	errs := make([]error, len(trials))
	var all sync.WaitGroup
	for i := range trials {
		all.Go(func() {
			results[i], errs[i] = trials[i].Run(ctx, filepath.Join(keep, fmt.Sprintf("%02d", i)))
		})
	}
	all.Wait()
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "vice\tcaught\tby\tshares\ttwin\ttwin's shares")
	for i := range trials {
		if errs[i] != nil {
			fmt.Fprintf(w, "%s\t%v\n", trials[i].Name(), errs[i])
			bad = true
			continue
		}
		r := results[i]
		caught, twin := "NOT", string(r.Twin.State)
		if r.Named() {
			caught = fmt.Sprintf("after %.0f s", r.Caught.Seconds())
		}
		if len(r.Accused) > 0 {
			twin = "ACCUSED: " + strings.Join(r.Accused, ", ")
		}
		by := strings.Join(r.By, ", ")
		if len(r.Unexpected) > 0 {
			by += " (UNEXPECTED: " + strings.Join(r.Unexpected, ", ") + ")"
		}
		bad = bad || !r.Named() || len(r.Accused) > 0 || len(r.Unexpected) > 0
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%d\n", trials[i].Name(), caught, by, r.Rogue.Counts.Counted, twin, r.Twin.Counts.Counted)
	}
	return bad, w.Flush()
}
