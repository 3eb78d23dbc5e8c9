//go:build purego || !(amd64 || arm64)

package hash

// assembly is what kernels in assembly know of a search. There are none here, so nothing below is reached.
type assembly struct{}

func newAssembly(Kernel) assembly { return assembly{} }

func (s *Scanner) resetAssembly() {}

func (s *Scanner) sliceAssembly() uint64 { panic("hash: no assembly here") }

func (s *Scanner) scanAssembly([]Candidate, uint32, uint32, uint64) ([]Candidate, uint64) {
	panic("hash: no assembly here")
}
