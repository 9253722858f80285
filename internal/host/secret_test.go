package host

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

// vault is a Secrets Manager with one secret.
type vault struct {
	mu      sync.Mutex
	value   any
	away    bool
	fetched int
}

func (v *vault) set(value any, away bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.value, v.away = value, away
}

func (v *vault) times() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := v.fetched
	v.fetched = 0
	return n
}

func (v *vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fetched++
	body, _ := io.ReadAll(r.Body)
	if v.away || string(body) != `{"SecretId":"the-secret"}` {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"ResourceNotFoundException","Message":"Secrets Manager can't find the specified secret."}`)
		return
	}
	text, ok := v.value.(string)
	if !ok {
		b, _ := json.Marshal(v.value)
		text = string(b)
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"SecretString": text})
}

type keys map[string]string

func pair(n string) keys {
	return keys{"HUAWEICLOUD_SDK_AK": "AK" + n, "HUAWEICLOUD_SDK_SK": "SK" + n}
}

// open makes an authenticator of the vault's secret.
func open(t *testing.T, v *vault, iam string) cloudapi.Authenticator {
	t.Helper()
	server := httptest.NewServer(v)
	t.Cleanup(server.Close)
	env := map[string]string{
		"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_ENDPOINT_URL_SECRETS_MANAGER": server.URL,
	}
	c := config.Config{SecretID: "the-secret"}
	c.Endpoints.IAM = iam
	auth, err := (&AWS{Getenv: func(name string) string { return env[name] }}).Auth(c)
	require.NoError(t, err)
	return auth
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// authorize has a request authorised at a time, and returns who signed it.
func authorize(t *testing.T, auth cloudapi.Authenticator, at time.Time) (*http.Request, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://cloud.test/v3/p", http.NoBody)
	require.NoError(t, err)
	err = auth.Authorize(t.Context(), req, callAt(at))
	_, rest, _ := strings.Cut(req.Header.Get("Authorization"), "Access=")
	who, _, _ := strings.Cut(rest, ",")
	return req, who, err
}

func callAt(at time.Time) cloudapi.Call {
	return cloudapi.Call{ProjectID: "p", Now: at, HTTP: http.DefaultClient}
}

func TestSecretIsFetchedOnce(t *testing.T) {
	v := &vault{value: pair("1")}
	auth := open(t, v, "")
	require.Zero(t, v.times(), "fetched before it is needed")
	for range 3 {
		_, who, err := authorize(t, auth, noon)
		require.NoError(t, err)
		require.Equal(t, "AK1", who)
	}
	require.Equal(t, 1, v.times())
}

func TestRefusedSecretIsRenewed(t *testing.T) {
	v := &vault{value: pair("1")}
	auth := open(t, v, "")
	req, _, err := authorize(t, auth, noon)
	require.NoError(t, err)
	v.set(pair("2"), false)
	_, who, err := authorize(t, auth, noon)
	require.NoError(t, err)
	require.Equal(t, "AK1", who, "renewed without a refusal")
	require.True(t, auth.Refused(req, callAt(noon)), "not sent again, though the secret was rotated")
	_, who, err = authorize(t, auth, noon)
	require.NoError(t, err)
	require.Equal(t, "AK2", who)
	require.Equal(t, 2, v.times())
	_, _, err = authorize(t, auth, noon)
	require.NoError(t, err)
	require.Zero(t, v.times())
}

// The same credentials keep what their authenticator knows: after two refusals
// it lets nothing through, or the cloud would lock the key. When the secret is
// put right, that ends at once.
func TestUnchangedSecretKeepsItsRefusals(t *testing.T) {
	v := &vault{value: pair("1")}
	auth := open(t, v, "")
	for range 2 {
		req, _, err := authorize(t, auth, noon)
		require.NoError(t, err)
		require.False(t, auth.Refused(req, callAt(noon)), "sent again by the same key")
	}
	_, _, err := authorize(t, auth, noon.Add(time.Minute))
	var denied *cloudapi.Error
	require.ErrorAs(t, err, &denied)
	require.True(t, denied.Denied())
	v.set(pair("2"), false)
	_, who, err := authorize(t, auth, noon.Add(2*time.Minute))
	require.NoError(t, err)
	require.Equal(t, "AK2", who)
}

// A refusal is looked after for as long as the cloud counts it, and then
// forgotten.
func TestSuspicionEnds(t *testing.T) {
	v := &vault{value: pair("1")}
	auth := open(t, v, "")
	req, _, err := authorize(t, auth, noon)
	require.NoError(t, err)
	require.False(t, auth.Refused(req, callAt(noon)))
	v.times()
	_, _, err = authorize(t, auth, noon.Add(suspect-time.Second))
	require.NoError(t, err)
	require.Equal(t, 1, v.times())
	_, _, err = authorize(t, auth, noon.Add(suspect))
	require.NoError(t, err)
	require.Zero(t, v.times())
}

// An old password gets no token, so that the cloud never sees it.
func TestRotatedPassword(t *testing.T) {
	var mu sync.Mutex
	asked := 0
	iam := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked++
		if body, _ := io.ReadAll(r.Body); !strings.Contains(string(body), "new-password") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("X-Subject-Token", "token")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"token":{"expires_at":"2026-11-23T12:00:00.000000Z"}}`)
	}))
	t.Cleanup(iam.Close)
	user := func(password string) keys {
		return keys{"INTERLOCK_IAM_DOMAIN": "d", "INTERLOCK_IAM_USER": "u", "INTERLOCK_IAM_PASSWORD": password}
	}
	v := &vault{value: user("old-password")}
	auth := open(t, v, iam.URL)
	_, _, err := authorize(t, auth, noon)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "password")
	v.set(user("new-password"), false)
	req, _, err := authorize(t, auth, noon.Add(10*time.Minute))
	require.NoError(t, err)
	require.Equal(t, "token", req.Header.Get("X-Auth-Token"))
}

