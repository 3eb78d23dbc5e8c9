package testvectors

import (
	"slices"
	"sync"
)

// Retarget is the end of a mainnet period and the nBits that follow.
type Retarget struct {
	Name      string
	Height    int32  // of the first block with NewBits
	FirstTime uint32 // of the period's first block, unix seconds
	LastTime  uint32 // of its last block (the 2016th)
	OldBits   uint32
	NewBits   uint32

	Source, Comment string
}

var retargets = sync.OnceValue(func() []Retarget { return decodeAll("retarget", decodeRetarget) })

// Retargets returns mainnet difficulty changes, ordered by name.
func Retargets() []Retarget { return slices.Clone(retargets()) }

func decodeRetarget(d *decoder) Retarget {
	r := Retarget{
		Name: d.v.Name, Source: d.v.Source, Comment: d.v.Comment,
		Height:    int32(d.number("height", 32, -1)),
		FirstTime: uint32(d.number("first-time", 33, 0)),
		LastTime:  uint32(d.number("last-time", 33, 0)),
		OldBits:   d.word("old-bits"),
		NewBits:   d.word("new-bits"),
	}
	if d.v.Expect != Valid || r.Height < 0 || r.FirstTime == 0 || r.LastTime == 0 {
		d.fail("want expect valid, height, first-time and last-time")
	}
	return r
}
