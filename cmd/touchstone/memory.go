package main

import "runtime/debug"

// servingGCPercent trades a little time for memory: what a server keeps for each of thousands of connections is
// small, and with Go's default of 100 about as much again is garbage.
const servingGCPercent = 40

// saveMemory has a process that serves connections take less memory, unless GOGC says how much.
func (p *program) saveMemory() {
	if _, given := p.lookupEnv("GOGC"); !given {
		debug.SetGCPercent(servingGCPercent)
	}
}
