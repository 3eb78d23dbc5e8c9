package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// configFlagUsage is the part of a usage text that tells of --config.
const configFlagUsage = `  --config FILE             take flags from this file as well, in TOML: their
                            names without the dashes, lists in brackets; the
                            command line and the environment win; SIGHUP reads
                            it again
`

// addConfigFlag adds --config to cmd.
func addConfigFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "config", "", "")
	cmd.MarkFlagFilename("config", "toml")
}

// maxConfigSize is in bytes: a thousand pools need less.
const maxConfigSize = 1 << 20

// applyConfig sets the flags of cmd that neither the command line nor the
// environment gave from the file that --config names, if there is one.
func (p *program) applyConfig(cmd *cobra.Command) error {
	f := cmd.Flags().Lookup("config")
	if f == nil || f.Value.String() == "" {
		return nil
	}
	c, err := readConfig(f.Value.String())
	if err != nil {
		return err
	}
	return c.apply(cmd)
}

// configFile is a file with flags.
type configFile struct {
	name   string
	text   string
	keys   []string // in the file's order
	values map[string]any
}

// readConfig reads a file with flags.
func readConfig(name string) (*configFile, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, withHint(fmt.Errorf("--config: %s: %w", name, cause(err)), "name a file that you may read")
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxConfigSize+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("--config: %s: %w", name, cause(err))
	case len(b) > maxConfigSize:
		return nil, fmt.Errorf("--config: %s has more than %d bytes", name, maxConfigSize)
	}
	c := &configFile{name: name, text: string(b), values: map[string]any{}}
	meta, err := toml.Decode(c.text, &c.values)
	if err != nil {
		return nil, c.syntax(err)
	}
	seen := map[string]bool{}
	for _, key := range meta.Keys() {
		if !seen[key[0]] {
			seen[key[0]] = true
			c.keys = append(c.keys, key[0])
		}
	}
	return c, nil
}

// syntax is the error of a file that is no TOML.
func (c *configFile) syntax(err error) error {
	var parse toml.ParseError
	if !errors.As(err, &parse) {
		return fmt.Errorf("--config: %s: %w", c.name, err)
	}
	err = fmt.Errorf("--config: %s, line %d: %s", c.name, parse.Position.Line, parse.Message)
	return withHint(err, "%s", configExample)
}

const configExample = `lines look like: idle = "10m", max-conns = 100, json = true, listen = ["127.0.0.1:3333", "[::1]:3333"]`

// errorf is an error about a key.
func (c *configFile) errorf(key, format string, args ...any) error {
	return fmt.Errorf("--config: %s%s: %s: %w", c.name, c.line(key), key, fmt.Errorf(format, args...))
}

// line says where a key stands, which the decoder keeps for itself.
func (c *configFile) line(key string) string {
	n := 0
	for line := range strings.Lines(c.text) {
		n++
		rest := strings.TrimSpace(line)
		if table, ok := strings.CutPrefix(rest, "["); ok {
			rest = strings.TrimLeft(table, "[ \t")
		}
		for _, quote := range []string{"", `"`, "'"} {
			after, ok := strings.CutPrefix(rest, quote+key+quote)
			if after = strings.TrimSpace(after); ok && after != "" && strings.ContainsRune("=].", rune(after[0])) {
				return fmt.Sprintf(", line %d", n)
			}
		}
	}
	return ""
}

// apply sets the flags of cmd that were not given yet.
func (c *configFile) apply(cmd *cobra.Command) error {
	for _, key := range c.keys {
		f := cmd.Flags().Lookup(key)
		if f == nil || key == "config" || key == "help" {
			return c.unknown(cmd, key)
		}
		values, want := configValues(f, c.values[key])
		if want != "" {
			return c.errorf(key, "%s is not %s", configText(c.values[key]), want)
		}
		if f.Changed {
			continue
		}
		for _, v := range values {
			err := setFlag(cmd, f, v)
			if hinted := (*hintedError)(nil); errors.As(err, &hinted) {
				return withHint(c.errorf(key, "%w", err), "%s", hinted.hint)
			} else if err != nil {
				return c.errorf(key, "%w", err)
			}
		}
	}
	return nil
}

// unknown is the error of a key that is no flag of cmd.
func (c *configFile) unknown(cmd *cobra.Command, key string) error {
	err := c.errorf(key, "no flag of '%s' has this name", cmd.CommandPath())
	if _, table := c.values[key].(map[string]any); table {
		return withHint(err, "there are no tables here: write the flags without a heading")
	}
	if near := nearestFlag(cmd, strings.ReplaceAll(key, "_", "-")); near != "" && near != "config" && near != "help" {
		return withHint(err, "did you mean %s?", near)
	}
	return withHint(err, "'%s --help' lists the flags", cmd.CommandPath())
}

