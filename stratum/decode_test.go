package stratum

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func decoded(t testing.TB, line string) *Message {
	t.Helper()
	m := new(Message)
	require.NoError(t, Decode([]byte(line), m))
	return m
}

func TestDecode(t *testing.T) {
	m := decoded(t, submitLine+"\r\n")
	require.Equal(t, MethodSubmit, m.Method)
	require.Equal(t, "1234", string(m.ID))
	require.True(t, m.HasID())
	require.Len(t, m.Params, 6)
	require.Equal(t, `"00b44000"`, string(m.Params[5]))
	require.Equal(t, Array, m.ParamsKind)

	m = decoded(t, ` { "result" : null , "error" : [ 21 , "Job not found" , null ] , "id" : "2fe65ed2f" } `)
	require.Equal(t, "", m.Method)
	require.Equal(t, `"2fe65ed2f"`, string(m.ID))
	require.Equal(t, Null, m.Result.Kind())
	require.Equal(t, "[ 21 , \"Job not found\" , null ]", string(m.Error))

	m = decoded(t, `{"id":null,"method":"client.show_message","params":["hi"],"jsonrpc":"2.0"}`)
	require.Equal(t, "client.show_message", m.Method)
	require.False(t, m.HasID())
	require.Equal(t, "null", string(m.ID))
	require.False(t, decoded(t, `{"method":"mining.notify","params":[]}`).HasID())

	m = decoded(t, `{"method":"mining.submit","params":{"worker":"w"},"id":4}`)
	require.Equal(t, Object, m.ParamsKind)
	require.Empty(t, m.Params)
	require.Equal(t, None, decoded(t, `{"method":"mining.submit"}`).ParamsKind)
	require.Equal(t, Null, decoded(t, `{"method":"mining.submit","params":null}`).ParamsKind)

	m = decoded(t, `{"method":"mining.submit","params":[`+strings.Repeat("1,", 99)+`1]}`)
	require.Equal(t, 100, m.ParamsCount)
	require.Len(t, m.Params, MaxParams)
}

// TestDecodeIDs shows that ids are the same text when they are the same id, and 1 is not "1".
func TestDecodeIDs(t *testing.T) {
	id := func(text string) string { return string(decoded(t, `{"id":`+text+`,"result":true}`).ID) }
	require.NotEqual(t, id(`1`), id(`"1"`))
	require.NotEqual(t, id(`null`), id(`"null"`))
	require.Equal(t, id(`"a1"`), id(`"\u0061\u0031"`))
	require.Equal(t, id(`"ä"`), id(`"\u00e4"`))
	for _, bad := range []string{`true`, `{}`, `[1]`, `"` + strings.Repeat("a", MaxField) + `"`} {
		require.ErrorContains(t, Decode([]byte(`{"id":`+bad+`,"result":true}`), new(Message)), "id")
	}
}

