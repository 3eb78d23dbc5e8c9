package testvectors

import (
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strconv"
)

// decoder reads typed fields of one vector and keeps the first error. finish
// reports keys nobody asked for, so that a misspelt key is never ignored.
type decoder struct {
	v    Vector
	used map[string]bool
	err  error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
}

func (d *decoder) finish() error {
	for _, k := range []string{"source", "comment", "expect", "reason"} {
		d.used[k] = true
	}
	for _, f := range d.v.Fields {
		if !d.used[f.Key] {
			d.fail("unknown key %q", f.Key)
		}
	}
	return d.err
}

func (d *decoder) all(key string) []string {
	d.used[key] = true
	return d.v.All(key)
}

// text returns the value of a key that may be given once or not at all.
func (d *decoder) text(key string) string {
	all := d.all(key)
	switch len(all) {
	case 0:
		return ""
	case 1:
		return all[0]
	}
	d.fail("key %q given %d times", key, len(all))
	return ""
}

func (d *decoder) required(key string) string {
	s := d.text(key)
	if s == "" {
		d.fail("key %q is missing", key)
	}
	return s
}

func (d *decoder) choice(key string, of ...string) string {
	s := d.required(key)
	if !slices.Contains(of, s) {
		d.fail("%s is %q, want one of %q", key, s, of)
	}
	return s
}

// flag is "yes" or absent.
func (d *decoder) flag(key string) bool {
	s := d.text(key)
	if s != "" && s != "yes" {
		d.fail("%s is %q, want yes or no such line", key, s)
	}
	return s == "yes"
}

func (d *decoder) network() string {
	return d.choice("network", "mainnet", "testnet3", "testnet4", "signet", "regtest")
}

func (d *decoder) number(key string, bits, absent int) int64 {
	s := d.text(key)
	if s == "" {
		return int64(absent)
	}
	n, err := strconv.ParseInt(s, 10, bits)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		d.fail("%s is %q, want a plain decimal number", key, s)
	}
	return n
}

func (d *decoder) hex(key, s string) []byte {
	b, err := decodeHex(s)
	if err != nil {
		d.fail("%s: %v", key, err)
	}
	return b
}

func (d *decoder) bytes(key string) []byte {
	s := d.text(key)
	if s == "" {
		return nil
	}
	return d.hex(key, s)
}

func (d *decoder) word(key string) uint32 {
	b := d.hex(key, d.required(key))
	if len(b) != 4 {
		d.fail("%s has %d bytes, want 4", key, len(b))
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

func (d *decoder) header(s string) (h [80]byte) {
	if b := d.hex("header", s); copy(h[:], b) != 80 || len(b) != 80 {
		d.fail("header has %d bytes, want 80", len(b))
	}
	return h
}

// array32 decodes 32 bytes in the order written.
func (d *decoder) array32(key, s string) (a [32]byte) {
	if b := d.hex(key, s); copy(a[:], b) != 32 || len(b) != 32 {
		d.fail("%s has %d bytes, want 32", key, len(b))
	}
	return a
}

// hash decodes 32 bytes written in display order into internal order.
func (d *decoder) hash(key, s string) [32]byte {
	a := d.array32(key, s)
	slices.Reverse(a[:])
	return a
}

// hashes decodes a repeated key; display tells how the file writes it.
func (d *decoder) hashes(key string, display bool) [][32]byte {
	var all [][32]byte
	for _, s := range d.all(key) {
		if display {
			all = append(all, d.hash(key, s))
		} else {
			all = append(all, d.array32(key, s))
		}
	}
	return all
}

// payload returns the embedded file named by key, which lies beside the vector.
func (d *decoder) payload(key string) []byte {
	s := d.text(key)
	if s == "" {
		return nil
	}
	if path.Base(s) != s || path.Ext(s) == ".txt" {
		d.fail("%s is %q, want the name of a payload beside the vector", key, s)
		return nil
	}
	b, err := files.ReadFile(path.Join(path.Dir(d.v.Name), s))
	if err != nil {
		d.fail("%s: %v", key, err)
	}
	return b
}
