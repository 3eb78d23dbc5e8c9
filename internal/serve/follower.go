package serve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/touchstone-btc/touchstone/work"
)

// follower takes template after template from a Backend and makes jobs of
// them, of whatever kind a role works on. One goroutine uses it, but for
// askRefresh.
type follower[J any] struct {
	backend *Backend
	// make turns a template into a job.
	make func(*work.Template) (J, error)
	// use has the role work on a job from now on.
	use func(J) error
	// emit tells an event.
	emit func(Event)

	// refresh asks for a template at once; it has room for one request.
	refresh chan struct{}
}

// offer is a template made into a job.
type offer[J any] struct {
	job        J
	longPollID string
}

func newFollower[J any](b *Backend, newJob func(*work.Template) (J, error), use func(J) error, emit func(Event)) *follower[J] {
	return &follower[J]{backend: b, make: newJob, use: use, emit: emit, refresh: make(chan struct{}, 1)}
}

// sourceError is an error of the source, as against one of what it sent.
type sourceError struct{ error }

func (e sourceError) Unwrap() error { return e.error }

// template takes a template and makes a job of it.
func (f *follower[J]) template(ctx context.Context, longPollID string) (*offer[J], error) {
	data, err := f.backend.Source.Template(ctx, longPollID)
	if err != nil {
		return nil, sourceError{err}
	}
	o, err := f.accept(data)
	if nodes := f.backend.Nodes; err != nil && len(nodes) == 1 {
		err = fmt.Errorf("%s: %w", nodes[0], err)
	}
	return o, err
}

// accept makes a job of a template.
func (f *follower[J]) accept(data []byte) (*offer[J], error) {
	t, err := parseTemplate(data)
	if err != nil {
		return nil, err
	}
	job, err := f.make(t)
	if err != nil {
		return nil, err
	}
	return &offer[J]{job, t.LongPollID}, nil
}

// parseTemplate reads a template, and refuses one whose blocks could not be handed
// over: BIP 22 wants its workid back with them. bitcoind and btcd send none.
func parseTemplate(data []byte) (*work.Template, error) {
	t, err := work.ParseTemplate(data)
	if err == nil && t.WorkID != "" {
		return nil, errors.New("template has a workid, which touchstone can't send back with the block; mine on a bitcoind or btcd")
	}
	return t, err
}

// pollInterval is the time between two templates of a source that cannot say
// when there is new work.
const pollInterval = time.Second

// follow uses what the source offers until ctx ends. next is used first, if it
// is not nil.
func (f *follower[J]) follow(ctx context.Context, next *offer[J]) {
	wait := firstWait
	longPollID := ""
	for ctx.Err() == nil {
		if next != nil {
			wait, longPollID = firstWait, next.longPollID
			if err := f.use(next.job); err != nil {
				f.emit(NoTemplate{err.Error(), seconds(pollInterval)})
				longPollID = ""
			}
			if longPollID == "" {
				f.pause(ctx, pollInterval)
			}
		}
		// A request for fresh work ends a long poll that is under way.
		pollCtx, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		asked := make(chan bool, 1)
		go func() {
			select {
			case <-f.refresh:
				stop()
				asked <- true
			case <-done:
				asked <- false
			}
		}()
		var err error
		next, err = f.template(pollCtx, longPollID)
		close(done)
		refreshed := <-asked
		stop()
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && !refreshed:
		case refreshed:
			if err == nil {
				f.askRefresh() // this template may be older than the request
			} else {
				next = nil
			}
			longPollID = ""
		case errors.As(err, new(sourceError)) && len(f.backend.Nodes) > 0:
			// Nodes has told of it, and takes the time that each node needs.
			longPollID = ""
		default:
			f.emit(NoTemplate{err.Error(), seconds(wait)})
			longPollID = ""
			f.pause(ctx, wait)
			wait = min(2*wait, longestWait)
		}
	}
}

// pause waits, but not longer than until fresh work is asked for.
func (f *follower[J]) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-f.refresh:
	case <-t.C:
	}
}

// askRefresh has follow ask for a template at once.
func (f *follower[J]) askRefresh() {
	select {
	case f.refresh <- struct{}{}:
	default:
	}
}
