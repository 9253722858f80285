// Package awsjson calls AWS services that speak the AWS JSON protocol:
// DynamoDB, EventBridge, SQS, Secrets Manager and Systems Manager.
//
// It is a few operations' worth of a client, signed by the SDK's own signer. The
// SDK's service clients cost more at start than everything else that a function
// does: their package initialisation alone takes several milliseconds, on a
// processor of which a small function has a fraction (docs/benchmarks.md).
package awsjson

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Service is what tells one service from another.
type Service struct {
	// Name is the name it is signed by, and the first label of its host.
	Name string
	// Target is what precedes the operation in X-Amz-Target.
	Target string
	// JSON is the version of the protocol, 1.0 or 1.1.
	JSON string
	// Variable is what AWS_ENDPOINT_URL_… is called for it.
	Variable string
}

// The services.
var (
	DynamoDB       = Service{"dynamodb", "DynamoDB_20120810", "1.0", "DYNAMODB"}
	EventBridge    = Service{"events", "AWSEvents", "1.1", "EVENTBRIDGE"}
	SQS            = Service{"sqs", "AmazonSQS", "1.0", "SQS"}
	SecretsManager = Service{"secretsmanager", "secretsmanager", "1.1", "SECRETS_MANAGER"}
	SSM            = Service{"ssm", "AmazonSSM", "1.1", "SSM"}
)

// Client calls one service. It is safe for concurrent use.
type Client struct {
	Service  Service
	Region   string
	Endpoint *url.URL
	// Credentials are asked for each request.
	Credentials func(context.Context) (aws.Credentials, error)
	// HTTP sends the requests. Default http.DefaultClient.
	HTTP *http.Client
	// Tries is how often an operation is sent in all. Default 4.
	Tries int
	// Now is the clock of the signatures. Default time.Now.
	Now func() time.Time
	// Sleep waits between tries. Default a timer.
	Sleep func(context.Context, time.Duration) error

	// signer keeps the keys it derives.
	signing sync.Once
	signer  *v4.Signer
}

// FromEnv makes a client as AWS's own are configured: AWS_REGION,
// AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_<SERVICE>, AWS_ACCESS_KEY_ID,
// AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, which Lambda sets.
func FromEnv(s Service, getenv func(string) string, client *http.Client) (*Client, error) {
	region := cmp.Or(getenv("AWS_REGION"), getenv("AWS_DEFAULT_REGION"))
	if region == "" {
		return nil, errors.New("AWS_REGION: not set; expected an AWS region")
	}
	c := &Client{Service: s, Region: region, HTTP: client, Credentials: func(context.Context) (aws.Credentials, error) {
		return FromVariables(getenv)
	}}
	text := cmp.Or(getenv("AWS_ENDPOINT_URL_"+s.Variable), getenv("AWS_ENDPOINT_URL"), "https://"+s.Name+"."+region+"."+domain(region))
	var err error
	if c.Endpoint, err = url.Parse(text); err != nil || c.Endpoint.Host == "" {
		return nil, fmt.Errorf("AWS_ENDPOINT_URL_%s: expected an absolute URL", s.Variable)
	}
	if c.Endpoint.Scheme != "https" && !loopback(c.Endpoint.Hostname()) {
		return nil, fmt.Errorf("AWS_ENDPOINT_URL_%s: found %s, expected https: plain http is for loopback addresses only", s.Variable, c.Endpoint.Redacted())
	}
	return c, nil
}

