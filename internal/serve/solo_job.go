package serve

import (
	"encoding/binary"
	"strconv"
	"time"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/mine"
)

// newJob makes a job of a template.
func (s *Solo) newJob(t *work.Template) (*soloJob, error) {
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
	return &soloJob{job, len(t.Transactions)}, nil
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
