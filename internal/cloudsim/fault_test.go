package cloudsim_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	accesscontrol "github.com/interlock-functions/interlock/functions/accesscontrol/simulation"
	auditswitch "github.com/interlock-functions/interlock/functions/auditswitch/simulation"
	proxyalt "github.com/interlock-functions/interlock/functions/proxyalt/simulation"
	proxyssl "github.com/interlock-functions/interlock/functions/proxyssl/simulation"
	"github.com/interlock-functions/interlock/functions/simulations"
	. "github.com/interlock-functions/interlock/internal/cloudsim"
)

const sslOn = `{"ssl_option":true}`

// Each fault, on a switch with a job: what the client sees, and whether the
// switch took effect.
func TestFaults(t *testing.T) {
	ssl := proxyssl.Flip
	for name, c := range map[string]struct {
		fault  Fault
		status int // 0: an error
		code   string
		body   string // the whole, or a part of it
		effect bool
		check  func(*testing.T, *env, answer)
	}{
		"delay": {Fault{Kind: Delay, Delay: time.Minute}, 200, "", "job_id", true, func(t *testing.T, e *env, _ answer) {
			require.Equal(t, newClock().Now().Add(time.Minute), e.Effects()[0].Time)
			require.Equal(t, newClock().Now(), e.Calls()[0].Time)
		}},
		"refuse": {Fault{Kind: Refuse}, 0, "", "", false, func(t *testing.T, e *env, a answer) {
			want := error(syscall.ECONNREFUSED)
			if e.wire {
				want = syscall.ECONNRESET
			}
			require.ErrorIs(t, a.err, want)
		}},
		"cut before": {Fault{Kind: CutBefore}, 0, "", "", false, cutOff},
		"cut after":  {Fault{Kind: CutAfter}, 0, "", "", true, cutOff},
		"cut body": {Fault{Kind: CutBody}, 200, "", `{"job_id":"`, true, func(t *testing.T, _ *env, a answer) {
			require.ErrorIs(t, a.err, io.ErrUnexpectedEOF)
		}},
		"late":               {Fault{Kind: Late, After: time.Minute}, 0, "", "", false, cutOff},
		"400":                {Fault{Kind: Status, Status: 400}, 400, "DBS.280001", "", false, nil},
		"401":                {Fault{Kind: Status, Status: 401}, 401, "APIG.0301", "request_id", false, nil},
		"403":                {Fault{Kind: Status, Status: 403}, 403, "DBS.200010", "", false, nil},
		"404":                {Fault{Kind: Status, Status: 404}, 404, "DBS.200002", "", false, nil},
		"429":                {Fault{Kind: Status, Status: 429}, 429, "APIG.0308", "", false, retryAfter("")},
		"429 with a wait":    {Fault{Kind: Status, Status: 429, RetryAfter: "7"}, 429, "APIG.0308", "", false, retryAfter("7")},
		"500":                {Fault{Kind: Status, Status: 500}, 500, "DBS.200412", "", false, nil},
		"500 after all":      {Fault{Kind: Status, Status: 500, Effect: true}, 500, "DBS.200412", "", true, nil},
		"503 with a wait":    {Fault{Kind: Status, Status: 503, RetryAfter: "7"}, 503, "DBS.200412", "", false, retryAfter("7")},
		"own code":           {Fault{Kind: Status, Status: 403, Code: "DBS.05000084", Message: "busy"}, 403, "DBS.05000084", `"error_msg":"busy"`, false, nil},
		"nested":             {Fault{Kind: Status, Status: 400, Code: "X", Shape: ShapeNested}, 400, "X", `{"error":{"error_code":"X"`, false, nil},
		"external":           {Fault{Kind: Status, Status: 400, Code: "X", Shape: ShapeExternal}, 400, "X", `{"errCode":"X","externalMessage":`, false, nil},
		"detailed":           {Fault{Kind: Status, Status: 400, Code: "X", Shape: ShapeDetailed}, 400, "X", `"encoded_authorization_message"`, false, nil},
		"keystone":           {Fault{Kind: Status, Status: 401, Shape: ShapeKeystone}, 401, "Unauthorized", `"code":401`, false, nil},
		"own body":           {Fault{Kind: Status, Status: 200, Effect: true, Body: `{"job_id":7}`}, 200, "", `{"job_id":7}`, true, nil},
		"busy":               {Fault{Kind: Busy}, 409, "DBS.200019", "", false, nil},
		"busy under 400":     {Fault{Kind: Busy, Status: 400, Code: "DBS.200047"}, 400, "DBS.200047", "", false, nil},
		"html":               {Fault{Kind: HTML}, 502, "", "<html>", false, htmlType},
		"html after all":     {Fault{Kind: HTML, Status: 504, Effect: true}, 504, "", "<html>", true, htmlType},
		"html under 200":     {Fault{Kind: HTML, Status: 200, Effect: true}, 200, "", "<html>", true, htmlType},
		"empty":              {Fault{Kind: Empty}, 500, "", "", false, emptyBody},
		"empty under 200":    {Fault{Kind: Empty, Status: 200, Effect: true}, 200, "", "", true, emptyBody},
		"204":                {Fault{Kind: Status, Status: 204, Effect: true}, 204, "", "", true, emptyBody},
		"no job":             {Fault{Kind: NoJob}, 200, "", "{}", true, nil},
		"unreadable":         {Fault{Kind: Unreadable}, 200, "", `{"job_id":`, true, nil},
		"job fails":          {Fault{Kind: JobFails, FailReason: "no space"}, 200, "", "job_id", true, jobFailed("no space")},
		"job fails somehow":  {Fault{Kind: JobFails}, 200, "", "job_id", true, jobFailed("An internal error occurred.")},
		"job is hidden":      {Fault{Kind: JobHidden}, 200, "", "job_id", true, jobIsHidden},
		"of another":         {Fault{Kind: CutBefore, Operation: proxyalt.Flip}, 200, "", "job_id", true, nil},
		"of every operation": {Fault{Kind: Status, Status: 503, Operation: "*"}, 503, "", "", false, nil},
		"of this instance":   {Fault{Kind: Empty, InstanceID: cluster}, 500, "", "", false, nil},
		"of another's":       {Fault{Kind: Empty, InstanceID: auditor}, 200, "", "job_id", true, nil},
		"that matches": {Fault{Kind: Empty, Match: func(c Call) bool { return c.Body == sslOn && c.Number == 1 && c.Target == proxyTarget }},
			500, "", "", false, nil},
		"that does not match": {Fault{Kind: Empty, Match: func(c Call) bool { return c.Body != sslOn }}, 200, "", "job_id", true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, Options{}, func(t *testing.T, e *env) {
				fault := c.fault
				fault.Times = 1
				switch fault.Operation {
				case "":
					fault.Operation = ssl
				case "*":
					fault.Operation = ""
				}
				require.NoError(t, e.Inject(fault))
				a := e.do("PUT", sslPath, sslOn)
				require.Equal(t, c.status, a.status)
				require.Equal(t, c.status == 0, a.err != nil && a.header == nil)
				if c.code != "" {
					require.Equal(t, c.code, a.code(), a.text)
				}
				require.Contains(t, a.text, c.body)
				require.Equal(t, c.effect, len(e.Effects()) == 1)
				require.Equal(t, c.effect, e.Calls()[0].Effect)
				require.Equal(t, c.status, e.Calls()[0].Status)
				if c.check != nil {
					c.check(t, e, a)
				}
				if len(e.Faults()) == 0 {
					e.clock.Add(time.Hour)
					require.Equal(t, 200, e.do("PUT", sslPath, sslOn).status, "the next call is like any other")
				}
			})
		})
	}
}

