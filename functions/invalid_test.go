package functions_test

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/doors"
	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// Every invalid sample of the contract, at the door: the status of its code,
// each wrong field by its path, and a rejected event that says the same.
func TestInvalidData(t *testing.T) {
	w, schema := localtest.Start(t, localtest.Options{}), schemas(t)
	status := map[events.Code]int{
		events.InvalidData: http.StatusUnprocessableEntity, events.Future: http.StatusUnprocessableEntity,
		events.NotApproved: http.StatusForbidden, events.WindowOver: http.StatusForbidden,
	}
	function := functionsByName()
	for _, sample := range localtest.InvalidSamples(t) {
		t.Run(sample.Name, func(t *testing.T) {
			if sample.Expect.Code == events.WindowOver { // so long ago that it would be expired today
				today := w.Now()
				w.Advance(time.Date(2020, 1, 1, 3, 0, 0, 0, time.UTC).Sub(today))
				defer func() { w.Advance(today.Sub(w.Now())) }()
			}
			body := localtest.Edit(t, sample.Event, "id", sample.Name) // an id of its own
			answer := w.Post(t, function[sample.For], body)
			require.Equal(t, status[sample.Expect.Code], answer.Status, string(answer.Body))
			problem := answer.Problem(t)
			require.Equal(t, sample.Expect.Code, problem.Code)
			require.Equal(t, doors.ProblemBase+string(problem.Code), problem.Type)
			require.ElementsMatch(t, sample.Expect.Fields, paths(problem.Fields))
			require.Empty(t, w.Sent())
			published := w.Bus.Take()
			require.Len(t, published, 1)
			rejected := localtest.Rejected(t, published[0])
			require.Equal(t, problem.Code, rejected.Error.Code)
			require.Equal(t, problem.Fields, rejected.Error.Fields)
			require.Equal(t, problem.EventID, rejected.Cause.ID)
			require.NoError(t, schema(published[0]))
		})
	}
}

func paths(fields []events.Field) (paths []string) {
	for _, f := range fields {
		paths = append(paths, f.Path)
	}
	return paths
}

func functionsByName() map[string]string {
	names := map[string]string{}
	for _, sw := range functions.All() {
		names[sw.Name] = sw.Function
	}
	return names
}

// What holds no valid event: there is nobody to answer but the sender, and
// nothing on the bus.
func TestInvalidEvents(t *testing.T) {
	valid := localtest.Sample(t, "ticket.approved", "proxy-ssl")
	edit := func(changes ...any) []byte { return localtest.Edit(t, valid, changes...) }
	structured, batch := event.ApplicationCloudEventsJSON, event.ApplicationCloudEventsBatchJSON
	cases := []struct {
		name        string
		contentType string
		header      map[string]string
		body        []byte
		status      int
		code        events.Code
		fields      []string
	}{
		{"empty body", structured, nil, nil, 400, events.InvalidEvent, nil},
		{"no JSON", structured, nil, []byte("hello"), 400, events.InvalidEvent, nil},
		{"truncated", structured, nil, valid[:len(valid)/2], 400, events.InvalidEvent, nil},
		{"an array", structured, nil, []byte("[]"), 400, events.InvalidEvent, nil},
		{"null", structured, nil, []byte("null"), 400, events.InvalidEvent, nil},
		{"two events in a row", structured, nil, append(bytes.Clone(valid), valid...), 400, events.InvalidEvent, nil},
		{"not UTF-8", structured, nil, bytes.Replace(valid, []byte("CHG"), []byte("\xff\xfe"), 1), 400, events.InvalidEvent, nil},
		{"a member twice", structured, nil, bytes.Replace(valid, []byte(`"id"`), []byte(`"id": "other", "id"`), 1), 400, events.InvalidEvent, nil},
		{"a mebibyte of nesting", structured, nil, bytes.Repeat([]byte("["), 1<<20), 413, "too-large", nil},
		{"as deep as fits", structured, nil, bytes.Repeat([]byte("["), doors.MaxBody), 400, events.InvalidEvent, nil},
		{"a byte too large", structured, nil, bytes.Repeat([]byte(" "), doors.MaxBody+1), 413, "too-large", nil},
		{"another version", structured, nil, edit("specversion", "0.3"), 400, events.InvalidEvent, []string{"specversion"}},
		{"version a number", structured, nil, edit("specversion", 1.0), 400, events.InvalidEvent, []string{"specversion"}},
		{"no version", structured, nil, edit("specversion", localtest.Gone), 400, events.InvalidEvent, []string{"specversion"}},
		{"no id", structured, nil, edit("id", localtest.Gone), 400, events.InvalidEvent, []string{"id"}},
		{"empty id", structured, nil, edit("id", ""), 400, events.InvalidEvent, []string{"id"}},
		{"id a number", structured, nil, edit("id", 7), 400, events.InvalidEvent, []string{"id"}},
		{"no source", structured, nil, edit("source", localtest.Gone), 400, events.InvalidEvent, []string{"source"}},
		{"source no URI", structured, nil, edit("source", "a b"), 400, events.InvalidEvent, []string{"source"}},
		{"no type", structured, nil, edit("type", localtest.Gone), 400, events.InvalidEvent, []string{"type"}},
		{"type an object", structured, nil, edit("type", map[string]any{}), 400, events.InvalidEvent, []string{"type"}},
		{"time in words", structured, nil, edit("time", "yesterday"), 400, events.InvalidEvent, []string{"time"}},
		{"dataschema relative", structured, nil, edit("dataschema", "schema.json"), 400, events.InvalidEvent, []string{"dataschema"}},
		{"extension in capitals", structured, nil, edit("CorrelationID", "7"), 400, events.InvalidEvent, []string{"CorrelationID"}},
		{"extension a fraction", structured, nil, edit("weight", 1.5), 400, events.InvalidEvent, []string{"weight"}},
		{"everything at once", structured, nil, edit("specversion", "2", "id", "", "source", "", "type", 1), 400, events.InvalidEvent, []string{"specversion", "id", "source", "type"}},
		{"data in base64 too", structured, nil, edit("data_base64", "e30="), 400, events.InvalidEvent, nil},
		{"text", "text/plain", nil, valid, 415, "unsupported-media-type", nil},
		{"JSON that is no event", "application/json", nil, []byte("{}"), 415, "unsupported-media-type", nil},
		{"no content type", "", nil, valid, 415, "unsupported-media-type", nil},
		{"events in XML", "application/cloudevents+xml", nil, []byte("<event/>"), 415, "unsupported-media-type", nil},
		{"a form", "application/x-www-form-urlencoded", nil, []byte("switch=proxy-ssl"), 415, "unsupported-media-type", nil},
		{"binary without id", "application/json", map[string]string{"Ce-Specversion": "1.0", "Ce-Type": events.TypeTicketApproved, "Ce-Source": "urn:x"}, []byte("{}"), 400, events.InvalidEvent, []string{"id"}},
		{"binary of another version", "application/json", map[string]string{"Ce-Specversion": "0.3", "Ce-Type": events.TypeTicketApproved, "Ce-Source": "urn:x", "Ce-Id": "1"}, []byte("{}"), 400, events.InvalidEvent, []string{"specversion"}},
		{"a batch that is none", batch, nil, []byte(`{}`), 400, events.InvalidEvent, nil},
		{"a batch cut short", batch, nil, []byte(`[{}`), 400, events.InvalidEvent, nil},
	}
	w := localtest.Start(t, localtest.Options{})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			header := http.Header{}
			if c.contentType != "" {
				header.Set("Content-Type", c.contentType)
			}
			for name, value := range c.header {
				header.Set(name, value)
			}
			answer := w.PostAs(t, "proxyssl", header, c.body)
			require.Equal(t, c.status, answer.Status, string(answer.Body))
			problem := answer.Problem(t)
			require.Equal(t, c.code, problem.Code)
			require.NotEmpty(t, problem.Title)
			require.NotEmpty(t, problem.Detail)
			if c.fields != nil {
				require.ElementsMatch(t, c.fields, paths(problem.Fields))
			}
			require.Empty(t, w.Sent())
			require.Empty(t, w.Bus.Take())
		})
	}
}

