package node

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"
)

// chainOf returns a Submit of a node that takes blocks in the order of their numbers only, and the number of the last it has.
func chainOf(f *fakeSource) (last *int) {
	last = new(int)
	f.submit = func(_ context.Context, b []byte) (Answer, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.down != nil {
			return Answer{}, f.down
		}
		switch n := int(binary.LittleEndian.Uint32(b[76:])); {
		case n <= *last:
			return Answer{Final: true, Accepted: true, Reason: "duplicate"}, nil
		case n == *last+1:
			*last = n
			return Answer{Final: true, Accepted: true}, nil
		}
		return Answer{Reason: "prev-blk-not-found"}, nil
	}
	return last
}

// A node that was killed has lost the last blocks: it gets those it lost again, in order, and only those are told.
func TestRecheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, dir := newFake("a"), t.TempDir()
		last := chainOf(f)
		b := submit(t, dir, osDisk{}, f)
		for n := 1; n <= 7; n++ {
			_, err := b.Found(block(n))
			require.NoError(t, err)
			synctest.Wait()
			time.Sleep(time.Second)
		}
		require.Equal(t, 7, *last)

		before := f.count("submit")
		b.Recheck()
		synctest.Wait()
		require.Equal(t, 1, f.count("submit")-before, "a node that has the newest has those before it")

		f.set(func() { *last, f.down = 3, errors.New("starting") })
		b.events = nil
		b.Recheck()
		synctest.Wait()
		require.Empty(t, b.events)
		f.set(func() { f.down = nil })
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.Equal(t, 7, *last)
		var again []chainhash.Hash
		for _, e := range b.events {
			require.True(t, e.Again && e.Done && e.Answer.Accepted)
			again = append(again, e.Hash)
		}
		require.Equal(t, []chainhash.Hash{blockHash(4), blockHash(5), blockHash(6), blockHash(7)}, again)
		b.stop()

		// In a later run too, but not after a day.
		f.set(func() { *last = 5 })
		b = submit(t, dir, osDisk{}, f)
		b.Recheck()
		synctest.Wait()
		require.Equal(t, 7, *last)
		time.Sleep(recheckAge)
		before = f.count("submit")
		b.Recheck()
		synctest.Wait()
		require.Equal(t, before, f.count("submit"))
		b.stop()
	})
}

// Of two blocks for one place, only the one that the chain went on from is given again: the other would take its place, and what
// follows find no parent.
func TestRecheckSiblings(t *testing.T) {
	child := func(parent chainhash.Hash, n int) []byte {
		b := block(n)
		copy(b[4:], parent[:])
		return b
	}
	hashOf := func(b []byte) chainhash.Hash { return chainhash.DoubleHashH(b[:80]) }
	first := child(chainhash.Hash{}, 1)
	won, lost := child(hashOf(first), 2), child(hashOf(first), 3)
	last := child(hashOf(won), 4)
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a")
		has := map[chainhash.Hash]bool{{}: true}
		var tip chainhash.Hash
		f.submit = func(_ context.Context, b []byte) (Answer, error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			hash, parent := hashOf(b), chainhash.Hash(b[4:36])
			switch {
			case has[hash]:
				return Answer{Final: true, Accepted: true, Reason: "duplicate"}, nil
			case !has[parent]:
				return Answer{Reason: "prev-blk-not-found"}, nil
			case parent != tip && hash == hashOf(lost):
				return Answer{Final: true, Reason: "stale-prevblk"}, nil
			}
			has[hash] = true
			if parent != tip {
				return Answer{Accepted: true, Reason: "inconclusive"}, nil
			}
			tip = hash
			return Answer{Final: true, Accepted: true}, nil
		}
		b := submit(t, t.TempDir(), osDisk{}, f)
		for _, one := range [][]byte{first, won, last, lost} {
			_, err := b.Found(one)
			require.NoError(t, err)
			synctest.Wait()
			time.Sleep(time.Second)
		}
		require.Equal(t, hashOf(last), tip)
		f.set(func() {
			tip = hashOf(first)
			delete(has, hashOf(won))
			delete(has, hashOf(last))
		})
		b.Recheck()
		time.Sleep(time.Hour)
		synctest.Wait()
		require.True(t, has[hashOf(won)])
		require.True(t, has[hashOf(last)])
		b.stop()
	})
}
