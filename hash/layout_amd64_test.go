//go:build !purego

package hash

import "unsafe"

// The generators have the layout of what they read and write as numbers, these: in _asm/scan.go and _asm/shani_scan.go.
// What differs does not compile.
var _ = [...]int{
	[1]int{}[unsafe.Offsetof(laneSearch{}.state)-16384],
	[1]int{}[unsafe.Offsetof(laneSearch{}.early)-16896],
	[1]int{}[unsafe.Offsetof(laneSearch{}.midstate)-17088],
	[1]int{}[unsafe.Offsetof(laneSearch{}.message)-17600],
	[1]int{}[unsafe.Offsetof(laneSearch{}.words)-37312],

	[1]int{}[unsafe.Offsetof(laneWords{}.w16)-4*0],
	[1]int{}[unsafe.Offsetof(laneWords{}.w17)-4*1],
	[1]int{}[unsafe.Offsetof(laneWords{}.c18)-4*2],
	[1]int{}[unsafe.Offsetof(laneWords{}.c19)-4*3],
	[1]int{}[unsafe.Offsetof(laneWords{}.mask)-4*4],
	[1]int{}[unsafe.Offsetof(laneWords{}.first)-4*5],
	[1]int{}[unsafe.Offsetof(laneWords{}.nonces)-4*6],
	[1]int{}[unsafe.Offsetof(laneWords{}.vectors)-4*7],
	[1]int{}[unsafe.Offsetof(laneWords{}.halves)-4*8],

	[1]int{}[unsafe.Offsetof(shaniSearch{}.lanes)-2048],
	[1]int{}[unsafe.Offsetof(shaniSearch{}.first)-3072],
	[1]int{}[unsafe.Offsetof(shaniSearch{}.oldest20)-3088],
	[1]int{}[unsafe.Offsetof(shaniSearch{}.oldest28)-3104],
	[1]int{}[unsafe.Sizeof(shaniSearch{})-3648], // with the kernel's own rows
}
