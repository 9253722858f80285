package local_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	proxyssl "github.com/interlock-functions/interlock/functions/proxyssl/simulation"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/local/localtest"
)

type families = map[string]*dto.MetricFamily

// scrape reads metrics as Prometheus does.
func scrape(t *testing.T, url string) families {
	t.Helper()
	res, err := http.Get(url)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	all, err := parser.TextToMetricFamilies(res.Body)
	require.NoError(t, err)
	return all
}

// sum is that of the values of a metric with the given values of labels.
func sum(all families, name string, labels ...string) (total float64) {
	for _, m := range all[name].GetMetric() {
		var values []string
		for _, l := range m.GetLabel() {
			values = append(values, l.GetValue())
		}
		if strings.Join(values, " ") == strings.Join(labels, " ") {
			total += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return total
}

// The metrics tell what happened: one call that was put off, one that was taken, an
// event that was not published at first, one that was meant for nobody, and what the
// ledger has to do.
func TestMetrics(t *testing.T) {
	w := localtest.Start(t, localtest.Options{Cloud: atOnce})
	require.NoError(t, w.Cloud.Inject(cloudsim.Fault{Kind: cloudsim.Busy, Operation: proxyssl.Flip, Times: 1}))
	require.Equal(t, http.StatusServiceUnavailable, w.Post(t, "proxyssl", ticket(t)).Status)
	all := scrape(t, w.URL+"/metrics")
	require.Equal(t, 1.0, sum(all, "interlock_pending"))
	require.Zero(t, sum(all, "interlock_due", "waited"))
	w.Advance(time.Minute)
	require.Equal(t, 1.0, sum(scrape(t, w.URL+"/metrics"), "interlock_due", "waited"))
	w.Bus.SetAway(true)
	require.Equal(t, http.StatusServiceUnavailable, w.Post(t, "proxyssl", ticket(t)).Status)
	w.Bus.SetAway(false)
	require.Equal(t, http.StatusAccepted, w.Post(t, "proxyssl", ticket(t)).Status)
	require.Equal(t, http.StatusNoContent, w.Post(t, "proxyssl", ticket(t, "type", "com.example.other")).Status)
	w.Advance(5 * time.Second)
	require.NoError(t, w.Host.LookAfterJobs(t.Context()))

	all = scrape(t, w.URL+"/metrics")
	for _, want := range []struct {
		value  float64
		name   string
		labels []string
	}{
		{1, "interlock_decisions_total", []string{"accepted", "proxy-ssl"}},
		{0, "interlock_decisions_total", []string{"failed", "proxy-ssl"}},
		{1, "interlock_jobs_total", []string{"succeeded", "proxy-ssl"}},
		{1, "interlock_deferrals_total", []string{"busy", "proxy-ssl"}},
		{1, "interlock_cloud_call_duration_seconds", []string{"busy", "proxy-ssl"}},
		{1, "interlock_cloud_call_duration_seconds", []string{"accepted", "proxy-ssl"}},
		{1, "interlock_publishes_total", []string{"failed", events.TypeSwitchCompleted}},
		{1, "interlock_publishes_total", []string{"taken", events.TypeSwitchCompleted}},
		{1, "interlock_publishes_total", []string{"taken", events.TypeJobSucceeded}},
		{1, "interlock_ignored_events_total", []string{"other-type", "proxy-ssl"}},
		{1, "interlock_ledger_up", nil},
		{0, "interlock_pending", nil},
	} {
		require.Contains(t, all, want.name)
		require.Equal(t, want.value, sum(all, want.name, want.labels...), "%s %s", want.name, want.labels)
	}
}

// Where senders from anywhere come in, the metrics are told at an address of their
// own alone, which takes no events.
func TestWhereMetricsAre(t *testing.T) {
	status := func(w *localtest.World, header string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+"/metrics", nil)
		require.NoError(t, err)
		if header != "" {
			req.Header.Set(header, "x")
		}
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode
	}
	w := localtest.Start(t, localtest.Options{})
	require.Equal(t, http.StatusOK, status(w, ""))
	require.Equal(t, http.StatusNotFound, status(w, "X-Forwarded-For"), "a proxy on this machine passes on what comes from others")
	open := localtest.Start(t, localtest.Options{Environ: []string{"INTERLOCK_OPEN=true"}})
	require.Equal(t, http.StatusOK, status(open, "X-Forwarded-For"))

	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Host.ServeMetrics(ctx, l) }()
	own := "http://" + l.Addr().String()
	require.Contains(t, scrape(t, own+"/metrics"), "interlock_build_info")
	res, err := http.Post(own+"/functions/proxyssl", "application/cloudevents+json", strings.NewReader(string(ticket(t))))
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusNotFound, res.StatusCode)
	cancel()
	require.NoError(t, <-ended)
}
