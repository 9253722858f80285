package generate_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/generate"
)

const root = "../.."

// tree is what of this module the generator reads, to be changed.
func tree(t *testing.T) fstest.MapFS {
	all := fstest.MapFS{}
	for _, pattern := range []string{"functions/*/*.go", "functions/*.go", "functions/*/sample.json", "README.md", "events/README.md", "events/asyncapi.yaml", "template.yaml", "deploy/terraform/functions.tf", "deploy/functiongraph/main.tf"} {
		names, err := fs.Glob(os.DirFS(root), pattern)
		require.NoError(t, err)
		for _, name := range names {
			text, err := os.ReadFile(root + "/" + name)
			require.NoError(t, err)
			all[name] = &fstest.MapFile{Data: text}
		}
	}
	return all
}

func kind(t *testing.T, name string) generate.Kind {
	k, ok := generate.KindNamed(name)
	require.True(t, ok)
	return k
}

func files(t *testing.T, in fs.FS, switches ...generate.Switch) map[string]string {
	for i := range switches {
		switches[i].Path = "/v3/{project}/instances/{instance}/it"
	}
	made, err := generate.Files(in, switches)
	require.NoError(t, err)
	all := map[string]string{}
	for name, text := range made {
		all[name] = string(text)
	}
	return all
}

// A logical name is what CloudFormation knows a queue by: once spelt, it stays.
func TestLogicalNamesStay(t *testing.T) {
	made := files(t, tree(t),
		generate.Switch{Name: "database-audit", Function: "auditswitch", Kind: kind(t, "auditedDatabase")},
		generate.Switch{Name: "instance-ssl", Function: "instancessl", Kind: kind(t, "instance")},
		generate.Switch{Name: "other-name", Function: "thefunction", Kind: kind(t, "proxy")},
	)
	for _, id := range []string{"AuditSwitch", "InstanceSsl", "Thefunction", "JobFollow"} {
		require.Contains(t, made["template.yaml"], "\n  "+id+"Queue:\n")
	}
	require.NotContains(t, made["template.yaml"], "ProxySslQueue", "of a switch that is gone, nothing stays")
}

// The sample in a switch's folder keeps what it says of the switch; without
// one, there is an instance of its own and each option.
func TestSamplesKeepWhatTheySay(t *testing.T) {
	in := tree(t)
	in["functions/proxyssl/sample.json"] = &fstest.MapFile{Data: []byte(
		`{"data":{"target":{"project_id":"P","instance_id":"I","proxy_id":"X"},"options":{"o":"b"},"ticket":{"id":"CHG7"},"enabled":false}}`)}
	o := generate.Option{Name: "o", Type: "string", Values: []string{"a", "b"}}
	made := files(t, in,
		generate.Switch{Name: "proxy-ssl", Function: "proxyssl", Kind: kind(t, "proxy"), Options: []generate.Option{o}},
		generate.Switch{Name: "new", Function: "new", Kind: kind(t, "proxy"), Options: []generate.Option{o}},
	)
	of := func(name string) (ev struct {
		ID   string
		Data struct {
			Switch          string
			Enabled         bool
			Target, Options map[string]string
		}
	}) {
		require.NoError(t, json.Unmarshal([]byte(made[name]), &ev), name)
		return ev
	}
	ssl := of("functions/proxyssl/sample.json")
	require.Equal(t, "CHG7-1", ssl.ID)
	require.Equal(t, "proxy-ssl", ssl.Data.Switch)
	require.True(t, ssl.Data.Enabled)
	require.Equal(t, map[string]string{"project_id": "P", "instance_id": "I", "proxy_id": "X"}, ssl.Data.Target)
	require.Equal(t, map[string]string{"o": "b"}, ssl.Data.Options)
	require.Equal(t, ssl.Data.Options, of("events/samples/switch.requested.proxy-ssl.json").Data.Options)

	fresh := of("functions/new/sample.json")
	require.Equal(t, map[string]string{"o": "a"}, fresh.Data.Options)
	require.NotEqual(t, of("events/samples/ticket.approved.new.json").Data.Target["instance_id"], fresh.Data.Target["instance_id"])
	require.Regexp(t, kind(t, "proxy").Instance.Pattern, fresh.Data.Target["instance_id"])
	require.Regexp(t, kind(t, "proxy").Own.Pattern, fresh.Data.Target["proxy_id"])

	in["functions/proxyssl/sample.json"].Data = []byte(`{"data":{"target":{}}}`)
	_, err := generate.Files(in, []generate.Switch{{Name: "proxy-ssl", Function: "proxyssl", Kind: kind(t, "proxy"), Path: "/v3/{project}/it"}})
	require.EqualError(t, err, "functions/proxyssl/sample.json: expected data.target and data.ticket.id")
}

func TestARegionThatIsGoneIsNamed(t *testing.T) {
	in := tree(t)
	in["README.md"].Data = []byte(strings.ReplaceAll(string(in["README.md"].Data), "END generated functions", ""))
	_, err := generate.Files(in, []generate.Switch{{Name: "proxy-ssl", Function: "proxyssl", Kind: kind(t, "proxy"), Path: "/v3/{project}/it"}})
	require.EqualError(t, err, "README.md: found no lines BEGIN generated functions and END generated functions")
}

