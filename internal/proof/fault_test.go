package proof

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// What a call's answer means for its decision. There is no fourth kind: what is
// later leaves the instance to others, what is in doubt does not.
const (
	done     = "done"
	rejected = "rejected"
	later    = "later"
	inDoubt  = "doubt"
)

// faultCase is a fault of the simulated cloud and what it means: for a switch
// that creates a job, for access-control, and for database-audit.
type faultCase struct {
	cloudsim.Fault
	job, access, audit string
	code               events.Code
}

func same(f cloudsim.Fault, class string, code events.Code) faultCase {
	return faultCase{f, class, class, class, code}
}

func faultCases() []faultCase {
	status := func(s int, class string, code events.Code) faultCase {
		return same(cloudsim.Fault{Kind: cloudsim.Status, Status: s}, class, code)
	}
	return []faultCase{
		same(cloudsim.Fault{Kind: cloudsim.Delay, Delay: time.Second}, done, ""),
		same(cloudsim.Fault{Kind: cloudsim.Delay, Delay: time.Minute}, inDoubt, events.Doubt),
		same(cloudsim.Fault{Kind: cloudsim.Refuse}, later, events.Unavailable),
		same(cloudsim.Fault{Kind: cloudsim.CutBefore}, inDoubt, events.Doubt),
		same(cloudsim.Fault{Kind: cloudsim.CutBefore, Hold: true}, inDoubt, events.Doubt),
		same(cloudsim.Fault{Kind: cloudsim.CutAfter}, inDoubt, events.Doubt),
		same(cloudsim.Fault{Kind: cloudsim.CutAfter, Hold: true}, inDoubt, events.Doubt),
		{cloudsim.Fault{Kind: cloudsim.CutBody}, inDoubt, done, inDoubt, events.Doubt},
		same(cloudsim.Fault{Kind: cloudsim.Late, After: 20 * time.Second}, inDoubt, events.Doubt),
		same(cloudsim.Fault{Kind: cloudsim.Late, After: 20 * time.Second, Hold: true}, inDoubt, events.Doubt),
		status(302, inDoubt, events.Doubt), status(400, rejected, events.CloudRefused),
		status(401, later, events.CloudDenied), status(403, later, events.CloudDenied),
		status(404, rejected, events.CloudRefused), status(405, rejected, events.CloudRefused),
		status(408, inDoubt, events.Doubt), status(409, rejected, events.CloudRefused),
		status(429, later, events.Throttled), status(500, inDoubt, events.Doubt),
		status(502, inDoubt, events.Doubt), status(503, inDoubt, events.Doubt), status(504, inDoubt, events.Doubt),
		same(cloudsim.Fault{Kind: cloudsim.Status, Status: 500, Effect: true}, inDoubt, events.Doubt),
		same(cloudsim.Fault{Kind: cloudsim.Status, Status: 503, Code: "APIG.0308", Shape: cloudsim.ShapeGateway}, later, events.Throttled),
		same(cloudsim.Fault{Kind: cloudsim.Status, Status: 400, Code: "DBS.201015"}, later, events.Busy),
		same(cloudsim.Fault{Kind: cloudsim.Status, Status: 500, Code: "DBS.05000084", Shape: cloudsim.ShapeExternal}, later, events.Busy),
		same(cloudsim.Fault{Kind: cloudsim.Status, Status: 400, Code: "DBS.200010", Shape: cloudsim.ShapeNested}, later, events.CloudDenied),
		same(cloudsim.Fault{Kind: cloudsim.HTML}, inDoubt, events.Doubt),
		same(cloudsim.Fault{Kind: cloudsim.HTML, Effect: true}, inDoubt, events.Doubt),
		same(cloudsim.Fault{Kind: cloudsim.HTML, Status: 403}, later, events.CloudDenied),
		same(cloudsim.Fault{Kind: cloudsim.Empty}, inDoubt, events.Doubt),
		same(cloudsim.Fault{Kind: cloudsim.Empty, Effect: true, Status: 504}, inDoubt, events.Doubt),
		same(cloudsim.Fault{Kind: cloudsim.Empty, Status: 400}, rejected, events.CloudRefused),
		same(cloudsim.Fault{Kind: cloudsim.Busy}, later, events.Busy),
		same(cloudsim.Fault{Kind: cloudsim.Busy, Status: 400}, later, events.Busy),
		same(cloudsim.Fault{Kind: cloudsim.Busy, Status: 403}, later, events.Busy),
		{Fault: cloudsim.Fault{Kind: cloudsim.AuditFailed}, audit: rejected, code: events.CloudRefused},
		{Fault: cloudsim.Fault{Kind: cloudsim.NoJob}, job: inDoubt, code: events.Doubt},
		{cloudsim.Fault{Kind: cloudsim.Unreadable}, inDoubt, done, inDoubt, events.Doubt},
		{Fault: cloudsim.Fault{Kind: cloudsim.JobFails}, job: done},
	}
}

// TestFaults goes through every fault of the simulated cloud for every switch:
// which of the four it is, that the instance is free just if it should be, and
// that all ends well when the fault is over.
func TestFaults(t *testing.T) {
	lab := newLab(t)
	for _, sw := range functions.All() {
		for i, c := range faultCases() {
			want := c.job
			switch sw.Name {
			case acl:
				want = c.access
			case audit:
				want = c.audit
			}
			if want == "" {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d %s", sw.Name, i, c.Kind), func(t *testing.T) {
				story(t, lab, func(is *require.Assertions, w *world) {
					f := c.Fault
					f.Operation, f.Times = operationOf(sw.Name), 1
					w.fault(f)
					ev := request("CHG-1", sw.Name, true).event()
					r := w.handle(ev)
					is.Equal(want, class(r), "%s", code(r))
					if want != done {
						is.Equal(c.code, code(r))
					}
					is.Equal(want == inDoubt, w.holder(instance) != nil)
					if want == inDoubt {
						is.GreaterOrEqual(r.RetryAfter, quiet)
						w.rest(r.RetryAfter + 2*skew)
					}
					if want == later || want == inDoubt {
						is.Equal(engine.Completed, w.handle(ev).Kind)
					}
				})
			})
		}
	}
}

func class(r engine.Result) string {
	switch {
	case r.Kind == engine.Completed:
		return done
	case r.Kind == engine.Rejected:
		return rejected
	case code(r) == events.Doubt:
		return inDoubt
	case r.Kind == engine.Later:
		return later
	}
	return string(r.Kind)
}
