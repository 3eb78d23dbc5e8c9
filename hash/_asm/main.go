// Command _asm writes the assembly of packages hash and bench. It takes the name of what to write after avo's flags:
//
//	go run -C _asm . -out ../scan_avx512_amd64.s scanavx512
//
// and is meant to be called by go generate.
package main

import (
	"flag"
	"log"
	"maps"
	"slices"

	. "github.com/mmcloughlin/avo/build"
)

// files are the files of assembly, by the name to ask for them with.
var files = map[string]func(){
	"scanavx512":   func() { scanAVX512.write() },
	"scanavx512x2": func() { scanAVX512x2.write() },
	"scanavx2":     func() { scanAVX2.write() },
	"scanshani":    func() { shaniScan() },
	"batchavx512":  func() { batches(newBatchKernel("AVX512", 1), newBatchKernel("AVX512x2", 2)) },
	"batchavx2":    func() { batches(newBatchKernel("AVX2", 1)) },
	"batchshani":   func() { shaniBatch() },
	"probe":        probes,
}

func main() {
	log.SetFlags(0)
	flag.Parse()
	name := flag.Arg(0)
	out := flag.Lookup("out").Value.String()
	if name == "operations" {
		writeOperations(out)
		return
	}
	write, ok := files[name]
	if !ok {
		log.Fatalf("unknown name %q: use operations or one of %v", name, slices.Sorted(maps.Keys(files)))
	}
	ConstraintExpr("!purego")
	write()
	Generate()
	if err := printed(out); err != nil {
		log.Fatal(err)
	}
}
