package stratum

import (
	"errors"
	"fmt"
)

// The one extension of mining.configure (BIP 310) that is read here, and its parameter.
const (
	extensionVersionRolling = "version-rolling"
	versionRollingMask      = "version-rolling.mask"
)

// errNoMask says that version rolling was granted, but not which bits.
var errNoMask = errors.New("version rolling is granted, but version-rolling.mask is missing (BIP 310)")

// Configure reads a mining.configure (BIP 310): the version bits that the miner asks for, and whether it asks for any. Other
// extensions are ignored.
func (m *Message) Configure() (mask uint32, asked bool, err error) {
	p, err := m.atLeast(1)
	if err != nil {
		return 0, false, err
	}
	if p[0].Kind() != Array {
		return 0, false, fmt.Errorf("%s: extensions: %s: want an array", m.Method, p[0])
	}
	if err := p[0].elements(func(i int, v Value) error {
		text, ok := v.text(&m.scratch)
		if !ok {
			return fmt.Errorf("%s: extensions[%d]: %s: want a string", m.Method, i, v)
		}
		asked = asked || string(text) == extensionVersionRolling
		return nil
	}); err != nil || !asked {
		return 0, false, err
	}
	mask = ^uint32(0) // BIP 310: what a miner asks for that says nothing more
	if len(p) > 1 && p[1].Kind() == Object {
		if v := p[1].member(versionRollingMask); v != nil {
			if mask, err = hex32(v); err != nil {
				return 0, false, fmt.Errorf("%s: %s: %w", m.Method, versionRollingMask, err)
			}
		}
	}
	return mask, true, nil
}

// ConfigureResult reads the answer to a mining.configure: the version bits that may be rolled, and whether any were granted.
func (m *Message) ConfigureResult() (mask uint32, granted bool, err error) {
	if m.Refused() || m.Result.Kind() == Null || m.Result.Kind() == None {
		return 0, false, nil
	}
	if m.Result.Kind() != Object {
		return 0, false, fmt.Errorf("answer to %s: %s: want an object", MethodConfigure, m.Result)
	}
	switch v := m.Result.member(extensionVersionRolling); v.Kind() {
	case True:
	case None, Null, False, String: // a string is the reason of a refusal
		return 0, false, nil
	default:
		return 0, false, fmt.Errorf("answer to %s: %s: %s: want true or false", MethodConfigure, extensionVersionRolling, v)
	}
	v := m.Result.member(versionRollingMask)
	if v == nil {
		return 0, false, fmt.Errorf("answer to %s: %w", MethodConfigure, errNoMask)
	}
	if mask, err = hex32(v); err != nil {
		return 0, false, fmt.Errorf("answer to %s: %s: %w", MethodConfigure, versionRollingMask, err)
	}
	return mask, true, nil
}

// SetVersionMask reads a mining.set_version_mask: the version bits that may be rolled from now on, in earlier jobs too.
func (m *Message) SetVersionMask() (mask uint32, err error) {
	p, err := m.atLeast(1)
	if err != nil {
		return 0, err
	}
	if mask, err = hex32(p[0]); err != nil {
		return 0, fmt.Errorf("%s: %w", m.Method, err)
	}
	return mask, nil
}
