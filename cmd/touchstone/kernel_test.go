package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/internal/serve"
)

var errMiss = errors.New("search of 4 midstates: nonce 1 is missing")

// A kernel that is named and can't be used is an error with a cure, from the
// flag and from the environment, before anything is made.
func TestKernelFlag(t *testing.T) {
	run := func(environment map[string]string, args ...string) (kernel hash.Kernel, code int, log string) {
		var b bytes.Buffer
		p := testProgram(nil, &b, &b)
		p.lookupEnv = func(name string) (string, bool) { v, ok := environment[name]; return v, ok }
		flag := kernelFlag{test: func(k hash.Kernel) error {
			switch k {
			case hash.AVX512:
				return fmt.Errorf("kernel %v does not run on this machine: use one of [generic]", k)
			case hash.AVX2:
				return &hash.Refusal{Kernel: k, Err: errMiss}
			}
			return nil
		}}
		cmd := &cobra.Command{
			Use:               "mine",
			PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return p.applyEnvironment(cmd) },
			RunE:              func(*cobra.Command, []string) error { kernel = flag.kernel; return nil },
			SilenceErrors:     true,
			SilenceUsage:      true,
		}
		cmd.SetFlagErrorFunc(flagError)
		cmd.Flags().Var(&flag, "kernel", "")
		cmd.SetArgs(args)
		if err := cmd.Execute(); err != nil {
			code = exitCannotJudge
			p.report(err)
		}
		return kernel, code, b.String()
	}
	kernel, code, log := run(nil, "--kernel", "shani")
	require.Equal(t, hash.SHANI, kernel)
	require.Zero(t, code, log)
	kernel, code, log = run(map[string]string{"TOUCHSTONE_KERNEL": "shani"})
	require.Equal(t, hash.SHANI, kernel)
	require.Zero(t, code, log)
	kernel, _, _ = run(map[string]string{"TOUCHSTONE_KERNEL": "avx2"}, "--kernel", "auto")
	require.Equal(t, hash.Auto, kernel, "the flag wins")

	for name, text := range map[string]string{
		"avx512": "touchstone: error: --kernel: kernel avx512 does not run on this machine: use one of [generic]\n" +
			"touchstone: hint: 'touchstone version' lists the kernels that this machine has\n",
		"avx2": "touchstone: error: --kernel: kernel avx2 failed its self-test: search of 4 midstates: nonce 1 is missing\n" +
			"touchstone: hint: it computes wrong on this machine; name another, or auto for the fastest that does not\n",
		"abacus": "touchstone: error: --kernel: unknown kernel \"abacus\": use one of auto, generic, arm64, shani, avx2, avx512, avx512x2\n" +
			"touchstone: hint: run 'mine --help'\n",
	} {
		_, code, log = run(nil, "--kernel", name)
		require.Equal(t, exitCannotJudge, code)
		require.Equal(t, text, log)

		_, code, log = run(map[string]string{"TOUCHSTONE_KERNEL": name})
		require.Equal(t, exitCannotJudge, code)
		first, _, _ := strings.Cut(text, "\n")
		require.Contains(t, log, strings.Replace(first, "--kernel", "environment variable TOUCHSTONE_KERNEL", 1)+"\n")
		require.Contains(t, log, "touchstone: hint: unset it, or give --kernel, which wins\n")
	}
}

// A kernel that computes wrong is told of on standard error by all who would
// have used it, whether or not their results are for a machine.
func TestRefusedKernels(t *testing.T) {
	const warning = "touchstone: warning: kernel avx2 is not used, it computes wrong on this machine: " +
		"search of 4 midstates: nonce 1 is missing\n"
	for _, args := range [][]string{
		{"version"}, {"version", "--json"}, {"verify", "block", "nosuch"}, {"verify", "headers", "--json", "nosuch"},
	} {
		var out, log bytes.Buffer
		p := testProgram(nil, &out, &log)
		p.refused = func() []*hash.Refusal { return []*hash.Refusal{{Kernel: hash.AVX2, Err: errMiss}} }
		p.run(t.Context(), args)
		require.Contains(t, log.String(), warning, args)
		if args[len(args)-1] == "--json" {
			require.Contains(t, out.String(), `"refused":[{"kernel":"avx2","error":"search of 4 midstates: nonce 1 is missing"}]`)
		}
	}

	for _, asJSON := range []bool{false, true} {
		var out, log bytes.Buffer
		printer := &minePrinter{program: testProgram(nil, &out, &log), json: asJSON}
		printer.print(serve.KernelRefused{Kernel: "avx2", Error: errMiss.Error()})
		require.Equal(t, warning, log.String())
		require.Equal(t, asJSON, strings.Contains(out.String(), `{"event":"kernel_refused",`))
		printer.print(serve.KernelChosen{Kernel: "shani", Reason: serve.ReasonOnly})
		require.Equal(t, asJSON, log.String() == warning)
	}
}
