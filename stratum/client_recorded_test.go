package stratum

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/testvectors"
	"github.com/touchstone-btc/touchstone/work"
)

// replayed is what a miner's side of a recorded connection was told, read message by message without a Client.
type replayed struct {
	talk       *talk
	methods    map[string]string // of the recorded miner's requests, by id
	mask       uint32            // asked for
	granted    uint32
	bits       bool
	extranonce *Extranonce
	target     *work.Target
	works      map[string]*ClientWork // offered last, by job
	want       int                    // works so far
}

// TestClientRecorded gives the pool's side of each recording to a Client: each job that can be read has to be offered, with the target,
// extranonce and mask in force; and good shares of the recording have to be handed in as they stand there.
func TestClientRecorded(t *testing.T) {
	offered, handedIn := 0, 0
	for _, vector := range testvectors.Shares() {
		t.Run(vector.Name, func(t *testing.T) {
			good := map[int]bool{}
			for _, v := range vector.Judged {
				good[v.Line] = v.Policy == "strict" && (v.Word == "accepted" || v.Word == "block")
			}
			sessions := map[string]*replayed{}
			r := NewTranscript(bytes.NewReader(vector.Transcript))
			for {
				line, err := r.Next()
				if err == io.EOF {
					break
				}
				require.NoError(t, err)
				s := sessions[string(line.Session)]
				if s == nil {
					s = &replayed{methods: map[string]string{}, works: map[string]*ClientWork{}}
					sessions[string(line.Session)] = s
				}
				var m Message
				if Decode(line.Bytes(), &m) != nil {
					continue
				}
				switch line.From {
				case FromMiner:
					if s.miner(t, &m, good[int(line.Number)]) {
						handedIn++
					}
				case FromPool:
					s.pool(t, &m, string(line.Bytes()))
				}
			}
			for _, s := range sessions {
				offered += s.want
			}
		})
	}
	t.Logf("%d jobs, %d shares", offered, handedIn)
	require.Greater(t, offered, 100)
	require.Greater(t, handedIn, 50)
}

// miner takes in a message of the recorded miner, and reports whether it was a share that the Client handed in too.
func (s *replayed) miner(t *testing.T, m *Message, good bool) bool {
	if m.HasID() {
		s.methods[string(m.ID)] = m.Method
	}
	switch m.Method {
	case MethodConfigure:
		s.mask, _, _ = m.Configure()
	case MethodSubmit:
		return good && s.share(t, m)
	}
	return false
}

// begin makes the Client, when the pool says something for the first time.
func (s *replayed) begin(t *testing.T) {
	if s.talk == nil {
		k := &talk{t, nil, &heard{}}
		k.client = NewClient(ClientConfig{Worker: "w", UserAgent: "a", VersionMask: s.mask, Handler: k.heard})
		decodable(t, k.client.Start(nil, talkTime))
		s.talk = k
	}
}

// pool takes in a message of the pool.
func (s *replayed) pool(t *testing.T, m *Message, line string) {
	s.begin(t)
	k := s.talk
	c := k.client
	if m.Method == "" {
		var id uint64
		switch s.methods[string(m.ID)] {
		case MethodConfigure:
			id = c.configuring
			if mask, granted, err := m.ConfigureResult(); granted && err == nil && id != 0 {
				s.granted, s.bits = mask, true
			}
		case MethodSubscribe:
			id = c.subscribing
			if e, err := m.SubscribeResult(); err == nil {
				s.extranonce = &e
			}
		}
		if id == 0 {
			return // of something that the Client did not ask, or asks later
		}
		line = strings.Replace(line, `"id":`+string(m.ID), fmt.Sprintf(`"id":%d`, id), 1)
	}
	out, err := c.Receive(nil, []byte(line), talkTime)
	require.NoError(t, err, line)
	decodable(t, out)
	if id := c.authorizing; id != 0 { // whatever the recorded miner did
		out, err = c.Receive(nil, AppendResult(nil, fmt.Appendf(nil, "%d", id), "true"), talkTime)
		require.NoError(t, err)
		decodable(t, out)
	}
	switch m.Method {
	case MethodSetDifficulty:
		if target, err := m.SetDifficulty(); err == nil {
			s.target = &target
		}
	case MethodSetExtranonce:
		if e, err := m.SetExtranonce(); err == nil {
			s.extranonce = &e
		}
	case MethodSetVersionMask:
		if mask, err := m.SetVersionMask(); err == nil {
			s.granted, s.bits = mask, true
		}
	case MethodNotify:
		s.notified(t, m)
	}
}

// notified holds the work just offered against the job of m.
func (s *replayed) notified(t *testing.T, m *Message) {
	if s.extranonce == nil || !s.talk.client.subscribed {
		return // the recording begins in the middle
	}
	job, clean, err := m.Notify(len(s.extranonce.Extranonce1), s.extranonce.Extranonce2Size)
	if err != nil {
		require.NotEmpty(t, s.talk.ignored)
		return
	}
	w := s.talk.last()
	s.want++
	s.works[job.ID] = w
	require.Equal(t, job.ID, w.Job.ID)
	require.True(t, w.Clean || !clean)
	require.Equal(t, s.extranonce.Extranonce1, w.Extranonce1)
	require.Equal(t, s.granted&s.mask, w.Job.VersionMask)
	want := difficulty1
	if s.target != nil {
		want = *s.target
	}
	require.Equal(t, want, w.Target)
	job.VersionMask, job.MinTime, job.MaxTime = w.Job.VersionMask, job.Time, job.Time+MaxNTimeRoll
	require.Equal(t, job, w.Job)
}

// share hands in a share of the recording, and holds what is sent against it.
func (s *replayed) share(t *testing.T, m *Message) bool {
	var want Submit
	m.Submit(&want)
	w := s.works[want.Submission.JobID]
	if w == nil || s.bits != want.Submission.HasVersionBits {
		return false // the recording begins in the middle
	}
	if s.talk.client.live[w.Job.ID] != w.issue {
		return false // the block was another in between
	}
	share := &work.Solution{
		Extranonce: append(bytes.Clone(w.Extranonce1), want.Submission.Extranonce2...),
		Version:    work.CombineVersion(w.Job.Version, want.Submission.VersionBits, s.granted),
		Time:       want.Submission.Time, Nonce: want.Submission.Nonce,
	}
	out, number := s.talk.client.Submit(nil, w, share, talkTime)
	require.NotZero(t, number)
	var sent Message
	var got Submit
	require.NoError(t, Decode(out, &sent))
	sent.Submit(&got)
	want.text.Worker, want.text.Extranonce2 = "w", strings.ToLower(want.text.Extranonce2)
	for _, text := range []*string{&want.text.Time, &want.text.Nonce, &want.text.VersionBits} {
		*text = strings.ToLower(*text)
	}
	require.Equal(t, want.text, got.text)
	_, number = s.talk.client.Submit(nil, w, share, talkTime)
	require.Zero(t, number, "the same again")
	return true
}

// decodable requires that a pool can read each line.
func decodable(t testing.TB, out []byte) {
	var m Message
	for line := range bytes.Lines(out) {
		require.NoError(t, Decode(line, &m), "%s", line)
		require.True(t, bytes.HasSuffix(line, []byte("\n")))
	}
}
