package doors_test

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/doors"
	"github.com/interlock-functions/interlock/internal/local/localtest"
	"github.com/interlock-functions/interlock/internal/webhook"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/admission"
)

// forged is a request that is not what it says: forged, altered, sent again,
// expired, or in contradiction to itself. A new row says by which door it comes,
// in front of which configuration, and what is answered; calls, which is none
// unless the row is there to show that the table can see one, counts whatever
// reaches the cloud.
type forged struct {
	name, door string
	// function defaults to proxyssl.
	function string
	environ  []string
	// before is what happened earlier; its calls do not count.
	before func(*scene)
	sent   func(*scene) letter
	// want is the status and the code of an HTTP answer; elsewhere the code of the
	// rejection in the answer or on the bus, "error" or "back" for what is to come
	// again or holds no event, and "nothing".
	want  string
	calls int
	// at is when it comes; by default when the world begins.
	at time.Time
}

// letter is what is sent: by HTTP all of it, elsewhere the body, as the door's
// sender wraps it.
type letter struct {
	method, host, query string
	header              http.Header
	body                []byte
	// context is the rest of a function URL's requestContext, in JSON.
	context string
	encoded bool
	// bare: the body is the whole payload already.
	bare bool
}

// scene is all functions, a simulated cloud, and Lambda's doors to them.
type scene struct {
	*localtest.World
	t testing.TB
}

const (
	keyed      = "INTERLOCK_WEBHOOK_SECRETS=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	theKey     = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	strangers  = "whsec_YW5vdGhlci1rZXktYW5vdGhlci1rZXktYW5vdGhlcg=="
	iam        = `"authorizer":{"iam":{"userArn":"arn:aws:iam::123456789012:role/tickets"}}`
	structured = "application/cloudevents+json"
	batched    = "application/cloudevents-batch+json"
)

func limited(limits string) []string {
	return []string{"INTERLOCK_WEBHOOK_SECRETS=name=tickets;" + limits + ":" + theKey}
}

// lambda is the door of the deployed function.
func (s *scene) lambda(function string) *doors.Door { return s.Host.Host.Door(function) }

// ticket is the sample of an approved ticket, changed.
func (s *scene) ticket(changes ...any) []byte {
	return localtest.Edit(s.t, localtest.Sample(s.t, "ticket.approved", "proxy-ssl"), changes...)
}

func (s *scene) tag(changes ...any) []byte {
	return localtest.Edit(s.t, localtest.Sample(s.t, "tag.changed", "proxy-ssl"), changes...)
}

// producer is a message of a producer that asks for proxy-ssl.
func (s *scene) producer(name string) []byte {
	var sample struct{ Message json.RawMessage }
	require.NoError(s.t, json.Unmarshal(localtest.File(s.t, "../../events/samples/producers/"+name+".json"), &sample))
	return sample.Message
}

// accepted has a ticket accepted, and returns its completion event.
func (s *scene) accepted(changes ...any) []byte {
	answer, err := s.lambda("proxyssl").Invoke(s.t.Context(), s.ticket(changes...))
	require.NoError(s.t, err)
	require.Contains(s.t, string(answer), events.TypeSwitchCompleted)
	return answer
}

// signed signs a letter as the key's owner does, at a distance from now.
func (s *scene) signed(key, id string, off time.Duration, l letter) letter {
	k, err := webhook.ParseKey(key)
	require.NoError(s.t, err)
	if l.header == nil {
		l.header = http.Header{"Content-Type": {structured}}
	}
	k.Sign(l.header, id, s.Now().Add(off), l.body)
	return l
}

// good is the sample ticket, signed as it should be.
func (s *scene) good() letter {
	return s.signed(theKey, s.id(), 0, letter{body: s.ticket()})
}

func (s *scene) id() string {
	var ev struct{ ID string }
	require.NoError(s.t, json.Unmarshal(s.ticket(), &ev))
	return ev.ID
}

