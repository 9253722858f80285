package functions_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// wanted is what a switch sends for each position, from the API pages. Of a
// switch that is not among them its own test says it, and the simulated cloud,
// which takes nothing else.
var wanted = map[string]struct{ method, path, on, off string }{
	"proxy-alt":      {"PUT", "/v3/056538411200d4cd2f79c003c7606412/instances/096c0fc43e804757b59946b80dc27f8bin07/proxy/2ec617ba62da4eafb921b69438beed3cpo01/alt", `{"alt_enabled":"on"}`, `{"alt_enabled":"off"}`},
	"proxy-ssl":      {"PUT", "/v3/056538411200d4cd2f79c003c7606412/instances/096c0fc43e804757b59946b80dc27f8bin07/proxy/2ec617ba62da4eafb921b69438beed3cpo01/ssl", `{"ssl_option":true}`, `{"ssl_option":false}`},
	"access-control": {"POST", "/v3/056538411200d4cd2f79c003c7606412/instances/096c0fc43e804757b59946b80dc27f8bin07/proxy/2ec617ba62da4eafb921b69438beed3cpo01/access-control-switch", `{"open_access_control":true}`, `{"open_access_control":false}`},
	"multi-tenancy":  {"PUT", "/v3/056538411200d4cd2f79c003c7606412/instances/096c0fc43e804757b59946b80dc27f8bin07/multi-tenant", `{"multi_tenant_switch":true}`, `{"multi_tenant_switch":false}`},
	"database-audit": {"POST", "/v3/056538411200d4cd2f79c003c7606412/audit/5c1f4b2f-9a3e-4d5b-8f60-7e2d3c4b5a69/databases/switch", `{"id":"Gadr-Y4B51p4J06s5s5B","status":"ON"}`, `{"id":"Gadr-Y4B51p4J06s5s5B","status":"OFF"}`},
}

// asked is an event of a type that asks for a position.
func asked(t *testing.T, kind, name string, on bool) []byte {
	t.Helper()
	sample := localtest.Sample(t, kind, name)
	if kind == "tag.changed" {
		value := map[bool]string{true: "on", false: "off"}
		return localtest.Edit(t, sample, "data.changes.1.old", value[!on], "data.changes.1.new", value[on])
	}
	return localtest.Edit(t, sample, "data.enabled", on, "data.options", localtest.Gone)
}

// Every in-type, every switch, both positions: the one documented request, the
// contract's answer, the same event on the bus.
func TestFlip(t *testing.T) {
	schema := schemas(t)
	for _, kind := range []string{"ticket.approved", "tag.changed", "switch.requested"} {
		for _, on := range []bool{true, false} {
			t.Run(kind+map[bool]string{true: " on", false: " off"}[on], func(t *testing.T) {
				each(t, localtest.Options{}, func(t *testing.T, w *localtest.World, sw huawei.Switch) {
					if !on {
						flipped(t, w, sw)
					}
					body := asked(t, kind, sw.Name, on)
					answer := w.Post(t, sw.Function, body)
					flips := w.Flips()
					require.Len(t, flips, 1)
					isDocumented(t, sw, flips[0], on)
					isAnswered(t, w, sw, body, answer, on)
					published := w.Bus.Take()
					require.Len(t, published, 1)
					require.Equal(t, answer.Event(t), published[0])
					require.NoError(t, schema(published[0]))
				})
			})
		}
	}
}

// flipped lays a switch on and lets its job end, so that there is something to
// flip off.
func flipped(t *testing.T, w *localtest.World, sw huawei.Switch) {
	t.Helper()
	answer := w.Post(t, sw.Function, ticket(t, sw.Name, "id", "before", "data.ticket.id", "CHG0000001", "data.options", localtest.Gone,
		"data.ticket.window", localtest.Gone, "data.ticket.approved_at", "2026-11-22T08:00:00Z"))
	require.Equal(t, 2, answer.Status/100, string(answer.Body))
	w.Advance(60e9)
	w.Sent()
	w.Bus.Take()
}

