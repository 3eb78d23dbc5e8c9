package serve

// byAge lists things from the oldest to the newest, so that the oldest can give way to another. Taking one out, whichever it is,
// takes no time, and no memory but what stands in the things themselves.
type byAge[T any] struct {
	oldest, newest *T
	// place returns where a thing keeps its place.
	place func(*T) *aged[T]
}

// aged is a place in such a list.
type aged[T any] struct{ older, newer *T }

// add adds t as the newest.
func (l *byAge[T]) add(t *T) {
	l.place(t).older = l.newest
	if l.newest != nil {
		l.place(l.newest).newer = t
	} else {
		l.oldest = t
	}
	l.newest = t
}

// remove takes t out.
func (l *byAge[T]) remove(t *T) {
	at := l.place(t)
	if at.newer != nil {
		l.place(at.newer).older = at.older
	} else {
		l.newest = at.older
	}
	if at.older != nil {
		l.place(at.older).newer = at.newer
	} else {
		l.oldest = at.newer
	}
	*at = aged[T]{}
}
