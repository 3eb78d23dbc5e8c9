package testvectors

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
)

//go:embed block block-invalid headers nonce bits difficulty retarget template share
var files embed.FS

// vectors parses all vectors once; the map's key is the folder.
var vectors = sync.OnceValue(func() map[string][]Vector {
	m := make(map[string][]Vector)
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".txt" {
			return err
		}
		text, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		v, err := Parse(strings.TrimSuffix(name, ".txt"), text)
		if err != nil {
			return err
		}
		m[path.Dir(name)] = append(m[path.Dir(name)], v)
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("testvectors: %v", err))
	}
	return m
})

// All returns every vector of every kind as parsed lines, ordered by name.
func All() []Vector {
	var all []Vector
	for _, dir := range []string{
		"bits", "block", "block-invalid", "difficulty", "headers", "nonce", "retarget", "share", "template",
	} {
		for _, v := range vectors()[dir] {
			all = append(all, v.clone())
		}
	}
	return all
}

// decodeAll turns the vectors of one folder into values, in the order of names.
func decodeAll[T any](dir string, decode func(*decoder) T) []T {
	var all []T
	for _, v := range vectors()[dir] {
		d := &decoder{v: v, used: make(map[string]bool)}
		t := decode(d)
		if err := d.finish(); err != nil {
			panic(fmt.Sprintf("testvectors: %s: %v", v.Name, err))
		}
		all = append(all, t)
	}
	return all
}
