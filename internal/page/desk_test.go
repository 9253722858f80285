package page

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// recorder is a desk that notes what is done at it.
type recorder struct {
	*ledger.Transactional
	did []string
}

func (r *recorder) SetHalt(ctx context.Context, halt bool) error {
	r.did = append(r.did, fmt.Sprint("halt ", halt))
	return r.Transactional.SetHalt(ctx, halt)
}

func (r *recorder) Resolve(_ context.Context, key ledger.Key, as engine.Resolution) (engine.Resolved, error) {
	if as.By == "" {
		return engine.Resolved{}, errors.New("who resolves it: found nothing, expected a name")
	}
	r.did = append(r.did, fmt.Sprint("resolve ", key.ID, " ", as))
	return engine.Resolved{}, nil
}

func (r *recorder) Again(_ context.Context, key ledger.Key) engine.Result {
	r.did = append(r.did, "again "+key.ID)
	return engine.Result{Kind: engine.Completed}
}

// At the desk somebody is told what will happen, and it happens once he has shown
// the token, from this page, and not otherwise.
func TestDesk(t *testing.T) {
	l := ledger.NewMemory()
	p := New(Watch(l).View)
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	t.Cleanup(p.Close)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(method, path string, form url.Values, header ...string) (status int, text, to string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(form.Encode()))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if len(header) > 0 {
			req.Header.Set(header[0], header[1])
		}
		res, err := client.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.StatusCode, string(body), res.Header.Get("Location")
	}
	claimed := func(id string) ledger.Claim {
		c := claim(id, "", began)
		c.Instance, c.Slot = "instance of "+id, "slot of "+id
		_, err := l.Claim(t.Context(), c)
		require.NoError(t, err)
		return c
	}
	doubtful, waiting, done := claimed("doubtful"), claimed("waiting"), claimed("done")
	require.NoError(t, l.Lapse(t.Context(), doubtful.Key, doubtful.Nonce, began.Add(time.Minute), false, ledger.Note{At: began, Code: "doubt"}))
	require.NoError(t, l.Release(t.Context(), waiting.Key, waiting.Nonce, ledger.Wait{Due: began.Add(time.Hour), Last: ledger.Note{At: began, Code: "busy"}}))
	require.NoError(t, l.Settle(t.Context(), done.Key, done.Nonce, ledger.Outcome{Result: "applied", Effective: true, At: began, Events: []json.RawMessage{json.RawMessage(`{}`)}}))
	at := func(do string, c ledger.Claim) url.Values {
		return url.Values{"do": {do}, "switch": {c.Key.Switch}, "source": {c.Key.Source}, "id": {c.Key.ID}}
	}

	// Where nobody attends, nothing is offered and nothing can be asked for.
	_, text, _ := ask(http.MethodGet, "/", nil)
	require.NotContains(t, text, "/page/desk")
	status, _, _ := ask(http.MethodGet, "/page/desk?do=halt", nil)
	require.Equal(t, http.StatusNotFound, status)
	status, _, _ = ask(http.MethodPost, "/page/desk", url.Values{"do": {"halt"}, "token": {""}})
	require.Equal(t, http.StatusForbidden, status)

	desk := &recorder{Transactional: l}
	p.Attend(desk, "the token", "a file")
	_, text, _ = ask(http.MethodGet, "/", nil)
	require.Contains(t, text, `href="/page/desk?do=halt"`)
	status, text, _ = ask(http.MethodGet, "/page/desk?do=halt", nil)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, "From the next call on nothing is called any more")
	require.Contains(t, text, "The token stands in a file.")
	require.NotContains(t, text, "the token\"")

	for _, c := range []struct {
		name   string
		form   url.Values
		token  string
		header []string
		status int
		says   string
		did    string
		to     string
	}{
		{"no token", url.Values{"do": {"halt"}}, "", nil, http.StatusForbidden, "not the desk&#39;s token", "", ""},
		{"another token", url.Values{"do": {"halt"}}, "the tokem", nil, http.StatusForbidden, "nothing was done", "", ""},
		{"another site", url.Values{"do": {"halt"}}, "the token", []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden, "cross-origin", "", ""},
		{"another origin", url.Values{"do": {"halt"}}, "the token", []string{"Origin", "http://evil.example"}, http.StatusForbidden, "cross-origin", "", ""},
		{"halt", url.Values{"do": {"halt"}}, "the token", nil, http.StatusSeeOther, "", "halt true", "/"},
		{"resume", url.Values{"do": {"resume"}}, "the token", nil, http.StatusSeeOther, "", "halt false", "/"},
		{"again, in doubt", at("again", doubtful), "the token", nil, http.StatusSeeOther, "", "again doubtful", link(doubtful.Key)},
		{"again, waiting", at("again", waiting), "the token", nil, http.StatusSeeOther, "", "again waiting", link(waiting.Key)},
		{"again, done", at("again", done), "the token", nil, http.StatusSeeOther, "", "again done", link(done.Key)},
		{"resolve", url.Values{"as": {"applied"}, "by": {"me"}}, "the token", nil, http.StatusSeeOther, "", "resolve doubtful {applied  me}", link(doubtful.Key)},
		{"resolve by nobody", url.Values{"as": {"applied"}}, "the token", nil, http.StatusConflict, "who resolves it", "", ""},
		{"resolve what is done", at("resolve", done), "the token", nil, http.StatusConflict, "expected what can be done to this decision as it is now", "", ""},
		{"something else", at("drop", doubtful), "the token", nil, http.StatusConflict, "found &#34;drop&#34;", "", ""},
		{"of nothing", url.Values{"do": {"again"}, "id": {"x"}}, "the token", nil, http.StatusConflict, "no such decision", "", ""},
	} {
		if c.form.Get("as") != "" {
			for name, value := range at("resolve", doubtful) {
				c.form[name] = value
			}
		}
		if c.token != "" {
			c.form.Set("token", c.token)
		}
		desk.did = nil
		status, text, to := ask(http.MethodPost, "/page/desk", c.form, c.header...)
		require.Equal(t, c.status, status, c.name)
		require.Contains(t, text, c.says, c.name)
		require.Equal(t, c.did, strings.Join(desk.did, ", "), c.name)
		require.Equal(t, c.to, to, c.name)
		require.NotContains(t, text, "the token", c.name)
	}

	// Each decision offers what can be done to it, with what will happen.
	for c, says := range map[*ledger.Claim]string{&doubtful: "looked up first", &waiting: "2026-", &done: "is published"} {
		_, text, _ := ask(http.MethodGet, link(c.Key), nil)
		require.Contains(t, text, "Deliver again", c.Key.ID)
		require.Equal(t, c == &doubtful, strings.Contains(text, "Say what became of it"), c.Key.ID)
		_, text, _ = ask(http.MethodGet, "/page/desk?"+at("again", *c).Encode(), nil)
		require.Contains(t, text, says, c.Key.ID)
	}
}
