package serve

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
)

// rig is a device and a pool of which the test plays both, with a proxy between that speaks lines.
type rig struct {
	*lab
	t           testing.TB
	dir         string
	fromPool    *bufio.Reader // what the device hears
	fromDevice  *bufio.Reader // what the pool hears
	extranonce2 uint64
	theirs      work.Target
}

// rigDifficulty is the pool's: some thousand hashes for a share.
const rigDifficulty = 1e-6

var rigExtranonce1 = []byte{1, 2, 3, 4}

// newRig returns one where the device has subscribed and the pool has set its difficulty.
func newRig(t testing.TB, c ProxyConfig) *rig {
	r := &rig{t: t, dir: t.TempDir()}
	var err error
	c.Recorder, err = OpenRecorder(RecorderConfig{Dir: r.dir})
	require.NoError(t, err)
	t.Cleanup(func() { c.Recorder.Close() })
	r.lab = newLab(t, c, nil)
	r.fromPool, r.fromDevice = bufio.NewReader(r.device), bufio.NewReader(r.lab.pool)
	r.theirs, err = stratum.DifficultyTarget(rigDifficulty)
	require.NoError(t, err)
	r.asks(subscribeLine)
	r.tells(string(stratum.AppendSubscribeResult(nil, []byte("1"), "s", stratum.Extranonce{Extranonce1: rigExtranonce1, Extranonce2Size: 8})))
	r.asks(`{"id":2,"method":"mining.authorize","params":["w","x"]}` + "\n")
	r.tells(`{"id":2,"result":true,"error":null}` + "\n")
	r.tells(string(stratum.AppendSetDifficulty(nil, rigDifficulty)))
	return r
}

// asks has the device say a line that the pool hears.
func (r *rig) asks(line string) {
	r.t.Helper()
	r.says(line)
	r.poolHears(line)
}

func (r *rig) says(line string) {
	r.t.Helper()
	_, err := r.device.Write([]byte(line))
	require.NoError(r.t, err)
}

// tells has the pool say a line that the device hears.
func (r *rig) tells(line string) {
	r.t.Helper()
	r.poolSays(line)
	require.Equal(r.t, line, r.deviceHears())
}

func (r *rig) poolSays(line string) {
	r.t.Helper()
	_, err := r.lab.pool.Write([]byte(line))
	require.NoError(r.t, err)
}

func (r *rig) poolHears(line string) {
	r.t.Helper()
	got, err := r.fromDevice.ReadString('\n')
	require.NoError(r.t, err)
	require.Equal(r.t, line, got)
}

func (r *rig) deviceHears() string {
	r.t.Helper()
	got, err := r.fromPool.ReadString('\n')
	require.NoError(r.t, err)
	return got
}

// job returns a job on a block that is named by one byte.
func (r *rig) job(id string, prev byte, bits work.Bits) *work.Job {
	j := &work.Job{
		ID: id, Version: 0x20000000, PrevBlock: chainhash.Hash{prev}, Bits: bits, Time: uint32(time.Now().Unix()),
		CoinbasePrefix: []byte("coin"), CoinbaseSuffix: []byte("base"), Extranonce1Size: 4, Extranonce2Size: 8,
	}
	j.Target, _, _ = j.Bits.Target()
	return j
}

// share returns the mining.submit of a share whose hash is as wanted.
func (r *rig) share(id uint64, j *work.Job, wanted func(h *chainhash.Hash) bool) string {
	r.t.Helper()
	b := j.NewBuilder()
	var header [hash.HeaderSize]byte
	for nonce := uint32(0); ; nonce++ {
		if nonce%(1<<20) == 0 {
			r.extranonce2++
			require.NoError(r.t, b.SetExtranonce(binary.BigEndian.AppendUint64(rigExtranonce1[:4:4], r.extranonce2)))
		}
		b.Header(&header, j.Version, j.Time, nonce)
		h := hash.Sum256d(header[:])
		if wanted((*chainhash.Hash)(&h)) {
			return string(stratum.AppendSubmit(nil, id, "w", j.ID, binary.BigEndian.AppendUint64(nil, r.extranonce2), j.Time, nonce, 0, false))
		}
	}
}

