package telemetry

import "math"

// Parse reads the replies of one poll. It never fails: what can't be read is in Unread, and all of it unknown leaves a Reading
// without a dialect.
func Parse(replies []Reply) *Reading {
	r := newReading()
	d := &document{reading: r, when: math.NaN()}
	for i := range replies {
		if i == maxReplies {
			d.unread("%d more replies than the %d that are read", len(replies)-i, i)
			break
		}
		d.reply(replies[i])
	}
	r.Dialect = d.recognise()
	switch r.Dialect {
	case DialectAxeOS:
		d.axeOS()
	case DialectWhatsminerV3:
		d.whatsminerV3()
	default:
		d.cgminer()
	}
	d.check()
	return r
}

// newReading returns one that says nothing.
func newReading() *Reading {
	r := &Reading{}
	for _, v := range []*float64{
		&r.Rate, &r.RateNow, &r.Nominal, &r.RateWindow, &r.Uptime, &r.Accepted, &r.Rejected, &r.Stale,
		&r.DifficultyAccepted, &r.DifficultyRejected, &r.DifficultyStale, &r.Best, &r.BestEver,
		&r.HardwareErrors, &r.Tickets, &r.TicketDifficulty, &r.LastDifficulty, &r.MaxDifficulty, &r.LastShareAge, &r.Clock,
		&r.Utility, &r.Power, &r.Temperature, &r.Chips,
	} {
		*v = math.NaN()
	}
	return r
}

// newBoard returns a board of which only the name is known.
func newBoard(name string) Board {
	nan := math.NaN()
	return Board{Name: name, Rate: nan, Nominal: nan, Chips: nan, Errors: nan, Accepted: nan}
}
