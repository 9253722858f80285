package cloudsim

import (
	"encoding/json"
	"slices"
	"time"
)

// world is what exists and how it lies.
type world struct {
	// below has the proxies and databases of each instance, of TaurusDB or for
	// audits; instances are in the order in which they came to exist.
	below     map[Target][]Target
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

// parts are the instance, the proxy and the database that a target names.
func (t Target) parts() []Target {
	parts := []Target{t.instance()}
	if t.ProxyID != "" {
		parts = append(parts, Target{ProjectID: t.ProjectID, InstanceID: t.InstanceID, ProxyID: t.ProxyID})
	}
	if t.DatabaseID != "" {
		parts = append(parts, Target{ProjectID: t.ProjectID, InstanceID: t.InstanceID, DatabaseID: t.DatabaseID})
	}
	return parts
}

func (w *world) prepare(targets []Target) {
	w.below = map[Target][]Target{}
	w.on = map[lie]bool{}
	w.jobs = map[string]*job{}
	w.listed = map[string][]*job{}
	for _, t := range targets {
		w.declare(t)
	}
}

func (w *world) exists(t Target) bool {
	below, known := w.below[t.instance()]
	return known && (t == t.instance() || slices.Contains(below, t))
}

func (w *world) declare(t Target) {
	for _, part := range t.parts() {
		switch i := part.instance(); {
		case w.exists(part):
		case part == i:
			w.below[i] = nil
			w.instances = append(w.instances, i)
		default:
			w.below[i] = append(w.below[i], part)
		}
	}
}

func (w *world) lay(t Target, set map[string]bool) {
	for position, on := range set {
		w.on[lie{t, position}] = on
	}
}

// find returns what is missing of what a request is about.
func (c *Cloud) find(t Target) (missing string) {
	if !c.OnlyTargets {
		c.world.declare(t)
	}
	for _, part := range t.parts() {
		switch {
		case c.world.exists(part):
		case part.ProxyID != "":
			return "proxy"
		case part.DatabaseID != "":
			return "database"
		default:
			return "instance"
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
	for position, on := range s.On {
		members[position] = on
	}
	if s.OpenJob != "" {
		members["open_job"] = s.OpenJob
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
			s.On[position] = slices.ContainsFunc(t.parts(), func(part Target) bool { return c.world.on[lie{part, position}] })
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
		all = append(all, c.state(i))
		for _, part := range c.world.below[i] {
			all = append(all, c.state(part))
		}
	}
	return all
}
