//go:build unix

package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
)

var (
	killsFlag = flag.Int("kills", 6, "how many processes TestKills kills")
	seedFlag  = flag.Uint64("kills.seed", 0, "what TestKills draws its chances from; 0: the clock")
)

// TestKills mines at a pool on a real node, directly and through a proxy, while proxy,
// pool and node are killed without warning, in any order. What a device was told is
// accepted must be in the recordings of all that it went through, judged the same; and
// its blocks in the chain, which a second node keeps, as the network would.
func TestKills(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-kills %d -kills.seed %d", *killsFlag, seed)
	chance := rand.New(rand.NewPCG(seed, 1))

	link := "127.0.0.1:" + freePort(t)
	network := startBtcd(t, "simnet", "--listen="+link)
	node := startBtcd(t, "simnet", "--nolisten", "--connect="+link)
	dir := t.TempDir()
	poolAt, proxyAt := "127.0.0.1:"+freePort(t), "127.0.0.1:"+freePort(t)
	poolRecord, proxyRecord := filepath.Join(dir, "pool"), filepath.Join(dir, "proxy")
	pool := &killed{t: t, name: "pool", args: append([]string{"pool", "--json", "--listen", poolAt, "--record", poolRecord, "--status", "off"},
		nodeFlags(node, node.URL(), filepath.Join(dir, "data"))...)}
	proxy := &killed{t: t, name: "proxy", args: []string{"proxy", "--json", "--listen", proxyAt, "--pool", "stratum+tcp://" + poolAt,
		"--record", proxyRecord, "--status", "off"}}
	pool.start()
	proxy.start()
	t.Cleanup(func() {
		pool.kill()
		proxy.kill()
	})

	ctx, cancel := context.WithCancel(t.Context())
	var mining sync.WaitGroup
	devices := make([]*labDevice, 4)
	for i := range devices {
		address := proxyAt
		if i == 0 {
			address = poolAt
		}
		devices[i] = &labDevice{name: fmt.Sprintf("device%d", i), address: address}
		mining.Go(func() { devices[i].run(ctx) })
	}
	progress := func(more int) {
		t.Helper()
		for _, d := range devices {
			want := d.count() + more
			require.Eventually(t, func() bool {
				pool.revive()
				proxy.revive()
				return d.count() >= want
			}, btcdPatience, 20*time.Millisecond, "%s mines no more", d.name)
		}
	}
	progress(2)
	for i := range *killsFlag {
		switch chance.IntN(5) {
		case 0, 1:
			proxy.kill()
		case 2, 3:
			pool.kill()
		case 4:
			node.Kill()
			time.Sleep(time.Duration(chance.IntN(500)) * time.Millisecond)
			node.Start()
		}
		// Sometimes the next is killed while this one is still down or coming up.
		if chance.IntN(3) == 0 {
			continue
		}
		pool.revive()
		proxy.revive()
		if i%10 == 9 {
			progress(1)
		}
		time.Sleep(time.Duration(chance.IntN(1500)) * time.Millisecond)
	}
	progress(3)
	cancel()
	mining.Wait()

	journal := filepath.Join(dir, "data", "nodes", "simnet", "found")
	require.Eventually(t, func() bool {
		pending, err := os.ReadDir(filepath.Join(journal, "pending"))
		require.NoError(t, err)
		return len(pending) == 0
	}, btcdPatience, 50*time.Millisecond, "blocks wait in the journal")
	proxy.stop()
	pool.stop()

	inPool, inProxy := recordedSubmits(t, poolRecord), recordedSubmits(t, proxyRecord)
	shares, blocks, lost := 0, 0, 0
	for i, d := range devices {
		for _, s := range d.accepted {
			shares++
			require.Contains(t, inPool, s.key, "the pool's recording lacks a share that it accepted from %s", d.name)
			if i > 0 {
				require.Contains(t, inProxy, s.key, "the proxy's recording lacks a share that the pool accepted from %s", d.name)
			}
			if s.block == "" {
				continue
			}
			blocks++
			var header struct {
				Confirmations int64 `json:"confirmations"`
			}
			err := network.Call(&header, "getblockheader", s.block, true)
			if err == nil && header.Confirmations > 0 {
				continue
			}
			// Another of ours was before it: the node has said so.
			lost++
			var note struct {
				Answer struct {
					Final  bool   `json:"final"`
					Reason string `json:"reason"`
				} `json:"answer"`
			}
			text, readErr := os.ReadFile(filepath.Join(journal, "done", s.block+".json"))
			require.NoError(t, readErr, "block %s of %s is neither in the chain nor in the journal (%v)", s.block, d.name, err)
			require.NoError(t, json.Unmarshal(text, &note))
			require.True(t, note.Answer.Final)
			requireSibling(t, network, filepath.Join(journal, "done"), s.block)
		}
	}
	judged := requireAgreement(t, poolRecord) + requireAgreement(t, proxyRecord)
	t.Logf("%d kills (proxy %d, pool %d): %d shares accepted, all recorded; %d blocks, %d of them lost to another of the same height; %d submissions in recordings judged as the pool did",
		*killsFlag, proxy.kills, pool.kills, shares, blocks, lost, judged)
}

