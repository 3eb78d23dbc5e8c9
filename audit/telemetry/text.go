package telemetry

import (
	"bytes"
	"strings"
)

// decodeText reads the text format of the cgminer API, STATUS=S,When=…,Msg=Summary|SUMMARY,Elapsed=…|, into what its JSON would
// be. In it, the characters | , = and \ of values stand behind a \.
func decodeText(raw []byte, r *repairs) (node, error) {
	in := trimEnd(raw, r)
	out := node{kind: kindObject}
	values := 0
	for begin := 0; begin < len(in); {
		end := unescaped(in[begin:], '|') + begin
		n := node{kind: kindObject}
		title := ""
		for field := begin; field < end; {
			stop := unescaped(in[field:end], ',') + field
			if values++; values > maxNodes {
				return out, errTooMany
			}
			equals := unescaped(in[field:stop], '=') + field
			name := textValue(in[field:equals], field, r)
			if equals < stop {
				v := node{kind: kindString, text: textValue(in[equals+1:stop], equals+1, r)}
				if !n.put(name, v) {
					r.add(nameTwice, field)
				}
			}
			if field == begin {
				title = name
			}
			field = stop + 1
		}
		if end == len(in) && len(n.names) > 0 { // no | behind it
			r.add(cutOff, end)
			last := len(n.names) - 1
			n.items[last] = node{}
		}
		out.addSection(textSection(title, &n), n)
		begin = end + 1
	}
	if len(out.names) == 0 {
		return out, errNoReply
	}
	return out, nil
}

// addSection appends n to the list of that name.
func (n *node) addSection(name string, section node) {
	if name == "" {
		return
	}
	n.put(name, node{kind: kindList})
	if list := n.get(name); list.kind == kindList {
		list.items = append(list.items, section)
	}
}

// textSections are the lists of JSON that sections with such a first field belong to.
var textSections = map[string]string{"POOL": "POOLS", "ASC": "DEVS", "PGA": "DEVS", "GPU": "DEVS", "CPU": "DEVS"}

// textSection returns the name of the list that a section belongs to.
func textSection(title string, n *node) string {
	if name, ok := textSections[title]; ok {
		return name
	}
	if n.get("API") != nil {
		return "VERSION"
	}
	return title
}

// unescaped returns where c stands first without a \ before it, or the length.
func unescaped(in []byte, c byte) int {
	for i := 0; i < len(in); i++ {
		switch in[i] {
		case '\\':
			i++
		case c:
			return i
		}
	}
	return len(in)
}

// textValue takes off the escapes.
func textValue(in []byte, position int, r *repairs) string {
	if bytes.IndexByte(in, '\\') >= 0 {
		out := make([]byte, 0, len(in))
		for i := 0; i < len(in); i++ {
			if in[i] == '\\' && i+1 < len(in) {
				i++
			}
			out = append(out, in[i])
		}
		in = out
	}
	d := decoder{repairs: r}
	return strings.TrimSpace(d.valid(string(in), position))
}

// isText says that a reply is in the text format, as far as its beginning shows.
func isText(raw []byte) bool {
	raw = bytes.TrimLeft(raw, " \t\r\n\x00")
	if len(raw) == 0 || raw[0] < 'A' || raw[0] > 'Z' {
		return false
	}
	head := raw[:min(len(raw), 1024)]
	return bytes.IndexByte(head, '=') > 0 && (bytes.HasPrefix(raw, []byte("STATUS=")) || bytes.IndexByte(head, '|') > 0)
}
