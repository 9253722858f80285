package producers

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/internal/digest"
	"github.com/interlock-functions/interlock/internal/jsontree"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

// sample is a file of events/samples/producers: a message, and either the
// event that it must give or the fields that are wrong in it.
type sample struct {
	Why     string          `json:"why"`
	From    string          `json:"from"`
	Message json.RawMessage `json:"message"`
	Event   json.RawMessage `json:"event"`
	Fields  []string        `json:"fields"`
}

func samples(t testing.TB) map[string]sample {
	files, err := filepath.Glob("../../events/samples/producers/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	all := map[string]sample{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var s sample
		read := json.NewDecoder(bytes.NewReader(text))
		read.DisallowUnknownFields()
		require.NoError(t, read.Decode(&s), file)
		all[filepath.Base(file)] = s
	}
	return all
}

// site is the one that Jira's samples are of.
func site() Reader { return Reader{JiraWords: "customfield_10100", JiraApprovals: "customfield_10033"} }

func decode(t testing.TB, message []byte) (event.Event, bool, error) {
	n, err := jsontree.Parse(message, cloudevent.Depth)
	require.NoError(t, err)
	return site().Decode(&n)
}

func switches(t testing.TB) *decision.Decoder {
	var specs []decision.Spec
	for _, s := range functions.All() {
		specs = append(specs, s.Spec)
	}
	d, err := decision.New(specs, "eu-west-101")
	require.NoError(t, err)
	return d
}

// TestSamples: each message gives its event, which its schema and every
// function that minds it take; and the same message gives the same event.
func TestSamples(t *testing.T) {
	asking := map[string]int{}
	for name, s := range samples(t) {
		t.Run(name, func(t *testing.T) {
			require.NotEmpty(t, s.Why)
			ev, err := site().DecodeFrom(s.From, s.Message)
			again, known, errAgain := decode(t, s.Message)
			require.True(t, known)
			require.Equal(t, err, errAgain)
			require.Equal(t, ev, again)
			if s.Fields != nil {
				require.ElementsMatch(t, s.Fields, wrongFields(t, err))
				return
			}
			require.NoError(t, err)
			text, err := cloudevent.EncodeJSON(ev)
			require.NoError(t, err)
			require.JSONEq(t, string(s.Event), string(text), string(text))
			minded := 0
			for _, sw := range functions.All() {
				d, meant, problem := switches(t).Decode(sw.Name, ev)
				require.Nil(t, problem)
				if meant {
					minded++
					require.True(t, d.Approved())
				}
			}
			asks := ev.Type() == events.TypeTicketApproved || ev.Type() == events.TypeTagChanged
			require.Equal(t, asks, minded > 0)
			if asks {
				asking[s.From]++
			}
		})
	}
	for _, name := range Names() {
		require.GreaterOrEqual(t, asking[name], 2, name)
	}
}

func wrongFields(t *testing.T, err error) []string {
	var e *Error
	require.ErrorAs(t, err, &e)
	var paths []string
	for _, f := range e.Fields {
		paths = append(paths, f.Path)
		require.NotEmpty(t, f.Found)
		require.NotEmpty(t, f.Expected)
		require.Contains(t, err.Error(), f.Path+": found ")
	}
	return paths
}

// TestRepeats: what a producer sends of the same approval is the same
// decision, what it sends of another one is not.
func TestRepeats(t *testing.T) {
	for name, test := range map[string]struct {
		sample   string
		edits    []string // old and new, in turn
		sameID   bool
		sameBody bool
	}{
		"another update of the change": {"servicenow.business-rule.json", []string{"08:59:31", "09:10:00", `"state": "-1"`, `"state": "0"`}, true, true},
		"the change approved again":    {"servicenow.business-rule.json", []string{"08:59:30", "10:00:00"}, false, false},
		"another update of the issue":  {"jira.webhook.json", []string{"1795337971258", "1795337999999", `"summary": `, `"labels": ["urgent", "interlock:enabled=off"], "summary": `}, true, true},
		"words changed after approval": {"jira.webhook.json", []string{"enabled=on", "enabled=off"}, true, false},
		"approved again":               {"jira.webhook.json", []string{`"id": "1"`, `"id": "7"`}, false, true},
		"the approval sent again":      {"cdevents.approved.json", []string{`"chainId": "4c8cb7dd`, `"chainId": "5c8cb7dd`}, true, true},
		"another approval":             {"cdevents.approved.json", []string{"471069a8", "571069a8"}, false, true},
		"the notification sent again":  {"config.resource-changed.json", []string{"09:00:05", "09:30:05"}, true, true},
		"another change of the tags":   {"config.resource-changed.json", []string{`"capture_time": "2026-11-22T09:00:00`, `"capture_time": "2026-11-22T09:07:00`}, false, true},
		"the notification through SMN": {"config.smn.json", []string{"d84bd662", "e84bd662"}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			message := samples(t)[test.sample].Message
			edited := strings.NewReplacer(test.edits...).Replace(string(message))
			require.NotEqual(t, string(message), edited)
			first, _, err := decode(t, message)
			require.NoError(t, err)
			second, _, err := decode(t, []byte(edited))
			require.NoError(t, err)
			require.Equal(t, first.Source(), second.Source())
			require.Equal(t, test.sameID, first.ID() == second.ID())
			require.Equal(t, test.sameBody, string(first.Data()) == string(second.Data()))
		})
	}
}

