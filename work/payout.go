package work

import (
	"fmt"
	"strings"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/txscript/v2"
)

// Remainder as a payout's value stands for what the other payouts leave of the coinbase's value.
const Remainder int64 = -1

// maxAddress is the most characters an address has (BIP 173); decoding base58 takes the square of the length.
const maxAddress = 90

// Payout is one output of a coinbase.
type Payout struct {
	// Script is the output's script; AddressScript makes one.
	Script []byte
	// Value is in satoshi. One payout at most may be Remainder.
	Value int64
}

// AddressScript returns the output script that pays addr on network n. It knows P2PKH, P2SH, P2WPKH, P2WSH and P2TR addresses
// (base58check; BIP 173, BIP 350). An address of another network is refused by the names of both; networks that share a form
// of address cannot be told apart.
func AddressScript(addr string, n *Network) ([]byte, error) {
	if len(addr) > maxAddress {
		return nil, fmt.Errorf("address %s has %d characters: none has more than %d", quote(addr), len(addr), maxAddress)
	}
	decoded, err := decodeAddress(addr, n)
	if err != nil {
		if others := addressNetworks(addr, n); len(others) > 0 {
			return nil, fmt.Errorf("address %s is for %s, not for %s: give one of %s", quote(addr), strings.Join(others, " or "), n, n)
		}
		return nil, fmt.Errorf("address %s: %w; is it typed right?", quote(addr), err)
	}
	switch decoded.(type) {
	case *address.AddressPubKeyHash, *address.AddressScriptHash, *address.AddressWitnessPubKeyHash,
		*address.AddressWitnessScriptHash, *address.AddressTaproot:
		return txscript.PayToAddrScript(decoded)
	}
	return nil, fmt.Errorf("address %s is a %T: want a P2PKH, P2SH, P2WPKH, P2WSH or P2TR address", quote(addr), decoded)
}

// decodeAddress decodes an address of network n.
func decodeAddress(addr string, n *Network) (address.Address, error) {
	decoded, err := address.DecodeAddress(addr, n.Params)
	if err != nil {
		return nil, err
	}
	if !decoded.IsForNet(n.Params) {
		return nil, fmt.Errorf("not an address of %s", n)
	}
	return decoded, nil
}

// addressNetworks returns the names of the networks but n of which addr is an address.
func addressNetworks(addr string, n *Network) (names []string) {
	for _, other := range Networks() {
		if other == n {
			continue
		}
		if _, err := decodeAddress(addr, other); err == nil {
			names = append(names, other.Name)
		}
	}
	return names
}

// payoutValues returns the payouts' values with Remainder filled in. They add up to total exactly: what a coinbase leaves is
// lost for good.
func payoutValues(payouts []Payout, total int64) ([]int64, error) {
	if len(payouts) == 0 {
		return nil, fmt.Errorf("no payout for %d satoshi: give an address", total)
	}
	values := make([]int64, len(payouts))
	rest, remainder := total, -1
	for i, p := range payouts {
		values[i] = p.Value
		switch {
		case len(p.Script) == 0:
			return nil, fmt.Errorf("payout %d has no script: anyone could take it", i)
		case p.Value == Remainder && remainder >= 0:
			return nil, fmt.Errorf("payouts %d and %d both take the remainder: give one of them a value", remainder, i)
		case p.Value == Remainder:
			remainder = i
			continue
		case p.Value < 0:
			return nil, fmt.Errorf("payout %d of %d satoshi: want 0 or more", i, p.Value)
		case p.Value > rest:
			return nil, fmt.Errorf("payouts 0 to %d exceed the coinbase's %d satoshi by %d: lower them", i, total, p.Value-rest)
		}
		rest -= p.Value
	}
	switch {
	case remainder >= 0:
		values[remainder] = rest
	case rest > 0:
		return nil, fmt.Errorf("payouts leave %d of the coinbase's %d satoshi to nobody: let one take the remainder", rest, total)
	}
	return values, nil
}
