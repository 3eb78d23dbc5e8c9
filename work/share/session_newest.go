package share

import "github.com/touchstone-btc/touchstone/work"

// Newest returns what the job sent last asks of a share, and how many jobs were sent until then. known is false if there is no job,
// or no difficulty was seen before it. It tells an onlooker how hard a miner finds shares from now on.
func (s *Session) Newest() (target work.Target, jobs uint64, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.newest == nil || len(s.newest.jobs) == 0 {
		return target, s.sent, false
	}
	is := s.newest.jobs[len(s.newest.jobs)-1]
	if is.offer == nil {
		return target, s.sent, false
	}
	return is.offer.target, s.sent, true
}