func TestDecodeRefuses(t *testing.T) {
	deep := strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1)
	for _, test := range []struct{ name, line, says string }{
		{"nothing", ``, "empty"},
		{"a space", ` `, "empty"},
		{"an end of line", "\r\n", "empty"},
		{"null", `null`, "null: want an object"},
		{"a string", `"mining.submit"`, "a string: want an object"},
		{"a batch", `[{"id":1,"result":true}]`, "an array: want an object"},
		{"an empty object", `{}`, "neither method nor result"},
		{"only an id", `{"id":1}`, "neither method nor result"},
		{"method null", `{"id":1,"method":null,"params":[]}`, "neither method nor result"},
		{"method empty", `{"id":1,"method":"","params":[]}`, "method of 0 bytes"},
		{"method a number", `{"id":1,"method":1}`, "method: a number: want a string"},
		{"method an array", `{"id":1,"method":["mining.submit"]}`, "method: an array"},
		{"method long", `{"method":"` + strings.Repeat("m", MaxField+1) + `"}`, "method of 1025 bytes"},
		{"cut", submitLine[:80], "cut"},
		{"cut after a member", `{"id":1`, "cut"},
		{"cut in a word", `{"result":tru`, "cut"},
		{"cut in params", `{"params":[1`, "cut"},
		{"something after", replyLine + `x`, "invalid character"},
		{"a second message", replyLine + replyLine, "more after the message"},
		{"a name twice", `{"id":1,"id":2,"result":true}`, `name "id" twice`},
		{"a name twice, once with an escape", `{"id":1,"\u0069d":2,"result":true}`, `name "id" twice`},
		{"a name twice inside", `{"id":1,"result":{"a":1,"a":2}}`, `name "a" twice`},
		{"a name twice among unknown ones", `{"x":1,"result":true,"x":2}`, `name "x" twice`},
		{"invalid UTF-8", "{\"id\":1,\"method\":\"\xff\"}", "UTF-8"},
		{"half a surrogate", `{"id":1,"method":"\ud800"}`, "surrogate"},
		{"a control character", "{\"id\":1,\"method\":\"a\tb\"}", "invalid character"},
		{"NUL", "{\"id\":1,\"result\":true\x00}", "invalid character"},
		{"NULs alone", "\x00\x00\x00", "invalid character"},
		{"a byte order mark", "\ufeff" + replyLine, "invalid character"},
		{"deep params", `{"method":"mining.submit","params":[` + deep + `]}`, "nested more than 8 deep"},
		{"a deep result", `{"result":` + deep + `}`, "nested more than 8 deep"},
		{"a deep unknown member", `{"result":1,"x":` + deep + `}`, "nested more than 8 deep"},
		{"very deep", `{"result":` + strings.Repeat(`[`, 60000), "message"},
		{"leading zero", `{"id":01,"result":true}`, "invalid character"},
		{"a plus", `{"id":+1,"result":true}`, "invalid character"},
		{"unicode digits", `{"id":１,"result":true}`, "invalid character"},
		{"NaN", `{"id":NaN,"result":true}`, "invalid character"},
		{"single quotes", `{'id':1,'result':true}`, "invalid character"},
		{"a trailing comma", `{"id":1,"result":true,}`, "invalid character"},
		{"a comma in params", `{"method":"x","params":[1,]}`, "invalid character"},
		{"no colon", `{"id" 1}`, "invalid character"},
		{"a name that is a number", `{1:2}`, "string"},
		{"too long", `{"result":"` + strings.Repeat("a", MaxLine) + `"}`, "more than 65536 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := new(Message)
			err := Decode([]byte(test.line), m)
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "\n")
			require.Less(t, len(err.Error()), 300)
			require.Empty(t, m.Method)
			require.Nil(t, m.ID)
			require.Nil(t, m.Result)
		})
	}
}

// TestDecodeNumbers shows that numbers are kept as text, however odd, as long as they are JSON.
func TestDecodeNumbers(t *testing.T) {
	for _, number := range []string{"0", "-0", "-1", "1.5", "1e999", "1E-5", "123456789012345678901234567890", "0.0e+0"} {
		m := decoded(t, `{"method":"mining.set_difficulty","params":[`+number+`]}`)
		require.Equal(t, number, string(m.Params[0]))
		require.Equal(t, Number, m.Params[0].Kind())
	}
}

// TestDecodeReuse shows that nothing of a message is left in the next.
func TestDecodeReuse(t *testing.T) {
	var m Message
	require.NoError(t, Decode([]byte(`{"id":1,"method":"mining.submit","params":[1,2,3],"result":1,"error":2,"reject-reason":"x"}`), &m))
	require.NoError(t, Decode([]byte(`{"result":false}`), &m))
	require.Equal(t, "", m.Method)
	require.Empty(t, m.Params)
	require.Equal(t, None, m.ParamsKind)
	require.Zero(t, m.ParamsCount)
	require.Nil(t, m.ID)
	require.Nil(t, m.Error)
	require.Nil(t, m.RejectReason)
}

func TestDecodeDoesNotAllocate(t *testing.T) {
	var m Message
	var s Submit
	submit, reply, odd := []byte(submitLine), []byte(replyLine), []byte(`{"id":"\u0061","result":true,"error":null}`)
	require.NoError(t, Decode(submit, &m))
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = Decode(submit, &m) }))
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = Decode(reply, &m); _ = m.Reply() }))
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = Decode(odd, &m) }), "by jsontext")
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _ = Decode(submit, &m); m.Submit(&s) }), 1.0)
}

