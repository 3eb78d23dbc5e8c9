package serve

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work/share"
)

// fixedSource always shows the same.
type fixedSource Snapshot

func (f *fixedSource) Snapshot() Snapshot {
	s := Snapshot(*f)
	s.Workers = append([]WorkerStatus{}, s.Workers...)
	return s
}

// serveStatus serves a source on a free port until the test ends.
func serveStatus(t *testing.T, source StatusSource) *StatusServer {
	t.Helper()
	s, err := ListenStatus("127.0.0.1:0", source)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		group.Wait()
		_, err := net.Dial("tcp", s.Addr().String())
		require.Error(t, err, "it listens no more")
	})
	return s
}

// get asks for a page, and returns the code and the body.
func get(t *testing.T, url string) (int, string, http.Header) {
	t.Helper()
	r, err := http.Get(url)
	require.NoError(t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return r.StatusCode, string(body), r.Header
}

func getJSON[T any](t *testing.T, url string) (page T) {
	t.Helper()
	code, body, header := get(t, url)
	require.Equal(t, http.StatusOK, code, body)
	require.Equal(t, "application/json", header.Get("Content-Type"))
	d := json.NewDecoder(strings.NewReader(body))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&page))
	return page
}

func TestStatusPages(t *testing.T) {
	d := testDevices()
	for i := range 25 {
		c := d.Connected(fmt.Sprint("s", i), "192.0.2.1:5", "", at(float64(i)))
		c.Is("", fmt.Sprint("w", i%5))
	}
	snapshot := d.Snapshot(at(60))
	snapshot.Role = "pool"
	source := fixedSource(snapshot)
	s := serveStatus(t, &source)

	page := getJSON[StatusPage](t, s.URL()+"")
	require.Equal(t, "pool", page.Role)
	require.Len(t, page.Devices, 25)
	require.Nil(t, page.Next)
	require.Nil(t, page.Worker)
	require.Equal(t, 25, page.Total.Devices)

	var seen []string
	after := uint64(0)
	for {
		page := getJSON[StatusPage](t, s.URL()+fmt.Sprintf("?limit=10&after=%d", after))
		require.LessOrEqual(t, len(page.Devices), 10)
		for _, d := range page.Devices {
			seen = append(seen, d.Session)
		}
		if page.Next == nil {
			break
		}
		after = *page.Next
	}
	require.Len(t, seen, 25)
	require.Equal(t, "s24", seen[24])

	page = getJSON[StatusPage](t, s.URL()+"?worker=w3&limit=3")
	require.Equal(t, "w3", *page.Worker.Worker)
	require.Equal(t, 5, page.Worker.Devices)
	require.Len(t, page.Devices, 3)
	require.NotNil(t, page.Next)
	page = getJSON[StatusPage](t, s.URL()+"?worker=nobody")
	require.Nil(t, page.Worker)
	require.Empty(t, page.Devices)

	workers := getJSON[WorkersPage](t, s.URL()+"workers?limit=4")
	require.Len(t, workers.Workers, 4)
	require.Equal(t, "w0", *workers.Workers[0].Worker)
	workers = getJSON[WorkersPage](t, s.URL()+fmt.Sprintf("workers?after=%d", *workers.Next))
	require.Len(t, workers.Workers, 1)
	require.Equal(t, "w4", *workers.Workers[0].Worker)
	require.Nil(t, workers.Next)

	for path, said := range map[string]string{
		"/?limit=0":              `limit "0" is not from 1 to 10000`,
		"/?limit=10001":          "is not from 1 to",
		"/?limit=x":              `limit "x" is not`,
		"/?after=-1":             `after "-1" is no number`,
		"/?workers=x":            "the query can have worker, limit, after, once each",
		"/?worker=a&worker=b":    "once each",
		"/workers?worker=w1":     "the query can have limit, after",
		"/?a=%zz":                "can't be read",
		"/?limit=1;after=" + "1": "can't be read",
	} {
		code, body, _ := get(t, s.URL()+path[1:])
		require.Equal(t, http.StatusBadRequest, code, path)
		require.Contains(t, body, said)
	}
	code, body, _ := get(t, s.URL()+"healthz")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, "ok\n", body)
	for _, path := range []string{"/debug/pprof/", "/x", "/metrics/", "//"} {
		code, body, _ := get(t, s.URL()+path[1:])
		require.Equal(t, http.StatusNotFound, code, path)
		require.Contains(t, body, "/metrics and /healthz")
	}
}

