package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// An InUseError says that another process, or another user in this one, has a
// data folder.
type InUseError struct {
	Folder string
	PID    int // of the process, 0 if it could not be read
}

// Error names the folder and the process.
func (e *InUseError) Error() string {
	holder := ""
	if e.PID > 0 {
		holder = fmt.Sprintf(" (process %d)", e.PID)
	}
	return fmt.Sprintf("data folder %s is in use by another touchstone%s", e.Folder, holder)
}

// A FolderLock keeps other processes out of a data folder. The operating system
// releases it when the process ends, however it ends.
type FolderLock struct {
	lock *flock.Flock
	pid  string
}

// LockFolder makes the folder dir, for its owner only, and takes it. It returns an
// *InUseError if it is taken.
func LockFolder(dir string) (*FolderLock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	l := &FolderLock{lock: flock.New(filepath.Join(dir, "lock")), pid: filepath.Join(dir, "pid")}
	ok, err := l.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("locking data folder %s: %w", dir, err)
	}
	if !ok {
		return nil, &InUseError{Folder: dir, PID: readPID(l.pid)}
	}
	// In a file of its own, because a locked file can't be read on every system.
	if err := os.WriteFile(l.pid, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		l.lock.Close()
		return nil, fmt.Errorf("data folder: %w", err)
	}
	return l, nil
}

func readPID(path string) int {
	text, err := readSmall(path, 32)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}

// Release gives the folder free. The lock file itself stays: removing it could
// take it from under a process that has just opened it.
func (l *FolderLock) Release() error {
	os.Remove(l.pid)
	return l.lock.Close()
}
