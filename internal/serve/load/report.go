package load

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/touchstone-btc/touchstone/stratum"
)

// Report is what came of the load so far.
type Report struct {
	// Connections were asked for; Ready of them are authorized and have a job now, MostReady were at once.
	Connections int `json:"connections"`
	Ready       int `json:"ready"`
	MostReady   int `json:"most_ready"`
	// Failed counts attempts to connect that did not come as far as a job, Closed connections that the pool closed after that, and
	// Reconnects those that were opened again. SharedExtranonce counts connections that were given the extranonce1 of another.
	Failed           uint64 `json:"failed"`
	Closed           uint64 `json:"closed"`
	Reconnects       uint64 `json:"reconnects"`
	SharedExtranonce uint64 `json:"shared_extranonce"`

	// Seconds is how long shares have been sent.
	Seconds float64 `json:"seconds"`
	// Sent counts shares. Each is Accepted or Refused, or Lost: its connection ended, or no reply came in time; or Outstanding: the
	// reply may still come.
	Sent        uint64 `json:"sent"`
	Accepted    uint64 `json:"accepted"`
	Refused     uint64 `json:"refused"`
	Lost        uint64 `json:"lost"`
	Outstanding uint64 `json:"outstanding"`
	// Misjudged counts replies that were not what they had to be; Excused those that could have been either, because the share and a
	// message of the pool crossed.
	Misjudged uint64 `json:"misjudged"`
	Excused   uint64 `json:"excused"`
	// Crossed counts shares that were good when they were sent, and met by a new block on the way.
	Crossed uint64 `json:"crossed"`
	// Unasked counts replies that no request waited for, Garbled lines that could not be read.
	Unasked uint64 `json:"unasked"`
	Garbled uint64 `json:"garbled"`
	// Skipped counts shares that were due while their connection was not ready or had too many outstanding, TooHard those that were
	// due while the pool asked for more than Config.MaxHashes.
	Skipped uint64 `json:"skipped"`
	TooHard uint64 `json:"too_hard"`
	// Blocks counts accepted shares that met the network's target.
	Blocks uint64 `json:"blocks"`
	// Hashes is how many were computed.
	Hashes uint64 `json:"hashes"`

	// Replies counts them by what the pool said: "accepted", or the code and the first word.
	Replies map[string]uint64 `json:"replies"`
	// Kinds counts the shares of each kind, and of those the ones that were judged right.
	Kinds map[string]KindCount `json:"kinds"`

	// Connect is the time from dialling to the first job, Reply from a share to its reply, Late from when a share was due to when it
	// was sent: by so much the generator did not keep up.
	Connect Latency `json:"connect"`
	Reply   Latency `json:"reply"`
	Late    Latency `json:"late"`
	// Tips are the new blocks that jobs have told of, the last 100.
	Tips []Tip `json:"tips,omitempty"`
	// Problems are the first things that were not as they should be, in words.
	Problems []string `json:"problems,omitempty"`
}

// KindCount counts shares of one kind.
type KindCount struct {
	Sent  uint64 `json:"sent"`
	Right uint64 `json:"right"`
}

// Right says whether nothing was lost, misjudged or otherwise wrong on the pool's side; if not, it says what.
func (r *Report) Right() error {
	var wrong []string
	for _, c := range []struct {
		n    uint64
		what string
	}{
		{r.Lost, "lost"}, {r.Misjudged, "misjudged"}, {r.Failed, "connections failed"}, {r.Closed, "connections closed"},
		{r.SharedExtranonce, "extranonces shared"}, {r.Unasked, "replies unasked"}, {r.Garbled, "lines garbled"},
		{r.TooHard, "shares too hard"},
	} {
		if c.n > 0 {
			wrong = append(wrong, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%s; first: %s", strings.Join(wrong, ", "), strings.Join(r.Problems[:min(len(r.Problems), 3)], "; "))
}

// String returns the figures on a few lines, for people.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d connections ready, %d failed, %d closed, %d reconnected; connect p50 %.1f ms, p99 %.1f ms\n",
		r.Ready, r.Connections, r.Failed, r.Closed, r.Reconnects, r.Connect.P50, r.Connect.P99)
	rate := 0.0
	if r.Seconds > 0 {
		rate = float64(r.Sent) / r.Seconds
	}
	fmt.Fprintf(&b, "%d shares in %.1f s (%.0f/s): %d accepted, %d refused, %d lost, %d misjudged, %d crossed a block\n",
		r.Sent, r.Seconds, rate, r.Accepted, r.Refused, r.Lost, r.Misjudged, r.Crossed)
	fmt.Fprintf(&b, "reply p50 %.2f ms, p90 %.2f, p99 %.2f, p99.9 %.2f, max %.2f; late p99 %.2f ms",
		r.Reply.P50, r.Reply.P90, r.Reply.P99, r.Reply.P999, r.Reply.Max, r.Late.P99)
	for _, t := range r.Tips {
		fmt.Fprintf(&b, "\ntip %s: %d sessions, first to last %.1f ms", t.PrevBlock, t.Sessions, t.Spread)
		if t.Submitted {
			fmt.Fprintf(&b, ", block sent to last %.1f ms", t.Last)
		}
	}
	return b.String()
}

// maxProblems and maxReplies bound what is kept of a server that misbehaves.
const (
	maxProblems = 20
	maxReplies  = 64
)

// words is what is kept as text.
type words struct {
	mu       sync.Mutex
	replies  map[string]uint64
	problems []string
}

func (w *words) problem(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.problems) < maxProblems {
		w.problems = append(w.problems, fmt.Sprintf(format, args...))
	}
}

func (w *words) replied(r *stratum.Reply) {
	said := "accepted"
	if !r.Accepted {
		said, _, _ = strings.Cut(r.Words, ":")
		if r.HasCode {
			said = strings.TrimSpace(strconv.Itoa(r.Code) + " " + said)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.replies[said]; !known && len(w.replies) >= maxReplies {
		said = "others"
	}
	w.replies[said]++
}
