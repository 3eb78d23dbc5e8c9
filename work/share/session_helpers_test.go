package share

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
)

// testNow is the clock of sessions in tests, and testTime the same as ntime.
var testNow = time.Unix(testTime, 0)

const (
	testTime    = 1_790_000_000
	testVersion = 0x20000000
)

// targetOf returns the target that a hash meets once in 2^bits times; 0: always.
func targetOf(bits uint) work.Target {
	n := new(big.Int).Lsh(big.NewInt(1), 256-bits)
	t, err := work.TargetFromBig(n.Sub(n, big.NewInt(1)))
	if err != nil {
		panic(err)
	}
	return t
}

// noBlock is a network target that no hash meets.
var noBlock = targetOf(255)

// testJob returns a job of 4 bytes of extranonce1 and 8 of extranonce2, on top of a block that is named by one byte, with a
// network target that nothing meets; and lets change alter it.
func testJob(id string, prev byte, change ...func(*work.Job)) *work.Job {
	j := &work.Job{
		ID: id, Version: testVersion, VersionMask: work.MaskBIP320, PrevBlock: chainhash.Hash{prev}, Bits: 0x1d00ffff, Target: noBlock,
		Time: testTime, Extranonce1Size: 4, Extranonce2Size: 8,
		CoinbasePrefix: []byte("a coinbase is longer than one block of SHA-256, so its prefix has a midstate"),
		CoinbaseSuffix: []byte("and something stands after the extranonce"),
		Branch:         []chainhash.Hash{{1}, {2}, {3}},
	}
	for _, f := range change {
		f(j)
	}
	return j
}

// genesisJob returns the job of which mainnet's genesis block is the share genesisText: the one hash with 32 leading zero bits
// that costs nothing. Four bytes of its coinbase are extranonce1 (genesisExtranonce1), the eight after them extranonce2. Its own
// network target is one that nothing meets.
func genesisJob(id string, change ...func(*work.Job)) *work.Job {
	block := chaincfg.MainNetParams.GenesisBlock
	coinbase := genesisCoinbase()
	h := block.Header
	j := &work.Job{
		ID: id, Version: uint32(h.Version), PrevBlock: h.PrevBlock, Bits: work.Bits(h.Bits), Target: noBlock, Time: uint32(h.Timestamp.Unix()),
		Extranonce1Size: 4, Extranonce2Size: 8, CoinbasePrefix: coinbase[:50], CoinbaseSuffix: coinbase[62:],
	}
	for _, f := range change {
		f(j)
	}
	return j
}

// genesisCoinbase returns the only transaction of mainnet's genesis block.
func genesisCoinbase() []byte {
	var b sliceWriter
	if err := chaincfg.MainNetParams.GenesisBlock.Transactions[0].Serialize(&b); err != nil {
		panic(err)
	}
	return b
}

type sliceWriter []byte

func (w *sliceWriter) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

// genesisExtranonce1 is the extranonce1 of genesisJob.
func genesisExtranonce1() []byte { return genesisCoinbase()[50:54] }

// genesisText is mainnet's genesis block as a share of the job.
func genesisText(id string) Text {
	h := chaincfg.MainNetParams.GenesisBlock.Header
	return Text{
		Worker: "worker", JobID: id, Extranonce2: hex.EncodeToString(genesisCoinbase()[54:62]),
		Time: word(uint32(h.Timestamp.Unix())), Nonce: word(h.Nonce),
	}
}

// word returns v as Stratum writes it.
func word(v uint32) string { return fmt.Sprintf("%08x", v) }

// testSession is a session in a validator of its own, and the clock of what comes.
type testSession struct {
	*Session
	t   testing.TB
	v   *Validator
	now time.Time
}

// testExtranonce1 is the extranonce1 of testSessions.
var testExtranonce1 = []byte{0xe1, 0xe2, 0xe3, 0xe4}

// newTestSession returns a session that was told what a pool tells first: extranonces of 4 and 8 bytes, that "worker" is
// authorized, the mask of BIP 320, and a difficulty that every hash meets. It was sent no job.
func newTestSession(t testing.TB, p Policy) *testSession {
	t.Helper()
	v := NewValidator(Options{Policy: p})
	s := &testSession{Session: v.NewSession(), t: t, v: v, now: testNow}
	require.NoError(t, s.SetExtranonce(testExtranonce1, 8))
	s.Authorize("worker")
	s.SetMask(work.MaskBIP320)
	s.SetTarget(targetOf(0))
	return s
}

