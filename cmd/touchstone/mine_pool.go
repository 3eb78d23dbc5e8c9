package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/touchstone-btc/touchstone/internal/serve"
	"github.com/touchstone-btc/touchstone/stratum"
)

// poolFlags are the flags that say at which pools to mine.
type poolFlags struct {
	pools        []string
	user         string
	passwordFile string
	cert         string
	shares       int
}

// add adds the flags to cmd.
func (p *poolFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&p.pools, "pool", nil, "")
	f.StringVar(&p.user, "pool-user", "", "")
	f.StringVar(&p.passwordFile, "pool-password-file", "", "")
	f.StringVar(&p.cert, "pool-cert", "", "")
	f.IntVar(&p.shares, "shares", 0, "")
	cmd.MarkFlagFilename("pool-password-file")
	cmd.MarkFlagFilename("pool-cert")
}

// check reports flags that make no sense together.
func (p *poolFlags) check(cmd *cobra.Command) error {
	given := cmd.Flags().Changed
	if len(p.pools) == 0 {
		for _, name := range []string{"pool-user", "pool-password-file", "pool-cert", "shares"} {
			if given(name) {
				return usageError(cmd, "--%s needs --pool", name)
			}
		}
		return nil
	}
	for _, name := range []string{"node", "address", "tag", "datadir", "rpc-user", "rpc-password-file", "rpc-cookie", "rpc-cert"} {
		if given(name) {
			return withHint(fmt.Errorf("--%s can't be given with --pool", name),
				"a pool makes the blocks and says who is paid; leave one of them out")
		}
	}
	if given("shares") && p.shares < 1 {
		return usageError(cmd, "--shares: %d is not 1 or more", p.shares)
	}
	return nil
}

// read returns the pools, and the certificates to trust, nil for those of the
// system.
func (p *poolFlags) read() (pools []serve.PoolURL, roots *x509.CertPool, err error) {
	var password string
	if p.passwordFile != "" {
		if password, err = readPassword(p.passwordFile); err != nil {
			return nil, nil, fmt.Errorf("--pool-password-file: %w", err)
		}
	}
	secure := false
	for _, text := range p.pools {
		one, err := serve.ParsePoolURL(text)
		if err != nil {
			return nil, nil, fmt.Errorf("--pool: %w", err)
		}
		if one.User == "" {
			one.User = p.user
		}
		if one.Password == "" {
			one.Password = password
		}
		if len(one.User) > stratum.MaxField || len(one.Password) > stratum.MaxField {
			return nil, nil, fmt.Errorf("user or password of %s: more than %d bytes", one, stratum.MaxField)
		}
		if slices.Contains(pools, one) {
			return nil, nil, fmt.Errorf("--pool: %s is given twice with the same worker", one)
		}
		secure = secure || one.TLS
		pools = append(pools, one)
	}
	if p.cert == "" {
		return pools, nil, nil
	}
	if !secure {
		return nil, nil, withHint(errors.New("--pool-cert needs a pool with TLS"), "such as stratum+ssl://HOST:PORT")
	}
	pem, err := readSmallFile(p.cert, 1<<20)
	if err != nil {
		return nil, nil, fmt.Errorf("--pool-cert: %w", err)
	}
	roots = x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, nil, fmt.Errorf("--pool-cert: %s holds no PEM certificate", p.cert)
	}
	return pools, roots, nil
}

// readPassword returns the first line of a file.
func readPassword(name string) (string, error) {
	b, err := readSmallFile(name, 64<<10)
	if err != nil {
		return "", err
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 {
		return "", fmt.Errorf("%s: the first line is empty", name)
	}
	return string(line), nil
}

// readSmallFile reads a regular file of at most limit bytes.
func readSmallFile(name string, limit int64) ([]byte, error) {
	// Opening a named pipe would wait for its writer, so look before.
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, withHint(fmt.Errorf("%s: %w", name, cause(err)), "name a file that you may read")
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, withHint(fmt.Errorf("%s: %w", name, cause(err)), "name a file that you may read")
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(b)) > limit:
		return nil, fmt.Errorf("%s is longer than %d bytes", name, limit)
	}
	return b, nil
}

// minePool mines at pools.
func (m *mineCommand) minePool(cmd *cobra.Command) error {
	pools, roots, err := m.pool.read()
	if err != nil {
		return err
	}
	printer := &minePrinter{program: m.program, json: m.json}
	miner, err := serve.NewPoolMiner(serve.PoolMinerConfig{
		Pools:       pools,
		Roots:       roots,
		UserAgent:   userAgent(),
		VersionMask: uint32(m.versionMask),
		Threads:     m.threads,
		Kernel:      m.kernel.kernel,
		Shares:      m.pool.shares,
		Blocks:      m.blocks,
		StatusEvery: printer.statusEvery(),
		OnEvent:     printer.print,
	})
	if err != nil {
		return err
	}
	if err := miner.Run(cmd.Context()); err != nil {
		return explainPool(err)
	}
	done := printer.stopped
	switch {
	case m.pool.shares > 0 && done.Accepted >= m.pool.shares, m.blocks > 0 && done.Blocks >= m.blocks:
		return nil
	case m.pool.shares > 0:
		return fmt.Errorf("interrupted: %d of %s accepted", done.Accepted, count(int64(m.pool.shares), "share"))
	case m.blocks > 0:
		return fmt.Errorf("interrupted: %d of %s accepted", done.Blocks, count(int64(m.blocks), "block"))
	}
	return nil
}

// userAgent is what pools are told of us.
func userAgent() string {
	version := readVersion().Version
	if version == "" || strings.ContainsAny(version, " ()") {
		return "touchstone"
	}
	return "touchstone/" + strings.TrimPrefix(version, "v")
}

// explainPool adds the cure to an error, where we know it.
func explainPool(err error) error {
	var authorize *stratum.AuthorizeError
	var certificate *tls.CertificateVerificationError
	var name *net.DNSError
	switch {
	case errors.As(err, &authorize):
		return withHint(err, "name a worker that the pool knows with --pool-user; many pools want an address, or NAME.WORKER")
	case errors.As(err, &certificate):
		return withHint(err, "if this is the pool's own certificate, trust it with --pool-cert FILE")
	case errors.As(err, &name):
		return withHint(err, "is the pool's name spelled right?")
	}
	return err
}