// binary is the sample ticket in binary mode.
func (s *scene) binary(headers ...string) letter {
	var ev map[string]json.RawMessage
	require.NoError(s.t, json.Unmarshal(s.ticket(), &ev))
	l := letter{body: ev["data"], header: http.Header{"Content-Type": {"application/json"}}}
	for _, name := range []string{"specversion", "id", "type", "source", "time"} {
		var text string
		require.NoError(s.t, json.Unmarshal(ev[name], &text))
		l.header.Set("ce-"+name, text)
	}
	for i := 0; i < len(headers); i += 2 {
		l.header.Set(headers[i], headers[i+1])
	}
	return l
}

// send sends a letter by a door, and tells what became of it.
func (s *scene) send(door, function string, l letter) string {
	if l.header == nil {
		l.header = http.Header{"Content-Type": {structured}}
	}
	if l.method == "" {
		l.method = http.MethodPost
	}
	switch door {
	case admission.Local:
		return s.byHTTP(function, l)
	case admission.URL:
		return s.byURL(function, l)
	}
	payload := l.body
	switch {
	case l.bare:
	case door == admission.Queue:
		payload = s.json(map[string]any{"Records": []any{map[string]any{"eventSource": "aws:sqs", "messageId": "m1", "body": string(l.body)}}})
	case door == admission.Bus:
		payload = s.json(map[string]any{"version": "0", "id": "e1", "source": "tickets", "detail-type": "t", "detail": json.RawMessage(l.body)})
	}
	answer, err := s.lambda(function).Invoke(s.t.Context(), payload)
	switch {
	case err != nil:
		return "error"
	case strings.Contains(string(answer), "m1"):
		return "back"
	}
	return s.said(append([]json.RawMessage{answer}, s.published()...))
}

func (s *scene) json(v any) []byte {
	b, err := json.Marshal(v)
	require.NoError(s.t, err)
	return b
}

func (s *scene) published() (all []json.RawMessage) {
	for _, ev := range s.Bus.Take() {
		all = append(all, s.json(ev))
	}
	return all
}

// said is the code of the first rejection, or the type of the first event.
func (s *scene) said(out []json.RawMessage) string {
	for _, text := range out {
		var ev struct {
			Type       string
			StatusCode int
			Body       string
			Data       struct{ Error fault }
		}
		if json.Unmarshal(text, &ev) != nil {
			continue
		}
		switch {
		case ev.StatusCode != 0:
			return status(ev.StatusCode, []byte(ev.Body))
		case ev.Data.Error.Code != "":
			return ev.Data.Error.String()
		case ev.Type != "":
			return strings.TrimPrefix(ev.Type, "dev.interlock.")
		}
	}
	return "nothing"
}

// status is an HTTP answer's, with its code, or those in a batch.
func status(status int, body []byte) string {
	text := fmt.Sprint(status)
	var problem fault
	var batch []struct{ Data struct{ Error fault } }
	if json.Unmarshal(body, &problem) == nil && problem.Code != "" {
		text += " " + problem.String()
	} else if json.Unmarshal(body, &batch) == nil {
		for _, ev := range batch {
			text += " " + ev.Data.Error.String()
		}
	}
	return text
}

// fault is what an answer says of a refusal: the code, and the rules of the
// policy that decided.
type fault struct {
	Code   string
	Policy []string
}

func (f fault) String() string { return strings.Join(append([]string{f.Code}, f.Policy...), " ") }

