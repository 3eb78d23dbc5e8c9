// Package stratum speaks Stratum V1: what pools and miners say to each other about jobs and shares. It decodes messages strictly and
// appends them, is the pool's side of connections as a [Server] and the miner's as a [Client], follows a connection between others as an
// [Onlooker], and reads recordings of connections, a [Transcript]. Server and Onlooker hand jobs and submissions to [share.Session].
//
// It holds no rule about shares: those are in work/share. It has no sockets, no clocks and no goroutines: lines come in as
// bytes, and the time is an argument.
//
// Stratum V1 has no standard. What is read here is what the pools and miners in use write, and no more: JSON is read strictly
// (valid UTF-8, no name twice, nothing after the message), and each field is held to its one form. What can't be read is an error
// that says what and why; it ends nothing.
//
// # Byte order
//
// mining.notify writes the hash of the previous block with the bytes of each four-byte word reversed; [ParsePrevHash] and
// [AppendPrevHash] are the only places that know. Merkle branches come in internal order, version, nBits, ntime and nonce as
// numbers in hex, most significant digit first.
package stratum
