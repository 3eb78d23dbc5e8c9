package serve

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
)

// pollOnce returns the first polls of a device, n of them.
func pollOnce(t *testing.T, url string, timeout time.Duration, n int) []*TelemetryPoll {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var polls []*TelemetryPoll
	p, err := NewTelemetryPoller(TelemetryConfig{
		Targets: []TelemetryTarget{{Worker: "rig.1", URL: url}}, Interval: time.Millisecond, Timeout: timeout, MaxReply: 64 << 10,
		OnPoll: func(p *TelemetryPoll) {
			if len(polls) < n {
				polls = append(polls, p)
			}
			if len(polls) == n {
				cancel()
			}
		},
	})
	require.NoError(t, err)
	p.Run(ctx)
	require.Len(t, polls, n)
	for i, p := range polls {
		require.Equal(t, "rig.1", p.Worker)
		require.Equal(t, int64(i+1), p.Number)
		require.NotEmpty(t, p.Replies)
	}
	return polls
}

// patient is a limit of time that is never reached.
const patient = time.Minute

// brief is one that is, in tests of devices that say nothing.
const brief = 50 * time.Millisecond

// TestTelemetryCgminer asks devices that understand several commands at once, and those that don't.
func TestTelemetryCgminer(t *testing.T) {
	for name, k := range map[string]struct {
		device *fakeDevice
		first  []string // questions of the first poll
		second []string
	}{
		"at once":           {cgminerDevice(t, true, ""), []string{telemetryAtOnce}, []string{telemetryAtOnce}},
		"at once, with NUL": {cgminerDevice(t, true, "\x00"), []string{telemetryAtOnce}, []string{telemetryAtOnce}},
		"one by one":        {cgminerDevice(t, false, "\x00"), append([]string{telemetryAtOnce}, telemetryCommands...), telemetryCommands},
	} {
		t.Run(name, func(t *testing.T) {
			polls := pollOnce(t, "cgminer://"+k.device.address, patient, 2)
			asked := k.device.commands()
			require.GreaterOrEqual(t, len(asked), len(k.first)+len(k.second))
			require.Equal(t, k.first, asked[:len(k.first)])
			require.Equal(t, k.second, asked[len(k.first):len(k.first)+len(k.second)])
			for _, p := range polls {
				require.Empty(t, p.Err())
				r := p.Reading()
				require.Empty(t, r.Unread)
				require.Equal(t, 100e12, r.Rate)
				require.Len(t, r.Boards, 2)
				for _, reply := range p.Replies {
					require.Empty(t, reply.Err)
					require.NotContains(t, string(reply.Raw), "secret")
				}
				c, ok := p.Claim()
				require.True(t, ok)
				require.Equal(t, 100e12, c.Rate)
				require.Equal(t, "cgminer MHS av", c.Source)
				require.Equal(t, "BM1368", c.Model)
				require.Equal(t, []float64{60e12, 40e12}, c.Boards)
				require.Equal(t, "stratum+tcp://pool.example:3333", c.Pool)
				require.Equal(t, "acct.worker1", c.User)
				require.Equal(t, p.Time, c.Time)
				require.Empty(t, c.Notes)
				require.Equal(t, []float64{1000, 2, 1, 1e9, 99e9, 50000}, []float64{c.Accepted, c.Rejected, c.Stale, c.DifficultyAccepted, c.BestShare, c.Uptime})
			}
		})
	}
}

// TestTelemetryText asks a device that answers in the text format.
func TestTelemetryText(t *testing.T) {
	p := pollOnce(t, "cgminer://"+cgminerTextDevice(t).address, patient, 1)[0]
	r := p.Reading()
	require.Equal(t, 5e6, r.Rate)
	require.Len(t, r.Pools, 1)
	require.Len(t, r.Unread, 3) // devs, stats and version
	for _, reply := range p.Replies {
		require.NotContains(t, string(reply.Raw), "secret")
	}
}

