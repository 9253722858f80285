package events_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
)

// compiled are the schemas by type, compiled by an independent validator,
// which checks each against the metaschema of its draft.
func compiled(t testing.TB) map[string]*jsonschema.Schema {
	all := map[string]*jsonschema.Schema{}
	for name, doc := range schemaDocs(t) {
		c := jsonschema.NewCompiler()
		c.AssertFormat()
		id := events.DataSchema(name)
		require.NoError(t, c.AddResource(id, doc))
		s, err := c.Compile(id)
		require.NoError(t, err)
		all[name] = s
	}
	return all
}

func schemaDocs(t testing.TB) map[string]any {
	docs := map[string]any{}
	names, err := fs.Glob(events.Schemas, "schemas/*.json")
	require.NoError(t, err)
	for _, name := range names {
		text, err := fs.ReadFile(events.Schemas, name)
		require.NoError(t, err)
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err)
		docs[strings.TrimSuffix(path.Base(name), ".json")] = doc
	}
	return docs
}

func conforms(t testing.TB, s *jsonschema.Schema, data []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	return s.Validate(value)
}

func TestEachTypeHasItsSchema(t *testing.T) {
	docs := schemaDocs(t)
	require.ElementsMatch(t, events.Types(), slices.Collect(maps.Keys(docs)))
	for name, doc := range docs {
		head := doc.(map[string]any)
		require.Equal(t, "https://json-schema.org/draft/2020-12/schema", head["$schema"], name)
		require.Equal(t, events.DataSchema(name), head["$id"], name)
	}
}

// goTypes are the Go forms of the types' data.
func goTypes() map[string]reflect.Type {
	return map[string]reflect.Type{
		events.TypeTicketApproved:  reflect.TypeFor[events.TicketApproved](),
		events.TypeTagChanged:      reflect.TypeFor[events.TagChanged](),
		events.TypeSwitchRequested: reflect.TypeFor[events.SwitchRequested](),
		events.TypeSwitchCompleted: reflect.TypeFor[events.Completed](),
		events.TypeSwitchRejected:  reflect.TypeFor[events.Rejected](),
		events.TypeSwitchFailed:    reflect.TypeFor[events.Rejected](),
		events.TypeJobSucceeded:    reflect.TypeFor[events.JobEnded](),
		events.TypeJobFailed:       reflect.TypeFor[events.JobEnded](),
		events.TypeJobUnknown:      reflect.TypeFor[events.JobEnded](),
		events.TypeChainSucceeded:  reflect.TypeFor[events.ChainEnded](),
		events.TypeChainFailed:     reflect.TypeFor[events.ChainEnded](),
	}
}

// TestSchemasMatchTheGoTypes walks schema and Go type side by side: the same
// members, of the same JSON types; what Go leaves out when empty is not
// required, and what an event must have is.
func TestSchemasMatchTheGoTypes(t *testing.T) {
	docs := schemaDocs(t)
	require.Len(t, goTypes(), len(docs))
	for name, goType := range goTypes() {
		matches(t, name, docs[name].(map[string]any), docs[name].(map[string]any), goType)
	}
}

func matches(t *testing.T, at string, root, schema map[string]any, of reflect.Type) {
	schema = resolved(root, schema)
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if want := jsonType(of); schema["type"] != nil {
		require.Contains(t, types(schema), want, at)
	}
	switch {
	case of == reflect.TypeFor[time.Time]():
		require.Equal(t, "date-time", schema["format"], at)
	case of.Kind() == reflect.Slice:
		matches(t, at+"[]", root, schema["items"].(map[string]any), of.Elem())
	case of.Kind() == reflect.Struct:
		properties := schema["properties"].(map[string]any)
		var members, required []string
		for i := range of.NumField() {
			f := of.Field(i)
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if slices.Contains(leftOut(at), name) {
				continue
			}
			members = append(members, name)
			if !strings.Contains(options, "omitempty") {
				required = append(required, name)
			}
			require.Contains(t, properties, name, at)
			matches(t, at+"."+name, root, properties[name].(map[string]any), f.Type)
		}
		require.ElementsMatch(t, members, slices.Collect(maps.Keys(properties)), at)
		require.ElementsMatch(t, required, strs(schema["required"]), "%s: required", at)
	}
}

// leftOut are members of a Go type that no event of a type has.
func leftOut(at string) []string {
	if at == events.TypeChainSucceeded+".steps[]" || at == events.TypeChainFailed+".steps[]" {
		return []string{"options", "changed"}
	}
	return nil
}

// resolved follows a $ref into $defs, alone or beside null.
func resolved(root, schema map[string]any) map[string]any {
	if either, ok := schema["anyOf"].([]any); ok {
		schema = either[0].(map[string]any)
	}
	if ref, ok := schema["$ref"].(string); ok {
		return root["$defs"].(map[string]any)[path.Base(ref)].(map[string]any)
	}
	return schema
}

