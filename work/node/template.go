package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/btcsuite/btcd/btcjson"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	headerSize     = 80   // bytes of a block header
	maxPollID      = 1024 // bytes of a longpollid
	maxPolls       = 8    // templates remembered
	pollPrefix     = "touchstone-poll-"
	methodBest     = "getbestblockhash"
	methodTemplate = "getblocktemplate"
)

// templateRequest is what we ask for. btcd gives coinbasevalue, and needs no
// payment address of its own, only if we name it; bitcoind gives nothing unless
// we know segwit, and on signet signet.
var templateRequest = btcjson.TemplateRequest{
	Capabilities: []string{"coinbasetxn", "coinbasevalue", "longpoll"},
	Rules:        []string{"segwit", "signet"},
}

// A poll is what this package reads of a template.
type poll struct {
	id   string // longpollid, empty if there is none
	prev string // previousblockhash, display order
}

// readPoll reads a template, which must be one JSON object.
func readPoll(template []byte) (p poll, err error) {
	var members struct {
		ID   jsontext.Value `json:"longpollid"`
		Prev jsontext.Value `json:"previousblockhash"`
	}
	if err := decodeObject(template, &members); err != nil {
		return poll{}, err
	}
	if members.Prev == nil {
		return poll{}, errors.New("no previousblockhash: not a template")
	}
	if json.Unmarshal(members.Prev, &p.prev) != nil || checkHash(p.prev) != nil {
		return poll{}, fmt.Errorf("previousblockhash %s is not 64 hex digits", excerpt(members.Prev))
	}
	if members.ID != nil && (json.Unmarshal(members.ID, &p.id) != nil || p.id == "" || len(p.id) > maxPollID) {
		return poll{}, fmt.Errorf("longpollid %s is not a string of 1 to %d bytes", excerpt(members.ID), maxPollID)
	}
	return p, nil
}

func checkHash(s string) error {
	if len(s) != chainhash.MaxHashStringSize {
		return chainhash.ErrHashStrSize
	}
	_, err := chainhash.NewHashFromStr(s)
	return err
}

// Template implements Source with getblocktemplate, by long polling where the
// node offers it and otherwise by asking for its tip again and again. Every
// template has a longpollid: where the node gives none, one is added.
func (c *Client) Template(ctx context.Context, longPollID string) ([]byte, error) {
	if longPollID == "" {
		return c.fresh(ctx)
	}
	if prev, ok := strings.CutPrefix(longPollID, pollPrefix); ok {
		return c.poll(ctx, prev, false)
	}
	start := time.Now()
	template, p, err := c.get(ctx, c.cfg.LongPollTimeout, longPollID)
	if err == nil {
		// The same longpollid again, and at once, means that the node does not
		// wait; returning it would make a loop of this.
		if p.id == longPollID && time.Since(start) < c.cfg.Refresh {
			return c.poll(ctx, p.prev, false)
		}
		return template, nil
	}
	if ctx.Err() != nil {
		return nil, err
	}
	var e *Error
	if errors.As(err, &e) && e.Kind == KindTimeout {
		// Nothing happened, or the node hangs: asking tells.
		return c.fresh(ctx)
	}
	// Something between us and the node may have cut a silent connection, or
	// the node doesn't like the id. If the node itself is in trouble, the first
	// question shows it.
	return c.poll(ctx, c.prevOf(longPollID), true)
}

func (c *Client) fresh(ctx context.Context) ([]byte, error) {
	template, _, err := c.get(ctx, c.cfg.Timeout, "")
	return template, err
}

// get asks for a template, and remembers what it was about.
func (c *Client) get(ctx context.Context, timeout time.Duration, longPollID string) ([]byte, poll, error) {
	request := templateRequest
	request.LongPollID = longPollID
	template, err := c.call(ctx, timeout, maxTemplateAnswer, methodTemplate, request)
	if err != nil {
		return nil, poll{}, err
	}
	p, err := readPoll(template)
	if err != nil {
		return nil, poll{}, c.malformed(methodTemplate, err)
	}
	if p.id == "" {
		p.id = pollPrefix + p.prev
		_, members, _ := bytes.Cut(template, []byte("{"))
		template = append([]byte(`{"longpollid":"`+p.id+`",`), members...)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.polls = append(c.polls, p)
	c.polls = c.polls[max(0, len(c.polls)-maxPolls):]
	return template, p, nil
}

// prevOf returns the previousblockhash of a recent template, or "".
func (c *Client) prevOf(longPollID string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.polls {
		if p.id == longPollID {
			return p.prev
		}
	}
	return ""
}

// poll returns a template when the node's tip is no longer prev, or when the
// refresh interval has passed. It asks at once if now, and then at intervals.
func (c *Client) poll(ctx context.Context, prev string, now bool) ([]byte, error) {
	end := time.Now().Add(c.cfg.Refresh)
	for ; ; now = false {
		if !now {
			if err := sleep(ctx, min(c.cfg.Poll, time.Until(end))); err != nil {
				return nil, fmt.Errorf("waiting for %s: %w", c.url, err)
			}
		}
		if !time.Now().Before(end) {
			return c.fresh(ctx)
		}
		best, err := c.best(ctx)
		var e *Error
		switch {
		case errors.As(err, &e) && e.Kind == KindNoMethod:
			template, p, err := c.get(ctx, c.cfg.Timeout, "")
			if err != nil || p.prev != prev {
				return template, err
			}
		case err != nil:
			return nil, err
		case best != prev:
			return c.fresh(ctx)
		}
	}
}

// best returns the hash of the node's tip, in display order.
func (c *Client) best(ctx context.Context) (string, error) {
	result, err := c.call(ctx, c.cfg.Timeout, maxSmallAnswer, methodBest)
	if err != nil {
		return "", err
	}
	var hash string
	if json.Unmarshal(result, &hash) != nil || checkHash(hash) != nil {
		return "", c.malformed(methodBest, fmt.Errorf("no block hash in the answer %s", excerpt(result)))
	}
	return hash, nil
}
