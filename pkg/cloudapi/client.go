// Package cloudapi is a client for the few Huawei Cloud APIs that flip a
// database's switches, follow the jobs they create, read the switches' state
// back, and publish events.
//
// # Calls
//
// A [Client] is a struct of plain fields. It has one method for each operation
// and each is named on the page it cites. All methods are safe for concurrent
// use and stop when their context does.
//
// # Errors
//
// Every error is an [*Error]. Beside what the cloud answered it tells what is
// known of the call's [Effect]: a flip restarts a database proxy, so whoever
// wants to send one again must know whether the first one may have worked.
// The client itself never sends a flip twice, with one exception: a request
// refused with 401 because its token had run out is sent again, once, with a
// new token.
//
// # Authentication
//
// An [Authenticator] proves who is calling: [AKSK] signs with an access key,
// [Token] carries a token it is given, [UserToken] fetches tokens from IAM.
// Secrets are kept out of errors and logs, even where the cloud repeats them.
package cloudapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Client calls the API. Fill in a base URL for each service that is used and
// Auth; everything else has a default. A Client must not be copied after its
// first call.
type Client struct {
	// GaussDB is the base URL of TaurusDB, formerly GaussDB(for MySQL),
	// without a trailing slash. See [Endpoints].
	GaussDB string
	// DBSS is the base URL of Database Security Service, likewise.
	DBSS string
	// EventGrid is that of EventGrid, for [Client.PutEvents] alone.
	EventGrid string
	// Auth proves who is calling.
	Auth Authenticator
	// HTTP sends the requests; default: HTTP/1.1, connections reused for 15
	// seconds, an answer within 30. Redirects are never followed, whatever
	// its CheckRedirect says.
	HTTP *http.Client
	// Language is that of error messages, "en-us" (default) or "zh-cn".
	Language string
	// Now is the clock that dates signatures and ages tokens; default
	// [time.Now].
	Now func() time.Time
	// UserAgent is the header of that name; default "interlock-cloudapi".
	UserAgent string

	once sync.Once
	http http.Client // a copy of HTTP, or its default, that follows no redirect
}

// Proxy names a database proxy of a TaurusDB instance.
type Proxy struct{ ProjectID, InstanceID, ProxyID string }

// Instance names a TaurusDB instance.
type Instance struct{ ProjectID, InstanceID string }

// AuditDatabase names a database that an audit instance of Database Security
// Service watches.
type AuditDatabase struct{ ProjectID, InstanceID, DatabaseID string }

// operation is one request of the API as its page describes it.
type operation struct {
	name   string // as the official SDKs call it
	method string
	base   string     // base URL of its service
	path   string     // with the page's {parameters}; the first is the project
	ids    []string   // what stands in their places, in order
	query  url.Values // optional
	body   any        // marshalled as JSON, unless it is written; none where nil
	// unread is the effect where the answer is a 2xx that cannot be read.
	unread Effect
}

// reads reports whether the operation only reads, and so has no effect.
func (op *operation) reads() bool { return op.method == http.MethodGet }

// written is a body that is JSON already, and is sent as it is.
type written []byte

// answer is the content of a 2xx.
type answer interface {
	// check says what the operation's effect is where the content is an error
	// all the same: it lacks what the page promises, or tells of a failure.
	check() (Effect, error)
}

// do sends the request of an operation and reads its answer. It returns the
// answer's header.
func (c *Client) do(ctx context.Context, op operation, into answer) (http.Header, error) {
	for first := true; ; first = false {
		req, call, err := c.request(ctx, &op)
		if err != nil {
			return nil, local(op.name, err)
		}
		header, failure := c.send(req, &op, call, into)
		if failure == nil {
			return header, nil
		}
		if first && failure.unauthorized() && c.Auth.Refused(req, call) {
			continue // it had no effect, and another proof may be taken
		}
		return header, failure
	}
}

// request builds the authorised request of an operation.
func (c *Client) request(ctx context.Context, op *operation) (*http.Request, Call, error) {
	c.once.Do(c.prepare)
	if err := ctx.Err(); err != nil {
		return nil, Call{}, err
	}
	if c.Auth == nil {
		return nil, Call{}, errors.New("the client has no Auth")
	}
	target, err := op.url()
	if err != nil {
		return nil, Call{}, err
	}
	var body []byte
	if is, already := op.body.(written); already {
		body = is
	} else if op.body != nil {
		if body, err = json.Marshal(op.body); err != nil {
			return nil, Call{}, fmt.Errorf("request body: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, op.method, target, bytes.NewReader(body))
	if err != nil {
		return nil, Call{}, fmt.Errorf("request: %w", err)
	}
	req.GetBody = nil // what cannot be read again net/http cannot send again
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Language", or(c.Language, "en-us"))
	req.Header.Set("User-Agent", or(c.UserAgent, "interlock-cloudapi"))
	call := Call{Operation: op.name, ProjectID: op.ids[0], Body: body, Now: c.now(), HTTP: &c.http}
	if err := c.Auth.Authorize(ctx, req, call); err != nil {
		return nil, Call{}, err
	}
	return req, call, nil
}

// send sends a request, once, and reads the answer.
func (c *Client) send(req *http.Request, op *operation, call Call, into answer) (http.Header, *Error) {
	secrets := secretsOf(req)
	re, effect, err := exchange(&c.http, req)
	if err != nil {
		return nil, (&Error{Operation: op.name, Effect: effect, Cause: err}).finish(op, secrets)
	}
	failure := re.failure(call.Now)
	if failure == nil {
		failure = re.read(op, into)
	}
	if failure == nil {
		return re.header, nil
	}
	failure.Operation = op.name
	return re.header, failure.finish(op, secrets)
}

// prepare makes the client's own http.Client.
func (c *Client) prepare() {
	if c.HTTP != nil {
		c.http = *c.HTTP
	} else {
		c.http = http.Client{Transport: newTransport(), Timeout: 30 * time.Second}
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
}

// now is wall-clock time: a frozen process's monotonic clock stands still.
func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now().Round(0)
	}
	return time.Now().Round(0)
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
