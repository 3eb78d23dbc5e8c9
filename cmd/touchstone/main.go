// Command touchstone builds Bitcoin work, does it, and checks every claim of
// having done it.
//
// This package parses flags and prints; it holds no rule. What a header, a
// block or a template is worth is decided by package work, and the running
// roles live in internal/serve.
//
// Results go to standard output, progress and logs to standard error. The exit
// code is 0 when everything asked for holds, 1 when something was judged
// invalid, and 2 when it could not be judged: wrong usage, I/O, malformed
// input.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/touchstone-btc/touchstone/hash"
)

// stopLimit is how long after a signal a clean stop may take; it needs a fraction
// of a second. What remains is a reader of our output that has stopped reading.
// Ending then loses nothing: a block is on disk before anyone hears of it.
const stopLimit = 3 * time.Second

func main() { os.Exit(realMain()) }

func realMain() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, end := context.WithCancel(ctx)
	defer end()
	p := &program{
		// A terminal that is closed asks for a clean stop, too.
		endAtHangup: func() {
			hangups := make(chan os.Signal, 1)
			notifyEnd(hangups)
			go func() {
				<-hangups
				signal.Stop(hangups)
				end()
			}()
		},
		stdin:     os.Stdin,
		stderr:    os.Stderr,
		con:       newConsole(os.Stdout, os.Stderr),
		lookupEnv: os.LookupEnv,
		refused:   hash.Refused,
	}
	// The first signal asks for a clean stop; giving up the handler lets a
	// second one end a process that does not obey.
	finished := context.AfterFunc(ctx, func() {
		stop()
		time.Sleep(stopLimit)
		os.Exit(exitCannotJudge)
	})
	defer finished()
	return p.run(ctx, os.Args[1:])
}
