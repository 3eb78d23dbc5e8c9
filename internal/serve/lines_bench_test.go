package serve

import (
	"bytes"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

var benchSubmit = []byte(`{"params": ["worker.1", "5f2b", "0000000000000001", "6920a5b3", "1a2b3c4d", "00000000"], "id": 17, "method": "mining.submit"}` + "\n")
var benchAnswer = []byte(`{"id":17,"result":true,"error":null}` + "\n")

// BenchmarkLinesIdle measures what an idle connection costs above its socket: that has said a few lines, was answered, and waits with a
// goroutine of its own in Next.
func BenchmarkLinesIdle(b *testing.B) {
	const conns = 1000
	for range b.N {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(b, err)
		var ours, theirs []net.Conn
		for range conns {
			c, err := net.Dial("tcp", listener.Addr().String())
			require.NoError(b, err)
			theirs = append(theirs, c)
			a, err := listener.Accept()
			require.NoError(b, err)
			ours = append(ours, a)
		}
		listener.Close()
		before := memory()
		all := make([]*Lines, conns)
		var readers sync.WaitGroup
		for i, c := range ours {
			l := NewLines(c, ListenConfig{})
			all[i] = l
			readers.Go(func() {
				for {
					if _, err := l.Next(); err != nil {
						return
					}
					l.Reply(benchAnswer, nil)
				}
			})
		}
		answer := make([]byte, 4*len(benchAnswer))
		for _, c := range theirs {
			for range 4 {
				c.Write(benchSubmit)
			}
			_, err := io.ReadFull(c, answer)
			require.NoError(b, err)
		}
		b.ReportMetric(float64(memory()-before)/conns, "B/conn")
		for i := range all {
			theirs[i].Close()
			all[i].Close()
		}
		readers.Wait()
	}
}

// memory returns the bytes that are in use, with stacks, after what is garbage was collected.
func memory() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// BenchmarkLinesNext measures the reading of a line, from a pipe that is always full.
func BenchmarkLinesNext(b *testing.B) {
	l, c := tcpLines(b, ListenConfig{LinesPerSecond: -1})
	go func() {
		many := bytes.Repeat(benchSubmit, 1000)
		for {
			if _, err := c.Write(many); err != nil {
				return
			}
		}
	}()
	b.SetBytes(int64(len(benchSubmit)))
	for b.Loop() {
		if _, err := l.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLinesAnswer measures a line and its answer, there and back.
func BenchmarkLinesAnswer(b *testing.B) {
	for name, write := range map[string]func(*Lines, []byte, func()){"reply": (*Lines).Reply, "write": (*Lines).Write} {
		b.Run("by="+name, func(b *testing.B) {
			l, c := tcpLines(b, ListenConfig{LinesPerSecond: -1})
			go func() {
				for {
					if _, err := l.Next(); err != nil {
						return
					}
					write(l, benchAnswer, nil)
				}
			}()
			answer := make([]byte, len(benchAnswer))
			b.ReportAllocs()
			for b.Loop() {
				c.Write(benchSubmit)
				if _, err := io.ReadFull(c, answer); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
