package load

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// leaks fails the test if goroutines are left after it.
func leaks(t testing.TB) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		deadline := time.Now().Add(10 * time.Second)
		for runtime.NumGoroutine() > before {
			if time.Now().After(deadline) {
				buf := make([]byte, 1<<16)
				t.Errorf("goroutines left:\n%s", buf[:runtime.Stack(buf, true)])
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
}

// server is a small pool that judges with package share and does nothing else right but what a generator needs; and that wrong, where
// a test says so.
type server struct {
	t         testing.TB
	listener  net.Listener
	validator *share.Validator
	running   sync.WaitGroup

	// difficulty is that of all shares, mask what version rolling gets; 0 refuses it.
	difficulty float64
	mask       uint32
	// bits are the network's target.
	bits work.Bits
	// tamper, if set, changes what is answered to the n-th submission of all: lines, whole, or none.
	tamper func(n int, answer []byte, v *share.Verdict) []byte
	// tls, if set, is what connections speak.
	tls *tls.Config
	// extranonce1 of the n-th connection.
	extranonce1 func(n uint32) uint32
	// onSubmit is called before a submission is judged.
	onSubmit func(n int)

	mu       sync.Mutex
	job      *share.Job
	jobs     int
	opened   uint32
	sessions map[*serverSession]bool
	submits  int
	words    map[string]uint64 // the verdicts
	versions map[bool]int      // connections that roll, and that don't
	names    map[string]bool   // workers
}

type serverSession struct {
	server     *server
	socket     net.Conn
	session    *share.Session
	en1        []byte
	authorized bool
}

// easyBits are a network target that one hash in 4096 meets.
const easyBits = work.Bits(0x1f0fffff)

func newServer(t testing.TB, change ...func(*server)) *server {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &server{
		t: t, listener: l, validator: share.NewValidator(share.Options{}), difficulty: 1e-9, mask: work.MaskBIP320, bits: 0x1d00ffff,
		extranonce1: func(n uint32) uint32 { return n }, sessions: map[*serverSession]bool{}, words: map[string]uint64{},
		versions: map[bool]int{}, names: map[string]bool{},
	}
	for _, c := range change {
		c(s)
	}
	if s.tls != nil {
		s.listener = tls.NewListener(l, s.tls)
	}
	s.mu.Lock()
	s.newJob(chainhash.Hash{1})
	s.mu.Unlock()
	s.running.Go(func() {
		for {
			c, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.running.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		s.disconnect()
		s.running.Wait()
	})
	return s
}

// newJob makes and sends a job on that block; the caller holds mu.
func (s *server) newJob(prev chainhash.Hash) {
	target, _, _ := s.bits.Target()
	s.jobs++
	now := uint32(time.Now().Unix())
	coinbase := []byte("\x01\x00\x00\x00\x01, a coinbase as far as anybody here looks, ")
	job, err := share.NewJob(&work.Job{
		ID: fmt.Sprintf("job%d", s.jobs), Version: 0x20000000, PrevBlock: prev, Bits: s.bits, Target: target, Time: now, MinTime: now - 600,
		CoinbasePrefix: coinbase, CoinbaseSuffix: []byte{0, 0, 0, 0}, Branch: []chainhash.Hash{{2}},
	})
	require.NoError(s.t, err)
	s.job = job
	for c := range s.sessions {
		if c.authorized {
			c.send(c.notify(nil))
		}
	}
}

// notify appends the job; the caller holds the server's mu.
func (c *serverSession) notify(b []byte) []byte {
	require.NoError(c.server.t, c.session.AddJob(c.server.job, true, time.Now()))
	return stratum.AppendNotify(b, c.server.job.Work(), true)
}

func (c *serverSession) send(b []byte) { _, _ = c.socket.Write(b) }

// disconnect ends all connections.
func (s *server) disconnect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.sessions {
		_ = c.socket.Close()
	}
}

func (s *server) serve(socket net.Conn) {
	s.mu.Lock()
	s.opened++
	c := &serverSession{server: s, socket: socket, session: s.validator.NewSession()}
	c.en1 = binary.BigEndian.AppendUint32(nil, s.extranonce1(s.opened))
	s.sessions[c] = true
	s.mu.Unlock()
	defer func() {
		_ = socket.Close()
		s.mu.Lock()
		delete(s.sessions, c)
		s.mu.Unlock()
	}()
	var m stratum.Message
	for in := bufio.NewScanner(socket); in.Scan(); {
		if err := stratum.Decode(in.Bytes(), &m); err != nil {
			s.t.Errorf("the generator wrote %q: %v", in.Bytes(), err)
			return
		}
		s.mu.Lock()
		c.send(c.answer(&m))
		s.mu.Unlock()
	}
}

// answer returns what is to be sent; the caller holds the server's mu.
func (c *serverSession) answer(m *stratum.Message) []byte {
	s := c.server
	switch m.Method {
	case stratum.MethodConfigure:
		mask, _, err := m.Configure()
		if err != nil {
			s.t.Error(err)
		}
		mask &= s.mask
		if mask == 0 {
			return stratum.AppendResult(nil, m.ID, `{"version-rolling":false}`)
		}
		c.session.SetMask(mask)
		s.versions[true]++
		return stratum.AppendResult(nil, m.ID, fmt.Sprintf(`{"version-rolling":true,"version-rolling.mask":"%08x"}`, mask))
	case stratum.MethodSubscribe:
		const size = 8
		require.NoError(s.t, c.session.SetExtranonce(c.en1, size))
		return stratum.AppendSubscribeResult(nil, m.ID, "session", stratum.Extranonce{Extranonce1: c.en1, Extranonce2Size: size})
	case stratum.MethodAuthorize:
		worker, err := m.Authorize()
		if err != nil {
			s.t.Error(err)
		}
		c.authorized, s.names[worker] = true, true
		c.session.Authorize(worker)
		target, err := stratum.DifficultyTarget(s.difficulty)
		require.NoError(s.t, err)
		c.session.SetTarget(target)
		b := stratum.AppendResult(nil, m.ID, "true")
		return c.notify(stratum.AppendSetDifficulty(b, s.difficulty))
	case stratum.MethodSubmit:
		var sub stratum.Submit
		m.Submit(&sub)
		s.submits++
		if s.onSubmit != nil {
			s.onSubmit(s.submits)
		}
		sub.Submission.Received = time.Now()
		v, err := c.session.Check(&sub.Submission)
		require.NoError(s.t, err)
		s.words[v.Word.String()]++
		b := stratum.AppendResult(nil, m.ID, "true")
		if code, words := stratum.Code(&v); code != 0 {
			b = stratum.AppendError(nil, m.ID, code, words)
		}
		if s.tamper != nil {
			b = s.tamper(s.submits, b, &v)
		}
		if v.Block {
			c.send(b)
			s.newJob(v.Hash)
			return nil
		}
		return b
	default:
		return stratum.AppendError(nil, m.ID, stratum.CodeOther, "unknown method")
	}
}

// url is where the server listens.
func (s *server) url() string {
	if s.tls != nil {
		return "stratum+ssl://" + s.listener.Addr().String()
	}
	return "stratum+tcp://" + s.listener.Addr().String()
}
