package serve

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Shares that wait are found by their numbers in any order, and memory is that of those that wait.
func TestUnanswered(t *testing.T) {
	var w unanswered
	rnd := rand.New(rand.NewPCG(1, 2))
	waiting := map[uint64]*replayed{}
	var numbers []uint64
	for number := uint64(1); number <= 30_000; number++ {
		h := new(replayed)
		w.put(number, h)
		waiting[number] = h
		numbers = append(numbers, number)
		for most := []int{3, 500, 20}[number/1000%3]; len(numbers) > most; {
			i := rnd.IntN(len(numbers))
			if rnd.IntN(2) == 0 {
				i = 0
			}
			if numbers[i] == 1 && number < 29_000 {
				break // the first waits nearly for ever
			}
			require.Same(t, waiting[numbers[i]], w.take(numbers[i]))
			require.Nil(t, w.take(numbers[i]))
			numbers = slices.Delete(numbers, i, i+1)
		}
		require.Equal(t, len(numbers), w.live)
		require.LessOrEqual(t, cap(w.all), max(fewUnanswered, 8*(w.live+1)))
		require.Nil(t, w.take(number+1))
	}
}

// hostile is a recording that asks for as much memory as it can: in each of many sessions requests without replies, with long fields.
type hostile struct {
	sessions, requests int
	of                 func(session, request int) string
	at                 int
	rest               string
}

func (h *hostile) Read(b []byte) (int, error) {
	if h.rest == "" {
		if h.at == h.sessions*h.requests {
			return 0, io.EOF
		}
		session := h.at / h.requests
		h.rest = fmt.Sprintf(`{"time":"2026-11-20T14:40:00Z","session":"%d","from":"miner","message":%s}`+"\n", session, h.of(session, h.at%h.requests))
		h.at++
	}
	n := copy(b, h.rest)
	h.rest = h.rest[n:]
	return n, nil
}

// Memory is bounded by what waits in all sessions together, not in each.
func TestReplayHostileMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 200 MB")
	}
	long := strings.Repeat("w", 1000)
	for name, c := range map[string]struct {
		hostile
		most uint64
	}{
		"requests": {hostile{sessions: 200, requests: 1500, of: func(_, request int) string {
			return fmt.Sprintf(`{"id":%d,"method":"mining.ping"}`, request)
		}}, 15 << 20},
		"workers": {hostile{sessions: 400, requests: 200, of: func(session, request int) string {
			return fmt.Sprintf(`{"id":null,"method":"mining.authorize","params":["%s%d %d",""]}`, long, session, request)
		}}, 8 << 20},
		"shares": {hostile{sessions: 400, requests: 50, of: func(session, request int) string {
			return fmt.Sprintf(`{"id":%d,"method":"mining.submit","params":["w","%s","%s","%s","%s","%s"]}`, request, long, long, long, long, long)
		}}, 64 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			heap := func() uint64 {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				return m.HeapAlloc
			}
			before, after := heap(), uint64(0)
			lines := int64(c.sessions * c.requests)
			r := NewReplay(ReplayConfig{OnWait: func(n int64) {
				if n == lines {
					after = max(after, heap())
				}
			}})
			require.NoError(t, r.Recording(t.Context(), "a", &c.hostile))
			require.EqualValues(t, c.sessions, r.Summary().Sessions)
			require.NotZero(t, after)
			require.Less(t, after, before+c.most)
		})
	}
}
