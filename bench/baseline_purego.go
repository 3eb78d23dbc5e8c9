//go:build purego

package bench

// simdBaselines is empty: there would be assembly in them.
var simdBaselines []baseline
