package serve

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// lockFile keeps two processes from sharing a folder of found blocks.
const lockFile = "lock"

// FolderInUseError says that another process has a folder open.
type FolderInUseError struct{ Folder string }

func (e *FolderInUseError) Error() string {
	return fmt.Sprintf("folder %s is in use by another touchstone", e.Folder)
}

// lockFolder makes the folder dir, for its owner only, and takes it for this
// process. The operating system gives it free when the process ends, however
// it ends.
func lockFolder(dir string) (release func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	l := flock.New(filepath.Join(dir, lockFile))
	ok, err := l.TryLock()
	switch {
	case err != nil:
		return nil, fmt.Errorf("locking folder %s: %w", dir, err)
	case !ok:
		return nil, &FolderInUseError{dir}
	}
	return l.Close, nil
}
