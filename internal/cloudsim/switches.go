package cloudsim

// change is what one call to a switch asks for.
type change struct {
	q       *request
	enabled bool
	// set lays the switch.
	set func(*instance)
	// answer makes the answer of a switch that starts no job.
	answer func(*Cloud) any
}

// planALT: strings only, "on" and "off". The page's table says so, and so does
// every SDK; its example sends booleans.
func planALT(q *request) (change, string) {
	f := readForm(q.body)
	on := f.choice("alt_enabled", true, "on", "off")
	readonly := f.choice("alt_for_readonly", false, "on", "off")
	return change{enabled: on, set: func(i *instance) {
		p := i.proxy(q.target.ProxyID)
		p.alt, p.altForReadonly = on, readonly
	}}, f.end()
}

func planSSL(q *request) (change, string) {
	f := readForm(q.body)
	on := f.boolean("ssl_option")
	return change{enabled: on, set: func(i *instance) { i.proxy(q.target.ProxyID).ssl = on }}, f.end()
}

func planAccessControl(q *request) (change, string) {
	f := readForm(q.body)
	on := f.boolean("open_access_control")
	return change{
		enabled: on,
		set:     func(i *instance) { i.proxy(q.target.ProxyID).accessControl = on },
		answer:  func(*Cloud) any { return map[string]bool{"open_access_control": on} },
	}, f.end()
}

func planMultiTenancy(q *request) (change, string) {
	f := readForm(q.body)
	on := f.boolean("multi_tenant_switch")
	return change{enabled: on, set: func(i *instance) { i.multiTenancy = on }}, f.end()
}

func planAudit(q *request) (change, string) {
	f := readForm(q.body)
	id := f.text("id")
	on := f.choice("status", true, "ON", "OFF")
	lts := f.integer("lts_audit_switch")
	q.target.DatabaseID = id
	return change{
		enabled: on,
		set: func(i *instance) {
			d := i.database(id)
			d.audit = on
			// "1: yes; 0 or others: remain unchanged", of disabling LTS audit.
			d.ltsOff = d.ltsOff || lts == 1
		},
		// The table says SUCCESS, the example success.
		answer: func(c *Cloud) any {
			return map[string]any{"status": c.loose(true, [2]any{"", "SUCCESS"}, [2]any{"", "success"})}
		},
	}, f.end()
}