func (s *scene) byURL(function string, l letter) string {
	headers := map[string]string{}
	for name, values := range l.header {
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	body := string(l.body)
	context := `{"http":{"method":"` + l.method + `"}}`
	if l.context != "" {
		context = `{"http":{"method":"` + l.method + `"},` + l.context + `}`
	}
	answer, err := s.lambda(function).Invoke(s.t.Context(), s.json(map[string]any{
		"version": "2.0", "rawQueryString": l.query, "headers": headers, "body": body, "isBase64Encoded": l.encoded, "requestContext": json.RawMessage(context),
	}))
	require.NoError(s.t, err)
	return s.said([]json.RawMessage{answer})
}

func (s *scene) byHTTP(function string, l letter) string {
	req, err := http.NewRequestWithContext(s.t.Context(), l.method, s.URL+"/functions/"+function+"?"+l.query, strings.NewReader(string(l.body)))
	require.NoError(s.t, err)
	req.Header = l.header
	if l.host != "" {
		req.Host = l.host
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer res.Body.Close()
	var body json.RawMessage
	_ = json.NewDecoder(res.Body).Decode(&body) // there may be none
	return status(res.StatusCode, body)
}

// TestNothingForgedCalls: of everything that the doors alone, and what stands
// right behind them, must stop, not one reaches the cloud.
func TestNothingForgedCalls(t *testing.T) {
	table := cases()
	seen := map[string]bool{}
	stopped := 0
	for _, c := range table {
		require.False(t, seen[c.door+c.name], "%s: %s twice", c.door, c.name)
		seen[c.door+c.name] = true
		if c.calls == 0 {
			stopped++
		}
		t.Run(c.door+"/"+c.name, c.comes)
	}
	require.GreaterOrEqual(t, stopped, 60)
	t.Logf("proved: forged: %d requests by 5 doors, %d of them stopped, 0 calls", len(table), stopped)
}

// comes has a request come, and looks at what became of it.
func (c forged) comes(t *testing.T) {
	s := &scene{World: localtest.Start(t, localtest.Options{Environ: c.environ, Cloud: cloudsim.Options{Targets: []cloudsim.Target{dev}}}), t: t}
	if !c.at.IsZero() {
		s.Advance(c.at.Sub(s.Now()))
	}
	if c.before != nil {
		c.before(s)
	}
	s.Sent()
	s.Bus.Take()
	require.Equal(t, c.want, s.send(c.door, cmp.Or(c.function, "proxyssl"), c.sent(s)))
	var sent []string
	for _, r := range s.Sent() {
		sent = append(sent, r.Method+" "+r.Path+" "+r.Body)
	}
	require.Len(t, sent, c.calls)
}

func cases() []forged {
	var all []forged
	for _, part := range [][]forged{controls(), unsigned(), signatures(), limits(), pages(), sizes(), followed(), altered()} {
		all = append(all, part...)
	}
	return all
}

func plain(changes ...any) func(*scene) letter {
	return func(s *scene) letter { return letter{body: s.ticket(changes...)} }
}

// controls show that the table sees a call where there is one, by each door.
func controls() []forged {
	return []forged{
		{name: "by IAM", door: "url", sent: func(s *scene) letter { return letter{body: s.ticket(), context: iam} }, want: "202", calls: 1},
		{name: "signed", door: "url", environ: []string{keyed}, sent: (*scene).good, want: "202", calls: 1},
		{name: "within its key's limits", door: "local", environ: limited("from=cloudevents;types=dev.interlock.ticket.approved.v1;switches=proxy-ssl;projects=" + localtest.Proxy.ProjectID), sent: (*scene).good, want: "202", calls: 1},
		{name: "as it should be", door: "local", sent: plain(), want: "202", calls: 1},
		{name: "as it should be", door: "bus", sent: plain(), want: "switch.completed.v1", calls: 1},
		{name: "as it should be", door: "queue", sent: plain(), want: "switch.completed.v1", calls: 1},
		{name: "as it should be", door: "direct", sent: plain(), want: "switch.completed.v1", calls: 1},
	}
}

// unsigned come from nobody, without keys and with them.
func unsigned() []forged {
	var all []forged
	for name, context := range map[string]string{
		"AuthType NONE": "", "an authorizer of null": `"authorizer":null`, "an empty authorizer": `"authorizer":{}`,
		"IAM's word without a user": `"authorizer":{"iam":{"accountId":"123456789012"}}`, "a token without claims": `"authorizer":{"jwt":{"claims":{}}}`,
		"a function that says nothing": `"authorizer":{"lambda":null}`, "no certificate": `"authentication":null`,
	} {
		all = append(all, forged{name: name, door: "url", sent: func(s *scene) letter { return letter{body: s.ticket(), context: context} }, want: "401 unauthorized"})
	}
	return append(all,
		forged{name: "IAM's word in a header", door: "url", sent: func(s *scene) letter {
			return letter{body: s.ticket(), header: http.Header{"Content-Type": {structured}, "Requestcontext": {"{" + iam + "}"}, "Authorization": {"AWS4-HMAC-SHA256 Credential=AKIA/x"}}}
		}, want: "401 unauthorized"},
		forged{name: "IAM's word in the body", door: "url", sent: func(s *scene) letter {
			return letter{body: s.ticket("requestContext", json.RawMessage("{"+iam+"}"))}
		}, want: "401 unauthorized"},
		forged{name: "a producer's message from nobody", door: "url", sent: func(s *scene) letter {
			return letter{body: s.producer("servicenow.business-rule"), query: "from=servicenow", header: http.Header{"Content-Type": {"application/json"}}}
		}, want: "401 unauthorized"},
		forged{name: "signed, where nobody has keys", door: "url", sent: (*scene).good, want: "401 unauthorized"},
		forged{name: "IAM's word where signatures are asked for", door: "url", environ: []string{keyed}, sent: func(s *scene) letter { return letter{body: s.ticket(), context: iam} }, want: "401 unauthorized"},
		forged{name: "not signed", door: "local", environ: []string{keyed}, sent: plain(), want: "401 unauthorized"},
		forged{name: "not signed, behind a mesh", door: "local", environ: []string{keyed, "INTERLOCK_OPEN=true"}, sent: plain(), want: "401 unauthorized"},
		forged{name: "a function URL's request, invoked directly", door: "direct", sent: func(s *scene) letter {
			return letter{body: s.json(map[string]any{"requestContext": map[string]any{"http": map[string]any{"method": "POST"}}, "headers": map[string]any{"content-type": structured}, "body": string(s.ticket())}), bare: true}
		}, want: "401 unauthorized"},
		forged{name: "a REST API's request", door: "direct", sent: func(s *scene) letter {
			return letter{body: s.json(map[string]any{"httpMethod": "POST", "requestContext": map[string]any{}, "body": string(s.ticket())}), bare: true}
		}, want: "error"},
	)
}

// signatures are wrong, old, or of something else.
func signatures() []forged {
	alter := func(f func(*scene, *letter)) func(*scene) letter {
		return func(s *scene) letter {
			l := s.good()
			f(s, &l)
			return l
		}
	}
	by := func(key string, off time.Duration) func(*scene) letter {
		return func(s *scene) letter { return s.signed(key, s.id(), off, letter{body: s.ticket()}) }
	}
	rows := []forged{
		{name: "by a stranger's key", sent: by(strangers, 0), want: "401 unauthorized"},
		{name: "signed too long ago", sent: by(theKey, -301*time.Second), want: "401 unauthorized"},
		{name: "signed ahead of time", sent: by(theKey, 301*time.Second), want: "401 unauthorized"},
		{name: "the opposite direction", sent: alter(func(s *scene, l *letter) { l.body = s.ticket("data.enabled", false) }), want: "401 unauthorized"},
		{name: "another instance", sent: alter(func(s *scene, l *letter) {
			l.body = s.ticket("data.target.instance_id", "196c0fc43e804757b59946b80dc27f8bin07")
		}), want: "401 unauthorized"},
		{name: "another event id", sent: alter(func(s *scene, l *letter) { l.body = s.ticket("id", "again") }), want: "401 unauthorized"},
		{name: "another message id", sent: alter(func(_ *scene, l *letter) { l.header.Set("webhook-id", "again") }), want: "401 unauthorized"},
		{name: "another time", sent: alter(func(s *scene, l *letter) {
			l.header.Set("webhook-timestamp", fmt.Sprint(s.Now().Unix()+1))
		}), want: "401 unauthorized"},
		{name: "an added space", sent: alter(func(_ *scene, l *letter) { l.body = append(l.body, ' ') }), want: "401 unauthorized"},
		{name: "no signature", sent: alter(func(_ *scene, l *letter) { l.header.Del("webhook-signature") }), want: "401 unauthorized"},
		{name: "half a signature", sent: alter(func(_ *scene, l *letter) {
			l.header.Set("webhook-signature", l.header.Get("webhook-signature")[:20])
		}), want: "401 unauthorized"},
		{name: "a signature of another kind", sent: alter(func(_ *scene, l *letter) {
			l.header.Set("webhook-signature", strings.Replace(l.header.Get("webhook-signature"), "v1,", "v1a,", 1))
		}), want: "401 unauthorized"},
		{name: "a message id that is not the event's", sent: func(s *scene) letter { return s.signed(theKey, "msg_1", 0, letter{body: s.ticket()}) }, want: "400 invalid-event"},
		{name: "binary", sent: func(s *scene) letter { return s.signed(theKey, s.id(), 0, s.binary()) }, want: "415 unsupported-media-type"},
		{name: "binary, another id", sent: func(s *scene) letter { return s.signed(theKey, s.id(), 0, s.binary("ce-id", "again")) }, want: "415 unsupported-media-type"},
		{name: "binary, a dry run that is none any more", sent: func(s *scene) letter { return s.signed(theKey, s.id(), 0, s.binary("ce-dryrun", "false")) }, want: "415 unsupported-media-type"},
		{name: "structured, with an attribute beside", sent: alter(func(_ *scene, l *letter) { l.header.Set("ce-type", events.TypeSwitchRequested) }), want: "415 unsupported-media-type"},
	}
	var all []forged
	for _, row := range rows {
		for _, door := range []string{"url", "local"} {
			row.door, row.environ = door, []string{keyed}
			all = append(all, row)
		}
	}
	return append(all, forged{name: "two message ids", door: "local", environ: []string{keyed}, sent: alter(func(_ *scene, l *letter) { l.header.Add("webhook-id", "again") }), want: "401 unauthorized"})
}

// limits of a key are passed.
func limits() []forged {
	snow := func(s *scene) letter {
		return s.signed(theKey, "m", 0, letter{body: s.producer("servicenow.business-rule"), query: "from=servicenow", header: http.Header{"Content-Type": {"application/json"}}})
	}
	return []forged{
		{name: "another switch", door: "url", environ: limited("switches=proxy-alt"), sent: (*scene).good, want: "403 denied"},
		{name: "another type", door: "url", environ: limited("types=dev.interlock.tag.changed.v1"), sent: (*scene).good, want: "403 denied"},
		{name: "another project", door: "url", environ: limited("projects=156538411200d4cd2f79c003c7606412"), sent: (*scene).good, want: "403 denied"},
		{name: "a producer's key for an event of its own", door: "url", environ: limited("from=servicenow"), sent: (*scene).good, want: "403 denied"},
		{name: "an event's key for a producer's message", door: "url", environ: limited("from=cloudevents"), sent: snow, want: "403 denied"},
		{name: "another producer's key", door: "local", environ: limited("from=jira"), sent: snow, want: "403 denied"},
		{name: "a producer's message about another switch", door: "local", environ: limited("switches=proxy-alt"), sent: snow, want: "403 denied"},
		{name: "a tag", door: "local", environ: limited("switches=proxy-alt"), sent: func(s *scene) letter {
			body := s.tag("id", "t")
			return s.signed(theKey, "t", 0, letter{body: body})
		}, want: "403 denied"},
		{name: "in a batch", door: "url", environ: limited("switches=proxy-alt"), sent: func(s *scene) letter {
			return s.signed(theKey, "b", 0, letter{body: []byte("[" + string(s.ticket()) + "]"), header: http.Header{"Content-Type": {batched}}})
		}, want: "200 denied"},
	}
}

// pages of strangers have a browser send what it sends without asking.
func pages() []forged {
	from := func(header http.Header, host string, l func(*scene) letter) func(*scene) letter {
		return func(s *scene) letter {
			letter := l(s)
			if letter.header == nil {
				letter.header = http.Header{"Content-Type": {structured}}
			}
			for name, values := range header {
				letter.header[name] = values
			}
			letter.host = host
			return letter
		}
	}
	snow := func(s *scene) letter {
		return letter{body: s.producer("servicenow.business-rule"), query: "from=servicenow", header: http.Header{}}
	}
	form := func(contentType ...string) http.Header { return http.Header{"Content-Type": contentType} }
	all := []forged{
		{name: "a foreign origin", sent: from(http.Header{"Origin": {"https://evil.example.com"}}, "", plain()), want: "403 foreign"},
		{name: "an origin of nobody", sent: from(http.Header{"Origin": {"null"}}, "", plain()), want: "403 foreign"},
		{name: "a foreign origin, behind a mesh", environ: []string{"INTERLOCK_OPEN=true"}, sent: from(http.Header{"Origin": {"https://evil.example.com"}}, "mesh", plain()), want: "403 foreign"},
		{name: "a rebound name", sent: from(nil, "evil.example.com", plain()), want: "403 foreign"},
		{name: "a rebound name, of the same origin", sent: from(http.Header{"Origin": {"http://evil.example.com"}}, "evil.example.com", plain()), want: "403 foreign"},
		{name: "a preflight", sent: func(s *scene) letter {
			return letter{method: "OPTIONS", header: http.Header{"Origin": {"https://evil.example.com"}, "Access-Control-Request-Method": {"POST"}}}
		}, want: "403 foreign"},
		{name: "two content types", sent: from(form("application/json", "text/plain"), "", snow), want: "415 unsupported-media-type"},
	}
	for name, header := range map[string]http.Header{
		"text": form("text/plain"), "a form": form("application/x-www-form-urlencoded"), "a form of parts": form("multipart/form-data; boundary=x"), "of no type": {},
	} {
		all = append(all,
			forged{name: name + ", for a producer", sent: from(header, "", snow), want: "415 unsupported-media-type"},
			forged{name: name + ", in binary mode", sent: func(s *scene) letter {
				l := s.binary()
				l.header.Del("Content-Type")
				return from(header, "", func(*scene) letter { return l })(s)
			}, want: "415 unsupported-media-type"})
	}
	for i := range all {
		all[i].door = "local"
	}
	return append(all,
		forged{name: "text, for a producer", door: "url", sent: func(s *scene) letter {
			l := snow(s)
			l.header, l.context = form("text/plain"), iam
			return l
		}, want: "415 unsupported-media-type"},
		forged{name: "a producer's message that does not say so", door: "url", sent: func(s *scene) letter {
			return letter{body: s.producer("servicenow.business-rule"), header: form("application/json"), context: iam}
		}, want: "415 unsupported-media-type"},
		forged{name: "read", door: "local", sent: func(*scene) letter { return letter{method: "GET"} }, want: "405 method-not-allowed"})
}

// sizes are beyond what is taken.
func sizes() []forged {
	many := func(n int, context string) func(*scene) letter {
		return func(s *scene) letter {
			return letter{body: []byte("[" + strings.TrimSuffix(strings.Repeat("{},", n), ",") + "]"), header: http.Header{"Content-Type": {batched}}, context: context}
		}
	}
	tickets := func(s *scene) []byte {
		one := string(localtest.Edit(s.t, s.ticket(), "data.ticket", localtest.Gone, "type", events.TypeSwitchRequested))
		return []byte("[" + strings.TrimSuffix(strings.Repeat(one+",", 101), ",") + "]")
	}
	return []forged{
		{name: "a batch of 101", door: "url", sent: many(101, iam), want: "413 too-large"},
		{name: "a batch of 80000", door: "url", sent: many(80000, iam), want: "413 too-large"},
		{name: "a batch of 101", door: "local", sent: many(101, ""), want: "413 too-large"},
		{name: "a batch of 101", door: "direct", sent: func(s *scene) letter { return letter{body: tickets(s)} }, want: "error"},
		{name: "a batch of 101", door: "bus", sent: func(s *scene) letter {
			return letter{body: []byte(`{"events":` + string(tickets(s)) + `}`), bare: true}
		}, want: "error"},
		{name: "a body of more than 256 KiB", door: "url", sent: func(s *scene) letter {
			return letter{body: append(s.ticket(), make([]byte, doors.MaxBody)...), context: iam}
		}, want: "413 too-large"},
		{name: "Base64 that is none", door: "url", sent: func(s *scene) letter { return letter{body: s.ticket(), encoded: true, context: iam} }, want: "400 unreadable"},
		{name: "Base64, from nobody", door: "url", sent: func(s *scene) letter {
			return letter{body: []byte(base64.StdEncoding.EncodeToString(s.ticket())), encoded: true}
		}, want: "401 unauthorized"},
		{name: "a member twice", door: "queue", sent: func(s *scene) letter {
			return letter{body: []byte(strings.Replace(string(s.ticket()), `"data":`, `"data":{"switch":"proxy-ssl"},"data":`, 1))}
		}, want: "back"},
	}
}

// followed are completion events that nobody has published.
func followed() []forged {
	var completion []byte
	earlier := func(s *scene) { completion = s.accepted() }
	// A job is asked for no more than its forger is believed.
	forge := func(changes ...any) func(*scene) letter {
		return func(s *scene) letter { return letter{body: localtest.Edit(s.t, completion, changes...)} }
	}
	rows := []forged{
		{name: "a job of nobody", sent: forge("data.job_id", "00000000-0000-0000-0000-000000000000")},
		{name: "another ticket's job", sent: forge("data.cause.id", "CHG666", "data.cause.ticket", "CHG666")},
		{name: "of another source", sent: forge("data.cause.source", "https://evil.example.com")},
		{name: "an event of another id", sent: forge("id", "00000000000000000000000000000000")},
		{name: "an event of another source", sent: forge("source", "urn:interlock:proxy-alt")},
		{name: "of another switch", sent: forge("data.switch", "proxy-alt")},
	}
	var all []forged
	for _, row := range rows {
		for door, want := range map[string]string{"queue": "nothing", "bus": "nothing", "direct": "not-approved", "local": "403 not-approved"} {
			row.door, row.want, row.function, row.before = door, want, engine.JobFollow, earlier
			all = append(all, row)
		}
	}
	return all
}

// altered were good once, or contradict themselves.
func altered() []forged {
	again := func(s *scene) { s.accepted() }
	later := func(s *scene) {
		s.accepted("id", "newer", "time", "2026-11-22T09:20:00Z", "data.ticket.approved_at", "2026-11-22T09:20:00Z")
	}
	return []forged{
		{name: "sent again by another door", door: "queue", before: again, sent: plain(), want: "nothing"},
		{name: "sent again, signed anew", door: "url", environ: []string{keyed}, before: again, sent: (*scene).good, want: "202"},
		{name: "the same id for the opposite", door: "bus", before: again, sent: plain("data.enabled", false), want: "id-reused"},
		{name: "the same id for another requester", door: "direct", before: again, sent: plain("data.ticket.requested_by", "other@example.com"), want: "id-reused"},
		{name: "the same id for another approver", door: "queue", before: again, sent: plain("data.ticket.approved_by", []string{"other@example.com"}), want: "id-reused"},
		{name: "older than what is in effect", door: "local", before: later, sent: plain(), want: "409 superseded"},
		{name: "approved by the requester", door: "local", sent: plain("data.ticket.approved_by", []string{" Requester@Example.com "}), want: "403 not-approved"},
		{name: "approved by nobody", door: "bus", sent: plain("data.ticket.approved_by", []string{}), want: "not-approved"},
		{name: "a window that is over", door: "queue", sent: plain("data.ticket.window", map[string]any{"end": "2026-11-22T09:29:59Z"}), want: "window-over"},
		{name: "a window with a misspelt end", door: "queue", sent: plain("data.ticket.window", map[string]any{"ends": "2026-11-22T09:29:59Z"}), want: "invalid-data"},
		{name: "a window that ends before it starts", door: "direct", sent: plain("data.ticket.window", map[string]any{"start": "2026-11-22T09:00:00Z", "end": "2026-11-22T08:00:00Z"}), want: "invalid-data"},
		{name: "approved in the future", door: "direct", sent: plain("data.ticket.approved_at", "2026-11-22T09:40:00Z"), want: "future"},
		{name: "approved long ago", door: "bus", sent: plain("data.ticket.approved_at", "2026-01-22T09:40:00Z", "data.ticket.window", localtest.Gone), want: "expired"},
		{name: "a dry run, perhaps", door: "bus", sent: plain("dryrun", "yes"), want: "invalid-data"},
		{name: "a snapshot in capitals", door: "queue", sent: func(s *scene) letter { return letter{body: s.tag("snapshot", "TRUE")} }, want: "invalid-data"},
		{name: "a snapshot of one", door: "bus", sent: func(s *scene) letter { return letter{body: s.tag("snapshot", 1)} }, want: "invalid-data"},
		{name: "a snapshot of nothing", door: "direct", sent: func(s *scene) letter { return letter{body: s.tag("snapshot", "")} }, want: "invalid-data"},
		{name: "a misspelt option", door: "bus", sent: plain("data.options", map[string]any{"dry_run": true}), want: "invalid-data"},
		{name: "no CloudEvent", door: "bus", sent: func(*scene) letter { return letter{body: []byte(`{"approved":true}`)} }, want: "nothing"},
	}
}
