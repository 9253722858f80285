package decision

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/jsontree"
)

// shape is what a Go type expects of a JSON value, worked out once for each
// type when the decoder is built.
type shape struct {
	want    jsontree.Kind
	pointer bool
	// time: a String that holds one.
	time bool
	// whole: a Number without fraction.
	whole bool
	// fields of an Object. An open one may have others, which nobody reads.
	fields []field
	open   bool
	// later: an Object that is bound once the switch is known (target, options).
	later bool
	item  *shape
}

type field struct {
	name  string
	index int
	shape *shape
	// needed: it has to be there, and no rule of the validator says so, which
	// cannot tell an absent number or boolean from a zero.
	needed bool
	// foreign: it belongs to other switches' targets.
	foreign bool
}

func shapeOf(t reflect.Type) (*shape, error) {
	switch {
	case t.Kind() == reflect.Pointer:
		s, err := shapeOf(t.Elem())
		if err == nil {
			s.pointer = true
		}
		return s, err
	case t == reflect.TypeFor[time.Time]():
		return &shape{want: jsontree.String, time: true}, nil
	}
	switch t.Kind() {
	case reflect.String:
		return &shape{want: jsontree.String}, nil
	case reflect.Bool:
		return &shape{want: jsontree.Bool}, nil
	case reflect.Int, reflect.Int32, reflect.Int64:
		return &shape{want: jsontree.Number, whole: true}, nil
	case reflect.Map:
		return &shape{want: jsontree.Object, later: true}, nil
	case reflect.Slice:
		item, err := shapeOf(t.Elem())
		return &shape{want: jsontree.Array, item: item}, err
	case reflect.Struct:
		return shapeOfStruct(t)
	}
	return nil, fmt.Errorf("type %s: cannot be read from an event", t)
}

func shapeOfStruct(t reflect.Type) (*shape, error) {
	s := &shape{want: jsontree.Object}
	s.open = t == reflect.TypeFor[events.Ticket]()
	contract := t.PkgPath() == reflect.TypeFor[events.Ticket]().PkgPath()
	for i := range t.NumField() {
		f := t.Field(i)
		name := jsonName(f)
		if name == "" {
			return nil, fmt.Errorf("type %s: field %s has no JSON name", t, f.Name)
		}
		of, err := shapeOf(f.Type)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Name, err)
		}
		needed := contract && !strings.Contains(f.Tag.Get("json"), ",omitempty") && f.Tag.Get("validate") == ""
		s.fields = append(s.fields, field{name: name, index: i, shape: of, needed: needed})
	}
	return s, nil
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func (s *shape) names() []string {
	names := make([]string, len(s.fields))
	for i, f := range s.fields {
		names[i] = f.name
	}
	return names
}

func (s *shape) words() string {
	switch {
	case s.time:
		return "a time as in 2026-11-22T09:00:00Z (RFC 3339)"
	case s.whole:
		return "whole number"
	}
	return s.want.String()
}

// place is where a value stands, written out only when something is wrong.
type place struct {
	in   *place
	name string
	// index counts where in is an array.
	index int
	item  bool
}

func (p *place) String() string {
	switch {
	case p.in == nil:
		return p.name
	case p.item:
		return p.in.String() + "[" + strconv.Itoa(p.index) + "]"
	case plain(p.name):
		return p.in.String() + "." + p.name
	}
	return p.in.String() + "[" + quoted(p.name) + "]"
}

// binder puts a tree into Go values and notes what does not fit. What does not
// fit stays zero.
type binder struct {
	report *report
	// foreign is what to expect in place of a foreign field; empty: it may stand
	// there, and is dropped.
	foreign string
}

func (b *binder) bind(n *jsontree.Node, v reflect.Value, s *shape, at *place) {
	if n.Kind != s.want {
		b.report.add(at.String(), found(n), s.words())
		return
	}
	switch s.want {
	case jsontree.Bool:
		target(v, s).SetBool(n.Raw[0] == 't')
	case jsontree.String:
		b.text(n, v, s, at)
	case jsontree.Number:
		whole, ok := wholeNumber(string(n.Raw))
		if !ok {
			b.report.add(at.String(), found(n), s.words())
			return
		}
		target(v, s).SetInt(whole)
	case jsontree.Array:
		b.array(n, v, s, at)
	case jsontree.Object:
		v = target(v, s)
		if s.later {
			v.Set(reflect.MakeMap(v.Type()))
			return
		}
		b.object(n, v, s, at)
	}
}

