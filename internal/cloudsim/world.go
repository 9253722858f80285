package cloudsim

import (
	"encoding/json"
	"slices"
	"time"
)

// world is what exists and how it lies.
type world struct {
	// targets has each instance, of TaurusDB or for audits, with its proxies and
	// databases; all in the order in which they came to exist.
	targets   map[Target][]Target
	instances []Target
	on        map[lie]bool
	jobs      map[string]*job
	listed    map[string][]*job // by project, oldest first
	open      []*job
	late      []*lateArrival
	rotation  int
}

// lie is one position of one target.
type lie struct {
	Target
	position string
}

func (t Target) instance() Target { return Target{ProjectID: t.ProjectID, InstanceID: t.InstanceID} }

// parts are the instance, the proxy and the database that a target names; the
// instance in place of those that it does not.
func (t Target) parts() [3]Target {
	i := t.instance()
	p, d := i, i
	p.ProxyID, d.DatabaseID = t.ProxyID, t.DatabaseID
	return [3]Target{i, p, d}
}

func (w *world) prepare(targets []Target) {
	w.targets = map[Target][]Target{}
	w.on = map[lie]bool{}
	w.jobs = map[string]*job{}
	w.listed = map[string][]*job{}
	for _, t := range targets {
		w.declare(t)
	}
}

func (w *world) exists(t Target) bool { return slices.Contains(w.targets[t.instance()], t) }

func (w *world) declare(t Target) {
	i := t.instance()
	if !w.exists(i) {
		w.instances = append(w.instances, i)
	}
	for _, part := range t.parts() {
		if !w.exists(part) {
			w.targets[i] = append(w.targets[i], part)
		}
	}
}

func (w *world) lay(q *request, ch *Change) {
	w.on[lie{q.target, q.op.position}] = ch.Enabled
	for position, on := range ch.Options {
		w.on[lie{q.target, position}] = on
	}
}

// find tells what is missing of what a request is about.
func (c *Cloud) find(t Target) (missing string) {
	if !c.OnlyTargets {
		c.world.declare(t)
	}
	for i, part := range t.parts() {
		if !c.world.exists(part) {
			return [...]string{"instance", "proxy", "database"}[i]
		}
	}
	return ""
}

// lateArrival is a request that arrives when its client has gone.
type lateArrival struct {
	due    time.Time // zero: only by [Cloud.Deliver]
	q      *request
	change Change
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
	c.apply(l.q, &l.change, l.fault, l.call, at, true)
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

// State is how the switches of a target lie.
type State struct {
	Target Target
	// On has every position of every [Simulation] by its name. Those that do not
	// apply to the target are false.
	On map[string]bool
	// OpenJob is a job of the instance that has not ended.
	OpenJob string
}

// MarshalJSON writes the positions beside target and open_job.
func (s State) MarshalJSON() ([]byte, error) {
	members := map[string]any{"target": s.Target}
	if s.OpenJob != "" {
		members["open_job"] = s.OpenJob
	}
	for position, on := range s.On {
		members[position] = on
	}
	return json.Marshal(members)
}

// State returns how a target's switches lie by now. What does not exist lies
// as what is new.
func (c *Cloud) State(t Target) State {
	c.lock()
	defer c.mu.Unlock()
	return c.state(t)
}

func (c *Cloud) state(t Target) State {
	s := State{Target: t, On: map[string]bool{}}
	for _, sim := range c.Simulations {
		for _, position := range sim.Positions {
			for _, part := range t.parts() {
				s.On[position] = s.On[position] || c.world.on[lie{part, position}]
			}
		}
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
	for _, i := range c.world.instances {
		for _, t := range c.world.targets[i] {
			all = append(all, c.state(t))
		}
	}
	return all
}
