package rogue

import (
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// forwarder is an address that leads to another, as soon as that is known.
type forwarder struct {
	listener net.Listener
	target   atomic.Pointer[string]
	running  sync.WaitGroup
}

func (f *forwarder) listen() (err error) {
	if f.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	f.running.Go(func() {
		for {
			c, err := f.listener.Accept()
			if err != nil {
				return
			}
			f.running.Go(func() { f.carry(c) })
		}
	})
	return nil
}

func (f *forwarder) address() string   { return f.listener.Addr().String() }
func (f *forwarder) to(address string) { f.target.Store(&address) }

func (f *forwarder) close() {
	f.listener.Close()
	f.running.Wait()
}

func (f *forwarder) carry(c net.Conn) {
	defer c.Close()
	to := f.target.Load()
	if to == nil {
		return
	}
	d, err := net.Dial("tcp", *to)
	if err != nil {
		return
	}
	defer d.Close()
	go func() { _, _ = io.Copy(d, c) }() // ends with c
	_, _ = io.Copy(c, d)
}

func readAll(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}
