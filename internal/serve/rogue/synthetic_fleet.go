package rogue

// Merged is what happens to several devices, in order of time. It is for one goroutine.
type Merged struct {
	heads []head // a heap
	taken bool   // the first of them was returned
}

type head struct {
	stream *Stream
	event  *Event
	order  int // among those of one moment
}

func (h *head) before(o *head) bool {
	if c := h.event.Time.Compare(o.event.Time); c != 0 {
		return c < 0
	}
	return h.order < o.order
}

// Merge returns what happens to all of the devices together.
func Merge(streams ...*Stream) *Merged {
	m := &Merged{}
	for i, s := range streams {
		if e := s.Next(); e != nil {
			m.heads = append(m.heads, head{s, e, i})
		}
	}
	for i := len(m.heads)/2 - 1; i >= 0; i-- {
		m.down(i)
	}
	return m
}

// Next returns what happens next, nil at the end. It is used again by the call that follows.
func (m *Merged) Next() *Event {
	if m.taken {
		h := &m.heads[0]
		if h.event = h.stream.Next(); h.event == nil {
			last := len(m.heads) - 1
			m.heads[0] = m.heads[last]
			m.heads = m.heads[:last]
		}
		if len(m.heads) > 0 {
			m.down(0)
		}
	}
	m.taken = len(m.heads) > 0
	if !m.taken {
		return nil
	}
	return m.heads[0].event
}

// down puts the head at i where it belongs.
func (m *Merged) down(i int) {
	h := m.heads
	for {
		next := 2*i + 1
		if next >= len(h) {
			return
		}
		if next+1 < len(h) && h[next+1].before(&h[next]) {
			next++
		}
		if !h[next].before(&h[i]) {
			return
		}
		h[i], h[next] = h[next], h[i]
		i = next
	}
}
