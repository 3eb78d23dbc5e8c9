package rogue

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
)

// RealConfig says what device to run. It is not touched after StartReal.
type RealConfig struct {
	// Worker is its name. Required.
	Worker string
	// Pool is where it connects, stratum+tcp://HOST:PORT. Required.
	Pool string
	// Second is the pool that a device with the vice elsewhere works for at times.
	Second string
	// Says are the URLs that telemetry names for Pool and Second. Default: themselves.
	Says [2]string
	// Rate is how many hashes it computes in a second: really, one by one, so that thousands are a good number. Default: 20 000.
	Rate float64
	// Vice is what is wrong with it. Those of chips and cores, and those of honest devices, are for synthetic ones only.
	Vice Vice
	// Seed chooses what it does by chance. What it finds is real luck.
	Seed uint64
}

// Real is a device that really mines, slowly, and lies as its vice says. It mines from one goroutine and listens to the pool from
// another; it speaks the cgminer API, too: see Telemetry.
type Real struct {
	config    RealConfig
	stop      context.CancelFunc
	running   sync.WaitGroup
	telemetry net.Listener
	began     time.Time

	mu    sync.Mutex
	rng   *rand.Rand
	links []*link // to Pool, and to Second
	kept  []kept
	count RealCount
	err   error

	dropped atomic.Uint64 // math.Float64bits of the part that it does not do
}

// RealCount is what a device really did.
type RealCount struct {
	Hashes    float64 // for whomever
	Found     uint64  // shares, for Pool
	Sent      uint64  // to Pool
	Accepted  uint64  // by Pool, as far as it answered
	Rejected  uint64
	Withheld  uint64
	Elsewhere uint64  // sent to Second
	Best      float64 // the highest difficulty of what was sent
	Work      float64 // the sum of the difficulties of what was sent
}

// kept is a share that is not sent yet.
type kept struct {
	at    time.Time // zero: with the next block
	share submission
}

// submission is a share that was found.
type submission struct {
	job                string
	extranonce2        []byte
	ntime, nonce, bits uint32
	rolled             bool
	// what it had to achieve, and did
	required, difficulty float64
}

// firstID is below those of shares, and above those of the client's requests.
const firstID = 1 << 32

// link is a connection to a pool.
type link struct {
	device     *Real
	conn       net.Conn
	client     *stratum.Client
	id         uint64 // of the latest share
	message    stratum.Message
	work       *stratum.ClientWork
	builder    *work.HeaderBuilder
	cleaned    bool // a new block came
	extranonce uint64
	unit       time.Time // since when the device is at this extranonce2
	header     [80]byte
	en         []byte
	bits       uint32
	step       uint32 // nonces tried
	required   float64
}

// realVices are those that a Real can have.
var realVices = []string{"", "skim", "withhold", "overreport", "drop", "gap", "cell", "replay", "hoard", "elsewhere", "invalid", "burst"}

// StartReal connects a device and starts it, until Close.
func StartReal(ctx context.Context, c RealConfig) (*Real, error) {
	if c.Rate == 0 {
		c.Rate = 20_000
	}
	for i, url := range []string{c.Pool, c.Second} {
		if c.Says[i] == "" {
			c.Says[i] = url
		}
	}
	known := false
	for _, name := range realVices {
		known = known || name == c.Vice.Name
	}
	switch {
	case c.Worker == "":
		return nil, errors.New("a real device needs a worker's name")
	case !(c.Rate > 0 && c.Rate <= 1e6):
		return nil, fmt.Errorf("rate of %g H/s: a real device has up to a million", c.Rate)
	case !known:
		return nil, fmt.Errorf("vice %s is for synthetic devices", c.Vice.String())
	case c.Vice.Name == "elsewhere" && c.Second == "":
		return nil, errors.New("vice elsewhere needs a second pool")
	}
	d := &Real{config: c, rng: rand.New(rand.NewPCG(c.Seed, hashName(c.Worker))), began: time.Now()}
	d.mu.Lock()
	defer d.mu.Unlock()
	urls := []string{c.Pool}
	if c.Second != "" {
		urls = append(urls, c.Second)
	}
	ctx, d.stop = context.WithCancel(ctx)
	fail := func(err error) (*Real, error) {
		d.stop()
		for _, l := range d.links {
			_ = l.conn.Close()
		}
		return nil, err
	}
	for _, url := range urls {
		l, err := d.dial(ctx, url)
		if err != nil {
			return fail(err)
		}
		d.links = append(d.links, l)
	}
	if err := d.serveTelemetry(); err != nil {
		return fail(err)
	}
	for _, l := range d.links {
		d.running.Go(func() { d.listen(l) })
	}
	d.running.Go(func() { d.mine(ctx) })
	return d, nil
}

