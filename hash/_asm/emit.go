package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// bases are the registers that memory's bases stand for.
var bases = map[string]Register{
	"search":    RSI, // the laneSearch
	"column":    RBX, // the column of the table at which a vector's nonces begin
	"half":      R13, // the laneSearch, or where its half begins that is searched, or the stream
	"turn":      R14, // the rows of a turn of a loop
	"k":         R15, // the K of a turn of a loop
	"constants": R8,
}

var (
	zmm = []Register{
		Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15,
		Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31,
	}
	ymm = []Register{Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y8, Y9, Y10, Y11, Y12, Y13, Y14, Y15}
	// masks are where opTest leaves its answers, by number. Without them there is one, in R10.
	masks = []Register{K1, K2, K3, K4}
)

// assemble schedules the program, gives it registers and writes it.
func (p *program) assemble(o order, slots []memory) {
	p.schedule(o)
	for _, in := range p.allocate(slots) {
		comment(in.note)
		p.isa.emit(in)
	}
}

// comment is written behind the instruction that follows: see [printed].
func comment(text string) { Comment(trailing + text) }

const trailing = "> "

// loop is a label where a loop begins: at a multiple of 64, so that its speed does not depend on what lies before it.
func loop(name string) {
	Instruction(&ir.Instruction{Opcode: "PCALIGN", Operands: []Op{U8(64)}})
	Label(name)
}

func place(m memory) Op { return Mem{Base: bases[m.base], Disp: m.disp} }

func (i isa) emit(in instruction) {
	regs := zmm
	if !i.ternary {
		regs = ymm
	}
	// Instructions take their operands in Go's order: last source first, destination last.
	source := func(j int) Op {
		if in.src[j] < 0 {
			return place(in.mem)
		}
		return regs[in.src[j]]
	}
	broadcast := in.mem.base != "" && in.mem.group == 4 && i.ternary
	switch {
	case in.load:
		i.emitLoad(in, regs[in.dst])
	case in.move && i.ternary:
		VMOVDQA32(regs[in.src[0]], regs[in.dst])
	case in.move:
		VMOVDQA(regs[in.src[0]], regs[in.dst])
	case in.op == opStore && i.ternary:
		VMOVDQU32(regs[in.src[0]], place(in.mem))
	case in.op == opStore:
		VMOVDQU(regs[in.src[0]], place(in.mem))
	case in.op == opTest && i.ternary:
		VPTESTNMD_BCST(place(in.mem), regs[in.src[0]], masks[in.result])
	case in.op == opTest:
		VPCMPEQD(source(1), source(0), regs[in.src[0]])
		VMOVMSKPS(regs[in.src[0]], R10L)
	case in.op == opRotr:
		VPRORD(U8(in.imm), source(0), regs[in.dst])
	case in.op == opShr:
		VPSRLD(U8(in.imm), source(0), regs[in.dst])
	case in.op == opShl:
		VPSLLD(U8(in.imm), source(0), regs[in.dst])
	case in.op == opTernary && broadcast:
		VPTERNLOGD_BCST(U8(in.imm), source(1), source(0), regs[in.dst])
	case in.op == opTernary:
		VPTERNLOGD(U8(in.imm), source(1), source(0), regs[in.dst])
	default:
		x, y := source(0), source(1)
		if in.src[0] < 0 { // the order of arguments does not matter
			x, y = y, x
		}
		switch {
		case in.op == opAdd && broadcast:
			VPADDD_BCST(y, x, regs[in.dst])
		case in.op == opAdd:
			VPADDD(y, x, regs[in.dst])
		case in.op == opXor:
			VPXOR(y, x, regs[in.dst])
		case in.op == opAnd:
			VPAND(y, x, regs[in.dst])
		case in.op == opOr:
			VPOR(y, x, regs[in.dst])
		default:
			panic(fmt.Sprintf("no instruction for operation %d", in.op))
		}
	}
}

// emitLoad fills the register dst by repeating the bytes in memory.
func (i isa) emitLoad(in instruction, dst Register) {
	m := place(in.mem)
	switch {
	case in.mem.group == 4:
		VPBROADCASTD(m, dst)
	case in.mem.group == 8:
		VPBROADCASTQ(m, dst)
	case in.mem.group == i.bytes && i.ternary:
		VMOVDQU32(m, dst)
	case in.mem.group == i.bytes:
		VMOVDQU(m, dst)
	case in.mem.group == 16 && i.ternary:
		VBROADCASTI32X4(m, dst)
	case in.mem.group == 16:
		VBROADCASTI128(m, dst)
	case in.mem.group == 32:
		VBROADCASTI64X4(m, dst)
	default:
		panic(fmt.Sprintf("no load for groups of %d bytes", in.mem.group))
	}
}

// emit writes the constants into the read-only data of the file.
func (cs *constants) emit() {
	GLOBL(cs.symbol, RODATA|NOPTR)
	for i, c := range cs.words {
		for j := 0; j < cs.width; j += 4 {
			DATA(i*cs.width+j, U32(c))
		}
	}
}

// printed is what avo wrote, with the comments that [comment] made behind their instructions.
func printed(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	lines := strings.Split(string(b), "\n")
	lines[0] = strings.Replace(lines[0], "go run main.go", "go run -C _asm .", 1) // avo cannot know
	for i := 0; i < len(lines); i++ {
		text, ok := strings.CutPrefix(strings.TrimSpace(lines[i]), "// "+trailing)
		if !ok {
			out.WriteString(lines[i])
			if i < len(lines)-1 {
				out.WriteByte('\n')
			}
			continue
		}
		i++
		if n := out.Len(); bytes.HasSuffix(out.Bytes(), []byte("\n\n")) {
			out.Truncate(n - 1)
		}
		fmt.Fprintf(&out, "\t%-52s // %s\n", strings.TrimSpace(lines[i]), text)
	}
	return os.WriteFile(path, out.Bytes(), 0o644)
}
