package stratum

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work/share"
)

// story drives an onlooker of one strict session.
type story struct {
	*testing.T
	session  *share.Session
	onlooker *Onlooker
	now      time.Time

	words     []string // verdicts, or errors
	replies   []string // number and words
	forgotten []uint64
	assumed   []string
}

func newStory(t *testing.T) *story {
	s := share.NewValidator(share.Options{}).NewSession()
	return &story{T: t, session: s, onlooker: NewOnlooker(s), now: time.Unix(0x64b3f3ec, 0)}
}

func (s *story) Submitted(sub *Submit) {
	v, err := s.session.Check(&sub.Submission)
	if err != nil {
		s.words = append(s.words, err.Error())
		return
	}
	s.words = append(s.words, v.Word.String())
}
func (s *story) Replied(n uint64, r Reply) { s.replies = append(s.replies, fmt.Sprint(n, " ", r)) }
func (s *story) Forgotten(n uint64)        { s.forgotten = append(s.forgotten, n) }
func (s *story) Assumed(why string)        { s.assumed = append(s.assumed, why) }

func (s *story) pool(lines ...string) {
	s.Helper()
	for _, line := range lines {
		require.NoError(s, s.onlooker.Observe(FromPool, []byte(line), s.now, s))
	}
}

func (s *story) miner(lines ...string) {
	s.Helper()
	for _, line := range lines {
		require.NoError(s, s.onlooker.Observe(FromMiner, []byte(line), s.now, s))
	}
}

func (s *story) event(name string) {
	s.Helper()
	require.NoError(s, s.onlooker.Observe(FromTouchstone, []byte(`{"event":"`+name+`"}`), s.now, s))
}

// judged returns the last verdict.
func (s *story) judged() string {
	s.Helper()
	require.NotEmpty(s, s.words)
	return s.words[len(s.words)-1]
}

// The connection of public-pool's mock recording; see notifyJSON.
const (
	subscribe     = `{"id":1,"method":"mining.subscribe","params":["bitaxe"]}`
	subscribed    = `{"id":1,"result":[[["mining.notify","57a6f098"]],"57a6f098",4],"error":null}`
	configure     = `{"id":2,"method":"mining.configure","params":[["version-rolling"],{"version-rolling.mask":"ffffffff"}]}`
	configured    = `{"id":2,"result":{"version-rolling":true,"version-rolling.mask":"1fffe000"},"error":null}`
	authorize     = `{"id":3,"method":"mining.authorize","params":["w","x"]}`
	authorized    = `{"id":3,"result":true,"error":null}`
	difficulty512 = `{"id":null,"method":"mining.set_difficulty","params":[512]}`
	submit        = `{"id":4,"method":"mining.submit","params":["w","1","c7080000","64b3f3ec","ed460d91","00002000"]}`
)

var notify = call(MethodNotify, notifyJSON...)

func (s *story) begin() {
	s.Helper()
	s.event("open")
	s.miner(subscribe, configure, authorize)
	s.pool(subscribed, configured, authorized, difficulty512, notify)
}

func TestOnlooker(t *testing.T) {
	s := newStory(t)
	s.begin()
	s.miner(submit)
	require.Equal(t, "accepted", s.judged())
	s.pool(`{"id":4,"result":true,"error":null}`)
	require.Equal(t, []string{"1 accepted"}, s.replies)
	s.miner(submit)
	require.Equal(t, "duplicate", s.judged())
	s.pool(`{"id":"4","result":true,"error":null}`) // another id
	require.Equal(t, uint64(1), s.onlooker.Unmatched())
	s.event("close")
	require.Equal(t, []uint64{2}, s.forgotten)
	require.ErrorIs(t, s.onlooker.Observe(FromMiner, []byte(submit), s.now, s), ErrClosed)
	require.ErrorIs(t, s.onlooker.Observe(FromTouchstone, []byte(`{"event":"open"}`), s.now, s), ErrClosed)
	require.Empty(t, s.assumed)
	require.Equal(t, uint64(2), s.onlooker.Submits())
}

