//go:build !unix

package main

import "math"

// filesLimit returns how many files this process may have open: nobody has said
// that there is a limit.
func filesLimit() uint64 { return math.MaxUint64 }