func cutOff(t *testing.T, e *env, a answer) {
	if !e.wire {
		require.ErrorIs(t, a.err, syscall.ECONNRESET)
		return
	}
	require.True(t, errors.Is(a.err, io.EOF) || errors.Is(a.err, syscall.ECONNRESET), a.err)
}

func retryAfter(want string) func(*testing.T, *env, answer) {
	return func(t *testing.T, _ *env, a answer) { require.Equal(t, want, a.header.Get("Retry-After")) }
}

func htmlType(t *testing.T, _ *env, a answer) {
	require.Equal(t, "text/html", a.header.Get("Content-Type"))
}

func emptyBody(t *testing.T, _ *env, a answer) {
	require.Empty(t, a.text)
	require.Empty(t, a.header.Get("Content-Type"))
}

func jobFailed(reason string) func(*testing.T, *env, answer) {
	return func(t *testing.T, e *env, a answer) {
		e.clock.Add(6 * time.Second)
		id := a.json(t)["job_id"].(string)
		job := e.do("GET", jobPath+"?id="+id, "").json(t)["job"].(map[string]any)
		require.Equal(t, []any{"Failed", reason}, []any{job["status"], job["fail_reason"]})
		listed := e.do("GET", jobsPath+"?status=Failed", "").json(t)["jobs"].([]any)[0].(map[string]any)
		require.Equal(t, []any{id, reason}, []any{listed["job_id"], listed["fail_reason"]})
		require.False(t, e.State(proxyTarget).On["ssl"], "a failed job has not laid the switch")
	}
}

