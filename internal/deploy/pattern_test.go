package deploy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// matches tells whether an event matches an EventBridge pattern, as far as the
// patterns in the template go: every key of the pattern must match; a list is
// of alternatives; on an array in the event it is enough that one element
// matches. An operator that is not known here is an error, never a mismatch.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
func matches(pattern, event any) (bool, error) {
	if list, ok := event.([]any); ok {
		return any1(list, func(e any) (bool, error) { return matches(pattern, e) })
	}
	switch p := pattern.(type) {
	case map[string]any:
		object, _ := event.(map[string]any)
		for key, sub := range p {
			value, present := object[key]
			ok, err := matchesMember(sub, value, present)
			if !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	case []any:
		return any1(p, func(alternative any) (bool, error) { return matchesValue(alternative, event) })
	}
	return false, fmt.Errorf("%v: a pattern's leaf must be a list", pattern)
}

func matchesMember(pattern, value any, present bool) (bool, error) {
	alternatives, leaf := pattern.([]any)
	if !leaf {
		if !present {
			value = map[string]any{}
		}
		return matches(pattern, value)
	}
	for _, a := range alternatives {
		if exists, ok := at(a, "exists").(bool); ok && exists == present {
			return true, nil
		}
	}
	if !present {
		return false, nil
	}
	return matches(pattern, value)
}

func matchesValue(alternative, value any) (bool, error) {
	operator, ok := alternative.(map[string]any)
	if !ok {
		return alternative == value, nil
	}
	text, isText := value.(string)
	for name, arg := range operator {
		switch name {
		case "exists":
			return arg == true, nil
		case "prefix":
			return isText && strings.HasPrefix(text, arg.(string)), nil
		case "anything-but":
			list, ok := arg.([]any)
			if !ok {
				list = []any{arg}
			}
			same, err := any1(list, func(e any) (bool, error) { return e == value, nil })
			return !same, err
		}
		return false, fmt.Errorf("operator %q is not known to this matcher", name)
	}
	return false, fmt.Errorf("an empty operator")
}

func any1(list []any, test func(any) (bool, error)) (bool, error) {
	for _, e := range list {
		if ok, err := test(e); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// The matcher itself, against what AWS documents.
func TestMatches(t *testing.T) {
	for _, c := range []struct {
		name, pattern, event string
		want                 bool
	}{
		{"equal", `{"a":["x"]}`, `{"a":"x","b":1}`, true},
		{"other", `{"a":["x"]}`, `{"a":"y"}`, false},
		{"case counts", `{"a":["x"]}`, `{"a":"X"}`, false},
		{"missing", `{"a":["x"]}`, `{}`, false},
		{"one of several", `{"a":["x","y"]}`, `{"a":"y"}`, true},
		{"all keys", `{"a":["x"],"b":["y"]}`, `{"a":"x","b":"z"}`, false},
		{"nested", `{"a":{"b":["x"]}}`, `{"a":{"b":"x"}}`, true},
		{"nested missing", `{"a":{"b":["x"]}}`, `{"a":"x"}`, false},
		{"array in the event", `{"a":["x"]}`, `{"a":["w","x"]}`, true},
		{"array of objects", `{"a":{"k":["x"]}}`, `{"a":[{"k":"w"},{"k":"x"}]}`, true},
		{"array of other objects", `{"a":{"k":["x"]}}`, `{"a":[{"k":"w"},{"j":"x"}]}`, false},
		{"empty array", `{"a":{"k":["x"]}}`, `{"a":[]}`, false},
		{"prefix", `{"a":[{"prefix":"in"}]}`, `{"a":"interlock"}`, true},
		{"not the prefix", `{"a":[{"prefix":"in"}]}`, `{"a":"lock"}`, false},
		{"anything but", `{"a":[{"anything-but":["x"]}]}`, `{"a":"y"}`, true},
		{"just that", `{"a":[{"anything-but":"x"}]}`, `{"a":"x"}`, false},
		{"anything but, missing", `{"a":[{"anything-but":"x"}]}`, `{}`, false},
		{"exists", `{"a":[{"exists":true}]}`, `{"a":"y"}`, true},
		{"exists, missing", `{"a":[{"exists":true}]}`, `{}`, false},
		{"absent", `{"a":[{"exists":false}]}`, `{}`, true},
		{"absent, present", `{"a":[{"exists":false}]}`, `{"a":"y"}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var pattern, event any
			require.NoError(t, json.Unmarshal([]byte(c.pattern), &pattern))
			require.NoError(t, json.Unmarshal([]byte(c.event), &event))
			got, err := matches(pattern, event)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestMatchesRefusesWhatItDoesNotKnow(t *testing.T) {
	_, err := matches(map[string]any{"a": []any{map[string]any{"wildcard": "*"}}}, map[string]any{"a": "x"})
	require.ErrorContains(t, err, "wildcard")
}
