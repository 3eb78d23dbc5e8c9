package rogue

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// model is how a chip's nonces tell where they were found, as far as the synthetic devices need it: the swapped nonce has the core in
// its highest bits, and after them the chip's address.
type model struct {
	name         string
	chips, cores int
}

// cores have 7 bits, addresses 8.
var models = []model{
	{"BM1362", 126, 128}, {"BM1366", 110, 112}, {"BM1368", 108, 80}, {"BM1370", 65, 80},
}

// Models returns the names that Synthetic.Model may have.
func Models() []string {
	names := make([]string, len(models))
	for i := range models {
		names[i] = models[i].name
	}
	return names
}

// place draws nonces.
type place struct {
	model *model // nil: without structure
	// what is weak, -1 for none, and how much of its work it does not do
	chip, core, cell int
	weak             float64
}

func newPlace(name string, v *Vice) (place, error) {
	p := place{chip: -1, core: -1, cell: -1, weak: v.Weak}
	if name != "" {
		i := slices.IndexFunc(models, func(m model) bool { return m.name == name })
		if i < 0 {
			return p, fmt.Errorf("model %q is not known: want one of %v", clip(name), Models())
		}
		p.model = &models[i]
	}
	n, most := int(v.X), 0
	switch v.Name {
	case "chip", "core":
		if p.model == nil {
			return p, fmt.Errorf("vice %s needs a model whose nonces tell %ss: want one of %v", v.Name, v.Name, Models())
		}
		if v.Name == "chip" {
			p.chip, most = n, p.model.chips
		} else {
			p.core, most = n, p.model.cores
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
	n := rng.Uint32()
	if p.model == nil {
		return n, p.cell >= 0 && int(n>>25) == p.cell && rng.Float64() < p.weak
	}
	chip, core := rng.IntN(p.model.chips), rng.IntN(p.model.cores)
	step := 256 / p.model.chips
	n = uint32(core)<<25 | uint32(chip*step)<<17 | n&(1<<17-1)
	n = bits.ReverseBytes32(n)
	hit := chip == p.chip || core == p.core || int(n>>25) == p.cell
	return n, hit && rng.Float64() < p.weak
}
