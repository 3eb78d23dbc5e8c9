package node

import (
	"os"
	"path/filepath"
	"runtime"
)

// A disk makes changes durable one step at a time. The journal's promises are
// about what remains when the machine stops between any two steps, so its tests
// put their own in place.
type disk interface {
	// read returns the content of a regular file of at most limit bytes.
	read(name string, limit int64) ([]byte, error)
	// write makes or replaces a file; when it returns, the content is synced,
	// but perhaps not the file's name.
	write(name string, data []byte) error
	rename(from, to string) error
	remove(name string) error
	// syncDir makes names in a folder durable.
	syncDir(dir string) error
}

type osDisk struct{}

func (osDisk) read(name string, limit int64) ([]byte, error) { return readSmall(name, limit) }

func (osDisk) write(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

func (osDisk) rename(from, to string) error { return os.Rename(from, to) }
func (osDisk) remove(name string) error     { return os.Remove(name) }

func (osDisk) syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // folders cannot be synced there; NTFS journals names itself
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// WriteFile writes a file, for its owner only, so that after a crash at any moment
// it is as it was before or holds all of data; when it returns nil, it holds data.
func WriteFile(name string, data []byte) error { return place(osDisk{}, name, data) }

// place writes a file so that name is absent or whole, whenever the machine
// stops, and durable when it returns.
func place(d disk, name string, data []byte) error {
	tmp := name + tmpSuffix
	if err := d.write(tmp, data); err != nil {
		d.remove(tmp)
		return err
	}
	if err := d.rename(tmp, name); err != nil {
		d.remove(tmp)
		return err
	}
	return d.syncDir(filepath.Dir(name))
}
