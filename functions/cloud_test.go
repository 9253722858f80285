package functions_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/internal/local/localtest"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// operationOf is a switch's call, as the simulated cloud names it.
func operationOf(name string) string {
	for _, s := range simulations.All() {
		if s.Switch == name {
			return s.Flip.Name
		}
	}
	panic(name)
}

// What the cloud refuses for good is rejected, with the cloud's own words, and
// stays so.
func TestCloudRefuses(t *testing.T) {
	for name, fault := range map[string]cloudsim.Fault{
		"400":                    {Kind: cloudsim.Status, Status: 400},
		"404":                    {Kind: cloudsim.Status, Status: 404},
		"400, the older shape":   {Kind: cloudsim.Status, Status: 400, Shape: cloudsim.ShapeExternal, Code: "DBS.200022", Message: "no"},
		"400, the nested shape":  {Kind: cloudsim.Status, Status: 400, Shape: cloudsim.ShapeNested, Code: "DBS.200022", Message: "no"},
		"400, HTML":              {Kind: cloudsim.HTML, Status: 400},
		"400, nothing":           {Kind: cloudsim.Empty, Status: 400},
		"200 FAILED, audit only": {Kind: cloudsim.AuditFailed},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, localtest.Options{}, func(t *testing.T, w *localtest.World, sw huawei.Switch) {
				if fault.Kind == cloudsim.AuditFailed && sw.Name != "database-audit" {
					return // a word of that one API
				}
				fault := fault
				fault.Operation, fault.Times = operationOf(sw.Name), 1
				require.NoError(t, w.Cloud.Inject(fault))
				first := w.Post(t, sw.Function, ticket(t, sw.Name))
				require.Equal(t, http.StatusUnprocessableEntity, first.Status, string(first.Body))
				problem := first.Problem(t)
				require.Equal(t, events.CloudRefused, problem.Code)
				require.NotNil(t, problem.Cloud)
				require.Equal(t, w.Cloud.CallsOf(operationOf(sw.Name))[0].Status, problem.Cloud.Status)
				require.Equal(t, fault.Code != "", problem.Cloud.ErrorCode == fault.Code && problem.Cloud.ErrorMsg == "no")
				published := w.Bus.Take()
				require.Len(t, published, 1)
				require.Equal(t, problem.Cloud, localtest.Rejected(t, published[0]).Error.Cloud)
				w.Advance(time.Hour)
				again := w.Post(t, sw.Function, ticket(t, sw.Name))
				require.Equal(t, string(first.Body), string(again.Body))
				require.Len(t, w.Flips(), 1)
			})
		})
	}
}

// What certainly had no effect and is not the event's fault is "later": the
// hold is given back, and the next delivery calls again.
func TestCloudLater(t *testing.T) {
	busy := func(status int, code string) cloudsim.Fault {
		return cloudsim.Fault{Kind: cloudsim.Busy, Status: status, Code: code}
	}
	for name, c := range map[string]struct {
		fault  cloudsim.Fault
		status int
		code   events.Code
		after  string
	}{
		"401":               {cloudsim.Fault{Kind: cloudsim.Status, Status: 401}, 503, events.CloudDenied, "60"},
		"403":               {cloudsim.Fault{Kind: cloudsim.Status, Status: 403}, 503, events.CloudDenied, "60"},
		"busy under 400":    {busy(400, "DBS.201014"), 503, events.Busy, "15"},
		"busy under 403":    {busy(403, "DBS.200047"), 503, events.Busy, "15"},
		"busy under 409":    {busy(409, "DBS.200019"), 503, events.Busy, "15"},
		"429":               {cloudsim.Fault{Kind: cloudsim.Status, Status: 429}, 429, events.Throttled, "10"},
		"429, in a minute":  {cloudsim.Fault{Kind: cloudsim.Status, Status: 429, RetryAfter: "61"}, 429, events.Throttled, "61"},
		"throttled, as 403": {cloudsim.Fault{Kind: cloudsim.Status, Status: 403, Shape: cloudsim.ShapeGateway, Code: "APIGW.0308"}, 429, events.Throttled, "10"},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, localtest.Options{}, func(t *testing.T, w *localtest.World, sw huawei.Switch) {
				fault := c.fault
				fault.Operation, fault.Times = operationOf(sw.Name), 1
				require.NoError(t, w.Cloud.Inject(fault))
				answer := w.Post(t, sw.Function, ticket(t, sw.Name))
				require.Equal(t, c.status, answer.Status, string(answer.Body))
				require.Equal(t, c.code, answer.Problem(t).Code)
				require.Equal(t, c.after, answer.Header.Get("Retry-After"))
				require.Empty(t, w.Bus.Take())
				again := w.Post(t, sw.Function, ticket(t, sw.Name))
				require.Equal(t, 2, again.Status/100, string(again.Body))
				require.Len(t, w.Flips(), 2)
				require.Len(t, w.Cloud.Effects(), 1)
				require.Len(t, w.Bus.Take(), 1)
			})
		})
	}
}

