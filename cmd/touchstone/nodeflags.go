package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/touchstone-btc/touchstone/internal/serve"
	"github.com/touchstone-btc/touchstone/work/node"
)

// nodeFlags are the flags that say where templates come from and blocks go:
// to nodes, or to the private chain.
type nodeFlags struct {
	nodes        []string
	address      string
	dataDir      string
	user         string
	passwordFile string
	cookie       string
	cert         string
}

// add adds the flags to cmd.
func (n *nodeFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&n.nodes, "node", nil, "")
	f.StringVar(&n.address, "address", "", "")
	f.StringVar(&n.dataDir, "datadir", "", "")
	f.StringVar(&n.user, "rpc-user", "", "")
	f.StringVar(&n.passwordFile, "rpc-password-file", "", "")
	f.StringVar(&n.cookie, "rpc-cookie", "", "")
	f.StringVar(&n.cert, "rpc-cert", "", "")
	cmd.MarkFlagDirname("datadir")
}

// check reports flags that make no sense together. unpaid says that nobody
// needs to be named who is paid.
func (n *nodeFlags) check(cmd *cobra.Command, unpaid bool) error {
	if len(n.nodes) > 0 {
		if n.address == "" && !unpaid {
			return withHint(errors.New("--node needs --address: who is to be paid"),
				"take one from your own wallet, such as that of 'bitcoin-cli getnewaddress'")
		}
		return nil
	}
	for _, name := range []string{"address", "rpc-user", "rpc-password-file", "rpc-cookie", "rpc-cert"} {
		if cmd.Flags().Changed(name) {
			return withHint(fmt.Errorf("--%s needs --node", name),
				"without --node a private chain is mined, which pays an address of its own")
		}
	}
	return nil
}

// folder is the data folder, an absolute path because messages name it.
func (n *nodeFlags) folder(lookupEnv func(string) (string, bool)) (string, error) {
	dataDir := n.dataDir
	if dataDir == "" {
		var err error
		if dataDir, err = dataFolder(lookupEnv); err != nil {
			return "", err
		}
	}
	dataDir, err := filepath.Abs(dataDir)
	if err != nil {
		return "", fmt.Errorf("--datadir: %w", err)
	}
	return dataDir, nil
}

// open joins the nodes, or the private chain.
func (n *nodeFlags) open(ctx context.Context, dataDir string, onEvent func(serve.Event)) (*serve.Backend, error) {
	if len(n.nodes) == 0 {
		return serve.OpenDevnet(ctx, dataDir, onEvent)
	}
	c := serve.NodesConfig{Address: n.address, DataDir: dataDir, OnEvent: onEvent}
	for _, url := range n.nodes {
		c.Nodes = append(c.Nodes, node.Config{
			URL:          url,
			User:         n.user,
			PasswordFile: n.passwordFile,
			CookieFile:   n.cookie,
			CertFile:     n.cert,
		})
	}
	return serve.OpenNodes(ctx, c)
}

// explain adds the cure to an error, where we know it.
func explain(dataDir string, err error) error {
	var inUse *node.InUseError
	var nodeError *node.Error
	var pathError *fs.PathError
	switch {
	case errors.As(err, &inUse):
		return withHint(err, "stop that one, or name another folder with --datadir")
	case errors.As(err, &nodeError) && nodeError.Hint != "":
		if text, found := strings.CutSuffix(err.Error(), "; "+nodeError.Hint); found {
			return withHint(errors.New(text), "%s", nodeError.Hint)
		}
	case errors.As(err, &pathError) && strings.HasPrefix(pathError.Path, dataDir):
		return withHint(err, "name a folder that you may write to with --datadir")
	}
	return err
}
