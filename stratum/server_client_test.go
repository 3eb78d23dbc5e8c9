package stratum

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// pair is a Server and a Client with a slow line between them.
type pair struct {
	t       *testing.T
	random  *rand.Rand
	now     time.Time
	server  *ServerSession
	client  *Client
	up      [][]byte // lines under way to the server
	down    [][]byte
	count   int // of jobs
	tip     byte
	job     *ServerJob
	works   []*ClientWork
	judged  []share.Word
	replied int
	changed int // masks that were narrowed
	nonce   uint32
}

func (p *pair) Authorize(*ServerSession, string, string) error { return nil }

func (p *pair) Job(_ *ServerSession, fresh bool) *ServerJob {
	if fresh {
		p.newJob(p.tip)
	}
	return p.job
}

func (p *pair) Judged(_ *ServerSession, sub *Submit, v *share.Verdict, err error) {
	require.NoError(p.t, err)
	require.Equal(p.t, uint64(len(p.judged)+1), sub.Number)
	p.judged = append(p.judged, v.Word)
	switch v.Word {
	case share.Accepted, share.Block, share.Stale:
	case share.BadVersion:
		require.NotZero(p.t, p.changed, v.Detail())
	default:
		p.t.Fatalf("%s: %s", v.Word, v.Detail())
	}
}

func (p *pair) Work(w *ClientWork) {
	if w.Clean {
		p.works = nil
	}
	p.works = append(p.works, w)
}

func (p *pair) Replied(number uint64, r Reply) {
	p.replied++
	require.Equal(p.t, uint64(p.replied), number)
	require.Equal(p.t, p.judged[number-1].Credited(), r.Accepted, r)
}

func (p *pair) Reconnect(string, int, time.Duration) { p.t.Fatal("reconnect") }
func (p *pair) Message(string)                       { p.t.Fatal("message") }
func (p *pair) Ignored(err error)                    { p.t.Fatal(err) }

func (p *pair) newJob(tip byte) {
	p.count++
	p.tip = tip
	p.job = serverJob(p.t, fmt.Sprintf("j%d", p.count), tip, p.random.IntN(2) == 0, func(j *work.Job) {
		j.CoinbasePrefix = fmt.Appendf(nil, "job %d", p.count)
		j.Time = uint32(p.now.Unix())
		if p.random.IntN(3) == 0 {
			j.Bits, j.Target = 0x2000ffff, work.Target{}
		}
	})
}

// send puts lines on their way.
func send(way *[][]byte, out []byte) {
	for line := range bytes.Lines(out) {
		*way = append(*way, bytes.Clone(line))
	}
}

// deliver lets the oldest line of a way arrive.
func deliver(way *[][]byte) (line []byte) {
	if len(*way) > 0 {
		line, *way = (*way)[0], (*way)[1:]
	}
	return line
}

// mine tries a few headers of some work that is at hand, and submits what meets the target.
func (p *pair) mine() {
	if len(p.works) == 0 {
		return
	}
	w := p.works[p.random.IntN(len(p.works))]
	for range 2 {
		p.nonce++
		s := &work.Solution{
			Extranonce: append(bytes.Clone(w.Extranonce1), make([]byte, w.Job.Extranonce2Size)...), Time: w.Job.Time, Nonce: p.nonce,
			Version: work.CombineVersion(w.Job.Version, p.random.Uint32(), w.Job.VersionMask),
		}
		binary.BigEndian.PutUint32(s.Extranonce[len(s.Extranonce)-4:], p.random.Uint32())
		header, err := w.Job.Header(s)
		require.NoError(p.t, err)
		if hash := header.Hash(); w.Target.MetBy(&hash) {
			out, _ := p.client.Submit(nil, w, s, p.now)
			send(&p.up, out)
		}
	}
}

// TestServerAndClient plays a Server against a Client in random order, over a line that delays: what the client submits is refused only for
// what it could not know yet.
func TestServerAndClient(t *testing.T) {
	words := map[share.Word]int{}
	for seed := range uint64(60) {
		p := &pair{t: t, random: rand.New(rand.NewPCG(seed, 9)), now: serverTime}
		vardiff := Vardiff{Start: easyDifficulty, Min: 1e-11, Max: 2e-9}
		if seed%2 == 0 {
			vardiff.SharesPerMinute = -1
		}
		s, err := NewServer(ServerConfig{
			Validator: share.NewValidator(share.Options{}), Handler: p, VersionMask: []uint32{0, work.MaskBIP320}[seed%3%2], Vardiff: vardiff,
		})
		require.NoError(t, err)
		p.newJob(1)
		p.server = s.Open(p.now)
		p.client = NewClient(ClientConfig{
			Worker: "w", UserAgent: "t/1", VersionMask: []uint32{work.MaskBIP323, 0, 0x00ff0000}[seed%3], Difficulty: []float64{0, 3e-10}[seed/3%2], Handler: p,
		})
		send(&p.up, p.client.Start(nil, p.now))
		for range 1500 {
			switch p.random.IntN(24) {
			default:
				p.mine()
			case 3, 4, 5, 6, 7, 8, 9, 10, 11, 12:
				if line := deliver(&p.up); line != nil {
					out, err := p.server.Receive(nil, line, p.now)
					require.NoError(t, err, "%s", line)
					require.NotContains(t, string(out), "Method not found")
					send(&p.down, out)
				}
			case 13, 14, 15, 16, 17, 18, 19:
				if line := deliver(&p.down); line != nil {
					out, err := p.client.Receive(nil, line, p.now)
					require.NoError(t, err, "%s", line)
					send(&p.up, out)
				}
			case 20:
				p.now = p.now.Add(time.Duration(p.random.IntN(4)) * time.Second)
				send(&p.down, p.server.Tick(nil, p.now))
			case 21:
				tip := p.tip
				if p.random.IntN(12) == 0 {
					tip = byte(p.random.IntN(3))
				}
				p.newJob(tip)
				send(&p.down, p.server.Offer(nil, p.job, p.now))
			case 22:
				if p.random.IntN(10) == 0 {
					p.changed++
					send(&p.down, p.server.SetVersionMask(nil, []uint32{work.MaskBIP320, 0x00ff0000, 0}[p.random.IntN(3)]))
				}
			case 23:
				if p.random.IntN(10) == 0 {
					out, err := p.server.SetExtranonce(nil, Extranonce{Extranonce2Size: 8})
					require.Equal(t, err == nil, len(out) > 0)
					send(&p.down, out)
				}
			}
		}
		for len(p.up)+len(p.down) > 0 {
			if line := deliver(&p.up); line != nil {
				out, err := p.server.Receive(nil, line, p.now)
				require.NoError(t, err)
				send(&p.down, out)
			}
			if line := deliver(&p.down); line != nil {
				out, err := p.client.Receive(nil, line, p.now)
				require.NoError(t, err)
				send(&p.up, out)
			}
		}
		require.Equal(t, len(p.judged), p.replied)
		waiting, _ := p.client.Outstanding()
		require.Zero(t, waiting)
		require.True(t, p.server.Ready() && p.client.Ready())
		for _, w := range p.judged {
			words[w]++
		}
	}
	t.Log(words)
	require.Greater(t, words[share.Accepted], 1000)
	require.Greater(t, words[share.Accepted], 4*words[share.Stale])
}