// An instance that a person works on is busy, and free again in time.
func TestBusyInstance(t *testing.T) {
	each(t, localtest.Options{}, func(t *testing.T, w *localtest.World, sw huawei.Switch) {
		if sw.Name == "database-audit" {
			return // DBSS has no jobs
		}
		w.Cloud.StartJob(cloudsim.ConsoleJob{ProjectID: localtest.Proxy.ProjectID, InstanceID: localtest.Proxy.InstanceID, Name: "RebootGaussDBforMySQLInstance"})
		answer := w.Post(t, sw.Function, ticket(t, sw.Name))
		require.Equal(t, http.StatusServiceUnavailable, answer.Status)
		require.Equal(t, events.Busy, answer.Problem(t).Code)
		w.Advance(time.Minute)
		require.Equal(t, 2, w.Post(t, sw.Function, ticket(t, sw.Name)).Status/100)
		require.Len(t, w.Cloud.Effects(), 1)
	})
}

// The cloud locks a key after five failures; two are enough for us.
func TestTwoRefusalsOfTheKey(t *testing.T) {
	each(t, localtest.Options{Cloud: cloudsim.Options{Credentials: []cloudsim.Credentials{{AccessKey: "ANOTHERKEY", SecretKey: "s"}}}}, func(t *testing.T, w *localtest.World, sw huawei.Switch) {
		for i, sent := range []int{1, 1, 0, 0} {
			answer := w.Post(t, sw.Function, ticket(t, sw.Name))
			require.Equal(t, http.StatusServiceUnavailable, answer.Status)
			require.Equal(t, events.CloudDenied, answer.Problem(t).Code)
			require.Len(t, w.Flips(), sent, i)
			w.Advance(time.Minute)
		}
		require.Empty(t, w.Bus.Take())
		w.Advance(2 * time.Minute)
		w.Post(t, sw.Function, ticket(t, sw.Name))
		require.Len(t, w.Flips(), 1, "five minutes have passed")
	})
}

// When nobody knows whether the call took effect, nothing is sent again before
// it has been looked up, and nothing is looked up before the quiet time has
// passed.
func TestDoubt(t *testing.T) {
	for name, fault := range map[string]cloudsim.Fault{
		"500":                  {Kind: cloudsim.Status, Status: 500},
		"500, with effect":     {Kind: cloudsim.Status, Status: 500, Effect: true},
		"HTML":                 {Kind: cloudsim.HTML},
		"HTML, with effect":    {Kind: cloudsim.HTML, Effect: true},
		"504, with effect":     {Kind: cloudsim.HTML, Status: 504, Effect: true},
		"cut before":           {Kind: cloudsim.CutBefore},
		"cut after":            {Kind: cloudsim.CutAfter},
		"reset":                {Kind: cloudsim.Refuse},
		"time-out":             {Kind: cloudsim.CutBefore, Hold: true},
		"time-out, had effect": {Kind: cloudsim.CutAfter, Hold: true},
		"effect when gone":     {Kind: cloudsim.Late, After: 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			var o localtest.Options
			if fault.Hold {
				o.Timeout = time.Second
			}
			each(t, o, func(t *testing.T, w *localtest.World, sw huawei.Switch) {
				listed(t, w)
				fault := fault
				fault.Operation, fault.Times = operationOf(sw.Name), 1
				require.NoError(t, w.Cloud.Inject(fault))
				answer := w.Post(t, sw.Function, readable(t, sw))
				require.Equal(t, http.StatusServiceUnavailable, answer.Status, string(answer.Body))
				require.Equal(t, events.Doubt, answer.Problem(t).Code)
				require.Equal(t, "60", answer.Header.Get("Retry-After"))
				require.Len(t, w.Sent(), 1)
				w.Advance(30 * time.Second)
				early := w.Post(t, sw.Function, readable(t, sw))
				require.Equal(t, events.Doubt, early.Problem(t).Code)
				require.Empty(t, w.Sent(), "looked up before the quiet time has passed")
				w.Advance(time.Minute)
				isResolved(t, w, sw)
			})
		})
	}
}

