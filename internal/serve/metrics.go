package serve

import (
	"net/http"
	"runtime"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/touchstone-btc/touchstone/work/share"
)

// maxMetricWorkers is how many workers have series of their own: those that came first. The sums over all hold the others too.
const maxMetricWorkers = 1000

// metricsHandler returns what answers Prometheus, with a registry of its own.
func metricsHandler(s StatusSource) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(statusCollector{s}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, CoalesceGather: true, MaxRequestsInFlight: 8})
}

// statusCollector turns a snapshot into metrics when it is asked: nothing is counted twice.
type statusCollector struct{ source StatusSource }

// The metrics. Rates are proven by shares of the last ten to twenty minutes; low and high are the ends of the interval of 95 %.
var (
	metricBuild       = metric("build_info", "1, with what runs.", "version", "role", "goversion")
	metricStarted     = metric("start_time_seconds", "When it was started, in seconds since 1970.")
	metricHeight      = metric("height", "Height of the block that is searched.")
	metricDevices     = metric("devices", "Devices that are connected.")
	metricConnections = metric("connections_total", "Connections of devices so far.")
	metricWorkers     = metric("workers", "Workers told apart by name.")
	metricShares      = metric("shares_total", "Shares by our verdict; not-judged are those that could not be judged.", "verdict")
	metricMissed      = metric("missed_messages_total", "Messages that were not judged because the judge did not keep up.")
	metricBlocks      = metric("blocks_total", "Shares that met the network's target, refused ones too.")
	metricWork        = metric("credited_hashes_total", "Hashes that the credited shares take on average.")
	metricCredit      = metric("credited_difficulty_total", "Sum of the difficulties of the credited shares.")
	metricReplies     = metric("pool_replies_total", "What the pool said of shares.", "said")
	metricDisagree    = metric("pool_disagreements_total", "Shares that the pool accepted though they are not valid, or refused though they are.", "kind")
	metricCrossed     = metric("pool_crossed_total", "Valid shares that the pool refused because they crossed a new block on the wire.")
	metricRate        = metric("hashrate_hashes_per_second", "Hash rate that shares prove, of late.")
	metricRateLow     = metric("hashrate_hashes_per_second_low", "Lower end of its interval of 95 %.")
	metricRateHigh    = metric("hashrate_hashes_per_second_high", "Upper end of its interval of 95 %.")
	metricReply       = metric("reply_latency_seconds", "Time from a share to the pool's answer.")
	metricAdded       = metric("added_latency_seconds", "Time that messages spent inside the proxy.")
	metricRecording   = metric("recorder_working", "1 if what happens is recorded, 0 if that fails.")
	metricLost        = metric("recorder_lost_lines_total", "Lines that were not recorded.")
	metricFailures    = metric("recorder_failures_total", "How often writing the recording failed.")
	metricPoolWorking = metric("pool_working", "1 if the pool works, as far as it is known.", "pool")
	metricPoolDevices = metric("pool_devices", "Devices that are joined to the pool.", "pool")

	metricWorkerDevices  = metric("worker_devices", "Devices of the worker that are connected.", "worker")
	metricWorkerShares   = metric("worker_shares_total", "Shares of the worker: credited, refused or not-judged.", "worker", "result")
	metricWorkerDisagree = metric("worker_disagreements_total", "Shares of the worker on which pool and touchstone disagree.", "worker")
	metricWorkerRate     = metric("worker_hashrate_hashes_per_second", "Hash rate that shares of the worker prove, of late.", "worker")
	metricWorkerRateLow  = metric("worker_hashrate_hashes_per_second_low", "Lower end of its interval of 95 %.", "worker")
	metricWorkerRateHigh = metric("worker_hashrate_hashes_per_second_high", "Upper end of its interval of 95 %.", "worker")
)

func metric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("touchstone_"+name, help, labels, nil)
}

// Describe tells nothing in advance: which metrics there are depends on the role.
func (statusCollector) Describe(chan<- *prometheus.Desc) {}

