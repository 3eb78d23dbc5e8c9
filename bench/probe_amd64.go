//go:build !purego

package bench

// Each of these does one operation of the vector units over and over, at least so many times, and returns how many times
// it did. Nothing waits for a result, so that the rate is the most this machine can do. They need the instructions of the
// kernels of their width, and cannot be preempted: a call should end within a millisecond.

//go:noescape
func probeAdd512(atLeast int) (done int)

//go:noescape
func probeShift512(atLeast int) (done int)

//go:noescape
func probeAdd256(atLeast int) (done int)

//go:noescape
func probeShift256(atLeast int) (done int)

//go:noescape
func probeAdd128(atLeast int) (done int)

//go:noescape
func probeShift128(atLeast int) (done int)

//go:noescape
func probeRounds(atLeast int) (done int)

// probeOf returns the probe of a resource, nil if there is none. It may run where a kernel of that width does.
func probeOf(r resource) workload {
	switch r {
	case resource{vector, 512}:
		return probeAdd512
	case resource{shifts, 512}:
		return probeShift512
	case resource{vector, 256}:
		return probeAdd256
	case resource{shifts, 256}:
		return probeShift256
	case resource{vector, 128}:
		return probeAdd128
	case resource{shifts, 128}:
		return probeShift128
	case resource{rounds, 128}:
		return probeRounds
	}
	return nil
}
