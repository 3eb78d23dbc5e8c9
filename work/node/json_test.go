package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var jsonObjects = []string{
	`{}`, ` { } `, "\t{\"a\" : 1 ,\r\n\"b\":[ ]}\n", `{"a":{"b":{"c":[1,[2,{}]]}}}`,
	`{"a":"\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00","b":null,"c":true,"d":false}`,
	`{"a":-0.5e+10,"b":0,"c":-1,"d":1E5,"e":0.0e-0}`, `{"":""}`, "{\"\xff\":\"\xfe\"}",
	``, ` `, `{`, `[`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{,}`, `{"a":1}}`, `{}{}`, `{"a":01}`,
	`{"a":+1}`, `{"a":1.}`, `{"a":.1}`, `{"a":1e}`, `{"a":-}`, `{"a":"`, `{"a":"\`, `{"a":"\u12`, `{"a":"\u12G4"}`,
	`{"a":"\x"}`, "{\"a\":\"\n\"}", `{"a":nul}`, `{"a":nulL}`, `{"a":tru`, `{a:1}`, `{'a':1}`, `{"a" 1}`, `{"a":1 "b":2}`,
	`{"a":[1,]}`, `{"a":[,1]}`, `{"a":[1 2]}`, `{"a":[}]`, `[]`, `"a"`, `1`, `null`, `<html>`, "\xef\xbb\xbf{}", `{"a":NaN}`,
	"{\"a\":1}\x00", "{\"a\":\u00a01}",
}

func FuzzJSONObject(f *testing.F) {
	for _, s := range jsonObjects {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) { agreeWithEncodingJSON(t, text) })
}

func TestJSONObject(t *testing.T) {
	for _, s := range jsonObjects {
		agreeWithEncodingJSON(t, []byte(s))
	}
}

// agreeWithEncodingJSON holds the scanner against the standard library's.
func agreeWithEncodingJSON(t *testing.T, text []byte) {
	t.Helper()
	was := bytes.Clone(text)
	values := map[string]string{}
	err := jsonObject(text, func(name string, value []byte) error {
		values[name] = string(value)
		return nil
	})
	require.Equal(t, was, text)
	if err != nil {
		s := err.Error()
		if strings.Contains(s, "twice") || strings.Contains(s, "deeper") {
			return
		}
		var want map[string]json.RawMessage
		require.False(t, json.Unmarshal(text, &want) == nil && want != nil, "%q refused: %v", text, err)
		return
	}
	var want map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &want), "%q accepted", text)
	require.Len(t, values, len(want), "%q", text)
	for name, value := range want {
		require.Equal(t, string(value), values[name], "%q", text)
	}
}

// A dropped connection must be told from nonsense, wherever it drops.
func TestJSONCutShort(t *testing.T) {
	const text = `{"result":{"a":[1,-2.5e+3,"x\u00e9\n",true,false,null],"b":{}},"error":null,"id":7}`
	for n := range len(text) {
		err := jsonObject([]byte(text[:n]), func(string, []byte) error { return nil })
		require.ErrorIs(t, err, errShort, text[:n])
	}
}

func TestJSONLimits(t *testing.T) {
	nested := func(n int) []byte {
		return []byte(`{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`)
	}
	ignore := func(string, []byte) error { return nil }
	require.NoError(t, jsonObject(nested(maxDepth-1), ignore))
	require.ErrorContains(t, jsonObject(nested(maxDepth), ignore), "nested deeper")
	require.ErrorContains(t, jsonObject([]byte(strings.Repeat(`{"a":`, 1<<20)), ignore), "nested deeper")
	require.ErrorContains(t, jsonObject([]byte(`{"a":1,"\u0061":2}`), ignore), "twice")
	require.NoError(t, jsonObject([]byte(`{"b":{"a":1,"a":2}}`), ignore), "only the object asked about is held to it")
	stop := fmt.Errorf("stop")
	require.ErrorIs(t, jsonObject([]byte(`{"a":1}`), func(string, []byte) error { return stop }), stop)
}

// Templates as nodes really gave them.
func TestReadPollReal(t *testing.T) {
	dir := os.Getenv("TOUCHSTONE_DATA")
	if dir == "" {
		t.Skip("TOUCHSTONE_DATA names no folder with recorded templates")
	}
	names, err := filepath.Glob(filepath.Join(dir, "gbt", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, names)
	read := 0
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		var want struct {
			ID   *string `json:"longpollid"`
			Prev string  `json:"previousblockhash"`
		}
		if json.Unmarshal(text, &want) != nil || want.Prev == "" {
			continue
		}
		p, err := readPoll(text)
		require.NoError(t, err, name)
		require.Equal(t, want.Prev, p.prev)
		if want.ID != nil {
			require.Equal(t, *want.ID, p.id)
		}
		read++
	}
	require.NotZero(t, read)
}

func TestReadPoll(t *testing.T) {
	const hash = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
	for _, c := range []struct{ text, err string }{
		{`{"previousblockhash":"` + hash + `"}`, ""},
		{`{"previousblockhash":"` + hash + `","longpollid":"x","transactions":[{"data":"00"}]}`, ""},
		{`{}`, "no previousblockhash"},
		{`null`, "JSON object expected"},
		{`{"previousblockhash":null}`, "64 hex digits"},
		{`{"previousblockhash":1}`, "64 hex digits"},
		{`{"previousblockhash":"` + hash[1:] + `"}`, "64 hex digits"},
		{`{"previousblockhash":"` + hash[1:] + `g"}`, "64 hex digits"},
		{`{"PreviousBlockHash":"` + hash + `"}`, "no previousblockhash"},
		{`{"previousblockhash":"` + hash + `","longpollid":""}`, "longpollid"},
		{`{"previousblockhash":"` + hash + `","longpollid":null}`, "longpollid"},
		{`{"previousblockhash":"` + hash + `","longpollid":5}`, "longpollid"},
		{`{"previousblockhash":"` + hash + `","longpollid":"` + strings.Repeat("x", maxPollID+1) + `"}`, "longpollid"},
	} {
		p, err := readPoll([]byte(c.text))
		if c.err == "" {
			require.NoError(t, err)
			require.Equal(t, hash, p.prev)
		} else {
			require.ErrorContains(t, err, c.err, c.text)
		}
	}
}

// BenchmarkReadPoll goes over a template of 4,000 transactions, 2 MB of raw
// data.
func BenchmarkReadPoll(b *testing.B) {
	tx := `{"data":"` + strings.Repeat("0123456789abcdef", 1000/16) + `","txid":"` + strings.Repeat("a", 64) + `","depends":[1,2],"fee":1000,"sigops":4,"weight":2000},`
	text := []byte(`{"transactions":[` + strings.TrimSuffix(strings.Repeat(tx, 4000), ",") + `],"longpollid":"x","previousblockhash":"` + strings.Repeat("0", 64) + `"}`)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := readPoll(text); err != nil {
			b.Fatal(err)
		}
	}
}
