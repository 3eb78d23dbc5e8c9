package serve

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/touchstone-btc/touchstone/audit/telemetry"
)

// telemetryCommands are what the cgminer API is asked, several at once where it can.
var telemetryCommands = []string{"summary", "devs", "pools", "stats", "version"}

const telemetryAtOnce = "summary+devs+pools+stats+version"

// telemetryV3 are what Whatsminer's API of 2024 is asked: command and parameter.
var telemetryV3 = [][2]string{
	{"get.miner.status", "summary"}, {"get.miner.status", "edevs"}, {"get.miner.status", "pools"}, {"get.device.info", ""},
}

// telemetryPath is what AxeOS is asked.
const telemetryPath = "/api/system/info"

// poll asks a device all that there is to ask.
func (p *TelemetryPoller) poll(ctx context.Context, d *telemetryDevice) *TelemetryPoll {
	d.number++
	poll := &TelemetryPoll{Worker: d.target.Worker, URL: d.url.String(), Number: d.number, Time: time.Now()}
	ask := func(command string, exchange func(context.Context) ([]byte, error)) bool {
		limited, cancel := context.WithTimeout(ctx, p.config.Timeout)
		defer cancel()
		raw, err := exchange(limited)
		r := TelemetryReply{Command: command, Time: time.Now(), Raw: blankPasswords(raw)}
		if err != nil {
			r.Err = p.telemetryError(err)
		}
		poll.Replies = append(poll.Replies, r)
		return err == nil
	}
	switch d.url.Scheme {
	case "whatsminer":
		for _, c := range telemetryV3 {
			name := c[0]
			if c[1] != "" {
				name += " " + c[1]
			}
			if !ask(name, func(ctx context.Context) ([]byte, error) { return p.askV3(ctx, d.url.Address(), c[0], c[1]) }) {
				break // the next would only wait as long
			}
		}
	case "http":
		ask(telemetryPath, func(ctx context.Context) ([]byte, error) {
			return p.askHTTP(ctx, "http://"+d.url.Address()+telemetryPath)
		})
	default:
		p.pollCgminer(d, poll, func(command string) bool {
			return ask(command, func(ctx context.Context) ([]byte, error) { return p.askCgminer(ctx, d.url.Address(), command) })
		})
	}
	return poll
}

// pollCgminer asks several commands at once, and one by one what does not understand that.
func (p *TelemetryPoller) pollCgminer(d *telemetryDevice, poll *TelemetryPoll, ask func(command string) bool) {
	if !d.single {
		if !ask(telemetryAtOnce) && poll.Replies[0].Raw == nil {
			return // it does not answer at all
		}
		if answersAll(poll.Replies[0].Raw) {
			return
		}
		d.single = true
		if poll.Replies[0].Err == "" { // the refusal says nothing of the device
			poll.Replies = poll.Replies[:0]
		}
	}
	for _, c := range telemetryCommands {
		if !ask(c) && poll.Replies[len(poll.Replies)-1].Raw == nil {
			return
		}
	}
}

// answersAll says that a reply answers several commands at once. One that makes reading it panic does not.
func answersAll(raw []byte) (all bool) {
	defer func() {
		if recover() != nil {
			all = false
		}
	}()
	r := telemetry.Parse([]telemetry.Reply{{Command: telemetryAtOnce, Raw: raw}})
	return r.Uptime >= 0 && len(r.Pools) > 0
}

// askCgminer asks a command of the cgminer API: one connection for each, the answer ends with it, or with a NUL.
func (p *TelemetryPoller) askCgminer(ctx context.Context, address, command string) ([]byte, error) {
	request, _ := json.Marshal(struct {
		Command string `json:"command"`
	}{command})
	conn, stop, err := dialTelemetry(ctx, address)
	if err != nil {
		return nil, err
	}
	defer stop()
	if _, err := conn.Write(request); err != nil {
		return nil, err
	}
	return readTelemetry(conn, p.config.MaxReply)
}

// dialTelemetry connects. stop ends the connection, as the end of ctx does.
func dialTelemetry(ctx context.Context, address string) (conn net.Conn, stop func(), err error) {
	conn, err = new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	cancel := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return conn, func() { cancel(); conn.Close() }, nil
}

var (
	errReplyTooLong  = errors.New("the answer is too long")
	errReplyNone     = errors.New("the connection was closed without an answer")
	errReplyCutShort = errors.New("the answer is shorter than it says")
)

// readTelemetry reads to the end of the connection, a NUL, or the limit. What was read is returned beside an error too.
func readTelemetry(conn net.Conn, limit int) ([]byte, error) {
	var all []byte
	buf := make([]byte, 8<<10)
	for {
		n, err := conn.Read(buf)
		all = append(all, buf[:min(n, limit+1-len(all))]...)
		switch {
		case len(all) > limit:
			return all[:limit], fmt.Errorf("%w: more than %d bytes", errReplyTooLong, limit)
		case n > 0 && bytes.IndexByte(buf[:n], 0) >= 0:
			return all, nil
		case err == nil:
		case len(all) == 0 && err == io.EOF:
			return nil, errReplyNone
		case err == io.EOF || json.Valid(all): // some firmware does not close
			return all, nil
		case len(all) == 0:
			return nil, err
		default:
			return all, err
		}
	}
}

// askV3 asks Whatsminer's API of 2024: in both directions a length of four bytes, little-endian, and so many bytes of JSON.
func (p *TelemetryPoller) askV3(ctx context.Context, address, command, param string) ([]byte, error) {
	request, _ := json.Marshal(struct {
		Cmd   string `json:"cmd"`
		Param string `json:"param,omitempty"`
	}{command, param})
	conn, stop, err := dialTelemetry(ctx, address)
	if err != nil {
		return nil, err
	}
	defer stop()
	if _, err := conn.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(request))), request...)); err != nil {
		return nil, err
	}
	var head [4]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		if err == io.EOF {
			err = errReplyNone
		}
		return nil, err
	}
	size := binary.LittleEndian.Uint32(head[:])
	if uint64(size) > uint64(p.config.MaxReply) {
		return nil, fmt.Errorf("%w: it says %d bytes, and %d are taken", errReplyTooLong, size, p.config.MaxReply)
	}
	var body bytes.Buffer // grows with what comes, not with what is promised
	n, err := io.CopyN(&body, conn, int64(size))
	if err == io.EOF {
		err = fmt.Errorf("%w: %d of %d bytes", errReplyCutShort, n, size)
	}
	return body.Bytes(), err
}

// askHTTP asks AxeOS.
func (p *TelemetryPoller) askHTTP(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{
		Transport: &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10},
		// A device that sends us elsewhere is not what we ask.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, int64(p.config.MaxReply)+1))
	switch {
	case len(body) > p.config.MaxReply:
		return body[:p.config.MaxReply], fmt.Errorf("%w: more than %d bytes", errReplyTooLong, p.config.MaxReply)
	case err != nil:
		return body, err
	case response.StatusCode != http.StatusOK:
		return body, fmt.Errorf("HTTP status %d", response.StatusCode)
	case len(body) == 0:
		return nil, errReplyNone
	}
	return body, nil
}

// telemetryError says for people why there is no answer.
func (p *TelemetryPoller) telemetryError(err error) string {
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Sprintf("no complete answer within %v", p.config.Timeout)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused: is the API switched on in the device, and the port right?"
	case errors.As(err, &dns):
		return fmt.Sprintf("the host %s is not known", dns.Name)
	case errors.Is(err, errReplyNone):
		return err.Error() + ": may this address use the API? Many devices have a list of those that may"
	}
	return err.Error()
}
