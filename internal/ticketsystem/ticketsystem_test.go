package ticketsystem

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

const (
	digest = "sha-256:052ce1766b150ac84189fe4713b249a8e3d82a2314c21a4c616214d458ea8a3a"
	canary = "canary-5b10a2844c20165700ede21g"
)

func instantOf(text string) *time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return &t
}

// ticket is one as an event names it.
func ticket(id, requester string, approvers ...string) events.Ticket {
	return events.Ticket{
		ID: id, RequestedBy: requester, ApprovedBy: approvers, ApprovedAt: instantOf("2026-11-22T08:59:30Z"),
		Window: &events.Window{Start: instantOf("2026-11-22T09:00:00Z"), End: instantOf("2026-11-22T11:00:00Z")},
	}
}

func paths(fields []events.Field) (names []string) {
	for _, f := range fields {
		names = append(names, f.Path)
	}
	return names
}

// options are how a server in the test is reached, by a user whom it knows.
func options(t *testing.T, kind, fields string, h http.Handler) Options {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if r.Method != http.MethodGet || r.Header.Get("Accept") != "application/json" || user != "interlock" || password != canary {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, `{"error":{"message":"User Not Authenticated","detail":"Required to provide Auth information, not %s"},"status":"failure"}`, r.Header.Get("Authorization"))
			return
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	require.NoError(t, err)
	f, err := ParseFields(kind, fields)
	require.NoError(t, err)
	return Options{Kind: kind, Base: base, Fields: f, Credentials: always(Credentials{User: "interlock", Password: canary})}
}

func always(c Credentials) func(context.Context, bool) (Credentials, error) {
	return func(context.Context, bool) (Credentials, error) { return c, nil }
}

func serve(t *testing.T, kind, fields string, h http.Handler) System {
	return New(options(t, kind, fields, h))
}

// ids and fields of both systems, for what is the same of both.
func both(t *testing.T, run func(t *testing.T, kind, fields, id string)) {
	t.Run(serviceNow, func(t *testing.T) { run(t, serviceNow, "", "CHG0031337") })
	t.Run(jira, func(t *testing.T) { run(t, jira, jiraFields, "OPS-4") })
}

// requireLater requires an error that means later, of one line without a secret.
func requireLater(t *testing.T, err error) *Error {
	e := (*Error)(nil)
	require.ErrorAs(t, err, &e)
	require.NotContains(t, err.Error(), "\n")
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v", e), e.LogValue().String()} {
		require.NotContains(t, text, canary)
		require.NotContains(t, text, "aW50ZXJsb2Nr") // the user, as Basic has it
	}
	return e
}

