package work

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// templateJSON is a template as a node writes it: BIP 22, 23, 9 and 145, and what Bitcoin Core adds. The types
// hold each field to its range and form.
type templateJSON struct {
	Version       optional[version]                     `json:"version"`
	Rules         optional[[]string]                    `json:"rules"`
	VBAvailable   optional[map[string]versionBit]       `json:"vbavailable"`
	VBRequired    optional[number]                      `json:"vbrequired"`
	Capabilities  optional[[]string]                    `json:"capabilities"`
	Mutable       optional[[]string]                    `json:"mutable"`
	PreviousBlock optional[displayHash]                 `json:"previousblockhash"`
	Transactions  optional[[]listedTransaction]         `json:"transactions"`
	CoinbaseTxn   optional[coinbaseJSON]                `json:"coinbasetxn"`
	CoinbaseValue optional[satoshi]                     `json:"coinbasevalue"`
	CoinbaseAux   optional[map[string]optional[auxHex]] `json:"coinbaseaux"`
	WorkID        optional[string]                      `json:"workid"`
	LongPollID    optional[string]                      `json:"longpollid"`
	LongPollURI   optional[string]                      `json:"longpolluri"`
	SubmitOld     optional[bool]                        `json:"submitold"`
	Expires       optional[number]                      `json:"expires"`
	CurTime       optional[number]                      `json:"curtime"`
	MinTime       optional[number]                      `json:"mintime"`
	MaxTime       optional[number]                      `json:"maxtime"`
	MinTimeOff    optional[offset]                      `json:"mintimeoff"`
	MaxTimeOff    optional[offset]                      `json:"maxtimeoff"`
	NonceRange    optional[nonceRange]                  `json:"noncerange"`
	Bits          optional[compactTarget]               `json:"bits"`
	Target        optional[fullTarget]                  `json:"target"`
	Height        optional[height]                      `json:"height"`
	SigOpLimit    optional[positive]                    `json:"sigoplimit"`
	SizeLimit     optional[positive]                    `json:"sizelimit"`
	WeightLimit   optional[positive]                    `json:"weightlimit"`
	Commitment    optional[commitmentHex]               `json:"default_witness_commitment"`
	Challenge     optional[hexBytes]                    `json:"signet_challenge"`
	RejectReason  optional[string]                      `json:"reject-reason"`

	// Result is there when someone gives the whole JSON-RPC answer.
	Result jsontext.Value `json:"result"`
}

// transactionJSON is one transaction of a template.
type transactionJSON struct {
	Data     optional[transactionHex] `json:"data"`
	TxID     optional[displayHash]    `json:"txid"`
	Hash     optional[displayHash]    `json:"hash"`
	Depends  optional[[]positive]     `json:"depends"`
	Fee      optional[fee]            `json:"fee"`
	SigOps   optional[count]          `json:"sigops"`
	Weight   optional[count]          `json:"weight"`
	Required optional[bool]           `json:"required"`
}

// missing errs without data.
func (t *transactionJSON) missing() error {
	if !t.Data.given {
		return errors.New("data is missing: without it the transaction cannot stand in a block")
	}
	return nil
}

// listedTransaction is a transaction of the list. Without data it is refused at once: millions of empty ones would fit.
type listedTransaction transactionJSON

func (t *listedTransaction) UnmarshalJSONFrom(d *decoder) error {
	if err := json.UnmarshalDecode(d, (*transactionJSON)(t)); err != nil {
		return err
	}
	return (*transactionJSON)(t).missing()
}

// coinbaseJSON is the node's own coinbase. btcd leaves its txid empty and puts it into hash.
type coinbaseJSON struct {
	transactionJSON
	TxID optional[hashOrEmpty] `json:"txid"`
}

// Whole numbers, each with its range.
type (
	version    int32
	versionBit uint8
	number     uint32
	count      int32
	positive   int32
	height     int32
	offset     int64
	satoshi    int64
	fee        int64
)

// decoder is a shorter name for a column of methods.
type decoder = jsontext.Decoder

func (n *version) UnmarshalJSONFrom(d *decoder) error {
	return whole(n, d, math.MinInt32, math.MaxInt32)
}
func (n *versionBit) UnmarshalJSONFrom(d *decoder) error { return whole(n, d, 0, 31) }
func (n *number) UnmarshalJSONFrom(d *decoder) error     { return whole(n, d, 0, math.MaxUint32) }
func (n *count) UnmarshalJSONFrom(d *decoder) error      { return whole(n, d, 0, math.MaxInt32) }
func (n *positive) UnmarshalJSONFrom(d *decoder) error   { return whole(n, d, 1, math.MaxInt32) }
func (n *height) UnmarshalJSONFrom(d *decoder) error     { return whole(n, d, 1, MaxHeight) }
func (n *offset) UnmarshalJSONFrom(d *decoder) error {
	return whole(n, d, -math.MaxUint32, math.MaxUint32)
}
func (n *satoshi) UnmarshalJSONFrom(d *decoder) error { return whole(n, d, 0, MaxMoney) }
func (n *fee) UnmarshalJSONFrom(d *decoder) error     { return whole(n, d, -MaxMoney, MaxMoney) }

