package stratum

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// Bounds on what is read. They are far above what is in use: a coinbase of 16 KiB as hex with 32 branch hashes takes 35 KiB.
const (
	// MaxLine is the most bytes that a message may have.
	MaxLine = 64 << 10
	// MaxDepth is how deep a value inside a message may be nested.
	MaxDepth = 8
	// MaxParams is how many elements of an array are looked at; what follows is only held to be JSON.
	MaxParams = 32
	// MaxField is the most bytes of each text: names of workers and jobs, methods, ids, the fields of a submission.
	MaxField = 1024
	// MaxBranch is the most hashes of a merkle branch: a block can't have 2^32 transactions.
	MaxBranch = 32
)

// The methods that are read here.
const (
	MethodSubscribe      = "mining.subscribe"
	MethodAuthorize      = "mining.authorize"
	MethodConfigure      = "mining.configure"
	MethodSubmit         = "mining.submit"
	MethodNotify         = "mining.notify"
	MethodSetDifficulty  = "mining.set_difficulty"
	MethodSetExtranonce  = "mining.set_extranonce"
	MethodSetVersionMask = "mining.set_version_mask"

	MethodExtranonceSubscribe = "mining.extranonce.subscribe"
	MethodSuggestDifficulty   = "mining.suggest_difficulty"
	MethodSuggestTarget       = "mining.suggest_target"
	MethodPing                = "mining.ping"
	MethodPong                = "mining.pong"
	MethodGetTransactions     = "mining.get_transactions"
	MethodShowMessage         = "client.show_message"
	MethodReconnect           = "client.reconnect"
	MethodGetVersion          = "client.get_version"
)

// Message is one message, decoded as far as all messages are alike. The zero Message is ready for [Decode], which reuses its
// memory: keep one for each goroutine. It must not be copied.
//
// All but Method alias the line or the message's own memory: they hold until either is used again.
type Message struct {
	// Method is what is asked or told, "" in a reply.
	Method string
	// ID names the request that a reply is for, as JSON text: 7, or "7" with its quotes, which is another; null; or nothing where
	// there was none. A string that was written with escapes is there without.
	ID []byte
	// Params are the first MaxParams elements, nil if params is no array; ParamsKind then says what it was.
	Params     []Value
	ParamsKind Kind
	// ParamsCount is how many elements there were.
	ParamsCount int
	// Result and Error are those of a reply, nil where there were none.
	Result, Error Value
	// RejectReason is ckpool's reason beside a result of false, nil where there was none.
	RejectReason Value

	decoder jsontext.Decoder
	input   bytes.Buffer
	line    []byte
	id      []byte // an ID that could not be left in the line
	scratch []byte
}

// HasID says that a reply to this request is expected, or that this reply names its request: null is no id.
func (m *Message) HasID() bool { return len(m.ID) > 0 && m.ID[0] != 'n' }

// reset forgets what was decoded before.
func (m *Message) reset() {
	m.Method, m.ID = "", nil
	m.Params, m.ParamsKind, m.ParamsCount = m.Params[:0], None, 0
	m.Result, m.Error, m.RejectReason = nil, nil, nil
}
