package share_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// This file judges shares a second time, slowly: written from the protocol and the BIPs, of text, big numbers and
// crypto/sha256, and sharing no code with the packages under test. It is what the differential and fuzz tests hold package share
// against. All that a pool and a miner say to each other is an event of texts as they cross the wire.

type eventKind int

const (
	eventSubscribe  eventKind = iota // extranonce1 and extranonce2's size, by mining.subscribe or mining.set_extranonce
	eventAuthorize                   // worker
	eventWithdraw                    // worker
	eventMask                        // mask
	eventDifficulty                  // difficulty
	eventNotify                      // job, clean
	eventSubmit                      // params
	eventClose                       // the connection ends, and another one begins in its place
	eventAssume                      // what came before may not have been seen
)

// event is what happens on one connection.
type event struct {
	kind                            eventKind
	session                         int
	at                              time.Time // zero: nobody knows
	extranonce1, worker, difficulty string
	mask                            string // 8 hex digits
	extranonce2Size                 int
	job                             notify
	clean                           bool
	params                          []string // of mining.submit: worker, job, extranonce2, ntime, nonce and, maybe, version bits
}

// notify are the parameters of mining.notify, and the template's mintime, "" where nobody knows it.
type notify struct {
	id, prev, coinb1, coinb2 string
	branch                   []string
	version, bits, time      string
	minTime                  string
}

// slowVerdict is what became of a submission. A word of "" with why means that it could not be judged.
type slowVerdict struct {
	word, why string
	built     bool
	header    string // hex
	hash      string // hex, internal order
	block     bool
	target    *big.Int // of the job, nil if not known

	// or is as good a verdict, if not nil: of a job that was forgotten before the clock jumped back.
	or *slowVerdict
}

// slowPool is a pool whose sessions were told what the events say.
type slowPool struct {
	sessions map[int]*slowSession
	credited map[string]bool // hashes
}

type slowSession struct {
	credited map[string]bool // the pool's

	subscribed      bool
	extranonce1     string
	extranonce2Size int
	authorized      map[string]bool
	granted         bool
	mask            string
	difficulty      string // "" where there was none
	assumed         bool

	jobs     []*slowJob // as they were sent
	newest   string     // the previous block of the job sent last
	replaced map[string]time.Time
}

// slowJob is a job with what was in force when it was sent.
type slowJob struct {
	notify
	known           bool // the extranonces
	forgotten       bool // at some time, by the clock that jobs came by
	extranonce1     string
	extranonce2Size int
	target          *big.Int // nil where there was no difficulty
}

func newSlowPool() *slowPool {
	return &slowPool{sessions: map[int]*slowSession{}, credited: map[string]bool{}}
}

// apply does what the event says. The verdict is that of a submission; it has no effect but by credit.
func (p *slowPool) apply(e *event) slowVerdict {
	s := p.sessions[e.session]
	if s == nil || e.kind == eventClose {
		s = &slowSession{credited: p.credited, authorized: map[string]bool{}, replaced: map[string]time.Time{}}
		p.sessions[e.session] = s
	}
	switch e.kind {
	case eventSubscribe:
		s.subscribed, s.extranonce1, s.extranonce2Size = true, e.extranonce1, e.extranonce2Size
	case eventAuthorize:
		s.authorized[e.worker] = true
	case eventWithdraw:
		delete(s.authorized, e.worker)
	case eventMask:
		s.granted, s.mask = true, e.mask
	case eventDifficulty:
		s.difficulty = e.difficulty
	case eventNotify:
		s.notify(e.job, e.at)
	case eventSubmit:
		return s.submit(e.params, e.at)
	case eventAssume:
		s.assumed, s.subscribed, s.difficulty = true, false, ""
		if !s.granted {
			s.granted, s.mask = true, "1fffffe0"
		}
	}
	return slowVerdict{}
}

// credit remembers a share.
func (p *slowPool) credit(v *slowVerdict) {
	if v.word == "accepted" || v.word == "block" {
		p.credited[v.hash] = true
	}
}

// gone says that at that time a previous block was replaced so long ago that its jobs are forgotten.
func (s *slowSession) gone(prev string, at time.Time) bool {
	since, replaced := s.replaced[prev]
	return replaced && !since.IsZero() && !at.IsZero() && at.Sub(since) >= 10*time.Minute
}

