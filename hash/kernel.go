package hash

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Kernel names an implementation of the search and the batches. Its zero value is [Auto].
type Kernel uint8

const (
	// Auto is the kernel that [Kernel.Resolve] expects to be the fastest one here. It is not measured: package bench does that.
	// A batch of a few messages, and the few that are left at the end of a larger one, it hashes with another kernel where that
	// one is expected to be faster for so few: [SHANI] before wider ones, and where there is none [Generic] for one message.
	Auto Kernel = iota
	// Generic is plain Go, available everywhere. It defines what the others compute.
	Generic
	// ARM64 uses the SHA2 instructions of arm64.
	ARM64
	// SHANI uses the SHA extensions of amd64.
	SHANI
	// AVX2 hashes in eight lanes.
	AVX2
	// AVX512 hashes in sixteen lanes.
	AVX512
	// AVX512x2 hashes in sixteen lanes two or four times, interleaved, for cores that begin more vector operations at once
	// than sixteen lanes alone keep busy.
	AVX512x2

	kernelCount = iota
)

// kernelNames are what String returns and ParseKernel reads, by Kernel.
var kernelNames = [kernelCount]string{
	Auto:     "auto",
	Generic:  "generic",
	ARM64:    "arm64",
	SHANI:    "shani",
	AVX2:     "avx2",
	AVX512:   "avx512",
	AVX512x2: "avx512x2",
}

// String returns the name that [ParseKernel] reads.
func (k Kernel) String() string {
	if int(k) < len(kernelNames) {
		return kernelNames[k]
	}
	return fmt.Sprintf("kernel(%d)", uint8(k))
}

// ParseKernel returns the kernel of that name, auto included, whether or not this machine can run it: [NewScanner] tells.
func ParseKernel(name string) (Kernel, error) {
	for k, n := range kernelNames {
		if n == name {
			return Kernel(k), nil
		}
	}
	return Auto, fmt.Errorf("unknown kernel %q: use one of %s", name, strings.Join(kernelNames[:], ", "))
}

// Refusal is an error: this machine has all that a kernel needs, but the kernel failed [SelfTest], and nothing here uses it.
type Refusal struct {
	Kernel Kernel
	Err    error // what went wrong
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("kernel %v failed its self-test: %v", r.Kernel, r.Err)
}

// Unwrap returns what went wrong.
func (r *Refusal) Unwrap() error { return r.Err }

// Kernels returns the kernels that this machine can run and that pass [SelfTest], in the order in which their speed is
// expected to rise, without [Auto]. The slice is the caller's.
func Kernels() []Kernel { return slices.Clone(here().passed) }

// Refused returns the kernels that this machine could run but that fail [SelfTest], in the same order. There should be
// none, so whoever chooses a kernel should say aloud which they are. The slice is the caller's.
func Refused() []*Refusal { return slices.Clone(here().refused) }

// Resolve returns the kernel that [Auto] stands for on this machine, and any other kernel unchanged: the one expected to be
// the fastest, of a search and of large batches, of those that pass [SelfTest]. It panics if none does, not even [Generic]: then nothing that is computed here
// can be believed.
func (k Kernel) Resolve() Kernel {
	if k == Auto {
		return expected()
	}
	return k
}

// SelfTest hashes what is known with kernel k and returns nil if all answers are right, a [*Refusal] if not, and another
// error if this machine cannot run k. Each kernel is tested once, when it is first asked for, by [NewScanner] and the
// batches too; that takes a millisecond or less. Kernels that nobody asks for are not run. SelfTest is safe for concurrent
// use.
func SelfTest(k Kernel) error {
	_, err := k.check()
	return err
}

// check returns k resolved, and an error if it cannot be used.
func (k Kernel) check() (Kernel, error) {
	k = k.Resolve()
	return k, k.checkOn(machine(), outcome)
}

// checkOn returns why a machine of features f and with such outcomes of the self-test cannot use k.
func (k Kernel) checkOn(f features, test func(Kernel) error) error {
	if !f.runs(k) {
		return fmt.Errorf("kernel %v does not run on this machine: use one of %v", k, divide(f.kernels(), test).passed)
	}
	if err := test(k); err != nil {
		return &Refusal{k, err}
	}
	return nil
}

// outcomes are what is wrong with each kernel, found out when it is first asked for.
var outcomes = func() (o [kernelCount]func() error) {
	for k := range o {
		o[k] = sync.OnceValue(func() error { return selfTest(Kernel(k)) })
	}
	return o
}()

func outcome(k Kernel) error { return outcomes[k]() }

// here is what can be used on this machine; expected is the last of it, found without a test of the others.
var (
	here     = sync.OnceValue(func() selection { return divide(machine().kernels(), outcome) })
	expected = sync.OnceValue(func() Kernel {
		k, err := lastOf(machine().kernels(), outcome)
		if err != nil {
			panic("hash: " + err.Error())
		}
		return k
	})
)

// selection is kernels divided by a test.
type selection struct {
	passed  []Kernel
	refused []*Refusal
}

// divide puts kernels through test and keeps their order.
func divide(kernels []Kernel, test func(Kernel) error) (s selection) {
	for _, k := range kernels {
		if err := test(k); err != nil {
			s.refused = append(s.refused, &Refusal{k, err})
		} else {
			s.passed = append(s.passed, k)
		}
	}
	return s
}

// lastOf returns the last of kernels that passes test.
func lastOf(kernels []Kernel, test func(Kernel) error) (Kernel, error) {
	var refusals []string
	for _, k := range slices.Backward(kernels) {
		err := test(k)
		if err == nil {
			return k, nil
		}
		refusals = append(refusals, (&Refusal{k, err}).Error())
	}
	return Auto, fmt.Errorf("no kernel computes what is known: %s", strings.Join(refusals, "; "))
}
