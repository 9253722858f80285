package cloudapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"
)

const (
	headerToken         = "X-Auth-Token"
	headerSecurityToken = "X-Security-Token"
)

// Authenticator proves who is calling. Its methods are safe for concurrent
// use.
type Authenticator interface {
	// Authorize adds the proof to a request. An [*Error] is returned to the
	// caller as it is; another error becomes the Cause of one. Whatever the
	// error, the request is not sent.
	Authorize(ctx context.Context, req *http.Request, call Call) error
	// Refused is told that the cloud answered a request with 401, or that its
	// token must be renewed. It reports whether the request should be
	// authorised anew and sent again; a second refusal is final.
	Refused(req *http.Request, call Call) (again bool)
}

// Call is what an [Authenticator] knows of a call beside its request.
type Call struct {
	// Operation is the operation's name in the official SDKs.
	Operation string
	// ProjectID is the project called on.
	ProjectID string
	// Body is the request's body, nil where it has none.
	Body []byte
	// Now is the time of the call.
	Now time.Time
	// HTTP is for requests of the authenticator's own.
	HTTP *http.Client
}

// Token is a ready token for X-Auth-Token. It prints as [Secret] does.
type Token Secret

// Authorize sends the token along.
func (t Token) Authorize(_ context.Context, req *http.Request, _ Call) error {
	return setSecret(req, headerToken, string(t))
}

// Refused reports false: there is no other token.
func (t Token) Refused(*http.Request, Call) bool { return false }

// String hides the token.
func (t Token) String() string { return Secret(t).String() }

// Format hides the token from every verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// GoString hides the token.
func (t Token) GoString() string { return t.String() }

// LogValue hides the token.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText hides the token from encoders.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// setSecret sets a header, unless net/http would refuse its value.
func setSecret(req *http.Request, name, value string) error {
	if value == "" {
		return fmt.Errorf("%s is empty", name)
	}
	for i := range len(value) {
		if value[i] <= ' ' || value[i] > '~' {
			return fmt.Errorf("%s: found a space or control character at %d, expected none", name, i)
		}
	}
	req.Header.Set(name, value)
	return nil
}

// refusals are the last two times that a proof was refused. The cloud locks a
// key after five failures within five minutes; we stop after two.
type refusals struct{ first, second time.Time }

const refusalWindow = 5 * time.Minute

// add notes a refusal.
func (r *refusals) add(now time.Time) { r.first, r.second = r.second, now }

// paused is the error of the calls that are not made, nil where they may be.
func (r *refusals) paused(operation string, now time.Time) error {
	rest := r.first.Add(refusalWindow).Sub(now)
	if rest <= 0 {
		return nil
	}
	return &Error{
		Operation: operation, RetryAfter: min(rest, refusalWindow), means: denied,
		Cause: errors.New("not sent: refused twice in five minutes, and the cloud locks a key that fails more often"),
	}
}
