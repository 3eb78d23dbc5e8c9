package node

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"
)

// A bench runs a Submitter on a journal in a folder.
type bench struct {
	*Submitter
	journal *Journal
	events  []SubmitEvent
	stop    func()
}

func submit(t *testing.T, dir string, d disk, src Source) *bench {
	t.Helper()
	b := &bench{}
	var err error
	b.journal, err = openJournal(dir, d, keepDone)
	require.NoError(t, err)
	var mu sync.Mutex
	b.Submitter, err = NewSubmitter(SubmitterConfig{Journal: b.journal, Source: src, OnEvent: func(e SubmitEvent) {
		mu.Lock()
		defer mu.Unlock()
		b.events = append(b.events, e)
	}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	b.stop = func() {
		t.Helper()
		cancel()
		synctest.Wait()
		select {
		case err := <-done:
			require.NoError(t, err)
		default:
			t.Fatal("Run goes on after its context ended")
		}
	}
	return b
}

func TestSubmitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a")
		b := submit(t, t.TempDir(), osDisk{}, f)
		for range 3 {
			hash, err := b.Found(block(1))
			require.NoError(t, err)
			require.Equal(t, blockHash(1), hash)
			require.Len(t, b.hashes(), 1, "on disk before Found returns")
		}
		synctest.Wait()
		require.Equal(t, 1, f.count("submit"), "a block is sent once")
		require.Equal(t, []SubmitEvent{{Hash: blockHash(1), Attempt: 1, Done: true,
			Answer: Answer{Final: true, Accepted: true, Text: "accepted by a"}}}, b.events)
		require.Empty(t, b.journal.Pending())
		b.stop()
	})
}

// hashes are those of all blocks in the journal. Pending and done are read at one
// moment: the submitter moves blocks from one to the other.
func (b *bench) hashes() (hashes []chainhash.Hash) {
	b.journal.mu.Lock()
	defer b.journal.mu.Unlock()
	for hash := range b.journal.pending {
		hashes = append(hashes, hash)
	}
	for _, r := range b.journal.done {
		hashes = append(hashes, r.Hash)
	}
	return hashes
}

// A node that is down gets the block when it returns; so does one that returns
// only after another start of ours.
func TestSubmitterNodeDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		f := newFake("a")
		f.down = errDown
		b := submit(t, dir, osDisk{}, f)
		_, err := b.Found(block(1))
		require.NoError(t, err)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		require.InDelta(t, 18, f.count("submit"), 6)
		for i, e := range b.events {
			require.Equal(t, i+1, e.Attempt)
			require.ErrorIs(t, e.Err, errDown)
			require.False(t, e.Done)
			require.Positive(t, e.Retry)
			require.LessOrEqual(t, e.Retry, time.Minute)
		}
		require.Len(t, b.journal.Pending(), 1)
		b.stop()

		// The second start sends it without being told.
		b = submit(t, dir, osDisk{}, f)
		time.Sleep(time.Minute)
		_, err = b.Found(block(2))
		require.NoError(t, err)
		f.set(func() { f.down = nil })
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Empty(t, b.journal.Pending())
		require.True(t, b.events[len(b.events)-1].Done)
		b.stop()

		sent := f.count("submit")
		b = submit(t, dir, osDisk{}, f)
		time.Sleep(time.Hour)
		require.Equal(t, sent, f.count("submit"), "a third start has nothing to send")
		b.stop()
	})
}

// An answer that is not final is asked again, but not for ever.
func TestSubmitterNotFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a")
		n := 0
		f.submit = func(context.Context, []byte) (Answer, error) {
			if n++; n == 1 {
				return answer("inconclusive"), nil
			}
			return answer("duplicate"), nil
		}
		b := submit(t, t.TempDir(), osDisk{}, f)
		_, err := b.Found(block(1))
		require.NoError(t, err)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, b.events, 2)
		require.Equal(t, "inconclusive", b.events[0].Answer.Reason)
		require.Positive(t, b.events[0].Retry)
		require.True(t, b.events[1].Done)

		n = 0
		f.set(func() {
			f.submit = func(context.Context, []byte) (Answer, error) {
				if n++; n%10 == 0 {
					return Answer{}, errDown // counts for nothing
				}
				return answer("prev-blk-not-found"), nil
			}
		})
		b.events = nil
		_, err = b.Found(block(2))
		require.NoError(t, err)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		last := b.events[len(b.events)-1]
		require.True(t, last.Done)
		require.True(t, last.Answer.Final)
		require.False(t, last.Answer.Accepted)
		require.Contains(t, last.Answer.Text, "the answer to 100 attempts")
		require.Len(t, b.events, 111)
		require.Empty(t, b.journal.Pending())
		b.stop()
	})
}

