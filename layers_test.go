package touchstone_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// layers lists this module's packages, lowest first. A package may import only
// packages on lines above its own; packages of one line don't know each other.
// A folder below a listed one has its rank and may import the folders it lies
// in. It is a statement of policy: do not relax it to make a build pass.
const layers = `
testvectors
hash
work
work/mine work/share
work/node stratum
audit/telemetry bench
audit
audit/report
internal/serve
cmd
`

// TestLayers holds the module's own sources against the policy.
func TestLayers(t *testing.T) {
	problems, err := checkLayers(os.DirFS("."), layers)
	require.NoError(t, err)
	for _, p := range problems {
		t.Error(p)
	}
}

// ranking maps a listed package to its line. Only these folders have a rank of
// their own; what lies below one of them has the rank of the nearest.
type ranking map[string]int

func parseLayers(text string) (ranking, error) {
	ranks := ranking{}
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		for _, p := range strings.Fields(line) {
			if _, twice := ranks[p]; twice {
				return nil, fmt.Errorf("layers list %s twice", p)
			}
			ranks[p] = i
		}
	}
	return ranks, nil
}

// owner returns the listed package that dir is or lies in. "internal" is never
// listed itself, so that each internal/NAME needs a rank of its own.
func (r ranking) owner(dir string) (listed string, rank int, ok bool) {
	for p := dir; p != "." && p != "/"; p = path.Dir(p) {
		if rank, ok := r[p]; ok {
			return p, rank, true
		}
	}
	return "", 0, false
}

// checkLayers returns one line for each breach of the policy in the module
// rooted at fsys. It parses the imports itself rather than running go list:
// so files of every platform and build tag count, tests too, and the go
// command's test cache notices when an import changes. An error means that the
// tree could not be judged.
func checkLayers(fsys fs.FS, text string) (problems []string, err error) {
	ranks, err := parseLayers(text)
	if err != nil {
		return nil, err
	}
	module, err := modulePath(fsys)
	if err != nil {
		return nil, err
	}
	unlisted := map[string]bool{}
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipDir(fsys, name)
		}
		if path.Ext(name) != ".go" || strings.ContainsAny(path.Base(name)[:1], "._") {
			return nil
		}
		dir := path.Dir(name)
		from, fromRank, listed := ranks.owner(dir)
		if !listed && dir != "." && !unlisted[dir] {
			unlisted[dir] = true
			problems = append(problems, fmt.Sprintf("%s holds Go code but has no rank: list it in layers", dir))
		}
		src, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return fmt.Errorf("%s: import %s: %w", name, spec.Path.Value, err)
			}
			dest, ours := strings.CutPrefix(imp+"/", module+"/")
			if !ours {
				continue
			}
			dest = path.Clean(dest)
			if dest == dir {
				continue // an external test and the package it tests
			}
			to, toRank, ok := ranks.owner(dest)
			switch {
			case !ok:
				problems = append(problems, fmt.Sprintf("%s imports %s, which has no rank: list it in layers", name, imp))
			case !listed:
				problems = append(problems, fmt.Sprintf("%s imports %s: a folder without rank may import nothing of ours", name, imp))
			case from == to && !strings.HasPrefix(dir, dest+"/"):
				problems = append(problems, fmt.Sprintf("%s must not import %s: inside %s only a folder above may be imported", name, imp, from))
			case from != to && toRank == fromRank:
				problems = append(problems, fmt.Sprintf("%s must not import %s: %s and %s are of one rank", name, imp, from, to))
			case toRank > fromRank:
				problems = append(problems, fmt.Sprintf("%s must not import %s: %s is below %s", name, imp, from, to))
			}
		}
		return nil
	})
	return problems, err
}

// skipDir leaves out what the go command leaves out of ./... too.
func skipDir(fsys fs.FS, name string) error {
	if name == "." {
		return nil
	}
	base := path.Base(name)
	if base == "testdata" || base == "vendor" || strings.ContainsAny(base[:1], "._") {
		return fs.SkipDir
	}
	if _, err := fs.Stat(fsys, name+"/go.mod"); err == nil {
		return fs.SkipDir
	}
	return nil
}

// modulePath reads the module's name from go.mod: with a constant, renaming the
// module would make every import look foreign and the test pass.
func modulePath(fsys fs.FS) (string, error) {
	text, err := fs.ReadFile(fsys, "go.mod")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "module" {
			return strings.Trim(f[1], `"`), nil
		}
	}
	return "", fmt.Errorf("go.mod names no module")
}