// requireSibling holds that the chain has another block after the parent of the block with that hash, which is in the folder.
func requireSibling(t *testing.T, b *btcd, folder, hash string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, hash+".*.block"))
	require.NoError(t, err)
	require.Len(t, names, 1, hash)
	raw, err := os.ReadFile(names[0])
	require.NoError(t, err)
	header := work.ParseHeader((*[work.HeaderSize]byte)(raw))
	for prev := header.PrevBlock.String(); ; {
		var parent struct {
			Confirmations int64  `json:"confirmations"`
			Next          string `json:"nextblockhash"`
			Previous      string `json:"previousblockhash"`
		}
		require.NoError(t, b.Call(&parent, "getblockheader", prev, true), "block %s is lost, and so is its parent", hash)
		if parent.Confirmations > 0 {
			require.NotEmpty(t, parent.Next, "block %s is lost, although nothing else follows its parent", hash)
			return
		}
		prev = parent.Previous // a branch of ours that lost
	}
}

// killed is a touchstone that is killed and started again.
type killed struct {
	t     *testing.T
	name  string
	args  []string
	cmd   *exec.Cmd
	ended chan struct{}
	log   bytes.Buffer // of the last start, to be read after the end only
	kills int
}

func (k *killed) start() {
	k.t.Helper()
	k.log.Reset()
	k.cmd = exec.Command("touchstone", k.args...)
	k.cmd.Stdout, k.cmd.Stderr = io.Discard, &k.log
	require.NoError(k.t, k.cmd.Start())
	cmd, ended := k.cmd, make(chan struct{})
	k.ended = ended
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
}

// kill ends it without warning, if it runs.
func (k *killed) kill() {
	k.t.Helper()
	if k.cmd == nil {
		return
	}
	if k.cmd.Process.Kill() == nil {
		k.kills++
	}
	<-k.ended
	k.cmd = nil
}

// revive starts it again if it has ended, as whoever supervises a service does: by a kill, or because what it needs was down.
func (k *killed) revive() {
	k.t.Helper()
	if k.cmd != nil {
		select {
		case <-k.ended:
		default:
			return
		}
	}
	k.start()
}

// stop asks it to end.
func (k *killed) stop() {
	k.t.Helper()
	require.NotNil(k.t, k.cmd, k.name)
	require.NoError(k.t, k.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-k.ended:
	case <-time.After(btcdPatience):
		require.Fail(k.t, k.name+" does not end")
	}
	require.Zero(k.t, k.cmd.ProcessState.ExitCode(), "%s: %s", k.name, &k.log)
	k.cmd = nil
}

// labDevice is a slow miner. It connects again whenever it is cut off.
type labDevice struct {
	name, address string

	mu       sync.Mutex
	accepted []labShare

	// Of the connection.
	client *stratum.Client
	work   *stratum.ClientWork
	sent   map[uint64]labShare
	next   uint64 // extranonce2
}

// labShare is a share, by the fields of its mining.submit after the worker's name, and the hash of its block, if it is one.
type labShare struct{ key, block string }

func (d *labDevice) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.accepted)
}