func domain(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// FromVariables are the credentials that AWS's variables hold.
func FromVariables(getenv func(string) string) (aws.Credentials, error) {
	c := aws.Credentials{
		AccessKeyID: getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken: getenv("AWS_SESSION_TOKEN"), Source: "environment",
	}
	if !c.HasKeys() {
		return c, errors.New("AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: not set")
	}
	return c, nil
}

// Error is a service's refusal.
type Error struct {
	Operation string
	Status    int
	// Code is the error's name, as ConditionalCheckFailedException.
	Code    string
	Message string
	// Body is the whole answer, for what more an error carries.
	Body []byte
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %d %s: %s", e.Operation, e.Status, e.Code, e.Message)
}

// transient tells refusals that go away by themselves.
func (e *Error) transient() bool {
	switch e.Code {
	case "ProvisionedThroughputExceededException", "ThrottlingException", "Throttling", "RequestLimitExceeded",
		"TooManyRequestsException", "TransactionInProgressException", "InternalServerError", "InternalException",
		"InternalFailure", "ServiceUnavailable", "LimitExceededException", "RequestThrottled":
		return true
	}
	return e.Status >= 500 || e.Status == http.StatusTooManyRequests
}

// maxAnswer is more than any of the services answers: 16 MB, of BatchGetItem.
const maxAnswer = 17 << 20

// Do calls an operation. What may have been lost, or was refused for a while, is
// sent again while the context lasts: operations must bear being repeated. The
// error of a refusal is an [*Error].
func (c *Client) Do(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("%s: request: %w", operation, err)
	}
	for try := 1; ; try++ {
		err = c.once(ctx, operation, body, out)
		if err == nil || try >= cmp.Or(c.Tries, 4) || !again(err) {
			return err
		}
		if c.pause(ctx, try) != nil {
			return err
		}
	}
}

// again tells whether an operation is worth another try.
func again(err error) bool {
	var e *Error
	if errors.As(err, &e) {
		return e.transient()
	}
	return !errors.Is(err, errLocal) && !errors.Is(err, errEnded)
}

var (
	errLocal = errors.New("not sent")
	// errEnded: the time was over while the request was out. Whether it was done
	// is not known.
	errEnded = errors.New("unanswered")
)

// pause waits for a random time, up to 50 ms doubled with each try, as long as
// the context leaves some.
func (c *Client) pause(ctx context.Context, try int) error {
	d := time.Duration(rand.Int64N(int64(25*time.Millisecond) << try))
	if end, ok := ctx.Deadline(); ok && time.Until(end) < d {
		return context.DeadlineExceeded
	}
	if c.Sleep != nil {
		return c.Sleep(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) once(ctx context.Context, operation string, body []byte, out any) error {
	req, err := c.request(ctx, operation, body)
	if err != nil {
		return fmt.Errorf("%s: %w: %w", operation, errLocal, err)
	}
	// No service redirects. Followed, a redirect would take the body and the
	// session's token to wherever it says.
	client := *cmp.Or(c.HTTP, http.DefaultClient)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w: %w", operation, errEnded, err)
		}
		return fmt.Errorf("%s: %w", operation, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s: answer: %w", operation, err)
	}
	if res.StatusCode != http.StatusOK {
		return refusal(operation, res, answer)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s: answer: %w", operation, err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, operation string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Endpoint.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if req.URL.Path == "" {
		req.URL.Path = "/"
	}
	req.Header.Set("Content-Type", "application/x-amz-json-"+c.Service.JSON)
	req.Header.Set("X-Amz-Target", c.Service.Target+"."+operation)
	credentials, err := c.Credentials(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	sum := sha256.Sum256(body)
	c.signing.Do(func() { c.signer = v4.NewSigner() })
	err = c.signer.SignHTTP(ctx, credentials, req, hex.EncodeToString(sum[:]), c.Service.Name, c.Region, now())
	return req, err
}

// refusal reads an error's name and message, whichever way they are spelt.
func refusal(operation string, res *http.Response, body []byte) *Error {
	var told struct {
		Type         string `json:"__type"`
		Code         string `json:"code"`
		Message      string `json:"message"`
		UpperMessage string `json:"Message"`
	}
	_ = json.Unmarshal(body, &told)
	code := cmp.Or(told.Type, told.Code, res.Header.Get("X-Amzn-Errortype"))
	if _, name, ok := strings.Cut(code, "#"); ok {
		code = name
	}
	code, _, _ = strings.Cut(code, ":")
	return &Error{
		Operation: operation, Status: res.StatusCode, Code: cmp.Or(code, http.StatusText(res.StatusCode)),
		Message: cmp.Or(told.Message, told.UpperMessage), Body: body,
	}
}
