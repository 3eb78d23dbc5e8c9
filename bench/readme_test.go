package bench

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/hash"
)

var update = flag.Bool("update", false, "write the tables of hash/README.md anew")

// The tables of hash/README.md are written from what was recorded in hash/results by bench --json, and from the operations
// that the generators counted, never by hand.
func TestReadmeTables(t *testing.T) {
	const name = "../hash/README.md"
	old, err := os.ReadFile(name)
	require.NoError(t, err)
	files, err := filepath.Glob("../hash/results/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files, "hash/results has the output of touchstone bench --json")
	var figures strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		r, err := ParseResults(text)
		require.NoError(t, err, f)
		figures.WriteString(figuresOf(r, filepath.Base(f)))
	}
	now, err := replaceSection(string(old), "figures", figures.String())
	require.NoError(t, err)
	if ops := operationsTable(); ops != "" {
		now, err = replaceSection(now, "operations", ops)
		require.NoError(t, err)
	} else {
		t.Log("this build has no operation counts to compare with")
	}
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(now), 0o644))
		return
	}
	require.Equal(t, string(old), now, "cure: go generate ./bench")
}

// replaceSection puts text between the lines that begin and end a section of a document in Markdown.
func replaceSection(document, section, text string) (string, error) {
	begin, end := fmt.Sprintf("<!-- %s: written by go generate ./bench -->\n", section), fmt.Sprintf("<!-- end of %s -->\n", section)
	before, rest, ok := strings.Cut(document, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return "", fmt.Errorf("it lacks the lines\n%s%s", begin, end)
	}
	return before + begin + "\n" + text + end + after, nil
}

// markdown is a table under construction.
type markdown struct{ strings.Builder }

func (m *markdown) row(cells ...string) { fmt.Fprintf(m, "| %s |\n", strings.Join(cells, " | ")) }

func (m *markdown) head(cells ...string) {
	m.row(cells...)
	rule := slices.Repeat([]string{"---:"}, len(cells))
	rule[0] = "---"
	m.row(rule...)
}

// figuresOf writes the tables of one run.
func figuresOf(r *Results, file string) string {
	s := &r.Summary
	var m markdown
	revision := ""
	if s.Revision != "" {
		revision = fmt.Sprintf(", revision %.12s", s.Revision)
	}
	fmt.Fprintf(&m, "**%s**\n\n", s.Machine.String())
	fmt.Fprintf(&m, "`touchstone bench --json`, recorded in [results/%s](results/%s): %.0f s, touchstone %s%s. ", file, file, s.Seconds, s.Touchstone, revision)
	m.WriteString("Millions of hashes a second, medians; in brackets the fraction of this machine's bound.\n\n")

	byKey := map[Key]*Measurement{}
	var kernels, others []string
	for i := range r.Measurements {
		x := &r.Measurements[i]
		byKey[x.Key()] = x
		switch {
		case x.Threads > 1:
		case x.IsBaseline():
			if !slices.Contains(others, x.Kernel) {
				others = append(others, x.Kernel)
			}
		case !slices.Contains(kernels, x.Kernel):
			kernels = append(kernels, x.Kernel)
		}
	}
	cell := func(k Key) string {
		x := byKey[k]
		if x == nil {
			return ""
		}
		text := fmt.Sprintf("%.2f", x.Median)
		if x.BoundFraction != nil {
			text += fmt.Sprintf(" (%.3f)", *x.BoundFraction)
		}
		return text
	}
	m.head("one thread", "1 midstate", "2", "4", "8", "16", "× crypto/sha256", "headers", "pairs")
	for _, k := range append(kernels, others...) {
		cells := []string{k}
		best := (*Measurement)(nil)
		for _, n := range searched {
			key := Key{Scan, k, n, 1}
			cells = append(cells, cell(key))
			if x := byKey[key]; x != nil && (best == nil || x.Median > best.Median) {
				best = x
			}
		}
		ratio := ""
		if best != nil && best.RatioStdlib != nil {
			ratio = fmt.Sprintf("%.2f", *best.RatioStdlib)
		}
		m.row(append(cells, ratio, cell(Key{Headers, k, 0, 1}), cell(Key{Pairs, k, 0, 1}))...)
	}
	m.WriteString("\n")
	for _, x := range r.Measurements {
		if x.Threads > 1 {
			fmt.Fprintf(&m, "%d threads of %s with %d midstates: %.2f, which is %.3f × %d × one thread.\n\n",
				x.Threads, x.Kernel, x.Midstates, x.Median, *x.Scaling, x.Threads)
		}
	}
	return m.String()
}

// operationsTable writes how many operations a hash takes, "" if none are counted in this build.
func operationsTable() string {
	var m markdown
	m.head("operations of a hash", "bits", "vector", "of these shifts and rotations", "SHA256RNDS2")
	counted := false
	row := func(what string, ops hash.Operations, ok bool) {
		if !ok {
			return
		}
		counted = true
		per := func(n int) string { return fmt.Sprintf("%.1f", float64(n)/float64(ops.Hashes)) }
		m.row(what, fmt.Sprint(ops.Width), per(ops.Vector), per(ops.Shifts), per(ops.Rounds))
	}
	for _, k := range []hash.Kernel{hash.SHANI, hash.AVX2, hash.AVX512, hash.AVX512x2} {
		for _, n := range searched {
			ops, ok := hash.ScanOperations(k, n)
			row(fmt.Sprintf("scan, %v, midstates: %d", k, n), ops, ok)
		}
		ops, ok := hash.HeaderOperations(k)
		row(fmt.Sprintf("headers, %v", k), ops, ok)
		ops, ok = hash.PairOperations(k)
		row(fmt.Sprintf("pairs, %v", k), ops, ok)
	}
	if !counted {
		return ""
	}
	return m.String() + "\n"
}

func TestReplaceSection(t *testing.T) {
	document := "a\n<!-- figures: written by go generate ./bench -->\nold\n<!-- end of figures -->\nz\n"
	now, err := replaceSection(document, "figures", "new\n")
	require.NoError(t, err)
	require.Equal(t, strings.Replace(document, "old", "\nnew", 1), now)
	again, err := replaceSection(now, "figures", "new\n")
	require.NoError(t, err)
	require.Equal(t, now, again)
	_, err = replaceSection(document, "operations", "")
	require.ErrorContains(t, err, "<!-- end of operations -->")
}

func TestFiguresOf(t *testing.T) {
	r, err := ParseResults([]byte(lineScan + lineStdlib + strings.NewReplacer(`"threads":1`, `"threads":2`, `"scaling":null`, `"scaling":0.98`).Replace(lineScan) + lineSummary))
	require.NoError(t, err)
	require.Equal(t, `**AMD EPYC (AuthenticAMD, family 26, model 2), 2 logical cores, linux/amd64, go1.26.8**

`+"`touchstone bench --json`"+`, recorded in [results/a.json](results/a.json): 60 s, touchstone (devel). Millions of hashes a second, medians; in brackets the fraction of this machine's bound.

| one thread | 1 midstate | 2 | 4 | 8 | 16 | × crypto/sha256 | headers | pairs |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| avx512 |  |  |  |  | 20.00 (0.940) | 3.50 |  |  |
| crypto/sha256 | 6.00 |  |  |  |  | 1.00 |  |  |

2 threads of avx512 with 16 midstates: 20.00, which is 0.980 × 2 × one thread.

`, figuresOf(r, "a.json"))
}
