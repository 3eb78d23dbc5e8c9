package stratum

import (
	"time"

	"github.com/touchstone-btc/touchstone/work/share"
)

// ServerConfig says how a Server treats miners. It is not touched after NewServer.
type ServerConfig struct {
	// Validator judges. Required.
	Validator *share.Validator
	// Handler gives jobs and hears verdicts. Required.
	Handler ServerHandler
	// VersionMask are the version bits granted at most; a miner gets those of them that it asks for (BIP 310). 0 grants none.
	VersionMask uint32
	// Extranonce2Size is in bytes. Default: 8. Extranonce1 has 4 bytes, one value for each connection.
	Extranonce2Size int
	// Vardiff says how hard shares are.
	Vardiff Vardiff
}

// ServerHandler joins a Server to what is around it. Its methods are called from the methods of a ServerSession, by whoever calls those.
type ServerHandler interface {
	// Authorize welcomes a worker, or returns why not, in words for the miner.
	Authorize(s *ServerSession, worker, password string) error
	// Job returns what the session is to work on now, nil if there is nothing yet. fresh asks for a job whose ID the session was not
	// sent before, because it is to be sent with another difficulty.
	Job(s *ServerSession, fresh bool) *ServerJob
	// Judged is told of each mining.submit, before the answer is written: err is why it could not be judged, and v may be a block even
	// then. sub and v hold only during the call.
	Judged(s *ServerSession, sub *Submit, v *share.Verdict, err error)
}

// Server is the pool's side of Stratum V1: what all its connections have in common. It has no sockets and no clock. It is safe for
// concurrent use.
type Server struct {
	config ServerConfig
}

// NewServer returns a Server. It errs where the config makes no sense.
func NewServer(c ServerConfig) (*Server, error) { return &Server{config: c}, nil }

// ServerJob is a job as it is sent: made once for all sessions that get it. It is not changed, and safe to share.
type ServerJob struct {
	Job *share.Job
	// Clean says that all jobs before it shall be dropped.
	Clean bool

	line []byte // the mining.notify
}

// NewServerJob returns a job to send.
func NewServerJob(j *share.Job, clean bool) *ServerJob {
	return &ServerJob{Job: j, Clean: clean, line: AppendNotify(nil, j.Work(), clean)}
}

// ServerSession is one connection of a Server. Its methods append to dst what is to be sent to the miner, whole lines; they are for one
// goroutine at a time.
type ServerSession struct {
	server *Server
}

// Open begins a connection.
func (s *Server) Open(now time.Time) *ServerSession { return &ServerSession{server: s} }

// Receive takes in a line from the miner. After an error the connection is to be closed, when dst was sent: the miner broke the protocol
// beyond repair.
func (c *ServerSession) Receive(dst, line []byte, now time.Time) ([]byte, error) { return dst, nil }

// Offer sends a job, if the miner is ready for it, after its difficulty if that changed.
func (c *ServerSession) Offer(dst []byte, j *ServerJob, now time.Time) []byte { return dst }

// Tick lets time pass: where a miner finds fewer shares than wanted, the difficulty goes down. Call it every few seconds.
func (c *ServerSession) Tick(dst []byte, now time.Time) []byte { return dst }

// Close ends the connection. The miner may take up its session within SessionKept.
func (c *ServerSession) Close(now time.Time) {}

// SessionKept is how long after the end of a connection its extranonce1 is kept for the miner to come back.
const SessionKept = 10 * time.Minute

// Extranonce returns what the connection was given; none before mining.subscribe.
func (c *ServerSession) Extranonce() Extranonce { return Extranonce{} }

// Worker returns the name that was authorized last, "" if none was.
func (c *ServerSession) Worker() string { return "" }

// UserAgent returns what the miner says it is, "" if it said nothing.
func (c *ServerSession) UserAgent() string { return "" }

// Difficulty returns the difficulty sent last, 0 if none was.
func (c *ServerSession) Difficulty() float64 { return 0 }

// Vardiff says how hard shares are.
type Vardiff struct {
	// SharesPerMinute is how many shares are wanted of each connection. Default: 20. Negative: the difficulty never changes.
	SharesPerMinute float64
	// Start is the first difficulty, Min and Max bound it. Defaults: 1 for Start, 1e-9 and none for the bounds. The network's bounds it
	// in any case: a share harder to find than a block makes no sense.
	Start, Min, Max float64
}
