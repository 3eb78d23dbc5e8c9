// Package mine searches: it splits the headers that a [work.Job] allows among
// threads, hashes them in bounded slices through package hash, and reports
// what meets the target.
//
// It knows how to search and how to count. It does not know where jobs come
// from, where solutions go, or how a pool judges them: those who call it give a
// [Work] and take a [Found].
//
// # The space
//
// A header allowed by a job is named by four numbers: extranonce2, version
// value, ntime and nonce. One pass over extranonce2 × version × nonce tries each
// combination exactly once, at whatever ntime the clock shows when its unit is
// begun. A pass that ends is followed by another whose ntimes are all later
// than those of the pass before, so no header is ever tried twice; and as long
// as the clock stands still, none is left out.
package mine