// listed has the ledger know that the list of jobs shows those of ours, as it does
// when the first has been followed to its end.
func listed(t *testing.T, w *localtest.World) {
	now := w.Now()
	c := ledger.Claim{Key: ledger.Key{Switch: "jobfollow", Source: "urn:test", ID: "the first"}, Project: "056538411200d4cd2f79c003c7606412", Nonce: "n", Now: now, Order: now}
	require.NoError(t, w.Host.Ledger.Reject(t.Context(), c, ledger.Outcome{Result: "job-succeeded", At: now, Listed: true}))
	require.NoError(t, w.Host.Ledger.Mark(t.Context(), c.Key, c.Nonce, now, now.Add(time.Hour)))
}

// readable is a ticket whose effect can be read back. No read shows the option of
// database-audit: with it the call, which disturbs nothing, is sent again.
func readable(t *testing.T, sw huawei.Switch) []byte {
	if sw.Creates {
		return ticket(t, sw.Name)
	}
	return ticket(t, sw.Name, "data.options", localtest.Gone)
}

// isResolved delivers the ticket again and sees its one effect found, or made.
func isResolved(t *testing.T, w *localtest.World, sw huawei.Switch) {
	t.Helper()
	before := len(w.Cloud.Effects())
	answer := w.Post(t, sw.Function, readable(t, sw))
	require.Equal(t, 2, answer.Status/100, string(answer.Body))
	data := localtest.Completed(t, answer.Event(t))
	effects := w.Cloud.Effects()
	require.Len(t, effects, 1)
	require.Equal(t, effects[0].JobID, data.JobID)
	require.Len(t, w.Flips(), 1-before, "sent again though it had taken effect, or not sent though it had not")
	switch {
	case before == 0:
		require.False(t, data.Inferred)
	case sw.Creates:
		require.Equal(t, events.Accepted, data.Result)
		require.True(t, data.Inferred)
	default:
		require.NotEqual(t, events.Accepted, data.Result)
	}
	require.Len(t, w.Bus.Take(), 1)
}

// A 2xx that cannot be read is an effect, and only its job is unknown: it is
// looked up, never sent again. Access control is read back at once; of the
// audit, whose 200 may say FAILED, it is only possible.
func TestKnownEffect(t *testing.T) {
	for _, kind := range []cloudsim.Kind{cloudsim.NoJob, cloudsim.Unreadable, cloudsim.CutBody} {
		t.Run(string(kind), func(t *testing.T) {
			each(t, localtest.Options{}, func(t *testing.T, w *localtest.World, sw huawei.Switch) {
				if kind == cloudsim.NoJob && !sw.Creates {
					return
				}
				require.NoError(t, w.Cloud.Inject(cloudsim.Fault{Operation: operationOf(sw.Name), Kind: kind, Times: 1}))
				// Without options, which no read shows.
				body := ticket(t, sw.Name, "data.options", localtest.Gone)
				answer := w.Post(t, sw.Function, body)
				if sw.Name != "access-control" {
					require.Equal(t, events.Doubt, answer.Problem(t).Code)
					w.Advance(61 * time.Second)
					answer = w.Post(t, sw.Function, body)
				}
				require.Equal(t, 2, answer.Status/100, string(answer.Body))
				require.Equal(t, w.Cloud.Effects()[0].JobID, localtest.Completed(t, answer.Event(t)).JobID)
				require.Len(t, w.Flips(), 1)
				require.Len(t, w.Cloud.Effects(), 1)
			})
		})
	}
}

// A cloud that cannot be reached has had no call.
func TestCloudAway(t *testing.T) {
	each(t, localtest.Options{Environ: []string{
		// Nothing listens on the port that discards.
		"INTERLOCK_GAUSSDB_ENDPOINT=http://127.0.0.1:9", "INTERLOCK_DBSS_ENDPOINT=http://127.0.0.1:9",
	}}, func(t *testing.T, w *localtest.World, sw huawei.Switch) {
		answer := w.Post(t, sw.Function, ticket(t, sw.Name))
		require.Equal(t, http.StatusServiceUnavailable, answer.Status)
		require.Equal(t, events.Unavailable, answer.Problem(t).Code)
		require.Equal(t, "10", answer.Header.Get("Retry-After"))
		require.Empty(t, w.Bus.Take())
	})
}

// A halt puts everything off, with no call made.
func TestHalt(t *testing.T) {
	each(t, localtest.Options{Environ: []string{"INTERLOCK_HALT=true"}}, func(t *testing.T, w *localtest.World, sw huawei.Switch) {
		answer := w.Post(t, sw.Function, ticket(t, sw.Name))
		require.Equal(t, http.StatusServiceUnavailable, answer.Status)
		require.Equal(t, events.Unavailable, answer.Problem(t).Code)
		require.NotEmpty(t, answer.Header.Get("Retry-After"))
		require.Empty(t, w.Sent())
	})
}
