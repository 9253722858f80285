//go:build verify

package artefact

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions/jobfollow"
	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// three are the functions that the steps of [threeSteps] go through, in order.
var three = []string{"proxyalt", "proxyssl", "auditswitch"}

// threeSteps is a ticket for ALT, then SSL on the same proxy, then the audit of
// a database.
func threeSteps(t testing.TB, serial int, more ...any) []byte {
	t.Helper()
	audit := event.Event{}
	require.NoError(t, json.Unmarshal(localtest.Sample(t, "ticket.approved", "database-audit"), &audit))
	var last events.TicketApproved
	require.NoError(t, audit.DataAs(&last))
	return ticket(t, "proxy-alt", serial, append([]any{
		"data.enabled", true,
		"data.then", []any{
			object{"switch": "proxy-ssl", "enabled": true},
			object{"switch": "database-audit", "enabled": true, "target": last.Target, "options": last.Options},
		},
	}, more...)...)
}

// chaining is an account in which [threeSteps] goes its way.
func chaining(t testing.TB) *account {
	t.Helper()
	return withRules(t, append(slices.Clone(three), jobfollow.Function)...)
}

// withRules is an account whose rules are those of template.yaml.
func withRules(t testing.TB, functions ...string) *account {
	t.Helper()
	a := newAccount(t, functions...)
	all := patterns(t)
	for name := range a.functions {
		require.Contains(t, all, name)
		a.rule(name, name, all[name])
	}
	return a
}

