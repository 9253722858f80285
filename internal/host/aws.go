package host

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/dynamodb"
	"github.com/interlock-functions/interlock/internal/eventbridge"
	"github.com/interlock-functions/interlock/internal/roots"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// AWS opens what a configuration names on AWS, by AWS's own variables.
type AWS struct {
	Getenv func(string) string
	http   *http.Client
}

// Client makes a client of a service. All share their connections, which are
// reused: the calls of an invocation follow each other closely, and so do
// invocations.
func (a *AWS) Client(s awsjson.Service) (*awsjson.Client, error) {
	if a.http == nil {
		dialer := &net.Dialer{Timeout: 2 * time.Second}
		a.http = &http.Client{
			Timeout: 5 * time.Second,
			Transport: &http.Transport{
				Proxy:               http.ProxyFromEnvironment,
				DialContext:         dialer.DialContext,
				DialTLSContext:      (&roots.Dialer{Net: dialer, Handshake: 3 * time.Second}).DialTLS,
				TLSHandshakeTimeout: 3 * time.Second,
				MaxIdleConnsPerHost: 16,
				IdleConnTimeout:     time.Minute,
				// A transaction and its headers go out in one write.
				WriteBufferSize: 16 << 10,
			},
		}
	}
	return awsjson.FromEnv(s, a.Getenv, a.http)
}

// Ledger opens the DynamoDB table.
func (a *AWS) Ledger(table string) (ledger.Ledger, error) {
	c, err := a.Client(awsjson.DynamoDB)
	if err != nil {
		return nil, err
	}
	return &dynamodb.Ledger{Client: c, Table: table}, nil
}

// eventBridge opens the EventBridge bus.
func (a *AWS) eventBridge(name string) (bus.Bus, error) {
	c, err := a.Client(awsjson.EventBridge)
	if err != nil {
		return nil, err
	}
	return &eventbridge.Bus{Client: c, Name: name, TraceHeader: traceHeader}, nil
}

// traceHeader is the X-Ray trace of an invocation, as Lambda's runtime gives it.
func traceHeader(ctx context.Context) string {
	s, _ := ctx.Value("x-amzn-trace-id").(string)
	return s
}

// Auth is what proves to the cloud who we are, by the credentials given or by
// those in the secret.
func (a *AWS) Auth(c config.Config) (cloudapi.Authenticator, error) {
	if c.SecretID == "" {
		return c.Credentials.Authenticator(c.Endpoints.IAM), nil
	}
	client, err := a.Client(awsjson.SecretsManager)
	if err != nil {
		return nil, err
	}
	return &secret{client: client, id: c.SecretID, iam: c.Endpoints.IAM}, nil
}
