package work

// CoinbaseOptions say how NewJob makes a coinbase.
type CoinbaseOptions struct {
	// Payouts are the outputs, in order. Their values must add up to the template's, or one is Remainder. They must be empty
	// where the template brings its own coinbase and grants no other.
	Payouts []Payout
	// Tag is text for the scriptSig, after the extranonce. Default: none.
	Tag []byte
	// Extranonce1Size and Extranonce2Size are in bytes. Default, when both are 0: 4 and 8.
	Extranonce1Size, Extranonce2Size int
	// NoBIP54 leaves nLockTime 0 and nSequence ffffffff, as coinbases were before BIP 54.
	NoBIP54 bool
	// VersionMask are the version bits that may be rolled; it goes into the job as it is. SoloMask makes one.
	VersionMask uint32
}
