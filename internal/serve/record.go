package serve

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/touchstone-btc/touchstone/stratum"
)

// RecorderConfig says where and how connections are recorded.
type RecorderConfig struct {
	// Dir is the folder of the recording, made if need be. Required.
	Dir string
	// MaxFileSize is how many bytes a file may have before the next is begun. What the file repeats of connections that began before it
	// does not count beyond half of it. Default: 256 MiB.
	MaxFileSize int64
	// MaxFileAge is how long a file is written before the next is begun. Default: 24 h.
	MaxFileAge time.Duration
	// OnEvent is told when recording fails and goes on, from one goroutine. Default: nobody is told.
	OnEvent func(Event)
}

const (
	defaultMaxFileSize = 256 << 20
	defaultMaxFileAge  = 24 * time.Hour
	// maxRecordQueue is how many bytes wait to be written; what is more is lost, and makes a gap.
	maxRecordQueue = 16 << 20
	// recordRetry is how long after a failure recording is tried again, and how often files are synced.
	recordRetry = time.Second
	// recordHangs is how long one write may take before it counts as a failure.
	recordHangs = 2 * time.Second
	// diskWait is how long Written waits for the disk, and busyWait for a machine that has other things to do.
	diskWait = 100 * time.Millisecond
	busyWait = 500 * time.Millisecond
	// closeWait is how long Close waits for the disk.
	closeWait = 10 * time.Second
	// longRecorded is the most bytes of a line that are recorded; a longer one is a gap.
	longRecorded = 512 << 10
)

// Recorder writes transcripts of connections. It never makes those who are recorded wait for long: what can't be kept is a gap, and
// said to be one. It is safe for concurrent use. A nil Recorder records nothing.
//
// The files are those that stratum.Transcript reads, named by the time they begin. Each says of the connections that it takes over
// from the file before what is needed to judge their shares; so each can be judged alone, and all joined in their order.
type Recorder struct {
	config RecorderConfig
	create func(path string) (diskFile, error)
	queue  recordQueue
	texts  stratum.Texts
	memory sync.Pool // *stratum.Message

	mu     sync.Mutex
	tracks []*Track
	files  []*recordFile // to be synced

	written   atomic.Uint64 // ticket
	waiters   waiters
	slow      atomic.Bool  // nobody waits for the disk
	busy      atomic.Int64 // since when the writer waits for the disk, Unix time in nanoseconds; 0 if it does not
	lostSome  atomic.Bool  // some track is lost
	lostLines atomic.Uint64
	syncError atomic.Pointer[error]

	trouble  trouble
	troubled atomic.Bool // there is trouble
	stop     chan struct{}
	done     chan struct{} // all goroutines have ended
	once     sync.Once
	err      error // of the writer, when it is done
}

// OpenRecorder begins a recording: it creates its first file.
func OpenRecorder(c RecorderConfig) (*Recorder, error) { return openRecorder(c, createFile) }

func openRecorder(c RecorderConfig, create func(path string) (diskFile, error)) (*Recorder, error) {
	w, err := newRecordWriter(c, create, time.Now)
	if err != nil {
		return nil, err
	}
	return w.start(), nil
}

// start begins to write.
func (w *recordWriter) start() *Recorder {
	r := w.Recorder
	var all sync.WaitGroup
	ended := make(chan struct{}) // the writer has
	all.Go(func() { defer close(ended); w.run() })
	all.Go(func() { r.syncs(ended) })
	all.Go(func() { r.tells(ended) })
	go func() { all.Wait(); close(r.done) }()
	return r
}

