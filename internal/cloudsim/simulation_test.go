package cloudsim_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/interlock-functions/interlock/internal/cloudsim"
)

// lamp is a switch of a proxy that no cloud has, seen in a list that shows all
// lamps.
func lamp(color string) Simulation {
	const proxies = "v3/{project}/instances/{instance}"
	return Simulation{
		Switch: color, Positions: []string{color},
		Flip: Operation{Name: "Switch" + color, Method: "PUT", Path: proxies + "/proxy/{proxy}/" + color, Job: "Turn" + color,
			Plan: func(q *Request) Change { return Change{Enabled: q.Boolean("on")} }},
		Reads: []Operation{{Name: "ListLamps", Method: "GET", Path: proxies + "/lamps", Show: func(q *Request) any {
			lamps := []any{}
			for _, t := range q.Proxies() {
				lamps = append(lamps, map[string]any{"id": t.ProxyID, color: q.On(t, color)})
			}
			return map[string]any{"lamps": lamps}
		}}},
	}
}

// A switch is what its declaration says, and needs nothing else here: it is
// routed, has a job, and is known to reads, states and faults.
func TestSimulation(t *testing.T) {
	e := newEnv(t, Options{Simulations: []Simulation{lamp("red"), lamp("green")}}, true)
	require.Equal(t, "ShowGaussMySqlJobInfo, ListImmediateJobs, KeystoneCreateUserTokenByPassword, Switchred, ListLamps, Switchgreen", e.Operations())
	require.NoError(t, e.Inject(Fault{Operation: "Switchgreen", Kind: JobFails, Times: 1}))
	require.ErrorContains(t, e.Inject(Fault{Operation: "ListLamps", Kind: JobFails}), `"ListLamps" starts no job`)
	red, green := below+"/proxy/"+pool+"/red", below+"/proxy/"+pool+"/green"
	require.Equal(t, 200, e.do("PUT", green, `{"on":true}`).status)
	e.clock.Add(6e9)
	id := e.do("PUT", red, `{"on":true}`).json(t)["job_id"].(string)
	e.clock.Add(6e9)
	require.Contains(t, e.do("GET", jobPath+"?id="+id, "").text, `"name":"Turnred","status":"Completed"`)
	require.JSONEq(t, `{"lamps":[{"id":"`+pool+`","red":true,"green":false}]}`, e.do("GET", below+"/lamps", "").text, "what each of them shows")
	of := `"target":{"project_id":"` + project + `","instance_id":"` + cluster + `"`
	require.JSONEq(t, `[{`+of+`},"red":false,"green":false},{`+of+`,"proxy_id":"`+pool+`"},"red":true,"green":false}]`, e.do("GET", "/_sim/state", "").text)
	require.Equal(t, 404, e.do("PUT", sslPath, sslOn).status, "declared by nobody")
}
