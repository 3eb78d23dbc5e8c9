package bench

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/klauspost/cpuid/v2"
)

// Machine is what was measured with. Its fields are those of the summary in JSON.
type Machine struct {
	Touchstone string `json:"touchstone"` // version of the program, as its build recorded it
	Revision   string `json:"revision"`   // of the sources, "" if not recorded
	Modified   bool   `json:"modified"`   // the sources were not those of the revision
	Go         string `json:"go"`
	OS         string `json:"os"`
	Arch       string `json:"arch"`
	Threads    int    `json:"threads"` // that run at once: GOMAXPROCS
	CPU        CPU    `json:"cpu"`
}

// CPU is a processor as it describes itself. Numbers it does not tell are 0.
type CPU struct {
	Name          string   `json:"name"`
	Vendor        string   `json:"vendor"`
	Family        int      `json:"family"`
	Model         int      `json:"model"`
	PhysicalCores int      `json:"physical_cores"`
	LogicalCores  int      `json:"logical_cores"`
	Features      []string `json:"features"` // that matter to hashing, as /proc/cpuinfo and most manuals name them
}

// ThisMachine describes the machine that runs this, and the program.
func ThisMachine() Machine {
	m := Machine{
		Touchstone: "(devel)",
		Go:         runtime.Version(),
		OS:         runtime.GOOS,
		Arch:       runtime.GOARCH,
		Threads:    runtime.GOMAXPROCS(0),
		CPU:        thisCPU(),
	}
	if b, ok := debug.ReadBuildInfo(); ok {
		if b.Main.Version != "" {
			m.Touchstone = b.Main.Version
		}
		for _, s := range b.Settings {
			switch s.Key {
			case "vcs.revision":
				m.Revision = s.Value
			case "vcs.modified":
				m.Modified = s.Value == "true"
			}
		}
	}
	return m
}

// thisCPU describes the processor that runs this.
func thisCPU() CPU {
	c := cpuid.CPU
	cpu := CPU{
		Name:          strings.TrimSpace(c.BrandName),
		Vendor:        c.VendorString,
		Family:        c.Family,
		Model:         c.Model,
		PhysicalCores: c.PhysicalCores,
		LogicalCores:  c.LogicalCores,
		Features:      []string{},
	}
	for _, f := range []cpuid.FeatureID{
		cpuid.SSE2, cpuid.SSSE3, cpuid.SSE4, cpuid.AVX, cpuid.AVX2, cpuid.BMI2, cpuid.SHA,
		cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512VL, cpuid.AVX512DQ, cpuid.SHA2, cpuid.ASIMD,
	} {
		if c.Supports(f) {
			cpu.Features = append(cpu.Features, strings.ToLower(fmt.Sprint(f)))
		}
	}
	if cpu.Name == "" {
		cpu.Name = "unknown"
	}
	if cpu.LogicalCores == 0 {
		cpu.LogicalCores = runtime.NumCPU()
	}
	return cpu
}

// Same reports whether m and n are alike in all that a rate depends on but the program: processor, threads, operating
// system and architecture.
func (m *Machine) Same(n *Machine) bool {
	a, b := m.CPU, n.CPU
	return a.Name == b.Name && a.Vendor == b.Vendor && a.Family == b.Family && a.Model == b.Model &&
		a.LogicalCores == b.LogicalCores && m.Threads == n.Threads && m.OS == n.OS && m.Arch == n.Arch
}

// String is the machine in a few words.
func (m *Machine) String() string {
	return fmt.Sprintf("%s (%s, family %d, model %d), %d logical cores, %s/%s, %s", m.CPU.Name, m.CPU.Vendor, m.CPU.Family,
		m.CPU.Model, m.CPU.LogicalCores, m.OS, m.Arch, m.Go)
}
