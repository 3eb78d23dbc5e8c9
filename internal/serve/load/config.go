package load

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"time"
)

// Config says what load to make. It is not touched after New.
type Config struct {
	// Pool is where to connect: host:port, or stratum+tcp://host:port, or stratum+ssl://host:port. Required.
	Pool string
	// TLS is used for stratum+ssl. Default: the certificate is not looked at, because this is for servers under test.
	TLS *tls.Config `json:"-"`
	// Sources are the local addresses to connect from, in turn. Default: the system chooses; but where the pool is at an address of
	// 127.0.0.0/8 and there are more connections than one address has ports, as many of 127.0.0.1, 127.0.0.2, … as are needed.
	Sources []string

	// Connections is how many are kept open. Default: 1.
	Connections int
	// ConnectRate is how many are opened in a second. Default: 500.
	ConnectRate float64
	// SharesPerMinute is how many shares each connection sends. Default: 20. Negative: none.
	SharesPerMinute float64
	// Even spreads the shares of a connection evenly, but for a jitter of a tenth. Default: at exponentially distributed intervals, as
	// real shares are found.
	Even bool
	// Duration is how long shares are sent, from when all connections have been opened. Default: until the context ends.
	Duration time.Duration
	// Shares ends the load when so many were due, of all connections together. Default: there is no such end.
	Shares uint64
	// Drain is how long the last replies may take, before they count as lost. Default: 10 s.
	Drain time.Duration
	// Drained, if set, is called when the last reply came, while all connections are still open.
	Drained func() `json:"-"`

	// Worker is the name of the workers, to which ".1", ".2", … is added. Default: "load".
	Worker string
	// Password is that of all workers. Default: "x".
	Password string
	// Difficulty is suggested to the pool, unless it is 0.
	Difficulty float64
	// MaxHashes is how many hashes a share may take on average: where a pool asks for more, none is sent. Default: 2^24.
	MaxHashes float64
	// Rolling is the part of the connections that negotiate version rolling, 0 to 1. Default: a half. Negative: none.
	Rolling float64

	// Bad is the part of the shares that are wrong on purpose, 0 to 1.
	Bad float64
	// Kinds are the ways in which they are. Default: all.
	Kinds []Kind
	// Lenient is for pools that use other codes or another order of lines: only whether a share is credited counts, and shares that
	// cross a new block may be either.
	Lenient bool

	// BlockEvery is how often a connection searches a block, which makes a new tip, where the network's difficulty allows: see
	// Generator.FindBlock. Default: never, but by chance.
	BlockEvery time.Duration

	// Seed makes all random choices those of another run. Default: random.
	Seed uint64
}

// portsPerSource is how many connections one local address is trusted with: Linux has 28 232 ports for them by default.
const portsPerSource = 25_000

// withDefaults returns the config with all defaults filled in, and the address to dial.
func (c Config) withDefaults() (_ Config, address string, err error) {
	address, secure := c.Pool, false
	if scheme, rest, ok := strings.Cut(c.Pool, "://"); ok {
		switch scheme {
		case "stratum+tcp":
		case "stratum+ssl", "stratum+tls":
			secure = true
		default:
			return c, "", fmt.Errorf("pool %q: want stratum+tcp:// or stratum+ssl://", c.Pool)
		}
		address = strings.TrimSuffix(rest, "/")
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return c, "", fmt.Errorf("pool %q: %w: want host:port", c.Pool, err)
	}
	switch {
	case !secure:
		c.TLS = nil
	case c.TLS == nil:
		c.TLS = &tls.Config{ServerName: host, InsecureSkipVerify: true}
	}
	setDefault(&c.Connections, 1)
	setDefault(&c.ConnectRate, 500)
	setDefault(&c.SharesPerMinute, 20)
	setDefault(&c.Drain, 10*time.Second)
	setDefault(&c.Worker, "load")
	setDefault(&c.Password, "x")
	setDefault(&c.MaxHashes, 1<<24)
	setDefault(&c.Rolling, 0.5)
	for c.Seed == 0 {
		c.Seed = rand.Uint64()
	}
	if len(c.Kinds) == 0 {
		c.Kinds = BadKinds()
	}
	switch {
	case c.Connections < 0:
		err = fmt.Errorf("%d connections: want 1 or more", c.Connections)
	case !(c.ConnectRate > 0):
		err = fmt.Errorf("%v connections a second: want more than 0", c.ConnectRate)
	case math.IsNaN(c.SharesPerMinute) || c.SharesPerMinute > 60_000:
		err = fmt.Errorf("%v shares a minute: want at most 60000", c.SharesPerMinute)
	case !(c.Bad >= 0 && c.Bad <= 1):
		err = fmt.Errorf("%v of the shares bad: want 0 to 1", c.Bad)
	case !(c.Rolling <= 1):
		err = fmt.Errorf("%v of the connections rolling: want at most 1", c.Rolling)
	case c.Difficulty < 0 || math.IsNaN(c.Difficulty) || math.IsInf(c.Difficulty, 0):
		err = fmt.Errorf("difficulty %v: want more than 0", c.Difficulty)
	case slices.Contains(c.Kinds, Good):
		err = errors.New("good is no kind of bad share")
	}
	if ip := net.ParseIP(host); err == nil && len(c.Sources) == 0 && ip.To4() != nil && ip.IsLoopback() && c.Connections > portsPerSource {
		for i := range (c.Connections + portsPerSource - 1) / portsPerSource {
			c.Sources = append(c.Sources, net.IPv4(127, 0, byte((i+1)>>8), byte(i+1)).String())
		}
	}
	return c, address, err
}

func setDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}
