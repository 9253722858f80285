package artefact

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	proxyssl "github.com/interlock-functions/interlock/functions/proxyssl/simulation"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// artefact is the one that all functions are.
const artefact = "./cmd/lambda"

// Every sender's event flips the switch, once, and is answered as that sender
// expects, by a process that was cold for the first and warm for the rest.
func TestSenders(t *testing.T) {
	t.Parallel()
	w := newAlone(t, artefact, "proxyssl")
	for i, s := range senders() {
		t.Run(s.name, func(t *testing.T) {
			w.got.Take()
			payload := s.wrap(t, ticket(t, "proxy-ssl", i))
			a := w.invoke(payload)
			require.False(t, s.again(t, a), "%s %s", a.Body, a.ErrorMessage)
			published := w.got.Take()
			require.Len(t, published, 1)
			effects := w.cloud.Effects()
			require.Len(t, effects, i+1)
			require.Equal(t, effects[i].JobID, localtest.Completed(t, published[0]).JobID)
			if s.event != nil {
				require.Equal(t, published[0].ID(), decoded(t, s.event(t, a)).ID())
			} else if string(a.Body) != "null" {
				require.JSONEq(t, `{"batchItemFailures":[]}`, string(a.Body))
			}

			again := w.invoke(payload)
			require.False(t, s.again(t, again))
			require.JSONEq(t, string(a.Body), string(again.Body), "a repeat is answered otherwise")
			require.Len(t, w.cloud.Effects(), i+1, "flipped again")
		})
	}
	require.Equal(t, 1, w.starts, "the process did not last")
}

func decoded(t testing.TB, text []byte) (ev event.Event) {
	t.Helper()
	require.NoError(t, json.Unmarshal(text, &ev), string(text))
	return ev
}

// What cannot be applied now goes back to every sender, and is applied when the
// cloud has changed its mind; what never can be is an answer, not an error.
func TestSendersAreToldWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	w := newAlone(t, artefact, "proxyssl")
	for i, s := range senders() {
		t.Run(s.name, func(t *testing.T) {
			w.got.Take()
			require.NoError(t, w.cloud.Inject(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.Busy, Times: 1}))
			payload := s.wrap(t, ticket(t, "proxy-ssl", 2*i))
			require.True(t, s.again(t, w.invoke(payload)))
			require.Empty(t, w.got.Take())
			require.False(t, s.again(t, w.invoke(payload)))
			require.Len(t, w.got.Take(), 1)

			rejected := s.wrap(t, ticket(t, "proxy-ssl", 2*i+1, "data.ticket.approved_by", []string{"requester@example.com"}))
			a := w.invoke(rejected)
			if s.event == nil || s.name == "direct" || s.name == "direct batch" {
				require.False(t, s.again(t, a), a.ErrorMessage)
			} else if r := response(t, a); s.name == "function URL, batch" {
				require.Equal(t, http.StatusOK, r.StatusCode)
			} else {
				require.Equal(t, http.StatusForbidden, r.StatusCode)
				require.NotContains(t, r.Headers, "Retry-After")
			}
			published := w.got.Take()
			require.Len(t, published, 1)
			require.Equal(t, events.NotApproved, localtest.Rejected(t, published[0]).Error.Code)
		})
	}
}

// Of several messages, exactly those fail that are to come back.
func TestSQSPartialBatch(t *testing.T) {
	t.Parallel()
	w := newAlone(t, artefact, "proxyssl")
	require.NoError(t, w.cloud.Inject(cloudsim.Fault{InstanceID: instance(2), Operation: proxyssl.Flip, Kind: cloudsim.Busy}))
	a := w.invoke(sqs(t,
		string(ticket(t, "proxy-ssl", 1)), string(ticket(t, "proxy-ssl", 2)), "no event", string(ticket(t, "proxy-alt", 3)),
		string(bridge(t, ticket(t, "proxy-ssl", 4))),
	))
	require.ElementsMatch(t, []string{"m1", "m2"}, failures(t, a))
	require.Len(t, w.cloud.Effects(), 2)
}

// What holds no event is an error that the platform sees, and the process goes
// on.
func TestNoEvent(t *testing.T) {
	t.Parallel()
	w := newAlone(t, artefact, "proxyssl")
	for payload, want := range map[string]string{
		`{"specversion":"1.0"}`:              "NoEvent",
		`{`:                                  "NoEvent",
		`{"hello":"` + canary + `"}`:         "Unrecognised",
		`[{"detail-type":"x","source":"y"}]`: "Unrecognised",
	} {
		a := w.invoke([]byte(payload))
		require.Equal(t, want, a.ErrorType, "%s: %s", payload, a.ErrorMessage)
	}
	require.Equal(t, http.StatusBadRequest, response(t, w.invoke(request(t, "application/cloudevents+json", "{", false))).StatusCode)
	require.Equal(t, http.StatusUnsupportedMediaType, response(t, w.invoke(request(t, "text/plain", "hello", false))).StatusCode)
	require.Equal(t, "null", string(w.invoke([]byte(`{"interlock":"sweep"}`)).Body))
	require.Equal(t, 1, w.starts)
}

// One line for each step, with what it is about, and the metrics.
func TestLogs(t *testing.T) {
	t.Parallel()
	w := newAlone(t, artefact, "proxyssl")
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	a := w.invoke(ticket(t, "proxy-ssl", 7, "correlationid", "correlation-7", "traceparent", trace))
	completed := decoded(t, a.Body)
	require.Equal(t, "correlation-7", completed.Extensions()["correlationid"])
	require.Equal(t, trace, completed.Extensions()["traceparent"])
	w.kill() // what it wrote is all there then
	steps, metrics := map[string]map[string]any{}, map[string]map[string]any{}
	for _, line := range w.out.lines(t) {
		if aws, ok := line["_aws"].(map[string]any); ok {
			directive := aws["CloudWatchMetrics"].([]any)[0].(map[string]any)
			metrics[directive["Metrics"].([]any)[0].(map[string]any)["Name"].(string)] = line
			continue
		}
		require.Contains(t, line, "timestamp")
		require.Contains(t, line, "level")
		step, _ := line["step"].(string)
		steps[step] = line
	}
	for _, name := range []string{"claim", "call", "settle", "emit"} {
		require.Contains(t, steps, name)
		for key, want := range map[string]any{
			"switch": "proxy-ssl", "correlation_id": "correlation-7", "ticket": "CHG0007", "traceparent": trace,
			"target": completed.Subject(), "requestId": "8476a536-e9f4-11e8-9739-000000000001",
		} {
			require.Equal(t, want, steps[name][key], "%s: %s", name, key)
		}
	}
	require.Equal(t, localtest.Completed(t, completed).JobID, steps["settle"]["job_id"])
	require.Equal(t, "accepted", metrics["Decisions"]["Result"])
	require.Contains(t, metrics, "CloudLatency")
	require.Contains(t, metrics, "DecisionAge")
}
