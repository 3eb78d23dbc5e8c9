package main

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/touchstone-btc/touchstone/internal/serve"
)

// poolPrinter prints what happens in a pool. It is safe to share.
type poolPrinter struct {
	program *program
	json    bool

	mu     sync.Mutex
	guests guestBook
}

// print prints an event.
func (p *poolPrinter) print(e serve.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	con := p.program.con
	if p.json {
		p.program.printEventJSON(now, e)
		return
	}
	if text := p.guests.summary(now); text != "" {
		con.Log("touchstone: %s", text)
	}
	switch e := e.(type) {
	case serve.PoolStarted:
		lines, commands := poolStartedText(e)
		for _, line := range lines {
			con.Log("touchstone: %s", oneLine(line))
		}
		// Alone on their lines, to be copied.
		for _, command := range commands {
			con.Log("  %s", oneLine(command))
		}
		return
	case serve.DeviceAuthorized, serve.DeviceRefused, serve.DeviceGone:
		if !p.guests.note(e, now) {
			return
		}
	}
	if text, result := servingText(e); result {
		con.Print("%s", oneLine(text))
		// Whoever reads a pipe wants to know of a block now.
		con.Flush()
	} else if text != "" {
		con.Log("touchstone: %s", oneLine(text))
	}
}

// servingText is an event in words, and whether it is a result.
func servingText(e serve.Event) (text string, result bool) {
	switch e := e.(type) {
	case serve.DeviceAuthorized:
		text := fmt.Sprintf("%s joined from %s", nameText(e.Worker), e.Peer)
		if e.UserAgent != "" {
			text += " (" + nameText(e.UserAgent) + ")"
		}
		return text, false
	case serve.DeviceRefused:
		return fmt.Sprintf("%s refused as worker, from %s: %s", nameText(e.Worker), e.Peer, e.Error), false
	case serve.DeviceGone:
		who := nameText(e.Worker)
		if e.Worker == "" {
			if e.Reason == "" {
				return "", false
			}
			who = e.Peer
		}
		text := fmt.Sprintf("%s left after %s: %s", who, formatDuration(e.Elapsed.Duration()), count(int64(e.Accepted), "share"))
		if e.Refused > 0 {
			text += fmt.Sprintf(", %d refused", e.Refused)
		}
		if e.Reason != "" {
			text += "; " + e.Reason
		}
		return text, false
	case serve.PoolFound:
		return fmt.Sprintf("%s found block %d: %s", nameText(e.Worker), e.Height, e.Hash), false
	case serve.BlockRefused:
		if e.Reason == "stale-prevblk" {
			// What happens where several devices search for the same block.
			return fmt.Sprintf("block %s came too late: %s%s", heightText(e.Height), e.Hash, resentText(e.Resent)), true
		}
	case serve.PoolStopped:
		text := fmt.Sprintf("stopped: %s accepted", count(int64(e.Accepted), "block"))
		if e.Refused > 0 {
			text += fmt.Sprintf(", %d refused", e.Refused)
		}
		if e.Pending > 0 {
			text += fmt.Sprintf(", %d kept to be sent by the next run", e.Pending)
		}
		text += fmt.Sprintf("; %s credited", count(int64(e.Shares), "share"))
		if e.SharesRefused > 0 {
			text += fmt.Sprintf(", %d refused", e.SharesRefused)
		}
		return text + ", in " + formatDuration(e.Elapsed.Duration()), false
	}
	return serverEventText(e)
}

// poolStartedText is what one needs to know to use the pool, and commands that
// mine there.
func poolStartedText(e serve.PoolStarted) (lines, commands []string) {
	where := "the private chain in " + e.Folder
	if len(e.Nodes) > 0 {
		where = e.Chain + " at " + strings.Join(e.Nodes, ", ") + "; found blocks are kept in " + e.Folder
	}
	text := "pool on " + where
	if e.Pending > 0 {
		text += fmt.Sprintf("; sending %s of an earlier run", count(int64(e.Pending), "block"))
	}
	lines = []string{text}
	worker := "WORKER"
	if e.Address == "" {
		worker = "ADDRESS.NAME"
		lines = append(lines, "a block pays the address that is the worker's name up to its first dot")
	} else {
		lines = append(lines, "blocks pay "+e.Address)
	}
	if e.Status != "" {
		lines = append(lines, "status: "+e.Status)
	}
	lines = append(lines, "ready for miners, such as")
	for _, url := range e.Listen {
		url = reachableURL(url)
		mine := url
		if e.Address == "" {
			mine = strings.Replace(url, "://", "://"+worker+"@", 1)
		}
		commands = append(commands, "touchstone mine --pool "+mine)
		if strings.HasPrefix(url, "stratum+tcp:") {
			commands = append(commands, "minerd -a sha256d -o "+url+" -u "+worker+" -p x")
		}
	}
	return lines, commands
}

// reachableURL puts an address of this machine that others can reach in place
// of one that stands for all.
func reachableURL(url string) string {
	scheme, address, _ := strings.Cut(url, "://")
	host, port, err := net.SplitHostPort(address)
	if err != nil || !net.ParseIP(host).IsUnspecified() {
		return url
	}
	host = "127.0.0.1"
	addrs, _ := net.InterfaceAddrs() // without any, this machine can still reach itself
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && n.IP.To4() != nil {
			host = n.IP.String()
			break
		}
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// Devices that come and go are told one by one as long as they are few.
const (
	guestWindow = 10 * time.Second
	fewGuests   = 8
)

// guestBook counts devices that came and went too fast to be told one by one.
type guestBook struct {
	begin        time.Time
	told         int
	joined, left int
	refused      int
}

// note counts a device, and reports whether it is to be told by itself.
func (g *guestBook) note(e serve.Event, now time.Time) bool {
	if *g == (guestBook{begin: g.begin}) {
		g.begin = now
	}
	if g.told < fewGuests {
		g.told++
		return true
	}
	switch e := e.(type) {
	case serve.DeviceAuthorized, serve.DeviceJoined:
		g.joined++
	case serve.DeviceRefused:
		g.refused++
	case serve.DeviceLeft:
		g.left++
	case serve.DeviceGone:
		if e.Worker != "" {
			g.left++
		}
	}
	return false
}

// summary returns what is to be told of those that were only counted.
func (g *guestBook) summary(now time.Time) string {
	if now.Sub(g.begin) < guestWindow {
		return ""
	}
	var parts []string
	for _, what := range []struct {
		n    int
		text string
	}{{g.joined, "joined"}, {g.refused, "refused"}, {g.left, "left"}} {
		switch {
		case what.n > 0 && len(parts) == 0:
			parts = append(parts, strings.Replace(count(int64(what.n), "device"), " ", " more ", 1)+" "+what.text)
		case what.n > 0:
			parts = append(parts, fmt.Sprintf("%d %s", what.n, what.text))
		}
	}
	*g = guestBook{}
	return strings.Join(parts, ", ")
}
