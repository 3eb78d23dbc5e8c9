package devnet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/touchstone-btc/touchstone/work/node"
)

// payout is where the rewards of a data folder's blocks go.
type payout struct {
	address string
	script  []byte
}

// loadPayout reads the key in the file path and returns the P2WPKH address that
// it opens. Where there is no file it makes a key and writes it, readable by its
// owner only, before it returns.
func loadPayout(path string, params *chaincfg.Params) (payout, error) {
	wif, err := readKey(path, params)
	if errors.Is(err, fs.ErrNotExist) {
		wif, err = makeKey(path, params)
	}
	if err != nil {
		return payout{}, err
	}
	hash := address.Hash160(wif.SerializePubKey())
	addr, err := address.NewAddressWitnessPubKeyHash(hash, params)
	if err != nil {
		return payout{}, fmt.Errorf("payout key %s: %w", path, err)
	}
	script, err := txscript.PayToAddrScript(addr)
	if err != nil {
		return payout{}, fmt.Errorf("payout key %s: %w", path, err)
	}
	return payout{address: addr.EncodeAddress(), script: script}, nil
}

func readKey(path string, params *chaincfg.Params) (*btcutil.WIF, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("payout key: %w", err)
	}
	// The text is left out of errors: it is a secret, or once was one.
	const cure = "restore it from a backup, or rename it to have a new key made"
	wif, err := btcutil.DecodeWIF(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("payout key %s holds no private key in WIF; %s", path, cure)
	}
	if !wif.IsForNet(params) {
		return nil, fmt.Errorf("payout key %s is not one of network %s; %s", path, params.Name, cure)
	}
	return wif, nil
}

func makeKey(path string, params *chaincfg.Params) (*btcutil.WIF, error) {
	key, err := btcec.NewPrivateKey()
	if err != nil {
		return nil, fmt.Errorf("making a payout key: %w", err)
	}
	wif, err := btcutil.NewWIF(key, params, true)
	if err != nil {
		return nil, fmt.Errorf("making a payout key: %w", err)
	}
	if err := node.WriteFile(path, []byte(wif.String()+"\n")); err != nil {
		return nil, fmt.Errorf("writing payout key %s: %w", path, err)
	}
	return wif, nil
}
