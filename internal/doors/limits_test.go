package doors

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/internal/webhook"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/admission"
)

// TestFunctionURLIsShut: without keys, what AWS's authorizers say of a request
// is what lets it in, in each of the shapes in which they say it.
func TestFunctionURLIsShut(t *testing.T) {
	for name, test := range map[string]struct {
		context string // members beside http
		status  int
	}{
		"IAM":                                  {`"authorizer":{"iam":{"accessKey":"A","accountId":"1","callerId":"C","userArn":"arn:aws:iam::1:role/r","userId":"U"}}`, 202},
		"a token of an HTTP API":               {`"authorizer":{"jwt":{"claims":{"sub":"x"},"scopes":null}}`, 202},
		"a function of an HTTP API":            {`"authorizer":{"lambda":{"who":"x"}}`, 202},
		"mutual TLS":                           {`"authentication":{"clientCert":{"clientCertPem":"CERT"}}`, 202},
		"AuthType NONE":                        {`"accountId":"anonymous"`, 401},
		"no authorizer":                        {`"authorizer":null,"authentication":null`, 401},
		"an empty one":                         {`"authorizer":{}`, 401},
		"IAM's, of nobody":                     {`"authorizer":{"iam":{"userArn":null,"accountId":"1"}}`, 401},
		"IAM's, of another kind":               {`"authorizer":{"iam":"arn:aws:iam::1:role/r"}`, 401},
		"a token's, without claims":            {`"authorizer":{"jwt":{"claims":null}}`, 401},
		"a function's that says nothing":       {`"authorizer":{"lambda":null}`, 401},
		"a function's that says no name":       {`"authorizer":{"lambda":{}}`, 401},
		"a certificate's, without certificate": {`"authentication":{"clientCert":null}`, 401},
		"in another case":                      {`"Authorizer":{"iam":{"userArn":"arn:aws:iam::1:role/r"}}`, 401},
	} {
		t.Run(name, func(t *testing.T) {
			d, s := newDoor(byID)
			payload := fmt.Sprintf(`{"version":"2.0","headers":{"content-type":"application/cloudevents+json","x-amzn-iam":"forged","authorizer":"iam"},"body":%s,
				"requestContext":{"http":{"method":"POST"},%s}}`, marshal(t, structured("accepted")), test.context)
			answer, err := d.Invoke(t.Context(), []byte(payload))
			require.NoError(t, err)
			require.EqualValues(t, test.status, jsonOf(t, answer)["statusCode"], string(answer))
			require.Equal(t, test.status == 202, len(s.seen) == 1)
			if test.status == 401 {
				require.Contains(t, string(answer), `\"code\":\"unauthorized\"`)
				require.Contains(t, string(answer), "neither an authorizer's word nor a signature")
			}
		})
	}
}

// TestAdmission: the handler is told by which door an event came, and who
// signed it.
func TestAdmission(t *testing.T) {
	file := func(name string) []byte {
		b, err := os.ReadFile("testdata/" + name + ".json")
		require.NoError(t, err)
		return b
	}
	for name, want := range map[string]string{
		"function-url": admission.URL, "http-api": admission.URL, "http-api-1": admission.URL, "rest-api": admission.URL, "sqs": admission.Queue, "pipe": admission.Queue, "sns": admission.Bus,
		"eventbridge": admission.Bus, "eventbridge-bus": admission.Bus, "eventgrid": admission.Bus, "eventgrid-whole": admission.Bus, "smn": admission.Bus, "apig": admission.URL, "direct": admission.Direct, "batch": admission.Direct,
	} {
		got := make(chan admission.Admission, 10)
		d, _ := newDoor(func(ctx context.Context, _ event.Event) engine.Result {
			got <- admission.From(ctx)
			return engine.Result{Kind: engine.Ignored}
		})
		d.Open = true
		_, err := d.Invoke(t.Context(), file(name))
		require.NoError(t, err)
		require.NotEmpty(t, got, name)
		for range len(got) {
			require.Equal(t, admission.Admission{Door: want}, <-got, name)
		}
	}
	d, seen := limitedDoor(t, "name=tickets:"+testKey)
	require.Equal(t, 204, postSigned(t, d, "", structured("a"), "a", nil).Code)
	require.Equal(t, []admission.Admission{{Door: admission.Local, Signer: "tickets"}}, *seen)
	require.Zero(t, admission.From(t.Context()))
}

const testKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

var signedAt = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// limitedDoor asks for signatures of one key, and notes how each event came in.
func limitedDoor(t *testing.T, setting string) (*Door, *[]admission.Admission) {
	keys, err := webhook.ParseKeys([]string{setting})
	require.NoError(t, err)
	v := webhook.Verifier{Keys: keys, Now: func() time.Time { return signedAt }}
	seen := new([]admission.Admission)
	d, _ := newDoor(func(ctx context.Context, _ event.Event) engine.Result {
		*seen = append(*seen, admission.From(ctx))
		return engine.Result{Kind: engine.Ignored}
	})
	d.Verify, d.Side = v.Verify, 1
	return d, seen
}

// postSigned posts a body that the test's key has signed.
func postSigned(t *testing.T, d *Door, query, body, id string, header http.Header) *httptest.ResponseRecorder {
	key, err := webhook.ParseKey(testKey)
	require.NoError(t, err)
	req := httptest.NewRequest("POST", "/functions/proxyssl"+query, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/cloudevents+json")
	if query != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range header {
		req.Header[name] = values
	}
	key.Sign(req.Header, id, signedAt, []byte(body))
	w := httptest.NewRecorder()
	d.ServeHTTP(w, req)
	return w
}

// asks is an event of a type with the data.
func asks(typ, data string) string {
	return `{"specversion":"1.0","source":"/s","id":"1","type":"` + typ + `","data":` + data + `}`
}

// TestKeyLimits: a key is good for what its setting says, wherever in an event
// something else is asked for.
func TestKeyLimits(t *testing.T) {
	_, snow, _ := producersSample(t, "servicenow.business-rule")
	_, pending, _ := producersSample(t, "jira.pending")
	const (
		ticket, request, tag = events.TypeTicketApproved, events.TypeSwitchRequested, events.TypeTagChanged
		ours                 = `{"switch":"proxy-ssl","target":{"project_id":"p1","instance_id":"i"}}`
	)
	then := func(steps string) string {
		return `{"switch":"proxy-ssl","target":{"project_id":"p1"},"then":` + steps + `}`
	}
	for name, test := range map[string]struct {
		limits, query, body string
		wrong               string // paths; "" is let in
	}{
		"no limits":                          {"", "", asks(request, ours), ""},
		"its type":                           {"types=" + ticket, "", asks(ticket, ours), ""},
		"one of its types":                   {"types=" + ticket + "|" + request, "", asks(request, ours), ""},
		"another type":                       {"types=" + ticket, "", asks(request, ours), "type"},
		"a type that nobody minds":           {"types=" + ticket, "", asks("com.example.other", ours), ""},
		"its switch":                         {"switches=proxy-ssl", "", asks(ticket, ours), ""},
		"another switch":                     {"switches=proxy-alt", "", asks(ticket, ours), "data.switch"},
		"no switch":                          {"switches=proxy-ssl", "", asks(ticket, `{}`), "data.switch"},
		"no data":                            {"switches=proxy-ssl", "", `{"specversion":"1.0","source":"/s","id":"1","type":"` + ticket + `"}`, "data.switch"},
		"data that is no JSON":               {"projects=p1", "", `{"specversion":"1.0","source":"/s","id":"1","type":"` + ticket + `","datacontenttype":"text/plain","data":"{"}`, "data.target.project_id"},
		"a tag of the switch of this door":   {"switches=proxy-ssl", "", asks(tag, `{"target":{},"changes":[{"key":"interlock:proxy-ssl","new":"on"}]}`), ""},
		"a tag of another":                   {"switches=proxy-alt", "", asks(tag, `{"target":{},"changes":[{"key":"interlock:proxy-ssl","new":"on"}]}`), "switch"},
		"its project":                        {"projects=p0|p1", "", asks(ticket, ours), ""},
		"another project":                    {"projects=p2", "", asks(ticket, ours), "data.target.project_id"},
		"all of them wrong":                  {"types=" + tag + ";switches=proxy-alt;projects=p2", "", asks(ticket, ours), "type data.switch data.target.project_id"},
		"steps of its own":                   {"switches=proxy-ssl;projects=p1", "", asks(ticket, then(`[{"switch":"proxy-ssl"},{"switch":"proxy-ssl","target":{"project_id":"p1"}}]`)), ""},
		"a step of another switch":           {"switches=proxy-ssl", "", asks(ticket, then(`[{"switch":"proxy-ssl"},{"switch":"database-audit"}]`)), "data.then[1].switch"},
		"a step in another project":          {"projects=p1", "", asks(ticket, then(`[{"switch":"proxy-ssl","target":{"project_id":"p2"}}]`)), "data.then[0].target.project_id"},
		"its producer":                       {"from=servicenow", "?from=servicenow", snow, ""},
		"another producer":                   {"from=jira", "?from=servicenow", snow, "from"},
		"a CloudEvent of a producer's key":   {"from=servicenow", "", asks(ticket, ours), "from"},
		"a CloudEvent of a key of its own":   {"from=cloudevents", "", asks(ticket, ours), ""},
		"a producer's, of a CloudEvents key": {"from=cloudevents", "?from=servicenow", snow, "from"},
		"a producer's beyond the limits":     {"switches=proxy-alt", "?from=servicenow", snow, "data.switch"},
		"a producer's that asks for nothing": {"types=" + ticket + ";projects=p2", "?from=jira", pending, ""},
	} {
		t.Run(name, func(t *testing.T) {
			setting := strings.TrimSuffix("name=tickets;"+test.limits, ";") + ":" + testKey
			d, seen := limitedDoor(t, setting)
			var log bytes.Buffer
			d.Log = slog.New(slog.NewJSONHandler(&log, nil))
			w := postSigned(t, d, test.query, test.body, "1", nil)
			require.Equal(t, test.wrong == "", len(*seen) == 1)
			if test.wrong == "" {
				require.Equal(t, 204, w.Code, w.Body)
				return
			}
			require.Equal(t, 403, w.Code, w.Body)
			p := jsonOf(t, w.Body.Bytes())
			require.EqualValues(t, events.Denied, p["code"])
			var paths []string
			for _, f := range p["fields"].([]any) {
				paths = append(paths, f.(map[string]any)["path"].(string))
			}
			require.Equal(t, test.wrong, strings.Join(paths, " "))
			require.Contains(t, log.String(), `"signer":"tickets"`)

			// In a batch, it alone is refused.
			if test.query == "" {
				batch := "[" + structured("ignored") + "," + test.body + "]"
				d, seen = limitedDoor(t, setting)
				d.Log = discard
				w = postSigned(t, d, "", batch, "any", http.Header{"Content-Type": {cloudevent.BatchContentType}})
				require.Equal(t, 200, w.Code, w.Body)
				require.Contains(t, w.Body.String(), `"code":"denied"`)
				require.LessOrEqual(t, len(*seen), 1)
			}
		})
	}
}

// TestSignatureCoversWhatDecides: of a signed message, nothing counts that is
// not signed.
func TestSignatureCoversWhatDecides(t *testing.T) {
	binary := http.Header{"Content-Type": {"application/json"}, "Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"/s"}, "Ce-Type": {events.TypeSwitchRequested}}
	_, snow, _ := producersSample(t, "servicenow.business-rule")
	for name, test := range map[string]struct {
		query, body, id string
		header          http.Header
		status          int
		says            string
	}{
		"structured":                      {"", structured("1"), "1", nil, 204, ""},
		"binary":                          {"", `{"switch":"proxy-ssl"}`, "1", binary, 415, "a signature covers the body alone"},
		"binary headers beside an event":  {"", structured("1"), "1", http.Header{"Ce-Dryrun": {"false"}}, 415, "ce-dryrun"},
		"in another case":                 {"", structured("1"), "1", http.Header{"cE-Id": {"2"}}, 415, "ce-id"},
		"beside a producer's message":     {"?from=servicenow", snow, "1", http.Header{"Ce-Id": {"2"}}, 415, "ce-id"},
		"another id than the event's":     {"", structured("1"), "2", nil, 400, "webhook-id"},
		"the event's id in another case":  {"", structured("a"), "A", nil, 400, "webhook-id"},
		"a producer's message, any id":    {"?from=servicenow", snow, "msg_2", nil, 204, ""},
		"a batch, any id":                 {"", "[" + structured("1") + "," + structured("2") + "]", "msg_2", http.Header{"Content-Type": {cloudevent.BatchContentType}}, 200, ""},
		"a batch, with headers of binary": {"", "[" + structured("1") + "]", "1", http.Header{"Content-Type": {cloudevent.BatchContentType}, "Ce-Id": {"1"}}, 415, "ce-id"},
	} {
		t.Run(name, func(t *testing.T) {
			d, seen := limitedDoor(t, testKey)
			w := postSigned(t, d, test.query, test.body, test.id, test.header)
			require.Equal(t, test.status, w.Code, w.Body)
			require.Equal(t, test.status < 300, len(*seen) > 0)
			require.Contains(t, w.Body.String(), test.says)
		})
	}
}

// TestContentType: what a page can have a browser post without asking is not
// taken, with whatever headers.
func TestContentType(t *testing.T) {
	_, snow, _ := producersSample(t, "servicenow.business-rule")
	for contentType, taken := range map[string]bool{
		"application/json": true, "application/json; charset=utf-8": true, "Application/JSON": true, "text/json": true, "application/vnd.servicenow+json": true,
		"text/plain": false, "text/plain;charset=UTF-8": false, "text/plain; a=application/json": false,
		"application/x-www-form-urlencoded": false, "multipart/form-data; boundary=+json": false, "": false, "application/xml": false, "json": false,
	} {
		for mode, request := range map[string]Request{
			"binary":   {Header: http.Header{"ce-specversion": {"1.0"}, "ce-id": {"1"}, "ce-source": {"/s"}, "ce-type": {"t"}}, Body: []byte(`{}`)},
			"producer": {Header: http.Header{}, Query: "from=servicenow", Body: []byte(snow)},
		} {
			d, s := newDoor(ignored)
			request.Method, request.Admitted = "POST", true
			if contentType != "" {
				request.Header["content-type"] = []string{contentType}
			}
			r := d.HTTP(t.Context(), request)
			require.Equal(t, taken, len(s.seen) == 1, "%s %q: %s", mode, contentType, r.Body)
			require.Equal(t, map[bool]int{true: 204, false: 415}[taken], r.Status)
		}
	}
}

// TestBatchLimit: a hundred events are a batch, at every door, and one more is
// none. Neither the answer nor the memory grows with what is refused.
func TestBatchLimit(t *testing.T) {
	list := func(n int, of string) string { return strings.TrimSuffix(strings.Repeat(of+",", n), ",") }
	doors := map[string]func(n int) string{
		"direct":    func(n int) string { return "[" + list(n, structured("ignored")) + "]" },
		"a bus":     func(n int) string { return "[" + list(n, bridge(t, structured("ignored"))) + "]" },
		"EventGrid": func(n int) string { return `{"events":[` + list(n, structured("ignored")) + `]}` },
		"SMN":       func(n int) string { return string(smnEvent(t, slices.Repeat([]string{structured("ignored")}, n)...)) },
		"SNS": func(n int) string {
			return `{"Records":[` + list(n, string(marshal(t, snsRecord(structured("ignored"))))) + `]}`
		},
	}
	for name, payload := range doors {
		d, s := newDoor(ignored)
		_, err := d.Invoke(t.Context(), []byte(payload(100)))
		require.NoError(t, err, name)
		require.Len(t, s.seen, 100)
		_, err = d.Invoke(t.Context(), []byte(payload(101)))
		require.ErrorContains(t, err, "found a batch of 101 events, expected at most 100", name)
		require.Len(t, s.seen, 100)
	}
	d, s := newDoor(ignored)
	bodies := make([]string, 103)
	for i := range bodies {
		bodies[i] = structured("ignored")
	}
	answer, err := d.Invoke(t.Context(), sqsEvent(t, bodies...))
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"m100", "m101", "m102"}, failures(t, answer), "the rest comes back")
	require.Len(t, s.seen, 100)

	d, s = newDoor(ignored)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := post(d, "application/cloudevents-batch+json", "["+list(80_000, "{}")+"]")
	runtime.ReadMemStats(&after)
	require.Equal(t, 413, r.Status)
	require.Equal(t, "too-large", jsonOf(t, r.Body)["code"])
	require.Contains(t, string(r.Body), "found a batch of 80000 events, expected at most 100")
	require.Less(t, len(r.Body), 1<<10)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20))
	require.Empty(t, s.seen)
}

