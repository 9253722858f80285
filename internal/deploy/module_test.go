package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// module is the source of deploy/terraform.
type module struct {
	variables, outputs map[string]*hclsyntax.Body
	locals             map[string]hclsyntax.Expression
	resources          map[string]*hclsyntax.Body // by type.name
}

func loadModule(t testing.TB) module {
	t.Helper()
	m := module{map[string]*hclsyntax.Body{}, map[string]*hclsyntax.Body{}, map[string]hclsyntax.Expression{}, map[string]*hclsyntax.Body{}}
	files, err := filepath.Glob(root + "/deploy/terraform/*.tf")
	require.NoError(t, err)
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		file, wrong := hclsyntax.ParseConfig(text, filepath.Base(name), hcl.InitialPos)
		require.False(t, wrong.HasErrors(), wrong)
		for _, b := range file.Body.(*hclsyntax.Body).Blocks {
			switch b.Type {
			case "variable":
				m.variables[b.Labels[0]] = b.Body
			case "output":
				m.outputs[b.Labels[0]] = b.Body
			case "resource":
				m.resources[strings.Join(b.Labels, ".")] = b.Body
			case "locals":
				for name, a := range b.Body.Attributes {
					m.locals[name] = a.Expr
				}
			default:
				require.Contains(t, []string{"terraform", "data"}, b.Type)
			}
		}
	}
	return m
}

// hclFunctions are those of Terraform's that the module calls.
var hclFunctions = map[string]function.Function{
	"can": tryfunc.CanFunc, "concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc, "floor": stdlib.FloorFunc, "join": stdlib.JoinFunc,
	"jsonencode": stdlib.JSONEncodeFunc, "keys": stdlib.KeysFunc, "merge": stdlib.MergeFunc, "regex": stdlib.RegexFunc,
	"tostring": stdlib.MakeToFunc(cty.String), "trimprefix": stdlib.TrimPrefixFunc,
	"startswith": function.New(&function.Spec{
		Params: []function.Parameter{{Name: "text", Type: cty.String}, {Name: "prefix", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(strings.HasPrefix(args[0].AsString(), args[1].AsString())), nil
		},
	}),
	"filebase64sha256": function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.StringVal("hash of " + args[0].AsString()), nil
		},
	}),
}

func value(t testing.TB, e hclsyntax.Expression, in *hcl.EvalContext) cty.Value {
	t.Helper()
	v, wrong := e.Value(in)
	require.False(t, wrong.HasErrors(), wrong)
	return v
}

// with gives the variables these values, as text, else their defaults; and refuses what
// their validations refuse.
func (m module) with(t testing.TB, values map[string]string) (*hcl.EvalContext, error) {
	t.Helper()
	all := map[string]cty.Value{}
	for name, v := range m.variables {
		if text, ok := values[name]; ok {
			kind := hcl.ExprAsKeyword(v.Attributes["type"].Expr)
			converted, err := stdlib.MakeToFunc(map[string]cty.Type{"string": cty.String, "number": cty.Number, "bool": cty.Bool}[kind]).Call([]cty.Value{cty.StringVal(text)})
			require.NoError(t, err, name)
			all[name] = converted
		} else {
			require.Contains(t, v.Attributes, "default", name)
			all[name] = value(t, v.Attributes["default"].Expr, nil)
		}
	}
	in := &hcl.EvalContext{Variables: map[string]cty.Value{"var": cty.ObjectVal(all)}, Functions: hclFunctions}
	for name, v := range m.variables {
		for _, b := range v.Blocks {
			if value(t, b.Body.Attributes["condition"].Expr, in).False() {
				return nil, fmt.Errorf("%s: %s", name, value(t, b.Body.Attributes["error_message"].Expr, nil).AsString())
			}
		}
	}
	return in, nil
}

// referable is what the module's expressions find of each resource: by its logical name
// in template.yaml, where ~ stands for what such names of a function begin with, as
// deployment.resolve has it.
var referable = map[string]map[string]string{
	"aws_cloudwatch_event_bus.bus":          {"arn": "Bus.Arn", "name": "Bus"},
	"aws_cloudwatch_event_archive.archive":  {"arn": "Archive.Arn"},
	"aws_sqs_queue.undelivered":             {"arn": "UndeliveredQueue.Arn", "url": "UndeliveredQueue", "name": "UndeliveredQueue.QueueName"},
	"aws_dynamodb_table.table":              {"arn": "Table.Arn", "name": "Table"},
	"aws_iam_policy.shared":                 {"arn": "SharedPolicy"},
	"aws_cloudwatch_dashboard.dashboard":    {"dashboard_name": "Dashboard"},
	"aws_cloudwatch_event_rule.jobfollow":   {"arn": "JobFollowRule.Arn", "name": "JobFollowRule"},
	"aws_cloudwatch_event_rule.sweep":       {"arn": "JobFollowFunctionSweep.Arn", "name": "JobFollowFunctionSweep"},
	"aws_lambda_function.function":          {"function_name": "~Function", "version": "~Function.Version"},
	"aws_lambda_alias.live":                 {"name": "~Function.Alias:name", "arn": "~Function.Alias"},
	"aws_lambda_function_url.function":      {"function_url": "~FunctionUrl.FunctionUrl"},
	"aws_iam_role.function":                 {"arn": "~Role.Arn", "name": "~Role"},
	"aws_cloudwatch_log_group.function":     {"arn": "~Log.Arn without", "name": "~Log"},
	"aws_sqs_queue.function":                {"arn": "~Queue.Arn", "url": "~Queue", "name": "~Queue.QueueName"},
	"aws_sqs_queue.dead":                    {"arn": "~DeadQueue.Arn", "url": "~DeadQueue", "name": "~DeadQueue.QueueName"},
	"aws_cloudwatch_event_rule.switch":      {"arn": "~Rule.Arn", "name": "~Rule"},
	"aws_cloudwatch_event_rule.tag":         {"arn": "~TagRule.Arn", "name": "~TagRule"},
	"aws_iam_role_policy.function":          {},
	"aws_iam_role_policy_attachment.shared": {},
}

