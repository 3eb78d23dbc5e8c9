//go:build purego || !(amd64 || arm64)

package hash

// detect finds nothing: there is no assembly here that could use it.
func detect() features { return features{} }
