package deploy

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/huawei"
)

// A function is known in several places. This names each that has forgotten it.
func TestEveryPlaceKnowsEveryFunction(t *testing.T) {
	missing, err := missing(os.DirFS(root), functions.All())
	require.NoError(t, err)
	require.Empty(t, missing, "to be added:\n%s", strings.Join(missing, "\n"))
}

// missing says of each folder under functions what has to be added where, one
// sentence each, in order.
func missing(tree fs.FS, switches []huawei.Switch) ([]string, error) {
	m := drift{tree: tree}
	text := m.read("template.yaml")
	tpl, err := parse([]byte(text))
	if err != nil {
		return nil, err
	}
	folders, err := fs.Glob(tree, "functions/*/*.go")
	if err != nil {
		return nil, err
	}
	declared := map[string]huawei.Switch{}
	for _, s := range switches {
		declared[s.Function] = s
	}
	for _, name := range slices.Compact(slices.Sorted(names(folders))) {
		if m.read("functions/"+name+"/"+name+".go") == "" {
			continue // a list of what is in the others
		}
		m.built(name)
		m.listed(name)
		s, isSwitch := declared[name]
		if isSwitch {
			m.calls(name)
			m.described(s)
		} else if m.declares(name) {
			m.add("functions/functions.go: add %s.Switch() to All", name)
		}
		m.deployed(name, isSwitch, tpl)
		delete(declared, name)
	}
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		m.add("functions/%s: functions.All names it as the function of %s, but there is no such folder", name, declared[name].Name)
	}
	return m.sentences, m.err
}

type drift struct {
	tree      fs.FS
	sentences []string
	err       error
}

func (m *drift) add(format string, args ...any) {
	m.sentences = append(m.sentences, fmt.Sprintf(format, args...))
}

// read returns a file's text; nothing is in a file that is not there.
func (m *drift) read(name string) string {
	text, err := fs.ReadFile(m.tree, name)
	if err != nil && !os.IsNotExist(err) {
		m.err = err
	}
	return string(text)
}

// source is the text of a folder's Go files but for their tests.
func (m *drift) source(folder string) string {
	files, err := fs.Glob(m.tree, folder+"/*.go")
	if err != nil {
		m.err = err
	}
	var all strings.Builder
	for _, f := range files {
		if !strings.HasSuffix(f, "_test.go") {
			all.WriteString(m.read(f))
		}
	}
	return all.String()
}

func (m *drift) declares(name string) bool {
	return strings.Contains(m.source("functions/"+name), "func Switch() huawei.Switch")
}

// built: `make build` takes its list from the folders, and what they hold is one
// artefact.
func (m *drift) built(name string) {
	for _, rule := range []string{"$(wildcard functions/*/)", "build-%Function:"} {
		if !strings.Contains(m.read("Makefile"), rule) {
			m.add("Makefile: nothing builds %s, for %s is gone", name, rule)
		}
	}
}

func (m *drift) listed(name string) {
	for line := range strings.Lines(m.read("README.md")) {
		if strings.HasPrefix(line, "|") && strings.Contains(line, "functions/"+name) {
			return
		}
	}
	m.add("README.md: add a row for functions/%s to the table of functions", name)
}

var called = regexp.MustCompile(`\bc\.([A-Z]\w*)\(`)

// calls: the call that flips the switch stands in pkg/cloudapi, with its test.
func (m *drift) calls(name string) {
	operation := called.FindStringSubmatch(m.source("functions/" + name))
	if operation == nil {
		m.add("functions/%s: call the operation of pkg/cloudapi that flips the switch", name)
		return
	}
	files, err := fs.Glob(m.tree, "pkg/cloudapi/*.go")
	if err != nil {
		m.err = err
	}
	for _, f := range files {
		if strings.Contains(m.read(f), "(c *Client) "+operation[1]+"(") {
			if test := strings.TrimSuffix(f, ".go") + "_test.go"; m.read(test) == "" {
				m.add("%s: add the tests of %s", test, operation[1])
			}
			return
		}
	}
	m.add("pkg/cloudapi: add a file with %s, which functions/%s calls", operation[1], name)
}

// described: the schemas that list the switches list this one.
func (m *drift) described(s huawei.Switch) {
	for _, kind := range []string{events.TypeTicketApproved, events.TypeSwitchRequested, events.TypeTagChanged, events.TypeSwitchCompleted} {
		file := "events/schemas/" + kind + ".json"
		if !regexp.MustCompile(`\b` + regexp.QuoteMeta(s.Name) + `\b`).MatchString(m.read(file)) {
			m.add("%s: add the switch %s", file, s.Name)
		}
	}
}

