package serve

import "github.com/btcsuite/btcd/chainhash/v2"

// MinerStarted is the first event of a PoolMiner.
type MinerStarted struct {
	Pools       []string `json:"pools"`  // in the order in which they are wanted
	Worker      string   `json:"worker"` // at the first of them
	Threads     int      `json:"threads"`
	VersionMask string   `json:"version_mask"` // as asked for; a pool may grant less
}

// PoolConnected says that shares go to a pool from now on. If another was used before, it is left.
type PoolConnected struct {
	Pool        string  `json:"pool"`
	Address     string  `json:"address"` // host and port, which differ from the pool's where it sent us elsewhere
	Worker      string  `json:"worker"`
	Difficulty  float64 `json:"difficulty"`
	VersionMask string  `json:"version_mask"` // as granted, of the bits asked for
	Resumed     bool    `json:"resumed"`      // the session of the connection before was asked for
}

// PoolMoves says that a pool sends us to another address of its own domain.
type PoolMoves struct {
	Pool string  `json:"pool"`
	To   string  `json:"to"`
	Wait Seconds `json:"wait"`
}

// ReconnectRefused says that a pool wanted to send us out of its domain, where somebody else may be paid. We stay.
type ReconnectRefused struct {
	Pool   string `json:"pool"`
	To     string `json:"to"`
	Untold int    `json:"untold"` // as in PoolMessage
}

// PoolMessage is what a pool has to say to its miners.
type PoolMessage struct {
	Pool string `json:"pool"`
	Text string `json:"text"`
	// Untold are how many events of the same kind before it were not told because they came too fast. Where none follows
	// that could say so, a Notice does.
	Untold int `json:"untold"`
}

// PoolUnreadable says that a pool sent what could not be used, such as a job that is none. The search goes on.
type PoolUnreadable struct {
	Pool   string `json:"pool"`
	Error  string `json:"error"`
	Untold int    `json:"untold"` // as in PoolMessage
}

// PoolJob says that other work is searched from now on.
type PoolJob struct {
	Pool        string         `json:"pool"`
	Job         string         `json:"job"`
	Previous    chainhash.Hash `json:"previous"`
	Clean       bool           `json:"clean"`      // the work before it is worth nothing any more
	Difficulty  float64        `json:"difficulty"` // of a share
	Network     float64        `json:"network"`    // difficulty of a block
	VersionMask string         `json:"version_mask"`
}

// ShareIsFound says that a share meets the network's target: it is a block, if the pool takes it. It was handed in.
type ShareIsFound struct {
	Pool       string         `json:"pool"`
	Job        string         `json:"job"`
	Hash       chainhash.Hash `json:"hash"`
	Difficulty float64        `json:"difficulty"` // that the hash is worth
}

// ShareAnswered says what became of a share.
type ShareAnswered struct {
	Pool       string         `json:"pool"`
	Job        string         `json:"job"`
	Hash       chainhash.Hash `json:"hash"`
	Difficulty float64        `json:"difficulty"` // that the hash is worth
	Required   float64        `json:"required"`   // that the pool asked for
	Block      bool           `json:"block"`      // meets the network's target
	Answer     string         `json:"answer"`     // one of the constants Answer…
	Words      string         `json:"words"`      // the pool's, with its code, for a rejection
	Wait       Seconds        `json:"wait"`       // for the answer
}

// What becomes of a share.
const (
	AnswerAccepted = "accepted"
	AnswerRejected = "rejected"
	AnswerUnknown  = "unknown" // the connection ended before the pool answered
)

// MinerStatus tells how the search goes. The empty Pool means that there is none to work for.
type MinerStatus struct {
	Rate        float64 `json:"rate"` // hashes/s, of the last ten seconds
	Hashes      uint64  `json:"hashes"`
	Elapsed     Seconds `json:"elapsed"`
	Threads     int     `json:"threads"`
	Kernel      string  `json:"kernel"` // empty before there is work
	Pool        string  `json:"pool"`
	Difficulty  float64 `json:"difficulty"`  // of a share
	Network     float64 `json:"network"`     // difficulty of a block
	Best        float64 `json:"best"`        // difficulty of the best share of this run
	Expected    Seconds `json:"expected"`    // mean time to a share at this rate; 0 if unknown
	Accepted    int     `json:"accepted"`    // shares of this run
	Rejected    int     `json:"rejected"`    // the same
	Unknown     int     `json:"unknown"`     // the same
	Outstanding int     `json:"outstanding"` // shares that wait for their answer
	Blocks      int     `json:"blocks"`      // accepted shares that meet the network's target
}

// MinerStopped is the last event.
type MinerStopped struct {
	Accepted int     `json:"accepted"` // shares of this run
	Rejected int     `json:"rejected"`
	Unknown  int     `json:"unknown"` // the connection ended before the pool answered
	Blocks   int     `json:"blocks"`  // accepted shares that meet the network's target
	Hashes   uint64  `json:"hashes"`
	Elapsed  Seconds `json:"elapsed"`
	Rate     float64 `json:"rate"` // hashes/s over all of it
}

func (MinerStarted) Kind() string     { return "miner_started" }
func (PoolConnected) Kind() string    { return "pool_connected" }
func (PoolMoves) Kind() string        { return "pool_moves" }
func (ReconnectRefused) Kind() string { return "reconnect_refused" }
func (PoolMessage) Kind() string      { return "pool_message" }
func (PoolUnreadable) Kind() string   { return "pool_unreadable" }
func (PoolJob) Kind() string          { return "pool_job" }
func (ShareIsFound) Kind() string     { return "block_share" }
func (ShareAnswered) Kind() string    { return "share" }
func (MinerStatus) Kind() string      { return "miner_status" }
func (MinerStopped) Kind() string     { return "miner_stopped" }
