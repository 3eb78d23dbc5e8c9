package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// probeOperations is how many operations a turn of a probe's loop has: so many that the loop's own instructions, which
// never wait for a vector unit, don't show, and few enough that all of it stays in the cache of decoded instructions.
const probeOperations = 120

// probes writes the functions with which package bench measures how many operations of a kind this machine does in a
// second. Each repeats one instruction whose results nothing waits for, so that only the units which execute it limit it:
//
//   - the instructions of AVX2 and AVX-512 write to registers that none of them reads;
//   - those of SSE, which write to what they read, take turns with so many registers that each is long ready when its turn
//     comes again.
func probes() {
	zmm := func(i int) reg.Register { return probeRegisters[i].AsZ() }
	ymm := func(i int) reg.Register { return probeRegisters[i].AsY() }
	probe("probeAdd512", "VPADDD on 512 bits", 32, 8, broadcast512, func(i, sources, registers int) {
		build.VPADDD(zmm(i%sources), zmm((i+1)%sources), zmm(sources+i%(registers-sources)))
	})
	probe("probeShift512", "VPRORD on 512 bits", 32, 8, broadcast512, func(i, sources, registers int) {
		build.VPRORD(operand.U8(7), zmm(i%sources), zmm(sources+i%(registers-sources)))
	})
	probe("probeAdd256", "VPADDD on 256 bits", 16, 4, broadcast256, func(i, sources, registers int) {
		build.VPADDD(ymm(i%sources), ymm((i+1)%sources), ymm(sources+i%(registers-sources)))
	})
	probe("probeShift256", "VPSRLD on 256 bits", 16, 4, broadcast256, func(i, sources, registers int) {
		build.VPSRLD(operand.U8(7), ymm(i%sources), ymm(sources+i%(registers-sources)))
	})
	probe("probeAdd128", "PADDL on 128 bits", 16, 1, broadcast128, func(i, sources, registers int) {
		build.PADDL(probeRegisters[0], probeRegisters[sources+i%(registers-sources)])
	})
	probe("probeShift128", "PSRLL on 128 bits", 16, 0, broadcast128, func(i, _, registers int) {
		build.PSRLL(operand.U8(7), probeRegisters[i%registers])
	})
	// The instruction takes its words from X0, without saying so in Go's assembler.
	probe("probeRounds", "SHA256RNDS2", 16, 2, broadcast128, func(i, sources, registers int) {
		build.SHA256RNDS2(reg.X0, probeRegisters[1], probeRegisters[sources+i%(registers-sources)])
	})
}

var probeRegisters = []reg.VecPhysical{
	reg.X0, reg.X1, reg.X2, reg.X3, reg.X4, reg.X5, reg.X6, reg.X7,
	reg.X8, reg.X9, reg.X10, reg.X11, reg.X12, reg.X13, reg.X14, reg.X15,
	reg.X16, reg.X17, reg.X18, reg.X19, reg.X20, reg.X21, reg.X22, reg.X23,
	reg.X24, reg.X25, reg.X26, reg.X27, reg.X28, reg.X29, reg.X30, reg.X31,
}

func broadcast512(value reg.GPPhysical, to reg.VecPhysical) { build.VPBROADCASTD(value, to.AsZ()) }

func broadcast256(value reg.GPPhysical, to reg.VecPhysical) {
	build.VMOVD(value, to)
	build.VPBROADCASTD(to, to.AsY())
}

func broadcast128(value reg.GPPhysical, to reg.VecPhysical) {
	build.MOVD(value, to)
	build.PSHUFD(operand.U8(0), to, to)
}

// probe writes one probe: operation writes the i-th operation of a turn, the first registers of so many are sources.
func probe(name, instruction string, registers, sources int, broadcast func(value reg.GPPhysical, to reg.VecPhysical), operation func(i, sources, registers int)) {
	build.TEXT(name, build.NOSPLIT, "func(atLeast int) (done int)")
	build.Doc(fmt.Sprintf("%s repeats %s.", name, instruction))
	atLeast := build.Load(build.Param("atLeast"), reg.RAX)
	build.Comment("All registers hold other bits, as they do in a kernel.")
	for i := range registers {
		build.MOVL(operand.U32(0x9e3779b9*uint32(i+1)), reg.EDX)
		broadcast(reg.EDX, probeRegisters[i])
	}
	done := reg.RCX
	build.XORQ(done, done)
	build.Label("turn")
	for i := range probeOperations {
		operation(i, sources, registers)
	}
	build.ADDQ(operand.Imm(probeOperations), done)
	build.CMPQ(done, atLeast)
	build.JLT(operand.LabelRef("turn"))
	if wide := registers == 32 || sources == 4; wide {
		build.VZEROUPPER()
	}
	build.Store(done, build.Return("done"))
	build.RET()
}
