package artefact

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// onFunctionGraph is the artefact of FunctionGraph's functions.
const onFunctionGraph = "./cmd/functiongraph"

// agency is the temporary key that FunctionGraph hands over with each invocation.
var agency = cloudsim.Credentials{AccessKey: "HST" + canary, SecretKey: "SK-" + canary, SecurityToken: "token-" + canary}

// graphSeconds is the functions' time-out. What is killed has a lease of as long.
const graphSeconds = 20

// deployGraph makes a function of an artefact as FunctionGraph does ("Custom Runtime",
// FunctionGraph's developer guide): what its settings name, the process is told in one
// variable, and its agency's key comes with each invocation.
func deployGraph(t testing.TB, path, name string, settings map[string]string) *lambda {
	t.Helper()
	l := &lambda{t: t, path: path, variable: "RUNTIME_API_ADDR", waiting: map[string]chan answer{}}
	const base = "/{pid}/v1/runtime/invocation/"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+base+"request", func(w http.ResponseWriter, r *http.Request) {
		l.next(w, r, func(i invocation) map[string]string {
			return map[string]string{
				"X-Cff-Request-Id": i.id, "X-CFF-Access-Key": agency.AccessKey, "X-CFF-Secret-Key": agency.SecretKey,
				"X-CFF-Security-Token": agency.SecurityToken, "X-CFF-Auth-Token": "auth-" + canary, "X-CFF-Invoke-Type": "async",
			}
		})
	})
	mux.HandleFunc("POST "+base+"response/{id}", func(w http.ResponseWriter, r *http.Request) {
		l.take(w, r, func(body []byte) (answer, error) { return answer{Body: body}, nil })
	})
	mux.HandleFunc("POST "+base+"error/{id}", func(w http.ResponseWriter, r *http.Request) {
		l.take(w, r, func(body []byte) (a answer, err error) { return a, json.Unmarshal(body, &a) })
	})
	l.listen(mux)
	l.env = []string{
		"RUNTIME_PROJECT_ID=" + localtest.Proxy.ProjectID, "RUNTIME_FUNC_NAME=interlock-" + name, "RUNTIME_FUNC_VERSION=latest",
		"RUNTIME_PACKAGE=default", "RUNTIME_HANDLER=" + name + ".handler", fmt.Sprint("RUNTIME_TIMEOUT=", graphSeconds),
		"RUNTIME_USERDATA=" + string(marshal(t, settings)), "RUNTIME_CPU=300", "RUNTIME_MEMORY=256",
		"RUNTIME_CODE_ROOT=/opt/function/code", "RUNTIME_MAX_RESP_BODY_SIZE=6291456", "PATH=/usr/local/bin:/usr/bin:/bin",
	}
	return l
}

// channel is an EventGrid with one channel, which takes what is signed with the
// agency's key and comes from its event source, and, where it is told to, not all of
// it at the first time.
type channel struct {
	t testing.TB

	mu sync.Mutex
	// partial is how many events it still refuses.
	partial int
	// kept are the events as they were put, whole those in them.
	kept  []json.RawMessage
	whole []event.Event
}

