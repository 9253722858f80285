package awsjson_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/awsjson"
)

// answer is what the service under test answers to one request: cut, if set,
// closes the connection instead.
type answer struct {
	status int
	body   string
	header string // X-Amzn-Errortype
	cut    bool
}

// serve answers each request in turn, and fails the test if there are more
// requests than answers or fewer.
func serve(t *testing.T, answers ...answer) (*awsjson.Client, *[]*http.Request) {
	t.Helper()
	var mu sync.Mutex // a connection that is cut does not order its handler before the next one's
	var got []*http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if len(got) == len(answers) {
			t.Errorf("one request too many: %s", q.Header.Get("X-Amz-Target"))
			w.WriteHeader(http.StatusTeapot)
			return
		}
		a := answers[len(got)]
		b, err := io.ReadAll(q.Body)
		if err != nil || string(b) != `{"Name":"<&>"}` && string(b) != `{"Name":"\u003c\u0026\u003e"}` {
			t.Errorf("body %q: %v", b, err)
		}
		got = append(got, q)
		if a.cut {
			panic(http.ErrAbortHandler)
		}
		if a.header != "" {
			w.Header().Set("X-Amzn-Errortype", a.header)
		}
		w.WriteHeader(a.status)
		fmt.Fprint(w, a.body)
	}))
	t.Cleanup(func() {
		server.Close()
		require.Len(t, got, len(answers))
	})
	env := map[string]string{
		"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL_DYNAMODB": server.URL,
		"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "very secret", "AWS_SESSION_TOKEN": "session",
	}
	c, err := awsjson.FromEnv(awsjson.DynamoDB, func(name string) string { return env[name] }, server.Client())
	require.NoError(t, err)
	c.Sleep = func(context.Context, time.Duration) error { return nil }
	c.Now = func() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) }
	return c, &got
}

type request struct{ Name string }

func call(c *awsjson.Client) (string, error) {
	var out struct{ Answer string }
	err := c.Do(context.Background(), "GetItem", request{"<&>"}, &out)
	return out.Answer, err
}

func TestRequest(t *testing.T) {
	c, got := serve(t, answer{status: 200, body: `{"Answer":"yes"}`})
	out, err := call(c)
	require.NoError(t, err)
	require.Equal(t, "yes", out)
	q := (*got)[0]
	require.Equal(t, "POST /", q.Method+" "+q.URL.Path)
	require.Equal(t, "DynamoDB_20120810.GetItem", q.Header.Get("X-Amz-Target"))
	require.Equal(t, "application/x-amz-json-1.0", q.Header.Get("Content-Type"))
	require.Equal(t, "session", q.Header.Get("X-Amz-Security-Token"))
	require.Equal(t, "20261122T090000Z", q.Header.Get("X-Amz-Date"))
	require.Contains(t, q.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKID/20261122/eu-central-1/dynamodb/aws4_request, SignedHeaders=")
	require.NotContains(t, fmt.Sprint(q.Header), "very secret")
}

func TestRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		answer
		code, message string
	}{
		"named in __type":   {answer{status: 400, body: `{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"no","Item":{"pk":{"S":"x"}}}`}, "ConditionalCheckFailedException", "no"},
		"without namespace": {answer{status: 400, body: `{"__type":"ValidationException","Message":"what"}`}, "ValidationException", "what"},
		"named in code":     {answer{status: 400, body: `{"code":"AccessDeniedException"}`}, "AccessDeniedException", ""},
		"named in a header": {answer{status: 400, header: "ResourceNotFoundException:http://internal.amazon.com/", body: `{"message":"gone"}`}, "ResourceNotFoundException", "gone"},
		"by a proxy":        {answer{status: 403, body: `<html>`}, "Forbidden", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := serve(t, test.answer)
			_, err := call(c)
			var e *awsjson.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, awsjson.Error{Operation: "GetItem", Status: test.status, Code: test.code, Message: test.message, Body: []byte(test.body)}, *e)
		})
	}
}

func TestTriesAgain(t *testing.T) {
	yes := answer{status: 200, body: `{"Answer":"yes"}`}
	for name, first := range map[string]answer{
		"throttled":     {status: 400, body: `{"__type":"#ProvisionedThroughputExceededException"}`},
		"too many":      {status: 429},
		"out of order":  {status: 500, body: `{"__type":"#InternalServerError"}`},
		"away":          {status: 503},
		"cut off":       {cut: true},
		"cut short":     {status: 200, body: `{"Answer":`},
		"in the middle": {status: 400, body: `{"__type":"TransactionInProgressException"}`},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := serve(t, first, first, yes)
			out, err := call(c)
			require.NoError(t, err)
			require.Equal(t, "yes", out)
		})
	}
}

func TestGivesUp(t *testing.T) {
	away := answer{status: 503, body: `{"__type":"ServiceUnavailable"}`}
	c, _ := serve(t, away, away, away, away)
	_, err := call(c)
	require.ErrorContains(t, err, " 503 ServiceUnavailable: ")

	c, _ = serve(t, away, away)
	c.Tries = 2
	_, err = call(c)
	require.ErrorContains(t, err, " 503 ServiceUnavailable: ")

	c, _ = serve(t, away) // when no time is left to wait
	c.Sleep = func(context.Context, time.Duration) error { return context.DeadlineExceeded }
	_, err = call(c)
	require.ErrorContains(t, err, " 503 ServiceUnavailable: ", "the refusal says more than the clock")
}

