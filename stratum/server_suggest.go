package stratum

import "time"

// suggest answers a mining.suggest_difficulty or mining.suggest_target. What the miner suggests is the least that it gets from now on,
// within the bounds, and until shares show how fast it is it is also where it starts. So a miner that repeats a suggestion does not lose
// what was learnt about it.
func (c *ServerSession) suggest(dst []byte, m *Message, now time.Time) []byte {
	d, err := m.Suggestion()
	if err != nil {
		return refuse(dst, m, CodeOther, err.Error())
	}
	dst = reply(dst, m, "true")
	c.suggested = d
	if c.known == 0 || c.server.vardiff().SharesPerMinute < 0 {
		c.want(d)
	} else {
		c.want(c.wanted.number)
	}
	return c.wish(dst, now)
}

// A miner can't have more jobs made for it at once than maxWishes in the time wishesLast: each is remembered until long after its tip is
// replaced.
const (
	maxWishes  = 4
	wishesLast = 10 * time.Second
)

// wish is retarget for a difficulty that the miner asked for. If it asks too often it gets that with the next Tick.
func (c *ServerSession) wish(dst []byte, now time.Time) []byte {
	if !c.pending() || !c.Ready() {
		return dst
	}
	if passed := now.Sub(c.wished); passed < 0 || passed >= wishesLast {
		c.wished, c.wishes = now, 0
	}
	if c.wishes == maxWishes {
		return dst
	}
	c.wishes++
	return c.retarget(dst, now)
}