func TestOnlookerGrants(t *testing.T) {
	t.Run("nothing before subscribe", func(t *testing.T) {
		s := newStory(t)
		s.event("open")
		s.miner(submit)
		require.Equal(t, "unauthorized", s.judged())
		require.Empty(t, s.assumed)
	})
	t.Run("authorize counts from the request", func(t *testing.T) {
		s := newStory(t)
		s.miner(subscribe, configure)
		s.pool(subscribed, configured, difficulty512, notify)
		s.miner(submit)
		require.Equal(t, "unauthorized", s.judged())
		s.miner(authorize, submit)
		require.Equal(t, "accepted", s.judged())
		s.pool(`{"id":3,"result":null,"error":[24,"no",null]}`)
		s.miner(submit)
		require.Equal(t, "unauthorized", s.judged())
	})
	t.Run("an authorize after one that is refused", func(t *testing.T) {
		s := newStory(t)
		s.event("open")
		s.miner(subscribe, configure, authorize, strings.Replace(authorize, `"id":3`, `"id":8`, 1))
		s.pool(subscribed, configured, difficulty512, notify, `{"id":3,"result":false,"error":null}`)
		s.miner(submit)
		require.Equal(t, "accepted", s.judged())
		s.pool(`{"id":8,"result":false,"error":null}`)
		s.miner(submit)
		require.Equal(t, "unauthorized", s.judged())
	})
	t.Run("an authorize answered with null is not refused", func(t *testing.T) {
		s := newStory(t)
		s.begin()
		s.miner(`{"id":9,"method":"mining.authorize","params":["w"]}`)
		s.pool(`{"id":9,"result":null,"error":null}`)
		s.miner(submit)
		require.Equal(t, "accepted", s.judged())
	})
	t.Run("configure counts from the answer", func(t *testing.T) {
		s := newStory(t)
		s.miner(subscribe, configure, authorize)
		s.pool(subscribed, difficulty512, notify)
		s.miner(submit)
		require.Equal(t, "bad-version", s.judged())
		s.pool(configured)
		s.miner(submit)
		require.Equal(t, "accepted", s.judged())
	})
	t.Run("version masks hold at once", func(t *testing.T) {
		s := newStory(t)
		s.begin()
		s.pool(call(MethodSetVersionMask, `"00004000"`))
		s.miner(submit)
		require.Equal(t, "bad-version", s.judged())
	})
	t.Run("difficulty holds from the next job", func(t *testing.T) {
		s := newStory(t)
		s.begin()
		s.pool(call(MethodSetDifficulty, `1024`))
		s.miner(submit)
		require.Equal(t, "accepted", s.judged())
		s.pool(notify)
		s.miner(submit)
		require.Equal(t, "low-difficulty", s.judged())
	})
	t.Run("extranonces hold from the next job", func(t *testing.T) {
		s := newStory(t)
		s.begin()
		s.pool(call(MethodSetExtranonce, `"57a6f098"`, `8`))
		s.miner(submit)
		require.Equal(t, "accepted", s.judged())
		s.pool(notify)
		s.miner(submit)
		require.Equal(t, "bad-extranonce2", s.judged())
	})
}

func TestOnlookerMiddle(t *testing.T) {
	s := newStory(t)
	s.pool(difficulty512)
	require.Len(t, s.assumed, 1)
	s.pool(notify)
	s.miner(submit)
	require.Equal(t, share.ErrNoExtranonce.Error(), s.judged())
	s.pool(call(MethodSetExtranonce, `"57a6f098"`, `4`), notify)
	s.miner(submit)
	require.Equal(t, "accepted", s.judged())
	s.miner(strings.Replace(submit, `"1"`, `"77"`, 1))
	require.Equal(t, share.ErrNoJob.Error(), s.judged())
	require.Len(t, s.assumed, 1, "said once")
	require.True(t, s.onlooker.Assumed())
}

