package serve

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
)

// recorderEvents collects what a recorder tells.
type recorderEvents struct {
	mu  sync.Mutex
	all []Event
	ch  chan Event
}

func newRecorderEvents() *recorderEvents { return &recorderEvents{ch: make(chan Event, 1000)} }

func (e *recorderEvents) on(event Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, event)
	e.ch <- event
}

// wait returns the next event of that kind.
func (e *recorderEvents) wait(t testing.TB, kind string) Event {
	t.Helper()
	for limit := time.After(30 * time.Second); ; {
		select {
		case event := <-e.ch:
			if event.Kind() == kind {
				return event
			}
		case <-limit:
			require.FailNow(t, "no event", kind)
		}
	}
}

// recordedFiles returns the files of a recording, in their order.
func recordedFiles(t testing.TB, dir string) (texts []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "touchstone-*.jsonl"))
	require.NoError(t, err)
	slices.Sort(paths)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		texts = append(texts, string(text))
	}
	return texts
}

// recordedLine is a line of a recording.
type recordedLine struct {
	Session, From, Text string
	Time                time.Time
	Raw, Restated       bool
}

// transcriptLines reads a recording, all of which must be readable.
func transcriptLines(t testing.TB, text string) (lines []recordedLine) {
	t.Helper()
	require.True(t, text == "" || strings.HasSuffix(text, "\n"))
	r := stratum.NewTranscript(strings.NewReader(text))
	for {
		l, err := r.Next()
		if err == io.EOF {
			return lines
		}
		require.NoError(t, err)
		lines = append(lines, recordedLine{string(l.Session), l.From.String(), string(l.Bytes()), l.Time, l.Message == nil, l.Restated})
	}
}

// All that is recorded reads back: the same bytes, in the same order, at the same times.
func TestRecorderRoundTrip(t *testing.T) {
	dir := t.TempDir()
	r, err := OpenRecorder(RecorderConfig{Dir: dir})
	require.NoError(t, err)
	now := time.Date(2026, 11, 20, 14, 40, 0, 123456000, time.UTC)
	a := r.Open("a", Opening{Peer: "192.0.2.1:50000", Pool: "stratum+tcp://user:secret@pool.example:3333", TLS: true}, now)
	want := []recordedLine{{Session: "a", From: "touchstone", Time: now,
		Text: `{"event":"open","peer":"192.0.2.1:50000","pool":"stratum+tcp://user@pool.example:3333","tls":true}`}}
	for i, line := range []string{
		`{"id":1,"method":"mining.subscribe","params":["x"]}`,
		`{ "id" : 1 , "method":"mining.configure","params":[[],{}]}`,
		` {"id":1}`, `{"id":1} `, "", "\x00\xff", "GET / HTTP/1.1", `{"id":1,"id":2}`, `[1,2]`, `17`, `"é"`, "\"\xff\"", "{\"a\":\n1}",
		`{"id":1,"method":"cut`, strings.Repeat("[", 90) + strings.Repeat("]", 90), strings.Repeat("[", 9999) + strings.Repeat("]", 9999),
		"\x16\x03\x01\x02\x00\x01\x00\x01", "{\"a\":\t1}", "{\"a\":\r1}",
	} {
		now = now.Add(time.Duration(i) * 1234567 * time.Microsecond)
		from := []stratum.From{stratum.FromMiner, stratum.FromPool}[i%2]
		ending := []string{"", "\n", "\r\n"}[i%3]
		require.NotZero(t, a.Saw(from, []byte(line+ending), now))
		l := recordedLine{Session: "a", From: from.String(), Text: line, Time: now}
		var probe stratum.Line
		probe.SetBytes([]byte(line))
		l.Raw = probe.Message == nil
		want = append(want, l)
	}
	a.Close(now)
	a.Close(now)
	require.Zero(t, a.Saw(stratum.FromMiner, []byte("late"), now))
	want = append(want, recordedLine{Session: "a", From: "touchstone", Text: `{"event":"close"}`, Time: now})
	require.NoError(t, r.Close())
	require.NoError(t, r.Close())
	files := recordedFiles(t, dir)
	require.Len(t, files, 1)
	require.Equal(t, want, transcriptLines(t, files[0]))
}

// What is written of a line that is not JSON is marked as such.
func TestRecorderRaw(t *testing.T) {
	for line, raw := range map[string]bool{
		`{"id":1}`: false, `{"id":1,"id":2}`: true, `{"id":1} `: true, ` 1`: true, "": true, "{\"a\":\r1}": false, "{\"a\":\n1}": true,
		`"\ud800"`: true, `{}{}`: true, `nul`: true, `-0`: false,
	} {
		var l stratum.Line
		l.SetBytes([]byte(line))
		require.Equal(t, raw, l.Message == nil, line)
	}
}

