package serve

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bounds of the status over HTTP: it is read by a few people and one Prometheus.
const (
	maxStatusConns   = 64
	maxStatusHeader  = 16 << 10
	statusHeaderTime = 5 * time.Second
	statusReadTime   = 10 * time.Second
	statusWriteTime  = 30 * time.Second
	statusIdleTime   = time.Minute
	statusStopTime   = time.Second
	// pageSize is how many devices or workers an answer has if nobody asks for another number, up to maxPageSize.
	pageSize    = 1000
	maxPageSize = 10_000
)

// StatusServer shows a StatusSource over HTTP:
//
//	GET /         what it is, the sums over all, and its devices, as JSON: a StatusPage
//	GET /workers  its workers, as JSON: a WorkersPage
//	GET /audit    what the devices' shares prove, as JSON: an audit.FleetReport; /audit.html is the same as a page
//	GET /metrics  for Prometheus
//	GET /healthz  "ok"
//
// It only reads. There is no password: who can connect, can read. If it listens on a loopback address, requests must name such a host, so
// that no page in a browser reads it through a name that it controls (DNS rebinding).
type StatusServer struct {
	source   StatusSource
	listener net.Listener
	server   *http.Server
	local    bool // listens on loopback
	rendered renderedAudit
}

// StatusListenError says that the status can't be shown where it should be.
type StatusListenError struct {
	Address string
	Err     error
}

func (e *StatusListenError) Error() string {
	return fmt.Sprintf("status: can't listen on %s: %v", e.Address, e.Err)
}

// Unwrap returns the system's error.
func (e *StatusListenError) Unwrap() error { return e.Err }

// ListenStatus listens on an address such as "127.0.0.1:3380"; port 0 is any that is free. Run then serves.
func ListenStatus(address string, source StatusSource) (*StatusServer, error) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, fmt.Errorf("status: %q is no HOST:PORT", address)
	}
	l, err := net.Listen(networkOf(address), address)
	if err != nil {
		var system *os.SyscallError
		if errors.As(err, &system) {
			err = system.Err
		}
		return nil, &StatusListenError{address, err}
	}
	s := &StatusServer{source: source, listener: &boundedListener{l, make(chan struct{}, maxStatusConns)}}
	if tcp, ok := l.Addr().(*net.TCPAddr); ok {
		s.local = tcp.IP.IsLoopback()
	}
	s.server = &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: statusHeaderTime, ReadTimeout: statusReadTime, WriteTimeout: statusWriteTime, IdleTimeout: statusIdleTime,
		MaxHeaderBytes: maxStatusHeader,
		ErrorLog:       log.New(io.Discard, "", 0),
	}
	return s, nil
}

// listenStatus listens if there is an address, and returns nil otherwise: a nil StatusServer does nothing.
func listenStatus(address string, source StatusSource) (*StatusServer, error) {
	if address == "" {
		return nil, nil
	}
	return ListenStatus(address, source)
}

// Addr returns where it listens, with the port that was chosen for port 0.
func (s *StatusServer) Addr() net.Addr { return s.listener.Addr() }

// URL returns where to read it; "" if s is nil.
func (s *StatusServer) URL() string {
	if s == nil {
		return ""
	}
	return "http://" + s.Addr().String() + "/"
}