// isDocumented holds a request against the page, its headers to the last one:
// an Idempotency-Key would let net/http send a PUT again.
func isDocumented(t *testing.T, sw huawei.Switch, r localtest.Request, on bool) {
	t.Helper()
	if want, listed := wanted[sw.Name]; listed {
		require.Equal(t, want.method, r.Method)
		require.Equal(t, want.path, r.Path)
		require.Equal(t, map[bool]string{true: want.on, false: want.off}[on], r.Body)
	}
	var names []string
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	require.Equal(t, []string{"Accept-Encoding", "Authorization", "Content-Length", "Content-Type", "User-Agent", "X-Language", "X-Project-Id", "X-Sdk-Date"}, names)
	require.Equal(t, "application/json", r.Header.Get("Content-Type"))
	require.Equal(t, "en-us", r.Header.Get("X-Language"))
	require.Equal(t, "056538411200d4cd2f79c003c7606412", r.Header.Get("X-Project-Id"))
	require.Regexp(t, regexp.MustCompile(`^SDK-HMAC-SHA256 Access=SIMULATEDACCESSKEY00, SignedHeaders=host;x-project-id;x-sdk-date, Signature=[0-9a-f]{64}$`), r.Header.Get("Authorization"))
}

func isAnswered(t *testing.T, w *localtest.World, sw huawei.Switch, body []byte, answer localtest.Answer, on bool) {
	t.Helper()
	var in event.Event
	require.NoError(t, json.Unmarshal(body, &in))
	out := answer.Event(t)
	data := localtest.Completed(t, out)
	calls := w.Cloud.Calls()
	last := calls[len(calls)-1]
	require.True(t, last.Authenticated)
	require.True(t, last.Effect)
	if sw.Creates {
		require.Equal(t, http.StatusAccepted, answer.Status)
		require.Equal(t, events.Accepted, data.Result)
		require.NotEmpty(t, data.JobID)
	} else {
		require.Equal(t, http.StatusOK, answer.Status)
		require.Equal(t, events.Applied, data.Result)
	}
	require.Equal(t, last.JobID, data.JobID)
	require.Equal(t, sw.Name, data.Switch)
	require.Equal(t, on, data.Enabled)
	require.False(t, data.Inferred)
	require.Equal(t, in.ID(), data.Cause.ID)
	require.Equal(t, in.Source(), data.Cause.Source)
	require.Equal(t, in.Type(), data.Cause.Type)
	require.Equal(t, "urn:interlock:"+sw.Name, out.Source())
	require.Equal(t, subjectOf(data.Target), out.Subject())
	require.Equal(t, events.DataSchema(out.Type()), out.DataSchema())
	require.Equal(t, w.Now(), out.Time())
	require.Equal(t, map[string]any{"correlationid": in.ID(), "causationid": in.ID(), "partitionkey": data.Target.InstanceID}, out.Extensions())
}

func subjectOf(t events.Target) string {
	subject := "projects/" + t.ProjectID + "/instances/" + t.InstanceID
	if t.ProxyID != "" {
		subject += "/proxies/" + t.ProxyID
	}
	if t.DatabaseID != "" {
		subject += "/databases/" + t.DatabaseID
	}
	return subject
}

// schemas tells whether an event's data is as its published schema says.
func schemas(t *testing.T) func(event.Event) error {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	compiled := map[string]*jsonschema.Schema{}
	for _, typ := range events.Types() {
		file, err := events.Schemas.Open("schemas/" + typ + ".json")
		require.NoError(t, err)
		doc, err := jsonschema.UnmarshalJSON(file)
		require.NoError(t, err)
		require.NoError(t, compiler.AddResource(events.DataSchema(typ), doc))
		compiled[typ], err = compiler.Compile(events.DataSchema(typ))
		require.NoError(t, err)
	}
	return func(ev event.Event) error {
		data, err := jsonschema.UnmarshalJSON(strings.NewReader(string(ev.Data())))
		if err != nil {
			return err
		}
		return compiled[ev.Type()].Validate(data)
	}
}

