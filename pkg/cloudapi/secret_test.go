package cloudapi

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	canaryToken    = "MIIcanary+token/that?must&never<be>seen=="
	canaryID       = "CANARYACCESSKEYID0000"
	canaryKey      = "canary-secret-key-of-forty-characters-00"
	canaryTemp     = "canary-security-token/with+signs="
	canaryPassword = "canary & pass word"
)

// canaries are the secrets, and the beginnings by which they would be known.
func canaries() []string {
	return []string{canaryToken, "MIIcanary", canaryKey, "canary-secret", canaryTemp, "canary-security", canaryPassword, "canary & pass", "pass word"}
}

func requireNoCanary(t *testing.T, shown string, what ...any) {
	t.Helper()
	for _, canary := range canaries() {
		require.NotContains(t, shown, canary, what...)
	}
}

// shows is everything that somebody could write of a value.
func shows(v any) string {
	var all strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3s", "%T"} {
		fmt.Fprintf(&all, verb+"\n", v)
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&all, nil), slog.NewJSONHandler(&all, nil)} {
		slog.New(handler).Info("value", "v", v, "in", struct{ V any }{v})
	}
	encoded, _ := json.Marshal(v)
	all.Write(encoded)
	if err, is := v.(error); is {
		for ; err != nil; err = errors.Unwrap(err) {
			fmt.Fprintf(&all, "%v %+v %#v", err, err, err)
		}
	}
	return all.String()
}

func TestSecretsDoNotPrint(t *testing.T) {
	user := &UserToken{IAM: "http://127.0.0.1:1", Domain: "d", User: "u", Password: canaryPassword}
	user.project("p").token = canaryToken
	key := &AKSK{AccessKey: "AK", SecretKey: canaryKey, SecurityToken: canaryTemp}
	for _, v := range []any{
		Secret(canaryKey), Token(canaryToken), key, user, []any{Token(canaryToken)}, map[string]any{"k": Secret(canaryKey)},
		struct{ S Secret }{canaryKey}, &struct{ T Token }{canaryToken},
		&Client{Auth: key}, &Client{Auth: user}, &Client{Auth: Token(canaryToken)},
	} {
		shown := shows(v)
		requireNoCanary(t, shown)
		for _, canary := range canaries() {
			requireNoCanaryHex(t, shown, canary)
		}
	}
	require.Equal(t, "[redacted]", fmt.Sprint(Secret("x")))
	require.Empty(t, fmt.Sprint(Secret("")))
	require.Equal(t, "AKSK(AK)", fmt.Sprint(key))
	require.Equal(t, "UserToken(d/u)", fmt.Sprint(user))
}

func requireNoCanaryHex(t *testing.T, shown, canary string) {
	t.Helper()
	require.NotContains(t, strings.ToLower(shown), fmt.Sprintf("%x", canary))
}

// echoes are the ways in which a server may repeat what it was sent.
func echoes(sent string) map[string]string {
	quoted, _ := json.Marshal(sent)
	return map[string]string{
		"JSON":           `{"error_code":"DBS.1","error_msg":` + `"refused: ` + string(quoted[1:]) + `}`,
		"code and id":    `{"error_code":` + string(quoted) + `,"request_id":` + string(quoted) + `}`,
		"nested":         `{"error":{"message":` + string(quoted) + `}}`,
		"details":        `{"error_msg":"no","details":[{"error_msg":` + string(quoted) + `}]}`,
		"text":           "refused: " + sent + " and " + sent,
		"cut":            "refused: " + sent[:len(sent)-5],
		"cut off":        strings.Repeat("x", 1000) + sent,
		"HTML":           "<title>" + html.EscapeString(sent) + "</title>",
		"HTML text":      "<p>" + html.EscapeString(sent) + "</p>",
		"query":          "refused: ?t=" + url.QueryEscape(sent),
		"path":           "refused: /" + url.PathEscape(sent),
		"unreadable":     `{"error_msg":` + strings.ReplaceAll(string(quoted), "/", `\/`),
		"as JSON string": string(quoted),
		"Base64":         `{"error_msg":"refused: ` + base64.StdEncoding.EncodeToString([]byte(sent)) + `"}`,
		"Base64 of URLs": "refused: " + base64.RawURLEncoding.EncodeToString([]byte(sent)),
		"hex":            "refused: " + hex.EncodeToString([]byte(sent)),
		"HEX":            "refused: 0x" + strings.ToUpper(hex.EncodeToString([]byte(sent))),
		"in capitals":    "refused: " + strings.ToUpper(sent),
		"in small":       "refused: " + strings.ToLower(sent),
		"query in small": "refused: ?t=" + strings.ToLower(url.QueryEscape(sent)),
		"all escaped":    "refused: " + unicodeEscaped(sent),
	}
}

