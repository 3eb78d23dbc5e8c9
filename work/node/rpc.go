package node

import (
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/btcjson"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// JSON-RPC error codes that make a difference here, the same in bitcoind and
// btcd.
const (
	rpcAddress       = int(btcjson.ErrRPCInvalidAddressOrKey) // -5: also "Block not found"
	rpcOutOfMemory   = int(btcjson.ErrRPCOutOfMemory)
	rpcNotConnected  = int(btcjson.ErrRPCClientNotConnected)
	rpcSyncing       = int(btcjson.ErrRPCClientInInitialDownload)
	rpcDatabase      = int(btcjson.ErrRPCDatabase)
	rpcDecode        = int(btcjson.ErrRPCDeserialization)
	rpcVerify        = int(btcjson.ErrRPCVerify)
	rpcRejected      = int(btcjson.ErrRPCVerifyRejected)
	rpcAlreadyInside = int(btcjson.ErrRPCVerifyAlreadyInChain)
	rpcWarmup        = int(btcjson.ErrRPCInWarmup)
)

// Of the JSON-RPC specification itself.
var (
	rpcNoMethod = int(btcjson.ErrRPCMethodNotFound.Code)
	rpcInternal = int(btcjson.ErrRPCInternal.Code)
)

// encodeRequest returns a JSON-RPC 1.0 request.
func encodeRequest(id uint64, method string, params []any) ([]byte, error) {
	r, err := btcjson.NewRequest(btcjson.RpcVersion1, id, method, params)
	if err != nil {
		return nil, err
	}
	return json.Marshal(r)
}

// decodeResponse takes apart the response to request id. result is the JSON text
// of the result as it came, "null" included; fault is the node's error. err
// means that body is not a response to this request; it is errShort where body
// is only the beginning of one.
//
// JSON-RPC 1.0 wants result, error and id always; 2.0, which later versions of
// bitcoind speak when asked, leaves out one of the first two. Both are taken.
func decodeResponse(body []byte, id uint64) (result []byte, fault *btcjson.RPCError, err error) {
	var answer struct {
		Result jsontext.Value `json:"result"`
		Error  jsontext.Value `json:"error"`
		ID     jsontext.Value `json:"id"`
	}
	if err := decodeObject(body, &answer); err != nil {
		return nil, nil, err
	}
	if given(answer.Error) {
		if fault, err = decodeFault(answer.Error); err != nil {
			return nil, nil, err
		}
		if given(answer.Result) {
			return nil, nil, errors.New("both a result and an error")
		}
		// A node that could not read the request cannot know its id.
		if !given(answer.ID) {
			return nil, fault, nil
		}
	}
	if want := fmt.Sprint(id); string(answer.ID) != want {
		return nil, nil, fmt.Errorf("answer to request id %s, not %s", excerpt(answer.ID), want)
	}
	if fault != nil {
		return nil, fault, nil
	}
	if answer.Result == nil {
		return nil, nil, errors.New("neither a result nor an error")
	}
	return answer.Result, nil, nil
}

// given reports whether a member is there and not null.
func given(member jsontext.Value) bool { return member != nil && member.Kind() != 'n' }

func decodeFault(raw []byte) (*btcjson.RPCError, error) {
	var fault struct {
		Code    *int64  `json:"code"`
		Message *string `json:"message"`
	}
	if err := json.Unmarshal(raw, &fault); err != nil || fault.Code == nil || fault.Message == nil {
		return nil, fmt.Errorf("error without code and message: %s", excerpt(raw))
	}
	if *fault.Code == 0 || int64(int32(*fault.Code)) != *fault.Code {
		return nil, fmt.Errorf("error code %d is not one", *fault.Code)
	}
	return btcjson.NewRPCError(btcjson.RPCErrorCode(*fault.Code), oneLine(*fault.Message)), nil
}
