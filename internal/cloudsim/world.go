package cloudsim

import (
	"slices"
	"time"
)

// world is what exists and how it lies.
type world struct {
	instances map[instanceKey]*instance
	order     []instanceKey
	jobs      map[string]*job
	listed    map[string][]*job // by project, oldest first
	open      []*job
	late      []*lateArrival
	rotation  int
}

type instanceKey struct{ project, id string }

func (t Target) instance() instanceKey { return instanceKey{t.ProjectID, t.InstanceID} }

// instance is a TaurusDB instance or an audit instance.
type instance struct {
	multiTenancy bool
	proxies      []*proxy
	databases    []*database
}

type proxy struct {
	id                                      string
	alt, altForReadonly, ssl, accessControl bool
}

type database struct {
	id            string
	audit, ltsOff bool
}

func (w *world) prepare(targets []Target) {
	w.instances = map[instanceKey]*instance{}
	w.jobs = map[string]*job{}
	w.listed = map[string][]*job{}
	for _, t := range targets {
		w.declare(t)
	}
}

func (w *world) declare(t Target) *instance {
	i := w.instances[t.instance()]
	if i == nil {
		i = &instance{}
		w.instances[t.instance()] = i
		w.order = append(w.order, t.instance())
	}
	if t.ProxyID != "" {
		i.proxy(t.ProxyID)
	}
	if t.DatabaseID != "" {
		i.database(t.DatabaseID)
	}
	return i
}

// proxy finds the proxy, which exists from now on.
func (i *instance) proxy(id string) *proxy {
	if p := i.findProxy(id); p != nil {
		return p
	}
	p := &proxy{id: id}
	i.proxies = append(i.proxies, p)
	return p
}

func (i *instance) findProxy(id string) *proxy {
	for _, p := range i.proxies {
		if p.id == id {
			return p
		}
	}
	return nil
}

// database finds the audited database, which exists from now on.
func (i *instance) database(id string) *database {
	if d := i.findDatabase(id); d != nil {
		return d
	}
	d := &database{id: id}
	i.databases = append(i.databases, d)
	return d
}

func (i *instance) findDatabase(id string) *database {
	for _, d := range i.databases {
		if d.id == id {
			return d
		}
	}
	return nil
}

// find returns the instance that a request is about, or what of it is missing.
func (c *Cloud) find(t Target) (i *instance, missing string) {
	if !c.OnlyTargets {
		return c.world.declare(t), ""
	}
	i = c.world.instances[t.instance()]
	switch {
	case i == nil:
		return nil, "instance"
	case t.ProxyID != "" && i.findProxy(t.ProxyID) == nil:
		return nil, "proxy"
	case t.DatabaseID != "" && i.findDatabase(t.DatabaseID) == nil:
		return nil, "database"
	}
	return i, ""
}

// lateArrival is a request that arrives when its client has gone.
type lateArrival struct {
	due    time.Time // zero: only by [Cloud.Deliver]
	change change
	fault  *Fault
	call   int
}

// advance lets everything happen that has fallen due, in its order.
func (c *Cloud) advance(now time.Time) {
	for {
		var ending *job
		for _, j := range c.world.open {
			if !j.ended.After(now) && (ending == nil || j.ended.Before(ending.ended)) {
				ending = j
			}
		}
		var arriving *lateArrival
		for _, l := range c.world.late {
			if !l.due.IsZero() && !l.due.After(now) && (arriving == nil || l.due.Before(arriving.due)) {
				arriving = l
			}
		}
		switch {
		case ending != nil && (arriving == nil || !arriving.due.Before(ending.ended)):
			c.end(ending)
		case arriving != nil:
			c.arrive(arriving, arriving.due)
		default:
			return
		}
	}
}

func (c *Cloud) end(j *job) {
	c.world.open = slices.DeleteFunc(c.world.open, func(o *job) bool { return o == j })
	if j.set != nil && j.failReason == "" {
		j.set()
	}
}

func (c *Cloud) arrive(l *lateArrival, at time.Time) bool {
	c.world.late = slices.DeleteFunc(c.world.late, func(o *lateArrival) bool { return o == l })
	before := len(c.effects)
	c.apply(&l.change, l.fault, l.call, at, true)
	return len(c.effects) > before
}

// Deliver lets every request held up by a [Late] fault arrive now, whatever its
// time, and returns how many took effect. One that finds its instance busy is
// refused like any other.
func (c *Cloud) Deliver() int {
	now := c.lock()
	defer c.mu.Unlock()
	n := 0
	for len(c.world.late) > 0 {
		if c.arrive(c.world.late[0], now) {
			n++
		}
	}
	return n
}

// Declare lets a target exist.
func (c *Cloud) Declare(t Target) {
	c.lock()
	defer c.mu.Unlock()
	c.world.declare(t)
}

// State is how the switches of a target lie. Those that do not apply to it are
// false.
type State struct {
	Target         Target `json:"target"`
	ALT            bool   `json:"alt"`
	ALTForReadonly bool   `json:"alt_for_readonly"`
	SSL            bool   `json:"ssl"`
	AccessControl  bool   `json:"access_control"`
	MultiTenancy   bool   `json:"multi_tenancy"`
	Audit          bool   `json:"audit"`
	LTSAuditOff    bool   `json:"lts_audit_off"`
	// OpenJob is a job of the instance that has not ended.
	OpenJob string `json:"open_job,omitempty"`
}

// State returns how a target's switches lie by now. What does not exist lies
// as what is new.
func (c *Cloud) State(t Target) State {
	c.lock()
	defer c.mu.Unlock()
	return c.state(t)
}

func (c *Cloud) state(t Target) State {
	s := State{Target: t}
	i := c.world.instances[t.instance()]
	if i == nil {
		return s
	}
	s.MultiTenancy = i.multiTenancy
	if p := i.findProxy(t.ProxyID); p != nil {
		s.ALT, s.ALTForReadonly, s.SSL, s.AccessControl = p.alt, p.altForReadonly, p.ssl, p.accessControl
	}
	if d := i.findDatabase(t.DatabaseID); d != nil {
		s.Audit, s.LTSAuditOff = d.audit, d.ltsOff
	}
	if j := c.world.openJob(t.instance()); j != nil {
		s.OpenJob = j.id
	}
	return s
}

// States returns the state of every instance, and of every proxy and database
// of it.
func (c *Cloud) States() []State {
	c.lock()
	defer c.mu.Unlock()
	all := []State{}
	for _, key := range c.world.order {
		t := Target{ProjectID: key.project, InstanceID: key.id}
		all = append(all, c.state(t))
		for _, p := range c.world.instances[key].proxies {
			t.ProxyID = p.id
			all = append(all, c.state(t))
		}
		t.ProxyID = ""
		for _, d := range c.world.instances[key].databases {
			t.DatabaseID = d.id
			all = append(all, c.state(t))
		}
	}
	return all
}