// newRecordWriter returns the writer of a new Recorder, with its first file.
func newRecordWriter(c RecorderConfig, create func(path string) (diskFile, error), clock func() time.Time) (*recordWriter, error) {
	if c.Dir == "" {
		return nil, errors.New("no folder to record into")
	}
	if c.MaxFileSize <= 0 {
		c.MaxFileSize = defaultMaxFileSize
	}
	if c.MaxFileAge <= 0 {
		c.MaxFileAge = defaultMaxFileAge
	}
	if c.OnEvent == nil {
		c.OnEvent = func(Event) {}
	}
	if err := os.MkdirAll(c.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	r := &Recorder{
		config: c, create: create,
		queue: recordQueue{wake: make(chan struct{}, 1), limit: maxRecordQueue},
		stop:  make(chan struct{}), done: make(chan struct{}),
	}
	r.memory.New = func() any { return new(stratum.Message) }
	r.trouble.events = make(chan Event, 64)
	w := &recordWriter{Recorder: r, clock: clock}
	first, err := w.newFile(clock())
	if err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	w.use(first)
	return w, nil
}

// Opening is what a recording says of a connection when it begins.
type Opening struct {
	Peer string `json:"peer"`           // the device's address
	Pool string `json:"pool,omitempty"` // the pool's URL, without password; "" where touchstone is the pool
	TLS  bool   `json:"tls"`            // on the device's side
	// Link names the session that is the other side of this one, where the proxy rewrites what crosses it. Only the pool's side has
	// it, which is opened after the device's: the same shares cross both.
	Link string `json:"link,omitempty"`
}

// members returns the opening as JSON, without what holds it together.
func (o Opening) members() []byte {
	if u, err := url.Parse(o.Pool); err == nil && u.User != nil {
		u.User = url.User(u.User.Username())
		o.Pool = u.String()
	}
	text, _ := json.Marshal(o) // strings and a bool: it can't err
	return text[1 : len(text)-1]
}

// Open begins a connection of that name, see SessionName: 1 to 256 bytes, and not the name of another.
func (r *Recorder) Open(session string, o Opening, now time.Time) *Track {
	if r == nil {
		return nil
	}
	t := &Track{recorder: r, name: trackName(session), opening: o.members(), state: stratum.NewRestater(&r.texts)}
	t.open(now)
	r.mu.Lock()
	defer r.mu.Unlock()
	t.place = len(r.tracks)
	r.tracks = append(r.tracks, t)
	return t
}

// trackName returns a session's name as a recording can have it.
func trackName(session string) []byte {
	const most = 256
	name := strings.ToValidUTF8(session, "?")
	for len(name) > most {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	if name == "" {
		name = SessionName()
	}
	return []byte(name)
}

// forget takes a track off the list.
func (r *Recorder) forget(t *Track) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.tracks) - 1
	moved := r.tracks[last]
	r.tracks[t.place], r.tracks[last] = moved, nil
	moved.place = t.place
	r.tracks = r.tracks[:last]
}

// Ticket stands for a line that was given to a Recorder; 0 for none.
type Ticket uint64

// Written waits until the line of that ticket, and all before it, were handed to the operating system, so that they survive the end of
// this process; but no longer than a tenth of a second for the disk, or half a second where the machine is too busy to get there, and not at all
// while the disk is slow or full.
func (r *Recorder) Written(t Ticket) {
	if r == nil || uint64(t) <= r.written.Load() || r.slow.Load() {
		return
	}
	begun := time.Now()
	timer := time.NewTimer(diskWait)
	defer timer.Stop()
	for {
		next := r.waiters.next()
		if uint64(t) <= r.written.Load() {
			return
		}
		select {
		case <-next:
		case <-r.stop:
			return
		case <-timer.C:
			now := time.Now()
			busy := r.busy.Load()
			if busy != 0 && now.UnixNano()-busy >= int64(diskWait) || now.Sub(begun) >= busyWait {
				r.slow.Store(true)
				return
			}
			timer.Reset(diskWait)
		}
	}
}

// waiters wait for the next write.
type waiters struct {
	mu sync.Mutex
	ch chan struct{}
}

// next returns what is closed after the next write.
func (w *waiters) next() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ch == nil {
		w.ch = make(chan struct{})
	}
	return w.ch
}

// tell wakes all.
func (w *waiters) tell() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ch != nil {
		close(w.ch)
		w.ch = nil
	}
}

