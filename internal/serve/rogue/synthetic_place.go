package rogue

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"

	"github.com/touchstone-btc/touchstone/audit"
)

// model is how the nonces of a kind of chip tell where they were found, as package audit reads them.
type model struct {
	chip  string
	chips int // of a board of a machine of which no more is known
	// cores returns the number of a core drawn by chance: not all numbers are used, and not all cores do the same.
	cores func(*rand.Rand) int
	most  int // above all numbers of cores
	// nonce has the core and the chip where the chips put them, and the rest as it is drawn.
	nonce func(core, chip, chips int, rest uint32) uint32
}

// swapped is where BM136x and BM1370 put it: the core in the upper seven bits of the nonce as the chip counts, then the address.
func swapped(core, chip, chips int, rest uint32) uint32 {
	address := uint32(chip * (256 / chips))
	return bits.ReverseBytes32(uint32(core)<<25 | address<<17 | rest&(1<<17-1))
}

func evenly(n int) func(*rand.Rand) int { return func(rng *rand.Rand) int { return rng.IntN(n) } }

var models = []model{
	// Core 64 has five of the eight sub-cores that the others have.
	{"BM1362", 126, func(rng *rand.Rand) int { return rng.IntN(64*8+5) / 8 }, 65, swapped},
	{"BM1366", 110, evenly(112), 112, swapped},
	{"BM1368", 108, evenly(80), 80, swapped},
	{"BM1370", 65, evenly(128), 128, swapped},
	// Two banks of 57; the core in the lower seven bits of the first byte, the chip in the upper six of the last.
	{"BM1387", 63, func(rng *rand.Rand) int { n := rng.IntN(114); return n/57*64 + n%57 }, 121, func(core, chip, _ int, rest uint32) uint32 {
		return rest&0x80ffff03 | uint32(core)<<24 | uint32(chip)<<2
	}},
}

// Models returns the names that Synthetic.Model may have: chips and machines that an audit knows.
func Models() []string { return audit.Models() }

// place draws nonces.
type place struct {
	model *model // nil: without structure
	chips int
	// what is weak, -1 for none, and how much of its work it does not do
	chip, core, cell int
	weak             float64
}

func newPlace(name string, v *Vice) (place, error) {
	p := place{chip: -1, core: -1, cell: -1, weak: v.Weak}
	if layout := audit.LayoutOf(name); name != "" && (layout == nil || layout.Chip != audit.Uniform) {
		i := -1
		if layout != nil {
			i = slices.IndexFunc(models, func(m model) bool { return m.chip == layout.Chip })
		}
		if i < 0 {
			return p, fmt.Errorf("model %q is not known: want one of %q", clip(name), Models())
		}
		p.model, p.chips = &models[i], models[i].chips
		if layout.Chips > 0 {
			p.chips = layout.Chips
		}
	}
	n, most := int(v.X), 0
	switch v.Name {
	case "chip", "core":
		if p.model == nil {
			return p, fmt.Errorf("vice %s needs a model whose nonces tell %ss: want one of %q", v.Name, v.Name, Models())
		}
		if v.Name == "chip" {
			p.chip, most = n, p.chips
		} else {
			p.core, most = n, p.model.most
		}
	case "cell":
		p.cell, most = n, 128
	default:
		return p, nil
	}
	if n >= most {
		return p, fmt.Errorf("vice %s=%d: want less than %d", v.Name, n, most)
	}
	return p, nil
}

// nonce draws where a share is found; lost says that what should have found it is dead.
func (p *place) nonce(rng *rand.Rand) (nonce uint32, lost bool) {
	nonce = rng.Uint32()
	hit := false
	if p.model != nil {
		core, chip := p.model.cores(rng), rng.IntN(p.chips)
		nonce = p.model.nonce(core, chip, p.chips, nonce)
		hit = chip == p.chip || core == p.core
	}
	hit = hit || int(nonce>>25) == p.cell
	return nonce, hit && rng.Float64() < p.weak
}
