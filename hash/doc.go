// Package hash computes Bitcoin's SHA-256d: one message at a time, many messages at once, and the search for a nonce.
//
// It knows four shapes of message and nothing of what they say: an 80-byte header, of which the last four bytes are a
// nonce to be searched; a 64-byte pair, as hashed at every step of a merkle tree; messages of one length that begin
// with a common [Prefix], as the coinbases of a job do; and bytes of any length. It does not know what the fields of a
// header mean, what a target or a difficulty is, how a search is divided, or what time it is: those belong to the
// packages above. It starts no goroutine, reads no clock, no environment and no file, and outside the values it hands
// out it keeps nothing but what it found out about the machine.
//
// # The search
//
// A header is two 64-byte blocks. The first ends inside the merkle root; its state is the [Midstate]. The second, the
// [Tail] and a nonce, does not depend on the first. Headers that differ only in their first block, by rolled version
// bits (BIP 320), therefore share the second block and all of its message schedule. A [Scanner] tries each nonce with up
// to [MaxMidstates] midstates and computes that schedule once per nonce. It reports candidates: a filter looks at no
// more than the last 32 bits of the digest. A false positive is allowed, a miss never; the caller hashes the whole
// header again ([Sum256d]) and compares all 256 bits.
//
// # Kernels
//
// A [Kernel] is one implementation of the search and of the batches [SumHeaders], [SumPairs] and [SumSuffixes]. All of
// them give the same results as [Generic], which is plain Go and the definition. Each is asked for known answers before
// it is used for the first time: [SelfTest]. One that fails is not used, and [Refused] tells. With the build tag purego
// the package contains no assembly and calls none: [Sum256d] then uses crypto/sha256, whose assembly the same tag
// removes.
//
// README.md beside this file says how they compute, what that costs ([ScanOperations] and the others count it), how fast
// they are, and how to read the assembly beside the formulas.
//
// # Byte order
//
// Digests are in internal order, as SHA-256 writes them; the display order of a block hash is their reverse. Nonces are
// numbers, stored little-endian in the header.
package hash