// TestNoAnswer: whatever is no answer means later.
func TestNoAnswer(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		header http.Header
		body   string
		after  time.Duration
		names  string
	}{
		{"401", 401, nil, `{"error":{"message":"User Not Authenticated"}}`, 0, "found status 401 Unauthorized, expected 200 OK"},
		{"403", 403, nil, `{"error":{"message":"Insufficient rights"}}`, 0, "found status 403"},
		{"404 of something else", 404, nil, `<html>nothing here</html>`, 0, "found status 404"},
		{"404 of another API", 404, nil, `{"error":{"message":"Requested URI does not represent any resource"}}`, 0, "found status 404"},
		{"429", 429, http.Header{"Retry-After": {"30"}}, ``, 30 * time.Second, "found status 429 Too Many Requests"},
		{"429 until a time", 429, http.Header{"Retry-After": {"Sun, 22 Nov 2026 09:02:00 GMT"}}, ``, 2 * time.Minute, "found status 429"},
		{"429 for ever", 429, http.Header{"Retry-After": {"999999999"}}, ``, time.Hour, "found status 429"},
		{"429 in no time", 429, http.Header{"Retry-After": {"soon"}}, ``, 0, "found status 429"},
		{"500", 500, nil, `{"result":[]}`, 0, "found status 500"},
		{"503", 503, http.Header{"Retry-After": {"5"}}, ``, 5 * time.Second, "found status 503"},
		{"a redirect", 302, http.Header{"Location": {"/login"}}, ``, 0, "found status 302"},
		{"created", 201, nil, `{"result":[]}`, 0, "found status 201"},
		{"a page to log in", 200, nil, `<html>` + canary + `</html>`, 0, "answer: found something else at byte 0, expected JSON"},
		{"half an answer", 200, nil, `{"result":[{"number":"` + canary, 0, "expected JSON with each member once"},
		{"a member twice", 200, nil, `{"` + canary + `":1,"` + canary + `":2}`, 0, "expected JSON with each member once"},
		{"nothing", 200, nil, ``, 0, "expected JSON"},
		{"a long answer", 200, nil, `{"result":[` + strings.Repeat(`{},`, maxAnswer/3) + `{}]}`, 0, "found more than 1048576 bytes"},
		{"an answer to nobody", 200, http.Header{"X-Seraph-Loginreason": {"AUTHENTICATED_FAILED"}}, `{"key":"OPS-4"}`, 0, "found status 401"},
		{"a 404 to nobody", 404, http.Header{"X-Seraph-Loginreason": {"AUTHENTICATED_FAILED"}}, `{"errorMessages":[]}`, 0, "found status 401"},
	} {
		t.Run(c.name, func(t *testing.T) {
			both(t, func(t *testing.T, kind, fields, id string) {
				o := options(t, kind, fields, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					require.NotEqual(t, "/login", r.URL.Path)
					for name, values := range c.header {
						w.Header()[name] = values
					}
					w.WriteHeader(c.status)
					_, _ = w.Write([]byte(c.body))
				}))
				o.Now = func() time.Time { return *instantOf("2026-11-22T09:00:00Z") }
				found, err := New(o).Ticket(t.Context(), id)
				e := requireLater(t, err)
				require.ErrorContains(t, err, c.names)
				require.Equal(t, c.after, e.RetryAfter)
				require.Empty(t, found, "nothing is known")
			})
		})
	}
}

// TestEndless: an answer is read as far as a ticket's may go, and no further.
func TestEndless(t *testing.T) {
	both(t, func(t *testing.T, kind, fields, id string) {
		_, err := serve(t, kind, fields, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for line := []byte(strings.Repeat(" ", 1<<16)); ; {
				if _, err := w.Write(line); err != nil {
					return
				}
			}
		})).Ticket(t.Context(), id)
		requireLater(t, err)
		require.ErrorContains(t, err, "found more than 1048576 bytes")
	})
}

// TestNoShape: JSON that is no answer of the API means later.
func TestNoShape(t *testing.T) {
	for _, body := range []string{`{}`, `[]`, `null`, `{"result":{}}`, `{"result":[{}]}`, `{"result":[null]}`, `{"key":"OPS-4"}`, `{"key":"OPS-4","fields":{"status":"Approved"}}`} {
		both(t, func(t *testing.T, kind, fields, id string) {
			found, err := serve(t, kind, fields, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(body))
			})).Ticket(t.Context(), id)
			if err == nil {
				require.Equal(t, Missing, found.State, body) // an issue of another key
				return
			}
			requireLater(t, err)
		})
	}
}

// TestTimeout: neither a system that does not answer nor one that never ends
// holds the caller up longer than it may.
func TestTimeout(t *testing.T) {
	both(t, func(t *testing.T, kind, fields, id string) {
		asked := make(chan struct{}, 2)
		o := options(t, kind, fields, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(`{"result":[`))
			w.(http.Flusher).Flush()
			asked <- struct{}{}
			<-r.Context().Done()
		}))
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-asked; cancel() }()
		_, err := New(o).Ticket(ctx, id)
		requireLater(t, err)
		require.ErrorIs(t, err, context.Canceled)

		o.Timeout = time.Millisecond
		_, err = New(o).Ticket(t.Context(), id)
		requireLater(t, err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	o := options(t, serviceNow, "", http.NotFoundHandler())
	o.Base = &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	_, err := New(o).Ticket(t.Context(), "CHG1")
	requireLater(t, err)
	require.NotContains(t, err.Error(), "sysparm")
}

