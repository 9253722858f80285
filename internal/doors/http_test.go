package doors

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/pkg/engine"
)

func post(d *Door, contentType, body string) Response {
	return d.HTTP(context.Background(), Request{Method: "POST", Header: http.Header{"content-type": {contentType}}, Body: []byte(body), Admitted: true})
}

// serveStructured posts an event to the local program's door.
func serveStructured(ctx context.Context, d *Door, body string) *httptest.ResponseRecorder {
	req := httptest.NewRequestWithContext(ctx, "POST", "/functions/proxyssl", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/cloudevents+json")
	w := httptest.NewRecorder()
	d.ServeHTTP(w, req)
	return w
}

// TestStatus holds the whole table of the HTTP contract for what an engine can
// answer.
func TestStatus(t *testing.T) {
	for id, want := range map[string]struct {
		status int
		retry  string
	}{
		"accepted": {202, ""}, "applied": {200, ""}, "unchanged": {200, ""},
		"ignored":       {204, ""},
		"invalid-event": {400, ""},
		"invalid-data":  {422, ""}, "future": {422, ""}, "expired": {422, ""}, "cloud-refused": {422, ""},
		"not-approved": {403, ""}, "window-over": {403, ""}, "denied": {403, ""},
		"superseded": {409, ""}, "id-reused": {409, ""},
		"held": {409, "2"}, "not-yet": {409, "2"},
		"unresolved": {502, ""}, "gave-up": {502, ""},
		"throttled": {429, "2"},
		"busy":      {503, "2"}, "doubt": {503, "2"}, "unavailable": {503, "2"}, "cloud-denied": {503, "2"},
		"panic": {503, "5"},
	} {
		t.Run(id, func(t *testing.T) {
			d, _ := newDoor(byID)
			r := post(d, "application/cloudevents+json", structured(id))
			require.Equal(t, want.status, r.Status)
			require.Equal(t, want.retry, r.Header.Get("Retry-After"))
			switch {
			case r.Status == 204:
				require.Empty(t, r.Body)
			case r.Status < 300:
				require.Equal(t, cloudevent.ContentType, r.Header.Get("Content-Type"))
				ev, err := cloudevent.DecodeJSON(r.Body)
				require.NoError(t, err)
				require.Equal(t, "out-"+id, ev.ID())
			default:
				require.Equal(t, "application/problem+json", r.Header.Get("Content-Type"))
				p := jsonOf(t, r.Body)
				require.Equal(t, id, p["event_id"])
				require.EqualValues(t, want.status, p["status"])
				require.Equal(t, ProblemBase+p["code"].(string), p["type"])
				require.NotContains(t, string(r.Body), "secret")
				if id != "panic" {
					require.Equal(t, id, p["code"])
					require.Equal(t, "Title of "+id, p["title"])
					require.Equal(t, "data.enabled", p["fields"].([]any)[0].(map[string]any)["path"])
				}
			}
		})
	}
}

func TestRefusedRequests(t *testing.T) {
	one := structured("accepted")
	for name, test := range map[string]struct {
		method, contentType, body string
		status                    int
		code                      string
	}{
		"GET":               {"GET", "", "", 405, "method-not-allowed"},
		"HEAD":              {"HEAD", "", "", 405, "method-not-allowed"},
		"PUT":               {"PUT", "application/cloudevents+json", one, 405, "method-not-allowed"},
		"no CloudEvent":     {"POST", "application/json", one, 415, "unsupported-media-type"},
		"nothing":           {"POST", "", "", 415, "unsupported-media-type"},
		"XML":               {"POST", "application/cloudevents+xml", "<event/>", 415, "unsupported-media-type"},
		"malformed":         {"POST", "application/cloudevents+json", one[1:], 400, "invalid-event"},
		"an empty body":     {"POST", "application/cloudevents+json", "", 400, "invalid-event"},
		"incomplete":        {"POST", "application/cloudevents+json", "{}", 400, "invalid-event"},
		"malformed batch":   {"POST", "application/cloudevents-batch+json", "[", 400, "invalid-event"},
		"an event as batch": {"POST", "application/cloudevents-batch+json", one, 400, "invalid-event"},
		"too large":         {"POST", "application/cloudevents+json", strings.Repeat(" ", MaxBody) + "1", 413, "too-large"},
		"nothing but space": {"POST", "application/cloudevents+json", strings.Repeat(" ", MaxBody), 400, "invalid-event"},
	} {
		t.Run(name, func(t *testing.T) {
			d, s := newDoor(byID)
			req := httptest.NewRequest(test.method, "/functions/proxyssl", strings.NewReader(test.body))
			req.Header.Set("Content-Type", test.contentType)
			w := httptest.NewRecorder()
			d.ServeHTTP(w, req)
			require.Equal(t, test.status, w.Code)
			require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
			require.Equal(t, test.code, jsonOf(t, w.Body.Bytes())["code"])
			require.Equal(t, test.status == 405, w.Header().Get("Allow") == "OPTIONS, POST")
			require.Empty(t, s.seen)
		})
	}
}

// TestInvalidFields: an answer names every wrong attribute at once.
func TestInvalidFields(t *testing.T) {
	d, _ := newDoor(byID)
	r := post(d, "application/cloudevents+json", `{"specversion":"0.3","id":"","source":7}`)
	require.Equal(t, 400, r.Status)
	var paths []string
	for _, f := range jsonOf(t, r.Body)["fields"].([]any) {
		paths = append(paths, f.(map[string]any)["path"].(string))
	}
	require.Equal(t, []string{"specversion", "id", "source", "type"}, paths)
}

// endless is a body that never ends and counts what is read of it.
type endless struct{ read int }

func (e *endless) Read(b []byte) (int, error) { e.read += len(b); return len(b), nil }

// TestBodyIsNotReadPastItsLimit: neither when the length is announced nor when
// it is not.
func TestBodyIsNotReadPastItsLimit(t *testing.T) {
	d, _ := newDoor(byID)
	for _, length := range []int64{-1, MaxBody + 1} {
		body := &endless{}
		req := httptest.NewRequest("POST", "/", body)
		req.ContentLength = length
		w := httptest.NewRecorder()
		d.ServeHTTP(w, req)
		require.Equal(t, 413, w.Code)
		require.Less(t, body.read, 2*MaxBody)
		require.True(t, length < 0 || body.read == 0)
	}
}

func TestHandshake(t *testing.T) {
	for name, test := range map[string]struct {
		origins []string
		rate    int
		header  http.Header
		granted string
		allowed string
	}{
		"granted":         {[]string{"a.example.com"}, 0, http.Header{"webhook-request-origin": {"a.example.com"}}, "a.example.com", "*"},
		"granted a rate":  {[]string{"b.example.com", "a.example.com"}, 120, http.Header{"WebHook-Request-Origin": {"a.example.com"}, "WebHook-Request-Rate": {"900"}}, "a.example.com", "120"},
		"not configured":  {nil, 0, http.Header{"Webhook-Request-Origin": {"a.example.com"}}, "", ""},
		"a suffix":        {[]string{"example.com"}, 0, http.Header{"Webhook-Request-Origin": {"a.example.com"}}, "", ""},
		"another case":    {[]string{"example.com"}, 0, http.Header{"Webhook-Request-Origin": {"Example.com"}}, "", ""},
		"no wildcard":     {[]string{"example.com"}, 0, http.Header{"Webhook-Request-Origin": {"*"}}, "", ""},
		"two origins":     {[]string{"example.com"}, 0, http.Header{"Webhook-Request-Origin": {"example.com", "example.com"}}, "", ""},
		"no origin asked": {[]string{""}, 0, http.Header{}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d, s := newDoor(byID)
			d.Origins, d.Rate = test.origins, test.rate
			r := d.HTTP(context.Background(), Request{Method: "OPTIONS", Header: test.header})
			require.Equal(t, 204, r.Status)
			require.Equal(t, "OPTIONS, POST", r.Header.Get("Allow"))
			require.Equal(t, test.granted, r.Header.Get("WebHook-Allowed-Origin"))
			require.Equal(t, test.allowed, r.Header.Get("WebHook-Allowed-Rate"))
			require.Empty(t, s.seen)
		})
	}
}

