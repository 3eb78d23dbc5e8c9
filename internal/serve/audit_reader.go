package serve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/touchstone-btc/touchstone/audit"
)

// AuditReader audits recordings. Its functions are called one at a time; nil ones are not.
type AuditReader struct {
	// Auditor is told what is read.
	Auditor *Auditor
	// OnBadLine is told of each line that could not be read, OnGarbage of each of a device that is no message.
	OnBadLine func(file string, line int64, err error)
	OnGarbage func(file string, line int64, err error)
	// OnProgress is told now and then how many lines were read of the inputs at hand.
	OnProgress func(lines int64)

	sources []audit.Source
	notes   []string
	bad     int64
	last    time.Time
}

// Last returns the time of the latest line.
func (r *AuditReader) Last() time.Time { return r.last }

func (r *AuditReader) until(t time.Time) {
	if t.After(r.last) {
		r.last = t
	}
}

// ErrAuditKinds says that transcripts and verdict lines of the same time were given: shares would count twice.
var ErrAuditKinds = errors.New("transcripts and verdict lines of the same time: their shares would count twice")

// Read audits inputs: those that follow each other one after the other, those that overlap together, in the order of time. Lines that
// are in several of them count once. It can be called again for inputs that are later. What was read until an error counts.
func (r *AuditReader) Read(ctx context.Context, inputs []AuditInput) error {
	var files []*auditFile
	var failed error
	for _, input := range inputs {
		f, err := lookInto(input, len(files))
		switch {
		case errors.Is(err, ErrEmptyRecording) && input.Folder != "" && len(inputs) > 1:
			r.note(fmt.Sprintf("%s is empty.", input.Name))
		case err != nil:
			failed = errors.Join(failed, fmt.Errorf("%s: %w", input.Name, err))
		default:
			files = append(files, f)
		}
	}
	parts, err := splitKinds(files)
	if err != nil {
		return errors.Join(failed, err)
	}
	for _, part := range parts {
		if ctx.Err() != nil {
			break
		}
		if part[0].source.Kind == KindTranscript {
			err = r.transcripts(ctx, part)
		} else {
			err = r.records(ctx, part)
		}
		failed = errors.Join(failed, err)
		for _, f := range part {
			r.sources = append(r.sources, f.source)
			if f.copies > 0 {
				r.note(fmt.Sprintf("%s: %d lines are in another input too, and counted once.", f.input.Name, f.copies))
			}
		}
	}
	return failed
}

// splitKinds puts inputs into groups of one kind that follow each other.
func splitKinds(files []*auditFile) (parts [][]*auditFile, err error) {
	slices.SortStableFunc(files, func(a, b *auditFile) int { return a.first.Compare(b.first) })
	var last *auditFile // the latest end until now, of the other kind than the part
	for _, f := range files {
		n := len(parts) - 1
		if n >= 0 && parts[n][0].source.Kind == f.source.Kind {
			parts[n] = append(parts[n], f)
		} else {
			parts = append(parts, []*auditFile{f})
		}
		if last != nil && last.source.Kind != f.source.Kind && (last.last.IsZero() || last.last.After(f.first)) {
			return nil, fmt.Errorf("%s and %s: %w", last.input.Name, f.input.Name, ErrAuditKinds)
		}
		if last == nil || f.last.IsZero() || f.last.After(last.last) {
			last = f
		}
	}
	return parts, nil
}

func (r *AuditReader) note(words string) {
	if !slices.Contains(r.notes, words) {
		r.notes = append(r.notes, words)
	}
}

func (r *AuditReader) badLine(file string, line int64, err error) {
	r.bad++
	if r.OnBadLine != nil {
		r.OnBadLine(file, line, err)
	}
}

// transcripts audits recordings of connections.
func (r *AuditReader) transcripts(ctx context.Context, files []*auditFile) error {
	replay := NewReplay(ReplayConfig{
		Auditor: r.Auditor, OnBadLine: r.badLine, OnGarbage: r.OnGarbage, OnWait: r.OnProgress,
		OnInterrupted: func(file string, line int64) {
			r.note(fmt.Sprintf("%s: line %d could not be read and may have been of any session: all count as interrupted there.", file, line))
		},
	})
	err := replay.merged(ctx, newMergedTranscripts(ctx, files))
	r.until(replay.last)
	if s := replay.Summary(); s.Unjudged > 0 {
		r.note(fmt.Sprintf("%d shares could not be judged, because what they depend on was not recorded.", s.Unjudged))
	}
	return err
}

// records audits verdict lines.
func (r *AuditReader) records(ctx context.Context, files []*auditFile) error {
	progress := r.OnProgress
	if progress == nil {
		progress = func(int64) {}
	}
	rr := &recordReader{
		auditor: r.Auditor, onProgress: progress,
		onBad: func(f *auditFile, line int64, err error) { r.badLine(f.input.Name, line, err) },
	}
	err := rr.read(ctx, files)
	r.until(rr.last)
	if rr.forwarded > 0 {
		r.note(fmt.Sprintf("%d shares that a proxy forwarded are counted where the devices sent them.", rr.forwarded))
	}
	return err
}

// BadLines returns how many lines could not be read.
func (r *AuditReader) BadLines() int64 { return r.bad }

// Report returns the fleet's report, with what the inputs were. version is that of the program.
func (r *AuditReader) Report(made time.Time, version string) *audit.FleetReport {
	report := r.Auditor.Fleet().Report()
	report.Made, report.Version = made.UTC(), version
	report.Sources = append(report.Sources, r.sources...)
	report.Notes = append(report.Notes, r.Auditor.Notes()...)
	report.Notes = append(report.Notes, r.notes...)
	return report
}
