package devnet

import (
	"time"

	"github.com/btcsuite/btcd/chaincfg/v2"
)

// Options change how a chain is opened. The zero value is the default.
type Options struct {
	// Params are the network's parameters, nil for Params(). A chain that is
	// continued must be opened with the parameters it began with. btcd writes
	// into them: two open chains must not share a value.
	Params *chaincfg.Params
	// Refresh is how long Template waits at most for new work when it is given a
	// longpollid. Default 30 s.
	Refresh time.Duration
	// Now is the clock, by default time.Now. It may be called from several
	// goroutines at once.
	Now func() time.Time
	// Notice, if set, is told in one line of plain words what Open repaired. It
	// is called before Open returns.
	Notice func(text string)
	// Interrupt, if set, ends an Open that is still at work when it is closed.
	Interrupt <-chan struct{}
}

const defaultRefresh = 30 * time.Second

func (o Options) withDefaults() Options {
	if o.Params == nil {
		o.Params = Params()
	}
	if o.Refresh <= 0 {
		o.Refresh = defaultRefresh
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Notice == nil {
		o.Notice = func(string) {}
	}
	return o
}
