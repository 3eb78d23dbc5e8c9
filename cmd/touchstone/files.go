package main

import "fmt"

// otherFiles is how many files are open beside those of connections, with room
// for what is opened for a moment.
const otherFiles = 64

// filesNotice tells how many devices can connect where that is less than may,
// because so many files may be open and each device takes some; "" otherwise.
func filesNotice(limit uint64, devices, filesOfEach int) string {
	needed := uint64(devices)*uint64(filesOfEach) + otherFiles
	if limit >= needed {
		return ""
	}
	fit := (max(limit, otherFiles) - otherFiles) / uint64(filesOfEach)
	return fmt.Sprintf("only %d devices can connect at a time, not %d (--max-conns): this process may have no more than %d files open; "+
		"for all of them, start it after 'ulimit -n %d'", fit, devices, limit, needed)
}
