package work

import (
	"encoding/binary"
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"
)

const (
	// coinbaseVersion is the version of coinbases made here.
	coinbaseVersion = 2
	// finalSequence switches nLockTime off, which BIP 54 forbids in a coinbase.
	finalSequence = 0xffffffff
	// bip54Sequence is what Bitcoin Core puts in its place.
	bip54Sequence = 0xfffffffe

	defaultExtranonce1Size = 4
	defaultExtranonce2Size = 8
)

// CoinbaseOptions say how NewJob makes a coinbase.
type CoinbaseOptions struct {
	// Payouts are the outputs, in order. Their values must add up to the template's, or one is Remainder. They must be empty
	// where the template brings its own coinbase and grants no other.
	Payouts []Payout
	// Tag is text for the scriptSig, after the extranonce. Default: none.
	Tag []byte
	// Extranonce1Size and Extranonce2Size are in bytes. Default, when both are 0: 4 and 8.
	Extranonce1Size, Extranonce2Size int
	// NoBIP54 leaves nLockTime 0 and nSequence ffffffff, as coinbases were before BIP 54.
	NoBIP54 bool
	// VersionMask are the version bits that may be rolled; it goes into the job as it is. SoloMask makes one.
	VersionMask uint32
}

// extranonceSizes returns the sizes with the defaults filled in.
func (o *CoinbaseOptions) extranonceSizes() (en1, en2 int, err error) {
	if o.Extranonce1Size < 0 || o.Extranonce2Size < 0 {
		return 0, 0, fmt.Errorf("extranonce sizes %d and %d: want 0 or more bytes each", o.Extranonce1Size, o.Extranonce2Size)
	}
	if o.Extranonce1Size == 0 && o.Extranonce2Size == 0 {
		return defaultExtranonce1Size, defaultExtranonce2Size, nil
	}
	return o.Extranonce1Size, o.Extranonce2Size, nil
}

// coinbase is a coinbase without witness, cut where the extranonce goes.
type coinbase struct {
	prefix, suffix []byte
	en1, en2       int
}

// size is in bytes, without witness.
func (c *coinbase) size() int { return len(c.prefix) + c.en1 + c.en2 + len(c.suffix) }

// newCoinbase returns a coinbase for the template that pays what o says and, where commitment is not nil, commits to it.
//
// The scriptSig holds, in this order, the height (BIP 34), the template's coinbaseaux as they are, the extranonce as one push,
// and the tag as one push. The commitment is the last output, so that no payout's script can stand in for it.
func newCoinbase(t *Template, o *CoinbaseOptions, commitment *chainhash.Hash) (*coinbase, error) {
	values, err := payoutValues(o.Payouts, t.coinbaseFunds())
	if err != nil {
		return nil, err
	}
	script := appendHeight(nil, t.Height)
	for _, aux := range t.CoinbaseAux {
		script = append(script, aux.Data...)
	}
	sequence, lockTime := uint32(bip54Sequence), uint32(t.Height-1)
	if o.NoBIP54 {
		sequence, lockTime = finalSequence, 0
	}
	suffix := binary.LittleEndian.AppendUint32(nil, sequence)
	outputs := len(o.Payouts)
	if commitment != nil {
		outputs++
	}
	suffix = appendCompactSize(suffix, outputs)
	for i, p := range o.Payouts {
		suffix = appendOutput(suffix, values[i], p.Script)
	}
	if commitment != nil {
		suffix = appendOutput(suffix, 0, CommitmentScript(*commitment))
	}
	suffix = binary.LittleEndian.AppendUint32(suffix, lockTime)

	prefix := binary.LittleEndian.AppendUint32(nil, coinbaseVersion)
	prefix = append(append(prefix, 1), nullOutpoint...)
	return cutCoinbase(prefix, script, suffix, o)
}

// appendedCoinbase returns the template's own coinbase with extranonce and tag appended to its scriptSig, the one change that
// "coinbase/append" grants (BIP 23). Its outputs and its nLockTime stay the node's.
func appendedCoinbase(t *Template, o *CoinbaseOptions) (*coinbase, error) {
	own := &t.CoinbaseTxn.parts
	script := own.coinbaseScript()
	head := own.inputs + 1 + outpointSize // one input: its count is one byte
	tail := head + compactSizeLen(len(script)) + len(script)
	prefix := append([]byte(nil), own.raw[:4]...)
	prefix = append(prefix, own.raw[own.inputs:head]...)
	suffix := append([]byte(nil), own.raw[tail:own.witness]...)
	suffix = append(suffix, own.raw[len(own.raw)-4:]...)
	return cutCoinbase(prefix, script, suffix, o)
}

// cutCoinbase adds the scriptSig, which begins with begin and ends with extranonce and tag, to the prefix and the suffix of a
// coinbase, and checks what depends on the sizes.
func cutCoinbase(prefix, begin, suffix []byte, o *CoinbaseOptions) (*coinbase, error) {
	en1, en2, err := o.extranonceSizes()
	if err != nil {
		return nil, err
	}
	var tag []byte
	if len(o.Tag) > MaxCoinbaseScript {
		return nil, fmt.Errorf("tag %s has %d bytes: a coinbase's scriptSig has at most %d", quote(string(o.Tag)), len(o.Tag), MaxCoinbaseScript)
	}
	if len(o.Tag) > 0 {
		tag = appendPush(nil, o.Tag)
	}
	if en1 > MaxCoinbaseScript || en2 > MaxCoinbaseScript {
		return nil, fmt.Errorf("extranonce sizes %d and %d: a coinbase's scriptSig has at most %d bytes", en1, en2, MaxCoinbaseScript)
	}
	push := pushLen(en1 + en2)
	size := len(begin) + push + en1 + en2 + len(tag)
	if size > MaxCoinbaseScript {
		return nil, fmt.Errorf("the coinbase's scriptSig would have %d bytes (height and coinbaseaux %d, extranonce %d+%d+%d, tag %d), %d are allowed: shorten the tag or the extranonce",
			size, len(begin), push, en1, en2, len(tag), MaxCoinbaseScript)
	}
	c := &coinbase{en1: en1, en2: en2}
	c.prefix = append(append(prefix, byte(size)), begin...) // 100 bytes at most: the size takes one
	if push == 2 {
		c.prefix = append(c.prefix, opPushData1)
	}
	c.prefix = append(c.prefix, byte(en1+en2))
	c.suffix = append(tag, suffix...)
	if c.size() == bip54Size {
		return nil, fmt.Errorf("the coinbase would have %d bytes, which BIP 54 forbids: lengthen the tag or the extranonce", bip54Size)
	}
	return c, nil
}

// appendOutput appends a serialized output.
func appendOutput(dst []byte, value int64, script []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(value))
	dst = appendCompactSize(dst, len(script))
	return append(dst, script...)
}

// legacySigOps counts the coinbase's signature operations.
func (c *coinbase) legacySigOps() (int, error) {
	raw := append([]byte(nil), c.prefix...)
	raw = append(raw, make([]byte, c.en1+c.en2)...)
	raw = append(raw, c.suffix...)
	t, err := scanTransaction(raw, 0)
	if err != nil {
		return 0, fmt.Errorf("coinbase: %w", err)
	}
	return t.legacySigOps(), nil
}