// Collect writes the metrics of this moment.
func (c statusCollector) Collect(out chan<- prometheus.Metric) {
	s := c.source.Snapshot()
	m := metricsOf(out)
	m.gauge(metricBuild, 1, s.Version, s.Role, runtime.Version())
	m.gauge(metricStarted, float64(s.Started.UnixNano())/1e9)
	if s.Chain != "" {
		m.gauge(metricHeight, float64(s.Height))
	}
	t := &s.Total
	m.gauge(metricDevices, float64(t.Devices))
	m.gauge(metricWorkers, float64(t.Workers))
	m.counter(metricConnections, float64(t.Connections))
	for _, w := range share.Words() {
		m.counter(metricShares, float64(t.Verdicts[w.String()]), w.String())
	}
	m.counter(metricShares, float64(t.Unjudged), share.NotJudged.String())
	m.counter(metricMissed, float64(t.Missed))
	m.counter(metricBlocks, float64(t.Blocks))
	m.counter(metricWork, t.hashes())
	m.counter(metricCredit, t.Credit)
	m.counter(metricReplies, float64(t.PoolAccepted), "accepted")
	m.counter(metricReplies, float64(t.PoolRejected), "rejected")
	m.counter(metricDisagree, float64(t.WronglyAccepted), PoolAccepted)
	m.counter(metricDisagree, float64(t.WronglyRejected), PoolRefused)
	m.counter(metricCrossed, float64(t.Crossed))
	m.rate(t.Recent, metricRate, metricRateLow, metricRateHigh)
	m.histogram(metricReply, t.Reply)
	m.histogram(metricAdded, t.Added)
	if r := s.Recording; r != nil {
		m.gauge(metricRecording, one(r.Error == ""))
		m.counter(metricLost, float64(r.Lost))
		m.counter(metricFailures, float64(r.Failures))
	}
	named := newLabels()
	for i := range s.Pools {
		if pool, ok := named.take(s.Pools[i].URL); ok {
			m.gauge(metricPoolWorking, one(s.Pools[i].Working), pool)
			m.gauge(metricPoolDevices, float64(s.Pools[i].Devices), pool)
		}
	}
	m.workers(s.Workers)
}

// workers writes those of the workers that came first.
func (m metricsOf) workers(all []WorkerStatus) {
	slices.SortFunc(all, byNumber)
	named := newLabels()
	for i := range all[:min(len(all), maxMetricWorkers)] {
		w := &all[i]
		if w.Worker == nil {
			continue
		}
		name, ok := named.take(*w.Worker)
		if !ok {
			continue
		}
		m.gauge(metricWorkerDevices, float64(w.Devices), name)
		m.counter(metricWorkerShares, float64(w.Credited), name, "credited")
		m.counter(metricWorkerShares, float64(w.Refused), name, "refused")
		m.counter(metricWorkerShares, float64(w.Unjudged), name, share.NotJudged.String())
		m.counter(metricWorkerDisagree, float64(w.Disagreements), name)
		m.rate(w.Recent, metricWorkerRate, metricWorkerRateLow, metricWorkerRateHigh, name)
	}
}

// labels are the values of a label: each once, and UTF-8, or all metrics together would be an error.
type labels map[string]bool

func newLabels() labels { return labels{} }

// take returns a value as it may stand in a label, and false if there is one that looks the same.
func (l labels) take(value string) (string, bool) {
	value = strings.ToValidUTF8(value, "�")
	if l[value] {
		return "", false
	}
	l[value] = true
	return value, true
}

// metricsOf is where metrics are written.
type metricsOf chan<- prometheus.Metric

func (m metricsOf) gauge(d *prometheus.Desc, v float64, labels ...string) {
	m <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (m metricsOf) counter(d *prometheus.Desc, v float64, labels ...string) {
	m <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
}

// rate writes a hash rate with its interval, or nothing, if nothing is known of it.
func (m metricsOf) rate(r *HashRate, rate, low, high *prometheus.Desc, labels ...string) {
	if r == nil {
		return
	}
	m.gauge(rate, r.Rate, labels...)
	m.gauge(low, r.Low, labels...)
	m.gauge(high, r.High, labels...)
}

func (m metricsOf) histogram(d *prometheus.Desc, l *Latency) {
	if l == nil {
		return
	}
	buckets := make(map[float64]uint64, len(l.buckets))
	for _, b := range l.buckets {
		buckets[b.edge.Seconds()] = b.count
	}
	m <- prometheus.MustNewConstHistogram(d, uint64(l.Count), l.sum.Seconds(), buckets)
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
