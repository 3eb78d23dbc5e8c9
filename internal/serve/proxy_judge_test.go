package serve

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
)

// What the judge finds worth telling.
func TestProxyTells(t *testing.T) {
	for name, c := range map[string]ProxyConfig{"transparent": {}, "enforce": {Enforce: true}, "share rate": {ShareRate: 20}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c)
			job := r.job("job", 1, 0x1f00ffff)
			r.tells(string(stratum.AppendNotify(nil, job, true)))

			// A pool that does not credit what is right.
			r.asks(r.share(10, job, between(r.theirs, job.Target)))
			r.tells(`{"id":10,"result":null,"error":[23,"Low difficulty",null]}` + "\n")
			e := waitEvent[Disagreed](r.testProxy)
			require.Equal(t, "accepted", e.Verdict)
			require.Equal(t, "rejected: 23 Low difficulty", e.PoolSaid)
			require.Equal(t, []any{"w", "job", r.upstream.url()}, []any{e.Worker, e.Job, e.Pool})
			require.GreaterOrEqual(t, e.Difficulty, e.Required)
			require.NotEmpty(t, e.Hash)

			r.asks(r.share(11, job, job.Target.MetBy))
			r.tells(answered("11"))
			require.Equal(t, "block", waitEvent[ShareIsBlock](r.testProxy).Verdict)

			r.tells(`{"id":null,"method":"client.reconn\u0065ct","params":["elsewhere.example",3333,0]}` + "\n")
			redirected := waitEvent[PoolRedirects](r.testProxy)
			require.Equal(t, "elsewhere.example:3333", redirected.To)
			require.Equal(t, "w", redirected.Worker)

			s := r.Snapshot()
			require.EqualValues(t, 2, s.Total.Credited)
			require.EqualValues(t, 1, s.Total.Disagreements)
			require.EqualValues(t, 1, s.Total.Blocks)
			require.Len(t, s.Devices, 1)
			require.Equal(t, "w", s.Devices[0].Worker)
			require.Equal(t, "tester/1.0", s.Devices[0].UserAgent)
			r.stop()
			stopped := waitEvent[ProxyStopped](r.testProxy)
			require.Equal(t, []uint64{2, 2, 0, 1, 1}, []uint64{stopped.Shares, stopped.Credited, stopped.Refused, stopped.Disagreed, stopped.Blocks})
		})
	}
}

// A share that crosses a new block on the wire may be called stale; one that crossed nothing may not.
func TestProxyCrossed(t *testing.T) {
	for name, c := range map[string]ProxyConfig{"transparent": {}, "enforce": {Enforce: true}, "share rate": {ShareRate: 20}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c)
			job := r.job("job", 1, mainnetBits)
			r.tells(string(stratum.AppendNotify(nil, job, true)))
			const stale = `{"id":%d,"result":null,"error":[21,"stale",null]}` + "\n"
			r.asks(r.share(10, job, r.theirs.MetBy))
			r.tells(string(stratum.AppendNotify(nil, r.job("next", 2, mainnetBits), true)))
			r.tells(fmt.Sprintf(stale, 10))

			next := r.job("next", 2, mainnetBits)
			r.asks(r.share(11, next, r.theirs.MetBy))
			r.tells(fmt.Sprintf(stale, 11))
			require.Equal(t, "next", waitEvent[Disagreed](r.testProxy).Job)

			total := r.Snapshot().Total
			require.Equal(t, []int64{2, 2, 1, 1, 1}, []int64{total.Credited, total.PoolRejected, total.Crossed, total.Disagreements, total.WronglyRejected})
			r.stop()
			stopped := waitEvent[ProxyStopped](r.testProxy)
			require.Equal(t, []uint64{1, 1}, []uint64{stopped.Crossed, stopped.Disagreed})
			require.NoError(t, r.config.Recorder.Close())
			s := r.replay(t).Summary
			tally := s.Tally
			if s.Forwarded != nil {
				tally = s.Forwarded.Tally
			}
			require.Equal(t, []int64{1, 1}, []int64{tally.Crossed, tally.Disagreements}, "verify shares says the same")
		})
	}
}

// Requests that no pool need answer don't keep a device from being settled; shares do.
func TestProxySettles(t *testing.T) {
	for name, c := range map[string]ProxyConfig{"transparent": {}, "enforce": {Enforce: true}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c)
			settled := func() bool { return r.all()[0].settled() }
			job := r.job("job", 1, mainnetBits)
			r.tells(string(stratum.AppendNotify(nil, job, true)))
			r.asks(`{"id":3,"method":"mining.extranonce.subscribe","params":[]}` + "\n")
			require.Eventually(t, settled, patience, time.Millisecond)
			r.asks(r.share(10, job, r.theirs.MetBy))
			require.False(t, settled())
			r.tells(answered("10"))
			require.Eventually(t, settled, patience, time.Millisecond)
		})
	}
}

// Jobs of any size cross and are judged: a coinbase of 16 KB, a branch of 32 hashes, extranonces that change.
func TestProxyLargeJobs(t *testing.T) {
	for _, c := range []ProxyConfig{{}, {Enforce: true}} {
		r := newRig(t, c)
		job := r.job("large", 1, mainnetBits)
		job.CoinbasePrefix = bytes.Repeat([]byte{0xab}, 8<<10)
		job.CoinbaseSuffix = bytes.Repeat([]byte{0xcd}, 8<<10)
		for i := range stratum.MaxBranch {
			job.Branch = append(job.Branch, chainhash.Hash{byte(i)})
		}
		r.tells(string(stratum.AppendNotify(nil, job, true)))
		r.asks(r.share(10, job, r.theirs.MetBy))
		r.tells(answered("10"))

		// extranonce2 of 16 bytes: what r.share makes is too short then.
		r.tells(string(stratum.AppendSetExtranonce(nil, stratum.Extranonce{Extranonce1: []byte{9}, Extranonce2Size: 16})))
		next := *job
		next.ID = "next"
		r.tells(string(stratum.AppendNotify(nil, &next, false)))
		short := r.share(11, &next, r.theirs.MetBy)
		if c.Enforce {
			r.says(short)
			require.Contains(t, r.deviceHears(), `"error":[20,"bad-extranonce2`)
		} else {
			r.asks(short)
			r.tells(answered("11"))
			require.Equal(t, "bad-extranonce2", waitEvent[Disagreed](r.testProxy).Verdict)
		}
		// The job before is still good, with what held when it was sent.
		r.asks(r.share(12, job, r.theirs.MetBy))
		r.tells(answered("12"))
		r.stop()
		require.EqualValues(t, 2, waitEvent[ProxyStopped](r.testProxy).Credited)
	}
}

// A device that floods us can't make the judge remember more than a little of it.
func TestProxyJudgeIsBounded(t *testing.T) {
	l := newLab(t, ProxyConfig{}, nil)
	says(t, l.device, l.pool, subscribeLine)
	var flood bytes.Buffer
	for i := range 3 * maxUnanswered {
		fmt.Fprintf(&flood, `{"id":%d,"method":"mining.submit","params":["w","j","00","6920d000","00000000"]}`+"\n", i)
	}
	go l.device.Write(flood.Bytes())
	hears(t, l.pool, flood.String())
	l.device.Close()
	l.stop()
	stopped := waitEvent[ProxyStopped](l.testProxy)
	require.EqualValues(t, 3*maxUnanswered, stopped.Shares)
	require.EqualValues(t, 3*maxUnanswered, stopped.Unanswered)
}
