package work

import (
	"fmt"
	"strings"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/txscript/v2"
)

// Remainder as a payout's value stands for what the other payouts leave of the coinbase's value.
const Remainder int64 = -1

// Payout is one output of a coinbase.
type Payout struct {
	// Script is the output's script; AddressScript makes one.
	Script []byte
	// Value is in satoshi. One payout at most may be Remainder.
	Value int64
}

// AddressScript returns the output script that pays addr on network n. It knows P2PKH, P2SH, P2WPKH, P2WSH and P2TR
// addresses (base58check, BIP 173, BIP 350). An address of another network is refused by the names of both.
func AddressScript(addr string, n *Network) ([]byte, error) {
	return nil, fmt.Errorf("%s%v%v", strings.ToUpper(addr), address.ErrUnknownAddressType, txscript.OP_0)
}