// TestTelemetryV3 asks Whatsminer's API of 2024, and one that lies about lengths.
func TestTelemetryV3(t *testing.T) {
	d := v3Device(t, func(n uint32) uint32 { return n })
	p := pollOnce(t, "whatsminer://"+d.address, patient, 1)[0]
	require.Len(t, p.Replies, 4)
	c, ok := p.Claim()
	require.True(t, ok)
	require.Equal(t, 171.2e12, c.Rate)
	require.Equal(t, "whatsminer-v3 momentary rate", c.Source)
	require.InDeltaSlice(t, []float64{85.6e12, 85.6e12}, c.Boards, 1e6) // of the average, made comparable
	require.Equal(t, 150, c.Chips)
	require.True(t, math.IsNaN(c.Accepted))

	p = pollOnce(t, "whatsminer://"+v3Device(t, func(uint32) uint32 { return math.MaxUint32 }).address, patient, 1)[0]
	require.Len(t, p.Replies, 1)
	require.Equal(t, "the answer is too long: it says 4294967295 bytes, and 65536 are taken", p.Err())
	require.Nil(t, p.Replies[0].Raw)
	p = pollOnce(t, "whatsminer://"+v3Device(t, func(n uint32) uint32 { return n + 10 }).address, patient, 1)[0]
	require.Contains(t, p.Err(), "the answer is shorter than it says: ")
	require.Equal(t, v3Replies["get.miner.status summary"], string(p.Replies[0].Raw))
}

// TestTelemetryAxeOS asks over HTTP.
func TestTelemetryAxeOS(t *testing.T) {
	good := axeOSDevice(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, axeOSReply) })
	for _, scheme := range []string{"axeos://", "http://"} {
		p := pollOnce(t, scheme+good.address, patient, 1)[0]
		require.Empty(t, p.Err())
		c, ok := p.Claim()
		require.True(t, ok)
		require.Equal(t, 1083.2e9, c.Rate)
		require.Equal(t, "axeos momentary rate", c.Source)
		require.Equal(t, "BM1370", c.Model)
		require.Equal(t, "pool.example:3333", c.Pool)
		require.Equal(t, 2041876., c.BestShare)
		require.NotContains(t, string(p.Replies[0].Raw), "secret")
	}
	require.Equal(t, telemetryPath, good.commands()[0])

	p := pollOnce(t, "axeos://"+axeOSDevice(t, http.NotFound).address, patient, 1)[0]
	require.Equal(t, "HTTP status 404", p.Err())
	require.NotEmpty(t, p.Replies[0].Raw)
	elsewhere := axeOSDevice(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
	})
	require.Equal(t, "HTTP status 302", pollOnce(t, "axeos://"+elsewhere.address, patient, 1)[0].Err())
	endless := axeOSDevice(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write(make([]byte, 4096))
		}
	})
	p = pollOnce(t, "axeos://"+endless.address, patient, 1)[0]
	require.Equal(t, "the answer is too long: more than 65536 bytes", p.Err())
	require.Len(t, p.Replies[0].Raw, 64<<10)
}

