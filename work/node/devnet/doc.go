// Package devnet is the embedded private chain: a Bitcoin chain of its own, kept
// in one folder, so that mining works on a machine where nothing is installed.
// What a block must hold is decided by btcd's consensus code, not by ours: its
// packages blockchain, database and mining do the judging and write the
// templates. This package adds the network's parameters, the storage that
// survives kill -9, and BIP 22 JSON around btcd's templates, so that the package
// work needs no second parser.
//
// # Storage
//
// btcd's database keeps what it knows in memory for minutes and forgets it when
// the process is killed. So the truth is a file of our own, blocks.dat: it holds
// every accepted block in order of height and is only ever appended to. A block
// is checked in full, then appended, then synced to the disk, and only then given
// to the database and reported as accepted. The database is a cache. On start the
// blocks it lacks are given to it again; a database that does not open or holds
// another chain is thrown away and built anew.
//
// # One line of blocks
//
// The chain never goes back: a block is accepted only on top of the tip. One that
// comes too late, for a parent that already has a child, is refused as
// "stale-prevblk", however much work it shows. On a chain with a single source of
// templates a longer branch cannot grow, and the height printed last is never
// taken back.
//
// # Files in the folder
//
//	blocks.dat       the chain
//	blocks.torn-N    bytes cut off the end of blocks.dat at byte N after a crash
//	chain/           btcd's database, may be deleted while nothing runs
//	chain.unusable/  one that did not open when blocks.dat was empty
//	payout.key       the private key of the payout address, in WIF
//	lock, pid        held by, and naming, the process that has the folder open
package devnet
