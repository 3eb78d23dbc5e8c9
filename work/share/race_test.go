//go:build race

package share

// raceEnabled says that the race detector watches.
const raceEnabled = true