// Nothing happens where nothing is recorded.
func TestRecorderNil(t *testing.T) {
	var r *Recorder
	track := r.Open("a", Opening{}, time.Now())
	require.Nil(t, track)
	require.Zero(t, track.Saw(stratum.FromMiner, []byte("{}"), time.Now()))
	track.Gap(time.Now())
	track.Close(time.Now())
	r.Written(7)
	require.NoError(t, r.Close())
}

func TestSessionName(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		name := SessionName()
		require.Regexp(t, `^[0-9a-x]{16}-[0-9]+$`, name)
		require.False(t, seen[name])
		seen[name] = true
	}
}

// Written returns when the line is in the file.
func TestRecorderWritten(t *testing.T) {
	dir := t.TempDir()
	r, err := OpenRecorder(RecorderConfig{Dir: dir})
	require.NoError(t, err)
	defer r.Close()
	a := r.Open("a", Opening{}, time.Now())
	for i := range 200 {
		line := fmt.Appendf(nil, `{"id":%d}`, i)
		ticket := a.Saw(stratum.FromMiner, line, time.Now())
		r.Written(ticket)
		if !r.slow.Load() && r.written.Load() >= uint64(ticket) {
			require.Contains(t, recordedFiles(t, dir)[0], string(line))
		}
	}
}

// A file that is there already is never written into.
func TestRecorderExclusive(t *testing.T) {
	dir := t.TempDir()
	w := &recordWriter{Recorder: &Recorder{config: RecorderConfig{Dir: dir}, create: createFile}}
	now := time.Date(2026, 11, 21, 19, 44, 0, 123e6, time.UTC)
	taken := filepath.Join(dir, "touchstone-20261121T194400.123Z-0001.jsonl")
	require.NoError(t, os.WriteFile(taken, []byte("mine"), 0o600))
	f, err := w.newFile(now)
	require.NoError(t, err)
	require.Equal(t, "touchstone-20261121T194400.123Z-0002.jsonl", filepath.Base(f.path))
	require.NoError(t, f.disk.Close())
	text, err := os.ReadFile(taken)
	require.NoError(t, err)
	require.Equal(t, "mine", string(text))

	require.NoError(t, os.RemoveAll(dir))
	f, err = w.newFile(now)
	require.NoError(t, err)
	require.NoError(t, f.disk.Close())

	_, err = OpenRecorder(RecorderConfig{})
	require.Error(t, err)
	_, err = OpenRecorder(RecorderConfig{Dir: filepath.Join(f.path, "below a file")})
	require.Error(t, err)
}

var errDiskFull = errors.New("no space left on device")

// fakeDisk is a disk of files in memory that can fail and hang.
type fakeDisk struct {
	mu    sync.Mutex
	files []*fakeFile
	room  int           // bytes that fit; -1 for any number
	hang  chan struct{} // if set, writes wait until it is closed
	sync  error
	cut   error // of Truncate
}

type fakeFile struct {
	disk *fakeDisk
	path string
	buf  []byte
	at   int64
}

func (d *fakeDisk) create(path string) (diskFile, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.room == 0 {
		return nil, errDiskFull
	}
	f := &fakeFile{disk: d, path: path}
	d.files = append(d.files, f)
	return f, nil
}

func (f *fakeFile) Write(b []byte) (int, error) {
	f.disk.mu.Lock()
	hang := f.disk.hang
	f.disk.mu.Unlock()
	if hang != nil {
		<-hang
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	n := len(b)
	if f.disk.room >= 0 {
		n = min(n, f.disk.room)
		f.disk.room -= n
	}
	f.buf = append(f.buf[:f.at], b[:n]...)
	f.at = int64(len(f.buf))
	if n < len(b) {
		return n, errDiskFull
	}
	return n, nil
}

func (f *fakeFile) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.cut != nil {
		return f.disk.cut
	}
	f.buf = f.buf[:size]
	return nil
}

func (f *fakeFile) Seek(offset int64, _ int) (int64, error) {
	f.at = offset
	return offset, nil
}

func (f *fakeFile) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	err := f.disk.sync
	f.disk.sync = nil
	return err
}

func (f *fakeFile) Close() error { return nil }

func (d *fakeDisk) set(change func(d *fakeDisk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

func (d *fakeDisk) texts() (all []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		all = append(all, string(bytes.Clone(f.buf)))
	}
	return all
}
