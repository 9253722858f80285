package deploy

import (
	"context"
	"encoding/json"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/functions/jobfollow"
	"github.com/interlock-functions/interlock/internal/doors"
)

// in are the types that ask for a switch.
var in = []string{events.TypeTicketApproved, events.TypeTagChanged, events.TypeSwitchRequested}

func TestEachInEventReachesExactlyItsFunctions(t *testing.T) {
	tpl := load(t)
	seen := map[string]bool{}
	for name, event := range samples(t) {
		kind := event["type"].(string)
		if !slices.Contains(in, kind) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			var want []string
			for _, s := range functions.All() {
				if asksFor(event, s.Name) {
					want = append(want, s.Function)
					seen[kind+" "+s.Name] = true
				}
			}
			require.NotEmpty(t, want, "the sample asks for no switch of functions.All")
			slices.Sort(want)
			require.Equal(t, want, reached(t, tpl, event))
		})
	}
	for _, s := range functions.All() {
		for _, kind := range in {
			require.Contains(t, seen, kind+" "+s.Name, "events/samples: no %s for %s", kind, s.Name)
		}
	}
}

// asksFor says by the contract, not by a pattern, whom an event is meant for.
func asksFor(event map[string]any, name string) bool {
	if event["type"] != events.TypeTagChanged {
		return at(event, "data.switch") == name
	}
	return slices.ContainsFunc(at(event, "data.changes").([]any), func(c any) bool {
		return at(c, "key") == events.TagPrefix+name
	})
}

// An out-event that reached a switch could go round for ever.
func TestOutEventsReachNoSwitch(t *testing.T) {
	tpl := load(t)
	for name, event := range samples(t) {
		if !slices.Contains(in, event["type"].(string)) {
			t.Run(name, func(t *testing.T) { require.Equal(t, followed(event), reached(t, tpl, event)) })
		}
	}
	// Whatever an out-event's data says, its type alone keeps it from a switch.
	for _, kind := range events.Types() {
		for _, s := range functions.All() {
			event := map[string]any{"type": kind, "data": map[string]any{
				"switch":  s.Name,
				"changes": []any{map[string]any{"key": events.TagPrefix + s.Name}},
				"result":  "accepted",
			}}
			want := followed(event)
			if slices.Contains(in, kind) {
				want = []string{s.Function}
			}
			require.Equal(t, want, reached(t, tpl, event), kind)
		}
	}
}

// followed says whom an out-event is meant for: only a job is followed.
func followed(event map[string]any) []string {
	if event["type"] == jobfollow.Takes && at(event, "data.result") == string(events.Accepted) {
		return []string{jobfollow.Function}
	}
	return nil
}

// The request for a step of a chain goes out as every event does, under the
// functions' own name, and comes in at the switch that it is for: not at those of
// the other steps, and not at whoever follows jobs.
func TestAStepReachesItsSwitchAndNoOther(t *testing.T) {
	tpl := load(t)
	var steps []any
	for _, s := range functions.All() {
		steps = append(steps, map[string]any{"switch": s.Name, "enabled": true, "state": "done"})
	}
	for i, s := range functions.All() {
		event := map[string]any{"type": events.TypeSwitchRequested, "source": "urn:interlock:" + s.Name, "data": map[string]any{
			"switch": s.Name, "result": "accepted", "chain": map[string]any{"at": i, "steps": steps},
		}}
		out := envelope(event)
		out["source"] = "interlock"
		require.Equal(t, []string{s.Function}, reachedBy(t, tpl, out))
	}
}

// Whoever ends a step, another function or what follows its job, reads the
// decision that began it and writes down what is due next.
func TestEveryFunctionMayCarryAChainOn(t *testing.T) {
	tpl := load(t)
	for name := range tpl.ofType("AWS::IAM::Role") {
		require.Equal(t, "SharedPolicy", at(tpl.Resources[name].Properties["ManagedPolicyArns"].([]any)[0], "Ref"), name)
	}
	may := map[string]bool{}
	for _, s := range tpl.with(full).resolve(at(tpl.Resources["SharedPolicy"].Properties, "PolicyDocument.Statement")).([]any) {
		keys := at(s, "Condition.ForAllValues:StringLike.dynamodb:LeadingKeys")
		for _, action := range list(at(s, "Action")) {
			may[action] = may[action] || keys != nil && slices.Contains(list(keys), "d#*")
		}
	}
	for _, action := range []string{"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"} {
		require.True(t, may[action], action)
	}
}