func (s *slowSession) notify(n notify, at time.Time) {
	// A job whose id is used again is gone, and so is one whose previous block comes back too late.
	s.jobs = slices.DeleteFunc(s.jobs, func(j *slowJob) bool { return j.id == n.id || j.prev == n.prev && s.gone(j.prev, at) })
	for _, j := range s.jobs {
		j.forgotten = j.forgotten || s.gone(j.prev, at)
	}
	if s.newest != "" && s.newest != n.prev {
		s.replaced[s.newest] = at
	}
	delete(s.replaced, n.prev)
	s.newest = n.prev
	j := &slowJob{notify: n, known: s.subscribed, extranonce1: s.extranonce1, extranonce2Size: s.extranonce2Size}
	if s.difficulty != "" {
		j.target = slowTarget(s.difficulty)
	}
	s.jobs = append(s.jobs, j)
}

// submit judges a submission.
func (s *slowSession) submit(params []string, at time.Time) slowVerdict {
	if len(params) != 5 && len(params) != 6 {
		return slowVerdict{word: "malformed"}
	}
	i := slices.IndexFunc(s.jobs, func(j *slowJob) bool { return j.id == params[1] })
	if i < 0 {
		return s.judge(params, at, nil, false)
	}
	j := s.jobs[i]
	gone := s.gone(j.prev, at)
	v := s.judge(params, at, j, gone)
	if j.forgotten { // then nobody need know that it ever was
		or := s.judge(params, at, nil, false)
		v.or = &or
	}
	return v
}

// judge judges a submission for a job, nil if there is none. gone says that it is forgotten.
func (s *slowSession) judge(params []string, at time.Time, j *slowJob, gone bool) (v slowVerdict) {
	if gone {
		j = nil
	}
	extranonce2, extranonce2OK := slowHex(params[2], len(params[2]))
	ntime, ntimeOK := slowHex(params[3], 8)
	nonce, nonceOK := slowHex(params[4], 8)
	rolled, bits, bitsOK := len(params) == 6, make([]byte, 4), true
	if rolled {
		bits, bitsOK = slowHex(params[5], 8)
	}
	mask := make([]byte, 4)
	if s.granted {
		mask, _ = hex.DecodeString(s.mask)
	}

	if j != nil && j.known && extranonce2OK && len(extranonce2) == j.extranonce2Size && ntimeOK && nonceOK && bitsOK {
		header := j.header(params[2], ntime, nonce, mask, bits, rolled)
		hash := slowDouble(header)
		v.built, v.header, v.hash = true, hex.EncodeToString(header), hex.EncodeToString(hash)
		v.block = slowNumber(hash).Cmp(slowBits(j.bits)) <= 0
	}
	if j != nil {
		v.target = j.target
	}

	outside := slices.ContainsFunc([]int{0, 1, 2, 3}, func(i int) bool { return bitsOK && bits[i]&^mask[i] != 0 })
	switch {
	case !s.assumed && (!s.subscribed || len(s.authorized) == 0):
		v.word = "unauthorized"
	case j == nil && s.assumed:
		v.why = "no job"
	case j == nil:
		v.word = "unknown-job"
	case !j.known: // the next rule can't be decided
		v.why = "no extranonce"
	case !extranonce2OK, len(extranonce2) != j.extranonce2Size:
		v.word = "bad-extranonce2"
	case !bitsOK, outside, s.granted && !rolled && !s.assumed:
		v.word = "bad-version"
	case !ntimeOK:
		v.word = "bad-ntime"
	case !nonceOK:
		v.word = "bad-nonce"
	case j.prev != s.newest:
		v.word = "stale"
	case !j.timeAllowed(ntime, at):
		v.word = "bad-ntime"
	case j.target == nil:
		v.why = "no difficulty"
	default:
		hash, _ := hex.DecodeString(v.hash)
		switch {
		case slowNumber(hash).Cmp(j.target) > 0:
			v.word = "low-difficulty"
		case s.credited[v.hash]:
			v.word = "duplicate"
		case v.block:
			v.word = "block"
		default:
			v.word = "accepted"
		}
	}
	return v
}

// header returns the header as hashed: version, previous block, merkle root, time, nBits and nonce, numbers with their least
// byte first. ntime, nonce, mask and bits have their greatest byte first, as on the wire.
func (j *slowJob) header(extranonce2 string, ntime, nonce, mask, bits []byte, rolled bool) []byte {
	version, _ := hex.DecodeString(j.version)
	if rolled { // BIP 310
		for i := range version {
			version[i] = version[i]&^mask[i] | bits[i]&mask[i]
		}
	}
	coinbase, _ := hex.DecodeString(j.coinb1 + j.extranonce1 + extranonce2 + j.coinb2)
	root := slowDouble(coinbase)
	for _, b := range j.branch {
		sibling, _ := hex.DecodeString(b)
		root = slowDouble(slices.Concat(root, sibling))
	}
	var prev []byte
	for i := 0; i < 64; i += 8 { // mining.notify turns each four bytes of it around
		four, _ := hex.DecodeString(j.prev[i : i+8])
		prev = append(prev, slowReverse(four)...)
	}
	nbits, _ := hex.DecodeString(j.bits)
	return slices.Concat(slowReverse(version), prev, root, slowReverse(ntime), slowReverse(nbits), slowReverse(nonce))
}

