// Package load puts a Stratum V1 server under load: very many connections, each of which mines real shares at a tiny difficulty and
// sends them as a miner would. It is for measuring and soaking pools and proxies, ours and others', from a process of its own.
//
// # The truth
//
// A generator that only counts replies proves little. This one knows what each reply has to be. Its shares are found by hashing, each
// once; a given part of them is wrong on purpose, in a known way, and must be refused with the code that strict judging has for it.
// What the pool says otherwise is a misjudgement, what it does not say at all is lost.
//
// A share may cross a new block on the wire. Which of the two came first is the order of the lines that the pool sends: a reply after
// a job of another previous block must call the share stale, and one before it must not. Where a pool does not keep that order, see
// Config.Lenient.
//
// # Time
//
// Shares are sent when they are due, whether or not earlier ones were answered, so that a pool that stalls is not spared: the
// generator tells by Report.Late if it did not keep up itself. Latency runs from before a line is written until after the read that
// its reply came in. All times are of the machine's monotonic clock, in milliseconds.
package load
