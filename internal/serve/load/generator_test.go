package load

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work/share"
)

// run makes load on s and returns the report.
func run(t *testing.T, s *server, c Config) Report {
	t.Helper()
	leaks(t)
	c.Pool = s.url()
	if c.Connections == 0 {
		c.Connections = 4
	}
	c.ConnectRate = 10_000
	if c.SharesPerMinute < 0 {
		c.Duration = time.Millisecond
	} else {
		c.SharesPerMinute, c.Shares = 60_000, 200
	}
	g, err := New(c)
	require.NoError(t, err)
	require.NoError(t, g.Run(t.Context()))
	r := g.Report()
	t.Log(r.String())
	for _, p := range r.Problems {
		t.Log(p)
	}
	require.Equal(t, r.Sent, r.Accepted+r.Refused+r.Lost+r.Outstanding)
	require.Zero(t, r.Ready)
	return r
}

// An honest server is found to be one: each share is what the generator takes it for, by package share's judgement.
func TestHonest(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*server)
		config Config
	}{
		{"all good", func(*server) {}, Config{}},
		{"all bad", func(s *server) { s.bits = easyBits }, Config{Bad: 1, Connections: 8}},
		{"half bad", func(s *server) { s.bits = easyBits }, Config{Bad: 0.5, Connections: 8}},
		{"evenly", func(*server) {}, Config{Even: true}},
		{"all roll", func(*server) {}, Config{Rolling: 1, Bad: 0.5}},
		{"none rolls", func(*server) {}, Config{Rolling: -1, Bad: 0.5}},
		{"no version rolling granted", func(s *server) { s.mask = 0 }, Config{Rolling: 1, Bad: 0.5}},
		{"one bit granted", func(s *server) { s.mask = 1 << 13 }, Config{Rolling: 1, Bad: 0.5}},
		{"harder shares", func(s *server) { s.difficulty = 1e-6 }, Config{Bad: 0.1}},
		{"every hash is a share", func(s *server) { s.difficulty = 1e-10 }, Config{Bad: 0.5}},
		{"lenient", func(s *server) { s.bits = easyBits }, Config{Lenient: true, Bad: 0.5}},
		{"over TLS", func(s *server) {
			h := httptest.NewTLSServer(nil)
			h.Close()
			s.tls = &tls.Config{Certificates: h.TLS.Certificates}
		}, Config{Bad: 0.5}},
		{"from two addresses", func(*server) {}, Config{Sources: sources()}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, tt.change)
			r := run(t, s, tt.config)
			require.NoError(t, r.Right())
			require.EqualValues(t, 200, r.Sent+r.Skipped)
			require.Zero(t, r.Outstanding)
			if !tt.config.Lenient { // who takes any code can't tell which one a bad share that met a new block had to get
				require.Zero(t, r.Excused)
			}
			require.Equal(t, r.MostReady, r.Connections)
			s.mu.Lock()
			defer s.mu.Unlock()
			require.Equal(t, int(r.Sent), s.submits)
			require.Equal(t, s.words["accepted"]+s.words["block"], r.Accepted)
			require.Equal(t, s.words["block"], r.Blocks)
			require.Len(t, s.names, r.Connections)
			require.LessOrEqual(t, s.versions[true], r.Connections)
			// What was meant to be wrong was judged to be wrong in that way, but for what crossed a block.
			for kind, word := range map[Kind]string{Duplicate: "duplicate", LowDifficulty: "low-difficulty"} {
				n := r.Kinds[kind.String()]
				require.Equal(t, n.Sent, n.Right+min(r.Excused, n.Sent-n.Right))
				require.LessOrEqual(t, s.words[word], n.Sent)
			}
			if tt.config.Bad == 0 {
				require.Equal(t, r.Sent, s.words["accepted"]+s.words["block"]+s.words["stale"])
			}
		})
	}
}

// start makes load on s until the function it returns is called, which gives the report.
func start(t *testing.T, s *server, c Config) (g *Generator, end func() Report) {
	t.Helper()
	leaks(t)
	c.Pool = s.url()
	g, err := New(c)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	t.Cleanup(cancel)
	return g, func() Report {
		cancel()
		require.NoError(t, <-ended)
		r := g.Report()
		for _, p := range r.Problems {
			t.Log(p)
		}
		return r
	}
}