func TestOnlookerGap(t *testing.T) {
	s := newStory(t)
	s.begin()
	s.miner(submit)
	s.event("gap")
	require.Equal(t, []uint64{1}, s.forgotten, "its answer may have been missed")
	require.Len(t, s.assumed, 1)
	s.pool(`{"id":4,"result":true,"error":null}`)
	require.Empty(t, s.replies)
	s.miner(strings.Replace(submit, `"1"`, `"77"`, 1))
	require.Equal(t, share.ErrNoJob.Error(), s.judged())
	s.pool(notify)
	s.miner(submit)
	require.Equal(t, share.ErrNoExtranonce.Error(), s.judged())
	s.pool(call(MethodSetExtranonce, `"57a6f098"`, `4`), difficulty512, strings.Replace(notify, `"1"`, `"2"`, 1))
	s.miner(strings.Replace(submit, `"1"`, `"2"`, 1))
	require.Equal(t, "duplicate", s.judged(), "duplicates are remembered across a gap")
}

// TestOnlookerOpenedAgain shows that a connection ends where another of its name is opened: neither answers nor jobs are taken for
// those of the other.
func TestOnlookerOpenedAgain(t *testing.T) {
	s := newStory(t)
	s.begin()
	s.miner(submit)
	require.ErrorIs(t, s.onlooker.Observe(FromTouchstone, []byte(`{"event":"open"}`), s.now, s), ErrReopened)
	require.Equal(t, []uint64{1}, s.forgotten)
	require.ErrorIs(t, s.onlooker.Observe(FromMiner, []byte(submit), s.now, s), ErrClosed)
}

// A pool may let in who has a password that is not UTF-8; recordings leave such a line out.
func TestOnlookerUnreadableAuthorize(t *testing.T) {
	for _, line := range []string{"{\"id\":3,\"method\":\"mining.authorize\",\"params\":[\"w\",\"\xff\"]}", ""} {
		s := newStory(t)
		s.miner(subscribe, configure)
		s.pool(subscribed, configured)
		require.Error(t, s.onlooker.Observe(FromMiner, []byte(line), s.now, s))
		s.pool(authorized, difficulty512, notify)
		s.miner(submit)
		require.Equal(t, "accepted", s.judged())
	}
}

