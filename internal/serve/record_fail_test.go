package serve

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
)

// A disk that is full costs a gap, and nothing else: what comes after it is judged as if nothing had been missed.
func TestRecorderDiskFull(t *testing.T) {
	for _, room := range []int{0, 1, 60, 200, 700} {
		for _, cut := range []error{nil, errors.New("no such device")} {
			r := newRotator(t)
			said := 0
			say := func(c *conversation) {
				in := stratum.NewTranscript(strings.NewReader(c.String()))
				for {
					l, err := in.Next()
					if err != nil {
						break
					}
					if l.From != stratum.FromTouchstone {
						said++
					}
					r.record(l)
					r.work()
				}
				c.b.Reset()
			}
			c := newConversation()
			say(c.event("open").begin("w").job("1", 1).submit("w", "1", 1, "true"))
			r.disk.set(func(d *fakeDisk) { d.room, d.cut = room, cut })
			for i := range 8 {
				say(c.job("2", 1).submit("w", "2", 2+i, "true"))
			}
			say(c.job("3", 1).difficulty("4.8e-10"))
			c.name = "other"
			say(c.event("open").begin("v").job("1", 1))
			c.name = "gone"
			say(c.event("open").event("close"))
			require.True(t, r.w.failing)
			c.name = "s"
			c.wait(recordRetry)
			say(c.submit("w", "3", 20, "true")) // still full
			r.disk.set(func(d *fakeDisk) { d.room, d.cut = -1, nil })
			say(c.submit("w", "3", 21, "true"))
			if cut != nil {
				r.disk.set(func(d *fakeDisk) { d.cut = cut })
			}
			c.wait(recordRetry)
			say(c.job("4", 1))
			require.False(t, r.w.failing)
			say(c.submit("w", "2", 22, "true").submit("w", "3", 23, "true").submit("w", "4", 24, "true").submit("w", "1", 1, "true"))
			c.name = "other"
			say(c.submit("v", "1", 30, "true").event("close"))

			files := r.disk.texts()
			var begun, failed, resumed int
			var lost uint64
			for len(r.w.trouble.events) > 0 {
				switch e := (<-r.w.trouble.events).(type) {
				case RecordBegun:
					begun++
				case RecordFailed:
					failed++
					require.Contains(t, e.Error, "no space left")
				case RecordResumed:
					resumed++
					lost = e.Lines
				}
			}
			require.Equal(t, []int{len(files), 1, 1}, []int{begun, failed, resumed})
			if cut == nil {
				require.Len(t, files, 1)
			} else { // half a line could not be cut off
				files[0] = files[0][:strings.LastIndexByte(files[0], '\n')+1]
			}
			text := strings.Join(files, "")
			transcriptLines(t, text)
			out := replay(t, ReplayConfig{}, text)
			var after []string
			for _, s := range out.Shares {
				if s.Text.Nonce >= "00000015" || s.Time.After(time.Unix(streamTime+1, 0)) {
					word := "unjudged"
					if s.Err == nil {
						word = s.Verdict.Word.String()
					}
					after = append(after, s.Text.Nonce+" "+word+" "+s.Reply.String())
				}
			}
			require.Equal(t, []string{
				"00000016 accepted accepted", "00000017 accepted accepted", "00000018 accepted accepted", "00000001 duplicate accepted",
				"0000001e accepted accepted",
			}, after, text)
			require.Empty(t, out.Bad)
			found, gaps := 0, 0
			for _, l := range transcriptLines(t, text) {
				n := 0
				switch {
				case l.From != "touchstone" && !l.Restated:
					found++
				case sscan(l.Text, `{"event":"gap","lines":%d}`, &n):
					gaps += n
				}
			}
			require.Equal(t, []int{said - found, said - found}, []int{gaps, int(r.w.lostLines.Load())}, "what is missing is what the gaps say")
			// A connection's own gap may come some lines after the recording goes on.
			require.InDelta(t, said-found, lost, 2)
			require.Equal(t, 2, strings.Count(text, `{"event":"close"}`), text)
		}
	}
}

