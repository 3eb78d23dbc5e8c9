package main

import "fmt"

// block is what is known of a block of a message beforehand: its words from known up to the fifteenth are a padding,
// 80000000, zeros, and a length. 16 says that nothing is known. With 0 everything is, and K + W is read from memory for all
// rounds.
type block struct{ known int }

var (
	wholeBlock  = block{known: 16}
	headerEnd   = block{known: 4}
	digestBlock = block{known: 8}
	padding     = block{known: 0}
)

// constant reports whether the rows that ROWS points to hold K + W for the rounds i to i+3, not K alone.
func (b block) constant(i int) bool { return b.known == 0 || i >= b.known && i < 16 }

// folded reports whether W[i-16..i-13] + σ0(W[i-15..i-12]) is no more than W[i-16..i-13]: within a padding, where
// everything after its first word and before its last is zero.
func (b block) folded(i int) bool { return i-16 >= b.known && i-12 < 15 }

// w is the register that holds the words i to i+3, and before them i-16 to i-13, and so on.
func w(i int) string { return [...]string{"WA#", "WB#", "WC#", "WD#"}[i/4%4] }

// span names four things in a row.
func span(name string, i int) string { return fmt.Sprintf("%s[%d..%d]", name, i, i+3) }

// sigma0 begins the words i to i+3 of the schedule,
//
//	W[i] = σ1(W[i-2]) + W[i-7] + σ0(W[i-15]) + W[i-16]
//
// with the last two terms, unless they are folded.
func (p *printer) sigma0(b block, i int) {
	if b.folded(i) {
		p.text("\t// %[1]s + σ0(%[2]s) is %[1]s: σ0(0) = 0", span("W", i-16), span("W", i-15))
		return
	}
	p.each("SHA256SU0 "+w(i-12)+".S4, "+w(i)+".S4", "%s + σ0(%s)", span("W", i-16), span("W", i-15))
}

// sigma1 adds the first two terms.
func (p *printer) sigma1(i int) {
	p.each("SHA256SU1 "+w(i-4)+".S4, "+w(i-8)+".S4, "+w(i)+".S4", "%s: + %s + σ1(%s)", span("W", i), span("W", i-7), span("W", i-2))
}

// rounds does the rounds i to i+3 of a block. The order is one in which nothing waits for the instruction just before it,
// for cores that do not look for a better one: the words of the schedule sixteen rounds on are computed between the rounds.
func (p *printer) rounds(b block, i int) {
	extend := i < 48 && b != padding
	kw := "KW#"
	if b.constant(i) {
		p.op("VLD1.P 16(ROWS), [KW0.S4]", "%s, the same in all streams", span("K+W", i))
		p.before()
		kw = "KW0"
	} else {
		p.op("VLD1.P 16(ROWS), [K.S4]", "%s", span("K", i))
		p.before()
		p.kw(i)
	}
	p.abcd(i, kw)
	if extend {
		p.sigma0(b, i+16)
	}
	p.efgh(i, kw, "OLD#")
	if extend {
		p.sigma1(i + 16)
	}
}

// before keeps what SHA256H replaces and SHA256H2 still needs.
func (p *printer) before() { p.each("VMOV ABCD#.B16, OLD#.B16", "a to d as they are") }

// kw computes K + W for the rounds i to i+3. It ends with stream 3, where K is.
func (p *printer) kw(i int) { p.each("VADD K.S4, "+w(i)+".S4, KW#.S4", "%s", span("K+W", i)) }

// abcd does the half of the rounds i to i+3 that gives a to d, and efgh the other half, from the a to d before.
func (p *printer) abcd(i int, kw string) {
	p.each("SHA256H "+kw+".S4, EFGH#, ABCD#", "a to d after round %d", i+3)
}

func (p *printer) efgh(i int, kw, before string) {
	p.each("SHA256H2 "+kw+".S4, "+before+", EFGH#", "e to h after round %d", i+3)
}

// compress does the rounds from 0 up to but not including end, on ABCD and EFGH.
func (p *printer) compress(b block, end int) {
	for i := 0; i < end; i += 4 {
		p.comment("rounds %d to %d", i, i+3)
		p.rounds(b, i)
	}
}