func (d *labDevice) run(ctx context.Context) {
	d.next = rand.Uint64()
	for ctx.Err() == nil {
		_ = d.connect(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// connect mines over one connection until that ends.
func (d *labDevice) connect(ctx context.Context) error {
	conn, err := net.Dial("tcp", d.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	d.client, d.work, d.sent = stratum.NewClient(stratum.ClientConfig{Worker: d.name, Password: "secret", UserAgent: "lab", VersionMask: work.MaskBIP320,
		Handler: d}), nil, map[uint64]labShare{}
	if _, err := conn.Write(d.client.Start(nil, time.Now())); err != nil {
		return err
	}
	lines := make(chan []byte)
	go func() {
		defer close(lines)
		for r := bufio.NewReaderSize(conn, 1<<16); ; {
			line, err := r.ReadBytes('\n')
			if err != nil {
				return
			}
			select {
			case lines <- line:
			case <-ctx.Done():
				return
			}
		}
	}()
	defer func() {
		conn.Close()
		for range lines {
		}
	}()
	// Devices in step would find their blocks at one time, and only one of these can win.
	pause := func() <-chan time.Time { return time.After(time.Duration(200+rand.IntN(800)) * time.Millisecond) }
	tick := pause()
	for {
		var out []byte
		select {
		case <-ctx.Done():
			return ctx.Err()
		case line, ok := <-lines:
			if !ok {
				return io.EOF
			}
			if out, err = d.client.Receive(nil, line, time.Now()); err != nil {
				return err
			}
		case <-tick:
			out = d.mine()
			tick = pause()
		}
		if _, err := conn.Write(out); err != nil {
			return err
		}
	}
}

// mine finds a share, if there is work, and returns its submission.
func (d *labDevice) mine() []byte {
	if d.work == nil {
		return nil
	}
	job := d.work.Job
	s := work.Solution{Extranonce: append([]byte{}, d.work.Extranonce1...), Version: job.Version, Time: job.MinTime}
	d.next++
	extranonce2 := make([]byte, job.Extranonce2Size)
	binary.BigEndian.PutUint64(extranonce2, d.next)
	s.Extranonce = append(s.Extranonce, extranonce2...)
	for ; s.Nonce < 1<<20; s.Nonce++ {
		header, err := job.Header(&s)
		if err != nil {
			return nil
		}
		hash := header.Hash()
		if !d.work.Target.MetBy(&hash) {
			continue
		}
		out, number := d.client.Submit(nil, d.work, &s, time.Now())
		var m struct {
			Params []string `json:"params"`
		}
		if json.Unmarshal(out, &m) != nil || len(m.Params) < 5 {
			return out
		}
		share := labShare{key: strings.Join(m.Params[1:], " ")}
		if job.Target.MetBy(&hash) {
			share.block = hash.String()
		}
		d.sent[number] = share
		return out
	}
	return nil
}

func (d *labDevice) Work(w *stratum.ClientWork) { d.work = w }
func (d *labDevice) Replied(number uint64, r stratum.Reply) {
	share, ok := d.sent[number]
	delete(d.sent, number)
	if !ok || !r.Accepted {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.accepted = append(d.accepted, share)
}
func (d *labDevice) Reconnect(string, int, time.Duration) {}
func (d *labDevice) Message(string)                       {}
func (d *labDevice) Ignored(error)                        {}

// recordedSubmits returns the submissions in the recordings of a folder. A line that a kill cut off is not looked at.
func recordedSubmits(t *testing.T, dir string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, name := range recordings(t, dir) {
		f, err := os.Open(name)
		require.NoError(t, err)
		r := stratum.NewTranscript(f)
		for {
			line, err := r.Next()
			if errors.As(err, new(*stratum.LineError)) {
				continue
			}
			if err != nil {
				require.ErrorIs(t, err, io.EOF)
				break
			}
			var m struct {
				Method string   `json:"method"`
				Params []string `json:"params"`
			}
			if line.From == stratum.FromMiner && json.Unmarshal(line.Message, &m) == nil && m.Method == stratum.MethodSubmit {
				all[strings.Join(m.Params[1:], " ")] = true
			}
		}
		require.NoError(t, f.Close())
	}
	return all
}

func recordings(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	require.NoError(t, err)
	require.NotEmpty(t, names)
	return names
}

// requireAgreement holds that the recordings, judged anew, give what the pool said, and
// returns how many submissions they have.
func requireAgreement(t *testing.T, dir string) (judged int64) {
	t.Helper()
	out, err := exec.Command("touchstone", append([]string{"verify", "shares", "--json"}, recordings(t, dir)...)...).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		// Refused shares, such as stale ones, and lines that a kill cut off are no failure.
		require.Contains(t, []int{1, 2}, exit.ExitCode(), "%s", exit.Stderr)
	} else {
		require.NoError(t, err)
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	var last struct {
		Summary struct {
			Shares, Unjudged, Disagreements int64
		}
	}
	require.NoError(t, json.Unmarshal(lines[len(lines)-1], &last))
	s := last.Summary
	require.EqualValues(t, len(lines)-1, s.Shares)
	require.Zero(t, s.Unjudged+s.Disagreements, "%s", out)
	return s.Shares
}
