package work

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// readAll reads text as a value of any kind, or as the kind that want names.
func readAll(text string) error {
	r := jsonReader{text: []byte(text)}
	if err := r.skip(0); err != nil {
		return err
	}
	return r.end()
}

func TestJSONText(t *testing.T) {
	for _, text := range []string{
		`""`, `"plain"`, `"é ☃ 𝄞"`, `"\"\\\/\b\f\n\r\t"`, `"\u00e9\u2603"`, `"\ud834\udd1e"`, `"\ud834"`, `"\udd1e\ud834"`, `"\ud834\u0041"`, `"a\u0000b"`,
	} {
		r := jsonReader{text: []byte(text)}
		got, err := r.string()
		require.NoError(t, err, text)
		require.NoError(t, r.end())
		var want string
		require.NoError(t, json.Unmarshal([]byte(text), &want))
		require.Equal(t, want, got, text)
	}
}

func TestJSONAccepts(t *testing.T) {
	for _, text := range []string{
		`0`, `-0`, `-1.5e+10`, `1E5`, `{}`, `[]`, ` { "a" : [ 1 , { } , null , true , false ] } `, `"x"`, strings.Repeat("[", maxJSONDepth) + strings.Repeat("]", maxJSONDepth),
	} {
		require.NoError(t, readAll(text), text)
		require.True(t, json.Valid([]byte(text)), text)
	}
	for _, text := range []string{
		``, ` `, `01`, `+1`, `1.`, `.5`, `1e`, `-`, `nul`, `True`, `'x'`, `"x`, `"\u12"`, `"\q"`, "\"\t\"", `[1,]`, `[1 2]`, `[,1]`, `{"a"}`, `{"a":}`, `{a:1}`, `{"a":1,}`,
		`{"a":1 "b":2}`, `[`, `{`, `]`, `1 2`, "1\x00", "\ufeff1", "\xff", "\"\xff\"", "\"\\n\xff\"", strings.Repeat("[", 1<<20),
	} {
		require.Error(t, readAll(text), text)
	}
}

// FuzzJSON holds the reader against the standard library's: what the one accepts the other accepts and understands alike.
func FuzzJSON(f *testing.F) {
	f.Add(`{"a":[1,"\u00e9\ud834\udd1e",{"b":null}],"c":-1.5e3}`)
	f.Add(`"\ud834"`)
	f.Fuzz(func(t *testing.T, text string) {
		err := readAll(text)
		if err == nil {
			require.True(t, json.Valid([]byte(text)), "%q", text)
		}
		r := jsonReader{text: []byte(text)}
		if got, err := r.string(); err == nil && r.end() == nil {
			var want string
			require.NoError(t, json.Unmarshal([]byte(text), &want))
			require.Equal(t, want, got)
		}
		var object any
		// The standard library takes what is not UTF-8 and nests deeper.
		if err != nil && json.Unmarshal([]byte(text), &object) == nil && strings.ToValidUTF8(text, "") == text && strings.Count(text, "[")+strings.Count(text, "{") < maxJSONDepth {
			t.Errorf("%q: %v", text, err)
		}
	})
}
