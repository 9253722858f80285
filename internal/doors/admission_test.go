package doors

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/internal/webhook"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// producersSample is a sample of a producer: its message, and the event it must give.
func producersSample(t testing.TB, name string) (from, message string, ev event.Event) {
	text, err := os.ReadFile(filepath.Join("../../events/samples/producers", name+".json"))
	require.NoError(t, err)
	var s struct {
		From           string
		Message, Event json.RawMessage
	}
	require.NoError(t, json.Unmarshal(text, &s))
	if s.Event != nil {
		ev, err = cloudevent.DecodeJSON(s.Event)
		require.NoError(t, err)
	}
	return s.From, string(s.Message), ev
}

// TestProducers: a message of each producer is its event, wherever one event
// is expected.
func TestProducers(t *testing.T) {
	for _, name := range []string{"servicenow.business-rule", "servicenow.approver", "jira.webhook", "config.resource-changed", "config.smn", "jira.pending"} {
		from, message, want := producersSample(t, name)
		url := urlRequest(map[string]string{"content-type": "application/json"}, message, false)
		url.RawQueryString = "x=1&from=" + from
		encoded := urlRequest(map[string]string{"content-type": "application/json"}, base64.StdEncoding.EncodeToString([]byte(message)), true)
		encoded.RawQueryString = "from=" + from
		for door, payload := range map[string][]byte{
			"direct":          []byte(message),
			"eventbridge":     []byte(bridge(t, message)),
			"eventbridge bus": []byte("[" + bridge(t, message) + "]"),
			"sqs":             sqsEvent(t, message, bridge(t, message), snsEnvelope(t, message)),
			"sns":             marshal(t, map[string]any{"Records": []any{snsRecord(message)}}),
			"function URL":    marshal(t, url),
			"encoded":         marshal(t, encoded),
		} {
			t.Run(name+" "+door, func(t *testing.T) {
				seen := make(chan event.Event, 3)
				d, _ := newDoor(func(_ context.Context, ev event.Event) engine.Result {
					seen <- ev
					return engine.Result{Kind: engine.Ignored}
				})
				answer, err := d.Invoke(context.Background(), payload)
				require.NoError(t, err)
				require.NotContains(t, string(answer), "m0")
				close(seen)
				times := 0
				for ev := range seen {
					times++
					require.Equal(t, attributesOf(t, want), attributesOf(t, ev))
					if want.Data() != nil {
						require.JSONEq(t, string(want.Data()), string(ev.Data()))
					}
				}
				require.Equal(t, map[bool]int{true: 3, false: 1}[door == "sqs"], times)
			})
		}
	}
}

// TestConfiguredProducers: what is configured of a producer holds at every door.
func TestConfiguredProducers(t *testing.T) {
	_, message, _ := producersSample(t, "jira.webhook")
	url := urlRequest(map[string]string{"content-type": "application/json"}, message, false)
	url.RawQueryString = "from=jira"
	for door, payload := range map[string][]byte{
		"direct":       []byte(message),
		"eventbridge":  []byte(bridge(t, message)),
		"sqs":          sqsEvent(t, message, bridge(t, message), snsEnvelope(t, message)),
		"sns":          marshal(t, map[string]any{"Records": []any{snsRecord(message)}}),
		"function URL": marshal(t, url),
	} {
		t.Run(door, func(t *testing.T) {
			seen := make(chan event.Event, 3)
			d, _ := newDoor(func(_ context.Context, ev event.Event) engine.Result {
				seen <- ev
				return engine.Result{Kind: engine.Ignored}
			})
			d.Producers.JiraWords = "customfield_10101" // and the message has its words in another
			_, err := d.Invoke(context.Background(), payload)
			require.NoError(t, err)
			close(seen)
			times := 0
			for ev := range seen {
				times++
				require.Equal(t, "com.atlassian.jira.issue.v1", ev.Type())
			}
			require.NotZero(t, times)
		})
	}
}

// TestProducersOverHTTP: only who says from whom a message is has it mapped.
func TestProducersOverHTTP(t *testing.T) {
	_, message, _ := producersSample(t, "servicenow.business-rule")
	_, wrong, _ := producersSample(t, "servicenow.wrong-fields")
	for name, test := range map[string]struct {
		query, body string
		status      int
		code        string
		fields      int
	}{
		"from its producer":    {"?from=servicenow", message, 204, "", 0},
		"among others":         {"?a=%20&from=servicenow&b", message, 204, "", 0},
		"not said":             {"", message, 415, "unsupported-media-type", 0},
		"in another parameter": {"?producer=servicenow", message, 415, "unsupported-media-type", 0},
		"a broken query":       {"?from=servicenow&%zz", message, 415, "unsupported-media-type", 0},
		"from another":         {"?from=jira", message, 422, "invalid-data", 1},
		"from nobody":          {"?from=", message, 422, "invalid-data", 1},
		"from two":             {"?from=servicenow&from=jira", message, 422, "invalid-data", 1},
		"from a stranger":      {"?from=remedy", message, 422, "invalid-data", 1},
		"wrong fields":         {"?from=servicenow", wrong, 422, "invalid-data", 7},
		"no JSON":              {"?from=servicenow", "number=CHG0031337", 422, "invalid-data", 1},
		"a CloudEvent":         {"?from=servicenow", structured("accepted"), 422, "invalid-data", 1},
	} {
		t.Run(name, func(t *testing.T) {
			d, s := newDoor(ignored)
			req := httptest.NewRequest("POST", "/functions/proxyssl"+test.query, strings.NewReader(test.body))
			req.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			d.ServeHTTP(w, req)
			require.Equal(t, test.status, w.Code, w.Body)
			require.Equal(t, test.status == 204, len(s.seen) == 1)
			if test.status != 204 {
				p := jsonOf(t, w.Body.Bytes())
				require.Equal(t, test.code, p["code"])
				if test.fields > 0 {
					require.Len(t, p["fields"], test.fields)
				}
			}
		})
	}
}

