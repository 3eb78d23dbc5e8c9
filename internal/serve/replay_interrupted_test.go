package serve

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work/share"
)

// recordedLines are the lines of a conversation, with their ends.
func (c *conversation) recordedLines() []string {
	return strings.SplitAfter(strings.TrimSuffix(c.String(), "\n"), "\n")
}

// interruptedConversation has jobs of two difficulties and two extranonces, with shares of each, also late ones.
func interruptedConversation() *conversation {
	c := newConversation().event("open").begin("w").job("1", 1) // 1 to 7
	c.submit("w", "1", 1, "true")                               // 8, 9
	c.difficulty("4.8e-10")                                     // 10
	c.job("2", 1)                                               // 11
	c.submit("w", "2", 2, "true")                               // 12, 13
	c.submit("w", "1", 3, "true")                               // 14, 15
	c.pool(`{"id":null,"method":"mining.set_extranonce","params":["a1a2a3a4",4]}`)
	c.job("3", 1).submit("w", "3", 4, "true")                 // 17 to 19
	c.difficulty("2.4e-10")                                   // 20
	c.job("4", 1).submit("w", "4", 5, "true")                 // 21 to 23
	c.submit("w", "nosuch", 6, `[21,"Job not found",null]`)   // 24, 25
	c.submit("w", "1", 7, "true").submit("w", "1", 8, "true") // 26 to 29
	return c
}

// Of a line that could not be read nobody knows whose it was and what it said: shares of jobs sent before are judged, those of jobs
// sent after it only when extranonce and difficulty are sent anew.
func TestReplayInterrupted(t *testing.T) {
	lines := interruptedConversation().recordedLines()
	whole := []string{
		"8 accepted", "12 accepted", "14 accepted", "18 accepted", "22 accepted", "24 unknown-job", "26 accepted", "28 accepted",
	}
	require.Equal(t, whole, replay(t, ReplayConfig{}, strings.Join(lines, "")).words())

	// Nothing is judged otherwise than of the whole recording, wherever a line is spoilt and however.
	for name, spoil := range map[string]func(string) string{
		"cut":           func(l string) string { return l[:len(l)*2/3] + "\n" },
		"cut, no end":   func(l string) string { return l[:len(l)*2/3] }, // the next is spoilt with it
		"head missing":  func(l string) string { return l[len(l)/3:] },
		"NULs":          func(l string) string { return strings.Repeat("\x00", len(l)) + "\n" },
		"too long":      func(string) string { return strings.Repeat("x", 3<<20) + "\n" },
		"no JSON":       func(string) string { return "# rotated\n" },
		"wrong time":    func(l string) string { return strings.Replace(l, `"time":"2`, `"time":"x`, 1) },
		"nameless":      func(l string) string { return strings.Replace(l, `"session":"s"`, `"session":""`, 1) },
		"unknown from":  func(l string) string { return strings.Replace(l, `"from":"`, `"from":"the `, 1) },
		"name repeated": func(l string) string { return strings.Replace(l, `"from"`, `"time":"","from"`, 1) },
	} {
		for at := range len(lines) - 2 {
			spoilt := strings.Join(lines[:at], "") + spoil(lines[at]) + strings.Join(lines[at+1:], "")
			out := replay(t, ReplayConfig{}, spoilt)
			require.NoError(t, out.Err)
			require.Len(t, out.Bad, 1, "%s, line %d", name, at+1)
			require.EqualValues(t, 1, out.Summary.Interruptions)
			require.EqualValues(t, 1, out.Summary.Assumed)
			for _, got := range out.words() {
				if strings.HasSuffix(got, " unjudged") || name == "cut, no end" {
					continue
				}
				require.Contains(t, whole, got, "%s, line %d", name, at+1)
			}
		}
	}

	for name, c := range map[string]struct {
		at   int
		want string
	}{
		"notify": {11, "8 accepted, 12 unjudged, 14 accepted, 18 unjudged, 22 accepted, 24 unjudged, 26 accepted, 28 accepted"},
		// Job 1 is of the difficulty before, job 2 of one not known; before job 4, all was sent anew.
		"set_difficulty": {10, "8 accepted, 12 unjudged, 14 accepted, 18 unjudged, 22 accepted, 24 unjudged, 26 accepted, 28 accepted"},
		"set_extranonce": {16, "8 accepted, 12 accepted, 14 accepted, 18 unjudged, 22 unjudged, 24 unjudged, 26 accepted, 28 accepted"},
		"reply":          {23, "8 accepted, 12 accepted, 14 accepted, 18 accepted, 22 accepted, 24 unjudged, 26 accepted, 28 accepted"},
		"subscribe":      {2, "8 unjudged, 12 unjudged, 14 unjudged, 18 accepted, 22 accepted, 24 unjudged, 26 unjudged, 28 unjudged"},
	} {
		out := replay(t, ReplayConfig{}, strings.Join(lines[:c.at-1], "")+lines[c.at-1][:60]+"\n"+strings.Join(lines[c.at:], ""))
		require.Equal(t, c.want, strings.Join(inOrder(out), ", "), name)
		require.Equal(t, []string{fmt.Sprintf("a:%d", c.at)}, out.Interrupted)
		require.Equal(t, []string{fmt.Sprintf("a:%d: s: a line before could not be read, and may have been of this session", c.at+1)}, out.Assumed)
	}
}

