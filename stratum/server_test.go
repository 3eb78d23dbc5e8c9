package stratum

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// serverTime is the clock of server tests, and the ntime of their jobs.
var serverTime = time.Unix(0x6920d000, 0)

// easyDifficulty is one that every hash meets.
const easyDifficulty = 1e-10

// serverJob returns a job for extranonces of 4 and 8 bytes, on top of a block that is named by one byte, with mainnet's first nBits; and
// lets change alter it.
func serverJob(t testing.TB, id string, prev byte, clean bool, change ...func(*work.Job)) *ServerJob {
	t.Helper()
	j := &work.Job{
		ID: id, Version: 0x20000000, VersionMask: work.MaskBIP320, PrevBlock: chainhash.Hash{prev}, Bits: 0x1d00ffff, Time: uint32(serverTime.Unix()),
		CoinbasePrefix: []byte{1, 2}, CoinbaseSuffix: []byte{3, 4}, Extranonce1Size: 4, Extranonce2Size: 8,
		Branch: []chainhash.Hash{{0xaa}, {0xbb}},
	}
	j.Target, _, _ = j.Bits.Target()
	for _, f := range change {
		f(j)
	}
	prepared, err := share.NewJob(j)
	require.NoError(t, err)
	return NewServerJob(prepared, clean)
}

// serverJobLine is the mining.notify of such a job.
func serverJobLine(id string, prev byte, clean bool) string {
	return fmt.Sprintf(`{"id":null,"method":"mining.notify","params":[%q,"000000%02x%s","0102","0304",["aa%s","bb%s"],"20000000","1d00ffff","6920d000",%t]}`,
		id, prev, strings.Repeat("00", 28), strings.Repeat("00", 31), strings.Repeat("00", 31), clean)
}

// testPool is the ServerHandler of tests.
type testPool struct {
	t     testing.TB
	job   *ServerJob             // what there is to work on
	fresh func(n int) *ServerJob // makes one with another ID; nil for none
	deny  func(worker, pw string) error
	heard []string // verdicts and errors
	asked []string // fresh jobs and authorizations
}

func (p *testPool) Authorize(_ *ServerSession, worker, password string) error {
	p.asked = append(p.asked, worker+"/"+password)
	if p.deny != nil {
		return p.deny(worker, password)
	}
	return nil
}

func (p *testPool) Job(_ *ServerSession, fresh bool) *ServerJob {
	if fresh {
		p.asked = append(p.asked, "fresh")
		if p.fresh == nil {
			return nil
		}
		p.job = p.fresh(len(p.asked))
	}
	return p.job
}

func (p *testPool) Judged(_ *ServerSession, sub *Submit, v *share.Verdict, err error) {
	what := v.Word.String()
	if err != nil {
		what = err.Error()
	}
	if v.Block {
		what += " (block)"
	}
	p.heard = append(p.heard, fmt.Sprintf("%d %s: %s", sub.Number, sub.Submission.Worker, what))
}

// testServer returns a server of shares that every hash meets, whose first connection has the extranonce1 01000000.
func testServer(t testing.TB, change ...func(*ServerConfig)) (*Server, *testPool) {
	t.Helper()
	pool := &testPool{t: t}
	c := ServerConfig{
		Validator: share.NewValidator(share.Options{}), Handler: pool, VersionMask: work.MaskBIP320,
		Vardiff: Vardiff{SharesPerMinute: -1, Start: easyDifficulty, Min: 1e-12},
	}
	for _, f := range change {
		f(&c)
	}
	s, err := NewServer(c)
	require.NoError(t, err)
	s.extranonces.next = 0x01000000
	return s, pool
}

