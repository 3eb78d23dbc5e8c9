package serve

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/testvectors"
	"github.com/touchstone-btc/touchstone/work/share"
)

// collected is what a Replay told.
type collected struct {
	Shares  []ShareReport
	Bad     []string
	Garbage []string
	Assumed []string

	Interrupted []string
	Summary     *ReplaySummary
	Err         error
}

// words are the verdicts, in the order of the reports.
func (c *collected) words() (all []string) {
	for _, s := range c.Shares {
		word := s.Verdict.Word.String()
		if s.Err != nil {
			word = "unjudged"
		}
		all = append(all, fmt.Sprintf("%d %s", s.Line, word))
	}
	return all
}

// replay judges recordings, named a, b, … and collects what is told.
func replay(t testing.TB, c ReplayConfig, recordings ...string) *collected {
	t.Helper()
	var out collected
	c.OnShare = func(r *ShareReport) error {
		own := *r
		own.Opinions = slices.Clone(r.Opinions)
		out.Shares = append(out.Shares, own)
		requireVerdictLine(t, r)
		return nil
	}
	c.OnBadLine = func(file string, line int64, err error) {
		out.Bad = append(out.Bad, fmt.Sprintf("%s:%d: %v", file, line, err))
	}
	c.OnGarbage = func(file string, line int64, err error) {
		out.Garbage = append(out.Garbage, fmt.Sprintf("%s:%d: %v", file, line, err))
	}
	c.OnInterrupted = func(file string, line int64) {
		out.Interrupted = append(out.Interrupted, fmt.Sprintf("%s:%d", file, line))
	}
	c.OnAssumed = func(file string, line int64, session, why string) {
		out.Assumed = append(out.Assumed, fmt.Sprintf("%s:%d: %s: %s", file, line, session, why))
	}
	r := NewReplay(c)
	for i, text := range recordings {
		err := r.Recording(t.Context(), fmt.Sprintf("%c", 'a'+i), strings.NewReader(text))
		out.Err = cmp.Or(out.Err, err)
	}
	out.Summary = r.Summary()
	requireConsistent(t, &out)
	return &out
}

// verdictLine is the JSON of a share as others read it.
type verdictLine struct {
	File, Session, Worker, Job, Extranonce2, NTime, Nonce string

	Line        int64
	Time        time.Time
	VersionBits *string `json:"version_bits"`
	Verdict     *share.Word
	Reason      *string
	Block       bool
	Hash        *string
	Difficulty  *float64
	Required    *float64
	PoolSaid    *string `json:"pool_said"`
	Replied     *time.Time
	Sent        *time.Time
	Link        string
	Crossed     bool
	Policies    map[string]struct {
		Verdict      *share.Word
		Said, Reason *string
		BlockLost    bool `json:"block_lost"`
	}
}

// requireVerdictLine checks that the JSON of a report says what the report does, and nothing else.
func requireVerdictLine(t testing.TB, r *ShareReport) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(r.AppendJSON(nil))))
	d.DisallowUnknownFields()
	var l verdictLine
	require.NoError(t, d.Decode(&l))
	given := func(s string, ok bool) *string {
		if !ok {
			return nil
		}
		return &s
	}
	want := verdictLine{
		File: r.File, Line: r.Line, Session: r.Session, Worker: r.Text.Worker, Job: r.Text.JobID, Extranonce2: r.Text.Extranonce2,
		NTime: r.Text.Time, Nonce: r.Text.Nonce, Time: l.Time, VersionBits: given(r.Text.VersionBits, r.Text.HasVersionBits),
		Reason: given(r.Reason(), r.Reason() != ""), Block: r.Verdict.Block, Hash: given(r.Verdict.Hash.String(), r.Verdict.Built),
		Link: r.Link, PoolSaid: given(r.Reply.String(), r.HasReply), Replied: l.Replied, Sent: l.Sent, Crossed: r.Crossed, Difficulty: l.Difficulty, Required: l.Required, Policies: l.Policies,
	}
	if r.Err == nil {
		want.Verdict = &r.Verdict.Word
	}
	require.Equal(t, want, l)
	require.WithinDuration(t, r.Time, l.Time, time.Microsecond)
	require.Equal(t, r.HasReply, l.Replied != nil)
	require.Equal(t, !r.Sent.IsZero(), l.Sent != nil)
	require.Equal(t, r.Verdict.Built, l.Difficulty != nil)
	require.Equal(t, !r.Verdict.Target.IsZero(), l.Required != nil)
	if l.Difficulty != nil {
		require.Equal(t, r.Verdict.Difficulty(), *l.Difficulty)
	}
	require.Len(t, l.Policies, len(r.Opinions))
	for _, o := range r.Opinions {
		got := l.Policies[o.Policy]
		if o.Word == share.NotJudged {
			require.Nil(t, got.Verdict)
		} else {
			require.Equal(t, o.Word, *got.Verdict)
		}
		require.Equal(t, given(o.Said, o.Said != ""), got.Said)
		require.Equal(t, given(o.Detail, o.Detail != ""), got.Reason)
		require.Equal(t, o.BlockLost, got.BlockLost)
	}
}

