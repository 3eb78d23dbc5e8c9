package audit

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// leaf is a place in a JSON document: set changes what stands there.
type leaf struct {
	path string
	old  any
	set  func(any)
}

// leaves returns all places of a document that hold no others.
func leaves(path string, v any, set func(any), to []leaf) []leaf {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			to = leaves(path+"."+name, v[name], func(n any) { v[name] = n }, to)
		}
	case []any:
		for i, sub := range v {
			to = leaves(path, sub, func(n any) { v[i] = n }, to)
		}
		to = append(to, leaf{path + "[]", v, set})
	default:
		to = append(to, leaf{path, v, set})
	}
	return to
}

// strange returns something that should not stand where old does.
func strange(r *rand.Rand, old any) any {
	switch old := old.(type) {
	case float64:
		return []any{0., -1., 1., 2., 1e-300, 1e15, 1e18, 9223372036854775807., -9223372036854775808., 1.8e19, 1e300, -1e300, 1.7e308,
			old * 2, -old, old + 1, old * 1e6, 0.5}[r.IntN(18)]
	case string:
		return []any{"", "0001-01-01T00:00:00Z", "2199-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "x", "AAAA", "/////w8="}[r.IntN(7)]
	case bool:
		return !old
	case []any:
		switch r.IntN(4) {
		case 0:
			return []any{}
		case 1:
			return nil
		case 2:
			return append(append([]any{}, old...), old...)
		}
		return old[:r.IntN(len(old)+1)]
	}
	return 1.
}

// mutated reads a state of which some numbers were changed. What is taken has to work: no panic, no number that is none.
func mutated(t testing.TB, text []byte, seed uint64) (taken bool) {
	r := rand.New(rand.NewPCG(seed, 3))
	var doc any
	require.NoError(t, json.Unmarshal(text, &doc))
	all := leaves("", doc, nil, nil)
	// Of the many moments of the history and the like, one is as good as another: choose a path first.
	paths := map[string][]leaf{}
	var names []string
	for _, l := range all {
		if paths[l.path] == nil {
			names = append(names, l.path)
		}
		paths[l.path] = append(paths[l.path], l)
	}
	var changed []string
	for range 1 + r.IntN(2) {
		path := paths[names[r.IntN(len(names))]]
		l := path[r.IntN(len(path))]
		if l.set != nil {
			l.set(strange(r, l.old))
			changed = append(changed, l.path)
		}
	}
	text, err := json.Marshal(doc)
	require.NoError(t, err)
	var d Device
	if d.UnmarshalJSON(text) != nil {
		return false
	}
	defer func() {
		if p := recover(); p != nil {
			t.Fatalf("after %v: panic: %v", changed, p)
		}
		if t.Failed() {
			t.Logf("after %v", changed)
		}
	}()
	report := d.Report()
	requireUsable(t, &report)
	now := d.Now
	for range 150 {
		now = randomEvent(&d, r, now, true)
	}
	report = d.Report()
	requireUsable(t, &report)
	again, err := d.MarshalJSON()
	require.NoError(t, err, "after %v", changed)
	require.NoError(t, (&Device{}).UnmarshalJSON(again), "after %v", changed)
	return true
}

// mutants returns states to change.
func mutants(t testing.TB) [][]byte {
	var texts [][]byte
	for seed := range uint64(2) {
		d := NewDevice("m", testPlan(t, nil))
		r := rand.New(rand.NewPCG(seed, 9))
		now := testStart
		for range 3000 {
			now = randomEvent(d, r, now, seed == 1)
		}
		text, err := d.MarshalJSON()
		require.NoError(t, err)
		texts = append(texts, text)
	}
	return texts
}

func TestDeviceJSONMutated(t *testing.T) {
	texts := mutants(t)
	taken := 0
	for seed := range uint64(100) {
		if mutated(t, texts[seed%2], seed) {
			taken++
		}
	}
	require.NotZero(t, taken)
}

func FuzzDeviceJSONMutated(f *testing.F) {
	texts := mutants(f)
	for seed := range uint64(10) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { mutated(t, texts[seed%2], seed) })
}
