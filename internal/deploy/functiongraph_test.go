package deploy

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/doors"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// terraform is what deploy/functiongraph declares, by its address: var.name, local.name,
// data.type.name, type.name.
type terraform map[string]*hclsyntax.Body

// readTerraform reads it, and the expressions of its locals.
func readTerraform(t *testing.T) (declared terraform, locals map[string]hclsyntax.Expression) {
	t.Helper()
	files, err := filepath.Glob("../../deploy/functiongraph/*.tf")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	declared, locals = terraform{}, map[string]hclsyntax.Expression{}
	parser := hclparse.NewParser()
	for _, file := range files {
		f, diagnostics := parser.ParseHCLFile(file)
		require.False(t, diagnostics.HasErrors(), "%v", diagnostics)
		for _, b := range f.Body.(*hclsyntax.Body).Blocks {
			address := strings.Join(b.Labels, ".")
			switch b.Type {
			case "variable":
				address = "var." + address
			case "data":
				address = "data." + address
			case "locals":
				for name, a := range b.Body.Attributes {
					locals[name] = a.Expr
				}
				continue
			case "terraform", "provider", "output":
				address = b.Type + "." + address
			}
			require.NotContains(t, declared, address)
			declared[address] = b.Body
		}
	}
	return declared, locals
}

// Whatever is referred to is declared.
func TestTerraformRefers(t *testing.T) {
	declared, locals := readTerraform(t)
	refers := func(where string, from hclsyntax.Node) {
		for _, to := range hclsyntax.Variables(from.(hclsyntax.Expression)) {
			var names []string
			for _, step := range to {
				switch step := step.(type) {
				case hcl.TraverseRoot:
					names = append(names, step.Name)
				case hcl.TraverseAttr:
					names = append(names, step.Name)
				}
			}
			switch names[0] {
			case "each", "path":
			case "local":
				require.Contains(t, locals, names[1], where)
			case "data":
				require.Contains(t, declared, strings.Join(names[:3], "."), where)
			default:
				require.Contains(t, declared, strings.Join(names[:2], "."), where)
			}
		}
	}
	var walk func(where string, b *hclsyntax.Body)
	walk = func(where string, b *hclsyntax.Body) {
		for name, a := range b.Attributes {
			if strings.HasPrefix(where, "terraform.") || strings.HasPrefix(where, "var.") && name == "type" {
				continue // these are words of Terraform's own
			}
			refers(where+"."+name, a.Expr)
		}
		for _, inner := range b.Blocks {
			walk(where+"."+inner.Type, inner.Body)
		}
	}
	for where, body := range declared {
		walk(where, body)
	}
	for name, expression := range locals {
		refers("local."+name, expression)
	}
}

// taken are the arguments that the provider's documentation of each resource lists
// (huaweicloud/huaweicloud 1.80), as far as they are used, those that it needs first.
var taken = map[string]string{
	"huaweicloud_identity_agency":                "name|delegated_service_name,description,project_role",
	"huaweicloud_fgs_function":                   "name,memory_size,runtime,timeout,app,code_type,handler|description,func_code,code_filename,user_data,encrypted_user_data,agency,vpc_id,network_id,max_instance_num",
	"huaweicloud_fgs_function_trigger":           "function_urn,type,event_data|status",
	"huaweicloud_fgs_async_invoke_configuration": "function_urn,max_async_event_age_in_seconds,max_async_retry_attempts|",
	"huaweicloud_eg_custom_event_channel":        "name|description",
	"huaweicloud_eg_custom_event_source":         "channel_id,name|type,description",
	"huaweicloud_eg_event_subscription":          "channel_id,name,sources,targets|description",
}

// Each resource has the arguments that it needs, and no others than it has.
func TestTerraformArguments(t *testing.T) {
	declared, _ := readTerraform(t)
	for address, body := range declared {
		kind, _, _ := strings.Cut(address, ".")
		if !strings.HasPrefix(kind, "huaweicloud_") {
			continue
		}
		require.Contains(t, taken, kind)
		needed, more, _ := strings.Cut(taken[kind], "|")
		var given []string
		for name := range body.Attributes {
			given = append(given, name)
		}
		for _, b := range body.Blocks {
			given = append(given, b.Type)
		}
		given = slices.DeleteFunc(given, func(name string) bool { return name == "for_each" })
		require.Subset(t, given, strings.Split(needed, ","), address)
		require.Subset(t, strings.Split(needed+","+more, ","), given, address)
	}
}