// until waits for something that comes true while load is made.
func until(t *testing.T, g *Generator, is func(r *Report) bool) {
	t.Helper()
	require.Eventually(t, func() bool { r := g.Report(); return is(&r) }, time.Minute, time.Millisecond)
}

// sources are two addresses of this machine, where all of 127.0.0.0/8 is.
func sources() []string {
	if runtime.GOOS != "linux" {
		return []string{"127.0.0.1", "127.0.0.1"}
	}
	return []string{"127.0.0.1", "127.0.0.2"}
}

// Blocks make new tips, and each session is seen to be told.
func TestBlocks(t *testing.T) {
	s := newServer(t, func(s *server) { s.bits = 0x1e7fffff })
	g, end := start(t, s, Config{Connections: 10, Bad: 0.2, SharesPerMinute: 6000, BlockEvery: time.Second / 10})
	until(t, g, func(r *Report) bool { return r.MostReady == 10 })
	for range 3 {
		hash, err := g.FindBlock(t.Context())
		require.NoError(t, err)
		until(t, g, func(r *Report) bool {
			i := slices.IndexFunc(r.Tips, func(tip Tip) bool { return tip.PrevBlock == hash.String() })
			return i >= 0 && r.Tips[i].Sessions == 10
		})
	}
	until(t, g, func(r *Report) bool { return r.Blocks >= 6 && r.Kinds["stale"].Right > 3 })
	r := end()
	require.NoError(t, r.Right())
	for _, tip := range r.Tips[:3] {
		require.Equal(t, 10, tip.Sessions)
		require.True(t, tip.Submitted)
		require.GreaterOrEqual(t, tip.Last, tip.First)
		require.GreaterOrEqual(t, tip.First, 0.0)
		require.InDelta(t, tip.Last-tip.First, tip.Spread, 1e-6)
	}
}

