package stratum

import (
	"encoding/hex"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-btc/touchstone/work"
)

// The functions of this file append one message each, with the line feed that ends it, as most pools and miners write it: members in the
// order id, method, params, or id, result, error. What they append can always be decoded by Decode.

// AppendRequest appends a request that wants an answer: params are its elements as JSON, separated by commas, "" for none.
func AppendRequest(dst []byte, id uint64, method, params string) []byte {
	dst = append(dst, `{"id":`...)
	dst = strconv.AppendUint(dst, id, 10)
	return appendCall(dst, method, params)
}

// AppendNotification appends a message that wants no answer; params as in AppendRequest.
func AppendNotification(dst []byte, method, params string) []byte {
	return appendCall(append(dst, `{"id":null`...), method, params)
}

func appendCall(dst []byte, method, params string) []byte {
	dst = append(dst, `,"method":`...)
	dst = appendText(dst, method)
	dst = append(dst, `,"params":[`...)
	dst = append(dst, params...)
	return append(dst, "]}\n"...)
}

// AppendResult appends the answer to the request of that id (a Message's ID): result is JSON.
func AppendResult(dst, id []byte, result string) []byte {
	dst = append(dst, `{"id":`...)
	dst = appendID(dst, id)
	dst = append(dst, `,"result":`...)
	dst = append(dst, result...)
	return append(dst, ",\"error\":null}\n"...)
}

// AppendError appends the answer that refuses the request of that id, with a code, such as those of Code, and words.
func AppendError(dst, id []byte, code int, words string) []byte {
	dst = append(dst, `{"id":`...)
	dst = appendID(dst, id)
	dst = append(dst, `,"result":null,"error":[`...)
	dst = strconv.AppendInt(dst, int64(code), 10)
	dst = append(dst, ',')
	dst = appendText(dst, words)
	return append(dst, ",null]}\n"...)
}

// AppendSubmit appends a mining.submit with that id. hasBits says that version rolling was granted: the version bits are the sixth
// parameter then (BIP 310).
func AppendSubmit(dst []byte, id uint64, worker, job string, extranonce2 []byte, ntime, nonce, bits uint32, hasBits bool) []byte {
	dst = append(dst, `{"id":`...)
	dst = strconv.AppendUint(dst, id, 10)
	dst = append(dst, `,"method":"`+MethodSubmit+`","params":[`...)
	dst = appendText(dst, worker)
	dst = append(dst, ',')
	dst = appendText(dst, job)
	dst = append(dst, ',', '"')
	dst = hex.AppendEncode(dst, extranonce2)
	dst = append(dst, '"', ',')
	dst = appendHex32(dst, ntime)
	dst = append(dst, ',')
	dst = appendHex32(dst, nonce)
	if hasBits {
		dst = append(dst, ',')
		dst = appendHex32(dst, bits)
	}
	return append(dst, "]}\n"...)
}

// AppendNotify appends the mining.notify of a job with a coinbase.
func AppendNotify(dst []byte, j *work.Job, clean bool) []byte {
	dst = append(dst, `{"id":null,"method":"`+MethodNotify+`","params":[`...)
	dst = appendText(dst, j.ID)
	dst = append(dst, ',', '"')
	dst = AppendPrevHash(dst, j.PrevBlock)
	dst = append(dst, '"', ',', '"')
	dst = hex.AppendEncode(dst, j.CoinbasePrefix)
	dst = append(dst, '"', ',', '"')
	dst = hex.AppendEncode(dst, j.CoinbaseSuffix)
	dst = append(dst, '"', ',', '[')
	for i := range j.Branch {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = hex.AppendEncode(dst, j.Branch[i][:])
		dst = append(dst, '"')
	}
	dst = append(dst, ']', ',')
	dst = appendHex32(dst, j.Version)
	dst = append(dst, ',')
	dst = appendHex32(dst, uint32(j.Bits))
	dst = append(dst, ',')
	dst = appendHex32(dst, j.Time)
	dst = append(dst, ',')
	dst = strconv.AppendBool(dst, clean)
	return append(dst, "]}\n"...)
}

// AppendSetDifficulty appends a mining.set_difficulty. What a miner reads from it is the target that DifficultyTarget returns for d,
// which must be more than 0 and finite.
func AppendSetDifficulty(dst []byte, d float64) []byte {
	dst = append(dst, `{"id":null,"method":"`+MethodSetDifficulty+`","params":[`...)
	dst = AppendDifficulty(dst, d)
	return append(dst, "]}\n"...)
}

