package mine

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// cell is one (extranonce2, group) of a space.
type cell struct {
	extranonce2 uint64
	group       uint32
}

// pass deals every unit of a pass and checks that they cover each cell's nonces
// once, in order. It returns the number of units and the ntimes they had.
func pass(t *testing.T, c *cursor, now, ahead uint32) (units int, times map[uint32]bool) {
	t.Helper()
	reached := map[cell]uint64{} // end of the nonces dealt so far
	times = map[uint32]bool{}
	for {
		u, ok := c.next(now, ahead)
		require.True(t, ok)
		units++
		at := cell{u.extranonce2, u.group}
		from := uint64(u.nonce)
		if end, seen := reached[at]; seen {
			require.Equal(t, end, from, "a gap or an overlap")
		} else {
			require.EqualValues(t, c.firstNonce, from)
		}
		require.Positive(t, u.nonces)
		require.LessOrEqual(t, u.nonces, uint64(unitNonces))
		reached[at] = from + u.nonces
		times[u.time] = true
		if c.ended {
			break
		}
	}
	require.Len(t, reached, int(uint64(c.groups)*(c.lastExtranonce2-c.firstExtranonce2+1)))
	for at, end := range reached {
		require.Equal(t, uint64(c.firstNonce)+c.nonces, end, "%v left out nonces", at)
	}
	return units, times
}

func TestCursorDealsEachUnitOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		first := rng.Uint64N(1 << 40)
		if rng.IntN(4) == 0 {
			first = math.MaxUint64 - 3
		}
		last := first + rng.Uint64N(min(20, math.MaxUint64-first)+1)
		firstNonce := rng.Uint32()
		nonces := 1 + rng.Uint64N(min(4*unitNonces, 1<<32-uint64(firstNonce)))
		c := newCursor(newSpace(first, last, randomMask(rng, i%9), firstNonce, nonces))
		units, times := pass(t, c, 1000, 1000)
		require.Len(t, times, 1)

		_, ok := c.next(1000, 1000)
		require.False(t, ok, "the clock stands still: nothing is left")
		again, times := pass(t, c, 1000, 1600)
		require.Equal(t, units, again)
		require.Equal(t, map[uint32]bool{1001: true}, times)
	}
}

func TestCursorEndsAtTheLastNonce(t *testing.T) {
	c := newCursor(newSpace(0, 0, 0, math.MaxUint32-9, 10))
	u, ok := c.next(5, 5)
	require.True(t, ok)
	require.Equal(t, unit{time: 5, nonce: math.MaxUint32 - 9, nonces: 10}, u)
	require.True(t, c.ended)
}

func TestCursorCountsWholeNonceSpace(t *testing.T) {
	c := newCursor(newSpace(7, 8, 0x1fffe000, 0, 1<<32))
	require.EqualValues(t, 16, c.versions)
	require.EqualValues(t, 4096, c.groups)
	for i := range 1<<32/unitNonces + 1 {
		u, ok := c.next(1, 1)
		require.True(t, ok)
		if i == 1<<32/unitNonces {
			require.Equal(t, unit{extranonce2: 7, group: 1, time: 1, nonces: unitNonces}, u)
		}
	}
}

// No ntime of a later pass may be one of an earlier pass, whatever the clock
// does: that is what keeps two passes disjoint.
func TestCursorNeverReusesATime(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		c := newCursor(newSpace(0, rng.Uint64N(4), 0, 0, 1+rng.Uint64N(3*unitNonces)))
		used := map[uint32]int{}
		now := uint32(1000)
		for p := 0; p < 20; {
			now += uint32(rng.IntN(4)) - 1 // also a second back
			u, ok := c.next(now, now+2)
			if !ok {
				continue
			}
			if in, seen := used[u.time]; seen {
				require.Equal(t, in, p, "ntime %d of pass %d in pass %d", u.time, in, p)
			}
			require.LessOrEqual(t, u.time, max(now+2, c.passTime))
			used[u.time] = p
			if c.ended {
				p++
			}
		}
	}
}

func TestCursorStopsAtTheEndOfTime(t *testing.T) {
	c := newCursor(newSpace(0, 0, 0, 0, 1))
	_, ok := c.next(math.MaxUint32, math.MaxUint32)
	require.True(t, ok)
	_, ok = c.next(math.MaxUint32, math.MaxUint32)
	require.False(t, ok, "ntime would wrap to 0")
}

func TestVersionValuesAreDistinct(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	masks := []uint32{0, 1, 0x80000000, 0xe000, 0x1fe000, 0x80000001}
	for i := range 12 {
		masks = append(masks, randomMask(rng, i))
	}
	for _, mask := range masks {
		s := newSpace(0, 0, mask, 0, 1)
		seen := map[uint32]bool{}
		for group := range s.groups {
			for i := range s.versions {
				v := s.version(0x20000004, group, i)
				require.Zero(t, (v^0x20000004)&^mask, "changed a bit outside mask %08x", mask)
				require.False(t, seen[v], "version %08x twice", v)
				seen[v] = true
			}
		}
	}
}
