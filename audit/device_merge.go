package audit

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Merge adds what o saw of the same machine at a later time. o stays as it is. An error means that the two don't fit (another plan,
// or times that overlap), and then d stays as it was.
//
// Counts and exposure add up exactly, and so does every test whose mathematics allows it. What lies between the two parts is unseen,
// unless the connection had ended in the first. Of the history, e-values are those of the part they are from.
func (d *Device) Merge(o *Device) error {
	if d == o {
		return errors.New("merge: a device can't be merged with itself")
	}
	if d.Label != o.Label {
		return fmt.Errorf("merge: device %.40q is not %.40q", o.Label, d.Label)
	}
	if !d.plan.same(o.plan) {
		return fmt.Errorf("merge: device %.40q was audited under another plan, %.12s, not %.12s", o.Label, o.plan.Hash(), d.plan.Hash())
	}
	if !d.First.IsZero() && !o.First.IsZero() && o.First.Before(d.Now) {
		return fmt.Errorf("merge: device %.40q: the later part begins at %s, before the end of the earlier one at %s: read overlapping "+
			"records together, or one of them only", d.Label, o.First.Format(time.DateTime), d.Now.Format(time.DateTime))
	}
	later, err := o.clone()
	if err != nil {
		return err
	}
	if d.First.IsZero() {
		later.Notes = mergeWords(d.Notes, later.Notes, maxNotes, maxWords)
		later.Computed = later.Computed || d.Computed
		*d = *later
		return nil
	}
	d.merge(later)
	return nil
}

// clone returns a copy that shares nothing with d.
func (d *Device) clone() (*Device, error) {
	text, err := d.MarshalJSON()
	if err != nil {
		return nil, err
	}
	c := &Device{plan: d.plan}
	return c, c.UnmarshalJSON(text)
}

func mergeWords(a, b []string, limit, bytes int) []string {
	for _, s := range b {
		a = addWords(a, s, limit, bytes)
	}
	return a
}

// merge adds a later part, and goes on from there. o is used up.
func (d *Device) merge(o *Device) {
	d.Computed = d.Computed || o.Computed
	d.Several = d.Several || o.Several
	d.Agents = mergeWords(d.Agents, o.Agents, maxAgents, maxName)
	d.Notes = mergeWords(d.Notes, o.Notes, maxNotes, maxWords)
	if o.First.IsZero() {
		return
	}
	if d.Idle != SpanDown { // nothing is known of the time between
		d.idle(SpanUnseen)
	}
	d.cut()
	d.Now = o.First
	d.idle("")
	d.History.merge(&o.History, d.Exposure.Shares(), d.Seen)
	if o.Model != "" {
		if d.Model != "" && d.Model != o.Model {
			d.Note(fmt.Sprintf("It said that it is a %.80s, and later that it is a %.80s.", d.Model, o.Model))
		}
		d.Model = o.Model
	}
	d.Tests.merge(&o.Tests)
	before := d.Exposure.Shares()
	d.Exposure.Merge(&o.Exposure)
	d.Seen += o.Seen
	d.Best = max(d.Best, o.Best)
	d.Sessions = addClamped(d.Sessions, o.Sessions)
	d.Behind, d.BehindBy = addClamped(d.Behind, o.Behind), max(d.BehindBy, o.BehindBy)
	d.Worked += o.Worked
	d.Counted += o.Counted
	d.Down += o.Down
	d.Unseen += o.Unseen
	d.NoWork += o.NoWork
	d.Spans.merge(&o.Spans)
	d.Claimed += o.Claimed
	d.ClaimedSeconds += o.ClaimedSeconds
	if d.Prior == 0 {
		d.Prior = o.Prior
	}
	// From here on it is the later part that goes on.
	d.Now, d.Ahead = o.Now, o.Ahead
	d.Linked, d.Idle, d.Since = o.Linked, o.Idle, o.Since
	d.Jobs, d.Levels, d.Tip, d.Fresh, d.Late, d.Until = o.Jobs, o.Levels, o.Tip, o.Fresh, o.Late, o.Until
	d.Start, d.Passed, d.Held = o.Start, o.Passed, o.Held
	if o.Said != nil {
		d.Said, d.Rate, d.RateAt = o.Said, o.Rate, o.RateAt
	}
	d.Delay.Waiting = slices.Clone(o.Delay.Waiting)
	for i := range d.Delay.Waiting {
		d.Delay.Waiting[i].Shares = addClamped(d.Delay.Waiting[i].Shares, before)
	}
	d.refloor()
}
