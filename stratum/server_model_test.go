package stratum

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// The model is what a connection has to be like by its specification: the words of the design, BIP 310, and the comments on ServerSession.
// It calls nothing of what it is held against but to make the jobs and lines that it sends, and it hashes with crypto/sha256.

// modelJob is a job as the model sees it.
type modelJob struct {
	work    *work.Job
	network *big.Int
	server  *ServerJob
}

// modelSent is a job that a connection was sent, with what held then.
type modelSent struct {
	job             *modelJob
	extranonce1     []byte
	extranonce2Size int
	target          *big.Int
}

// modelSession is a connection.
type modelSession struct {
	server *ServerSession

	subscribed, announced bool   // announced: may be told of other extranonces
	id, first             string // first: the extranonce1 it can be taken up with
	extranonce1           []byte
	extranonce2Size       int
	workers               []string
	userAgent             string
	askedVersion          bool
	knowsVersion          bool
	limit, asked, mask    uint32
	rolling               bool
	garbage               int

	want, suggested, least *big.Rat
	learnt                 bool
	difficulty             string // as sent last
	target                 *big.Int
	jobs                   map[string]*modelSent
	last                   *modelJob
	newest                 chainhash.Hash // the previous block of the last
	replaced               map[chainhash.Hash]time.Time
	submits                uint64

	watched *watcher
}

func (c *modelSession) ready() bool { return c.subscribed && len(c.workers) > 0 }

// modelServer is a server with its connections, and what is around it.
type modelServer struct {
	t        testing.TB
	now      time.Time
	server   *Server
	vardiff  bool
	min, max *big.Rat
	start    *big.Rat

	job    *modelJob // what there is to work on, nil for nothing
	jobs   []*modelJob
	count  int // of jobs made
	denied map[string]bool

	live   []*modelSession
	closed map[string]modelClosed
	ended  string            // the one that was closed last
	again  *modelShare       // credited last
	shares map[[32]byte]bool // credited

	onlookers *share.Validator // what they judge by

	// what Judged heard in the last step
	heard []modelHeard
}

type modelClosed struct {
	extranonce1 string
	ended       time.Time
}

type modelHeard struct {
	number uint64
	word   share.Word
	block  bool
	err    error
}

func (m *modelServer) Authorize(_ *ServerSession, worker, password string) error {
	if password == "wrong" || m.denied[worker] {
		return errors.New("no")
	}
	return nil
}

// Job is what the server asks for; fresh ones are the same work under another name, as a pool would make them.
func (m *modelServer) Job(_ *ServerSession, fresh bool) *ServerJob {
	if m.job == nil {
		return nil
	}
	if fresh {
		j := *m.job.work
		m.make(&j)
	}
	return m.job.server
}

func (m *modelServer) Judged(_ *ServerSession, sub *Submit, v *share.Verdict, err error) {
	m.heard = append(m.heard, modelHeard{sub.Number, v.Word, v.Block, err})
}

// make gives a job a name, and makes it what there is to work on.
func (m *modelServer) make(j *work.Job) {
	m.count++
	j.ID = fmt.Sprintf("j%d", m.count)
	prepared, err := share.NewJob(j)
	if err != nil {
		m.t.Fatal(err)
	}
	network := new(big.Int).Lsh(big.NewInt(int64(j.Bits&0x7fffff)), uint(8*(int(j.Bits>>24)-3)))
	m.job = &modelJob{work: j, network: network, server: NewServerJob(prepared, m.count%2 == 0)}
	m.jobs = append(m.jobs, m.job)
}

// modelDifficulty1 is the target of difficulty 1.
var modelDifficulty1 = new(big.Int).Lsh(big.NewInt(0xffff), 208)

// modelTarget is the target of a difficulty as it was written.
func modelTarget(text string) *big.Int {
	d, ok := new(big.Rat).SetString(text)
	if !ok || d.Sign() <= 0 {
		panic(text)
	}
	q := new(big.Rat).Quo(new(big.Rat).SetInt(modelDifficulty1), d)
	target := new(big.Int).Quo(q.Num(), q.Denom())
	if most := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)); target.Cmp(most) > 0 {
		return most
	}
	return target
}

func quoteMeta(s string) string { return regexp.QuoteMeta(s) }

