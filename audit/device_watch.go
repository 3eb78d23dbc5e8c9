package audit

// Evidence appends the natural logarithms of the device's current e-values to dst and returns it: one for each of
// DeviceReport.Evidence, in that order. It is for those who look often; see [Device.Report] for the peaks and what they mean.
func (d *Device) Evidence(dst []float64) []float64 {
	var logE [len(evidence)]float64
	d.Tests.evidenceOf(&logE, nil)
	return append(dst, logE[:]...)
}
