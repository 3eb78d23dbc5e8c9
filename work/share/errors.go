package share

import "errors"

// Errors of submissions that cannot be judged, because something about the session is not known. They are not verdicts.
var (
	ErrNoJob        = errors.New("the job was not seen, or could not be read")
	ErrNoExtranonce = errors.New("no extranonce1 was seen before the job, or it could not be read: the coinbase can't be rebuilt")
	ErrNoDifficulty = errors.New("no difficulty was seen before the job, or it could not be read: nobody knows what the share had to reach")
	ErrNoTip        = errors.New("a later job could not be read: nobody knows whether this one was stale")
)

// ErrJobsFull says that the sessions of a validator hold as many jobs, and previous blocks, as they may.
var ErrJobsFull = errors.New("the sessions hold as many bytes of jobs as is allowed: close sessions, or raise Options.MaxJobBytes")

// ErrFull means that as many shares are remembered as may be. A share that comes now could not be told from a duplicate later,
// so it is not judged; nothing is forgotten to make room.
var ErrFull = errors.New("no room to remember another share: raise Options.MaxShares")
