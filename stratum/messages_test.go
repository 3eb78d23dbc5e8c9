package stratum

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// notifyJSON are the params of a mining.notify that public-pool sent a Bitaxe on testnet3, from
// github.com/benjamin-wilson/public-pool, test/models/MockRecording1.ts.
var notifyJSON = []string{
	`"1"`,
	`"171592f223740e92d223f6e68bff25279af7ac4f2246451e0000000200000000"`,
	`"02000000010000000000000000000000000000000000000000000000000000000000000000ffffffff1903c943255c7075626c69632d706f6f6c5c"`,
	`"ffffffff037a90000000000000160014e6f22ca44dc800e9d049621a3b9a42c509f1c4bc3b0f250000000000160014e6f22ca44dc800e9d049621a3b9a` +
		`42c509f1c4bc0000000000000000266a24aa21a9edbd3d1d916aa0b57326a2d88ebe1b68a1d7c48585f26d8335fe6a94b62755f64c00000000"`,
	`["175335649d5e8746982969ec88f52e85ac9917106fba5468e699c8879ab974a1",` +
		`"d5644ab3e708c54cd68dc5aedc92b8d3037449687f92ec41ed6e37673d969d4a",` +
		`"5c9ec187517edc0698556cca5ce27e54c96acb014770599ed9df4d4937fbf2b0"]`,
	`"20000000"`, `"192495f8"`, `"64b3f3ec"`, `false`,
}

// call returns a message with these params.
func call(method string, params ...string) string {
	return fmt.Sprintf(`{"id":null,"method":%q,"params":[%s]}`, method, strings.Join(params, ","))
}

// with returns params with one replaced.
func with(params []string, i int, value string) []string {
	params = append([]string(nil), params...)
	params[i] = value
	return params
}

func TestNotify(t *testing.T) {
	job, clean, err := decoded(t, call(MethodNotify, notifyJSON...)).Notify(4, 4)
	require.NoError(t, err)
	require.False(t, clean)
	require.Equal(t, "1", job.ID)
	require.Equal(t, uint32(0x20000000), job.Version)
	require.Equal(t, work.Bits(0x192495f8), job.Bits)
	require.Equal(t, uint32(0x64b3f3ec), job.Time)
	require.Zero(t, job.MinTime)
	require.Equal(t, 8, job.ExtranonceSize())
	require.Len(t, job.Branch, 3)
	require.Equal(t, byte(0x17), job.Branch[0][0])
	want, _, _ := work.Bits(0x192495f8).Target()
	require.Equal(t, want, job.Target)
	// The header that the Bitaxe found, and its hash, say that all is where it belongs.
	header, err := job.Header(&work.Solution{
		Extranonce: []byte{0x57, 0xa6, 0xf0, 0x98, 0xc7, 0x08, 0, 0}, Version: 0x20002000, Time: 0x64b3f3ec, Nonce: 0xed460d91,
	})
	require.NoError(t, err)
	hash := header.Hash()
	require.Equal(t, "000000000061d52983863e5c424c00d9e0981874fddf6a8493433e73928a3e4e", hash.String())

	upper := with(notifyJSON, 1, strings.ToUpper(notifyJSON[1]))
	same, clean, err := decoded(t, call(MethodNotify, with(upper, 8, "true")...)).Notify(4, 4)
	require.NoError(t, err)
	require.True(t, clean)
	require.Equal(t, job, same)
	more, _, err := decoded(t, call(MethodNotify, append(notifyJSON, `"more"`)...)).Notify(4, 4)
	require.NoError(t, err)
	require.Equal(t, job, more)
}

