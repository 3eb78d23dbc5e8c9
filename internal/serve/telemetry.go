package serve

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/touchstone-btc/touchstone/audit/telemetry"
)

// TelemetryTarget is a device that is asked what it says of itself.
type TelemetryTarget struct {
	// Worker is the name that it mines under. Required.
	Worker string
	// URL says where and how it is asked; see ParseTelemetryURL. Required.
	URL string
}

// TelemetryConfig says which devices are asked, and how often.
type TelemetryConfig struct {
	// Targets are the devices.
	Targets []TelemetryTarget
	// Interval is how long after the beginning of a poll the next one begins, give or take a tenth. Default: 60 s.
	Interval time.Duration
	// Timeout is how long a device has for one answer, from dialling to its end. Default: 10 s.
	Timeout time.Duration
	// MaxReply is how many bytes of an answer are taken. Default, and at most: 256 KiB, which a line of a recording holds.
	MaxReply int
	// AtOnce is how many devices are asked at the same time. Default: 64.
	AtOnce int
	// OnPoll is told of each poll, one at a time; nothing is asked of that device meanwhile. The poll is the callee's. Required.
	OnPoll func(*TelemetryPoll)
}

const (
	defaultPollInterval = time.Minute
	defaultPollTimeout  = 10 * time.Second
	maxTelemetryReply   = 256 << 10
	defaultPollsAtOnce  = 64
	// firstPoll is within which time after the start all devices are asked first.
	firstPoll = 5 * time.Second
)

// TelemetryPoller asks devices what they say of themselves, over and over. It believes nothing and changes nothing.
type TelemetryPoller struct {
	config  TelemetryConfig
	devices []telemetryDevice
	slots   chan struct{}
	tell    sync.Mutex
}

// telemetryDevice is one that is asked.
type telemetryDevice struct {
	target TelemetryTarget
	url    *TelemetryURL
	number int64 // of its latest poll
	single bool  // it does not take several commands at once
}

// NewTelemetryPoller returns a poller that has not begun. Errors say which target is wrong, and how.
func NewTelemetryPoller(c TelemetryConfig) (*TelemetryPoller, error) {
	if c.OnPoll == nil {
		return nil, errors.New("telemetry: nobody to tell")
	}
	if c.Interval <= 0 {
		c.Interval = defaultPollInterval
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultPollTimeout
	}
	if c.MaxReply <= 0 || c.MaxReply > maxTelemetryReply {
		c.MaxReply = maxTelemetryReply
	}
	if c.AtOnce <= 0 {
		c.AtOnce = defaultPollsAtOnce
	}
	p := &TelemetryPoller{config: c, slots: make(chan struct{}, c.AtOnce)}
	for _, t := range c.Targets {
		if t.Worker == "" {
			return nil, fmt.Errorf("telemetry %q: which worker is it? Want WORKER=URL", t.URL)
		}
		u, err := ParseTelemetryURL(t.URL)
		if err != nil {
			return nil, fmt.Errorf("telemetry of %q: %w", t.Worker, err)
		}
		p.devices = append(p.devices, telemetryDevice{target: t, url: u})
	}
	return p, nil
}

// Run polls until ctx ends, and returns when all is over that it began. It is called once.
func (p *TelemetryPoller) Run(ctx context.Context) {
	var all sync.WaitGroup
	for i := range p.devices {
		all.Go(func() { p.follow(ctx, &p.devices[i]) })
	}
	all.Wait()
}

// follow polls one device.
func (p *TelemetryPoller) follow(ctx context.Context, d *telemetryDevice) {
	timer := time.NewTimer(time.Duration(rand.Float64() * float64(min(firstPoll, p.config.Interval))))
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		timer.Reset(time.Duration((0.9 + 0.2*rand.Float64()) * float64(p.config.Interval)))
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		poll := p.poll(ctx, d)
		<-p.slots
		if ctx.Err() != nil {
			return // what was asked last was cut short by us
		}
		p.tell.Lock()
		p.config.OnPoll(poll)
		p.tell.Unlock()
	}
}

// TelemetryPoll is what one device answered at one time.
type TelemetryPoll struct {
	// Worker is the name that the device mines under, URL where it was asked.
	Worker, URL string
	// Number counts the polls of this device from 1.
	Number int64
	// Time is when the poll began.
	Time time.Time
	// Replies are the answers, in the order of the questions. There is one at least.
	Replies []TelemetryReply
}

// TelemetryReply is the answer to one question.
type TelemetryReply struct {
	// Command is what was asked: a command, or the path of a URL.
	Command string
	// Time is when the answer had come.
	Time time.Time
	// Raw are the bytes of the answer, as they came, but for passwords, of which each character is a *; nil if there were none.
	Raw []byte
	// Err says why there is no answer, or none that is whole; "" if nothing is wrong. It ends with a cure where one is known.
	Err string
}

// Reading returns what the device says of itself, as far as it can be read.
func (p *TelemetryPoll) Reading() *telemetry.Reading {
	var replies []telemetry.Reply
	for _, r := range p.Replies {
		if r.Raw != nil {
			replies = append(replies, telemetry.Reply{Command: r.Command, Raw: r.Raw})
		}
	}
	return telemetry.Parse(replies)
}

// Err says why nothing is known, if no question was answered; "" otherwise.
func (p *TelemetryPoll) Err() string {
	for _, r := range p.Replies {
		if r.Err == "" {
			return ""
		}
	}
	if len(p.Replies) == 0 {
		return "nothing was asked"
	}
	return p.Replies[0].Err
}
