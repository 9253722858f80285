// Package tracing makes spans of the engine's steps and sends them to where
// OpenTelemetry's variables say, by OTLP over HTTP. Where they say nothing, nothing is
// started.
//
// An event that comes in is a span, which continues the trace that the event names by
// the extension traceparent, or else the one of the request's header; its steps are
// spans within. What a timer takes up later, a decision that waited or a job that is
// followed, is another span of the trace of its event.
package tracing

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/interlock-functions/interlock/internal/observe"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

// Traces makes spans.
type Traces struct {
	tracer   trace.Tracer
	now      func() time.Time
	shutdown func(context.Context) error
}

var traceContext propagation.TraceContext

// Handler gives each request the trace that its header names.
func (t *Traces) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := traceContext.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// Around is a span for some work. That of an event begins with it; whose trace other
// work belongs to is known with its first step, and without one there is no span.
func (t *Traces) Around(ctx context.Context, w observe.Work) (context.Context, func(engine.Result)) {
	s := &span{Traces: t, name: w.Name, began: t.now()}
	ctx = context.WithValue(ctx, key{}, s)
	if w.Event != nil {
		s.begin(ctx, extension(w.Event, "traceparent"), extension(w.Event, "tracestate"), w.Event)
	}
	return ctx, s.end
}

// key is that of the [span] in a context.
type key struct{}

// span is that of some work, once it has begun.
type span struct {
	*Traces
	name  string
	began time.Time

	once sync.Once
	ctx  context.Context
	trace.Span
}

// begin begins it, unless it has.
func (s *span) begin(ctx context.Context, parent, state string, ev *event.Event) {
	s.once.Do(func() {
		options := []trace.SpanStartOption{trace.WithTimestamp(s.began)}
		if ev != nil {
			options = append(options, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(named(ev)...))
		}
		header := trace.SpanContextFromContext(ctx)
		ctx = continued(ctx, parent, state)
		if header.IsValid() && !header.Equal(trace.SpanContextFromContext(ctx)) {
			options = append(options, trace.WithLinks(trace.Link{SpanContext: header}))
		}
		s.ctx, s.Span = s.tracer.Start(ctx, s.name, options...)
	})
}

func (s *span) end(r engine.Result) {
	if s.Span == nil {
		return
	}
	if r.Decision != nil {
		s.SetAttributes(about(r.Decision)...)
	}
	s.SetAttributes(texts("interlock.result", string(r.Kind))...)
	if r.Error != nil {
		s.SetAttributes(texts("interlock.code", string(r.Error.Code))...)
	}
	switch r.Kind {
	case engine.Failed:
		s.SetStatus(codes.Error, r.Error.Detail)
	case "":
		s.SetStatus(codes.Error, "it broke off")
	}
	s.Span.End(trace.WithTimestamp(s.now()))
}

// continued is a context in the trace that an event or a decision names, if it names
// one.
func continued(ctx context.Context, parent, state string) context.Context {
	in := traceContext.Extract(context.Background(), propagation.MapCarrier{"traceparent": parent, "tracestate": state})
	if c := trace.SpanContextFromContext(in); c.IsValid() {
		return trace.ContextWithRemoteSpanContext(ctx, c)
	}
	return ctx
}

// moments are the steps that take no time: each is an event of the span that it is
// within.
var moments = map[string]bool{"decode": true, "later": true, "dryrun": true, "chain": true}

// kinds are those of the steps that others have a part in.
var kinds = map[string]trace.SpanKind{
	"call": trace.SpanKindClient, "lookup": trace.SpanKindClient, "jobs": trace.SpanKindClient, "follow": trace.SpanKindClient,
	"ticket": trace.SpanKindClient, "emit": trace.SpanKindProducer,
}

// Observe makes a span of a step, within that of the work that it belongs to.
func (t *Traces) Observe(ctx context.Context, s engine.Step) {
	d := s.Decision
	if d == nil {
		d = new(decision.Decision)
	}
	attributes := texts("interlock.result", s.Result, "interlock.detail", s.Detail, "interlock.job_id", s.JobID, "interlock.policies", strings.Join(s.Policies, ", "))
	within, _ := ctx.Value(key{}).(*span)
	if within != nil {
		within.begin(ctx, d.TraceParent, d.TraceState, nil)
		within.SetAttributes(about(d)...)
		ctx = within.ctx
		if moments[s.Name] {
			within.moment(s, attributes)
			return
		}
	} else {
		ctx = continued(ctx, d.TraceParent, d.TraceState)
		attributes = append(attributes, about(d)...)
	}
	if s.Event != nil {
		attributes = append(attributes, named(&s.Event.Event)...)
	}
	_, own := t.tracer.Start(ctx, s.Name, trace.WithTimestamp(s.At), trace.WithSpanKind(kinds[s.Name]), trace.WithAttributes(attributes...))
	if s.Err != nil {
		own.SetStatus(codes.Error, s.Err.Error())
	}
	own.End(trace.WithTimestamp(s.At.Add(s.Took)))
}

func (s *span) moment(step engine.Step, attributes []attribute.KeyValue) {
	if step.Name == "later" { // it took no time: so long it is to be waited
		attributes = append(attributes, attribute.Float64("interlock.retry_after_s", step.Took.Seconds()))
	}
	if step.Err != nil {
		attributes = append(attributes, attribute.String("interlock.error", step.Err.Error()))
	}
	s.AddEvent(step.Name, trace.WithTimestamp(step.At), trace.WithAttributes(attributes...))
}

// about is what a decision is about, as the logs have it.
func about(d *decision.Decision) []attribute.KeyValue {
	target := ""
	if d.Place.Instance != "" {
		target = d.Place.Subject
	}
	return texts("interlock.switch", d.Switch, "interlock.target", target, "interlock.ticket", d.Cause.Ticket,
		"interlock.correlation_id", d.CorrelationID, "interlock.event_id", d.Cause.ID)
}

// named are the attributes of an event by OpenTelemetry's conventions.
func named(ev *event.Event) []attribute.KeyValue {
	return texts("cloudevents.event_id", ev.ID(), "cloudevents.event_source", ev.Source(), "cloudevents.event_type", ev.Type())
}

// texts are attributes by name and value in turns, but those without a value.
func texts(pairs ...string) (all []attribute.KeyValue) {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			all = append(all, attribute.String(pairs[i], pairs[i+1]))
		}
	}
	return all
}

func extension(ev *event.Event, name string) string {
	text, _ := ev.Extensions()[name].(string)
	return text
}

// Close sends what has not been sent yet, within a while, and ends the export.
func (t *Traces) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), sendWithin)
	defer cancel()
	return t.shutdown(ctx)
}

// sendWithin is how long the last spans may take: no decision rests on them.
const sendWithin = 5 * time.Second
