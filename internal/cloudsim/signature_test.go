package cloudsim_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/interlock-functions/interlock/internal/cloudsim"
)

// signed signs as of the given time, with the given headers.
func signed(access, secret string, at time.Time, names ...string) edit {
	return func(r *http.Request) {
		r.Header.Del("X-Auth-Token")
		r.Header.Set("X-Sdk-Date", at.UTC().Format("20060102T150405Z"))
		body := ""
		if r.GetBody != nil {
			text, _ := r.GetBody()
			b, _ := io.ReadAll(text)
			body = string(b)
		}
		r.Header.Set("Authorization", "SDK-HMAC-SHA256 Access="+access+", SignedHeaders="+strings.Join(names, ";")+", Signature="+Sign(r, body, secret, names...))
	}
}

func TestAuthentication(t *testing.T) {
	at := newClock().Now()
	plain := []string{"host", "x-project-id", "x-sdk-date"}
	temporary := []string{"host", "x-project-id", "x-sdk-date", "x-security-token"}
	projectID := header("X-Project-Id", project)
	options := Options{
		Credentials: []Credentials{{AccessKey: "AK", SecretKey: "SK"}, {AccessKey: "TEMP", SecretKey: "SK", SecurityToken: "security"}},
		Tokens:      map[string]string{"everywhere": "", "scoped": project, "elsewhere": other},
	}
	for name, c := range map[string]struct {
		edits  []edit
		status int
		code   string
		says   string
	}{
		"signed":                      {[]edit{projectID, signed("AK", "SK", at, plain...)}, 200, "", ""},
		"signed without project":      {[]edit{signed("AK", "SK", at, "host", "x-sdk-date")}, 200, "", ""},
		"signed with content type":    {[]edit{signed("AK", "SK", at, "content-type", "host", "x-sdk-date")}, 200, "", ""},
		"temporary":                   {[]edit{projectID, header("X-Security-Token", "security"), signed("TEMP", "SK", at, temporary...)}, 200, "", ""},
		"clock late":                  {[]edit{signed("AK", "SK", at.Add(-15*time.Minute), "host", "x-sdk-date")}, 200, "", ""},
		"clock early":                 {[]edit{signed("AK", "SK", at.Add(15*time.Minute), "host", "x-sdk-date")}, 200, "", ""},
		"clock too late":              {[]edit{signed("AK", "SK", at.Add(-15*time.Minute-time.Second), "host", "x-sdk-date")}, 401, "APIG.0301", "expired"},
		"clock too early":             {[]edit{signed("AK", "SK", at.Add(15*time.Minute+time.Second), "host", "x-sdk-date")}, 401, "APIG.0301", "expired"},
		"wrong secret":                {[]edit{signed("AK", "KS", at, "host", "x-sdk-date")}, 401, "APIG.0301", "verify aksk signature fail"},
		"unknown key":                 {[]edit{signed("KA", "SK", at, "host", "x-sdk-date")}, 401, "APIG.0301", "does not exist"},
		"body changed":                {[]edit{signed("AK", "SK", at, "host", "x-sdk-date"), otherBody(`{"ssl_option":false}`)}, 401, "APIG.0301", "verify"},
		"header changed":              {[]edit{projectID, signed("AK", "SK", at, plain...), header("X-Project-Id", other)}, 401, "APIG.0301", "verify"},
		"date changed":                {[]edit{signed("AK", "SK", at, "host", "x-sdk-date"), header("X-Sdk-Date", "20261122T090001Z")}, 401, "APIG.0301", "verify"},
		"host changed":                {[]edit{signed("AK", "SK", at, "host", "x-sdk-date"), func(r *http.Request) { r.Host = "elsewhere.example" }}, 401, "APIG.0301", "verify"},
		"path changed":                {[]edit{signed("AK", "SK", at, "host", "x-sdk-date"), func(r *http.Request) { r.URL.Path = strings.Replace(sslPath, "2ec", "2ed", 1) }}, 401, "APIG.0301", "verify"},
		"query changed":               {[]edit{signed("AK", "SK", at, "host", "x-sdk-date"), func(r *http.Request) { r.URL.RawQuery = "a=b" }}, 401, "APIG.0301", "verify"},
		"host not signed":             {[]edit{signed("AK", "SK", at, "x-sdk-date")}, 200, "", ""},
		"date not signed":             {[]edit{signed("AK", "SK", at, "host")}, 401, "APIG.0301", "must be signed"},
		"date missing":                {[]edit{signed("AK", "SK", at, "host", "x-sdk-date"), header("X-Sdk-Date", "")}, 401, "APIG.0301", "X-Sdk-Date"},
		"headers not sorted":          {[]edit{signed("AK", "SK", at, "x-sdk-date", "host")}, 401, "APIG.0301", "malformed"},
		"other algorithm":             {[]edit{header("Authorization", "AWS4-HMAC-SHA256 Access=AK")}, 401, "APIG.0301", "malformed"},
		"temporary without its token": {[]edit{signed("TEMP", "SK", at, "host", "x-sdk-date")}, 401, "APIG.0301", "security token"},
		"temporary, other token":      {[]edit{header("X-Security-Token", "other"), signed("TEMP", "SK", at, "host", "x-sdk-date", "x-security-token")}, 401, "APIG.0301", "security token"},
		"temporary, not signed":       {[]edit{header("X-Security-Token", "security"), signed("TEMP", "SK", at, "host", "x-sdk-date")}, 401, "APIG.0301", "must be signed"},
		"permanent with a token":      {[]edit{header("X-Security-Token", "security"), signed("AK", "SK", at, "host", "x-sdk-date", "x-security-token")}, 401, "APIG.0301", "security token"},
		"signed for another project":  {[]edit{header("X-Project-Id", other), signed("AK", "SK", at, plain...)}, 403, "DBS.200010", "another project"},
		"token":                       {[]edit{header("X-Auth-Token", "everywhere")}, 200, "", ""},
		"scoped token":                {[]edit{header("X-Auth-Token", "scoped")}, 200, "", ""},
		"token of another project":    {[]edit{header("X-Auth-Token", "elsewhere")}, 403, "DBS.200010", "another project"},
		"wrong token":                 {[]edit{header("X-Auth-Token", "wrong")}, 401, "APIG.0301", "token is wrong"},
		"default token":               {nil, 401, "APIG.0301", "token is wrong"},
		"nothing":                     {[]edit{header("X-Auth-Token", "")}, 401, "APIG.0301", "neither"},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, options, func(t *testing.T, e *env) {
				a := e.do("PUT", sslPath, `{"ssl_option":true}`, c.edits...)
				require.NoError(t, a.err)
				require.Equal(t, c.status, a.status, a.text)
				require.Equal(t, c.code, a.code())
				require.Contains(t, a.text, c.says)
				require.Equal(t, c.status == 200, e.Calls()[0].Authenticated)
				require.Equal(t, c.status == 200, len(e.Effects()) == 1)
				if a.status == 401 {
					require.Equal(t, a.header.Get("X-Request-Id"), a.json(t)["request_id"])
				}
			})
		})
	}
}

