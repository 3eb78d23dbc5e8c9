package serve

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/stratum"
)

// AuditInput is something to audit: a transcript, or verdict lines.
type AuditInput struct {
	// Name is for reports and errors.
	Name string
	// Path is where to open it. "" has it read from Reader, whose end in time nobody knows.
	Path   string
	Reader io.Reader
	// Folder is where files lie that follow each other; "" for others.
	Folder string
}

// Kinds of inputs, for [audit.Source].
const (
	KindTranscript   = "transcript"
	KindVerdictLines = "verdict lines"
)

// ErrNoAudit says that an input is neither a transcript nor verdict lines.
var ErrNoAudit = errors.New("neither a Stratum transcript nor verdict lines")

// auditFile is an input that was looked into.
type auditFile struct {
	input  AuditInput
	number int
	source audit.Source
	// first and last are the times of its first and last lines; last is zero if nobody knows.
	first, last time.Time
	copies      int64 // of lines in others
	begun       bool

	in     io.Reader
	closer io.Closer
	hash   hash.Hash
	done   bool
}

// Bounds of looking into an input.
const (
	auditPeek = 1 << 20
	auditTail = 256 << 10
)

// lookInto finds out of what kind an input is, and when it begins and ends.
func lookInto(input AuditInput, number int) (*auditFile, error) {
	f := &auditFile{input: input, number: number, hash: sha256.New(), source: audit.Source{Name: input.Name}}
	in := input.Reader
	if input.Path != "" {
		file, err := os.Open(input.Path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			tail := make([]byte, min(auditTail, info.Size()))
			if _, err := file.ReadAt(tail, info.Size()-int64(len(tail))); err == nil {
				f.last = lastTime(tail)
			}
		}
	}
	err := f.peek(in)
	return f, err
}

// peek reads the beginning, up to the first line that tells the time.
func (f *auditFile) peek(in io.Reader) error {
	var text []byte
	var why error
	bad, at := 0, 0
	buf := make([]byte, 64<<10)
	for ended := false; !ended || at < len(text); {
		end := bytes.IndexByte(text[at:], '\n')
		if end < 0 && !ended {
			if len(text) > 4*auditPeek {
				break
			}
			n, err := in.Read(buf)
			text = append(text, buf[:n]...)
			if ended = err == io.EOF; err != nil && !ended {
				return err
			}
			continue
		}
		if end < 0 {
			end = len(text) - at
		}
		line := bytes.TrimSpace(bytes.TrimPrefix(text[at:at+end], []byte("\ufeff")))
		if at += end + 1; len(line) == 0 {
			continue
		}
		kind, t, err := auditLine(line)
		if f.source.Kind == "" {
			f.source.Kind = kind
		}
		if f.first = t; !t.IsZero() {
			break
		}
		if err != nil && f.source.Kind == "" {
			if why == nil {
				why = err
			}
			if bad++; bad > noTranscript {
				break
			}
		}
	}
	if f.input.Path == "" {
		f.in = io.MultiReader(bytes.NewReader(text), in)
	}
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return ErrEmptyRecording
	case f.source.Kind == "":
		return fmt.Errorf("%w: line 1: %w", ErrNoAudit, why)
	}
	return nil
}

// auditLine tells what a line is of, and its time if that counts.
func auditLine(line []byte) (kind string, t time.Time, err error) {
	l, err := stratum.NewTranscript(bytes.NewReader(line)).Next()
	if err == nil {
		if l.Restated {
			return KindTranscript, t, nil
		}
		return KindTranscript, l.Time, nil
	}
	var d verdictDecoder
	v, other := d.decode(line)
	if other == nil {
		return KindVerdictLines, v.time, nil
	}
	if bytes.Contains(line, []byte(`"verdict"`)) {
		err = other
	}
	var fault *stratum.LineError
	if errors.As(err, &fault) {
		err = fault.Err
	}
	return "", t, err
}

// lastTime returns the time of the last line of a text.
func lastTime(text []byte) time.Time {
	for len(text) > 0 {
		text = bytes.TrimRight(text, " \t\r\n")
		at := bytes.LastIndexByte(text, '\n') + 1
		if _, t, err := auditLine(text[at:]); err == nil && !t.IsZero() {
			return t
		}
		text = text[:at]
	}
	return time.Time{}
}

// open begins to read it. What is read is hashed.
func (f *auditFile) open() error {
	f.begun = true
	if f.in == nil {
		file, err := os.Open(f.input.Path)
		if err != nil {
			return err
		}
		f.in, f.closer = file, file
	}
	f.in = io.TeeReader(f.in, f.hash)
	return nil
}

// close ends reading. whole says that it was read to its end.
func (f *auditFile) close(whole bool) {
	if f.done {
		return
	}
	f.done = true
	if f.closer != nil {
		f.closer.Close()
	}
	if whole {
		f.source.SHA256 = hex.EncodeToString(f.hash.Sum(nil))
	}
}

// cancelled makes a Reader end with the error of a context.
type cancelled struct {
	ctx context.Context
	r   io.Reader
}

func (c cancelled) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}