// TestContradictions: a message that says yes and no at once is refused,
// wherever the no stands; one that says no alone asks for nothing.
func TestContradictions(t *testing.T) {
	for name, c := range map[string]struct {
		sample string
		edits  []string
		fields []string // nil: it asks for nothing
	}{
		"a change of which one approver rejected":  {"servicenow.business-rule.json", []string{`"not_required"`, `"Rejected"`}, []string{"approvals[1].state"}},
		"a change that is rejected":                {"servicenow.business-rule.json", []string{`"approval": "approved"`, `"approval": "rejected"`}, nil},
		"an approval of a change that is rejected": {"servicenow.approver.json", []string{`"sysapproval.approval": "approved"`, `"sysapproval.approval": "rejected"`}, []string{"sysapproval.approval"}},
		"a rejection":                       {"servicenow.approver.json", []string{`"state": "approved"`, `"state": "rejected"`}, nil},
		"a rejection beside the row and in": {"servicenow.table-api.json", []string{`"number": {`, `"approvals": [{"approver": "46d44a23a9fe19810012d100cca80666", "state": "rejected"}], "number": {`}, []string{"result.approvals[0].state"}},
		"an approver who declined":          {"jira.webhook.json", []string{`"approverDecision": "pending"`, `"approverDecision": "declined"`}, []string{"approvals"}},
		"an approval that was declined":     {"jira.webhook.json", []string{`"customfield_10033": [`, `"customfield_10033": [{"id":"0","finalDecision":"declined","approvers":[]},`}, []string{"approvals"}},
		"all declined":                      {"jira.webhook.json", []string{`"finalDecision": "approved"`, `"finalDecision": "declined"`, `"approverDecision": "approved"`, `"approverDecision": "declined"`}, nil},
		"a decision that is another":        {"cdevents.approved.json", []string{`"decision": "approved"`, `"decision": "rejected"`}, []string{"subject.content.decision"}},
		"a decision that is none":           {"cdevents.approved.json", []string{`"decision": "approved"`, `"decision": {}`}, []string{"subject.content.decision"}},
		"a status that is another":          {"cdevents.approved.json", []string{`"status": "approved"`, `"status": "rejected"`}, []string{"subject.content.status"}},
		"rejected":                          {"cdevents.approved.json", []string{`"status": "approved"`, `"status": "rejected"`, `"decision": "approved"`, `"decision": "rejected"`}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			message := string(samples(t)[c.sample].Message)
			edited := strings.NewReplacer(c.edits...).Replace(message)
			require.NotEqual(t, message, edited)
			ev, known, err := decode(t, []byte(edited))
			require.True(t, known)
			if c.fields != nil {
				require.Equal(t, c.fields, wrongFields(t, err))
				return
			}
			require.NoError(t, err)
			require.Empty(t, ev.Data())
		})
	}
}

