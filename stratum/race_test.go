//go:build race

package stratum

// raceEnabled says that the race detector watches: it makes pools forget.
const raceEnabled = true