func (b *binder) text(n *jsontree.Node, v reflect.Value, s *shape, at *place) {
	if !s.time {
		target(v, s).SetString(n.Text)
		return
	}
	t, ok := parseTime(n.Text)
	if !ok {
		b.report.add(at.String(), found(n), s.words())
		return
	}
	if t.Unix() < 0 {
		b.report.add(at.String(), found(n), from1970)
		return
	}
	target(v, s).Set(reflect.ValueOf(t))
}

// parseTime reads an RFC 3339 time, with t and z in either case, as UTC: one
// instant has one form. Package time is laxer than the RFC (go.dev/issue/54580):
// it takes hours of one digit, commas, and zones of 24 hours. A time that has
// no such form in UTC, around the years 0 and 9999, is none.
func parseTime(s string) (time.Time, bool) {
	s = strings.ToUpper(s)
	if len(s) < len("2006-01-02T15:04:05Z") || s[len("2006-01-02T15")] != ':' || strings.Contains(s, ",") {
		return time.Time{}, false
	}
	zone := s[len(s)-len("23:59"):]
	if s[len(s)-1] != 'Z' && (zone[:2] > "23" || zone[3:] > "59") {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339, s)
	t = t.UTC()
	return t, err == nil && 0 <= t.Year() && t.Year() <= 9999
}

func (b *binder) array(n *jsontree.Node, v reflect.Value, s *shape, at *place) {
	v.Set(reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items)))
	here := place{in: at, item: true}
	for i := range n.Items {
		here.index = i
		b.bind(&n.Items[i], v.Index(i), s.item, &here)
	}
}

func (b *binder) object(n *jsontree.Node, v reflect.Value, s *shape, at *place) {
	here := place{in: at}
	for i := range n.Members {
		m := &n.Members[i]
		here.name = m.Name
		f := s.field(m.Name)
		switch {
		case f == nil && !s.open:
			b.report.add(here.String(), found(&m.Value), unknown(m.Name, s.names()))
		case f == nil || m.Value.Kind == jsontree.Null:
			// Null is the same as absent.
		case f.foreign:
			if m.Value.Kind != f.shape.want {
				b.report.add(here.String(), found(&m.Value), f.shape.words())
			} else if b.foreign != "" {
				b.report.add(here.String(), found(&m.Value), b.foreign)
			}
		default:
			b.bind(&m.Value, v.Field(f.index), f.shape, &here)
		}
	}
	for i := range s.fields {
		f := &s.fields[i]
		if !f.needed {
			continue
		}
		if value := n.Get(f.name); value == nil || value.Kind == jsontree.Null {
			here.name = f.name
			b.report.add(here.String(), found(value), f.shape.words())
		}
	}
}

func (s *shape) field(name string) *field {
	for i := range s.fields {
		if s.fields[i].name == name {
			return &s.fields[i]
		}
	}
	return nil
}

// target is the value to set, made first where v is a pointer to it.
func target(v reflect.Value, s *shape) reflect.Value {
	if !s.pointer {
		return v
	}
	v.Set(reflect.New(v.Type().Elem()))
	return v.Elem()
}

// wholeNumber reads a JSON number that has no fraction, however it is spelt:
// 1, 1.0 and 10e-1 are one. Up to 15 digits, different decimals are different
// floats, so that no fraction is lost in between.
func wholeNumber(raw string) (int64, bool) {
	if len(raw) > 15 {
		return 0, false
	}
	if n, err := strconv.ParseInt(raw, 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(raw, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1e15 {
		return 0, false
	}
	// 1e-999 is not 0, though no float comes nearer.
	digits, _, _ := strings.Cut(strings.ToLower(raw), "e")
	return int64(f), f != 0 || !strings.ContainsAny(digits, "123456789")
}

// valueAt finds the value at a path such as changes[1].key; nil if there is
// none.
func valueAt(n *jsontree.Node, path string) *jsontree.Node {
	for name := range strings.SplitSeq(path, ".") {
		name, index, indexed := strings.Cut(strings.TrimSuffix(name, "]"), "[")
		n = n.Get(name)
		if indexed && n != nil {
			i, err := strconv.Atoi(index)
			if err != nil || i >= len(n.Items) {
				return nil
			}
			n = &n.Items[i]
		}
	}
	return n
}
