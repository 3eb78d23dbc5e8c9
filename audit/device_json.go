package audit

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// stateVersion is the version of the state's JSON. State of another version is refused: its record has to be read again.
const stateVersion = 1

// maxDeviceJSON bounds a Device's JSON, in bytes: what MarshalJSON writes is far shorter.
const maxDeviceJSON = 1 << 20

// stateOptions are how state is written and read: durations are whole nanoseconds, unknown members are errors.
var stateOptions = json.JoinOptions(jsonv1.FormatDurationAsNano(true), json.FormatNilSliceAsNull(true),
	json.FormatNilMapAsNull(true), json.RejectUnknownMembers(true), json.Deterministic(true))

// deviceJSON is a Device as JSON.
type deviceJSON struct {
	Version int            `json:"version"`
	Plan    *Plan          `json:"plan"`
	State   jsontext.Value `json:"state"`
}

// stateMembers are those that a device's state always has, testMembers those of its tests: without one, state is not whole.
var (
	stateMembers = []string{"name", "sessions", "worked_ns", "counted_ns", "down_ns", "unseen_ns", "no_work_ns", "spans", "claimed",
		"claimed_seconds", "exposure", "seen", "delay", "history", "tests"}
	testMembers = []string{"facts", "filter", "tail", "luck", "claim", "above", "drop", "gap", "period", "cells", "latency", "work",
		"arrivals"}
)

// unmarshalDevice reads a device's state.
func unmarshalDevice(text jsontext.Value, to *deviceState) error {
	members, err := whole(text, "state", stateMembers)
	if err != nil {
		return err
	}
	if _, err := whole(members["tests"], "tests", testMembers); err != nil {
		return err
	}
	return unmarshalState(text, to)
}

// whole returns the members of an object that must have some.
func whole(text jsontext.Value, what string, want []string) (map[string]jsontext.Value, error) {
	var members map[string]jsontext.Value
	if err := unmarshalState(text, &members); err != nil {
		return nil, err
	}
	for _, name := range want {
		if members[name] == nil {
			return nil, fmt.Errorf("%s without %q", what, name)
		}
	}
	return members, nil
}

// MarshalJSON returns all of the state, with the plan, as a JSON object that UnmarshalJSON reads.
func (d *Device) MarshalJSON() ([]byte, error) {
	state, err := json.Marshal(&d.deviceState, stateOptions)
	if err != nil {
		return nil, err
	}
	return json.Marshal(deviceJSON{stateVersion, d.plan, state}, stateOptions)
}

// UnmarshalJSON reads what MarshalJSON writes and nothing else; on an error d stays as it was. A device that already has a plan takes
// no state of another.
func (d *Device) UnmarshalJSON(text []byte) error {
	if len(text) > maxDeviceJSON {
		return fmt.Errorf("state of a device: %d bytes: want at most %d", len(text), maxDeviceJSON)
	}
	var j deviceJSON
	if err := unmarshalState(text, &j); err != nil {
		return fmt.Errorf("state of a device: %w", err)
	}
	if err := checkVersion(j.Version); err != nil {
		return fmt.Errorf("state of a device: %w", err)
	}
	if j.Plan == nil || j.State == nil {
		return errors.New("state of a device: want version, plan and state")
	}
	plan, err := samePlan(d.plan, j.Plan)
	if err != nil {
		return fmt.Errorf("state of a device: %w", err)
	}
	read := Device{plan: plan}
	if err := unmarshalDevice(j.State, &read.deviceState); err != nil {
		return fmt.Errorf("state of a device: %w", err)
	}
	if err := read.restore(); err != nil {
		return fmt.Errorf("state of device %.40q: %w", read.Label, err)
	}
	*d = read
	return nil
}

func unmarshalState(text []byte, to any) error {
	err := json.Unmarshal(text, to, stateOptions)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON ends in the middle")
	}
	return err
}

func checkVersion(version int) error {
	if version != stateVersion {
		return fmt.Errorf("version %d: want %d; audit the record again", version, stateVersion)
	}
	return nil
}

