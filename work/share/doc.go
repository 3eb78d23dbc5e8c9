// Package share judges what miners report: a submission, held against the job it names and the rules of a [Policy], gives a
// [Verdict].
//
// A [Validator] knows what was credited in a pool, a [Session] what one connection was told: extranonces, version mask,
// difficulties, jobs. [Session.Check] judges one submission, a [Batch] many at once, several times as fast; a [Ledger] adds up
// what was earned. A verdict is a value; an error means that nothing could be judged.
//
// The zero Policy is strict: the rules of the protocol and of the BIPs, decided in the order of [Words]. [Presets] judge as
// well-known pools do, so that one can tell where they differ.
//
// # What is exact
//
// Hashes are held against targets as 256-bit integers; a difficulty is bdiff, and a float only where it is shown. Text never
// decides under strict: fields become values first, each value has one text but for the case of hex digits, and duplicates are
// found by the header's hash. Credit is added up in expected hashes, 2^256/(target+1), as integers.
//
// # Blocks
//
// A header is held against the network's target before any rule is tried, and [Verdict.Block] is set whatever the word is: a stale
// block is still a block.
//
// # What is not here
//
// Nothing here reads a clock, a file or a socket, decodes JSON, pays anybody or starts a goroutine. Messages become submissions in
// package stratum.
package share
