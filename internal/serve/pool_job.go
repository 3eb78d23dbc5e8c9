package serve

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// poolWork is a template that is offered to devices.
type poolWork struct {
	template *work.Template
	// base is what the jobs are made from, each with a coinbase of its own. It
	// is never sent.
	base   *work.Job
	number uint64 // counts the templates from 1
}

// poolJob is a job that is offered.
type poolJob struct {
	work    *poolWork
	variant int // of the jobs that pay one payee for this work, from 0
	share   *share.Job
	// The job as it is sent: clean to who was not sent another of this tip.
	clean, plain *stratum.ServerJob
}

// jobNames gives jobs their IDs, which no other run of the pool used lately: a
// share for a job of an earlier run must not count for another.
type jobNames struct {
	prefix string
	count  atomic.Uint64
}

func newJobNames(now time.Time) jobNames {
	// A tenth of a second: the prefix comes again after 19 days. IDs are
	// hexadecimal because some devices read them as numbers.
	return jobNames{prefix: fmt.Sprintf("%06x", now.UnixMilli()/100&0xffffff)}
}

func (n *jobNames) next() string { return n.prefix + strconv.FormatUint(n.count.Add(1), 16) }

// widestPayout is the longest script that an address stands for (P2WSH, P2TR).
const widestPayout = 34

// newWork makes of a template what jobs are made from. It fails if the
// template is refused, or leaves no room for the coinbase of any address.
func (p *Pool) newWork(t *work.Template) (*poolWork, error) {
	if before := p.work.Load(); before != nil {
		shareTransactions(t, before.template)
	}
	base, err := work.NewJob("", t, p.coinbase(t, make([]byte, widestPayout), *p.tag.Load(), 0))
	if err != nil {
		return nil, err
	}
	p.heard.Store(int64(time.Since(p.started)))
	return &poolWork{template: t, base: base}, nil
}

// shareTransactions has a template take the memory of the transactions that one
// before it has too. The jobs of a tip are remembered as long as it is one, each
// with its transactions: hours of them would be gigabytes.
func shareTransactions(t, before *work.Template) {
	if t.PreviousBlock != before.PreviousBlock {
		return // there is no time to lose, and little in common
	}
	known := make(map[chainhash.Hash][]byte, len(before.Transactions))
	for i := range before.Transactions {
		known[before.Transactions[i].Hash] = before.Transactions[i].Data
	}
	for i := range t.Transactions {
		if tx := &t.Transactions[i]; bytes.Equal(known[tx.Hash], tx.Data) {
			tx.Data = known[tx.Hash]
		}
	}
}

// longTag is a tag that may leave no room in the scriptSig for more: it gives its end for the number of a variant.
const longTag = 40

// coinbase is that of a variant. They differ in it: a miner begins anew with each job, and would find the same shares again in one that
// has another name and nothing else.
func (p *Pool) coinbase(t *work.Template, script []byte, tag string, variant int) work.CoinbaseOptions {
	if variant > 0 {
		number := strconv.Itoa(variant)
		if len(tag) > longTag {
			tag = tag[:len(tag)-len(number)]
		}
		tag += number
	}
	return work.CoinbaseOptions{
		Payouts:         []work.Payout{{Script: script, Value: work.Remainder}},
		Tag:             []byte(tag),
		Extranonce1Size: extranonce1Size,
		Extranonce2Size: extranonce2Size,
		VersionMask:     work.SoloMask(t, p.config.VersionMask),
	}
}

// Devices remember each job until its tip is replaced, and long after, and
// some begin anew at each. So work of the same tip is not offered whenever a
// template comes: not before refreshAfter, or repeatAfter where it has nothing
// new but its time, and the older the tip is, the more rarely. But programs
// that hear nothing for 90 s believe that the pool is gone (cgminer), so
// something is offered after repeatAfter.
const (
	refreshAfter   = 25 * time.Second // less than sources wait, so that none of their templates is missed by a hair
	repeatAfter    = 55 * time.Second
	refreshesOfAge = 20
)