// requireConsistent checks that the summary is that of the shares.
func requireConsistent(t testing.TB, c *collected) {
	t.Helper()
	s := c.Summary
	requireCounted(t, c, &s.Tally, func(r *ShareReport) bool { return r.Link == "" })
	forwarded := func(r *ShareReport) bool { return r.Link != "" }
	if s.Forwarded != nil {
		requireCounted(t, c, &s.Forwarded.Tally, forwarded)
	} else {
		require.False(t, slices.ContainsFunc(c.Shares, func(r ShareReport) bool { return forwarded(&r) }))
	}
	require.Equal(t, int64(len(c.Bad)), s.BadLines)
	require.Equal(t, int64(len(c.Garbage)), s.Garbage)
	var ofWorkers int64
	for _, w := range s.Workers {
		ofWorkers += w.Shares
	}
	require.Equal(t, s.Shares, ofWorkers)
	_, err := json.Marshal(s)
	require.NoError(t, err, "it is JSON, so it has no NaN")
}

// requireCounted checks that the tally is that of those shares which it counts.
func requireCounted(t testing.TB, c *collected, s *Tally, counts func(*ShareReport) bool) {
	t.Helper()
	verdicts := map[string]int64{}
	var shares, unjudged, credited, accepted, rejected, disagreed, crossed, blocks int64
	for i := range c.Shares {
		r := &c.Shares[i]
		if !counts(r) {
			continue
		}
		shares++
		if r.Err != nil {
			unjudged++
		} else {
			verdicts[r.Verdict.Word.String()]++
		}
		for of, yes := range map[*int64]bool{
			&credited: r.Credited(), &accepted: r.HasReply && r.Reply.Accepted, &rejected: r.HasReply && !r.Reply.Accepted,
			&disagreed: r.Disagreed(), &crossed: r.Crossed, &blocks: r.Verdict.Block,
		} {
			if yes {
				*of++
			}
		}
	}
	require.Equal(t, verdicts, s.Verdicts)
	require.Equal(t, [...]int64{shares, unjudged, credited, accepted, rejected, disagreed, crossed, blocks},
		[...]int64{s.Shares, s.Unjudged, s.Credited, s.PoolAccepted, s.PoolRejected, s.Disagreements, s.Crossed, s.Blocks})
}

// Each recorded share is judged as it should be, by each policy alone and by all at once.
func TestReplayVectors(t *testing.T) {
	for _, v := range testvectors.Shares() {
		t.Run(v.Name, func(t *testing.T) {
			all := replay(t, ReplayConfig{Policies: share.Presets()}, string(v.Transcript))
			require.NoError(t, all.Err)
			for i, p := range share.Presets() {
				alone := replay(t, ReplayConfig{Policies: []share.Policy{p}}, string(v.Transcript))
				require.NoError(t, alone.Err)
				requireJudged(t, &v, p.String(), alone, all, i)
			}
			for _, said := range v.SourceVerdicts {
				i := slices.IndexFunc(all.Shares, func(s ShareReport) bool { return s.Line == int64(said.Line) })
				require.GreaterOrEqual(t, i, 0)
				s := &all.Shares[i]
				if !s.HasReply {
					continue // the source has none on its wire
				}
				require.Equal(t, said.Accepted, s.Reply.Accepted)
				require.Equal(t, said.Code, s.Reply.Code)
				require.Equal(t, s.Err == nil && said.Accepted != s.Verdict.Word.Credited(), s.Disagreed())
			}
		})
	}
}