// A job that is stuck keeps its instance busy for good.
func TestAJobIsStuck(t *testing.T) {
	e := newEnv(t, Options{}, false)
	require.NoError(t, e.Inject(Fault{Operation: proxyssl.Flip, Kind: JobStuck, Times: 1}))
	id := e.do("PUT", sslPath, sslOn).json(t)["job_id"].(string)
	e.clock.Add(1000 * time.Hour)
	job := e.do("GET", jobPath+"?id="+id, "").json(t)["job"].(map[string]any)
	require.Equal(t, []any{"Running", "0"}, []any{job["status"], job["process"]})
	require.Len(t, e.do("GET", jobsPath+"?status=Running", "").json(t)["jobs"], 1)
	require.False(t, e.State(proxyTarget).On["ssl"])
	require.Equal(t, "DBS.200019", e.do("PUT", sslPath, sslOn).code())
}

func jobIsHidden(t *testing.T, e *env, a answer) {
	e.clock.Add(1000 * time.Hour)
	id := a.json(t)["job_id"].(string)
	require.Equal(t, 404, e.do("GET", jobPath+"?id="+id, "").status)
	require.Empty(t, e.do("GET", jobsPath, "").json(t)["jobs"])
	require.True(t, e.State(proxyTarget).On["ssl"])
}

func TestFaultsOfOtherServices(t *testing.T) {
	both(t, Options{}, func(t *testing.T, e *env) {
		for _, c := range []struct {
			fault        Fault
			method, path string
			body         string
			status       int
			code         string
		}{
			{Fault{Operation: auditswitch.Flip, Kind: AuditFailed}, "POST", auditPath, switches[4].on, 200, ""},
			{Fault{Operation: auditswitch.Flip, Kind: Status, Status: 401}, "POST", auditPath, switches[4].on, 401, "DBSS.10020100"},
			{Fault{Operation: auditswitch.Flip, Kind: Status, Status: 400}, "POST", auditPath, switches[4].on, 400, "DBSS.10020102"},
			{Fault{Operation: auditswitch.Read, Kind: Status, Status: 429}, "GET", auditedPath, "", 429, "APIG.0308"},
			{Fault{Operation: CreateToken, Kind: Status, Status: 503}, "POST", tokenPath, tokenBody, 503, "Service Unavailable"},
			{Fault{Operation: ShowJob, Kind: Status, Status: 404}, "GET", jobPath + "?id=x", "", 404, "DBS.200002"},
			{Fault{Operation: ListImmediateJobs, Kind: Unreadable}, "GET", jobsPath, "", 200, ""},
		} {
			c.fault.Times = 1
			require.NoError(t, e.Inject(c.fault))
			a := e.do(c.method, c.path, c.body)
			require.Equal(t, c.status, a.status, a.text)
			require.Equal(t, c.code, a.code(), a.text)
			if c.fault.Kind == AuditFailed {
				require.JSONEq(t, `{"status":"FAILED"}`, a.text)
			}
		}
		require.Empty(t, e.Effects())
	})
}

