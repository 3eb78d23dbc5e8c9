package serve

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/testvectors"
	"github.com/touchstone-btc/touchstone/work/share"
)

// watcher tells Devices of a recording, as a proxy would of its connections.
type watcher struct {
	t         *testing.T
	devices   *Devices
	validator *share.Validator
	onlooker  *stratum.Onlooker
	sessions  map[string]*watched
	last      time.Time
}

// watched is one connection of it.
type watched struct {
	device   *Device
	onlooker *stratum.Onlooker
	jobs     uint64
	now      time.Time
	judged   map[uint64]watchedShare
}

type watchedShare struct {
	verdict share.Verdict
	err     error
	worker  string
	at      time.Time
}

func (w *watched) Submitted(s *stratum.Submit) {
	v, err := w.onlooker.Sessions()[0].Check(&s.Submission)
	worker := strings.Clone(s.Submission.Text.Worker)
	w.judged[s.Number] = watchedShare{v, err, worker, w.now}
	w.device.Is("", worker)
	w.device.Judged(&v, err, w.now)
}

func (w *watched) Replied(number uint64, r stratum.Reply) {
	s, ok := w.judged[number]
	if ok {
		delete(w.judged, number)
		w.device.Is("", s.worker)
		w.device.Said(&s.verdict, s.err, r, false, w.now.Sub(s.at))
	}
}

func (w *watched) Forgotten(number uint64) {}
func (w *watched) Assumed(why string)      {}

// watch returns what Devices knows at the end of a recording.
func watchRecording(t *testing.T, recording string) Snapshot {
	w := &watcher{t: t, validator: share.NewValidator(share.Options{}), onlooker: stratum.NewOnlooker(), sessions: map[string]*watched{}}
	in := stratum.NewTranscript(strings.NewReader(recording))
	for {
		l, err := in.Next()
		var fault *stratum.LineError
		if errors.As(err, &fault) {
			continue
		}
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		if w.devices == nil {
			w.devices = newDevices(func() time.Time { return l.Time })
		}
		w.line(l)
	}
	return w.devices.Snapshot(w.last)
}

func (w *watcher) line(l *stratum.Line) {
	w.last = l.Time
	c := w.sessions[string(l.Session)]
	if c == nil {
		c = &watched{
			device:   w.devices.Connected(string(l.Session), "192.0.2.1:5000", "stratum+tcp://pool.example:3333", l.Time),
			onlooker: w.onlooker.Beside(w.validator.NewSession()), judged: map[uint64]watchedShare{},
		}
		w.sessions[string(l.Session)] = c
	}
	c.now = l.Time
	_ = c.onlooker.Observe(l.From, l.Bytes(), l.Time, c)
	if target, jobs, known := c.onlooker.Sessions()[0].Newest(); jobs != c.jobs && known {
		c.jobs = jobs
		c.device.Target(target, l.Time)
	}
}

// What a proxy shows at the end of a recording is what replaying it finds.
func TestDevicesAsReplay(t *testing.T) {
	for _, v := range testvectors.Shares() {
		t.Run(v.Name, func(t *testing.T) {
			want := replay(t, ReplayConfig{}, string(v.Transcript)).Summary
			got := watchRecording(t, string(v.Transcript))
			requireTally(t, &want.Tally, &got.Total.DeviceTally)
			require.EqualValues(t, want.Sessions, got.Total.Connections)
			require.Len(t, got.Workers, len(want.Workers))
			for i, w := range want.Workers {
				require.Equal(t, w.Worker, got.Workers[i].Worker)
				require.EqualValues(t, w.Sessions, got.Workers[i].Connections)
				requireTally(t, &w.Tally, &got.Workers[i].DeviceTally)
			}
		})
	}
}

func requireTally(t *testing.T, want *Tally, got *DeviceTally) {
	t.Helper()
	require.Equal(t, want.Shares, got.Shares)
	require.Equal(t, want.Verdicts, got.Verdicts)
	require.Equal(t, [...]int64{want.Unjudged, want.Credited, want.Blocks, want.PoolAccepted, want.PoolRejected, want.Disagreements},
		[...]int64{got.Unjudged, got.Credited, got.Blocks, got.PoolAccepted, got.PoolRejected, got.Disagreements})
	require.Equal(t, want.Work, got.Work)
	require.InDelta(t, want.Difficulty, got.Credit, 1e-9*want.Difficulty)
	if want.Best != nil {
		require.Equal(t, want.Best.Difficulty, got.Best)
	}
	if want.HashRate == nil || got.HashRate == nil {
		require.Equal(t, want.HashRate, got.HashRate)
		return
	}
	w, g := want.HashRate, got.HashRate
	require.Equal(t, w.Approximate, g.Approximate)
	for _, pair := range [][2]float64{{w.Rate, g.Rate}, {w.Low, g.Low}, {w.High, g.High}, {w.Seconds, g.Seconds}} {
		require.InDelta(t, pair[0], pair[1], 1e-9*pair[0])
	}
}