// TestOnlookerUnreadable shows that what the pool sent and can't be read is told, stops nothing, and makes nothing look wrong that
// may have been right.
func TestOnlookerUnreadable(t *testing.T) {
	other := strings.Replace(submit, `"1"`, `"77"`, 1)
	for _, test := range []struct {
		name, line, says string
		first            string // the verdict of submit after it
		unknown          string // of a submission for a job never seen
		again            string // of submit after the job is sent again
	}{
		{"a job of an id in use", call(MethodNotify, with(notifyJSON, 6, `"00000000"`)...), "nbits",
			share.ErrNoJob.Error(), share.ErrNoJob.Error(), "accepted"},
		{"a job of another id", call(MethodNotify, with(with(notifyJSON, 0, `"77"`), 4, `null`)...), "merkle branch",
			share.ErrNoTip.Error(), share.ErrNoJob.Error(), "accepted"},
		{"a job without id", call(MethodNotify, with(notifyJSON, 0, `null`)...), "job id",
			share.ErrNoTip.Error(), share.ErrNoJob.Error(), "accepted"},
		{"a job without params", `{"id":null,"method":"mining.notify","params":null}`, "want an array",
			share.ErrNoTip.Error(), share.ErrNoJob.Error(), "accepted"},
		{"a difficulty", call(MethodSetDifficulty, `0`), "more than 0",
			"accepted", share.ErrNoJob.Error(), share.ErrNoDifficulty.Error()},
		{"an extranonce", call(MethodSetExtranonce, `"xx"`, `4`), "extranonce1",
			"accepted", share.ErrNoJob.Error(), share.ErrNoExtranonce.Error()},
		{"a mask", call(MethodSetVersionMask, `null`), "hex digits",
			"accepted", share.ErrNoJob.Error(), ""},
		{"no JSON", "\x00\xff", "invalid character",
			share.ErrNoTip.Error(), share.ErrNoJob.Error(), "accepted"},
		{"a name twice", `{"id":null,"method":"mining.notify","method":"x"}`, "twice",
			share.ErrNoTip.Error(), share.ErrNoJob.Error(), "accepted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStory(t)
			s.begin()
			s.miner(other)
			require.Equal(t, "unknown-job", s.judged())
			require.ErrorContains(t, s.onlooker.Observe(FromPool, []byte(test.line), s.now, s), test.says)
			s.miner(submit)
			require.Equal(t, test.first, s.judged())
			s.miner(other)
			require.Equal(t, test.unknown, s.judged())
			if test.again != "" {
				s.pool(notify)
				s.miner(submit)
				require.Equal(t, test.again, s.judged())
			}
		})
	}
	for _, test := range []struct{ name, request, reply string }{
		{"subscribe", subscribe, `{"id":1,"result":[[],"57a6f0",null],"error":null}`},
		{"configure", configure, `{"id":2,"result":{"version-rolling":true},"error":null}`},
		{"subscribe answered by no JSON", subscribe, `{"id":1`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStory(t)
			s.event("open")
			s.miner(test.request)
			require.Error(t, s.onlooker.Observe(FromPool, []byte(test.reply), s.now, s))
			require.Len(t, s.assumed, 1)
			s.miner(submit)
			require.Equal(t, share.ErrNoJob.Error(), s.judged())
		})
	}
	for _, reply := range []string{`{"id":2,"result":{"version-rolling":true,"version-rolling.mask":"0x1fffe000"},"error":null}`, `{"id":2`} {
		t.Run("configure, extranonce and difficulty known", func(t *testing.T) {
			s := newStory(t)
			s.event("open")
			s.miner(subscribe)
			s.pool(subscribed, difficulty512)
			s.miner(configure)
			require.Error(t, s.onlooker.Observe(FromPool, []byte(reply), s.now, s))
			require.Len(t, s.assumed, 1)
			s.pool(notify)
			s.miner(submit)
			require.Equal(t, "accepted", s.judged())
		})
	}
	t.Run("what a miner sends changes nothing", func(t *testing.T) {
		s := newStory(t)
		s.begin()
		for _, line := range []string{"GET / HTTP/1.1", `{"id":1}`, `{"id":7,"method":"mining.authorize","params":[1]}`, ""} {
			require.Error(t, s.onlooker.Observe(FromMiner, []byte(line), s.now, s))
		}
		s.miner(other)
		require.Equal(t, "unknown-job", s.judged())
		require.Empty(t, s.assumed)
	})
	t.Run("events", func(t *testing.T) {
		s := newStory(t)
		for _, line := range []string{``, `{`, `[]`, `{}`, `{"event":1}`, `{"event":"stop"}`, `{"event":"open","event":"gap"}`} {
			require.Error(t, s.onlooker.Observe(FromTouchstone, []byte(line), s.now, s), line)
		}
		require.NoError(t, s.onlooker.Observe(FromTelemetry, []byte("anything"), s.now, s))
		require.Error(t, s.onlooker.Observe(0, []byte(submit), s.now, s))
	})
}

func TestOnlookerMalformed(t *testing.T) {
	s := newStory(t)
	s.begin()
	s.miner(`{"id":5,"method":"mining.submit","params":null}`)
	require.Equal(t, "malformed", s.judged())
	s.pool(`{"id":5,"result":false,"error":"Params not array"}`)
	require.Equal(t, []string{"1 rejected: Params not array"}, s.replies)
}