// A repeat gets the first answer, status and all, even when by now a clock
// would say no; and the cloud no second call.
func TestRepeat(t *testing.T) {
	each(t, localtest.Options{Bolt: true}, func(t *testing.T, w *localtest.World, sw huawei.Switch) {
		body := ticket(t, sw.Name)
		first := w.Post(t, sw.Function, body)
		require.Equal(t, 2, first.Status/100, string(first.Body))
		require.Len(t, w.Sent(), 1)
		w.Bus.Take()
		w.Advance(48 * 3600e9)
		// Bytes, time and trace are not what was decided.
		again := w.Post(t, sw.Function, localtest.Edit(t, body, "time", "2026-11-24T09:00:00Z", "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
		require.Equal(t, first.Status, again.Status)
		require.Equal(t, string(first.Body), string(again.Body))
		require.Empty(t, w.Sent())
		require.Empty(t, w.Bus.Take(), "an event that is marked published came again")
	})
}

// An id that was used for something else is no repeat.
func TestIDReused(t *testing.T) {
	each(t, localtest.Options{}, func(t *testing.T, w *localtest.World, sw huawei.Switch) {
		require.Equal(t, 2, w.Post(t, sw.Function, ticket(t, sw.Name)).Status/100)
		w.Sent()
		w.Bus.Take()
		answer := w.Post(t, sw.Function, ticket(t, sw.Name, "data.enabled", false))
		require.Equal(t, http.StatusConflict, answer.Status)
		require.Empty(t, answer.Header.Get("Retry-After"))
		require.Equal(t, events.IDReused, answer.Problem(t).Code)
		require.Empty(t, w.Sent())
		published := w.Bus.Take()
		require.Len(t, published, 1)
		require.Equal(t, events.IDReused, localtest.Rejected(t, published[0]).Error.Code)
	})
}

// A bus that is away puts the answer off, not the flip; the redelivery
// publishes what was settled.
func TestBusAway(t *testing.T) {
	each(t, localtest.Options{}, func(t *testing.T, w *localtest.World, sw huawei.Switch) {
		w.Bus.SetAway(true)
		answer := w.Post(t, sw.Function, ticket(t, sw.Name))
		require.Equal(t, http.StatusServiceUnavailable, answer.Status)
		require.NotEmpty(t, answer.Header.Get("Retry-After"))
		require.Equal(t, events.Unavailable, answer.Problem(t).Code)
		require.Len(t, w.Sent(), 1)
		w.Bus.SetAway(false)
		again := w.Post(t, sw.Function, ticket(t, sw.Name))
		require.Equal(t, 2, again.Status/100, string(again.Body))
		require.Empty(t, w.Sent())
		published := w.Bus.Take()
		require.Len(t, published, 1)
		require.Equal(t, again.Event(t), published[0])
	})
}

// A decision older than one that is in effect is not applied.
func TestSuperseded(t *testing.T) {
	each(t, localtest.Options{}, func(t *testing.T, w *localtest.World, sw huawei.Switch) {
		newer := ticket(t, sw.Name, "id", "newer", "data.ticket.window", localtest.Gone, "data.ticket.approved_at", "2026-11-22T09:10:00Z")
		require.Equal(t, 2, w.Post(t, sw.Function, newer).Status/100)
		w.Advance(60e9)
		w.Sent()
		w.Bus.Take()
		older := ticket(t, sw.Name, "id", "older", "data.enabled", false, "data.ticket.window", localtest.Gone, "data.ticket.approved_at", "2026-11-22T09:05:00Z")
		answer := w.Post(t, sw.Function, older)
		require.Equal(t, http.StatusConflict, answer.Status)
		require.Empty(t, answer.Header.Get("Retry-After"))
		require.Equal(t, events.Superseded, answer.Problem(t).Code)
		require.Empty(t, w.Sent())
		published := w.Bus.Take()
		require.Len(t, published, 1)
		require.Equal(t, events.Superseded, localtest.Rejected(t, published[0]).Error.Code)
	})
}

// What is meant for another is left to it: nothing is called and nothing said.
func TestNotMeant(t *testing.T) {
	each(t, localtest.Options{}, func(t *testing.T, w *localtest.World, sw huawei.Switch) {
		other := "proxy-ssl"
		if sw.Name == other {
			other = "access-control"
		}
		for what, body := range map[string][]byte{
			"another switch": ticket(t, other),
			"another type":   ticket(t, sw.Name, "type", "com.example.something.v1"),
			"another region": ticket(t, sw.Name, "data.target.region", "cn-north-4"),
			"another tag":    localtest.Sample(t, "tag.changed", other),
			"a removed tag":  localtest.Edit(t, localtest.Sample(t, "tag.changed", sw.Name), "data.changes.1.new", localtest.Gone),
			"our own event":  localtest.Edit(t, localtest.Sample(t, "switch.completed", "proxy-ssl"), "data.switch", sw.Name),
		} {
			answer := w.Post(t, sw.Function, body)
			require.Equal(t, http.StatusNoContent, answer.Status, "%s: %s", what, answer.Body)
			require.Empty(t, answer.Body, what)
		}
		require.Empty(t, w.Sent())
		require.Empty(t, w.Bus.Take())
		require.Equal(t, 2, w.Post(t, sw.Function, ticket(t, sw.Name, "data.target.region", localtest.Region)).Status/100, "our own region")
	})
}

// Tag events repeat themselves by nature: one that asks for what is there
// already is unchanged. ALT's position no API reads back: there, a value that
// was settled last, and is not said to have changed since, asks for nothing.
func TestTags(t *testing.T) {
	each(t, localtest.Options{}, func(t *testing.T, w *localtest.World, sw huawei.Switch) {
		for i, value := range []string{"on", "off", "true", "false"} {
			on := i%2 == 0
			body := localtest.Edit(t, localtest.Sample(t, "tag.changed", sw.Name), "id", value, "time", w.Now(), "data.changes.1.new", value)
			answer := w.Post(t, sw.Function, body)
			require.Equal(t, 2, answer.Status/100, string(answer.Body))
			require.Equal(t, on, localtest.Completed(t, answer.Event(t)).Enabled)
			require.Len(t, w.Flips(), 1, value)
			w.Advance(60e9)
			w.Bus.Take()
		}
		body := localtest.Edit(t, localtest.Sample(t, "tag.changed", sw.Name), "id", "again", "time", w.Now(), "data.changes.1.new", "off")
		answer := w.Post(t, sw.Function, body)
		if !sw.Reads {
			require.Equal(t, http.StatusNoContent, answer.Status)
			require.Empty(t, w.Flips())
			return
		}
		data := localtest.Completed(t, answer.Event(t))
		require.Equal(t, http.StatusOK, answer.Status)
		require.Equal(t, events.Unchanged, data.Result)
		require.Empty(t, data.JobID)
		require.Empty(t, w.Flips())
		require.Len(t, w.Bus.Take(), 1)
	})
}

// A tag that is new says no old value: it asks for what it says, even where the
// same value was settled before and a request has flipped the switch since.
func TestANewTagAsksAgain(t *testing.T) {
	w := localtest.Start(t, localtest.Options{})
	tag := func(id string) localtest.Answer {
		return w.Post(t, "proxyalt", localtest.Edit(t, localtest.Sample(t, "tag.changed", "proxy-alt"), "id", id, "time", w.Now(),
			"data.changes.1.old", localtest.Gone, "data.changes.1.new", "on"))
	}
	require.Equal(t, http.StatusAccepted, tag("tagged").Status)
	w.Advance(60e9)
	off := localtest.Edit(t, localtest.Sample(t, "switch.requested", "proxy-alt"), "time", w.Now(), "data.enabled", false,
		"data.options", localtest.Gone, "data.ticket", localtest.Gone)
	require.Equal(t, http.StatusAccepted, w.Post(t, "proxyalt", off).Status)
	w.Advance(60e9)
	answer := tag("tagged again")
	require.Equal(t, http.StatusAccepted, answer.Status, string(answer.Body))
}

// Ids that a switch has no use for are dropped in a tag event: whoever tags a
// resource knows all of its ids.
func TestTagWithSpareIDs(t *testing.T) {
	w := localtest.Start(t, localtest.Options{})
	body := localtest.Edit(t, localtest.Sample(t, "tag.changed", "multi-tenancy"), "data.target.proxy_id", "2ec617ba62da4eafb921b69438beed3cpo01")
	answer := w.Post(t, "multitenant", body)
	require.Equal(t, http.StatusAccepted, answer.Status, string(answer.Body))
	require.Empty(t, localtest.Completed(t, answer.Event(t)).Target.ProxyID)
}
