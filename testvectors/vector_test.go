package testvectors

import (
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const sample = "source: here\ncomment: why\nexpect: valid\nhash: 00ff\nhash: 01\n"

func TestParse(t *testing.T) {
	v, err := Parse("name", []byte(sample))
	require.NoError(t, err)
	require.Equal(t, "name", v.Name)
	require.Equal(t, "here", v.Source)
	require.Equal(t, "why", v.Comment)
	require.Equal(t, Valid, v.Expect)
	require.Empty(t, v.Reason)
	require.Equal(t, "00ff", v.Get("hash"))
	require.Equal(t, []string{"00ff", "01"}, v.All("hash"))
	require.Empty(t, v.Get("none"))
	b, err := v.Bytes("hash")
	require.NoError(t, err)
	require.Equal(t, []byte{0, 0xff}, b)
	b, err = v.Bytes("none")
	require.NoError(t, err)
	require.Nil(t, b)
	_, err = v.Bytes("comment")
	require.ErrorContains(t, err, `key "comment"`)
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty":                    "",
		"no line feed":             strings.TrimSuffix(sample, "\n"),
		"blank line":               sample + "\n",
		"carriage return":          strings.ReplaceAll(sample, "\n", "\r\n"),
		"no colon":                 sample + "word\n",
		"no space after colon":     sample + "key:value\n",
		"two spaces after colon":   sample + "key:  value\n",
		"space at end":             sample + "key: value \n",
		"empty value":              sample + "key: \n",
		"empty key":                sample + ": value\n",
		"key in capitals":          sample + "Key: value\n",
		"key with space":           sample + "a key: value\n",
		"key begins with digit":    sample + "1key: value\n",
		"key ends in hyphen":       sample + "key-: value\n",
		"tab in value":             sample + "key: a\tb\n",
		"zero byte":                sample + "key: a\x00b\n",
		"not UTF-8":                sample + "key: a\xffb\n",
		"no source":                strings.Replace(sample, "source", "sauce", 1),
		"no comment":               strings.Replace(sample, "comment", "remark", 1),
		"no expect":                strings.Replace(sample, "expect", "hope", 1),
		"two sources":              sample + "source: there\n",
		"two reasons":              strings.Replace(sample, "valid", "invalid", 1) + "reason: a\nreason: b\n",
		"other expectation":        strings.Replace(sample, "valid", "maybe", 1),
		"valid with reason":        sample + "reason: high-hash\n",
		"invalid without reason":   strings.Replace(sample, "valid", "invalid", 1),
		"reason of several words":  strings.Replace(sample, "valid", "invalid", 1) + "reason: high hash\n",
		"more bytes than any file": sample + strings.Repeat("key: value\n", maxVectorSize/11+1),
		"more lines than any file": sample + strings.Repeat("k: v\n", maxFields),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("name", []byte(text))
			require.Error(t, err)
			require.ErrorContains(t, err, `vector "name"`)
		})
	}
}

func TestBytesHasOneEncoding(t *testing.T) {
	for _, value := range []string{"0", "0F", "0x00", "zz", "00 00"} {
		v, err := Parse("name", []byte(sample+"raw: "+value+"\n"))
		require.NoError(t, err)
		_, err = v.Bytes("raw")
		require.Error(t, err, value)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(strings.Replace(sample, "valid", "invalid", 1) + "reason: high-hash\n"))
	for _, name := range []string{"block/mainnet-0.txt", "bits/1d00ffff.txt", "headers/bip54-4.txt"} {
		text, err := files.ReadFile(name)
		require.NoError(f, err)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := Parse("name", text)
		if err != nil {
			return
		}
		// What parses is written back byte for byte.
		var b strings.Builder
		for _, field := range v.Fields {
			b.WriteString(field.Key + ": " + field.Value + "\n")
		}
		require.Equal(t, string(text), b.String())
		require.NotEmpty(t, v.Source)
		require.NotEmpty(t, v.Comment)
		require.Equal(t, v.Expect == Invalid, v.Reason != "")
		// No decoder may panic on what Parse lets through.
		for _, decode := range []func(*decoder){
			func(d *decoder) { decodeBlock(d) },
			func(d *decoder) { decodeHeaderRun(d) },
			func(d *decoder) { decodeNonce(d) },
			func(d *decoder) { decodeBits(d) },
			func(d *decoder) { decodeDifficulty(d) },
			func(d *decoder) { decodeRetarget(d) },
			func(d *decoder) { decodeTemplate(d) },
			func(d *decoder) { decodeShare(d) },
		} {
			d := &decoder{v: v, used: make(map[string]bool)}
			decode(d)
			_ = d.finish()
		}
	})
}

// TestFiles checks the folders themselves: every file is a vector or the
// payload of one, and the sum stays bearable for those who import the package.
func TestFiles(t *testing.T) {
	payloads := make(map[string]bool)
	names := make(map[string]bool)
	for _, v := range All() {
		require.False(t, names[v.Name], v.Name)
		names[v.Name] = true
		require.NotEmpty(t, v.Source, v.Name)
		require.NotEmpty(t, v.Comment, v.Name)
		require.Equal(t, v.Expect == Invalid, v.Reason != "", v.Name)
		if p := v.Get("file"); p != "" {
			payloads[path.Join(path.Dir(v.Name), p)] = true
		}
	}
	for _, v := range All() {
		if base := v.Get("base"); base != "" {
			require.True(t, names[base], "%s is made from %s, which is not here", v.Name, base)
		}
	}
	total := int64(0)
	require.NoError(t, fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		if d.IsDir() {
			return nil
		}
		info, err := d.Info()
		require.NoError(t, err)
		total += info.Size()
		if path.Ext(name) == ".txt" {
			require.True(t, names[strings.TrimSuffix(name, ".txt")], name)
		} else {
			require.True(t, payloads[name], "%s belongs to no vector", name)
		}
		return nil
	}))
	require.Less(t, total, int64(3<<20))
}

func TestReasonsAreDocumented(t *testing.T) {
	readme := readREADME(t)
	for _, v := range All() {
		if v.Reason != "" {
			require.Contains(t, readme, "`"+v.Reason+"`", v.Name)
		}
		for _, f := range v.Fields {
			require.Contains(t, readme, "`"+f.Key+"`", v.Name)
		}
	}
}
