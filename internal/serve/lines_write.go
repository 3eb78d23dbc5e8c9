package serve

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

const (
	// maxUnsent is how many bytes may wait to be sent. A job with a block full of transactions takes some 2 KB, so this is dozens of them.
	maxUnsent = 256 << 10
	// keptUnsent is how large a buffer is kept for the next answer: most of them fit.
	keptUnsent = 128
	// closeLimit is how long Close tries to send what is queued.
	closeLimit = time.Second
	// lingerLimit and lingerBytes bound how long Close goes on reading, so that the other side gets our last words before it hears that
	// the connection is gone: a close with unread bytes would reset it.
	lingerLimit = 250 * time.Millisecond
	lingerBytes = 256 << 10
	// replyLater is how much Reply queues while there are lines to read.
	replyLater = 4 << 10
)

// Write queues whole lines to be sent, after before was called, if it is not nil, by the goroutine that sends them. b is copied. Several
// chunks may go out at once, in order, after the before of each was called in that order.
//
// It starts a goroutine that sends until nothing is queued, unless one does already.
func (l *Lines) Write(b []byte, before func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.queue(b, before) && !l.sending {
		l.sending = true
		go l.send()
	}
}

// Reply is Write for the goroutine that calls Next, or calls Flush afterwards: nothing is started, but the lines are sent by the next
// call of Next that waits, or of Flush, or with the next Write of anybody. So an answer costs one write and no goroutine, and answers
// to lines that came together leave together.
func (l *Lines) Reply(b []byte, before func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.queue(b, before) && !l.sending && l.unsent >= replyLater {
		l.sending = true
		go l.send()
	}
}

// Flush sends what is queued, unless another goroutine does. It may block for as long as the other side may take to read.
func (l *Lines) Flush() {
	l.mu.Lock()
	if l.sending || len(l.out) == 0 && len(l.before) == 0 {
		l.mu.Unlock()
		return
	}
	l.sending = true
	l.mu.Unlock()
	l.send()
}

// queue adds to what is to be sent, and returns whether there is something. l.mu is held.
func (l *Lines) queue(b []byte, before func()) bool {
	if l.closing || l.gone || len(b) == 0 && before == nil {
		return false
	}
	if l.unsent+len(b) > maxUnsent {
		l.cut(fmt.Errorf("%w: %d bytes wait to be sent", ErrNotReading, l.unsent))
		return false
	}
	l.out = append(l.out, b...)
	l.unsent += len(b)
	if before != nil {
		l.before = append(l.before, before)
	}
	return true
}

// cut ends the connection at once. l.mu is held.
func (l *Lines) cut(err error) {
	l.fail(err)
	l.gone = true
	// The kernel need not keep what the other side doesn't read.
	if c, ok := l.raw.(*net.TCPConn); ok {
		c.SetLinger(0)
	}
	l.raw.Close()
	l.out, l.before, l.unsent = nil, nil, 0
}

// send sends until nothing is queued. l.sending was set by who calls it.
func (l *Lines) send() {
	l.mu.Lock()
	for len(l.out) > 0 || len(l.before) > 0 {
		out, before := l.out, l.before
		l.out, l.before = nil, nil
		l.mu.Unlock()
		for _, f := range before {
			f()
		}
		n, err := l.write(out)
		l.mu.Lock()
		l.unsent = max(0, l.unsent-len(out))
		if l.out == nil && cap(out) <= keptUnsent {
			l.out = out[:0]
		}
		if l.before == nil && cap(before) == 1 {
			clear(before)
			l.before = before[:0]
		}
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				err = fmt.Errorf("%w: %d bytes not taken within %s", ErrNotReading, len(out)-n, l.config.Unread)
			}
			l.cut(err)
		}
	}
	l.sending = false
	if l.sent != nil {
		close(l.sent)
		l.sent = nil
	}
	l.mu.Unlock()
}

func (l *Lines) write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	l.mu.Lock()
	deadline := l.closeBy
	if deadline.IsZero() {
		deadline = after(l.config.Unread)
	}
	l.conn.SetWriteDeadline(deadline) // where this fails, writing does
	l.mu.Unlock()
	return l.conn.Write(b)
}

// Close sends what is queued, for at most a second, and closes the connection. It can be called from any goroutine, and more than once;
// all return when it is done. What is written afterwards is dropped.
func (l *Lines) Close() {
	l.mu.Lock()
	if l.closing {
		closed := l.closed
		l.mu.Unlock()
		<-closed
		return
	}
	l.closing = true
	l.closed = make(chan struct{})
	defer close(l.closed)
	l.fail(net.ErrClosed)
	l.closeBy = time.Now().Add(closeLimit)
	l.conn.SetWriteDeadline(l.closeBy)
	if l.sending {
		sent := make(chan struct{})
		l.sent = sent
		l.mu.Unlock()
		timer := time.NewTimer(closeLimit)
		defer timer.Stop()
		select {
		case <-sent:
		case <-timer.C:
		}
	} else {
		l.sending = true
		l.mu.Unlock()
		l.send()
	}
	l.linger()
	l.raw.Close()
}

// linger ends our direction and reads on for a moment, unless somebody else reads.
func (l *Lines) linger() {
	l.mu.Lock()
	wait := !l.reading && !l.gone
	l.mu.Unlock()
	c, ok := l.conn.(interface{ CloseWrite() error })
	if !wait || !ok || c.CloseWrite() != nil {
		return
	}
	l.raw.SetReadDeadline(time.Now().Add(lingerLimit))
	// In pieces, so that ten thousand that end together don't take a buffer of 32 KB each.
	var scratch [smallReadBuffer]byte
	for n := 0; n < lingerBytes; {
		m, err := l.raw.Read(scratch[:])
		if n += m; err != nil {
			return
		}
	}
}
