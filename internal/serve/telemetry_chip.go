package serve

import (
	"strings"

	"github.com/touchstone-btc/touchstone/audit/telemetry"
)

// bitmainChips are the chips of Bitmain's machines, by how the names of those begin; longer beginnings first. Machines that were built
// with more than one chip under one name are not here.
var bitmainChips = []struct{ model, chip string }{
	{"Antminer S21 XP", "BM1370"},
	{"Antminer S21 Pro", "BM1370"},
	{"Antminer S21+", "BM1370"},
	{"Antminer S21", "BM1368"},
	{"Antminer T21", "BM1368"},
	{"Antminer S19k Pro", "BM1366"},
	{"Antminer S19 XP", "BM1366"},
	{"Antminer S19j Pro", "BM1362"},
	{"Antminer S19 Pro", "BM1398"},
	{"Antminer S9", "BM1387"},
}

// chipOf returns the chip that a machine has as far as it says, or as its model is known to have; "" otherwise.
func chipOf(r *telemetry.Reading) string {
	if strings.HasPrefix(r.Chip, "BM") {
		return r.Chip
	}
	for _, b := range bitmainChips {
		if strings.HasPrefix(strings.ToLower(r.Model), strings.ToLower(b.model)) {
			return b.chip
		}
	}
	return ""
}
