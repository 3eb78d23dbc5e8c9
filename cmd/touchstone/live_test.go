package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/internal/serve"
	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// screen is a terminal as far as the console uses one: it never scrolls, and
// lines longer than it is wide go on in the next row.
type screen struct {
	columns  int
	rows     [][]rune
	row, col int
}

func (s *screen) Write(b []byte) (int, error) {
	text := []rune(string(b))
	for i := 0; i < len(text); i++ {
		for len(s.rows) <= s.row {
			s.rows = append(s.rows, nil)
		}
		switch r := text[i]; r {
		case '\r':
			s.col = 0
		case '\n':
			s.row, s.col = s.row+1, 0
		case '\x1b':
			end := i + 2
			for text[end] >= '0' && text[end] <= '9' {
				end++
			}
			n, _ := strconv.Atoi(string(text[i+2 : end]))
			switch text[end] {
			case 'A':
				s.row = max(s.row-n, 0)
			case 'K':
				s.rows[s.row] = s.rows[s.row][:min(s.col, len(s.rows[s.row]))]
			case 'J':
				s.rows[s.row] = s.rows[s.row][:min(s.col, len(s.rows[s.row]))]
				s.rows = s.rows[:s.row+1]
			default:
				return 0, fmt.Errorf("escape sequence %q", string(text[i:end+1]))
			}
			i = end
		default:
			w := runeWidth(r)
			if s.col+w > s.columns {
				s.row, s.col = s.row+1, 0
				if len(s.rows) <= s.row {
					s.rows = append(s.rows, nil)
				}
			}
			line := s.rows[s.row]
			for len(line) < s.col+w {
				line = append(line, ' ')
			}
			line[s.col] = r
			if w == 2 {
				line[s.col+1] = -1 // the other half
			}
			s.rows[s.row] = line
			s.col += w
		}
	}
	return len(b), nil
}

// lines is what one sees.
func (s *screen) lines() (all []string) {
	for _, r := range s.rows {
		all = append(all, strings.TrimRight(string(slices.DeleteFunc(slices.Clone(r), func(r rune) bool { return r == -1 })), " "))
	}
	for len(all) > 0 && all[len(all)-1] == "" {
		all = all[:len(all)-1]
	}
	return all
}

func screenConsole(s *screen, rows int) *console {
	return &console{
		out: bufio.NewWriter(s), err: s, flush: true,
		width: func() int { return s.columns }, height: func() int { return rows },
	}
}

// What is logged and printed stands above the block, in order, and the block
// is there all the time.
func TestConsoleBlock(t *testing.T) {
	s := &screen{columns: 30}
	c := screenConsole(s, 12)
	rnd := rand.New(rand.NewPCG(1, 2))
	var logged, shown []string
	for i := range 500 {
		switch rnd.IntN(8) {
		case 0, 1, 2:
			shown = nil
			for j := range rnd.IntN(12) {
				shown = append(shown, strings.Repeat([]string{"x", "矿", "long "}[rnd.IntN(3)], rnd.IntN(12)+1)+fmt.Sprint(j))
			}
			c.Block(func(columns, rows int) []string {
				require.Equal(t, 29, columns)
				require.Equal(t, 12-blockFree, rows)
				return slices.Clone(shown)
			})
			shown = shown[:min(len(shown), 12-blockFree)]
			for j, l := range shown {
				shown[j] = cutWidth(l, 29)
			}
		case 3, 4, 5:
			logged = append(logged, fmt.Sprintf("log %d", i))
			c.Log("log %d", i)
		case 6:
			logged = append(logged, fmt.Sprintf("result %d", i))
			c.Print("result %d", i)
		case 7:
			if rnd.IntN(3) == 0 {
				shown = nil
				c.ClearStatus()
			}
		}
		want := slices.Concat(logged, shown)
		for len(want) > 0 && want[len(want)-1] == "" {
			want = want[:len(want)-1]
		}
		require.Equal(t, want, s.lines())
	}
	c.Log("end")
	require.NoError(t, c.Close())
	require.Equal(t, append(logged, "end"), s.lines())
}

// A status line gives way to a block.
func TestConsoleBlockAfterStatus(t *testing.T) {
	s := &screen{columns: 30}
	c := screenConsole(s, 24)
	c.Status(time.Now(), func(int) string { return "status" })
	c.Block(func(int, int) []string { return []string{"block", "lines"} })
	require.Equal(t, []string{"block", "lines"}, s.lines())
	c.Block(func(int, int) []string { return nil })
	require.Empty(t, s.lines())
	// In the smallest of terminals there is one row for it.
	screenConsole(s, 1).Block(func(_, rows int) []string { require.Equal(t, 1, rows); return []string{"a", "b"} })
	require.Equal(t, []string{"a"}, s.lines())
}