func TestFaultsAreUsedUpInTheirOrder(t *testing.T) {
	e := newEnv(t, Options{}, false)
	require.NoError(t, e.Inject(Fault{Kind: Status, Status: 500, Times: 2}))
	require.NoError(t, e.Inject(Fault{Kind: Status, Status: 503}))
	var got []int
	for range 5 {
		got = append(got, e.do("GET", tenantPath, "").status)
	}
	require.Equal(t, []int{500, 500, 503, 503, 503}, got)
	require.Len(t, e.Faults(), 1)
	e.ClearFaults()
	require.Equal(t, 200, e.do("GET", tenantPath, "").status)
}

// A fault does not make a bad request good.
func TestFaultsDoNotHideRefusals(t *testing.T) {
	for _, kind := range []Kind{NoJob, Unreadable, JobFails, CutBody} {
		e := newEnv(t, Options{}, false)
		require.NoError(t, e.Inject(Fault{Operation: proxyssl.Flip, Kind: kind}))
		require.Equal(t, 400, e.do("PUT", sslPath, "{}").status)
		require.Equal(t, 401, e.do("PUT", sslPath, sslOn, header("X-Auth-Token", "wrong")).status)
		require.Empty(t, e.Effects())
	}
	e := newEnv(t, Options{}, false)
	require.NoError(t, e.Inject(Fault{Operation: proxyssl.Flip, Kind: Late}))
	require.Error(t, e.do("PUT", sslPath, "{}").err)
	require.Error(t, e.do("PUT", sslPath, sslOn, header("X-Auth-Token", "wrong")).err)
	require.Zero(t, e.Deliver())
}

func TestLateEffect(t *testing.T) {
	both(t, Options{}, func(t *testing.T, e *env) {
		require.NoError(t, e.Inject(Fault{Operation: proxyssl.Flip, Kind: Late, After: 30 * time.Second, Times: 1}))
		require.Error(t, e.do("PUT", sslPath, sslOn).err)
		e.clock.Add(30*time.Second - 1)
		require.Empty(t, e.Effects())
		require.Equal(t, 200, e.do("GET", tenantPath, "").status)

		e.clock.Add(time.Minute)
		effects := e.Effects()
		require.Len(t, effects, 1)
		require.Equal(t, newClock().Now().Add(30*time.Second), effects[0].Time, "when it arrived, not when somebody looked")
		require.True(t, effects[0].Gone)
		call := e.CallsOf(proxyssl.Flip)[0]
		require.Equal(t, []any{true, effects[0].JobID, 0}, []any{call.Effect, call.JobID, call.Status})
		require.True(t, e.State(proxyTarget).On["ssl"], "its job has completed meanwhile")
		require.Equal(t, 200, e.do("GET", jobPath+"?id="+effects[0].JobID, "").status)
	})
}

func TestDeliver(t *testing.T) {
	both(t, Options{}, func(t *testing.T, e *env) {
		require.NoError(t, e.Inject(Fault{Kind: Late, Times: 2}))
		require.Error(t, e.do("PUT", sslPath, sslOn).err)
		require.Error(t, e.do("POST", accessPath, switches[2].on).err)
		e.clock.Add(time.Hour)
		require.Empty(t, e.Effects())
		require.Equal(t, 1, e.Deliver(), "the second finds its instance busy")
		require.Zero(t, e.Deliver())
		require.Equal(t, []bool{true, false}, []bool{e.Calls()[0].Effect, e.Calls()[1].Effect})
		require.False(t, e.State(proxyTarget).On["access_control"])
	})
}

// Arrivals and ends of jobs happen in the order of their times, however rarely
// anybody looks.
func TestWhatIsDueHappensInOrder(t *testing.T) {
	e := newEnv(t, Options{}, false)
	require.NoError(t, e.Inject(Fault{Operation: proxyssl.Flip, Kind: Late, After: 10 * time.Second, Times: 1}))
	require.NoError(t, e.Inject(Fault{Operation: proxyssl.Flip, Kind: Late, After: 5 * time.Second, Times: 1}))
	require.NoError(t, e.Inject(Fault{Operation: proxyssl.Flip, Kind: Late, After: 12 * time.Second, Times: 1}))
	require.Error(t, e.do("PUT", sslPath, `{"ssl_option":false}`).err) // busy until 11s
	require.Error(t, e.do("PUT", sslPath, sslOn).err)                  // first
	require.Error(t, e.do("PUT", sslPath, `{"ssl_option":false}`).err) // last
	e.clock.Add(time.Hour)
	var calls []int
	for _, effect := range e.Effects() {
		calls = append(calls, effect.Call)
	}
	require.Equal(t, []int{2, 3}, calls)
	require.False(t, e.State(proxyTarget).On["ssl"])
}

