package stratum

import (
	"time"

	"github.com/touchstone-btc/touchstone/work"
)

// ClientConfig says how a Client speaks to a pool. It is not touched after NewClient.
type ClientConfig struct {
	// Worker and Password are for mining.authorize.
	Worker, Password string
	// UserAgent is what the miner says it is.
	UserAgent string
	// Host is the pool's address as it was given, for mining.subscribe, "" to leave it out.
	Host string
	// Session is that of an earlier connection, to be taken up again; "" for a new one.
	Session string
	// VersionMask are the version bits asked for; 0 asks for none, and no mining.configure is sent then.
	VersionMask uint32
	// Difficulty is suggested if it is not 0.
	Difficulty float64
	// Handler hears what the pool says. Required.
	Handler ClientHandler
}

// ClientHandler hears what a pool says. Its methods are called from Receive.
type ClientHandler interface {
	// Work gives a job to search; jobs before it are to be dropped if it is clean, and may be in any case.
	Work(w *ClientWork)
	// Replied is told what became of the submission of that number.
	Replied(number uint64, r Reply)
	// Reconnect is told that the pool wants the miner to connect elsewhere: host "" stands for the same, port 0 too.
	Reconnect(host string, port int, wait time.Duration)
	// Message is a text for the user.
	Message(text string)
}

// ClientWork is a job of a pool with all that a search needs. It is not changed.
type ClientWork struct {
	// Job has the granted VersionMask, and the limits of time that pools allow.
	Job *work.Job
	// Clean says that the work before it is worth nothing any more.
	Clean bool
	// Extranonce1 is the pool's part.
	Extranonce1 []byte
	// Target is what a share must meet.
	Target work.Target
}

// Client is the miner's side of one connection. It has no sockets and no clock; its methods append to dst what is to be sent to the pool,
// whole lines, and are for one goroutine at a time.
type Client struct {
	config ClientConfig
}

// NewClient returns a Client that has said nothing yet.
func NewClient(c ClientConfig) *Client { return &Client{config: c} }

// Start says hello.
func (c *Client) Start(dst []byte, now time.Time) []byte { return dst }

// Receive takes in a line from the pool. An error means that the connection is of no use: the pool refused the worker, or can't be
// understood.
func (c *Client) Receive(dst, line []byte, now time.Time) ([]byte, error) { return dst, nil }

// Submit hands in a share that was found in w. The number is the one that Replied is told.
func (c *Client) Submit(dst []byte, w *ClientWork, s *work.Solution, now time.Time) (_ []byte, number uint64) {
	return dst, 0
}

// Ready reports whether the pool has authorized the worker and sent a job.
func (c *Client) Ready() bool { return false }

// Session returns the name to give as ClientConfig.Session to a later connection, "" if the pool gave none.
func (c *Client) Session() string { return "" }

// Outstanding returns how many submissions wait for their answer, and since when the one that has waited longest does.
func (c *Client) Outstanding() (int, time.Time) { return 0, time.Time{} }
