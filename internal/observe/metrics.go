package observe

import (
	"context"
	"encoding/json"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/interlock-functions/interlock/pkg/engine"
)

// Namespace is the CloudWatch namespace of the metrics.
const Namespace = "Interlock"

// Metrics writes CloudWatch metrics in the embedded metric format, a line of
// JSON each, from which CloudWatch Logs extracts them:
//
//	Decisions     count by Switch and Result: how decisions ended
//	CloudLatency  milliseconds by Switch: how long a switch's call took
//	Laters        count by Switch and Code: what was put off, and why
//	DecisionAge   seconds by Switch: from the decision to its call
func Metrics(w io.Writer) Observer {
	m := &metrics{w: w}
	return m.observe
}

type metrics struct {
	mu sync.Mutex
	w  io.Writer
}

func (m *metrics) observe(_ context.Context, s engine.Step) {
	if s.Decision == nil {
		return
	}
	name := s.Decision.Switch
	switch {
	case s.Name == "settle" && s.Err == nil:
		m.put(s.At, metric{"Decisions", "Count", 1}, dimension{"Switch", name}, dimension{"Result", s.Result})
	case s.Name == "later":
		m.put(s.At, metric{"Laters", "Count", 1}, dimension{"Switch", name}, dimension{"Code", s.Result})
	case s.Name == "call":
		m.put(s.At, metric{"CloudLatency", "Milliseconds", float64(s.Took.Microseconds()) / 1000}, dimension{"Switch", name})
		if at, ok := s.Decision.DecidedAt(); ok {
			m.put(s.At, metric{"DecisionAge", "Seconds", max(s.At.Sub(at).Seconds(), 0)}, dimension{"Switch", name})
		}
	}
}

type metric struct {
	name, unit string
	value      float64
}

type dimension struct{ name, value string }

// put writes a metric as "Specification: Embedded metric format" has it. It is
// written by hand: several are written for each event, and encoding/json takes
// longer for them than the engine for its decision.
func (m *metrics) put(at time.Time, value metric, by ...dimension) {
	line := make([]byte, 0, 320)
	line = append(line, `{"_aws":{"Timestamp":`...)
	line = strconv.AppendInt(line, at.UnixMilli(), 10)
	line = append(line, `,"CloudWatchMetrics":[{"Namespace":"`+Namespace+`","Dimensions":[[`...)
	for i, d := range by {
		if i > 0 {
			line = append(line, ',')
		}
		line = append(line, `"`+d.name+`"`...)
	}
	line = append(line, `]],"Metrics":[{"Name":"`+value.name+`","Unit":"`+value.unit+`"}]}]},"`+value.name+`":`...)
	line = strconv.AppendFloat(line, value.value, 'f', -1, 64)
	for _, d := range by {
		// A text always encodes.
		text, _ := json.Marshal(d.value)
		line = append(append(line, `,"`+d.name+`":`...), text...)
	}
	line = append(line, '}', '\n')
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _ = m.w.Write(line)
}