// requireJudged checks what one policy, the i-th of all, says of a vector's shares.
func requireJudged(t *testing.T, v *testvectors.Share, policy string, alone, all *collected, i int) {
	t.Helper()
	require.Len(t, alone.Shares, len(all.Shares))
	byLine := map[int]int{}
	for at := range alone.Shares {
		one, o := &alone.Shares[at], &all.Shares[at].Opinions[i]
		byLine[int(one.Line)] = at
		require.Equal(t, one.Line, all.Shares[at].Line)
		require.Equal(t, policy, o.Policy)
		if one.Err != nil {
			require.Equal(t, share.NotJudged, o.Word)
			continue
		}
		require.Equal(t, one.Verdict.Word, o.Word)
		require.Equal(t, one.Verdict.Said, o.Said)
		require.Equal(t, one.Verdict.BlockLost, o.BlockLost)
	}
	for _, j := range v.Judged {
		if j.Policy != policy {
			continue
		}
		require.Contains(t, byLine, j.Line, "line %d is a submit", j.Line)
		s := &alone.Shares[byLine[j.Line]]
		got := s.Verdict.Word.String()
		if s.Err != nil {
			got = "unjudged"
		}
		require.Equal(t, j.Word, got, "%s, line %d: %s", policy, j.Line, s.Reason())
		require.Equal(t, j.Block, s.Verdict.Block, "%s, line %d", policy, j.Line)
		require.Equal(t, j.Lost, s.Verdict.BlockLost, "%s, line %d", policy, j.Line)
	}
	for _, said := range v.Said {
		if said.Policy == policy {
			require.Equal(t, said.Text, alone.Shares[byLine[said.Line]].Verdict.Said, "%s, line %d", policy, said.Line)
		}
	}
}

// conversation writes a recording. Each method appends a line.
type conversation struct {
	b    strings.Builder
	now  time.Time
	name string
	ids  int
}

func newConversation() *conversation {
	c := &conversation{name: "s", now: time.Unix(streamTime, 0).UTC()}
	return c
}

func (c *conversation) line(from, message string) *conversation {
	fmt.Fprintf(&c.b, `{"time":%q,"session":%q,"from":%q,"message":%s}`+"\n", c.now.Format(timeFormat), c.name, from, message)
	return c
}

// raw is line for bytes that are no JSON.
func (c *conversation) raw(from, bytes string) *conversation {
	fmt.Fprintf(&c.b, `{"time":%q,"session":%q,"from":%q,"raw":%q}`+"\n", c.now.Format(timeFormat), c.name, from,
		base64.StdEncoding.EncodeToString([]byte(bytes)))
	return c
}

func (c *conversation) pool(format string, args ...any) *conversation {
	return c.line("pool", fmt.Sprintf(format, args...))
}

func (c *conversation) miner(format string, args ...any) *conversation {
	return c.line("miner", fmt.Sprintf(format, args...))
}

func (c *conversation) event(name string) *conversation {
	return c.line("touchstone", fmt.Sprintf(`{"event":%q}`, name))
}

func (c *conversation) wait(d time.Duration) *conversation {
	c.now = c.now.Add(d)
	return c
}

// begin does what a miner and a pool do first. Nearly every hash meets the difficulty.
func (c *conversation) begin(worker string) *conversation {
	return c.miner(`{"id":"s","method":"mining.subscribe","params":[]}`).
		pool(`{"id":"s","result":[[],"e1e2e3e4",4],"error":null}`).
		miner(`{"id":"a","method":"mining.authorize","params":[%q,""]}`, worker).
		pool(`{"id":"a","result":true,"error":null}`).
		difficulty("2.4e-10")
}

func (c *conversation) difficulty(d string) *conversation {
	return c.pool(`{"id":null,"method":"mining.set_difficulty","params":[%s]}`, d)
}

// job sends a job on top of a block that is named by one byte.
func (c *conversation) job(id string, prev byte) *conversation {
	return c.pool(`{"id":null,"method":"mining.notify","params":[%q,"%064x","01","02",[],"20000000","1703255b","%08x",true]}`,
		id, prev, streamTime)
}

