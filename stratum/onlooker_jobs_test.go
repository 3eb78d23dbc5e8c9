package stratum

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// A job that several connections are sent is kept once, as long as it is the same to the last byte and for extranonces of the same sizes.
func TestOnlookersShareJobs(t *testing.T) {
	validator := share.NewValidator(share.Options{})
	base := NewOnlooker()
	var all []*Onlooker
	for i := range 3 {
		o := base.Beside(validator.NewSession())
		size := 8
		if i == 2 {
			size = 4
		}
		h := new(silent)
		require.NoError(t, o.Observe(FromTouchstone, []byte(`{"event":"open"}`), serverTime, h))
		require.NoError(t, o.Observe(FromMiner, []byte(`{"id":1,"method":"mining.subscribe","params":[]}`), serverTime, h))
		e := Extranonce{Extranonce1: []byte{1, 2, 3, byte(i)}, Extranonce2Size: size}
		require.NoError(t, o.Observe(FromPool, AppendSubscribeResult(nil, []byte("1"), "s", e), serverTime, h))
		all = append(all, o)
	}
	kept := func(o *Onlooker, j *ServerJob) *share.Job {
		for _, r := range o.jobs.recent {
			if string(r.line) == string(j.Line()) && r.en2 == o.extranonce.Extranonce2Size {
				require.Equal(t, j.Clean, r.clean)
				return r.job
			}
		}
		return nil
	}
	notify := func(o *Onlooker, j *ServerJob) *share.Job {
		before := kept(o, j)
		require.NoError(t, o.Observe(FromPool, j.Line(), serverTime, new(silent)))
		after := kept(o, j)
		require.NotNil(t, after)
		if before != nil {
			require.Same(t, before, after)
		}
		return after
	}
	first, other := serverJob(t, "1", 1, true), serverJob(t, "1", 1, false)
	a, b := notify(all[0], first), notify(all[1], first)
	require.Same(t, a, b)
	require.NotSame(t, a, notify(all[0], other))
	short := notify(all[2], first)
	require.NotSame(t, a, short)
	require.Equal(t, 4, short.Work().Extranonce2Size)

	// Jobs of one connection alone make room for each other, and don't push out those of several.
	for i := range 100 {
		notify(all[0], serverJob(t, fmt.Sprint("own", i), 1, false, func(j *work.Job) { j.Version++ }))
	}
	require.Same(t, a, notify(all[1], first))
	require.Len(t, base.jobs.recent, fewJobs)

	// A connection that is followed alone keeps none.
	lone := NewOnlooker(validator.NewSession())
	require.NoError(t, lone.Observe(FromPool, first.Line(), serverTime, new(silent)))
	require.Nil(t, lone.jobs.recent)
}

// silent is a Handler that hears nothing.
type silent struct{}

func (*silent) Submitted(*Submit)     {}
func (*silent) Replied(uint64, Reply) {}
func (*silent) Forgotten(uint64)      {}
func (*silent) Assumed(string)        {}
