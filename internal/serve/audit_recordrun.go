package serve

import "hash/maphash"

// recordRun gathers some records in a row and gives them out device by device: what an audit keeps of a device is large, and in a
// processor's cache where the next record is of the same one. The order for each device stays. Devices that may have to do with each
// other, since a session or a worker links them or once did, count as one.
type recordRun struct {
	records []shardRecord
	at      []int32 // the place of each
	next    []int32 // the next one of the same group, -1 for none

	// places are those of sessions and workers, by a hash of their names, in parents: a forest whose trees are groups. Names of the same
	// hash share a group, which does no harm.
	places  map[uint64]int32
	parents []int32
	ends    [][2]int32 // by root: the first and the last record of a group
	groups  []int32    // roots of those that have records
}

const (
	// recordRunSize is how many records are gathered: several of each device, where there are a thousand. Their lines wait with them.
	recordRunSize = 8192
	// maxRunPlaces is how many sessions and workers are remembered. Beyond, links are found anew.
	maxRunPlaces = 1 << 18
)

// add takes in a record. It reports whether there are enough.
func (g *recordRun) add(r *shardRecord) (full bool) {
	session, worker := r.session, r.worker
	var at int32
	switch {
	case len(worker) == 0:
		at = g.place(maphash.Bytes(auditSeed, session))
	case len(session) == 0:
		at = g.place(^maphash.Bytes(auditSeed, worker))
	default:
		at = g.root(g.place(maphash.Bytes(auditSeed, session)))
		if other := g.root(g.place(^maphash.Bytes(auditSeed, worker))); other != at {
			g.parents[other] = at
		}
	}
	g.records, g.at = append(g.records, *r), append(g.at, at)
	return len(g.records) >= recordRunSize
}

func (g *recordRun) place(hash uint64) int32 {
	at, ok := g.places[hash]
	if !ok {
		if g.places == nil {
			g.places = map[uint64]int32{}
		}
		at = int32(len(g.parents))
		g.places[hash] = at
		g.parents = append(g.parents, at)
	}
	return at
}

// root returns the root of a place's tree, and makes the way there shorter.
func (g *recordRun) root(at int32) int32 {
	for p := g.parents[at]; p != at; p = g.parents[at] {
		g.parents[at] = g.parents[p]
		at = g.parents[at]
	}
	return at
}

// give calls tell for each record, and forgets them.
func (g *recordRun) give(tell func(r *shardRecord)) {
	for len(g.ends) < len(g.parents) {
		g.ends = append(g.ends, [2]int32{-1, -1})
	}
	g.next = g.next[:0]
	for i, at := range g.at {
		at = g.root(at)
		g.next = append(g.next, -1)
		if end := &g.ends[at]; end[0] < 0 {
			end[0], end[1] = int32(i), int32(i)
			g.groups = append(g.groups, at)
		} else {
			g.next[end[1]], end[1] = int32(i), int32(i)
		}
	}
	for _, at := range g.groups {
		for i := g.ends[at][0]; i >= 0; i = g.next[i] {
			tell(&g.records[i])
		}
		g.ends[at] = [2]int32{-1, -1}
	}
	clear(g.records)
	g.records, g.at, g.groups = g.records[:0], g.at[:0], g.groups[:0]
	if len(g.places) >= maxRunPlaces {
		g.places, g.parents, g.ends = nil, nil, nil
	}
}