// submit sends a share; the pool answers if reply is not "".
func (c *conversation) submit(worker, job string, nonce int, reply string) *conversation {
	c.ids++
	c.miner(`{"id":%d,"method":"mining.submit","params":[%q,%q,"00000000","%08x","%08x"]}`, c.ids, worker, job, streamTime, nonce)
	if reply != "" {
		c.reply(c.ids, reply)
	}
	return c
}

func (c *conversation) reply(id int, reply string) *conversation {
	if reply == "true" {
		return c.pool(`{"id":%d,"result":true,"error":null}`, id)
	}
	return c.pool(`{"id":%d,"result":null,"error":%s}`, id, reply)
}

func (c *conversation) String() string { return c.b.String() }

// Shares are reported when the reply is seen, in that order, and at the end those that had none.
func TestReplayOrder(t *testing.T) {
	c := newConversation().begin("w").job("1", 1)
	c.submit("w", "1", 1, "").submit("w", "1", 2, "").submit("w", "1", 2, "").submit("w", "nosuch", 3, "")
	c.reply(3, `[22,"Duplicate share",null]`).wait(time.Second).reply(1, "true").reply(99, "true").reply(1, "true")
	out := replay(t, ReplayConfig{}, c.String())
	require.NoError(t, out.Err)
	require.Equal(t, []string{"9 duplicate", "7 accepted", "8 accepted", "10 unknown-job"}, out.words())
	require.Equal(t, "rejected: 22 Duplicate share", out.Shares[0].Reply.String())
	require.Equal(t, time.Second, out.Shares[1].Replied.Sub(out.Shares[1].Time))
	require.False(t, out.Shares[2].HasReply)
	require.Zero(t, out.Summary.Disagreements)
	require.Empty(t, out.Bad)
	require.Empty(t, out.Assumed)
}

// A pool that accepts what strict refuses disagrees, as does one that refuses what strict credits; silence does not.
func TestReplayDisagreements(t *testing.T) {
	c := newConversation().begin("w").job("1", 1)
	c.submit("w", "1", 1, "true").submit("w", "1", 1, "true").submit("w", "1", 2, `[21,"stale",null]`).submit("w", "1", 3, "")
	c.submit("w", "1", 1, `"dup"`)
	out := replay(t, ReplayConfig{}, c.String())
	require.EqualValues(t, 2, out.Summary.Disagreements)
	require.True(t, out.Shares[1].Disagreed())
	require.True(t, out.Shares[2].Disagreed())
}

// A pool that turns to a new block while a share is on its way may call it stale. It may not do so where nothing turned, or say anything
// else, and what is stale for us is no such share.
func TestReplayCrossed(t *testing.T) {
	const stale = `[21,"stale",null]`
	for name, c := range map[string]struct {
		between           func(c *conversation)
		reply             string
		crossed, disagree bool
	}{
		"new block":        {func(c *conversation) { c.job("2", 2) }, stale, true, false},
		"other words":      {func(c *conversation) { c.job("2", 2) }, `"Job not found"`, true, false},
		"clean_jobs":       {func(c *conversation) { c.job("2", 1) }, stale, true, false},
		"a block and back": {func(c *conversation) { c.job("2", 2).job("3", 1) }, stale, true, false},
		"unreadable job":   {func(c *conversation) { c.pool(`{"id":null,"method":"mining.notify","params":["2","zz"]}`) }, stale, true, false},
		"nothing":          {func(*conversation) {}, stale, false, true},
		"difficulty":       {func(c *conversation) { c.difficulty("2.4e-10") }, stale, false, true},
		"more of the same": {func(c *conversation) {
			c.pool(`{"id":null,"method":"mining.notify","params":["2","%064x","01","02",[],"20000000","1703255b","%08x",false]}`, 1, streamTime)
		}, stale, false, true},
		"low difficulty": {func(c *conversation) { c.job("2", 2) }, `[23,"low difficulty",null]`, false, true},
		"accepted":       {func(c *conversation) { c.job("2", 2) }, "true", false, false},
		"too late":       {nil, stale, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newConversation().begin("w").job("0", 1).job("1", 1)
			if c.between == nil {
				s.job("2", 2)
			}
			s.submit("w", "1", 1, "")
			if c.between != nil {
				c.between(s)
			}
			s.reply(1, c.reply)
			s.submit("w", "1", 1, "true") // room that is used again
			out := replay(t, ReplayConfig{}, s.String())
			require.Equal(t, []bool{c.crossed, c.disagree}, []bool{out.Shares[0].Crossed, out.Shares[0].Disagreed()})
			require.False(t, out.Shares[1].Crossed)
		})
	}
}

