package hash

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Kernel names an implementation of the search and the batches. Its zero value is [Auto].
type Kernel uint8

const (
	// Auto is the kernel that [Kernel.Resolve] expects to be the fastest one here. It is not measured: package bench does that.
	Auto Kernel = iota
	// Generic is plain Go, available everywhere. It defines what the others compute.
	Generic
	// ARM64 uses the SHA2 instructions of arm64.
	ARM64
	// SHANI uses the SHA extensions of amd64.
	SHANI
	// AVX2 hashes in eight lanes.
	AVX2
	// AVX512 hashes in sixteen lanes.
	AVX512
	// AVX512x2 hashes in two times sixteen lanes, interleaved, for cores that begin more vector operations at once than
	// sixteen lanes alone keep busy.
	AVX512x2
)

// kernelNames are what String returns and ParseKernel reads, by Kernel.
var kernelNames = [...]string{
	Auto:     "auto",
	Generic:  "generic",
	ARM64:    "arm64",
	SHANI:    "shani",
	AVX2:     "avx2",
	AVX512:   "avx512",
	AVX512x2: "avx512x2",
}

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

// Kernels returns the kernels this machine can run, in the order in which their speed is expected to rise, without [Auto].
// The slice is the caller's.
func Kernels() []Kernel { return slices.Clone(usable()) }

// usable is what Kernels returns, made once.
var usable = sync.OnceValue(func() []Kernel { return machine().kernels() })

// Resolve returns the kernel that [Auto] stands for on this machine, and any other kernel unchanged.
func (k Kernel) Resolve() Kernel {
	if k == Auto {
		return usable()[len(usable())-1]
	}
	return k
}

// check returns k resolved, or an error if this machine cannot run it.
func (k Kernel) check() (Kernel, error) {
	k = k.Resolve()
	if machine().runs(k) {
		return k, nil
	}
	return k, fmt.Errorf("kernel %v does not run on this machine: use one of %v", k, Kernels())
}

// mustCheck is check for callers that return no error.
func (k Kernel) mustCheck() Kernel {
	k, err := k.check()
	if err != nil {
		panic("hash: " + err.Error())
	}
	return k
}
