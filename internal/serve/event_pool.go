package serve

import "github.com/btcsuite/btcd/chainhash/v2"

// PoolStarted is the first event of a pool, when it listens.
type PoolStarted struct {
	Chain       string   `json:"chain"`
	Nodes       []string `json:"nodes"` // empty on the embedded chain
	Folder      string   `json:"folder"`
	Address     string   `json:"address"`      // who is paid; "" if each worker is at its own address
	Listen      []string `json:"listen"`       // URLs, stratum+tcp://HOST:PORT or stratum+ssl://HOST:PORT
	Status      string   `json:"status"`       // URL of the status; "" if there is none
	VersionMask string   `json:"version_mask"` // that miners are granted at most
	Pending     int      `json:"pending"`      // blocks of an earlier run that are sent again
}

// JobOffered says that all who were ready for it have been given a job, or
// that it is on its way to them.
type JobOffered struct {
	Job      string  `json:"job"`
	Sessions int     `json:"sessions"`
	Elapsed  Seconds `json:"elapsed"` // from the template to the last of them
}

// DeviceConnected says that a connection was taken.
type DeviceConnected struct {
	Session string `json:"session"`
	Peer    string `json:"peer"`
	TLS     bool   `json:"tls"`
}

// DeviceAuthorized says that a worker was welcomed.
type DeviceAuthorized struct {
	Session   string `json:"session"`
	Peer      string `json:"peer"`
	Worker    string `json:"worker"`
	UserAgent string `json:"user_agent"`
}

// DeviceRefused says that a worker was not welcomed. Of a connection, the first
// is told.
type DeviceRefused struct {
	Session string `json:"session"`
	Peer    string `json:"peer"`
	Worker  string `json:"worker"`
	Error   string `json:"error"`
}

// DeviceGone says that a connection ended.
type DeviceGone struct {
	Session  string  `json:"session"`
	Peer     string  `json:"peer"`
	Worker   string  `json:"worker"` // authorized last; "" if none was
	Reason   string  `json:"reason"` // "" if the device hung up or the pool stopped
	Accepted uint64  `json:"accepted"`
	Refused  uint64  `json:"refused"` // and not judged
	Elapsed  Seconds `json:"elapsed"`
}

// PoolFound says that a device found a block. It is written to disk before the
// device is answered, and then sent; if it can't be written, BlockNotKept
// follows. Of several for one place, the node accepts one, and refuses the
// others or accepts them as BlockAccepted with the Reason "inconclusive".
type PoolFound struct {
	Hash       chainhash.Hash `json:"hash"`
	Height     int32          `json:"height"`
	Job        string         `json:"job"`
	Difficulty float64        `json:"difficulty"` // that the hash is worth
	Session    string         `json:"session"`
	Peer       string         `json:"peer"`
	Worker     string         `json:"worker"`
	Verdict    string         `json:"verdict"` // on the share, such as "block", or "stale" for one that comes late
}

// PoolStatus tells how a pool goes.
type PoolStatus struct {
	Connections int     `json:"connections"`
	Working     int     `json:"working"`  // those with a worker that was welcomed
	Rate        float64 `json:"rate"`     // hashes/s that the shares of the last ten minutes stand for
	Shares      uint64  `json:"shares"`   // credited
	Refused     uint64  `json:"refused"`  // refused or not judged
	Accepted    int     `json:"accepted"` // blocks
	Height      int32   `json:"height"`   // searched; 0 if there is no work
	Difficulty  float64 `json:"difficulty"`
	// TemplateAge is the time since the last template came. Outdated says that
	// it is longer than any source leaves us without one: it fails, and the
	// devices may work on what is no longer the tip.
	TemplateAge Seconds `json:"template_age"`
	Outdated    bool    `json:"outdated"`
	Elapsed     Seconds `json:"elapsed"`
}

// PoolStopped is the last event of a pool.
type PoolStopped struct {
	Accepted int    `json:"accepted"` // blocks of this run
	Refused  int    `json:"refused"`
	Pending  int    `json:"pending"` // blocks without a final answer, kept for the next run
	Shares   uint64 `json:"shares"`  // credited
	// SharesRefused are those that were refused or not judged.
	SharesRefused uint64  `json:"shares_refused"`
	Elapsed       Seconds `json:"elapsed"`
}

func (PoolStarted) Kind() string      { return "pool_started" }
func (JobOffered) Kind() string       { return "job_offered" }
func (DeviceConnected) Kind() string  { return "device_connected" }
func (DeviceAuthorized) Kind() string { return "device_authorized" }
func (DeviceRefused) Kind() string    { return "device_refused" }
func (DeviceGone) Kind() string       { return "device_gone" }
func (PoolFound) Kind() string        { return "pool_found" }
func (PoolStatus) Kind() string       { return "pool_status" }
func (PoolStopped) Kind() string      { return "pool_stopped" }
