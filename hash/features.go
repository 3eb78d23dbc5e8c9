package hash

import "sync"

// features are the abilities of a machine that kernels need. A vector extension counts only if the operating system keeps
// its registers too.
type features struct {
	arm64SHA2 bool // arm64: SHA256H, SHA256H2, SHA256SU0, SHA256SU1
	sha       bool // amd64: SHA with SSSE3 and SSE4.1
	avx2      bool // amd64: AVX2
	avx512    bool // amd64: AVX2 and AVX-512 F, BW, DQ, VL

	// fourPorts says that four 512-bit operations begin in a cycle, where others begin two. It makes no kernel usable, only
	// faster than another.
	fourPorts bool
}

// machine is what the machine that runs this has.
var machine = sync.OnceValue(detect)

// runs reports whether a machine with these features can run k, already resolved.
func (f features) runs(k Kernel) bool {
	switch k {
	case Generic:
		return true
	case ARM64:
		return f.arm64SHA2
	case SHANI:
		return f.sha
	case AVX2:
		return f.avx2
	case AVX512, AVX512x2:
		return f.avx512
	}
	return false
}

// kernels returns the kernels that run, in the order in which their speed is expected to rise.
func (f features) kernels() []Kernel {
	order := []Kernel{Generic, ARM64, AVX2, SHANI, AVX512x2, AVX512}
	if f.fourPorts {
		order = []Kernel{Generic, ARM64, AVX2, SHANI, AVX512, AVX512x2}
	}
	usable := order[:0]
	for _, k := range order {
		if f.runs(k) {
			usable = append(usable, k)
		}
	}
	return usable
}