// Policies are compared, and the first decides.
func TestReplayPolicies(t *testing.T) {
	c := newConversation().begin("w").job("1", 1).submit("w", "1", 1, "true").submit("w", "1", 1, "true")
	named := share.Policy{Name: "no \"duplicates\"", Rules: []share.Rule{{Check: share.CheckJob}, {Check: share.CheckDifficulty}}}
	for first, policies := range [][]share.Policy{{{}, named}, {named, {}}} {
		out := replay(t, ReplayConfig{Policies: policies}, c.String())
		require.Equal(t, []string{"7 accepted", []string{"9 duplicate", "9 accepted"}[first]}, out.words())
		require.EqualValues(t, 1-first, out.Summary.Disagreements)
		require.Len(t, out.Summary.Policies, 2)
		require.Equal(t, map[string]int64{"accepted": 1, "duplicate": 1}, out.Summary.Policies[first].Verdicts)
		require.Equal(t, map[string]int64{"accepted": 2}, out.Summary.Policies[1-first].Verdicts)
	}
}

// Each recording is a pool of its own, in which a share counts once, whoever sends it.
func TestReplayRecordings(t *testing.T) {
	one := newConversation().begin("w").job("1", 1).submit("w", "1", 1, "true")
	two := newConversation()
	two.name = "other"
	two.begin("v").job("1", 1).submit("v", "1", 1, "true")
	out := replay(t, ReplayConfig{}, one.String(), one.String(), one.String()+two.String())
	require.Equal(t, []string{"7 accepted", "7 accepted", "7 accepted", "15 duplicate"}, out.words())
	require.Equal(t, []string{"a", "b", "c", "c"}, []string{out.Shares[0].File, out.Shares[1].File, out.Shares[2].File, out.Shares[3].File})
	s := out.Summary
	require.EqualValues(t, 3, s.Recordings)
	require.EqualValues(t, 4, s.Sessions)
	require.EqualValues(t, 32, s.Lines)
	require.Len(t, s.Workers, 2)
	require.Equal(t, "w", *s.Workers[0].Worker)
	require.EqualValues(t, 3, s.Workers[0].Sessions)
	require.EqualValues(t, 3, s.Workers[0].Credited)
	require.Equal(t, s.Work, s.Workers[0].Work)
	require.Equal(t, "3", s.Work, "three times the one hash that it takes")
	require.Equal(t, "w", s.Best.Worker)
}

// A session that was closed begins anew under its name, one whose beginning was not seen is assumed.
func TestReplaySessions(t *testing.T) {
	c := newConversation().event("open").begin("w").job("1", 1).submit("w", "1", 1, "").event("close")
	c.event("open").submit("w", "1", 2, "true") // a new one, without subscribe
	c.event("close").job("2", 1).submit("w", "1", 3, "true").submit("w", "2", 3, "true").event("gap").submit("w", "2", 4, "true")
	out := replay(t, ReplayConfig{}, c.String())
	require.Equal(t, []string{"8 accepted", "11 unauthorized", "15 unjudged", "17 unjudged", "20 unjudged"}, out.words())
	require.ErrorIs(t, out.Shares[2].Err, share.ErrNoJob)
	require.ErrorIs(t, out.Shares[3].Err, share.ErrNoExtranonce)
	require.EqualValues(t, 3, out.Summary.Sessions)
	require.EqualValues(t, 1, out.Summary.Assumed)
	require.Equal(t, []string{"a:14: s: the recording begins in the middle of the connection"}, out.Assumed)
	require.EqualValues(t, 3, out.Summary.Unjudged)
}

