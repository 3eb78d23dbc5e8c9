package stratum

import (
	"bytes"
	"fmt"
	mathbits "math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-btc/touchstone/work"
)

// ClientConfig says how a Client speaks to a pool. It is not touched after NewClient.
type ClientConfig struct {
	// Worker and Password are for mining.authorize.
	Worker, Password string
	// UserAgent is what the miner says it is.
	UserAgent string
	// Host is the pool's address as it was given, "host:port", for mining.subscribe; "" to leave it out, as most miners do.
	Host string
	// Session is that of an earlier connection, to be taken up again; "" for a new one.
	Session string
	// After is the Client of an earlier connection to the same pool, nil if there was none. What it submitted is not
	// submitted again, and Session defaults to its. It must not be used any more.
	After *Client
	// VersionMask are the version bits asked for; 0 asks for none, and no mining.configure is sent then.
	VersionMask uint32
	// Difficulty is suggested if it is not 0.
	Difficulty float64
	// Handler hears what the pool says. Required.
	Handler ClientHandler
}

// ClientHandler hears what a pool says. Its methods are called from Receive.
type ClientHandler interface {
	// Work gives a job to search; jobs before it are to be dropped if it is clean, and may be in any case. It is called
	// again for the same job where the pool changes what may be searched of it.
	Work(w *ClientWork)
	// Replied is told what became of the submission of that number.
	Replied(number uint64, r Reply)
	// Reconnect is told that the pool wants the miner to connect elsewhere: host "" stands for the same, port 0 too.
	Reconnect(host string, port int, wait time.Duration)
	// Message is a text for the user, on one line.
	Message(text string)
	// Ignored is told of what the pool sent and could not be used, such as a job that is none.
	Ignored(err error)
}

// ClientWork is a job of a pool with all that a search needs. It is not changed.
type ClientWork struct {
	// Job has the VersionMask that was granted of those bits asked for, and the limits of time that pools allow.
	Job *work.Job
	// Clean says that the work before it is worth nothing any more: the pool says so, or builds on another block now.
	Clean bool
	// Extranonce1 is the pool's part.
	Extranonce1 []byte
	// Target is what a share must meet.
	Target work.Target

	client *Client
	issue  *issue
}

// MaxNTimeRoll is how many seconds the ntime of a share runs ahead of that of its job at most: no pool is known that
// allows less.
const MaxNTimeRoll = 600

// AuthorizeError says that the pool does not take the worker.
type AuthorizeError struct {
	// Worker is the name that was refused.
	Worker string
	// Reply are the pool's words.
	Reply Reply
}

// Error returns the worker's name and the pool's words.
func (e *AuthorizeError) Error() string {
	return fmt.Sprintf("the pool does not let worker %s mine: %s", quote(e.Worker), e.Reply)
}

// Client is the miner's side of one connection. It has no sockets and no clock; its methods append to dst what is to be
// sent to the pool, whole lines, and are for one goroutine at a time.
//
// It says mining.configure and mining.subscribe at once, and the rest when the pool has answered the latter: a pool
// that refuses mining.configure or mining.extranonce.subscribe, or never answers them, does without. Jobs are given to
// the Handler when the worker is authorized. A job is of the extranonce and the difficulty that were in force when it
// came; where no difficulty came before it, it is of the first that does, and of difficulty 1 until then.
type Client struct {
	config  ClientConfig
	message Message
	lastID  uint64

	// The requests that wait for their answers, 0 for none.
	configuring, subscribing, authorizing uint64

	resuming        bool // mining.subscribe named a session
	subscribed      bool
	authorized      bool
	extranonceAsked bool // the pool knows that we understand mining.set_extranonce
	understood      bool // something that it said could be read
	garbage         int  // lines in a row that could not

	session    string
	extranonce Extranonce
	granted    bool   // version bits have to come with each share
	mask       uint32 // that may be rolled, whoever asked for them
	target     work.Target
	hasTarget  bool

	issue *issue            // the newest
	live  map[string]*issue // those of its block, by ID
	shown *ClientWork       // what the Handler was given last

	submits   uint64
	waiting   []submitted // oldest first
	submitted *shareSet
}

// issue is a job as the pool sent it.
type issue struct {
	job           *work.Job // without mask and limits; its sizes count only if hasExtranonce
	clean         bool
	extranonce1   []byte
	hasExtranonce bool
	target        work.Target
	hasTarget     bool
	content       uint64 // of all that makes its headers, but for the four numbers that a miner chooses
}

// difficulty1 is what jobs are of before any difficulty came.
var difficulty1 = func() work.Target {
	t, err := DifficultyTarget(1)
	if err != nil {
		panic(err)
	}
	return t
}()