// evaluate is the value of an expression where every variable and resource has one.
func evaluate(t *testing.T, expression hclsyntax.Expression, each string) cty.Value {
	t.Helper()
	of := func(pairs ...string) cty.Value {
		all := map[string]cty.Value{}
		for i := 0; i < len(pairs); i += 2 {
			all[pairs[i]] = cty.StringVal(pairs[i+1])
		}
		return cty.ObjectVal(all)
	}
	variables := of("region", "eu-west-101", "name", "interlock", "ledger", "postgres://interlock@db.example.com/interlock",
		"policy", "file:production.cedar", "webhook_secrets", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").AsValueMap()
	variables["halt"] = cty.False
	value, diagnostics := expression.Value(&hcl.EvalContext{
		Variables: map[string]cty.Value{
			"var": cty.ObjectVal(variables), "each": of("key", each),
			"huaweicloud_eg_custom_event_channel": cty.ObjectVal(map[string]cty.Value{"changes": of("id", "c-1")}),
			"huaweicloud_eg_custom_event_source":  cty.ObjectVal(map[string]cty.Value{"interlock": of("name", "interlock")}),
		},
		Functions: map[string]function.Function{"tostring": stdlib.MakeToFunc(cty.String), "jsonencode": stdlib.JSONEncodeFunc},
	})
	require.False(t, diagnostics.HasErrors(), "%v", diagnostics)
	return value
}

func texts(v cty.Value) (all []string) {
	for _, one := range v.AsValueSlice() {
		all = append(all, one.AsString())
	}
	return all
}

// Every function is there, is told by its handler which it is, and starts with what
// its settings name.
func TestTerraformFunctions(t *testing.T) {
	declared, locals := readTerraform(t)
	var all []string
	for _, s := range functions.All() {
		all = append(all, s.Function)
	}
	require.ElementsMatch(t, all, texts(evaluate(t, locals["switches"], "")))
	f := declared["huaweicloud_fgs_function.function"].Attributes
	require.Equal(t, engine.JobFollow+".handler", evaluate(t, f["handler"].Expr, engine.JobFollow).AsString())
	require.Equal(t, "Custom", evaluate(t, f["runtime"].Expr, "").AsString())
	seconds, _ := evaluate(t, f["timeout"].Expr, "").AsBigFloat().Int64()
	require.GreaterOrEqual(t, seconds, int64(30))

	environ := []string{"RUNTIME_PROJECT_ID=p"}
	for _, local := range []string{"settings", "secrets"} {
		for name, value := range evaluate(t, locals[local], "").AsValueMap() {
			environ = append(environ, name+"="+value.AsString())
		}
	}
	c, err := config.ReadWithAgency(environ)
	require.NoError(t, err)
	require.True(t, c.ByAgency())
	require.Equal(t, config.Place{Kind: "eventgrid", Rest: "c-1"}, c.Bus)
	require.Equal(t, "postgres", c.Ledger.Kind)
}

// Each type of event that a switch takes is led to it, and no type is misspelt.
func TestTerraformTypes(t *testing.T) {
	_, locals := readTerraform(t)
	require.ElementsMatch(t, []string{events.TypeTicketApproved, events.TypeTagChanged, events.TypeSwitchRequested}, texts(evaluate(t, locals["asked"], "")))
	text, err := os.ReadFile("../../deploy/functiongraph/main.tf")
	require.NoError(t, err)
	for _, named := range regexp.MustCompile(`dev\.interlock\.[a-z.]+v\d`).FindAllString(string(text), -1) {
		require.Contains(t, []string{events.TypeTicketApproved, events.TypeTagChanged, events.TypeSwitchRequested, events.TypeSwitchCompleted}, named)
	}
	require.Contains(t, string(text), events.TypeSwitchCompleted)
}

// What the timer sends is a sweep.
func TestTerraformSweeps(t *testing.T) {
	declared, _ := readTerraform(t)
	data := declared["huaweicloud_fgs_function_trigger.sweep"].Attributes["event_data"].Expr
	var settings struct {
		UserEvent string `json:"user_event"`
	}
	require.NoError(t, json.Unmarshal([]byte(evaluate(t, data, "").AsString()), &settings))
	swept := 0
	d := doors.Door{Sweep: func(context.Context) error { swept++; return nil }}
	_, err := d.Invoke(t.Context(), []byte(`{"version":"v1.0","trigger_type":"TIMER","trigger_name":"x","user_event":"`+settings.UserEvent+`"}`))
	require.NoError(t, err)
	require.Equal(t, 1, swept)
}