func types(schema map[string]any) []string {
	if one, ok := schema["type"].(string); ok {
		return []string{one}
	}
	return strs(schema["type"])
}

func jsonType(of reflect.Type) string {
	switch {
	case of == reflect.TypeFor[time.Time](), of.Kind() == reflect.String:
		return "string"
	case of.Kind() == reflect.Bool:
		return "boolean"
	case of.Kind() == reflect.Int:
		return "integer"
	case of.Kind() == reflect.Slice:
		return "array"
	}
	return "object"
}

func strs(list any) []string {
	var all []string
	items, _ := list.([]any)
	for _, item := range items {
		all = append(all, item.(string))
	}
	return all
}

// TestSchemasNameEverySwitchAndCode keeps the lists in the schemas equal to
// those in Go.
func TestSchemasNameEverySwitchAndCode(t *testing.T) {
	var switches []string
	for _, s := range specs() {
		switches = append(switches, s.Switch)
	}
	docs := schemaDocs(t)
	for name, doc := range docs {
		switch name {
		case events.TypeTagChanged:
		case events.TypeChainSucceeded, events.TypeChainFailed:
			require.Equal(t, switches, strs(at(doc, "$defs", "chainStep", "properties", "switch", "enum")), name)
			continue
		default:
			require.Equal(t, switches, strs(at(doc, "properties", "switch", "enum")), name)
			continue
		}
		var keys []string
		for _, s := range switches {
			keys = append(keys, events.TagPrefix+s)
		}
		require.Equal(t, keys, strs(at(doc, "$defs", "change", "if", "properties", "key", "enum")), name)
		require.Len(t, at(doc, "properties", "changes", "allOf"), len(switches), name)
	}
	never := []string{
		string(events.InvalidEvent), string(events.InvalidData), string(events.NotApproved), string(events.WindowOver),
		string(events.Future), string(events.Superseded), string(events.Expired), string(events.TicketSpent), string(events.IDReused),
		string(events.Denied), string(events.CloudRefused),
	}
	forNow := []string{string(events.Unresolved), string(events.GaveUp)}
	for name, codes := range map[string][]string{
		events.TypeSwitchRejected: never, events.TypeSwitchFailed: forNow,
		events.TypeChainSucceeded: slices.Concat(never, forNow), events.TypeChainFailed: slices.Concat(never, forNow),
	} {
		require.Equal(t, codes, strs(at(docs[name], "$defs", "error", "properties", "code", "enum")), name)
	}
	for name, def := range map[string]any{"step": at(docs[events.TypeTicketApproved], "$defs", "step"), "chainStep": at(docs[events.TypeSwitchRequested], "$defs", "chainStep")} {
		require.Equal(t, switches, strs(at(def, "properties", "switch", "enum")), name)
	}
	for _, name := range []string{events.TypeSwitchRequested, events.TypeChainSucceeded, events.TypeChainFailed} {
		require.Equal(t, []string{
			string(events.StepNotDone), string(events.StepDone), string(events.StepUnchanged), string(events.StepFailed),
			string(events.StepUndone), string(events.StepUndoFailed),
		}, strs(at(docs[name], "$defs", "chainStep", "properties", "state", "enum")), name)
	}
	require.Equal(t, []string{string(events.Accepted), string(events.Applied), string(events.Unchanged)},
		strs(at(docs[events.TypeSwitchCompleted], "properties", "result", "enum")))
}

func at(doc any, names ...string) any {
	for _, name := range names {
		doc = doc.(map[string]any)[name]
	}
	return doc
}

// TestSharedDefinitionsAreTheSame: each schema stands alone, so that it can be
// taken into a registry by itself; what they have in common must not drift.
func TestSharedDefinitionsAreTheSame(t *testing.T) {
	docs := schemaDocs(t)
	same := func(def string, names ...string) {
		first, err := json.Marshal(at(docs[names[0]], "$defs", def))
		require.NoError(t, err)
		for _, name := range names[1:] {
			other, err := json.Marshal(at(docs[name], "$defs", def))
			require.NoError(t, err)
			require.JSONEq(t, string(first), string(other), "%s of %s", def, name)
		}
	}
	out := events.Types()[3:]
	same("target", events.Types()[:3]...)
	same("target", out...)
	same("cause", out...)
	same("ticket", events.TypeTicketApproved, events.TypeSwitchRequested)
	same("step", events.TypeTicketApproved, events.TypeSwitchRequested)
	same("chainStep", events.TypeChainSucceeded, events.TypeChainFailed)
	for _, kind := range []string{"instance", "proxy", "auditedDatabase"} {
		same(kind, events.TypeTicketApproved, events.TypeSwitchRequested)
		same(kind, events.TypeSwitchCompleted, events.TypeJobSucceeded, events.TypeJobFailed, events.TypeJobUnknown, events.TypeChainSucceeded, events.TypeChainFailed)
	}
}
