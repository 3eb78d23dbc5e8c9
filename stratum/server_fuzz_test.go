package stratum

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// feed turns bytes into choices.
type feed []byte

// below returns a number from 0 to n-1; 0 once the bytes are used up.
func (f *feed) below(n int) int {
	if len(*f) == 0 {
		return 0
	}
	b := (*f)[0]
	*f = (*f)[1:]
	return int(b) % n
}

func pick[T any](f *feed, of ...T) T { return of[f.below(len(of))] }

// playServer has messages of every kind received in the order that the bytes say, and holds all answers to the model.
func playServer(t testing.TB, data []byte) {
	f := feed(data)
	m := &modelServer{
		t: t, now: serverTime, vardiff: f.below(2) == 1, min: big.NewRat(1, 1e12), max: big.NewRat(5000, 1), start: big.NewRat(1, 1e10),
		closed: map[string]modelClosed{}, shares: map[[32]byte]bool{}, onlookers: share.NewValidator(share.Options{}), denied: map[string]bool{},
	}
	vardiff := Vardiff{SharesPerMinute: -1, Start: 1e-10, Min: 1e-12, Max: 5000}
	if m.vardiff {
		vardiff.SharesPerMinute = 20
	}
	var err error
	m.server, err = NewServer(ServerConfig{Validator: share.NewValidator(share.Options{}), Handler: m, VersionMask: work.MaskBIP320, Vardiff: vardiff})
	if err != nil {
		t.Fatal(err)
	}
	m.open()
	for len(f) > 0 {
		m.step(&f)
	}
	for len(m.live) > 0 {
		m.close(m.live[0])
	}
}

// step is one thing that happens.
func (m *modelServer) step(f *feed) {
	c := m.live[f.below(len(m.live))]
	id := pick(f, `7`, `"x\n"`, `null`)
	switch f.below(20) {
	case 0:
		m.subscribe(c, id, pick(f, "", "miner/1"), pick(f, "", "x", m.ended, m.ended, m.live[0].id))
	case 1:
		m.authorize(c, id, pick(f, "a", "b", "c"), pick(f, "x", "x", "x", "wrong"))
	case 2: // as most begin
		m.subscribe(c, "1", "miner/1", pick(f, "", m.ended))
		m.authorize(c, "2", "a", "x")
	case 3:
		m.configure(c, pick(f, uint32(0xffffffff), work.MaskBIP320, 0x00c00000, 0x0000ffff, 0), f.below(18), pick(f, "0", "1e-9", "1", "6000"), pick(f, "", `"other",`))
	case 4:
		m.suggest(c, id, pick(f, "1e-10", `"1e-11"`, "1e-9", "0.5", "10000", "1e-30", "0", `"x"`, "-1", "1e-10"))
	case 5:
		a := m.receive(c, `{"id":`+id+`,"method":"mining.extranonce.subscribe","params":[]}`)
		c.announced = true
		m.replied(a, id, "true")
	case 6, 7, 8, 9:
		m.submit(c, id, m.share(c, f))
	case 10:
		what := f.below(4)
		a := m.receive(c, fmt.Sprintf(`{"params":[],"id":%s,"method":%q}`, id,
			[]string{MethodPing, MethodGetTransactions, "mining.noop", MethodPong}[what]))
		switch {
		case what < 2:
			m.replied(a, id, []string{`"pong"`, `[]`}[what])
		case id != "null":
			a.match(`\{"id":` + quoteMeta(id) + `,"result":null,"error":\[-3,"Method not found: mining\.(noop|pong)",null\]\}`)
			a.done()
		default:
			a.done()
		}
	case 11:
		if m.garbageLine(c, pick(f, `{`, `[]`, `nonsense`, `{"id":1}`, `{"id":[],"method":"mining.ping"}`, `{"method":"a","method":"b"}`, `{"result":1}}`)) {
			m.close(c)
			if len(m.live) == 0 {
				m.open()
			}
		}
	case 12:
		// Answers to what was asked, and to what was not.
		version := pick(f, `"v 2"`, `null`, `7`)
		a := m.receive(c, `{"id":`+pick(f, "1", "2")+`,"result":`+version+`,"error":null}`)
		if c.askedVersion && !c.knowsVersion && a.sent[:7] == `{"id":1` {
			c.knowsVersion = true
			if version == `"v 2"` && c.userAgent == "" {
				c.userAgent = "v 2"
			}
		}
		a.done()
	case 13, 14:
		m.newJob(f)
		for _, c := range m.live {
			if f.below(4) > 0 {
				m.offer(c, m.job)
			}
		}
	case 15:
		m.now = m.now.Add(pick(f, time.Second, 30*time.Second, 11*time.Minute, 3*time.Minute, share.Forgotten))
		for _, c := range m.live {
			m.tick(c)
		}
	case 16:
		c.limit = pick(f, uint32(work.MaskBIP320), 0x00ff0000, 0, work.MaskBIP323)
		a := m.answers(c, "SetVersionMask", c.server.SetVersionMask(nil, c.limit))
		if granted := c.asked & c.limit; c.rolling && granted != c.mask {
			c.mask = granted
			a.equal(fmt.Sprintf(`{"id":null,"method":"mining.set_version_mask","params":["%08x"]}`, granted))
		}
		a.done()
	case 17:
		e := pick(f, Extranonce{nil, 8}, Extranonce{[]byte{9, 9, 9, byte(m.count), byte(len(m.shares)), 1}, 6})
		out, err := c.server.SetExtranonce(nil, e)
		a := m.answers(c, "SetExtranonce", out)
		if (err == nil) != (c.subscribed && c.announced) {
			m.t.Fatalf("SetExtranonce: %v", err)
		}
		if err == nil {
			found := a.match(`\{"id":null,"method":"mining.set_extranonce","params":\["([0-9a-f]*)",([0-9]+)\]\}`)
			c.extranonce1 = c.server.Extranonce().Extranonce1
			c.extranonce2Size = e.Extranonce2Size
			if found[1] != fmt.Sprintf("%x", c.extranonce1) || found[2] != fmt.Sprint(e.Extranonce2Size) {
				m.t.Fatalf("SetExtranonce: %v", found)
			}
		}
		a.done()
	case 18:
		if len(m.live) < 3 {
			m.open()
		}
	case 19:
		if f.below(3) > 0 {
			return
		}
		m.close(c)
		if f.below(2) == 0 { // and comes back at once
			c := m.open()
			m.subscribe(c, "1", "miner/1", m.ended)
			m.authorize(c, "2", "a", "x")
		}
		if len(m.live) == 0 {
			m.open()
		}
	}
	m.consistent()
}