func TestAnUnknownSwitchReachesNobody(t *testing.T) {
	tpl := load(t)
	for _, kind := range in {
		for _, name := range []string{"", "proxy", "Proxy-SSL", "proxy-ssl ", "proxyssl"} {
			event := map[string]any{"type": kind, "data": map[string]any{
				"switch": name, "changes": []any{map[string]any{"key": events.TagPrefix + name}},
			}}
			require.Empty(t, reached(t, tpl, event), "%s %q", kind, name)
		}
	}
}

func TestTheArchiveKeepsWhatAskedAndNothingElse(t *testing.T) {
	tpl := load(t)
	pattern := tpl.Resources["Archive"].Properties["EventPattern"]
	for _, kind := range events.Types() {
		got, err := matches(pattern, envelope(map[string]any{"type": kind}))
		require.NoError(t, err)
		require.Equal(t, slices.Contains(in, kind), got, kind)
	}
}

// reached lists the functions whose queues an event on the bus is put into.
func reached(t testing.TB, tpl template, event map[string]any) []string {
	t.Helper()
	return reachedBy(t, tpl, envelope(event))
}

// reachedBy does so for an event in its envelope.
func reachedBy(t testing.TB, tpl template, event map[string]any) []string {
	t.Helper()
	queues := map[string]bool{}
	for name, rule := range tpl.ofType("AWS::Events::Rule") {
		require.Equal(t, "Bus", at(rule.Properties, "EventBusName.Ref"), name)
		ok, err := matches(pattern(tpl, name), event)
		require.NoError(t, err, name)
		if !ok {
			continue
		}
		for _, target := range rule.Properties["Targets"].([]any) {
			queues[at(target, "Arn.Fn::GetAtt").(string)] = true
		}
	}
	var names []string
	for name, f := range tpl.ofType("AWS::Serverless::Function") {
		queue := at(f.Properties, "Events.Queue.Properties.Queue.Fn::GetAtt").(string)
		if queues[queue] {
			names = append(names, folder(name))
			delete(queues, queue)
		}
	}
	require.Empty(t, slices.Collect(maps.Keys(queues)), "queues that no function reads")
	slices.Sort(names)
	return names
}

// folder is the folder under functions that `sam build` builds for a function
// of the template.
func folder(logicalID string) string {
	return strings.ToLower(strings.TrimSuffix(logicalID, "Function"))
}

// envelope is an event as a producer puts it onto the bus, or, an out-event, as
// the functions do.
func envelope(event map[string]any) map[string]any {
	source := "interlock"
	if slices.Contains(in, event["type"].(string)) {
		source = "anybody"
	}
	return map[string]any{"source": source, "account": account, "detail-type": event["type"], "detail": event}
}

// account is the stack's.
const account = "123456789012"

// pattern is what a rule matches.
func pattern(tpl template, rule string) any {
	return tpl.with(map[string]string{"AWS::AccountId": account}).resolve(tpl.Resources[rule].Properties["EventPattern"])
}

// A job is followed for the stack's own word only.
func TestOthersEndNoJob(t *testing.T) {
	pattern := pattern(load(t), "JobFollowRule")
	event := map[string]any{"type": jobfollow.Takes, "data": map[string]any{"result": "accepted"}}
	for name, change := range map[string]map[string]any{
		"its own": {}, "somebody's": {"source": "tickets"}, "of a name like it": {"source": "interlock.example"}, "of another account": {"account": "999999999999"},
	} {
		given := envelope(event)
		maps.Copy(given, change)
		got, err := matches(pattern, given)
		require.NoError(t, err)
		require.Equal(t, len(change) == 0, got, name)
	}
}

func samples(t testing.TB) map[string]map[string]any {
	t.Helper()
	names, err := fs.Glob(events.Samples, "samples/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	all := map[string]map[string]any{}
	for _, name := range names {
		text, err := events.Samples.ReadFile(name)
		require.NoError(t, err)
		var event map[string]any
		require.NoError(t, json.Unmarshal(text, &event), name)
		all[strings.TrimPrefix(name, "samples/")] = event
	}
	return all
}

func TestTheScheduleSendsWhatTheDoorSweepsFor(t *testing.T) {
	tpl := load(t)
	schedule := at(tpl.Resources["JobFollowFunction"].Properties, "Events.Sweep.Properties").(map[string]any)
	swept := 0
	door := &doors.Door{Sweep: func(context.Context) error { swept++; return nil }}
	_, err := door.Invoke(t.Context(), []byte(schedule["Input"].(string)))
	require.NoError(t, err)
	require.Equal(t, 1, swept)
	for halt, enabled := range map[string]bool{"false": true, "true": false} {
		require.Equal(t, enabled, tpl.with(map[string]string{"Halt": halt}).resolve(schedule["Enabled"]), "Halt=%s", halt)
	}
}
