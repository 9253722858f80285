// Package simulation is SSL of a database proxy as the cloud has it.
package simulation

import "github.com/interlock-functions/interlock/internal/cloudsim"

// Flip and Read are the operations, as Huawei's SDKs name them.
const Flip, Read = "SwitchGaussMySqlProxySsl", "ShowGaussMySqlProxyList"

// Operation declares proxy-ssl. The name of its job is documented nowhere: this
// one is unlike all documented ones.
func Operation() cloudsim.Simulation {
	const instance = "v3/{project}/instances/{instance}"
	return cloudsim.Simulation{
		Switch: "proxy-ssl", Positions: []string{"ssl"},
		Flip:  cloudsim.Operation{Name: Flip, Method: "PUT", Path: instance + "/proxy/{proxy}/ssl", Job: "GaussDBforMySQLSwitchProxySSL", Plan: plan},
		Reads: []cloudsim.Operation{{Name: Read, Method: "GET", Path: instance + "/proxies", Show: list}},
	}
}

func plan(q *cloudsim.Request) cloudsim.Change {
	return cloudsim.Change{Enabled: q.Boolean("ssl_option")}
}

func list(q *cloudsim.Request) any {
	proxies := []any{}
	for _, t := range q.Proxies() {
		proxies = append(proxies, map[string]any{"proxy": map[string]any{
			"pool_id": t.ProxyID, "status": "ACTIVE", "name": "proxy-" + t.ProxyID,
			// A string in the SDKs' models, unlike the flip's.
			"ssl_option": q.Loose(q.On(t, "ssl"), [2]any{"false", "true"}, [2]any{false, true}, [2]any{"OFF", "ON"}, [2]any{"off", "on"}),
		}})
	}
	return map[string]any{"proxy_list": proxies}
}
