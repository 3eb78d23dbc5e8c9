// Package testvectors holds real Bitcoin blocks, headers, nonces, targets,
// templates and recorded shares, and the same ones broken in exactly one way, as
// embedded text files.
//
// A vector is one file of `key: value` lines; README.md documents the format, so
// that other projects can read the files without this package. Each vector names
// its public source, says why it is here, what is expected of it and, where that
// is "invalid", the one reason.
//
// The package knows files and bytes. It knows nothing of the rules by which
// vectors are judged and imports none of the packages tested with it: its own
// tests recompute everything with crypto/sha256 and math/big.
//
// Hashes in Go values are in internal order (as hashed); the files say which
// fields they write in display order. Targets are in display order, the most
// significant byte first, as a number is written.
//
// All functions are safe for concurrent use. What they return is the caller's to
// keep and to change. They panic only when the embedded files are damaged.
package testvectors
