package main

import (
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/touchstone-btc/touchstone/bench"
	"github.com/touchstone-btc/touchstone/hash"
)

// versionCommand says what this build is and what this machine can do.
type versionCommand struct {
	program *program
	json    bool
}

const versionUsage = `Prints the version, how it was built, and the kernels (implementations of the
nonce search) that this machine can run, with the one that is expected to be the
fastest. A kernel that fails its self-test is not used anywhere, and named.

Usage:
  touchstone version [--json]

Flags:
  --json  one JSON object: version, revision, time, modified, go, os, arch,
          cpu {name, vendor, family, model, physical_cores, logical_cores,
          features}, kernels, kernel, refused (each with kernel and error)
  --help  this text

Example:
  touchstone version --json
`

// versionInfo is the answer; its tags are the documented fields.
type versionInfo struct {
	Version  string    `json:"version"`
	Revision string    `json:"revision,omitempty"`
	Time     string    `json:"time,omitempty"`
	Modified bool      `json:"modified"`
	Go       string    `json:"go"`
	OS       string    `json:"os"`
	Arch     string    `json:"arch"`
	CPU      bench.CPU `json:"cpu"`
	Kernels  []string  `json:"kernels"`
	Kernel   string    `json:"kernel"`
	Refused  []refusal `json:"refused"`
}

// refusal is a kernel that fails its self-test here.
type refusal struct {
	Kernel string `json:"kernel"`
	Error  string `json:"error"`
}

func (v *versionCommand) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:  "version",
		RunE: v.run,
	}
	setUsage(cmd, versionUsage)
	cmd.Flags().BoolVar(&v.json, "json", false, "")
	return cmd
}

func (v *versionCommand) run(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError(cmd, "version takes no argument, not %q", args[0])
	}
	info := readVersion()
	for _, r := range v.program.refused() {
		info.Refused = append(info.Refused, refusal{r.Kernel.String(), r.Err.Error()})
	}
	v.program.warnRefused()
	if v.json {
		return v.program.printJSON(info)
	}
	con := v.program.con
	con.Print("touchstone %s", info.Version)
	if info.Revision != "" {
		changed := ""
		if info.Modified {
			changed = ", with local changes"
		}
		con.Print("revision  %s of %s%s", info.Revision, info.Time, changed)
	}
	con.Print("built by  %s for %s/%s", info.Go, info.OS, info.Arch)
	con.Print("cpu       %s (%s, family %d, model %d, %d cores, %d threads)", info.CPU.Name, info.CPU.Vendor,
		info.CPU.Family, info.CPU.Model, info.CPU.PhysicalCores, info.CPU.LogicalCores)
	con.Print("features  %s", strings.Join(info.CPU.Features, " "))
	con.Print("kernels   %s (auto: %s)", strings.Join(info.Kernels, " "), info.Kernel)
	return nil
}

// readVersion reads the build's own record and the processor's.
func readVersion() versionInfo {
	m := bench.ThisMachine()
	info := versionInfo{
		Version:  m.Touchstone,
		Revision: m.Revision,
		Modified: m.Modified,
		Go:       m.Go,
		OS:       m.OS,
		Arch:     m.Arch,
		CPU:      m.CPU,
		Kernel:   hash.Auto.Resolve().String(),
		Refused:  []refusal{},
	}
	if b, ok := debug.ReadBuildInfo(); ok {
		for _, s := range b.Settings {
			if s.Key == "vcs.time" {
				info.Time = s.Value
			}
		}
	}
	for _, k := range hash.Kernels() {
		info.Kernels = append(info.Kernels, k.String())
	}
	return info
}
