//go:build purego || !(amd64 || arm64)

package hash

// There are no kernels in assembly here, so nothing below is reached.

func sumHeadersAssembly(choice, [][32]byte, [][HeaderSize]byte) { panic("hash: no assembly here") }

func sumPairsAssembly(choice, [][32]byte, [][PairSize]byte) { panic("hash: no assembly here") }

func sumSuffixesAssembly(choice, [][32]byte, *Prefix, []byte, int) { panic("hash: no assembly here") }