// TestWrongMessages fail as messages that hold no event do.
func TestWrongMessages(t *testing.T) {
	_, wrong, _ := producersSample(t, "jira.wrong-fields")
	d, s := newDoor(ignored)
	for _, payload := range []string{wrong, bridge(t, wrong)} {
		_, err := d.Invoke(context.Background(), []byte(payload))
		var none *NoEvent
		require.ErrorAs(t, err, &none)
		require.ErrorContains(t, err, "interlock:enabled: found")
	}
	answer, err := d.Invoke(context.Background(), sqsEvent(t, wrong))
	require.NoError(t, err)
	require.Equal(t, []string{"m0"}, failures(t, answer))
	require.Empty(t, s.seen)
}

// TestSigned: with a verifier, nothing of an unsigned request is read; the
// handshake, which grants nothing, and doors that AWS guards go on as before.
func TestSigned(t *testing.T) {
	key, err := webhook.ParseKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	require.NoError(t, err)
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	verifier := webhook.Verifier{Keys: []webhook.Key{key}, Now: func() time.Time { return at }}
	_, message, _ := producersSample(t, "servicenow.business-rule")
	for name, test := range map[string]struct {
		method, query, contentType, body string
		sign                             func(http.Header, string)
		status                           int
		code                             string
	}{
		"signed":            {"POST", "", cloudevent.ContentType, structured("ignored"), signed(key, at), 204, ""},
		"a producer's":      {"POST", "?from=servicenow", "application/json", message, signed(key, at), 204, ""},
		"not signed":        {"POST", "", cloudevent.ContentType, structured("ignored"), nil, 401, "unauthorized"},
		"nor readable":      {"POST", "", cloudevent.ContentType, "{", nil, 401, "unauthorized"},
		"nor a CloudEvent":  {"POST", "", "text/plain", "hello", nil, 401, "unauthorized"},
		"nor a producer's":  {"POST", "?from=nobody", "text/plain", "hello", nil, 401, "unauthorized"},
		"too old":           {"POST", "", cloudevent.ContentType, structured("ignored"), signed(key, at.Add(-301*time.Second)), 401, "unauthorized"},
		"of another body":   {"POST", "", cloudevent.ContentType, structured("ignored"), func(h http.Header, _ string) { signed(key, at)(h, "{}") }, 401, "unauthorized"},
		"signed, not valid": {"POST", "", cloudevent.ContentType, "{", signed(key, at), 400, "invalid-event"},
		"another method":    {"GET", "", "", "", nil, 405, "method-not-allowed"},
		"the handshake":     {"OPTIONS", "", "", "", nil, 204, ""},
		"too large":         {"POST", "", cloudevent.ContentType, strings.Repeat(" ", MaxBody+1), nil, 413, "too-large"},
	} {
		t.Run(name, func(t *testing.T) {
			d, s := newDoor(ignored)
			d.Verify = verifier.Verify
			req := httptest.NewRequest(test.method, "/functions/proxyssl"+test.query, strings.NewReader(test.body))
			req.Header.Set("Content-Type", test.contentType)
			if test.sign != nil {
				test.sign(req.Header, test.body)
			}
			lambda := urlRequest(map[string]string{}, test.body, false)
			lambda.RawQueryString = strings.TrimPrefix(test.query, "?")
			lambda.RequestContext.HTTP.Method = test.method
			for name := range req.Header {
				lambda.Headers[strings.ToLower(name)] = req.Header.Get(name)
			}
			w := httptest.NewRecorder()
			d.ServeHTTP(w, req)
			require.Equal(t, test.status, w.Code, w.Body)
			require.Equal(t, test.status == 401, w.Header().Get("WWW-Authenticate") != "")
			if test.code != "" {
				require.Equal(t, test.code, jsonOf(t, w.Body.Bytes())["code"])
			}
			answer, err := d.Invoke(context.Background(), marshal(t, lambda))
			require.NoError(t, err)
			require.EqualValues(t, test.status, jsonOf(t, answer)["statusCode"])
			require.Equal(t, test.status == 204 && test.method == "POST", len(s.seen) == 2)
		})
	}
	d, s := newDoor(ignored)
	d.Verify = verifier.Verify
	_, err = d.Invoke(context.Background(), sqsEvent(t, structured("a")))
	require.NoError(t, err)
	require.Len(t, s.seen, 1)
}

func signed(k webhook.Key, at time.Time) func(http.Header, string) {
	return func(h http.Header, body string) { k.Sign(h, "ignored", at, []byte(body)) }
}

// TestHeaderLimits: at the limit, and past it.
func TestHeaderLimits(t *testing.T) {
	for name, test := range map[string]struct {
		count, size, status int
	}{
		"many":     {MaxHeaders - 1, 1, 204},
		"too many": {MaxHeaders, 1, 431},
		"large":    {10, 4 << 10, 204},
		"too much": {10, 8 << 10, 431},
	} {
		t.Run(name, func(t *testing.T) {
			d, s := newDoor(ignored)
			header := http.Header{"Content-Type": {cloudevent.ContentType}}
			for i := range test.count {
				header.Set(fmt.Sprint("X-", i), strings.Repeat("x", test.size))
			}
			r := d.HTTP(context.Background(), Request{Method: "POST", Header: header, Body: []byte(structured("a")), Admitted: true})
			require.Equal(t, test.status, r.Status)
			require.Equal(t, test.status == 204, len(s.seen) == 1)
		})
	}
}