// timeAllowed says that ntime is neither before the template's mintime nor over two hours ahead of the clock.
func (j *slowJob) timeAllowed(ntime []byte, at time.Time) bool {
	least := j.minTime
	if least == "" {
		least = j.time
	}
	low, _ := hex.DecodeString(least)
	if bytes.Compare(ntime, low) < 0 {
		return false
	}
	seconds := new(big.Int).SetBytes(ntime)
	nanos := new(big.Int).Mul(seconds, big.NewInt(1_000_000_000))
	limit := at.Add(2 * time.Hour)
	most := new(big.Int).Mul(big.NewInt(limit.Unix()), big.NewInt(1_000_000_000))
	most.Add(most, big.NewInt(int64(limit.Nanosecond())))
	return at.IsZero() || nanos.Cmp(most) <= 0
}

// slowHex returns the bytes of so many hex digits.
func slowHex(s string, digits int) ([]byte, bool) {
	b, err := hex.DecodeString(s)
	return b, err == nil && len(s) == digits
}

func slowReverse(b []byte) []byte {
	r := slices.Clone(b)
	slices.Reverse(r)
	return r
}

func slowDouble(b []byte) []byte {
	first := sha256.Sum256(b)
	second := sha256.Sum256(first[:])
	return second[:]
}

// slowNumber returns the number that a hash is, its least byte being the first.
func slowNumber(hash []byte) *big.Int { return new(big.Int).SetBytes(slowReverse(hash)) }

// slowBits returns the target of nBits: 0.MANTISSA × 256^EXPONENT, of which no hash meets the negative ones.
func slowBits(bits string) *big.Int {
	b, _ := hex.DecodeString(bits)
	t := new(big.Int).SetBytes([]byte{b[1] & 0x7f, b[2], b[3]})
	if b[1]&0x80 != 0 {
		return t.Neg(t)
	}
	return t.Rsh(t.Lsh(t, 8*uint(b[0])), 24)
}

// slowTarget returns the target of a difficulty: 0xffff × 2^208 divided by it, no more than 256 bits hold.
func slowTarget(difficulty string) *big.Int {
	d, _ := new(big.Rat).SetString(difficulty)
	one := new(big.Int).Lsh(big.NewInt(0xffff), 208)
	t := one.Quo(one.Mul(one, d.Denom()), d.Num())
	if most := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)); t.Cmp(most) > 0 {
		return most
	}
	return t
}

// A share that a Bitaxe found and a pool accepted, of difficulty 29588.01 where 8192 was asked (256foundation/mujina,
// mujina-miner/src/asic/bm13xx/test_data.rs).
var bitaxeJob = notify{
	id:     "875b4b7",
	prev:   "6b6455fd6db962c101f2d4fc0d67f4a3bc96391d000152960000000000000000",
	coinb1: "02000000010000000000000000000000000000000000000000000000000000000000000000ffffffff170330c30d5075626c69632d506f6f6c",
	coinb2: "ffffffff02e5b5c61200000000220020984a77c289084ff2d434c316bdada021c6c183d507c8a20d3b159b09ac02fe28" +
		"0000000000000000266a24aa21a9edb98ee50410ed4abd48401ed484fc874409d086a3faf0816136a8ad6168314c5800000000",
	branch: []string{
		"21af451ddb51e887ff1feb5592b87290098565035eb8500031aedcc776d4e72a",
		"c5af269519c809a9546d5a58ca6445d3dbb80cb7045448ecc48309af034da8f8",
		"fb9f8f9959f6bb0ceb63fa53aed1d5a615c6b6d3f50a468ea89a45a1234bda74",
		"a4f4fee8e5fc19ca8d93e67b9236c37ddb864982010434745c0abfe9b914980c",
		"33092206642744fbe5499c3e621cd5c6b52733e54fbebd869f070082b807f740",
		"3b857e32c5cff4864efab967b9a456ca03b2167ab96bd9076ce294c8a67a7fe2",
		"881a07cd881d0c3e590b4b090ea8d58e1439dc56c63686f7de23c47045441e30",
		"315e4dbcc8e7b1c9d594a73978268791880dddb2c26eec8e75768668dad99d80",
		"69952b77c632be16b1ac7ac7048f13d4e962b2e215d79a343f01e6e281d7c304",
		"fc63eb4392c4d6c6d689788875fca35143fdcd4f4a82e8698e0e441751a70b4a",
		"09e419bbe20aa3a7640f1b91f50599ceddff899e90d3f18951ad5418c4850a6b",
		"004978aa346b4f1880bcadb3ca3792d771ee6aeca427f61e74baba44b75cfb88",
	},
	version: "20000000", bits: "17023a04", time: "685468d7",
}

