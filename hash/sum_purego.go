//go:build purego

package hash

import "crypto/sha256"

// sum256 is SHA-256; the tag purego removes the assembly of crypto/sha256 too.
func sum256(b []byte) [32]byte { return sha256.Sum256(b) }

// sum256HasAssembly says which way the generic batches take.
const sum256HasAssembly = false