// due reports whether w is to be offered in place of the work before it, of
// the same tip.
func (w *poolWork) due(before *poolWork, sinceBefore, sinceTip time.Duration) bool {
	a, b := w.template, before.template
	if a.Bits != b.Bits || a.Height != b.Height {
		return true // a test network that becomes easier after a while
	}
	wait := refreshAfter
	same := a.CoinbaseValue == b.CoinbaseValue && a.Version == b.Version &&
		slices.EqualFunc(a.Transactions, b.Transactions, func(a, b work.TemplateTransaction) bool { return a.Hash == b.Hash })
	if same {
		wait = repeatAfter
	}
	return sinceBefore >= min(max(wait, sinceTip/refreshesOfAge), repeatAfter)
}

// publish offers w to all devices.
func (p *Pool) publish(w *poolWork) error {
	begin := time.Now()
	before := p.work.Load()
	newTip := before == nil || before.template.PreviousBlock != w.template.PreviousBlock
	p.mu.Lock()
	since, sinceTip := p.issued.ages(begin)
	if !newTip && !w.due(before, since, sinceTip) {
		p.mu.Unlock()
		return nil
	}
	unsent := p.issued.published(w, begin)
	p.mu.Unlock()
	if unsent > 0 {
		p.emit(Notice{fmt.Sprintf("%d more blocks were found for a place that has enough of ours, and were not sent", unsent)})
	}
	w.number = 1
	if before != nil {
		w.number = before.number + 1
	}
	id := ""
	if p.payees.only != nil {
		j, err := p.payees.only.job(p, w, 0)
		if err != nil {
			return err
		}
		id = j.share.Work().ID
	}
	p.work.Store(w)
	p.emit(NewJob{
		Job:          id,
		Height:       w.base.Height,
		Previous:     w.base.PrevBlock,
		NewTip:       newTip,
		Difficulty:   w.base.Target.Difficulty(),
		Transactions: len(w.template.Transactions),
		VersionMask:  formatMask(w.base.VersionMask),
	})
	sessions := p.offerAll()
	p.emit(JobOffered{id, sessions, seconds(time.Since(begin))})
	return nil
}

// payee is who the blocks of a connection pay. It has the jobs that do so for
// one work.
type payee struct {
	script []byte

	mu   sync.Mutex
	work *poolWork
	jobs []*poolJob // the first is offered to all, the others to those who need another ID

	connections int // guarded by payees.mu
}

// job returns the job of that variant for w, or the first one of later work,
// if there is any by now.
func (y *payee) job(p *Pool, w *poolWork, variant int) (*poolJob, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	switch {
	case y.work == nil || y.work.number < w.number:
		y.work, y.jobs = w, nil
	case y.work.number > w.number:
		w, variant = y.work, 0
	}
	for len(y.jobs) <= variant {
		j, err := p.newJob(w, y.script, len(y.jobs))
		if err != nil {
			return nil, err
		}
		y.jobs = append(y.jobs, j)
	}
	return y.jobs[variant], nil
}

// newJob makes a job that pays script.
func (p *Pool) newJob(w *poolWork, script []byte, variant int) (*poolJob, error) {
	job, err := w.base.WithCoinbase(p.jobs.next(), w.template, p.coinbase(w.template, script, *p.tag.Load(), variant))
	if err != nil {
		return nil, err
	}
	shared, err := share.NewJob(job)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.issued.add(job)
	p.mu.Unlock()
	return &poolJob{
		work: w, variant: variant, share: shared,
		clean: stratum.NewServerJob(shared, true),
		plain: stratum.NewServerJob(shared, false),
	}, nil
}

// maxPayees bounds the addresses that are paid at a time, and with it the jobs
// that are made at each new tip.
const maxPayees = 10_000

// payees are those who are paid at a time.
type payees struct {
	only *payee // all connections pay; nil if each pays its own

	mu        sync.Mutex
	byAddress map[string]*payee
}

func (y *payees) init(solo bool, script []byte) {
	y.byAddress = map[string]*payee{}
	if !solo {
		y.only = &payee{script: script}
	}
}

// take returns the payee of an address for one more connection, which gives it
// back with drop.
func (y *payees) take(address string, script []byte) (*payee, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	one := y.byAddress[address]
	if one == nil {
		if len(y.byAddress) >= maxPayees {
			return nil, fmt.Errorf("%d addresses are mined for, which is as many as can be: try again later", maxPayees)
		}
		one = &payee{script: script}
		y.byAddress[address] = one
	}
	one.connections++
	return one, nil
}

