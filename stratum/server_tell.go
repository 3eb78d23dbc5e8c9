package stratum

import (
	"errors"
	"fmt"
	"time"

	"github.com/touchstone-btc/touchstone/work/share"
)

// ErrNoExtranonceChange says that a miner did not ask to be told of other extranonces, and would go on with its old one.
var ErrNoExtranonceChange = errors.New("the miner did not send mining.extranonce.subscribe: it can't be given another extranonce")

// SetExtranonce gives the miner another extranonce; one that no other connection has where e.Extranonce1 is nil, of 4 bytes. It holds for
// the jobs offered later, so offer one at once, made for these sizes. What is given must be the connection's alone: that is for the caller to
// see to. A session taken up again has its first extranonce1.
//
// It errs, and sends nothing, with ErrNoExtranonceChange, before mining.subscribe, or where a size is out of bounds.
func (c *ServerSession) SetExtranonce(dst []byte, e Extranonce) ([]byte, error) {
	switch {
	case !c.subscribed || c.closed:
		return dst, errors.New("no extranonce can be set: the connection has none")
	case !c.extranonces:
		return dst, ErrNoExtranonceChange
	case len(e.Extranonce1) > share.MaxExtranonce || e.Extranonce2Size < 1 || e.Extranonce2Size > share.MaxExtranonce:
		return dst, fmt.Errorf("extranonce1 of %d and extranonce2 of %d bytes: want at most %d each",
			len(e.Extranonce1), e.Extranonce2Size, share.MaxExtranonce)
	}
	if e.Extranonce1 == nil {
		e.Extranonce1 = c.anotherExtranonce1()
	}
	c.setExtranonce(Extranonce{append([]byte{}, e.Extranonce1...), e.Extranonce2Size})
	return AppendSetExtranonce(dst, c.extranonce), nil
}

// ShowMessage sends a text for the miner's user.
func (c *ServerSession) ShowMessage(dst []byte, text string) []byte {
	return AppendShowMessage(dst, text)
}

// Reconnect asks the miner to connect elsewhere, after the time wait. host "" stands for the same host and port. Miners follow only within
// their pool's domain, if at all.
func (c *ServerSession) Reconnect(dst []byte, host string, port int, wait time.Duration) []byte {
	return AppendReconnect(dst, host, port, wait)
}