// Run serves until ctx ends; then it finishes, within a second, what it has begun. It can be called once. A nil StatusServer serves
// nothing.
func (s *StatusServer) Run(ctx context.Context) error {
	if s == nil {
		return nil
	}
	failed := make(chan error, 1)
	go func() { failed <- s.server.Serve(s.listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("status: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), statusStopTime)
	defer cancel()
	if s.server.Shutdown(stop) != nil {
		_ = s.server.Close()
	}
	<-failed
	return nil
}

// Close stops listening, where Run is not called.
func (s *StatusServer) Close() {
	if s != nil {
		s.listener.Close()
	}
}

func (s *StatusServer) handler() http.Handler {
	metrics := metricsHandler(s.source)
	pages := map[string]http.HandlerFunc{
		"/":        s.devices,
		"/workers": s.workers,
		"/audit":   s.audit, "/audit.html": s.auditPage,
		"/metrics": metrics.ServeHTTP,
		"/healthz": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") },
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		if r.ContentLength != 0 {
			h.Set("Connection", "close") // a body that nobody reads
		}
		page := pages[r.URL.Path]
		switch {
		case s.local && !localHost(r.Host):
			refuse(w, http.StatusForbidden, "this status is for this machine: ask for localhost or 127.0.0.1, not for %.100q", r.Host)
		case page == nil:
			refuse(w, http.StatusNotFound, "nothing is here; there are /, /workers, /audit, /audit.html, /metrics and /healthz")
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, "the status can only be read: use GET")
		default:
			page(w, r)
		}
	})
}

// localHost reports whether a Host header names this machine, whoever resolves it.
func localHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func refuse(w http.ResponseWriter, code int, format string, args ...any) {
	http.Error(w, fmt.Sprintf(format, args...), code)
}

// StatusPage is the answer to GET /. The query can have
//
//	worker  the name of a worker, for its devices alone: those that serve it last
//	limit   how many devices there are at most: 1000 if it is not given, and up to 10000
//	after   a device's number: those that connected later
type StatusPage struct {
	RoleStatus
	Total TotalStatus `json:"total"`
	// Worker is the worker that was asked for; null if there is none.
	Worker  *WorkerStatus  `json:"worker,omitempty"`
	Devices []DeviceStatus `json:"devices"`
	// Next is what to ask for in after to read on, null if there is no more.
	Next *uint64 `json:"next"`
}

// WorkersPage is the answer to GET /workers. The query can have limit, as for a StatusPage, and after, the number of a worker. Workers
// are in the order in which they came, the sum of those beyond the bound is last.
type WorkersPage struct {
	RoleStatus
	Workers []WorkerStatus `json:"workers"`
	Next    *uint64        `json:"next"`
}

func (s *StatusServer) devices(w http.ResponseWriter, r *http.Request) {
	q, ok := parseQuery(w, r, "worker", "limit", "after")
	if !ok {
		return
	}
	all := s.source.Snapshot()
	page := StatusPage{RoleStatus: all.RoleStatus, Total: all.Total, Devices: []DeviceStatus{}}
	for i := range all.Workers {
		if of := &all.Workers[i]; q.hasWorker && of.Worker != nil && *of.Worker == q.worker {
			page.Worker = of
		}
	}
	for i := range all.Devices {
		d := &all.Devices[i]
		if d.Number <= q.after || q.hasWorker && d.Worker != q.worker {
			continue
		}
		if len(page.Devices) == q.limit {
			page.Next = &page.Devices[q.limit-1].Number
			break
		}
		page.Devices = append(page.Devices, *d)
	}
	writeJSON(w, page)
}

func (s *StatusServer) workers(w http.ResponseWriter, r *http.Request) {
	q, ok := parseQuery(w, r, "limit", "after")
	if !ok {
		return
	}
	all := s.source.Snapshot()
	page := WorkersPage{RoleStatus: all.RoleStatus, Workers: []WorkerStatus{}}
	slices.SortFunc(all.Workers, byNumber)
	for i := range all.Workers {
		of := &all.Workers[i]
		if of.Number != 0 && of.Number <= q.after {
			continue
		}
		if len(page.Workers) == q.limit {
			page.Next = &page.Workers[q.limit-1].Number
			break
		}
		page.Workers = append(page.Workers, *of)
	}
	writeJSON(w, page)
}

// byNumber orders workers as they came. Number 0, of those beyond the bound, comes last: one below it is the highest.
func byNumber(a, b WorkerStatus) int { return cmp.Compare(a.Number-1, b.Number-1) }

// pageQuery is what was asked for.
type pageQuery struct {
	worker    string
	hasWorker bool
	limit     int
	after     uint64
}

// parseQuery reads a query that may have those keys. If it returns false, it has answered.
func parseQuery(w http.ResponseWriter, r *http.Request, keys ...string) (q pageQuery, ok bool) {
	q.limit = pageSize
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		refuse(w, http.StatusBadRequest, "the query can't be read: %v", err)
		return q, false
	}
	for key, all := range values {
		if len(keys) == 0 {
			refuse(w, http.StatusBadRequest, "%.100q: there can be no query here", key)
			return q, false
		}
		if !slices.Contains(keys, key) || len(all) != 1 {
			refuse(w, http.StatusBadRequest, "%.100q: the query can have %s, once each", key, strings.Join(keys, ", "))
			return q, false
		}
		switch value := all[0]; key {
		case "worker":
			q.worker, q.hasWorker = cutName(value), true
		case "limit":
			q.limit, err = strconv.Atoi(value)
			if err != nil || q.limit < 1 || q.limit > maxPageSize {
				refuse(w, http.StatusBadRequest, "limit %.100q is not from 1 to %d", value, maxPageSize)
				return q, false
			}
		case "after":
			if q.after, err = strconv.ParseUint(value, 10, 64); err != nil {
				refuse(w, http.StatusBadRequest, "after %.100q is no number", value)
				return q, false
			}
		}
	}
	return q, true
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // the reader went away
}

// boundedListener has as many connections as there are free places; others wait.
type boundedListener struct {
	net.Listener
	places chan struct{}
}

func (l *boundedListener) Accept() (net.Conn, error) {
	l.places <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &boundedConn{Conn: c, places: l.places}, nil
}

// boundedConn gives its place back when it is closed.
type boundedConn struct {
	net.Conn
	places chan struct{}
	once   sync.Once
}

func (c *boundedConn) Close() error {
	c.once.Do(func() { <-c.places })
	return c.Conn.Close()
}