// A block whose answer does not come holds up no other.
func TestSubmitterHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a")
		f.submit = func(ctx context.Context, blk []byte) (Answer, error) {
			if chainhash.DoubleHashH(blk[:headerSize]) == blockHash(1) {
				<-ctx.Done()
				return Answer{}, ctx.Err()
			}
			return accepted, nil
		}
		b := submit(t, t.TempDir(), osDisk{}, f)
		for n := 1; n <= 3; n++ {
			_, err := b.Found(block(n))
			require.NoError(t, err)
		}
		synctest.Wait()
		require.Equal(t, []chainhash.Hash{blockHash(1)}, pendingHashes(b.journal))
		b.stop()
		require.Len(t, b.events, 2, "stopping says nothing of the block")
		require.Len(t, b.journal.Pending(), 1)
	})
}

// With a full disk a block is sent all the same, and journaled if it has to
// wait until there is room.
func TestSubmitterDiskFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a")
		d := &stoppingDisk{disk: osDisk{}, left: 1000, torn: -1}
		b := submit(t, t.TempDir(), d, f)
		synctest.Wait()
		d.set(0)
		hash, err := b.Found(block(1))
		require.ErrorIs(t, err, errStop)
		require.Equal(t, blockHash(1), hash)
		synctest.Wait()
		require.True(t, b.events[0].Done)

		f.set(func() { f.down = errDown })
		_, err = b.Found(block(2))
		require.ErrorIs(t, err, errStop)
		time.Sleep(10 * time.Second)
		require.Empty(t, b.journal.Pending())
		d.set(1000)
		time.Sleep(2 * time.Minute)
		require.Equal(t, []chainhash.Hash{blockHash(2)}, pendingHashes(b.journal))
		f.set(func() { f.down = nil })
		time.Sleep(2 * time.Minute)
		require.Empty(t, b.journal.Pending())
		b.stop()
	})
}

// An answer that cannot be recorded is kept, not asked for again: the node would
// say "duplicate".
func TestSubmitterUnrecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a")
		d := &stoppingDisk{disk: osDisk{}, left: 1000, torn: -1}
		f.submit = func(context.Context, []byte) (Answer, error) {
			d.set(0)
			return answer("high-hash"), nil
		}
		b := submit(t, t.TempDir(), d, f)
		_, err := b.Found(block(1))
		require.NoError(t, err)
		time.Sleep(10 * time.Second)
		d.set(50)
		time.Sleep(time.Minute)
		b.stop()
		require.Equal(t, 1, f.count("submit"))
		require.ErrorIs(t, b.events[0].Err, errStop)
		last := b.events[len(b.events)-1]
		require.True(t, last.Done)
		require.Equal(t, "high-hash", last.Answer.Reason)
		require.Empty(t, b.journal.Pending())
	})
}

func TestSubmitterConfig(t *testing.T) {
	_, err := NewSubmitter(SubmitterConfig{})
	require.ErrorContains(t, err, "without a journal or a source")
	_, err = NewSubmitter(SubmitterConfig{Journal: open(t, t.TempDir()), Source: newFake("a"), MinBackoff: -1})
	require.ErrorContains(t, err, "back-off")
}

// A block of impossible size is refused, not sent.
func TestSubmitterSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a")
		b := submit(t, t.TempDir(), osDisk{}, f)
		_, err := b.Found(make([]byte, 80))
		require.Error(t, err)
		synctest.Wait()
		require.Zero(t, f.count("submit"))
		b.stop()
	})
}

// The whole way, with failover: the first node is down when the block is found.
func TestSubmitterNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, c := newFake("a"), newFake("c")
		a.down = errDown
		c.submit = func(context.Context, []byte) (Answer, error) { return answer("bad-prevblk"), nil }
		n, err := NewNodes(NodesConfig{Sources: []Source{a, c}})
		require.NoError(t, err)
		b := submit(t, t.TempDir(), osDisk{}, n)
		_, err = b.Found(block(1))
		require.NoError(t, err)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		require.Len(t, b.journal.Pending(), 1, "c rejects it, but a may know better")
		a.set(func() { a.down = nil })
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Empty(t, b.journal.Pending())
		require.True(t, b.events[len(b.events)-1].Answer.Accepted)
		var e *Error
		require.False(t, errors.As(b.events[0].Err, &e))
		b.stop()
	})
}