func (y *payees) drop(address string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if one := y.byAddress[address]; one != nil {
		if one.connections--; one.connections == 0 {
			delete(y.byAddress, address)
		}
	}
}

// issuedJobs are the jobs that a device may still hand in shares for, by ID,
// and the tips that they build on. As a [share.Session] does, it forgets those
// of a tip a while after another one replaced it.
type issuedJobs struct {
	jobs map[string]*work.Job
	tips []*issuedTip // the newest last
	last time.Time    // when the newest work was published
}

type issuedTip struct {
	previous chainhash.Hash
	first    time.Time // when it was published first
	replaced time.Time // zero for the newest
	ids      []string
	found    map[chainhash.Hash]bool // blocks that were sent, and whether their shares were credited
	open     map[bool]int            // how many of them were not refused, by that
	unsent   int                     // blocks that were one too many
}

// ages returns how long ago the newest work, and the first of its tip, was
// published.
func (i *issuedJobs) ages(now time.Time) (work, tip time.Duration) {
	if len(i.tips) == 0 {
		return 0, 0
	}
	return now.Sub(i.last), now.Sub(i.tips[len(i.tips)-1].first)
}

// published notes the tip of work that is offered from now on. It returns how
// many blocks for places before it were not sent, since it was called last.
func (i *issuedJobs) published(w *poolWork, now time.Time) (unsent int) {
	if i.jobs == nil {
		i.jobs = map[string]*work.Job{}
	}
	i.last = now
	if n := len(i.tips); n > 0 && i.tips[n-1].previous != w.base.PrevBlock {
		i.tips[n-1].replaced = now
	}
	// A little longer than sessions do, because they are told a little later.
	const keep = share.Forgotten + time.Minute
	i.tips = slices.DeleteFunc(i.tips, func(t *issuedTip) bool {
		old := !t.replaced.IsZero() && now.Sub(t.replaced) > keep
		if old {
			for _, id := range t.ids {
				delete(i.jobs, id)
			}
		}
		return old
	})
	tip := i.tip(w.base.PrevBlock)
	if tip == nil {
		tip = &issuedTip{previous: w.base.PrevBlock, first: now, found: map[chainhash.Hash]bool{}, open: map[bool]int{}}
	} else {
		i.tips = slices.DeleteFunc(i.tips, func(t *issuedTip) bool { return t == tip })
	}
	tip.replaced = time.Time{}
	for _, t := range i.tips {
		unsent += t.unsent
		t.unsent = 0
	}
	i.tips = append(i.tips, tip)
	return unsent
}

// tip returns what is known of a tip, nil if nothing is.
func (i *issuedJobs) tip(previous chainhash.Hash) *issuedTip {
	for _, t := range slices.Backward(i.tips) {
		if t.previous == previous {
			return t
		}
	}
	return nil
}

// add notes a job before it is sent.
func (i *issuedJobs) add(j *work.Job) {
	if t := i.tip(j.PrevBlock); t != nil {
		i.jobs[j.ID] = j
		t.ids = append(t.ids, j.ID)
	}
}

// maxSiblings is how many blocks of ours are sent for one place, beside those
// that were refused: one of them takes it. On a chain so easy that each share
// is a block, a device finds thousands before it hears of the first. Blocks
// whose shares are not credited have as many places of their own, or one who
// hands in what nodes don't take yet, from the future, would take those of
// all others.
const maxSiblings = 32

// find reports whether that block of job j is to be sent, and notes it: it was
// not found before, and not enough others take part in the race for its place.
// credited says that its share was.
func (i *issuedJobs) find(j *work.Job, hash chainhash.Hash, credited bool) bool {
	t := i.tip(j.PrevBlock)
	if t == nil {
		return true
	}
	if _, found := t.found[hash]; found {
		return false
	}
	if t.open[credited] >= maxSiblings {
		t.unsent++
		return false
	}
	t.found[hash] = credited
	t.open[credited]++
	return true
}

// refused notes that a node refused a block with that parent.
func (i *issuedJobs) refused(parent, hash chainhash.Hash) {
	if t := i.tip(parent); t != nil {
		if credited, found := t.found[hash]; found {
			t.open[credited]--
		}
	}
}
