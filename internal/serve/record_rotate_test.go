package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/testvectors"
	"github.com/touchstone-btc/touchstone/work/share"
)

// rotator records transcripts as if they crossed the wire, without goroutines and with files that end where it says so.
type rotator struct {
	testing.TB
	disk   *fakeDisk
	w      *recordWriter
	now    time.Time
	tracks map[string]*Track
}

func newRotator(t testing.TB) *rotator {
	r := &rotator{TB: t, disk: &fakeDisk{room: -1}, now: time.Unix(0, 0), tracks: map[string]*Track{}}
	c := RecorderConfig{Dir: t.TempDir(), MaxFileSize: 1 << 40, MaxFileAge: 1e6 * time.Hour, OnEvent: func(Event) {}}
	var err error
	r.w, err = newRecordWriter(c, r.disk.create, func() time.Time { return r.now })
	require.NoError(t, err)
	return r
}

// record records a line of a transcript.
func (r *rotator) record(l *stratum.Line) {
	r.now = l.Time
	name := string(l.Session)
	t := r.tracks[name]
	if l.From == stratum.FromTouchstone {
		var e struct{ Event string }
		require.NoError(r, json.Unmarshal(l.Message, &e))
		switch {
		case e.Event == "gap" && t != nil:
			t.Gap(l.Time)
		case t != nil:
			t.Close(l.Time)
			delete(r.tracks, name)
			t = nil
		}
		if e.Event != "open" {
			return
		}
	}
	if t == nil {
		t = r.w.Open(name, Opening{Peer: "192.0.2.1:50000"}, l.Time)
		r.tracks[name] = t
	}
	if l.From != stratum.FromTouchstone {
		t.Saw(l.From, l.Bytes(), l.Time)
	}
}

// rotate begins another file; force makes connections move that wait for replies.
func (r *rotator) rotate(force bool) {
	if len(r.w.old) > 0 {
		return
	}
	f, err := r.w.newFile(r.now)
	require.NoError(r, err)
	r.w.use(f)
	if force {
		r.w.rotated = time.Time{}
	}
}

// work lets the writer do all it can.
func (r *rotator) work() {
	r.w.nextPass = time.Time{}
	r.w.work()
}

// recordRotated records a transcript into several files.
func recordRotated(t testing.TB, text string, rnd *rand.Rand, every int) []string {
	r := newRotator(t)
	in := stratum.NewTranscript(strings.NewReader(text))
	for {
		l, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil || l.From == stratum.FromTelemetry {
			continue
		}
		r.record(l)
		if rnd != nil && rnd.IntN(every) == 0 {
			r.work()
			r.rotate(rnd.IntN(3) == 0)
			r.work()
		}
		if rnd == nil || rnd.IntN(2) == 0 {
			r.work()
		}
	}
	r.work()
	return r.disk.texts()
}

// judgedShare is a share with what all policies say of it.
type judgedShare struct {
	Session string
	Text    share.Text
	Time    time.Time
	Words   string
	Reply   string
}

// judgedShares judges a recording by all policies and returns its shares in their order.
func judgedShares(t testing.TB, text string) []judgedShare {
	policies := share.Presets()
	// What counts the jobs sent counts those too that can't be submitted to any more; files don't repeat them.
	policies = slices.DeleteFunc(policies, func(p share.Policy) bool { return p.JobCount > 0 || p.JobCountClean > 0 })
	out := replay(t, ReplayConfig{Policies: policies}, text)
	all := make([]judgedShare, 0, len(out.Shares))
	byLine := map[int64]*ShareReport{}
	for i := range out.Shares {
		byLine[out.Shares[i].Line] = &out.Shares[i]
	}
	for line := int64(1); line <= out.Summary.Lines; line++ {
		s := byLine[line]
		if s == nil {
			continue
		}
		j := judgedShare{Session: s.Session, Text: s.Text, Time: s.Time, Reply: "none"}
		for _, o := range s.Opinions {
			j.Words += o.Policy + ":" + o.Word.String() + " "
		}
		if s.HasReply {
			j.Reply = s.Reply.String()
		}
		all = append(all, j)
	}
	return all
}

// requireRotated checks that a transcript that is recorded into several files is judged as in one: all files joined, and each alone.
func requireRotated(t testing.TB, text string, rnd *rand.Rand, every int) (moved int) {
	whole := recordRotated(t, text, nil, 0)
	require.Len(t, whole, 1)
	want := judgedShares(t, whole[0])
	files := recordRotated(t, text, rnd, every)
	joined := judgedShares(t, strings.Join(files, ""))
	bySession := func(all []judgedShare) map[string][]judgedShare {
		m := map[string][]judgedShare{}
		for _, s := range all {
			m[s.Session] = append(m[s.Session], s)
		}
		return m
	}
	require.Equal(t, bySession(want), bySession(joined))
	var alone []judgedShare
	for _, f := range files {
		alone = append(alone, judgedShares(t, f)...)
	}
	require.Len(t, alone, len(joined))
	odd := strings.Contains(strings.Join(files, ""), odd)
	for i := range joined {
		a, j := alone[i], joined[i]
		if a.Reply == "none" { // the reply is in the next file
			a.Reply = j.Reply
		}
		words, others := strings.Fields(a.Words), strings.Fields(j.Words)
		for k := range others {
			if strings.HasSuffix(others[k], ":duplicate") { // of a share in a file before
				words[k] = others[k]
			}
		}
		if odd || others[0] == "strict:not-judged" { // other policies remember more
			words, others = words[:1], others[:1]
		}
		a.Words, j.Words = strings.Join(words, " "), strings.Join(others, " ")
		if a != j {
			require.Equal(t, j, a, "share %d of %d files:\n%s", i, len(files), strings.Join(files, "--------\n"))
		}
	}
	return len(files) - 1
}

