package stratum

import (
	"slices"
	"strconv"
	"strings"
)

// maxWords is the most bytes of a pool's words that are kept.
const maxWords = 200

// Reply is what a pool answers to a mining.submit.
type Reply struct {
	// Accepted says that the result is true and nothing speaks against it. Whatever else a pool answers, miners take for no.
	Accepted bool
	// Code is the number of the error, if HasCode. There is no standard: 20 to 25 mean nearly the same everywhere.
	Code    int
	HasCode bool
	// Words are the pool's, cut to a readable length, without control characters; "" where it gave none.
	Words string
}

// String returns "accepted", or "rejected" with code and words where they were given: "rejected: 21 Job not found".
func (r Reply) String() string {
	if r.Accepted {
		return "accepted"
	}
	words := r.Words
	if r.HasCode {
		words = strings.TrimSpace(strconv.Itoa(r.Code) + " " + words)
	}
	if words == "" {
		return "rejected"
	}
	return "rejected: " + words
}

// staleWords are what pools say, in lower case and with spaces between the words, of a share for a job that they don't know or want any
// more; see [share.Presets].
var staleWords = []string{"stale", "job not found", "invalid job", "unknown job", "unknown work"}

// Stale says that the pool refused a share because of its job: that is an old one, or none of the pool's. CodeJobNotFound says so, and so do words.
func (r Reply) Stale() bool {
	if r.Accepted {
		return false
	}
	words := strings.NewReplacer("-", " ", "_", " ").Replace(strings.ToLower(r.Words))
	return r.HasCode && r.Code == CodeJobNotFound || slices.ContainsFunc(staleWords, func(w string) bool { return strings.Contains(words, w) })
}

// Refused says that a reply refuses what was asked: it has an error, or its result is false. A result of null beside an error of
// null does not refuse; to a mining.submit it is still no yes.
func (m *Message) Refused() bool {
	return m.Result.Kind() == False || says(m.Error) || says(m.RejectReason)
}

// says reports whether an error says anything: some servers put false, "", [] or {} where null should be.
func says(v Value) bool {
	switch v.Kind() {
	case None, Null, False:
		return false
	case String:
		return len(v) > 2
	case Array, Object:
		c := strings.TrimSpace(string(v[1:min(len(v), 64)]))
		return c != "]" && c != "}"
	}
	return true
}

// Reply reads the answer to a mining.submit in each of the forms that pools use: an error of [code, words, …], of {code, message},
// a bare string, or a reject-reason beside the result (ckpool). It allocates only for a rejection.
func (m *Message) Reply() Reply {
	if m.Result.Kind() == True && !says(m.Error) && !says(m.RejectReason) {
		return Reply{Accepted: true}
	}
	var r Reply
	switch e := m.Error; e.Kind() {
	case Array:
		// It is valid JSON: the walk can't fail.
		_ = e.elements(func(i int, v Value) error {
			switch {
			case i == 0 && r.setCode(v), i > 1:
			case v.Kind() == String && r.Words == "":
				r.Words = words(v)
			}
			return nil
		})
	case Object:
		r.setCode(e.member("code"))
		if v := e.member("message"); v.Kind() == String {
			r.Words = words(v)
		}
	case String:
		r.Words = words(e)
	case Number, True:
		if !r.setCode(e) {
			r.Words = e.String()
		}
	}
	if r.Words == "" && m.RejectReason.given() {
		r.Words = words(m.RejectReason)
	}
	return r
}

// setCode reads a code, a number or a string of digits.
func (r *Reply) setCode(v Value) bool {
	text := []byte(v)
	if v.Kind() == String {
		text = v[1 : len(v)-1]
	}
	code, err := strconv.Atoi(string(text))
	if err == nil {
		r.Code, r.HasCode = code, true
	}
	return err == nil
}

// words returns what v says on one line.
func words(v Value) string {
	var scratch []byte
	text, ok := v.text(&scratch)
	if !ok {
		text = v
	}
	return strings.TrimSpace(readable(text, maxWords))
}
