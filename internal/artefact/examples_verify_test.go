//go:build verify

package artefact

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	auditswitch "github.com/interlock-functions/interlock/functions/auditswitch/simulation"
	"github.com/interlock-functions/interlock/functions/jobfollow"
	multitenant "github.com/interlock-functions/interlock/functions/multitenant/simulation"
	proxyalt "github.com/interlock-functions/interlock/functions/proxyalt/simulation"
	proxyssl "github.com/interlock-functions/interlock/functions/proxyssl/simulation"
	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// resources are those of a template, with values for what it refers to. The
// other functions of CloudFormation are their arguments.
func resources(t testing.TB, path string, values map[string]string) map[string]struct {
	Type       string
	Properties map[string]any
} {
	t.Helper()
	text, err := os.ReadFile(root + "/" + path)
	require.NoError(t, err)
	var replace []string
	for name, value := range values {
		replace = append(replace, "!Ref "+name, "'"+value+"'", "${"+name+"}", value)
	}
	var template struct {
		Resources map[string]struct {
			Type       string         `yaml:"Type"`
			Properties map[string]any `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(strings.NewReplacer(replace...).Replace(string(text))), &template))
	all := map[string]struct {
		Type       string
		Properties map[string]any
	}{}
	for name, r := range template.Resources {
		all[name] = struct {
			Type       string
			Properties map[string]any
		}{r.Type, r.Properties}
	}
	return all
}

// besides are the values of a stack beside an account's.
func (a *account) beside(stack string) map[string]string {
	return map[string]string{
		"AWS::Partition": "aws", "AWS::Region": region, "AWS::AccountId": "123456789012", "AWS::StackName": stack,
		"Interlock": a.name, "InstanceId": instance(1), "ProxyId": localtest.Proxy.ProxyID,
	}
}

// byRules is an account with examples/chain-by-rules beside it.
func byRules(t *testing.T) *account {
	a := withRules(t, "proxyalt", "proxyssl", "multitenant", jobfollow.Function)
	rules := 0
	for _, r := range resources(t, "examples/chain-by-rules/template.yaml", a.beside("example")) {
		if r.Type != "AWS::Events::Rule" {
			continue
		}
		rules++
		a.do(awsjson.EventBridge, "PutRule", object{"Name": r.Properties["Name"], "EventBusName": a.name, "EventPattern": string(marshal(t, r.Properties["EventPattern"]))}, nil)
		a.do(awsjson.EventBridge, "PutTargets", object{"Rule": r.Properties["Name"], "EventBusName": a.name, "Targets": r.Properties["Targets"]}, nil)
	}
	require.Equal(t, 2, rules)
	return a
}

// The rules of examples/chain-by-rules make one switch follow the other, whether
// a step has a job or was as wanted already, and what is repeated is a repeat.
func TestChainByRules(t *testing.T) {
	t.Parallel()
	a := byRules(t)
	a.produce(ticket(t, "proxy-alt", 1, "data.enabled", true))
	ended := func() (all []string) {
		for id, typ := range a.ids() {
			if typ == events.TypeJobSucceeded {
				all = append(all, id)
			}
		}
		return all
	}
	a.driveTo(t, "three jobs", func() bool { return len(ended()) == 3 })
	require.Equal(t, []string{proxyalt.Flip, proxyssl.Flip, multitenant.Flip}, flips(a.cloud))
	for _, ev := range a.published() {
		require.Contains(t, []any{"CHG0001-1", "urn:example:CHG0001-1"}, ev.Extensions()["correlationid"], ev.Type())
	}
	// The end of a job is told at least once.
	for _, ev := range a.published() {
		if ev.Type() == events.TypeJobSucceeded {
			a.put(ev)
		}
	}
	delivered := 0
	a.driveTo(t, "the repeats", func() bool { delivered += a.delivered; return delivered >= 2 })
	require.Len(t, a.cloud.Effects(), 3)

	// What was as wanted already has no job, and yet the next step follows.
	for _, ev := range a.published() {
		if ev.Type() != events.TypeSwitchCompleted || localtest.Completed(t, ev).Switch != "proxy-alt" {
			continue
		}
		as := localtest.Completed(t, ev)
		as.Result, as.JobID = events.Unchanged, ""
		ev = ev.Clone()
		ev.SetID("unchanged")
		ev.SetTime(time.Now()) // what follows is newer than what came before
		require.NoError(t, ev.SetData(event.ApplicationJSON, as))
		a.put(ev)
	}
	a.driveTo(t, "two more jobs", func() bool { return len(ended()) == 5 })
	require.Equal(t, []string{proxyalt.Flip, proxyssl.Flip, multitenant.Flip, proxyssl.Flip, multitenant.Flip}, flips(a.cloud))
}

// Nothing follows what no ticket asked for, what is not of the one target, nor
// what failed.
func TestChainByRulesFollowsItsOwnAlone(t *testing.T) {
	t.Parallel()
	a := byRules(t)
	require.NoError(t, a.cloud.Inject(cloudsim.Fault{Operation: proxyalt.Flip, Kind: cloudsim.JobFails, Times: 1}))
	ends := func() (n int) {
		for _, typ := range a.ids() {
			if typ == events.TypeJobSucceeded || typ == events.TypeJobFailed {
				n++
			}
		}
		return n
	}
	for i, payload := range [][]byte{
		ticket(t, "proxy-alt", 1, "data.enabled", true), // its job fails
		ticket(t, "proxy-alt", 2, "data.enabled", true),
		ticket(t, "proxy-alt", 1, "id", "CHG0003-1", "data.ticket.id", "CHG0003", "data.enabled", false),
		ticket(t, "proxy-ssl", 1, "id", "CHG0004-1", "data.ticket.id", "CHG0004", "data.enabled", true),
		ticket(t, "proxy-alt", 1, "id", "REQ1", "type", events.TypeSwitchRequested, "data.ticket", localtest.Gone, "data.enabled", true),
	} {
		a.produce(payload)
		a.driveTo(t, "the job's end", func() bool { return ends() == i+1 })
	}
	require.Empty(t, a.receive("proxyssl"))
	require.Empty(t, a.receive("multitenant"))
	require.Len(t, a.cloud.Effects(), 5)
}

// flips are the flips that took effect, in order.
func flips(c *cloudsim.Cloud) (names []string) {
	for _, e := range c.Effects() {
		names = append(names, e.Operation)
	}
	return names
}

// stepFunctions is the service, as far as tests need it.
var stepFunctions = awsjson.Service{Name: "states", Target: "AWSStepFunctions", JSON: "1.0", Variable: "SFN"}

// machines is examples/step-functions beside an account.
type machines struct {
	*account
	stack string
	arns  map[string]string
}

func withMachines(t *testing.T) *machines {
	t.Helper()
	m := &machines{account: withRules(t, "proxyalt", "proxyssl", "auditswitch", jobfollow.Function), arns: map[string]string{}}
	m.stack = m.name + "-example"
	// Else the emulator does not run what it is asked to start.
	r, err := http.Post(os.Getenv("TEST_AWS")+"/moto-api/config", "application/json", strings.NewReader(`{"stepfunctions":{"execute_state_machine":true}}`))
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	all := resources(t, "examples/step-functions/template.yaml", m.beside(m.stack))
	table := all["Tokens"].Properties
	table["TableName"] = m.stack
	m.doAt(awsjson.DynamoDB, "TEST_AWS", "CreateTable", object{
		"TableName": m.stack, "BillingMode": table["BillingMode"], "AttributeDefinitions": table["AttributeDefinitions"], "KeySchema": table["KeySchema"],
	}, nil)
	for _, name := range []string{"Ask", "Chain", "Resume"} { // what is referred to comes first
		r := all[name]
		require.Equal(t, "AWS::StepFunctions::StateMachine", r.Type)
		definition := string(marshal(t, r.Properties["Definition"]))
		for placeholder := range r.Properties["DefinitionSubstitutions"].(map[string]any) {
			value := map[string]string{"Interlock": m.name, "Tokens": m.stack, "Ask": m.arns["Ask"], "Source": "urn:" + m.stack}[placeholder]
			definition = strings.ReplaceAll(definition, "${"+placeholder+"}", value)
		}
		require.NotContains(t, definition, "${")
		var made struct {
			Arn string `json:"stateMachineArn"`
		}
		m.do(stepFunctions, "CreateStateMachine", object{
			"name": r.Properties["StateMachineName"].(string), "definition": definition, "roleArn": "arn:aws:iam::123456789012:role/example",
		}, &made)
		m.arns[name] = made.Arn
	}
	// The emulator's rules start no state machine: a queue stands in between.
	m.createQueue("resume", all["Rule"].Properties["EventPattern"])
	return m
}

// start starts an execution, as whoever approves a chain does, or a rule.
func (m *machines) start(machine, name string, input []byte) (arn string) {
	m.t.Helper()
	in := object{"stateMachineArn": m.arns[machine], "name": name, "input": string(input)}
	var started struct {
		Arn string `json:"executionArn"`
	}
	m.do(stepFunctions, "StartExecution", in, &started)
	return started.Arn
}

type execution struct{ Status, Error, Cause, Output string }

func (m *machines) execution(arn string) (e execution) {
	m.t.Helper()
	m.do(stepFunctions, "DescribeExecution", object{"executionArn": arn}, &e)
	return e
}

// ends delivers all there is, as AWS does, until an execution has ended.
func (m *machines) ends(t *testing.T, arn string) execution {
	t.Helper()
	m.driveTo(t, "the execution's end", func() bool {
		for _, msg := range m.receive("resume") {
			m.start("Resume", msg.MessageId, []byte(msg.Body))
			m.do(awsjson.SQS, "DeleteMessage", object{"QueueUrl": m.queues["resume"], "ReceiptHandle": msg.ReceiptHandle}, nil)
		}
		return m.execution(arn).Status != "RUNNING"
	})
	return m.execution(arn)
}

// list is the input of examples/step-functions: the steps, and the ticket that
// goes with each.
func list(t testing.TB, switches ...string) []byte {
	t.Helper()
	var steps []any
	for _, name := range switches {
		var ev struct{ Data object }
		require.NoError(t, json.Unmarshal(ticket(t, name, 1, "data.enabled", true, "data.ticket", localtest.Gone), &ev))
		steps = append(steps, ev.Data)
	}
	return marshal(t, object{
		"ticket": object{"id": "CHG0001", "requested_by": "r@example.com", "approved_by": []string{"a@example.com"}, "approved_at": time.Now().UTC().Format(time.RFC3339)},
		"steps":  steps,
	})
}

// A chain by Step Functions flips one switch after the other, each once the job
// before it has ended.
func TestChainByStepFunctions(t *testing.T) {
	t.Parallel()
	m := withMachines(t)
	arn := m.start("Chain", "CHG0001", list(t, "proxy-alt", "proxy-ssl", "database-audit"))
	e := m.ends(t, arn)
	require.Equal(t, "SUCCEEDED", e.Status, "%+v", e)
	require.Equal(t, []string{proxyalt.Flip, proxyssl.Flip, auditswitch.Flip}, flips(m.cloud))
	// The last has no job, and is applied at once.
	var outputs []struct {
		events.JobEnded
		Result events.Result
	}
	require.NoError(t, json.Unmarshal([]byte(e.Output), &outputs))
	require.Len(t, outputs, 3)
	for i, effect := range m.cloud.Effects() {
		require.Equal(t, effect.JobID, outputs[i].JobID)
		require.Equal(t, "CHG0001", outputs[i].Cause.Ticket)
	}
	require.Equal(t, []any{"Completed", "Completed", events.Applied}, []any{outputs[0].Job.Status, outputs[1].Job.Status, outputs[2].Result})
	until(t, "a token was not forgotten", func() bool { return len(m.tokens()) == 0 })
}

// What ends a step otherwise ends the chain, with why, and nothing follows.
func TestChainByStepFunctionsStops(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		fault cloudsim.Fault
		flips []string
	}{
		"job-failed":    {cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.JobFails, Times: 1}, []string{proxyalt.Flip, proxyssl.Flip}},
		"cloud-refused": {cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.Status, Status: http.StatusBadRequest, Times: 1}, []string{proxyalt.Flip}},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			m := withMachines(t)
			require.NoError(t, m.cloud.Inject(c.fault))
			e := m.ends(t, m.start("Chain", "CHG0001", list(t, "proxy-alt", "proxy-ssl", "database-audit")))
			require.Equal(t, "FAILED", e.Status)
			require.Equal(t, want, e.Error)
			require.Equal(t, c.flips, flips(m.cloud))
			require.Empty(t, m.receive("auditswitch"))
			until(t, "a token was not forgotten", func() bool { return len(m.tokens()) == 0 })
		})
	}
}

// tokens is how many tasks somebody is said to wait for.
func (m *machines) tokens() []any {
	m.t.Helper()
	var found struct{ Items []any }
	m.doAt(awsjson.DynamoDB, "TEST_AWS", "Scan", object{"TableName": m.stack}, &found)
	return slices.Clip(found.Items)
}
