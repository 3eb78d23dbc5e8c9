package serve

import (
	"context"
	"errors"
	"hash/maphash"
	"io"
	"time"

	"github.com/touchstone-btc/touchstone/stratum"
)

// transcriptCursor reads one transcript.
type transcriptCursor struct {
	file  *auditFile
	lines *stratum.Transcript
	line  *stratum.Line
	time  time.Time // of the line, or of one before it that was later
	any   bool      // line, or fault
	fault error     // of a line that could not be read, or of reading
}

func (c *transcriptCursor) of() *auditFile          { return c.file }
func (c *transcriptCursor) head() (time.Time, bool) { return c.time, c.any }

var auditSeed = maphash.MakeSeed()

func (c *transcriptCursor) key() uint64 {
	var h maphash.Hash
	h.SetSeed(auditSeed)
	l := c.line
	maphash.WriteComparable(&h, l.Time.UnixNano())
	maphash.WriteComparable(&h, l.From)
	h.Write(l.Session)
	h.WriteByte(0)
	h.Write(l.Bytes())
	return h.Sum64()
}

// move reads the next line.
func (c *transcriptCursor) move() {
	l, err := c.lines.Next()
	c.line, c.fault, c.any = l, err, true
	var fault *stratum.LineError
	switch {
	case err == nil:
		c.file.source.Lines = l.Number
		if !l.Restated && l.Time.After(c.time) {
			c.time = l.Time
		}
	case errors.As(err, &fault):
		c.file.source.Lines = fault.Line
		c.file.source.Bad++
	case err == io.EOF:
		c.any = false
		c.file.close(true)
	default:
		c.file.close(false)
	}
}

// mergedTranscripts are the lines of several transcripts in the order of time. It is the source of a recording.
type mergedTranscripts struct {
	merge  *auditMerge[*transcriptCursor]
	latest *transcriptCursor
	owners sessionOwners
	// several says that there are several inputs.
	several bool
	// before is called before more is read.
	before func()
}

func newMergedTranscripts(ctx context.Context, files []*auditFile) *mergedTranscripts {
	m := &mergedTranscripts{before: func() {}, several: len(files) > 1}
	m.merge = newAuditMerge(files, func(f *auditFile) (*transcriptCursor, error) {
		if err := f.open(); err != nil {
			return nil, err
		}
		c := &transcriptCursor{file: f, time: f.first}
		c.lines = stratum.NewTranscript(&beforeRead{cancelled{ctx, f.in}, func() { m.before() }})
		c.move()
		return c, nil
	})
	return m
}

// Next returns the next line, as a stratum.Transcript does.
func (m *mergedTranscripts) Next() (*stratum.Line, error) {
	for {
		if c := m.latest; c != nil {
			m.latest = nil
			c.move()
		}
		c, ok, err := m.merge.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, io.EOF
		}
		m.latest = c
		if c.fault != nil {
			return nil, c.fault
		}
		if m.merge.isCopy(c) {
			continue
		}
		if m.several {
			if name, other := m.owners.name(c.line.Session, c.file); other {
				c.line.Session = []byte(name)
			}
		}
		return c.line, nil
	}
}

// Name returns the name of the input of the latest line.
func (m *mergedTranscripts) Name() string {
	if m.latest == nil {
		return ""
	}
	return m.latest.file.input.Name
}

// close closes what is open.
func (m *mergedTranscripts) close() {
	for _, c := range m.merge.active {
		c.file.close(false)
	}
}
