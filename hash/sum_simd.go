//go:build !purego

package hash

import "github.com/minio/sha256-simd"

// sum256 is SHA-256 with whatever instructions this machine has for it.
func sum256(b []byte) [32]byte { return sha256.Sum256(b) }

// sum256HasAssembly says which way the generic batches take.
const sum256HasAssembly = true
