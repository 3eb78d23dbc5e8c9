package main

import (
	"bytes"
	"encoding/json"
)

// printJSON prints v as one line.
func (p *program) printJSON(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := p.con.Write(b.Bytes())
	return err
}
