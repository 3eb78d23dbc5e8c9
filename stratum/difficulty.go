package stratum

import (
	"fmt"

	"github.com/touchstone-btc/touchstone/work"
)

// SetDifficulty reads a mining.set_difficulty: the target that the shares of later jobs must not exceed, exact for what was
// written. The difficulty is a number; some pools write it as a string.
func (m *Message) SetDifficulty() (work.Target, error) {
	p, err := m.atLeast(1)
	if err != nil {
		return work.Target{}, err
	}
	target, err := difficultyTarget(p[0], &m.scratch)
	if err != nil {
		return work.Target{}, fmt.Errorf("%s: %w", m.Method, err)
	}
	return target, nil
}

// difficultyTarget reads a difficulty, a number or a string that says one.
func difficultyTarget(v Value, scratch *[]byte) (work.Target, error) {
	number := []byte(v)
	switch v.Kind() {
	case Number:
	case String:
		number, _ = v.text(scratch)
	default:
		return work.Target{}, fmt.Errorf("difficulty %s: want a number", v)
	}
	d, err := work.ParseDifficulty(string(number))
	if err != nil {
		return work.Target{}, err
	}
	return work.DifficultyTarget(d)
}