// An error says which secret, and nothing of what is in it.
func TestSecretErrors(t *testing.T) {
	const canary = "canary-5e2f0c6d9b"
	for name, c := range map[string]struct {
		value any
		want  string
	}{
		"no JSON":       {canary + "{", "secret the-secret: expected a JSON object"},
		"another JSON":  {[]string{canary}, "secret the-secret: expected a JSON object"},
		"nothing in it": {keys{"AK": canary}, "secret the-secret: HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK: not set"},
		"half a pair":   {keys{"HUAWEICLOUD_SDK_AK": canary}, "secret the-secret: HUAWEICLOUD_SDK_SK: not set"},
		"no texts":      {map[string]any{"HUAWEICLOUD_SDK_AK": 1, "HUAWEICLOUD_SDK_SK": []string{canary}}, "secret the-secret: HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK: not set"},
		"two ways":      {keys{"HUAWEICLOUD_SDK_AK": canary, "HUAWEICLOUD_SDK_SK": canary, "INTERLOCK_AUTH_TOKEN": canary}, "secret the-secret: two ways of authenticating"},
	} {
		t.Run(name, func(t *testing.T) {
			v := &vault{value: c.value}
			auth := open(t, v, "")
			_, _, err := authorize(t, auth, noon)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), canary)
			v.set(pair("1"), false)
			_, who, err := authorize(t, auth, noon)
			require.NoError(t, err, "not fetched again")
			require.Equal(t, "AK1", who)
		})
	}
}

func TestSecretAway(t *testing.T) {
	v := &vault{value: pair("1"), away: true}
	auth := open(t, v, "")
	_, _, err := authorize(t, auth, noon)
	require.ErrorContains(t, err, "secret the-secret: GetSecretValue: 400 ResourceNotFoundException")
	require.False(t, auth.Refused(nil, callAt(noon)), "nothing was refused yet")
	v.set(pair("1"), false)
	req, _, err := authorize(t, auth, noon)
	require.NoError(t, err)
	// Away when it is looked at again: what is known still counts for nothing.
	v.set(pair("1"), true)
	require.False(t, auth.Refused(req, callAt(noon)))
	_, _, err = authorize(t, auth, noon)
	require.Error(t, err)
}