// samePlan returns the plan that is to hold for state that was made under read: have if there is one, and then they must be the same.
func samePlan(have, read *Plan) (*Plan, error) {
	complete, err := read.Complete()
	if err != nil {
		return nil, err
	}
	if !complete.same(read) {
		return nil, errors.New("the plan is not complete")
	}
	if have == nil {
		return complete, nil
	}
	if !have.same(complete) {
		return nil, fmt.Errorf("it was made under another plan, %.12s, not %.12s: what is decided before the data can't be changed",
			complete.Hash(), have.Hash())
	}
	return have, nil
}

// restore checks state that was read, and works out what follows from it.
func (d *Device) restore() error {
	if err := d.check(); err != nil {
		return err
	}
	// The same state has the same JSON, whether it was read or not.
	d.refloor()
	return nil
}

func (d *Device) check() error {
	if len(d.Label) > maxName || len(d.Model) > maxName {
		return fmt.Errorf("name of %d and model of %d bytes: want at most %d", len(d.Label), len(d.Model), maxName)
	}
	if err := checkWords("agents", d.Agents, maxAgents, maxName); err != nil {
		return err
	}
	if err := checkWords("notes", d.Notes, maxNotes, maxWords); err != nil {
		return err
	}
	for _, t := range []*time.Time{&d.First, &d.Now, &d.Ahead, &d.Since, &d.Until, &d.RateAt, &d.History.Next, &d.Start, &d.Passed} {
		if !sane(*t) {
			return outOfRange("time", *t)
		}
		*t = t.UTC()
	}
	if d.First.IsZero() != d.Now.IsZero() || d.Now.Before(d.First) || d.Since.After(d.Now) || d.RateAt.After(d.Now) {
		return fmt.Errorf("times from %v to %v: out of order", d.First, d.Now)
	}
	total := d.Now.Sub(d.First)
	for _, v := range []time.Duration{d.Worked, d.Counted, d.Down, d.Unseen, d.NoWork, d.BehindBy} {
		if v < 0 || v.Seconds() > maxSeconds {
			return outOfRange("duration", v)
		}
	}
	if d.Worked > total || d.Counted > d.Worked {
		return fmt.Errorf("worked %v, counted %v, of %v: can't be", d.Worked, d.Counted, total)
	}
	switch d.Idle {
	case "", SpanDown, SpanUnseen, SpanNoWork:
	default:
		return fmt.Errorf("idle %.20q: want %s, %s, %s or nothing", d.Idle, SpanDown, SpanUnseen, SpanNoWork)
	}
	if len(d.Jobs) != 0 && len(d.Jobs) != keptJobs {
		return tooMany("jobs", len(d.Jobs), keptJobs)
	}
	for i := range d.Jobs {
		j := &d.Jobs[i]
		if !sane(j.Time) || !isCount(j.Difficulty) || !isCount(j.Network) || j.Difficulty > maxDifficulty || j.Network > maxDifficulty ||
			j.Number != 0 && j.Number%keptJobs != uint64(i) {
			return outOfRange("job", j.Number)
		}
		j.Time = j.Time.UTC()
	}
	if len(d.Levels) > maxLevels {
		return tooMany("levels", len(d.Levels), maxLevels)
	}
	for _, l := range d.Levels {
		if l.Difficulty != 0 && !(l.Difficulty >= minDifficulty && l.Difficulty <= maxDifficulty) {
			return outOfRange("level", l.Difficulty)
		}
	}
	for _, v := range []float64{d.Rate, d.Claimed, d.ClaimedSeconds, d.Prior, d.Seen, d.Best} {
		if !isCount(v) {
			return outOfRange("number", v)
		}
	}
	if d.Rate > maxRate || d.Prior > 1e60 || d.Claimed > maxRate*maxSeconds || d.ClaimedSeconds > maxSeconds || d.Best > maxAchieved {
		return outOfRange("number", d.Rate)
	}
	if exact := d.Exposure.Seconds(); math.Abs(d.Seen-exact) > 1e-6*exact || exact > d.Counted.Seconds()*(1+1e-6) {
		return fmt.Errorf("exposure %v, seen %v, in %v: can't be", exact, d.Seen, d.Counted)
	}
	if d.ClaimedSeconds > d.Counted.Seconds()*(1+1e-6) || d.Claimed > maxRate*d.ClaimedSeconds {
		return outOfRange("claimed", d.Claimed)
	}
	if d.Exposure.running {
		return errors.New("exposure with a target in force")
	}
	for _, check := range []func() error{d.Spans.check, d.Said.check, d.Delay.check, d.History.check, d.Tests.check} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}
