package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
)

// Doors are the ways in, as context.door names them.
var doors = []string{"url", "bus", "queue", "direct", "local"}

// Question is what is asked: may this be done, here, now?
type Question struct {
	Switch  string
	Enabled bool
	// The target. Region may be empty, and so may the ids that the switch does
	// not use.
	Region, Project, Instance, Proxy, Database string
	// Ticket is nil where there is none.
	Ticket *Ticket
	// Type and Source are the event's, Door is how it came in, and Signer the
	// name of the key that it was signed with; "" for none.
	Type, Source, Door, Signer string
	Now                        time.Time
	// Step is how many steps of a chain come before it; 0 where there is no
	// chain.
	Step int
}

// Ticket is the approved change that it rests on.
type Ticket struct {
	ID, RequestedBy string
	// Approvers are as given, the requester and repeats included.
	Approvers []string
	// What is missing is nil.
	ApprovedAt, Start, End *time.Time
	// Bound: the ticket carries a digest, and it fits.
	Bound bool
	// More are the ticket's further members.
	More map[string]json.RawMessage
}

// asked is a question as Cedar takes it. It gives Cedar the entities: its own
// first, and then the policy's.
type asked struct {
	request cedar.Request
	own     []types.Entity
	base    types.EntityMap
	// wrong says which of the ticket's members have no value of their type.
	wrong []string
}

// Get gives Cedar an entity.
func (a *asked) Get(uid types.EntityUID) (types.Entity, bool) {
	for _, e := range a.own {
		if e.UID == uid {
			return e, true
		}
	}
	e, ok := a.base[uid]
	return e, ok
}

func (p *Policy) put(q Question) (*asked, error) {
	kind, ok := p.kinds[q.Switch]
	if !ok {
		return nil, fmt.Errorf("policy: switch %q is not known", q.Switch)
	}
	if !slices.Contains(doors, q.Door) {
		return nil, fmt.Errorf("policy: door %q: expected one of %s", q.Door, strings.Join(doors, ", "))
	}
	a := &asked{base: p.entities}
	var err error
	if a.request.Resource, err = a.resources(kind, q); err != nil {
		return nil, err
	}
	a.request.Action = types.NewEntityUID("Action", types.String(q.Switch+onOff(q.Enabled)))
	a.request.Principal = types.NewEntityUID("Source", types.String(q.Source))
	context := types.RecordMap{
		"type": types.String(q.Type), "source": types.String(q.Source), "door": types.String(q.Door), "signer": types.String(q.Signer),
		"now": types.NewDatetime(q.Now), "local": local(q.Now.In(p.zone)), "step": types.Long(q.Step),
	}
	if q.Ticket != nil {
		a.request.Principal = p.user(q.Ticket.RequestedBy)
		context["ticket"] = p.ticket(a, q.Ticket)
	}
	a.request.Context = types.NewRecord(context)
	return a, nil
}

func onOff(enabled bool) string {
	if enabled {
		return ":on"
	}
	return ":off"
}

// resources adds the target and what it is in, and names the target.
func (a *asked) resources(kind Kind, q Question) (types.EntityUID, error) {
	if q.Project == "" || q.Instance == "" || kind == Proxy && q.Proxy == "" || kind == Database && q.Database == "" {
		return types.EntityUID{}, errors.New("policy: the target has not all ids of a " + string(kind))
	}
	var in []types.EntityUID
	if q.Region != "" {
		in = append(in, types.NewEntityUID("Region", types.String(q.Region)))
	}
	project := a.add("Project", q.Project, in, types.Record{})
	instance := a.add(types.EntityType(Instance), q.Instance, []types.EntityUID{project.UID}, project.Tags)
	resource := instance
	switch kind {
	case Proxy:
		resource = a.add(types.EntityType(Proxy), q.Proxy, []types.EntityUID{instance.UID}, instance.Tags)
	case Database:
		resource = a.add(types.EntityType(Database), q.Database, []types.EntityUID{instance.UID}, instance.Tags)
	}
	return resource.UID, nil
}

