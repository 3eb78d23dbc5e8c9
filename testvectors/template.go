package testvectors

import (
	"slices"
	"sync"
)

// Template is the result of getblocktemplate (BIP 22, 23, 145).
type Template struct {
	Name    string
	Network string
	Height  int32  // of the block to be built
	JSON    []byte // the result object, not the RPC envelope

	Base    string // the vector a broken template was made from; "" if none
	Altered string // what was changed; "" if nothing

	Expect, Reason, Source, Comment string
}

var templates = sync.OnceValue(func() []Template { return decodeAll("template", decodeTemplate) })

// Templates returns block templates, sound and not, ordered by name.
func Templates() []Template {
	all := slices.Clone(templates())
	for i := range all {
		all[i].JSON = slices.Clone(all[i].JSON)
	}
	return all
}

func decodeTemplate(d *decoder) Template {
	t := Template{
		Name: d.v.Name, Source: d.v.Source, Comment: d.v.Comment, Expect: d.v.Expect, Reason: d.v.Reason,
		Network: d.network(),
		Height:  int32(d.number("height", 32, -1)),
		JSON:    d.payload("file"),
		Base:    d.text("base"),
		Altered: d.text("altered"),
	}
	if len(t.JSON) == 0 {
		d.fail("key %q is missing", "file")
	}
	if (t.Base != "") != (t.Altered != "") {
		d.fail("base and altered come together")
	}
	return t
}
