package work

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// templateField is a bit for each field that may stand once and that others look for.
type templateField uint32

const (
	fieldVersion templateField = 1 << iota
	fieldRules
	fieldVBAvailable
	fieldVBRequired
	fieldCapabilities
	fieldMutable
	fieldPreviousBlock
	fieldTransactions
	fieldCoinbaseTxn
	fieldCoinbaseValue
	fieldCoinbaseAux
	fieldWorkID
	fieldLongPollID
	fieldLongPollURI
	fieldSubmitOld
	fieldExpires
	fieldCurTime
	fieldMinTime
	fieldMaxTime
	fieldMinTimeOff
	fieldMaxTimeOff
	fieldNonceRange
	fieldBits
	fieldTarget
	fieldHeight
	fieldSigOpLimit
	fieldSizeLimit
	fieldWeightLimit
	fieldCommitment
	fieldSignetChallenge
	fieldRejectReason
	fieldResult
)

// requiredFields are those without which there is nothing to mine (BIP 22). transactions is only a "should" there, but a
// block made without them would miss what the coinbase's value and commitment count on.
var requiredFields = []struct {
	field templateField
	name  string
}{
	{fieldVersion, "version"},
	{fieldPreviousBlock, "previousblockhash"},
	{fieldBits, "bits"},
	{fieldHeight, "height"},
	{fieldCurTime, "curtime"},
	{fieldTransactions, "transactions"},
}

// templateParser is the state of one ParseTemplate.
type templateParser struct {
	jsonReader
	t    Template
	seen templateField
	// arena holds all transactions' data: hex is twice as long, so it never grows.
	arena []byte
	// scratch is for hashing transactions without their witness.
	scratch []byte

	minTimeOff, maxTimeOff int64
}

// ParseTemplate decodes the result of getblocktemplate: the object itself, not the JSON-RPC answer around it. It is strict
// about every field it knows (type, range, hex, a key given twice) and ignores others. It computes all txids and wtxids. Its
// errors are one line that names field, value and what was wanted. It does not keep json.
//
// What it returns is well formed; whether it is right is for Check.
func ParseTemplate(json []byte) (*Template, error) {
	if len(json) > MaxTemplateSize {
		return nil, fmt.Errorf("template: %d bytes: a template has at most %d", len(json), MaxTemplateSize)
	}
	p := &templateParser{jsonReader: jsonReader{text: json}}
	p.t = Template{CoinbaseValue: -1, SubmitOld: true, NonceLast: math.MaxUint32}
	if err := p.parse(); err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	return &p.t, nil
}

func (p *templateParser) parse() error {
	if p.next() == 0 && p.at >= len(p.text) {
		return errors.New("empty: want the result of getblocktemplate")
	}
	if err := p.object(p.field); err != nil {
		return err
	}
	if err := p.end(); err != nil {
		return err
	}
	for _, required := range requiredFields {
		if p.seen&required.field == 0 {
			if p.seen&fieldResult != 0 {
				return errors.New("a JSON-RPC answer: give only what its result holds")
			}
			return fmt.Errorf("%s is missing: is this the result of getblocktemplate?", required.name)
		}
	}
	if p.seen&(fieldCoinbaseTxn|fieldCoinbaseValue) == 0 {
		return errors.New("coinbasevalue and coinbasetxn are both missing: without one the coinbase's value is not known")
	}
	p.derive()
	return nil
}

// derive fills in what follows from several fields.
func (p *templateParser) derive() {
	t := &p.t
	if p.seen&fieldTarget == 0 {
		t.Target, _, _ = t.Bits.Target()
	}
	if p.seen&fieldMinTimeOff != 0 && p.seen&fieldMinTime == 0 {
		t.MinTime = uint32(max(0, int64(t.CurTime)+p.minTimeOff))
	}
	if p.seen&fieldMaxTimeOff != 0 && p.seen&fieldMaxTime == 0 {
		t.MaxTime = uint32(min(int64(t.CurTime)+p.maxTimeOff, math.MaxUint32))
	}
}

// once notes that a field was seen, and errs the second time.
func (p *templateParser) once(f templateField) error {
	if p.seen&f != 0 {
		return &fieldError{want: "given twice: which one holds?"}
	}
	p.seen |= f
	return nil
}

