package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// writeFile writes a file that replaces one of the same name when it is whole.
func writeFile(name string, write func(w io.Writer) error) error {
	fail := func(err error) error { return fmt.Errorf("%s: %w", display(name), cause(err)) }
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return withHint(fmt.Errorf("%s is a directory", display(name)), "name a file in it")
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".touchstone-*")
	if err != nil {
		return withHint(fail(err), "name a file in a folder that you may write to")
	}
	b := bufio.NewWriter(f)
	err = write(b)
	for _, step := range []func() error{
		b.Flush,
		func() error { return f.Chmod(0o644) }, // CreateTemp's would let nobody else see it
		f.Sync,
	} {
		if err == nil {
			err = step()
		}
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
		return fail(err)
	}
	return nil
}
