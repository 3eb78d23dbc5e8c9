//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyHangup sends to c when the process is told to read its configuration
// again.
func notifyHangup(c chan<- os.Signal) { signal.Notify(c, syscall.SIGHUP) }
