package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// errEmpty is the error of an input without a byte.
var errEmpty = errors.New("empty")

// open opens a named input; - is standard input. The size is -1 where nobody
// knows it.
func (p *program) open(ctx context.Context, name string) (r io.ReadCloser, size int64, err error) {
	if name == "-" {
		return io.NopCloser(&interruptible{ctx: ctx, r: p.stdin}), -1, nil
	}
	f, err := openFile(ctx, name)
	if err != nil {
		return nil, 0, openError(name, err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		err = fmt.Errorf("%s: %w", name, cause(err))
	case info.IsDir():
		err = withHint(fmt.Errorf("%s is a directory", name), "name the files in it")
	case info.Mode().IsRegular():
		return f, info.Size(), nil
	default:
		return struct {
			io.Reader
			io.Closer
		}{&interruptible{ctx: ctx, r: f}, f}, -1, nil
	}
	f.Close()
	return nil, 0, err
}

// openFile opens a file. A named pipe opens when somebody writes to it, so this
// gives up when ctx ends; the open under way is left behind.
func openFile(ctx context.Context, name string) (*os.File, error) {
	type result struct {
		f   *os.File
		err error
	}
	opened := make(chan result, 1)
	go func() {
		f, err := os.Open(name)
		opened <- result{f, err}
	}()
	select {
	case r := <-opened:
		return r.f, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func openError(name string, err error) error {
	out := fmt.Errorf("%s: %w", name, cause(err))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return withHint(out, "check the name; - is standard input")
	case errors.Is(err, fs.ErrPermission):
		return withHint(out, "make it readable for this user")
	}
	return out
}

// readAll reads a whole input that holds one thing, a what, of at most limit
// bytes.
func (p *program) readAll(ctx context.Context, name string, limit int64, what string) ([]byte, error) {
	r, size, err := p.open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if size > limit {
		return nil, fmt.Errorf("%s is %d bytes long; a file of one %s has at most %d", display(name), size, what, limit)
	}
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", display(name), cause(err))
	case int64(len(data)) > limit:
		return nil, fmt.Errorf("%s is longer than %d bytes; a file of one %s has at most that", display(name), limit, what)
	case len(data) == 0:
		return nil, fmt.Errorf("%s is %w: no %s to check", display(name), errEmpty, what)
	}
	return data, nil
}

// display is how messages call an input.
func display(name string) string {
	if name == "-" {
		return "standard input"
	}
	return name
}

// interruptible is a reader that gives up when ctx ends, for inputs whose
// Read may wait for ever: a terminal, a pipe. The Read under way is left
// behind; the process is about to end.
type interruptible struct {
	ctx     context.Context
	r       io.Reader
	buf     []byte
	pending []byte
	err     error
	results chan readResult
}

type readResult struct {
	n   int
	err error
}

func (i *interruptible) Read(b []byte) (int, error) {
	if len(i.pending) == 0 && i.err == nil {
		if i.results == nil {
			i.buf = make([]byte, 64<<10)
			i.results = make(chan readResult, 1)
		}
		// The reader fills a buffer of ours, never b: b is the caller's again
		// as soon as this returns.
		go func() {
			n, err := i.r.Read(i.buf)
			i.results <- readResult{n, err}
		}()
		select {
		case res := <-i.results:
			i.pending, i.err = i.buf[:res.n], res.err
		case <-i.ctx.Done():
			i.err = i.ctx.Err()
		}
	}
	if len(i.pending) > 0 {
		n := copy(b, i.pending)
		i.pending = i.pending[n:]
		return n, nil
	}
	return 0, i.err
}

// looksLikeText reports whether the beginning of an input is text: printable
// ASCII and white space. No header, raw, begins so: within its first 36 bytes
// stands the end of a hash that is zeros, or its version has a zero or a high
// byte.
func looksLikeText(b []byte) bool {
	b = bytes.TrimPrefix(b, byteOrderMark)
	for _, c := range b {
		if (c < ' ' || c > '~') && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
	}
	return len(b) > 0
}

// byteOrderMark is what some editors write before UTF-8 text.
var byteOrderMark = []byte("\xef\xbb\xbf")

// decodeHex decodes text that is hex digits, with white space anywhere between
// pairs.
func decodeHex(text []byte) ([]byte, error) {
	text = bytes.Join(bytes.Fields(bytes.TrimPrefix(text, byteOrderMark)), nil)
	if at := notHex(text); at >= 0 {
		return nil, fmt.Errorf("not hex: %q at digit %d", text[at], at+1)
	}
	if len(text)%2 != 0 {
		return nil, fmt.Errorf("%d hex digits; bytes have two each", len(text))
	}
	out := make([]byte, len(text)/2)
	_, err := hex.Decode(out, text)
	return out, err
}

// notHex is the index of the first byte that is no hex digit, or -1.
func notHex(b []byte) int {
	for i, c := range b {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
			return i
		}
	}
	return -1
}
