package cloudsim_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/interlock-functions/interlock/internal/cloudsim"
)

func TestControl(t *testing.T) {
	e := newEnv(t, Options{}, true)
	list := func(path string) (v []map[string]any) {
		a := e.do("GET", path, "", header("X-Auth-Token", ""))
		require.Equal(t, 200, a.status, a.text)
		require.NoError(t, json.Unmarshal([]byte(a.text), &v))
		return v
	}
	for _, path := range []string{"calls", "effects", "state", "faults"} {
		require.Equal(t, "[]\n", e.do("GET", "/_sim/"+path, "").text)
	}

	require.Equal(t, 204, e.do("POST", "/_sim/targets", `{"project_id":"`+project+`","instance_id":"`+cluster+`","proxy_id":"`+pool+`"}`).status)
	require.Len(t, list("/_sim/state"), 2, "the instance and its proxy")

	require.Equal(t, 204, e.do("POST", "/_sim/faults", `{"operation":"SwitchGaussMySqlProxySsl","kind":"status","status":429,"retry_after":"3","times":1}`).status)
	require.Equal(t, []map[string]any{{"operation": "SwitchGaussMySqlProxySsl", "kind": "status", "status": 429.0, "retry_after": "3", "times": 1.0}}, list("/_sim/faults"))
	a := e.do("PUT", sslPath, sslOn)
	require.Equal(t, []any{429, "3"}, []any{a.status, a.header.Get("Retry-After")})
	require.Empty(t, list("/_sim/faults"))

	require.Equal(t, 204, e.do("PUT", "/_sim/faults", `[{"kind":"late","after":"1m30s"},{"kind":"delay","delay":"2s","instance_id":"x"}]`).status)
	require.Equal(t, []map[string]any{{"kind": "late", "after": "1m30s"}, {"kind": "delay", "delay": "2s", "instance_id": "x"}}, list("/_sim/faults"))
	require.Error(t, e.do("PUT", sslPath, sslOn).err)
	require.Equal(t, 204, e.do("DELETE", "/_sim/faults", "").status)
	require.Empty(t, list("/_sim/faults"))
	require.JSONEq(t, `{"effects":1}`, e.do("POST", "/_sim/deliver", "").text)

	effects := list("/_sim/effects")
	require.Len(t, effects, 1)
	require.Equal(t, []any{true, true, 2.0, "SwitchGaussMySqlProxySsl"}, []any{effects[0]["gone"], effects[0]["enabled"], effects[0]["call"], effects[0]["operation"]})
	calls := list("/_sim/calls")
	require.Len(t, calls, 2, "control is not counted")
	require.Equal(t, []any{false, 429.0}, []any{calls[0]["effect"], calls[0]["status"]})
	require.Equal(t, []any{true, 0.0, effects[0]["job_id"]}, []any{calls[1]["effect"], calls[1]["status"], calls[1]["job_id"]})

	e.clock.Add(time.Minute)
	require.Equal(t, true, list("/_sim/state")[1]["ssl"])
	id := e.do("POST", "/_sim/jobs", `{"project_id":"`+project+`","instance_id":"`+cluster+`","name":"RebootGaussDBforMySQLInstance","running":"10s","fail_reason":"x"}`).json(t)["job_id"]
	require.Equal(t, id, list("/_sim/state")[1]["open_job"])
	require.Equal(t, 409, e.do("PUT", sslPath, sslOn).status)
	e.clock.Add(11 * time.Second)
	require.Equal(t, "Failed", e.do("GET", jobPath+"?id="+id.(string), "").json(t)["job"].(map[string]any)["status"])
}

func TestControlRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		says               string
	}{
		"unknown path":     {"GET", "x", "", 404, ""},
		"wrong method":     {"POST", "calls", "", 405, ""},
		"no JSON":          {"POST", "faults", "x", 400, "byte 0"},
		"empty":            {"POST", "faults", "", 400, "unexpected end"},
		"unknown member":   {"POST", "faults", `{"kind":"late","afther":"1s"}`, 400, "afther"},
		"doubled member":   {"POST", "faults", `{"kind":"late","kind":"busy"}`, 400, "duplicate"},
		"unknown kind":     {"POST", "faults", `{"kind":"x"}`, 400, `kind "x"`},
		"no duration":      {"POST", "faults", `{"kind":"late","after":"soon"}`, 400, "soon"},
		"one of many":      {"PUT", "faults", `[{"kind":"late"},{"kind":"x"}]`, 400, "fault 1"},
		"no array":         {"PUT", "faults", `{"kind":"late"}`, 400, "Fault"},
		"target of what":   {"POST", "targets", `{"proxy_id":"x"}`, 400, "needed"},
		"job of what":      {"POST", "jobs", `{"name":"x"}`, 400, "needed"},
		"job with more":    {"POST", "jobs", `{"project_id":"p","instance_id":"i","name":"x","color":"red"}`, 400, "color"},
		"target with more": {"POST", "targets", `{"project_id":"p","instance_id":"i","ProxyID":"x"}`, 400, "ProxyID"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, Options{}, true)
			require.NoError(t, e.Inject(Fault{Kind: Delay}))
			a := e.do(c.method, "/_sim/"+c.path, c.body)
			require.Equal(t, c.status, a.status, a.text)
			require.Contains(t, a.text, c.says)
			require.Equal(t, c.status == 405, a.header.Get("Allow") == "GET")
			require.Len(t, e.Faults(), 1, "nothing changed")
			require.Empty(t, e.States())
		})
	}
}