// add adds a resource: as the entities tell of it, in what it is in here too,
// and with those tags of that which it has not itself.
func (a *asked) add(kind types.EntityType, id string, in []types.EntityUID, tags types.Record) types.Entity {
	e := types.Entity{UID: types.NewEntityUID(kind, types.String(id))}
	known := a.base[e.UID]
	for parent := range known.Parents.All() {
		in = append(in, parent)
	}
	e.Parents, e.Tags = types.NewEntityUIDSet(in...), tags
	if known.Tags.Len() > 0 {
		all := types.RecordMap{}
		maps.Insert(all, tags.All())
		maps.Insert(all, known.Tags.All())
		e.Tags = types.NewRecord(all)
	}
	a.own = append(a.own, e)
	return e
}

func (p *Policy) user(name string) types.EntityUID {
	return types.NewEntityUID("User", types.String(p.normalise(name)))
}

func (p *Policy) ticket(a *asked, t *Ticket) types.Record {
	r, wrong := p.members.values(t.More, p.normalise)
	a.wrong = wrong
	given := map[types.EntityUID]bool{}
	var approvers, groups []types.Value
	count := types.Long(0)
	seen := map[types.EntityUID]bool{}
	for _, name := range t.Approvers {
		u := p.user(name)
		if given[u] {
			continue
		}
		given[u] = true
		approvers = append(approvers, u)
		if u == a.request.Principal || u.ID == "" {
			continue
		}
		count++
		groups = p.groups(groups, seen, u)
	}
	r["id"], r["bound"], r["approver_count"] = types.String(t.ID), types.Boolean(t.Bound), count
	r["approvers"], r["approver_groups"] = types.NewSet(approvers...), types.NewSet(groups...)
	if t.ApprovedAt != nil {
		r["approved_at"] = types.NewDatetime(*t.ApprovedAt)
	}
	if t.Start != nil || t.End != nil {
		window := types.RecordMap{}
		if t.Start != nil {
			window["start"] = types.NewDatetime(*t.Start)
		}
		if t.End != nil {
			window["end"] = types.NewDatetime(*t.End)
		}
		r["window"] = types.NewRecord(window)
	}
	return types.NewRecord(r)
}

// groups appends the groups that an entity is in, directly or not.
func (p *Policy) groups(to []types.Value, seen map[types.EntityUID]bool, uid types.EntityUID) []types.Value {
	for parent := range p.entities[uid].Parents.All() {
		if !seen[parent] {
			seen[parent] = true
			to = p.groups(append(to, parent), seen, parent)
		}
	}
	return to
}

// local is a moment as a clock on the wall shows it, and the day as a Cedar
// datetime without time, which is midnight in UTC.
func local(t time.Time) types.Record {
	year, month, day := t.Date()
	return types.NewRecord(types.RecordMap{
		"date":    types.NewDatetime(time.Date(year, month, day, 0, 0, 0, 0, time.UTC)),
		"weekday": types.String(t.Weekday().String()),
		"hour":    types.Long(t.Hour()),
		"minute":  types.Long(t.Minute()),
	})
}

// Fact is something that a policy sees.
type Fact struct{ Name, Value string }

// Facts lists what a policy sees of a question, and then what of its ticket no
// policy sees, because none declares it.
func (p *Policy) Facts(q Question) (seen, unseen []Fact, err error) {
	a, err := p.put(q)
	if err != nil {
		return nil, nil, err
	}
	seen = []Fact{
		{"principal", a.request.Principal.String()}, {"action", a.request.Action.String()}, {"resource", a.request.Resource.String()},
	}
	for _, e := range a.own {
		for _, tag := range slices.Sorted(e.Tags.Keys()) {
			if value, _ := e.Tags.Get(tag); e.UID == a.request.Resource {
				seen = append(seen, Fact{"resource.getTag(" + strconv.Quote(string(tag)) + ")", string(value.MarshalCedar())})
			}
		}
	}
	seen = append(seen, facts("context", a.request.Context)...)
	if q.Ticket != nil {
		for _, name := range slices.Sorted(maps.Keys(q.Ticket.More)) {
			if _, declared := p.members[name]; !declared {
				unseen = append(unseen, Fact{"ticket." + name, string(q.Ticket.More[name])})
			}
		}
	}
	return seen, unseen, nil
}

func facts(name string, v types.Value) (all []Fact) {
	r, ok := v.(types.Record)
	if !ok {
		return []Fact{{name, string(v.MarshalCedar())}}
	}
	for _, key := range slices.Sorted(r.Keys()) {
		value, _ := r.Get(key)
		all = append(all, facts(name+"."+string(key), value)...)
	}
	return all
}
