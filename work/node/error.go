package node

// A Kind says how speaking to a node failed.
type Kind uint8

// An Error is a failure to get an answer from a node.
type Error struct {
	Node    string // the node's URL, without credentials
	Method  string // the RPC method, empty where none was reached
	Kind    Kind
	Status  int    // HTTP status, 0 where there was none
	Code    int    // JSON-RPC error code, 0 where there was none
	Message string // what happened
	Hint    string // the cure, where one is known
	Err     error  // the cause, may be nil
}

func (e *Error) Error() string { return e.Message }
func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether the same call may succeed later without anyone
// changing the configuration.
func (e *Error) Temporary() bool { return false }