func TestNotifyRefuses(t *testing.T) {
	hash := strings.Repeat("0a", 32)
	for _, test := range []struct {
		param       int
		value, says string
	}{
		{0, `1`, "job id"}, {0, `null`, "job id"}, {0, `"` + strings.Repeat("j", MaxField+1) + `"`, "job id"},
		{1, `""`, "prevhash"}, {1, `null`, "prevhash"}, {1, `"` + hash + `0a"`, "64 hex digits"}, {1, `"` + hash[:63] + `"`, "64 hex digits"},
		{1, `"` + hash[:63] + `g"`, "prevhash"}, {1, `"` + hash[:62] + ` a"`, "prevhash"}, {1, `["` + hash + `"]`, "prevhash"},
		{1, `"0x` + hash[:62] + `"`, "prevhash"}, {1, `"` + hash[:61] + `ａ"`, "prevhash"}, {1, `12`, "prevhash"},
		{2, `"0"`, "coinb1"}, {2, `null`, "coinb1"}, {2, `"zz"`, "coinb1"}, {2, `[]`, "coinb1"}, {2, `"0x00"`, "coinb1"},
		{3, `"0"`, "coinb2"}, {3, `null`, "coinb2"}, {3, `"a "`, "coinb2"}, {3, `{}`, "coinb2"},
		{4, `null`, "merkle branch"}, {4, `"` + hash + `"`, "merkle branch"}, {4, `{}`, "merkle branch"},
		{4, `["` + hash[:62] + `"]`, "merkle branch: [0]"}, {4, `["` + hash + `",null]`, "merkle branch: [1]"},
		{4, `[["` + hash + `"]]`, "merkle branch: [0]"}, {4, `["` + strings.Repeat(hash+`","`, 32) + hash + `"]`, "more than 32 hashes"},
		{5, `"2000000"`, "version"}, {5, `"020000000"`, "version"}, {5, `"0x200000"`, "version"}, {5, `536870912`, "version"},
		{5, `"-2000000"`, "version"}, {5, `""`, "version"}, {5, `null`, "version"}, {5, `"2000000g"`, "version"},
		{6, `"1d00ffff "`, "nbits"}, {6, `null`, "nbits"}, {6, `"00000000"`, "target of 0"}, {6, `"1d80ffff"`, "negative"},
		{6, `"ff00ffff"`, "above 2^256"}, {6, `"1d00fff"`, "nbits"},
		{7, `"64b3f3e"`, "ntime"}, {7, `1689514988`, "ntime"}, {7, `"064b3f3ec"`, "ntime"}, {7, `null`, "ntime"},
		{8, `null`, "clean_jobs"}, {8, `1`, "clean_jobs"}, {8, `"true"`, "clean_jobs"},
	} {
		t.Run(notifyParams[test.param]+" "+cut(test.value), func(t *testing.T) {
			_, _, err := decoded(t, call(MethodNotify, with(notifyJSON, test.param, test.value)...)).Notify(4, 4)
			require.ErrorContains(t, err, test.says)
			require.ErrorContains(t, err, notifyParams[test.param])
			require.Less(t, len(err.Error()), 300)
		})
	}
	for n := range notifyJSON {
		_, _, err := decoded(t, call(MethodNotify, notifyJSON[:n]...)).Notify(4, 4)
		require.ErrorContains(t, err, fmt.Sprintf("%d elements: want 9", n))
	}
	for _, params := range []string{`null`, `{}`, `"x"`, `1`} {
		_, _, err := decoded(t, `{"method":"mining.notify","params":`+params+`}`).Notify(4, 4)
		require.ErrorContains(t, err, "want an array")
	}
	_, _, err := decoded(t, call(MethodNotify, with(with(notifyJSON, 2, `""`), 3, `""`)...)).Notify(4, 4)
	require.ErrorContains(t, err, "no coinbase")
}

// cut makes the name of a test of a value.
func cut(s string) string { return s[:min(len(s), 20)] }

