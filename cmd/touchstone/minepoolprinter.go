package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/touchstone-btc/touchstone/internal/serve"
)

// rejectionsEvery is the least time between two lines about rejected shares:
// at a tiny difficulty there are thousands each second.
const rejectionsEvery = 10 * time.Second

// rejections tells of rejected shares, but not of each.
type rejections struct {
	told   time.Time
	untold int
}

// text is what to tell of one more, "" for nothing.
func (r *rejections) text(now time.Time, s serve.ShareAnswered) string {
	if !r.told.IsZero() && now.Sub(r.told) < rejectionsEvery {
		r.untold++
		return ""
	}
	text := "share rejected: " + wordsOr(s.Words, "the pool does not say why")
	if r.untold > 0 {
		text += fmt.Sprintf("; so were %d more before it", r.untold)
	}
	r.told, r.untold = now, 0
	return text
}

func wordsOr(words, otherwise string) string {
	if words == "" {
		return otherwise
	}
	return words
}

// poolEventText is an event of mining at a pool in words, and whether it is a
// result. Events that say nothing to a person are empty.
func poolEventText(e serve.Event) (text string, result bool) {
	switch e := e.(type) {
	case serve.MinerStarted:
		text = fmt.Sprintf("mining at %s as %s with %s", e.Pools[0], shortMiddle(e.Worker, 60), count(int64(e.Threads), "thread"))
		if len(e.Pools) > 1 {
			text += "; if it fails, at " + strings.Join(e.Pools[1:], ", then ")
		}
		return text, false
	case serve.PoolConnected:
		text = "connected to " + e.Pool
		if !strings.HasSuffix(e.Pool, "//"+e.Address) {
			text += " at " + e.Address
		}
		bits := "no version bits may be rolled"
		if e.VersionMask != "00000000" {
			bits = "version bits " + e.VersionMask
		}
		return fmt.Sprintf("%s as %s: difficulty %s, %s", text, shortMiddle(e.Worker, 60), formatDifficulty(e.Difficulty), bits), false
	case serve.PoolLost:
		return fmt.Sprintf("pool %s does not work: %s; trying again in %s", e.Pool, e.Error, formatDuration(e.Retry.Duration())), false
	case serve.PoolMoves:
		text = fmt.Sprintf("pool %s sends us to %s", e.Pool, e.To)
		if e.Wait > 0 {
			text += " in " + formatDuration(e.Wait.Duration())
		}
		return text, false
	case serve.ReconnectRefused:
		return fmt.Sprintf("warning: pool %s wants us to mine at %s, which is not of its domain: refused, for so hash rate is stolen%s", e.Pool, e.To, untoldText(e.Untold)), false
	case serve.PoolMessage:
		return fmt.Sprintf("pool %s says: %s%s", e.Pool, e.Text, untoldText(e.Untold)), false
	case serve.PoolUnreadable:
		return fmt.Sprintf("pool %s sent what can't be used: %s%s", e.Pool, e.Error, untoldText(e.Untold)), false
	case serve.ShareIsFound:
		return fmt.Sprintf("found a block for %s: %s", e.Pool, e.Hash), false
	case serve.ShareAnswered:
		switch {
		case !e.Block:
			return "", false
		case e.Answer == serve.AnswerRejected:
			return fmt.Sprintf("block rejected by the pool: %s (%s)", e.Hash, wordsOr(e.Words, "the pool does not say why")), true
		case e.Answer == serve.AnswerUnknown:
			return fmt.Sprintf("block not answered by the pool: %s (the connection ended)", e.Hash), true
		}
		return fmt.Sprintf("block accepted by the pool: %s", e.Hash), true
	case serve.MinerStatus:
		return poolStatusText(e, 1000), false
	case serve.MinerStopped:
		return poolStoppedText(e), false
	}
	return eventText(e)
}

func poolStoppedText(e serve.MinerStopped) string {
	text := fmt.Sprintf("stopped: %s accepted", count(int64(e.Accepted), "share"))
	if e.Rejected > 0 {
		text += fmt.Sprintf(", %d rejected", e.Rejected)
	}
	if e.Unknown > 0 {
		text += fmt.Sprintf(", %d without an answer", e.Unknown)
	}
	if e.Blocks > 0 {
		text += fmt.Sprintf("; %s among them", count(int64(e.Blocks), "block"))
	}
	return text + fmt.Sprintf("; %shashes in %s (%shashes/s)", siRate(float64(e.Hashes)),
		formatDuration(e.Elapsed.Duration()), siRate(e.Rate))
}

// poolStatusText is the status in at most that many columns; what comes last is
// left out first.
func poolStatusText(s serve.MinerStatus, columns int) string {
	parts := []string{fmt.Sprintf("%sH/s, %dx %s", siRate(s.Rate), s.Threads, wordsOr(s.Kernel, "no kernel yet"))}
	shares := fmt.Sprintf("%s accepted", count(int64(s.Accepted), "share"))
	if s.Rejected > 0 {
		shares += fmt.Sprintf(", %d rejected", s.Rejected)
	}
	if s.Unknown > 0 {
		shares += fmt.Sprintf(", %d unknown", s.Unknown)
	}
	if s.Blocks > 0 {
		shares += fmt.Sprintf(", %s", count(int64(s.Blocks), "block"))
	}
	parts = append(parts, shares)
	if s.Pool == "" {
		parts = append(parts, "waiting for a pool")
	} else {
		parts = append(parts, "diff "+formatDifficulty(s.Difficulty), "best "+formatDifficulty(s.Best))
	}
	if s.Expected > 0 {
		parts = append(parts, "share in "+formatDuration(s.Expected.Duration()))
	}
	if s.Pool != "" {
		parts = append(parts, s.Pool)
	}
	return joinParts(parts, columns)
}
