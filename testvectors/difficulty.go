package testvectors

import (
	"slices"
	"sync"
)

// Difficulty is a difficulty (bdiff) as text and the target it stands for.
type Difficulty struct {
	Name       string
	Difficulty string   // decimal, perhaps with fraction or exponent
	Target     [32]byte // floor(0xffff * 2^208 / difficulty), at most 2^256-1, display order; zero if Expect is Invalid

	Expect, Reason, Source, Comment string
}

var difficulties = sync.OnceValue(func() []Difficulty { return decodeAll("difficulty", decodeDifficulty) })

// Difficulties returns difficulties and their targets, ordered by name.
func Difficulties() []Difficulty { return slices.Clone(difficulties()) }

func decodeDifficulty(d *decoder) Difficulty {
	v := Difficulty{
		Name: d.v.Name, Source: d.v.Source, Comment: d.v.Comment, Expect: d.v.Expect, Reason: d.v.Reason,
		Difficulty: d.required("difficulty"),
	}
	if v.Expect == Valid {
		v.Target = d.array32("target", d.required("target"))
	}
	return v
}
