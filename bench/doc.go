// Package bench measures how fast this machine computes SHA-256d, kernel by kernel, beside what others need for the same
// work and beside what the machine could do at most.
//
// A rate counts hashes per second, and a hash is always one SHA-256d of one header (or, for pairs, of one pair). What is
// compared is measured in turn, in windows of a few milliseconds, so that whatever else the machine does disturbs all of
// it alike.
//
// It knows nothing of work, targets or networks. [Calibrate] is for programs that choose a kernel.
package bench

// The tables of hash/README.md:
//go:generate go test -run ^TestReadmeTables$ . -update
