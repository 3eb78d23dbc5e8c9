package stratum

import (
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/work"
)

// notifyParams are the names of mining.notify's elements.
var notifyParams = [...]string{"job id", "prevhash", "coinb1", "coinb2", "merkle branch", "version", "nbits", "ntime", "clean_jobs"}

// JobID returns the job's name in a mining.notify, even if the rest of it can't be read.
func (m *Message) JobID() (id string, ok bool) {
	if len(m.Params) == 0 {
		return "", false
	}
	text, ok := m.Params[0].text(&m.scratch)
	if !ok || len(text) > MaxField {
		return "", false
	}
	return string(text), true
}

// Notify reads a mining.notify: the job, for extranonces of these sizes in bytes (both 0 where they are not known), and whether
// all jobs before it shall be dropped. The job is the caller's; its MinTime is 0, because the wire does not tell.
func (m *Message) Notify(extranonce1Size, extranonce2Size int) (job *work.Job, clean bool, err error) {
	p, err := m.atLeast(len(notifyParams))
	if err != nil {
		return nil, false, err
	}
	job = &work.Job{Extranonce1Size: extranonce1Size, Extranonce2Size: extranonce2Size}
	for i, read := range [len(notifyParams)]func(v Value) error{
		func(Value) error {
			var ok bool
			if job.ID, ok = m.JobID(); !ok {
				return fmt.Errorf("%s: want a string of at most %d bytes", p[0], MaxField)
			}
			return nil
		},
		func(v Value) (err error) {
			job.PrevBlock, err = hash256(v)
			job.PrevBlock = swapWords(job.PrevBlock)
			return
		},
		func(v Value) (err error) { job.CoinbasePrefix, err = appendHexText(nil, v); return },
		func(v Value) (err error) { job.CoinbaseSuffix, err = appendHexText(nil, v); return },
		func(v Value) (err error) { job.Branch, err = branch(v); return },
		func(v Value) (err error) { job.Version, err = hex32(v); return },
		func(v Value) (err error) { job.Bits, job.Target, err = bits(v); return },
		func(v Value) (err error) { job.Time, err = hex32(v); return },
		func(v Value) (err error) { clean, err = boolean(v); return },
	} {
		if err := read(p[i]); err != nil {
			return nil, false, fmt.Errorf("%s: %s: %w", m.Method, notifyParams[i], err)
		}
	}
	if !job.HasCoinbase() {
		return nil, false, fmt.Errorf("%s: coinb1 and coinb2 are empty: there is no coinbase", m.Method)
	}
	return job, clean, nil
}

// branch reads a merkle branch, hashes in internal order.
func branch(v Value) ([]chainhash.Hash, error) {
	if v.Kind() != Array {
		return nil, fmt.Errorf("%s: want an array", v)
	}
	hashes := []chainhash.Hash{}
	err := v.elements(func(i int, element Value) error {
		if i == MaxBranch {
			return fmt.Errorf("more than %d hashes", MaxBranch)
		}
		h, err := hash256(element)
		if err != nil {
			return fmt.Errorf("[%d]: %w", i, err)
		}
		hashes = append(hashes, h)
		return nil
	})
	return hashes, err
}

// bits reads nBits and the target it stands for.
func bits(v Value) (work.Bits, work.Target, error) {
	n, err := hex32(v)
	if err != nil {
		return 0, work.Target{}, err
	}
	target, negative, overflow := work.Bits(n).Target()
	switch {
	case negative:
		err = fmt.Errorf("%s: a negative target", v)
	case overflow:
		err = fmt.Errorf("%s: a target above 2^256", v)
	case target.IsZero():
		err = fmt.Errorf("%s: a target of 0, which no hash meets", v)
	}
	return work.Bits(n), target, err
}

// boolean reads true or false.
func boolean(v Value) (bool, error) {
	switch v.Kind() {
	case True:
		return true, nil
	case False:
		return false, nil
	}
	return false, fmt.Errorf("%s: want true or false", v)
}

// atLeast returns params if they are an array of n elements or more.
func (m *Message) atLeast(n int) ([]Value, error) {
	switch {
	case m.ParamsKind != Array:
		return nil, fmt.Errorf("%s: params: %s: want an array", m.Method, m.ParamsKind)
	case len(m.Params) < n:
		return nil, fmt.Errorf("%s: params: %d elements: want %d", m.Method, len(m.Params), n)
	}
	return m.Params, nil
}