// bound is a difficulty within the bounds of the config.
func (m *modelServer) bound(d *big.Rat) *big.Rat {
	if d.Cmp(m.min) < 0 {
		return m.min
	}
	if d.Cmp(m.max) > 0 {
		return m.max
	}
	return d
}

// floor is the least difficulty that the miner can do with and wishes.
func (c *modelSession) floor() *big.Rat {
	if c.suggested.Cmp(c.least) > 0 {
		return c.suggested
	}
	return c.least
}

// setWant says which difficulty is wanted from now on.
func (m *modelServer) setWant(c *modelSession, d *big.Rat) {
	if floor := c.floor(); d.Cmp(floor) < 0 {
		d = floor
	}
	c.want = m.bound(d)
}

// answers are the lines that came, and how far they were compared.
type answers struct {
	t     testing.TB
	lines []string
	sent  string
}

func (a *answers) next(what string) string {
	if len(a.lines) == 0 {
		a.t.Fatalf("after %q: nothing more, want %s", a.sent, what)
	}
	line := a.lines[0]
	a.lines = a.lines[1:]
	return line
}

func (a *answers) equal(want string) {
	if got := a.next(want); got != want {
		a.t.Fatalf("after %q:\n got %s\nwant %s", a.sent, got, want)
	}
}

// patterns are those that were used, compiled: there are few.
var patterns sync.Map

func (a *answers) match(pattern string) []string {
	got := a.next(pattern)
	re, ok := patterns.Load(pattern)
	if !ok {
		re, _ = patterns.LoadOrStore(pattern, regexp.MustCompile(`^`+pattern+`$`))
	}
	found := re.(*regexp.Regexp).FindStringSubmatch(got)
	if found == nil {
		a.t.Fatalf("after %q:\n got %s\nwant %s", a.sent, got, pattern)
	}
	return found
}

func (a *answers) done() {
	if len(a.lines) > 0 {
		a.t.Fatalf("after %q: %q, and nothing was to come", a.sent, a.lines)
	}
}

func (m *modelServer) answers(c *modelSession, sent string, out []byte) *answers {
	a := &answers{t: m.t, sent: sent}
	for line := range strings.Lines(string(out)) {
		if !strings.HasSuffix(line, "\n") {
			m.t.Fatalf("after %q: an unfinished line %q", sent, line)
		}
		if err := Decode([]byte(line), new(Message)); err != nil {
			m.t.Fatalf("after %q: %q: %v", sent, line, err)
		}
		c.watched.sees(m, FromPool, line)
		a.lines = append(a.lines, strings.TrimSuffix(line, "\n"))
	}
	return a
}

// offered is what has to come where the job j is sent to c.
func (m *modelServer) offered(a *answers, c *modelSession, j *modelJob) {
	if j == nil || j == c.last || !c.ready() {
		return
	}
	text := ""
	if len(a.lines) > 0 && strings.Contains(a.lines[0], MethodSetDifficulty) {
		text = a.match(`\{"id":null,"method":"mining.set_difficulty","params":\[([0-9.e+-]+)\]\}`)[1]
		if text == c.difficulty {
			m.t.Fatalf("after %q: the difficulty %s was set again", a.sent, text)
		}
		c.difficulty, c.target = text, modelTarget(text)
	}
	if c.difficulty == "" {
		m.t.Fatalf("after %q: a job before any difficulty", a.sent)
	}
	m.checkDifficulty(a, c, j)
	a.equal(modelNotify(j))
	if j.work.PrevBlock != c.newest && c.last != nil {
		c.replaced[c.newest] = m.now
	}
	for id, sent := range c.jobs {
		if since, ok := c.replaced[sent.job.work.PrevBlock]; ok && m.now.Sub(since) >= share.Forgotten {
			delete(c.jobs, id)
		}
	}
	delete(c.replaced, j.work.PrevBlock)
	c.last, c.newest = j, j.work.PrevBlock
	c.jobs[j.work.ID] = &modelSent{j, c.extranonce1, c.extranonce2Size, c.target}
}