func TestArrivalBetweenTheEndsOfTwoJobs(t *testing.T) {
	e := newEnv(t, Options{}, false)
	e.StartJob(ConsoleJob{ProjectID: project, InstanceID: cluster, Name: "Short", Running: 5 * time.Second})
	e.StartJob(ConsoleJob{ProjectID: project, InstanceID: "1" + cluster[1:], Name: "Long", Running: 20 * time.Second})
	require.NoError(t, e.Inject(Fault{Operation: proxyssl.Flip, Kind: Late, After: 10 * time.Second}))
	require.Error(t, e.do("PUT", sslPath, sslOn).err)
	e.clock.Add(time.Hour)
	require.Len(t, e.Effects(), 1)
}

// A client that leaves while it is held has, or has not, caused an effect.
func TestHeldClients(t *testing.T) {
	for _, c := range []struct {
		kind          Kind
		before, after int
	}{{CutBefore, 0, 0}, {CutAfter, 1, 1}, {Late, 0, 1}} {
		t.Run(string(c.kind), func(t *testing.T) {
			both(t, Options{}, func(t *testing.T, e *env) {
				require.NoError(t, e.Inject(Fault{Operation: proxyssl.Flip, Kind: c.kind, Hold: true, Times: 1}))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				gone := make(chan answer)
				go func() { gone <- e.send(e.request("PUT", sslPath, sslOn).WithContext(ctx)) }()
				require.Eventually(t, func() bool {
					calls := e.Calls()
					return len(calls) == 1 && (c.kind == CutBefore || calls[0].Authenticated)
				}, time.Minute, time.Millisecond)
				require.Zero(t, e.Calls()[0].Ended)
				require.Len(t, e.Effects(), c.before)
				cancel()
				require.ErrorIs(t, (<-gone).err, context.Canceled)
				require.Eventually(t, func() bool { return !e.Calls()[0].Ended.IsZero() }, time.Minute, time.Millisecond)
				e.Deliver()
				require.Len(t, e.Effects(), c.after)
			})
		})
	}
}

func TestClientLeavesDuringDelay(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	both(t, Options{Sleep: func(served context.Context, _ time.Duration) error {
		cancel()
		<-served.Done()
		return served.Err()
	}}, func(t *testing.T, e *env) {
		ctx, cancel = context.WithCancel(t.Context())
		require.NoError(t, e.Inject(Fault{Kind: Delay, Delay: time.Hour}))
		require.ErrorIs(t, e.send(e.request("PUT", sslPath, sslOn).WithContext(ctx)).err, context.Canceled)
		require.Eventually(t, func() bool { return !e.Calls()[0].Ended.IsZero() }, time.Minute, time.Millisecond)
		require.Empty(t, e.Effects())
	})
}

func TestClientHasLeftAfterDelay(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	e := newEnv(t, Options{Sleep: func(context.Context, time.Duration) error { cancel(); return nil }}, false)
	require.NoError(t, e.Inject(Fault{Kind: Delay, Delay: time.Hour}))
	require.ErrorIs(t, e.send(e.request("PUT", sslPath, sslOn).WithContext(ctx)).err, context.Canceled)
	require.Empty(t, e.Effects())
}

func TestDelayByTimer(t *testing.T) {
	e := newEnv(t, Options{}, false)
	e.Sleep = nil
	require.NoError(t, e.Inject(Fault{Kind: Delay, Delay: time.Nanosecond, Times: 1}))
	require.Equal(t, 200, e.do("PUT", sslPath, sslOn).status)
	require.NoError(t, e.Inject(Fault{Kind: Delay, Delay: time.Hour, Times: 1}))
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.ErrorIs(t, e.send(e.request("PUT", sslPath, sslOn).WithContext(ctx)).err, context.DeadlineExceeded)
}

func TestNoCallOnceTheClientHasLeft(t *testing.T) {
	e := newEnv(t, Options{}, false)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := e.RoundTripper().RoundTrip(e.request("PUT", sslPath, sslOn).WithContext(ctx))
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, e.Calls())
}

