package serve

import "github.com/btcsuite/btcd/chainhash/v2"

// ProxyStarted is the first event of a Proxy: devices can connect.
type ProxyStarted struct {
	Listen    []string `json:"listen"`     // URLs for devices: stratum+tcp://HOST:PORT, stratum+ssl://HOST:PORT
	Status    string   `json:"status"`     // URL of the status; "" if there is none
	Pools     []string `json:"pools"`      // in the order in which they are tried
	Recording string   `json:"recording"`  // the folder; empty where nothing is recorded
	Mode      string   `json:"mode"`       // one of the constants Mode…
	ShareRate float64  `json:"share_rate"` // shares a minute that devices are to find; 0 where the pool's difficulty holds
}

// What a proxy does with what crosses it.
const (
	ModeTransparent = "transparent" // forwards all bytes as they come
	ModeEnforce     = "enforce"     // answers bad shares itself
	ModeShareRate   = "share-rate"  // gives devices a difficulty of its own
)

// DeviceJoined says that a device was connected to a pool.
type DeviceJoined struct {
	Session string `json:"session"`
	Peer    string `json:"peer"`
	Pool    string `json:"pool"`
}

// DeviceLeft says that a connection has ended.
type DeviceLeft struct {
	Session string  `json:"session"`
	Peer    string  `json:"peer"`
	Pool    string  `json:"pool"`
	Worker  string  `json:"worker"` // named last, as far as was judged; "" if none was
	Reason  string  `json:"reason"`
	Elapsed Seconds `json:"elapsed"`
}

// DeviceTurnedAway says that a device was disconnected because no pool could be reached. Devices try again by themselves.
type DeviceTurnedAway struct {
	Peer  string `json:"peer"`
	Error string `json:"error"` // of each pool
	// Untold are devices before that were not told of one by one, because they came too fast.
	Untold int `json:"untold"`
}

// PoolLost says that a pool failed. New connections try others first, until it works again.
type PoolLost struct {
	Pool  string  `json:"pool"`
	Error string  `json:"error"`
	Retry Seconds `json:"retry"` // until it is tried again
}

// PoolBack says that a pool which had failed works.
type PoolBack struct {
	Pool string `json:"pool"`
}

// PoolRedirects says that a pool told a device to connect elsewhere. In transparent mode the device hears it: if it goes there, its
// shares are judged no more, and somebody else may be paid for them.
type PoolRedirects struct {
	Session   string `json:"session"`
	Worker    string `json:"worker"`
	Pool      string `json:"pool"`
	To        string `json:"to"`        // host and port as the pool gave them; empty: the same pool
	Forwarded bool   `json:"forwarded"` // the device was told
}

// Disagreed says that the pool credited a share that is not valid, or refused one that is.
type Disagreed struct {
	Session    string  `json:"session"`
	Worker     string  `json:"worker"`
	Pool       string  `json:"pool"`
	Job        string  `json:"job"`
	Hash       string  `json:"hash"`    // of the header, in display order; empty where none could be built
	Verdict    string  `json:"verdict"` // ours
	Reason     string  `json:"reason"`  // of ours, if it refuses
	Block      bool    `json:"block"`
	Difficulty float64 `json:"difficulty"` // achieved
	Required   float64 `json:"required"`
	PoolSaid   string  `json:"pool_said"`
	// Untold are disagreements of the same connection before, which were not told because they came too fast.
	Untold int `json:"untold"`
}

// ShareIsBlock says that a share met the network's target: if the pool takes it, the device found a block.
type ShareIsBlock struct {
	Session    string         `json:"session"`
	Worker     string         `json:"worker"`
	Pool       string         `json:"pool"`
	Job        string         `json:"job"`
	Hash       chainhash.Hash `json:"hash"`
	Verdict    string         `json:"verdict"` // empty if it could not be judged
	Difficulty float64        `json:"difficulty"`
}

// JudgeBehind says that messages of a connection were forwarded and recorded, but not judged, because the judge did not keep up.
type JudgeBehind struct {
	Session  string `json:"session"`
	Messages int    `json:"messages"`
}

// JudgeFailed says that judging a connection failed inside: an error of ours. What crosses it is forwarded and recorded all the same.
type JudgeFailed struct {
	Session string `json:"session"`
	Peer    string `json:"peer"`
	Error   string `json:"error"`
}

// ProxyStopped is the last event.
type ProxyStopped struct {
	Devices    int     `json:"devices"` // connections of this run
	Shares     uint64  `json:"shares"`  // that were seen
	Credited   uint64  `json:"credited"`
	Refused    uint64  `json:"refused"`
	Unjudged   uint64  `json:"unjudged"`
	Disagreed  uint64  `json:"disagreed"`  // with the pool's answers
	Crossed    uint64  `json:"crossed"`    // refused as stale by the pool, because they crossed a new block on the wire
	Blocks     uint64  `json:"blocks"`     // shares that met the network's target
	Unanswered uint64  `json:"unanswered"` // shares whose answer was not seen
	Elapsed    Seconds `json:"elapsed"`
}

func (ProxyStarted) Kind() string     { return "proxy_started" }
func (DeviceJoined) Kind() string     { return "device_joined" }
func (DeviceLeft) Kind() string       { return "device_left" }
func (DeviceTurnedAway) Kind() string { return "device_turned_away" }
func (PoolLost) Kind() string         { return "pool_lost" }
func (PoolBack) Kind() string         { return "pool_back" }
func (PoolRedirects) Kind() string    { return "pool_redirects" }
func (Disagreed) Kind() string        { return "disagreed" }
func (ShareIsBlock) Kind() string     { return "share_is_block" }
func (JudgeBehind) Kind() string      { return "judge_behind" }
func (JudgeFailed) Kind() string      { return "judge_failed" }
func (ProxyStopped) Kind() string     { return "proxy_stopped" }