// checkDifficulty holds the difficulty that j is sent with to what it should be.
func (m *modelServer) checkDifficulty(a *answers, c *modelSession, j *modelJob) {
	if c.target.Cmp(j.network) < 0 {
		m.t.Fatalf("after %q: the difficulty %s is above the network's %s", a.sent, c.difficulty, j.work.Bits)
	}
	got, _ := new(big.Rat).SetString(c.difficulty)
	near := func(want *big.Rat) bool { // what is written in decimals is next to it
		quotient, _ := new(big.Rat).Quo(got, want).Float64()
		return quotient > 1-1e-9 && quotient < 1+1e-9
	}
	network := new(big.Rat).SetFrac(modelDifficulty1, j.network)
	if m.vardiff {
		least := m.bound(c.floor())
		if got.Cmp(least) < 0 && !near(least) && !near(network) || got.Cmp(m.max) > 0 && !near(m.max) {
			m.t.Fatalf("after %q: the difficulty %s is out of bounds", a.sent, c.difficulty)
		}
		return
	}
	want := c.want
	if network.Cmp(want) < 0 {
		want = network
	}
	if !near(want) {
		m.t.Fatalf("after %q: the difficulty is %s, want %s", a.sent, c.difficulty, want.FloatString(20))
	}
}

// retargeted is what may come where the difficulty was changed: a fresh job, or nothing.
func (m *modelServer) retargeted(a *answers, c *modelSession, made int) {
	if m.count > made {
		m.offered(a, c, m.job)
	}
}

// modelNotify is the mining.notify of a job, by the Stratum manual.
func modelNotify(j *modelJob) string {
	w := j.work
	var prev []byte
	for i := 0; i < 32; i += 4 {
		prev = append(prev, w.PrevBlock[i+3], w.PrevBlock[i+2], w.PrevBlock[i+1], w.PrevBlock[i])
	}
	branch := make([]string, len(w.Branch))
	for i := range branch {
		branch[i] = fmt.Sprintf(`"%x"`, w.Branch[i][:])
	}
	return fmt.Sprintf(`{"id":null,"method":"mining.notify","params":["%s","%x","%x","%x",[%s],"%08x","%08x","%08x",%t]}`,
		w.ID, prev, w.CoinbasePrefix, w.CoinbaseSuffix, strings.Join(branch, ","), w.Version, uint32(w.Bits), w.Time, j.server.Clean)
}

// open begins a connection.
func (m *modelServer) open() *modelSession {
	c := &modelSession{
		server: m.server.Open(m.now), limit: work.MaskBIP320, want: m.start, suggested: new(big.Rat), least: new(big.Rat), jobs: map[string]*modelSent{},
		replaced: map[chainhash.Hash]time.Time{}, watched: newWatcher(m),
	}
	m.live = append(m.live, c)
	return c
}

func (m *modelServer) close(c *modelSession) {
	c.server.Close(m.now)
	c.watched.onlooker.Close(m.now, c.watched)
	m.live = slices.DeleteFunc(m.live, func(other *modelSession) bool { return other == c })
	if c.subscribed {
		m.closed[c.id] = modelClosed{c.first, m.now}
		m.ended = c.id
	}
}

// receive has a line received, and returns what was answered.
func (m *modelServer) receive(c *modelSession, line string) *answers {
	m.heard = m.heard[:0]
	c.watched.sees(m, FromMiner, line)
	out, err := c.server.Receive(nil, []byte(line+"\n"), m.now)
	if err != nil {
		m.t.Fatalf("after %q: %v", line, err)
	}
	c.garbage = 0
	a := m.answers(c, line, out)
	if !c.watched.blind && !slices.Equal(c.watched.heard, m.heard) {
		m.t.Fatalf("after %q: the server says %+v, an onlooker %+v", line, m.heard, c.watched.heard)
	}
	c.watched.heard = c.watched.heard[:0]
	return a
}

// watcher sees the lines of a connection as a proxy does, and judges by them alone.
type watcher struct {
	onlooker *Onlooker
	session  *share.Session
	heard    []modelHeard
	why      string // something was assumed
	blind    bool   // a worker was refused that nobody was told of
}

func newWatcher(m *modelServer) *watcher {
	w := &watcher{session: m.onlookers.NewSession()}
	w.onlooker = NewOnlooker(w.session)
	if err := w.onlooker.Observe(FromTouchstone, []byte(`{"event":"open"}`), m.now, w); err != nil {
		m.t.Fatal(err)
	}
	return w
}

func (w *watcher) Submitted(s *Submit) {
	v, err := w.session.Check(&s.Submission)
	w.heard = append(w.heard, modelHeard{s.Number, v.Word, v.Block, err})
}
func (w *watcher) Replied(uint64, Reply) {}
func (w *watcher) Forgotten(uint64)      {}
func (w *watcher) Assumed(why string)    { w.why = why }

