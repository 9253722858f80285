package events_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
)

// asyncAPI is asyncapi.yaml as a JSON schema validator wants it.
func asyncAPI(t testing.TB) map[string]any {
	text, err := os.ReadFile("asyncapi.yaml")
	require.NoError(t, err)
	var doc any
	require.NoError(t, yaml.Unmarshal(text, &doc))
	asJSON, err := json.Marshal(doc)
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	require.NoError(t, err)
	return value.(map[string]any)
}

// below follows names from member to member.
func below(v any, names ...string) any {
	for _, name := range names {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

// TestAsyncAPIDocument holds the document against the schema that the AsyncAPI
// initiative publishes (package @asyncapi/specs 6.11.1, Apache License 2.0).
func TestAsyncAPIDocument(t *testing.T) {
	file, err := os.Open("testdata/asyncapi-3.0.0.schema.json.gz")
	require.NoError(t, err)
	defer file.Close()
	text, err := gzip.NewReader(file)
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(text)
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("http://asyncapi.com/schema-store/3.0.0.json", doc))
	schema, err := c.Compile("http://asyncapi.com/schema-store/3.0.0.json")
	require.NoError(t, err)
	require.NoError(t, schema.Validate(asyncAPI(t)))

	broken := asyncAPI(t)
	below(broken, "operations", "tell").(map[string]any)["action"] = "emit"
	require.Error(t, schema.Validate(broken))
}

// TestAsyncAPIReferences: no reference leads nowhere.
func TestAsyncAPIReferences(t *testing.T) {
	doc := asyncAPI(t)
	found := 0
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[string]any:
			for name, item := range v {
				ref, ok := item.(string)
				if name != "$ref" || !ok {
					walk(item)
					continue
				}
				found++
				if path, ok := strings.CutPrefix(ref, "#/"); ok {
					require.NotNil(t, below(doc, strings.Split(path, "/")...), ref)
				} else {
					_, err := os.Stat(filepath.FromSlash(ref))
					require.NoError(t, err)
				}
			}
		}
	}
	walk(doc)
	require.Greater(t, found, 50)
}

// TestAsyncAPIMessages: every type is a message by its own schema, which takes
// the samples of that type and no others.
func TestAsyncAPIMessages(t *testing.T) {
	of := whole(t)
	require.ElementsMatch(t, events.Types(), slices.Collect(maps.Keys(of)))
	for name, text := range samples(t) {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err)
		ev := value.(map[string]any)
		for eventType, schema := range of {
			require.Equal(t, ev["type"] == eventType, schema.Validate(value) == nil, "%s as %s", name, eventType)
		}
		data := ev["data"]
		for _, wrong := range []any{nil, map[string]any{}, "data"} {
			ev["data"] = wrong
			require.Error(t, of[ev["type"].(string)].Validate(value), name)
		}
		ev["data"] = data
		delete(ev, "id")
		require.Error(t, of[ev["type"].(string)].Validate(value), name)
	}
}

// TestAsyncAPIOperations: what goes in is received through every door, what
// comes out is sent, and every function has its address.
func TestAsyncAPIOperations(t *testing.T) {
	doc := asyncAPI(t)
	in, out := events.Types()[:3], events.Types()[3:]
	for name, op := range below(doc, "operations").(map[string]any) {
		channel := strings.TrimPrefix(below(op, "channel", "$ref").(string), "#/channels/")
		var types []string
		for _, ref := range below(op, "messages").([]any) {
			message, ok := strings.CutPrefix(below(ref, "$ref").(string), "#/channels/"+channel+"/messages/")
			require.True(t, ok, name)
			require.Equal(t, "#/components/messages/"+message, below(doc, "channels", channel, "messages", message, "$ref"))
			types = append(types, below(doc, "components", "messages", message, "name").(string))
		}
		want := map[any][]string{"receive": in, "send": out}[below(op, "action")]
		require.Equal(t, want, types, name)
	}
	var names []any
	for _, s := range functions.All() {
		names = append(names, s.Function)
	}
	require.ElementsMatch(t, names, below(doc, "channels", "function", "parameters", "function", "enum"))
}
