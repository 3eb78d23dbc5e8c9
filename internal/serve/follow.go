package serve

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/mine"
)

// offer is a template made into a job.
type offer struct {
	job        *soloJob
	longPollID string
}

// sourceError is an error of the source, as against one of what it sent.
type sourceError struct{ error }

func (e sourceError) Unwrap() error { return e.error }

// template takes a template and makes a job of it.
func (s *Solo) template(ctx context.Context, longPollID string) (*offer, error) {
	data, err := s.config.Backend.Source.Template(ctx, longPollID)
	if err != nil {
		return nil, sourceError{err}
	}
	o, err := s.accept(data)
	if nodes := s.config.Backend.Nodes; err != nil && len(nodes) == 1 {
		err = fmt.Errorf("%s: %w", nodes[0], err)
	}
	return o, err
}

// accept makes a job of a template.
func (s *Solo) accept(data []byte) (*offer, error) {
	t, err := parseTemplate(data)
	if err != nil {
		return nil, err
	}
	s.jobs++
	job, err := work.NewJob(strconv.Itoa(s.jobs), t, work.CoinbaseOptions{
		Payouts:         []work.Payout{{Script: s.config.Backend.Script, Value: work.Remainder}},
		Tag:             []byte(s.config.Tag),
		Extranonce1Size: extranonce1Size,
		Extranonce2Size: extranonce2Size,
		VersionMask:     work.SoloMask(t, s.config.VersionMask),
	})
	if err != nil {
		return nil, err
	}
	return &offer{&soloJob{job, len(t.Transactions)}, t.LongPollID}, nil
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

// follow searches what the source offers until ctx ends.
func (s *Solo) follow(ctx context.Context, next *offer) {
	wait := firstWait
	longPollID := ""
	for ctx.Err() == nil {
		if next != nil {
			wait, longPollID = firstWait, next.longPollID
			if err := s.search(next.job); err != nil {
				s.emit(NoTemplate{err.Error(), seconds(pollInterval)})
				longPollID = ""
			}
			if longPollID == "" {
				s.pause(ctx, pollInterval)
			}
		}
		// A request for fresh work ends a long poll that is under way.
		pollCtx, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		asked := make(chan bool, 1)
		go func() {
			select {
			case <-s.refresh:
				stop()
				asked <- true
			case <-done:
				asked <- false
			}
		}()
		var err error
		next, err = s.template(pollCtx, longPollID)
		close(done)
		refreshed := <-asked
		stop()
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && !refreshed:
		case refreshed:
			if err != nil {
				next = nil
			}
			longPollID = ""
		case errors.As(err, new(sourceError)) && len(s.config.Backend.Nodes) > 0:
			// Nodes has told of it, and takes the time that each node needs.
			longPollID = ""
		default:
			s.emit(NoTemplate{err.Error(), seconds(wait)})
			longPollID = ""
			s.pause(ctx, wait)
			wait = min(2*wait, longestWait)
		}
	}
}

// pause waits, but not longer than until fresh work is asked for.
func (s *Solo) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-s.refresh:
	case <-t.C:
	}
}

// askRefresh has follow ask for a template at once.
func (s *Solo) askRefresh() {
	select {
	case s.refresh <- struct{}{}:
	default:
	}
}

// search makes j what is searched.
func (s *Solo) search(j *soloJob) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	newTip := s.job == nil || s.job.job.PrevBlock != j.job.PrevBlock
	s.job = j
	for parent, r := range s.races {
		if !r.decided.IsZero() && time.Since(r.decided) > patience {
			delete(s.races, parent)
		}
	}
	if err := s.setWork(); err != nil {
		return err
	}
	s.config.OnEvent(NewJob{
		Job:          j.job.ID,
		Height:       j.job.Height,
		Previous:     j.job.PrevBlock,
		NewTip:       newTip,
		Difficulty:   j.job.Target.Difficulty(),
		Transactions: j.transactions,
		VersionMask:  formatMask(j.job.VersionMask),
	})
	return nil
}

// setWork gives the miner the job there is, or nothing while a block of ours
// is already on its way to the same place, or when enough blocks may be on
// their way. The caller holds mu.
func (s *Solo) setWork() error {
	if s.job == nil || s.races[s.job.job.PrevBlock] != nil || s.satisfied() {
		return s.miner.SetWork(nil)
	}
	// Another extranonce1 for each work: a job that is taken up again must not
	// be searched in the same places.
	extranonce1 := binary.BigEndian.AppendUint32(nil, s.extranonce1)
	s.extranonce1++
	return s.miner.SetWork(&mine.Work{Job: s.job.job, Extranonce1: extranonce1})
}

// satisfied reports whether as many blocks as asked for are accepted or may
// yet be. The caller holds mu.
func (s *Solo) satisfied() bool {
	hoped := s.accepted
	for _, b := range s.blocks {
		if !b.resent {
			hoped++
		}
	}
	return s.config.Blocks > 0 && hoped >= s.config.Blocks
}
