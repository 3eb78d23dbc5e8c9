package serve

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/btcsuite/btcd/wire/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/node"
)

func TestSoloMines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, r := newFakeNode(easyBits), &recorder{}
		b := backend(t, f, t.TempDir())
		err := <-run(t, t.Context(), SoloConfig{Backend: b, Tag: "/test/", Threads: 3, VersionMask: work.MaskBIP320, Blocks: 5, OnEvent: r.on})
		require.NoError(t, err)

		require.Len(t, f.accepted, 5)
		require.Empty(t, eventsOf[BlockRefused](r), "our own blocks competed")
		accepted := eventsOf[BlockAccepted](r)
		require.Len(t, accepted, 5)
		heights := map[int32]bool{} // in any order: the answer to the next block may overtake
		for i, a := range accepted {
			heights[a.Height] = true
			require.Equal(t, i+1, a.Blocks)
			require.Equal(t, f.accepted[a.Height-1].Hash, a.Hash)
			require.False(t, a.Resent)
		}
		require.Len(t, heights, 5)
		for _, raw := range f.submits {
			block, err := work.ParseBlock(raw)
			require.NoError(t, err)
			coinbase := block.Transactions[0]
			require.Equal(t, b.Script, coinbase.TxOut[0].PkScript)
			require.Equal(t, int64(5_000_000_000), coinbase.TxOut[0].Value)
			require.Contains(t, string(coinbase.TxIn[0].SignatureScript), "/test/")
		}
		started := eventsOf[Started](r)
		require.Len(t, started, 1)
		require.Equal(t, 3, started[0].Threads)
		require.Equal(t, "1fffe000", started[0].VersionMask)
		require.IsType(t, Started{}, r.events[0])
		stopped := eventsOf[Stopped](r)
		require.Len(t, stopped, 1)
		require.Equal(t, stopped[0], r.events[len(r.events)-1])
		require.Equal(t, 5, stopped[0].Accepted)
		require.Positive(t, stopped[0].Hashes)
		require.Empty(t, b.Journal.Pending())
	})
}

// Threads that find blocks at the same moment: one is sent, and the others only
// if a node refuses it.
func TestSoloSpares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, r := newFakeNode(easyBits), &recorder{}
		refused := 0
		f.answer = func(int, []byte) (node.Answer, error) {
			if refused < 3 {
				refused++
				return node.Answer{Final: true, Reason: "rejected", Text: "no"}, nil
			}
			return node.Answer{Final: true, Accepted: true}, nil
		}
		err := <-run(t, t.Context(), SoloConfig{Backend: backend(t, f, t.TempDir()), Threads: 2, Blocks: 2, OnEvent: r.on})
		require.NoError(t, err)
		require.Len(t, eventsOf[BlockRefused](r), 3)
		require.Len(t, f.submits, 5)
		parents := map[string]int{}
		for _, raw := range f.submits {
			block, err := work.ParseBlock(raw)
			require.NoError(t, err)
			parents[block.Header.PrevBlock.String()]++
		}
		require.Len(t, parents, 2)
		require.Equal(t, 3, eventsOf[Stopped](r)[0].Refused)
	})
}

// Nodes that disagree on a block are told of, though it counts as accepted.
func TestSoloDispute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, r := newFakeNode(easyBits), &recorder{}
		f.answer = func(int, []byte) (node.Answer, error) {
			return node.Answer{Final: true, Accepted: true, Dispute: "accepted by a, refused by b (rejected: no)"}, nil
		}
		require.NoError(t, <-run(t, t.Context(), SoloConfig{Backend: backend(t, f, t.TempDir()), Threads: 1, Blocks: 1, OnEvent: r.on}))
		hash := eventsOf[BlockAccepted](r)[0].Hash.String()
		require.Equal(t, []Notice{{"the nodes disagree on block " + hash + ": accepted by a, refused by b (rejected: no)"}}, eventsOf[Notice](r))
	})
}

