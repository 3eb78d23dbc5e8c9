package serve

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/testvectors"
)

// answeringPool takes connections and answers each request with true.
func answeringPool(b *testing.B) *testPool {
	p := listenPool(b)
	go func() {
		for {
			c, err := p.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in := bufio.NewReader(c)
				var m stratum.Message
				var out []byte
				for {
					line, err := in.ReadSlice('\n')
					if err != nil || stratum.Decode(line, &m) != nil {
						return
					}
					out = stratum.AppendResult(out[:0], m.ID, "true")
					if _, err := c.Write(out); err != nil {
						return
					}
				}
			}()
		}
	}()
	return p
}

// BenchmarkProxyLatency measures the time from a mining.submit to its answer, through the proxy and without it, in turn: 1000 devices on
// either way, of which one after the other submits, all together as often as if each found 20 shares a minute.
//
//	direct-p50-µs, direct-p99-µs  without the proxy
//	added-p50-µs, added-p99-µs    how much more it is through the proxy
func BenchmarkProxyLatency(b *testing.B) {
	for _, record := range []bool{false, true} {
		b.Run(fmt.Sprintf("record=%t", record), func(b *testing.B) { benchmarkProxyLatency(b, 1000, record) })
	}
}

func benchmarkProxyLatency(b *testing.B, devices int, record bool) {
	const perMinute = 20
	pace := time.Minute / time.Duration(devices*perMinute)
	pool := answeringPool(b)
	c := ProxyConfig{}
	if record {
		recorder, err := OpenRecorder(RecorderConfig{Dir: b.TempDir()})
		require.NoError(b, err)
		defer recorder.Close()
		c.Recorder = recorder
	}
	tp := startProxy(b, c, nil, pool.url())
	submit := vectorSubmit(b)
	answer := make([]byte, len(answered("4")))
	ask := func(c net.Conn) time.Duration {
		begin := time.Now()
		_, err := c.Write(submit)
		require.NoError(b, err)
		_, err = io.ReadFull(c, answer)
		require.NoError(b, err)
		return time.Since(begin)
	}
	var ways [2][]net.Conn
	for i, addr := range []string{pool.Addr().String(), tp.addr} {
		for range devices {
			conn, err := net.Dial("tcp", addr)
			require.NoError(b, err)
			defer conn.Close()
			ways[i] = append(ways[i], conn)
			ask(conn)
		}
	}
	var times [2][]time.Duration
	next := time.Now()
	b.ResetTimer()
	for n := 0; b.Loop(); n++ {
		for i, conns := range ways {
			time.Sleep(time.Until(next))
			next = next.Add(pace / 2)
			times[i] = append(times[i], ask(conns[n%devices]))
		}
	}
	b.StopTimer()
	at := func(way int, q float64) float64 {
		all := times[way]
		return float64(all[min(int(q*float64(len(all))), len(all)-1)]) / 1e3
	}
	for i := range times {
		slices.Sort(times[i])
	}
	for _, q := range []float64{0.5, 0.99} {
		name := fmt.Sprintf("p%g-µs", 100*q)
		b.ReportMetric(at(0, q), "direct-"+name)
		b.ReportMetric(at(1, q)-at(0, q), "added-"+name)
	}
	b.ReportMetric(0, "ns/op")
}

// vectorSubmit returns a mining.submit of a recording, with the id 4.
func vectorSubmit(b *testing.B) []byte {
	for _, v := range testvectors.Shares() {
		lines := stratum.NewTranscript(bytes.NewReader(v.Transcript))
		for {
			l, err := lines.Next()
			if err != nil {
				break
			}
			if l.From == stratum.FromMiner && bytes.Contains(l.Message, []byte(stratum.MethodSubmit)) && bytes.HasPrefix(l.Message, []byte(`{"id":4,`)) {
				return append(bytes.Clone(l.Message), '\n')
			}
		}
	}
	b.Fatal("no recording has one")
	return nil
}

// BenchmarkProxyTap measures how long it takes to find the lines among what crosses.
func BenchmarkProxyTap(b *testing.B) {
	line := vectorSubmit(b)
	var tap lineTap
	lines := 0
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		tap.feed(line, func([]byte, bool) { lines++ })
	}
}
