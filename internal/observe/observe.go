// Package observe turns the engine's steps into log lines and metrics.
package observe

import (
	"context"
	"log/slog"
	"strings"

	"github.com/interlock-functions/interlock/pkg/engine"
)

// Observer is told of each step.
type Observer = func(context.Context, engine.Step)

// All tells several observers.
func All(observers ...Observer) Observer {
	return func(ctx context.Context, s engine.Step) {
		for _, o := range observers {
			o(ctx, s)
		}
	}
}

// Logs writes one line for each step's result, with what it is about: the
// correlation id, ticket, switch, target and job.
func Logs(log *slog.Logger) Observer {
	return func(ctx context.Context, s engine.Step) {
		level := slog.LevelInfo
		if s.Err != nil {
			level = slog.LevelWarn
		}
		if !log.Enabled(ctx, level) {
			return
		}
		attrs := make([]slog.Attr, 0, 12)
		text := func(key, value string) {
			if value != "" {
				attrs = append(attrs, slog.String(key, value))
			}
		}
		text("step", s.Name)
		text("result", s.Result)
		text("detail", s.Detail)
		text("job_id", s.JobID)
		text("policies", strings.Join(s.Policies, ", "))
		if s.Took > 0 {
			attrs = append(attrs, slog.Float64("took_ms", float64(s.Took.Microseconds())/1000))
		}
		if d := s.Decision; d != nil {
			text("switch", d.Switch)
			if d.Place.Instance != "" {
				text("target", d.Place.Subject)
			}
			text("event_id", d.Cause.ID)
			text("event_source", d.Cause.Source)
			text("ticket", d.Cause.Ticket)
			text("correlation_id", d.CorrelationID)
			text("traceparent", d.TraceParent)
		}
		if s.Event != nil {
			text("out_event_id", s.Event.ID())
		}
		if s.Err != nil {
			attrs = append(attrs, slog.Any("error", s.Err))
		}
		log.LogAttrs(ctx, level, message(s), attrs...)
	}
}

func message(s engine.Step) string {
	if s.Result == "" {
		return s.Name
	}
	return s.Name + ": " + s.Result
}