// A file that can't be synced while the disk is full is not written any more when there is room again.
func TestRecorderSyncFailsOnFullDisk(t *testing.T) {
	r := newRotator(t)
	track := r.w.Open("a", Opening{}, r.now)
	say := func(id int) {
		track.Saw(stratum.FromMiner, fmt.Appendf(nil, `{"id":%d,"method":"mining.ping"}`, id), r.now)
		r.work()
	}
	say(1)
	r.disk.set(func(d *fakeDisk) { d.room = 0 })
	say(2)
	require.True(t, r.w.failing)
	err := errors.New("input/output error")
	r.w.syncError.Store(&err)
	say(3)
	r.disk.set(func(d *fakeDisk) { d.room = -1 })
	r.now = r.now.Add(recordRetry)
	say(4)
	say(5)
	require.False(t, r.w.failing)
	files := r.disk.texts()
	require.Len(t, files, 2)
	require.NotContains(t, files[0], `"id":5`)
	require.Contains(t, files[1], `"id":5`)
}

// A file that can't be synced is not written any more, and what it should have is a gap.
func TestRecorderSync(t *testing.T) {
	disk := &fakeDisk{room: -1}
	events := newRecorderEvents()
	r, err := openRecorder(RecorderConfig{Dir: t.TempDir(), OnEvent: events.on}, disk.create)
	require.NoError(t, err)
	a := r.Open("a", Opening{}, time.Now())
	disk.set(func(d *fakeDisk) { d.sync = errors.New("input/output error") })
	a.Saw(stratum.FromMiner, []byte(`{"id":1}`), time.Now())
	require.Contains(t, events.wait(t, "record_failed").(RecordFailed).Error, "input/output error")
	events.wait(t, "record_resumed")
	a.Close(time.Now())
	require.NoError(t, r.Close())
	files := disk.texts()
	require.Len(t, files, 2)
	lines := transcriptLines(t, files[1])
	require.Equal(t, `{"event":"gap","lines":0}`, lines[0].Text)
	require.Contains(t, lines[1].Text, `"continued":true`)
	require.Equal(t, `{"event":"close"}`, lines[2].Text)
}

// A disk that hangs holds up nobody; beyond the queue's size, lines are lost and said to be.
func TestRecorderHangs(t *testing.T) {
	disk := &fakeDisk{room: -1}
	events := newRecorderEvents()
	r, err := openRecorder(RecorderConfig{Dir: t.TempDir(), OnEvent: events.on}, disk.create)
	require.NoError(t, err)
	a := r.Open("a", Opening{}, time.Now())
	b := r.Open("b", Opening{}, time.Now())
	hang := make(chan struct{})
	disk.set(func(d *fakeDisk) { d.hang = hang })
	line := []byte(`{"id":1,"method":"mining.ping","params":["` + strings.Repeat("x", 10_000) + `"]}`)
	lost := 0
	for range 2 * maxRecordQueue / len(line) {
		ticket := a.Saw(stratum.FromMiner, line, time.Now())
		if ticket == 0 {
			lost++
		}
		r.Written(ticket)
	}
	require.NotZero(t, lost)
	require.True(t, r.slow.Load())
	require.Zero(t, b.Saw(stratum.FromMiner, line, time.Now()))
	late := r.Open("late", Opening{}, time.Now())
	require.NotEmpty(t, events.wait(t, "record_failed").(RecordFailed).Error)
	close(hang)
	resumed := events.wait(t, "record_resumed").(RecordResumed)
	require.GreaterOrEqual(t, resumed.Lines, uint64(lost))
	for _, track := range []*Track{a, b, late} {
		track.Saw(stratum.FromMiner, []byte(`{"id":2}`), time.Now())
		track.Close(time.Now())
	}
	require.ErrorContains(t, r.Close(), "lines are missing")
	text := strings.Join(disk.texts(), "")
	for name, want := range map[string]string{
		"a":    `"event":"gap","lines":[1-9][0-9]*} \{"event":"open".*"continued":true} \{"id":2} \{"event":"close"}$`,
		"b":    `"event":"gap","lines":1} \{"event":"open".*"continued":true} \{"id":2} \{"event":"close"}$`,
		"late": `"event":"open".* \{"id":2} \{"event":"close"}$`,
	} {
		var events []string
		for _, l := range transcriptLines(t, text) {
			if l.Session == name && (l.From == "touchstone" || l.Text == `{"id":2}`) {
				events = append(events, l.Text)
			}
		}
		require.Regexp(t, want, strings.Join(events, " "))
	}
}