// configValues returns a value of the file as what the command line would say:
// one text, or several for a flag that is repeated. Where it is of the wrong
// type, want says what it should be.
func configValues(f *pflag.Flag, value any) (values []string, want string) {
	if _, repeated := f.Value.(pflag.SliceValue); repeated {
		want = `a text or a list of texts, such as ["…", "…"]`
		switch v := value.(type) {
		case string:
			return []string{v}, ""
		case []any:
			for _, e := range v {
				text, ok := e.(string)
				if !ok {
					return nil, want
				}
				values = append(values, text)
			}
			return values, ""
		}
		return nil, want
	}
	number := false // may it be one?
	switch f.Value.Type() {
	case "bool":
		if b, ok := value.(bool); ok {
			return []string{fmt.Sprint(b)}, ""
		}
		return nil, "true or false, without quotes"
	case "int", "int32", "int64", "uint", "uint32", "uint64":
		if n, ok := value.(int64); ok {
			return []string{fmt.Sprint(n)}, ""
		}
		return nil, "a whole number, without quotes"
	case "float64":
		switch v := value.(type) {
		case int64, float64:
			return []string{fmt.Sprint(v)}, ""
		}
		return nil, "a number, without quotes"
	case "duration":
		want = `a duration in quotes, such as "90s" or "10m"`
	case "bytes":
		want, number = `a number of bytes, such as 1048576 or "256M"`, true
	default:
		want = "a text in quotes"
	}
	switch v := value.(type) {
	case string:
		return []string{v}, ""
	case int64:
		// 0 is the same in all units.
		if number || v == 0 && f.Value.Type() != "string" {
			return []string{fmt.Sprint(v)}, ""
		}
	}
	return nil, want
}

// configText is a value of the file for an error.
func configText(value any) string {
	switch v := value.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case bool, int64, float64:
		return fmt.Sprint(v)
	case []any:
		return "a list"
	case map[string]any, []map[string]any:
		return "a table"
	}
	return "a date"
}

// setFlag sets a flag as the command line would, and says in our words what is
// wrong with the value.
func setFlag(cmd *cobra.Command, f *pflag.Flag, value string) error {
	err := cmd.Flags().Set(f.Name, value)
	if invalid := (*pflag.InvalidValueError)(nil); errors.As(err, &invalid) {
		return valueError(f, value, invalid.Unwrap())
	}
	return err
}

// parseAgain gives the flags of fresh, a command like cmd that was not run,
// what cmd was given: by the command line, by the environment, and by the file
// of --config as it is now.
func (p *program) parseAgain(cmd, fresh *cobra.Command) error {
	_, args, err := cmd.Root().Find(p.args)
	if err != nil {
		return err
	}
	root := &cobra.Command{Use: cmd.Root().Name()}
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(fresh)
	if err := fresh.ParseFlags(args); err != nil {
		return flagError(fresh, err)
	}
	return p.applySettings(fresh)
}

// reload is what came of reading the flags of a command that runs again: those
// that changed, and those that change nothing before a restart.
type reload struct{ changed, restart []string }

// reloadable is a command that can be given other flags while it runs.
type reloadable interface {
	command() *cobra.Command
	check(cmd *cobra.Command, args []string) error
}

// reloader returns what onReload calls for cmd: it reads the flags again, into a
// command that fresh makes, and has take give them to the role that runs. Only
// those that are named can change.
func reloader[C reloadable](p *program, cmd *cobra.Command, named []string, fresh func() C, take func(C) error) func() (reload, error) {
	last := cmd
	return func() (r reload, err error) {
		next := fresh()
		read := next.command()
		if err := p.parseAgain(cmd, read); err != nil {
			return r, err
		}
		if err := next.check(read, nil); err != nil {
			return r, err
		}
		if err := take(next); err != nil {
			return r, err
		}
		r.restart = changedFlags(cmd, read, named...)
		for _, name := range changedFlags(last, read) {
			if slices.Contains(named, name) {
				r.changed = append(r.changed, name)
			}
		}
		last = read
		return r, nil
	}
}

// onReload calls again when the process is told to read its configuration
// again: by SIGHUP, where there is such a thing, if cmd was given --config. It
// says what came of it. again is called by one goroutine, until ctx ends or stop
// is called, which waits for that.
func (p *program) onReload(ctx context.Context, cmd *cobra.Command, again func() (reload, error)) (stop func()) {
	f := cmd.Flags().Lookup("config")
	if f == nil || f.Value.String() == "" {
		return func() {}
	}
	hangups := make(chan os.Signal, 1)
	notifyHangup(hangups)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer signal.Stop(hangups)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
				p.reloaded(f.Value.String(), again)
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// reloaded calls again and says what came of it.
func (p *program) reloaded(file string, again func() (reload, error)) {
	r, err := again()
	if err != nil {
		p.report(fmt.Errorf("everything stays as it was: %w", err))
		return
	}
	if len(r.restart) > 0 {
		p.con.Log("touchstone: warning: changed, but not before a restart: %s", strings.Join(r.restart, ", "))
	}
	changed := "no flag changed that can without a restart"
	if len(r.changed) > 0 {
		changed = "changed: " + strings.Join(r.changed, ", ")
	}
	p.con.Log("touchstone: read %s again, and certificates: %s", oneLine(file), changed)
}

// changedFlags names the flags whose values differ in two commands that are
// alike, but for those that are excepted.
func changedFlags(a, b *cobra.Command, except ...string) (names []string) {
	a.Flags().VisitAll(func(f *pflag.Flag) {
		for _, e := range except {
			if f.Name == e {
				return
			}
		}
		if g := b.Flags().Lookup(f.Name); g != nil && f.Value.String() != g.Value.String() {
			names = append(names, f.Name)
		}
	})
	return names
}