func (w *watcher) sees(m *modelServer, from From, line string) {
	if err := w.onlooker.Observe(from, []byte(line), m.now, w); err != nil && from == FromPool {
		m.t.Fatalf("an onlooker can't read %q: %v", line, err)
	}
	if w.why != "" {
		m.t.Fatalf("an onlooker of %q assumes: %s", line, w.why)
	}
}

// welcomed is what comes once a miner has become ready.
func (m *modelServer) welcomed(a *answers, c *modelSession, was bool) {
	if was || !c.ready() {
		return
	}
	m.offered(a, c, m.job)
	if c.userAgent == "" && !c.askedVersion {
		c.askedVersion = true
		a.equal(`{"id":1,"method":"client.get_version","params":[]}`)
	}
}

// subscribe has a mining.subscribe received; session is what is given to be taken up again, "" for none.
func (m *modelServer) subscribe(c *modelSession, id, userAgent, session string) {
	a := m.receive(c, fmt.Sprintf(`{"id":%s,"method":"mining.subscribe","params":[%q,%q]}`, id, userAgent, session))
	if id == "null" {
		a.done()
		return
	}
	was := c.ready()
	if userAgent != "" {
		c.userAgent = userAgent
	}
	found := a.match(`\{"id":` + quoteMeta(id) + `,"result":\[\[\["mining.set_difficulty","([0-9a-f]{32})"\],\["mining.notify","([0-9a-f]{32})"\]\],"([0-9a-f]+)",([0-9]+)\],"error":null\}`)
	extranonce1, _ := hex.DecodeString(found[3])
	switch {
	case found[1] != found[2]:
		m.t.Fatalf("after %q: two sessions", a.sent)
	case c.subscribed:
		if found[1] != c.id || found[3] != hex.EncodeToString(c.extranonce1) || found[4] != fmt.Sprint(c.extranonce2Size) {
			m.t.Fatalf("after %q: %v, want what was given before", a.sent, found)
		}
	default:
		kept, ok := m.closed[session]
		if ok && m.now.Sub(kept.ended) >= SessionKept {
			ok = false
		}
		if ok != (found[1] == session) || ok && found[3] != kept.extranonce1 {
			m.t.Fatalf("after %q: session %s with %s, was %v", a.sent, found[1], found[3], kept)
		}
		if ok {
			delete(m.closed, session)
		}
		for _, other := range m.live {
			if other != c && (other.id == found[1] || other.subscribed && hex.EncodeToString(other.extranonce1) == found[3]) {
				m.t.Fatalf("after %q: %s is in use", a.sent, found[3])
			}
		}
		for id, kept := range m.closed {
			if m.now.Sub(kept.ended) < SessionKept && (id == found[1] || kept.extranonce1 == found[3]) {
				m.t.Fatalf("after %q: %s is kept for another", a.sent, found[3])
			}
		}
		if len(extranonce1) != 4 || found[4] != "8" {
			m.t.Fatalf("after %q: sizes %v", a.sent, found)
		}
		c.subscribed, c.id, c.extranonce1, c.extranonce2Size = true, found[1], extranonce1, 8
		c.first = found[3]
	}
	m.welcomed(a, c, was)
	a.done()
}

func (m *modelServer) authorize(c *modelSession, id, worker, password string) {
	a := m.receive(c, fmt.Sprintf(`{"id":%s,"method":"mining.authorize","params":[%q,%q]}`, id, worker, password))
	was := c.ready()
	if password == "wrong" || m.denied[worker] {
		c.workers = slices.DeleteFunc(c.workers, func(w string) bool { return w == worker })
		if id != "null" {
			a.equal(`{"id":` + id + `,"result":null,"error":[24,"no",null]}`)
		} else {
			c.watched.blind = true
		}
		a.done()
		return
	}
	none := len(c.workers) == 0
	if !slices.Contains(c.workers, worker) {
		c.workers = append(c.workers, worker)
	}
	if id != "null" {
		a.equal(`{"id":` + id + `,"result":true,"error":null}`)
	}
	m.welcomed(a, c, was || !none)
	a.done()
}

