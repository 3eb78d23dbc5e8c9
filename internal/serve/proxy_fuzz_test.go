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
		fl.witness = p.judge.watch("s", "p", "u", fl.status)
		dst := new(sink)
		fl.carry(from, &pieces{rest: input, sizes: sizes}, dst, make([]byte, fromPoolBuffer))
		require.True(t, bytes.Equal(input, dst.Bytes()))
		require.True(t, dst.ended)

		var lines []string
		q := fl.witness.queue
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
		p.judge.turn(fl.witness)
		require.Zero(t, p.judge.queued.Load())
		require.False(t, fl.witness.failed)
	})
}
