package stratum

import "hash/maphash"

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
	id     uint64 // hashID's
	method string // "" if its answer changes nothing
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
		q.resize(max(fewRequests, 2*len(q.ring)))
	}
	r := q.at(q.count)
	q.count++
	*r = request{id: hashID(id)}
	switch method {
	case MethodSubscribe, MethodConfigure, MethodAuthorize, MethodSubmit:
		r.method = method
	}
	return r
}

// fewRequests take so little memory that it is kept.
const fewRequests = 8

func (q *requests) resize(size int) {
	ring := make([]request, size)
	for i := range q.count {
		ring[i] = *q.at(i)
	}
	q.ring, q.first = ring, 0
}

// shrink gives back memory that is not needed any more.
func (q *requests) shrink() {
	if size := len(q.ring) / 2; size >= fewRequests && q.count <= size/2 {
		q.resize(size)
	}
}

// drop removes the oldest.
func (q *requests) drop() {
	*q.at(0) = request{}
	q.first = (q.first + 1) & (len(q.ring) - 1)
	q.count--
}

// take removes the oldest request with that id and returns it, if there is one.
func (q *requests) take(id []byte) (r request, ok bool) {
	hash := hashID(id)
	for i := range q.count {
		if q.at(i).id != hash {
			continue
		}
		taken := *q.at(i)
		if i < q.count/2 { // what is older moves up
			for ; i > 0; i-- {
				*q.at(i) = *q.at(i - 1)
			}
			q.drop()
			q.shrink()
			return taken, true
		}
		for ; i < q.count-1; i++ { // what is newer moves down
			*q.at(i) = *q.at(i + 1)
		}
		*q.at(i) = request{}
		q.count--
		q.shrink()
		return taken, true
	}
	return request{}, false
}

// waits reports whether a request of that method is among them, for that worker if it is a mining.authorize.
func (q *requests) waits(method, worker string) bool {
	for i := range q.count {
		if r := q.at(i); r.method == method && r.worker == worker {
			return true
		}
	}
	return false
}

// clear removes all and gives them to forgotten.
func (q *requests) clear(forgotten func(*request)) {
	for i := range q.count {
		forgotten(q.at(i))
	}
	*q = requests{}
}

// idSeed makes it impossible to choose ids that are taken for each other, and 64 bits make it improbable.
var idSeed = maphash.MakeSeed()

func hashID(id []byte) uint64 { return maphash.Bytes(idSeed, id) }