// Those that are listed keep their place, new ones come last, and what is gone
// goes.
func TestListsKeepTheirOrder(t *testing.T) {
	in := tree(t)
	listed := func(text []byte) []string {
		_, list, _ := strings.Cut(string(text), "func All()")
		return strings.Fields(list)
	}
	var want []string
	for _, word := range listed(in["functions/functions.go"].Data) {
		if word == "}" && !slices.Contains(want, word) {
			want = append(want, "aaa.Switch(),")
		}
		if word != "accesscontrol.Switch()," {
			want = append(want, word)
		}
	}
	delete(in, "functions/accesscontrol/accesscontrol.go")
	in["functions/aaa/aaa.go"] = &fstest.MapFile{Data: []byte("package aaa\n\nfunc Switch() huawei.Switch {")}
	in["functions/aaa/aaa_test.go"] = &fstest.MapFile{Data: []byte("package aaa\n\nfunc Switch() huawei.Switch {")}
	made, err := generate.Lists(in)
	require.NoError(t, err)
	require.Equal(t, want, listed(made["functions/functions.go"]))
}

func TestOptions(t *testing.T) {
	got, err := generate.OptionsOf(&struct {
		A *bool   `json:"a,omitempty" doc:"Whether."`
		B *int    `json:"b,omitempty" validate:"omitempty,oneof=0 1"`
		C *string `json:"c,omitempty" validate:"omitempty,oneof=x y"`
	}{})
	require.NoError(t, err)
	var in, out, words []string
	for _, o := range got {
		in, out, words = append(in, o.Schema(true)), append(out, o.Schema(false)), append(words, o.Words())
	}
	require.Equal(t, []string{
		`{"type": ["boolean", "null"], "description": "Whether."}`,
		`{"enum": [0, 1, null], "description": ""}`, `{"enum": ["x", "y", null], "description": ""}`,
	}, in)
	require.Equal(t, []string{
		`{"type": "boolean", "description": "Whether."}`, `{"enum": [0, 1], "description": ""}`, `{"enum": ["x", "y"], "description": ""}`,
	}, out)
	require.Equal(t, []string{"boolean", "0 or 1", "x or y"}, words)

	for want, options := range map[string]any{
		"option a: found a float64, expected a boolean, a string or a whole number": &struct {
			A float64 `json:"a"`
		}{},
		"option a: found the rule max=3, expected oneof, which is all that the schemas can say": &struct {
			A int `json:"a" validate:"max=3"`
		}{},
	} {
		_, err := generate.OptionsOf(options)
		require.ErrorContains(t, err, want)
	}
}

func TestNewSwitchesAreChecked(t *testing.T) {
	const path = "/v3/{project_id}/instances/{instance_id}/ssl-option"
	for want, n := range map[string]generate.New{
		`NAME: found "Instance SSL", expected lower-case words joined by hyphens, as in instance-ssl`: {Name: "Instance SSL", Method: "PUT", Path: path},
		"NAME: functions/proxyssl is there already":                                                   {Name: "proxy-ssl", Method: "PUT", Path: path},
		`METHOD: found "GET", expected PUT or POST`:                                                   {Name: "x", Method: "GET", Path: path},
		`PATH: found "ssl", expected one as in ` + path:                                               {Name: "x", Method: "PUT", Path: "ssl"},
		`PATH: found the parameters ["project_id" "node_id"], expected project_id and instance_id, and proxy_id where it is a proxy's`: {
			Name: "x", Method: "PUT", Path: "/v3/{project_id}/nodes/{node_id}"},
		"PATH: found one of DBSS, whose calls name the database in ways of their own: copy functions/auditswitch": {
			Name: "x", Method: "PUT", Path: "/v3/{project_id}/audit/{instance_id}/x"},
	} {
		_, err := n.Files(tree(t))
		require.EqualError(t, err, want)
	}
}

// What a declaration calls has to stand in pkg/cloudapi, with its test.
func TestACallThatIsNowhereIsNamed(t *testing.T) {
	const declaration = "functions/lamp/lamp.go"
	whole := fstest.MapFS{
		declaration: {Data: []byte("return c.SwitchLamp(ctx, on)")}, "functions/lamp/lamp_test.go": {}, "functions/lamp/simulation/simulation.go": {},
		"pkg/cloudapi/lamp.go": {Data: []byte("func (c *Client) SwitchLamp(ctx context.Context) error {")}, "pkg/cloudapi/lamp_test.go": {},
	}
	lamp := generate.Switch{Name: "lamp", Function: "lamp", Flips: "a lamp", Page: "Lamps", On: "1", Off: "0", Operation: "SwitchLamp", Reads: true}
	require.Empty(t, generate.Missing(whole, lamp))
	for gone, want := range map[string]string{
		"pkg/cloudapi/lamp_test.go":               "pkg/cloudapi/lamp_test.go is missing: add the tests of SwitchLamp",
		"pkg/cloudapi/lamp.go":                    "pkg/cloudapi: add a file with SwitchLamp, which functions/lamp/lamp.go calls",
		"functions/lamp/simulation/simulation.go": "functions/lamp/simulation/simulation.go is missing",
		"functions/lamp/lamp_test.go":             "functions/lamp/lamp_test.go is missing",
		declaration:                               declaration + ": call the operation of pkg/cloudapi that flips the switch",
	} {
		without := maps.Clone(whole)
		delete(without, gone)
		require.Equal(t, []string{want}, generate.Missing(without, lamp))
	}
}
