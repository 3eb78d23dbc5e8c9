package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-btc/touchstone/hash"
)

// MaxResultsSize is how many bytes of results [ParseResults] takes.
const MaxResultsSize = 1 << 20

// maxCount bounds numbers of threads and windows.
const maxCount = 1 << 30

// leastRate bounds rates, in millions of hashes a second: nothing that runs is slower.
const leastRate = 1e-9

// ParseResults reads what [Results.AppendJSON] writes: a line for each measurement, then a line with the summary. It does
// not keep text. Errors are one line and say where the text is wrong; fields that no results have are refused.
func ParseResults(text []byte) (*Results, error) {
	if len(text) > MaxResultsSize {
		return nil, fmt.Errorf("%d bytes: results have at most %d", len(text), MaxResultsSize)
	}
	var r Results
	seen, ended, number := map[Key]bool{}, false, 0
	for line := range bytes.Lines(text) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if ended {
			return nil, fmt.Errorf("line %d: nothing comes after the summary; are these two files?", number)
		}
		var err error
		if ended, err = r.parseLine(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if ended {
			continue
		}
		k := r.Measurements[len(r.Measurements)-1].Key()
		if seen[k] {
			return nil, fmt.Errorf("line %d: %s is measured twice", number, k)
		}
		seen[k] = true
	}
	switch {
	case number == 0:
		return nil, errors.New("empty")
	case !ended:
		return nil, errors.New("no summary at the end; was it cut?")
	case len(r.Measurements) == 0:
		return nil, errors.New("no measurement")
	}
	return &r, nil
}

// parseLine reads a measurement, or the summary.
func (r *Results) parseLine(line []byte) (isSummary bool, err error) {
	var head struct {
		Summary *jsontext.Value `json:"summary"`
		Task    *jsontext.Value `json:"task"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return false, plainError(err)
	}
	switch {
	case head.Summary != nil:
		var s struct {
			Summary *Summary `json:"summary"`
		}
		if err := unmarshal(line, &s); err != nil {
			return false, err
		}
		if s.Summary == nil {
			return false, errors.New("summary is null")
		}
		r.Summary = *s.Summary
		return true, r.Summary.validate()
	case head.Task != nil:
		var m Measurement
		if err := unmarshal(line, &m); err != nil {
			return false, err
		}
		r.Measurements = append(r.Measurements, m)
		return false, m.validate()
	}
	return false, errors.New("neither task nor summary: not a result of touchstone bench")
}

func unmarshal(line []byte, v any) error {
	return plainError(json.Unmarshal(line, v, json.RejectUnknownMembers(true)))
}

// plainError says in one line what is wrong with JSON.
func plainError(err error) error {
	var syntax *jsontext.SyntacticError
	var meaning *json.SemanticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the JSON ends too early; was it cut?")
	case errors.As(err, &syntax):
		return fmt.Errorf("not JSON: byte %d: %w", syntax.ByteOffset, syntax.Err)
	case errors.Is(err, json.ErrUnknownName) && errors.As(err, &meaning):
		return fmt.Errorf("%.80q is no field of a result", meaning.JSONPointer.LastToken())
	case errors.As(err, &meaning):
		return fmt.Errorf("field %.80q: not a %s", meaning.JSONPointer.LastToken(), meaning.GoType.Kind())
	}
	return err
}

// validate refuses what no run measures, and what a comparison would stumble over.
func (m *Measurement) validate() error {
	switch {
	case !slices.Contains(Tasks(), m.Task):
		return fmt.Errorf("unknown task %.40q", m.Task)
	case !plain(m.Kernel):
		return fmt.Errorf("%.40q is not the name of a kernel", m.Kernel)
	case m.Midstates < 0 || m.Midstates > hash.MaxMidstates:
		return fmt.Errorf("%d midstates: there are at most %d", m.Midstates, hash.MaxMidstates)
	case m.Threads < 1 || m.Threads > maxCount || m.Windows < 1 || m.Windows > maxCount:
		return fmt.Errorf("%s: threads and windows are 1 or more", m.Key())
	case !(m.Low >= leastRate && m.Low <= m.Median && m.Median <= m.High && m.High <= m.Best && m.Best <= math.MaxFloat32):
		return fmt.Errorf("%s: the rates are not 0 < mhs_low <= mhs_median <= mhs_high <= mhs_best", m.Key())
	}
	return nil
}

func (s *Summary) validate() error {
	for _, text := range []string{s.Touchstone, s.Go, s.OS, s.Arch, s.CPU.Name, s.CPU.Vendor} {
		if len(text) > 200 {
			return fmt.Errorf("summary: %.40q… is too long", text)
		}
	}
	return nil
}

// plain reports whether text can be the name of a kernel or baseline.
func plain(text string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789-_/."
	return text != "" && len(text) <= 40 && strings.Trim(text, letters) == ""
}

// AppendJSON appends a line for each measurement, then one with the summary, to dst.
func (r *Results) AppendJSON(dst []byte) ([]byte, error) {
	b := bytes.NewBuffer(dst)
	for i := range r.Measurements {
		if err := appendLine(b, &r.Measurements[i]); err != nil {
			return nil, err
		}
	}
	err := appendLine(b, struct {
		Summary *Summary `json:"summary"`
	}{&r.Summary})
	return b.Bytes(), err
}

func appendLine(b *bytes.Buffer, v any) error {
	defer b.WriteByte('\n')
	return json.MarshalWrite(b, v)
}

// String is the row in words.
func (k Key) String() string {
	text := fmt.Sprintf("%s with %s", k.Task, k.Kernel)
	switch {
	case k.Midstates == 1:
		text += ", 1 midstate"
	case k.Midstates > 1:
		text += fmt.Sprintf(", %d midstates", k.Midstates)
	}
	if k.Threads > 1 {
		text += fmt.Sprintf(", %d threads", k.Threads)
	}
	return text
}
