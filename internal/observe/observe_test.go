package observe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/observe"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

var at = time.Date(2026, 11, 22, 9, 0, 30, 0, time.UTC)

func asked() *decision.Decision {
	return &decision.Decision{
		Switch: "proxy-ssl", Time: at.Add(-30 * time.Second),
		Place:         decision.Place{Project: "p", Instance: "i", Subject: "projects/p/instances/i/proxies/x"},
		Cause:         events.Cause{ID: "CHG1-1", Source: "https://tickets.example.com", Ticket: "CHG1"},
		CorrelationID: "c1",
	}
}

func TestLogsSayWhatAStepIsAbout(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	observe.Logs(log)(context.Background(), engine.Step{
		Name: "settle", Decision: asked(), At: at, Took: 1500 * time.Microsecond, Result: "accepted", JobID: "j1",
	})
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	delete(line, "time")
	require.Equal(t, map[string]any{
		"level": "INFO", "msg": "settle: accepted", "step": "settle", "result": "accepted", "job_id": "j1", "took_ms": 1.5,
		"switch": "proxy-ssl", "target": "projects/p/instances/i/proxies/x", "event_id": "CHG1-1",
		"event_source": "https://tickets.example.com", "ticket": "CHG1", "correlation_id": "c1",
	}, line)

	out.Reset()
	observe.Logs(log)(context.Background(), engine.Step{Name: "later", Result: "busy", Err: errors.New("why")})
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	require.Equal(t, "WARN", line["level"])
	require.Equal(t, "why", line["error"])
}

func TestMetrics(t *testing.T) {
	d := asked()
	for _, c := range []struct {
		step engine.Step
		want []map[string]any
	}{
		{engine.Step{Name: "settle", Decision: d, At: at, Result: "accepted"},
			[]map[string]any{{"Decisions": 1.0, "Switch": "proxy-ssl", "Result": "accepted"}}},
		{engine.Step{Name: "settle", Decision: d, At: at, Result: "accepted", Err: errors.New("away")}, nil},
		{engine.Step{Name: "later", Decision: d, At: at, Result: "held"},
			[]map[string]any{{"Laters": 1.0, "Switch": "proxy-ssl", "Code": "held"}}},
		{engine.Step{Name: "call", Decision: d, At: at, Took: 20 * time.Millisecond},
			[]map[string]any{{"CloudLatency": 20.0, "Switch": "proxy-ssl"}, {"DecisionAge": 30.0, "Switch": "proxy-ssl"}}},
		{engine.Step{Name: "claim", Decision: d, At: at}, nil},
		{engine.Step{Name: "later", At: at, Result: "unavailable"}, nil},
	} {
		var out bytes.Buffer
		observe.Metrics(&out)(context.Background(), c.step)
		var got []map[string]any
		for line := range bytes.Lines(out.Bytes()) {
			var m map[string]any
			require.NoError(t, json.Unmarshal(line, &m))
			aws := m["_aws"].(map[string]any)
			require.Equal(t, float64(at.UnixMilli()), aws["Timestamp"])
			directive := aws["CloudWatchMetrics"].([]any)[0].(map[string]any)
			require.Equal(t, "Interlock", directive["Namespace"])
			// Every dimension and metric that is declared is a member of the line.
			for _, name := range directive["Dimensions"].([]any)[0].([]any) {
				require.Contains(t, m, name)
			}
			require.Contains(t, m, directive["Metrics"].([]any)[0].(map[string]any)["Name"])
			delete(m, "_aws")
			got = append(got, m)
		}
		require.Equal(t, c.want, got, c.step.Name)
	}
}
