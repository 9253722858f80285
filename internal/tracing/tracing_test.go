package tracing_test

import (
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/interlock-functions/interlock/events"
	proxyssl "github.com/interlock-functions/interlock/functions/proxyssl/simulation"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/local"
	"github.com/interlock-functions/interlock/internal/local/localtest"
	"github.com/interlock-functions/interlock/internal/tracing"
)

// receiver is an OTLP collector that keeps what it is sent.
type receiver struct {
	mu       sync.Mutex
	bodies   []byte
	header   http.Header
	resource []*common.KeyValue
	spans    []*otlp.Span
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var sent collector.ExportTraceServiceRequest
	if err != nil || req.URL.Path != "/v1/traces" || proto.Unmarshal(body, &sent) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bodies, r.header = append(r.bodies, body...), req.Header
	for _, of := range sent.ResourceSpans {
		r.resource = of.Resource.Attributes
		for _, scope := range of.ScopeSpans {
			r.spans = append(r.spans, scope.Spans...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// named are the spans of a name.
func (r *receiver) named(name string) (all []*otlp.Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.spans {
		if s.Name == name {
			all = append(all, s)
		}
	}
	return all
}

// within are the names of the spans within one, in order of time.
func (r *receiver) within(parent *otlp.Span) (names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.spans {
		if string(s.ParentSpanId) == string(parent.SpanId) && string(s.TraceId) == string(parent.TraceId) {
			names = append(names, s.Name)
		}
	}
	return names
}

func value(all []*common.KeyValue, name string) string {
	for _, a := range all {
		if a.Key == name {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

// traced is a world whose traces a receiver gets, and what ends them.
func traced(t *testing.T, o localtest.Options) (*localtest.World, *receiver, func()) {
	t.Helper()
	r := new(receiver)
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=canary-of-the-collector")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
	t.Setenv("OTEL_SERVICE_NAME", "interlock-test")
	logged := new(strings.Builder)
	var close func()
	o.Host = func(h *local.Options) {
		traces, err := tracing.Open("v1.2.3", h.Now, slog.New(slog.NewJSONHandler(logged, nil)))
		require.NoError(t, err)
		h.Observe, h.Around, h.Wrap = traces.Observe, traces.Around, traces.Handler
		close = sync.OnceFunc(func() {
			require.NoError(t, traces.Close())
			require.Empty(t, logged.String())
		})
	}
	w := localtest.Start(t, o)
	t.Cleanup(close)
	return w, r, close
}

// Two spans of whoever sends, in two traces.
const (
	trace1, span1 = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	trace2, span2 = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
)

func parent(trace, span, flags string) string { return "00-" + trace + "-" + span + "-" + flags }

func ticket(t *testing.T, changes ...any) []byte {
	return localtest.Edit(t, localtest.Sample(t, "ticket.approved", "proxy-ssl"), changes...)
}

func post(t *testing.T, w *localtest.World, header string, body []byte) int {
	t.Helper()
	h := http.Header{"Content-Type": {event.ApplicationCloudEventsJSON}}
	if header != "" {
		h.Set("Traceparent", header)
	}
	return w.PostAs(t, "proxyssl", h, body).Status
}

var atOnce = cloudsim.Options{JobVisible: -1, JobPending: -1, JobRunning: -1}

// An event's steps are spans within that of the event, which continues the event's own
// trace and is linked to the request's; so is what follows its job. Nothing that is
// secret is sent.
func TestSpans(t *testing.T) {
	w, r, close := traced(t, localtest.Options{Cloud: atOnce})
	require.Equal(t, http.StatusAccepted, post(t, w, parent(trace2, span2, "01"), ticket(t, "traceparent", parent(trace1, span1, "01"), "tracestate", "a=b")))
	w.Advance(5 * time.Second)
	stop := w.Serve(t) // which follows the job
	var out []event.Event
	require.Eventually(t, func() bool {
		out = append(out, w.Bus.Take()...)
		return len(out) == 2
	}, time.Minute, 10*time.Millisecond)
	stop()
	close()

	require.Len(t, r.named("door"), 1)
	door := r.named("door")[0]
	require.Equal(t, trace1, hex.EncodeToString(door.TraceId))
	require.Equal(t, span1, hex.EncodeToString(door.ParentSpanId))
	require.Equal(t, "a=b", door.TraceState)
	require.Equal(t, otlp.Span_SPAN_KIND_CONSUMER, door.Kind)
	require.Len(t, door.Links, 1)
	require.Equal(t, trace2, hex.EncodeToString(door.Links[0].TraceId))
	for name, want := range map[string]string{
		"cloudevents.event_type": events.TypeTicketApproved, "interlock.switch": "proxy-ssl", "interlock.ticket": "CHG0031338",
		"interlock.target": "projects/" + localtest.Proxy.ProjectID + "/instances/" + localtest.Proxy.InstanceID + "/proxies/" + localtest.Proxy.ProxyID,
		"interlock.result": "completed",
	} {
		require.Equal(t, want, value(door.Attributes, name), name)
	}
	require.Equal(t, []string{"claim", "call", "settle", "emit"}, r.within(door))
	require.Len(t, door.Events, 1)
	require.Equal(t, "decode", door.Events[0].Name)
	call := r.named("call")[0]
	require.Equal(t, otlp.Span_SPAN_KIND_CLIENT, call.Kind)
	require.Equal(t, "accepted", value(call.Attributes, "interlock.result"))
	require.Equal(t, localtest.Completed(t, out[0]).JobID, value(call.Attributes, "interlock.job_id"))
	emit := r.named("emit")[0]
	require.Equal(t, otlp.Span_SPAN_KIND_PRODUCER, emit.Kind)
	require.Equal(t, out[0].ID(), value(emit.Attributes, "cloudevents.event_id"))
	for _, ev := range out {
		require.Equal(t, parent(trace1, span1, "01"), ev.Extensions()["traceparent"], "the event goes on in its trace")
	}

	require.Len(t, r.named("look"), 1)
	look := r.named("look")[0]
	require.Equal(t, trace1, hex.EncodeToString(look.TraceId))
	require.Equal(t, span1, hex.EncodeToString(look.ParentSpanId))
	require.Equal(t, []string{"follow", "settle", "emit"}, r.within(look))

	for name, want := range map[string]string{"service.name": "interlock-test", "service.version": "v1.2.3", "deployment.environment.name": "test"} {
		require.Equal(t, want, value(r.resource, name))
	}
	require.Equal(t, "canary-of-the-collector", r.header.Get("Authorization"))
	for _, secret := range []string{"canary", cloudsim.DefaultSecretKey, cloudsim.DefaultAccessKey, "Signature="} {
		require.NotContains(t, string(r.bodies), secret)
	}
}

// An event that names no trace is in that of its request. What is put off and taken up
// by a timer is in the event's.
func TestResumed(t *testing.T) {
	w, r, close := traced(t, localtest.Options{Cloud: atOnce})
	require.NoError(t, w.Cloud.Inject(cloudsim.Fault{Kind: cloudsim.Busy, Operation: proxyssl.Flip, Times: 1}))
	require.Equal(t, http.StatusServiceUnavailable, post(t, w, parent(trace1, span1, "01"), ticket(t, "traceparent", parent(trace1, span1, "01"))))
	w.Advance(time.Minute)
	_, err := w.Host.Sweeper.Sweep(t.Context())
	require.NoError(t, err)
	w.Host.Sweeper.Wait()
	require.Equal(t, http.StatusNoContent, post(t, w, parent(trace2, span2, "01"), ticket(t, "type", "com.example.other")))
	close()

	doors := r.named("door")
	require.Len(t, doors, 2)
	require.Empty(t, doors[0].Links, "the request is in the same trace")
	require.Equal(t, "later", value(doors[0].Attributes, "interlock.result"))
	require.Equal(t, "busy", value(doors[0].Attributes, "interlock.code"))
	require.True(t, slices.ContainsFunc(doors[0].Events, func(e *otlp.Span_Event) bool { return e.Name == "later" }))
	call := r.named("call")[0]
	require.Equal(t, otlp.Status_STATUS_CODE_ERROR, call.Status.Code)
	require.Contains(t, call.Status.Message, "DBS.200019")
	require.Equal(t, trace2, hex.EncodeToString(doors[1].TraceId))
	require.Equal(t, span2, hex.EncodeToString(doors[1].ParentSpanId))
	require.Equal(t, []string{"arrival"}, r.within(doors[1]))

	require.Len(t, r.named("resume"), 1, "a sweep that finds nothing is no span")
	resumed := r.named("resume")[0]
	require.Equal(t, trace1, hex.EncodeToString(resumed.TraceId))
	require.Equal(t, span1, hex.EncodeToString(resumed.ParentSpanId))
	require.Equal(t, []string{"claim", "call", "settle", "emit"}, r.within(resumed))
}

// What whoever sends does not record, is not.
func TestNotSampled(t *testing.T) {
	w, r, close := traced(t, localtest.Options{Cloud: atOnce})
	require.Equal(t, http.StatusAccepted, post(t, w, "", ticket(t, "traceparent", parent(trace1, span1, "00"))))
	close()
	require.Empty(t, r.spans)
}

// Without an endpoint nothing is started; what is set wrongly is said by its name.
func TestOpen(t *testing.T) {
	open := func() (*tracing.Traces, error) { return tracing.Open("v", time.Now, slog.New(slog.DiscardHandler)) }
	off, err := open()
	require.NoError(t, err)
	require.Nil(t, off)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	for _, setting := range []string{"OTEL_SDK_DISABLED=true", "OTEL_TRACES_EXPORTER=none"} {
		t.Run(setting, func(t *testing.T) {
			name, value, _ := strings.Cut(setting, "=")
			t.Setenv(name, value)
			off, err := open()
			require.NoError(t, err)
			require.Nil(t, off)
		})
	}
	for _, setting := range []string{
		"OTEL_TRACES_EXPORTER=zipkin", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_ENDPOINT=localhost:4318", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=:4318",
	} {
		t.Run(setting, func(t *testing.T) {
			name, value, _ := strings.Cut(setting, "=")
			t.Setenv(name, value)
			_, err := open()
			require.ErrorContains(t, err, name+": ")
		})
	}
}

// A collector that is away stops nothing, and is told of.
func TestCollectorAway(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	logged := new(strings.Builder)
	var traces *tracing.Traces
	w := localtest.Start(t, localtest.Options{Cloud: atOnce, Host: func(h *local.Options) {
		var err error
		traces, err = tracing.Open("v", h.Now, slog.New(slog.NewJSONHandler(logged, nil)))
		require.NoError(t, err)
		h.Observe, h.Around, h.Wrap = traces.Observe, traces.Around, traces.Handler
	}})
	require.Equal(t, http.StatusAccepted, post(t, w, "", ticket(t)))
	told := traces.Close()
	require.True(t, told != nil || strings.Contains(logged.String(), "traces are not sent"), "%v %s", told, logged)
}
