package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Exit codes of every command.
const (
	exitOK          = 0 // everything asked for holds
	exitInvalid     = 1 // something was judged invalid
	exitCannotJudge = 2 // usage, I/O, malformed input
)

// quietExit is an error that only sets the exit code: what there was to say
// has been said.
type quietExit int

func (q quietExit) Error() string { return fmt.Sprintf("exit code %d", int(q)) }

// hintedError is an error whose cure we know.
type hintedError struct {
	err  error
	hint string
}

func (e *hintedError) Error() string { return e.err.Error() }
func (e *hintedError) Unwrap() error { return e.err }

// withHint adds a cure to err.
func withHint(err error, format string, args ...any) error {
	return &hintedError{err, fmt.Sprintf(format, args...)}
}

// usageError is an error in how cmd was called.
func usageError(cmd *cobra.Command, format string, args ...any) error {
	return withHint(fmt.Errorf(format, args...), "run '%s --help'", cmd.CommandPath())
}

// report writes err and its cure to standard error, one line each.
func (p *program) report(err error) {
	p.con.Log("touchstone: error: %s", oneLine(err.Error()))
	var h *hintedError
	if errors.As(err, &h) {
		p.con.Log("touchstone: hint: %s", oneLine(h.hint))
	}
}

// noBreak is a space at which no line is broken.
const noBreak = '\u00a0'

// oneLine makes one line of text, without a full stop and without control
// characters and those that turn the direction of text, which a hostile file or node may have put there.
func oneLine(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) && r != noBreak {
			return '?'
		}
		return r
	}, text)
	return strings.TrimSuffix(strings.TrimSpace(text), ".")
}

// cause strips the operation and path from a file error: we name the file
// ourselves.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	var s *os.SyscallError
	if errors.As(err, &s) {
		return s.Err
	}
	return err
}

// flagError puts pflag's errors into our words.
func flagError(cmd *cobra.Command, err error) error {
	var notExist *pflag.NotExistError
	var noValue *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return err
	case errors.As(err, &notExist):
		name := notExist.GetSpecifiedName()
		dashes := "--"
		if notExist.GetSpecifiedShortnames() != "" {
			dashes = "-"
		}
		err := fmt.Errorf("unknown flag %s%s", dashes, name)
		if near := nearestFlag(cmd, name); near != "" {
			return withHint(err, "did you mean --%s? 'touchstone %s --help' lists the flags", near, shortPath(cmd))
		}
		return usageError(cmd, "%w", err)
	case errors.As(err, &noValue):
		return usageError(cmd, "flag --%s needs a value", noValue.GetSpecifiedName())
	case errors.As(err, &invalid):
		err := valueError(invalid.GetFlag(), invalid.GetValue(), invalid.Unwrap())
		var cured *hintedError
		if errors.As(err, &cured) {
			return withHint(fmt.Errorf("--%s: %w", invalid.GetFlag().Name, err), "%s", cured.hint)
		}
		return usageError(cmd, "--%s: %w", invalid.GetFlag().Name, err)
	}
	return usageError(cmd, "%w", err)
}

// valueError says what is wrong with a flag's value. pflag's own number types
// answer with strconv's errors, which speak of parsing, not of the value.
func valueError(f *pflag.Flag, value string, err error) error {
	switch f.Value.Type() {
	case "int", "int32", "int64":
		return fmt.Errorf("%q is not a whole number in range", value)
	case "float64":
		return fmt.Errorf("%q is not a number", value)
	case "duration":
		return fmt.Errorf("%q is not a duration, such as 90s, 10m or 1h30m", value)
	case "bool":
		return fmt.Errorf("%q is neither true nor false", value)
	}
	return err
}

// missingCommand is the error of calling cmd, which only groups others,
// without naming one of them, or naming one that it lacks.
func missingCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return withHint(fmt.Errorf("%s needs a command: %s", cmd.CommandPath(), commandNames(cmd)),
			"run '%s --help'", cmd.CommandPath())
	}
	err := fmt.Errorf("unknown command %q of %s", args[0], cmd.CommandPath())
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return withHint(err, "did you mean '%s %s'?", cmd.CommandPath(), near[0])
	}
	return withHint(err, "the commands are %s", commandNames(cmd))
}

func commandNames(cmd *cobra.Command) string {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return strings.Join(names, ", ")
}

// shortPath is the command's path without the program's name.
func shortPath(cmd *cobra.Command) string {
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	return path
}

// nearestFlag is the flag of cmd that name may have meant, or "".
func nearestFlag(cmd *cobra.Command, name string) string {
	best, distance := "", 3
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		d := editDistance(name, f.Name)
		if d < distance {
			best, distance = f.Name, d
		}
	})
	return best
}

// editDistance is the Levenshtein distance of two short words.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// firstSentence is the first sentence of a usage text, on one line.
func firstSentence(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if before, _, ok := strings.Cut(text, ". "); ok {
		return before
	}
	return text
}
