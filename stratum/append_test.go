package stratum

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// hardTexts are texts that JSON can't hold as they are, or that have been trouble.
var hardTexts = []string{
	"", "plain", `quote " and backslash \`, "line\nfeed\r\ttab", "\x00\x01\x1f\x7f", "invalid \xff\xfe UTF-8 \xc3", "\xed\xa0\x80", "bär 採掘 🪨",
	"<script>&amp;", "\u2028\u2029", `","params":[`, strings.Repeat("w", MaxField), "\\u0000", `"`, `\`,
}

// line holds what was appended to the rules for all messages: one line, JSON as encoding/json sees it too, and appended rather than written
// over; and decodes it.
func line(t testing.TB, appended []byte) *Message {
	t.Helper()
	const before = "before\n"
	rest, ok := strings.CutPrefix(string(appended), before)
	require.True(t, ok, "%q", appended)
	require.Equal(t, 1, strings.Count(rest, "\n"), "%q", rest)
	require.True(t, strings.HasSuffix(rest, "\n"), "%q", rest)
	require.True(t, json.Valid([]byte(rest)), "%q", rest)
	return decoded(t, rest)
}

func dst() []byte { return append(make([]byte, 0, 8), "before\n"...) }

// utf8Of is what a reader gets of a text.
func utf8Of(s string) string { return string([]rune(s)) }

func TestAppendTexts(t *testing.T) {
	for _, text := range hardTexts {
		params := string(appendText(nil, text))
		m := line(t, AppendRequest(dst(), math.MaxUint64, "mining.authorize", params+`,""`))
		require.Equal(t, "18446744073709551615", string(m.ID))
		worker, err := m.Authorize()
		require.NoError(t, err)
		require.Equal(t, utf8Of(text), worker)
		if text != "" {
			m = line(t, AppendNotification(dst(), text, params))
			require.False(t, m.HasID())
			require.Equal(t, utf8Of(text), m.Method)
		}
		m = line(t, AppendShowMessage(dst(), text))
		require.Equal(t, MethodShowMessage, m.Method)
		m = line(t, AppendError(dst(), []byte("7"), -3, text))
		require.True(t, m.Refused())
		require.Equal(t, -3, m.Reply().Code)
		m = line(t, AppendSubscribeResult(dst(), []byte("7"), text, Extranonce{[]byte{1}, 4}))
		e, err := m.SubscribeResult()
		require.NoError(t, err)
		require.Equal(t, Extranonce{[]byte{1}, 4}, e)
		m = line(t, AppendSubmit(dst(), 1, text, text, []byte{0xab, 0xcd}, 1, 2, 3, true))
		var s Submit
		m.Submit(&s)
		require.Empty(t, s.Submission.Malformed)
		require.Zero(t, s.Submission.Faults)
		require.Equal(t, utf8Of(text), s.Submission.Worker)
		require.Equal(t, utf8Of(text), s.Submission.JobID)
		if text != "" {
			m = line(t, AppendReconnect(dst(), text, 65535, time.Hour))
			require.Equal(t, MethodReconnect, m.Method)
		}
		m = line(t, AppendNotify(dst(), &work.Job{ID: text, CoinbasePrefix: []byte{1}}, true))
		id, ok := m.JobID()
		require.True(t, ok)
		require.Equal(t, utf8Of(text), id)
	}
}

// TestAppendIDs answers requests with the ids they came with, however those were written.
func TestAppendIDs(t *testing.T) {
	for _, id := range []string{
		`7`, `"7"`, `null`, `-1`, `1e3`, `0.5`, `18446744073709551616`, `""`, `"a\"b"`, `"\u0041\n\\"`, `"ä"`, `"\u2028"`, `"\ud83e\udea8"`, `"\/"`,
		`"` + strings.Repeat("i", 500) + `"`, `"` + strings.Repeat("\x7f", 10) + `"`,
	} {
		request := decoded(t, `{"id":`+id+`,"method":"mining.ping"}`)
		want := append([]byte(nil), request.ID...)
		for _, appended := range [][]byte{
			AppendResult(dst(), want, "true"), AppendError(dst(), want, 20, "no"), AppendSubscribeResult(dst(), want, "s", Extranonce{}),
		} {
			m := line(t, appended)
			require.Equal(t, string(want), string(m.ID), id)
			var read struct{ ID any }
			var sent any
			require.NoError(t, json.Unmarshal(appended[len("before\n"):], &read))
			require.NoError(t, json.Unmarshal([]byte(id), &sent))
			require.Equal(t, sent, read.ID)
		}
	}
	require.Equal(t, `{"id":null,"result":true,"error":null}`+"\n", string(AppendResult(nil, nil, "true")))
}

// TestAppendRandom appends random values, and the edges, and reads them back.
func TestAppendRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	bytes := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	edge := func() uint32 {
		edges := []uint32{0, 1, 0x7fffffff, 0x80000000, 0xffffffff}
		return append(edges, random.Uint32())[random.IntN(len(edges)+1)]
	}
	for range 300 {
		j := &work.Job{
			ID: "j", Version: edge(), PrevBlock: chainhash.Hash(bytes(32)), Bits: 0x1d00ffff, Time: edge(),
			CoinbasePrefix: bytes(1 + random.IntN(100)), CoinbaseSuffix: bytes(random.IntN(100)),
			Branch: make([]chainhash.Hash, random.IntN(MaxBranch+1)), Extranonce1Size: 4, Extranonce2Size: 8,
		}
		j.Target, _, _ = j.Bits.Target()
		for i := range j.Branch {
			j.Branch[i] = chainhash.Hash(bytes(32))
		}
		got, clean, err := line(t, AppendNotify(dst(), j, random.IntN(2) == 0)).Notify(4, 8)
		require.NoError(t, err)
		if len(j.CoinbaseSuffix) == 0 {
			got.CoinbaseSuffix = j.CoinbaseSuffix
		}
		require.Equal(t, j, got)
		_ = clean

		mask := edge()
		read, err := line(t, AppendSetVersionMask(dst(), mask)).SetVersionMask()
		require.NoError(t, err)
		require.Equal(t, mask, read)

		e := Extranonce{bytes(random.IntN(share.MaxExtranonce + 1)), random.IntN(share.MaxExtranonce + 1)}
		readE, err := line(t, AppendSetExtranonce(dst(), e)).SetExtranonce()
		require.NoError(t, err)
		require.Equal(t, e, readE)

		var s Submit
		extranonce2, ntime, nonce, bits, has := bytes(1+random.IntN(16)), edge(), edge(), edge(), random.IntN(2) == 0
		line(t, AppendSubmit(dst(), 3, "w", "j", extranonce2, ntime, nonce, bits, has)).Submit(&s)
		if !has {
			bits = 0
		}
		require.Equal(t, []any{extranonce2, ntime, nonce, bits, has, share.Faults(0), ""}, []any{
			s.Submission.Extranonce2, s.Submission.Time, s.Submission.Nonce, s.Submission.VersionBits, s.Submission.HasVersionBits, s.Submission.Faults,
			s.Submission.Malformed,
		})
	}
}

// TestAppendDifficulty reads difficulties back, as numbers and as targets.
func TestAppendDifficulty(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	values := []float64{1, 0.5, 1e-9, 1e-6, 9.99e-7, 1e15, 1e20, 1e21, 1e22, 123456789.123, 4.6565423739069247e-10, 5e-99, 1e60, 1.0 / 3}
	for range 300 {
		values = append(values, math.Exp(random.Float64()*200-100))
	}
	for _, d := range values {
		text := string(AppendDifficulty(nil, d))
		var read float64
		require.NoError(t, json.Unmarshal([]byte(text), &read), text)
		require.Equal(t, d, read)
		want, err := DifficultyTarget(d)
		require.NoError(t, err)
		got, err := line(t, AppendSetDifficulty(dst(), d)).SetDifficulty()
		require.NoError(t, err)
		require.Equal(t, want, got)
		exact, err := work.ParseDifficulty(text)
		require.NoError(t, err)
		exactTarget, err := work.DifficultyTarget(exact)
		require.NoError(t, err)
		require.Equal(t, exactTarget, got)
	}
	for _, d := range []float64{0, -1, math.Inf(1), math.Inf(-1), math.NaN(), 1e90} {
		_, err := DifficultyTarget(d)
		require.Error(t, err, d)
	}
}

// FuzzAppend appends any texts and numbers.
func FuzzAppend(f *testing.F) {
	for _, text := range hardTexts {
		f.Add(text, uint32(1), 1.5)
	}
	f.Fuzz(func(t *testing.T, text string, n uint32, d float64) {
		if len(appendText(nil, text)) > MaxField/2 {
			return // no field of a message is that long, nor half of it in hex
		}
		line(t, AppendError(dst(), appendText(nil, text), int(int32(n)), text))
		line(t, AppendShowMessage(dst(), text))
		line(t, AppendSubmit(dst(), uint64(n), text, text, []byte(text)[:min(len(text), 32)], n, n, n, n%2 == 0))
		line(t, AppendSubscribeResult(dst(), nil, text, Extranonce{[]byte(text), int(n)}))
		if _, err := DifficultyTarget(d); err == nil {
			_, err := line(t, AppendSetDifficulty(dst(), d)).SetDifficulty()
			require.NoError(t, err)
		}
	})
}
