package deploy

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/stretchr/testify/require"
)

// root is the module's, as seen from a test of this package.
const root = "../.."

// template is template.yaml, its short tags written out: !Ref X is {"Ref": X},
// !GetAtt X.Y is {"Fn::GetAtt": "X.Y"}, !Sub is {"Fn::Sub": …} and so on.
type template struct {
	Globals    struct{ Function map[string]any }
	Parameters map[string]map[string]any
	Mappings   map[string]map[string]map[string]any
	Conditions map[string]any
	Resources  map[string]resource
	Outputs    map[string]any
}

type resource struct {
	Type           string
	Condition      string
	DeletionPolicy string
	Properties     map[string]any
}

func load(t testing.TB) template {
	t.Helper()
	text, err := os.ReadFile(root + "/template.yaml")
	require.NoError(t, err)
	tpl, err := parse(text)
	require.NoError(t, err)
	return tpl
}

func parse(text []byte) (template, error) {
	var tpl template
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return tpl, err
	}
	long, err := writeOut(file.Docs[0].Body)
	if err != nil {
		return tpl, err
	}
	top := long.(map[string]any)
	tpl.Globals.Function = at(top, "Globals.Function").(map[string]any)
	tpl.Conditions = top["Conditions"].(map[string]any)
	tpl.Outputs = top["Outputs"].(map[string]any)
	tpl.Parameters = map[string]map[string]any{}
	for name, p := range top["Parameters"].(map[string]any) {
		tpl.Parameters[name] = p.(map[string]any)
	}
	tpl.Mappings = map[string]map[string]map[string]any{}
	for name, m := range top["Mappings"].(map[string]any) {
		tpl.Mappings[name] = map[string]map[string]any{}
		for key, values := range m.(map[string]any) {
			tpl.Mappings[name][key] = values.(map[string]any)
		}
	}
	tpl.Resources = map[string]resource{}
	for name, r := range top["Resources"].(map[string]any) {
		m := r.(map[string]any)
		res := resource{Type: m["Type"].(string)}
		res.Condition, _ = m["Condition"].(string)
		res.DeletionPolicy, _ = m["DeletionPolicy"].(string)
		res.Properties, _ = m["Properties"].(map[string]any)
		tpl.Resources[name] = res
	}
	return tpl, nil
}

// writeOut turns YAML into plain values, CloudFormation's tags into the maps
// they stand for.
func writeOut(n ast.Node) (any, error) {
	switch n := n.(type) {
	case *ast.TagNode:
		v, err := writeOut(n.Value)
		name := strings.TrimPrefix(n.Start.Value, "!")
		if name != "Ref" && name != "Condition" {
			name = "Fn::" + name
		}
		return map[string]any{name: v}, err
	case *ast.MappingNode:
		m := make(map[string]any, len(n.Values))
		for _, v := range n.Values {
			value, err := writeOut(v.Value)
			if err != nil {
				return nil, err
			}
			m[v.Key.GetToken().Value] = value
		}
		return m, nil
	case *ast.MappingValueNode:
		v, err := writeOut(n.Value)
		return map[string]any{n.Key.GetToken().Value: v}, err
	case *ast.SequenceNode:
		s := make([]any, len(n.Values))
		for i, v := range n.Values {
			var err error
			if s[i], err = writeOut(v); err != nil {
				return nil, err
			}
		}
		return s, nil
	}
	var v any
	err := yaml.NodeToValue(n, &v)
	return v, err
}

// at follows a dotted path through maps; nil where it ends early.
func at(v any, path string) any {
	for _, key := range strings.Split(path, ".") {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}

func (tpl template) ofType(kind string) map[string]resource {
	found := map[string]resource{}
	for name, r := range tpl.Resources {
		if r.Type == kind {
			found[name] = r
		}
	}
	return found
}

// deployment is a template with values for its parameters.
type deployment struct {
	template
	values map[string]string
}

// novalue is what {"Ref": "AWS::NoValue"} resolves to.
type novalue struct{}

// with gives the parameters the given values, else their defaults.
func (tpl template) with(values map[string]string) deployment {
	d := deployment{tpl, map[string]string{"AWS::StackName": "interlock"}}
	for name, p := range tpl.Parameters {
		if def, ok := p["Default"]; ok {
			d.values[name] = fmt.Sprint(def)
		}
	}
	for name, v := range values {
		d.values[name] = v
	}
	return d
}

var placeholder = regexp.MustCompile(`\$\{[^}]+\}`)

// resolve does what CloudFormation does with functions; a resource resolves to
// its logical name.
func (d deployment) resolve(v any) any {
	switch v := v.(type) {
	case []any:
		var all []any
		for _, e := range v {
			if r := d.resolve(e); r != (novalue{}) {
				all = append(all, r)
			}
		}
		return all
	case map[string]any:
		if len(v) == 1 {
			for name, arg := range v {
				if r, ok := d.function(name, arg); ok {
					return r
				}
			}
		}
		m := map[string]any{}
		for key, e := range v {
			if r := d.resolve(e); r != (novalue{}) {
				m[key] = r
			}
		}
		return m
	}
	return v
}

func (d deployment) function(name string, arg any) (any, bool) {
	switch name {
	case "Ref":
		return d.ref(arg.(string)), true
	case "Fn::GetAtt":
		return fmt.Sprint(arg), true
	case "Fn::Sub":
		text, own := arg, any(nil)
		if args, ok := arg.([]any); ok {
			text, own = args[0], d.resolve(args[1])
		}
		return placeholder.ReplaceAllStringFunc(text.(string), func(p string) string {
			name := p[2 : len(p)-1]
			if v := at(own, name); v != nil {
				return fmt.Sprint(v)
			}
			return fmt.Sprint(d.ref(name))
		}), true
	case "Fn::Split":
		args := arg.([]any)
		return strings.Split(fmt.Sprint(d.resolve(args[1])), args[0].(string)), true
	case "Fn::Select":
		args := arg.([]any)
		i, _ := strconv.Atoi(fmt.Sprint(args[0]))
		return d.resolve(args[1]).([]string)[i], true
	case "Fn::If":
		args := arg.([]any)
		if d.holds(d.Conditions[args[0].(string)]) {
			return d.resolve(args[1]), true
		}
		return d.resolve(args[2]), true
	case "Fn::FindInMap":
		args := arg.([]any)
		return d.Mappings[args[0].(string)][fmt.Sprint(d.resolve(args[1]))][args[2].(string)], true
	}
	return nil, false
}

func (d deployment) ref(name string) any {
	if name == "AWS::NoValue" {
		return novalue{}
	}
	if v, ok := d.values[name]; ok {
		return v
	}
	return name
}

func (d deployment) holds(condition any) bool {
	if args, ok := at(condition, "Fn::Equals").([]any); ok {
		return fmt.Sprint(d.resolve(args[0])) == fmt.Sprint(args[1])
	}
	return !d.holds(at(condition, "Fn::Not").([]any)[0])
}
