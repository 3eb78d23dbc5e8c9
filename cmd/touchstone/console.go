package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// statusInterval is the least time between two drawings of the status line: a
// quarter of a second can be read, and costs nothing.
const statusInterval = 250 * time.Millisecond

// console writes a command's words: results to standard output, logs to
// standard error, and one status line, redrawn in place, if standard error is
// a terminal. Results and logs never mix with the status line. It is safe to
// share.
type console struct {
	mu     sync.Mutex
	out    *bufio.Writer
	err    io.Writer
	width  func() int // columns of the terminal on standard error; 0: not a terminal
	flush  bool       // a person watches standard output
	status bool       // a status line stands on the screen
	drawn  time.Time
}

func newConsole(out, err *os.File) *console {
	c := &console{
		out:   bufio.NewWriterSize(out, 64<<10),
		err:   err,
		flush: term.IsTerminal(int(out.Fd())),
		width: func() int { return 0 },
	}
	if term.IsTerminal(int(err.Fd())) {
		c.width = func() int {
			columns, _, err := term.GetSize(int(os.Stderr.Fd()))
			if err != nil || columns <= 0 {
				return 80
			}
			return columns
		}
	}
	return c
}

// Print writes a line of results. It is buffered unless a person is watching;
// see Flush.
func (c *console) Print(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
	fmt.Fprintf(c.out, format+"\n", args...)
	if c.flush {
		c.out.Flush()
	}
}

// Write writes results as they are; line must end in a line feed.
func (c *console) Write(line []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
	n, err := c.out.Write(line)
	if c.flush {
		c.out.Flush()
	}
	return n, err
}

// Flush hands buffered results on.
func (c *console) Flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Flush()
}

// Log writes a line to standard error, after the results printed before it.
func (c *console) Log(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
	c.out.Flush()
	fmt.Fprintf(c.err, format+"\n", args...)
}

// Terminal reports whether Status shows anything.
func (c *console) Terminal() bool { return c.width() > 0 }

// Status replaces the status line, if there is a terminal to show it and the
// last one stood long enough. Text is called only then; it gets the columns
// there are and must use no more than that, in single-width characters.
func (c *console) Status(now time.Time, text func(columns int) string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	columns := c.width()
	if columns == 0 || c.status && now.Sub(c.drawn) < statusInterval {
		return
	}
	// The last column stays free: writing there makes some terminals wrap.
	line := text(columns - 1)
	if len(line) > columns-1 {
		line = line[:columns-1]
	}
	fmt.Fprintf(c.err, "\r\x1b[K%s", line)
	c.status, c.drawn = true, now
}

// ClearStatus takes the status line off the screen.
func (c *console) ClearStatus() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
}

// erase takes the status line off the screen; the caller holds mu.
func (c *console) erase() {
	if c.status {
		io.WriteString(c.err, "\r\x1b[K")
		c.status = false
	}
}

// Close takes the status line off the screen, flushes the results and returns
// the first error of writing any of them.
func (c *console) Close() error {
	c.ClearStatus()
	return c.Flush()
}