// A block that is found while no node answers is on disk, and another process
// sends it.
func TestSoloSendsAgain(t *testing.T) {
	dir := t.TempDir()
	var found BlockFound
	f := newFakeNode(easyBits)
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		f.moved = make(chan struct{}) // of this bubble
		f.answer = func(int, []byte) (node.Answer, error) { return node.Answer{}, errDown }
		ctx, cancel := context.WithCancel(t.Context())
		r.hook = func(e Event) {
			if w, ok := e.(BlockWaiting); ok && w.Attempt == 3 {
				cancel()
			}
		}
		require.NoError(t, <-run(t, ctx, SoloConfig{Backend: backend(t, f, dir), Threads: 1, Blocks: 1, OnEvent: r.on}))
		require.Len(t, eventsOf[BlockFound](r), 1, "a second block would compete with the first")
		found = eventsOf[BlockFound](r)[0]
		require.Equal(t, 1, eventsOf[Stopped](r)[0].Pending)
		require.Zero(t, eventsOf[Stopped](r)[0].Accepted)
	})
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		f.moved = make(chan struct{})
		f.answer = nil
		b := backend(t, f, dir)
		require.NoError(t, <-run(t, t.Context(), SoloConfig{Backend: b, Threads: 1, Blocks: 1, OnEvent: r.on}))
		accepted := eventsOf[BlockAccepted](r)
		require.Len(t, accepted, 2)
		require.Equal(t, BlockAccepted{Hash: found.Hash, Height: 1, Resent: true}, withoutText(accepted[0]))
		require.Equal(t, int32(2), accepted[1].Height)
		require.Equal(t, 1, accepted[1].Blocks, "only this run's blocks count")
		require.Empty(t, b.Journal.Pending())
	})
}

func withoutText(a BlockAccepted) BlockAccepted {
	a.Text = ""
	return a
}

// With a block waiting to be sent, a node that is down at the start is waited
// for; without one it is an error.
func TestSoloNodeDownAtStart(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeNode(easyBits)
		f.broken = errDown
		err := <-run(t, t.Context(), SoloConfig{Backend: backend(t, f, t.TempDir()), Threads: 1})
		require.ErrorIs(t, err, errDown)

		b := backend(t, f, dir)
		addBlock(t, b)
		r := &recorder{}
		r.hook = func(e Event) {
			if _, ok := e.(NoTemplate); ok && len(eventsOf[NoTemplate](r)) == 3 {
				f.set(func() { f.broken = nil })
			}
		}
		require.NoError(t, <-run(t, t.Context(), SoloConfig{Backend: b, Threads: 1, Blocks: 1, OnEvent: r.on}))
		require.Equal(t, 1, eventsOf[Started](r)[0].Pending)
	})
}

// addBlock puts a block in the journal that no node has seen.
func addBlock(t *testing.T, b *Backend) {
	t.Helper()
	f := newFakeNode(easyBits)
	data, err := json.Marshal(f.template())
	require.NoError(t, err)
	template, err := work.ParseTemplate(data)
	require.NoError(t, err)
	job, err := work.NewJob("1", template, work.CoinbaseOptions{Payouts: []work.Payout{{Script: b.Script, Value: work.Remainder}}})
	require.NoError(t, err)
	s := work.Solution{Extranonce: make([]byte, job.ExtranonceSize()), Version: job.Version, Time: job.Time}
	for ; ; s.Nonce++ {
		h, err := job.Header(&s)
		require.NoError(t, err)
		if hash := h.Hash(); job.Target.MetBy(&hash) {
			break
		}
	}
	raw, err := job.Block(&s)
	require.NoError(t, err)
	_, added, err := b.Journal.Add(raw)
	require.NoError(t, err)
	require.True(t, added)
}

