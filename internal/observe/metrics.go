package observe

import (
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"skerry/internal/worker"
)

// Stats are gauges and counters of all isolate hosts together.
type Stats struct {
	Hosts, HostRestarts, HostRetirements                          uint64
	Violations, Suspects, Strikes, Quarantines, Versions          uint64
	IsolatesLive, IsolatesSpare, IsolatesStarted, ColdStarts      uint64
	Evictions, Condemned, HeapBytes, ExternalBytes, ResidentBytes uint64
	Runnable, MailboxItems, EventsLive                            uint64
	Executors, ExecutorsBusy, ExecutorsDemoted                    uint64
}

// MetricsConfig is what Metrics are made of.
type MetricsConfig struct {
	// Stats is asked at each scrape; nil for none. false: unknown just now.
	Stats func() (Stats, bool)
	// PerWorker adds requests by worker for the first Workers names that are seen; the rest is "other".
	PerWorker bool
	// Workers is 1000 if zero.
	Workers int
	// Version labels skerry_build_info.
	Version string
	// Walls says which walls of the sandbox stand around isolate hosts.
	Walls map[string]bool
}

// DefaultWorkers is the number of workers that have a label of their own.
const DefaultWorkers = 1000

// Metrics is a private registry and what it holds. Its methods may be called from any goroutine.
type Metrics struct {
	registry *prometheus.Registry
	requests []prometheus.Counter // by outcome
	refused  prometheus.Counter
	cold     prometheus.Counter
	wall     prometheus.Observer
	cpu      prometheus.Observer
	startup  prometheus.Observer
	bytes    prometheus.Counter

	perWorker *prometheus.CounterVec // nil if off
	workers   sync.Map               // name → []prometheus.Counter by outcome
	names     atomic.Int64
	maxNames  int64
}

// NewMetrics makes the registry.
func NewMetrics(cfg MetricsConfig) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), maxNames: int64(cfg.Workers)}
	if m.maxNames == 0 {
		m.maxNames = DefaultWorkers
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		m.registry.MustRegister(c)
		return c
	}
	histogram := func(name, help string, buckets []float64) prometheus.Observer {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
		m.registry.MustRegister(h)
		return h
	}
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "skerry_requests_total", Help: "Requests that reached a worker, by outcome of their event."}, []string{"outcome"})
	m.registry.MustRegister(requests)
	for _, outcome := range worker.Outcomes() {
		m.requests = append(m.requests, requests.WithLabelValues(outcome.String()))
	}
	m.refused = counter("skerry_requests_refused_total", "Requests that were answered before they reached a worker.")
	m.cold = counter("skerry_requests_cold_total", "Requests that had to wait for an isolate to start.")
	m.bytes = counter("skerry_response_bytes_total", "Bytes of response bodies sent.")
	m.wall = histogram("skerry_request_seconds", "Time from the head of a request to the end of its response.",
		[]float64{.0002, .0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30, 60})
	m.cpu = histogram("skerry_request_cpu_seconds", "Processor time billed to an event.",
		[]float64{.00001, .00002, .00005, .0001, .0002, .0005, .001, .002, .005, .01, .02, .05, .1, .5, 1, 5, 30})
	m.startup = histogram("skerry_startup_seconds", "Processor time for evaluating the modules of a worker at a cold start.",
		[]float64{.0001, .0002, .0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1})
	if cfg.PerWorker {
		m.perWorker = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "skerry_worker_requests_total", Help: "Requests that reached a worker, by worker and outcome."}, []string{"worker", "outcome"})
		m.registry.MustRegister(m.perWorker)
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "skerry_build_info", Help: "Always 1; the label says what runs."}, []string{"version"})
	build.WithLabelValues(cfg.Version).Set(1)
	walls := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "skerry_sandbox_wall", Help: "1 if the wall stands between isolate hosts and the machine, 0 if it is missing."}, []string{"wall"})
	for name, stands := range cfg.Walls {
		value := 0.0
		if stands {
			value = 1
		}
		walls.WithLabelValues(name).Set(value)
	}
	m.registry.MustRegister(build, walls, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if cfg.Stats != nil {
		m.registry.MustRegister(newStatsCollector(cfg.Stats))
	}
	return m
}

// Handler serves the registry.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Observe counts a request.
func (m *Metrics) Observe(r *Request) {
	m.wall.Observe(r.Wall.Seconds())
	if r.Bytes > 0 {
		m.bytes.Add(float64(r.Bytes))
	}
	if !r.Dispatched {
		m.refused.Inc()
		return
	}
	outcome := int(r.Outcome)
	if outcome >= len(m.requests) {
		outcome = int(worker.InternalError)
	}
	m.requests[outcome].Inc()
	m.cpu.Observe(r.CPU.Seconds())
	if r.Cold {
		m.cold.Inc()
		m.startup.Observe(r.Startup.Seconds())
	}
	if m.perWorker != nil {
		m.ofWorker(r.Worker)[outcome].Inc()
	}
}

