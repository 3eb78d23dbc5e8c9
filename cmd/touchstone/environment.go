package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// environmentName is the variable that stands for a flag.
func environmentName(flag string) string {
	return "TOUCHSTONE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// fromEnvironment marks a flag whose value came from its variable.
const fromEnvironment = "environment"

// blame names the variable in an error that begins with a flag that was set by
// it.
func blame(cmd *cobra.Command, err error) error {
	rest, ok := strings.CutPrefix(err.Error(), "--")
	name, _, found := strings.Cut(rest, ":")
	if !ok || !found {
		return err
	}
	f := cmd.Flags().Lookup(name)
	if f == nil {
		return err
	}
	if _, ok := f.Annotations[fromEnvironment]; !ok {
		return err
	}
	blamed := fmt.Errorf("environment variable %s: %w", environmentName(name), err)
	if h := (*hintedError)(nil); errors.As(err, &h) {
		return withHint(blamed, "%s", h.hint)
	}
	return blamed
}

// applySettings sets the flags of cmd that the command line left alone, from the
// environment and then from the file of --config.
func (p *program) applySettings(cmd *cobra.Command) error {
	if err := p.applyEnvironment(cmd); err != nil {
		return err
	}
	return p.applyConfig(cmd)
}

// applyEnvironment sets the flags of cmd that the command line left alone from
// their variables. A flag that can be repeated takes its values from one
// variable, separated by spaces.
func (p *program) applyEnvironment(cmd *cobra.Command) error {
	var errs []error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		value, ok := p.lookupEnv(environmentName(f.Name))
		if !ok || value == "" || f.Changed || f.Name == "help" {
			return
		}
		values := []string{value}
		if _, repeated := f.Value.(pflag.SliceValue); repeated {
			values = strings.Fields(value)
		}
		_ = cmd.Flags().SetAnnotation(f.Name, fromEnvironment, nil) // the flag is there
		for _, v := range values {
			if err := setFlag(cmd, f, v); err != nil {
				errs = append(errs, withHint(fmt.Errorf("environment variable %s: %w", environmentName(f.Name), err),
					"unset it, or give --%s, which wins", f.Name))
				return
			}
		}
	})
	if len(errs) > 0 {
		return errs[0]
	}
	return nil
}
