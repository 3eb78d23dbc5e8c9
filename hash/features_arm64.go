//go:build !purego

package hash

import "golang.org/x/sys/cpu"

// detect asks the operating system: Linux by the auxiliary vector, Windows by a call; macOS runs on nothing without.
func detect() features {
	return features{arm64SHA2: cpu.ARM64.HasSHA2}
}
