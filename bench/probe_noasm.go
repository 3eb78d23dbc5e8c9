//go:build !amd64 || purego

package bench

// probeOf returns nil: there is no probe here.
func probeOf(resource) workload { return nil }