// TestPrevHash has the example of the Stratum manual's own convention: block 901935's hash as public-pool sent it on mainnet.
func TestPrevHash(t *testing.T) {
	const wire = "6b6455fd6db962c101f2d4fc0d67f4a3bc96391d000152960000000000000000"
	h, err := ParsePrevHash(wire)
	require.NoError(t, err)
	require.Equal(t, "000000000000000000015296bc96391d0d67f4a301f2d4fc6db962c16b6455fd", h.String())
	require.Equal(t, wire, string(AppendPrevHash(nil, h)))
	for _, bad := range []string{"", wire[:63], wire + "0", strings.Repeat("g", 64), strings.Repeat("００", 32)} {
		_, err := ParsePrevHash(bad)
		require.Error(t, err)
	}
}

func TestSetDifficulty(t *testing.T) {
	one, _, _ := work.Bits(0x1d00ffff).Target()
	for _, test := range []struct {
		param string
		want  string // hex of the target
	}{
		{`1`, one.String()}, {`1.0`, one.String()}, {`"1"`, one.String()}, {`1e0`, one.String()}, {`10e-1`, one.String()},
		{`0.5`, "00000001fffe0000000000000000000000000000000000000000000000000000"},
		{`8192`, "000000000007fff8000000000000000000000000000000000000000000000000"},
	} {
		got, err := decoded(t, call(MethodSetDifficulty, test.param)).SetDifficulty()
		require.NoError(t, err)
		require.Equal(t, test.want, got.String(), test.param)
	}
	for _, bad := range []string{
		`0`, `-1`, `0.0`, `-0`, `null`, `true`, `[1]`, `{}`, `""`, `" 1"`, `"1 "`, `"0x10"`, `"1,5"`, `"NaN"`, `"Infinity"`, `"１"`, `1e999`,
		`1e-999`, `1e70`, `"1e99999999999"`, `"` + strings.Repeat("9", 1000) + `"`,
	} {
		_, err := decoded(t, call(MethodSetDifficulty, bad)).SetDifficulty()
		require.Error(t, err, bad)
		require.Less(t, len(err.Error()), 300)
	}
	_, err := decoded(t, call(MethodSetDifficulty)).SetDifficulty()
	require.ErrorContains(t, err, "0 elements")
}

func TestSubscribeResult(t *testing.T) {
	for _, result := range []string{
		`[[["mining.set_difficulty","01000000"],["mining.notify","01000000"]],"f000000a",8]`, // btcpool
		`[[["mining.notify","1"]],"F000000A",8]`, `[null,"f000000a",8,"more"]`, `[[],"\u0066000000a",8]`,
	} {
		e, err := decoded(t, `{"id":1,"result":`+result+`,"error":null}`).SubscribeResult()
		require.NoError(t, err, result)
		require.Equal(t, Extranonce{[]byte{0xf0, 0, 0, 0x0a}, 8}, e)
	}
	e, err := decoded(t, `{"id":1,"result":[[],"",4]}`).SubscribeResult()
	require.NoError(t, err)
	require.Equal(t, Extranonce{[]byte{}, 4}, e)
	long := strings.Repeat("00", share.MaxExtranonce+1)
	for _, result := range []string{
		`null`, `true`, `{}`, `[]`, `[[],"f000000a"]`, `[[],null,8]`, `[[],1,8]`, `[[],"f00",8]`, `[[],"0xf0",8]`, `[[],"` + long + `",8]`,
		`[[],"f0",null]`, `[[],"f0","8"]`, `[[],"f0",8.0]`, `[[],"f0",8e0]`, `[[],"f0",-1]`, `[[],"f0",33]`, `[[],"f0",99999999999999999999]`,
		`[[],["f0"],8]`, `[[],"f0",[8]]`,
	} {
		_, err := decoded(t, `{"id":1,"result":`+result+`,"error":null}`).SubscribeResult()
		require.Error(t, err, result)
		if strings.HasPrefix(result, `[[],`) && strings.Count(result, ",") == 2 {
			_, err = decoded(t, call(MethodSetExtranonce, strings.TrimSuffix(strings.TrimPrefix(result, "[[],"), "]"))).SetExtranonce()
			require.Error(t, err, result)
		}
	}
	_, err = decoded(t, `{"id":1,"result":null,"error":[25,"Not welcome",null]}`).SubscribeResult()
	require.ErrorContains(t, err, "25 Not welcome")
	e, err = decoded(t, call(MethodSetExtranonce, `"08000002"`, `4`)).SetExtranonce()
	require.NoError(t, err)
	require.Equal(t, Extranonce{[]byte{8, 0, 0, 2}, 4}, e)
}