// TestTelemetryBad asks devices that don't answer as they should: what came is kept, and why it is not all is said. No goroutine outlives
// its poller.
func TestTelemetryBad(t *testing.T) {
	devices := map[string]string{
		"garbage":  saysDevice(t, "<html>no</html>").address,
		"nothing":  saysDevice(t, "").address,
		"silent":   hangingDevice(t, "").address,
		"half":     hangingDevice(t, `{"STATUS":[{"STATUS":"S"`).address,
		"unclosed": hangingDevice(t, cgminerReplies["summary"]).address,
		"endless":  endlessDevice(t).address,
		"refused":  refusedAddress(t),
	}
	before := runtime.NumGoroutine()
	for name, k := range map[string]struct {
		timeout time.Duration
		err     string
		raw     string
		rate    float64
	}{
		"garbage":  {patient, "", "<html>no</html>", math.NaN()},
		"nothing":  {patient, "the connection was closed without an answer: may this address use the API? Many devices have a list of those that may", "", math.NaN()},
		"silent":   {brief, "no complete answer within 50ms", "", math.NaN()},
		"half":     {brief, "no complete answer within 50ms", `{"STATUS":[{"STATUS":"S"`, math.NaN()},
		"unclosed": {brief, "", cgminerReplies["summary"], 100e12},
		"endless":  {patient, "the answer is too long: more than 65536 bytes", strings.Repeat(`{"a":`, 64<<10/5+1)[:64<<10], math.NaN()},
		"refused":  {patient, "connection refused: is the API switched on in the device, and the port right?", "", math.NaN()},
	} {
		t.Run(name, func(t *testing.T) {
			p := pollOnce(t, "cgminer://"+devices[name], k.timeout, 1)[0]
			require.Equal(t, k.err, p.Err())
			require.Equal(t, k.raw, string(p.Replies[0].Raw))
			if k.raw == "" {
				require.Nil(t, p.Replies[0].Raw)
				require.Len(t, p.Replies, 1)
			}
			r := p.Reading()
			require.True(t, r.Rate == k.rate || math.IsNaN(k.rate) && math.IsNaN(r.Rate))
			c, ok := p.Claim()
			require.True(t, ok)
			require.NotEqual(t, math.IsNaN(k.rate), c.Rate > 0)
			if k.err != "" {
				require.Len(t, c.Notes, 1)
				require.Contains(t, c.Notes[0], "Telemetry: the device could not be asked: "+k.err)
			}
		})
	}
	for limit := time.Now().Add(patient); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		require.False(t, time.Now().After(limit), "%d goroutines, %d before", runtime.NumGoroutine(), before)
	}
}

