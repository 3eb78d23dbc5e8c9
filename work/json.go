package work

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// unmarshalJSON decodes text into v as encoding/json/v2 does. Its errors are one line that names the field, what stands there and
// what it wants.
func unmarshalJSON(text []byte, v any) error {
	err := json.Unmarshal(text, v)
	var syntax *jsontext.SyntacticError
	var meaning *json.SemanticError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("JSON ends after %d bytes: was it cut?", len(text))
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntax):
		return fmt.Errorf("%s: given twice: which one holds?", fieldPath(syntax.JSONPointer))
	case errors.As(err, &syntax):
		return fmt.Errorf("JSON byte %d: %s", syntax.ByteOffset, strings.TrimPrefix(fieldPath(syntax.JSONPointer)+": "+syntax.Err.Error(), ": "))
	case errors.As(err, &meaning):
		want := meaning.Err
		if want == nil {
			want = wanted(meaning.GoType)
		}
		place := strings.TrimSpace(fieldPath(meaning.JSONPointer) + " " + excerpt(text[meaning.ByteOffset:]))
		return fmt.Errorf("%s: %w", place, want)
	}
	return err
}

// optional is the value of a field that need not be there. null is no value.
type optional[T any] struct {
	value T
	given bool
}

func (o *optional[T]) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() == 'n' {
		return errors.New("want a value, or no such field")
	}
	o.given = true
	return json.UnmarshalDecode(d, &o.value)
}

// or is the value, or otherwise where none is given.
func (o optional[T]) or(otherwise T) T {
	if o.given {
		return o.value
	}
	return otherwise
}

// wanted is for values of another kind than t's.
func wanted(t reflect.Type) error {
	switch t.Kind() {
	case reflect.String:
		return errors.New("want a string")
	case reflect.Bool:
		return errors.New("want true or false")
	case reflect.Slice:
		return errors.New("want an array")
	}
	return errors.New("want an object")
}

// fieldPath writes a JSON pointer as a[1].b, quoted and cut where a stranger made up something odd.
func fieldPath(p jsontext.Pointer) string {
	var path strings.Builder
	for name := range p.Tokens() {
		if _, err := strconv.ParseUint(name, 10, 32); err == nil {
			path.WriteString("[" + name + "]")
		} else {
			path.WriteString("." + name)
		}
	}
	return quoteOdd(strings.TrimPrefix(path.String(), "."))
}

// excerpt shows the value at the beginning of text, cut.
func excerpt(text []byte) string {
	token, err := jsontext.NewDecoder(bytes.NewBuffer(text)).ReadToken()
	switch {
	case err != nil:
		return ""
	case token.Kind() == '"':
		return quote(token.String())
	case token.Kind() == '{':
		return "{…}"
	case token.Kind() == '[':
		return "[…]"
	}
	return quoteOdd(token.String())
}
