package cloudsim

import (
	"strconv"
	"time"
)

// loose writes a boolean as one of the forms seen in the wild, in turn.
func (c *Cloud) loose(b bool, forms ...[2]any) any {
	if c.Plain {
		return forms[0][index(b)]
	}
	c.world.rotation++
	return forms[c.world.rotation%len(forms)][index(b)]
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (c *Cloud) looseBool(b bool) any {
	return c.loose(b, [2]any{false, true}, [2]any{"false", "true"}, [2]any{"OFF", "ON"}, [2]any{"off", "on"})
}

func (c *Cloud) looseStatus(b bool) any {
	return c.loose(b, [2]any{"OFF", "ON"}, [2]any{0, 1}, [2]any{"0", "1"})
}

func (c *Cloud) listProxies(q *request, _ time.Time) reply {
	i, missing := c.find(q.target)
	if missing != "" {
		return q.missing(missing)
	}
	type entry struct {
		Proxy map[string]any `json:"proxy"`
	}
	list := []entry{}
	for _, p := range i.proxies {
		list = append(list, entry{map[string]any{
			"pool_id": p.id, "status": "ACTIVE", "name": "proxy-" + p.id, "ssl_option": c.looseBool(p.ssl),
		}})
	}
	return answered(200, map[string]any{"proxy_list": list})
}

func (c *Cloud) showIPGroup(q *request, _ time.Time) reply {
	i, missing := c.find(q.target)
	if missing != "" {
		return q.missing(missing)
	}
	return answered(200, map[string]any{"enable_ip_group": c.looseBool(i.proxy(q.target.ProxyID).accessControl)})
}

func (c *Cloud) showMultiTenancy(q *request, _ time.Time) reply {
	i, missing := c.find(q.target)
	if missing != "" {
		return q.missing(missing)
	}
	return answered(200, map[string]any{"multi_tenant_switch": c.looseBool(i.multiTenancy)})
}

// listDatabases lists an audit instance's databases. Here offset starts at 0
// and counts databases.
func (c *Cloud) listDatabases(q *request, _ time.Time) reply {
	i, missing := c.find(q.target)
	if missing != "" {
		return q.missing(missing)
	}
	offset, limit, status := 0, 10, ""
	for name, values := range q.query {
		var err error
		switch value := values[0]; name {
		case "offset":
			offset, err = strconv.Atoi(value)
		case "limit":
			limit, err = strconv.Atoi(value)
		case "status":
			status = value
		default:
			return q.invalid("unknown parameter " + strconv.QuoteToASCII(name))
		}
		if err != nil || len(values) > 1 || offset < 0 || limit < 1 || limit > 1000 {
			return q.invalid(name + " is malformed")
		}
	}
	type entry struct {
		Database map[string]any `json:"database"`
	}
	list, total := []entry{}, 0
	for _, d := range i.databases {
		if status != "" && (status == "ON") != d.audit {
			continue
		}
		if total >= offset && len(list) < limit {
			list = append(list, entry{map[string]any{
				"id": d.id, "name": d.id, "type": "MYSQL",
				"status": c.looseStatus(d.audit), "audit_status": [2]string{"SHUTOFF", "ACTIVE"}[index(d.audit)],
			}})
		}
		total++
	}
	return answered(200, map[string]any{"databases": list, "total": total})
}
