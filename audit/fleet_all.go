package audit

import (
	"iter"
	"maps"
	"slices"
)

// All returns the devices in the order of their names.
func (f *Fleet) All() iter.Seq[*Device] {
	return func(yield func(*Device) bool) {
		for _, name := range slices.Sorted(maps.Keys(f.devices)) {
			if !yield(f.devices[name]) {
				return
			}
		}
	}
}
