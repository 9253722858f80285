package cloudsim_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	accesscontrol "github.com/interlock-functions/interlock/functions/accesscontrol/simulation"
	auditswitch "github.com/interlock-functions/interlock/functions/auditswitch/simulation"
	multitenant "github.com/interlock-functions/interlock/functions/multitenant/simulation"
	proxyalt "github.com/interlock-functions/interlock/functions/proxyalt/simulation"
	proxyssl "github.com/interlock-functions/interlock/functions/proxyssl/simulation"
	"github.com/interlock-functions/interlock/functions/simulations"
	. "github.com/interlock-functions/interlock/internal/cloudsim"
)

const (
	project = "056538411200d4cd2f79c003c7606412"
	other   = "0483b6b16e954cb88930a360d2c4e663"
	cluster = "096c0fc43e804757b59946b80dc27f8bin07"
	pool    = "2ec617ba62da4eafb921b69438beed3cpo01"
	auditor = "1b1b4d3c-6f0e-4f52-9d84-0c5f6a7b8c9d"
	audited = "Gadr-Y4B51p4J06s5s5B"
	below   = "/v3/" + project + "/instances/" + cluster

	altPath     = below + "/proxy/" + pool + "/alt"
	sslPath     = below + "/proxy/" + pool + "/ssl"
	accessPath  = below + "/proxy/" + pool + "/access-control-switch"
	groupPath   = below + "/proxy/" + pool + "/ipgroup"
	tenantPath  = below + "/multi-tenant"
	proxiesPath = below + "/proxies"
	auditPath   = "/v3/" + project + "/audit/" + auditor + "/databases/switch"
	auditedPath = "/v2/" + project + "/audit/" + auditor + "/databases"
	jobPath     = "/v3/" + project + "/jobs"
	jobsPath    = "/v3/" + project + "/immediate-jobs"
	tokenPath   = "/v3/auth/tokens"

	tokenBody = `{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"interlock",` +
		`"password":"simulated-password","domain":{"name":"simulated"}}}},"scope":{"project":{"id":"` + project + `"}}}}`
)

var (
	proxyTarget = Target{ProjectID: project, InstanceID: cluster, ProxyID: pool}
	auditTarget = Target{ProjectID: project, InstanceID: auditor, DatabaseID: audited}
)

// switches are a good request for each.
var switches = []struct {
	operation, method, path, on, off string
	job                              bool
	position                         string
}{
	{proxyalt.Flip, "PUT", altPath, `{"alt_enabled":"on","alt_for_readonly":"on"}`, `{"alt_enabled":"off"}`, true, "alt"},
	{proxyssl.Flip, "PUT", sslPath, `{"ssl_option":true}`, `{"ssl_option":false}`, true, "ssl"},
	{accesscontrol.Flip, "POST", accessPath, `{"open_access_control":true}`, `{"open_access_control":false}`, false, "access_control"},
	{multitenant.Flip, "PUT", tenantPath, `{"multi_tenant_switch":true}`, `{"multi_tenant_switch":false}`, true, "multi_tenancy"},
	{auditswitch.Flip, "POST", auditPath, `{"id":"` + audited + `","status":"ON"}`, `{"id":"` + audited + `","status":"OFF","lts_audit_switch":1}`, false, "audit"},
}

// target is the switch's own.
func targetOf(operation string) Target {
	switch operation {
	case auditswitch.Flip:
		return auditTarget
	case multitenant.Flip:
		return Target{ProjectID: project, InstanceID: cluster}
	}
	return proxyTarget
}

// clock stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// on lists the positions that are on.
func on(s State) (all []string) {
	for position, on := range s.On {
		if on {
			all = append(all, position)
		}
	}
	return all
}

// env is a cloud and a way to reach it.
type env struct {
	*Cloud
	clock *clock
	http  *http.Client
	base  string
	wire  bool
}

// both runs a test over HTTP and through the RoundTripper.
func both(t *testing.T, o Options, test func(t *testing.T, e *env)) {
	t.Helper()
	for _, wire := range []bool{true, false} {
		t.Run(map[bool]string{true: "http", false: "direct"}[wire], func(t *testing.T) { test(t, newEnv(t, o, wire)) })
	}
}

func newEnv(t *testing.T, o Options, wire bool) *env {
	e := &env{clock: newClock(), wire: wire}
	o.Now = e.clock.Now
	if o.Simulations == nil {
		o.Simulations = simulations.All()
	}
	if o.Sleep == nil {
		o.Sleep = func(ctx context.Context, d time.Duration) error { e.clock.Add(d); return ctx.Err() }
	}
	e.Cloud = New(o)
	if !wire {
		e.base, e.http = "http://cloud.example", &http.Client{Transport: e.RoundTripper()}
		return e
	}
	server := httptest.NewServer(e.Cloud)
	t.Cleanup(server.Close)
	// A connection for each call: net/http sends a GET again that it lost on an old one.
	e.base, e.http = server.URL, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return e
}

