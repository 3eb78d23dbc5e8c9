package stratum

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/touchstone-btc/touchstone/work"
)

// SubscribeRequest is a mining.subscribe. What was not given, or is null, is "".
type SubscribeRequest struct {
	// UserAgent is what the miner says it is.
	UserAgent string
	// Session is that of an earlier connection, to be taken up again.
	Session string
}

// SubscribeRequest reads a mining.subscribe. Params that are no array are none, and elements after the second are not looked at: miners put
// the pool's host and port there.
func (m *Message) SubscribeRequest() (q SubscribeRequest, err error) {
	if q.UserAgent, err = m.optionalText(0, "user agent"); err == nil {
		q.Session, err = m.optionalText(1, "session")
	}
	return q, err
}

// optionalText reads one of params, "" if it is not there or null.
func (m *Message) optionalText(i int, name string) (string, error) {
	if i >= len(m.Params) || !m.Params[i].given() {
		return "", nil
	}
	text, ok := m.Params[i].text(&m.scratch)
	switch {
	case !ok:
		return "", fmt.Errorf("%s: %s: %s: want a string", m.Method, name, m.Params[i])
	case len(text) > MaxField:
		return "", fmt.Errorf("%s: %s: %d bytes: want at most %d", m.Method, name, len(text), MaxField)
	}
	return string(text), nil
}

// password returns the password of a mining.authorize, as it was written if it is no string; "" if it is not there, null, or too long.
func (m *Message) password() string {
	if len(m.Params) < 2 || !m.Params[1].given() || len(m.Params[1]) > MaxField {
		return ""
	}
	if text, ok := m.Params[1].text(&m.scratch); ok {
		return string(text)
	}
	return string(m.Params[1])
}

// The extensions of mining.configure (BIP 310) that are answered beside version rolling, and their parameters.
const (
	extensionMinimumDifficulty   = "minimum-difficulty"
	minimumDifficultyValue       = "minimum-difficulty.value"
	extensionSubscribeExtranonce = "subscribe-extranonce"
	extensionInfo                = "info"
	infoSoftware                 = "info.sw-version"
)

// ConfigureRequest is a mining.configure (BIP 310).
type ConfigureRequest struct {
	// Extensions are the names of all that is asked for, each once, in order.
	Extensions []string
	// Mask are the version bits asked for, all of them where version rolling is asked for and no mask is named; MinBits is how many the
	// miner needs at least.
	Mask    uint32
	MinBits int
	// MinimumDifficulty is the least the miner can work with; 0 for any.
	MinimumDifficulty float64
	// Software is what the miner says it is, "" if it does not.
	Software string
}

// maxExtension is the most bytes of an extension's name.
const maxExtension = 128

// ConfigureRequest reads a mining.configure. At most MaxParams extensions are read. Parameters of extensions that are not known are ignored,
// and so are those that are null.
func (m *Message) ConfigureRequest() (q ConfigureRequest, err error) {
	q.Mask = ^uint32(0)
	p, err := m.atLeast(1)
	if err != nil {
		return q, err
	}
	if p[0].Kind() != Array {
		return q, fmt.Errorf("%s: extensions: %s: want an array", m.Method, p[0])
	}
	if err := p[0].elements(func(i int, v Value) error {
		text, ok := v.text(&m.scratch)
		switch {
		case !ok:
			return fmt.Errorf("%s: extensions[%d]: %s: want a string", m.Method, i, v)
		case len(text) > maxExtension:
			return fmt.Errorf("%s: extensions[%d]: %d bytes: want at most %d", m.Method, i, len(text), maxExtension)
		case i == MaxParams:
			return fmt.Errorf("%s: more than %d extensions", m.Method, MaxParams)
		}
		if name := string(text); !slices.Contains(q.Extensions, name) {
			q.Extensions = append(q.Extensions, name)
		}
		return nil
	}); err != nil {
		return q, err
	}
	if len(p) < 2 || p[1].Kind() != Object {
		return q, nil
	}
	for _, parameter := range []struct {
		extension, name string
		read            func(v Value) error
	}{
		{extensionVersionRolling, versionRollingMask, func(v Value) (err error) { q.Mask, err = hex32(v); return }},
		{extensionVersionRolling, versionRollingMinBits, func(v Value) (err error) { q.MinBits, err = bitCount(v); return }},
		{extensionMinimumDifficulty, minimumDifficultyValue, func(v Value) (err error) {
			if zero(v) {
				return nil
			}
			q.MinimumDifficulty, err = m.difficultyNumber(v)
			return
		}},
		{extensionInfo, infoSoftware, func(v Value) error {
			text, ok := v.text(&m.scratch)
			if !ok || len(text) > MaxField {
				return fmt.Errorf("%s: want a string of at most %d bytes", v, MaxField)
			}
			q.Software = string(text)
			return nil
		}},
	} {
		if !slices.Contains(q.Extensions, parameter.extension) {
			continue
		}
		if v := p[1].member(parameter.name); v.given() {
			if err := parameter.read(v); err != nil {
				return q, fmt.Errorf("%s: %s: %w", m.Method, parameter.name, err)
			}
		}
	}
	return q, nil
}

// bitCount reads a number of bits of a version.
func bitCount(v Value) (int, error) {
	n, err := strconv.ParseUint(string(v), 10, 8)
	if v.Kind() != Number || err != nil || n > 32 {
		return 0, fmt.Errorf("%s: want a number from 0 to 32", v)
	}
	return int(n), nil
}

// zero says that v is a number, or a string, that is 0.
func zero(v Value) bool {
	text := []byte(v)
	if v.Kind() == String {
		text = v[1 : len(v)-1]
	}
	f, err := strconv.ParseFloat(string(text), 64)
	return err == nil && f == 0
}

// difficultyNumber reads a difficulty, a number or a string that says one.
func (m *Message) difficultyNumber(v Value) (float64, error) {
	target, err := difficultyTarget(v, &m.scratch)
	if err != nil {
		return 0, err
	}
	text := []byte(v)
	if v.Kind() == String {
		text, _ = v.text(&m.scratch)
	}
	if d, err := strconv.ParseFloat(string(text), 64); err == nil && d > 0 && !math.IsInf(d, 0) {
		return d, nil
	}
	return target.Difficulty(), nil
}

// Suggestion reads the difficulty that a mining.suggest_difficulty or a mining.suggest_target asks for: a number, or a string that says
// one; or a target of 64 hex digits, most significant first.
func (m *Message) Suggestion() (float64, error) {
	p, err := m.atLeast(1)
	if err != nil {
		return 0, err
	}
	if m.Method != MethodSuggestTarget {
		d, err := m.difficultyNumber(p[0])
		if err != nil {
			return 0, fmt.Errorf("%s: %w", m.Method, err)
		}
		return d, nil
	}
	text, ok := p[0].text(&m.scratch)
	if !ok {
		return 0, fmt.Errorf("%s: %s: want a string of 64 hex digits", m.Method, p[0])
	}
	target, err := work.ParseTarget(string(text))
	if err != nil {
		return 0, fmt.Errorf("%s: %s: want 64 hex digits", m.Method, p[0])
	}
	if target.IsZero() {
		return 0, fmt.Errorf("%s: a target of 0, which no hash meets", m.Method)
	}
	return target.Difficulty(), nil
}
