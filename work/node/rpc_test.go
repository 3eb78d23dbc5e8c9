package node

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcjson"
	"github.com/stretchr/testify/require"
)

func TestDecodeResponse(t *testing.T) {
	for _, c := range []struct {
		body   string
		result string
		fault  string
		err    string
	}{
		{body: `{"result":{"a":1},"error":null,"id":7}`, result: `{"a":1}`},
		{body: `{"result":null,"error":null,"id":7}` + "\n", result: `null`},
		{body: `{"jsonrpc":"2.0","result":"x","id":7}`, result: `"x"`},
		{body: `{"jsonrpc":"1.0","result":null,"error":null,"id":7}`, result: `null`},
		{body: `{"result":null,"error":{"code":-28,"message":"Loading block index…"},"id":7}`, fault: "-28: Loading block index…"},
		{body: `{"error":{"code":-1,"message":"","data":[1]},"id":7}`, fault: "-1: "},
		{body: `{"result":null,"error":{"code":-32700,"message":"Parse\nerror\u0007"},"id":null}`, fault: "-32700: Parse error?"},
		{body: `{"error":{"code":-32700,"message":"x"}}`, fault: "-32700: x"},
		{body: `{"result":1,"error":null,"id":8}`, err: "request id"},
		{body: `{"result":1,"error":null,"id":"7"}`, err: "request id"},
		{body: `{"result":1,"error":null,"id":7.0}`, err: "request id"},
		{body: `{"result":1,"error":null,"id":null}`, err: "request id"},
		{body: `{"result":1,"error":null}`, err: "request id"},
		{body: `{"result":null,"error":{"code":-1,"message":"x"},"id":8}`, err: "request id"},
		{body: `{"result":1,"error":{"code":-1,"message":"x"},"id":7}`, err: "both"},
		{body: `{"id":7}`, err: "neither"},
		{body: `{"error":null,"id":7}`, err: "neither"},
		{body: `{"Result":1,"error":null,"id":7}`, err: "neither"},
		{body: `{"result":1,"result":2,"error":null,"id":7}`, err: "duplicate object member name"},
		{body: `{"result":null,"error":"bad","id":7}`, err: "without code and message"},
		{body: `{"result":null,"error":{},"id":7}`, err: "without code and message"},
		{body: `{"result":null,"error":{"code":0,"message":"x"},"id":7}`, err: "code 0"},
		{body: `{"result":null,"error":{"code":1e3,"message":"x"},"id":7}`, err: "without code and message"},
		{body: `{"result":null,"error":{"code":99999999999,"message":"x"},"id":7}`, err: "99999999999"},
		{body: `[{"result":1,"error":null,"id":7}]`, err: "JSON object expected"},
		{body: ``, err: "ends in the middle"},
		{body: `{"result":1,"error":null,"id":7}{}`, err: "after top-level value"},
	} {
		result, fault, err := decodeResponse([]byte(c.body), 7)
		if c.err != "" {
			require.ErrorContains(t, err, c.err, c.body)
			require.Nil(t, result)
			require.Nil(t, fault)
			continue
		}
		require.NoError(t, err, c.body)
		require.Equal(t, c.result, string(result), c.body)
		if c.fault == "" {
			require.Nil(t, fault)
		} else {
			require.EqualError(t, fault, c.fault)
		}
	}
}

func TestEncodeRequest(t *testing.T) {
	text, err := encodeRequest(3, methodTemplate, []any{templateRequest})
	require.NoError(t, err)
	require.JSONEq(t, `{"jsonrpc":"1.0","id":3,"method":"getblocktemplate","params":[{
		"capabilities":["coinbasetxn","coinbasevalue","longpoll"],"rules":["segwit","signet"]}]}`, string(text))

	// btcd takes an absent params for malformed, so it must be there when empty.
	text, err = encodeRequest(4, methodBest, []any{})
	require.NoError(t, err)
	require.JSONEq(t, `{"jsonrpc":"1.0","id":4,"method":"getbestblockhash","params":[]}`, string(text))
}

func FuzzDecodeResponse(f *testing.F) {
	f.Add([]byte(`{"result":{"a":1},"error":null,"id":7}`))
	f.Add([]byte(`{"result":null,"error":{"code":-28,"message":"x"},"id":7}`))
	f.Add([]byte(`{"jsonrpc":"2.0","error":{"code":-28,"message":"x"},"id":null}`))
	f.Add([]byte(`<html>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		result, fault, err := decodeResponse(body, 7)
		switch {
		case err != nil:
			require.Nil(t, result)
			require.Nil(t, fault)
			if errors.Is(err, errShort) {
				require.False(t, json.Valid(body))
			}
		case fault != nil:
			require.Nil(t, result)
			require.NotZero(t, fault.Code)
			require.NotContains(t, fault.Message, "\n")
			require.LessOrEqual(t, len([]rune(fault.Message)), maxText+1)
		default:
			require.True(t, json.Valid(result))
			// btcjson, which shares no code with this package, agrees.
			var r btcjson.Response
			require.NoError(t, json.Unmarshal(body, &r))
			require.Nil(t, r.Error)
			require.EqualValues(t, 7, *r.ID)
		}
	})
}

func FuzzReadPoll(f *testing.F) {
	f.Add([]byte(`{"previousblockhash":"` + strings.Repeat("0", 64) + `","longpollid":"x"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := readPoll(text)
		if err == nil {
			require.True(t, json.Valid(text))
			require.NoError(t, checkHash(p.prev))
		}
	})
}
