package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// newFile is a file that replaces one of the same name when it is whole. What
// is no file, such as /dev/null or a pipe, is not replaced: it gets the bytes.
type newFile struct {
	*os.File
	name  string
	plain bool // renamed at the end
}

func createFile(name string) (*newFile, error) {
	n := &newFile{name: name, plain: true}
	var err error
	switch info, e := os.Stat(name); {
	case e == nil && info.IsDir():
		return nil, withHint(fmt.Errorf("%s is a directory", display(name)), "name a file in it")
	case e == nil && !info.Mode().IsRegular():
		n.plain = false
		n.File, err = os.OpenFile(name, os.O_WRONLY, 0)
	default:
		n.File, err = os.CreateTemp(filepath.Dir(name), ".touchstone-*")
	}
	if err != nil {
		return nil, withHint(fmt.Errorf("%s: %w", display(name), cause(err)), "name a file in a folder that you may write to")
	}
	return n, nil
}

// finish gives the file its name; failed says that what should be in it is not,
// and it is left out. An error is the first, failed or what came after.
func (n *newFile) finish(failed error) error {
	err := failed
	if n.plain {
		for _, step := range []func() error{
			func() error { return n.Chmod(0o644) }, // CreateTemp's would let nobody else see it
			n.Sync,
		} {
			if err == nil {
				err = step()
			}
		}
	}
	if cerr := n.Close(); err == nil {
		err = cerr
	}
	if n.plain && err == nil {
		err = os.Rename(n.Name(), n.name)
	}
	if n.plain && err != nil {
		os.Remove(n.Name())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", display(n.name), cause(err))
	}
	return nil
}

// writeFile writes a file that replaces one of the same name when it is whole.
func writeFile(name string, write func(w io.Writer) error) error {
	f, err := createFile(name)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(f)
	if err = write(b); err == nil {
		err = b.Flush()
	}
	return f.finish(err)
}