func TestAuthorize(t *testing.T) {
	worker, err := decoded(t, call(MethodAuthorize, `"hu60.111"`, `"d=1,md=1"`)).Authorize()
	require.NoError(t, err)
	require.Equal(t, "hu60.111", worker)
	worker, err = decoded(t, call(MethodAuthorize, `"b\u00e4r\n"`)).Authorize()
	require.NoError(t, err)
	require.Equal(t, "bär\n", worker)
	for _, bad := range []string{``, `null`, `1`, `["x"]`, `"` + strings.Repeat("w", MaxField+1) + `"`} {
		_, err := decoded(t, call(MethodAuthorize, bad)).Authorize()
		require.Error(t, err, bad)
	}
}

func TestConfigure(t *testing.T) {
	mask, asked, err := decoded(t, call(MethodConfigure, `["minimum-difficulty","version-rolling"]`,
		`{"version-rolling.mask":"1FFFE000","minimum-difficulty.value":2048}`)).Configure()
	require.NoError(t, err)
	require.True(t, asked)
	require.Equal(t, uint32(0x1fffe000), mask)
	_, asked, err = decoded(t, call(MethodConfigure, `["subscribe-extranonce"]`, `{}`)).Configure()
	require.NoError(t, err)
	require.False(t, asked)
	for _, bad := range []string{``, `null`, `"version-rolling"`, `[1]`, `["version-rolling"],{"version-rolling.mask":1}`} {
		_, _, err := decoded(t, call(MethodConfigure, bad)).Configure()
		require.Error(t, err, bad)
	}

	for _, test := range []struct {
		result  string
		mask    uint32
		granted bool
		bad     bool
	}{
		{`{"version-rolling":true,"version-rolling.mask":"1fffe000"}`, 0x1fffe000, true, false},
		{`{"version-rolling.mask":"1FFFE000","version-rolling":true,"minimum-difficulty":true}`, 0x1fffe000, true, false},
		{`{"version-rolling":true,"version-rolling.mask":"00000000"}`, 0, true, false},
		{`{"version-rolling":false}`, 0, false, false},
		{`{"version-rolling":"not here"}`, 0, false, false},
		{`{"minimum-difficulty":true}`, 0, false, false},
		{`{}`, 0, false, false}, {`null`, 0, false, false}, {`false`, 0, false, false},
		{`{"version-rolling":true}`, 0, false, true},
		{`{"version-rolling":1,"version-rolling.mask":"1fffe000"}`, 0, false, true},
		{`{"version-rolling":true,"version-rolling.mask":"1fffe00"}`, 0, false, true},
		{`{"version-rolling":true,"version-rolling.mask":536862720}`, 0, false, true},
		{`{"version-rolling":true,"version-rolling.mask":"0x1fffe0"}`, 0, false, true},
		{`[]`, 0, false, true}, {`true`, 0, false, true},
	} {
		mask, granted, err := decoded(t, `{"id":1,"result":`+test.result+`,"error":null}`).ConfigureResult()
		require.Equal(t, test.bad, err != nil, test.result)
		require.Equal(t, test.granted, granted, test.result)
		require.Equal(t, test.mask, mask, test.result)
	}

	mask, err = decoded(t, call(MethodSetVersionMask, `"00003000"`)).SetVersionMask()
	require.NoError(t, err)
	require.Equal(t, uint32(0x3000), mask)
	for _, bad := range []string{``, `null`, `1`, `"3000"`, `["00003000"]`, `"0000300g"`, `"-0003000"`} {
		_, err := decoded(t, call(MethodSetVersionMask, bad)).SetVersionMask()
		require.Error(t, err, bad)
	}
}

