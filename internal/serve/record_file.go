package serve

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// diskFile is a file as the recorder uses it.
type diskFile interface {
	Write(b []byte) (int, error)
	Truncate(size int64) error
	Seek(offset int64, whence int) (int64, error)
	Sync() error
	Close() error
}

// createFile creates a file that must not exist.
func createFile(path string) (diskFile, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
}

// recordFile is one file of a recording. The writer uses it, and the syncer where it says so.
type recordFile struct {
	path     string
	begun    time.Time
	size     int64 // good bytes
	restated int64 // of them
	tracks   int   // connections whose lines it takes
	buf      []byte
	touched  []*Track // with lines in buf
	broken   bool     // there may be more in the file than good bytes
	spoilt   bool     // and nobody knows which bytes are good
	disk     diskFile

	dirty   atomic.Bool // has bytes that were not synced
	retired atomic.Bool // nothing is written any more
}

// recordName returns the name of a file that begins at that time. Names sort by time.
func recordName(now time.Time, number int) string {
	return fmt.Sprintf("touchstone-%s-%04d.jsonl", now.UTC().Format("20060102T150405.000Z"), number)
}

// newFile creates the next file of the recording.
func (w *recordWriter) newFile(now time.Time) (*recordFile, error) {
	var err error
	for range 100 {
		w.number++
		path := filepath.Join(w.config.Dir, recordName(now, w.number))
		var disk diskFile
		if disk, err = w.create(path); err == nil {
			return &recordFile{path: path, begun: now, disk: disk}, nil
		}
		if errors.Is(err, fs.ErrNotExist) { // someone removed the folder
			if e := os.MkdirAll(w.config.Dir, 0o750); e != nil {
				return nil, e
			}
			continue
		}
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return nil, err
}

// write writes what was gathered.
func (f *recordFile) write() error {
	if len(f.buf) == 0 {
		return nil
	}
	n, err := f.disk.Write(f.buf)
	if err == nil && n < len(f.buf) {
		err = errors.New("short write")
	}
	if err != nil {
		f.broken = true
		return err
	}
	f.size += int64(n)
	f.dirty.Store(true)
	return nil
}

// mend cuts off half a line that a failed write left.
func (f *recordFile) mend() error {
	if !f.broken {
		return nil
	}
	if f.spoilt {
		return errors.New("it could not be synced")
	}
	if err := f.disk.Truncate(f.size); err != nil {
		return err
	}
	if _, err := f.disk.Seek(f.size, io.SeekStart); err != nil {
		return err
	}
	f.broken = false
	return nil
}

// sync makes what was written survive a crash of the machine.
func (f *recordFile) sync() error {
	if !f.dirty.Swap(false) {
		return nil
	}
	return f.disk.Sync()
}
