package main

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/touchstone-btc/touchstone/internal/serve"
)

// serverFlags are the flags of commands that devices connect to.
type serverFlags struct {
	listen         []string
	tlsListen      []string
	tlsCert        string
	tlsKey         string
	proxyProtocol  networksFlag
	maxConns       int
	maxPerAddress  int
	idle           time.Duration
	linesPerSecond float64
	ban            time.Duration
	record         string
	recordSize     sizeFlag
	status         string
	audit          liveAuditFlags
	config         string
	json           bool

	defaultListen string
}

// serverFlagsUsage is the part of a usage text that tells of serverFlags, but
// for --config and --json; see configFlagUsage.
const serverFlagsUsage = `  --listen HOST:PORT        where devices connect; repeated; default: 127.0.0.1
                            with port 3333 for pool, 3334 for proxy. The host
                            0.0.0.0 is for all who reach this machine: Stratum
                            has no password worth the name, so let it be only
                            your own network
  --tls-listen HOST:PORT    where they connect with TLS (stratum+ssl://);
                            repeated; alone, there is no port without
  --tls-cert FILE           certificate for that, with its chain, PEM
  --tls-key FILE            the certificate's key, PEM
  --proxy-protocol NETWORK  load balancers at these addresses, such as
                            10.0.0.0/8, say whose connection it is by the PROXY
                            protocol, version 1 or 2; others must not; repeated
  --max-conns N             connections at a time; default 20000
  --max-conns-per-address N of one address, or one /64 of IPv6; default 10000
  --idle DURATION           how long a device may be silent, such as 90s; the
                            default is 10m; 0 is for ever
  --lines-per-second N      messages of one connection; more are slowed down,
                            and cut off after a minute of that; default 100; 0
                            takes all
  --ban DURATION            how long to keep out addresses that break the
                            protocol or flood us; default 1m; 0 keeps out
                            nobody; this machine's own addresses never are
  --record DIR              write what is said to files in this folder, made if
                            need be; passwords are blanked; for 'touchstone
                            verify shares'
  --record-size BYTES       when to begin another file, with K, M, G for 1024,
                            1024^2, 1024^3; default 256M
  --status HOST:PORT        where to see status by HTTP, / for JSON and /metrics
                            for Prometheus; default: 127.0.0.1 with port 3380
                            for pool, 3381 for proxy; off for none
` + liveAuditUsage

// add adds the flags to cmd, with the addresses that it has by default.
func (s *serverFlags) add(cmd *cobra.Command, listen, status string) {
	s.defaultListen = listen
	f := cmd.Flags()
	f.StringArrayVar(&s.listen, "listen", nil, "")
	f.StringArrayVar(&s.tlsListen, "tls-listen", nil, "")
	f.StringVar(&s.tlsCert, "tls-cert", "", "")
	f.StringVar(&s.tlsKey, "tls-key", "", "")
	f.Var(&s.proxyProtocol, "proxy-protocol", "")
	f.IntVar(&s.maxConns, "max-conns", 20_000, "")
	f.IntVar(&s.maxPerAddress, "max-conns-per-address", 10_000, "")
	f.DurationVar(&s.idle, "idle", 10*time.Minute, "")
	f.Float64Var(&s.linesPerSecond, "lines-per-second", 100, "")
	f.DurationVar(&s.ban, "ban", time.Minute, "")
	f.Var((*onceFlag)(&s.record), "record", "")
	s.recordSize = 256 << 20
	f.Var(&s.recordSize, "record-size", "")
	f.StringVar(&s.status, "status", status, "")
	s.audit.add(cmd)
	f.BoolVar(&s.json, "json", false, "")
	addConfigFlag(cmd, &s.config)
	cmd.MarkFlagFilename("tls-cert")
	cmd.MarkFlagFilename("tls-key")
	cmd.MarkFlagDirname("record")
}

// The least that makes sense: below, a device would be cut off between two
// shares, or a file would hold a few of them.
const (
	minIdle       = time.Second
	minRecordSize = 64 << 10
)