// patterns are those of the rules in template.yaml, by the rule's name without
// the stack's, which is the function's.
func patterns(t testing.TB) map[string]any {
	t.Helper()
	text, err := os.ReadFile(root + "/template.yaml")
	require.NoError(t, err)
	// The one reference in a pattern is to the account.
	text = []byte(strings.ReplaceAll(string(text), "!Ref AWS::AccountId", `"123456789012"`))
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties struct {
				Name         string `yaml:"Name"`
				EventPattern any    `yaml:"EventPattern"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	require.NoError(t, yaml.Unmarshal(text, &template))
	all := map[string]any{}
	for _, r := range template.Resources {
		if name, ok := strings.CutPrefix(r.Properties.Name, "${AWS::StackName}-"); ok && r.Properties.EventPattern != nil {
			all[name] = r.Properties.EventPattern
		}
	}
	return all
}

// drive delivers what is in the queues until an event of a type has come out.
func (a *account) drive(t *testing.T, typ string) {
	t.Helper()
	a.driveTo(t, typ, func() bool { return slices.Contains(slices.Collect(maps.Values(a.ids())), typ) })
}

// driveTo delivers what is in the queues until something is so. What waits for a
// job comes back by itself.
func (a *account) driveTo(t *testing.T, what string, so func() bool) {
	t.Helper()
	until(t, "not come to: "+what, func() bool {
		a.delivered = 0
		for name := range a.functions {
			n, failed := a.turn(name)
			a.delivered += n - len(failed)
		}
		return so()
	})
}

// chained sees to it that each step was done once, in order, after the job before
// it, and that all that was told is of one approval, but for what the test has
// put on the bus itself.
func (a *account) chained(t *testing.T, correlation string, but ...string) {
	t.Helper()
	var flipped []string
	for _, e := range a.cloud.Effects() {
		require.True(t, e.Enabled)
		flipped = append(flipped, e.Operation)
	}
	require.Equal(t, []string{"SwitchGaussMySqlProxyAlt", "SwitchGaussMySqlProxySsl", "SwitchAuditDatabaseNew"}, flipped)
	told := map[string]event.Event{}
	for _, ev := range a.published() {
		told[ev.ID()] = ev
		require.Equal(t, correlation, ev.Extensions()["correlationid"], ev.Type())
	}
	n := map[string]int{}
	for id, ev := range told {
		if !slices.Contains(but, id) {
			n[ev.Type()]++
		}
	}
	require.Equal(t, map[string]int{
		events.TypeSwitchCompleted: 3, events.TypeJobSucceeded: 2, events.TypeSwitchRequested: 2, events.TypeChainSucceeded: 1,
	}, n)
}

// A chain goes from function to function through the bus, by the template's own
// rules: the request for a step reaches that step's queue, and no other.
func TestChainAcrossFunctions(t *testing.T) {
	t.Parallel()
	a := chaining(t)
	payload := threeSteps(t, 1)
	a.produce(payload)
	a.drive(t, events.TypeChainSucceeded)
	a.chained(t, "CHG0001-1")
	var ended events.ChainEnded
	for _, ev := range a.published() {
		if ev.Type() == events.TypeChainSucceeded {
			require.NoError(t, ev.DataAs(&ended))
		}
	}
	var states []events.StepState
	for _, s := range ended.Steps {
		states = append(states, s.State)
	}
	require.Equal(t, []events.StepState{events.StepDone, events.StepDone, events.StepDone}, states)
	for name := range a.functions {
		require.Empty(t, a.receive(name), "%s: an out-event came back as an in-event", name)
	}

	// What the archive replays, the requests for steps with it, is a repeat.
	a.produce(payload)
	for _, ev := range a.published() {
		a.put(ev)
	}
	delivered := 0
	a.driveTo(t, "the repeats", func() bool { delivered += a.delivered; return delivered >= 5 })
	a.chained(t, "CHG0001-1")
}

// put puts an event on the bus under the functions' own name, as only they, or
// whoever has their rights, can.
func (a *account) put(ev event.Event) {
	a.t.Helper()
	a.putAs("interlock", ev.Type(), marshal(a.t, ev))
}

// A request that claims to be a step makes no call, leaves no trace, and does
// not stand in the way of the true one, whoever puts it on the bus.
func TestChainBelievesTheLedgerAlone(t *testing.T) {
	t.Parallel()
	a := chaining(t)
	a.produce(threeSteps(t, 1))
	var due event.Event
	until(t, "the step is not due", func() bool {
		// Not proxyssl, which would do what the test is to look at first.
		a.turn("proxyalt")
		a.turn(jobfollow.Function)
		for _, ev := range a.published() {
			if ev.Type() == events.TypeSwitchRequested {
				due = ev
			}
		}
		return due.ID() != ""
	})
	var trueOne []message
	until(t, "the step did not come", func() bool { trueOne = a.receive("proxyssl"); return len(trueOne) > 0 })
	before := len(a.cloud.Effects())
	for name, change := range map[string]func(*event.Event, *events.SwitchRequested){
		"another id":     func(ev *event.Event, _ *events.SwitchRequested) { ev.SetID("another") },
		"another source": func(ev *event.Event, _ *events.SwitchRequested) { ev.SetSource("urn:forged") },
		"another target": func(_ *event.Event, d *events.SwitchRequested) { d.Target.InstanceID = instance(2) },
		"another ticket": func(_ *event.Event, d *events.SwitchRequested) { d.Ticket.ID = "CHG0002" },
		"another record": func(_ *event.Event, d *events.SwitchRequested) { d.Chain.After.ID = "nobody's" },
		"another end":    func(_ *event.Event, d *events.SwitchRequested) { d.Chain.Steps[2].Enabled = false },
	} {
		forged := due.Clone()
		var data events.SwitchRequested
		require.NoError(t, forged.DataAs(&data))
		change(&forged, &data)
		require.NoError(t, forged.SetData(event.ApplicationJSON, data))
		a.table.take()
		a.bus.take()
		a.put(forged)
		until(t, name+" did not come", func() bool { n, failed := a.turn("proxyssl"); require.Empty(t, failed); return n > 0 })
		require.Equal(t, map[string]int{"GetItem": 2, "PutItem": 1}, count(a.table.take()), name+": it is looked up, and on record as what came and was refused")
		require.Empty(t, a.bus.take(), name)
		require.Len(t, a.cloud.Effects(), before, name)
	}
	require.Empty(t, failures(t, a.functions["proxyssl"].invoke(a.delivery("proxyssl", trueOne))))
	// One read more than what an event without a chain costs: its audit trail's end.
	require.Equal(t, map[string]int{"GetItem": 2, "TransactWriteItems": 2, "PutItem": 1}, count(a.table.take()))
	require.Len(t, a.cloud.Effects(), before+1)
	a.drive(t, events.TypeChainSucceeded)
	a.chained(t, "CHG0001-1", "another")
}

// Any function may be killed at any call that a step of a chain makes, whether
// that still arrives or not: the chain goes on where it was.
func TestChainIsKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	flip := "PUT /v3/" + localtest.Proxy.ProjectID + "/instances/" + instance(1) + "/proxy/" + localtest.Proxy.ProxyID + "/ssl"
	for name, k := range map[string]struct {
		function string
		at       step
	}{
		"the step is looked up":  {"proxyssl", step{"GetItem", 1}},
		"the step is claimed":    {"proxyssl", step{"TransactWriteItems", 1}},
		"the step is called":     {"proxyssl", step{flip, 1}},
		"the step is settled":    {"proxyssl", step{"TransactWriteItems", 2}},
		"the step is told":       {"proxyssl", step{"PutEvents", 1}},
		"the step before ends":   {jobfollow.Function, step{"TransactWriteItems", 1}},
		"the step is asked for":  {jobfollow.Function, step{"PutEvents", 1}},
		"the request is crossed": {jobfollow.Function, step{"PutItem", 1}},
	} {
		for _, arrives := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, arrives %t", name, arrives), func(t *testing.T) {
				t.Parallel()
				a := chaining(t)
				a.produce(threeSteps(t, 1))
				until(t, "no ticket", func() bool { n, _ := a.turn("proxyalt"); return n > 0 })
				if k.function == "proxyssl" {
					until(t, "no job", func() bool { n, _ := a.turn(jobfollow.Function); return n > 0 })
				}
				f := a.functions[k.function]
				shortly := f.shortly()
				var messages []message
				until(t, "no message", func() bool { messages = a.receive(k.function); return len(messages) > 0 })
				payload := a.delivery(k.function, messages)
				held := make(chan struct{})
				a.strike(k.at, fate{LoseRequest: !arrives, LoseAnswer: arrives, Until: make(chan struct{})}, held)
				go func() {
					<-held
					f.kill()
				}()
				require.True(t, f.invokeFor(payload, shortly).Exited)
				until(t, "it did not end", func() bool { return len(failures(t, f.invoke(payload))) == 0 })
				a.drive(t, events.TypeChainSucceeded)
				a.chained(t, "CHG0001-1")
			})
		}
	}
}
