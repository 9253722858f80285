package generate

import (
	"fmt"
	"reflect"
	"strings"
)

// Option is one of a switch's options.
type Option struct {
	// Name is its member in an event, Doc what it says in the schemas.
	Name, Doc string
	// Type is its JSON type. Values, where there are any, are all that it may be.
	Type   string
	Values []string
}

// OptionsOf reads the options from the struct that they are decoded into: its
// json tags name them, its doc tags describe them.
func OptionsOf(options any) ([]Option, error) {
	if options == nil {
		return nil, nil
	}
	of := reflect.TypeOf(options).Elem()
	var all []Option
	for i := range of.NumField() {
		f := of.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		o := Option{Name: name, Doc: f.Tag.Get("doc")}
		if f.Type.Kind() == reflect.Pointer {
			f.Type = f.Type.Elem()
		}
		switch f.Type.Kind() {
		case reflect.Bool:
			o.Type = "boolean"
		case reflect.String:
			o.Type = "string"
		case reflect.Int, reflect.Int32, reflect.Int64:
			o.Type = "integer"
		default:
			return nil, fmt.Errorf("%s: option %s: found a %s, expected a boolean, a string or a whole number", of, name, f.Type)
		}
		for rule := range strings.SplitSeq(f.Tag.Get("validate"), ",") {
			values, ok := strings.CutPrefix(rule, "oneof=")
			switch {
			case ok:
				o.Values = strings.Fields(values)
			case rule != "" && rule != "omitempty":
				return nil, fmt.Errorf("%s: option %s: found the rule %s, expected oneof, which is all that the schemas can say", of, name, rule)
			}
		}
		all = append(all, o)
	}
	return all, nil
}

// values are the values as JSON.
func (o Option) values() []string {
	if o.Type != "string" {
		return o.Values
	}
	var all []string
	for _, v := range o.Values {
		all = append(all, quoted(v))
	}
	return all
}

// Schema is the option's in an event that goes in, where null is the same as
// absent, or out.
func (o Option) Schema(in bool) string {
	of, null := quoted(o.Type), ""
	if in {
		of, null = "["+of+`, "null"]`, ", null"
	}
	if len(o.Values) > 0 {
		return `{"enum": [` + strings.Join(o.values(), ", ") + null + `], "description": ` + quoted(o.Doc) + `}`
	}
	return `{"type": ` + of + `, "description": ` + quoted(o.Doc) + `}`
}

// Words is what the option may be, for people.
func (o Option) Words() string {
	if len(o.Values) > 0 {
		return strings.Join(o.Values, " or ")
	}
	return o.Type
}