func otherBody(body string) edit {
	return func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	}
}

func TestKeyIsLockedAfterFiveFailures(t *testing.T) {
	both(t, Options{}, func(t *testing.T, e *env) {
		try := func(secret string) answer {
			return e.do("GET", tenantPath, "", signed(DefaultAccessKey, secret, e.clock.Now(), "host", "x-sdk-date"))
		}
		for range 4 {
			require.Equal(t, 401, try("wrong").status)
		}
		require.Equal(t, 200, try(DefaultSecretKey).status, "four are forgiven,")
		require.Equal(t, 401, try("wrong").status)
		require.Equal(t, 200, try(DefaultSecretKey).status, "and forgotten")
		for range 5 {
			require.Equal(t, 401, try("wrong").status)
		}
		locked := try(DefaultSecretKey)
		require.Equal(t, 401, locked.status)
		require.Contains(t, locked.text, "locked")
		e.clock.Add(5*time.Minute - time.Second)
		require.Equal(t, 401, try(DefaultSecretKey).status)
		e.clock.Add(time.Second)
		require.Equal(t, 200, try(DefaultSecretKey).status)

		for range 4 {
			require.Equal(t, 401, try("wrong").status)
		}
		e.clock.Add(5*time.Minute + time.Second)
		require.Equal(t, 401, try("wrong").status)
		require.Equal(t, 200, try(DefaultSecretKey).status, "four of long ago do not count")
	})
}

