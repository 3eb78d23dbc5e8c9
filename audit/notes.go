package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds on what a device keeps in words.
const (
	maxNotes  = 32
	maxAgents = 8
	maxWords  = 400 // bytes of one note
	maxName   = 256 // bytes of a device's name, an agent, a model
	maxSpans  = 48
	maxNumber = 1 << 53 // counts that a float64 holds
)

// addWords adds words to a list that keeps each once, up to a limit.
func addWords(list []string, words string, limit, bytes int) []string {
	words = clip(words, bytes)
	if words == "" || len(list) >= limit || slices.Contains(list, words) {
		return list
	}
	return append(list, words)
}

// clip returns s as valid UTF-8 of so many bytes at most.
func clip(s string, bytes int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= bytes {
		return s
	}
	cut := bytes - len("…")
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

func checkWords(what string, list []string, limit, bytes int) error {
	if len(list) > limit {
		return tooMany(what, len(list), limit)
	}
	for _, s := range list {
		if len(s) > bytes {
			return fmt.Errorf("%s: text of %d bytes: want at most %d", what, len(s), bytes)
		}
	}
	return nil
}

// spanList keeps the longest stretches of time in which a device was not there, oldest first.
type spanList struct {
	Spans   []Span `json:"spans,omitempty"`
	Dropped uint64 `json:"dropped,omitzero"` // shorter ones that there was no room for
}

func (l *spanList) add(what string, from, to time.Time) {
	if !to.After(from) {
		return
	}
	l.Spans = append(l.Spans, Span{What: what, From: from, To: to})
	for len(l.Spans) > maxSpans {
		shortest := 0
		for i := range l.Spans {
			if l.Spans[i].To.Sub(l.Spans[i].From) < l.Spans[shortest].To.Sub(l.Spans[shortest].From) {
				shortest = i
			}
		}
		l.Spans = slices.Delete(l.Spans, shortest, shortest+1)
		l.Dropped++
	}
}

func (l *spanList) merge(o *spanList) {
	for _, s := range o.Spans {
		l.add(s.What, s.From, s.To)
	}
	l.Dropped = addClamped(l.Dropped, o.Dropped)
}

func (l *spanList) check() error {
	if len(l.Spans) > maxSpans {
		return tooMany("spans", len(l.Spans), maxSpans)
	}
	for _, s := range l.Spans {
		if s.What != SpanDown && s.What != SpanUnseen && s.What != SpanNoWork {
			return fmt.Errorf("span %.20q: want %s, %s or %s", s.What, SpanDown, SpanUnseen, SpanNoWork)
		}
		if !sane(s.From) || !sane(s.To) || s.To.Before(s.From) || s.Alarm || s.Shares != 0 {
			return outOfRange("span", s.From)
		}
	}
	return nil
}

func tooMany(what string, n, limit int) error {
	return fmt.Errorf("%s: %d of them: want at most %d", what, n, limit)
}

func outOfRange(what string, v any) error { return fmt.Errorf("%s: %v is out of range", what, v) }