// field reads one field of the template.
func (p *templateParser) field(key []byte) (err error) {
	t := &p.t
	read := func(f templateField) bool {
		err = p.once(f)
		return err == nil
	}
	switch string(key) {
	case "version":
		if read(fieldVersion) {
			var n int64
			n, err = p.integer(math.MinInt32, math.MaxInt32)
			t.Version = uint32(n)
		}
	case "rules":
		if read(fieldRules) {
			t.Rules, err = p.strings()
		}
	case "vbavailable":
		if read(fieldVBAvailable) {
			err = p.vbAvailable()
		}
	case "vbrequired":
		if read(fieldVBRequired) {
			t.VBRequired, err = p.uint32()
		}
	case "capabilities":
		if read(fieldCapabilities) {
			t.Capabilities, err = p.strings()
		}
	case "mutable":
		if read(fieldMutable) {
			t.Mutable, err = p.strings()
		}
	case "previousblockhash":
		if read(fieldPreviousBlock) {
			t.PreviousBlock, err = p.hash()
		}
	case "transactions":
		if read(fieldTransactions) {
			err = p.transactions()
		}
	case "coinbasetxn":
		if read(fieldCoinbaseTxn) {
			err = p.coinbaseTxn()
		}
	case "coinbasevalue":
		if read(fieldCoinbaseValue) {
			t.CoinbaseValue, err = p.integer(0, MaxMoney)
		}
	case "coinbaseaux":
		if read(fieldCoinbaseAux) {
			err = p.coinbaseAux()
		}
	case "workid":
		if read(fieldWorkID) {
			t.WorkID, err = p.string()
		}
	case "longpollid":
		if read(fieldLongPollID) {
			t.LongPollID, err = p.string()
		}
	case "longpolluri":
		if read(fieldLongPollURI) {
			t.LongPollURI, err = p.string()
		}
	case "submitold":
		if read(fieldSubmitOld) {
			t.SubmitOld, err = p.boolean()
		}
	case "expires":
		if read(fieldExpires) {
			t.Expires, err = p.uint32()
		}
	case "curtime":
		if read(fieldCurTime) {
			t.CurTime, err = p.uint32()
		}
	case "mintime":
		if read(fieldMinTime) {
			t.MinTime, err = p.uint32()
		}
	case "maxtime":
		if read(fieldMaxTime) {
			t.MaxTime, err = p.uint32()
		}
	case "mintimeoff":
		if read(fieldMinTimeOff) {
			p.minTimeOff, err = p.integer(-math.MaxUint32, 0)
		}
	case "maxtimeoff":
		if read(fieldMaxTimeOff) {
			p.maxTimeOff, err = p.integer(0, 1<<24)
		}
	case "noncerange":
		if read(fieldNonceRange) {
			err = p.nonceRange()
		}
	case "bits":
		if read(fieldBits) {
			var b []byte
			if b, err = p.fixedHex(4); err == nil {
				t.Bits, err = ParseBits(hex.EncodeToString(b))
			}
		}
	case "target":
		if read(fieldTarget) {
			var b []byte
			if b, err = p.fixedHex(32); err == nil {
				t.Target, err = ParseTarget(hex.EncodeToString(b))
			}
		}
	case "height":
		if read(fieldHeight) {
			var n int64
			n, err = p.integer(1, MaxHeight)
			t.Height = int32(n)
		}
	case "sigoplimit":
		if read(fieldSigOpLimit) {
			t.SigOpLimit, err = p.integer(1, math.MaxInt32)
		}
	case "sizelimit":
		if read(fieldSizeLimit) {
			t.SizeLimit, err = p.integer(1, math.MaxInt32)
		}
	case "weightlimit":
		if read(fieldWeightLimit) {
			t.WeightLimit, err = p.integer(1, math.MaxInt32)
		}
	case "default_witness_commitment":
		if read(fieldCommitment) {
			err = p.commitment()
		}
	case "signet_challenge":
		if read(fieldSignetChallenge) {
			t.SignetChallenge, err = p.appendHex([]byte{})
		}
	case "reject-reason":
		if read(fieldRejectReason) {
			t.RejectReason, err = p.string()
		}
	case "result":
		p.seen |= fieldResult
		err = p.skip(0)
	default:
		err = p.skip(0)
	}
	return err
}

// strings reads an array of strings.
func (p *templateParser) strings() (list []string, err error) {
	err = p.array(func(int) error {
		s, err := p.string()
		list = append(list, s)
		return err
	})
	return list, err
}

