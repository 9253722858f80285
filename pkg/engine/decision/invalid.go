package decision

import (
	"encoding/json"
	"log/slog"
	"strings"
	"time"

	"github.com/interlock-functions/interlock/events"
)

// Invalid is an event that is meant for the switch, or for who knows which,
// and whose data is wrong. It names every wrong field, and holds as much of
// what was asked as could be told, for the rejected event.
type Invalid struct {
	// Fields are the wrong fields; never empty.
	Fields []events.Field

	// Switch is "" where the event names none that is known.
	Switch string
	// Target is nil unless its project and instance could be told, as Place has
	// them. Ids whose form is wrong are left out.
	Target  json.RawMessage
	Place   Place
	Enabled *bool
	// Options are nil unless all of them were right.
	Options map[string]any
	// Cause names the event, and its ticket where it has an id.
	Cause events.Cause
	// As in [Decision].
	Time                                   time.Time
	CorrelationID, TraceParent, TraceState string
	DryRun                                 bool
}

// Code is [events.InvalidData].
func (e *Invalid) Code() events.Code { return events.InvalidData }

func (e *Invalid) Error() string {
	var s strings.Builder
	s.WriteString("invalid data")
	for i, f := range e.Fields {
		s.WriteString([]string{": ", "; "}[min(i, 1)])
		s.WriteString(f.Path + ": found " + f.Found + ", expected " + f.Expected)
	}
	return s.String()
}

// LogValue gives the code and the paths, without what was found there.
func (e *Invalid) LogValue() slog.Value {
	paths := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		paths[i] = f.Path
	}
	return slog.GroupValue(slog.String("code", string(e.Code())), slog.Any("fields", paths))
}
