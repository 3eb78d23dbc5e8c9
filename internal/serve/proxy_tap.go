package serve

import (
	"bytes"

	"github.com/touchstone-btc/touchstone/stratum"
)

// lineTap finds the lines among bytes that go by in pieces of any size. It keeps no more than stratum.MaxLine of them.
type lineTap struct {
	part []byte // of a line whose end has not come
	long bool   // that line has become too long and is not kept
}

// feed takes in the next bytes. It calls line for each line that ends in them, without the line feed, valid during the call; tooLong
// stands for one of more than stratum.MaxLine bytes, of which nothing is given. A line of nothing but white space carries no message and
// is left out.
func (t *lineTap) feed(b []byte, line func(l []byte, tooLong bool)) {
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			t.keep(b)
			return
		}
		whole := b[:end]
		if len(t.part) > 0 || t.long {
			t.keep(whole)
			whole = t.part
		}
		t.give(whole, line)
		b = b[end+1:]
	}
}

// end says that no more bytes come: what followed the last line feed is a line too, because there are programs that read it as one.
func (t *lineTap) end(line func(l []byte, tooLong bool)) { t.give(t.part, line) }

func (t *lineTap) give(whole []byte, line func(l []byte, tooLong bool)) {
	switch {
	case t.long || len(whole) > stratum.MaxLine:
		line(nil, true)
	case len(bytes.Trim(whole, " \t\r\n")) > 0:
		line(whole, false)
	}
	t.long, t.part = false, t.part[:0]
	if cap(t.part) > tapKept {
		t.part = nil
	}
}

// tapKept are the most bytes that are kept for the next line: there is a tap for each direction of each connection.
const tapKept = 1 << 10

func (t *lineTap) keep(b []byte) {
	switch {
	case t.long:
	case len(t.part)+len(b) > stratum.MaxLine:
		t.long, t.part = true, nil
	default:
		t.part = append(t.part, b...)
	}
}