// TestAnswerIsBounded: of an event with thousands of wrong members, an answer
// names some.
func TestAnswerIsBounded(t *testing.T) {
	wrong := map[string]any{"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
	var labels []string
	for i := range 8000 {
		wrong[fmt.Sprintf("A%d", i)] = i
		labels = append(labels, fmt.Sprintf("interlock:w%d=1", i))
	}
	_, jira, _ := producersSample(t, "jira.webhook")
	var message map[string]any
	require.NoError(t, json.Unmarshal([]byte(jira), &message))
	message["issue"].(map[string]any)["fields"].(map[string]any)["customfield_10100"] = labels
	d, _ := newDoor(ignored)
	r := post(d, "application/cloudevents+json", string(marshal(t, wrong)))
	require.Equal(t, 400, r.Status)
	require.Less(t, len(r.Body), 32<<10)
	require.Contains(t, string(r.Body), "7950 more wrong attributes")
	r = d.HTTP(t.Context(), Request{Admitted: true, Method: "POST", Query: "from=jira", Header: http.Header{"Content-Type": {"application/json"}}, Body: marshal(t, message)})
	require.Equal(t, 422, r.Status)
	require.Less(t, len(r.Body), 32<<10)
	require.Contains(t, string(r.Body), "more that is wrong")
}

// TestKeysAway: where the keys cannot be had, nobody is let in.
func TestKeysAway(t *testing.T) {
	var log bytes.Buffer
	d, s := newDoor(ignored)
	d.Log = slog.New(slog.NewJSONHandler(&log, nil))
	d.Verify = func(context.Context, http.Header, []byte) (webhook.Key, error) {
		return webhook.Key{}, errors.New("secret arn: away")
	}
	r := d.HTTP(t.Context(), Request{Method: "POST", Admitted: true, Header: http.Header{"Content-Type": {"application/cloudevents+json"}}, Body: []byte(structured("a"))})
	require.Equal(t, 503, r.Status)
	require.Equal(t, "5", r.Header.Get("Retry-After"))
	require.NotContains(t, string(r.Body), "arn")
	require.Contains(t, log.String(), "secret arn: away")
	require.Empty(t, s.seen)
}