// TestPlainString holds the reader of eight bytes at a time against the obvious, with each byte at each place.
func TestPlainString(t *testing.T) {
	for place := range 20 {
		for c := range 256 {
			b := []byte(`"` + strings.Repeat("a", 20) + `" tail`)
			b[1+place] = byte(c)
			want := 22
			switch {
			case c == '"':
				want = 1 + place + 1
			case c < 0x20 || c >= 0x80 || c == '\\':
				want = notPlain
			}
			require.Equal(t, want, plainString(b, 0), "%q", b)
		}
	}
	require.Equal(t, notPlain, plainString([]byte(`"`), 0))
	require.Equal(t, notPlain, plainString([]byte(`"abcdefghijkl`), 0))
}

// decodings decodes a line as Decode does and as jsontext alone does.
func decodings(line []byte) (plain bool, ours, theirs *Message, err error) {
	ours, theirs = new(Message), new(Message)
	ours.line = line
	plain = ours.decodePlain()
	theirs.line = line
	err = theirs.decode(line)
	return plain, ours, theirs, err
}

// describe shows what was decoded.
func describe(m *Message) string {
	return fmt.Sprintf("%q %q %q %v %d %q %q %q", m.Method, m.ID, m.Params, m.ParamsKind, m.ParamsCount, m.Result, m.Error, m.RejectReason)
}

func FuzzDecode(f *testing.F) {
	for _, line := range []string{
		submitLine, replyLine, `{"id":1,"result":[[["mining.notify","1"]],"f000000a",8],"error":null}`,
		`{"id":1,"result":{"version-rolling":true,"version-rolling.mask":"1fffe000"},"error":null}`,
		`{"result":false,"error":null,"reject-reason":"Stale","id":"\u0061"}`, `{"id":1,"id":1}`, `{"x":{"a":1,"a":2},"result":-0.1e+5}`,
		`{"params":[[],{},"",0,null,true,false,[[1]]],"method":"x"}`, "{\"method\":\"\xff\"}", `{"params":{}, "method":"mining.submit"}`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var m Message
		err := Decode(line, &m)
		if len(line) > MaxLine {
			require.ErrorIs(t, err, ErrTooLong)
			return
		}
		plain, ours, theirs, theirErr := decodings(line)
		require.Equal(t, theirErr == nil, err == nil, "jsontext alone says %v", theirErr)
		if plain {
			require.NoError(t, theirErr, "plain, and not valid")
			require.Equal(t, describe(theirs), describe(ours))
		}
		if err != nil {
			require.Empty(t, m.Method)
			return
		}
		require.Equal(t, describe(theirs), describe(&m))
		require.True(t, json.Valid(line), "taken, but no JSON")

		// Every reading of every message must end in a value or an error.
		var s Submit
		m.Submit(&s)
		var copied Submit
		s.CopyTo(&copied)
		require.Equal(t, s.Submission, copied.Submission)
		if job, _, err := m.Notify(4, 8); err == nil {
			require.LessOrEqual(t, len(job.Branch), MaxBranch)
			require.True(t, job.HasCoinbase())
		}
		if target, err := m.SetDifficulty(); err == nil {
			require.False(t, target.IsZero())
		}
		if e, err := m.SetExtranonce(); err == nil {
			require.LessOrEqual(t, len(e.Extranonce1), 32)
		}
		if e, err := m.SubscribeResult(); err == nil {
			require.LessOrEqual(t, e.Extranonce2Size, 32)
		}
		_, _ = m.SetVersionMask()
		_, _, _ = m.Configure()
		_, _, _ = m.ConfigureResult()
		_, _ = m.Authorize()
		if r := m.Reply(); r.Accepted {
			require.False(t, m.Refused())
		} else {
			require.True(t, strings.HasPrefix(r.String(), "rejected"))
			require.Less(t, len(r.Words), 2*maxWords)
		}
	})
}
