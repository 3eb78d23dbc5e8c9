package stratum

import (
	"fmt"
	"strconv"

	"github.com/touchstone-btc/touchstone/work/share"
)

// Extranonce is what a pool leaves to a connection: its own part of the coinbase, and room for the miner's.
type Extranonce struct {
	// Extranonce1 is the pool's part, at most share.MaxExtranonce bytes.
	Extranonce1 []byte
	// Extranonce2Size is how many bytes the miner fills, at most share.MaxExtranonce.
	Extranonce2Size int
}

// SubscribeResult reads the answer to a mining.subscribe: [subscriptions, extranonce1, extranonce2 size]. The result is the
// caller's.
func (m *Message) SubscribeResult() (e Extranonce, err error) {
	if m.Refused() {
		return e, fmt.Errorf("answer to %s: %s", MethodSubscribe, m.Reply())
	}
	if k := m.Result.Kind(); k != Array {
		return e, fmt.Errorf("answer to %s: %s: want an array", MethodSubscribe, m.Result)
	}
	var part [3]Value
	n := 0
	if err := m.Result.elements(func(i int, v Value) error {
		if n++; i < len(part) {
			part[i] = v
		}
		return nil
	}); err != nil {
		return e, err
	}
	if n < len(part) {
		return e, fmt.Errorf("answer to %s: %d elements: want 3", MethodSubscribe, n)
	}
	if e, err = extranonce(part[1], part[2]); err != nil {
		err = fmt.Errorf("answer to %s: %w", MethodSubscribe, err)
	}
	return e, err
}

// SetExtranonce reads a mining.set_extranonce, [extranonce1, extranonce2 size], which holds for the jobs sent later. The result is
// the caller's.
func (m *Message) SetExtranonce() (e Extranonce, err error) {
	p, err := m.atLeast(2)
	if err != nil {
		return e, err
	}
	if e, err = extranonce(p[0], p[1]); err != nil {
		err = fmt.Errorf("%s: %w", m.Method, err)
	}
	return e, err
}

func extranonce(en1, size Value) (Extranonce, error) {
	b, err := appendHexText([]byte{}, en1)
	if err != nil {
		return Extranonce{}, fmt.Errorf("extranonce1: %w", err)
	}
	if len(b) > share.MaxExtranonce {
		return Extranonce{}, fmt.Errorf("extranonce1: %d bytes: want at most %d", len(b), share.MaxExtranonce)
	}
	if size.Kind() != Number {
		return Extranonce{}, fmt.Errorf("extranonce2 size: %s: want a number", size)
	}
	n, err := strconv.ParseUint(string(size), 10, 8)
	if err != nil || n > share.MaxExtranonce {
		return Extranonce{}, fmt.Errorf("extranonce2 size: %s: want 0 to %d", size, share.MaxExtranonce)
	}
	return Extranonce{b, int(n)}, nil
}

// Authorize reads the worker's name of a mining.authorize. It does not look at the password.
func (m *Message) Authorize() (worker string, err error) {
	p, err := m.atLeast(1)
	if err != nil {
		return "", err
	}
	text, ok := p[0].text(&m.scratch)
	switch {
	case !ok:
		return "", fmt.Errorf("%s: worker: %s: want a string", m.Method, p[0].Kind())
	case len(text) > MaxField:
		return "", fmt.Errorf("%s: worker: %d bytes: want at most %d", m.Method, len(text), MaxField)
	}
	return string(text), nil
}
