package share

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
)

// powerTarget returns the target 2^bits-1 + add.
func powerTarget(t testing.TB, bits uint, add int64) work.Target {
	v := new(big.Int).Lsh(big.NewInt(1), bits)
	target, err := work.TargetFromBig(v.Add(v, big.NewInt(add-1)))
	require.NoError(t, err)
	return target
}

// sameLedger compares ledgers by what they say.
func sameLedger(t *testing.T, want, got *Ledger) {
	t.Helper()
	w, err := want.MarshalJSON()
	require.NoError(t, err)
	g, err := got.MarshalJSON()
	require.NoError(t, err)
	require.Equal(t, string(w), string(g))
	require.Equal(t, want.Total(), got.Total())
	require.Equal(t, want.Len(), got.Len())
}

// TestLedger compares with sums of big.Int.
func TestLedger(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	targets := []work.Target{{}, powerTarget(t, 0, 1), powerTarget(t, 256, 0), powerTarget(t, 255, 0), powerTarget(t, 255, 1), powerTarget(t, 64, 0), powerTarget(t, 63, -1)}
	for range 2 * maxWorks { // more than are remembered
		targets = append(targets, powerTarget(t, random.UintN(255)+1, random.Int64N(2)))
		targets = append(targets, powerTarget(t, 224, -random.Int64()))
	}
	l, parts := NewLedger(0), []*Ledger{NewLedger(0), new(Ledger), NewLedger(20)}
	model, all := map[string]*Credit{}, Credit{Work: new(big.Int)}
	for range 20_000 {
		worker, target, block := fmt.Sprint("worker ", random.IntN(20)), targets[random.IntN(len(targets))], random.IntN(10) == 0
		require.NoError(t, l.Add(worker, target, block))
		require.NoError(t, parts[random.IntN(len(parts))].Add(worker, target, block))
		if model[worker] == nil {
			model[worker] = &Credit{Work: new(big.Int)}
		}
		// 2^256/(target+1), written another way
		n := new(big.Int).Exp(big.NewInt(2), big.NewInt(256), nil)
		n.Quo(n, new(big.Int).Add(target.Big(), big.NewInt(1)))
		for _, c := range []*Credit{model[worker], &all} {
			c.Shares++
			if block {
				c.Blocks++
			}
			c.Work.Add(c.Work, n)
		}
	}
	require.Equal(t, len(model), l.Len())
	var names []string
	for worker, c := range l.All() {
		names = append(names, worker)
		require.Equal(t, *model[worker], c, worker)
		one, ok := l.Worker(worker)
		require.True(t, ok)
		require.Equal(t, c, one)
		c.Work.SetInt64(-1) // the caller's
	}
	require.Len(t, names, len(model))
	require.True(t, slices.IsSorted(names))
	require.Equal(t, all, l.Total())
	for range l.All() {
		break
	}
	_, ok := l.Worker("nobody")
	require.False(t, ok)
	require.LessOrEqual(t, len(l.works), maxWorks)

	whole := NewLedger(0)
	for _, p := range parts {
		require.NoError(t, whole.Merge(p))
		require.NotZero(t, p.Len(), "a part keeps what it has")
	}
	sameLedger(t, l, whole)

	text, err := json.Marshal(l)
	require.NoError(t, err)
	var back, again Ledger
	require.NoError(t, json.Unmarshal(text, &back))
	sameLedger(t, l, &back)
	require.NoError(t, jsonv2.Unmarshal(text, &again))
	sameLedger(t, l, &again)

	require.NoError(t, whole.Merge(whole))
	require.Equal(t, new(big.Int).Lsh(all.Work, 1), whole.Total().Work)
	held := whole.Reset()
	require.Equal(t, 2*all.Shares, held.Total().Shares)
	sameLedger(t, new(Ledger), whole)
	require.NoError(t, whole.Add("a", work.Target{}, false))
	require.Equal(t, 2*all.Shares, held.Total().Shares, "what Reset returned is apart")
}