// answer is an answer as read by its client.
type answer struct {
	status int
	header http.Header
	text   string
	err    error
}

func (a answer) json(t *testing.T) (v map[string]any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(a.text), &v), a.text)
	return v
}

// code finds the error code in any of the shapes.
func (a answer) code() string {
	var v struct {
		Code    string `json:"error_code"`
		ErrCode string `json:"errCode"`
		Error   struct {
			Code  string `json:"error_code"`
			Title string `json:"title"`
		} `json:"error"`
	}
	_ = json.Unmarshal([]byte(a.text), &v)
	return v.Code + v.ErrCode + v.Error.Code + v.Error.Title
}

type edit func(*http.Request)

func header(name, value string) edit {
	return func(r *http.Request) {
		if r.Header.Del(name); value != "" {
			r.Header.Set(name, value)
		}
	}
}

func (e *env) request(method, path, body string, edits ...edit) *http.Request {
	r, err := http.NewRequest(method, e.base+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Auth-Token", DefaultToken)
	for _, edit := range edits {
		edit(r)
	}
	return r
}

func (e *env) do(method, path, body string, edits ...edit) answer {
	return e.send(e.request(method, path, body, edits...))
}

func (e *env) send(r *http.Request) answer {
	response, err := e.http.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(text), err}
}

func TestSwitches(t *testing.T) {
	for _, s := range switches {
		t.Run(s.operation, func(t *testing.T) {
			both(t, Options{}, func(t *testing.T, e *env) {
				for n, body := range []string{s.on, s.off, s.on} {
					a := e.do(s.method, s.path, body)
					require.NoError(t, a.err)
					require.Equal(t, 200, a.status, a.text)
					require.Equal(t, e.clock.Now().Format(http.TimeFormat), a.header.Get("Date"))
					require.Len(t, a.header.Get("X-Request-Id"), 36)

					effects := e.Effects()
					require.Len(t, effects, n+1)
					effect := effects[n]
					require.Equal(t, Effect{
						Time: e.clock.Now(), Operation: s.operation, Target: targetOf(s.operation), Enabled: body == s.on,
						Body: body, JobID: effect.JobID, Call: n + 1,
					}, effect)
					switch id, hasJob := a.json(t)["job_id"]; {
					case s.job:
						require.Equal(t, effect.JobID, id)
						require.Equal(t, body != s.on, e.State(targetOf(s.operation)).On[s.position], "before the job has completed")
						require.Equal(t, id, e.State(targetOf(s.operation)).OpenJob)
						e.clock.Add(6 * time.Second)
					default:
						require.False(t, hasJob)
						require.Empty(t, effect.JobID)
					}
					state := e.State(targetOf(s.operation))
					require.Equal(t, body == s.on, state.On[s.position])
					require.Empty(t, state.OpenJob)
					call := e.Calls()[n]
					require.Equal(t, Call{
						Number: n + 1, Time: effect.Time, Ended: effect.Time, Operation: s.operation, Method: s.method, Path: s.path,
						Target: targetOf(s.operation), Body: body, Authenticated: true, Status: 200, Effect: true, JobID: effect.JobID,
						RequestID: a.header.Get("X-Request-Id"),
					}, call)
				}
			})
		})
	}
}

func TestAnswersOfSwitchesWithoutJob(t *testing.T) {
	e := newEnv(t, Options{Loose: true}, false)
	require.JSONEq(t, `{"open_access_control":false}`, e.do("POST", accessPath, `{"open_access_control":false}`).text)
	seen := map[any]bool{}
	for range 4 {
		seen[e.do("POST", auditPath, switches[4].on).json(t)["status"]] = true
	}
	require.Equal(t, map[any]bool{"SUCCESS": true, "success": true}, seen, "the page's table and its example differ")
}

func TestOptionsOfSwitches(t *testing.T) {
	e := newEnv(t, Options{JobPending: -1, JobRunning: -1}, false)
	require.Equal(t, 200, e.do("PUT", altPath, `{"alt_enabled":"on"}`).status)
	require.Equal(t, []string{"alt"}, on(e.State(proxyTarget)), "off by default")
	require.Equal(t, 200, e.do("PUT", altPath, `{"alt_enabled":"off","alt_for_readonly":"on"}`).status)
	require.Equal(t, []string{"alt_for_readonly"}, on(e.State(proxyTarget)))
	require.Equal(t, 200, e.do("POST", auditPath, `{"id":"`+audited+`","status":"ON","lts_audit_switch":0}`).status)
	require.Equal(t, []string{"audit"}, on(e.State(auditTarget)))
	require.Equal(t, 200, e.do("POST", auditPath, `{"id":"`+audited+`","status":"OFF","lts_audit_switch":1}`).status)
	require.Equal(t, 200, e.do("POST", auditPath, `{"id":"`+audited+`","status":"OFF","lts_audit_switch":7}`).status)
	require.Equal(t, []string{"lts_audit_off"}, on(e.State(auditTarget)), "others: unchanged")
}

