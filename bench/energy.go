package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// energyMeter reads the energy counters of the processor packages, which Linux shows in /sys/class/powercap (see
// https://www.kernel.org/doc/html/latest/power/powercap/powercap.html). They count whatever the package does, not only what
// is measured here.
type energyMeter struct {
	fsys  fs.FS
	zones []energyZone
}

// energyZone is the counter of a package.
type energyZone struct {
	file string
	most uint64 // microjoules; after this comes 0
}

// newEnergyMeter finds the counters in the folder fsys. It fails if there is none, or none that may be read.
func newEnergyMeter(fsys fs.FS) (*energyMeter, error) {
	names, err := fs.Glob(fsys, "intel-rapl:*/name")
	if err != nil {
		return nil, err
	}
	m := &energyMeter{fsys: fsys}
	for _, name := range names {
		// Others count parts of a package, or more than the packages.
		if text, err := fs.ReadFile(fsys, name); err != nil || !strings.HasPrefix(string(text), "package-") {
			continue
		}
		zone := energyZone{file: path.Join(path.Dir(name), "energy_uj")}
		if zone.most, err = readCounter(fsys, path.Join(path.Dir(name), "max_energy_range_uj")); err != nil {
			return nil, err
		}
		if _, err := readCounter(fsys, zone.file); err != nil {
			return nil, err
		}
		m.zones = append(m.zones, zone)
	}
	if len(m.zones) == 0 {
		return nil, errors.New("this machine shows no energy counters")
	}
	return m, nil
}

// read returns the counters, in microjoules, nil if one could not be read, or if there is no meter.
func (m *energyMeter) read() []uint64 {
	if m == nil {
		return nil
	}
	counters := make([]uint64, len(m.zones))
	for i, z := range m.zones {
		var err error
		if counters[i], err = readCounter(m.fsys, z.file); err != nil {
			return nil
		}
	}
	return counters
}

// between returns the joules of all packages between two readings. ok is false if one of them failed.
func (m *energyMeter) between(before, after []uint64) (joules float64, ok bool) {
	if before == nil || after == nil {
		return 0, false
	}
	for i, z := range m.zones {
		used := after[i] - before[i]
		if after[i] < before[i] {
			used += z.most + 1
		}
		joules += float64(used) / 1e6
	}
	return joules, true
}

func readCounter(fsys fs.FS, name string) (uint64, error) {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %q is not a number", name, text)
	}
	return n, nil
}
