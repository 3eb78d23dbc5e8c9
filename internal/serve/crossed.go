package serve

import (
	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work/share"
)

// crossed reports whether a share that we credit was refused because it crossed a new block on the wire: it was good where it was seen, and
// before it arrived the pool had turned to other work, which was seen between the share and the answer. Neither side is wrong then. turns is
// how often the pool turned, see stratum.Onlooker.Turns, between the two.
func crossed(v *share.Verdict, err error, r stratum.Reply, turns uint64) bool {
	return err == nil && v != nil && v.Word.Credited() && turns != 0 && r.Stale()
}
