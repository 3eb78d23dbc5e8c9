package serve

import (
	"fmt"
	"slices"
	"time"
)

// auditCursor reads one input, item by item.
type auditCursor interface {
	// of returns the input.
	of() *auditFile
	// head returns the time of the item at hand, and false at the end, or if none is there yet.
	head() (time.Time, bool)
	// key returns a hash of the item at hand: the same for copies in other inputs.
	key() uint64
}

// auditMerge puts the items of several inputs in order: inputs that follow each other are read one after the other, those that overlap
// are merged by time. It recognises items that are in several of them.
type auditMerge[C auditCursor] struct {
	open    func(*auditFile) (C, error)
	pending []*auditFile // by their first times
	active  []C

	copies copiedItems
	// together is the time of the latest item that came when several inputs were open.
	together time.Time
}

// auditOverlap is how much of an input may lie after the beginning of the next for both to follow each other: the lines of a recording are
// not quite in order.
const auditOverlap = 2 * time.Second

func newAuditMerge[C auditCursor](files []*auditFile, open func(*auditFile) (C, error)) *auditMerge[C] {
	m := &auditMerge[C]{open: open, pending: slices.Clone(files)}
	slices.SortStableFunc(m.pending, func(a, b *auditFile) int { return a.first.Compare(b.first) })
	return m
}

// next returns the input with the item that comes next, and false at the end. The caller takes it, moves the cursor, and calls again.
func (m *auditMerge[C]) next() (c C, ok bool, err error) {
	for {
		first, at := m.earliest()
		if len(m.pending) > 0 {
			next := m.pending[0]
			if len(m.active) == 0 || at >= 0 && m.overlaps(next) && !next.first.After(first) {
				if err := m.begin(next); err != nil {
					return c, false, err
				}
				continue
			}
		}
		if at < 0 {
			return c, false, nil
		}
		return m.active[at], true, nil
	}
}

// begin opens the next input.
func (m *auditMerge[C]) begin(next *auditFile) error {
	m.pending = m.pending[1:]
	c, err := m.open(next)
	if err != nil {
		return err
	}
	m.active = append(m.active, c)
	return nil
}

// overlaps reports whether an input has to be merged with those that are open, rather than to follow them.
func (m *auditMerge[C]) overlaps(next *auditFile) bool {
	for _, c := range m.active {
		if last := c.of().last; last.IsZero() || last.Sub(next.first) > auditOverlap {
			return true
		}
	}
	return false
}

// earliest returns the earliest item at hand and where it is, -1 if there is none. Inputs that ended are left out from then on.
func (m *auditMerge[C]) earliest() (first time.Time, at int) {
	if len(m.active) == 1 {
		if t, ok := m.active[0].head(); ok {
			return t, 0
		}
	}
	at = -1
	m.active = slices.DeleteFunc(m.active, func(c C) bool { return c.of().done })
	for i, c := range m.active {
		if t, ok := c.head(); ok && (at < 0 || t.Before(first)) {
			first, at = t, i
		}
	}
	return first, at
}

// isCopy reports whether the item at hand was in another input that is open, as often as it was in this one.
func (m *auditMerge[C]) isCopy(c C) bool {
	if t, _ := c.head(); len(m.active) > 1 {
		m.together = t
	} else if t.After(m.together) {
		return false
	}
	f := c.of()
	if !m.copies.add(c.key(), f.number) {
		return false
	}
	f.copies++
	return true
}

// copiedItems remember what came lately, by hash, with the inputs in which it was.
type copiedItems struct{ recent, before map[uint64]*copiedItem }

type copiedItem struct {
	most int
	in   []int // counts, by input
}

const maxCopied = 1 << 16

// add counts an item of an input, and reports whether another had it as often.
func (k *copiedItems) add(key uint64, input int) bool {
	if k.recent == nil {
		k.recent = map[uint64]*copiedItem{}
	}
	item := k.recent[key]
	if item == nil {
		if item = k.before[key]; item == nil {
			item = new(copiedItem)
		}
		if len(k.recent) >= maxCopied {
			k.before, k.recent = k.recent, map[uint64]*copiedItem{}
		}
		k.recent[key] = item
	}
	for len(item.in) <= input {
		item.in = append(item.in, 0)
	}
	if item.in[input]++; item.in[input] <= item.most {
		return true
	}
	item.most = item.in[input]
	return false
}

// sessionOwners tell sessions apart that have one name in several inputs. The name goes from one input to another that follows it, lies in
// the same folder, or has copies of lines; else it is another session there.
type sessionOwners struct {
	names map[string]*auditFile
	other map[otherSession]string // the names they get
}

type otherSession struct {
	name string
	file *auditFile
}

// maxOwned is how many sessions are remembered.
const maxOwned = 1 << 18

// name returns the name of a session of an input. other says that it is another than the input says.
func (o *sessionOwners) name(session []byte, f *auditFile) (name string, other bool) {
	owner := o.names[string(session)]
	if owner == f {
		return "", false
	}
	if len(o.other) > 0 {
		if name, other = o.other[otherSession{string(session), f}]; other {
			return name, true
		}
	}
	if owner == nil || owner.done || owner.copies+f.copies > 0 || f.input.Folder != "" && owner.input.Folder == f.input.Folder {
		if o.names == nil || len(o.names) >= maxOwned {
			o.names = map[string]*auditFile{}
		}
		o.names[string(session)] = f
		return "", false
	}
	if o.other == nil || len(o.other) >= maxOwned {
		o.other = map[otherSession]string{}
	}
	name = fmt.Sprintf("%s (%d)", session, f.number+1)
	o.other[otherSession{string(session), f}] = name
	return name, true
}
