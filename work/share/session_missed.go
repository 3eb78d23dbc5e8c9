package share

// MissedJob says that a job with that ID was sent of which nothing else could be read: submissions that name it are not judged,
// rather than held against an older job of the same ID. Otherwise it is as MissedJobs.
func (s *Session) MissedJob(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missed = true
	if old := s.jobs[id]; old != nil {
		old.tip.remove(old)
		s.pay(old.job.cost)
		delete(s.jobs, id)
	}
}