func TestLedgerBounds(t *testing.T) {
	target := powerTarget(t, 224, 0)
	l := NewLedger(2)
	require.NoError(t, l.Add("a", target, false))
	require.NoError(t, l.Add("", target, true), "any text is a name")
	before, err := l.MarshalJSON()
	require.NoError(t, err)
	other := NewLedger(0)
	require.NoError(t, other.Add("a", target, false))
	require.NoError(t, other.Add("b", target, false))
	big := `{"workers":{"a":{"shares":18446744073709551614,"blocks":0,"work":"18446744073709551614"}}}`
	var most Ledger
	require.NoError(t, most.UnmarshalJSON([]byte(big)))
	for name, err := range map[string]error{
		"a third worker":  l.Add("b", target, false),
		"merge":           l.Merge(other),
		"JSON":            l.UnmarshalJSON([]byte(`{"workers":{"a":` + oneShare + `,"b":` + oneShare + `,"c":` + oneShare + `}}`)),
		"not UTF-8":       l.Add("\xff", target, false),
		"a long name":     l.Add(strings.Repeat("x", maxWorkerName+1), target, false),
		"too many shares": l.Merge(&most),
	} {
		require.Error(t, err, name)
		isBound := name == "a third worker" || name == "merge" || name == "JSON"
		if isBound {
			require.ErrorIs(t, err, ErrTooManyWorkers, name)
		}
	}
	after, err := l.MarshalJSON()
	require.NoError(t, err)
	require.Equal(t, string(before), string(after), "an error adds nothing")
	require.NoError(t, NewLedger(0).Add(strings.Repeat("x", maxWorkerName), target, false))

	require.NoError(t, most.Add("b", target, false))
	require.Error(t, most.Add("b", target, false), "2^64 shares")
	require.EqualValues(t, uint64(1<<64-1), most.Total().Shares)
}

const oneShare = `{"shares":1,"blocks":0,"work":"1"}`

// TestLedgerJSON has what is refused, each for one reason.
func TestLedgerJSON(t *testing.T) {
	text := `{"workers":{"":{"shares":1,"blocks":1,"work":"4295032833"},"a\"\\é\n":{"shares":2,"blocks":0,"work":"2"}}}`
	var l Ledger
	require.NoError(t, l.UnmarshalJSON([]byte(text)))
	got, err := l.MarshalJSON()
	require.NoError(t, err)
	require.Equal(t, text, string(got))
	require.NoError(t, l.UnmarshalJSON([]byte(` { "workers" : { "b":{"work":"3","blocks":0,"shares":1} , "a" : `+oneShare+` } } `)))
	require.Equal(t, 2, l.Len(), "what was held is replaced")
	want, err := l.MarshalJSON()
	require.NoError(t, err)

	worker := func(shares, blocks, work string) string {
		return fmt.Sprintf(`{"workers":{"a":{"shares":%s,"blocks":%s,"work":%s}}}`, shares, blocks, work)
	}
	most := new(big.Int).Lsh(big.NewInt(1), 256)
	require.NoError(t, new(Ledger).UnmarshalJSON([]byte(worker("1", "1", `"`+most.String()+`"`))))
	tooMuch := most.Add(most, big.NewInt(1)).String()
	for _, refused := range []string{
		``, ` `, `null`, `[]`, `1`, `"a"`, `{}`, `{`, `{"workers"`, `{"workers":{`, `{"workers":null}`, `{"workers":[]}`,
		`{"workers":{}`, `{"workers":{}}x`, `{"workers":{}}{}`, `{"workers":{},"workers":{}}`, `{"workers":{},"more":1}`, `{"Workers":{}}`,
		`{"workers":{"a":` + oneShare + `,"a":` + oneShare + `}}`, `{"workers":{"a":` + oneShare + `,"\u0061":` + oneShare + `}}`,
		`{"workers":{"a":null}}`, `{"workers":{"a":{}}}`, `{"workers":{"a":[1,0,"1"]}}`, "{\"workers\":{\"\xff\":" + oneShare + `}}`,
		`{"workers":{"\ud800":` + oneShare + `}}`, `{"workers":{"` + strings.Repeat("x", maxWorkerName+1) + `":` + oneShare + `}}`,
		`{"workers":{"a":{"shares":1,"blocks":0}}}`, `{"workers":{"a":{"shares":1,"shares":1,"work":"1"}}}`,
		`{"workers":{"a":{"shares":1,"blocks":0,"work":"1","x":0}}}`,
		worker("-1", "0", `"1"`), worker("-0", "0", `"1"`), worker("0", "0", `"0"`), worker("1.0", "0", `"1"`), worker("1e0", "0", `"1"`),
		worker(`"1"`, "0", `"1"`), worker("null", "0", `"1"`), worker("01", "0", `"1"`), worker("18446744073709551616", "0", `"18446744073709551616"`),
		worker("1", "2", `"1"`), worker("1", "-1", `"1"`), worker("1", "true", `"1"`), worker("{}", "0", `"1"`), worker("[", "0", `"1"`),
		worker("1", "0", `1`), worker("1", "0", `"-1"`), worker("1", "0", `"+1"`), worker("1", "0", `"01"`), worker("1", "0", `""`), worker("1", "0", `"0"`),
		worker("1", "0", `"1_0"`), worker("1", "0", `"0x1"`), worker("1", "0", `" 1"`), worker("1", "0", `"1.5"`), worker("1", "0", `"1e3"`), worker("1", "0", `"١"`),
		worker("2", "0", `"1"`), worker("1", "0", `"`+tooMuch+`"`), worker("1", "0", `"1`+strings.Repeat("0", 96)+`"`),
		worker("1", "0", `"1`+strings.Repeat("0", 10_000)+`"`), strings.Repeat("[", 20_000), strings.Repeat(`{"workers":`, 20_000),
		`{"workers":{"a":{"shares":18446744073709551615,"blocks":0,"work":"18446744073709551615"},"b":` + oneShare + `}}`,
	} {
		err := l.UnmarshalJSON([]byte(refused))
		require.Error(t, err, "%.200s", refused)
		require.Less(t, len(err.Error()), 300, "%.200s", refused)
		require.NotContains(t, err.Error(), "\n")
	}
	got, err = l.MarshalJSON()
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "an error changes nothing")
}

