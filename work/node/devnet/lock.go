package devnet

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// InUseError says that another process, or another Chain of this one, has the
// data folder open.
type InUseError struct {
	Dir string
	// PID is the process that holds the folder, 0 if it could not be read.
	PID int
}

// Error names the folder and the process.
func (e *InUseError) Error() string {
	holder := "another touchstone"
	if e.PID > 0 {
		holder += fmt.Sprintf(" (pid %d)", e.PID)
	}
	return fmt.Sprintf("data folder %s is in use by %s; stop that one or choose another data folder", e.Dir, holder)
}

// folderLock keeps other processes out of a data folder. The operating system
// releases it when the process ends, however it ends.
type folderLock struct {
	lock *flock.Flock
	pid  string
}

// lockFolder takes the lock of dir or returns an InUseError.
func lockFolder(dir string) (*folderLock, error) {
	l := &folderLock{lock: flock.New(filepath.Join(dir, "lock")), pid: filepath.Join(dir, "pid")}
	ok, err := l.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("locking data folder %s: %w", dir, err)
	}
	if !ok {
		return nil, &InUseError{Dir: dir, PID: readPID(l.pid)}
	}
	// In a file of its own, because a locked file can't be read on every system.
	if err := os.WriteFile(l.pid, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		l.lock.Close()
		return nil, fmt.Errorf("writing to data folder %s: %w", dir, err)
	}
	return l, nil
}

func readPID(path string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}

// release gives the folder free. The lock file itself stays: removing it could
// take it from under a process that has just opened it.
func (l *folderLock) release() error {
	os.Remove(l.pid)
	return l.lock.Close()
}
