package producers

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/cloudevent"
)

// page is a page of docs.
func page(t testing.TB, name string) string {
	text, err := os.ReadFile("../../docs/" + name)
	require.NoError(t, err)
	return string(text)
}

// blocks are a page's examples in one language, in their order.
func blocks(t testing.TB, name, language string) []string {
	var all []string
	for i, part := range strings.Split("\n"+page(t, name), "\n```") {
		if text, ok := strings.CutPrefix(part, language+"\n"); ok && i%2 == 1 {
			all = append(all, text+"\n")
		}
	}
	return all
}

// asks requires that an event in JSON asks one switch for something, and
// returns which.
func asks(t testing.TB, text string) string {
	ev, err := cloudevent.DecodeJSON([]byte(text))
	require.NoError(t, err, text)
	var minded []string
	for _, sw := range functions.All() {
		if d, meant, problem := switches(t).Decode(sw.Name, ev); meant {
			require.Nil(t, problem, text)
			require.True(t, d.Approved())
			minded = append(minded, sw.Name)
		}
	}
	require.Len(t, minded, 1)
	return minded[0]
}

func TestPagesHaveNoDeadLinks(t *testing.T) {
	for _, name := range []string{"producers.md", "webhooks.md"} {
		for _, link := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(page(t, name), -1) {
			_, err := os.Stat(filepath.Join("../../docs", link[1]))
			require.NoError(t, err, name)
		}
	}
	for _, name := range Names() {
		require.Contains(t, page(t, "producers.md"), "| `"+name+"` |")
	}
}

// TestBusinessRule: the script sends the columns of which the sample consists,
// and every column of ours that the mapping reads.
func TestBusinessRule(t *testing.T) {
	script := blocks(t, "producers.md", "js")[0]
	list := regexp.MustCompile(`(?s)var columns = \[(.*?)\]`).FindStringSubmatch(script)[1]
	sends := []string{"requested_by"}
	for _, m := range regexp.MustCompile(`'(\w+)'`).FindAllStringSubmatch(list, -1) {
		sends = append(sends, m[1])
	}
	var message struct {
		Change map[string]string `json:"change_request"`
	}
	require.NoError(t, json.Unmarshal(samples(t)["servicenow.business-rule.json"].Message, &message))
	for name := range message.Change {
		if name != "type" && name != "short_description" { // of no use to us
			require.Contains(t, sends, name)
		}
	}
	source, err := os.ReadFile("servicenow.go")
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`ours ?\+ ?"(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		require.Contains(t, sends, ours+m[1])
		require.Contains(t, page(t, "producers.md"), "`"+ours+m[1]+"`")
	}
	for _, name := range []string{"change_request: change", "approvals: approvals", "approver:", "state:"} {
		require.Contains(t, script, name)
	}
}

// TestJiraWords: the words of the page, in the field of an issue.
func TestJiraWords(t *testing.T) {
	words := blocks(t, "producers.md", "")
	var said []string
	for _, block := range words {
		if strings.HasPrefix(block, "interlock:switch=") {
			said = strings.Fields(block)
		}
	}
	require.NotEmpty(t, said)
	var message map[string]any
	require.NoError(t, json.Unmarshal(samples(t)["jira.webhook.json"].Message, &message))
	message["issue"].(map[string]any)["fields"].(map[string]any)["customfield_10100"] = strings.Join(said, "\n")
	text, err := json.Marshal(message)
	require.NoError(t, err)
	ev, _, err := decode(t, text)
	require.NoError(t, err)
	out, err := cloudevent.EncodeJSON(ev)
	require.NoError(t, err)
	require.Equal(t, "proxy-ssl", asks(t, string(out)))
}

// TestJiraAutomation fills the smart values in as Jira would.
func TestJiraAutomation(t *testing.T) {
	values := map[string]string{
		"issue.key": "OPS-4", `issue.Approved at.format("yyyy-MM-dd'T'HH:mm:ssXXX")`: "2026-11-22T08:59:30Z", "issue.Approved at.toMillis": "1795337970000",
		"issue.Switch": "proxy-ssl", "issue.Enabled": "true",
		"issue.Project ID": "056538411200d4cd2f79c003c7606412", "issue.Instance ID": "096c0fc43e804757b59946b80dc27f8bin07",
		"issue.Proxy ID": "2ec617ba62da4eafb921b69438beed3cpo01", "issue.reporter.accountId": "a", "issue.Approved by.accountId": "b",
	}
	filled := regexp.MustCompile(`\{\{(.*?)\}\}`).ReplaceAllStringFunc(blocks(t, "producers.md", "json")[0], func(s string) string {
		value, ok := values[strings.Trim(s, "{}")]
		require.True(t, ok, s)
		return value
	})
	require.Equal(t, "proxy-ssl", asks(t, filled))
}

// under follows names from member to member.
func under(v any, names ...string) any {
	for _, name := range names {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

// matches tells whether an EventBridge pattern takes an event: of the pattern
// language, exact values and prefixes.
func matches(pattern, v any) bool {
	switch pattern := pattern.(type) {
	case map[string]any:
		for name, p := range pattern {
			if !matches(p, under(v, name)) {
				return false
			}
		}
		return true
	case []any:
		return slices.ContainsFunc(pattern, func(p any) bool {
			prefix, ok := under(p, "prefix").(string)
			text, isText := v.(string)
			return p == v || ok && isText && strings.HasPrefix(text, prefix)
		})
	}
	return false
}

// transformed is what an input transformer makes of an event.
func transformed(t testing.TB, block, event string) string {
	var doc struct {
		InputTransformer struct {
			InputPathsMap map[string]string `yaml:"InputPathsMap"`
			InputTemplate string            `yaml:"InputTemplate"`
		} `yaml:"InputTransformer"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(block), &doc))
	var v any
	require.NoError(t, json.Unmarshal([]byte(event), &v))
	return regexp.MustCompile(`<(\w+)>`).ReplaceAllStringFunc(doc.InputTransformer.InputTemplate, func(s string) string {
		path, ok := doc.InputTransformer.InputPathsMap[strings.Trim(s, "<>")]
		require.True(t, ok, s)
		text, err := json.Marshal(under(v, strings.Split(strings.TrimPrefix(path, "$."), ".")...))
		require.NoError(t, err)
		return string(text)
	})
}

