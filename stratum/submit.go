package stratum

import (
	"fmt"

	"github.com/touchstone-btc/touchstone/work/share"
)

// submitParams are the names of mining.submit's elements.
var submitParams = [...]string{"worker", "job id", "extranonce2", "ntime", "nonce", "version bits"}

// minSubmit is how many of them must be there: the version bits came later (BIP 310).
const minSubmit = 5

// Submit is a mining.submit. It must be copied with CopyTo only.
type Submit struct {
	// Submission is the share, its values pointing into the Submit. Received is left to the caller.
	Submission share.Submission
	// Number counts the submissions of a connection from 1. An [Onlooker] sets it.
	Number uint64

	text        share.Text
	extranonce2 [share.MaxExtranonce]byte
}

// CopyTo makes dst equal to s and independent of it.
func (s *Submit) CopyTo(dst *Submit) {
	*dst = *s
	if s.Submission.Text == &s.text {
		dst.Submission.Text = &dst.text
	}
	if n := len(s.Submission.Extranonce2); n > 0 {
		dst.Submission.Extranonce2 = dst.extranonce2[:n:n]
	}
}

// Submit reads a mining.submit into s. It never fails: what has not the shape of a submission (five or six strings of at most
// MaxField bytes) has the reason in Malformed, and whatever fields could be read. It allocates once, the text of all fields, so
// that s does not alias the line.
func (m *Message) Submit(s *Submit) {
	s.Number = 0
	var end [len(submitParams)]int
	fields := m.Params[:min(len(m.Params), len(submitParams))]
	malformed := m.submitShape()
	var all [512]byte
	buf := all[:0]
	for i, v := range fields {
		switch text, ok := v.text(&m.scratch); {
		case !ok:
			malformed = first(malformed, submitParams[i], v.Kind().String(), "want a string")
		case len(text) > MaxField:
			malformed = first(malformed, submitParams[i], fmt.Sprintf("%d bytes", len(text)), fmt.Sprintf("want at most %d", MaxField))
		default:
			buf = append(buf, text...)
		}
		end[i] = len(buf)
	}
	text := string(buf)
	start := 0
	s.text = share.Text{HasVersionBits: len(fields) == len(submitParams)}
	for i, field := range [len(submitParams)]*string{
		&s.text.Worker, &s.text.JobID, &s.text.Extranonce2, &s.text.Time, &s.text.Nonce, &s.text.VersionBits,
	} {
		if i < len(fields) {
			*field = text[start:end[i]]
			start = end[i]
		}
	}
	s.Submission = s.text.Submission(s.extranonce2[:0])
	s.Submission.Malformed = malformed
}

// submitShape says what is wrong with params as a whole.
func (m *Message) submitShape() string {
	switch {
	case m.ParamsKind != Array:
		return fmt.Sprintf("params: %s: want an array of five or six strings", m.ParamsKind)
	case m.ParamsCount < minSubmit || m.ParamsCount > len(submitParams):
		return fmt.Sprintf("params: %d elements: want five or six strings", m.ParamsCount)
	}
	return ""
}

// first returns the reason that was found first.
func first(reason, field, got, want string) string {
	if reason != "" {
		return reason
	}
	return field + ": " + got + ": " + want
}
