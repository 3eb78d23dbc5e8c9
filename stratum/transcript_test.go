package stratum

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

// recorded returns a line of a transcript.
func recorded(from, message string) string {
	return `{"time":"2026-11-20T14:40:00.123456Z","session":"a1","from":"` + from + `","message":` + message + `}`
}

// readAll returns all lines, each as one string, and all errors of lines, in order.
func readAll(t testing.TB, r io.Reader) (lines, faults []string) {
	tr := NewTranscript(r)
	for {
		line, err := tr.Next()
		var fault *LineError
		switch {
		case err == io.EOF:
			_, err = tr.Next()
			require.Equal(t, io.EOF, err)
			return lines, faults
		case errors.As(err, &fault):
			faults = append(faults, fault.Error())
		default:
			require.NoError(t, err)
			lines = append(lines, fmt.Sprintf("%d %s %s %s", line.Number, line.Session, line.From, line.Bytes()))
		}
	}
}

func TestTranscript(t *testing.T) {
	tr := NewTranscript(strings.NewReader(recorded("miner", submitLine) + "\n"))
	line, err := tr.Next()
	require.NoError(t, err)
	require.Equal(t, int64(1), line.Number)
	require.Equal(t, time.Date(2026, 11, 20, 14, 40, 0, 123456000, time.UTC), line.Time.UTC())
	require.Equal(t, "a1", string(line.Session))
	require.Equal(t, FromMiner, line.From)
	require.Equal(t, submitLine, string(line.Message))
	require.Nil(t, line.Raw)

	text := "\ufeff" + recorded("pool", `{"a":"ä"}`) + "\r\n \t\r\n\n" +
		` { "message" : [1] , "x":{}, "from":"telemetry","session":"\u00e4" , "time" : "2026-11-20T14:40:00+01:00" } ` + "\n" +
		`{"time":"2026-11-20T14:40:00Z","session":"a1","from":"touchstone","raw":"AP8K"}` + "\n" +
		`{"time":"2026-11-20T14:40:00Z","session":"a1","from":"pool","raw":""}` + "\n  " // no end of line
	for name, r := range map[string]io.Reader{
		"at once": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text)),
		"with the end": iotest.DataErrReader(strings.NewReader(text)),
	} {
		lines, faults := readAll(t, r)
		require.Empty(t, faults, name)
		require.Equal(t, []string{`1 a1 pool {"a":"ä"}`, "4 ä telemetry [1]", "5 a1 touchstone \x00\xff\n", "6 a1 pool "}, lines, name)
	}
}

// TestTranscriptBadLines shows that each bad line is told by its number, and that the lines around it are read.
func TestTranscriptBadLines(t *testing.T) {
	const head = `{"time":"2026-11-20T14:40:00Z","session":"a1","from":"pool",`
	for _, test := range []struct{ name, line, says string }{
		{"no JSON", "hello", "invalid character"},
		{"a value", "1", "a number: want an object"},
		{"an array", "[]", "an array: want an object"},
		{"an empty object", "{}", "time is missing"},
		{"cut", recorded("pool", "{}")[:60], "cut"},
		{"cut in the message", recorded("pool", `{"id":1}`)[:80], "cut"},
		{"two objects", recorded("pool", "{}") + recorded("pool", "{}"), "more after the object"},
		{"something after", recorded("pool", "{}") + "x", "invalid character"},
		{"NULs", "\x00\x00\x00\x00", "invalid character"},
		{"NUL at the end", recorded("pool", "{}") + "\x00", "invalid character"},
		{"a byte order mark in the middle", "\ufeff" + recorded("pool", "{}"), "invalid character"},
		{"invalid UTF-8", recorded("pool", "{\"a\":\"\xff\"}"), "UTF-8"},
		{"session twice", head + `"session":"b","message":{}}`, `"session" twice`},
		{"a name twice in the message", head + `"message":{"a":1,"a":2}}`, `"a" twice`},
		{"no message", head[:len(head)-1] + "}", "message is missing"},
		{"message and raw", head + `"message":{},"raw":""}`, "want one of them"},
		{"raw a number", head + `"raw":1}`, "raw: 1: want a string"},
		{"raw no base64", head + `"raw":"AP8"}`, "raw: \"AP8\": want base64"},
		{"no time", strings.Replace(recorded("pool", "{}"), "time", "Time", 1), "time is missing"},
		{"time null", strings.Replace(recorded("pool", "{}"), `"2026-11-20T14:40:00.123456Z"`, "null", 1), "time: null"},
		{"time a number", strings.Replace(recorded("pool", "{}"), `"2026-11-20T14:40:00.123456Z"`, "1763649600", 1), "time: 1763649600"},
		{"time without zone", strings.Replace(recorded("pool", "{}"), `123456Z"`, `123456"`, 1), "time: "},
		{"an impossible day", strings.Replace(recorded("pool", "{}"), `11-20T`, `11-31T`, 1), "time: "},
		{"session a number", strings.Replace(recorded("pool", "{}"), `"a1"`, `1`, 1), "session: 1"},
		{"session empty", strings.Replace(recorded("pool", "{}"), `"a1"`, `""`, 1), "session: "},
		{"session long", strings.Replace(recorded("pool", "{}"), `a1`, strings.Repeat("a", 257), 1), "session: "},
		{"from unknown", recorded("proxy", "{}"), "from: \"proxy\""},
		{"from empty", recorded("", "{}"), "from: \"\""},
		{"from null", strings.Replace(recorded("pool", "{}"), `"pool"`, `null`, 1), "from: null"},
		{"too long", recorded("pool", `"`+strings.Repeat("a", MaxTranscriptLine)+`"`), "more than 1048576 bytes"},
		{"far too long", strings.Repeat("a", 5*MaxTranscriptLine), "more than 1048576 bytes"},
		{"deep", recorded("pool", strings.Repeat("[", 20000)), "message"},
	} {
		t.Run(test.name, func(t *testing.T) {
			good := recorded("miner", `{"id":1}`)
			lines, faults := readAll(t, strings.NewReader(good+"\n"+test.line+"\n"+good+"\n"))
			require.Equal(t, []string{`1 a1 miner {"id":1}`, `3 a1 miner {"id":1}`}, lines)
			require.Len(t, faults, 1)
			require.True(t, strings.HasPrefix(faults[0], "line 2: "))
			if test.name != "deep" {
				require.Contains(t, faults[0], test.says)
			}
			require.Less(t, len(faults[0]), 400)

			lines, faults = readAll(t, strings.NewReader(good+"\n"+test.line)) // as the last, without end
			require.Len(t, lines, 1)
			require.Len(t, faults, 1)
			require.True(t, strings.HasPrefix(faults[0], "line 2: "))
		})
	}
	_, faults := readAll(t, strings.NewReader(recorded("pool", "{}")[:60]))
	require.Equal(t, []string{"line 1: the recording ends in the middle of this line"}, faults)
}