// evaluate returns the attributes of each instance of each resource, by its address, as
// aws_sqs_queue.function.proxyssl; and the outputs. ids are the beginnings of logical
// names, by function.
func (m module) evaluate(t testing.TB, values, ids map[string]string) (resources, outputs map[string]any) {
	t.Helper()
	in, err := m.with(t, values)
	require.NoError(t, err)
	in.Variables["data"] = hclObject(map[string]any{
		"aws_partition":       map[string]any{"current": map[string]any{"partition": "AWS::Partition", "dns_suffix": "AWS::URLSuffix"}},
		"aws_region":          map[string]any{"current": map[string]any{"region": "AWS::Region"}},
		"aws_caller_identity": map[string]any{"current": map[string]any{"account_id": "AWS::AccountId"}},
	})
	m.local(in) // those that are made of no resource, which say what instances there are

	instances := map[string]map[string]string{}
	types := map[string]map[string]any{}
	for name, body := range m.resources {
		instances[name] = map[string]string{"": ""}
		if each, ok := body.Attributes["for_each"]; ok {
			instances[name] = map[string]string{}
			for key, v := range value(t, each.Expr, in).AsValueMap() {
				instances[name][key] = v.AsString()
			}
		}
		kind, own, _ := strings.Cut(name, ".")
		if types[kind] == nil {
			types[kind] = map[string]any{}
		}
		all := map[string]any{}
		for key := range instances[name] {
			known := map[string]any{}
			for attribute, logical := range referable[name] {
				known[attribute] = strings.ReplaceAll(logical, "~", ids[key])
			}
			all[key] = known
		}
		types[kind][own] = all
		if all[""] != nil {
			types[kind][own] = all[""]
		}
	}
	for kind, all := range types {
		in.Variables[kind] = hclObject(all)
	}
	m.local(in)
	require.Len(t, in.Variables["local"].AsValueMap(), len(m.locals))

	resources, outputs = map[string]any{}, map[string]any{}
	for name, body := range m.resources {
		for key, v := range instances[name] {
			of := in.NewChild()
			of.Variables = map[string]cty.Value{"each": hclObject(map[string]any{"key": key, "value": v})}
			resources[strings.TrimSuffix(name+"."+key, ".")] = attributes(t, body, of)
		}
	}
	for name, body := range m.outputs {
		outputs[name] = plain(t, value(t, body.Attributes["value"].Expr, in))
	}
	return resources, outputs
}

// local evaluates the locals, as far as what they are made of is known.
func (m module) local(in *hcl.EvalContext) {
	known := map[string]cty.Value{}
	for before := -1; before < len(known); {
		before = len(known)
		in.Variables["local"] = cty.ObjectVal(known)
		for name, e := range m.locals {
			if v, wrong := e.Value(in); !wrong.HasErrors() {
				known[name] = v
			}
		}
		in.Variables["local"] = cty.ObjectVal(known)
	}
}

// attributes are those of a body, and of the blocks in it, of which there are several of
// some.
func attributes(t testing.TB, body *hclsyntax.Body, in *hcl.EvalContext) map[string]any {
	all := map[string]any{}
	for name, a := range body.Attributes {
		if name != "for_each" && name != "depends_on" {
			all[name] = plain(t, value(t, a.Expr, in))
		}
	}
	for _, b := range body.Blocks {
		if b.Type != "lifecycle" {
			earlier, _ := all[b.Type].([]any)
			all[b.Type] = append(earlier, attributes(t, b.Body, in))
		}
	}
	return all
}

// hclObject is a value of HCL's of what JSON could say.
func hclObject(v map[string]any) cty.Value {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	kind, err := ctyjson.ImpliedType(text)
	if err != nil {
		panic(err)
	}
	made, err := ctyjson.Unmarshal(text, kind)
	if err != nil {
		panic(err)
	}
	return made
}

// plain is the opposite.
func plain(t testing.TB, v cty.Value) (made any) {
	t.Helper()
	text, err := ctyjson.Marshal(v, v.Type())
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &made))
	return made
}

var either = regexp.MustCompile(`"[^"]*"( OR "[^"]*")+`)

// same brings to one form what template and module may write in two: numbers and truths
// as text, JSON in a text or as such, lists of one and what stands in them, and what is
// empty or not there.
func same(v any) any {
	switch v := v.(type) {
	case map[string]any:
		all := map[string]any{}
		for key, e := range v {
			if s := same(e); s != nil {
				all[key] = s
			}
		}
		if len(all) == 0 {
			return nil
		}
		return all
	case []any:
		var all []any
		for _, e := range v {
			if s := same(e); s != nil {
				all = append(all, s)
			}
		}
		switch len(all) {
		case 0:
			return nil
		case 1:
			return all[0]
		}
		return all
	case string:
		if strings.HasPrefix(v, "{") {
			var of map[string]any
			if json.Unmarshal([]byte(v), &of) == nil {
				return same(of)
			}
		}
		// Which of several is found does not depend on their order.
		v = either.ReplaceAllStringFunc(v, func(all string) string {
			terms := strings.Split(all, " OR ")
			slices.Sort(terms)
			return strings.Join(terms, " OR ")
		})
		return strings.ReplaceAll(v, " without:*", "")
	case nil:
		return nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}
