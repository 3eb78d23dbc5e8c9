package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/touchstone-btc/touchstone/bench"
	"github.com/touchstone-btc/touchstone/bench/plot"
)

// picture is a file to be drawn. Until it is, it has another name, so that a file of the same name stays whole if nothing
// comes of this one.
type picture struct {
	name   string // "": none is wanted
	format string
	file   *os.File // nil once it is named or removed
}

// newPicture makes sure that a picture of that name can be written.
func newPicture(cmd *cobra.Command, name string) (*picture, error) {
	p := &picture{name: name}
	if name == "" {
		return p, nil
	}
	p.format = strings.TrimPrefix(strings.ToLower(filepath.Ext(name)), ".")
	if !plot.Draws(p.format) {
		return nil, usageError(cmd, "--plot: %s ends in neither .svg nor .png", shorten(name))
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return nil, fmt.Errorf("--plot: %s is a directory", name)
	}
	var err error
	if p.file, err = os.CreateTemp(filepath.Dir(name), ".touchstone-*"); err != nil {
		return nil, withHint(fmt.Errorf("--plot: %s: %w", name, cause(err)), "name a file in a folder that you may write to")
	}
	return p, nil
}

// draw draws the results and gives the file its name.
func (p *picture) draw(r *bench.Results) error {
	if p.name == "" {
		return nil
	}
	err := plot.Draw(p.file, p.format, r)
	if err == nil {
		err = p.file.Chmod(0o644) // CreateTemp's would let nobody else see it
	}
	if cerr := p.file.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(p.file.Name(), p.name)
	}
	if err != nil {
		return fmt.Errorf("--plot: %s: %w", p.name, cause(err))
	}
	p.file = nil
	return nil
}

// discard removes what was not drawn.
func (p *picture) discard() {
	if p.file != nil {
		p.file.Close()
		os.Remove(p.file.Name())
		p.file = nil
	}
}