// TestCredentials: what was refused is tried once more where there are others,
// and only then.
func TestCredentials(t *testing.T) {
	old, fresh := Credentials{User: "interlock", Password: "old"}, Credentials{User: "interlock", Password: canary}
	both(t, func(t *testing.T, kind, fields, id string) {
		o := options(t, kind, fields, map[string]http.Handler{serviceNow: newInstance(), jira: newSite()}[kind])
		var renewals []bool
		o.Credentials = func(_ context.Context, renew bool) (Credentials, error) {
			renewals = append(renewals, renew)
			if renew {
				return fresh, nil
			}
			return old, nil
		}
		found, err := New(o).Ticket(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, Approved, found.State)
		require.Equal(t, []bool{false, true}, renewals)

		times := 0
		o.Credentials = func(context.Context, bool) (Credentials, error) {
			times++
			return Credentials{User: "interlock", Password: cloudapi.Secret(fmt.Sprint("old", times))}, nil
		}
		_, err = New(o).Ticket(t.Context(), id)
		requireLater(t, err)
		require.Equal(t, 2, times, "no more than once")

		o.Credentials = always(old)
		_, err = New(o).Ticket(t.Context(), id)
		require.Equal(t, 401, requireLater(t, err).Status)

		o.Credentials = func(context.Context, bool) (Credentials, error) { return Credentials{}, errors.New("secret s: gone") }
		_, err = New(o).Ticket(t.Context(), id)
		requireLater(t, err)
		require.ErrorContains(t, err, "credentials: secret s: gone")
	})
}

func TestToken(t *testing.T) {
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	Credentials{Token: "t"}.authorize(req)
	require.Equal(t, "Bearer t", req.Header.Get("Authorization"))
}

func TestParseFields(t *testing.T) {
	f, err := ParseFields(serviceNow, " digest = u_bound , approved=approved|waved_through,closed=,")
	require.NoError(t, err)
	require.Equal(t, "u_bound", f.Digest)
	require.Equal(t, []string{"approved", "waved_through"}, f.Approved)
	require.Empty(t, f.Closed)
	require.Equal(t, "requested_by", f.Requester)
	for _, c := range []struct{ kind, text, names string }{
		{serviceNow, "digset=u_x", `found "digset=u_x", expected name=value with a name of approved, closed,`},
		{serviceNow, "digest", `found "digest", expected name=value`},
		{serviceNow, "digest=a,digest=b", "digest: found it twice"},
		{serviceNow, "digest=a^ORb", `digest: found "a^ORb", expected a field's name`},
		{serviceNow, "requester=", "requester: found nothing"},
		{serviceNow, "rejected=", "approval, approved, rejected: found nothing in one of them"},
		{serviceNow, "approved=|", "approval, approved, rejected: found nothing in one of them"},
		{jira, "", "digest: not set; expected digest=customfield_…"},
		{jira, "digest=,approval=x", `found "approval=x"`},
	} {
		_, err := ParseFields(c.kind, c.text)
		require.ErrorContains(t, err, c.names, c.text)
	}
}

