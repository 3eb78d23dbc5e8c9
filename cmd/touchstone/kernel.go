package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/internal/serve"
)

// kernelFlag is a flag that names a kernel.
type kernelFlag struct {
	kernel hash.Kernel
	// test says whether a kernel can be used; nil means hash.SelfTest.
	test func(hash.Kernel) error
}

func (f *kernelFlag) Set(s string) error {
	k, err := hash.ParseKernel(s)
	if err != nil {
		return err
	}
	test := f.test
	if test == nil {
		test = hash.SelfTest
	}
	if err := test(k); errors.As(err, new(*hash.Refusal)) {
		return withHint(err, "it computes wrong on this machine; name another, or auto for the fastest that does not")
	} else if err != nil {
		return withHint(err, "'touchstone version' lists the kernels that this machine has")
	}
	f.kernel = k
	return nil
}

func (f *kernelFlag) String() string { return f.kernel.String() }
func (f *kernelFlag) Type() string   { return "kernel" }

// complete completes the names of the kernels this machine has, which are
// tested only then.
func (f *kernelFlag) complete(cmd *cobra.Command) {
	cmd.RegisterFlagCompletionFunc("kernel", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		names := []string{hash.Auto.String()}
		for _, k := range hash.Kernels() {
			names = append(names, k.String())
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
}

// kernelText says which kernel was chosen and why. One that was named is no
// news.
func kernelText(e serve.KernelChosen) string {
	switch e.Reason {
	case serve.ReasonOnly:
		return fmt.Sprintf("kernel %s: this machine has no other", e.Kernel)
	case serve.ReasonFastest:
		var rates []string
		for _, r := range e.Rates {
			rates = append(rates, fmt.Sprintf("%s %sH/s", r.Kernel, siRate(r.Rate)))
		}
		return fmt.Sprintf("kernel %s is the fastest with %s on one thread: %s", e.Kernel,
			count(int64(e.Midstates), "midstate"), strings.Join(rates, ", "))
	}
	return ""
}

// refusedText says that a kernel failed its self-test.
func refusedText(kernel, err string) string {
	return fmt.Sprintf("warning: kernel %s is not used, it computes wrong on this machine: %s", kernel, err)
}

// warnRefused says aloud which kernels fail their self-test here, whichever is
// used instead.
func (p *program) warnRefused() {
	for _, r := range p.refused() {
		p.con.Log("touchstone: %s", oneLine(refusedText(r.Kernel.String(), r.Err.Error())))
	}
}