func TestLedgerAllocations(t *testing.T) {
	l := NewLedger(0)
	targets := []work.Target{powerTarget(t, 224, 0), powerTarget(t, 200, 0), powerTarget(t, 0, 1)}
	workers := []string{"alice.1", "bob.2"}
	i := 0
	add := func() {
		i++
		if err := l.Add(workers[i%len(workers)], targets[i%len(targets)], i%2 == 0); err != nil {
			t.Error(err)
		}
	}
	for range 6 {
		add()
	}
	require.Zero(t, testing.AllocsPerRun(1000, add))
}

// TestLedgerConcurrent adds, merges both ways, pays out and reads at once. Nothing may be lost, or deadlock.
func TestLedgerConcurrent(t *testing.T) {
	const workers, n = 4, 500
	target := powerTarget(t, 224, 0)
	a, b, paid := NewLedger(0), NewLedger(0), NewLedger(0)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range n {
				l := []*Ledger{a, b}[i%2]
				if err := l.Add(fmt.Sprint(w), target, i%10 == 0); err != nil {
					t.Error(err)
				}
				switch i % 50 {
				case 1: // moves credit to b
					if err := b.Merge(a.Reset()); err != nil {
						t.Error(err)
					}
				case 2: // and back
					if err := a.Merge(b.Reset()); err != nil {
						t.Error(err)
					}
				case 3:
					if err := paid.Merge(a.Reset()); err != nil {
						t.Error(err)
					}
				case 4:
					if _, err := a.MarshalJSON(); err != nil {
						t.Error(err)
					}
					for range b.All() {
					}
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, paid.Merge(a.Reset()))
	require.NoError(t, paid.Merge(b.Reset()))
	one := target.Work()
	require.Equal(t, Credit{workers * n, workers * n / 10, one.Mul(one, big.NewInt(workers*n))}, paid.Total())

	// Into each other and themselves: what they hold doubles and more, so only a few times.
	require.NoError(t, a.Add("a", target, false))
	require.NoError(t, b.Add("b", target, false))
	for range 2 * workers {
		for i := range 3 {
			wg.Go(func() {
				var err error
				switch i {
				case 0:
					err = a.Merge(b)
				case 1:
					err = b.Merge(a)
				case 2:
					err = a.Merge(a)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	require.Equal(t, 2, a.Len())
}

// FuzzLedger: what is accepted reads back as it was written, and its sums are such as shares have.
func FuzzLedger(f *testing.F) {
	f.Add(`{"workers":{}}`)
	f.Add(`{"workers":{"a":` + oneShare + `,"b\n":{"work":"8590065666","blocks":1,"shares":2}}}`)
	f.Add(`{"workers":{"a":{"shares":18446744073709551615,"blocks":0,"work":"18446744073709551615"}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		l := NewLedger(3)
		if l.UnmarshalJSON([]byte(text)) != nil {
			require.Zero(t, l.Len())
			return
		}
		require.LessOrEqual(t, l.Len(), 3)
		sum := Credit{Work: new(big.Int)}
		for worker, c := range l.All() {
			require.NoError(t, checkWorker(worker))
			require.NotZero(t, c.Shares)
			require.LessOrEqual(t, c.Blocks, c.Shares)
			require.GreaterOrEqual(t, c.Work.Cmp(new(big.Int).SetUint64(c.Shares)), 0)
			sum.Shares += c.Shares
			sum.Blocks += c.Blocks
			sum.Work.Add(sum.Work, c.Work)
		}
		require.Equal(t, l.Total().Shares, sum.Shares)
		require.Equal(t, l.Total().Blocks, sum.Blocks)
		require.Zero(t, sum.Work.Cmp(l.Total().Work))
		written, err := l.MarshalJSON()
		require.NoError(t, err)
		back := NewLedger(3)
		require.NoError(t, back.UnmarshalJSON(written))
		sameLedger(t, l, back)
	})
}