func (c *channel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var in struct{ Events []json.RawMessage }
	if err != nil || json.Unmarshal(body, &in) != nil || r.Method != http.MethodPost ||
		r.URL.Path != "/v1/"+localtest.Proxy.ProjectID+"/channels/"+channelID+"/events" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if !strings.HasPrefix(r.Header.Get("Authorization"), "SDK-HMAC-SHA256 Access="+agency.AccessKey+", ") || r.Header.Get("X-Security-Token") != agency.SecurityToken {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	failed := 0
	results := make([]map[string]string, len(in.Events))
	for i, raw := range in.Events {
		var ev struct {
			Source string
			Data   event.Event
		}
		if err := json.Unmarshal(raw, &ev); err != nil || ev.Source != "interlock" || ev.Data.Validate() != nil {
			results[i], failed = map[string]string{"error_code": "EG.0400", "error_msg": "the event source does not exist"}, failed+1
			continue
		}
		if c.partial > 0 {
			c.partial--
			results[i], failed = map[string]string{"error_code": "EG.0429", "error_msg": "try again"}, failed+1
			continue
		}
		results[i] = map[string]string{"event_id": ev.Data.ID()}
		c.kept, c.whole = append(c.kept, raw), append(c.whole, ev.Data)
	}
	_, _ = w.Write(marshal(c.t, object{"failed_count": failed, "events": results}))
}

// of are the events of a type that were published, each id once, and all of them
// as EventGrid delivers them.
func (c *channel) of(kind string) (once []event.Event, deliveries [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := map[string]bool{}
	for i, ev := range c.whole {
		if ev.Type() != kind {
			continue
		}
		deliveries = append(deliveries, grid(c.kept[i]))
		if !ids[ev.ID()] {
			ids[ev.ID()] = true
			once = append(once, ev)
		}
	}
	return once, deliveries
}

const channelID = "c1e6f1a2-0000-4000-8000-00000000c001"

type object = map[string]any

// grid is what EventGrid hands over to a function.
func grid(events ...json.RawMessage) []byte {
	text, _ := json.Marshal(object{"events": events}) // what was JSON still is
	return text
}

// graph is functions on FunctionGraph, with their channel, in front of a simulated
// cloud.
type graph struct {
	t           testing.TB
	cloud       *cloudsim.Cloud
	channel     *channel
	cloudW, bus *wire
	leaks       *leaks
	functions   map[string]*lambda
}

func newGraph(t testing.TB, ledger string, functions ...string) *graph {
	t.Helper()
	g := &graph{t: t, channel: &channel{t: t}, leaks: newLeaks(), functions: map[string]*lambda{}}
	// All targets exist, and jobs end at once.
	g.cloud = cloudsim.New(cloudsim.Options{
		Simulations: simulations.All(), Seed: clouds.Add(1), Credentials: []cloudsim.Credentials{agency}, JobVisible: -1, JobPending: -1, JobRunning: -1,
	})
	g.cloudW, g.bus = newWire(t, g.cloud, g.leaks), newWire(t, g.channel, g.leaks)
	for _, name := range functions {
		g.functions[name] = deployGraph(t, build(t, onFunctionGraph), name, map[string]string{
			"INTERLOCK_REGION": localtest.Region, "INTERLOCK_GAUSSDB_ENDPOINT": g.cloudW.URL(), "INTERLOCK_DBSS_ENDPOINT": g.cloudW.URL(),
			"INTERLOCK_EVENTGRID_ENDPOINT": g.bus.URL(), "INTERLOCK_BUS": "eventgrid:" + channelID, "INTERLOCK_LEDGER": ledger,
			"INTERLOCK_QUIET": "1s", "INTERLOCK_WEBHOOK_ORIGINS": "https://tickets.example.com",
		})
		t.Cleanup(func() { nothingLeaked(t, g.leaks, g.functions[name]) })
	}
	return g
}

// Every sender on FunctionGraph flips the switch, once, by the agency that came with
// the invocation, and the completion is on the channel, though that did not take it at
// once.
func TestFunctionGraphSenders(t *testing.T) {
	t.Parallel()
	g := newGraph(t, "memory:", "proxyssl")
	f := g.functions["proxyssl"]
	senders := []func(event []byte) []byte{
		func(e []byte) []byte { return e },
		func(e []byte) []byte { return grid(e) },
		func(e []byte) []byte {
			return grid(marshal(t, object{"specversion": "1.0", "id": "x", "source": "tickets", "type": "t", "data": json.RawMessage(e)}))
		},
		func(e []byte) []byte {
			return marshal(t, object{"record": []object{{"event_source": "smn", "event_version": "1.0", "smn": object{
				"topic_urn": "urn:smn:eu-west-101:p:changes", "message_attributes": nil, "type": "notification", "message_id": "m", "message": string(e)}}}})
		},
	}
	for i, wrap := range senders {
		g.channel.mu.Lock()
		g.channel.partial = 1
		g.channel.mu.Unlock()
		payload := wrap(ticket(t, "proxy-ssl", i))
		first, again := f.invoke(payload), f.invoke(payload)
		require.False(t, first.failed(), "%+v", first)
		require.Equal(t, string(first.Body), string(again.Body))
		completed, all := g.channel.of(events.TypeSwitchCompleted)
		require.Len(t, completed, i+1)
		require.Len(t, all, i+1)
		effects := g.cloud.Effects()
		require.Len(t, effects, i+1)
		require.Equal(t, effects[i].JobID, localtest.Completed(t, completed[i]).JobID)
	}
	require.Equal(t, "null", string(f.invoke([]byte(`{"version":"v1.0","trigger_type":"TIMER","trigger_name":"sweep","user_event":"sweep"}`)).Body))
	require.Equal(t, "Unrecognised", f.invoke([]byte(`{"hello":"`+canary+`"}`)).ErrorType)
	// API Gateway does not tell whom it has let pass.
	shut := f.invoke(marshal(t, object{
		"httpMethod": "POST", "path": "/", "requestContext": object{"apiId": "a", "stage": "RELEASE"}, "isBase64Encoded": true,
		"headers": object{"content-type": "application/cloudevents+json"}, "body": base64.StdEncoding.EncodeToString(ticket(t, "proxy-ssl", 9)),
	}))
	require.Equal(t, http.StatusUnauthorized, response(t, shut).StatusCode)
	require.Len(t, g.cloud.Effects(), len(senders))
	require.Equal(t, 1, f.starts, "the process did not last")
}

// What is wrong with a function's settings ends its start, with one line that says
// so.
func TestFunctionGraphStartStops(t *testing.T) {
	t.Parallel()
	g := newGraph(t, "bolt:/tmp/x", "proxyssl")
	f := g.functions["proxyssl"]
	require.True(t, f.invoke([]byte("{}")).Exited)
	f.out.awaits(t, "msg", `start: INTERLOCK_LEDGER: found "bolt:/tmp/x", expected postgres:URL or dynamodb:TABLE: a function's files do not last`)
}
