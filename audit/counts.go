package audit

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// packed are counts whose JSON is short: a string in base64, of each count as a varint (as encoding/binary writes it). Of a state with
// thousands of small counts it takes half of what digits and commas do.
type packed []uint32

// maxPacked bounds how many counts there may be.
const maxPacked = 1 << 14

// MarshalJSON writes the counts; it does not fail.
func (p packed) MarshalJSON() ([]byte, error) {
	if p == nil {
		return []byte("null"), nil
	}
	raw := make([]byte, 0, 2*len(p))
	for _, n := range p {
		raw = binary.AppendUvarint(raw, uint64(n))
	}
	text := append(make([]byte, 0, len(raw)*4/3+8), '"')
	return append(base64.StdEncoding.AppendEncode(text, raw), '"'), nil
}

// UnmarshalJSON reads what MarshalJSON writes and nothing else.
func (p *packed) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*p = nil
		return nil
	}
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' || len(text) > 8*maxPacked {
		return fmt.Errorf("counts of %d bytes: want a string in base64", len(text))
	}
	raw, err := base64.StdEncoding.Strict().AppendDecode(nil, text[1:len(text)-1])
	if err != nil {
		return fmt.Errorf("counts: %w", err)
	}
	read := make(packed, 0, len(raw))
	for len(raw) > 0 {
		v, n := binary.Uvarint(raw)
		if n <= 0 || n > 1 && raw[n-1] == 0 || v > math.MaxUint32 {
			return errors.New("counts: a number that is no varint of 32 bits")
		}
		read, raw = append(read, uint32(v)), raw[n:]
	}
	if len(read) > maxPacked {
		return tooMany("counts", len(read), maxPacked)
	}
	*p = read
	return nil
}