func (p *templateParser) vbAvailable() error {
	p.t.VBAvailable = make(map[string]uint8)
	return p.object(func(key []byte) error {
		name := string(key)
		if _, twice := p.t.VBAvailable[name]; twice {
			return &fieldError{want: "given twice: which one holds?"}
		}
		bit, err := p.integer(0, 31)
		p.t.VBAvailable[name] = uint8(bit)
		return err
	})
}

func (p *templateParser) coinbaseAux() error {
	return p.object(func(key []byte) error {
		name := string(key)
		if len(p.t.CoinbaseAux) == MaxCoinbaseScript {
			return &fieldError{want: fmt.Sprintf("one more than the %d for whose bytes a coinbase's scriptSig can have room", MaxCoinbaseScript)}
		}
		for _, aux := range p.t.CoinbaseAux {
			if aux.Name == name {
				return &fieldError{want: "given twice: which one holds?"}
			}
		}
		data, err := p.appendHex([]byte{})
		if err == nil && len(data) > MaxCoinbaseScript {
			err = &fieldError{want: fmt.Sprintf("%d bytes: a coinbase's scriptSig has at most %d", len(data), MaxCoinbaseScript)}
		}
		p.t.CoinbaseAux = append(p.t.CoinbaseAux, CoinbaseAux{Name: name, Data: data})
		return err
	})
}

// fixedHex reads a string of hex digits for exactly size bytes.
func (p *templateParser) fixedHex(size int) ([]byte, error) {
	p.next()
	from := p.at
	b, err := p.appendHex(make([]byte, 0, size))
	if err == nil && len(b) != size {
		p.at = from
		return nil, p.wants(fmt.Sprintf("%d hex digits: want %d", 2*len(b), 2*size))
	}
	return b, err
}

// hash reads a hash in display order.
func (p *templateParser) hash() (h chainhash.Hash, err error) {
	p.next()
	// The usual case: 64 digits and a quote, into memory that is already there.
	const end = 1 + 2*chainhash.HashSize
	if b := p.text[p.at:]; len(b) > end && b[0] == '"' && b[end] == '"' {
		if _, err := hex.Decode(h[:], b[1:end]); err == nil {
			p.at += end + 1
			slices.Reverse(h[:])
			return h, nil
		}
	}
	b, err := p.fixedHex(chainhash.HashSize)
	copy(h[:], b)
	slices.Reverse(h[:])
	return h, err
}

func (p *templateParser) nonceRange() error {
	p.next()
	from := p.at
	b, err := p.fixedHex(8)
	if err != nil {
		return err
	}
	first, _ := parseHex32(hex.EncodeToString(b[:4]))
	last, _ := parseHex32(hex.EncodeToString(b[4:]))
	switch {
	case first > last:
		p.at = from
		return p.wants("its first nonce is above its last")
	case last == 0: // a job's 0 stands for no limit
		p.at = from
		return p.wants("it holds nonce 0 alone: want a range to search")
	}
	p.t.NonceFirst, p.t.NonceLast = first, last
	return nil
}

// commitment reads default_witness_commitment in either form: Bitcoin Core gives the output script of BIP 145, btcd the hash in it.
func (p *templateParser) commitment() error {
	p.next()
	from := p.at
	b, err := p.appendHex(make([]byte, 0, CommitmentScriptSize))
	if err != nil {
		return err
	}
	if len(b) == chainhash.HashSize {
		p.t.DefaultWitnessCommitment, p.t.HasCommitment = chainhash.Hash(b), true
		return nil
	}
	if len(b) == CommitmentScriptSize {
		p.t.DefaultWitnessCommitment, p.t.HasCommitment = parseCommitment(b)
	}
	if !p.t.HasCommitment {
		p.at = from
		return p.wants("want the output script 6a24aa21a9ed… of 38 bytes (BIP 145) or the hash of 32 bytes in it")
	}
	return nil
}

func (p *templateParser) transactions() error {
	if p.arena == nil {
		p.arena = make([]byte, 0, (len(p.text)-p.at)/2)
	}
	return p.array(func(i int) error {
		p.t.Transactions = append(p.t.Transactions, TemplateTransaction{})
		return p.transaction(&p.t.Transactions[i], i)
	})
}

func (p *templateParser) coinbaseTxn() error {
	if p.arena == nil {
		p.arena = make([]byte, 0, (len(p.text)-p.at)/2)
	}
	p.t.CoinbaseTxn = new(TemplateTransaction)
	return p.transaction(p.t.CoinbaseTxn, -1)
}