// As Huawei's SDKs model them, or in every form that was seen.
func TestReadsAreTypedOrLoose(t *testing.T) {
	bools := []any{true, "true", "ON", "on"}
	for path, c := range map[string]struct {
		find  func(map[string]any) any
		forms []any
	}{
		groupPath:  {func(m map[string]any) any { return m["enable_ip_group"] }, bools},
		tenantPath: {func(m map[string]any) any { return m["multi_tenant_switch"] }, bools},
		proxiesPath: {func(m map[string]any) any {
			p := m["proxy_list"].([]any)[0].(map[string]any)["proxy"].(map[string]any)
			if p["pool_id"] != pool {
				return "of another pool"
			}
			return p["ssl_option"]
		}, []any{"true", true, "ON", "on"}},
		auditedPath: {func(m map[string]any) any {
			return m["databases"].([]any)[0].(map[string]any)["database"].(map[string]any)["status"]
		}, []any{"ON", "1", float64(1)}},
	} {
		t.Run(path, func(t *testing.T) {
			for _, loose := range []bool{false, true} {
				both(t, Options{Loose: loose, JobPending: -1, JobRunning: -1}, func(t *testing.T, e *env) {
					for _, s := range switches {
						require.Equal(t, 200, e.do(s.method, s.path, s.on).status)
					}
					seen := []any{}
					for range c.forms {
						a := e.do("GET", path, "")
						require.Equal(t, 200, a.status, a.text)
						seen = append(seen, c.find(a.json(t)))
					}
					want := c.forms
					if !loose {
						want = slices.Repeat(c.forms[:1], len(c.forms))
					}
					require.ElementsMatch(t, want, seen)
				})
			}
		})
	}
}

func TestDatabasesArePagedFromZero(t *testing.T) {
	e := newEnv(t, Options{}, false)
	for _, id := range []string{"a", "b", "c"} {
		e.Declare(Target{ProjectID: project, InstanceID: auditor, DatabaseID: id})
	}
	require.Equal(t, 200, e.do("POST", auditPath, `{"id":"b","status":"ON"}`).status)
	for query, want := range map[string]string{
		"":                    "a b c",
		"?offset=0&limit=2":   "a b",
		"?offset=2&limit=2":   "c",
		"?status=ON":          "b",
		"?status=OFF&limit=1": "a",
	} {
		ids := []string{}
		for _, d := range e.do("GET", auditedPath+query, "").json(t)["databases"].([]any) {
			ids = append(ids, d.(map[string]any)["database"].(map[string]any)["id"].(string))
		}
		require.Equal(t, want, strings.Join(ids, " "), query)
	}
}

func TestOnlyDeclaredTargets(t *testing.T) {
	both(t, Options{OnlyTargets: true, Targets: []Target{{ProjectID: project, InstanceID: cluster}, {ProjectID: project, InstanceID: auditor}}},
		func(t *testing.T, e *env) {
			for _, c := range []struct {
				method, path, body string
				status             int
				code               string
			}{
				{"PUT", tenantPath, `{"multi_tenant_switch":true}`, 200, ""},
				{"GET", tenantPath, "", 200, ""},
				{"PUT", sslPath, `{"ssl_option":true}`, 404, "DBS.200932"},
				{"GET", groupPath, "", 404, "DBS.200932"},
				{"GET", strings.Replace(tenantPath, project, other, 1), "", 404, "DBS.200002"},
				{"GET", strings.Replace(proxiesPath, cluster, "x"+cluster[1:], 1), "", 404, "DBS.200002"},
				{"POST", auditPath, switches[4].on, 400, "DBSS.10020102"},
			} {
				a := e.do(c.method, c.path, c.body)
				require.Equal(t, c.status, a.status, a.text)
				require.Equal(t, c.code, a.code(), a.text)
			}
			require.Len(t, e.Effects(), 1)
			e.clock.Add(time.Minute)
			e.Declare(proxyTarget)
			require.Equal(t, 200, e.do("PUT", sslPath, `{"ssl_option":true}`).status)
		})
}

func TestSameClockAndOrderSameAnswers(t *testing.T) {
	run := func(seed uint64) (text string) {
		e := newEnv(t, Options{Seed: seed}, false)
		for _, s := range switches {
			a := e.do(s.method, s.path, s.on)
			text += a.text + a.header.Get("X-Request-Id")
			e.clock.Add(10 * time.Second)
		}
		return text + e.do("GET", jobsPath, "").text + e.do("POST", tokenPath, tokenBody).header.Get("X-Subject-Token")
	}
	require.Equal(t, run(1), run(1))
	require.NotEqual(t, run(1), run(2))
}

func TestZeroCloudServes(t *testing.T) {
	c := Cloud{Options: Options{Simulations: simulations.All()}}
	e := &env{Cloud: &c, base: "http://cloud.example", http: &http.Client{Transport: c.RoundTripper()}}
	before := time.Now()
	require.Equal(t, 200, e.do("PUT", sslPath, `{"ssl_option":true}`).status)
	require.WithinRange(t, e.Effects()[0].Time, before, time.Now())
}