func TestTokens(t *testing.T) {
	both(t, Options{}, func(t *testing.T, e *env) {
		a := e.do("POST", tokenPath, tokenBody, header("X-Auth-Token", ""))
		require.Equal(t, 201, a.status, a.text)
		require.Equal(t, "2026-11-23T09:00:00.000000Z", a.json(t)["token"].(map[string]any)["expires_at"])
		token := a.header.Get("X-Subject-Token")
		require.NotEmpty(t, token)
		require.NotContains(t, a.text, token)
		require.True(t, e.Calls()[0].Authenticated)
		require.Empty(t, e.Calls()[0].Body, "it holds a password")

		with := header("X-Auth-Token", token)
		require.Equal(t, 200, e.do("GET", tenantPath, "", with).status)
		require.Equal(t, 403, e.do("GET", strings.Replace(tenantPath, project, other, 1), "", with).status)
		denied := e.do("GET", strings.Replace(auditedPath, project, other, 1), "", with)
		require.Equal(t, 403, denied.status)
		require.Equal(t, "APIG.0306", denied.code())

		e.clock.Add(24*time.Hour - time.Second)
		require.Equal(t, 200, e.do("GET", tenantPath, "", with).status)
		e.clock.Add(time.Second)
		old := e.do("GET", tenantPath, "", with)
		require.Equal(t, 401, old.status)
		require.Equal(t, "APIG.0307", old.code())

		with = header("X-Auth-Token", e.do("POST", tokenPath, tokenBody).header.Get("X-Subject-Token"))
		require.Equal(t, 200, e.do("GET", tenantPath, "", with).status)
		e.RevokeTokens()
		require.Equal(t, "APIG.0307", e.do("GET", tenantPath, "", with).code())
		require.Equal(t, 200, e.do("GET", tenantPath, "").status, "given tokens stay")
	})
}

func TestTokenRequests(t *testing.T) {
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"good":             {tokenBody, 201},
		"wrong password":   {strings.Replace(tokenBody, "simulated-password", "guess", 1), 401},
		"unknown user":     {strings.Replace(tokenBody, `"interlock"`, `"nobody"`, 1), 401},
		"other domain":     {strings.Replace(tokenBody, `{"name":"simulated"}`, `{"name":"other"}`, 1), 401},
		"other method":     {strings.Replace(tokenBody, `["password"]`, `["token"]`, 1), 400},
		"two methods":      {strings.Replace(tokenBody, `["password"]`, `["password","totp"]`, 1), 400},
		"method no string": {strings.Replace(tokenBody, `["password"]`, `[1]`, 1), 400},
		"no domain":        {strings.Replace(tokenBody, `,"domain":{"name":"simulated"}`, ``, 1), 400},
		"no scope":         {strings.Replace(tokenBody, `,"scope":{"project":{"id":"`+project+`"}}`, ``, 1), 400},
		"unknown member":   {strings.Replace(tokenBody, `"scope":{`, `"scope":{"x":1,`, 1), 400},
		"no JSON":          {"x", 400},
		"empty":            {"", 400},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, Options{}, false)
			a := e.do("POST", tokenPath, c.body)
			require.Equal(t, c.status, a.status, a.text)
			require.Equal(t, c.status == 201, a.header.Get("X-Subject-Token") != "")
			require.Equal(t, c.status == 201, e.Calls()[0].Authenticated)
			if c.status != 201 {
				require.Equal(t, float64(c.status), a.json(t)["error"].(map[string]any)["code"], "Keystone's shape")
			}
		})
	}
}
