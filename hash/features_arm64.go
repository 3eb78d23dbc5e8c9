//go:build !purego

package hash

import "github.com/klauspost/cpuid/v2"

// detect asks the operating system.
func detect() features {
	return features{arm64SHA2: cpuid.CPU.Supports(cpuid.SHA2)}
}