// transactionField is a bit for each field of a transaction.
type transactionField uint8

const (
	txData transactionField = 1 << iota
	txTxID
	txHash
	txDepends
	txFee
	txSigOps
	txWeight
	txRequired
)

// transaction reads the transaction at place i, or the coinbase, which has place -1.
func (p *templateParser) transaction(t *TemplateTransaction, i int) error {
	var seen transactionField
	err := p.object(func(key []byte) (err error) {
		read := func(f transactionField) bool {
			if seen&f != 0 {
				err = &fieldError{want: "given twice: which one holds?"}
			}
			seen |= f
			return err == nil
		}
		switch string(key) {
		case "data":
			if read(txData) {
				err = p.transactionData(t)
			}
		case "txid":
			if read(txTxID) {
				// btcd leaves its coinbase's txid empty and puts it into hash.
				if i < 0 && strings.HasPrefix(string(p.text[p.at:min(p.at+2, len(p.text))]), `""`) {
					seen &^= txTxID
					return p.skip(0)
				}
				t.TxID, err = p.hash()
			}
		case "hash":
			if read(txHash) {
				t.Hash, err = p.hash()
			}
		case "depends":
			if read(txDepends) {
				err = p.depends(t, i)
			}
		case "fee":
			if read(txFee) {
				t.Fee, err = p.integer(-MaxMoney, MaxMoney)
				t.HasFee = true
			}
		case "sigops":
			if read(txSigOps) {
				t.SigOps, err = p.integer(0, math.MaxInt32)
				t.HasSigOps = true
			}
		case "weight":
			if read(txWeight) {
				t.Weight, err = p.integer(0, math.MaxInt32)
				t.HasWeight = true
			}
		case "required":
			if read(txRequired) {
				t.Required, err = p.boolean()
			}
		default:
			err = p.skip(0)
		}
		return err
	})
	if err != nil {
		return err
	}
	if seen&txData == 0 {
		return &fieldError{path: "data", want: "is missing: without it the transaction cannot stand in a block"}
	}
	p.fillIDs(t, seen, i < 0)
	return nil
}

// fillIDs sets the ids that the node did not give to the computed ones. Before BIP 145 there was only hash, and it was the txid;
// of its coinbase btcd still gives it so.
func (p *templateParser) fillIDs(t *TemplateTransaction, seen transactionField, isCoinbase bool) {
	t.txid, t.wtxid, p.scratch = t.parts.ids(p.scratch)
	if seen&txHash == 0 || seen&txTxID == 0 && t.Hash == t.txid {
		t.Hash = t.wtxid
	}
	if seen&txTxID == 0 {
		t.TxID = t.txid
	}
	if isCoinbase && t.HasWeight && t.Weight == 0 {
		t.HasWeight = false // btcd does not weigh its coinbase
	}
}

// transactionData reads a serialized transaction into the arena.
func (p *templateParser) transactionData(t *TemplateTransaction) error {
	from := len(p.arena)
	out, err := p.appendHex(p.arena)
	if err != nil {
		return err
	}
	p.arena = out
	t.Data = out[from:len(out):len(out)]
	if len(t.Data) > MaxBlockSize {
		return &fieldError{want: fmt.Sprintf("%d bytes: a block has at most %d", len(t.Data), MaxBlockSize)}
	}
	if t.parts, err = scanTransaction(t.Data, 0); err != nil {
		return &fieldError{value: quote(hex.EncodeToString(t.Data[:min(len(t.Data), maxQuoted)])), want: err.Error()}
	}
	if rest := len(t.Data) - len(t.parts.raw); rest > 0 {
		return &fieldError{want: fmt.Sprintf("%d bytes follow the transaction's end at byte %d", rest, len(t.parts.raw))}
	}
	return nil
}

func (p *templateParser) depends(t *TemplateTransaction, i int) error {
	return p.array(func(int) error {
		p.next()
		from := p.at
		n, err := p.integer(math.MinInt32, math.MaxInt32)
		if err != nil {
			return err
		}
		if n < 1 || n > int64(i) {
			p.at = from
			if i < 1 {
				return p.wants("nothing comes before this transaction that it could depend on")
			}
			return p.wants(fmt.Sprintf("want the place of a transaction before this one, 1 to %d", i))
		}
		t.Depends = append(t.Depends, int32(n))
		return nil
	})
}