func TestRecorderRotates(t *testing.T) {
	moved := 0
	for _, v := range testvectors.Shares() {
		for seed := range uint64(2) {
			moved += requireRotated(t, string(v.Transcript), rand.New(rand.NewPCG(seed, 1)), 5)
		}
	}
	require.NotZero(t, moved)
}

func TestRecorderRotatesStream(t *testing.T) {
	var b bytes.Buffer
	_, err := io.Copy(&b, newStream(streamOptions{submits: 3500, sessions: 7, branches: 3}))
	require.NoError(t, err)
	require.NotZero(t, requireRotated(t, b.String(), rand.New(rand.NewPCG(1, 2)), 500))
}

// odd is in a conversation with messages that can't be read.
const odd = `"odd"`

// wildConversation is what pools and miners say in any order, and sometimes what nobody can read.
func wildConversation(rnd *rand.Rand, lines int) string {
	c := newConversation()
	odds := rnd.IntN(2)
	if odds == 1 {
		c.name = "odd"
		c.event("open").pool(`{"id":null,"result":"odd"}`)
	}
	for i := range lines {
		c.name = fmt.Sprint("s", rnd.IntN(2))
		if i < 20 && i%10 == 0 {
			c.event("open").begin("w").job("1", 1)
		}
		worker := []string{"w", "w", "w", "v"}[rnd.IntN(4)]
		job := fmt.Sprint(1 + rnd.IntN(6))
		switch rnd.IntN(22) {
		case 0:
			c.difficulty([]string{"2.4e-10", "4.8e-10", "1e-9", "1", `"x"`}[rnd.IntN(4+odds)])
		case 1, 2, 3:
			c.job(job, byte(1+rnd.IntN(3)))
		case 4:
			c.pool(`{"id":null,"method":"mining.set_extranonce","params":["%08x",4]}`, rnd.IntN(5))
		case 5:
			c.pool(`{"id":null,"method":"mining.set_version_mask","params":["%s"]}`, []string{"1fffe000", "00ffe000", "0"}[rnd.IntN(2+odds)])
		case 6:
			c.miner(`{"id":"c%d","method":"mining.configure","params":[["version-rolling"],{}]}`, i)
			c.pool(`{"id":"c%d","result":{"version-rolling":%t,"version-rolling.mask":"1fffe000"},"error":null}`, i, rnd.IntN(2) == 0)
		case 7:
			c.miner(`{"id":"t%d","method":"mining.authorize","params":[%q,"secret"]}`, i, worker)
			if rnd.IntN(3) > 0 {
				c.pool(`{"id":"t%d","result":%t,"error":null}`, i, rnd.IntN(3) > 0)
			}
		case 8:
			c.miner(`{"id":"s%d","method":"mining.subscribe","params":[]}`, i)
			c.pool(`{"id":"s%d","result":[[],"%08x",4],"error":null}`, i, rnd.IntN(5))
		case 9:
			c.wait(time.Duration(rnd.IntN(400)) * time.Second)
		case 10:
			if odds*rnd.IntN(3) == 1 {
				c.pool(`{"id":null,"method":"mining.notify","params":[%q]}`, job)
			}
		case 11:
			if rnd.IntN(4) == 0 {
				c.event("close").event("open").begin(worker).job("1", 2)
			}
		case 12:
			if odds*rnd.IntN(4) == 1 {
				c.event("gap")
			}
		case 13:
			if rnd.IntN(3) == 0 {
				c.miner(`{"id":"x","method":"mining.extranonce.subscribe","params":[]}`)
			}
		case 14:
			c.ids++
			c.miner(`{"id":%d,"method":"mining.submit","params":[%q,%q,"00000000","%08x","%08x","%08x"]}`, c.ids, worker, job, streamTime, i, 0x2000)
			c.reply(c.ids, "true")
		default:
			c.submit(worker, job, i, []string{"true", "true", "", `[21,"no",null]`}[rnd.IntN(4)])
		}
		c.wait(time.Duration(rnd.IntN(3000)) * time.Millisecond)
	}
	return c.String()
}

func TestRecorderRotatesWild(t *testing.T) {
	for seed := range uint64(40) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		requireRotated(t, wildConversation(rnd, 150), rnd, 20)
		if t.Failed() {
			t.Log("seed", seed)
		}
	}
}
