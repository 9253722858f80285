package cloudapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// testIAM is IAM and TaurusDB in one: it hands out token-1, token-2 and so on
// and takes those that accepts does not refuse.
type testIAM struct {
	fetches, flips atomic.Int32
	now            func() time.Time
	life           time.Duration
	accepts        func(token string) bool
	answer         http.HandlerFunc // IAM's, in place of a token
	refusal        http.HandlerFunc // TaurusDB's, in place of 401
}

func withUser(t *testing.T) (*Client, *testIAM) {
	iam := &testIAM{life: 24 * time.Hour, accepts: func(string) bool { return true }}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v3/auth/tokens", iam.token)
	mux.HandleFunc("PUT /v3/{project}/instances/", func(w http.ResponseWriter, r *http.Request) {
		iam.flips.Add(1)
		token := r.Header.Get("X-Auth-Token")
		switch {
		case iam.accepts(token):
			_, _ = fmt.Fprintf(w, `{"job_id":"by-%s"}`, token)
		case iam.refusal != nil:
			iam.refusal(w, r)
		default:
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	iam.now = func() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) }
	c := &Client{
		GaussDB: server.URL, HTTP: server.Client(), Now: func() time.Time { return iam.now() },
		Auth: &UserToken{IAM: server.URL + "/", Domain: "a-domain", User: "a-user", Password: "a-password"},
	}
	return c, iam
}

func (i *testIAM) token(w http.ResponseWriter, r *http.Request) {
	n := i.fetches.Add(1)
	if i.answer != nil {
		i.answer(w, r)
		return
	}
	w.Header().Set("X-Subject-Token", fmt.Sprintf("token-%d", n))
	w.WriteHeader(http.StatusCreated)
	issued := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC) // its clock is not ours
	const layout = "2006-01-02T15:04:05.000000Z"
	_, _ = fmt.Fprintf(w, `{"token":{"issued_at":%q,"expires_at":%q,"methods":["password"]}}`,
		issued.Format(layout), issued.Add(i.life).Format(layout))
}

func TestUserTokenRequest(t *testing.T) {
	c, iam := withUser(t)
	var body any
	iam.answer = func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("body: %v", err)
		}
		w.Header().Set("X-Subject-Token", "token-0")
		w.WriteHeader(http.StatusCreated)
	}
	require.NoError(t, flip(t.Context(), c))
	type o = map[string]any
	require.Equal(t, o{"auth": o{
		"identity": o{"methods": []any{"password"}, "password": o{"user": o{
			"domain": o{"name": "a-domain"}, "name": "a-user", "password": "a-password"}}},
		"scope": o{"project": o{"id": project}},
	}}, body)
}

func TestUserTokenIsKeptPerProject(t *testing.T) {
	c, iam := withUser(t)
	for _, tt := range []struct{ project, job string }{{"p", "by-token-1"}, {"p", "by-token-1"}, {"q", "by-token-2"}, {"p", "by-token-1"}} {
		id, err := c.SwitchMultiTenancy(t.Context(), Instance{ProjectID: tt.project, InstanceID: "i"}, true)
		require.NoError(t, err)
		require.Equal(t, tt.job, id)
	}
	require.Equal(t, int32(2), iam.fetches.Load())
}

func TestUserTokenIsRenewedEarly(t *testing.T) {
	c, iam := withUser(t)
	start := iam.now()
	for after, fetches := range map[time.Duration]int32{0: 1, 21 * time.Hour: 1, 22 * time.Hour: 2} {
		iam.fetches.Store(0)
		c.Auth = &UserToken{IAM: c.GaussDB, Domain: "a-domain", User: "a-user", Password: "a-password"}
		iam.now = func() time.Time { return start }
		require.NoError(t, flip(t.Context(), c))
		iam.now = func() time.Time { return start.Add(after) }
		require.NoError(t, flip(t.Context(), c))
		require.Equal(t, fetches, iam.fetches.Load(), after)
	}
}

func TestUserTokenWithoutExpiry(t *testing.T) {
	re := reply{body: []byte(`{}`)}
	require.Equal(t, time.Hour, re.tokenLife(time.Now()))
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	re.body = []byte(`{"token":{"expires_at":"2026-11-22T11:00:00.000000Z"}}`)
	require.Equal(t, 2*time.Hour, re.tokenLife(now))
	re.body = []byte(`{"token":{"expires_at":"2020-11-22T11:00:00.000000Z"}}`)
	require.Zero(t, re.tokenLife(now))
}

func TestRefusedTokenIsRenewedOnce(t *testing.T) {
	for name, refusal := range map[string]http.HandlerFunc{
		"401": nil,
		"code": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"error_code":"APIGW.0307","error_msg":"the token must be renewed"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, iam := withUser(t)
			iam.refusal = refusal
			require.NoError(t, flip(t.Context(), c))
			iam.accepts = func(token string) bool { return token != "token-1" }
			require.NoError(t, flip(t.Context(), c))
			require.Equal(t, []int32{2, 3}, []int32{iam.fetches.Load(), iam.flips.Load()})

			iam.accepts = func(string) bool { return false }
			e := asError(t, flip(t.Context(), c))
			require.True(t, e.Denied())
			require.Equal(t, NoEffect, e.Effect)
			require.Equal(t, []int32{3, 5}, []int32{iam.fetches.Load(), iam.flips.Load()})
		})
	}
}