// TestCheckLayers feeds the check one small tree for each way to break the
// policy, and for each thing that only looks like a breach.
func TestCheckLayers(t *testing.T) {
	const policy = "low\nlow/deep\nleft right\ninternal/serve\ncmd\n"
	imports := func(paths ...string) string {
		text := "package p\n"
		for _, p := range paths {
			text += "import _ " + strconv.Quote(p) + "\n"
		}
		return text
	}
	tests := []struct {
		name  string
		files map[string]string
		want  []string // a part of each problem, in the order of the walk
	}{
		{"downwards", map[string]string{
			"low/a.go":              imports("fmt"),
			"low/deep/a.go":         imports("m.example/x/low"),
			"left/a.go":             imports("m.example/x/low", "m.example/x/low/deep"),
			"internal/serve/a.go":   imports("m.example/x/left", "m.example/x/right"),
			"cmd/tool/main.go":      imports("m.example/x/internal/serve", "m.example/x/low"),
			"cmd/tool/main_test.go": imports("m.example/x/cmd/tool"),
		}, nil},
		{"upwards", map[string]string{
			"low/a.go": imports("m.example/x/left"),
		}, []string{"low/a.go must not import m.example/x/left: low is below left"}},
		{"upwards into a folder below a listed one", map[string]string{
			"low/a.go": imports("m.example/x/left/inner/most"),
		}, []string{"low is below left"}},
		{"sideways", map[string]string{
			"left/a.go":  imports("m.example/x/right"),
			"right/a.go": imports("m.example/x/left/inner"),
		}, []string{"left and right are of one rank", "right and left are of one rank"}},
		{"listed child imported by its parent", map[string]string{
			"low/a.go": imports("m.example/x/low/deep"),
		}, []string{"low is below low/deep"}},
		{"child imports its parents", map[string]string{
			"left/inner/a.go":      imports("m.example/x/left"),
			"left/inner/most/a.go": imports("m.example/x/left", "m.example/x/left/inner"),
		}, nil},
		{"parent imports its child", map[string]string{
			"left/a.go": imports("m.example/x/left/inner"),
		}, []string{"inside left only a folder above may be imported"}},
		{"children of one parent", map[string]string{
			"left/one/a.go":      imports("m.example/x/left/oneself"),
			"left/oneself/a.go":  imports("m.example/x/left/one"),
			"cmd/tool/main.go":   imports("m.example/x/cmd/other"),
			"cmd/other/other.go": imports("fmt"),
		}, []string{"inside cmd", "inside left", "inside left"}},
		{"child keeps its parent's rank", map[string]string{
			"left/inner/a.go": imports("m.example/x/right"),
		}, []string{"left and right are of one rank"}},
		{"test file", map[string]string{
			"low/a_test.go": imports("testing", "m.example/x/left"),
		}, []string{"low/a_test.go must not import"}},
		{"external test of its own package, and of others' modules", map[string]string{
			"low/a_test.go": imports("m.example/x/low", "github.com/btcsuite/btcd/wire/v2"),
		}, nil},
		{"file of another platform or tag", map[string]string{
			"low/a_plan9.go": imports("m.example/x/left"),
			"low/b.go":       "//go:build ignore\n\n" + imports("m.example/x/cmd/tool"),
		}, []string{"low/a_plan9.go", "low/b.go"}},
		{"import under another name, in a block", map[string]string{
			"low/a.go": "package p\nimport (\n\t\"fmt\"\n\tother `m.example/x/left`\n)\n",
		}, []string{"low is below left"}},
		{"unlisted folder without imports", map[string]string{
			"stray/a.go": imports(),
			"stray/b.go": imports(),
		}, []string{"stray holds Go code but has no rank"}},
		{"unlisted folder that imports", map[string]string{
			"stray/a.go": imports("m.example/x/low"),
		}, []string{"stray holds Go code", "stray/a.go imports m.example/x/low: a folder without rank"}},
		{"unlisted folder imported", map[string]string{
			"left/a.go": imports("m.example/x/stray"),
		}, []string{"m.example/x/stray, which has no rank"}},
		{"each internal folder by itself", map[string]string{
			"internal/other/a.go": imports(),
			"internal/a.go":       imports(),
		}, []string{"internal holds Go code", "internal/other holds Go code"}},
		{"root package", map[string]string{
			"a_test.go": imports("testing"),
		}, nil},
		{"root package imports ours", map[string]string{
			"a_test.go": imports("m.example/x/low"),
		}, []string{"a_test.go imports m.example/x/low: a folder without rank"}},
		{"root package imported", map[string]string{
			"left/a.go": imports("m.example/x"),
		}, []string{"m.example/x, which has no rank"}},
		{"folder with its own module", map[string]string{
			"low/tool/go.mod":        "module m.example/x/low/tool\n",
			"low/tool/main.go":       imports("m.example/x/left"),
			"tools/go.mod":           "module m.example/x/tools\n",
			"tools/tools.go":         imports("m.example/x/cmd/tool"),
			"tools/deeper/deeper.go": imports("m.example/x/cmd/tool"),
		}, nil},
		{"module of its own, imported", map[string]string{
			"tools/go.mod":     "module m.example/x/tools\n",
			"cmd/tool/main.go": imports("m.example/x/tools"),
		}, []string{"m.example/x/tools, which has no rank"}},
		{"what the go command skips", map[string]string{
			"low/testdata/a.go": imports("m.example/x/left"),
			"low/_asm/a.go":     imports("m.example/x/left"),
			"low/.git/a.go":     imports("m.example/x/left"),
			"low/_a.go":         imports("m.example/x/left"),
			"low/.a.go":         imports("m.example/x/left"),
			"vendor/other/a.go": imports("m.example/x/left"),
			"low/a.txt":         imports("m.example/x/left"),
		}, nil},
		{"names that only begin alike", map[string]string{
			"low/a.go":   imports("m.example/xyz/left", "m.example/x-left"),
			"left/a.go":  imports("m.example/x/lowest"),
			"lowest/a.c": "int x;",
		}, []string{"m.example/x/lowest, which has no rank"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fsys := fstest.MapFS{"go.mod": {Data: []byte("// a comment\nmodule m.example/x\n\ngo 1.26\n")}}
			for name, text := range tt.files {
				fsys[name] = &fstest.MapFile{Data: []byte(text)}
			}
			problems, err := checkLayers(fsys, policy)
			require.NoError(t, err)
			require.Len(t, problems, len(tt.want), "%q", problems)
			for i, want := range tt.want {
				require.Contains(t, problems[i], want)
			}
		})
	}
}