// TestCompare: what the event says of itself counts for nothing where the
// system says otherwise.
func TestCompare(t *testing.T) {
	bound, empty := digest, ""
	yes := Found{State: Approved, RequestedBy: Person{"1", "ann"}, Approvers: []Person{{"2", "bob"}, {"1", "ann"}}, Digest: &bound}
	unbound := yes
	unbound.Digest = &empty
	none := yes
	none.Digest = nil
	for _, c := range []struct {
		name   string
		found  Found
		digest string // of what the event asks for
		edit   func(*events.Ticket)
		paths  []string
	}{
		{"the same", yes, digest, func(*events.Ticket) {}, nil},
		{"names in another case, and around them space", yes, digest, func(k *events.Ticket) { k.ApprovedBy[0] = " BOB " }, nil},
		{"asks for something else", yes, "sha-256:00", func(*events.Ticket) {}, []string{"data.ticket.digest"}},
		{"asks for something else, by a digest of its own", yes, "sha-256:00", func(k *events.Ticket) { k.Digest = "sha-256:00" }, []string{"data.ticket.digest"}},
		{"a digest where there is none", unbound, digest, func(k *events.Ticket) { k.Digest = digest }, []string{"data.ticket.digest"}},
		{"no digest on either side", unbound, digest, func(*events.Ticket) {}, nil},
		{"a digest, of which the system keeps none", none, digest, func(k *events.Ticket) { k.Digest = digest }, nil},
		{"a step, by its ticket's digest", yes, "", func(k *events.Ticket) { k.Digest = digest }, nil},
		{"a step, by another digest", yes, "", func(k *events.Ticket) { k.Digest = "sha-256:00" }, []string{"data.ticket.digest"}},
		{"a step without one", yes, "", func(*events.Ticket) {}, []string{"data.ticket.digest"}},
		{"an approver whom nobody knows", yes, digest, func(k *events.Ticket) { k.ApprovedBy = []string{"bob", "carol"} }, []string{"data.ticket.approved_by[1]"}},
		{"an approver of no name", yes, digest, func(k *events.Ticket) { k.ApprovedBy = []string{""} }, []string{"data.ticket.approved_by[0]"}},
		{"no approver", yes, digest, func(k *events.Ticket) { k.ApprovedBy = nil }, []string{"data.ticket.approved_by"}},
		{"the requester by another name", yes, digest, func(k *events.Ticket) { k.ApprovedBy = []string{"1"} }, []string{"data.ticket.approved_by"}},
		{"another requester", yes, digest, func(k *events.Ticket) { k.RequestedBy = "mallory" }, []string{"data.ticket.requested_by"}},
		{"no time of approval", yes, digest, func(k *events.Ticket) { k.ApprovedAt = nil }, nil},
		{"everything at once", yes, "sha-256:00", func(k *events.Ticket) { k.RequestedBy, k.ApprovedBy = "mallory", []string{"eve"} },
			[]string{"data.ticket.requested_by", "data.ticket.approved_by[0]", "data.ticket.digest"}},
		{"nothing is known", Found{}, digest, func(*events.Ticket) {}, []string{"data.ticket.id"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := ticket("CHG1", "ann", "bob")
			c.edit(&asked)
			against := Compare(asked, c.digest, c.found)
			require.Equal(t, c.paths, paths(against))
			for _, f := range against {
				require.NotEmpty(t, f.Found)
				require.NotEmpty(t, f.Expected)
			}
		})
	}

	timed := yes
	timed.ApprovedAt, timed.Start, timed.End = instantOf("2026-11-22T08:59:30Z"), instantOf("2026-11-22T09:00:00Z"), instantOf("2026-11-22T11:00:00Z")
	asked := ticket("CHG1", "ann", "bob")
	require.Empty(t, Compare(asked, digest, timed))
	asked.Window = nil
	require.Equal(t, []string{"data.ticket.window.start", "data.ticket.window.end"}, paths(Compare(asked, digest, timed)), "no window is a wider one")
	*asked.ApprovedAt = asked.ApprovedAt.Add(500 * time.Millisecond)
	asked.Window = &events.Window{Start: instantOf("2026-11-22T09:30:00Z"), End: instantOf("2026-11-22T10:00:00Z")}
	require.Empty(t, Compare(asked, digest, timed))
}