// configure asks for version rolling with a mask and a least number of bits, and for more.
func (m *modelServer) configure(c *modelSession, mask uint32, minBits int, difficulty string, more string) {
	made := m.count
	line := fmt.Sprintf(`{"id":5,"method":"mining.configure","params":[["version-rolling",%s"minimum-difficulty","subscribe-extranonce"],`+
		`{"version-rolling.mask":"%08x","version-rolling.min-bit-count":%d,"minimum-difficulty.value":%s}]}`, more, mask, minBits, difficulty)
	a := m.receive(c, line)
	result := `"version-rolling":false`
	granted, ones := mask&c.limit, 0
	for b := granted; b != 0; b &= b - 1 {
		ones++
	}
	if ones > 0 && ones >= minBits {
		c.rolling, c.asked, c.mask = true, mask, granted
		result = fmt.Sprintf(`"version-rolling":true,"version-rolling.mask":"%08x"`, granted)
	}
	if more != "" {
		result += "," + more[:len(more)-1] + ":false"
	}
	d, _ := new(big.Rat).SetString(difficulty)
	allowed := d.Cmp(m.max) <= 0
	if allowed {
		c.least = d
		m.setWant(c, c.want)
	}
	c.announced = true
	a.equal(fmt.Sprintf(`{"id":5,"result":{%s,"minimum-difficulty":%t,"subscribe-extranonce":true},"error":null}`, result, allowed))
	m.retargeted(a, c, made)
	a.done()
	if allowed {
		m.settled(c)
	}
}

// settled says that a difficulty just asked for is that of the last job, but where there is no job to send. One that was asked for
// while there was none comes with the next job that is offered.
func (m *modelServer) settled(c *modelSession) {
	if m.vardiff || c.last == nil || !c.ready() || m.job == nil || c.server.wishes == maxWishes {
		return
	}
	m.checkDifficulty(&answers{t: m.t, sent: "the last"}, c, c.last)
}

func (m *modelServer) suggest(c *modelSession, id, text string) {
	made := m.count
	a := m.receive(c, fmt.Sprintf(`{"id":%s,"method":"mining.suggest_difficulty","params":[%s]}`, id, text))
	d, ok := new(big.Rat).SetString(strings.Trim(text, `"`))
	if !ok || d.Sign() <= 0 {
		if id != "null" {
			a.match(`\{"id":` + quoteMeta(id) + `,"result":null,"error":\[20,"mining\.suggest_difficulty: .*",null\]\}`)
		}
		a.done()
		return
	}
	if id != "null" {
		a.equal(`{"id":` + id + `,"result":true,"error":null}`)
	}
	c.suggested = d
	if m.vardiff && c.learnt {
		d = c.want
	}
	m.setWant(c, d)
	m.retargeted(a, c, made)
	a.done()
	m.settled(c)
}

// modelShare is a mining.submit as text.
type modelShare struct {
	params                               int // 4 to 7
	job, extranonce2, ntime, nonce, bits string
}

var hex8 = regexp.MustCompile(`^[0-9a-fA-F]{8}$`)

// verdict is what becomes of a share, and whether it is a block.
func (m *modelServer) verdict(c *modelSession, s *modelShare) (word share.Word, code int, block bool, hash [32]byte) {
	is := c.jobs[s.job]
	switch {
	case s.params < 5 || s.params > 6:
		return share.Malformed, 20, false, hash
	case !c.subscribed:
		return share.Unauthorized, 25, false, hash
	case len(c.workers) == 0:
		// it is hashed all the same
		_, _, block, hash = m.judge(c, is, s)
		return share.Unauthorized, 24, block, hash
	}
	return m.judge(c, is, s)
}

