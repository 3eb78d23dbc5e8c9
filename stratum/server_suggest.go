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
	return c.retarget(dst, now)
}
