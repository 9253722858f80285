package decision

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/jsontree"
)

// Place is where a target is.
type Place struct {
	// Project is what instances and jobs belong to; their ids need to be unique
	// in it only.
	Project string
	// Instance is what is held: at most one decision at a time works on it.
	Instance string
	// Subject names the target itself, in its project and instance, as the
	// subject of out-events does. Order is kept for a switch and a subject.
	Subject string
}

// Target is what a switch is flipped on: a struct whose fields have json names
// and validate tags, which refuse what is missing; fields that may be missing
// begin theirs with omitempty. A field named region says in which region it is.
type Target interface {
	// Place is where the target is. Of a target of which only a part could be
	// read, it has the parts that are known.
	Place() Place
}

const targetPath = dataPath + ".target"

// targets works out what each switch expects of a target. What another switch
// asks for is no misspelling: it is known, but has no place in this one's.
func (d *Decoder) targets() error {
	var all []field
	for i := range d.specs {
		s := &d.specs[i]
		var err error
		if s.target, err = d.structShape(s.Target, "target of "+s.Switch); err != nil {
			return err
		}
		if _, ok := s.Target().(Target); !ok {
			return fmt.Errorf("target of %s: type %T has no Place", s.Switch, s.Target())
		}
		for _, f := range s.target.fields {
			if !named(all, f.name) {
				f.foreign = true
				all = append(all, f)
			}
		}
	}
	d.anyTarget = &shape{want: jsontree.Object, fields: all}
	for i := range d.specs {
		own := d.specs[i].target
		fields := make([]field, len(all))
		for j, f := range all {
			if fields[j] = f; own.field(f.name) != nil {
				fields[j] = *own.field(f.name)
			}
		}
		d.specs[i].target = &shape{want: jsontree.Object, fields: fields}
	}
	return nil
}

// Here tells whether a target is in the decoder's region, or does not say.
func (d *Decoder) Here(target json.RawMessage) bool {
	var in struct {
		Region string `json:"region"`
	}
	return d.region == "" || json.Unmarshal(target, &in) != nil || in.Region == "" || in.Region == d.region
}

// Aim reads the target of an out-event of the named switch. It tells what is
// wrong with it only where that hides in which project and instance it is.
func (d *Decoder) Aim(name string, target json.RawMessage) (json.RawMessage, Place, []events.Field) {
	r := reading{decoder: d}
	n, err := jsontree.Parse(target, depth)
	if err != nil || n.Kind != jsontree.Object {
		return nil, Place{}, []events.Field{{Path: targetPath, Found: found(&n), Expected: jsontree.Object.String()}}
	}
	raw, at := r.aim(d.spec(name), &n, targetPath, true)
	if at.Project != "" && at.Instance != "" {
		return raw, at, nil
	}
	return nil, Place{}, r.report.all()
}

func named(fields []field, name string) bool { return (&shape{fields: fields}).field(name) != nil }

// aim reads the target at a place by a switch's own rules. What that does not
// use is an error, where strict, or dropped: a tag event comes with whatever ids
// its resource has. A switch that nobody knows gets nothing.
func (r *reading) aim(s *spec, n *jsontree.Node, path string, strict bool) (raw json.RawMessage, at Place) {
	if !n.Is(jsontree.Object) {
		return nil, Place{}
	}
	b := binder{report: &r.report}
	here := &place{name: path}
	if s == nil {
		b.object(n, reflect.Value{}, r.decoder.anyTarget, here)
		return nil, Place{}
	}
	if strict {
		b.foreign = "nothing here: " + s.Switch + " takes " + listed(s.needs(), "and")
	}
	target := s.Target()
	v := reflect.ValueOf(target).Elem()
	b.object(n, v, s.target, here)
	r.rules(n, target, path)
	for _, f := range s.target.fields {
		if !f.foreign && r.report.has(path+"."+f.name) {
			v.Field(f.index).SetZero()
		}
	}
	// A struct that can be read from JSON can be written so.
	raw, _ = json.Marshal(target)
	return raw, target.(Target).Place()
}

// needs names what a target must have.
func (s *spec) needs() (names []string) {
	t := reflect.TypeOf(s.Target()).Elem()
	for i := range t.NumField() {
		if rule := t.Field(i).Tag.Get("validate"); rule != "" && !strings.HasPrefix(rule, "omitempty") {
			names = append(names, jsonName(t.Field(i)))
		}
	}
	return names
}

func listed(names []string, last string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " " + last + " " + names[len(names)-1]
}
