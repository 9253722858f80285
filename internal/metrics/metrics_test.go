package metrics

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

var at = time.Date(2026, 11, 22, 9, 0, 30, 0, time.UTC)

// read reads the metrics as Prometheus does: by name and the values of the labels, in
// the order of their names.
func read(t *testing.T, h http.Handler) map[string]float64 {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(w.Body)
	require.NoError(t, err)
	values := map[string]float64{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			key := name
			for _, l := range m.GetLabel() {
				key += " " + l.GetValue()
			}
			switch family.GetType() {
			case dto.MetricType_COUNTER:
				values[key] = m.GetCounter().GetValue()
			case dto.MetricType_GAUGE:
				values[key] = m.GetGauge().GetValue()
			case dto.MetricType_HISTOGRAM:
				values[key+" count"], values[key+" sum"] = float64(m.GetHistogram().GetSampleCount()), m.GetHistogram().GetSampleSum()
			}
		}
	}
	return values
}

func TestSteps(t *testing.T) {
	m := New("v1.2.3", "abc", "proxy-ssl")
	d := &decision.Decision{Switch: "proxy-ssl", Time: at.Add(-30 * time.Second)}
	for _, s := range []engine.Step{
		{Name: "settle", Decision: d, Result: "accepted"},
		{Name: "settle", Decision: d, Result: "accepted", Err: errors.New("away")},
		{Name: "settle", Decision: d, Result: "job-failed"},
		{Name: "call", Decision: d, At: at, Took: 250 * time.Millisecond, Result: "accepted"},
		{Name: "call", Decision: d, At: at, Took: 2 * time.Second, Result: "busy", Err: errors.New("409")},
		{Name: "later", Decision: d, Result: "busy", Took: time.Minute},
		{Name: "later", Result: "unavailable"},
		{Name: "arrival", Decision: d, Result: "other-type"},
		{Name: "emit", Decision: d, Result: events.TypeSwitchCompleted},
		{Name: "emit", Decision: d, Result: events.TypeSwitchCompleted, Err: errors.New("503")},
		{Name: "claim", Decision: d, Result: "new"},
	} {
		m.Observe(context.Background(), s)
	}
	got := read(t, m)
	for key, want := range map[string]float64{
		"interlock_build_info abc v1.2.3":                                1,
		"interlock_decisions_total accepted proxy-ssl":                   1,
		"interlock_decisions_total failed proxy-ssl":                     0,
		"interlock_jobs_total failed proxy-ssl":                          1,
		"interlock_jobs_total unknown proxy-ssl":                         0,
		"interlock_cloud_call_duration_seconds accepted proxy-ssl count": 1,
		"interlock_cloud_call_duration_seconds accepted proxy-ssl sum":   .25,
		"interlock_cloud_call_duration_seconds busy proxy-ssl sum":       2,
		"interlock_decision_age_seconds proxy-ssl count":                 2,
		"interlock_decision_age_seconds proxy-ssl sum":                   60,
		"interlock_deferrals_total busy proxy-ssl":                       1,
		"interlock_deferrals_total unavailable ":                         1,
		"interlock_ignored_events_total other-type proxy-ssl":            1,
		"interlock_publishes_total taken " + events.TypeSwitchCompleted:  1,
		"interlock_publishes_total failed " + events.TypeSwitchCompleted: 1,
	} {
		require.Contains(t, got, key)
		require.InDelta(t, want, got[key], 1e-9, key)
	}
	require.NotContains(t, got, "interlock_decisions_total job-failed proxy-ssl")
	require.Contains(t, got, "go_goroutines")
	require.Contains(t, got, "process_start_time_seconds")
}

// The names and the texts are as Prometheus wants them.
func TestLint(t *testing.T) {
	m := New("v1.2.3", "abc", "proxy-ssl")
	m.Ledger(ledger.NewMemory(), time.Now)
	d := &decision.Decision{Switch: "proxy-ssl", Time: at}
	for _, step := range []string{"settle", "call", "later", "arrival", "emit"} {
		m.Observe(context.Background(), engine.Step{Name: step, Decision: d, At: at})
	}
	problems, err := testutil.GatherAndLint(m.registry)
	require.NoError(t, err)
	require.Empty(t, problems)
}

// What is at work is no doubt; what rests in one is, before it is due and after.
func TestLedger(t *testing.T) {
	l, now := ledger.NewMemory(), at
	m := New("", "")
	m.Ledger(l, func() time.Time { return now })
	ctx := context.Background()
	claim := func(instance string) ledger.Claim {
		c := ledger.Claim{
			Key: ledger.Key{Switch: "proxy-ssl", Source: "s", ID: instance}, Content: "c", Project: "p", Instance: instance,
			Slot: "proxy-ssl " + instance, Order: at, Stored: []byte("{}"), Nonce: instance, Now: at, Lease: at.Add(90 * time.Second),
		}
		_, err := l.Claim(ctx, c)
		require.NoError(t, err)
		return c
	}
	says := func() map[string]float64 {
		got := map[string]float64{}
		for key, value := range read(t, m) {
			switch key {
			case "interlock_ledger_up", "interlock_pending", "interlock_in_doubt", "interlock_due_oldest_seconds",
				"interlock_due lapsed", "interlock_due waited", "interlock_due unemitted":
				got[key] = value
			}
		}
		return got
	}
	want := map[string]float64{
		"interlock_ledger_up": 1, "interlock_pending": 0, "interlock_in_doubt": 0, "interlock_due_oldest_seconds": 0,
		"interlock_due lapsed": 0, "interlock_due waited": 0, "interlock_due unemitted": 0,
	}
	require.Equal(t, want, says())

	claim("at work")
	inDoubt, waits, settled := claim("in doubt"), claim("waits"), claim("settled")
	require.NoError(t, l.Lapse(ctx, inDoubt.Key, inDoubt.Nonce, at.Add(time.Minute), false, ledger.Note{}))
	require.NoError(t, l.Release(ctx, waits.Key, waits.Nonce, ledger.Wait{Due: at.Add(time.Hour)}))
	require.NoError(t, l.Settle(ctx, settled.Key, settled.Nonce, ledger.Outcome{Result: "applied", At: at, Effective: true}))
	want["interlock_pending"], want["interlock_in_doubt"], want["interlock_due unemitted"] = 4, 1, 1
	require.Equal(t, want, says())

	now = at.Add(70 * time.Second)
	want["interlock_due lapsed"], want["interlock_due_oldest_seconds"] = 1, 70
	require.Equal(t, want, says(), "the doubt is due, what is at work is not")

	require.NoError(t, l.Mark(ctx, settled.Key, settled.Nonce, now, now.Add(time.Hour)))
	now = at.Add(time.Hour)
	want["interlock_pending"], want["interlock_due unemitted"], want["interlock_due lapsed"], want["interlock_due waited"] = 3, 0, 2, 1
	want["interlock_due_oldest_seconds"] = 3540
	require.Equal(t, want, says())
}

// A ledger that is away takes nothing else with it.
func TestLedgerAway(t *testing.T) {
	m := New("v", "r")
	m.Ledger(away{}, time.Now)
	got := read(t, m)
	require.Zero(t, got["interlock_ledger_up"])
	require.Contains(t, got, "interlock_build_info r v")
	require.NotContains(t, got, "interlock_pending", "none is not known to be there")
}

type away struct{ ledger.Ledger }

func (away) Due(context.Context, time.Time, int, ...func(ledger.Due) bool) ([]ledger.Due, error) {
	return nil, errors.New("away")
}
