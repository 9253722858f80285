// Package eventbridge is the bus on AWS.
package eventbridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
)

// Bus puts events on an AWS event bus: Source interlock, DetailType the
// event's type, Detail the whole event.
type Bus struct {
	Client *awsjson.Client
	// Name is the bus's name or ARN.
	Name string
	// TraceHeader returns the X-Ray trace that an event belongs to; "" if none.
	// Default none.
	TraceHeader func(context.Context) string
}

// source is the Source of every entry.
const source = "interlock"

// mostEntries is how many entries one PutEvents takes, and mostTries how often
// an entry that was not taken is sent.
const (
	mostEntries = 10
	mostTries   = 3
)

type entry struct {
	EventBusName string
	Source       string
	DetailType   string
	Detail       string
	Time         float64  `json:",omitempty"`
	Resources    []string `json:",omitempty"`
	TraceHeader  string   `json:",omitempty"`
}

// Publish puts the events. An answer of success may hold failures, entry by
// entry: only those are sent again.
func (b *Bus) Publish(ctx context.Context, out ...bus.Event) error {
	entries := make([]entry, len(out))
	for i := range out {
		entries[i] = entry{EventBusName: b.Name, Source: source, DetailType: out[i].Type(), Detail: string(out[i].JSON)}
		if t := out[i].Time(); !t.IsZero() {
			entries[i].Time = float64(t.UnixMilli()) / float64(time.Second/time.Millisecond)
		}
		if b.TraceHeader != nil {
			entries[i].TraceHeader = b.TraceHeader(ctx)
		}
	}
	var errs error
	for try := 0; len(entries) > 0; try++ {
		if try == mostTries {
			return errs
		}
		var left []entry
		errs = nil
		for start := 0; start < len(entries); start += mostEntries {
			failed, err := b.put(ctx, entries[start:min(start+mostEntries, len(entries))])
			left = append(left, failed...)
			errs = errors.Join(errs, err)
		}
		entries = left
	}
	return errs
}

// put sends entries and returns those that were not taken, and why.
func (b *Bus) put(ctx context.Context, entries []entry) (failed []entry, _ error) {
	var answer struct {
		FailedEntryCount int
		Entries          []struct{ EventId, ErrorCode, ErrorMessage string }
	}
	if err := b.Client.Do(ctx, "PutEvents", map[string][]entry{"Entries": entries}, &answer); err != nil {
		return entries, err
	}
	if len(answer.Entries) != len(entries) {
		return entries, fmt.Errorf("PutEvents: answered %d entries of %d", len(answer.Entries), len(entries))
	}
	var errs error
	for i, a := range answer.Entries {
		if a.EventId == "" || a.ErrorCode != "" {
			failed = append(failed, entries[i])
			errs = errors.Join(errs, fmt.Errorf("PutEvents: %s: %s", a.ErrorCode, a.ErrorMessage))
		}
	}
	return failed, errs
}
