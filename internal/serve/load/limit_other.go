//go:build !unix

package load

import "math"

// fileLimit returns how many files this process may have open: nobody has said that it may not.
func fileLimit() uint64 { return math.MaxUint64 }