func TestTranscriptReadError(t *testing.T) {
	broken := errors.New("the disk is gone")
	tr := NewTranscript(io.MultiReader(strings.NewReader(recorded("pool", "{}")+"\n{"), iotest.ErrReader(broken)))
	_, err := tr.Next()
	require.NoError(t, err)
	_, err = tr.Next()
	require.ErrorIs(t, err, broken)
	_, err = tr.Next()
	require.ErrorIs(t, err, broken)
	lines, faults := readAll(t, strings.NewReader(""))
	require.Empty(t, lines)
	require.Empty(t, faults)
}

// loop is an endless reader of the same text.
type loop struct {
	text []byte
	at   int
}

func (l *loop) Read(p []byte) (int, error) {
	n := copy(p, l.text[l.at:])
	l.at = (l.at + n) % len(l.text)
	return n, nil
}

func TestTranscriptDoesNotAllocate(t *testing.T) {
	text := recorded("miner", submitLine) + "\n" + recorded("pool", replyLine) + "\n" + recorded("pool", `{"\u0061":1}`) + "\n" +
		`{"time":"2026-11-20T14:40:00Z","session":"a1","from":"pool","raw":"AP8K"}` + "\n"
	tr := NewTranscript(&loop{text: []byte(text)})
	read := func() {
		for range 4 {
			_, err := tr.Next()
			require.NoError(t, err)
		}
	}
	read()
	require.Zero(t, testing.AllocsPerRun(500, read))

	o, h := NewOnlooker(), new(counter)
	follow := func() {
		for range 2 {
			line, err := tr.Next()
			require.NoError(t, err)
			require.NoError(t, o.Observe(line.From, line.Bytes(), line.Time, h))
		}
		_, _ = tr.Next()
		_, _ = tr.Next()
	}
	follow()
	require.LessOrEqual(t, testing.AllocsPerRun(500, follow), 1.0, "the text of the submission")
}

func FuzzTranscript(f *testing.F) {
	f.Add([]byte(recorded("miner", submitLine) + "\n" + recorded("pool", replyLine) + "\r\n\n"))
	f.Add([]byte("\ufeff" + `{"time":"2026-11-20T14:40:00Z","session":"\u0061","from":"pool","raw":"AP8K"}`))
	f.Add([]byte(recorded("touchstone", `{"event":"open"}`) + "\n" + recorded("telemetry", `{"a":{"b":[1,2,{}]},"a":1}`)))
	f.Fuzz(func(t *testing.T, text []byte) {
		tr := &Transcript{in: bufio.NewReaderSize(bytes.NewReader(text), 512)} // so that lines are too long sooner
		last := int64(0)
		for {
			line, err := tr.Next()
			if err == io.EOF {
				break
			}
			var fault *LineError
			number := int64(0)
			if errors.As(err, &fault) {
				number = fault.Line
			} else {
				require.NoError(t, err)
				number = line.Number
				require.NoError(t, line.complete())
			}
			require.Greater(t, number, last)
			last = number
		}
		require.LessOrEqual(t, last, int64(bytes.Count(text, []byte("\n"))+1))

		// Both ways to read a line agree.
		for line := range bytes.SplitSeq(text, []byte("\n")) {
			var ours, theirs Transcript
			plain, err := ours.parsePlain(line), theirs.parseAny(line)
			if plain {
				require.NoError(t, err)
				require.Equal(t, theirs.line, ours.line)
			}
		}
	})
}
