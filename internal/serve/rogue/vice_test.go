package rogue

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseVice(t *testing.T) {
	for _, h := range Vices() {
		v, err := ParseVice(h.Example)
		require.NoError(t, err, h.Example)
		require.Equal(t, h.Example, v.String())
		require.Equal(t, h.Honest, v.Honest(), h.Example)
		require.NotEmpty(t, h.Words)
	}
	v, err := ParseVice("skim=2%,every=1h")
	require.NoError(t, err)
	require.Equal(t, 72*time.Second, v.For)
	require.False(t, v.Interleaved)
	v, err = ParseVice("skim=0.05")
	require.NoError(t, err)
	require.True(t, v.Interleaved)
	v, err = ParseVice("skim=0.02,slice=72s")
	require.NoError(t, err)
	require.Equal(t, time.Hour, v.Every)
	v, err = ParseVice(" withhold=1e6,q=0.5 ")
	require.NoError(t, err)
	require.Equal(t, 1e6, v.X)
	require.Equal(t, 0.5, v.Q)

	for text, want := range map[string]string{
		"":                                `vice "" is not known: want one of honest, skim,`,
		"steal=1":                         `vice "steal" is not known`,
		"skim":                            "vice skim needs a value, such as skim=0.02,every=1h",
		"skim=0":                          "vice skim=0: want a part above 0, at most 1, such as",
		"skim=NaN":                        "vice skim=NaN: want a number",
		"skim=a":                          "want a number",
		"skim=0.5,q=1":                    `vice skim has no option "q": want slice or every`,
		"skim=0.02,slice=72s,every=2h":    "leave out slice or every",
		"skim=1e-9,slice=1000h":           "want a millisecond or more in ten years or less",
		"withhold=-1":                     "want a difficulty above 0",
		"withhold=1,q=2":                  "q=2: want a part above 0, at most 1",
		"honest=1":                        "vice honest takes no value",
		"replay=0.1,x=1":                  `vice replay has no options, not "x=1"`,
		"gap=1h,every=10m":                "leaves no time to work",
		"gap=soon":                        "want a duration",
		"chip=1.5":                        "want a whole number from 0",
		"invalid=1":                       "below 1",
		"drop=0.5,at=never":               "want a duration above 0",
		"skim=" + strings.Repeat("9", 99): "…",
	} {
		_, err := ParseVice(text)
		require.ErrorContains(t, err, want, text)
	}
}

func FuzzParseVice(f *testing.F) {
	for _, h := range Vices() {
		f.Add(h.Example)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseVice(text)
		if err != nil {
			if len(err.Error()) > 400 {
				t.Errorf("long error: %v", err)
			}
			return
		}
		again, err := ParseVice(v.String())
		require.NoError(t, err)
		require.Equal(t, v, again)
		// Whatever it is, a device can have it.
		s, err := Synthetic{Rate: 1e12, Duration: time.Hour, Model: "BM1370", Vice: v, Seed: 1}.Stream()
		if err != nil {
			require.Contains(t, err.Error(), "want less than")
			return
		}
		for n := 0; n < 1000 && s.Next() != nil; n++ {
		}
	})
}