// between is a hash that meets easier, and harder not.
func between(easier, harder work.Target) func(h *chainhash.Hash) bool {
	return func(h *chainhash.Hash) bool { return easier.MetBy(h) && !harder.MetBy(h) }
}

func misses(t work.Target) func(h *chainhash.Hash) bool {
	return func(h *chainhash.Hash) bool { return !t.MetBy(h) }
}

const mainnetBits = work.Bits(0x1d00ffff)

const yes = `{"id":%,"result":true,"error":null}` + "\n"

func answered(id string) string { return strings.ReplaceAll(yes, "%", id) }

func TestProxyShareRate(t *testing.T) {
	r := newRig(t, ProxyConfig{ShareRate: MaxShareRate})
	first := r.job("first", 1, mainnetBits)
	r.tells(string(stratum.AppendNotify(nil, first, true)))

	// Without a share for a while, the next job comes with an easier difficulty.
	second := r.job("second", 1, mainnetBits)
	line := string(stratum.AppendNotify(nil, second, false))
	var ours work.Target
	for {
		r.poolSays(line)
		got := r.deviceHears()
		if got == line {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		var m stratum.Message
		require.NoError(t, stratum.Decode([]byte(got), &m))
		require.Equal(t, stratum.MethodSetDifficulty, m.Method)
		var err error
		ours, err = m.SetDifficulty()
		require.NoError(t, err)
		require.Less(t, ours.Difficulty(), rigDifficulty)
		require.Equal(t, line, r.deviceHears())
		break
	}

	// What the pool wants is forwarded, and the pool answers.
	good := r.share(10, second, r.theirs.MetBy)
	r.asks(good)
	r.tells(answered("10"))
	// What only we want is answered here.
	small := r.share(11, second, between(ours, r.theirs))
	r.says(small)
	require.Equal(t, answered("11"), r.deviceHears())
	r.says(small)
	require.Contains(t, r.deviceHears(), `"error":[22,`)
	r.says(good)
	require.Contains(t, r.deviceHears(), `"error":[22,`)
	r.says(r.share(12, second, misses(ours)))
	require.Contains(t, r.deviceHears(), `"error":[23,`)
	// The job before was sent with the pool's difficulty.
	r.says(r.share(13, first, between(ours, r.theirs)))
	require.Contains(t, r.deviceHears(), `"error":[23,`)
	// What may be late is for the pool to say.
	unknown := *second
	unknown.ID = "unknown"
	r.asks(r.share(14, &unknown, r.theirs.MetBy))
	r.tells(`{"id":14,"result":null,"error":[21,"Job not found",null]}` + "\n")
	third := r.job("third", 2, 0x1f00ffff) // a network of about one in 65536
	line = string(stratum.AppendNotify(nil, third, true))
	r.poolSays(line)
	got := r.deviceHears()
	if strings.Contains(got, stratum.MethodSetDifficulty) { // if finding those took long
		got = r.deviceHears()
	}
	require.Equal(t, line, got)
	r.asks(r.share(15, second, between(ours, r.theirs)))
	r.tells(`{"id":15,"result":null,"error":[21,"stale",null]}` + "\n")
	// A block is forwarded, even from a job whose shares are late.
	r.asks(r.share(16, third, third.Target.MetBy))
	r.tells(answered("16"))

	// More difficulty of the pool is not the device's concern; less is, where it is below ours.
	r.poolSays(string(stratum.AppendSetDifficulty(nil, 1)))
	r.tells(`{"id":null,"method":"client.show_message","params":["hello"]}` + "\n")
	r.tells(string(stratum.AppendSetDifficulty(nil, 1e-12)))
	// What is no JSON crosses too.
	r.asks("GET / HTTP/1.1\n"[4:])
	r.tells("nonsense\r\n")

	r.stop()
	require.NoError(t, r.config.Recorder.Close())
	out := r.replay(t)
	require.Len(t, out.Shares, 9+4)
	require.Zero(t, out.Summary.Disagreements, "%+v", out.Summary)
	require.EqualValues(t, 9, out.Summary.Shares)
	require.EqualValues(t, 1, out.Summary.Garbage)
	require.EqualValues(t, 2, out.Summary.Sessions)
	require.EqualValues(t, 4, out.Summary.Forwarded.Shares)
	require.EqualValues(t, 1, out.Summary.Forwarded.Sessions)
	require.Zero(t, out.Summary.Forwarded.Disagreements)
	stopped := waitEvent[ProxyStopped](r.testProxy)
	require.EqualValues(t, 9, stopped.Shares)
	require.EqualValues(t, 3, stopped.Credited)
	require.Zero(t, stopped.Disagreed)
	require.EqualValues(t, 1, stopped.Blocks)
}

// A share that is answered here says nothing of a pool that does not answer: else one that hangs would never be noticed.
func TestProxyRewriterNoticesSilence(t *testing.T) {
	r := newRig(t, ProxyConfig{Enforce: true, Silence: time.Minute})
	job := r.job("job", 1, mainnetBits)
	r.tells(string(stratum.AppendNotify(nil, job, true)))
	r.asks(r.share(10, job, r.theirs.MetBy)) // never answered
	for range 2 {
		r.says(r.share(11, job, misses(r.theirs)))
		require.Contains(t, r.deviceHears(), `"error":[23,`)
	}
	r.all()[0].check(time.Now().Add(2 * time.Minute))
	hearsEnd(t, r.device)
	require.Contains(t, waitEvent[DeviceLeft](r.testProxy).Reason, "no answer for 1m")
}

// But for what the pool was not asked it owes no answer.
func TestProxyRewriterIsPatient(t *testing.T) {
	r := newRig(t, ProxyConfig{Enforce: true, Silence: time.Minute})
	job := r.job("job", 1, mainnetBits)
	r.tells(string(stratum.AppendNotify(nil, job, true)))
	for range 2 {
		r.says(r.share(11, job, misses(r.theirs)))
		require.Contains(t, r.deviceHears(), `"error":[23,`)
	}
	r.all()[0].check(time.Now().Add(2 * time.Minute))
	r.asks(r.share(10, job, r.theirs.MetBy))
	r.tells(answered("10"))
}

// Nor does it owe one for the device's own answers.
func TestProxyAnswersOfDevices(t *testing.T) {
	for name, c := range map[string]ProxyConfig{"transparent": {}, "enforce": {Enforce: true}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c)
			r.tells(`{"id":7,"method":"client.get_version","params":[]}` + "\n")
			r.asks(`{"id":7,"result":"tester/1.0","error":null}` + "\n")
			conn := r.all()[0]
			conn.check(time.Now().Add(3 * time.Minute))
			r.tells(`{"id":null,"method":"client.show_message","params":["hello"]}` + "\n")
			r.asks(`{"id":8,"method":"mining.extranonce.subscribe","params":[]}` + "\n")
			conn.check(time.Now().Add(3 * time.Minute))
			hearsEnd(t, r.device)
			require.Contains(t, waitEvent[DeviceLeft](r.testProxy).Reason, "no answer for 2m")
		})
	}
}