// A token that the cloud refused in doubt is not a reason to send again.
func TestTokenIsNotRenewedInDoubt(t *testing.T) {
	c, iam := withUser(t)
	iam.accepts = func(string) bool { return false }
	iam.refusal = func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"error_code":"DBS.280056"}`)
	}
	require.True(t, asError(t, flip(t.Context(), c)).MayHaveEffect())
	require.Equal(t, int32(1), iam.flips.Load())
}

// The one who renews a token does not undo what another has just renewed.
func TestRefusedForgetsOnlyTheRefusedToken(t *testing.T) {
	user := &UserToken{}
	user.project("p").token = "token-2"
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.Header.Set("X-Auth-Token", "token-1")
	require.True(t, user.Refused(req, Call{ProjectID: "p"}))
	require.Equal(t, "token-2", user.project("p").token)
}

// gate is an answer of IAM that waits until it is opened.
func gate(iam *testIAM) (asked <-chan struct{}, open func()) {
	in, out := make(chan struct{}), make(chan struct{})
	var once sync.Once
	iam.answer = func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // so that the server notices when the client goes
		close(in)
		select {
		case <-out:
		case <-r.Context().Done():
		}
		w.Header().Set("X-Subject-Token", "token-0")
		w.WriteHeader(http.StatusCreated)
	}
	return in, func() { once.Do(func() { close(out) }) }
}

// waiters waits until so many callers wait for the token of the project.
func waiters(t *testing.T, user *UserToken, n int) {
	require.Eventually(t, func() bool {
		user.mu.Lock()
		defer user.mu.Unlock()
		f := user.project(project).fetching
		return f != nil && f.waiting == n
	}, time.Minute, time.Millisecond)
}

// Ten callers fetch one token, and the one who began may leave.
func TestCallersShareOneFetch(t *testing.T) {
	c, iam := withUser(t)
	user := c.Auth.(*UserToken)
	asked, open := gate(iam)
	defer open()
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() { first <- flip(ctx, c) }()
	<-asked
	others := make(chan error)
	for range 9 {
		go func() { others <- flip(t.Context(), c) }()
	}
	waiters(t, user, 10)
	cancel()
	e := asError(t, <-first)
	require.ErrorIs(t, e, context.Canceled)
	require.Equal(t, NoEffect, e.Effect)
	open()
	for range 9 {
		require.NoError(t, <-others)
	}
	require.Equal(t, []int32{1, 9}, []int32{iam.fetches.Load(), iam.flips.Load()})
}

// The last caller to leave ends the fetch and waits for its end; the next one
// begins another.
func TestFetchEndsWithItsLastCaller(t *testing.T) {
	c, iam := withUser(t)
	asked, open := gate(iam)
	defer open()
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() { result <- flip(ctx, c) }()
	<-asked
	waiters(t, c.Auth.(*UserToken), 1)
	user := c.Auth.(*UserToken)
	user.mu.Lock()
	f := user.project(project).fetching
	user.mu.Unlock()
	cancel()
	require.ErrorIs(t, <-result, context.Canceled)
	select {
	case <-f.done:
	default:
		t.Fatal("the fetch outlived its caller")
	}
	require.ErrorIs(t, f.err, context.Canceled)
	iam.answer = nil
	require.NoError(t, flip(t.Context(), c))
	require.Equal(t, int32(2), iam.fetches.Load())
}

func TestNobodyJoinsACancelledFetch(t *testing.T) {
	user := &UserToken{}
	p := user.project(project)
	f := &fetch{waiting: 1, done: make(chan struct{})}
	p.fetching = f
	f.cancel = func() {
		user.mu.Lock()
		defer user.mu.Unlock()
		require.Nil(t, p.fetching)
		close(f.done)
	}
	user.leave(p, f)
}

func TestErrorsOfIAM(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		denied bool
	}{
		{401, `{"error":{"code":401,"message":"The username or password is wrong.","title":"Unauthorized"}}`, true},
		{400, `{"error":{"code":400,"message":"no such project"}}`, true},
		{404, ``, true},
		{429, ``, false},
		{408, ``, false},
		{500, `<html>`, false},
		{302, ``, false},
		{201, `{"token":{}}`, false},
	} {
		c, iam := withUser(t)
		iam.answer = func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, tt.body)
		}
		e := asError(t, flip(t.Context(), c))
		require.Equal(t, "KeystoneCreateUserTokenByPassword", e.Operation)
		require.Equal(t, tt.status, e.Status)
		require.Equal(t, tt.denied, e.Denied(), tt.status)
		require.Equal(t, NoEffect, e.Effect)
		require.Zero(t, iam.flips.Load())
		require.Equal(t, tt.status == 429, e.Throttled())
	}
}

func TestWrongPasswordPauses(t *testing.T) {
	c, iam := withUser(t)
	iam.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }
	for range 4 {
		require.True(t, asError(t, flip(t.Context(), c)).Denied())
	}
	require.Equal(t, int32(2), iam.fetches.Load())
	e := asError(t, flip(t.Context(), c))
	require.Equal(t, 5*time.Minute, e.RetryAfter)
	iam.answer = nil
	_, err := c.SwitchMultiTenancy(t.Context(), Instance{ProjectID: "q", InstanceID: "i"}, true)
	require.NoError(t, err, "another project")
}

func TestIAMAway(t *testing.T) {
	c, _ := withUser(t)
	c.Auth.(*UserToken).IAM = "http://127.0.0.1:1"
	e := asError(t, flip(t.Context(), c))
	require.Equal(t, NoEffect, e.Effect)
	require.False(t, e.Denied())
	c.Auth.(*UserToken).IAM = ""
	require.ErrorContains(t, flip(t.Context(), c), "no base URL for IAM")
}
