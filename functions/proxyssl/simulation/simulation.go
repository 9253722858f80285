// Package simulation is SSL of a database proxy as the cloud has it.
package simulation

import "github.com/interlock-functions/interlock/internal/cloudsim"

// Operations, as Huawei's SDKs name them.
const (
	Flip = "SwitchGaussMySqlProxySsl"
	Read = "ShowGaussMySqlProxyList"
)

// Operation declares proxy-ssl. The name of its job is documented nowhere: this
// one is unlike all documented ones.
func Operation() cloudsim.Simulation {
	const on = "ssl"
	return cloudsim.Simulation{
		Switch:    "proxy-ssl",
		Positions: []string{on},
		Flip: cloudsim.Operation{
			Name: Flip, Method: "PUT", Path: "v3/{project}/instances/{instance}/proxy/{proxy}/ssl", Job: "GaussDBforMySQLSwitchProxySSL",
			Plan: func(q *cloudsim.Request) cloudsim.Change {
				asked := q.Boolean("ssl_option")
				return cloudsim.Change{Enabled: asked, Set: map[string]bool{on: asked}}
			},
		},
		Reads: []cloudsim.Operation{{
			Name: Read, Method: "GET", Path: "v3/{project}/instances/{instance}/proxies",
			Show: func(q *cloudsim.Request) any {
				list := []any{}
				for _, t := range q.Below() {
					if t.ProxyID != "" {
						list = append(list, map[string]any{"proxy": map[string]any{
							"pool_id": t.ProxyID, "status": "ACTIVE", "name": "proxy-" + t.ProxyID, "ssl_option": q.LooseBool(q.On(t, on)),
						}})
					}
				}
				return map[string]any{"proxy_list": list}
			},
		}},
	}
}
