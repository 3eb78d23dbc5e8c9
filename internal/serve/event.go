package serve

import (
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// An Event is something that happened to a running role. The types that
// implement it are those of this file; their JSON fields are stable. Hashes are
// written in display order, durations in seconds.
type Event interface {
	// Kind is the event's name, one or two words joined by an underscore.
	Kind() string
}

// Seconds is a duration whose JSON is a number of seconds.
type Seconds float64

// Duration returns s as a time.Duration.
func (s Seconds) Duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

func seconds(d time.Duration) Seconds { return Seconds(d.Seconds()) }

// Started is the first event, when there is a first job.
type Started struct {
	Chain       string   `json:"chain"`
	Nodes       []string `json:"nodes"` // empty on the embedded chain
	Folder      string   `json:"folder"`
	Address     string   `json:"address"`
	Threads     int      `json:"threads"`
	Kernel      string   `json:"kernel"`
	VersionMask string   `json:"version_mask"` // as asked for; a template may allow less
	Pending     int      `json:"pending"`      // blocks of an earlier run that are sent again
}

// KernelChosen says which kernel searches from now on, and why.
type KernelChosen struct {
	Kernel    string       `json:"kernel"`
	Reason    string       `json:"reason"`    // one of the constants Reason…
	Midstates int          `json:"midstates"` // searched at once
	Rates     []KernelRate `json:"rates"`     // as measured, the fastest first; empty if nothing was
}

// Why a kernel was chosen.
const (
	ReasonNamed   = "named"   // by who started this
	ReasonOnly    = "only"    // no other can be used here
	ReasonFastest = "fastest" // of those measured
)

// KernelRate is how fast a kernel searches on one thread.
type KernelRate struct {
	Kernel string  `json:"kernel"`
	Rate   float64 `json:"rate"` // hashes/s
}

// KernelRefused says that a kernel computes wrong on this machine, though it
// should run here. It is not used.
type KernelRefused struct {
	Kernel string `json:"kernel"`
	Error  string `json:"error"` // what its self-test found
}

// NewJob says that other work is searched from now on. NewTip tells a new
// block to build on from a template that only has other transactions.
type NewJob struct {
	Job          string         `json:"job"`
	Height       int32          `json:"height"`
	Previous     chainhash.Hash `json:"previous"`
	NewTip       bool           `json:"new_tip"`
	Difficulty   float64        `json:"difficulty"`
	Transactions int            `json:"transactions"` // without the coinbase
	VersionMask  string         `json:"version_mask"`
}

// BlockFound says that a block was found. It is written to disk, then sent;
// if it can't be written, BlockNotKept follows.
type BlockFound struct {
	Hash       chainhash.Hash `json:"hash"`
	Height     int32          `json:"height"`
	Job        string         `json:"job"`
	Difficulty float64        `json:"difficulty"` // that the hash is worth
	Hashes     uint64         `json:"hashes"`     // tried for this job
}

// BlockNotKept says that a found block could not be written to disk. It is
// sent nevertheless, but does not survive a crash.
type BlockNotKept struct {
	Hash  chainhash.Hash `json:"hash"`
	Error string         `json:"error"`
}

// BlockAccepted says that a node took a block.
type BlockAccepted struct {
	Hash   chainhash.Hash `json:"hash"`
	Height int32          `json:"height"` // -1 if unknown
	Reason string         `json:"reason"` // the node's word; empty for plain acceptance
	Text   string         `json:"text"`
	Resent bool           `json:"resent"` // found by an earlier run
	Blocks int            `json:"blocks"` // accepted blocks found by this run
}

// BlockRefused says that a node refused a block for good.
type BlockRefused struct {
	Hash   chainhash.Hash `json:"hash"`
	Height int32          `json:"height"` // -1 if unknown
	Reason string         `json:"reason"`
	Text   string         `json:"text"`
	Resent bool           `json:"resent"`
}

// BlockWaiting says that no node gave a final answer; the block is sent again.
type BlockWaiting struct {
	Hash    chainhash.Hash `json:"hash"`
	Height  int32          `json:"height"` // -1 if unknown
	Attempt int            `json:"attempt"`
	Error   string         `json:"error"`
	Retry   Seconds        `json:"retry"`
}

// NodeLost says that a node failed.
type NodeLost struct {
	Node  string  `json:"node"`
	Error string  `json:"error"`
	Retry Seconds `json:"retry"`
}

// NodeBack says that a node works; InUse that templates come from it now.
type NodeBack struct {
	Node  string `json:"node"`
	InUse bool   `json:"in_use"`
}

// NoTemplate says that no usable template came: no node answered, or what one
// sent was refused. The search goes on with the job it has.
type NoTemplate struct {
	Error string  `json:"error"`
	Retry Seconds `json:"retry"`
}

// Notice is a plain line, such as what was repaired after a crash.
type Notice struct {
	Text string `json:"text"`
}

// Status tells how the search goes. The zero Height means that there is
// nothing to search.
type Status struct {
	Rate       float64 `json:"rate"` // hashes/s, of the last ten seconds
	Hashes     uint64  `json:"hashes"`
	Elapsed    Seconds `json:"elapsed"`
	Threads    int     `json:"threads"`
	Kernel     string  `json:"kernel"`
	Height     int32   `json:"height"`
	Difficulty float64 `json:"difficulty"`
	Best       float64 `json:"best"`     // difficulty of the job's best hash so far
	Expected   Seconds `json:"expected"` // mean time to a block at this rate; 0 if unknown
	Accepted   int     `json:"accepted"`
}

// Stopped is the last event.
type Stopped struct {
	Accepted int     `json:"accepted"` // blocks of this run
	Refused  int     `json:"refused"`
	Pending  int     `json:"pending"` // blocks without a final answer, kept for the next run
	Hashes   uint64  `json:"hashes"`
	Elapsed  Seconds `json:"elapsed"`
	Rate     float64 `json:"rate"` // hashes/s over all of it
}

func (Started) Kind() string       { return "started" }
func (KernelChosen) Kind() string  { return "kernel" }
func (KernelRefused) Kind() string { return "kernel_refused" }
func (NewJob) Kind() string        { return "job" }
func (BlockFound) Kind() string    { return "found" }
func (BlockNotKept) Kind() string  { return "not_kept" }
func (BlockAccepted) Kind() string { return "accepted" }
func (BlockRefused) Kind() string  { return "refused" }
func (BlockWaiting) Kind() string  { return "waiting" }
func (NodeLost) Kind() string      { return "node_lost" }
func (NodeBack) Kind() string      { return "node_back" }
func (NoTemplate) Kind() string    { return "no_template" }
func (Notice) Kind() string        { return "notice" }
func (Status) Kind() string        { return "status" }
func (Stopped) Kind() string       { return "stopped" }
