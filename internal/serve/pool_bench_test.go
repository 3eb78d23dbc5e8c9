package serve

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
)

// The devices of BenchmarkFanOut are a process of their own, because they are
// not the pool's work, and need as many descriptors: this test, with the pool's
// address and their number in a variable. It prints "ready" when all have work,
// and then for each new tip when the last of them had clean work, in
// nanoseconds since 1970.
const fanOutDevices = "TOUCHSTONE_TEST_FANOUT"

func TestFanOutDevices(t *testing.T) {
	address, count, found := strings.Cut(os.Getenv(fanOutDevices), " ")
	if !found {
		t.Skip("part of BenchmarkFanOut")
	}
	devices, err := strconv.ParseInt(count, 10, 64)
	require.NoError(t, err)
	var jobs atomic.Int64
	done := make(chan int64, 100)
	hello := []byte(`{"id":1,"method":"mining.subscribe","params":["fan-out"]}` + "\n" +
		`{"id":2,"method":"mining.authorize","params":["w","x"]}` + "\n")
	for range devices {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		_, err = conn.Write(hello)
		require.NoError(t, err)
		go func() {
			lines := bufio.NewReaderSize(conn, 4<<10)
			for {
				line, err := lines.ReadSlice('\n')
				if err != nil {
					return
				}
				if bytes.Contains(line, []byte(`"mining.notify"`)) && bytes.HasSuffix(line, []byte("true]}\n")) {
					if jobs.Add(1)%devices == 0 {
						done <- time.Now().UnixNano()
					}
				}
			}
		}()
	}
	<-done
	fmt.Println("ready")
	for at := range done {
		fmt.Println(at)
	}
}

// BenchmarkFanOut measures how long it takes from a new tip until the last of
// many devices has received clean work, over real sockets. The node is in this
// process, and its block is empty.
func BenchmarkFanOut(b *testing.B) {
	for _, devices := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("devices=%d", devices), func(b *testing.B) {
			f := newFakeNode(hardBits)
			p := startPool(b, PoolConfig{
				Backend: backend(b, f, b.TempDir()),
				Listen:  []ListenAt{{Address: "127.0.0.1:0", Config: ListenConfig{MaxConns: 20_000, MaxConnsPerAddress: 20_000}}},
				Vardiff: stratum.Vardiff{SharesPerMinute: -1},
			})
			cmd := exec.Command(os.Args[0], "-test.run=^TestFanOutDevices$")
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", fanOutDevices, p.address, devices))
			out, err := cmd.StdoutPipe()
			require.NoError(b, err)
			require.NoError(b, cmd.Start())
			defer func() {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
			}()
			lines := bufio.NewScanner(out)
			next := func() string {
				if !lines.Scan() {
					b.Skip("the devices could not all connect: are there enough descriptors (ulimit -n)?")
				}
				return lines.Text()
			}
			for next() != "ready" {
			}
			var took []time.Duration
			for b.Loop() {
				var tip chainhash.Hash
				_, _ = rand.Read(tip[:])
				begin := time.Now()
				f.set(func() { f.move(tip) })
				at, err := strconv.ParseInt(next(), 10, 64)
				require.NoError(b, err)
				took = append(took, time.Unix(0, at).Sub(begin))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "median-ms")
			b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "worst-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}
