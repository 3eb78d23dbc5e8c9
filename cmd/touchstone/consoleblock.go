package main

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/width"
)

// blockFree is how many rows of the terminal a block leaves free.
const blockFree = 4

// block is lines at the bottom of a terminal. What changes the screen is
// returned, to be written at once, so that nothing flickers.
type block struct {
	lines  []string
	shown  bool // the cursor stands at the end of the last of them
	widths []int
}

// replace returns what draws other lines over the old ones.
func (b *block) replace(lines []string, columns int) []byte {
	if len(lines) == 0 {
		out := b.erase(columns)
		b.lines = nil
		return out
	}
	out := b.up(columns)
	b.lines, b.widths = lines, b.widths[:0]
	for _, l := range lines {
		b.widths = append(b.widths, textWidth(l))
	}
	b.shown = false
	return append(out, b.draw(columns)...)
}

// draw returns what draws the lines, if they are not there.
func (b *block) draw(columns int) []byte {
	if b.shown || len(b.lines) == 0 || columns == 0 {
		return nil
	}
	b.shown = true
	var out []byte
	for i, l := range b.lines {
		if i > 0 {
			out = append(out, "\r\n"...)
		}
		// The rest of a row is cleared before the text: where a window was made
		// narrower since, that after it would be the row below.
		out = append(out, "\x1b[K"...)
		out = append(out, cutWidth(l, columns-1)...)
		b.widths[i] = min(b.widths[i], columns-1)
	}
	return append(out, "\x1b[J"...)
}

// erase returns what takes the lines off the screen; the cursor is then where
// the first began.
func (b *block) erase(columns int) []byte {
	if !b.shown {
		return nil
	}
	out := append(b.up(columns), "\x1b[J"...)
	b.shown = false
	return out
}

// up returns what moves the cursor to the beginning of the block. In a window
// that was made narrower, long lines stand in several rows.
func (b *block) up(columns int) []byte {
	if !b.shown {
		return nil
	}
	rows := 0
	for _, w := range b.widths {
		rows += 1 + max(w-1, 0)/max(columns, 1)
	}
	if rows <= 1 {
		return []byte("\r")
	}
	return fmt.Appendf(nil, "\r\x1b[%dA", rows-1)
}

// runeWidth is how many columns a character takes.
func runeWidth(r rune) int {
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// textWidth is how many columns a text takes that went through harmless.
func textWidth(s string) (columns int) {
	for _, r := range s {
		columns += runeWidth(r)
	}
	return columns
}

// cutWidth returns the part of a text that fits, with … where something is
// missing.
func cutWidth(s string, columns int) string {
	if len(s) <= columns || textWidth(s) <= columns {
		return s
	}
	used := 0
	for i, r := range s {
		if used += runeWidth(r); used > columns-1 {
			if columns < 1 {
				return ""
			}
			return s[:i] + "…"
		}
	}
	return s
}

// cutMiddle returns a text in so many columns, with … for what is missing in the
// middle: names mostly differ at the end.
func cutMiddle(s string, columns int) string {
	if columns < 8 || textWidth(s) <= columns {
		return cutWidth(s, columns)
	}
	tail, used := len(s), 0
	for tail > 0 {
		r, size := utf8.DecodeLastRuneInString(s[:tail])
		if used += runeWidth(r); used > columns/2 {
			break
		}
		tail -= size
	}
	return cutWidth(s, columns-textWidth(s[tail:])) + s[tail:]
}

// harmless returns a name that a device chose as it can stand in a table: on
// one line, each character in a place of its own and in its order.
func harmless(s string) string {
	out := []rune(s)
	for i, r := range out {
		p, _ := bidi.LookupRune(r)
		switch class := p.Class(); {
		case r == ' ':
		case !unicode.IsGraphic(r) || unicode.IsMark(r) || unicode.IsSpace(r), class == bidi.R, class == bidi.AL, class == bidi.AN:
			out[i] = '?'
		}
	}
	return string(out)
}
