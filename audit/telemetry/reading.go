// Package telemetry reads what mining machines say of themselves: replies of the cgminer API family, of Whatsminer's API of 2024
// ("V3"), and of AxeOS. It opens no socket and believes nothing: fields that are missing, malformed or out of range are absent
// (NaN), and said so; the raw bytes are the caller's to keep; what had to be repaired before they could be read is recorded.
package telemetry

// Reading is what one machine said at one time, in one set of replies, in our units. Numbers it does not say are NaN.
type Reading struct {
	// Dialect is one of the constants Dialect…, "" if unknown; Vendor, Model, Firmware and Chip as the machine names them.
	Dialect                       string
	Vendor, Model, Firmware, Chip string
	// Rate is the best long average that it gives, RateNow the momentary one, Nominal what it should compute: hashes per second. RateField
	// names the field and window that Rate is from.
	Rate, RateNow, Nominal float64
	RateField              string
	// RateWindow is how long the average Rate is over, in seconds: Uptime if it is that since the start.
	RateWindow float64
	// Uptime is how long the counters run, in seconds.
	Uptime float64
	// Accepted, Rejected and Stale count shares; Difficulty… are sums of their difficulties; Best is the best share of this session,
	// BestEver that of all time.
	Accepted, Rejected, Stale                                     float64
	DifficultyAccepted, DifficultyRejected, DifficultyStale, Best float64
	BestEver                                                      float64
	// HardwareErrors counts nonces that failed the machine's own check; Tickets counts chip nonces of difficulty TicketDifficulty.
	HardwareErrors, Tickets, TicketDifficulty float64
	// LastDifficulty is that of the last share or of the work in hand, the pool's.
	LastDifficulty float64
	// LastShareAge is how long ago the last share was found, in seconds.
	LastShareAge float64
	// Clock is the machine's own at the summary, in Unix seconds.
	Clock float64
	// MaxDifficulty is the highest pool difficulty that it names.
	MaxDifficulty float64
	// Utility is how many shares it says to have had accepted per minute, on its own clock.
	Utility float64
	// Power is in watts, Temperature the highest in °C.
	Power, Temperature float64
	Boards             []Board
	Chips              float64
	Pools              []Pool
	// Repairs were needed to read it; Oddities are fields that can't be what they say, in words; Unread replies that could not be read.
	Repairs  []string
	Oddities []string
	Unread   []string
}

// Board is one hash board, or one device of the reply "devs".
type Board struct {
	Name                    string
	Rate, Nominal           float64 // hashes per second
	Chips, Errors, Accepted float64
}

// Pool is one pool that it says to know.
type Pool struct {
	URL, User, Status string
	Active            bool
	Priority          float64
	Difficulty        float64 // of its work
	Accepted          float64
}

// Dialects.
const (
	DialectCgminer      = "cgminer"    // and those that say nothing else of themselves
	DialectBmminer      = "bmminer"    // Antminer
	DialectWhatsminer   = "whatsminer" // V1 and V2, on 4028
	DialectWhatsminerV3 = "whatsminer-v3"
	DialectAvalon       = "avalon"
	DialectLuxOS        = "luxos"
	DialectAuradine     = "auradine"
	DialectSealminer    = "sealminer"
	DialectAxeOS        = "axeos"
)

// Reply is one reply of a machine: the command that was sent (or the path of the URL) and the bytes that came back, as they came.
type Reply struct {
	Command string
	Raw     []byte
}
