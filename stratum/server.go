package stratum

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
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

// ServerHandler joins a Server to what is around it. Its methods are called from the methods of a ServerSession, by whoever calls those;
// of the session they may use what only returns something.
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
	config      ServerConfig
	current     atomic.Pointer[Vardiff] // complete; not changed
	extranonces *extranonces
	readings    sync.Pool // of *serverReading
}

// serverReading is what a line is read into. A session has none of its own: it takes some kilobytes.
type serverReading struct {
	reading
	verdict share.Verdict
}

const defaultExtranonce2Size = 8

// NewServer returns a Server. It errs where the config makes no sense.
func NewServer(c ServerConfig) (*Server, error) {
	switch {
	case c.Validator == nil:
		return nil, errors.New("stratum server: no Validator: nobody would judge the shares")
	case c.Handler == nil:
		return nil, errors.New("stratum server: no Handler: nobody would give jobs")
	case c.Extranonce2Size < 0 || c.Extranonce2Size > share.MaxExtranonce:
		return nil, fmt.Errorf("stratum server: extranonce2 of %d bytes: want 1 to %d, or 0 for %d",
			c.Extranonce2Size, share.MaxExtranonce, defaultExtranonce2Size)
	case c.Extranonce2Size == 0:
		c.Extranonce2Size = defaultExtranonce2Size
	}
	s := &Server{config: c, extranonces: newExtranonces()}
	if err := s.SetVardiff(c.Vardiff); err != nil {
		return nil, fmt.Errorf("stratum server: %w", err)
	}
	s.readings.New = func() any { return new(serverReading) }
	return s, nil
}

// SetVardiff changes how hard shares are, for connections that are there too: with their next Tick. It errs where v makes no sense, and
// changes nothing then.
func (s *Server) SetVardiff(v Vardiff) error {
	if err := v.complete(); err != nil {
		return err
	}
	s.current.Store(&v)
	return nil
}

// vardiff returns how hard shares are now.
func (s *Server) vardiff() *Vardiff { return s.current.Load() }

// SessionKept is how long after the end of a connection its extranonce1 is kept for the miner to come back.
const SessionKept = 10 * time.Minute
