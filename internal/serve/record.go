package serve

import (
	"time"

	"github.com/touchstone-btc/touchstone/stratum"
)

// RecorderConfig says where and how connections are recorded.
type RecorderConfig struct {
	// Dir is the folder of the recording, made if need be. Required.
	Dir string
	// MaxFileSize is how many bytes a file may have before the next is begun. Default: 256 MiB.
	MaxFileSize int64
	// MaxFileAge is how long a file is written before the next is begun. Default: 24 h.
	MaxFileAge time.Duration
	// OnEvent is told when recording fails and goes on, from one goroutine. Default: nobody is told.
	OnEvent func(Event)
}

// Recorder writes transcripts of connections. It never makes those who are recorded wait for long: what can't be kept is a gap, and
// said to be one. It is safe for concurrent use. A nil Recorder records nothing.
type Recorder struct{}

// OpenRecorder begins a recording.
func OpenRecorder(c RecorderConfig) (*Recorder, error) { return &Recorder{}, nil }

// Opening is what a recording says of a connection when it begins.
type Opening struct {
	Peer string `json:"peer"`           // the device's address
	Pool string `json:"pool,omitempty"` // the pool's URL, without password; "" where touchstone is the pool
	TLS  bool   `json:"tls"`            // on the device's side
	// Link names the session that is the other side of this one, where the proxy rewrites what crosses it. Only the pool's side has
	// it, which is opened after the device's: the same shares cross both.
	Link string `json:"link,omitempty"`
}

// Track records one connection. Its methods never block, copy what they are given, and may be called on a nil Track.
type Track struct{}

// Open begins a connection of that name, see SessionName.
func (r *Recorder) Open(session string, o Opening, now time.Time) *Track { return nil }

// Saw records a line as it crossed the wire. It returns a ticket for Written.
func (t *Track) Saw(from stratum.From, line []byte, now time.Time) Ticket { return 0 }

// Gap records that something was not: what crossed the wire was longer than a message may be.
func (t *Track) Gap(now time.Time) {}

// Close ends the connection.
func (t *Track) Close(now time.Time) {}

// Ticket stands for a line that was given to a Recorder; 0 for none.
type Ticket uint64

// Written waits until the line of that ticket, and all before it, were handed to the operating system, so that they survive the end of
// this process; but no longer than a few milliseconds, and not at all while the disk is slow or full.
func (r *Recorder) Written(t Ticket) {}

// Close writes what is left, syncs it to disk and ends the recording.
func (r *Recorder) Close() error { return nil }

// SessionName returns a new name for a connection, different in all processes at all times.
func SessionName() string { return "" }
