package telemetry

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// text writes a node as JSON, with numbers as they stood.
func (n *node) json() string {
	quote := func(s string) string {
		b, _ := json.Marshal(s)
		return string(b)
	}
	var parts []string
	switch n.kind {
	case kindNull:
		return "null"
	case kindString:
		return quote(n.text)
	case kindList:
		for i := range n.items {
			parts = append(parts, n.items[i].json())
		}
		return "[" + strings.Join(parts, ",") + "]"
	case kindObject:
		for i := range n.items {
			parts = append(parts, quote(n.names[i])+":"+n.items[i].json())
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	return n.text
}

// TestRepairs takes each fault that firmware is known for, alone, and strings that only look like one.
func TestRepairs(t *testing.T) {
	for name, k := range map[string]struct {
		in, want string
		repairs  []string
	}{
		"plain":             {`{"a":1,"b":[true,null,-1.5e3],"c":{"d":"é"}}`, `{"a":1,"b":[true,null,-1.5e3],"c":{"d":"é"}}`, nil},
		"space":             {"\ufeff {\r\n\t\"a\" : 1\n}\r\n", `{"a":1}`, nil},
		"in a string":       {`{"a":"}{ ,} [,{ inf ''temp0","b":"x,]"}`, `{"a":"}{ ,} [,{ inf ''temp0","b":"x,]"}`, nil},
		"escapes":           {`{"a\"b":"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}`, `{"a\"b":"\\/\b\f\n\r\té😀"}`, nil},
		"trailing NUL":      {"{\"a\":1}\x00", `{"a":1}`, []string{"r: NUL bytes at the end left out (once, at byte 7)"}},
		"NUL and newline":   {"{\"a\":1}\x00\n", `{"a":1}`, []string{"r: NUL bytes at the end left out (once, at byte 7)"}},
		"between objects":   {`[{"a":1}{"b":2}{"c":3}]`, `[{"a":1},{"b":2},{"c":3}]`, []string{"r: missing comma put in (2 times, first at byte 8)"}},
		"before a name":     {`{"a":"x""temp0":1}`, `{"a":"x","temp0":1}`, []string{"r: missing comma put in (once, at byte 8)"}},
		"comma before }":    {`{"a":1,}`, `{"a":1}`, []string{"r: comma too many left out (once, at byte 6)"}},
		"comma before ]":    {`[1,]`, `[1]`, []string{"r: comma too many left out (once, at byte 2)"}},
		"comma after [":     {`{"a":[,{"b":1}]}`, `{"a":[{"b":1}]}`, []string{"r: comma too many left out (once, at byte 6)"}},
		"two commas":        {`{"a":1,,"b":2}`, `{"a":1,"b":2}`, []string{"r: comma too many left out (once, at byte 7)"}},
		"inf and nan":       {`{"a":inf,"b":-nan,"c":Infinity}`, `{"a":inf,"b":-nan,"c":Infinity}`, []string{"r: bare inf or nan read as no number (3 times, first at byte 5)"}},
		"newline inside":    {"{\"a\":\"x\ny\"}", `{"a":"x\ny"}`, []string{"r: control characters between or inside values let pass (once, at byte 7)"}},
		"control between":   {"{\"a\":\x011}", `{"a":1}`, []string{"r: control characters between or inside values let pass (once, at byte 5)"}},
		"leading comma":     {`,"id":1}`, `{"id":1}`, []string{"r: comma too many left out (once, at byte 0)", "r: missing brace at the beginning put in (once, at byte 0)"}},
		"cut in a number":   {`{"a":1,"b":12`, `{"a":1}`, []string{"r: cut off: the last, unfinished value left out (once, at byte 11)"}},
		"cut in a string":   {`{"a":1,"b":"xy`, `{"a":1}`, []string{"r: cut off: the last, unfinished value left out (once, at byte 11)"}},
		"cut in an escape":  {`{"a":1,"b":"xy\`, `{"a":1}`, []string{"r: cut off: the last, unfinished value left out (once, at byte 11)"}},
		"cut in a name":     {`{"a":[{"b":1,"c`, `{"a":[{"b":1}]}`, []string{"r: cut off: the last, unfinished value left out (once, at byte 13)"}},
		"list as object":    {`{"error_code":["111":"2024","112":"2025"]}`, `{"error_code":{"111":"2024","112":"2025"}}`, []string{"r: list of names and values read as an object (once, at byte 20)"}},
		"name twice":        {`{"a":1,"a":2}`, `{"a":1}`, []string{"r: name twice in one object: the first counts (once, at byte 7)"}},
		"no colon":          {`{"a" 1}`, `{"a":1}`, []string{"r: missing colon put in (once, at byte 5)"}},
		"no value":          {`{"a":,"b"}`, `{"a":null,"b":null}`, []string{"r: name without a value read as null (2 times, first at byte 5)"}},
		"words":             {`{a:on}`, `{"a":"on"}`, []string{"r: text without quotation marks read as text (2 times, first at byte 1)"}},
		"odd numbers":       {`[+1,.5,007,1.]`, `[+1,.5,007,1.]`, []string{"r: number that JSON does not allow read all the same (4 times, first at byte 1)"}},
		"wrong brackets":    {`{"a":[1}]`, `{"a":[1]}`, []string{"r: bracket of the wrong kind read as the right one (2 times, first at byte 7)"}},
		"odd escape":        {`{"a":"\q\u12"}`, `{"a":"qu12"}`, []string{"r: escape that JSON does not know read as it stands (2 times, first at byte 7)"}},
		"half a pair":       {`["\ud83dx"]`, `["�x"]`, nil},
		"not UTF-8":         {"[\"\xff\"]", `["?"]`, []string{"r: bytes that are no UTF-8 replaced (once, at byte 2)"}},
		"more after it":     {`{"a":1} {"b":2}`, `{"a":1}`, []string{"r: bytes after the end left out (once, at byte 8)"}},
		"a value alone":     {`{"a":1,{"b":2},"c":3}`, `{"a":1,"c":3}`, []string{"r: missing colon put in (once, at byte 7)"}},
		"colons everywhere": {`{:"a"::1}`, `{"a":null,"1":null}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var rep repairs
			n, err := decode([]byte(k.in), &rep)
			require.NoError(t, err)
			require.Equal(t, k.want, n.json())
			if name != "colons everywhere" {
				require.ElementsMatch(t, k.repairs, rep.texts(nil, "r"))
			}
		})
	}
}

// TestRefused takes what is no reply, or more of one than is read.
func TestRefused(t *testing.T) {
	for name, k := range map[string]struct {
		in   string
		want error
	}{
		"empty":    {"", errEmpty},
		"NULs":     {"\x00\x00", errEmpty},
		"HTML":     {"<html>", errNoReply},
		"a number": {"1", errNoReply},
		"deep":     {strings.Repeat(`[`, maxDepth+1), errTooDeep},
		"deeper":   {strings.Repeat(`{"a":`, 100_000), errTooDeep},
		"many":     {"[" + strings.Repeat("1,", maxNodes+1) + "]", errTooMany},
	} {
		var rep repairs
		_, err := decode([]byte(k.in), &rep)
		require.ErrorIs(t, err, k.want, name)
	}
	n, err := decode([]byte(strings.Repeat(`[`, maxDepth)+strings.Repeat(`]`, maxDepth)), &repairs{})
	require.NoError(t, err)
	require.True(t, n.is(kindList))
	r := Parse([]Reply{{"summary", make([]byte, maxReply+1)}, {"devs", nil}})
	require.Len(t, r.Unread, 2)
	require.Contains(t, r.Unread[0], "summary: longer than 1048576 bytes")
	require.Empty(t, r.Dialect)
}

// TestText reads the text format, with what stands escaped in it.
func TestText(t *testing.T) {
	var rep repairs
	n, err := decodeText([]byte(`STATUS=S,When=5,Code=7,Msg=2 Pool(s)|POOL=0,URL=stratum+tcp://a\,b\|c\=d\\,User=x=y|POOL=1,URL=z|CGMiner=4.9.2,API=3.1|`+"\x00"), &rep)
	require.NoError(t, err)
	require.Equal(t, `{"STATUS":[{"STATUS":"S","When":"5","Code":"7","Msg":"2 Pool(s)"}],"POOLS":[{"POOL":"0","URL":"stratum+tcp://a,b|c=d\\","User":"x=y"},`+
		`{"POOL":"1","URL":"z"}],"VERSION":[{"CGMiner":"4.9.2","API":"3.1"}]}`, n.json())
	require.Len(t, rep.texts(nil, ""), 1) // the NUL
	n, err = decodeText([]byte(`STATUS=S|SUMMARY,Elapsed=12,MHS av=12`), &rep)
	require.NoError(t, err)
	require.Equal(t, `{"STATUS":[{"STATUS":"S"}],"SUMMARY":[{"SUMMARY":null,"Elapsed":"12","MHS av":null}]}`, strings.Replace(n.json(), `[{"Elapsed"`, `[{"SUMMARY":null,"Elapsed"`, 1))
	_, err = decodeText([]byte("|||"), &rep)
	require.ErrorIs(t, err, errNoReply)
}

// TestDecodeAgrees compares with another reader where nothing needs repair.
func TestDecodeAgrees(t *testing.T) {
	for _, in := range []string{
		`{"STATUS":[{"STATUS":"S","When":1}],"SUMMARY":[{"Elapsed":49530,"GHS av":7900.81,"x":1e-7,"y":-0,"z":[[],{},""]}],"id":1}`,
		fmt.Sprintf(`{"a":%s}`, strings.Repeat("[", 20)+strings.Repeat("]", 20)),
	} {
		var rep repairs
		n, err := decode([]byte(in), &rep)
		require.NoError(t, err)
		require.JSONEq(t, in, n.json())
		require.Empty(t, rep.texts(nil, ""))
	}
}

func TestParseNumber(t *testing.T) {
	for in, want := range map[string]string{
		`1.5`: "1.5", `"14046.04"`: "14046.04", `"483k"`: "483000", `"4.29G"`: "4.29e+09", `"524K"`: "524000", `"1.5M"`: "1.5e+06", `"2T"`: "2e+12",
		`""`: "NaN", `"N/A"`: "NaN", `"--"`: "NaN", `null`: "NaN", `"'5'"`: "5", `-3`: "-3",
		`"inf"`: "NaN not a finite number", `nan`: "NaN not a finite number", `1e999`: "NaN an overflow", `"1e999"`: "NaN an overflow",
		`"x"`: "NaN not a number", `"5 kW"`: "NaN not a number", `true`: "NaN not a number", `[1]`: "NaN not a number", `"0x10"`: "NaN not a number",
		`"1_000"`: "NaN not a number", `"12abcdefghijklmnop"`: "NaN not a number",
	} {
		n, err := decode([]byte("["+in+"]"), &repairs{})
		require.NoError(t, err)
		v, err := parseNumber(&n.items[0], true)
		got := fmt.Sprint(v)
		if err != nil {
			got += " " + err.Error()
		}
		require.Equal(t, want, got, in)
	}
	v, err := parseNumber(&node{kind: kindString, text: "58.94W"}, false)
	require.NoError(t, err)
	require.Equal(t, 58.94, v)
}
