package share

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// maxWorkDigits is how many decimal digits a sum of work can have.
const maxWorkDigits = 97

// MarshalJSON returns the ledger in the order of the workers' names, in bytes; the same content is always the same text:
//
//	{"workers":{"alice.1":{"shares":2,"blocks":0,"work":"8590065666"}}}
//
// shares and blocks are integers, work is text because few readers of JSON keep integers of its size.
func (l *Ledger) MarshalJSON() ([]byte, error) {
	entries, _ := l.snapshot()
	text := []byte(`{"workers":{`)
	var err error
	for i, e := range entries {
		if i > 0 {
			text = append(text, ',')
		}
		if text, err = jsontext.AppendQuote(text, e.worker); err != nil {
			return nil, fmt.Errorf("worker %.40q: %w", e.worker, err)
		}
		text = append(text, `:{"shares":`...)
		text = strconv.AppendUint(text, e.shares, 10)
		text = append(text, `,"blocks":`...)
		text = strconv.AppendUint(text, e.blocks, 10)
		text = append(text, `,"work":"`...)
		text = e.work.big().Append(text, 10)
		text = append(text, `"}`...)
	}
	return append(text, "}}"...), nil
}

// UnmarshalJSON replaces what l holds by what MarshalJSON wrote. It takes fields and workers in any order, and nothing else: each
// field once and no others, names of up to 1024 bytes, numbers in plain decimal, and only sums that shares can have: at
// least one share, no more blocks than shares, and from 1 to 2^256 of work for each share. An error, such as
// ErrTooManyWorkers, means that l holds what it held.
func (l *Ledger) UnmarshalJSON(text []byte) error {
	l.mu.Lock()
	limit := l.limit()
	l.mu.Unlock()
	read := Ledger{max: limit}
	if err := read.decode(text); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.workers, l.total = read.workers, read.total
	return nil
}

// decode reads text into l, which is empty and has no other user.
func (l *Ledger) decode(text []byte) error {
	d := jsontext.NewDecoder(bytes.NewBuffer(text)) // refuses names that occur twice, and what is not UTF-8
	given := false
	err := readObject(d, func(field string) error {
		if field != "workers" {
			return fmt.Errorf("%.40q is no field of a ledger", field)
		}
		given = true
		return readObject(d, func(worker string) error {
			if err := checkWorker(worker); err != nil {
				return err
			}
			if len(l.workers) >= l.limit() {
				return l.tooMany(len(l.workers) + 1)
			}
			t, err := decodeTally(d)
			if err == nil {
				err = l.room(t)
			}
			if err != nil {
				return fmt.Errorf("worker %.40q: %w", worker, err)
			}
			*l.open(worker) = t
			l.total.add(&t)
			return nil
		})
	})
	if err != nil {
		return err
	}
	if !given {
		return errors.New("no workers")
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return errors.New("something follows")
	}
	return nil
}

// readObject reads an object, having f read each field's value.
func readObject(d *jsontext.Decoder, f func(field string) error) error {
	token, err := d.ReadToken()
	if err != nil {
		return jsonError(err)
	}
	if token.Kind() != '{' {
		return errors.New("want an object")
	}
	for {
		if token, err = d.ReadToken(); err != nil {
			return jsonError(err)
		}
		if token.Kind() == '}' {
			return nil
		}
		if err := f(token.String()); err != nil {
			return err
		}
	}
}

// jsonError says in a line what is wrong with JSON.
func jsonError(err error) error {
	var syntax *jsontext.SyntacticError
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errors.New("the JSON ends too early: was it cut?")
	}
	if errors.As(err, &syntax) {
		return fmt.Errorf("JSON byte %d: %w", syntax.ByteOffset, syntax.Err)
	}
	return err
}

func decodeTally(d *jsontext.Decoder) (t tally, err error) {
	fields := 0
	err = readObject(d, func(field string) error {
		token, err := d.ReadToken()
		if err != nil {
			return jsonError(err)
		}
		fields++
		switch field {
		case "shares":
			t.shares, err = parseCount(token)
		case "blocks":
			t.blocks, err = parseCount(token)
		case "work":
			t.work, err = parseWork(token)
		default:
			return fmt.Errorf("%.40q is no field of a worker", field)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", field, err)
		}
		return nil
	})
	if err != nil {
		return tally{}, err
	}
	if fields != 3 {
		return tally{}, errors.New("want shares, blocks and work")
	}
	return t, t.check()
}

// check refuses what no shares add up to.
func (t *tally) check() error {
	shares, sum := new(big.Int).SetUint64(t.shares), t.work.big()
	switch {
	case t.shares == 0:
		return errors.New("no shares")
	case t.blocks > t.shares:
		return fmt.Errorf("%d blocks of %d shares", t.blocks, t.shares)
	case sum.Cmp(shares) < 0:
		return fmt.Errorf("%d shares with less work than 1 each", t.shares)
	case sum.Cmp(shares.Lsh(shares, 256)) > 0:
		return fmt.Errorf("%d shares with more work than 2^256 each", t.shares)
	}
	return nil
}

func parseCount(token jsontext.Token) (uint64, error) {
	if token.Kind() != '0' {
		return 0, errors.New("want a number")
	}
	n, err := strconv.ParseUint(token.String(), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%.40s: want an integer from 0 to 2^64-1, in digits", token.String())
	}
	return n, nil
}

func parseWork(token jsontext.Token) (wide, error) {
	if token.Kind() != '"' {
		return wide{}, errors.New("want a string of decimal digits")
	}
	s := token.String()
	ok := s != "" && len(s) <= maxWorkDigits && (s[0] != '0' || len(s) == 1)
	for i := range len(s) {
		ok = ok && '0' <= s[i] && s[i] <= '9'
	}
	if ok {
		if v, parsed := new(big.Int).SetString(s, 10); parsed {
			if w, fits := wideFromBig(v); fits {
				return w, nil
			}
		}
	}
	return wide{}, fmt.Errorf("%.40q: want decimal digits without leading zeros, less than 2^320", s)
}