// A device that finds no share for long stays, as long as its pool has something to say.
func TestProxyIdle(t *testing.T) {
	for name, c := range map[string]ProxyConfig{"transparent": {}, "enforce": {Enforce: true}, "share rate": {ShareRate: 20}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c)
			conn := r.all()[0]
			if r, ok := conn.(*rewriter); ok {
				require.True(t, r.lines.patient)
			}
			conn.check(time.Now().Add(9 * time.Minute))
			r.tells(string(stratum.AppendNotify(nil, r.job("job", 1, mainnetBits), true)))
			conn.check(time.Now().Add(11 * time.Minute))
			hearsEnd(t, r.device)
			require.Contains(t, waitEvent[DeviceLeft](r.testProxy).Reason, "nothing was sent in either direction for 10m")
		})
	}
}

// replay judges the recording.
func (r *rig) replay(t testing.TB) *collected {
	files, err := filepath.Glob(filepath.Join(r.dir, "*.jsonl"))
	require.NoError(t, err)
	var recording bytes.Buffer
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		recording.Write(b)
	}
	return replay(t, ReplayConfig{}, recording.String())
}

func TestProxyEnforces(t *testing.T) {
	r := newRig(t, ProxyConfig{Enforce: true})
	first := r.job("first", 1, mainnetBits)
	r.tells(string(stratum.AppendNotify(nil, first, true)))
	good := r.share(10, first, r.theirs.MetBy)
	r.asks(good)
	r.tells(answered("10"))
	r.says(good)
	require.Contains(t, r.deviceHears(), `"error":[22,`)
	r.says(r.share(11, first, misses(r.theirs)))
	require.Contains(t, r.deviceHears(), `"error":[23,`)
	r.says(strings.Replace(good, `"first"`, `"second"`, 1))
	require.Contains(t, r.deviceHears(), `"error":[21,`)
	r.says(`{"id":"text","method":"mining.submit","params":[]}` + "\n")
	require.Contains(t, r.deviceHears(), `{"id":"text","result":null,"error":[20,`)
	// A block is never held back: here one that is too late.
	block := r.job("block", 2, 0x1f00ffff)
	r.tells(string(stratum.AppendNotify(nil, block, true)))
	r.tells(string(stratum.AppendNotify(nil, r.job("later", 3, mainnetBits), true)))
	r.asks(r.share(12, block, block.Target.MetBy))
	r.tells(`{"id":12,"result":null,"error":[21,"stale",null]}` + "\n")
	// The pool's own difficulty holds, and what is sent of it crosses as it is.
	r.tells(`{"params":[  5e-7 ], "id":null, "method":"mining.set_difficulty"}` + "\n")

	r.stop()
	require.NoError(t, r.config.Recorder.Close())
	summary := r.replay(t).Summary
	require.Zero(t, summary.Disagreements)
	require.Zero(t, summary.Forwarded.Disagreements)
	stopped := waitEvent[ProxyStopped](r.testProxy)
	require.EqualValues(t, 6, stopped.Shares)
	require.EqualValues(t, 1, stopped.Credited)
}