// A corrected event may use its id again: what is wrong is not on record.
func TestCorrected(t *testing.T) {
	w := localtest.Start(t, localtest.Options{})
	wrong := w.Post(t, "proxyssl", ticket(t, "proxy-ssl", "data.target.proxy_id", "../../x"))
	require.Equal(t, http.StatusUnprocessableEntity, wrong.Status)
	require.Equal(t, []string{"data.target.proxy_id"}, paths(wrong.Problem(t).Fields))
	right := w.Post(t, "proxyssl", ticket(t, "proxy-ssl"))
	require.Equal(t, http.StatusAccepted, right.Status, string(right.Body))
}

// Other methods and paths have answers of their own.
func TestOtherRequests(t *testing.T) {
	w := localtest.Start(t, localtest.Options{Environ: []string{"INTERLOCK_WEBHOOK_ORIGINS=tickets.example.com"}})
	cases := []struct {
		method, path, origin string
		status               int
		header               map[string]string
	}{
		{"GET", "/functions/proxyssl", "", 405, map[string]string{"Allow": "OPTIONS, POST"}},
		{"PUT", "/functions/proxyssl", "", 405, map[string]string{"Allow": "OPTIONS, POST"}},
		{"OPTIONS", "/functions/proxyssl", "", 204, map[string]string{"Allow": "OPTIONS, POST", "WebHook-Allowed-Origin": ""}},
		{"OPTIONS", "/functions/proxyssl", "tickets.example.com", 204, map[string]string{"WebHook-Allowed-Origin": "tickets.example.com"}},
		{"OPTIONS", "/functions/proxyssl", "evil.example.com", 204, map[string]string{"WebHook-Allowed-Origin": ""}},
		{"GET", "/healthz", "", 200, map[string]string{"Content-Type": "application/json"}},
		{"POST", "/functions/proxyssl/more", "", 404, map[string]string{"Content-Type": "application/problem+json"}},
		{"GET", "/nothing", "", 404, map[string]string{"Content-Type": "application/problem+json"}},
	}
	for _, c := range cases {
		req, err := http.NewRequestWithContext(t.Context(), c.method, w.URL+c.path, nil)
		require.NoError(t, err)
		if c.origin != "" {
			req.Header.Set("WebHook-Request-Origin", c.origin)
		}
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, c.status, res.StatusCode, c)
		for name, value := range c.header {
			require.Equal(t, value, res.Header.Get(name), c)
		}
	}
	require.Empty(t, w.Sent())
}
