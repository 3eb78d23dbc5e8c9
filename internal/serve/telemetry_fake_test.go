package serve

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakeDevice is a device's API on loopback.
type fakeDevice struct {
	address string

	mu    sync.Mutex
	asked []string
}

func (f *fakeDevice) note(command string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, command)
}

// commands returns what was asked until now.
func (f *fakeDevice) commands() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.asked...)
}

// serveDevice answers each connection with f until the test ends, which waits for all of them.
func serveDevice(t *testing.T, f func(d *fakeDevice, c net.Conn)) *fakeDevice {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	d := &fakeDevice{address: l.Addr().String()}
	var all sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			all.Go(func() {
				defer func() {
					c.Close()
					mu.Lock()
					delete(open, c)
					mu.Unlock()
				}()
				f(d, c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return d
}

// cgminerCommand reads what the cgminer API was asked.
func cgminerCommand(d *fakeDevice, c net.Conn) string {
	var request struct{ Command string }
	if json.NewDecoder(c).Decode(&request) != nil {
		return ""
	}
	d.note(request.Command)
	return request.Command
}

// cgminerReplies are those of a device with one pool.
var cgminerReplies = map[string]string{
	"summary": `{"STATUS":[{"STATUS":"S","When":1700000000,"Code":11,"Msg":"Summary","Description":"cgminer 4.9.2"}],"SUMMARY":[{"Elapsed":50000,"MHS av":100000000.0,"Accepted":1000,"Rejected":2,"Stale":1,"Difficulty Accepted":1000000000,"Best Share":99000000000}],"id":1}`,
	"devs":    `{"STATUS":[{"STATUS":"S","When":1700000000,"Code":9,"Description":"cgminer 4.9.2"}],"DEVS":[{"ASC":0,"Name":"X","MHS av":60000000},{"ASC":1,"Name":"X","MHS av":40000000}],"id":1}`,
	"pools":   `{"STATUS":[{"STATUS":"S","When":1700000000,"Code":7,"Description":"cgminer 4.9.2"}],"POOLS":[{"POOL":0,"URL":"stratum+tcp://pool.example:3333","User":"acct.worker1","Password":"secret","Stratum Active":true,"Accepted":1000,"Stratum Difficulty":1000000}],"id":1}`,
	"stats":   `{"STATUS":[{"STATUS":"S","Code":70,"Description":"cgminer 4.9.2"}],"STATS":[{"STATS":0}],"id":1}`,
	"version": `{"STATUS":[{"STATUS":"S","Code":22,"Description":"cgminer 4.9.2"}],"VERSION":[{"CGMiner":"4.9.2","API":"3.1","Type":"Antminer S21"}],"id":1}`,
}

const cgminerInvalid = `{"STATUS":[{"STATUS":"E","When":1700000000,"Code":14,"Msg":"Invalid command","Description":"cgminer 4.9.2"}],"id":1}`

// cgminerDevice answers as the cgminer API does, several commands at once only if joins, each answer with that end.
func cgminerDevice(t *testing.T, joins bool, end string) *fakeDevice {
	return serveDevice(t, func(d *fakeDevice, c net.Conn) {
		command := cgminerCommand(d, c)
		reply, ok := cgminerReplies[command]
		if joins && strings.Contains(command, "+") {
			var b bytes.Buffer
			b.WriteByte('{')
			for name := range strings.SplitSeq(command, "+") {
				b.WriteString(`"` + name + `":[` + cgminerReplies[name] + `],`)
			}
			reply, ok = b.String()+`"id":1}`, true
		}
		if !ok {
			reply = cgminerInvalid
		}
		_, _ = io.WriteString(c, reply+end)
	})
}

// cgminerTextDevice answers in the text format.
func cgminerTextDevice(t *testing.T) *fakeDevice {
	return serveDevice(t, func(d *fakeDevice, c net.Conn) {
		reply := "STATUS=E,Code=14,Msg=Invalid command,Description=cgminer 4.2|\x00"
		switch cgminerCommand(d, c) {
		case "summary":
			reply = "STATUS=S,When=5,Code=11,Msg=Summary,Description=cgminer 4.2|SUMMARY,Elapsed=100,MHS av=5.0,Accepted=3|\x00"
		case "pools":
			reply = "STATUS=S,When=5,Code=7,Msg=1 Pool(s),Description=cgminer 4.2|POOL=0,URL=stratum+tcp://pool.example:3333,Password=secret,Stratum Active=true|\x00"
		}
		_, _ = io.WriteString(c, reply)
	})
}

// saysDevice reads a request and answers all of them the same.
func saysDevice(t *testing.T, answer string) *fakeDevice {
	return serveDevice(t, func(d *fakeDevice, c net.Conn) {
		cgminerCommand(d, c)
		_, _ = io.WriteString(c, answer)
	})
}

// hangingDevice says something and then nothing, with the connection open.
func hangingDevice(t *testing.T, first string) *fakeDevice {
	return serveDevice(t, func(d *fakeDevice, c net.Conn) {
		cgminerCommand(d, c)
		_, _ = io.WriteString(c, first)
		_, _ = io.Copy(io.Discard, c)
	})
}

// endlessDevice never stops to answer.
func endlessDevice(t *testing.T) *fakeDevice {
	return serveDevice(t, func(d *fakeDevice, c net.Conn) {
		cgminerCommand(d, c)
		junk := bytes.Repeat([]byte(`{"a":`), 1<<10)
		for {
			if _, err := c.Write(junk); err != nil {
				return
			}
		}
	})
}

// refusedAddress is one at which nobody listens.
func refusedAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// v3Replies are those of Whatsminer's API of 2024, by command and parameter.
var v3Replies = map[string]string{
	"get.miner.status summary": `{"code":0,"when":1700000000,"msg":{"summary":{"elapsed":50000,"hash-average":170.8,"hash-realtime":171.2,"factory-hash":181.0,"power-realtime":3156}},"desc":"get.miner.status"}`,
	"get.miner.status edevs":   `{"code":0,"when":1700000000,"msg":{"edevs":[{"id":0,"hash-average":85.4,"effective-chips":75},{"id":1,"hash-average":85.4,"effective-chips":75}]},"desc":"get.miner.status"}`,
	"get.miner.status pools":   `{"code":0,"when":1700000000,"msg":{"pools":[{"account":"acct.worker1","url":"stratum+tcp://pool.example:3333","stratum-active":true}]},"desc":"get.miner.status"}`,
	"get.device.info ":         `{"code":0,"when":1700000000,"msg":{"miner":{"type":"M60S_VK40"},"system":{"fwversion":"20251209"}},"desc":"get.device.info"}`,
}

// v3Device answers as that API does, with lengths that are changed by lie.
func v3Device(t *testing.T, lie func(length uint32) uint32) *fakeDevice {
	return serveDevice(t, func(d *fakeDevice, c net.Conn) {
		var head [4]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return
		}
		body := make([]byte, min(binary.LittleEndian.Uint32(head[:]), 1<<16))
		var request struct{ Cmd, Param string }
		if _, err := io.ReadFull(c, body); err != nil || json.Unmarshal(body, &request) != nil {
			return
		}
		command := request.Cmd + " " + request.Param
		d.note(command)
		reply := v3Replies[command]
		_, _ = c.Write(append(binary.LittleEndian.AppendUint32(nil, lie(uint32(len(reply)))), reply...))
	})
}

// axeOSDevice answers HTTP.
func axeOSDevice(t *testing.T, h http.HandlerFunc) *fakeDevice {
	d := &fakeDevice{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.note(r.URL.Path)
		h(w, r)
	}))
	t.Cleanup(s.Close)
	d.address = s.Listener.Addr().String()
	return d
}

const axeOSReply = `{"ASICModel":"BM1370","hashRate":1083.2,"hashRate_1h":1067.8,"uptimeSeconds":68400,"sharesAccepted":812,"sharesRejected":2,"bestDiff":48213345,"bestSessionDiff":2041876,"stratumURL":"pool.example","stratumPort":3333,"stratumUser":"acct.worker1","stratumPassword":"secret"}`
