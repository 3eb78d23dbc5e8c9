package audit

import (
	"fmt"
	"math"
	"time"
)

// saidCounters compares what the device counts with what was seen, from its first claim on.
type saidCounters struct {
	Claims uint64    `json:"claims,omitzero"`
	From   time.Time `json:"from,omitzero"` // of the claims that are compared
	At     time.Time `json:"at,omitzero"`
	// Accepted is the latest counter; Extra is by how much it grew more than our count of shares accepted, over all stretches between
	// claims in which it did not start anew, and Grew what ours grew in them.
	Accepted float64 `json:"accepted,omitzero"`
	Uptime   float64 `json:"uptime,omitzero"`
	Yes      uint64  `json:"yes,omitzero"`
	Extra    float64 `json:"extra,omitzero"`
	Grew     float64 `json:"grew,omitzero"`
	Restarts uint64  `json:"restarts,omitzero"` // counters that began anew with the uptime
	Back     uint64  `json:"back,omitzero"`     // counters that went back while the uptime went on
	// Best is the latest best share of this session, Boast the highest that one rose to while we watched, at BoastAt.
	Best    float64   `json:"best,omitzero"`
	Boast   float64   `json:"boast,omitzero"`
	BoastAt time.Time `json:"boast_at,omitzero"`
	// Ever is the highest it says to have found since it started, with its uptime then.
	Ever       float64   `json:"ever,omitzero"`
	EverUptime float64   `json:"ever_uptime,omitzero"`
	EverAt     time.Time `json:"ever_at,omitzero"`
}

func counter(v float64) bool { return v >= 0 && v <= maxCounter }

// claim compares what the device says of itself.
func (f *facts) claim(c *Claim) {
	f.Said.claim(c, f.yes())
	f.says(saidPool{clipFact(c.Pool), c.Time})
	if len(c.Boards) > 0 && c.Rate > 0 && c.Rate < 1e30 {
		sum := 0.
		for _, b := range c.Boards {
			sum += b
		}
		if sum >= 0 && sum < 1e30 {
			f.BoardClaims++
			f.Boards += sum
			f.Whole += c.Rate
		}
	}
}

// unclaim forgets what was claimed: it may have been said of another machine.
func (f *facts) unclaim() {
	f.Said, f.Pools = saidCounters{}, nil
	f.Boards, f.Whole, f.BoardClaims = 0, 0, 0
}

func (s *saidCounters) claim(c *Claim, yes uint64) {
	anew := counter(c.Uptime) && s.Claims > 0 && c.Uptime+1 < s.Uptime
	first := s.Claims == 0
	s.Claims++
	if first {
		s.From = c.Time
	}
	s.At = c.Time
	if counter(c.Accepted) {
		switch {
		case first || anew:
			if anew {
				s.Restarts++
			}
		case c.Accepted < s.Accepted && !counter(c.Uptime): // nobody can say
			s.Restarts++
		case c.Accepted < s.Accepted:
			s.Back++
		default:
			ours := max(0, float64(yes)-float64(s.Yes)) // once answers are seen, only they count, and they may be fewer
			s.Extra += c.Accepted - s.Accepted - ours
			s.Grew += ours
		}
		s.Accepted, s.Yes = c.Accepted, yes
	}
	if best := c.BestShare; best > 0 && best < overflowBest {
		if !first && !anew && best > s.Best && s.Best > 0 && best > s.Boast {
			s.Boast, s.BoastAt = best, c.Time
		}
		if counter(c.Uptime) && best >= s.Ever {
			s.Ever, s.EverUptime, s.EverAt = best, c.Uptime, c.Time
		}
		s.Best = best
	}
	if counter(c.Uptime) {
		s.Uptime = c.Uptime
	}
}

// merge adds a later part. What the counters did between the two was not seen.
func (s *saidCounters) merge(o *saidCounters, yes uint64) {
	if o.Claims == 0 {
		return
	}
	was := *s
	*s = *o
	s.Yes += yes
	if was.Claims == 0 {
		return
	}
	s.From, s.Claims = was.From, was.Claims+o.Claims
	s.Extra += was.Extra
	s.Grew += was.Grew
	s.Restarts += was.Restarts
	s.Back += was.Back
	if was.Boast > s.Boast {
		s.Boast, s.BoastAt = was.Boast, was.BoastAt
	}
	if was.Ever > s.Ever {
		s.Ever, s.EverUptime, s.EverAt = was.Ever, was.EverUptime, was.EverAt
	}
}

