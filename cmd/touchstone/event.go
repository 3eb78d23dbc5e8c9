package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/touchstone-btc/touchstone/internal/serve"
)

// printEventJSON prints an event as a line of JSON. Write errors are told
// once, are kept by the console, and end up in the exit code.
func (p *program) printEventJSON(now time.Time, e serve.Event) {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"event":%q,"time":%q,`, e.Kind(), now.UTC().Format("2006-01-02T15:04:05.000000Z"))
	var fields bytes.Buffer
	encoder := json.NewEncoder(&fields)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		p.report(fmt.Errorf("event %s: %w", e.Kind(), err))
		return
	}
	b.Write(fields.Bytes()[1:]) // after the brace, to the line feed
	p.con.Write(b.Bytes())
	if err := p.con.Flush(); err != nil {
		// Whoever serves goes on, because miners depend on it.
		p.eventsLost.Do(func() { p.con.Log("touchstone: events are lost: standard output: %v", cause(err)) })
	}
}