// TestTelemetryStops ends a poller whose devices all hang: nobody is told of questions that we cut short.
func TestTelemetryStops(t *testing.T) {
	d := serveDevice(t, func(d *fakeDevice, c net.Conn) { cgminerCommand(d, c); _, _ = io.Copy(io.Discard, c) })
	before := runtime.NumGoroutine()
	var targets []TelemetryTarget
	for i := range 20 {
		targets = append(targets, TelemetryTarget{Worker: fmt.Sprint("rig.", i), URL: "cgminer://" + d.address})
	}
	p, err := NewTelemetryPoller(TelemetryConfig{
		Targets: targets, Interval: time.Millisecond, Timeout: patient, AtOnce: 3, OnPoll: func(*TelemetryPoll) { t.Error("told") },
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { p.Run(ctx); close(done) }()
	for limit := time.Now().Add(patient); len(d.commands()) < 3; time.Sleep(time.Millisecond) {
		require.False(t, time.Now().After(limit))
	}
	require.Len(t, d.commands(), 3) // no more at once
	cancel()
	<-done
	for limit := time.Now().Add(patient); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		require.False(t, time.Now().After(limit))
	}
}

// TestTelemetryTargets takes targets that are wrong.
func TestTelemetryTargets(t *testing.T) {
	for url, want := range map[string]string{
		"cgminer://10.0.0.5":     "cgminer://10.0.0.5:4028",
		"CGMiner://host:99/":     "cgminer://host:99",
		"whatsminer://[fe80::1]": "whatsminer://[fe80::1]:4433",
		"axeos://bitaxe.local":   "http://bitaxe.local:80",
		"http://10.0.0.5:8080":   "http://10.0.0.5:8080",
		"10.0.0.5":               `telemetry of "w": "10.0.0.5" says not how to ask: want ` + telemetryURLs,
		"ftp://10.0.0.5":         `telemetry of "w": unknown scheme "ftp": want ` + telemetryURLs,
		"cgminer://":             `telemetry of "w": "cgminer://": the host is missing; want ` + telemetryURLs,
		"cgminer://a:0":          `telemetry of "w": "cgminer://a:0": port 0: want 1 to 65535`,
		"cgminer://a:99999":      `telemetry of "w": "cgminer://a:99999": port 99999: want 1 to 65535`,
		"cgminer://u:p@a":        `telemetry of "w": user and password are not used for reading: want ` + telemetryURLs,
		"http://a/x":             `telemetry of "w": "http://a/x": more after the port; want ` + telemetryURLs,
		"cgminer://a b":          `telemetry of "w": "cgminer://a b" is no URL: want ` + telemetryURLs,
	} {
		p, err := NewTelemetryPoller(TelemetryConfig{Targets: []TelemetryTarget{{"w", url}}, OnPoll: func(*TelemetryPoll) {}})
		if err != nil {
			require.Equal(t, want, err.Error())
			continue
		}
		require.Equal(t, want, p.devices[0].url.String())
	}
	_, err := NewTelemetryPoller(TelemetryConfig{Targets: []TelemetryTarget{{"", "cgminer://a"}}, OnPoll: func(*TelemetryPoll) {}})
	require.EqualError(t, err, `telemetry "cgminer://a": which worker is it? Want WORKER=URL`)
	_, err = NewTelemetryPoller(TelemetryConfig{})
	require.Error(t, err)
	p, err := NewTelemetryPoller(TelemetryConfig{OnPoll: func(*TelemetryPoll) {}})
	require.NoError(t, err)
	p.Run(t.Context()) // without devices it is over at once
}

// samplePolls are polls with all that replies can be.
func samplePolls() []*TelemetryPoll {
	at := time.Date(2026, 11, 20, 14, 40, 0, 123456000, time.UTC)
	return []*TelemetryPoll{
		{Worker: "rig.1", URL: "cgminer://10.0.0.5:4028", Number: 7, Time: at, Replies: []TelemetryReply{
			{Command: "summary", Time: at, Raw: []byte(`{"SUMMARY":[{"Elapsed":5,"MHS av":12}]}`)},
			{Command: "devs", Time: at, Raw: []byte("{\"DEVS\":[]}\x00")},
			{Command: "pools", Time: at, Raw: []byte("{\n\"POOLS\":[]}")},
			{Command: "stats", Time: at, Raw: []byte(`{"a":1,"a":2}`), Err: "cut"},
			{Command: "version", Time: at, Err: "no complete answer within 10s"},
		}},
		{Worker: "rig.<2>", URL: "http://10.0.0.6:80", Number: 1, Time: at.Add(time.Second), Replies: []TelemetryReply{
			{Command: telemetryPath, Time: at.Add(time.Second), Raw: []byte(axeOSReply)},
		}},
	}
}

// TestTelemetryLines writes polls as lines of a recording and reads them again, mixed with each other.
func TestTelemetryLines(t *testing.T) {
	polls := samplePolls()
	var lines [][]byte
	for _, p := range polls {
		text := AppendTelemetry(nil, "t1", p)
		lines = append(lines, bytes.SplitAfter(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))...)
	}
	require.Len(t, lines, 6)
	require.Equal(t, `{"time":"2026-11-20T14:40:00.123456Z","session":"t1","from":"telemetry","message":{"worker":"rig.1","url":"cgminer://10.0.0.5:4028",`+
		`"poll":7,"command":"summary","reply":{"SUMMARY":[{"Elapsed":5,"MHS av":12}]}}}`+"\n", string(lines[0]))
	require.Contains(t, string(lines[1]), `"command":"devs","raw":"eyJERVZTIjpbXX0A"}`)
	require.Contains(t, string(lines[4]), `"last":true,"command":"version","error":"no complete answer within 10s"}`)
	lines[4], lines[5] = append(lines[5], '\n'), lines[4] // the second poll in the middle of the first

	var r TelemetryReader
	var got []*TelemetryPoll
	tr := stratum.NewTranscript(bytes.NewReader(bytes.Join(lines, nil)))
	for {
		l, err := tr.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		ready, err := r.Add(l)
		require.NoError(t, err)
		got = append(got, ready...)
	}
	require.Equal(t, []*TelemetryPoll{polls[1], polls[0]}, got)
	require.Empty(t, r.Flush())
	require.Zero(t, r.bytes)
}

