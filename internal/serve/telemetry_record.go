package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/touchstone-btc/touchstone/stratum"
)

// telemetryMessage is what a line of a recording says of one answer, as the message of "from":"telemetry".
type telemetryMessage struct {
	Worker  string          `json:"worker"`
	URL     string          `json:"url"`
	Poll    int64           `json:"poll"`
	Last    bool            `json:"last,omitempty"` // no more answers of this poll follow
	Command string          `json:"command"`
	Reply   json.RawMessage `json:"reply,omitempty"`
	Raw     []byte          `json:"raw,omitempty"` // in base64
	Error   string          `json:"error,omitempty"`
}

// Messages returns what a recording says of the poll: a message of a transcript for each answer, with the answer's JSON as it came, or
// in base64 what is not JSON on one line. Each is at most a little longer than 4/3 of the answer.
func (p *TelemetryPoll) Messages() [][]byte {
	var all [][]byte
	for i := range p.Replies {
		r := &p.Replies[i]
		m := telemetryMessage{
			Worker: p.Worker, URL: p.URL, Poll: p.Number, Last: i == len(p.Replies)-1, Command: r.Command, Error: r.Err,
		}
		var l stratum.Line
		if l.SetBytes(r.Raw); l.Message != nil {
			m.Reply = l.Message
		} else {
			m.Raw = r.Raw
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(&m); err != nil {
			m.Reply, m.Raw = nil, r.Raw
			b.Reset()
			_ = e.Encode(&m) // strings and numbers: it can't err
		}
		all = append(all, bytes.TrimSuffix(b.Bytes(), []byte{'\n'}))
	}
	return all
}

// Record records the poll. The track is that of a session of its own, which several devices can share.
func (p *TelemetryPoll) Record(t *Track) {
	for i, m := range p.Messages() {
		t.Saw(stratum.FromTelemetry, m, p.Replies[i].Time)
	}
}

// AppendTelemetry appends the poll as lines of a transcript.
func AppendTelemetry(dst []byte, session string, p *TelemetryPoll) []byte {
	for i, m := range p.Messages() {
		l := stratum.Line{Time: p.Replies[i].Time, Session: []byte(session), From: stratum.FromTelemetry}
		l.SetBytes(m)
		dst = stratum.AppendLine(dst, &l)
	}
	return dst
}

const (
	// maxTelemetryPolls is how many devices' polls a TelemetryReader puts together at once, maxTelemetryReplies how many answers each
	// has, and maxTelemetryBytes how many bytes all of them have.
	maxTelemetryPolls   = 100_000
	maxTelemetryReplies = 64
	maxTelemetryBytes   = 64 << 20
)

// TelemetryReader puts together polls from the lines of a recording. It is for one goroutine. Its memory is bounded.
type TelemetryReader struct {
	polls  map[telemetryKey]pendingPoll
	order  []pendingKey // the oldest first; some are gone
	serial int64
	bytes  int
	ready  []*TelemetryPoll
}

// pendingPoll is a poll that is not complete.
type pendingPoll struct {
	*TelemetryPoll
	serial int64
}

// pendingKey is where it is found.
type pendingKey struct {
	telemetryKey
	serial int64
}

// telemetryKey tells devices apart. The same device can be asked by two programs, in two sessions.
type telemetryKey struct{ session, worker, url string }

// Add takes a line with "from":"telemetry", and returns the polls that are complete with it, in the order in which they began: none, one, or more
// where others were cut off. A line that can't be read is an error, and changes nothing.
func (r *TelemetryReader) Add(l *stratum.Line) ([]*TelemetryPoll, error) {
	var m telemetryMessage
	if l.From != stratum.FromTelemetry || l.Message == nil {
		return nil, errors.New("telemetry: want a message of telemetry")
	}
	if err := json.Unmarshal(l.Message, &m); err != nil {
		return nil, fmt.Errorf("telemetry: %w", err)
	}
	switch {
	case m.Worker == "" || m.Command == "":
		return nil, errors.New("telemetry: worker or command is missing")
	case m.Reply != nil && m.Raw != nil:
		return nil, errors.New("telemetry: reply and raw: want one of them")
	}
	if r.polls == nil {
		r.polls = map[telemetryKey]pendingPoll{}
	}
	r.ready = nil
	key := telemetryKey{string(l.Session), m.Worker, m.URL}
	p := r.polls[key].TelemetryPoll
	if p != nil && (p.Number != m.Poll || len(p.Replies) == maxTelemetryReplies) {
		r.done(key)
		p = nil
	}
	if p == nil {
		for len(r.polls) >= maxTelemetryPolls || r.bytes > maxTelemetryBytes && len(r.polls) > 0 {
			r.oldest()
		}
		p = &TelemetryPoll{Worker: m.Worker, URL: m.URL, Number: m.Poll, Time: l.Time}
		r.serial++
		r.polls[key] = pendingPoll{p, r.serial}
		r.order = append(r.order, pendingKey{key, r.serial})
	}
	raw := []byte(m.Reply)
	if len(m.Raw) > 0 {
		raw = m.Raw
	}
	p.Replies = append(p.Replies, TelemetryReply{Command: m.Command, Time: l.Time, Raw: raw, Err: m.Error})
	r.bytes += len(raw)
	if m.Last || m.Poll == 0 { // without a number each answer stands alone
		r.done(key)
	}
	return r.ready, nil
}

// done takes a poll as complete.
func (r *TelemetryReader) done(key telemetryKey) {
	p := r.polls[key].TelemetryPoll
	for i := range p.Replies {
		r.bytes -= len(p.Replies[i].Raw)
	}
	delete(r.polls, key)
	r.ready = append(r.ready, p)
	if len(r.order) > 2*len(r.polls)+16 {
		r.order = slices.DeleteFunc(r.order, func(k pendingKey) bool { return r.polls[k.telemetryKey].serial != k.serial })
	}
}

// oldest takes the poll that began first as complete.
func (r *TelemetryReader) oldest() {
	k := r.order[0]
	r.order = r.order[1:]
	if r.polls[k.telemetryKey].serial == k.serial {
		r.done(k.telemetryKey)
	}
}

// Flush returns the polls that are not complete, at the end of a recording.
func (r *TelemetryReader) Flush() []*TelemetryPoll {
	r.ready = nil
	for len(r.order) > 0 {
		r.oldest()
	}
	return r.ready
}