// check reports flags that make no sense, alone or together.
func (s *serverFlags) check(cmd *cobra.Command) error {
	given := cmd.Flags().Changed
	for _, l := range []struct {
		name      string
		addresses []string
	}{{"listen", s.listen}, {"tls-listen", s.tlsListen}} {
		for _, a := range l.addresses {
			if err := checkAddress(l.name, a); err != nil {
				return err
			}
		}
	}
	if s.status != "off" {
		if err := checkAddress("status", s.status); err != nil {
			return err
		}
	}
	switch {
	case len(s.tlsListen) > 0 && (s.tlsCert == "" || s.tlsKey == ""):
		return withHint(errors.New("--tls-listen needs --tls-cert and --tls-key"),
			"one for a test: openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 365 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1")
	case len(s.tlsListen) == 0 && (given("tls-cert") || given("tls-key")):
		return usageError(cmd, "--tls-cert and --tls-key need --tls-listen")
	case s.maxConns < 1:
		return usageError(cmd, "--max-conns: %d is not 1 or more", s.maxConns)
	case s.maxPerAddress < 1:
		return usageError(cmd, "--max-conns-per-address: %d is not 1 or more", s.maxPerAddress)
	case s.idle != 0 && s.idle < minIdle:
		return usageError(cmd, "--idle: %s is neither %s or more, nor 0", s.idle, minIdle)
	case !(s.linesPerSecond >= 0) || math.IsInf(s.linesPerSecond, 0) || s.linesPerSecond > 1e6:
		return usageError(cmd, "--lines-per-second: %g is not from 0 to 1000000", s.linesPerSecond)
	case s.linesPerSecond != 0 && s.linesPerSecond < 1:
		return usageError(cmd, "--lines-per-second: %g is neither 1 or more, nor 0", s.linesPerSecond)
	case s.ban < 0:
		return usageError(cmd, "--ban: %s is negative", s.ban)
	case given("record-size") && s.record == "":
		return usageError(cmd, "--record-size needs --record")
	case s.recordSize < minRecordSize:
		return usageError(cmd, "--record-size: %s is less than %s", &s.recordSize, sizeText(minRecordSize))
	}
	return s.audit.check(cmd)
}

// checkAddress reports what is no address to listen on. A missing host means
// all addresses, and a name is looked up later.
func checkAddress(flag, address string) error {
	if strings.Contains(address, ",") {
		return withHint(fmt.Errorf("--%s: %q is not HOST:PORT", flag, address),
			"for several, repeat the flag; %s holds them with spaces between them", environmentName(flag))
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return withHint(fmt.Errorf("--%s: %q is not HOST:PORT", flag, address),
			"such as 127.0.0.1:3333, [::1]:3333, or 0.0.0.0:3333 for all of this machine's addresses")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return withHint(fmt.Errorf("--%s: port %q of %q is not from 0 to 65535", flag, port, address),
			"0 takes one that is free")
	}
	return nil
}

// listenAt returns where devices connect. It reads the TLS certificate.
func (s *serverFlags) listenAt() ([]serve.ListenAt, error) {
	config := serve.ListenConfig{
		ProxyProtocol:      s.proxyProtocol,
		MaxConns:           s.maxConns,
		MaxConnsPerAddress: s.maxPerAddress,
		Idle:               orNone(s.idle),
		LinesPerSecond:     orNone(s.linesPerSecond),
		BanFor:             orNone(s.ban),
	}
	var at []serve.ListenAt
	for _, address := range s.plain() {
		at = append(at, serve.ListenAt{Address: address, Config: config})
	}
	if len(s.tlsListen) == 0 {
		return at, nil
	}
	certificate, err := serve.LoadCertificate(s.tlsCert, s.tlsKey)
	if err != nil {
		return nil, err
	}
	config.TLS = certificate.Config()
	for _, address := range s.tlsListen {
		at = append(at, serve.ListenAt{Address: address, Config: config})
	}
	return at, nil
}

// plain returns the addresses without TLS.
func (s *serverFlags) plain() []string {
	if len(s.listen) == 0 && len(s.tlsListen) == 0 {
		return []string{s.defaultListen}
	}
	return s.listen
}

// serverReloaded are those of the flags that change without a restart.
var serverReloaded = []string{"tls-cert", "tls-key", "proxy-protocol", "max-conns", "max-conns-per-address", "idle", "lines-per-second", "ban"}

