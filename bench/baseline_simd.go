//go:build !purego

package bench

import "github.com/minio/sha256-simd"

var simdBaselines = []baseline{{
	name: "sha256-simd",
	new:  sha256.New,
	sum:  sha256.Sum256,
	doubled: func(message []byte) [32]byte {
		first := sha256.Sum256(message)
		return sha256.Sum256(first[:])
	},
}}