// TestConfiguredFields: words and approvals count in the fields that are
// configured for them, and nowhere else.
func TestConfiguredFields(t *testing.T) {
	message := string(samples(t)["jira.webhook.json"].Message)
	with := func(old, with string) []byte { return []byte(strings.Replace(message, old, with, 1)) }
	// What looks like words or approvals elsewhere is neither.
	for _, name := range []string{"labels", "customfield_10101", "description", "resolution", "comment", "environment"} {
		ev, _, err := decode(t, with(`"summary": `, `"`+name+`": "interlock:enabled=off", "summary": `))
		require.NoError(t, err, name)
		require.Contains(t, string(ev.Data()), `"enabled":true`, name)
		ev, _, err = decode(t, with(`"customfield_10100": [`, `"`+name+`": [`))
		require.NoError(t, err, name)
		require.Empty(t, ev.Data(), name)
		_, _, err = decode(t, with(`"customfield_10033": [`, `"`+name+`": [`))
		require.Equal(t, []string{"issue.fields.customfield_10033"}, wrongFields(t, err), name)
	}
	// Where it is not known which they are, they are none.
	for _, rd := range []Reader{{}, {JiraWords: "customfield_10100"}, {JiraApprovals: "customfield_10033"}} {
		_, err := rd.DecodeFrom("jira", []byte(message))
		require.Equal(t, []string{"issue.fields"}, wrongFields(t, err))
		require.ErrorContains(t, err, "expected INTERLOCK_JIRA_FIELDS=words=customfield_…,approvals=customfield_…")
	}
	// The field may be one of choices.
	ev, _, err := decode(t, with(`"interlock:enabled=on"`, `{"id": "10020", "value": "interlock:enabled=off"}`))
	require.NoError(t, err)
	require.Contains(t, string(ev.Data()), `"enabled":false`)
	// Nor is a word of approval in another column of a change, or in an approval's
	// other members.
	change := string(samples(t)["servicenow.not-approved.json"].Message)
	ev, _, err = decode(t, []byte(strings.Replace(change, `"number"`, `"comments": "approved", "u_approval": "approved", "number"`, 1)))
	require.NoError(t, err)
	require.Empty(t, ev.Data())
	ev, _, err = decode(t, bytes.Replace(samples(t)["cdevents.rejected.json"].Message, []byte(`"responder"`), []byte(`"comment": "approved", "responder"`), 1))
	require.NoError(t, err)
	require.Empty(t, ev.Data())
}

// TestDigests: what a message is bound to is what its event asks for.
func TestDigests(t *testing.T) {
	for _, name := range []string{"servicenow.digest.json", "jira.digest.json", "cdevents.digest.json", "servicenow.chain.json", "jira.chain.json", "cdevents.chain.json"} {
		ev, _, err := decode(t, samples(t)[name].Message)
		require.NoError(t, err)
		var data struct{ Ticket events.Ticket }
		require.NoError(t, ev.DataAs(&data))
		sum, err := digest.Of(ev.Data())
		require.NoError(t, err)
		require.Equal(t, sum, data.Ticket.Digest, name)
	}
}

// TestSteps: the list of a chain is taken over as it is written, so that what is
// wrong in it is told by the decoder and not lost; what is no list is told here.
func TestSteps(t *testing.T) {
	for what, c := range map[string]struct {
		sample, then, at string // at: where it stands in the message; "" where it is a list
	}{
		"of servicenow":              {"servicenow.chain.json", `[{"switch":"access-control","enabled":true,"optoins":{}}]`, ""},
		"of jira":                    {"jira.chain.json", `[ {"switch" : "access-control", "enabled": true,"optoins":{ } } ]`, ""},
		"on several lines":           {"jira.chain.json", "[\n{\"switch\":\t\"access-control\",\"enabled\":true,\"optoins\":{}}\n]", ""},
		"no list":                    {"servicenow.chain.json", `{"switch":"access-control"}`, "change_request.u_interlock_then"},
		"no JSON":                    {"servicenow.chain.json", `[{"switch":"access-control",}]`, "change_request.u_interlock_then"},
		"two lists":                  {"servicenow.chain.json", `[][]`, "change_request.u_interlock_then"},
		"a member that stands twice": {"servicenow.chain.json", `[{"switch":"access-control","switch":"proxy-ssl"}]`, "change_request.u_interlock_then"},
		"no list of jira":            {"jira.chain.json", `access-control`, "interlock:then"},
		"no JSON of jira":            {"jira.chain.json", `[{"switch": "access-control"]`, "interlock:then"},
		"more than a list of jira":   {"jira.chain.json", `[ ],[ ]`, "interlock:then"},
	} {
		var message map[string]any
		require.NoError(t, json.Unmarshal(samples(t)[c.sample].Message, &message))
		if change, ok := message["change_request"].(map[string]any); ok {
			change["u_interlock_then"] = c.then
		} else {
			fields := message["issue"].(map[string]any)["fields"].(map[string]any)
			first, _, _ := strings.Cut(fields["customfield_10100"].(string), "Steps:")
			fields["customfield_10100"] = first + "interlock:on_failure=undo interlock:then=" + c.then + " interlock:region=eu-west-101"
		}
		text, err := json.Marshal(message)
		require.NoError(t, err)
		ev, _, err := decode(t, text)
		if c.at != "" {
			require.Equal(t, []string{c.at}, wrongFields(t, err), what)
			continue
		}
		require.NoError(t, err, what)
		var data struct {
			Then      json.RawMessage
			OnFailure string `json:"on_failure"`
		}
		require.NoError(t, ev.DataAs(&data))
		require.JSONEq(t, c.then, string(data.Then), what)
		require.Equal(t, "undo", data.OnFailure, what)
		for _, sw := range functions.All() {
			if _, meant, problem := switches(t).Decode(sw.Name, ev); meant {
				require.Equal(t, "data.then[0].optoins", problem.Fields[0].Path, what)
			}
		}
	}
}