func enveloped(detail string) string {
	return `{"version":"0","id":"6a7e8feb-b491-4cf7-a9f1-bf3703467718","detail-type":"x","source":"x","time":"2026-11-22T09:00:00Z","detail":` + detail + `}`
}

func TestEventBridge(t *testing.T) {
	examples := blocks(t, "producers.md", "yaml")
	require.Len(t, examples, 4)
	takes := func(block, event string, path ...string) bool {
		var doc, v any
		require.NoError(t, yaml.Unmarshal([]byte(block), &doc))
		require.NoError(t, json.Unmarshal([]byte(event), &v))
		pattern := under(doc, path...)
		require.NotNil(t, pattern)
		return matches(pattern, v)
	}
	all := samples(t)
	rule := []string{"ProxySslServiceNowRule", "Properties", "EventPattern"}
	require.True(t, takes(examples[0], enveloped(string(all["servicenow.business-rule.json"].Message)), rule...))
	require.False(t, takes(examples[0], enveloped(string(all["servicenow.not-approved.json"].Message)), rule...))
	require.False(t, takes(examples[0], enveloped(string(all["servicenow.another-change.json"].Message)), rule...))

	detail := regexp.MustCompile("`({\"id\":\"CAB-7\".*?})`").FindStringSubmatch(page(t, "producers.md"))[1]
	for name, id := range map[string]string{
		"project": "056538411200d4cd2f79c003c7606412", "instance": "096c0fc43e804757b59946b80dc27f8bin07", "proxy": "2ec617ba62da4eafb921b69438beed3cpo01",
		"owner": "a", "approver": "b",
	} {
		require.Contains(t, detail, `"`+name+`":"…"`)
		detail = strings.Replace(detail, `"`+name+`":"…"`, `"`+name+`":"`+id+`"`, 1)
	}
	require.Equal(t, "proxy-ssl", asks(t, transformed(t, examples[1], enveloped(detail))))

	completed, err := os.ReadFile("../../events/samples/switch.completed.proxy-ssl.json")
	require.NoError(t, err)
	require.True(t, takes(examples[2], enveloped(string(completed)), "EventPattern"))
	require.False(t, takes(examples[2], enveloped(strings.ReplaceAll(string(completed), `"CHG`, `"OPS`)), "EventPattern"))
	var told map[string]string
	require.NoError(t, json.Unmarshal([]byte(transformed(t, examples[3], enveloped(string(completed)))), &told))
	require.Len(t, told, 4)
	for name, value := range told {
		require.NotEmpty(t, value, name)
	}
}