// best compares the best share that the device says to have found with those that came.
func (f *facts) best(c *context) *Finding {
	s := &f.Said
	if s.Best == 0 {
		return nil
	}
	a := &Finding{Test: TestBestShare, Kind: Fact, State: Clear, Numbers: map[string]float64{"claimed_best_difficulty": s.Best, "received_best_difficulty": c.best},
		Limits: "A share can be lost in a disconnect, go to another pool that is configured, or be older than the session that it is counted to. Each record of the machine is lost like that about as often as any share."}
	// Rounding of what is shown, and pdiff for bdiff.
	above := func(best float64) bool { return best > c.best*1.02+1 }
	boast, at := s.Boast, s.BoastAt
	if covered := !s.EverAt.IsZero() && !c.first.IsZero() && !s.EverAt.Add(-time.Duration(s.EverUptime*1e9)).Before(c.first.Add(-time.Minute)); covered && s.Ever > boast {
		boast, at = s.Ever, s.EverAt // all of its uptime was watched
	}
	switch {
	case !above(max(boast, s.Best)):
		a.Words = fmt.Sprintf("The best share that it says to have found (%s) is not above the best that came (%s).", difficultyWords(s.Best), difficultyWords(c.best))
		a.Power = "A single withheld share above all others would show."
	case !above(boast):
		a.State = NotApplicable
		a.Words = fmt.Sprintf("It says that its best share has a difficulty of %s; the best that came has %s. It can be older than the record.", difficultyWords(s.Best), difficultyWords(c.best))
	case c.unseen > 0:
		a.State = NotApplicable
		a.Words = fmt.Sprintf("It says that it found a share of difficulty %s while it was watched; the best that came has %s. But the record has holes.", difficultyWords(boast), difficultyWords(c.best))
	case c.now.Sub(at) < time.Minute:
		a.State = TooEarly
		a.Words = fmt.Sprintf("It has just said that it found a share of difficulty %s; the best that came has %s. It may be on its way.", difficultyWords(boast), difficultyWords(c.best))
	default:
		a.alarm(at)
		a.Words = fmt.Sprintf("It says that it found a share of difficulty %s while it was watched, and that share never came: the best that came has %s. It was withheld, lost, or sent elsewhere.", difficultyWords(boast), difficultyWords(c.best))
		a.Numbers["claimed_best_difficulty"] = boast
	}
	return a
}

// counters compares the device's count of accepted shares with ours.
func (f *facts) counters(c *context) *Finding {
	s := &f.Said
	if s.Claims < 2 || s.Accepted == 0 && s.Grew == 0 {
		return nil
	}
	a := &Finding{Test: TestCounters, Kind: Fact, State: Clear, Numbers: map[string]float64{"accepted_more_shares": s.Extra, "our_accepted_shares": s.Grew,
		"restarts": float64(s.Restarts), "backward_counters": float64(s.Back)},
		Limits: "What the machine counts while its telemetry is read, and what a restart swallows, may differ by a few; shares for another pool that is configured count for it too."}
	// Shares of a minute may lie between a reply and what we had seen of it, at each end.
	slack := 5 + .005*s.Grew + 4*math.Sqrt(1+60*c.perSecond) + 60*c.perSecond
	a.Numbers["slack_shares"] = slack
	switch {
	case s.Extra > slack && c.unseen > 0:
		a.State = NotApplicable
		a.Words = fmt.Sprintf("It counts %s shares as accepted more than came while it was watched, but the record has holes.", numberWords(s.Extra))
	case s.Extra > slack:
		a.alarm(s.At)
		a.Words = fmt.Sprintf("It counts %s shares as accepted more than came (%s came): they went elsewhere, or its counter is padded.", numberWords(math.Round(s.Extra)), numberWords(s.Grew))
	case s.Extra < -slack:
		a.Words = fmt.Sprintf("It counts %s shares as accepted fewer than came under its name: somebody else may use the name, or answers don't reach it.", numberWords(math.Round(-s.Extra)))
	case s.Back > 0:
		a.Words = fmt.Sprintf("Its counters agree with ours, but went back %s while its uptime went on.", times(s.Back))
	default:
		a.Words = fmt.Sprintf("Its count of accepted shares agrees with ours (%s since it was first asked).", numberWords(s.Grew))
		a.Power = fmt.Sprintf("A difference of more than %s shares would show.", numberWords(math.Ceil(slack)))
	}
	return a
}

// boardSum compares the sum of the boards with the whole.
func (f *facts) boardSum() *Finding {
	if f.BoardClaims == 0 || f.Whole <= 0 {
		return nil
	}
	ratio := f.Boards / f.Whole
	a := &Finding{Test: TestBoards, Kind: Fact, State: Clear, Numbers: map[string]float64{"boards_fraction": ratio, "claims": float64(f.BoardClaims)},
		Words:  fmt.Sprintf("What its boards are said to compute adds up to %s of what the machine is said to.", percentWords(ratio)),
		Limits: "Firmware averages boards and machine over other times and by other clocks; only more than a tenth, over ten readings, is told."}
	const tolerance, readings = .1, 10
	switch {
	case f.BoardClaims < readings:
		a.State = TooEarly
	case math.Abs(ratio-1) > tolerance:
		a.alarm(f.Said.At)
		a.Words = fmt.Sprintf("Its boards don't add up: together they are said to compute %s of what the machine is said to, over %s readings.", percentWords(ratio), countWords(f.BoardClaims))
	default:
		a.Power = "A tenth that is missing or too much would show."
	}
	return a
}
