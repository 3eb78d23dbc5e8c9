package node

import "context"

// A Source gives block templates and takes blocks. Client, Nodes and the
// embedded chain of work/node/devnet are Sources. Its methods may be called from
// several goroutines at once, and return soon after ctx ends.
type Source interface {
	// Template returns a block template as the JSON object of BIP 22. With an
	// empty longPollID it returns the current one at once. With the longpollid of
	// an earlier template of this Source it returns when there is new work, or
	// when the Source's own refresh interval has passed; the template may then
	// be much like the earlier one. The caller owns the returned bytes.
	Template(ctx context.Context, longPollID string) ([]byte, error)

	// Submit hands over a serialized block, with its witness. It does not keep
	// or change block. An error means that no node judged it.
	Submit(ctx context.Context, block []byte) (Answer, error)

	// Chain returns the chain's name as the node gives it in getblockchaininfo:
	// "main", "test", "signet", … from bitcoind, "mainnet", "testnet3", … from
	// btcd. See [SameChain].
	Chain(ctx context.Context) (string, error)
}

// SameChain reports whether two names that nodes give themselves in
// getblockchaininfo mean the same chain: bitcoind and btcd word them differently.
func SameChain(a, b string) bool { return chainName(a) == chainName(b) }

func chainName(s string) string {
	switch s {
	case "main":
		return "mainnet"
	case "test", "testnet":
		return "testnet3"
	}
	return s
}
