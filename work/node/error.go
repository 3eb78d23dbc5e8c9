package node

import (
	"errors"
	"fmt"
	"strings"

	"github.com/btcsuite/btcd/btcjson"
)

// A Kind says how speaking to a node failed.
type Kind uint8

// The kinds of failure. Those marked temporary may pass by themselves.
const (
	KindUnreachable  Kind = iota + 1 // no connection (temporary, unless the name does not exist)
	KindDropped                      // the connection ended before the answer did (temporary)
	KindTimeout                      // no whole answer in time (temporary)
	KindTLS                          // certificate, or TLS against plain HTTP
	KindCredentials                  // 401, or the cookie file cannot be read (temporary only for a missing cookie)
	KindForbidden                    // 403: the node does not serve this address or user
	KindHTTP                         // another HTTP status without a JSON-RPC answer (temporary for 429 and 5xx)
	KindBusy                         // 503: the node's queue is full (temporary)
	KindNotRPC                       // an answer that is not JSON-RPC, such as a web page
	KindTooLong                      // an answer longer than any true one
	KindMalformed                    // JSON-RPC, but not the answer to the question
	KindWarmup                       // RPC error -28: the node is starting (temporary)
	KindSyncing                      // RPC error -10: the node is downloading the chain (temporary)
	KindNotConnected                 // RPC error -9: the node has no peers (temporary)
	KindNoMethod                     // RPC error -32601: the node lacks the method
	KindRPC                          // another RPC error
	KindChain                        // the node is on another chain
)

var kindNames = [...]string{
	KindUnreachable:  "unreachable",
	KindDropped:      "dropped",
	KindTimeout:      "timeout",
	KindTLS:          "tls",
	KindCredentials:  "credentials",
	KindForbidden:    "forbidden",
	KindHTTP:         "http",
	KindBusy:         "busy",
	KindNotRPC:       "not-rpc",
	KindTooLong:      "too-long",
	KindMalformed:    "malformed",
	KindWarmup:       "warmup",
	KindSyncing:      "syncing",
	KindNotConnected: "not-connected",
	KindNoMethod:     "no-method",
	KindRPC:          "rpc",
	KindChain:        "chain",
}

// String returns the kind as one lower-case word.
func (k Kind) String() string {
	if k == 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("kind(%d)", uint8(k))
	}
	return kindNames[k]
}

// An Error is a failure to get an answer from a node; find it with errors.As.
// It never holds a password.
type Error struct {
	Node    string // the node's URL, without credentials
	Method  string // the RPC method
	Kind    Kind
	Status  int    // HTTP status, 0 where there was none
	Code    int    // JSON-RPC error code, 0 where there was none
	Message string // what happened
	Hint    string // the cure, empty where none is known
	Err     error  // the cause, may be nil
	lasting bool   // contradicts what Kind says of being temporary
	passing bool   // likewise
}

// Error returns method, node, message and hint in one line.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Method != "" {
		b.WriteString(e.Method + " at ")
	}
	if e.Node != "" {
		b.WriteString(e.Node + ": ")
	}
	b.WriteString(e.Message)
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// faultText is the node's own text.
func (e *Error) faultText() string {
	var fault *btcjson.RPCError
	if errors.As(e.Err, &fault) {
		return fault.Message
	}
	return e.Message
}

// Temporary reports whether the same call may succeed later without anyone
// changing a configuration.
func (e *Error) Temporary() bool {
	if e.lasting || e.passing {
		return e.passing
	}
	switch e.Kind {
	case KindUnreachable, KindDropped, KindTimeout, KindBusy, KindWarmup, KindSyncing, KindNotConnected:
		return true
	case KindHTTP:
		return e.Status == 429 || e.Status >= 500
	case KindRPC:
		// A full disk or a database in trouble, and btcd's word for anything
		// that went wrong inside it.
		return e.Code == rpcOutOfMemory || e.Code == rpcDatabase || e.Code == rpcVerify || e.Code == rpcInternal
	}
	return false
}

// Temporary reports whether trying again may help: whether err holds an [*Error]
// that is temporary. With several nodes one of them is enough.
func Temporary(err error) bool {
	var e *Error
	if errors.As(err, &e) && e.Temporary() {
		return true
	}
	var all *nodesError
	if errors.As(err, &all) {
		for _, one := range all.errs {
			if Temporary(one) {
				return true
			}
		}
	}
	return false
}

// A nodesError is what several nodes failed with, in their order.
type nodesError struct{ errs []error }

func joinErrors(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	return &nodesError{errs}
}

func (e *nodesError) Error() string {
	texts := make([]string, len(e.errs))
	for i, err := range e.errs {
		texts[i] = err.Error()
	}
	return "no node answered: " + strings.Join(texts, " | ")
}

func (e *nodesError) Unwrap() []error { return e.errs }