// ofWorker returns the counters of a worker, or those of "other" when there are too many.
func (m *Metrics) ofWorker(name string) []prometheus.Counter {
	if counters, ok := m.workers.Load(name); ok {
		return counters.([]prometheus.Counter)
	}
	if m.names.Add(1) > m.maxNames {
		m.names.Add(-1)
		if counters, ok := m.workers.Load(otherWorkers); ok {
			return counters.([]prometheus.Counter)
		}
		name = otherWorkers
	}
	var counters []prometheus.Counter
	for _, outcome := range worker.Outcomes() {
		counters = append(counters, m.perWorker.WithLabelValues(name, outcome.String()))
	}
	kept, raced := m.workers.LoadOrStore(name, counters)
	if raced && name != otherWorkers {
		m.names.Add(-1)
	}
	return kept.([]prometheus.Counter)
}

// otherWorkers cannot be the name of a worker.
const otherWorkers = "(other)"

// statsCollector reads Stats once per scrape.
type statsCollector struct {
	stats func() (Stats, bool)
	list  []statsMetric
}

type statsMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*Stats) uint64
}

func newStatsCollector(stats func() (Stats, bool)) *statsCollector {
	c := &statsCollector{stats: stats}
	add := func(kind prometheus.ValueType, name, help string, value func(*Stats) uint64) {
		c.list = append(c.list, statsMetric{prometheus.NewDesc(name, help, nil, nil), kind, value})
	}
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	add(gauge, "skerry_hosts", "Isolate host processes that run.", func(s *Stats) uint64 { return s.Hosts })
	add(counter, "skerry_host_retirements_total", "Isolate hosts that were replaced in good order, their events going on.", func(s *Stats) uint64 { return s.HostRetirements })
	add(counter, "skerry_host_restarts_total", "Isolate hosts that had to be replaced.", func(s *Stats) uint64 { return s.HostRestarts })
	add(counter, "skerry_host_violations_total", "Isolate hosts that were killed for breaking the protocol.", func(s *Stats) uint64 { return s.Violations })
	add(counter, "skerry_host_suspects_total", "Events that were running when their host died.", func(s *Stats) uint64 { return s.Suspects })
	add(counter, "skerry_worker_strikes_total", "Strikes given to workers that were running when their host died.", func(s *Stats) uint64 { return s.Strikes })
	add(gauge, "skerry_quarantine_hosts", "Isolate hosts that run workers with too many strikes.", func(s *Stats) uint64 { return s.Quarantines })
	add(gauge, "skerry_versions", "Versions of workers that are known to the hosts.", func(s *Stats) uint64 { return s.Versions })
	add(gauge, "skerry_isolates_live", "Isolates that hold a worker.", func(s *Stats) uint64 { return s.IsolatesLive })
	add(gauge, "skerry_isolates_spare", "Isolates that wait for a worker.", func(s *Stats) uint64 { return s.IsolatesSpare })
	add(counter, "skerry_isolates_started_total", "Isolates made, spares included.", func(s *Stats) uint64 { return s.IsolatesStarted })
	add(counter, "skerry_cold_starts_total", "Workers loaded into an isolate.", func(s *Stats) uint64 { return s.ColdStarts })
	add(counter, "skerry_evictions_total", "Idle isolates that were given up.", func(s *Stats) uint64 { return s.Evictions })
	add(counter, "skerry_condemned_total", "Isolates given up because their worker exceeded a limit.", func(s *Stats) uint64 { return s.Condemned })
	add(gauge, "skerry_isolates_heap_bytes", "Bytes in the heaps of all isolates.", func(s *Stats) uint64 { return s.HeapBytes })
	add(gauge, "skerry_isolates_external_bytes", "Bytes of array buffers and other memory outside the heaps.", func(s *Stats) uint64 { return s.ExternalBytes })
	add(gauge, "skerry_hosts_resident_bytes", "Resident memory of the isolate hosts.", func(s *Stats) uint64 { return s.ResidentBytes })
	add(gauge, "skerry_runnable_isolates", "Isolates that wait for an executor.", func(s *Stats) uint64 { return s.Runnable })
	add(gauge, "skerry_mailbox_items", "Items queued for isolates.", func(s *Stats) uint64 { return s.MailboxItems })
	add(gauge, "skerry_events_live", "Events under way in the isolate hosts.", func(s *Stats) uint64 { return s.EventsLive })
	add(gauge, "skerry_executors", "Threads that run isolates.", func(s *Stats) uint64 { return s.Executors })
	add(gauge, "skerry_executors_busy", "Threads that run an isolate just now.", func(s *Stats) uint64 { return s.ExecutorsBusy })
	add(counter, "skerry_executors_demoted_total", "Threads whose priority was lowered because an isolate would not stop.", func(s *Stats) uint64 { return s.ExecutorsDemoted })
	return c
}

func (c *statsCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, m := range c.list {
		descs <- m.desc
	}
}

func (c *statsCollector) Collect(metrics chan<- prometheus.Metric) {
	stats, ok := c.stats()
	if !ok {
		return
	}
	for _, m := range c.list {
		metrics <- prometheus.MustNewConstMetric(m.desc, m.kind, float64(m.value(&stats)))
	}
}
