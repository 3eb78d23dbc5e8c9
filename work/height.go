package work

import (
	"bytes"
	"encoding/binary"
)

const (
	op1  = 0x51 // OP_1; OP_2 to OP_16 follow it
	op16 = 0x60
	// opPushData1 begins pushes of 76 to 255 bytes; shorter ones begin with their length.
	opPushData1 = 0x4c
)

// appendHeight appends the push of a height that BIP 34 wants at the beginning of a coinbase's scriptSig, in the form that
// nodes compare with: OP_1 to OP_16 for these, else the shortest script number.
func appendHeight(dst []byte, height int32) []byte {
	switch {
	case height == 0:
		return append(dst, 0)
	case height <= 16:
		return append(dst, op1-1+byte(height))
	}
	number := binary.LittleEndian.AppendUint32(nil, uint32(height))
	number = bytes.TrimRight(number, "\x00")
	if number[len(number)-1]&0x80 != 0 {
		number = append(number, 0) // the highest bit is the sign
	}
	return appendPush(dst, number)
}

// coinbaseHeight returns the height at the beginning of a coinbase's scriptSig, -1 where none stands in the form of BIP 34.
func coinbaseHeight(script []byte) int32 {
	if len(script) == 0 {
		return -1
	}
	switch op := script[0]; {
	case op >= op1 && op <= op16:
		return int32(op - op1 + 1)
	case op >= 1 && op <= 5 && len(script) > int(op):
		var number [8]byte
		copy(number[:], script[1:1+op])
		height := binary.LittleEndian.Uint64(number[:])
		if height <= MaxHeight && bytes.HasPrefix(script, appendHeight(nil, int32(height))) {
			return int32(height)
		}
	}
	return -1
}

// appendPush appends the push of data of at most 255 bytes, as BIP 62 would have it but for small numbers. A coinbase's script
// is never run: pushes keep its bytes from being counted as signature operations.
func appendPush(dst, data []byte) []byte {
	if len(data) >= opPushData1 {
		dst = append(dst, opPushData1)
	}
	return append(append(dst, byte(len(data))), data...)
}

// pushLen is how many bytes appendPush puts before n bytes.
func pushLen(n int) int {
	if n >= opPushData1 {
		return 2
	}
	return 1
}

// leastVersion is the lowest version that a header of this height may have (BIP 34, 66, 65), 0 where any may.
func (n *Network) leastVersion(height int32) int32 {
	switch {
	case height >= n.BIP65Height:
		return 4
	case height >= n.BIP66Height:
		return 3
	case height >= n.BIP34Height:
		return 2
	}
	return 0
}