// send sends a job, at the time now.
func (s *testSession) send(j *work.Job, clean bool) *Job {
	s.t.Helper()
	job, err := NewJob(j)
	require.NoError(s.t, err)
	require.NoError(s.t, s.AddJob(job, clean, s.now))
	return job
}

// text is an honest submission for a job of testJob, as changed.
func testText(id string, change ...func(*Text)) Text {
	t := Text{
		Worker: "worker", JobID: id, Extranonce2: "0000000000000001", Time: word(testTime), Nonce: word(7),
		VersionBits: word(0), HasVersionBits: true,
	}
	for _, f := range change {
		f(&t)
	}
	return t
}

// submit judges a submission that comes at the time now.
func (s *testSession) submit(text Text) Verdict {
	s.t.Helper()
	sub := text.Submission(nil)
	sub.Received = s.now
	v, err := s.Check(&sub)
	require.NoError(s.t, err)
	return v
}

// testHeader returns the header that a share of j stands for, built without the code under test: the coinbase hashed and the
// branch folded by crypto/sha256.
func testHeader(j *work.Job, extranonce1, extranonce2 []byte, version, ntime, nonce uint32) [80]byte {
	double := func(parts ...[]byte) (sum chainhash.Hash) {
		h := sha256.New()
		for _, p := range parts {
			h.Write(p)
		}
		return sha256.Sum256(h.Sum(nil))
	}
	root := double(j.CoinbasePrefix, extranonce1, extranonce2, j.CoinbaseSuffix)
	if !j.HasCoinbase() {
		root = j.MerkleRoot
	}
	for i := range j.Branch {
		root = double(root[:], j.Branch[i][:])
	}
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, 80), version)
	b = append(append(b, j.PrevBlock[:]...), root[:]...)
	b = binary.LittleEndian.AppendUint32(b, ntime)
	b = binary.LittleEndian.AppendUint32(b, uint32(j.Bits))
	b = binary.LittleEndian.AppendUint32(b, nonce)
	return [80]byte(b)
}

// mine returns text, an honest submission of a testSession for j, with the first nonce for which ok likes the header's hash
// (internal order). Version bits replace those of the job inside the mask of BIP 320.
func mine(j *work.Job, text Text, ok func(*chainhash.Hash) bool) Text {
	sub := text.Submission(nil)
	version := work.CombineVersion(j.Version, sub.VersionBits, work.MaskBIP320)
	header := testHeader(j, testExtranonce1, sub.Extranonce2, version, sub.Time, 0)
	for nonce := uint32(0); ; nonce++ {
		binary.LittleEndian.PutUint32(header[76:], nonce)
		first := sha256.Sum256(header[:])
		if hash := chainhash.Hash(sha256.Sum256(first[:])); ok(&hash) {
			text.Nonce = word(nonce)
			return text
		}
	}
}

// meets and misses are what mine looks for: a hash that meets the target, or doesn't.
func meets(t work.Target) func(*chainhash.Hash) bool {
	return func(h *chainhash.Hash) bool { return t.MetBy(h) }
}

func misses(t work.Target) func(*chainhash.Hash) bool {
	return func(h *chainhash.Hash) bool { return !t.MetBy(h) }
}

func TestHelpers(t *testing.T) {
	j := testJob("a", 1)
	s := newTestSession(t, Policy{})
	s.send(j, true)
	text := mine(j, testText("a"), meets(targetOf(8)))
	v := s.submit(text)
	require.Equal(t, Accepted, v.Word)
	sub := text.Submission(nil)
	require.Equal(t, testHeader(j, testExtranonce1, sub.Extranonce2, testVersion, sub.Time, sub.Nonce), v.Header)
	require.True(t, meets(targetOf(8))(&v.Hash))

	s = newTestSession(t, Policy{})
	require.NoError(t, s.SetExtranonce(genesisExtranonce1(), 8))
	text = genesisText("g")
	text.VersionBits, text.HasVersionBits = word(0), true
	s.send(genesisJob("g"), true)
	v = s.submit(text)
	require.Equal(t, Accepted, v.Word)
	require.Equal(t, chaincfg.MainNetParams.GenesisHash, &v.Hash)
}
