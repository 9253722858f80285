package doors

import (
	"context"
	"net/http"
	"testing"

	lambdaevents "github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/admission"
)

// What holds no event that may be handled is told of once, with what could be
// read of it and the door by which it came; what nobody let in is not.
func TestArrived(t *testing.T) {
	const broken = `{"specversion":"1.0","id":"a","source":"urn:x","type":"t","time":"yesterday"}`
	known, unknown := events.Cause{ID: "a", Source: "urn:x", Type: "t"}, events.Cause{}
	type told struct {
		cause events.Cause
		code  events.Code
		door  string
	}
	twice := func(count string) string {
		e := lambdaevents.SQSEvent{Records: []lambdaevents.SQSMessage{{MessageId: "m", Body: broken, EventSource: "aws:sqs", Attributes: map[string]string{"ApproximateReceiveCount": count}}}}
		return string(marshal(t, e))
	}
	url := func(header map[string]string, body string) string {
		return string(marshal(t, urlRequest(header, body, false)))
	}
	structuredMode := map[string]string{"content-type": "application/cloudevents+json"}
	for name, test := range map[string]struct {
		payload string
		want    []told
	}{
		"direct":                   {broken, []told{{known, events.InvalidEvent, admission.Direct}}},
		"a batch":                  {"[" + broken + "," + structured("applied") + "]", []told{{known, events.InvalidEvent, admission.Direct}}},
		"no JSON":                  {"{", []told{{unknown, events.InvalidEvent, admission.Direct}}},
		"of no known sender":       {`{"a":"secret"}`, []told{{unknown, events.InvalidEvent, admission.Direct}}},
		"a queue":                  {twice("1"), []told{{known, events.InvalidEvent, admission.Queue}}},
		"a queue, again":           {twice("2"), nil},
		"EventBridge":              {bridge(t, broken), []told{{known, events.InvalidEvent, admission.Bus}}},
		"a function URL":           {url(structuredMode, broken), []told{{known, events.InvalidEvent, admission.URL}}},
		"a function URL, binary":   {url(map[string]string{"content-type": "application/json", "ce-specversion": "1.0", "ce-id": "a", "ce-source": "urn:x", "ce-type": "t", "ce-time": "yesterday"}, "{}"), []told{{known, events.InvalidEvent, admission.URL}}},
		"a function URL, no event": {url(map[string]string{"content-type": "text/plain"}, "secret"), []told{{unknown, events.InvalidEvent, admission.URL}}},
		"a valid event":            {structured("applied"), nil},
		"what is to come again":    {structured("busy"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := newDoor(byID)
			var got []told
			d.Arrived = func(ctx context.Context, cause events.Cause, why *events.Error) {
				require.NotContains(t, why.Detail, "secret")
				require.NotEmpty(t, why.Detail)
				got = append(got, told{cause, why.Code, admission.From(ctx).Door})
			}
			_, _ = d.Invoke(t.Context(), []byte(test.payload))
			require.Equal(t, test.want, got)
		})
	}

	d, _ := newDoor(byID)
	d.Arrived = func(context.Context, events.Cause, *events.Error) { t.Error("a stranger's") }
	req := urlRequest(structuredMode, broken, false)
	req.RequestContext.Authorizer = nil
	_, err := d.Invoke(t.Context(), marshal(t, req))
	require.NoError(t, err)

	d, _ = limitedDoor(t, "name=tickets;types=dev.interlock.ticket.approved.v1:"+testKey)
	var got []told
	d.Arrived = func(ctx context.Context, cause events.Cause, why *events.Error) {
		require.Equal(t, "tickets", admission.From(ctx).Signer)
		got = append(got, told{cause, why.Code, admission.From(ctx).Door})
	}
	require.Equal(t, http.StatusForbidden, postSigned(t, d, "", structured("a"), "a", nil).Code)
	require.Equal(t, []told{{events.Cause{ID: "a", Source: "/tests", Type: events.TypeSwitchRequested}, events.Denied, admission.Local}}, got)
}

// Who posts what is not meant for the function hears why, in a header that any
// text fits.
func TestReason(t *testing.T) {
	r := response("a", engine.Result{Kind: engine.Ignored, Error: &events.Error{Code: "other-type", Detail: "found \"é\r\nX: y\""}})
	require.Equal(t, http.StatusNoContent, r.Status)
	require.Equal(t, `other-type: found "???X: y"`, r.Header.Get(ReasonHeader))
}
