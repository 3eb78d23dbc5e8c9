package serve

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A proxy whose pool is itself would connect to itself without end.
func TestProxyLoop(t *testing.T) {
	for _, c := range []struct {
		pool, listen string
		loop         bool
	}{
		{"127.0.0.1:3334", "127.0.0.1:3334", true},
		{"localhost:3334", "127.0.0.1:3334", true},
		{"127.0.0.1:3334", "localhost:3334", true},
		{"127.0.0.1:3334", "0.0.0.0:3334", true},
		{"127.0.0.1:3334", ":3334", true},
		{"[::1]:3334", "[::]:3334", true},
		{"127.0.0.1:3333", "127.0.0.1:3334", false},
		{"127.0.0.2:3334", "127.0.0.1:3334", false},
		{"192.0.2.1:3334", "0.0.0.0:3334", false},
		{"pool.example:3334", "0.0.0.0:3334", false},
		{"127.0.0.1:3334", "127.0.0.1:0", false},
	} {
		_, err := NewProxy(ProxyConfig{Pools: []string{"stratum+tcp://192.0.2.9:1", c.pool}, Listen: []ListenAt{{Address: c.listen}}})
		if c.loop {
			require.ErrorAs(t, err, new(*PoolLoopError), "%+v", c)
		} else {
			require.NoError(t, err, "%+v", c)
		}
	}
}