// TestSelfApproval: a requester who approves alone is told as such.
func TestSelfApproval(t *testing.T) {
	for file, edit := range map[string][2]string{
		"servicenow.business-rule.json": {`"approver@example.com"`, `"Requester@example.com"`},
		"servicenow.approver.json":      {"46d44a23a9fe19810012d100cca80666", "681ccaf9c0a8016400b98a06818d57c7"},
		"cdevents.approved.json":        {"urn:user:bob", "urn:user:Ann"},
		"jira.webhook.json":             {"5b10a2844c20165700ede21g", "qm:a713c8ea-1075-4e30-9d96-891a7d181739:5ad6d3581db05e2a66fa80b"},
	} {
		ev, _, err := decode(t, bytes.ReplaceAll(samples(t)[file].Message, []byte(edit[0]), []byte(edit[1])))
		require.NoError(t, err)
		minded := false
		for _, sw := range functions.All() {
			if d, meant, problem := switches(t).Decode(sw.Name, ev); meant {
				require.Nil(t, problem)
				require.False(t, d.Approved(), file)
				minded = true
			}
		}
		require.True(t, minded)
	}
}

// TestUnknown: what is of no producer is left to others.
func TestUnknown(t *testing.T) {
	for _, message := range []string{
		`{}`, `[]`, `null`, `"CHG0031337"`, `{"result":{"number":"INC1","sys_id":"x"}}`, `{"issue":{"key":"A-1"}}`,
		`{"notification_type":"ResourceChanged"}`, `{"Type":"Notification","Message":"{}","TopicArn":"arn"}`,
	} {
		_, known, err := decode(t, []byte(message))
		require.NoError(t, err)
		require.False(t, known, message)
		for _, name := range Names() {
			_, err := site().DecodeFrom(name, []byte(message))
			require.Equal(t, []string{"body"}, wrongFields(t, err))
		}
	}
	_, err := site().DecodeFrom("remedy", []byte(`{}`))
	require.Equal(t, []string{"from"}, wrongFields(t, err))
	_, err = site().DecodeFrom("jira", []byte(`{"a":1,"a":1}`))
	require.Equal(t, []string{"body"}, wrongFields(t, err))
}

// fuzz starts from the samples of one producer.
func fuzz(f *testing.F, producer string) {
	for _, s := range samples(f) {
		if s.From == producer {
			var short bytes.Buffer // what is short is mutated often
			require.NoError(f, json.Compact(&short, s.Message))
			f.Add(short.Bytes())
		}
	}
	d := switches(f)
	f.Fuzz(func(t *testing.T, message []byte) {
		ev, err := site().DecodeFrom(producer, message)
		if err != nil {
			var e *Error
			require.True(t, errors.As(err, &e))
			require.NotEmpty(t, e.Fields)
			return
		}
		text, err := cloudevent.EncodeJSON(ev)
		require.NoError(t, err)
		again, err := cloudevent.DecodeJSON(text)
		require.NoError(t, err)
		require.Equal(t, ev, again)
		twice, err := site().DecodeFrom(producer, message)
		require.NoError(t, err)
		require.Equal(t, ev, twice)
		for _, sw := range functions.All() {
			d.Decode(sw.Name, ev)
		}
	})
}

func FuzzServiceNow(f *testing.F) { fuzz(f, "servicenow") }
func FuzzJira(f *testing.F)       { fuzz(f, "jira") }
func FuzzCDEvents(f *testing.F)   { fuzz(f, "cdevents") }
func FuzzConfig(f *testing.F)     { fuzz(f, "config") }
