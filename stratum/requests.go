package stratum

// MaxOutstanding is how many requests of a connection wait for their replies at most. The oldest is forgotten for one more.
const MaxOutstanding = 4096

// requests are what a miner asked and the pool has not answered, oldest first. Replies mostly come in order, so a search from the
// oldest is short. Miners there are that give each request the same id: then the oldest is meant.
type requests struct {
	ring  []request // its length is a power of two, or 0
	first int       // place of the oldest
	count int
}

// request waits for its reply.
type request struct {
	id     []byte // its memory is used again
	hash   uint32
	method string
	worker string // of a mining.authorize
	number uint64 // of a mining.submit
}

// at returns the request after i older ones.
func (q *requests) at(i int) *request { return &q.ring[(q.first+i)&(len(q.ring)-1)] }

// add appends a request and returns it for its kind to be filled in. If there are too many, the oldest is given to forgotten.
func (q *requests) add(id []byte, method string, forgotten func(*request)) *request {
	if q.count == MaxOutstanding {
		forgotten(q.at(0))
		q.drop()
	}
	if q.count == len(q.ring) {
		ring := make([]request, max(8, 2*len(q.ring)))
		for i := range q.count {
			ring[i] = *q.at(i)
		}
		q.ring, q.first = ring, 0
	}
	r := q.at(q.count)
	q.count++
	*r = request{id: append(r.id[:0], id...), hash: hashID(id), method: method}
	return r
}

// drop removes the oldest.
func (q *requests) drop() {
	q.first = (q.first + 1) & (len(q.ring) - 1)
	q.count--
}

// take removes the oldest request with that id and returns it, valid until the next add; nil if there is none.
func (q *requests) take(id []byte) *request {
	hash := hashID(id)
	for i := range q.count {
		if r := q.at(i); r.hash != hash || string(r.id) != string(id) {
			continue
		}
		// What is older moves up: a request that is never answered costs one step of each search, not more.
		taken := *q.at(i)
		for ; i > 0; i-- {
			*q.at(i) = *q.at(i - 1)
		}
		r := q.at(0)
		*r = taken
		q.drop()
		return r
	}
	return nil
}

// clear removes all and gives them to forgotten.
func (q *requests) clear(forgotten func(*request)) {
	for i := range q.count {
		forgotten(q.at(i))
	}
	q.first, q.count = 0, 0
}

// hashID is FNV-1a.
func hashID(id []byte) uint32 {
	h := uint32(2166136261)
	for _, c := range id {
		h = (h ^ uint32(c)) * 16777619
	}
	return h
}
