//go:build !purego

package hash

func sumHeadersAVX2(dst *[32]byte, src *[HeaderSize]byte, n int)          { panic("") }
func sumPairsAVX2(dst *[32]byte, src *[PairSize]byte, n int)              { panic("") }
func sumSuffixesAVX2(*[32]byte, *[8]uint32, **byte, int, **byte, int)     { panic("") }
func sumHeadersAVX512(dst *[32]byte, src *[HeaderSize]byte, n int)        { panic("") }
func sumPairsAVX512(dst *[32]byte, src *[PairSize]byte, n int)            { panic("") }
func sumSuffixesAVX512(*[32]byte, *[8]uint32, **byte, int, **byte, int)   { panic("") }
func sumHeadersAVX512x2(dst *[32]byte, src *[HeaderSize]byte, n int)      { panic("") }
func sumPairsAVX512x2(dst *[32]byte, src *[PairSize]byte, n int)          { panic("") }
func sumSuffixesAVX512x2(*[32]byte, *[8]uint32, **byte, int, **byte, int) { panic("") }