func TestSubmit(t *testing.T) {
	m := decoded(t, submitLine)
	var s Submit
	m.Submit(&s)
	require.Equal(t, share.Submission{
		Worker: "bc1qxy2kgdygjrsqtzq2n0yrf2493p83kkfjhx0wlh.rig01", JobID: "6641", Extranonce2: []byte{0x17, 0, 0, 0, 0xff, 0xee, 0, 0x11},
		Time: 0x685468d7, Nonce: 0x7552034c, VersionBits: 0xb44000, HasVersionBits: true, Text: s.Submission.Text,
	}, s.Submission)
	require.Equal(t, "17000000ffee0011", s.Submission.Text.Extranonce2)

	// A copy does not change with the original, nor with the line.
	var kept Submit
	s.CopyTo(&kept)
	want := kept.Submission
	require.NoError(t, Decode([]byte(call(MethodSubmit, `"other"`, `"2"`, `"0000000000000001"`, `"5cb6dd9e"`, `"fe65ed2f"`)), m))
	m.Submit(&s)
	require.Equal(t, "other", s.Submission.Worker)
	require.False(t, s.Submission.HasVersionBits)
	require.Equal(t, want, kept.Submission)
	require.Equal(t, byte(0x17), kept.Submission.Extranonce2[0])
	require.Equal(t, "6641", kept.Submission.Text.JobID)
}

