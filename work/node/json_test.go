package node

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
)

// A dropped connection must be told from nonsense, wherever it drops.
func TestDecodeObjectCutShort(t *testing.T) {
	const text = `{"result":{"a":[1,-2.5e+3,"x\u00e9\n\ud834\udd1e☃𝄞",true,false,null],"b":{}},"error":null,"id":7}`
	var v struct{}
	require.NoError(t, decodeObject([]byte(text), &v))
	for n := range len(text) {
		require.ErrorIs(t, decodeObject([]byte(text[:n]), &v), errShort, text[:n])
	}
	require.ErrorIs(t, decodeObject([]byte(" \r\n\t"), &v), errShort)
}

func TestDecodeObjectRefuses(t *testing.T) {
	for _, c := range []struct{ text, err string }{
		{`[]`, "JSON object expected, found"},
		{`null`, "JSON object expected, found"},
		{`<html>`, "JSON object expected, found"},
		{"\xef\xbb\xbf{}", "JSON object expected, found"},
		{`{}{}`, "after top-level value"},
		{"{}\x00", "after top-level value"},
		{`{"a":1,}`, "invalid character"},
		{`{"a":nulL}`, "invalid character"},
		{`{"a":01}`, "invalid character"},
		{"{\"a\":\"\xff\"}", "invalid UTF-8"},
		{`{"a":1,"\u0061":2}`, "duplicate object member name"},
		{`{"b":{"a":1,"a":2}}`, "duplicate object member name"},
		{strings.Repeat(`{"a":`, 1<<20), "exceeded max depth"},
	} {
		var v struct{ A jsontext.Value }
		err := decodeObject([]byte(c.text), &v)
		require.ErrorContains(t, err, c.err, c.text[:min(len(c.text), 40)])
		require.NotErrorIs(t, err, errShort)
		require.NotContains(t, err.Error(), "jsontext")
	}
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
