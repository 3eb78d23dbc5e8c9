package hash

import "sync/atomic"

// A choice is the kernels to hash a batch with. A kernel that was named is the only one, many. Auto may take another for few
// messages, those of a small batch or what is left of a larger one: kernels of many lanes take as long for one message as for
// a message in each lane.
type choice struct {
	many, few Kernel
	atMost    int // how many messages are few
}

// of returns the kernel for the next messages of a batch of which so many are left, one or more.
func (c choice) of(left int) Kernel {
	if left <= c.atMost {
		return c.few
	}
	return c.many
}

// shaniFew is how many messages SHANI hashes at least as fast as AVX512 and AVX512x2 do, whose smallest group is 16.
// Nanoseconds for a batch of pairs, AMD EPYC (Zen 5), where crypto/sha256 takes 199 for each:
//
//	pairs        1    2    3    4    5    6    7    8    9   10   16   17   32
//	generic    185  364  541  720  894 1070 1249 1433 1620 1795 2890 3032 5672
//	shani      124  231  288  251  358  461  525  482  596  711  974 1088 1938
//	avx2       858  855  864  842  862  857  870  829 1647 1678 1646 2465 3284
//	avx512     590  590  602  595  592  594  599  601  611  605  567 1150 1123
//	avx512x2   as avx512, up to 16                            563  817  761
//
// Cores that begin half as many vector operations in a cycle have been looked at only on paper: there a group of 16 takes
// about as long as nine to eleven messages by SHANI.
const shaniFew = 8

// choose returns the kernels to hash batches with, on a machine of features f and with such outcomes of the self-test, where
// many is expected to be the fastest for large ones.
func choose(many Kernel, f features, test func(Kernel) error) choice {
	c := choice{many: many}
	switch {
	case many == Generic || many == SHANI:
	case f.runs(SHANI) && test(SHANI) == nil:
		c.few, c.atMost = SHANI, shaniFew
	case test(Generic) == nil: // Sum256d, which is made for one message
		c.few, c.atMost = Generic, 1
	}
	return c
}

// choices are what mustChoose returned, by the kernel it was asked for, because looking all that up takes 20 ns, a sixth of
// what it takes to hash a pair.
var choices [kernelCount]atomic.Pointer[choice]

// mustChoose returns the kernels to hash batches with when k is asked for. It panics if this machine cannot run k.
func (k Kernel) mustChoose() choice {
	if int(k) < len(choices) {
		if c := choices[k].Load(); c != nil {
			return *c
		}
	}
	many, err := k.check()
	if err != nil {
		panic("hash: " + err.Error())
	}
	c := choice{many: many}
	if k == Auto {
		c = choose(many, machine(), outcome)
	}
	choices[k].Store(&c)
	return c
}