// deployed: the template has for this function whatever it has for the others.
func (m *drift) deployed(name string, isSwitch bool, tpl template) {
	prefixes := map[string]string{}
	for id := range tpl.ofType("AWS::Serverless::Function") {
		prefixes[folder(id)] = strings.TrimSuffix(id, "Function")
	}
	prefix, ok := prefixes[name]
	if !ok {
		m.add("template.yaml: add a stanza for functions/%s, a copy of another's, whose function's logical id is %q but for its case", name, name+"Function")
		return
	}
	others := map[string]string{}
	for other, p := range prefixes {
		for id := range tpl.Resources {
			// What is no switch minds no tag.
			if what, ok := strings.CutPrefix(id, p); ok && other != name && (isSwitch || what != "TagRule") {
				others[what] = max(others[what], id)
			}
		}
	}
	for _, what := range slices.Sorted(maps.Keys(others)) {
		if _, ok := tpl.Resources[prefix+what]; !ok {
			m.add("template.yaml: add %s%s, as there is %s", prefix, what, others[what])
		}
	}
	dashboard := fmt.Sprint(tpl.Resources["Dashboard"].Properties)
	for _, queue := range []string{name, name + "-dead"} {
		if !strings.Contains(dashboard, `-`+queue+`\"`) {
			m.add("template.yaml: add ${AWS::StackName}-%s to the searches of Dashboard", queue)
		}
	}
	for _, output := range []string{"FunctionArn", "Url", "QueueUrl", "DeadQueueUrl"} {
		if tpl.Outputs[prefix+output] == nil {
			m.add("template.yaml: add %s%s to Outputs", prefix, output)
		}
	}
}

// names are the folders of files, each as its last element.
func names(files []string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, f := range files {
			if !yield(path.Base(path.Dir(f))) {
				return
			}
		}
	}
}

// A sixth switch of which nothing but the folder is there: each place that is
// missing is named.
func TestWhatIsMissingIsNamed(t *testing.T) {
	tree := fstest.MapFS{}
	for _, pattern := range []string{"functions/*/*.go", "pkg/cloudapi/*.go", "events/schemas/*.json", "template.yaml", "Makefile", "README.md"} {
		files, err := fs.Glob(os.DirFS(root), pattern)
		require.NoError(t, err)
		for _, f := range files {
			text, err := os.ReadFile(path.Join(root, f))
			require.NoError(t, err)
			tree[f] = &fstest.MapFile{Data: text}
		}
	}
	before, err := missing(tree, functions.All())
	require.NoError(t, err)

	tree["functions/sixth/sixth.go"] = &fstest.MapFile{Data: []byte("func Switch() huawei.Switch { c.SwitchSixth(ctx) }")}
	got, err := missing(tree, functions.All())
	require.NoError(t, err)
	require.Equal(t, []string{
		"README.md: add a row for functions/sixth to the table of functions",
		"functions/functions.go: add sixth.Switch() to All",
		`template.yaml: add a stanza for functions/sixth, a copy of another's, whose function's logical id is "sixthFunction" but for its case`,
	}, without(got, before))

	got, err = missing(tree, append(functions.All(), huawei.Switch{About: huawei.About{Name: "the-sixth", Function: "sixth"}}))
	require.NoError(t, err)
	require.Subset(t, got, []string{
		"pkg/cloudapi: add a file with SwitchSixth, which functions/sixth calls",
		"events/schemas/dev.interlock.ticket.approved.v1.json: add the switch the-sixth",
	})

	// Parts of a stanza that was copied by halves.
	text := string(tree["template.yaml"].Data)
	for _, c := range []struct{ cut, want string }{
		{"  ProxySslTagRule:", "template.yaml: add ProxySslTagRule, as there is "},
		{"  ProxySslDeadAlarm:", "template.yaml: add ProxySslDeadAlarm, as there is "},
		{"  ProxySslUrl:", "template.yaml: add ProxySslUrl to Outputs"},
		{`\"${AWS::StackName}-proxyssl\"`, "template.yaml: add ${AWS::StackName}-proxyssl to the searches of Dashboard"},
	} {
		require.Contains(t, text, c.cut)
		tree["template.yaml"] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(text, c.cut, strings.ReplaceAll(c.cut, "roxy", "ther")))}
		got, err = missing(tree, functions.All())
		require.NoError(t, err)
		require.True(t, slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, c.want) }), "%s: %q", c.cut, got)
	}
}

func without(all, known []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(known, s) })
}

var stanzaHead = regexp.MustCompile(`(?m)^  # ── ([a-z-]+) ─+\n`)

// The stanzas of the switches differ in their names only, so that one can be
// read for all, and a sixth be copied from any.
func TestStanzasAreAlike(t *testing.T) {
	text, err := os.ReadFile(root + "/template.yaml")
	require.NoError(t, err)
	tpl := load(t)
	heads := stanzaHead.FindAllStringSubmatchIndex(string(text), -1)
	var first, firstName string
	found := 0
	for _, s := range functions.All() {
		for _, h := range heads {
			if string(text[h[2]:h[3]]) != s.Name {
				continue
			}
			found++
			body, _, _ := strings.Cut(string(text[h[1]:]), "\n  # ──")
			for id := range tpl.ofType("AWS::Serverless::Function") {
				if folder(id) == s.Function {
					body = strings.ReplaceAll(body, strings.TrimSuffix(id, "Function"), "NAME")
				}
			}
			body = strings.NewReplacer(s.Name, "SWITCH", s.Function, "FUNCTION").Replace(body)
			if first == "" {
				first, firstName = body, s.Name
			}
			require.Equal(t, first, body, "the stanza of %s differs from that of %s", s.Name, firstName)
		}
	}
	require.Equal(t, len(functions.All()), found, "a stanza starts with a line # ── <switch> ───")
}