func TestRepeatedSecretsAreRedacted(t *testing.T) {
	key := func() Authenticator {
		return &AKSK{AccessKey: canaryID, SecretKey: canaryKey, SecurityToken: canaryTemp}
	}
	for name, auth := range map[string]func() Authenticator{
		"X-Auth-Token": func() Authenticator { return Token(canaryToken) }, "X-Security-Token": key, "Authorization": key,
	} {
		for form := range echoes("a secret to begin with") {
			for _, status := range []int{200, 400, 500} {
				var sent string
				c := steps(t, step{method: "PUT", uri: altURI, body: `{"alt_enabled":"on"}`, handle: func(w http.ResponseWriter, r *http.Request) {
					sent = r.Header.Get(name)
					w.WriteHeader(status)
					_, _ = io.WriteString(w, echoes(sent)[form])
				}})
				c.Auth = auth()
				e := asError(t, flip(t.Context(), c))
				require.Equal(t, status, e.Status)
				shown := shows(e)
				requireNoCanary(t, shown, "%s %s %d", name, form, status)
				require.NotContains(t, strings.ToLower(shown), lower(canaryTemp), form)
				if _, signature, signed := strings.Cut(sent, "Signature="); signed {
					require.NotContains(t, shown, signature[:16], form)
				}
				if form == "JSON" && name != "Authorization" && status == 400 {
					require.Equal(t, "refused: [redacted]", e.Message)
				}
			}
		}
	}
}

// What is no HTTP at all ends up in net/http's error.
func TestRepeatedSecretsInCauses(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		req, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		_, _ = io.WriteString(conn, req.Header.Get("X-Auth-Token")+"\r\n\r\n")
	}()
	c := &Client{GaussDB: "http://" + listener.Addr().String(), Auth: Token(canaryToken)}
	e := asError(t, flip(t.Context(), c))
	require.ErrorContains(t, e, "malformed HTTP response")
	requireNoCanary(t, shows(e))
	require.Equal(t, MayHave, e.Effect)
}

func TestRepeatedPasswordIsRedacted(t *testing.T) {
	for form := range echoes("a secret to begin with") {
		for _, status := range []int{201, 401, 500} {
			c, iam := withUser(t)
			iam.answer = func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if !bytes.Contains(body, []byte("canary")) {
					t.Errorf("the password is not in %s", body)
				}
				w.WriteHeader(status)
				_, _ = io.WriteString(w, echoes(canaryPassword)[form])
			}
			c.Auth.(*UserToken).Password = canaryPassword
			e := asError(t, flip(t.Context(), c))
			require.Equal(t, status, e.Status)
			requireNoCanary(t, shows(e), "%s %d", form, status)
		}
	}
}

func TestRedactLeavesTheRest(t *testing.T) {
	require.Equal(t, "a [redacted] c [redacted], d", redact("a secret-secret c secret-s, d", []string{"secret-secret"}))
	require.Equal(t, "An=U2Vj unsecret", redact("An=U2Vj unsecret", []string{"secret-secret"}))
	require.Equal(t, "by chance c2VjI", redact("by chance c2VjI", []string{"sec!"}))
	require.Equal(t, "nothing", redact("nothing", []string{"secret-secret", "", "not"}))
}

// A secret is found in the middle of what was encoded with it, at any place.
func TestRedactFindsEncoded(t *testing.T) {
	for _, secret := range []string{"HSVUXQ8Z/c4n+ry", ">?>?>?>?>?>?>?>"} {
		requireFound(t, secret)
	}
}

func requireFound(t *testing.T, secret string) {
	t.Helper()
	for before := range 7 {
		for _, after := range []string{"", "x", "xy", ":more"} {
			whole := []byte(strings.Repeat("b", before) + secret + after)
			for name, e := range map[string]func([]byte) string{
				"std": base64.StdEncoding.EncodeToString, "url": base64.URLEncoding.EncodeToString, "raw": base64.RawStdEncoding.EncodeToString,
				"hex": hex.EncodeToString, "HEX": func(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) },
				"plain": func(b []byte) string { return string(b) }, "capitals": func(b []byte) string { return strings.ToUpper(string(b)) },
				"escaped": func(b []byte) string { return strings.ToUpper(unicodeEscaped(string(b))) },
			} {
				got := redact("x "+e(whole)+" y", []string{secret})
				require.Regexp(t, `^x [^ ]{0,42}\[redacted\][^ ]{0,5} y$`, got, "%s %d %q", name, before, after)
			}
		}
	}
}

// The key's id is taken out, too: whoever knows it can have the key locked.
func TestAccessKeyIDIsRedacted(t *testing.T) {
	c := steps(t, step{method: "PUT", uri: altURI, body: `{"alt_enabled":"on"}`, handle: func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(403)
		_, _ = io.WriteString(w, `{"error_code":"APIGW.0301","error_msg":"Incorrect IAM authentication information: `+strings.ToLower(canaryID)+` and `+r.Header.Get("Authorization")+`"}`)
	}})
	c.Auth = &AKSK{AccessKey: canaryID, SecretKey: canaryKey}
	e := asError(t, flip(t.Context(), c))
	require.Contains(t, e.Message, "Incorrect IAM authentication information: [redacted] and SDK-HMAC-SHA256 Access=[redacted], SignedHeaders=")
	require.NotContains(t, strings.ToUpper(shows(e)), canaryID)
}
