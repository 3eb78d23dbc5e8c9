package serve

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// TelemetryURL says where and how a device is asked.
type TelemetryURL struct {
	// Scheme is "cgminer", "whatsminer" or "http".
	Scheme string
	// Host is a name or an address, Port a number from 1.
	Host string
	Port int
}

// telemetryPorts are the ports where none is given.
var telemetryPorts = map[string]int{"cgminer": 4028, "whatsminer": 4433, "http": 80}

const telemetryURLs = "cgminer://HOST:4028, whatsminer://HOST:4433 or axeos://HOST"

// ParseTelemetryURL reads where a device is asked: cgminer://HOST:4028 for the API that most devices have, of Whatsminer too,
// whatsminer://HOST:4433 for Whatsminer's of 2024 ("V3"), axeos://HOST or http://HOST for AxeOS. The ports can be left out.
func ParseTelemetryURL(text string) (*TelemetryURL, error) {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		return nil, fmt.Errorf("%q says not how to ask: want %s", text, telemetryURLs)
	}
	t := &TelemetryURL{Scheme: strings.ToLower(scheme)}
	if t.Scheme == "axeos" {
		t.Scheme = "http"
	}
	port, known := telemetryPorts[t.Scheme]
	if !known {
		return nil, fmt.Errorf("unknown scheme %q: want %s", scheme, telemetryURLs)
	}
	u, err := url.Parse("//" + rest)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%q is no URL: want %s", text, telemetryURLs)
	case u.User != nil:
		return nil, fmt.Errorf("user and password are not used for reading: want %s", telemetryURLs)
	case u.Hostname() == "":
		return nil, fmt.Errorf("%q: the host is missing; want %s", text, telemetryURLs)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%q: more after the port; want %s", text, telemetryURLs)
	}
	t.Host, t.Port = u.Hostname(), port
	if p := u.Port(); p != "" {
		if t.Port, err = strconv.Atoi(p); err != nil || t.Port < 1 || t.Port > 65535 {
			return nil, fmt.Errorf("%q: port %s: want 1 to 65535", text, p)
		}
	}
	return t, nil
}

// Address returns host and port, as for net.Dial.
func (t *TelemetryURL) Address() string { return net.JoinHostPort(t.Host, strconv.Itoa(t.Port)) }

// String returns the URL.
func (t *TelemetryURL) String() string { return t.Scheme + "://" + t.Address() }
