package stratum

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBlank(t *testing.T) {
	for line, want := range map[string]string{
		`{"id":1,"method":"mining.authorize","params":["w","secret"]}`:                      `{"id":1,"method":"mining.authorize","params":["w",""]}`,
		`{"params" : [ "w" , "secret" ] , "method":"mining.authorize", "id":1}`:             `{"params" : [ "w" , "" ] , "method":"mining.authorize", "id":1}`,
		`{"id":1,"method":"mining.\u0061uthorize","par\u0061ms":["w",{"secret":"secret"}]}`: `{"id":1,"method":"mining.\u0061uthorize","par\u0061ms":["w",""]}`,
		`{"id":1,"method":"mining.authorize","params":["w","secret","secret",["secret"]]}`:  `{"id":1,"method":"mining.authorize","params":["w","","",""]}`,
		`{"id":1,"method":"mining.authorize","params":[["secret"]]}`:                        `{"id":1,"method":"mining.authorize","params":[""]}`,
		`{"id":1,"method":"mining.authorize","params":{"password":"secret"}}`:               `{"id":1,"method":"mining.authorize","params":null}`,
		`{"id":1,"method":"mining.authorize","params":["w"]}`:                               `{"id":1,"method":"mining.authorize","params":["w"]}`,
		`{"id":1,"method":"mining.authorize"}`:                                              `{"id":1,"method":"mining.authorize"}`,
		`{"id":1,"method":"mining.authorize","params":[],"password":"secret"}`:              `{"id":1,"method":"mining.authorize","params":[],"password":null}`,
		`{"id":1,"jsonrpc":"2.0","method":"Mining.AUTHorize","params":["w",7]}`:             `{"id":1,"jsonrpc":"2.0","method":"Mining.AUTHorize","params":["w",""]}`,
		`{"id":1,"method":"login","params":{"login":"w","pass":"secret"}}`:                  `{"id":1,"method":"login","params":null}`,
		`{"id":1,"method":"mining.submit","params":["w","author","","",""]}`:                `{"id":1,"method":"mining.submit","params":["w","author","","",""]}`,
		`{"id":1,"method":"mining.configure","params":[[],{}]}`:                             `{"id":1,"method":"mining.configure","params":[[],{}]}`,
	} {
		var b Blanker
		var m Message
		require.NoError(t, Decode([]byte(line), &m))
		got, omitted := b.Blank([]byte(line), &m)
		require.Equal(t, want, string(got))
		require.Zero(t, omitted)
		require.NotContains(t, string(got), "secret")
	}
}

// What is no message is left out if it may have been meant to log in, or follows what may.
func TestBlankUnreadable(t *testing.T) {
	for line, kept := range map[string]bool{
		`{"id":1,"method":"mining.authorize","params":["w","secret`:                    false,
		`{"id":1,"params":["w","secret"],"meth`:                                        false,
		`{"id":1,"p\u0061rams":["w","secret"]`:                                         false,
		`{"id":1,"id":2,"params":["w","secret"],"method":"mining.submit"}`:             true,
		`{"id":1,"id":2,"params":["w","secret"],"method":"mining.authorize"}`:          false,
		`[{"id":1,"params":["w","secret"],"method":"mining.authorize"}]`:               false,
		`[{"method":"mining.submit","params":[]},{"method":"mining.\u0061uthorize"}]`:  false,
		`{"id":1,"method":"mining.authorize","method":"mining.submit","params":["w"]}`: false,
		`{"id":1,"METHOD":"MINING.AUTHORIZE","PARAMS":["w","secret"]}`:                 false,
		`{"id":1,"METHOD":"x","PARAMS":["w","secret"]}`:                                false,
		`{"id":1,"method":["mining.submit"],"PASS":"secret"}`:                          false,
		`{"id":1,"method":"mining.submit"}{"method":"mining.authorize"}`:               false,
		"\ufeff" + `{"id":1,"method":"mining.authorize","params":["w","secret"]}`:      false,
		`{"id":1,"params":["w",`:                                                       false,
		`{"id":{},"params":["w","secret"],"method":"mining.authorize"}`:                false,
		"{\"id\":1,\"method\":\"mining.authorize\",\"params\":[\"w\",\"secret\xff\"]}": false,
		"GET / HTTP/1.1":            true,
		"Authorization: Basic abcd": false,
		"\x16\x03\x01":              true,
		`{"id":4,"method":"mining.submit","params":["w","1","00`: true,
		"": true,
	} {
		var b Blanker
		got, omitted := b.Blank([]byte(line), nil)
		if kept {
			require.Equal(t, line, string(got))
			require.Zero(t, omitted)
			continue
		}
		require.Empty(t, got)
		require.Equal(t, len(line), omitted)
		_, omitted = b.Blank([]byte(`ret"]}`), nil) // a password with a line feed
		require.Equal(t, 6, omitted)
		var m Message
		require.NoError(t, Decode([]byte(submitLine), &m))
		got, _ = b.Blank([]byte(submitLine), &m)
		require.Equal(t, submitLine, string(got))
		got, _ = b.Blank([]byte("garbage"), nil)
		require.Equal(t, "garbage", string(got))
	}
}

// However an authorization is written and wherever it is cut, the password is not in what is kept.
func FuzzBlank(f *testing.F) {
	f.Add("", `,"x":1`, 0, 200)
	f.Add("  ", ` `, 1, 60)
	f.Add(`{"id":1}`, "\xff", 2, 70)
	f.Fuzz(func(t *testing.T, before, after string, form, cut int) {
		const secret = "hunter2-hunter2"
		forms := []string{
			`{%[1]s"id":1,"method":"mining.authorize","params":["w","%[2]s"]%[3]s}`,
			`{"params":["w",{"p":["%[2]s"]}]%[3]s,"method":"mining.authorize"%[1]s}`,
			`%[1]s{"method":"mining.authorize","id":1,"params":["w","%[2]s"%[3]s]}`,
			`{"method":"mining.authorize","id":1,%[1]s"params":["w",%[3]s"%[2]s"]}`,
			`{"method":"mining.authorize","params":{"pass":"%[2]s"%[3]s}%[1]s}`,
		}
		if strings.Contains(before+after, secret) {
			return
		}
		line := fmt.Sprintf(forms[uint(form)%uint(len(forms))], before, secret, after)
		line = line[:len(line)-int(uint(cut)%uint(len(line)))]
		var b Blanker
		var m Message
		for _, part := range strings.Split(line, "\n") {
			// Nothing is known of a piece that says nothing of what it is a piece of.
			decoded := &m
			if Decode([]byte(part), &m) != nil {
				decoded = nil
			}
			if decoded != nil && !logsIn(m.Method) {
				return
			}
			got, _ := b.Blank([]byte(part), decoded)
			require.NotContains(t, string(got), secret)
			if decoded != nil {
				require.True(t, len(got) == 0 || standsAsMessage(got) == standsAsMessage([]byte(part)))
			}
			if !b.omitting && decoded == nil {
				return
			}
		}
	})
}
