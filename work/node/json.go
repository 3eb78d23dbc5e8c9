package node

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
)

// errShort means that the JSON ended before its value did: a connection was
// dropped, rather than something else sent.
var errShort = errors.New("the answer ends in the middle")

// decodeObject decodes the one JSON object that text must be into v. A name that
// occurs twice in an object is an error, because which one counts would be
// anybody's guess, and so is text that is not UTF-8. Members that are
// jsontext.Value in v keep their exact text.
func decodeObject(text []byte, v any) error {
	if rest := bytes.TrimLeft(text, " \t\r\n"); len(rest) > 0 && rest[0] != '{' {
		return fmt.Errorf("JSON object expected, found %s", excerpt(text))
	}
	err := json.Unmarshal(text, v)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errShort
	}
	return errors.New(strings.TrimPrefix(err.Error(), "jsontext: "))
}