// TestReference holds the slow judge against that share, and against what each word means.
func TestReference(t *testing.T) {
	now := time.Unix(0x685468d7, 500)
	share := []string{"worker", "875b4b7", "17000000", "685468d7", "7552034c", "00b44000"}
	changed := func(i int, text string) []string {
		c := slices.Clone(share)
		c[i] = text
		return c
	}
	other := bitaxeJob
	other.id, other.prev = "b", strings.Repeat("ab", 32)
	p := newSlowPool()
	tell := func(e event) slowVerdict {
		if e.at.IsZero() {
			e.at = now
		}
		v := p.apply(&e)
		p.credit(&v)
		return v
	}
	submit := func(want string, params []string) slowVerdict {
		t.Helper()
		v := tell(event{kind: eventSubmit, params: params})
		require.Equal(t, want, v.word, params)
		return v
	}
	submit("malformed", share[:4])
	submit("unauthorized", share)
	tell(event{kind: eventSubscribe, extranonce1: "4128064f", extranonce2Size: 4})
	submit("unauthorized", share)
	tell(event{kind: eventAuthorize, worker: "worker"})
	submit("unknown-job", share)
	tell(event{kind: eventMask, mask: "1fffe000"})
	tell(event{kind: eventDifficulty, difficulty: "29588.02"})
	tell(event{kind: eventNotify, job: bitaxeJob})
	tell(event{kind: eventDifficulty, difficulty: "29588.01"})

	v := submit("low-difficulty", share)
	require.True(t, v.built)
	require.False(t, v.block)
	require.True(t, strings.HasSuffix(v.hash, "00000000"))
	require.Len(t, v.header, 160)
	require.True(t, strings.HasPrefix(v.header, "0040b420"+"fd55646b"), "what the protocol rolls and swaps")
	for i, texts := range [][]string{
		2: {"", "1700000", "170000", "1700000000", "0x000000", "1700000g", " 7000000"},
		3: {"", "0685468d7", "685468D", "0x5468d7", "685468d7 ", "685468d6", "685484f8", "ffffffff"},
		4: {"", "7552034", "7552034c0", "0x52034c", "-552034c", "７552034c"},
		5: {"", "b44000", "0x00b44000", "20b44000", "00b44001", "00b4400"},
	} {
		for _, text := range texts {
			submit([]string{2: "bad-extranonce2", 3: "bad-ntime", 4: "bad-nonce", 5: "bad-version"}[i], changed(i, text))
		}
	}
	submit("bad-version", share[:5])
	submit("low-difficulty", changed(3, "685484f7")) // now and two hours

	tell(event{kind: eventNotify, job: bitaxeJob})
	submit("accepted", share)
	submit("duplicate", share)
	submit("duplicate", changed(4, "7552034C"))
	outside := submit("bad-version", changed(5, "e0b45fff"))
	require.Equal(t, v.hash, outside.hash, "bits outside the mask stay the job's")

	tell(event{kind: eventNotify, job: other})
	submit("stale", share)
	now = now.Add(10*time.Minute - 1)
	submit("stale", share)
	now = now.Add(1)
	submit("unknown-job", share)
	now = now.Add(-time.Minute)
	tell(event{kind: eventNotify, job: bitaxeJob})
	submit("duplicate", share)

	easy := bitaxeJob
	easy.bits = "207fffff"
	tell(event{kind: eventDifficulty, difficulty: "0.00000001"})
	tell(event{kind: eventNotify, job: easy})
	nonce := 0
	for ; ; nonce++ {
		if tell(event{kind: eventSubmit, params: changed(4, fmt.Sprintf("%08x", nonce))}).word == "block" {
			break
		}
	}
	tell(event{kind: eventNotify, job: other})
	require.True(t, submit("stale", changed(4, fmt.Sprintf("%08x", nonce))).block, "a stale block is a block")

	require.Equal(t, strings.Repeat("f", 64), slowTarget("0.0000000001").Text(16))
	require.Equal(t, "ffff"+strings.Repeat("0", 52), slowTarget("1").Text(16))
	require.Equal(t, "7fff8"+strings.Repeat("0", 51), slowTarget("2").Text(16))
	require.Equal(t, "23a04"+strings.Repeat("0", 40), slowBits("17023a04").Text(16))
}
