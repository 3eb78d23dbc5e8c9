package hash

import (
	"fmt"
	"strings"
)

// Kernel names an implementation of the search and the batches. Its zero value is [Auto].
type Kernel uint8

const (
	// Auto is whichever kernel is the fastest one here; [Kernel.Resolve] says which.
	Auto Kernel = iota
	// Generic is plain Go, available everywhere. It defines what the others compute.
	Generic
)

// kernelNames are what String returns and ParseKernel reads, by Kernel.
var kernelNames = [...]string{Auto: "auto", Generic: "generic"}

// String returns the name that [ParseKernel] reads.
func (k Kernel) String() string {
	if int(k) < len(kernelNames) {
		return kernelNames[k]
	}
	return fmt.Sprintf("kernel(%d)", uint8(k))
}

// ParseKernel returns the kernel of that name, auto included, whether or not this machine can run it: [NewScanner] tells.
func ParseKernel(name string) (Kernel, error) {
	for k, n := range kernelNames {
		if n == name {
			return Kernel(k), nil
		}
	}
	return Auto, fmt.Errorf("unknown kernel %q: use one of %s", name, strings.Join(kernelNames[:], ", "))
}

// Kernels returns the kernels this machine can run, slowest first, without [Auto]. The slice is the caller's.
func Kernels() []Kernel {
	return []Kernel{Generic}
}

// Resolve returns the kernel that [Auto] stands for on this machine, and any other kernel unchanged.
func (k Kernel) Resolve() Kernel {
	if k == Auto {
		return Generic
	}
	return k
}

// runs reports whether this machine can run k, already resolved.
func (k Kernel) runs() bool { return k == Generic }

// check returns k resolved, or an error if this machine cannot run it.
func (k Kernel) check() (Kernel, error) {
	k = k.Resolve()
	if !k.runs() {
		return k, fmt.Errorf("kernel %v does not run on this machine: use one of %v", k, Kernels())
	}
	return k, nil
}

// mustCheck is check for callers that return no error.
func (k Kernel) mustCheck() Kernel {
	k, err := k.check()
	if err != nil {
		panic("hash: " + err.Error())
	}
	return k
}
