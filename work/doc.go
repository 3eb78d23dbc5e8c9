// Package work holds the rules of Bitcoin mining work as pure functions:
// headers, nBits, targets and difficulty, chains of headers, and the way from a
// block template over the coinbase and the merkle branch to a job, a header, a
// solution and a full block.
//
// Nothing here reads a clock, a file or a socket, starts a goroutine or logs:
// time is an argument, and the same arguments give the same result. Where work
// comes from, how it is searched and how a pool judges a share is left to the
// packages above this one.
//
// # Byte order
//
// A hash is a chainhash.Hash in internal order, the order in which SHA-256
// gives it and headers hold it. Display order, bytes reversed and written as
// hex, is what its String method prints and what block explorers show. A target
// is a number; as text it is always most significant digit first, which lines
// up with display order.
//
// # Verdicts and errors
//
// A [Verdict] is the result of judging something: valid or refused for one
// [Reason]. An error means that there was nothing that could be judged.
//
// # Exactness
//
// Integers decide, floats display. Targets are compared as 256-bit integers,
// and difficulties become targets as exact fractions. Difficulty is bdiff,
// 0xffff·2^208 divided by the target.
package work