// NewClient returns a Client that has said nothing yet.
func NewClient(config ClientConfig) *Client {
	c := &Client{config: config, target: difficulty1, live: map[string]*issue{}, submitted: new(shareSet)}
	if before := config.After; before != nil {
		c.submitted = before.submitted
		if config.Session == "" {
			c.config.Session = before.session
		}
		c.config.After = nil
	}
	return c
}

// Start says hello.
func (c *Client) Start(dst []byte, now time.Time) []byte {
	if c.config.VersionMask != 0 {
		mask := appendHex32(nil, c.config.VersionMask)
		dst, c.configuring = c.request(dst, MethodConfigure, fmt.Sprintf(`["%s","%s"],{"%s":%s,"%s":%d}`, extensionVersionRolling,
			extensionExtranonce, versionRollingMask, mask, versionRollingMinBits, min(fewBits, mathbits.OnesCount32(c.config.VersionMask))))
	}
	c.resuming = c.config.Session != ""
	return c.subscribe(dst)
}

// subscribe says mining.subscribe.
func (c *Client) subscribe(dst []byte) []byte {
	params := appendText(nil, c.config.UserAgent)
	switch {
	case c.resuming:
		params = appendText(append(params, ','), c.config.Session)
	case c.config.Host != "":
		params = append(params, ",null"...)
	}
	if host := c.config.Host; host != "" {
		port := ""
		if i := strings.LastIndexByte(host, ':'); i >= 0 {
			if _, err := strconv.ParseUint(host[i+1:], 10, 16); err == nil {
				host, port = host[:i], host[i+1:]
			}
		}
		params = appendText(append(params, ','), host)
		if port != "" {
			params = append(append(params, ','), strings.TrimLeft(port, "0")...)
		}
	}
	dst, c.subscribing = c.request(dst, MethodSubscribe, string(params))
	return dst
}

// introduce says who we are, when the pool has given us our extranonce.
func (c *Client) introduce(dst []byte) []byte {
	if !c.extranonceAsked {
		c.extranonceAsked = true
		dst, _ = c.request(dst, MethodExtranonceSubscribe, "")
	}
	if d := c.config.Difficulty; d > 0 {
		dst, _ = c.request(dst, MethodSuggestDifficulty, string(AppendDifficulty(nil, d)))
	}
	params := appendText(nil, c.config.Worker)
	params = appendText(append(params, ','), c.config.Password)
	dst, c.authorizing = c.request(dst, MethodAuthorize, string(params))
	return dst
}

// fewBits is how many version bits are worth having; a pool that has less may refuse to give any (BIP 310).
const fewBits = 2

// request appends a request and returns its id.
func (c *Client) request(dst []byte, method, params string) ([]byte, uint64) {
	c.lastID++
	return AppendRequest(dst, c.lastID, method, params), c.lastID
}

// Submit hands in a share that was found in w, a work of this Client. The number, counted from 1, is the one that
// Replied is told. It is 0, and nothing is appended, for a share that the pool must refuse: one that was submitted
// before, on this connection or that of ClientConfig.After; one of a job from before the pool turned to another block;
// one of a job whose ID another job has now; one with version bits that may not be rolled any more. MaxOutstanding
// submissions wait for their answers at most: of the oldest, Replied is not told then.
func (c *Client) Submit(dst []byte, w *ClientWork, s *work.Solution, now time.Time) (_ []byte, number uint64) {
	if w.client != c || !c.authorized || c.live[w.Job.ID] != w.issue || (s.Version^w.Job.Version)&^c.mask != 0 {
		return dst, 0
	}
	extranonce2, own := bytes.CutPrefix(s.Extranonce, w.Extranonce1)
	if !own || len(extranonce2) != w.Job.Extranonce2Size || !c.submitted.add(w.issue.content, s) {
		return dst, 0
	}
	if len(c.waiting) == MaxOutstanding {
		c.waiting = append(c.waiting[:0], c.waiting[1:]...)
	}
	c.lastID++
	c.submits++
	c.waiting = append(c.waiting, submitted{c.lastID, c.submits, now})
	return AppendSubmit(dst, c.lastID, c.config.Worker, w.Job.ID, extranonce2, s.Time, s.Nonce, s.Version&c.mask, c.granted), c.submits
}

// Ready reports whether the pool has authorized the worker and sent a job.
func (c *Client) Ready() bool { return c.shown != nil }

// Session returns the name to give as ClientConfig.Session to a later connection, "" if the pool gave none.
func (c *Client) Session() string { return c.session }

// VersionMask returns the version bits that the pool lets us roll, and whether it granted any.
func (c *Client) VersionMask() (mask uint32, granted bool) { return c.mask, c.granted }

// Outstanding returns how many submissions wait for their answer, and since when the one that has waited longest does.
func (c *Client) Outstanding() (int, time.Time) {
	if len(c.waiting) == 0 {
		return 0, time.Time{}
	}
	return len(c.waiting), c.waiting[0].at
}