func TestSubmitBadInput(t *testing.T) {
	good := []string{`"w"`, `"1"`, `"00000000"`, `"64b3f3ec"`, `"ed460d91"`, `"00002000"`}
	for _, test := range []struct {
		name, line string
		malformed  string
		faults     share.Faults
	}{
		{"good", call(MethodSubmit, good...), "", 0},
		{"without version bits", call(MethodSubmit, good[:5]...), "", 0},
		{"no params", `{"method":"mining.submit"}`, "params: nothing", 0},
		{"params null", `{"method":"mining.submit","params":null}`, "params: null", 0},
		{"params an object", `{"method":"mining.submit","params":{"worker":"w"}}`, "params: an object", 0},
		{"params a string", `{"method":"mining.submit","params":"w"}`, "params: a string", 0},
		{"params empty", call(MethodSubmit), "0 elements", 0},
		{"four", call(MethodSubmit, good[:4]...), "4 elements", 0},
		{"seven", call(MethodSubmit, append(good, `"x"`)...), "7 elements", 0},
		{"a hundred", call(MethodSubmit, strings.Repeat(`"x",`, 99)+`"x"`), "100 elements", 0},
		{"worker null", call(MethodSubmit, with(good, 0, `null`)...), "worker: null: want a string", 0},
		{"job a number", call(MethodSubmit, with(good, 1, `1`)...), "job id: a number: want a string", 0},
		{"extranonce2 an array", call(MethodSubmit, with(good, 2, `["00"]`)...), "extranonce2: an array", 0},
		{"ntime a number", call(MethodSubmit, with(good, 3, `1689514988`)...), "ntime: a number", 0},
		{"nonce a float", call(MethodSubmit, with(good, 4, `1.5`)...), "nonce: a number", 0},
		{"nonce an object", call(MethodSubmit, with(good, 4, `{}`)...), "nonce: an object", 0},
		{"bits null", call(MethodSubmit, with(good, 5, `null`)...), "version bits: null", 0},
		{"bits true", call(MethodSubmit, with(good, 5, `true`)...), "version bits: true", 0},
		{"worker long", call(MethodSubmit, with(good, 0, `"`+strings.Repeat("w", MaxField+1)+`"`)...), "worker: 1025 bytes", 0},
		{"worker just not too long", call(MethodSubmit, with(good, 0, `"`+strings.Repeat("w", MaxField)+`"`)...), "", 0},
		{"extranonce2 empty", call(MethodSubmit, with(good, 2, `""`)...), "", 0},
		{"extranonce2 odd", call(MethodSubmit, with(good, 2, `"000"`)...), "", share.FaultExtranonce2},
		{"extranonce2 long", call(MethodSubmit, with(good, 2, `"`+strings.Repeat("00", 33)+`"`)...), "", share.FaultExtranonce2},
		{"extranonce2 no hex", call(MethodSubmit, with(good, 2, `"0000000g"`)...), "", share.FaultExtranonce2},
		{"ntime 0x", call(MethodSubmit, with(good, 3, `"0x4b3f3e"`)...), "", share.FaultTime},
		{"ntime short", call(MethodSubmit, with(good, 3, `"4b3f3ec"`)...), "", share.FaultTime},
		{"ntime long", call(MethodSubmit, with(good, 3, `"064b3f3ec"`)...), "", share.FaultTime},
		{"nonce empty", call(MethodSubmit, with(good, 4, `""`)...), "", share.FaultNonce},
		{"nonce negative", call(MethodSubmit, with(good, 4, `"-d460d91"`)...), "", share.FaultNonce},
		{"nonce in unicode digits", call(MethodSubmit, with(good, 4, `"１２３４５６７８"`)...), "", share.FaultNonce},
		{"nonce upper", call(MethodSubmit, with(good, 4, `"ED460D91"`)...), "", 0},
		{"nonce with escapes", call(MethodSubmit, with(good, 4, `"\u0065d460d91"`)...), "", 0},
		{"bits spaced", call(MethodSubmit, with(good, 5, `"00002000 "`)...), "", share.FaultVersionBits},
		{"bits empty", call(MethodSubmit, with(good, 5, `""`)...), "", share.FaultVersionBits},
	} {
		t.Run(test.name, func(t *testing.T) {
			var s Submit
			decoded(t, test.line).Submit(&s)
			if test.malformed == "" {
				require.Empty(t, s.Submission.Malformed)
				require.Equal(t, test.faults, s.Submission.Faults)
				return
			}
			require.Contains(t, s.Submission.Malformed, test.malformed)
			require.Less(t, len(s.Submission.Malformed), 200)
		})
	}
	var s Submit
	decoded(t, call(MethodSubmit, with(good, 4, `1`)...)).Submit(&s)
	require.Equal(t, "w", s.Submission.Worker, "what can be read is there for reports")
	require.Equal(t, uint32(0x2000), s.Submission.VersionBits)
}

// What pools say of an old or unknown job means stale, and nothing else that they say does.
func TestReplyStale(t *testing.T) {
	ofJob := map[share.Check]bool{share.CheckJob: true, share.CheckStale: true, share.CheckAge: true}
	for _, p := range share.Presets() {
		words := map[string]bool{}
		for _, r := range p.Rules {
			words[r.Says] = words[r.Says] || ofJob[r.Check]
		}
		for w, want := range words {
			require.Equal(t, want, Reply{Words: w}.Stale(), "%s: %s", p.Name, w)
		}
	}
	require.True(t, Reply{Code: 21, HasCode: true}.Stale())
	require.False(t, Reply{Accepted: true, Words: "stale"}.Stale())
}