// Shares of which something was not seen are the pool's to judge.
func TestProxyForwardsWhatItCantJudge(t *testing.T) {
	for _, c := range []ProxyConfig{{Enforce: true}, {ShareRate: 20}} {
		r := newRig(t, c)
		r.tells(`{"id":null,"method":"mining.notify","params":["broken"]}` + "\n")
		j := r.job("broken", 1, mainnetBits)
		r.asks(r.share(10, j, misses(r.theirs)))
		r.tells(answered("10"))
	}
}

// The lines of one side are those of the other, whatever the pieces they come in.
func TestProxyRewritesInPieces(t *testing.T) {
	r := newRig(t, ProxyConfig{Enforce: true})
	line := `{"id":7,"method":"mining.ping","params":[]}` + "\n"
	for i := range line {
		r.says(line[i : i+1])
	}
	r.poolHears(line)
	r.says(line[:10])
	r.device.Close()
	_, err := r.fromDevice.ReadString('\n')
	require.Error(t, err)
}

// Devices that flood us or send endless lines are cut off, where lines are what we forward.
func TestProxyRewriterRefusesLongLines(t *testing.T) {
	r := newRig(t, ProxyConfig{Enforce: true})
	go r.device.Write(bytes.Repeat([]byte("x"), 2*stratum.MaxLine))
	require.Contains(t, waitEvent[DeviceLeft](r.testProxy).Reason, ErrLineTooLong.Error())
}
