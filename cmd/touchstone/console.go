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
// standard error, and a status line or a block of lines, redrawn in place, if
// standard error is a terminal. Results and logs never mix with these. It is
// safe to share.
type console struct {
	mu     sync.Mutex
	out    *bufio.Writer
	err    io.Writer
	width  func() int // columns of the terminal on standard error; 0: not a terminal
	height func() int // its rows; nil: 24
	flush  bool       // a person watches standard output
	status bool       // a status line stands on the screen
	drawn  time.Time
	block  block
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
		c.height = func() int {
			_, rows, err := term.GetSize(int(os.Stderr.Fd()))
			if err != nil || rows <= 0 {
				return 24
			}
			return rows
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
	defer c.redraw()
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
	defer c.redraw()
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
	defer c.redraw()
	c.out.Flush()
	fmt.Fprintf(c.err, format+"\n", args...)
}

// Columns returns how wide results may be, 0 if nobody knows: they go to no
// terminal.
func (c *console) Columns() int {
	if !c.flush {
		return 0
	}
	return c.width()
}

// Colored reports whether results may have colours.
func (c *console) Colored() bool { return c.flush && colorWanted() }

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

// Block replaces the lines at the bottom of the terminal, if there is one, by
// those that text returns: at most so many rows, each of at most so many
// columns as displayed. They stay there, below what is logged, until
// ClearStatus. Text is called only where they are shown.
func (c *console) Block(text func(columns, rows int) []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	columns, rows := c.width(), 24
	if columns == 0 {
		return
	}
	if c.height != nil {
		rows = c.height()
	}
	// The last column stays free: writing there makes some terminals wrap. The
	// first rows do for what was logged last.
	room := max(rows-blockFree, 1)
	lines := text(columns-1, room)
	lines = lines[:min(len(lines), room)]
	b := c.block.replace(lines, columns)
	if c.status {
		b = append([]byte("\r\x1b[K"), b...)
		c.status = false
	}
	c.err.Write(b)
}

// ClearStatus takes the status line or the block off the screen.
func (c *console) ClearStatus() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
	c.block = block{}
}

// erase takes the status line and the block off the screen; the caller holds mu.
func (c *console) erase() {
	if c.status {
		io.WriteString(c.err, "\r\x1b[K")
		c.status = false
	}
	if b := c.block.erase(c.width()); len(b) > 0 {
		c.err.Write(b)
	}
}

// redraw puts the block on the screen again, after something was written
// above it; the caller holds mu.
func (c *console) redraw() {
	if b := c.block.draw(c.width()); len(b) > 0 {
		c.err.Write(b)
	}
}

// Close takes the status line and the block off the screen, flushes the results and returns
// the first error of writing any of them.
func (c *console) Close() error {
	c.ClearStatus()
	return c.Flush()
}
