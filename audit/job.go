package audit

import "time"

// Job is work that a device was given, as far as an audit needs it.
type Job struct {
	// Time is when it was sent; where only its shares were seen, when the first of them came (then Late is set).
	Time time.Time `json:"time"`
	Late bool      `json:"late,omitzero"`
	// Number counts the jobs of a device from 1: a later job has a higher one.
	Number uint64 `json:"number,omitzero"`
	// Tip tells what the job builds on: jobs on the same block have the same value.
	Tip uint64 `json:"tip,omitzero"`
	// Clean says that work on earlier jobs is to stop.
	Clean bool `json:"clean,omitzero"`
	// Difficulty is what a share of it has to achieve (bdiff, not 0), Network what a block has to; 0 if not known.
	Difficulty float64 `json:"difficulty,omitzero"`
	Network    float64 `json:"network,omitzero"`
	// NTime is that of the job, Version its version; Mask are the bits the device may change, 0 if none or not known.
	NTime   uint32 `json:"ntime,omitzero"`
	Version uint32 `json:"version,omitzero"`
	Mask    uint32 `json:"mask,omitzero"`
}
