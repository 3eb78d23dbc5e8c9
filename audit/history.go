package audit

import (
	"fmt"
	"math"
	"time"
)

// maxHistory is how many moments of its history a device keeps.
const maxHistory = 96

// moments keeps moments of a device at equal intervals, which double when there is no more room.
type moments struct {
	Interval time.Duration `json:"interval_ns"`
	Next     time.Time     `json:"next,omitzero"`
	Moments  []moment      `json:"moments,omitempty"`
}

// moment is what a Point is made from, as short as a drawing allows. In the logarithms of e-values the cells' may be older than the rest.
type moment struct {
	Time     int64     `json:"t"` // Unix milliseconds
	Shares   uint64    `json:"n"`
	Exposure float32   `json:"x"`
	Claim    float32   `json:"c,omitzero"`
	LogE     []float32 `json:"e"`
	Combined float32   `json:"a"`
}

func (m *moment) time() time.Time { return time.UnixMilli(m.Time).UTC() }

const (
	firstInterval = 30 * time.Second
	// cellsEvery is how often the evidence of cells, which takes long to compute, is new.
	cellsEvery = 8
)

// due reports whether a moment is to be kept now.
func (h *moments) due(now time.Time) bool { return !now.Before(h.Next) }

func (h *moments) add(m moment) {
	if h.Interval == 0 {
		h.Interval = firstInterval
	}
	if len(h.Moments) >= maxHistory {
		h.thin()
	}
	h.Moments = append(h.Moments, m)
	h.Next = m.time().Add(h.Interval)
}

// thin drops every other moment; the last one stays.
func (h *moments) thin() {
	kept := 0
	for i := (len(h.Moments) + 1) % 2; i < len(h.Moments); i += 2 {
		h.Moments[kept] = h.Moments[i]
		kept++
	}
	clear(h.Moments[kept:])
	h.Moments = h.Moments[:kept]
	h.Interval = min(2*h.Interval, maxInterval)
}

const maxInterval = 365 * 24 * time.Hour

// merge appends a later part, whose counts start at 0 again.
func (h *moments) merge(o *moments, shares uint64, exposure float64) {
	for _, m := range o.Moments {
		m.Shares = addClamped(m.Shares, shares)
		m.Exposure = float32(float64(m.Exposure) + exposure)
		h.Moments = append(h.Moments, m)
	}
	h.Interval = max(h.Interval, o.Interval)
	for len(h.Moments) > maxHistory {
		h.thin()
	}
	h.Next = o.Next
}

func (h *moments) check() error {
	if h.Interval < 0 || h.Interval > maxInterval {
		return fmt.Errorf("history: interval %v: want 0 to %v", h.Interval, maxInterval)
	}
	if len(h.Moments) > maxHistory {
		return tooMany("history", len(h.Moments), maxHistory)
	}
	for i := range h.Moments {
		m := &h.Moments[i]
		if !sane(m.time()) || i > 0 && m.Time < h.Moments[i-1].Time {
			return outOfRange("history: time", m.Time)
		}
		if !isCount(float64(m.Exposure)) || !isCount(float64(m.Claim)) || !isFinite(float64(m.Combined)) || len(m.LogE) != len(evidence) {
			return outOfRange("history: moment", i)
		}
		for _, e := range m.LogE {
			if !isFinite(float64(e)) {
				return outOfRange("history: moment", i)
			}
		}
	}
	return nil
}

// rounded returns v with two decimals, bounded to what a drawing can show.
func rounded(v float64) float32 {
	if math.IsNaN(v) {
		return 0
	}
	return float32(math.Round(max(-1e5, min(v, 1e5))*100) / 100)
}