func TestSecretIsFetchedOnceByMany(t *testing.T) {
	v := &vault{value: pair("1")}
	auth := open(t, v, "")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			req, err := http.NewRequestWithContext(context.Background(), http.MethodPut, "https://cloud.test/", http.NoBody)
			if err = errors.Join(err, auth.Authorize(context.Background(), req, callAt(noon))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Equal(t, 1, v.times())
}

const (
	first  = "056538411200d4cd2f79c003c7606412"
	second = "156538411200d4cd2f79c003c7606412"
)

// authorizeOn has a request on a project authorised, and returns who signed it.
func authorizeOn(t *testing.T, auth cloudapi.Authenticator, project string) (*http.Request, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://cloud.test/v3/p", http.NoBody)
	require.NoError(t, err)
	err = auth.Authorize(t.Context(), req, callOn(project))
	_, rest, _ := strings.Cut(req.Header.Get("Authorization"), "Access=")
	who, _, _ := strings.Cut(rest, ",")
	return req, who, err
}

func callOn(project string) cloudapi.Call {
	return cloudapi.Call{Operation: "Flip", ProjectID: project, Now: noon, HTTP: http.DefaultClient}
}

// Each project is called on with its own credentials, the others with those for
// every one. What is refused of one, and what is wrong with it, says nothing of
// another.
func TestSecretOfSeveralAccounts(t *testing.T) {
	v := &vault{value: map[string]any{first: pair("1"), second: pair("2"), "HUAWEICLOUD_SDK_AK": "AK0", "HUAWEICLOUD_SDK_SK": "SK0"}}
	auth := open(t, v, "")
	signed := func(project, by string) {
		t.Helper()
		_, who, err := authorizeOn(t, auth, project)
		require.NoError(t, err)
		require.Equal(t, by, who)
	}
	signed(first, "AK1")
	signed(second, "AK2")
	signed("another", "AK0")
	require.Equal(t, 1, v.times())

	// The first one's key is refused twice: it pauses, alone.
	for range 2 {
		req, _, err := authorizeOn(t, auth, first)
		require.NoError(t, err)
		require.False(t, auth.Refused(req, callOn(first)))
	}
	_, _, err := authorizeOn(t, auth, first)
	require.ErrorContains(t, err, "refused twice")
	v.times()
	signed(second, "AK2")
	signed("another", "AK0")
	require.Zero(t, v.times(), "one project's refusals have the secret read for another's calls")

	// The second one's is rotated: the first one's refusals count on.
	v.set(map[string]any{first: pair("1"), second: pair("3"), "HUAWEICLOUD_SDK_AK": "AK0"}, false)
	req, _, err := authorizeOn(t, auth, second)
	require.NoError(t, err)
	require.True(t, auth.Refused(req, callOn(second)))
	signed(second, "AK3")
	_, _, err = authorizeOn(t, auth, first)
	require.ErrorContains(t, err, "refused twice")
	_, _, err = authorizeOn(t, auth, "another")
	require.ErrorContains(t, err, "secret the-secret: HUAWEICLOUD_SDK_SK: not set")
	v.set(map[string]any{first: pair("4"), second: pair("3")}, false)
	signed(first, "AK4")
}

// A project that the secret lacks is denied until it is there, and nobody else's
// credentials are taken for it.
func TestSecretWithoutTheProject(t *testing.T) {
	v := &vault{value: map[string]any{first: pair("1")}}
	auth := open(t, v, "")
	req, who, err := authorizeOn(t, auth, second)
	require.EqualError(t, err, "Flip: secret the-secret: found no credentials for project "+second+", expected a member of that name, or some for every project")
	var denied *cloudapi.Error
	require.ErrorAs(t, err, &denied)
	require.True(t, denied.Denied())
	require.False(t, denied.MayHaveEffect())
	require.Empty(t, who)
	require.False(t, auth.Refused(req, callOn(second)))
	v.set(map[string]any{first: pair("1"), second: pair("2")}, false)
	_, who, err = authorizeOn(t, auth, second)
	require.NoError(t, err)
	require.Equal(t, "AK2", who)
}