// TestOnlookerReplies shows that replies find their requests: out of order, with one id for all, without id, and never.
func TestOnlookerReplies(t *testing.T) {
	s := newStory(t)
	s.begin()
	id := func(id string) string { return strings.Replace(submit, `"id":4`, `"id":`+id, 1) }
	reply := func(id, words string) string { return fmt.Sprintf(`{"id":%s,"result":false,"error":%q}`, id, words) }
	s.miner(id(`10`), id(`11`), id(`"10"`), id(`12`))
	s.pool(reply(`12`, "d"), reply(`"10"`, "c"), reply(`10`, "a"), reply(`11`, "b"), reply(`11`, "again"))
	require.Equal(t, []string{"4 rejected: d", "3 rejected: c", "1 rejected: a", "2 rejected: b"}, s.replies)
	require.Equal(t, uint64(1), s.onlooker.Unmatched())

	s.replies = nil
	s.miner(id(`4`), id(`4`), id(`4`)) // as cpuminer does
	s.pool(reply(`4`, "x"), reply(`4`, "y"), reply(`4`, "z"))
	require.Equal(t, []string{"5 rejected: x", "6 rejected: y", "7 rejected: z"}, s.replies)

	s.miner(id(`null`), strings.Replace(submit, `"id":4,`, ``, 1))
	s.pool(reply(`null`, "?"))
	require.Equal(t, []uint64{8, 9}, s.forgotten)
	require.Equal(t, uint64(2), s.onlooker.Unmatched())

	// Other requests have ids too: the answer to one must not be taken for that to a submission.
	s.replies = nil
	s.miner(`{"id":4,"method":"mining.extranonce.subscribe","params":[]}`, id(`4`))
	s.pool(`{"id":4,"result":true,"error":null}`, reply(`4`, "low"))
	require.Equal(t, []string{"10 rejected: low"}, s.replies)
	require.Zero(t, s.onlooker.Outstanding())
}

func TestOnlookerBounds(t *testing.T) {
	h, o := new(counter), NewOnlooker()
	for i := range MaxOutstanding + 100 {
		line := strings.Replace(submit, `"id":4`, fmt.Sprintf(`"id":%d`, i), 1)
		require.NoError(t, o.Observe(FromMiner, []byte(line), time.Time{}, h))
	}
	require.Equal(t, 100, h.forgotten)
	require.Equal(t, MaxOutstanding, o.Outstanding())
	for _, i := range []int{0, 99, 100, MaxOutstanding + 99} {
		require.NoError(t, o.Observe(FromPool, fmt.Appendf(nil, `{"id":%d,"result":true}`, i), time.Time{}, h))
	}
	require.Equal(t, 2, h.replied)
	require.Equal(t, uint64(2), o.Unmatched())
	o.Close(time.Time{}, h)
	o.Close(time.Time{}, h)
	require.Equal(t, h.submitted, h.replied+h.forgotten)
}

// TestOnlookerSize shows that long messages don't make an onlooker large.
func TestOnlookerSize(t *testing.T) {
	names := make([]string, 6000)
	for i := range names {
		names[i] = fmt.Sprintf(`"n%d":1`, i)
	}
	for _, line := range []string{
		`{"id":1,"method":"x","params":[{` + strings.Join(names, ",") + `}]}`, `{"id":1,"method":"x",` + strings.Join(names, ",") + `}`,
		`{"id":1,"method":"mining.extranonce.subscribe","params":["\u0061` + strings.Repeat("a", 60000) + `"]}`,
		`{"id":1,"method":"mining.authorize","params":["\u0061` + strings.Repeat("a", 60000) + `"]}`,
	} {
		onlookers := make([]*Onlooker, 64)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range onlookers {
			onlookers[i] = NewOnlooker()
			_ = onlookers[i].Observe(FromMiner, []byte(line), time.Time{}, new(counter))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(len(onlookers)*8<<10))
		runtime.KeepAlive(onlookers)
	}
}

// TestRequests holds the queue against a plain list.
func TestRequests(t *testing.T) {
	var q requests
	type plain struct {
		id     string
		number uint64
	}
	var want []plain
	var forgotten, wantForgotten []uint64
	r := rand.New(rand.NewPCG(1, 2))
	for n := range uint64(100_000) {
		id := fmt.Sprint(r.IntN(50))
		if r.IntN(1000) < 505 {
			q.add([]byte(id), MethodSubmit, func(r *request) { forgotten = append(forgotten, r.number) }).number = n
			if len(want) == MaxOutstanding {
				wantForgotten, want = append(wantForgotten, want[0].number), want[1:]
			}
			want = append(want, plain{id, n})
			continue
		}
		got, ok := q.take([]byte(id))
		for i, w := range want {
			if w.id == id {
				require.True(t, ok)
				require.Equal(t, w.number, got.number)
				want = append(want[:i:i], want[i+1:]...)
				ok = false
				break
			}
		}
		require.False(t, ok)
	}
	require.Equal(t, wantForgotten, forgotten)
	require.Equal(t, len(want), q.count)
}

