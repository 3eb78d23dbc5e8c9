//go:build !purego

package hash

import "github.com/klauspost/cpuid/v2"

// detect asks package cpuid, which asks CPUID, and XGETBV whether the operating system keeps the registers. It reports AVX
// and AVX2 only where CPUID has XSAVE and OSXSAVE and XCR0 has bits 1 and 2 set, those of xmm and ymm; AVX-512 only where
// XCR0 has bits 5 to 7 too, those of the masks, of the upper halves of zmm0 to zmm15, and of zmm16 to zmm31. On macOS, which
// sets these bits for those programs that use them, it asks the system instead. The SHA extensions use xmm, which every
// system keeps.
func detect() features {
	cpu := &cpuid.CPU
	return features{
		sha:       cpu.Supports(cpuid.SHA, cpuid.SSSE3, cpuid.SSE4),
		avx2:      cpu.Supports(cpuid.AVX2),
		avx512:    cpu.Supports(cpuid.AVX2, cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL),
		fourPorts: cpu.VendorID == cpuid.AMD && cpu.Family >= 0x1a, // Zen 5
	}
}
