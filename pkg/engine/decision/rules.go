package decision

import (
	"reflect"
	"strings"

	"github.com/go-playground/validator/v10"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/jsontree"
)

// Rule is what a validate tag asks of a string.
type Rule struct {
	Test func(string) bool
	// Expected says in plain words what passes, as in "32 letters and digits".
	Expected string
}

// ownRules are the tags that the contract adds to the validator's own.
func ownRules() map[string]Rule {
	return map[string]Rule{
		"region":   {isRegion, "a region's name, as in eu-west-101"},
		"notblank": {func(s string) bool { return strings.TrimSpace(s) != "" }, "a string that is not blank"},
	}
}

// newValidator makes a validator that knows the rules. It is asked for each
// struct once, for a tag that it does not know makes it panic.
func newValidator(rules map[string]Rule) (*validator.Validate, error) {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(jsonName)
	for tag, rule := range rules {
		if err := v.RegisterValidation(tag, func(f validator.FieldLevel) bool { return rule.Test(f.Field().String()) }); err != nil {
			return nil, err
		}
	}
	v.RegisterStructValidation(func(l validator.StructLevel) {
		w := l.Current().Interface().(events.Window)
		if w.Start != nil && w.End != nil && w.Start.After(*w.End) {
			l.ReportError(w.End, "end", "End", "order", "")
		}
	}, events.Window{})
	return v, nil
}

// isFormed tells whether s has from least to most characters, all of them
// ASCII letters, digits or one of also.
func isFormed(s string, least, most int, also string) bool {
	if len(s) < least || len(s) > most {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case strings.IndexByte(also, c) < 0:
			return false
		}
	}
	return true
}

func isRegion(s string) bool {
	return isFormed(s, 1, 64, "-") && s == strings.ToLower(s) && s[0] != '-' && s[len(s)-1] != '-'
}

// expected says in plain words what a broken rule asks for.
func (d *Decoder) expected(tag, param string, t reflect.Type) string {
	if rule, ok := d.ruled[tag]; ok {
		return rule.Expected
	}
	switch tag {
	case "required":
		return required(t)
	case "order":
		return "a time not before the window's start"
	case "oneof":
		return listed(strings.Fields(param), "or")
	case "min":
		return "at least " + param + unit(t)
	case "max":
		return "at most " + param + unit(t)
	}
	return strings.TrimSuffix("what the rule "+tag+"="+param, "=") + " asks for"
}

func unit(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Slice:
		return " items"
	case reflect.String:
		return " characters"
	}
	return ""
}

func required(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Bool:
		return jsontree.Bool.String()
	case reflect.Slice:
		return jsontree.Array.String()
	case reflect.Struct, reflect.Map:
		return jsontree.Object.String()
	case reflect.String:
		return "a string that is not empty"
	}
	return "a value"
}