// fuzzLines are the messages that FuzzOnlooker puts in any order; even places are the pool's.
var fuzzLines = []string{
	subscribed, subscribe, configured, configure, authorized, authorize, difficulty512, submit, notify, strings.Replace(submit, `"1"`, `"2"`, 1),
	strings.Replace(notify, `"1"`, `"2"`, 1), `{"id":4,"method":"mining.submit","params":null}`, call(MethodSetExtranonce, `"00"`, `8`), `{"id":null`,
	call(MethodSetVersionMask, `"00002000"`), `{"id":1,"method":"x"}`, `{"id":4,"result":false,"error":[23,"low",null]}`, `{"id":5,"result":1}`,
	`{"id":3,"result":false}`, strings.Replace(submit, `"w"`, `"v"`, 1), call(MethodSetDifficulty, `"x"`), submit,
	call(MethodNotify, with(notifyJSON, 1, `null`)...), submit, call(MethodNotify, with(notifyJSON, 1, `"`+strings.Repeat("07", 32)+`"`)...), submit,
}

func FuzzOnlooker(f *testing.F) {
	f.Add([]byte{1, 0, 3, 2, 5, 4, 6, 8, 7, 16, 7}, []byte(nil))
	f.Add([]byte{8, 7, 6, 10, 9, 100, 7, 101, 7}, []byte(`{"id":4,"result":true}`))
	f.Add([]byte{200, 1, 0, 6, 22, 7, 102, 7}, []byte(call(MethodNotify, notifyJSON...)))
	f.Fuzz(func(t *testing.T, order, own []byte) {
		validator := share.NewValidator(share.Options{MaxShares: 64, MaxJobBytes: 16 << 10})
		h := &fuzzHandler{t: t, sessions: []*share.Session{validator.NewSession(), validator.NewSession()}}
		o := NewOnlooker(h.sessions...)
		now := time.Unix(0x64b3f3ec, 0)
		for _, b := range order[:min(len(order), 512)] {
			from, line := FromPool, own
			switch i := int(b) % 128; {
			case i < len(fuzzLines):
				line = []byte(fuzzLines[i])
				from += From(i % 2)
			case i == 100:
				from, line = FromTouchstone, []byte(`{"event":"gap"}`)
			case i == 101:
				from, line = FromTouchstone, []byte(`{"event":"close"}`)
			case i == 102:
				from, line = FromTouchstone, []byte(`{"event":"open"}`)
			case i == 103:
				now = now.Add(-time.Hour)
			case i == 104:
				now = now.Add(11 * time.Minute)
			default:
				from += From(i % 4)
			}
			_ = o.Observe(from, line, now, h)
		}
		require.LessOrEqual(t, o.Outstanding(), MaxOutstanding)
		o.Close(now, h)
		require.Equal(t, o.Submits(), h.submitted)
		require.Equal(t, h.submitted, h.ended, "each submission is answered or forgotten, once")
		require.LessOrEqual(t, h.assumed, 1)
	})
}

// fuzzHandler judges by both sessions, which must agree but for duplicates.
type fuzzHandler struct {
	t                *testing.T
	sessions         []*share.Session
	submitted, ended uint64
	assumed          int
}

func (h *fuzzHandler) Submitted(s *Submit) {
	h.submitted++
	require.Equal(h.t, h.submitted, s.Number)
	a, errA := h.sessions[0].Check(&s.Submission)
	b, errB := h.sessions[1].Check(&s.Submission)
	if errA == nil && errB == nil && !a.Word.Credited() && a.Word != share.Duplicate {
		require.Equal(h.t, a.Word, b.Word)
	}
}
func (h *fuzzHandler) Replied(uint64, Reply) { h.ended++ }
func (h *fuzzHandler) Forgotten(uint64)      { h.ended++ }
func (h *fuzzHandler) Assumed(string)        { h.assumed++ }
