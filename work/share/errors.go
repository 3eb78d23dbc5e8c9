package share

import "errors"

// Errors of submissions that cannot be judged, because something about the session is not known. They are not verdicts.
var (
	ErrNoJob        = errors.New("the job was not seen: what came before is not known here")
	ErrNoExtranonce = errors.New("extranonce1 was not seen before the job: the coinbase can't be rebuilt")
	ErrNoDifficulty = errors.New("no difficulty was seen before the job: nobody knows what the share had to reach")
)

// ErrJobsFull says that the sessions of a validator hold as many jobs, and previous blocks, as they may.
var ErrJobsFull = errors.New("the sessions hold as many bytes of jobs as is allowed: close sessions, or raise Options.MaxJobBytes")

// ErrFull means that as many shares are remembered as may be. A share that comes now could not be told from a duplicate later,
// so it is not judged; nothing is forgotten to make room.
var ErrFull = errors.New("no room to remember another share: raise Options.MaxShares")