// dial connects to a pool.
func (d *Real) dial(ctx context.Context, url string) (*link, error) {
	address, ok := strings.CutPrefix(url, "stratum+tcp://")
	if !ok {
		return nil, fmt.Errorf("pool %q: want stratum+tcp://HOST:PORT", url)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	l := &link{device: d, conn: conn, id: firstID}
	l.client = stratum.NewClient(stratum.ClientConfig{
		Worker: d.config.Worker, Password: "x", UserAgent: "touchstone-rogue/1", VersionMask: work.MaskBIP320, Handler: l,
	})
	l.write(l.client.Start(nil, time.Now()))
	return l, nil
}

// Close ends the device, and waits until nothing of it runs any more.
func (d *Real) Close() {
	d.stop()
	for _, l := range d.links {
		_ = l.conn.Close()
	}
	_ = d.telemetry.Close()
	d.running.Wait()
}

// Err returns why the device's connection ended, nil while it lasts.
func (d *Real) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// Count returns what the device really did until now.
func (d *Real) Count() RealCount {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}

// Drop has the device do this part less from now on, as if somebody had told it to.
func (d *Real) Drop(part float64) { d.dropped.Store(math.Float64bits(min(max(part, 0), 1))) }

// listen takes in what a pool says.
func (d *Real) listen(l *link) {
	in := bufio.NewScanner(l.conn)
	in.Buffer(make([]byte, 0, 4096), stratum.MaxLine)
	var err error
	for err == nil && in.Scan() {
		d.mu.Lock()
		var answer []byte
		d.answered(l, in.Bytes())
		answer, err = l.client.Receive(nil, in.Bytes(), time.Now())
		l.write(answer)
		if l.cleaned {
			l.cleaned = false
			d.release(l)
		}
		d.mu.Unlock()
	}
	if err == nil {
		err = errors.Join(errors.New("the connection ended"), in.Err())
	}
	_ = l.conn.Close()
	d.mu.Lock()
	if d.err == nil {
		d.err = err
	}
	l.work = nil
	d.mu.Unlock()
}

// answered counts the answers to shares, which the client knows nothing of. The caller holds mu.
func (d *Real) answered(l *link, line []byte) {
	if l != d.links[0] || stratum.Decode(line, &l.message) != nil || l.message.Method != "" {
		return
	}
	if id, err := strconv.ParseUint(string(l.message.ID), 10, 64); err != nil || id <= firstID {
		return
	}
	if l.message.Refused() {
		d.count.Rejected++
	} else {
		d.count.Accepted++
	}
}

// write sends lines. The caller holds the device's mu.
func (l *link) write(lines []byte) {
	if len(lines) == 0 {
		return
	}
	_ = l.conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
	if _, err := l.conn.Write(lines); err != nil {
		_ = l.conn.Close() // who listens tells
	}
}

// Work takes a job.
func (l *link) Work(w *stratum.ClientWork) {
	if l.work == nil || l.work.Job.PrevBlock != w.Job.PrevBlock {
		l.cleaned, l.extranonce = l.work != nil, 0
	}
	l.work, l.builder = w, w.Job.NewBuilder()
	l.required = w.Target.Difficulty()
	l.nextUnit()
}

// unitLasts is how long the device is at one extranonce2.
const unitLasts = time.Second

// nextUnit begins another extranonce2.
func (l *link) nextUnit() {
	w := l.work
	l.en = append(l.en[:0], w.Extranonce1...)
	for i := range w.Job.Extranonce2Size { // a counter in the device's memory
		if i < 8 {
			l.en = append(l.en, byte(l.extranonce>>(8*i)))
		} else {
			l.en = append(l.en, 0)
		}
	}
	l.extranonce++
	l.unit = time.Now()
	mask, _ := l.client.VersionMask()
	l.bits = l.device.rng.Uint32() & mask
	if l.builder.SetExtranonce(l.en) != nil {
		l.work = nil // never: it has the job's sizes
		return
	}
	l.builder.Header(&l.header, w.Job.Version&^mask|l.bits, w.Job.Time, 0)
}

// Replied, Reconnect, Message and Ignored are what a device like this does not care for.
func (l *link) Replied(uint64, stratum.Reply)        {}
func (l *link) Reconnect(string, int, time.Duration) {}
func (l *link) Message(string)                       {}
func (l *link) Ignored(error)                        {}
