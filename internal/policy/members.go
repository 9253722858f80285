package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"

	"github.com/interlock-functions/interlock/internal/jsontree"
)

// members are the further members of tickets that a policy declares, by name:
// those that it may speak of.
type members map[string]resolved.IsType

// declarations reads what an annotation @ticket declares: the attributes of a
// record, as in a Cedar schema. Every one of them is optional, because nobody
// vouches for what else a ticket carries.
func (c *checker) declarations(text string) (ast.RecordType, error) {
	var more schema.Schema
	if err := more.UnmarshalCedar([]byte("type More = {\n" + text + "\n};")); err != nil {
		return nil, err
	}
	alone := more.AST()
	record, ok := alone.CommonTypes["More"].Type.(ast.RecordType)
	if !ok || len(alone.CommonTypes)+len(alone.Entities)+len(alone.Enums)+len(alone.Actions)+len(alone.Namespaces) != 1 {
		return nil, errors.New("found more than a record's attributes")
	}
	for name, a := range record {
		a.Optional = true
		record[name] = a
	}
	// Types that are named have to be there.
	alone.Entities = maps.Clone(c.tree.AST().Entities)
	alone.Entities["More"] = ast.Entity{Shape: record}
	alone.CommonTypes = nil
	_, err := resolved.Resolve(alone)
	return record, err
}

// resolve takes over the types that the schema found the declared ones to be.
func (m members) resolve(context resolved.RecordType) {
	ticket := context["ticket"].Type.(resolved.RecordType)
	for name := range m {
		m[name] = ticket[types.String(name)].Type
	}
}

// values are the declared members of a ticket, and what is wrong with those
// that have no value of their type. Null is the same as absent.
func (m members) values(more map[string]json.RawMessage, normalise func(string) string) (r types.RecordMap, wrong []string) {
	r = types.RecordMap{}
	for name, want := range m {
		raw, given := more[name]
		if !given {
			continue
		}
		n, err := jsontree.Parse(raw, 32)
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("ticket.%s: found no JSON, expected %s", name, typeName(want)))
			continue
		}
		if n.Kind == jsontree.Null {
			continue
		}
		v, ok := value(&n, want, normalise)
		if !ok {
			wrong = append(wrong, fmt.Sprintf("ticket.%s: found %s, expected %s", name, n.Kind, typeName(want)))
			continue
		}
		r[types.String(name)] = v
	}
	slices.Sort(wrong)
	return r, wrong
}

// value is a JSON value as one of a Cedar type, if it is one.
func value(n *jsontree.Node, want resolved.IsType, normalise func(string) string) (types.Value, bool) {
	switch want := want.(type) {
	case resolved.StringType:
		return types.String(n.Text), n.Kind == jsontree.String
	case resolved.BoolType:
		return types.Boolean(string(n.Raw) == "true"), n.Kind == jsontree.Bool
	case resolved.LongType:
		// What is written with a fraction or an exponent is no Long, not even 1.0.
		long, err := strconv.ParseInt(string(n.Raw), 10, 64)
		return types.Long(long), err == nil && n.Kind == jsontree.Number
	case resolved.ExtensionType:
		return extension(n, want)
	case resolved.EntityType:
		id := n.Text
		if want == "User" {
			id = normalise(id)
		}
		return types.NewEntityUID(types.EntityType(want), types.String(id)), n.Kind == jsontree.String
	case resolved.SetType:
		return set(n, want, normalise)
	case resolved.RecordType:
		return record(n, want, normalise)
	}
	return nil, false
}

// extension reads the types that Cedar writes as a call with a string: a
// datetime as RFC 3339 or as Cedar writes it, and a decimal as a number too.
func extension(n *jsontree.Node, want resolved.ExtensionType) (types.Value, bool) {
	text := n.Text
	if want == "decimal" && n.Kind == jsontree.Number {
		text = string(n.Raw)
	} else if n.Kind != jsontree.String {
		return nil, false
	}
	var v types.Value
	var err error
	switch want {
	case "decimal":
		v, err = types.ParseDecimal(text)
	case "duration":
		v, err = types.ParseDuration(text)
	case "ipaddr":
		v, err = types.ParseIPAddr(text)
	case "datetime":
		if t, wrong := time.Parse(time.RFC3339, text); wrong == nil {
			return types.NewDatetime(t), true
		}
		v, err = types.ParseDatetime(text)
	default:
		return nil, false
	}
	return v, err == nil
}

func set(n *jsontree.Node, want resolved.SetType, normalise func(string) string) (types.Value, bool) {
	if n.Kind != jsontree.Array {
		return nil, false
	}
	items := make([]types.Value, len(n.Items))
	for i := range n.Items {
		var ok bool
		if items[i], ok = value(&n.Items[i], want.Element, normalise); !ok {
			return nil, false
		}
	}
	return types.NewSet(items...), true
}

func record(n *jsontree.Node, want resolved.RecordType, normalise func(string) string) (types.Value, bool) {
	if n.Kind != jsontree.Object {
		return nil, false
	}
	r := types.RecordMap{}
	for name, a := range want {
		m := n.Get(string(name))
		if !m.Is(jsontree.Null) && m != nil {
			v, ok := value(m, a.Type, normalise)
			if !ok {
				return nil, false
			}
			r[name] = v
		} else if !a.Optional {
			return nil, false
		}
	}
	return types.NewRecord(r), true
}

// typeName names a type as a schema writes it.
func typeName(t resolved.IsType) string {
	switch t := t.(type) {
	case resolved.StringType:
		return "String"
	case resolved.BoolType:
		return "Bool"
	case resolved.LongType:
		return "Long"
	case resolved.ExtensionType:
		return string(t)
	case resolved.EntityType:
		return string(t)
	case resolved.SetType:
		return "Set<" + typeName(t.Element) + ">"
	case resolved.RecordType:
		return "a record as declared"
	}
	return "a value"
}