func TestSoloRefusesTemplates(t *testing.T) {
	lie := func(t map[string]any) { t["default_witness_commitment"] = "6a24aa21a9ed" + string(make64('0')) }
	for name, c := range map[string]struct {
		alter func(map[string]any)
		text  string
	}{
		"commitment":   {lie, "commitment"},
		"target":       {func(t map[string]any) { t["target"] = string(make64('1')) }, "target"},
		"unknown rule": {func(t map[string]any) { t["rules"] = []string{"!nosuchrule"} }, "nosuchrule"},
		"no height":    {func(t map[string]any) { delete(t, "height") }, "height"},
		"workid":       {func(t map[string]any) { t["workid"] = "7" }, "workid"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeNode(easyBits)
				f.alter = c.alter
				r := &recorder{}
				err := <-run(t, t.Context(), SoloConfig{Backend: backend(t, f, t.TempDir()), Threads: 1, OnEvent: r.on})
				require.ErrorContains(t, err, c.text)
				require.Empty(t, r.events)
			})
		})
	}

	// Later it is told, and the node is asked again, less and less often.
	synctest.Test(t, func(t *testing.T) {
		f := newFakeNode(easyBits)
		bad := 0
		f.alter = func(t map[string]any) {
			if t["height"] == 2 && bad < 3 {
				bad++
				lie(t)
			}
		}
		r := &recorder{}
		begin := time.Now()
		require.NoError(t, <-run(t, t.Context(), SoloConfig{Backend: backend(t, f, t.TempDir()), Threads: 1, Blocks: 2, OnEvent: r.on}))
		// One of the three may have been the accepted block's own request, which
		// does not wait.
		no := eventsOf[NoTemplate](r)
		require.NotEmpty(t, no)
		require.Contains(t, no[0].Error, "commitment")
		require.Positive(t, time.Since(begin))
		require.Len(t, eventsOf[BlockAccepted](r), 2)
	})
}

func make64(c byte) []byte {
	b := make([]byte, 64)
	for i := range b {
		b[i] = c
	}
	return b
}

// Somebody else's block changes the work, and ends nothing.
func TestSoloFollowsTheTip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, r := newFakeNode(hardBits), &recorder{}
		r.hook = func(e Event) {
			if j, ok := e.(NewJob); ok && j.Height == 1 {
				f.set(func() {
					f.bits = easyBits
					f.move(work.Mainnet.Genesis)
				})
			}
		}
		require.NoError(t, <-run(t, t.Context(), SoloConfig{Backend: backend(t, f, t.TempDir()), Threads: 2, Blocks: 1, OnEvent: r.on}))
		jobs := eventsOf[NewJob](r)
		require.GreaterOrEqual(t, len(jobs), 2)
		require.Equal(t, work.Mainnet.Genesis, jobs[1].Previous)
		require.True(t, jobs[1].NewTip)
		require.Equal(t, int32(2), eventsOf[BlockAccepted](r)[0].Height)
		require.Equal(t, work.Mainnet.Genesis, f.accepted[0].Header.PrevBlock)
	})
}

// A source without long polling is asked now and then, not in a busy loop.
func TestSoloWithoutLongPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, r := newFakeNode(easyBits), &recorder{}
		f.noLongPoll = true
		waited := 0
		f.answer = func(int, []byte) (node.Answer, error) {
			if waited++; waited < 5 {
				return node.Answer{Text: "not yet"}, nil // not final
			}
			return node.Answer{Final: true, Accepted: true}, nil
		}
		begin := time.Now()
		require.NoError(t, <-run(t, t.Context(), SoloConfig{Backend: backend(t, f, t.TempDir()), Threads: 1, Blocks: 1, OnEvent: r.on}))
		require.Len(t, eventsOf[BlockWaiting](r), 4)
		require.LessOrEqual(t, f.asked, int(time.Since(begin)/pollInterval)+2)
	})
}

// Stopping leaves no goroutine behind, which synctest would report, whatever
// is under way.
func TestSoloStops(t *testing.T) {
	for _, when := range []string{"started", "job", "found"} {
		t.Run(when, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, r := newFakeNode(easyBits), &recorder{}
				ctx, cancel := context.WithCancel(t.Context())
				r.hook = func(e Event) {
					if e.Kind() == when {
						cancel()
					}
				}
				b := backend(t, f, t.TempDir())
				require.NoError(t, <-run(t, ctx, SoloConfig{Backend: b, OnEvent: r.on, StatusEvery: time.Second}))
				require.Len(t, eventsOf[Stopped](r), 1)
				require.Equal(t, len(b.Journal.Pending()), eventsOf[Stopped](r)[0].Pending)
				// Nothing found is lost: it was accepted, or waits.
				require.Len(t, eventsOf[BlockFound](r), len(f.accepted)+len(b.Journal.Pending()))
			})
		})
	}
}

