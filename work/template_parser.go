package work

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// ParseTemplate decodes the result of getblocktemplate: the object itself, not the JSON-RPC answer around it. It is strict
// about every field it knows (type, range, hex, a key given twice) and ignores others. It computes all txids and wtxids. Its
// errors are one line that names field, value and what was wanted. It does not keep json.
//
// What it returns is well formed; whether it is right is for Check.
func ParseTemplate(json []byte) (*Template, error) {
	if len(json) > MaxTemplateSize {
		return nil, fmt.Errorf("template: %d bytes: a template has at most %d", len(json), MaxTemplateSize)
	}
	var given optional[templateJSON]
	if err := unmarshalJSON(json, &given); err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	t, err := given.value.template()
	if err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	return t, nil
}

// missing errs without a field without which there is nothing to mine (BIP 22). transactions is only a "should" there, but a
// block made without them would miss what the coinbase's value and commitment count on.
func (g *templateJSON) missing() error {
	for _, field := range []struct {
		name    string
		missing bool
	}{
		{"version", !g.Version.given},
		{"previousblockhash", !g.PreviousBlock.given},
		{"bits", !g.Bits.given},
		{"height", !g.Height.given},
		{"curtime", !g.CurTime.given},
		{"transactions", !g.Transactions.given},
	} {
		switch {
		case field.missing && g.Result != nil:
			return errors.New("a JSON-RPC answer: give only what its result holds")
		case field.missing:
			return fmt.Errorf("%s is missing: is this the result of getblocktemplate?", field.name)
		}
	}
	if !g.CoinbaseTxn.given && !g.CoinbaseValue.given {
		return errors.New("coinbasevalue and coinbasetxn are both missing: without one the coinbase's value is not known")
	}
	return nil
}

// template checks what concerns several fields and fills in what follows from them.
func (g *templateJSON) template() (*Template, error) {
	if err := g.missing(); err != nil {
		return nil, err
	}
	if n := len(g.CoinbaseAux.value); n > MaxCoinbaseScript {
		return nil, fmt.Errorf("coinbaseaux: %d entries: a coinbase's scriptSig has room for the bytes of at most %d", n, MaxCoinbaseScript)
	}
	nonces := g.NonceRange.or(nonceRange{0, math.MaxUint32})
	bits := Bits(g.Bits.value)
	bitsTarget, _, _ := bits.Target()
	t := &Template{
		Version:                  uint32(g.Version.value),
		Rules:                    g.Rules.value,
		VBAvailable:              make(map[string]uint8, len(g.VBAvailable.value)),
		VBRequired:               uint32(g.VBRequired.value),
		Capabilities:             g.Capabilities.value,
		Mutable:                  g.Mutable.value,
		PreviousBlock:            chainhash.Hash(g.PreviousBlock.value),
		CoinbaseValue:            int64(g.CoinbaseValue.or(-1)),
		WorkID:                   g.WorkID.value,
		LongPollID:               g.LongPollID.value,
		LongPollURI:              g.LongPollURI.value,
		SubmitOld:                g.SubmitOld.or(true),
		Expires:                  uint32(g.Expires.value),
		CurTime:                  uint32(g.CurTime.value),
		MinTime:                  g.time(g.MinTime, g.MinTimeOff),
		MaxTime:                  g.time(g.MaxTime, g.MaxTimeOff),
		NonceFirst:               nonces.first,
		NonceLast:                nonces.last,
		Bits:                     bits,
		Target:                   Target(g.Target.or(fullTarget(bitsTarget))),
		Height:                   int32(g.Height.value),
		SigOpLimit:               int64(g.SigOpLimit.value),
		SizeLimit:                int64(g.SizeLimit.value),
		WeightLimit:              int64(g.WeightLimit.value),
		DefaultWitnessCommitment: chainhash.Hash(g.Commitment.value),
		HasCommitment:            g.Commitment.given,
		SignetChallenge:          g.Challenge.value,
		RejectReason:             g.RejectReason.value,
	}
	for name, bit := range g.VBAvailable.value {
		t.VBAvailable[name] = uint8(bit)
	}
	for _, name := range slices.Sorted(maps.Keys(g.CoinbaseAux.value)) {
		t.CoinbaseAux = append(t.CoinbaseAux, CoinbaseAux{Name: name, Data: g.CoinbaseAux.value[name].value})
	}
	return t, g.transactions(t)
}

// time is a bound that is given itself or by its distance from curtime.
func (g *templateJSON) time(bound optional[number], off optional[offset]) uint32 {
	if !bound.given && off.given {
		return uint32(min(max(0, int64(g.CurTime.value)+int64(off.value)), math.MaxUint32))
	}
	return uint32(bound.value)
}

// transactions fills in the template's transactions and its coinbase.
func (g *templateJSON) transactions(t *Template) (err error) {
	var scratch []byte // for hashing transactions without their witness
	t.Transactions = make([]TemplateTransaction, len(g.Transactions.value))
	for i := range g.Transactions.value {
		if scratch, err = (*transactionJSON)(&g.Transactions.value[i]).fill(&t.Transactions[i], i, scratch); err != nil {
			return fmt.Errorf("transactions[%d].%w", i, err)
		}
	}
	if !g.CoinbaseTxn.given {
		return nil
	}
	c := &g.CoinbaseTxn.value
	if err := c.missing(); err != nil {
		return fmt.Errorf("coinbasetxn: %w", err)
	}
	c.transactionJSON.TxID = c.TxID.value.hash
	c.Weight.given = c.Weight.value != 0 // btcd does not weigh its coinbase
	t.CoinbaseTxn = new(TemplateTransaction)
	if _, err := c.fill(t.CoinbaseTxn, 0, scratch); err != nil {
		return fmt.Errorf("coinbasetxn.%w", err)
	}
	return nil
}

// fill makes t of a transaction that comes after so many others. The ids that the node did not give are the computed ones.
// Before BIP 145 there was only hash, and it was the txid; of its coinbase btcd still gives it so.
func (g *transactionJSON) fill(t *TemplateTransaction, others int, scratch []byte) ([]byte, error) {
	*t = TemplateTransaction{
		Data:      g.Data.value.raw,
		Fee:       int64(g.Fee.value),
		SigOps:    int64(g.SigOps.value),
		Weight:    int64(g.Weight.value),
		HasFee:    g.Fee.given,
		HasSigOps: g.SigOps.given,
		HasWeight: g.Weight.given,
		Required:  g.Required.value,
		parts:     g.Data.value.transaction,
	}
	t.txid, t.wtxid, scratch = t.parts.ids(scratch)
	t.TxID = chainhash.Hash(g.TxID.or(displayHash(t.txid)))
	t.Hash = chainhash.Hash(g.Hash.or(displayHash(t.wtxid)))
	if !g.TxID.given && t.Hash == t.txid {
		t.Hash = t.wtxid
	}
	for i, n := range g.Depends.value {
		if int(n) > others {
			return nil, fmt.Errorf("depends[%d] %d: want the place, counted from 1, of one of the %d transactions before this one", i, n, others)
		}
		t.Depends = append(t.Depends, int32(n))
	}
	return scratch, nil
}