func (m *modelServer) judge(c *modelSession, is *modelSent, s *modelShare) (word share.Word, code int, block bool, hash [32]byte) {
	if is == nil {
		return share.UnknownJob, 21, false, hash
	}
	since, old := c.replaced[is.job.work.PrevBlock]
	if old && m.now.Sub(since) >= share.Forgotten {
		return share.UnknownJob, 21, false, hash
	}
	extranonce2, err := hex.DecodeString(s.extranonce2)
	if err != nil || len(extranonce2) != is.extranonce2Size {
		return share.BadExtranonce2, 20, false, hash
	}
	bits := uint32(0)
	refused := false // which does not keep it from being a block
	if s.params == 6 {
		if !hex8.MatchString(s.bits) {
			return share.BadVersion, 20, false, hash
		}
		_, _ = fmt.Sscanf(s.bits, "%08x", &bits)
		refused = !c.rolling && bits != 0 || c.rolling && bits&^c.mask != 0
	} else {
		refused = c.rolling
	}
	mask := uint32(0)
	if c.rolling {
		mask = c.mask
	}
	if !hex8.MatchString(s.ntime) {
		if refused {
			return share.BadVersion, 20, false, hash
		}
		return share.BadNTime, 20, false, hash
	}
	if !hex8.MatchString(s.nonce) {
		if refused {
			return share.BadVersion, 20, false, hash
		}
		return share.BadNonce, 20, false, hash
	}
	var ntime, nonce uint32
	_, _ = fmt.Sscanf(s.ntime, "%08x", &ntime)
	_, _ = fmt.Sscanf(s.nonce, "%08x", &nonce)
	w := is.job.work
	double := func(parts ...[]byte) [32]byte {
		first := sha256.Sum256(slices.Concat(parts...))
		return sha256.Sum256(first[:])
	}
	root := double(w.CoinbasePrefix, is.extranonce1, extranonce2, w.CoinbaseSuffix)
	for i := range w.Branch {
		root = double(root[:], w.Branch[i][:])
	}
	header := binary.LittleEndian.AppendUint32(nil, w.Version&^mask|bits&mask)
	header = append(append(header, w.PrevBlock[:]...), root[:]...)
	header = binary.LittleEndian.AppendUint32(header, ntime)
	header = binary.LittleEndian.AppendUint32(header, uint32(w.Bits))
	header = binary.LittleEndian.AppendUint32(header, nonce)
	hash = double(header)
	number := slices.Clone(hash[:])
	slices.Reverse(number)
	value := new(big.Int).SetBytes(number)
	block = value.Cmp(is.job.network) <= 0
	switch {
	case refused:
		return share.BadVersion, 20, block, hash
	case old:
		return share.Stale, 21, block, hash
	case ntime < w.Time || int64(ntime) > m.now.Unix()+7200:
		return share.BadNTime, 20, block, hash
	case value.Cmp(is.target) > 0:
		return share.LowDifficulty, 23, block, hash
	case m.shares[hash]:
		return share.Duplicate, 22, block, hash
	case block:
		return share.Block, 0, block, hash
	}
	return share.Accepted, 0, block, hash
}

func (m *modelServer) submit(c *modelSession, id string, s *modelShare) {
	params := []string{`"a"`, s.job, s.extranonce2, s.ntime, s.nonce, s.bits, "more"}
	for i := range params[1:] {
		params[i+1] = fmt.Sprintf("%q", params[i+1])
	}
	word, code, block, hash := m.verdict(c, s)
	c.submits++
	made := m.count
	a := m.receive(c, fmt.Sprintf(`{"id":%s,"method":"mining.submit","params":[%s]}`, id, strings.Join(params[:s.params], ",")))
	if len(m.heard) != 1 || m.heard[0] != (modelHeard{c.submits, word, block, nil}) {
		m.t.Fatalf("after %q: judged %+v, want submission %d %s, block %t", a.sent, m.heard, c.submits, word, block)
	}
	switch {
	case code == 0:
		m.shares[hash], c.learnt, m.again = true, true, s
		if id != "null" {
			a.equal(`{"id":` + id + `,"result":true,"error":null}`)
		}
		if m.vardiff {
			m.retargeted(a, c, made)
		}
	case id != "null":
		a.match(fmt.Sprintf(`\{"id":%s,"result":null,"error":\[%d,"%s: [^"]*",null\]\}`, quoteMeta(id), code, word))
	}
	a.done()
}

// garbageLine has a line received that is no message.
func (m *modelServer) garbageLine(c *modelSession, line string) (ended bool) {
	out, err := c.server.Receive(nil, []byte(line+"\n"), m.now)
	if c.garbage++; c.garbage > 4 {
		var v *Violation
		if !errors.As(err, &v) || len(out) > 0 {
			m.t.Fatalf("after %q: %q %v, want the end", line, out, err)
		}
		return true
	}
	if err != nil {
		m.t.Fatalf("after %q: %v", line, err)
	}
	a := m.answers(c, line, out)
	a.match(`\{"id":null,"result":null,"error":\[-32700,"Parse error: .*",null\]\}`)
	a.done()
	return false
}
