package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/touchstone-btc/touchstone/work/share"
)

// policyFlag is a flag that names policies, one or a list of them.
type policyFlag struct {
	list     bool
	policies []share.Policy
}

// everyPolicy stands for all there are.
const everyPolicy = "all"

func (f *policyFlag) Set(s string) error {
	f.policies = nil
	names := []string{s}
	if f.list {
		names = strings.Split(s, ",")
	}
	for _, name := range names {
		name = strings.TrimSpace(name)
		if f.list && name == everyPolicy {
			f.policies = append(f.policies, share.Presets()...)
			continue
		}
		p, err := share.PresetByName(name)
		if err != nil {
			return err
		}
		f.policies = append(f.policies, p)
	}
	seen := map[string]bool{}
	for i := range f.policies {
		name := f.policies[i].String()
		if seen[name] {
			return fmt.Errorf("policy %s is named twice", name)
		}
		seen[name] = true
	}
	return nil
}

func (f *policyFlag) String() string {
	var names []string
	for i := range f.policies {
		names = append(names, f.policies[i].String())
	}
	return strings.Join(names, ",")
}

func (f *policyFlag) Type() string { return "policy" }

var _ pflag.Value = (*policyFlag)(nil)

// policyNames are the policies there are.
func policyNames() (names []string) {
	for _, p := range share.Presets() {
		names = append(names, p.String())
	}
	return names
}

// addTo defines the flag, with completion; in a list, of the name after the last comma.
func (f *policyFlag) addTo(cmd *cobra.Command, name string) {
	cmd.Flags().Var(f, name, "")
	cmd.RegisterFlagCompletionFunc(name, func(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		names := policyNames()
		if !f.list {
			return names, cobra.ShellCompDirectiveNoFileComp
		}
		given := ""
		if i := strings.LastIndexByte(begun, ','); i >= 0 {
			given = begun[:i+1]
		} else {
			names = append(names, everyPolicy)
		}
		taken := strings.Split(given, ",")
		names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(taken, name) })
		for i := range names {
			names[i] = given + names[i]
		}
		return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	})
}