func TestImpossibleFaults(t *testing.T) {
	for says, f := range map[string]Fault{
		`operation "x" is unknown`: {Operation: "x", Kind: CutAfter},
		`kind "" is unknown; known are delay, refuse, cut-before, cut-after, cut-body, late, status, html, empty, busy, audit-failed, no-job, unreadable, job-fails, job-stuck, job-hidden`: {},
		"negative":                                    {Kind: Delay, Times: -1},
		"status is missing":                           {Kind: Status},
		"status must be":                              {Kind: Status, Status: 100},
		"only SwitchAuditDatabaseNew":                 {Kind: AuditFailed, Operation: proxyssl.Flip},
		`operation "SwitchAccessControl" starts no`:   {Kind: NoJob, Operation: accesscontrol.Flip},
		`operation "" starts no job`:                  {Kind: JobFails},
		`operation "ListImmediateJobs" starts no job`: {Operation: ListImmediateJobs, Kind: JobStuck},
		`kind "status" cannot hold a client`:          {Kind: Status, Status: 500, Hold: true},
	} {
		e := newEnv(t, Options{}, false)
		require.ErrorContains(t, e.Inject(f), says)
		require.Empty(t, e.Faults())
	}
}

// Overlaps show a client that has two calls in flight for one instance.
func TestOverlaps(t *testing.T) {
	both(t, Options{}, func(t *testing.T, e *env) {
		require.NoError(t, e.Inject(Fault{Kind: CutBefore, Hold: true, Times: 2}))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var calls sync.WaitGroup
		for range 2 {
			calls.Go(func() { e.send(e.request("PUT", sslPath, sslOn).WithContext(ctx)) })
		}
		require.Eventually(t, func() bool { return len(e.Calls()) == 2 }, time.Minute, time.Millisecond)
		require.Equal(t, 200, e.do("PUT", strings.Replace(sslPath, cluster, "1"+cluster[1:], 1), sslOn).status)
		require.Equal(t, 200, e.do("GET", tenantPath, "").status)
		cancel()
		calls.Wait()
		require.Eventually(t, func() bool { return !e.Calls()[0].Ended.IsZero() && !e.Calls()[1].Ended.IsZero() }, time.Minute, time.Millisecond)
		require.Equal(t, 200, e.do("PUT", sslPath, sslOn).status)
		var overlaps []int
		for _, call := range e.Calls() {
			overlaps = append(overlaps, call.Overlaps)
		}
		require.Equal(t, []int{0, 1, 0, 0, 0}, overlaps)
	})
}

func TestConcurrentUse(t *testing.T) {
	both(t, Options{}, func(t *testing.T, e *env) {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 10 {
					for _, s := range switches {
						e.do(s.method, s.path, s.on)
					}
					e.do("GET", proxiesPath, "")
					e.do("GET", jobsPath, "")
					_ = e.Inject(Fault{Kind: Late, After: time.Second, Times: 1})
					e.clock.Add(time.Second)
					e.Calls()
					e.Effects()
					e.States()
					e.Faults()
				}
			})
		}
		all.Wait()
		require.Len(t, e.Calls(), 8*10*7)
		open := map[string]time.Time{}
		for _, effect := range e.Effects() {
			if effect.JobID != "" {
				require.False(t, effect.Time.Before(open[effect.Target.InstanceID]), "one job at a time for an instance")
				open[effect.Target.InstanceID] = effect.Time.Add(6 * time.Second)
			}
		}
	})
}

var _ http.Handler = (*Cloud)(nil)

func BenchmarkRoundTrip(b *testing.B) {
	c := newClock()
	cloud := New(Options{Now: c.Now, Simulations: simulations.All()})
	rt := cloud.RoundTripper()
	e := &env{base: "http://cloud.example"}
	for b.Loop() {
		r, err := rt.RoundTrip(e.request("POST", accessPath, `{"open_access_control":true}`, signed(DefaultAccessKey, DefaultSecretKey, c.Now(), "host", "x-sdk-date")))
		if err != nil || r.StatusCode != 200 {
			b.Fatal(err, r)
		}
	}
}