// Where there is no terminal, nothing is asked for and nothing written.
func TestConsoleBlockElsewhere(t *testing.T) {
	var log bytes.Buffer
	c := &console{out: bufio.NewWriter(io.Discard), err: &log, width: func() int { return 0 }}
	c.Block(func(int, int) []string { t.Error("asked"); return nil })
	c.Log("x")
	require.Equal(t, "x\n", log.String())
}

func TestTextWidth(t *testing.T) {
	require.Equal(t, 3, textWidth("abc"))
	require.Equal(t, 4, textWidth("矿工"))
	require.Equal(t, "abc", cutWidth("abc", 3))
	require.Equal(t, "ab…", cutWidth("abcd", 3))
	require.Equal(t, "矿…", cutWidth("矿工人", 4))
	require.Equal(t, "矿…", cutWidth("矿工人", 3))
	require.Equal(t, "…", cutWidth("矿工人", 2))
	require.Equal(t, "…", cutWidth("abc", 1))
	require.Empty(t, cutWidth("abc", 0))
	require.Empty(t, cutWidth("abc", -1))
	require.Equal(t, "bc1q….rig7", cutMiddle("bc1qw508d6qejx.rig7", 10))
	require.Equal(t, "short", cutMiddle("short", 10))
	require.Equal(t, "矿工…人甲", cutMiddle("矿工人工人甲", 10))
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		var b strings.Builder
		for range rnd.IntN(30) {
			b.WriteRune([]rune("ab矿🙂é")[rnd.IntN(5)])
		}
		columns := rnd.IntN(30)
		require.LessOrEqual(t, textWidth(cutWidth(b.String(), columns)), columns)
		require.LessOrEqual(t, textWidth(cutMiddle(b.String(), columns)), columns)
	}
}

func TestHarmless(t *testing.T) {
	require.Equal(t, "矿工 1.rig-ä", harmless("矿工 1.rig-ä"))
	require.Equal(t, "a?[2Jb", harmless("a\x1b[2Jb"))
	require.Equal(t, "a?b?c?", harmless("a\nb\u202ec\u0301"))
	require.Equal(t, "????1", harmless("שלום1"))
	require.Equal(t, "a?b", harmless("a\u00a0b"))
	require.Equal(t, "a�b", harmless("a\xffb"))
	require.Equal(t, "x?", harmless("x\u200d"))
}

// fakeRole is a role whose time the test makes.
type fakeRole struct {
	devices *serve.Devices
	now     time.Time
	pools   []serve.PoolState
}

func (f *fakeRole) Snapshot() serve.Snapshot {
	now := f.now
	if now.IsZero() {
		now = time.Now()
	}
	s := f.devices.Snapshot(now)
	s.Role, s.Chain, s.Height = "pool", "regtest", 7
	if f.pools != nil {
		s.Role, s.Pools, s.Chain = "proxy", f.pools, ""
	}
	return s
}

// newFakeRole has devices w0, w1, …, each with shares a minute, for an hour.
func newFakeRole(t *testing.T, names ...string) *fakeRole {
	d, start := serve.NewDevices(), time.Now()
	for i, name := range names {
		target, err := work.DifficultyTarget(new(big.Rat).SetInt64(int64(1000 << (2 * (i % 10)))))
		require.NoError(t, err)
		c := d.Connected(fmt.Sprint("s", i), fmt.Sprintf("192.0.2.%d:1000", i), "stratum+tcp://pool.example:3333", start)
		c.Is("cgminer/4", name)
		c.Target(target, start)
		for j := range 600 {
			v := share.Verdict{Word: share.Accepted, Target: target}
			switch {
			case strings.HasPrefix(name, "refused") && j%10 == 0:
				v.Word = share.LowDifficulty
			case strings.HasPrefix(name, "silent") && j > 300:
				continue
			}
			c.Judged(&v, nil, start.Add(time.Duration(j)*6*time.Second))
		}
	}
	return &fakeRole{devices: d, now: start.Add(time.Hour)}
}

// The table begins with the devices that are worth a look.
func TestLiveOrder(t *testing.T) {
	role := newFakeRole(t, "small", "refused", "silent", "big", "bigger")
	s := role.Snapshot()
	var order []string
	for _, d := range noteworthy(s.Devices, s.Time) {
		order = append(order, d.Worker)
	}
	require.Equal(t, []string{"refused", "silent", "bigger", "big", "small"}, order)
}