// What the server does wrong is seen, each time.
func TestNotices(t *testing.T) {
	const nth = 7
	once := func(wrong func(answer []byte) []byte) func(int, []byte, *share.Verdict) []byte {
		return func(n int, answer []byte, _ *share.Verdict) []byte {
			if n == nth {
				return wrong(answer)
			}
			return answer
		}
	}
	for _, tt := range []struct {
		name   string
		change func(*server)
		config Config
		want   func(t *testing.T, r Report)
	}{
		{"loses a reply", func(s *server) {
			s.tamper = once(func([]byte) []byte { return nil })
		}, Config{Drain: time.Second / 4}, func(t *testing.T, r Report) {
			require.EqualValues(t, 1, r.Lost)
			require.ErrorContains(t, r.Right(), "1 lost; first: connection ")
		}},
		{"refuses a good share", func(s *server) {
			s.tamper = once(func(answer []byte) []byte {
				return bytes.Replace(answer, []byte(`"result":true,"error":null`), []byte(`"result":null,"error":[23,"low",null]`), 1)
			})
		}, Config{}, func(t *testing.T, r Report) {
			require.EqualValues(t, 1, r.Misjudged)
			require.Contains(t, r.Problems[0], "a share of kind good was rejected: 23 low: it had to be accepted")
		}},
		{"calls a good share stale", func(s *server) {
			s.tamper = once(func(answer []byte) []byte {
				return bytes.Replace(answer, []byte(`"result":true,"error":null`), []byte(`"result":null,"error":[21,"stale",null]`), 1)
			})
		}, Config{}, func(t *testing.T, r Report) { require.EqualValues(t, 1, r.Misjudged) }},
		{"answers true and an error", func(s *server) {
			s.tamper = once(func(answer []byte) []byte {
				return bytes.Replace(answer, []byte(`"error":null`), []byte(`"error":[20,"no",null]`), 1)
			})
		}, Config{}, func(t *testing.T, r Report) { require.EqualValues(t, 1, r.Misjudged) }},
		{"accepts all", func(s *server) {
			s.tamper = func(_ int, answer []byte, v *share.Verdict) []byte {
				id, _, _ := bytes.Cut(answer, []byte(","))
				return append(id, `,"result":true,"error":null}`+"\n"...)
			}
		}, Config{Bad: 0.5}, func(t *testing.T, r Report) {
			require.Equal(t, r.Sent-r.Kinds["good"].Sent, r.Misjudged)
			require.NotZero(t, r.Misjudged)
		}},
		{"one code for all", func(s *server) {
			s.tamper = func(_ int, answer []byte, v *share.Verdict) []byte {
				if v.Word == share.Accepted {
					return answer
				}
				id, _, _ := bytes.Cut(answer, []byte(","))
				return append(id, `,"result":null,"error":[19,"no",null]}`+"\n"...)
			}
		}, Config{Bad: 0.5}, func(t *testing.T, r Report) {
			require.Equal(t, r.Sent-r.Kinds["good"].Sent, r.Misjudged)
			require.NotZero(t, r.Misjudged)
		}},
		{"one code for all, to the lenient", func(s *server) {
			s.tamper = func(_ int, answer []byte, v *share.Verdict) []byte {
				if v.Word == share.Accepted {
					return answer
				}
				id, _, _ := bytes.Cut(answer, []byte(","))
				return append(id, `,"result":false,"error":"no"}`+"\n"...)
			}
		}, Config{Bad: 0.5, Lenient: true}, func(t *testing.T, r Report) { require.NoError(t, r.Right()) }},
		{"answers twice", func(s *server) {
			s.tamper = once(func(answer []byte) []byte { return append(answer, answer...) })
		}, Config{}, func(t *testing.T, r Report) { require.EqualValues(t, 1, r.Unasked) }},
		{"answers what was never asked", func(s *server) {
			s.tamper = once(func(answer []byte) []byte {
				return append(answer, `{"id":"x","result":true,"error":null}`+"\n"...)
			})
		}, Config{}, func(t *testing.T, r Report) { require.EqualValues(t, 1, r.Unasked) }},
		{"writes no JSON", func(s *server) {
			s.tamper = once(func(answer []byte) []byte { return append(answer, "HTTP/1.1 400 Bad Request\r\n"...) })
		}, Config{}, func(t *testing.T, r Report) { require.EqualValues(t, 1, r.Garbled) }},
		{"writes a difficulty of no number", func(s *server) {
			s.tamper = once(func(answer []byte) []byte {
				return stratum.AppendNotification(answer, stratum.MethodSetDifficulty, "[]")
			})
		}, Config{}, func(t *testing.T, r Report) { require.EqualValues(t, 1, r.Garbled) }},
		{"writes a line without end", func(s *server) {
			s.tamper = once(func(answer []byte) []byte { return append(answer, make([]byte, 200_000)...) })
		}, Config{}, func(t *testing.T, r Report) {
			require.NotZero(t, r.Closed)
			require.Contains(t, r.Problems[0], stratum.ErrTooLong.Error())
		}},
		{"gives two the same extranonce1", func(s *server) {
			s.extranonce1 = func(n uint32) uint32 { return n / 2 }
		}, Config{SharesPerMinute: -1}, func(t *testing.T, r Report) { require.EqualValues(t, 1, r.SharedExtranonce) }},
		{"asks for too hard shares", func(s *server) { s.difficulty = 1 }, Config{}, func(t *testing.T, r Report) {
			require.Zero(t, r.Sent)
			require.NotZero(t, r.TooHard)
			require.Error(t, r.Right())
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.want(t, run(t, newServer(t, tt.change), tt.config))
		})
	}
}

// A new block that crosses a share makes it stale, and nothing else will do.
func TestCrossing(t *testing.T) {
	for _, tt := range []struct {
		name    string
		lenient bool
		tamper  func(int, []byte, *share.Verdict) []byte
		wrong   bool
	}{
		{"called stale", false, nil, false},
		{"accepted all the same", false, func(n int, answer []byte, v *share.Verdict) []byte {
			if v.Word != share.Stale {
				return answer
			}
			id, _, _ := bytes.Cut(answer, []byte(","))
			return append(id, `,"result":true,"error":null}`+"\n"...)
		}, true},
		{"accepted, and nobody minds", true, func(n int, answer []byte, v *share.Verdict) []byte {
			id, _, _ := bytes.Cut(answer, []byte(","))
			return append(id, `,"result":true,"error":null}`+"\n"...)
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, func(s *server) { s.tamper = tt.tamper })
			s.onSubmit = func(n int) {
				if n == 5 {
					s.newJob(chainhash.Hash{5}) // goes out before the answer
				}
			}
			r := run(t, s, Config{Connections: 1, Lenient: tt.lenient})
			require.NotZero(t, r.Crossed)
			if tt.wrong {
				require.Equal(t, r.Crossed, r.Misjudged)
			} else {
				require.Zero(t, r.Misjudged)
			}
			require.Len(t, r.Tips, 1)
			require.Equal(t, 1, r.Tips[0].Sessions)
			require.False(t, r.Tips[0].Submitted)
		})
	}
}