// Close writes what is left, syncs it to disk and ends the recording. It errs if not all of it is on the disk, or ever was; for a disk that hangs it
// waits ten seconds. What is given to the Recorder after it is not recorded.
func (r *Recorder) Close() error {
	if r == nil {
		return nil
	}
	r.once.Do(func() { close(r.stop) })
	select {
	case <-r.done:
		return r.err
	case <-time.After(closeWait):
		return fmt.Errorf("recording: the disk hangs: what came last is not written")
	}
}

// syncs makes the machine keep what is written, about every second, until the writer has ended and all files are closed.
func (r *Recorder) syncs(ended <-chan struct{}) {
	tick := time.NewTicker(recordRetry)
	defer tick.Stop()
	for {
		final := false
		select {
		case <-tick.C:
		case <-ended:
			final = true
		}
		r.mu.Lock()
		files := append([]*recordFile(nil), r.files...)
		r.mu.Unlock()
		for _, f := range files {
			retired := f.retired.Load()
			err := f.sync()
			if retired || final {
				err = errors.Join(err, f.disk.Close())
				r.drop(f)
				if final && f.size == 0 { // nobody connected
					_ = os.Remove(f.path)
				}
			}
			if err == nil {
				continue
			}
			err = fmt.Errorf("recording: %w", err)
			r.syncError.Store(&err)
			if final {
				r.err = errors.Join(r.err, err)
			}
		}
		if final {
			return
		}
	}
}

// drop takes a file off the list of those to be synced.
func (r *Recorder) drop(f *recordFile) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.files {
		if r.files[i] == f {
			r.files = append(r.files[:i], r.files[i+1:]...)
			return
		}
	}
}

// trouble is what keeps a recorder from recording.
type trouble struct {
	events chan Event

	mu    sync.Mutex
	since time.Time // zero if there is none
	lost  uint64    // lines, until the last one ended
	why   string    // of the last failure

	failures uint64
}

// begin tells that recording fails, if it was not told.
func (r *Recorder) begin(file string, err error) {
	r.trouble.mu.Lock()
	defer r.trouble.mu.Unlock()
	if !r.trouble.since.IsZero() {
		return
	}
	r.trouble.since, r.trouble.why = time.Now(), err.Error()
	r.trouble.failures++
	r.troubled.Store(true)
	r.mu.Lock()
	sessions := len(r.tracks)
	r.mu.Unlock()
	r.tell(RecordFailed{File: file, Error: err.Error(), Sessions: sessions})
}

// resumed tells that recording goes on, if it failed.
func (r *Recorder) resumed(file string) {
	r.trouble.mu.Lock()
	defer r.trouble.mu.Unlock()
	if r.trouble.since.IsZero() {
		return
	}
	elapsed := time.Since(r.trouble.since)
	r.trouble.since = time.Time{}
	r.troubled.Store(false)
	before := r.trouble.lost
	r.trouble.lost = r.lostLines.Load()
	r.tell(RecordResumed{File: file, Lines: r.trouble.lost - before, Elapsed: seconds(elapsed)})
}

// tell queues an event. If those before it are not heard it is lost.
func (r *Recorder) tell(e Event) {
	select {
	case r.trouble.events <- e:
	default:
	}
}

// tells tells OnEvent, and notices when the disk hangs, until the writer has ended.
func (r *Recorder) tells(ended <-chan struct{}) {
	tick := time.NewTicker(recordHangs / 4)
	defer tick.Stop()
	for {
		select {
		case e := <-r.trouble.events:
			r.config.OnEvent(e)
		case now := <-tick.C:
			if since := r.busy.Load(); since != 0 && now.UnixNano()-since > int64(recordHangs) {
				r.begin(r.config.Dir, fmt.Errorf("the disk has not taken anything for %v", recordHangs))
			}
		case <-ended:
			for {
				select {
				case e := <-r.trouble.events:
					r.config.OnEvent(e)
					continue
				default:
				}
				return
			}
		}
	}
}