// conversation has lines sent ("> …") and compares what is answered ("< …"). What Receive errs with is a line of its own ("! …").
func conversation(t *testing.T, c *ServerSession, lines string) {
	t.Helper()
	var got []string
	for line := range strings.Lines(lines) {
		line = strings.TrimSpace(line)
		sent, ok := strings.CutPrefix(line, "> ")
		if !ok {
			continue
		}
		out, err := c.Receive(nil, []byte(sent+"\n"), serverTime)
		got = append(got, "> "+sent)
		for answer := range strings.Lines(string(out)) {
			require.True(t, strings.HasSuffix(answer, "\n"))
			require.NoError(t, Decode([]byte(answer), new(Message)), answer)
			answer = strings.TrimSpace(answer)
			if id := c.Session(); id != "" {
				answer = strings.ReplaceAll(answer, id, "SESSION")
			}
			got = append(got, "< "+answer)
		}
		if err != nil {
			got = append(got, "! "+err.Error())
		}
	}
	var want []string
	for line := range strings.Lines(lines) {
		if line = strings.TrimSpace(line); line != "" {
			want = append(want, line)
		}
	}
	require.Equal(t, strings.Join(want, "\n"), strings.Join(got, "\n"))
}

// TestConversations are how programs in use speak, and all that they are answered.
func TestConversations(t *testing.T) {
	for _, test := range []struct {
		name, lines, userAgent string
	}{
		{"cpuminer 2.5.1", `
> {"id": 1, "method": "mining.subscribe", "params": ["cpuminer/2.5.1"]}
< {"id":1,"result":[[["mining.set_difficulty","SESSION"],["mining.notify","SESSION"]],"01000000",8],"error":null}
> {"id": 2, "method": "mining.authorize", "params": ["user", "x"]}
< {"id":2,"result":true,"error":null}
< {"id":null,"method":"mining.set_difficulty","params":[1e-10]}
< ` + serverJobLine("a", 7, true) + `
> {"method": "mining.submit", "params": ["user", "a", "0100000000000000", "6920d000", "0000002a"], "id":4}
< {"id":4,"result":true,"error":null}
> {"method": "mining.submit", "params": ["user", "a", "0100000000000000", "6920d000", "0000002a"], "id":4}
< {"id":4,"result":null,"error":[22,"duplicate: submitted before",null]}
> {"method": "mining.submit", "params": ["user", "b", "0100000000000000", "6920d000", "0000002a"], "id":4}
< {"id":4,"result":null,"error":[21,"unknown-job: no such job was sent on this connection",null]}
`, "cpuminer/2.5.1"},
		{"cgminer 4.12", `
> {"id": 0, "method": "mining.configure", "params": [["version-rolling"], {"version-rolling.mask": "1fffe000", "version-rolling.min-bit-count": 16}]}
< {"id":0,"result":{"version-rolling":true,"version-rolling.mask":"1fffe000"},"error":null}
> {"id": 1, "method": "mining.subscribe", "params": ["cgminer/4.12.0"]}
< {"id":1,"result":[[["mining.set_difficulty","SESSION"],["mining.notify","SESSION"]],"01000000",8],"error":null}
> {"id": 2, "method": "mining.extranonce.subscribe", "params": []}
< {"id":2,"result":true,"error":null}
> {"id": 3, "method": "mining.authorize", "params": ["user.rig", "x"]}
< {"id":3,"result":true,"error":null}
< {"id":null,"method":"mining.set_difficulty","params":[1e-10]}
< ` + serverJobLine("a", 7, true) + `
> {"params": ["user.rig", "a", "0000000000000000", "6920d000", "00000001", "00002000"], "id": 4, "method": "mining.submit"}
< {"id":4,"result":true,"error":null}
> {"params": ["user.rig", "a", "0000000000000000", "6920d000", "00000001"], "id": 5, "method": "mining.submit"}
< {"id":5,"result":null,"error":[20,"bad-version: version bits are missing: the mask 1fffe000 was granted",null]}
> {"params": ["user.rig", "a", "0000000000000000", "6920d000", "00000001", "20000000"], "id": 6, "method": "mining.submit"}
< {"id":6,"result":null,"error":[20,"bad-version: version bits 20000000 reach outside the mask 1fffe000",null]}
`, "cgminer/4.12.0"},
		{"bmminer of an Antminer S19", `
> {"id": 1, "method": "mining.configure", "params": [["version-rolling", "minimum-difficulty", "subscribe-extranonce"], {"version-rolling.mask": "ffffffff", "version-rolling.min-bit-count": 2, "minimum-difficulty.value": 0}]}
< {"id":1,"result":{"version-rolling":true,"version-rolling.mask":"1fffe000","minimum-difficulty":true,"subscribe-extranonce":true},"error":null}
> {"id": 2, "method": "mining.subscribe", "params": ["bmminer/2.0.0/Antminer S19/uart/2000"]}
< {"id":2,"result":[[["mining.set_difficulty","SESSION"],["mining.notify","SESSION"]],"01000000",8],"error":null}
> {"id": 3, "method": "mining.authorize", "params": ["bc1q.001", "123"]}
< {"id":3,"result":true,"error":null}
< {"id":null,"method":"mining.set_difficulty","params":[1e-10]}
< ` + serverJobLine("a", 7, true) + `
> {"id": 4, "method": "mining.multi_version", "params": [1]}
< {"id":4,"result":null,"error":[-3,"Method not found: mining.multi_version",null]}
> {"id": 5, "method": "mining.submit", "params": ["bc1q.001", "a", "00000000000000ff", "6920d000", "0000000b", "1fffe000"]}
< {"id":5,"result":true,"error":null}
`, "bmminer/2.0.0/Antminer S19/uart/2000"},
		{"ESP-Miner of a Bitaxe", `
> {"id": 1, "method": "mining.configure", "params": [["version-rolling"], {"version-rolling.mask": "ffffffff"}]}
< {"id":1,"result":{"version-rolling":true,"version-rolling.mask":"1fffe000"},"error":null}
> {"id": 2, "method": "mining.subscribe", "params": ["bitaxe/BM1366/v2.6.0"]}
< {"id":2,"result":[[["mining.set_difficulty","SESSION"],["mining.notify","SESSION"]],"01000000",8],"error":null}
> {"id": 3, "method": "mining.authorize", "params": ["bc1q.bitaxe", "x"]}
< {"id":3,"result":true,"error":null}
< {"id":null,"method":"mining.set_difficulty","params":[1e-10]}
< ` + serverJobLine("a", 7, true) + `
> {"id": 4, "method": "mining.suggest_difficulty", "params": [1e-11]}
< {"id":4,"result":true,"error":null}
< {"id":null,"method":"mining.set_difficulty","params":[1e-11]}
< ` + serverJobLine("f2", 7, false) + `
> {"id": 5, "method": "mining.extranonce.subscribe", "params": []}
< {"id":5,"result":true,"error":null}
> {"id": 6, "method": "mining.submit", "params": ["bc1q.bitaxe", "a", "0000000000000000", "6920d000", "0000000b", "00000000"]}
< {"id":6,"result":true,"error":null}
> {"id": 7, "method": "mining.submit", "params": ["bc1q.bitaxe", "f2", "0000000000000001", "6920d000", "0000000b", "00004000"]}
< {"id":7,"result":true,"error":null}
`, "bitaxe/BM1366/v2.6.0"},
		{"a proxy as NiceHash has it", `
> {"id":1,"method":"mining.subscribe","params":["NiceHash/1.0.0",null,"pool.example.com",3333]}
< {"id":1,"result":[[["mining.set_difficulty","SESSION"],["mining.notify","SESSION"]],"01000000",8],"error":null}
> {"id":2,"method":"mining.extranonce.subscribe","params":[]}
< {"id":2,"result":true,"error":null}
> {"id":3,"method":"mining.authorize","params":["order.1","d=1000"]}
< {"id":3,"result":true,"error":null}
< {"id":null,"method":"mining.set_difficulty","params":[1e-10]}
< ` + serverJobLine("a", 7, true) + `
> {"id":4,"method":"mining.authorize","params":["order.2",""]}
< {"id":4,"result":true,"error":null}
> {"id":5,"method":"mining.get_transactions","params":["a"]}
< {"id":5,"result":[],"error":null}
> {"id":6,"method":"mining.ping","params":[]}
< {"id":6,"result":"pong","error":null}
> {"id":"7","method":"mining.submit","params":["order.2","a","0000000000000000","6920d000","0000000b"]}
< {"id":"7","result":true,"error":null}
> {"id":null,"method":"mining.submit","params":["order.2","a","0000000000000001","6920d000","0000000b"]}
> {"id":8,"method":"mining.submit","params":["order.2","a","0000000000000001","6920d000","0000000b"]}
< {"id":8,"result":null,"error":[22,"duplicate: submitted before",null]}
`, "NiceHash/1.0.0"},
		{"authorize first, and no user agent", `
> {"id":1,"method":"mining.submit","params":["w","a","0000000000000000","6920d000","0000000b"]}
< {"id":1,"result":null,"error":[25,"unauthorized: submitted before mining.subscribe was answered",null]}
> {"id":2,"method":"mining.authorize","params":["w"]}
< {"id":2,"result":true,"error":null}
> {"id":3,"method":"mining.subscribe"}
< {"id":3,"result":[[["mining.set_difficulty","SESSION"],["mining.notify","SESSION"]],"01000000",8],"error":null}
< {"id":null,"method":"mining.set_difficulty","params":[1e-10]}
< ` + serverJobLine("a", 7, true) + `
< {"id":1,"method":"client.get_version","params":[]}
> {"id":1,"result":"some\tminer/1.0","error":null}
> {"id":1,"result":"another","error":null}
> {"id":4,"method":"mining.subscribe","params":[]}
< {"id":4,"result":[[["mining.set_difficulty","SESSION"],["mining.notify","SESSION"]],"01000000",8],"error":null}
`, "some miner/1.0"},
		{"garbage", `
> {"id":1,"method":"mining.subscribe","params":[1]}
< {"id":1,"result":null,"error":[20,"mining.subscribe: user agent: 1: want a string",null]}
> {"id":2,"method":"mining.submit","params":[]}
< {"id":2,"result":null,"error":[20,"malformed: params: 0 elements: want five or six strings",null]}
> {"id":3,"method":"mining.authorize","params":[7]}
< {"id":3,"result":null,"error":[24,"mining.authorize: worker: a number: want a string",null]}
> {"id":4,"method":"eth_submitLogin","params":["0x0"]}
< {"id":4,"result":null,"error":[-3,"Method not found: eth_submitLogin",null]}
> {"method":"mining.noop"}
> hello
< {"id":null,"result":null,"error":[-32700,"Parse error: message: byte 0: invalid character 'h' at start of value",null]}
> []
< {"id":null,"result":null,"error":[-32700,"Parse error: message: an array: want an object",null]}
> {"id":5,"result":true}
> {"id":{},"method":"mining.ping"}
< {"id":null,"result":null,"error":[-32700,"Parse error: message: id: an object: want a number, a string or null",null]}
> {
< {"id":null,"result":null,"error":[-32700,"Parse error: message: ends in the middle: was it cut?",null]}
> {"id":1}
< {"id":null,"result":null,"error":[-32700,"Parse error: message: neither method nor result nor error",null]}
> "x"
< {"id":null,"result":null,"error":[-32700,"Parse error: message: a string: want an object",null]}
> 1
! one line after the other that is no message, the last one: message: a number: want an object: want JSON, one message a line
`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, pool := testServer(t)
			pool.job = serverJob(t, "a", 7, true)
			pool.fresh = func(n int) *ServerJob { return serverJob(t, fmt.Sprint("f", n), 7, false) }
			c := s.Open(serverTime)
			conversation(t, c, test.lines)
			require.Equal(t, test.userAgent, c.UserAgent())
		})
	}
}

func TestViolations(t *testing.T) {
	for _, test := range []struct{ line, says string }{
		{"GET / HTTP/1.1\r\n", "HTTP"}, {"POST /x HTTP/1.1\r\n", "HTTP"}, {"\x16\x03\x01\x02\x00\x01\n", "TLS"}, {"SSH-2.0-Go\r\n", "SSH"},
		{"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", "PROXY"}, {"\x00\x01\x02\n", "byte 0 is 00"}, {"{\"id\":\x07}\n", "byte 6 is 07"}, {"\xff\xfe\n", "UTF-8"},
		{"{" + strings.Repeat(" ", MaxLine+2), "more than 65536 bytes"},
	} {
		s, _ := testServer(t)
		out, err := s.Open(serverTime).Receive(nil, []byte(test.line), serverTime)
		var v *Violation
		require.True(t, errors.As(err, &v), "%q: %v", test.line, err)
		require.ErrorContains(t, err, test.says)
		require.Empty(t, out)
	}
	require.Nil(t, looksForeign(nil))
	require.Nil(t, looksForeign([]byte("{\"id\":1,\t\"method\"")))
	require.NotNil(t, looksForeign([]byte("\x16\x03")))
}