// A session that is opened again is another: the jobs of the first are none of it, its duplicates are.
func TestReplayOpenedAgain(t *testing.T) {
	c := newConversation().event("open").begin("w").job("1", 1).submit("w", "1", 1, "")
	c.event("open").begin("w").submit("w", "1", 2, "true").job("1", 1).submit("w", "1", 1, "true")
	out := replay(t, ReplayConfig{}, c.String())
	words := out.words()
	for i, w := range words {
		_, words[i], _ = strings.Cut(w, " ")
	}
	require.Equal(t, []string{"accepted", "unknown-job", "duplicate"}, words)
	require.EqualValues(t, 2, out.Summary.Sessions)
	require.Zero(t, out.Summary.Assumed)
	require.Empty(t, out.Bad)
}

// Of too many sessions, one that is idle gives way; if none is, a new one is an error for each of its lines.
func TestReplayTooManySessions(t *testing.T) {
	c := newConversation()
	for _, name := range []string{"1", "2", "3"} {
		c.name = name
		c.begin("w" + name)
	}
	c.wait(idleSession)
	c.name = "2"
	c.job("1", 1)
	c.name = "4"
	c.begin("w4").job("1", 1).submit("w4", "1", 4, "true")
	c.name = "1"
	c.submit("w1", "1", 1, "")
	c.name = "2"
	c.submit("w2", "1", 2, "true").event("close")
	c.name = "5"
	c.begin("w5").job("1", 1).submit("w5", "1", 5, "true")
	out := replay(t, ReplayConfig{MaxSessions: 2}, c.String())
	require.Len(t, out.Bad, 6)
	require.Equal(t, `a:11: session "3" is one more than the 2 that are followed at once: its lines are not read`, out.Bad[0])
	require.Contains(t, out.Bad[5], `a:25: session "1"`)
	require.Equal(t, []string{"23 accepted", "26 accepted", "35 accepted"}, out.words())
	require.EqualValues(t, 4, out.Summary.Sessions)
}

// Shares that wait for replies are bounded: the oldest is reported without.
func TestReplayMaxWaiting(t *testing.T) {
	c := newConversation().begin("w").job("1", 1)
	for nonce := range 10 {
		c.submit("w", "1", nonce, "")
	}
	for id := range 10 {
		c.reply(id+1, "true")
	}
	out := replay(t, ReplayConfig{MaxWaiting: 4}, c.String())
	require.Len(t, out.Shares, 10)
	for i, s := range out.Shares {
		require.EqualValues(t, 7+i, s.Line)
		require.Equal(t, i >= 6, s.HasReply)
	}
}

// What has been read is told before more is waited for, so that a pipe can live.
func TestReplayLivePipe(t *testing.T) {
	r, w := io.Pipe()
	told := make(chan int64, 10)
	config := ReplayConfig{OnShare: func(r *ShareReport) error { told <- r.Line; return nil }}
	config.OnWait = func(lines int64) { told <- -lines }
	done := make(chan error)
	go func() { done <- NewReplay(config).Recording(t.Context(), "pipe", r) }()
	require.EqualValues(t, 0, <-told)
	for i, text := range []string{
		newConversation().begin("w").job("1", 1).submit("w", "1", 1, "true").String(),
		newConversation().submit("w", "1", 2, "true").String(),
	} {
		_, err := io.WriteString(w, text)
		require.NoError(t, err)
		require.EqualValues(t, 7+2*i, <-told)
		require.EqualValues(t, -8-2*i, <-told)
	}
	require.NoError(t, w.Close())
	require.NoError(t, <-done)
}

// The end of ctx, an error of reading and one of OnShare end a recording. What was read counts.
func TestReplayEnds(t *testing.T) {
	text := newConversation().begin("w").job("1", 1).submit("w", "1", 1, "true").submit("w", "1", 2, "true").String()
	boom := errors.New("boom")

	r := NewReplay(ReplayConfig{})
	require.ErrorIs(t, r.Recording(t.Context(), "a", io.MultiReader(strings.NewReader(text), iotest.ErrReader(boom))), boom)
	require.EqualValues(t, 2, r.Summary().Shares)

	shares := 0
	r = NewReplay(ReplayConfig{OnShare: func(*ShareReport) error { shares++; return boom }})
	require.ErrorIs(t, r.Recording(t.Context(), "a", strings.NewReader(text)), boom)
	require.Equal(t, 1, shares)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r = NewReplay(ReplayConfig{})
	require.ErrorIs(t, r.Recording(ctx, "a", newStream(streamOptions{submits: 1e9})), context.Canceled)
}

