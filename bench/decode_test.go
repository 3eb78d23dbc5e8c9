package bench

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// lines are results as they are written, for tests to break.
const (
	lineScan    = `{"task":"scan","kernel":"avx512","midstates":16,"threads":1,"mhs_median":20,"mhs_best":22,"mhs_low":19,"mhs_high":21,"spread":0.02,"windows":9,"bound_fraction":0.94,"bound_by":"vector","ratio_stdlib":3.5,"scaling":null,"nj_per_hash":null}` + "\n"
	lineStdlib  = `{"task":"scan","kernel":"crypto/sha256","midstates":1,"threads":1,"mhs_median":6,"mhs_best":6.4,"mhs_low":5.9,"mhs_high":6.1,"spread":0.02,"windows":9,"bound_fraction":null,"bound_by":null,"ratio_stdlib":1,"scaling":null,"nj_per_hash":null}` + "\n"
	lineSummary = `{"summary":{"touchstone":"(devel)","revision":"","modified":false,"go":"go1.26.8","os":"linux","arch":"amd64","threads":2,"cpu":{"name":"AMD EPYC","vendor":"AuthenticAMD","family":26,"model":2,"physical_cores":2,"logical_cores":2,"features":["avx2"]},"seconds":60,"units":[{"unit":"vector","width":512,"gops_median":15,"gops_best":16}],"refused":[],"no_energy":"none"}}` + "\n"
)

func TestParseResults(t *testing.T) {
	r, err := ParseResults([]byte(lineScan + "\n" + lineStdlib + lineSummary))
	require.NoError(t, err)
	require.Len(t, r.Measurements, 2)
	require.Equal(t, Key{Scan, "avx512", 16, 1}, r.Measurements[0].Key())
	require.Equal(t, 0.94, *r.Measurements[0].BoundFraction)
	require.Nil(t, r.Measurements[1].BoundFraction)
	require.Equal(t, "AMD EPYC", r.Summary.CPU.Name)
	text, err := r.AppendJSON([]byte("\n"))
	require.NoError(t, err)
	require.Equal(t, "\n"+lineScan+lineStdlib+lineSummary, string(text))

	r.CompareWith(r)
	text, err = r.AppendJSON(nil)
	require.NoError(t, err)
	again, err := ParseResults(text)
	require.NoError(t, err, "a comparison can be compared with")
	require.Equal(t, r, again)
}

func TestParseResultsRefuses(t *testing.T) {
	replace := func(old, new string) string {
		require.Contains(t, lineScan, old)
		return strings.Replace(lineScan, old, new, 1) + lineSummary
	}
	tests := []struct{ name, text, want string }{
		{"empty", "", "empty"},
		{"blank", "\n \n", "no summary at the end; was it cut?"},
		{"cut after a line", lineScan, "no summary at the end; was it cut?"},
		{"cut in a line", lineScan + lineStdlib[:40], "line 2: the JSON ends too early; was it cut?"},
		{"only a summary", lineSummary, "no measurement"},
		{"two runs", lineScan + lineSummary + lineStdlib + lineSummary, "line 3: nothing comes after the summary; are these two files?"},
		{"a row twice", lineScan + lineStdlib + lineScan + lineSummary, "line 3: scan with avx512, 16 midstates is measured twice"},
		{"no JSON", "goos: linux\n", "line 1: not JSON: byte 0: "},
		{"two values", strings.TrimSpace(lineScan) + lineStdlib, "line 1: not JSON: "},
		{"array", "[]\n", "line 1: "},
		{"another program's JSON", `{"event":"started"}` + "\n", "line 1: neither task nor summary: not a result of touchstone bench"},
		{"null summary", lineScan + `{"summary":null}` + "\n", "line 2: neither task nor summary"},
		{"unknown field", replace(`"spread"`, `"width"`), `line 1: "width" is no field of a result`},
		{"field twice", replace(`"spread":0.02`, `"spread":0.02,"spread":1`), "line 1: not JSON: "},
		{"another kind", replace(`"mhs_best":22`, `"mhs_best":"22"`), `line 1: field "mhs_best": not a float64`},
		{"unknown task", replace(`"scan"`, `"shares"`), `line 1: unknown task "shares"`},
		{"no kernel", replace(`"avx512"`, `""`), `line 1: "" is not the name of a kernel`},
		{"odd kernel", replace(`"avx512"`, `"\u001b[31m"`), `is not the name of a kernel`},
		{"many midstates", replace(`"midstates":16`, `"midstates":17`), "line 1: 17 midstates: there are at most 16"},
		{"no thread", replace(`"threads":1`, `"threads":0`), "threads and windows are 1 or more"},
		{"negative rate", replace(`"mhs_low":19`, `"mhs_low":-19`), "the rates are not 0 < mhs_low"},
		{"no rate", replace(`"mhs_low":19`, `"mhs_low":1e-300`), "the rates are not 0 < mhs_low"},
		{"median outside its interval", replace(`"mhs_median":20`, `"mhs_median":21.5`), "the rates are not 0 < mhs_low"},
		{"missing rate", replace(`"mhs_high":21,`, ``), "the rates are not 0 < mhs_low"},
		{"endless rate", replace(`"mhs_best":22`, `"mhs_best":1e300`), "the rates are not 0 < mhs_low"},
		{"long", strings.Repeat("\n", MaxResultsSize+1), "1048577 bytes: results have at most 1048576"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseResults([]byte(tt.text))
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

// What is read can be written, read again, and compared with.
func FuzzParseResults(f *testing.F) {
	f.Add(lineScan + lineStdlib + lineSummary)
	f.Add(lineSummary)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseResults([]byte(text))
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			return
		}
		for _, m := range r.Measurements {
			require.Positive(t, m.Low)
		}
		written, err := r.AppendJSON(nil)
		require.NoError(t, err)
		again, err := ParseResults(written)
		require.NoError(t, err)
		r.CompareWith(again)
		require.Empty(t, r.Summary.Against.Missing)
		require.Empty(t, r.Summary.Against.New)
		for _, m := range r.Measurements {
			require.Equal(t, Noise, m.Change.Verdict)
		}
	})
}