// What is too long to be recorded is a gap of one line.
func TestRecorderLong(t *testing.T) {
	r := newRotator(t)
	a := r.w.Open("a", Opening{}, r.now)
	require.Zero(t, a.Saw(stratum.FromPool, make([]byte, longRecorded+1), r.now))
	require.NotZero(t, a.Saw(stratum.FromPool, make([]byte, longRecorded), r.now))
	a.Gap(r.now)
	a.Close(r.now)
	a.Gap(r.now)
	r.work()
	var texts []string
	for _, l := range transcriptLines(t, r.disk.texts()[0]) {
		if len(l.Text) > 200 {
			l.Text = fmt.Sprint(len(l.Text))
		}
		texts = append(texts, l.Text)
	}
	require.Equal(t, []string{
		`{"event":"open","peer":"","tls":false}`, `{"event":"gap","lines":1}`, `{"event":"open","peer":"","tls":false,"continued":true,"missed":true}`,
		"", fmt.Sprint(longRecorded),
		`{"event":"gap","lines":1}`, `{"event":"open","peer":"","tls":false,"continued":true,"missed":true}`, "", `{"event":"close"}`,
	}, texts)
	require.Zero(t, len(r.w.tracks))
}

// Whatever fails and when: the recording can be read, and no share is judged otherwise than in a recording without faults.
func TestRecorderFaults(t *testing.T) {
	for seed := range uint64(25) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		text := wildConversation(rnd, 150)
		want := map[string]string{}
		key := func(s judgedShare) string { return fmt.Sprint(s.Session, s.Text, s.Time) }
		for _, s := range judgedShares(t, recordRotated(t, text, nil, 0)[0]) {
			want[key(s)] = strings.Fields(s.Words)[0]
		}
		r := newRotator(t)
		in := stratum.NewTranscript(strings.NewReader(text))
		for {
			l, err := in.Next()
			if err != nil {
				break
			}
			switch rnd.IntN(20) {
			case 0:
				r.disk.set(func(d *fakeDisk) { d.room = rnd.IntN(2000) })
			case 1, 2:
				r.disk.set(func(d *fakeDisk) { d.room = -1 })
			case 3:
				if r.disk.room < 0 && !r.w.failing {
					r.rotate(true)
				}
			}
			r.record(l)
			if rnd.IntN(3) > 0 {
				r.work()
			}
		}
		r.disk.set(func(d *fakeDisk) { d.room = -1 })
		r.now = r.now.Add(recordRetry)
		r.work()
		files := r.disk.texts()
		for _, f := range append(files, strings.Join(files, "")) {
			transcriptLines(t, f)
			for _, s := range judgedShares(t, f) {
				got := strings.Fields(s.Words)[0]
				if got != "strict:not-judged" && !strings.HasSuffix(want[key(s)], ":duplicate") && !strings.HasSuffix(want[key(s)], ":not-judged") &&
					got != want[key(s)] {
					require.Equal(t, want[key(s)], got, "seed %d: %s\n%s", seed, key(s), f)
				}
			}
		}
	}
}

// sscan reports whether text is of that format, and reads the number in it.
func sscan(text, format string, n *int) bool {
	_, err := fmt.Sscanf(text, format, n)
	return err == nil
}