func TestReply(t *testing.T) {
	long := strings.Repeat("ä", 500)
	for _, test := range []struct{ line, want string }{
		{`{"id":1,"result":true,"error":null}`, "accepted"},
		{`{"id":1,"result":true}`, "accepted"},
		{`{"id":1,"result":true,"error":[]}`, "accepted"},
		{`{"id":1,"result":true,"error":""}`, "accepted"},
		{`{"id":1,"result":true,"error":false}`, "accepted"},
		{`{"id":1,"result":true,"error":{ }}`, "accepted"},
		{`{"id":1,"result":true,"error":null,"reject-reason":null}`, "accepted"},
		{`{"id":1,"result":null,"error":[21,"Job not found (=stale)",null]}`, "rejected: 21 Job not found (=stale)"}, // btcpool
		{`{"id":1,"error":[23,"Difficulty too low",""],"result":null}`, "rejected: 23 Difficulty too low"},           // public-pool
		{`{"id":1,"error":["23","low",""],"result":null}`, "rejected: 23 low"},
		{`{"id":1,"result":false,"error":null,"reject-reason":"Above target"}`, "rejected: Above target"}, // ckpool
		{`{"id":1,"result":false,"error":"Invalid JobID"}`, "rejected: Invalid JobID"},                    // ckpool
		{`{"id":1,"result":null,"error":{"code":-3,"message":"Method not found"}}`, "rejected: -3 Method not found"},
		{`{"id":1,"result":null,"error":{"message":"no"}}`, "rejected: no"},
		{`{"id":1,"result":null,"error":{}}`, "rejected"},
		{`{"id":1,"result":null,"error":[20]}`, "rejected: 20"},
		{`{"id":1,"result":null,"error":["stale"]}`, "rejected: stale"},
		{`{"id":1,"result":null,"error":[1.5,"x"]}`, "rejected: x"},
		{`{"id":1,"result":null,"error":[1e999,"x"]}`, "rejected: x"},
		{`{"id":1,"result":null,"error":[[1],{"a":2},"x"]}`, "rejected"},
		{`{"id":1,"result":null,"error":21}`, "rejected: 21"},
		{`{"id":1,"result":null,"error":true}`, "rejected: true"},
		{`{"id":1,"result":false,"error":null}`, "rejected"}, // p2poolv2 to low difficulty
		{`{"id":1,"result":null,"error":null}`, "rejected"},
		{`{"id":1,"result":"true"}`, "rejected"},
		{`{"id":1,"result":1}`, "rejected"},
		{`{"id":1,"result":true,"error":[22,"Duplicate share",null]}`, "rejected: 22 Duplicate share"},
		{`{"id":1,"result":false,"error":"a\u001b[31m\nb\u0000 "}`, "rejected: a [31m b"},
		{`{"id":1,"result":false,"error":"` + long + `"}`, "rejected: " + strings.Repeat("ä", 100) + "…"},
	} {
		require.Equal(t, test.want, decoded(t, test.line).Reply().String(), test.line)
	}
}

// TestMessageSizes shows that the largest message in use fits: a coinbase of 16 KiB with 32 hashes.
func TestMessageSizes(t *testing.T) {
	hashes, err := json.Marshal(strings.Split(strings.Repeat(strings.Repeat("0a", 32)+" ", 32)[:32*65-1], " "))
	require.NoError(t, err)
	params := with(with(notifyJSON, 3, `"`+strings.Repeat("00", 16<<10)+`"`), 4, string(hashes))
	job, _, err := decoded(t, call(MethodNotify, params...)).Notify(4, 8)
	require.NoError(t, err)
	require.Len(t, job.Branch, 32)
}

// TestErrorsAreOneLine shows that errors repeat nothing that a terminal would obey, be it JSON or not.
func TestErrorsAreOneLine(t *testing.T) {
	_, err := decoded(t, "{\"method\":\"mining.set_difficulty\",\"params\":[[\n\"\u009b2J\u202e\x7f\"]]}").SetDifficulty()
	require.EqualError(t, err, `mining.set_difficulty: difficulty [ "`+` 2J  "]: want a number`)
	for _, line := range []string{"\x1b[2J\nx", strings.Repeat("\x80", 200), strings.Repeat("\xff", 80), "\n{\"event\":\"open\"}"} {
		err := NewOnlooker().Observe(FromTouchstone, []byte(line), time.Time{}, new(counter))
		require.ErrorContains(t, err, "want an object")
		require.NotContains(t, err.Error(), "PANIC")
		for _, c := range err.Error() {
			require.True(t, unicode.IsPrint(c), "%q", err)
		}
	}
}