// Connections that end are opened again, and what waited on them is lost.
func TestReconnects(t *testing.T) {
	s := newServer(t)
	var cut atomic.Bool
	s.tamper = func(n int, answer []byte, _ *share.Verdict) []byte {
		if n == 20 && cut.CompareAndSwap(false, true) {
			go s.disconnect()
			return nil
		}
		return answer
	}
	g, end := start(t, s, Config{Connections: 4, SharesPerMinute: 6000})
	until(t, g, func(r *Report) bool { return r.Reconnects == 4 })
	r := end()
	require.EqualValues(t, 4, r.Closed)
	require.EqualValues(t, 4, r.Reconnects)
	require.NotZero(t, r.Lost)
	require.Zero(t, r.Misjudged)
	require.Zero(t, r.Failed)
	require.Contains(t, r.Problems[0], "closed with")
}

// The context ends everything at any time, and what has no reply then is not lost.
func TestStops(t *testing.T) {
	s := newServer(t)
	s.tamper = func(int, []byte, *share.Verdict) []byte { return nil }
	g, end := start(t, s, Config{Connections: 3, SharesPerMinute: 6000})
	until(t, g, func(r *Report) bool { return r.Outstanding > 3 })
	r := end()
	require.Zero(t, r.Lost)
	require.Equal(t, r.Sent, r.Outstanding)
	require.NoError(t, r.Right())

	// While it connects, too: at this rate it would take hours.
	g, end = start(t, s, Config{Connections: 3, ConnectRate: 1e-3})
	until(t, g, func(r *Report) bool { return r.Ready == 1 })
	r = end()
	require.NoError(t, r.Right())
}

// Where nobody gets as far as a job, that is an error.
func TestNobodyThere(t *testing.T) {
	leaks(t)
	s := newServer(t)
	address := s.url()
	_ = s.listener.Close()
	g, err := New(Config{Pool: address, Connections: 3})
	require.NoError(t, err)
	require.ErrorContains(t, g.Run(t.Context()), "no connection came as far as a job: connection ")
	require.GreaterOrEqual(t, g.Report().Failed, uint64(3))
}

func TestConfig(t *testing.T) {
	for _, tt := range []struct {
		config Config
		want   string
	}{
		{Config{}, `pool ""`},
		{Config{Pool: "127.0.0.1"}, "want host:port"},
		{Config{Pool: "http://127.0.0.1:1"}, "want stratum+tcp:// or stratum+ssl://"},
		{Config{Pool: "127.0.0.1:1", Connections: -1}, "-1 connections"},
		{Config{Pool: "127.0.0.1:1", ConnectRate: -1}, "-1 connections a second"},
		{Config{Pool: "127.0.0.1:1", Bad: 2}, "2 of the shares bad: want 0 to 1"},
		{Config{Pool: "127.0.0.1:1", Rolling: 2}, "2 of the connections rolling"},
		{Config{Pool: "127.0.0.1:1", Difficulty: -1}, "difficulty -1"},
		{Config{Pool: "127.0.0.1:1", SharesPerMinute: 1e9}, "1e+09 shares a minute"},
		{Config{Pool: "127.0.0.1:1", Kinds: []Kind{Good}}, "good is no kind of bad share"},
		{Config{Pool: "127.0.0.1:1", Connections: 1 << 30}, "this process may have only"},
	} {
		_, err := New(tt.config)
		if fileLimit() > 1<<31 && tt.config.Connections > 1<<20 {
			continue
		}
		require.ErrorContains(t, err, tt.want)
	}
	c, address, err := Config{Pool: "stratum+tcp://127.0.0.1:3333/", Connections: 60_000}.withDefaults()
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:3333", address)
	require.Equal(t, []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"}, c.Sources)
	c, _, err = Config{Pool: "stratum+ssl://pool.example:3333"}.withDefaults()
	require.NoError(t, err)
	require.Equal(t, "pool.example", c.TLS.ServerName)
}

func TestKinds(t *testing.T) {
	for _, k := range append(BadKinds(), Good) {
		back, err := ParseKind(k.String())
		require.NoError(t, err)
		require.Equal(t, k, back)
	}
	_, err := ParseKind("unlucky")
	require.ErrorContains(t, err, `kind of share "unlucky": want one of low-difficulty, duplicate, `)
	require.Equal(t, fmt.Sprintf("kind(%d)", numKinds), numKinds.String())
}