// The view fits every terminal.
func TestLiveText(t *testing.T) {
	names := []string{"alice", "refused\x1b[2J", "矿工.机器一二三四五六七八九十", strings.Repeat("x", 200), "שלום"}
	for len(names) < 40 {
		names = append(names, fmt.Sprint("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080.rig", len(names)))
	}
	pool := newFakeRole(t, names...)
	proxy := *pool
	proxy.pools = []serve.PoolState{
		{URL: "stratum+tcp://pool.example:3333", Working: true}, {URL: "stratum+ssl://other.example:443", Error: "connection refused"},
	}
	for _, role := range []*fakeRole{pool, &proxy} {
		s := role.Snapshot()
		for columns := 0; columns < 220; columns += 3 {
			for rows := 1; rows < 60; rows += 4 {
				lines := liveText(&s, 100, columns, rows)
				require.LessOrEqual(t, len(lines), rows)
				for _, l := range lines {
					require.LessOrEqual(t, textWidth(l), columns, l)
					require.NotContains(t, l, "\x1b")
				}
			}
		}
		wide := strings.Join(liveText(&s, 100, 200, 50), "\n")
		require.Contains(t, wide, "40 devices")
		require.Contains(t, wide, "100 shares/min")
		require.Contains(t, wide, ".rig39")
		require.NotContains(t, wide, "more", "all have a row")
		narrow := strings.Join(liveText(&s, 100, 79, 20), "\n")
		require.Contains(t, narrow, "devices more")
		require.Contains(t, narrow, "95 %", "the interval is there in an ordinary terminal")
	}
	s := proxy.Snapshot()
	text := strings.Join(liveText(&s, 100, 120, 50), "\n")
	require.Contains(t, text, "proxy to stratum+tcp://pool.example:3333")
	require.Contains(t, text, "! stratum+ssl://other.example:443 does not work: connection refused")
	require.Contains(t, text, "0 disagreements")
	require.NotContains(t, strings.Join(liveText(ptr(pool.Snapshot()), 100, 120, 50), "\n"), "DISAGREE")
	empty := (&fakeRole{devices: serve.NewDevices()}).Snapshot()
	require.Contains(t, strings.Join(liveText(&empty, 0, 79, 20), "\n"), "pool on regtest, height 7 | 0 devices | 0.00 shares/min | 0 blocks")
}

func ptr[T any](v T) *T { return &v }

// On a terminal the view is drawn each second and gone at the end; elsewhere a
// line comes every half minute.
func TestLiveRun(t *testing.T) {
	run := func(view *liveView, d time.Duration, during func()) {
		synctest.Test(t, func(t *testing.T) {
			view.source = &fakeRole{devices: serve.NewDevices()}
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			go func() {
				time.Sleep(d / 2)
				during()
			}()
			view.run(ctx)
			time.Sleep(d)
		})
	}
	s := &screen{columns: 80}
	con := screenConsole(s, 24)
	run(&liveView{con: con}, 9*time.Second, func() {
		con.Log("a log")
		con.mu.Lock()
		defer con.mu.Unlock()
		require.Equal(t, "a log", s.lines()[0])
		require.Contains(t, strings.Join(s.lines(), "\n"), "pool on regtest, height 7 | 0 devices")
	})
	require.Equal(t, []string{"a log"}, s.lines())

	var log bytes.Buffer
	elsewhere := &console{out: bufio.NewWriter(io.Discard), err: &log, width: func() int { return 0 }}
	run(&liveView{con: elsewhere}, 100*time.Second, func() {})
	require.Equal(t, 3, strings.Count(log.String(), "\n"))
	require.Contains(t, log.String(), "touchstone: pool on regtest, height 7; 0 devices; 0.00 shares/min; 0 blocks found; up ")
	log.Reset()
	run(&liveView{con: elsewhere, quiet: true}, 100*time.Second, func() {})
	require.Empty(t, log.String())
}

func TestPercentText(t *testing.T) {
	for want, n := range map[string][2]int64{
		"0 %": {0, 5}, "100 %": {5, 5}, "<0.01 %": {1, 100_000}, ">99.9 %": {99_999, 100_000}, "0.50 %": {1, 200}, "50.0 %": {1, 2},
	} {
		require.Equal(t, want, percentText(n[0], n[1]))
	}
}

// The unit fits the upper end: near 0 the lower one has none.
func TestLiveInterval(t *testing.T) {
	require.Equal(t, "0.00 to 54.6 M", liveInterval(&serve.HashRate{High: 54594701}))
	require.Equal(t, "0.07 to 11.7 M", liveInterval(&serve.HashRate{Rate: 578e3, Low: 70e3, High: 11.727e6}))
	require.Equal(t, "12.9 to 13.6 T", liveInterval(&serve.HashRate{Rate: 13.2e12, Low: 12.9e12, High: 13.6e12}))
	require.Equal(t, "0.00 to 1.50", liveInterval(&serve.HashRate{High: 1.5}))
}

// At 40 columns the table still has what is refused.
func TestLiveNarrow(t *testing.T) {
	s := newFakeRole(t, "small", "refused").Snapshot()
	text := strings.Join(liveText(&s, 100, 39, 20), "\n")
	require.Contains(t, text, "REFUSED\n")
	require.NotContains(t, text, "…")
}