// TestTelemetryReader takes lines that are missing, or wrong.
func TestTelemetryReader(t *testing.T) {
	var r TelemetryReader
	add := func(message string) ([]*TelemetryPoll, error) {
		return r.Add(&stratum.Line{Time: time.Unix(1, 0), Session: []byte("s"), From: stratum.FromTelemetry, Message: []byte(message)})
	}
	for _, bad := range []string{
		`1`, `{}`, `{"worker":"w"}`, `{"worker":"w","command":"c","reply":{},"raw":"AA=="}`, `{"worker":"w","command":"c","raw":"?"}`,
		`{"worker":"w","command":"c","poll":1.5}`,
	} {
		_, err := add(bad)
		require.Error(t, err, bad)
	}
	_, err := r.Add(&stratum.Line{From: stratum.FromTelemetry, Raw: []byte("x")})
	require.Error(t, err)
	_, err = r.Add(&stratum.Line{From: stratum.FromMiner, Message: []byte(`{"worker":"w","command":"c"}`)})
	require.Error(t, err)
	for _, m := range []string{`{"worker":"a","command":"c","poll":1}`, `{"worker":"b","command":"c","poll":1,"reply":{}}`} {
		ready, err := add(m)
		require.NoError(t, err)
		require.Empty(t, ready)
	}
	ready, err := add(`{"worker":"a","command":"c","poll":2}`) // the end of the first was not recorded
	require.NoError(t, err)
	require.Len(t, ready, 1)
	require.Equal(t, int64(1), ready[0].Number)
	ready, err = add(`{"worker":"c","command":"c"}`) // not numbered
	require.NoError(t, err)
	require.Len(t, ready, 1)
	ready = r.Flush()
	require.Len(t, ready, 2)
	require.Equal(t, "b", ready[0].Worker)
	require.Equal(t, int64(2), ready[1].Number)
	require.Zero(t, r.bytes)
	require.Empty(t, r.polls)

	big := `{"worker":"%d","command":"c","poll":1,"reply":"` + strings.Repeat("x", 1<<20) + `"}`
	count := 0
	for i := range 80 { // more than are kept
		ready, err := add(fmt.Sprintf(big, i))
		require.NoError(t, err)
		count += len(ready)
	}
	require.NotZero(t, count)
	require.LessOrEqual(t, r.bytes, maxTelemetryBytes+2<<20)
	for range 200 {
		_, err := add(`{"worker":"z","command":"c","poll":1,"reply":{}}`)
		require.NoError(t, err)
	}
	require.LessOrEqual(t, len(r.polls[telemetryKey{"s", "z", ""}].Replies), maxTelemetryReplies)
	require.LessOrEqual(t, len(r.order), 2*len(r.polls)+32)
}

// TestTelemetryRecorded records polls beside a connection: the recording gives them back, and shares are judged as ever.
func TestTelemetryRecorded(t *testing.T) {
	dir := t.TempDir()
	rec, err := OpenRecorder(RecorderConfig{Dir: dir})
	require.NoError(t, err)
	polls := samplePolls()
	track := rec.Open("telemetry", Opening{}, polls[0].Time)
	for _, p := range polls {
		p.Record(track)
	}
	track.Close(polls[1].Time.Add(time.Second))
	require.NoError(t, rec.Close())
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	raw, err := os.ReadFile(files[0])
	require.NoError(t, err)
	var r TelemetryReader
	var got []*TelemetryPoll
	tr := stratum.NewTranscript(bytes.NewReader(raw))
	for {
		l, err := tr.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		if l.From == stratum.FromTelemetry {
			ready, err := r.Add(l)
			require.NoError(t, err)
			got = append(got, ready...)
		}
	}
	require.Equal(t, polls, got)
	replay := NewReplay(ReplayConfig{OnBadLine: func(file string, line int64, err error) { t.Error(line, err) }})
	require.NoError(t, replay.Recording(t.Context(), "x", bytes.NewReader(raw)))
}

