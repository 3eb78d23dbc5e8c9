package work

// Limits of consensus, and bounds that keep what a stranger sends from costing more than it is worth.
const (
	// MaxBlockWeight is the most weight units a block may have (BIP 141).
	MaxBlockWeight = 4_000_000
	// MaxBlockSize is the most bytes a serialized block can have: every byte weighs at least one unit.
	MaxBlockSize = MaxBlockWeight
	// MaxBlockSigOpsCost is the most signature operation cost a block may have (BIP 141).
	MaxBlockSigOpsCost = 80_000
	// WitnessScaleFactor is what a byte outside the witness weighs, and what a legacy signature operation costs (BIP 141).
	WitnessScaleFactor = 4
	// MinCoinbaseScript and MaxCoinbaseScript bound the coinbase's scriptSig, in bytes.
	MinCoinbaseScript = 2
	MaxCoinbaseScript = 100
	// MaxMoney is the most satoshi that a transaction may pay, a little more than there will ever be.
	MaxMoney = 21_000_000 * 100_000_000
	// MaxHeight bounds block heights; nLockTime counts blocks only below it (BIP 54 needs height-1 there).
	MaxHeight = 499_999_999
	// MaxTemplateSize bounds a template's JSON, in bytes: a full block as hex twice over, and room for what stands around it.
	MaxTemplateSize = 32 << 20
)
