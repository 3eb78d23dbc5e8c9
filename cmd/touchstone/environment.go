package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// environmentName is the variable that stands for a flag.
func environmentName(flag string) string {
	return "TOUCHSTONE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
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