// orNone turns a flag's 0, which switches something off, into what does so in
// a config, where 0 means the default.
func orNone[T time.Duration | float64](v T) T {
	if v == 0 {
		return -1
	}
	return v
}

// openRecorder opens the recording that was asked for; nil if none was.
func (s *serverFlags) openRecorder(onEvent func(serve.Event)) (*serve.Recorder, error) {
	if s.record == "" {
		return nil, nil
	}
	r, err := serve.OpenRecorder(serve.RecorderConfig{Dir: s.record, MaxFileSize: int64(s.recordSize), OnEvent: onEvent})
	if err != nil {
		return nil, withHint(fmt.Errorf("--record: %w", err), "name a folder that you may write to")
	}
	return r, nil
}

// statusAddress is where status is shown, "" for nowhere.
func (s *serverFlags) statusAddress() string {
	if s.status == "off" {
		return ""
	}
	return s.status
}

// notices says once what who starts this should know.
func (s *serverFlags) notices() []string {
	var open []string
	for _, address := range append(s.plain(), s.tlsListen...) {
		if !onLoopback(address) {
			open = append(open, address)
		}
	}
	var notices []string
	if len(open) > 0 {
		notices = append(notices, fmt.Sprintf("whoever reaches %s can mine here: Stratum V1 knows no authentication; let a firewall keep others out",
			strings.Join(open, ", ")))
	}
	if a := s.statusAddress(); a != "" && !onLoopback(a) {
		notices = append(notices, fmt.Sprintf("whoever reaches %s can read the status, with workers' names and addresses", a))
	}
	return notices
}

// onLoopback returns whether only this machine reaches an address.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil || host == "localhost" {
		return err == nil
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// networksFlag is a flag that names networks, one at a time.
type networksFlag []*net.IPNet

func (f *networksFlag) Set(s string) error {
	n, err := parseNetwork(s)
	if err == nil {
		*f = append(*f, n)
	}
	return err
}

func parseNetwork(s string) (*net.IPNet, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}, nil
	}
	_, n, err := net.ParseCIDR(s)
	if err != nil {
		return nil, withHint(fmt.Errorf("%q is no network", s), "such as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32")
	}
	return n, nil
}

func (f *networksFlag) String() string { return strings.Join(f.GetSlice(), " ") }
func (f *networksFlag) Type() string   { return "networks" }

// Append, Replace and GetSlice make it a flag that can be repeated.
func (f *networksFlag) Append(s string) error { return f.Set(s) }

func (f *networksFlag) Replace(all []string) error {
	*f = nil
	for _, s := range all {
		if err := f.Set(s); err != nil {
			return err
		}
	}
	return nil
}

func (f *networksFlag) GetSlice() []string {
	var all []string
	for _, n := range *f {
		all = append(all, n.String())
	}
	return all
}

// onceFlag is a text that can't be given twice: of two folders, one would be
// passed over in silence.
type onceFlag string

func (f *onceFlag) Set(s string) error {
	if *f != "" {
		return fmt.Errorf("%q and %q: it can be given once", string(*f), s)
	}
	*f = onceFlag(s)
	return nil
}

func (f *onceFlag) String() string { return string(*f) }
func (f *onceFlag) Type() string   { return "string" }

// sizeFlag is a flag that gives a number of bytes, with K, M or G.
type sizeFlag int64

func (f *sizeFlag) Set(s string) error {
	number, shift := s, 0
	if i := strings.IndexAny(s, "KMGkmg"); i == len(s)-1 && i > 0 {
		number = s[:i]
		shift = 10 * (1 + strings.IndexByte("KMG", strings.ToUpper(s)[i]))
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64>>shift {
		return withHint(fmt.Errorf("%q is not a number of bytes", s), "such as 1048576, 1024K, 256M or 1G")
	}
	*f = sizeFlag(n << shift)
	return nil
}

func (f *sizeFlag) String() string { return sizeText(int64(*f)) }
func (f *sizeFlag) Type() string   { return "bytes" }

// sizeText writes a number of bytes as short as it goes without rounding.
func sizeText(n int64) string {
	unit := ""
	for _, u := range []string{"K", "M", "G"} {
		if n == 0 || n%1024 != 0 {
			break
		}
		n, unit = n/1024, u
	}
	return fmt.Sprint(n) + unit
}
