package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/touchstone-btc/touchstone/hash"
)

// headerReader reads headers from a stream: raw ones, 80 bytes each with
// nothing between, or text with one in hex per line. In text, empty lines and
// lines that begin with # are skipped, and white space around a header is
// ignored. Its memory does not depend on the length of the stream.
type headerReader struct {
	r    *bufio.Reader
	text bool
	line int64 // of text, counted from 1
	read int64 // headers so far
}

// maxHeaderLine bounds a line of text, comments included.
const maxHeaderLine = 4 << 10

// newHeaderReader looks at the beginning of r to tell raw headers from text;
// raw says that it is raw, whatever it looks like.
func newHeaderReader(r io.Reader, raw bool) (*headerReader, error) {
	h := &headerReader{r: bufio.NewReaderSize(r, 64<<10)}
	// One header is enough to tell, and a pipe may have no more for now.
	begin, err := h.r.Peek(hash.HeaderSize)
	switch {
	case err != nil && err != io.EOF:
		return nil, cause(err)
	case len(begin) == 0:
		return nil, fmt.Errorf("%w: no header to check", errEmpty)
	}
	h.text = !raw && looksLikeText(begin)
	if h.text && bytes.HasPrefix(begin, byteOrderMark) {
		h.r.Discard(len(byteOrderMark))
	}
	return h, nil
}

// Read fills dst with the next headers and returns how many; with the last ones
// or after them comes io.EOF, or the error that ended the stream.
func (h *headerReader) Read(dst [][hash.HeaderSize]byte) (n int, err error) {
	for n < len(dst) {
		if h.text {
			err = h.readLine(&dst[n])
		} else {
			err = h.readRaw(&dst[n])
		}
		if err != nil {
			return n, err
		}
		n++
		h.read++
	}
	return n, nil
}

func (h *headerReader) readRaw(dst *[hash.HeaderSize]byte) error {
	n, err := io.ReadFull(h.r, dst[:])
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return withHint(fmt.Errorf("truncated: %s after %s; a header has %d", count(int64(n), "byte"), count(h.read, "whole header"), hash.HeaderSize),
			"raw headers stand one after another, %d bytes each, with nothing before, between or after", hash.HeaderSize)
	case err != nil && err != io.EOF:
		return cause(err)
	}
	return err
}

func (h *headerReader) readLine(dst *[hash.HeaderSize]byte) error {
	for {
		line, err := h.r.ReadSlice('\n')
		h.line++
		switch {
		case err == bufio.ErrBufferFull || len(line) > maxHeaderLine:
			return fmt.Errorf("line %d is longer than %d bytes; a header has %d hex digits", h.line, maxHeaderLine, 2*hash.HeaderSize)
		case err == io.EOF && len(line) == 0:
			if h.read == 0 {
				return fmt.Errorf("no header in %s", count(h.line-1, "line"))
			}
			return io.EOF
		case err != nil && err != io.EOF:
			return cause(err)
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if err := parseHeaderHex(dst, line); err != nil {
			return fmt.Errorf("line %d: %w", h.line, err)
		}
		return nil
	}
}

// parseHeaderHex reads a header of 160 hex digits.
func parseHeaderHex(dst *[hash.HeaderSize]byte, text []byte) error {
	if at := notHex(text); at >= 0 {
		return fmt.Errorf("not a header in hex: %q at character %d", text[at], at+1)
	}
	if len(text) != 2*hash.HeaderSize {
		return fmt.Errorf("%d hex digits; a header has %d", len(text), 2*hash.HeaderSize)
	}
	_, err := hex.Decode(dst[:], text)
	return err
}
