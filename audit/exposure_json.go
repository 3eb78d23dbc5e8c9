package audit

import (
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-btc/touchstone/work"
)

// maxExposureJSON bounds an Exposure's JSON, in bytes: what MarshalJSON writes is shorter.
const maxExposureJSON = 1024

// exposureJSON is an Exposure as JSON. Numbers beyond 64 bits are hex, in lower case.
type exposureJSON struct {
	Shares *uint64 `json:"shares"`
	// Sum is the sum of nanoseconds times (target+1), without leading zeros.
	Sum *string `json:"sum"`
	// First is the first target that was in force for any time, 64 digits; not there if none was.
	First  *string `json:"first,omitempty"`
	Varied *bool   `json:"varied"`
	// Target is the one in force, 64 digits, and Since the time up to which Sum holds it; not there if none is.
	Target *string    `json:"target,omitempty"`
	Since  *time.Time `json:"since,omitempty"`
}

// MarshalJSON returns e as a JSON object that UnmarshalJSON reads. All of e is in it, the target in force too: whoever goes
// on later, with time between in which no share could come, calls Pause before. It fails only for times that RFC 3339
// cannot write.
func (e Exposure) MarshalJSON() ([]byte, error) {
	sum := e.sum.big().Text(16)
	j := exposureJSON{Shares: &e.shares, Sum: &sum, Varied: &e.varied}
	if e.first != (wide{}) {
		v := e.first.big()
		first, err := work.TargetFromBig(v.Sub(v, big.NewInt(1)))
		if err != nil {
			return nil, err
		}
		text := first.String()
		j.First = &text
	}
	if e.running {
		target := e.target.String()
		j.Target, j.Since = &target, &e.since
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON writes and nothing else: fields that are missing, given twice, unknown, written in
// another way or at odds with each other are errors, and then e stays as it was. It does not keep text.
func (e *Exposure) UnmarshalJSON(text []byte) error {
	if len(text) > maxExposureJSON {
		return fmt.Errorf("exposure of %d bytes: want at most %d", len(text), maxExposureJSON)
	}
	var j exposureJSON
	if err := json.Unmarshal(text, &j, json.RejectUnknownMembers(true)); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.New("exposure: the JSON ends in the middle")
		}
		return fmt.Errorf("exposure: %w", err)
	}
	read, err := j.exposure()
	if err != nil {
		return fmt.Errorf("exposure: %w", err)
	}
	*e = read
	return nil
}

func (j *exposureJSON) exposure() (e Exposure, err error) {
	if j.Shares == nil || j.Sum == nil || j.Varied == nil {
		return e, errors.New("want shares, sum and varied")
	}
	e.shares, e.varied = *j.Shares, *j.Varied
	if e.sum, err = parseWide(*j.Sum); err != nil {
		return e, fmt.Errorf("sum: %w", err)
	}
	if j.First != nil {
		first, err := parseTarget(*j.First)
		if err != nil {
			return e, fmt.Errorf("first: %w", err)
		}
		e.first = targetWeight(first)
	}
	if (e.sum == wide{}) != (j.First == nil) {
		return e, errors.New("want a first target with a sum that is not 0, and only then")
	}
	if e.varied && j.First == nil {
		return e, errors.New("varied without a first target")
	}
	if (j.Target == nil) != (j.Since == nil) {
		return e, errors.New("want target and since together")
	}
	if j.Target != nil {
		if e.target, err = parseTarget(*j.Target); err != nil {
			return e, err
		}
		e.running, e.weight, e.since = true, targetWeight(e.target), *j.Since
	}
	return e, nil
}

// parseTarget reads a target as its String method writes it.
func parseTarget(s string) (work.Target, error) {
	t, err := work.ParseTarget(s)
	if err == nil && t.String() != s {
		err = fmt.Errorf("target %q: want lower case", s)
	}
	return t, err
}

// parseWide reads hex digits in lower case without leading zeros.
func parseWide(s string) (wide, error) {
	v, ok := new(big.Int).SetString(s, 16)
	if !ok || v.Sign() < 0 || v.BitLen() > 64*len(wide{}) || v.Text(16) != s {
		return wide{}, fmt.Errorf("%q: want at most %d hex digits in lower case, the first not 0", s, 16*len(wide{}))
	}
	return wideFromBig(v), nil
}