// others is the last page of workers: the sum of those beyond the bound.
func TestStatusOtherWorkers(t *testing.T) {
	name := "w"
	source := fixedSource(Snapshot{Workers: []WorkerStatus{{Worker: nil}, {Worker: &name, Number: 3}}})
	s := serveStatus(t, &source)
	page := getJSON[WorkersPage](t, s.URL()+"workers?limit=1")
	require.Equal(t, "w", *page.Workers[0].Worker)
	page = getJSON[WorkersPage](t, s.URL()+fmt.Sprintf("workers?limit=1&after=%d", *page.Next))
	require.Len(t, page.Workers, 1)
	require.Nil(t, page.Workers[0].Worker)
	require.Nil(t, page.Next)
}

// raw sends bytes as they are and returns the answer.
func raw(t *testing.T, s *StatusServer, request string) *http.Response {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
	go io.WriteString(c, request) // it may be refused before all is sent
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	return r
}

func TestStatusRefuses(t *testing.T) {
	s := serveStatus(t, goldenSource(t))
	for _, c := range []struct {
		name, request string
		code          int
		said          string
	}{
		{"post", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", 405, "can only be read"},
		{"delete", "DELETE /workers HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 405, "use GET"},
		{"endless body", "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("4\r\nabcd\r\n", 1000), 405, "can only be read"},
		{"rebinding", "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403, `not for "evil.example"`},
		{"rebinding with a port", "GET /metrics HTTP/1.1\r\nHost: localhost.evil.example:3380\r\n\r\n", 403, "127.0.0.1"},
		{"another address", "GET / HTTP/1.1\r\nHost: 192.168.1.5:3380\r\n\r\n", 403, "localhost"},
		{"no host", "GET / HTTP/1.0\r\n\r\n", 403, "localhost"},
		{"huge header", "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", 431, ""},
		{"stratum", `{"id":1,"method":"mining.subscribe","params":[]}` + "\n", 400, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := raw(t, s, c.request)
			body, _ := io.ReadAll(r.Body)
			require.Equal(t, c.code, r.StatusCode)
			require.Contains(t, string(body), c.said)
		})
	}
	for _, host := range []string{"localhost", "LOCALHOST:3380", "127.0.0.1:1", "127.8.9.1", "[::1]:3380", "::1", "localhost."} {
		require.Equal(t, http.StatusOK, raw(t, s, "HEAD / HTTP/1.1\r\nHost: "+host+"\r\n\r\n").StatusCode, host)
	}
}

func goldenSource(t testing.TB) StatusSource {
	s := goldenDevices(t).Snapshot(at(60))
	s.Role, s.Version = "proxy", "v0.0.0"
	s.Pools = []PoolState{{URL: "stratum+tcp://pool.example:3333", Working: true, Devices: 2}, {URL: "other"}, {URL: "other"}}
	s.Recording = &RecordingStatus{Folder: "rec", Lost: 3, Failures: 1, Error: "disk full"}
	source := fixedSource(s)
	return &source
}

// Who sends nothing is disconnected, and holds up neither others nor the end.
func TestStatusSlow(t *testing.T) {
	s, err := ListenStatus("127.0.0.1:0", goldenSource(t))
	require.NoError(t, err)
	s.server.ReadHeaderTimeout = 50 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	slow, err := net.Dial("tcp", s.Addr().String())
	require.NoError(t, err)
	defer slow.Close()
	_, err = io.WriteString(slow, "GET / HTTP/1.1\r\nHo")
	require.NoError(t, err)
	require.NoError(t, slow.SetReadDeadline(time.Now().Add(time.Minute)))
	_, err = io.ReadAll(slow)
	require.NoError(t, err, "it was closed")
	// More than may connect at once: the others wait until there is room.
	var conns []net.Conn
	for range maxStatusConns + 5 {
		c, err := net.Dial("tcp", s.Addr().String())
		require.NoError(t, err)
		defer c.Close()
		conns = append(conns, c)
	}
	last := conns[len(conns)-1]
	_, err = io.WriteString(last, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	require.NoError(t, err)
	require.NoError(t, last.SetReadDeadline(time.Now().Add(time.Minute)))
	body, err := io.ReadAll(last)
	require.NoError(t, err)
	require.Contains(t, string(body), "ok")
	cancel()
	require.NoError(t, <-done)
}

func TestListenStatusErrors(t *testing.T) {
	s, err := ListenStatus("127.0.0.1:0", goldenSource(t))
	require.NoError(t, err)
	defer s.Close()
	_, err = ListenStatus(s.Addr().String(), goldenSource(t))
	require.ErrorContains(t, err, "status: can't listen on "+s.Addr().String()+": ")
	require.ErrorContains(t, err, "in use")
	_, err = ListenStatus("3380", goldenSource(t))
	require.ErrorContains(t, err, `status: "3380" is no HOST:PORT`)
	var none *StatusServer
	none, err = listenStatus("", nil)
	require.NoError(t, err)
	require.Nil(t, none)
	require.Empty(t, none.URL())
	require.NoError(t, none.Run(t.Context()))
	none.Close()
}

// Prometheus can read the metrics, and they say what the JSON does.
func TestMetrics(t *testing.T) {
	source := goldenSource(t)
	problems, err := testutil.CollectAndLint(statusCollector{source})
	require.NoError(t, err)
	require.Empty(t, problems)
	s := serveStatus(t, source)
	code, body, _ := get(t, s.URL()+"metrics")
	require.Equal(t, http.StatusOK, code)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	require.NoError(t, err)
	value := func(name string, labels ...string) float64 {
		t.Helper()
		require.Contains(t, families, name)
		for _, m := range families[name].Metric {
			if hasLabels(m, labels) {
				switch {
				case m.Gauge != nil:
					return m.Gauge.GetValue()
				case m.Counter != nil:
					return m.Counter.GetValue()
				}
			}
		}
		t.Fatalf("no %s with %q", name, labels)
		return 0
	}
	total := source.Snapshot().Total
	require.InDelta(t, 20, value("touchstone_shares_total", "verdict", "accepted"), 0)
	require.InDelta(t, 1, value("touchstone_shares_total", "verdict", "not-judged"), 0)
	require.InDelta(t, 0, value("touchstone_shares_total", "verdict", "duplicate"), 0)
	require.Len(t, families["touchstone_shares_total"].Metric, len(share.Words())+1)
	require.InDelta(t, 1, value("touchstone_pool_disagreements_total", "kind", "accepted"), 0)
	require.InDelta(t, 0, value("touchstone_pool_disagreements_total", "kind", "refused"), 0)
	require.InDelta(t, 2, value("touchstone_devices"), 0)
	require.InDelta(t, 1, value("touchstone_blocks_total"), 0)
	require.InDelta(t, total.Recent.Rate, value("touchstone_hashrate_hashes_per_second"), 1)
	require.InDelta(t, total.Recent.Low, value("touchstone_hashrate_hashes_per_second_low"), 1)
	require.InDelta(t, total.Recent.High, value("touchstone_hashrate_hashes_per_second_high"), 1)
	require.InDelta(t, 46180193020416.0, value("touchstone_credited_hashes_total"), 0)
	require.InDelta(t, 0, value("touchstone_recorder_working"), 0)
	require.InDelta(t, 3, value("touchstone_recorder_lost_lines_total"), 0)
	require.InDelta(t, 1, value("touchstone_pool_working", "pool", "stratum+tcp://pool.example:3333"), 0)
	require.InDelta(t, 1, value("touchstone_build_info", "version", "v0.0.0", "role", "proxy"), 0)
	require.InDelta(t, 21, value("touchstone_worker_shares_total", "worker", "alice.1", "result", "credited"), 0)
	require.InDelta(t, 1, value("touchstone_worker_devices", "worker", "<b>&\x1b[2J矿�"), 0)
	reply := families["touchstone_reply_latency_seconds"].Metric[0].Histogram
	require.EqualValues(t, 21, reply.GetSampleCount())
	require.InDelta(t, 20*0.03+0.031, reply.GetSampleSum(), 1e-9)
	require.Contains(t, families, "go_goroutines")
}

func hasLabels(m *dto.Metric, labels []string) bool {
	for i := 0; i < len(labels); i += 2 {
		found := false
		for _, l := range m.Label {
			found = found || l.GetName() == labels[i] && l.GetValue() == labels[i+1]
		}
		if !found {
			return false
		}
	}
	return true
}

// The series of workers are bounded, to those that came first.
func TestMetricsManyWorkers(t *testing.T) {
	d := testDevices()
	for i := range maxMetricWorkers + 10 {
		d.Connected("s", "", "", at(1)).Is("", fmt.Sprint("w", maxMetricWorkers+10-i))
	}
	d.Connected("s", "", "", at(1)).Is("", "\xff")
	source := fixedSource(d.Snapshot(at(2)))
	require.Equal(t, maxMetricWorkers, testutil.CollectAndCount(statusCollector{&source}, "touchstone_worker_devices"))
}