// A journal that can't be written, such as on a full disk, does not keep a
// block from being sent.
func TestSoloJournalBroken(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("folders can't be replaced while open")
	}
	synctest.Test(t, func(t *testing.T) {
		f, r := newFakeNode(easyBits), &recorder{}
		dir := filepath.Join(t.TempDir(), "found")
		b := backend(t, f, dir)
		require.NoError(t, os.RemoveAll(dir))
		require.NoError(t, os.WriteFile(dir, nil, 0o600)) // stops root too
		require.NoError(t, <-run(t, t.Context(), SoloConfig{Backend: b, Threads: 1, Blocks: 1, OnEvent: r.on}))
		require.Len(t, eventsOf[BlockNotKept](r), 1)
		require.Len(t, f.accepted, 1)
	})
}

// Bits that the template uses are not rolled.
func TestSoloVersionMask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, r := newFakeNode(easyBits), &recorder{}
		f.alter = func(t map[string]any) {
			t["vbavailable"] = map[string]int{"one": 13}
			t["vbrequired"] = 1 << 14
			t["version"] = 0x20000000 | 1<<14
		}
		require.NoError(t, <-run(t, t.Context(), SoloConfig{Backend: backend(t, f, t.TempDir()), Threads: 1, VersionMask: work.MaskBIP320, Blocks: 3, OnEvent: r.on}))
		require.Equal(t, "1fff8000", eventsOf[NewJob](r)[0].VersionMask)
		for _, a := range f.accepted {
			require.Equal(t, uint32(1<<14), a.Header.Version&(1<<13|1<<14))
		}
	})
}

// Two runs with the same template and address search in different places.
func TestSoloExtranonces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := map[string]bool{}
		for range 4 {
			f := newFakeNode(easyBits)
			require.NoError(t, <-run(t, t.Context(), SoloConfig{Backend: backend(t, f, t.TempDir()), Threads: 1, Blocks: 1}))
			block, err := work.ParseBlock(f.submits[0])
			require.NoError(t, err)
			seen[string(block.Transactions[0].TxIn[0].SignatureScript)] = true
			require.NotEqual(t, wire.MaxTxInSequenceNum, block.Transactions[0].TxIn[0].Sequence)
		}
		require.Len(t, seen, 4)
	})
}

// Events are stable JSON objects with a name each.
func TestEventKinds(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range []Event{
		Started{}, KernelChosen{}, KernelRefused{}, NewJob{}, BlockFound{}, BlockNotKept{}, BlockAccepted{}, BlockRefused{},
		BlockWaiting{}, NodeLost{}, NodeBack{}, NoTemplate{}, Notice{}, Status{}, Stopped{},
	} {
		require.False(t, seen[e.Kind()], e.Kind())
		seen[e.Kind()] = true
		data, err := json.Marshal(e)
		require.NoError(t, err)
		require.Equal(t, byte('{'), data[0])
	}
}

func TestRateMeter(t *testing.T) {
	var r rateMeter
	at := time.Unix(1000, 0)
	require.Zero(t, r.add(at, 0))
	require.Zero(t, r.add(at, 5), "no time has passed")
	require.InDelta(t, 100.0, r.add(at.Add(time.Second), 100), 1e-9)
	for i := 2; i <= 100; i++ {
		r.add(at.Add(time.Duration(i)*time.Second), 100)
	}
	require.Zero(t, r.add(at.Add(101*time.Second), 100), "what is long ago does not count")
	require.LessOrEqual(t, len(r.samples), 13)
	require.Zero(t, r.add(at, 0), "a clock that goes back gives no rate")
}