// Bad lines are errors with their numbers, and don't stop the others.
func TestReplayBadLines(t *testing.T) {
	good := newConversation().begin("w").job("1", 1).submit("w", "1", 1, "true").String()
	lines := strings.SplitAfter(good, "\n")
	for name, c := range map[string]struct {
		text string
		bad  []string
	}{
		"byte order mark": {"\ufeff" + good, nil},
		"CRLF":            {strings.ReplaceAll(good, "\n", "\r\n"), nil},
		"empty lines":     {strings.ReplaceAll(good, "\n", "\n\n\r\n"), nil},
		"no last end":     {strings.TrimSuffix(good, "\n"), nil},
		"cut":             {good + lines[6][:50], []string{"a:9: the recording ends in the middle of this line"}},
		"NULs":            {good + "\x00\x00\x00\n" + lines[6], []string{"a:9: "}},
		"NUL within":      {good + strings.Replace(lines[6], "mining", "min\x00ing", 1), []string{"a:9: "}},
		"begins badly":    {"hello\n{}\n" + good, []string{"a:1: ", "a:2: "}},
		"long":            {good + strings.Repeat("x", 3<<20) + "\n" + lines[6], []string{"a:9: more than 1048576 bytes"}},
		"long message":    {good + newConversation().line("pool", `"`+strings.Repeat("x", 70_000)+`"`).String(), []string{"a:9: pool: message: message of more than 65536 bytes"}},
		"unknown event":   {newConversation().event("nap").String() + good, []string{"a:1: event \"nap\": want open, close or gap"}},
		"event no object": {good + newConversation().line("touchstone", `[]`).String(), []string{"a:9: event []: want an object"}},
		"telemetry":       {good + newConversation().line("telemetry", `{"anything":1}`).String(), nil},
	} {
		t.Run(name, func(t *testing.T) {
			out := replay(t, ReplayConfig{}, c.text)
			require.NoError(t, out.Err)
			require.Len(t, out.Bad, len(c.bad))
			for i := range c.bad {
				require.Contains(t, out.Bad[i], c.bad[i])
			}
			require.EqualValues(t, 1, out.Summary.Verdicts["accepted"])
		})
	}
	t.Run("of a device", func(t *testing.T) {
		c := newConversation().event("open").begin("w").job("1", 1).line("miner", `[]`)
		c.raw("miner", "\x16\x03\x01\x02").line("miner", `{"id":3,"method":"mining.authorize","params":[7]}`)
		out := replay(t, ReplayConfig{}, c.submit("w", "1", 1, "true").String())
		require.Len(t, out.Garbage, 3)
		require.Contains(t, out.Garbage[1], "miner: message: ")
		require.Empty(t, out.Bad)
		require.Empty(t, out.Interrupted)
		require.Equal(t, map[string]int64{"accepted": 1}, out.Summary.Verdicts)
		require.Empty(t, replay(t, ReplayConfig{}, newConversation().begin("w").job("1", 1).raw("pool", "\x16").String()).Garbage)
	})
	for name, c := range map[string]struct {
		text string
		want error
		says string
	}{
		"nothing":     {"", ErrEmptyRecording, "empty"},
		"empty lines": {"\n\n\r\n", ErrEmptyRecording, "empty"},
		"headers":     {strings.Repeat(strings.Repeat("0", 160)+"\n", 1000), ErrNoTranscript, "not a Stratum transcript: line 1: "},
		"raw headers": {strings.Repeat("\x01\x00\x00\x00", 1<<20), ErrNoTranscript, "not a Stratum transcript: line 1: more than 1048576 bytes"},
		"one line":    {`{"file":"a","verdict":"accepted"}`, ErrNoTranscript, "not a Stratum transcript: line 1: time is missing"},
	} {
		t.Run("all bad: "+name, func(t *testing.T) {
			out := replay(t, ReplayConfig{}, c.text)
			require.ErrorIs(t, out.Err, c.want)
			require.Contains(t, out.Err.Error(), c.says)
			require.Empty(t, out.Bad)
			require.Empty(t, out.Shares)
		})
	}
}
