package serve

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// pieces is a connection from which bytes come in pieces of given sizes.
type pieces struct {
	net.Conn
	rest  []byte
	sizes []byte
	reads int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := len(p.rest)
	if len(p.sizes) > 0 {
		n = int(p.sizes[p.reads%len(p.sizes)])*16 + 1
		p.reads++
	}
	n = copy(b, p.rest[:min(n, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}

func (*pieces) CloseWrite() error { return nil }

// sink is a connection that keeps what is written.
type sink struct {
	net.Conn
	bytes.Buffer
	ended bool
}

func (s *sink) Write(b []byte) (int, error)      { return s.Buffer.Write(b) }
func (s *sink) Read([]byte) (int, error)         { return 0, io.EOF }
func (s *sink) CloseWrite() error                { s.ended = true; return nil }
func (s *sink) SetWriteDeadline(time.Time) error { return nil }

// splitLines returns the lines of b as the proxy should see them, "too long" for such.
func splitLines(b []byte) (lines []string) {
	for l := range bytes.SplitSeq(b, []byte("\n")) {
		switch {
		case len(l) > stratum.MaxLine:
			lines = append(lines, "too long")
		case len(bytes.Trim(l, " \t\r\n")) > 0:
			lines = append(lines, fmt.Sprintf("%q", l))
		}
	}
	return lines
}

// Whatever comes, in whatever pieces, is forwarded as it is; and the judge gets its lines.
func FuzzProxyTap(f *testing.F) {
	// 0xff stands for nearly as many bytes as a line may have, so that the fuzzer need not find them.
	long := bytes.Repeat([]byte("x"), stratum.MaxLine-1)
	f.Add([]byte(subscribeLine+"\r\n\n{}"), []byte{0, 1, 2}, true)
	f.Add([]byte("\xffx\ny\n"), []byte{255, 3}, false)
	f.Add([]byte("\xffxz\n\n"+subscribeLine), []byte{}, true)
	f.Add([]byte("\xff\r\n\xff\xff"), []byte{0, 200}, false)
	f.Add([]byte(`{"id":4,"method":"mining.submit","params":["w","j","00","6920d000","00000000"]}`+"\n"), []byte{5}, true)
	f.Fuzz(func(t *testing.T, input, sizes []byte, device bool) {
		if input = bytes.ReplaceAll(input, []byte{0xff}, long); len(input) > 1<<20 {
			return
		}
		p := &Proxy{events: newEventQueue(func(Event) {}), upstreams: newUpstreams(func(Event) {})}
		p.judge = newJudge(share.NewValidator(share.Options{}), p.emit)
		p.judge.limits = judgeLimits{bytes: 1 << 30, connBytes: 1 << 30, connMessages: 1 << 30}
		from := stratum.FromPool
		if device {
			from = stratum.FromMiner
		}
		fl := &flow{proxyConn: proxyConn{
			proxy: p, settings: &proxySettings{}, upstream: &upstream{}, joined: time.Now(),
			status: NewDevices().Connected("s", "p", "u", time.Now()),
		}}
		fl.witness = p.judge.watch("s", "p", "l", "u", fl.status)
		dst := new(sink)
		fl.carry(from, &pieces{rest: input, sizes: sizes}, dst, make([]byte, fromPoolBuffer))
		require.True(t, bytes.Equal(input, dst.Bytes()))
		require.True(t, dst.ended)

		var lines []string
		q := p.judge.queue
		start := q.items[0].end // of what was said when it was opened
		for _, item := range q.items[1:] {
			if item.what == itemTooLong {
				lines = append(lines, "too long")
			} else {
				require.Equal(t, from, item.from)
				lines = append(lines, fmt.Sprintf("%q", q.bytes[start:item.end]))
			}
			start = item.end
		}
		require.Equal(t, splitLines(input), lines)
		// The judge survives all of it.
		p.judge.turn()
		require.Zero(t, p.judge.queued)
		require.False(t, fl.witness.failed)
	})
}

// still is a connection on which nothing comes, and everything can be said.
type still struct{ sink }

func (*still) LocalAddr() net.Addr             { return &net.TCPAddr{} }
func (*still) Close() error                    { return nil }
func (*still) SetDeadline(time.Time) error     { return nil }
func (*still) SetReadDeadline(time.Time) error { return nil }
func (*still) RemoteAddr() net.Addr            { return &net.TCPAddr{} }

// Whatever device and pool say in lines, and in which order: what is no share crosses as it is, in order; a share is forwarded or answered,
// once; and the device's difficulty is never above the pool's.
func FuzzProxyRewrite(f *testing.F) {
	r := &rig{t: f}
	r.theirs, _ = stratum.DifficultyTarget(rigDifficulty)
	job := r.job("job", 1, mainnetBits)
	same := *job
	same.ID = "same"
	later := r.job("later", 2, 0x1f00ffff)
	notify := func(j *work.Job) string { return string(stratum.AppendNotify(nil, j, true)) }
	difficulty := func(d float64) string { return string(stratum.AppendSetDifficulty(nil, d)) }
	device := []string{
		subscribeLine, `{"id":2,"method":"mining.authorize","params":["w","x"]}` + "\n",
		`{"id":3,"method":"mining.configure","params":[["minimum-difficulty"],{"minimum-difficulty.value":1e-7}]}` + "\n",
		r.share(10, job, r.theirs.MetBy), r.share(11, job, misses(r.theirs)), r.share(12, &same, r.theirs.MetBy),
		r.share(13, later, later.Target.MetBy), "garbage\r\n", `{"id":null,"method":"mining.submit","params":[]}` + "\n",
		`{"id":14,"method":"mining.subm\u0069t","params":["w","job","x","y","z"]}` + "\n", `{"id":15,"result":"touchstone","error":null}` + "\n",
	}
	pool := []string{
		string(stratum.AppendSubscribeResult(nil, []byte("1"), "s", stratum.Extranonce{Extranonce1: rigExtranonce1, Extranonce2Size: 8})),
		`{"id":2,"result":true,"error":null}` + "\n", difficulty(rigDifficulty), difficulty(1e-9), difficulty(1), notify(job), notify(&same),
		notify(later), answered("10"), `{"id":11,"result":false,"error":[23,"low",null]}` + "\n", "garbage\n",
		string(stratum.AppendSetExtranonce(nil, stratum.Extranonce{Extranonce1: []byte{1}, Extranonce2Size: 2})),
		`{"id":null,"method":"mining.set_difficulty","params":["x"]}` + "\n", `{"id":null,"method":"mining.notify","params":["job"]}` + "\n",
	}
	all := len(device) + len(pool)
	f.Add([]byte{0, 11, 1, 12, 13, 16, 3, 19, 4, 3, 5, 18, 6}, uint8(3), []byte("{}"))
	f.Add([]byte{0, 11, 1, 12, 13, 16, 17, 14, 16, 3, 4, 15, 18, 5, 3}, uint8(2), []byte(`{"id":9,"method":"mining.submit"}`))
	f.Add([]byte{16, 3, 13, 16, 3, 24, 3, 22, 16, 23, 16, 3, 7, 8, 9, 10, 2, 25}, uint8(1), []byte("\x00"))
	f.Fuzz(func(t *testing.T, order []byte, mode uint8, other []byte) {
		if other = append(bytes.ReplaceAll(other, []byte("\n"), nil), '\n'); len(order) > 500 || len(other) > 4096 {
			return
		}
		p := &Proxy{events: newEventQueue(func(Event) {}), upstreams: newUpstreams(func(Event) {}), easier: share.NewValidator(share.Options{})}
		p.judge = newJudge(share.NewValidator(share.Options{}), p.emit)
		p.config.Devices = NewDevices()
		s := &proxySettings{enforce: mode&1 != 0}
		if mode&2 != 0 {
			s.shareRate = MaxShareRate
		}
		below, above := new(still), new(still)
		rw := newRewriter(p, s, NewLines(below, upstreamLines), above, &upstream{})
		now := time.Now()
		var asked, told []string
		for _, b := range order {
			now = now.Add(100 * time.Millisecond)
			switch i := int(b) % (all + 2); {
			case i < len(device):
				asked = append(asked, device[i])
				rw.fromDevice([]byte(device[i]), now)
			case i < all:
				told = append(told, pool[i-len(device)])
				rw.fromPool([]byte(pool[i-len(device)]), now)
			case i == all:
				asked = append(asked, string(other))
				rw.fromDevice(other, now)
			default:
				told = append(told, string(other))
				rw.fromPool(other, now)
			}
		}
		rw.lines.Close()
		rw.up.Close()
		forwarded, heard := lineList(above.Bytes()), lineList(below.Bytes())

		answers := 0
		for _, line := range asked {
			var m stratum.Message
			if len(forwarded) > 0 && forwarded[0] == line {
				forwarded = forwarded[1:]
				continue
			}
			require.NoError(t, stratum.Decode([]byte(line), &m), "%q is lost", line)
			require.Equal(t, stratum.MethodSubmit, m.Method)
			if m.HasID() {
				answers++
			}
		}
		require.Empty(t, forwarded, "the pool gets what the device did not send")

		theirs, ceiling := 0.0, 0.0 // the pool's difficulty, and the highest since a line was found that we know the place of
		for _, line := range told {
			var m stratum.Message
			ours := false
			if s.shareRate > 0 && stratum.Decode([]byte(line), &m) == nil && m.Method == stratum.MethodSetDifficulty {
				if target, err := m.SetDifficulty(); err == nil {
					theirs, ours = target.Difficulty(), true
					ceiling = max(ceiling, theirs)
				}
			}
			for !ours && len(heard) > 0 && heard[0] != line { // what is ours
				require.NoError(t, stratum.Decode([]byte(heard[0]), &m), "%q was made up", heard[0])
				if m.Method == "" {
					answers--
				} else {
					target, err := m.SetDifficulty()
					require.NoError(t, err)
					require.LessOrEqual(t, target.Difficulty(), ceiling)
				}
				heard = heard[1:]
			}
			if len(heard) > 0 && heard[0] == line {
				heard = heard[1:]
			} else {
				require.True(t, ours, "%q is lost", line)
			}
			if !ours {
				ceiling = theirs
			}
		}
		for _, line := range heard {
			var m stratum.Message
			require.NoError(t, stratum.Decode([]byte(line), &m))
			if m.Method == "" {
				answers--
			} else {
				require.Equal(t, stratum.MethodSetDifficulty, m.Method)
			}
		}
		require.Zero(t, answers, "a share is forwarded or answered, once")
	})
}

func lineList(b []byte) (lines []string) {
	for l := range bytes.Lines(b) {
		lines = append(lines, string(l))
	}
	return lines
}