func TestBlankPasswords(t *testing.T) {
	for in, want := range map[string]string{
		`{"Password":"x"}`: `{"Password":"*"}`,
		`{"stratumPassword" : "a\"b","fallback":"pw"}`: `{"stratumPassword" : "****","fallback":"pw"}`,
		`{"pass":"ab","passwd":"","User":"u"}`:         `{"pass":"**","passwd":"","User":"u"}`,
		`POOL=0,Password=a\,b,User=u|`:                 `POOL=0,Password=****,User=u|`,
		`{"Passed":"ab","bypass":1}`:                   `{"Passed":"ab","bypass":1}`,
	} {
		require.Equal(t, want, string(blankPasswords([]byte(in))))
	}
	require.Nil(t, blankPasswords(nil))
}

// FuzzTelemetryReader reads any message: it neither panics nor grows, and what it gives can be written and read again.
func FuzzTelemetryReader(f *testing.F) {
	for _, p := range samplePolls() {
		for _, m := range p.Messages() {
			f.Add(m, m)
		}
	}
	f.Add([]byte(`{"worker":"w","command":"c","poll":1}`), []byte(`{"worker":"w","command":"c","poll":2,"raw":""}`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var r TelemetryReader
		var polls []*TelemetryPoll
		for _, m := range [][]byte{a, b} {
			l := stratum.Line{Time: time.Unix(1e9, 0).UTC(), Session: []byte("s"), From: stratum.FromTelemetry}
			l.SetBytes(m)
			ready, err := r.Add(&l)
			if err == nil {
				polls = append(polls, ready...)
			}
		}
		for _, p := range append(polls, r.Flush()...) {
			_, _ = p.Claim()
			tr := stratum.NewTranscript(bytes.NewReader(AppendTelemetry(nil, "s", p)))
			var again TelemetryReader
			var got []*TelemetryPoll
			for {
				l, err := tr.Next()
				if err == io.EOF {
					break
				}
				require.NoError(t, err)
				ready, err := again.Add(l)
				require.NoError(t, err)
				got = append(got, ready...)
			}
			for _, g := range got {
				require.Equal(t, len(p.Reading().Unread), len(g.Reading().Unread))
			}
		}
	})
}

// TestTelemetryNotes says what is wrong with what a device says.
func TestTelemetryNotes(t *testing.T) {
	p := &TelemetryPoll{Worker: "w", Replies: []TelemetryReply{
		{Command: "summary", Raw: []byte(`{"STATUS":[{"STATUS":"S","Description":"newminer 7"}],"SUMMARY":[{"Elapsed":5}{"GHS av":nan}]}` + "\x00")},
		{Command: "pools", Raw: []byte("no")},
		{Command: "devs", Err: "no complete answer within 10s"},
	}}
	c, ok := p.Claim()
	require.True(t, ok)
	require.True(t, math.IsNaN(c.Rate))
	require.Equal(t, []string{
		"Telemetry: its firmware is not known; fields are read by their names alone.",
		"Telemetry: no whole answer to devs: no complete answer within 10s.",
		"Telemetry: summary: GHS av is nan: not a finite number, and not counted.",
		`Telemetry, not read: pools: neither JSON nor the text format of the cgminer API: "no".`,
		"Telemetry, repaired before it could be read: summary: missing comma put in (once, at byte 78).",
		"Telemetry, repaired before it could be read: summary: bare inf or nan read as no number (once, at byte 88).",
	}, c.Notes)
}
