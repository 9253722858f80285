package doors

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/internal/jsontree"
	"github.com/interlock-functions/interlock/internal/webhook"
)

// fromParameter of a URL's query names the producer whose message the body is.
// Without it, what is no CloudEvent by its headers is refused: nobody's JSON is
// taken for an approval by its looks.
const fromParameter = "from"

// producer is what a request's query says of its producer; named is false where
// it says nothing.
func (req *Request) producer() (name string, named bool) {
	query, err := url.ParseQuery(req.Query)
	from, named := query[fromParameter]
	if err != nil || !named {
		return "", false
	}
	if len(from) == 1 {
		name = from[0]
	}
	return name, true
}

// decodeHTTP decodes the events of a request. Its content type has to be of
// JSON or of CloudEvents, which a page of a stranger cannot post to us from
// somebody's browser; what forms and scripts post without asking first (the
// Fetch standard's CORS-safelisted content types) is neither, nor is none.
func (d *Door) decodeHTTP(req Request) (cloudevent.Mode, []cloudevent.Item, error) {
	const single = "application/cloudevents"
	media, _, _ := strings.Cut(strings.ToLower(headerValue(req.Header, "Content-Type")), ";")
	media = strings.TrimSpace(media)
	if !strings.HasPrefix(media, single) && !strings.HasSuffix(media, "/json") && !strings.HasSuffix(media, "+json") {
		return 0, nil, &cloudevent.Error{Kind: cloudevent.Unsupported, Rule: cloudevent.RuleHTTPMode,
			Reason: fmt.Sprintf("found content type %.64q, expected application/cloudevents+json, application/cloudevents-batch+json or application/json", media)}
	}
	name, named := req.producer()
	if !named {
		return cloudevent.DecodeHTTP(req.Header, req.Body)
	}
	ev, err := d.Producers.DecodeFrom(name, req.Body)
	return cloudevent.Structured, []cloudevent.Item{{Event: ev, Err: err}}, err
}

// errNobody says that nothing tells who has sent a request.
var errNobody = errors.New("found neither an authorizer's word nor a signature, expected one of them")

// signer is the key that signed a request; none where none has to.
func (d *Door) signer(ctx context.Context, req Request) (webhook.Key, error) {
	switch {
	case d.Verify != nil:
		return d.Verify(ctx, req.Header, req.Body)
	case !req.Admitted:
		return webhook.Key{}, errNobody
	}
	return webhook.Key{}, nil
}

// hold holds the events of a signed request against what the signature covers,
// which is the body and the message's id, and against its key's limits. It
// marks the elements of a batch that the key is not good for, one by one.
func (d *Door) hold(ctx context.Context, key webhook.Key, req Request, mode cloudevent.Mode, items []cloudevent.Item) error {
	for name := range req.Header {
		if strings.HasPrefix(strings.ToLower(name), "ce-") {
			return &cloudevent.Error{Kind: cloudevent.Unsupported, Rule: cloudevent.RuleHTTPMode,
				Reason: fmt.Sprintf("found the header %.64q, expected none that begins with ce-: a signature covers the body alone, so that signed events are structured or batched", strings.ToLower(name))}
		}
	}
	from, named := req.producer()
	if id := headerValue(req.Header, webhook.IDHeader); mode == cloudevent.Structured && !named && id != items[0].Event.ID() {
		return &cloudevent.Error{Rule: "Standard Webhooks, webhook-id", Fields: []events.Field{{
			Path: strings.ToLower(webhook.IDHeader), Found: fmt.Sprintf("%.64q", id), Expected: fmt.Sprintf("the event's id, %.64q", items[0].Event.ID())}}}
	}
	if !named {
		from = webhook.CloudEvents
	}
	for i := range items {
		if items[i].Err != nil {
			continue
		}
		if items[i].Err = d.within(key, from, items[i].Event); items[i].Err != nil {
			d.log().WarnContext(ctx, "an event was refused", "function", d.Function, "signer", key.Name,
				"source", items[i].Event.Source(), "id", items[i].Event.ID(), "error", items[i].Err)
		}
	}
	if mode == cloudevent.Batched {
		return nil
	}
	return items[0].Err
}

// beyondError says that an event is beyond what its signer's key is good for.
type beyondError struct {
	signer string
	fields []events.Field
}

func (e *beyondError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "beyond the limits of the key of %s", e.signer)
	for _, f := range e.fields {
		fmt.Fprintf(&b, "; %s: found %s, expected %s", f.Path, f.Found, f.Expected)
	}
	return b.String()
}

// within reports, as a [*beyondError], what a key is not good for. An event that
// no function minds asks for nothing, and is held against its producer alone.
func (d *Door) within(key webhook.Key, from string, ev event.Event) error {
	e := &beyondError{signer: key.Name}
	check := func(path, found string, limit []string) {
		if len(limit) > 0 && !slices.Contains(limit, found) {
			e.fields = append(e.fields, events.Field{Path: path, Found: fmt.Sprintf("%.64q", found), Expected: strings.Join(limit, ", ")})
		}
	}
	check(fromParameter, from, key.Limits.From)
	if ev, err := d.Producers.Translate(ev); err == nil && slices.Contains(events.Types(), ev.Type()) {
		check("type", ev.Type(), key.Limits.Types)
		// What cannot be read names no switch and no project, and is beyond.
		data, _ := jsontree.Parse(ev.Data(), cloudevent.Depth)
		if ev.Type() == events.TypeTagChanged {
			check("switch", d.Switch, key.Limits.Switches)
		} else {
			check("data.switch", text(data.Get("switch")), key.Limits.Switches)
		}
		check("data.target.project_id", text(data.Get("target").Get("project_id")), key.Limits.Projects)
		if then := data.Get("then"); then.Is(jsontree.Array) {
			for i := range then.Items {
				step := fmt.Sprintf("data.then[%d].", i)
				check(step+"switch", text(then.Items[i].Get("switch")), key.Limits.Switches)
				if project := then.Items[i].Get("target").Get("project_id"); project != nil {
					check(step+"target.project_id", text(project), key.Limits.Projects)
				}
			}
		}
	}
	if len(e.fields) > 0 {
		return e
	}
	return nil
}

// unauthorized answers a request that nobody signed who may. It says what is
// wrong with the signature's form, never what would have been right. Where that
// cannot be told, for the keys cannot be had, the request is not let in either.
func unauthorized(err error) Response {
	if wrong := (*webhook.Error)(nil); !errors.As(err, &wrong) && !errors.Is(err, errNobody) {
		return problem{Title: "The sender cannot be told", Status: http.StatusServiceUnavailable, Code: events.Unavailable,
			Detail: "the keys of senders cannot be read now", wait: retryAfter}.response()
	}
	r := problem{Title: "The message is not from a known sender", Status: http.StatusUnauthorized, Code: "unauthorized", Detail: err.Error()}.response()
	// RFC 9110, 11.6.1, asks for it.
	r.Header.Set("WWW-Authenticate", "Standard-Webhooks")
	return r
}

func tooManyHeaders(header http.Header) bool {
	count, size := 0, 0
	for name, values := range header {
		for _, value := range values {
			count++
			size += len(name) + len(value)
		}
	}
	return count > MaxHeaders || size > MaxHeader
}