func TestCancelled(t *testing.T) {
	c, _ := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, c.Do(ctx, "GetItem", request{"<&>"}, nil), context.Canceled)
}

// A request that the time ran out for may have been done: it is not said to be
// unsent, and not sent again.
func TestTimeOverWhileARequestIsOut(t *testing.T) {
	c, _ := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	sent := 0
	c.HTTP = &http.Client{Transport: roundTrip(func(q *http.Request) (*http.Response, error) {
		sent++
		cancel()
		return nil, q.Context().Err()
	})}
	err := c.Do(ctx, "PutItem", request{"<&>"}, nil)
	require.EqualError(t, err, "PutItem: unanswered: context canceled")
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, sent)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(q *http.Request) (*http.Response, error) { return f(q) }

func TestNoCredentials(t *testing.T) {
	c, _ := serve(t)
	none := errors.New("none")
	c.Credentials = func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, none }
	_, err := call(c)
	require.ErrorIs(t, err, none)
	require.Error(t, c.Do(t.Context(), "GetItem", func() {}, nil), "what is no JSON")
}

func TestFromEnv(t *testing.T) {
	for name, test := range map[string]struct {
		service awsjson.Service
		env     map[string]string
		want    string // or the error
	}{
		"the region's":       {awsjson.DynamoDB, map[string]string{"AWS_REGION": "eu-central-1"}, "https://dynamodb.eu-central-1.amazonaws.com"},
		"another name":       {awsjson.EventBridge, map[string]string{"AWS_DEFAULT_REGION": "us-east-1"}, "https://events.us-east-1.amazonaws.com"},
		"China's":            {awsjson.SQS, map[string]string{"AWS_REGION": "cn-north-1"}, "https://sqs.cn-north-1.amazonaws.com.cn"},
		"given for all":      {awsjson.SecretsManager, map[string]string{"AWS_REGION": "r", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "http://127.0.0.1:1"},
		"given for one":      {awsjson.SecretsManager, map[string]string{"AWS_REGION": "r", "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_SECRETS_MANAGER": "https://vpce.example.com"}, "https://vpce.example.com"},
		"another service's":  {awsjson.SSM, map[string]string{"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL_SQS": "http://localhost:1"}, "https://ssm.eu-central-1.amazonaws.com"},
		"http to localhost":  {awsjson.SQS, map[string]string{"AWS_REGION": "r", "AWS_ENDPOINT_URL": "http://localhost:1"}, "http://localhost:1"},
		"http to elsewhere":  {awsjson.SQS, map[string]string{"AWS_REGION": "r", "AWS_ENDPOINT_URL": "http://example.com"}, "AWS_ENDPOINT_URL_SQS: found http://example.com, expected https: plain http is for loopback addresses only"},
		"no URL":             {awsjson.SQS, map[string]string{"AWS_REGION": "r", "AWS_ENDPOINT_URL": "here"}, "AWS_ENDPOINT_URL_SQS: expected an absolute URL"},
		"no region":          {awsjson.SQS, nil, "AWS_REGION: not set; expected an AWS region"},
		"a password in http": {awsjson.SQS, map[string]string{"AWS_REGION": "r", "AWS_ENDPOINT_URL": "http://u:secret@example.com"}, "AWS_ENDPOINT_URL_SQS: found http://u:xxxxx@example.com, expected https: plain http is for loopback addresses only"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := awsjson.FromEnv(test.service, func(name string) string { return test.env[name] }, nil)
			if err != nil {
				require.EqualError(t, err, test.want)
				return
			}
			require.Equal(t, test.want, c.Endpoint.String())
			_, err = c.Credentials(t.Context())
			require.EqualError(t, err, "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: not set")
		})
	}
}

func TestAnswerKeepsWhatAnErrorCarries(t *testing.T) {
	c, _ := serve(t, answer{status: 400, body: `{"__type":"#TransactionCanceledException","CancellationReasons":[{"Code":"None"}]}`})
	_, err := call(c)
	var e *awsjson.Error
	require.ErrorAs(t, err, &e)
	var carried struct{ CancellationReasons []struct{ Code string } }
	require.NoError(t, json.Unmarshal(e.Body, &carried))
	require.Equal(t, "None", carried.CancellationReasons[0].Code)
	require.Equal(t, "GetItem: 400 TransactionCanceledException: ", e.Error())
}

// A redirect is an answer as any other that is no success, and goes nowhere.
func TestNoRedirectIsFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s %s", r.Method, r.Header) }))
	t.Cleanup(elsewhere.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, status))
		c, err := awsjson.FromEnv(awsjson.DynamoDB, func(name string) string {
			return map[string]string{"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}[name]
		}, nil)
		require.NoError(t, err)
		err = c.Do(t.Context(), "GetItem", map[string]string{}, nil)
		var e *awsjson.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, status, e.Status)
		server.Close()
	}
}
