package serve

import "github.com/touchstone-btc/touchstone/work/share"

// maxShares is how many shares a pool or proxy remembers to find duplicates. They are forgotten some minutes after a block, and blocks
// may be hours apart: this is four hours of what 10,000 devices find, and then takes 1.5 GB.
const maxShares = 50_000_000

// newValidator returns the judge of all devices of a pool or proxy.
func newValidator() *share.Validator { return share.NewValidator(share.Options{MaxShares: maxShares}) }
