package stratum

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// Violation is the error of a peer that does not speak Stratum, or broke it beyond repair: the connection is of no use, and a peer that
// keeps coming so can be kept out for a while.
type Violation struct {
	// What came, such as "an HTTP request".
	What string
	// Cure says what the peer's owner may do about it, "" if nobody knows.
	Cure string
}

func (v *Violation) Error() string {
	if v.Cure == "" {
		return v.What
	}
	return v.What + ": " + v.Cure
}

// The beginnings of what is sent to the wrong port.
var strangers = []struct {
	start string
	Violation
}{
	{"GET ", httpViolation}, {"POST ", httpViolation}, {"HEAD ", httpViolation}, {"PUT ", httpViolation}, {"OPTIONS ", httpViolation},
	{"CONNECT ", httpViolation}, {"DELETE ", httpViolation}, {"PATCH ", httpViolation}, {"TRACE ", httpViolation},
	{"PRI * HTTP/2", httpViolation},
	{"\x16\x03", Violation{"a TLS handshake", "this port speaks plain TCP: use stratum+tcp://, or the port for stratum+ssl://"}},
	{"SSH-", Violation{"an SSH client", "this port speaks Stratum"}},
	{"PROXY ", Violation{"a PROXY protocol header", "this port does not expect one from this peer"}},
	{"\r\n\r\n\x00\r\nQUIT\n", Violation{"a PROXY protocol header", "this port does not expect one from this peer"}},
}

var httpViolation = Violation{
	"an HTTP request", "this port speaks Stratum: use stratum+tcp:// in the miner, and the status address in a browser",
}

// looksForeign returns what the first bytes of a connection look like if they are not the beginning of a Stratum message, nil if they may
// be: a few bytes are enough, and none of what is found needs a whole line.
func looksForeign(start []byte) *Violation {
	for i := range strangers {
		if s := &strangers[i]; bytes.HasPrefix(start, []byte(s.start)) {
			v := s.Violation
			return &v
		}
	}
	for i, c := range start {
		if c < ' ' && c != '\t' && c != '\r' && c != '\n' || c == 0x7f {
			return &Violation{What: fmt.Sprintf("binary data (byte %d is %02x)", i, c), Cure: "want JSON, one message a line"}
		}
	}
	return nil
}

// foreign is looksForeign for a whole line that was held not to be a message.
func foreign(line []byte) *Violation {
	if v := looksForeign(line); v != nil {
		return v
	}
	if !utf8.Valid(line) {
		return &Violation{What: "binary data (no valid UTF-8)", Cure: "want JSON, one message a line"}
	}
	return nil
}