// inOrder are the verdicts in the order of the submissions.
func inOrder(c *collected) []string {
	words := make([]string, len(c.Shares))
	for i, w := range c.words() {
		at := 0
		for j := range c.Shares {
			if c.Shares[j].Line < c.Shares[i].Line {
				at++
			}
		}
		words[at] = w
	}
	return words
}

// A line that could not be read may have been of each session, also of one that begins after it: its request for a mask, say. One that
// opens later began later.
func TestReplayInterruptedSessions(t *testing.T) {
	c := newConversation()
	c.name = "r"
	c.begin("v").job("1", 1)
	spoilt := c.String() + "{\"time\":\n"
	// The miner asked for a mask in the line that can't be read, and rolls.
	late := func(open bool) string {
		c := newConversation()
		if open {
			c.event("open")
		}
		c.pool(`{"id":"c","result":{"version-rolling":true,"version-rolling.mask":"1fffe000"},"error":null}`)
		c.begin("w").job("1", 1)
		c.miner(`{"id":9,"method":"mining.submit","params":["w","1","00000000","%08x","00000001","00002000"]}`, streamTime)
		return c.String()
	}
	r := newConversation()
	r.name = "r"
	r.submit("v", "1", 1, "true").submit("v", "2", 1, "true")

	out := replay(t, ReplayConfig{}, spoilt+late(false)+r.String())
	require.Equal(t, []string{"16 accepted", "18 unjudged", "15 accepted"}, out.words())
	require.EqualValues(t, 2, out.Summary.Assumed)
	require.EqualValues(t, 1, out.Summary.UnmatchedReplies)
	out = replay(t, ReplayConfig{}, spoilt+late(true)+r.String())
	require.Equal(t, []string{"17 accepted", "19 unjudged", "16 bad-version"}, out.words())
	require.EqualValues(t, 1, out.Summary.Assumed)
	require.Equal(t, []string{"a:7"}, out.Interrupted)
}

// Nothing is missed where lines are empty, or the last one is cut; nor in another recording.
func TestReplayNotInterrupted(t *testing.T) {
	text := interruptedConversation().String()
	for name, recordings := range map[string][]string{
		"empty lines":   {strings.ReplaceAll(text, "\n", "\n\n \t\r\n")},
		"last line cut": {text[:len(text)-20]},
		"another":       {text[:len(text)-20], text},
		"last is NULs":  {text + "\x00\x00\x00\x00"},
	} {
		out := replay(t, ReplayConfig{}, recordings...)
		require.Zero(t, out.Summary.Interruptions, name)
		require.Zero(t, out.Summary.Assumed, name)
		require.Empty(t, out.Interrupted, name)
		require.EqualValues(t, len(recordings), out.Summary.Verdicts["unknown-job"])
		require.EqualValues(t, 7*len(recordings), out.Summary.Credited)
	}
}

// Bad lines cost no more where there are many sessions.
func TestReplayManyBadLines(t *testing.T) {
	const sessions, bad = 2000, 200_000
	c := newConversation()
	for i := range sessions {
		c.name = fmt.Sprint(i)
		c.begin("w").job("1", 1)
	}
	c.name = "0"
	again := newConversation()
	again.name = "0"
	again.submit("w", "1", 1, "true")
	interrupted := 0
	r := NewReplay(ReplayConfig{OnInterrupted: func(string, int64) { interrupted++ }})
	require.NoError(t, r.Recording(t.Context(), "a", io.MultiReader(
		strings.NewReader(c.String()), strings.NewReader(strings.Repeat("x\n", bad)), strings.NewReader(again.String()),
		strings.NewReader(strings.Repeat("x\n"+again.recordedLines()[0], 1000)),
	)))
	s := r.Summary()
	require.Equal(t, 1, interrupted)
	require.EqualValues(t, bad+1000, s.BadLines)
	require.EqualValues(t, 1001, s.Interruptions)
	require.EqualValues(t, 1, s.Assumed, "the others said nothing more")
	require.EqualValues(t, 1, s.Credited)
	require.EqualValues(t, 1000, s.Verdicts[share.Duplicate.String()])
}

// A line of 100 MB is an error like others, and takes no memory.
func TestReplayHugeLine(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 100 MB")
	}
	text := interruptedConversation().String()
	r := NewReplay(ReplayConfig{})
	require.NoError(t, r.Recording(t.Context(), "a", io.MultiReader(
		strings.NewReader(text), io.LimitReader(forever('x'), 100<<20), strings.NewReader("\n"+text),
	)))
	s := r.Summary()
	require.EqualValues(t, 1, s.BadLines)
	require.EqualValues(t, 1, s.Interruptions)
	require.EqualValues(t, 59, s.Lines)
}

// forever is read as one byte, again and again.
type forever byte

func (f forever) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(f)
	}
	return len(b), nil
}
