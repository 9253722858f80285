package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$`)

// verifySigV4 says what is wrong with a request's signature, computed anew as
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv4-create-signed-request.html
// has it; "" if nothing is.
func verifySigV4(r *http.Request, body []byte, secret string) string {
	m := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		return "no signature"
	}
	date, region, service, signed := m[2], m[3], m[4], strings.Split(m[5], ";")
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || at.Format("20060102") != date || time.Since(at).Abs() > 5*time.Minute {
		return "not of now"
	}
	headers := map[string]string{"host": r.Host, "content-length": fmt.Sprint(r.ContentLength)}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.TrimSpace(values[0])
	}
	path := strings.ReplaceAll(r.URL.EscapedPath(), "%", "%25") // encoded twice, but for S3
	canonical := r.Method + "\n" + path + "\n" + r.URL.RawQuery + "\n"
	for _, name := range signed {
		canonical += name + ":" + headers[name] + "\n"
	}
	hash := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	canonical += "\n" + m[5] + "\n" + hash(body)
	text := "AWS4-HMAC-SHA256\n" + r.Header.Get("X-Amz-Date") + "\n" + strings.Join([]string{date, region, service, "aws4_request"}, "/") + "\n" + hash([]byte(canonical))
	key := []byte("AWS4" + secret)
	for _, part := range []string{date, region, service, "aws4_request", text} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	if hex.EncodeToString(key) != m[6] {
		return "wrong signature"
	}
	return ""
}

// signedOnly is a function URL that takes what is signed with the key EXAMPLE.
func signedOnly(t *testing.T, got *[]*http.Request) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if wrong := verifySigV4(r, body, "EXAMPLE"); err != nil || wrong != "" {
			http.Error(w, wrong, http.StatusForbidden)
			return
		}
		*got = append(*got, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func interlock(args ...string) (string, error) {
	var out bytes.Buffer
	c := root()
	c.SetArgs(args)
	c.SetOut(&out)
	c.SetErr(io.Discard)
	err := c.ExecuteContext(context.Background())
	return out.String(), err
}

// What is sent with --aws is signed for Lambda, body and session's token
// included.
func TestSignsForFunctionURLs(t *testing.T) {
	var got []*http.Request
	at := signedOnly(t, &got)
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "EXAMPLE", "AWS_SESSION_TOKEN": "a/session+token=", "AWS_REGION": "eu-west-1",
		"INTERLOCK_WEBHOOK_SECRETS": "",
	} {
		t.Setenv(name, value)
	}
	sample := filepath.Join(repository, "functions", "proxyssl", "sample.json")
	out, err := interlock("send", "--aws", "--url", at+"/", "--file", sample)
	require.NoError(t, err, out)
	out, err = interlock("send", "--aws", "--url", at+"/stage/a%20path?b=c", "--file", sample)
	require.NoError(t, err, out)
	out, err = interlock("replay", "--aws", "--url", at, "--file", sample)
	require.NoError(t, err, out)
	require.Len(t, got, 3)
	for _, r := range got {
		require.Contains(t, r.Header.Get("Authorization"), "Credential=AKIDEXAMPLE/")
		require.Contains(t, r.Header.Get("Authorization"), "/eu-west-1/lambda/aws4_request,")
		require.Contains(t, r.Header.Get("Authorization"), "x-amz-security-token")
		require.Equal(t, "a/session+token=", r.Header.Get("X-Amz-Security-Token"))
	}

	// Neither without it, nor with another's key.
	out, err = interlock("send", "--url", at, "--file", sample)
	require.ErrorContains(t, err, "answered 403")
	require.Contains(t, out, "no signature")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "ANOTHER")
	out, err = interlock("send", "--aws", "--url", at, "--file", sample)
	require.ErrorContains(t, err, "answered 403")
	require.Contains(t, out, "wrong signature")
	require.Len(t, got, 3)
}

// A redirect gets neither event nor signature.
func TestFollowsNoRedirect(t *testing.T) {
	var got []*http.Request
	elsewhere := signedOnly(t, &got)
	server := httptest.NewServer(http.RedirectHandler(elsewhere, http.StatusTemporaryRedirect))
	defer server.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "EXAMPLE")
	t.Setenv("AWS_REGION", "eu-west-1")
	_, err := interlock("send", "--aws", "--url", server.URL, "--file", filepath.Join(repository, "functions", "proxyssl", "sample.json"))
	require.ErrorContains(t, err, "answered 307")
	require.Empty(t, got)
}

// The region is that of the URL, else that of the environment.
func TestWhatIsSignedFor(t *testing.T) {
	environ := map[string]string{"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "EXAMPLE", "AWS_REGION": "eu-west-1"}
	sign := func(address string) (string, error) {
		req, err := http.NewRequest(http.MethodPost, address, nil)
		require.NoError(t, err)
		err = signAWS(req, nil, func(name string) string { return environ[name] }, time.Now())
		return req.Header.Get("Authorization"), err
	}
	header, err := sign("https://abcdefgh.lambda-url.ap-southeast-1.on.aws")
	require.NoError(t, err)
	require.Contains(t, header, "/ap-southeast-1/lambda/aws4_request,")
	header, err = sign("https://switches.example.com/")
	require.NoError(t, err)
	require.Contains(t, header, "/eu-west-1/lambda/aws4_request,")

	_, err = sign("http://switches.example.com/")
	require.ErrorContains(t, err, "https")
	delete(environ, "AWS_REGION")
	_, err = sign("https://switches.example.com/")
	require.ErrorContains(t, err, "AWS_REGION: not set, and the URL names no region")
	delete(environ, "AWS_SECRET_ACCESS_KEY")
	_, err = sign("https://abcdefgh.lambda-url.ap-southeast-1.on.aws")
	require.ErrorContains(t, err, "AWS_SECRET_ACCESS_KEY: not set; expected credentials in the environment")
}

// Who forgets to sign is told what to do.
func TestForgottenSignature(t *testing.T) {
	u, err := url.Parse("https://abcdefgh.lambda-url.eu-west-1.on.aws/")
	require.NoError(t, err)
	d := &delivery{URL: u.String(), Status: http.StatusForbidden, status: "403 Forbidden", unsigned: onAWS(u)}
	require.EqualError(t, d.refused(), u.String()+" answered 403 Forbidden; where it wants a signature of AWS's, give --aws")
}
