// Package metrics counts what the engine's steps did, for Prometheus. What it counts
// begins at zero with each process; what the ledger says is asked when somebody reads.
//
// The names follow Prometheus's conventions, and are part of what a version promises:
// docs/kubernetes.md lists them.
package metrics

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// Metrics are those of one process. As an [http.Handler] they are told in the form
// that the reader asks for.
type Metrics struct {
	http.Handler
	registry *prometheus.Registry

	decisions, jobs, laters, arrivals, publishes *prometheus.CounterVec
	calls, age                                   *prometheus.HistogramVec
}

// New makes the metrics of a program, which was built as version of revision, with
// the named switches.
func New(version, revision string, switches ...string) *Metrics {
	r := prometheus.NewRegistry()
	m := &Metrics{
		registry: r,
		Handler:  promhttp.HandlerFor(r, promhttp.HandlerOpts{}),
		decisions: count("decisions_total",
			"Decisions that ended, by how: accepted, applied, unchanged, rejected, superseded, ticket-spent, failed and the like.", "switch", "outcome"),
		jobs:     count("jobs_total", "Jobs of the cloud that were followed to their end, by how that was: succeeded, failed, or unknown.", "switch", "outcome"),
		laters:   count("deferrals_total", "Times that something was put off, by why.", "switch", "code"),
		arrivals: count("ignored_events_total", "Events that came in and became no decision, by why.", "switch", "code"),
		publishes: count("publishes_total",
			"Events that were published, or tried to be, by their type and whether the bus took them.", "type", "outcome"),
		calls: spread("cloud_call_duration_seconds", "How long the calls that flip a switch took, by what the cloud's answer meant.",
			[]float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30}, "switch", "outcome"),
		age: spread("decision_age_seconds", "How old a decision was when the cloud was called.",
			[]float64{1, 5, 15, 60, 300, 900, 3600, 14400, 86400}, "switch"),
	}
	built := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "1, for the version of the program and the commit that it was built from.",
	}, []string{"version", "revision"})
	built.WithLabelValues(version, revision).Set(1)
	r.MustRegister(m.decisions, m.jobs, m.laters, m.arrivals, m.publishes, m.calls, m.age, built,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	// What alarms ask for is there before it first happens: the first is an increase, too.
	for _, name := range switches {
		for _, outcome := range []string{"rejected", "failed"} {
			m.decisions.WithLabelValues(name, outcome)
		}
		for _, outcome := range []string{"failed", "unknown"} {
			m.jobs.WithLabelValues(name, outcome)
		}
	}
	m.publishes.WithLabelValues(events.TypeSwitchCompleted, failed)
	return m
}

const namespace = "interlock"

// What becomes of publishing an event.
const taken, failed = "taken", "failed"

func count(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func spread(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
}

// jobEnds are the results by which the engine tells the end of a job from that of a
// decision.
var jobEnds = map[string]string{"job-succeeded": "succeeded", "job-failed": "failed", "job-unknown": "unknown"}

// Observe counts a step.
func (m *Metrics) Observe(_ context.Context, s engine.Step) {
	name := ""
	if s.Decision != nil {
		name = s.Decision.Switch
	}
	switch s.Name {
	case "settle":
		end, job := jobEnds[s.Result]
		switch {
		case s.Err != nil: // it is tried again
		case job:
			m.jobs.WithLabelValues(name, end).Inc()
		default:
			m.decisions.WithLabelValues(name, s.Result).Inc()
		}
	case "call":
		m.calls.WithLabelValues(name, s.Result).Observe(s.Took.Seconds())
		if at, ok := s.Decision.DecidedAt(); ok {
			m.age.WithLabelValues(name).Observe(max(s.At.Sub(at), 0).Seconds())
		}
	case "later":
		m.laters.WithLabelValues(name, s.Result).Inc()
	case "arrival":
		m.arrivals.WithLabelValues(name, s.Result).Inc()
	case "emit":
		outcome := taken
		if s.Err != nil {
			outcome = failed
		}
		m.publishes.WithLabelValues(s.Result, outcome).Inc()
	}
}