// TestCheckLayersCannotJudge holds that a tree which can't be read is an error,
// never a pass.
func TestCheckLayersCannotJudge(t *testing.T) {
	goMod := &fstest.MapFile{Data: []byte("module m.example/x\n")}
	tests := []struct {
		name   string
		policy string
		fsys   fstest.MapFS
	}{
		{"no go.mod", "low", fstest.MapFS{"low/a.go": {Data: []byte("package p\n")}}},
		{"go.mod without module", "low", fstest.MapFS{"go.mod": {Data: []byte("go 1.26\n")}}},
		{"package listed twice", "low\nleft low", fstest.MapFS{"go.mod": goMod}},
		{"file that does not parse", "low", fstest.MapFS{"go.mod": goMod, "low/a.go": {Data: []byte("package p\nimport \"fmt\n")}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := checkLayers(tt.fsys, tt.policy)
			require.Error(t, err)
		})
	}
}

// TestLayersPolicy spells out the arrows that matter most, so that an edit of
// the text above can't turn one around unseen.
func TestLayersPolicy(t *testing.T) {
	ranks, err := parseLayers(layers)
	require.NoError(t, err)
	chain := []string{"testvectors", "hash", "work", "work/mine", "work/node", "audit", "internal/serve", "cmd/touchstone"}
	last := -1
	for _, dir := range chain {
		_, rank, ok := ranks.owner(dir)
		require.True(t, ok, dir)
		require.Greater(t, rank, last, dir)
		last = rank
	}
	for _, pair := range [][2]string{
		{"work/mine", "work/share"}, {"work/node/devnet", "stratum"}, {"audit/telemetry", "bench"}, {"internal/serve/load", "internal/serve"},
	} {
		_, a, okA := ranks.owner(pair[0])
		_, b, okB := ranks.owner(pair[1])
		require.True(t, okA && okB, pair)
		require.Equal(t, a, b, pair)
	}
	for _, dir := range []string{"internal", "internal/other", "tools", "."} {
		_, _, ok := ranks.owner(dir)
		require.False(t, ok, dir)
	}
}