// replied is what answers a request that can't fail.
func (m *modelServer) replied(a *answers, id, result string) {
	if id != "null" {
		a.equal(`{"id":` + id + `,"result":` + result + `,"error":null}`)
	}
	a.done()
}

// newJob makes another job what there is to work on; sometimes there is none for a while.
func (m *modelServer) newJob(f *feed) {
	if f.below(16) == 15 {
		m.job = nil
		return
	}
	bits := pick(f, work.Bits(0x1d00ffff), 0x1d00ffff, 0x207fffff, 0x1c00abcd, 0x2000ffff)
	j := &work.Job{
		Version: 0x20000000, PrevBlock: chainhash.Hash{byte(f.below(3)), 1, 2, 3, 4}, Bits: bits, Time: uint32(m.now.Unix() - 100),
		CoinbasePrefix: fmt.Appendf(nil, "job %d", m.count), CoinbaseSuffix: []byte{1}, Extranonce1Size: 4, Extranonce2Size: 8,
		Branch: make([]chainhash.Hash, f.below(3)),
	}
	j.Target, _, _ = bits.Target()
	m.make(j)
}

func (m *modelServer) offer(c *modelSession, j *modelJob) {
	if j == nil {
		return
	}
	a := m.answers(c, "Offer", c.server.Offer(nil, j.server, m.now))
	if c.server.Err() != nil {
		m.t.Fatal(c.server.Err())
	}
	m.offered(a, c, j)
	a.done()
}

func (m *modelServer) tick(c *modelSession) {
	made := m.count
	a := m.answers(c, "Tick", c.server.Tick(nil, m.now))
	m.retargeted(a, c, made)
	a.done()
}

// share makes a submission, mostly a good one.
func (m *modelServer) share(c *modelSession, f *feed) *modelShare {
	if m.again != nil && f.below(8) == 0 {
		return m.again
	}
	s := &modelShare{params: 5, job: "none"}
	size, ntime := 8, uint32(m.now.Unix())
	if len(m.jobs) > 0 {
		back := f.below(4)
		s.job = m.jobs[max(0, len(m.jobs)-1-back)].work.ID
	}
	if is := c.jobs[s.job]; is != nil {
		size, ntime = is.extranonce2Size, max(is.job.work.Time, ntime)
	}
	s.extranonce2 = fmt.Sprintf("%0*x", 2*size, f.below(4))
	s.ntime = fmt.Sprintf("%08x", ntime)
	s.nonce = fmt.Sprintf("%08X", f.below(256))
	s.bits = "00000000"
	if c.rolling {
		s.params = 6
		s.bits = fmt.Sprintf("%08x", c.mask&(uint32(f.below(256))<<13))
	}
	switch f.below(16) {
	case 0:
		s.params = pick(f, 4, 7, 5, 6)
	case 1:
		s.extranonce2 += pick(f, "0", "00", "zz", "é")
	case 2:
		s.ntime = pick(f, "0", "6920d00g", "00000000", fmt.Sprintf("%08x", m.now.Unix()+7200), fmt.Sprintf("%08x", m.now.Unix()+7201))
	case 3:
		s.nonce = pick(f, "", "000000001", "0x000001")
	case 4:
		s.params, s.bits = 6, pick(f, "20000000", "00002000", "2000", "e0000000")
	case 5:
		s.job = pick(f, "", "none", "j1")
	}
	return s
}

// consistent holds what the sessions say of themselves to the model.
func (m *modelServer) consistent() {
	for _, c := range m.live {
		s := c.server
		mask, rolling := s.VersionMask()
		if s.Ready() != c.ready() || s.UserAgent() != c.userAgent || s.Submits() != c.submits || s.Session() != c.id || rolling != c.rolling || mask != c.mask {
			m.t.Fatalf("the session says %t %q %d %q %08x, want %t %q %d %q %08x", s.Ready(), s.UserAgent(), s.Submits(), s.Session(), mask,
				c.ready(), c.userAgent, c.submits, c.id, c.mask)
		}
		if (s.Worker() != "") != (len(c.workers) > 0) {
			m.t.Fatalf("the session says %q, want one of %q", s.Worker(), c.workers)
		}
		if c.difficulty != "" && fmt.Sprint(s.Difficulty()) == "0" {
			m.t.Fatal("no difficulty")
		}
	}
}

// FuzzServer plays connections in random orders against a model of them.
func FuzzServer(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 1))
	for i := range 20 {
		data := make([]byte, 50*(i+1))
		for j := range data {
			data[j] = byte(random.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { playServer(t, data) })
}

// TestServerModel plays long games.
func TestServerModel(t *testing.T) {
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 2))
		data := make([]byte, 20_000)
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		playServer(t, data)
	}
}