// AppendSetExtranonce appends a mining.set_extranonce.
func AppendSetExtranonce(dst []byte, e Extranonce) []byte {
	dst = append(dst, `{"id":null,"method":"`+MethodSetExtranonce+`","params":["`...)
	dst = hex.AppendEncode(dst, e.Extranonce1)
	dst = append(dst, '"', ',')
	dst = strconv.AppendInt(dst, int64(e.Extranonce2Size), 10)
	return append(dst, "]}\n"...)
}

// AppendSetVersionMask appends a mining.set_version_mask (BIP 310).
func AppendSetVersionMask(dst []byte, mask uint32) []byte {
	dst = append(dst, `{"id":null,"method":"`+MethodSetVersionMask+`","params":[`...)
	dst = appendHex32(dst, mask)
	return append(dst, "]}\n"...)
}

// AppendShowMessage appends a client.show_message.
func AppendShowMessage(dst []byte, text string) []byte {
	dst = append(dst, `{"id":null,"method":"`+MethodShowMessage+`","params":[`...)
	dst = appendText(dst, text)
	return append(dst, "]}\n"...)
}

// AppendReconnect appends a client.reconnect, to be followed after so many seconds as wait has. host "" stands for the same host and port.
func AppendReconnect(dst []byte, host string, port int, wait time.Duration) []byte {
	dst = append(dst, `{"id":null,"method":"`+MethodReconnect+`","params":[`...)
	if host != "" {
		dst = appendText(dst, host)
		dst = append(dst, ',')
		dst = strconv.AppendInt(dst, int64(port), 10)
		dst = append(dst, ',')
		dst = strconv.AppendInt(dst, int64(wait/time.Second), 10)
	} else if wait >= time.Second { // null: miners take "" for a host
		dst = append(dst, "null,null,"...)
		dst = strconv.AppendInt(dst, int64(wait/time.Second), 10)
	}
	return append(dst, "]}\n"...)
}

// AppendSubscribeResult appends the answer to the mining.subscribe of that id: session can be given with the next one, to get the same
// extranonce1 again.
func AppendSubscribeResult(dst, id []byte, session string, e Extranonce) []byte {
	dst = append(dst, `{"id":`...)
	dst = appendID(dst, id)
	dst = append(dst, `,"result":[[["`+MethodSetDifficulty+`",`...)
	dst = appendText(dst, session)
	dst = append(dst, `],["`+MethodNotify+`",`...)
	dst = appendText(dst, session)
	dst = append(dst, `]],"`...)
	dst = hex.AppendEncode(dst, e.Extranonce1)
	dst = append(dst, '"', ',')
	dst = strconv.AppendInt(dst, int64(e.Extranonce2Size), 10)
	return append(dst, "],\"error\":null}\n"...)
}

// AppendDifficulty appends d as a JSON number, the shortest that reads back as d; with an exponent only where it would be long.
func AppendDifficulty(dst []byte, d float64) []byte {
	format := byte('f')
	if d != 0 && (d < 1e-6 || d >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, d, format, -1, 64)
}

// DifficultyTarget returns the target that a miner reads from the difficulty d as AppendDifficulty writes it, exactly. It errs where
// d is not a difficulty: 0, negative, infinite or NaN.
func DifficultyTarget(d float64) (work.Target, error) {
	exact, err := work.ParseDifficulty(string(AppendDifficulty(nil, d)))
	if err != nil {
		return work.Target{}, err
	}
	return work.DifficultyTarget(exact)
}

// appendID appends the id of a Message: what a string says may need escapes again.
func appendID(dst, id []byte) []byte {
	switch {
	case len(id) == 0:
		return append(dst, "null"...)
	case id[0] == '"':
		return appendText(dst, string(id[1:len(id)-1]))
	}
	return append(dst, id...)
}

// appendText appends a string. What is not valid UTF-8 is replaced.
func appendText(dst []byte, s string) []byte {
	// It errs only for invalid UTF-8, which it replaces all the same.
	quoted, _ := jsontext.AppendQuote(dst, s)
	return quoted
}

func appendHex32(dst []byte, v uint32) []byte {
	return append(hex.AppendEncode(append(dst, '"'), []byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), '"')
}
