// Command arm64 writes the assembly of package hash for arm64, one file for each function named by an argument:
//
//	go run ./arm64 -dir .. scan headers pairs blocks
//
// All of it hashes in four streams: four headers, pairs or messages that go through the same instructions side by side.
// SHA256H and SHA256H2 together do four rounds, and both need what both gave for the four rounds before. On Neoverse N1
// (Arm's optimization guide; LLVM's AArch64SchedNeoverseN1.td) and on Apple's M1 (dougallj.github.io/applecpu) they take
// four cycles each, SHA256SU0 and SHA256SU1 two or three, and on the former all four share one unit, which begins one in a
// cycle. A single stream leaves that unit idle for half of the rounds, two can just fill it, and four fill it whatever the
// order in which a core takes them. There are no registers for more: of the 32, a stream takes two for its state, four for
// its words of the message schedule, and two for what a step of four rounds needs.
//
// Nothing here was measured, for want of a machine; it was tested under emulation. What can be said of any machine is how
// many of these instructions a hash of the search needs: 61 for the rounds, 23 for the schedule of the second hash, and the
// 21 for the schedule of the first divided by the number of midstates.
package main

import (
	"flag"
	"log"
	"os"
	"path/filepath"
)

// functions are what this program can write.
var functions = map[string]func(*printer){
	"scan":    scan,
	"headers": headers,
	"pairs":   pairs,
	"blocks":  blocks,
}

func main() {
	log.SetFlags(0)
	dir := flag.String("dir", "..", "folder to write to")
	flag.Parse()
	for _, name := range flag.Args() {
		write, ok := functions[name]
		if !ok {
			log.Fatalf("arm64: there is no function called %s", name)
		}
		p := newPrinter(name)
		write(p)
		if err := os.WriteFile(filepath.Join(*dir, name+"_arm64.s"), p.Bytes(), 0o666); err != nil {
			log.Fatalf("arm64: %v", err)
		}
	}
}
