package testvectors

import (
	"slices"
	"strconv"
	"strings"
	"sync"
)

// HeaderRun is a list of headers in the order of the chain.
type HeaderRun struct {
	Name        string
	Network     string // whose rules apply
	StartHeight int32  // of Headers[0]; -1 if unknown
	Step        int32  // height of Headers[i] is StartHeight + i*Step
	Consecutive bool   // each header names the one before it (Step is 1); links do not hold otherwise
	BIP54       bool   // to be judged with BIP 54's timestamp rules as well
	Now         uint32 // the clock to judge by, unix seconds; 0: no rule about the future applies
	Headers     [][80]byte
	BadIndex    int // the first bad header; -1 if Expect is Valid

	Base    string // the vector a broken run was made from; "" if none
	Altered string // what was changed; "" if nothing

	Expect, Reason, Source, Comment string
}

var headerRuns = sync.OnceValue(func() []HeaderRun { return decodeAll("headers", decodeHeaderRun) })

// HeaderRuns returns runs of headers, ordered by name.
func HeaderRuns() []HeaderRun {
	all := slices.Clone(headerRuns())
	for i := range all {
		all[i].Headers = slices.Clone(all[i].Headers)
	}
	return all
}

func decodeHeaderRun(d *decoder) HeaderRun {
	r := HeaderRun{
		Name: d.v.Name, Source: d.v.Source, Comment: d.v.Comment, Expect: d.v.Expect, Reason: d.v.Reason,
		Network:     d.network(),
		StartHeight: int32(d.number("start-height", 32, -1)),
		Step:        int32(d.number("step", 32, 1)),
		Consecutive: !d.flag("not-consecutive"),
		BIP54:       d.flag("bip54"),
		Now:         uint32(d.number("now", 33, 0)),
		BadIndex:    int(d.number("bad-index", 32, -1)),
		Base:        d.text("base"),
		Altered:     d.text("altered"),
	}
	for _, s := range d.all("header") {
		r.Headers = append(r.Headers, d.header(s))
	}
	pool := d.payload("file")
	if len(pool)%80 != 0 {
		d.fail("payload has %d bytes, not a multiple of 80", len(pool))
		return r
	}
	ranges := d.all("range")
	if len(ranges) == 0 && len(pool) > 0 {
		ranges = []string{"0 " + strconv.Itoa(len(pool)/80)}
	}
	for _, s := range ranges {
		from, to := d.span(s, len(pool)/80)
		for i := from; i < to; i++ {
			r.Headers = append(r.Headers, [80]byte(pool[i*80:]))
		}
	}
	if len(r.Headers) == 0 {
		d.fail("no headers")
	}
	if (r.Expect == Invalid) != (r.BadIndex >= 0) || r.BadIndex >= len(r.Headers) {
		d.fail("bad-index is %d, it belongs to invalid runs and lies inside them", r.BadIndex)
	}
	if (r.Base != "") != (r.Altered != "") {
		d.fail("base and altered come together")
	}
	if r.Consecutive && r.Step != 1 {
		d.fail("step is %d in a consecutive run", r.Step)
	}
	return r
}

// span reads "from to" (the end not included) within [0, limit].
func (d *decoder) span(s string, limit int) (from, to int) {
	a, b, _ := strings.Cut(s, " ")
	from, err1 := strconv.Atoi(a)
	to, err2 := strconv.Atoi(b)
	if err1 != nil || err2 != nil || from < 0 || from >= to || to > limit {
		d.fail("range is %q, want \"from to\" within 0 and %d", s, limit)
		return 0, 0
	}
	return from, to
}