// whole reads a whole number from low to high, which n can hold.
func whole[N ~uint8 | ~uint32 | ~int32 | ~int64](n *N, d *decoder, low, high int64) error {
	text, err := d.ReadValue()
	if err != nil {
		return err
	}
	v, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || v < low || v > high {
		return fmt.Errorf("want a whole number from %d to %d", low, high)
	}
	*n = N(v)
	return nil
}

// hexBytes are any bytes, in hex.
type hexBytes []byte

func (b *hexBytes) UnmarshalText(text []byte) error {
	if len(text)%2 == 1 {
		return fmt.Errorf("%d hex digits: want two for each byte", len(text))
	}
	*b = make([]byte, len(text)/2)
	return decodeHex(*b, text)
}

// auxHex are bytes for the coinbase's scriptSig.
type auxHex []byte

func (b *auxHex) UnmarshalText(text []byte) error {
	if len(text) > 2*MaxCoinbaseScript {
		return fmt.Errorf("%d bytes: a coinbase's scriptSig has at most %d", len(text)/2, MaxCoinbaseScript)
	}
	return (*hexBytes)(b).UnmarshalText(text)
}

// displayHash is a hash, written in display order.
type displayHash chainhash.Hash

func (h *displayHash) UnmarshalText(text []byte) error {
	err := decodeHex(h[:], text)
	slices.Reverse(h[:])
	return err
}

// hashOrEmpty is a hash in display order or an empty string, which is none.
type hashOrEmpty struct{ hash optional[displayHash] }

func (h *hashOrEmpty) UnmarshalText(text []byte) error {
	if h.hash.given = len(text) > 0; !h.hash.given {
		return nil
	}
	return h.hash.value.UnmarshalText(text)
}

type compactTarget Bits

func (t *compactTarget) UnmarshalText(text []byte) error {
	var b [4]byte
	err := decodeHex(b[:], text)
	*t = compactTarget(binary.BigEndian.Uint32(b[:]))
	return err
}

type fullTarget Target

func (t *fullTarget) UnmarshalText(text []byte) error {
	var b [32]byte
	err := decodeHex(b[:], text)
	*t = fullTarget(targetFromBytes(&b))
	return err
}

// nonceRange is the first nonce and the last.
type nonceRange struct{ first, last uint32 }

func (r *nonceRange) UnmarshalText(text []byte) error {
	var b [8]byte
	if err := decodeHex(b[:], text); err != nil {
		return err
	}
	r.first, r.last = binary.BigEndian.Uint32(b[:4]), binary.BigEndian.Uint32(b[4:])
	switch {
	case r.first > r.last:
		return errors.New("its first nonce is above its last")
	case r.last == 0: // a job's 0 stands for no limit
		return errors.New("it holds nonce 0 alone: want a range to search")
	}
	return nil
}

// commitmentHex is the witness commitment: Bitcoin Core gives the output script of BIP 145, btcd the hash in it.
type commitmentHex chainhash.Hash

func (c *commitmentHex) UnmarshalText(text []byte) error {
	var b hexBytes
	err := b.UnmarshalText(text)
	hash, ok := parseCommitment(b)
	switch {
	case err != nil:
		return err
	case ok && len(b) == CommitmentScriptSize:
		*c = commitmentHex(hash)
	case len(b) == chainhash.HashSize:
		*c = commitmentHex(b)
	default:
		return errors.New("want the output script 6a24aa21a9ed… of 38 bytes (BIP 145) or the hash of 32 bytes in it")
	}
	return nil
}

// transactionHex is a serialized transaction.
type transactionHex struct{ transaction }

func (t *transactionHex) UnmarshalText(text []byte) error {
	var b hexBytes
	err := b.UnmarshalText(text)
	if err != nil {
		return err
	}
	if len(b) > MaxBlockSize {
		return fmt.Errorf("%d bytes: a block has at most %d", len(b), MaxBlockSize)
	}
	if t.transaction, err = scanTransaction(b, 0); err != nil {
		return err
	}
	if rest := len(b) - len(t.raw); rest > 0 {
		return fmt.Errorf("%d bytes follow the transaction's end at byte %d", rest, len(t.raw))
	}
	return nil
}
