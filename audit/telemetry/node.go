package telemetry

// kind is what a value of a reply is.
type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindNumber
	kindString
	kindList
	kindObject
)

// node is one value of a reply. Numbers stay as they were written.
type node struct {
	kind  kind
	text  string // of numbers, strings and bools
	items []node // of lists, and the values of objects
	names []string
	index map[string]int // of large objects
}

// indexed is from how many members on an object has an index.
const indexed = 16

// find returns where the member of that name is, or -1.
func (n *node) find(name string) int {
	if n.index != nil {
		if i, ok := n.index[name]; ok {
			return i
		}
		return -1
	}
	for i := range n.names {
		if n.names[i] == name {
			return i
		}
	}
	return -1
}

// put appends a member, unless one of that name is there.
func (n *node) put(name string, v node) bool {
	if n.find(name) >= 0 {
		return false
	}
	n.names = append(n.names, name)
	n.items = append(n.items, v)
	switch {
	case n.index != nil:
		n.index[name] = len(n.names) - 1
	case len(n.names) == indexed:
		n.index = make(map[string]int, 4*indexed)
		for i, name := range n.names {
			n.index[name] = i
		}
	}
	return true
}

// get returns the member of that name; nil if there is none, or n is no object.
func (n *node) get(name string) *node {
	if n == nil || n.kind != kindObject {
		return nil
	}
	if i := n.find(name); i >= 0 {
		return &n.items[i]
	}
	return nil
}

// is says whether n is there, and of that kind.
func (n *node) is(k kind) bool { return n != nil && n.kind == k }