func TestBatchResponse(t *testing.T) {
	d, s := newDoor(byID)
	r := post(d, "Application/CloudEvents-Batch+JSON; Charset=UTF-8",
		"["+strings.Join([]string{structured("applied"), structured("ignored"), `{"specversion":"1.0"}`, structured("superseded"), structured("gave-up")}, ",")+"]")
	require.Equal(t, 200, r.Status, string(r.Body))
	require.Equal(t, cloudevent.BatchContentType, r.Header.Get("Content-Type"))
	items, err := cloudevent.DecodeBatchJSON(r.Body)
	require.NoError(t, err)
	require.Len(t, items, 4)
	require.Equal(t, "out-applied", items[0].Event.ID())
	require.Equal(t, "urn:interlock:proxy-ssl", items[1].Event.Source())
	rejection := jsonOf(t, items[1].Event.Data())["error"].(map[string]any)
	require.Equal(t, "invalid-event", rejection["code"])
	require.Len(t, rejection["fields"], 3)
	require.Equal(t, "out-superseded", items[2].Event.ID())
	require.Equal(t, "out-gave-up", items[3].Event.ID())
	require.Len(t, s.seen, 4)

	r = post(d, "application/cloudevents-batch+json", "["+structured("panic")+","+structured("applied")+","+structured("busy")+"]")
	require.Equal(t, 503, r.Status)
	require.Equal(t, "5", r.Header.Get("Retry-After"))
	require.Contains(t, jsonOf(t, r.Body)["detail"], "2 of 3")

	r = post(d, "application/cloudevents-batch+json", "[]")
	require.Equal(t, 200, r.Status)
	require.Equal(t, "[]", string(r.Body))
}

// TestRetryAfter: whole seconds, never less than the wait, and at least one.
func TestRetryAfter(t *testing.T) {
	for wait, want := range map[time.Duration]string{
		-time.Hour: "1", 0: "1", 1: "1", time.Second: "1", time.Second + 1: "2", 90 * time.Minute: "5400",
	} {
		d, _ := newDoor(func(context.Context, event.Event) engine.Result {
			return engine.Result{Kind: engine.Later, RetryAfter: wait, Error: failure("busy")}
		})
		require.Equal(t, want, post(d, "application/cloudevents+json", structured("a")).Header.Get("Retry-After"))
		require.Equal(t, want, post(d, "application/cloudevents-batch+json", "["+structured("a")+"]").Header.Get("Retry-After"))
	}
}

// TestBinaryOverHTTP goes through net/http, with the example of the binding's
// section 3.1.3.2.
func TestBinaryOverHTTP(t *testing.T) {
	d, _ := newDoor(byID)
	server := httptest.NewServer(d)
	defer server.Close()
	req, err := http.NewRequest("POST", server.URL, strings.NewReader(`{"a":1}`))
	require.NoError(t, err)
	for name, value := range map[string]string{
		"Content-Type": "application/json", "ce-specversion": "1.0", "ce-id": "applied", "ce-type": "t", "ce-source": "/s",
		"ce-subject": "Euro%20%E2%82%AC%20%F0%9F%98%80",
	} {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, 200, resp.StatusCode)
	require.Equal(t, cloudevent.ContentType, resp.Header.Get("Content-Type"))
}
