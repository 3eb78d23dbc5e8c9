//go:build !purego

package hash

import "github.com/klauspost/cpuid/v2"

// detect asks CPUID, and XGETBV whether the operating system keeps the vector registers: package cpuid reports AVX2 and
// AVX-512 only if it does.
func detect() features {
	cpu := &cpuid.CPU
	return features{
		sha:       cpu.Supports(cpuid.SHA, cpuid.SSSE3, cpuid.SSE4),
		avx2:      cpu.Supports(cpuid.AVX2),
		avx512:    cpu.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL),
		fourPorts: cpu.VendorID == cpuid.AMD && cpu.Family >= 0x1a, // Zen 5
	}
}
