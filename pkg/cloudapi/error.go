package cloudapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// Effect is what is known of a call's effect on the cloud.
type Effect int

const (
	// NoEffect: the call certainly changed nothing. It was never sent, or
	// refused, or only reads.
	NoEffect Effect = iota
	// MayHave: the call may have taken effect, or may yet: it was sent, at
	// least in part, and no answer says how it ended.
	MayHave
	// Had: the call took effect, but what its answer should tell, such as a
	// job's ID, is not known.
	Had
)

// String is "none", "possible" or "certain".
func (e Effect) String() string {
	switch e {
	case NoEffect:
		return "none"
	case MayHave:
		return "possible"
	case Had:
		return "certain"
	}
	return fmt.Sprintf("Effect(%d)", int(e))
}

// Error is the error of every call.
type Error struct {
	// Operation is the operation's name in the official SDKs.
	Operation string
	// Status is the HTTP status; 0 where no answer came.
	Status int
	// Code is the cloud's error code, such as "DBS.200019"; may be empty.
	Code string
	// Message is the cloud's error message, without any of our secrets.
	Message string
	// RequestID is by what the cloud's support finds the call.
	RequestID string
	// RetryAfter is how long to wait before the next call; 0 where unknown.
	RetryAfter time.Duration
	// Effect is what is known of the call's effect.
	Effect Effect
	// Cause is what went wrong on our side or in between; nil where the cloud
	// said it all.
	Cause error

	// means overrides what the code and the status say.
	means kind
}

// kind is what a caller can do about an error.
type kind int

const (
	other kind = iota
	busy
	notFound
	denied
	throttled
)

// kinds are the codes that tell more than their HTTP status, which varies: the
// same code was seen with 400, 403 and 409. They are from the services' error
// code pages and from the official Terraform provider.
func (e *Error) kind() kind {
	if e.means != other {
		return e.means
	}
	switch strings.Replace(e.Code, "APIGW.", "APIG.", 1) {
	case "DBS.200011", "DBS.200019", "DBS.200047", "DBS.201014", "DBS.201015", "DBS.201202", "DBS.201205",
		"DBS.05000084", "DBS.212006", "DBS.212033":
		return busy
	case "DBS.200002", "DBS.200013", "DBS.200045", "DBS.200932", "DBS.201028", "APIG.0101":
		return notFound
	case "DBS.200010", "DBS.200044", "DBS.201003", "DBS.280015", "DBS.280056", "DBSS.10020100",
		"APIG.0301", "APIG.0305", "APIG.0306", "APIG.0307":
		return denied
	case "APIG.0308":
		return throttled
	}
	switch e.Status {
	case http.StatusNotFound:
		return notFound
	case http.StatusUnauthorized, http.StatusForbidden:
		return denied
	case http.StatusTooManyRequests:
		return throttled
	}
	return other
}

// Busy reports whether another operation is going on at the target, so that
// the call can be made again once that has ended. At most one of Busy,
// NotFound, Denied and Throttled is true.
func (e *Error) Busy() bool { return e.kind() == busy }

// NotFound reports whether what the call names does not exist, or not yet: a
// new job is found only after several seconds.
func (e *Error) NotFound() bool { return e.kind() == notFound }

// Denied reports whether the caller could not prove who it is, or may not do
// this. It is also true where no proof could be got from IAM, and where no
// call is made because the last ones were refused.
func (e *Error) Denied() bool { return e.kind() == denied }

// Throttled reports whether too many calls were made; see RetryAfter.
func (e *Error) Throttled() bool { return e.kind() == throttled }

// MayHaveEffect reports whether the call took effect, or may have.
func (e *Error) MayHaveEffect() bool { return e.Effect != NoEffect }

// refused reports whether the code says that nothing was done, whatever the
// status: the target is busy, or the gateway passed nothing on to the service.
func (e *Error) refused() bool {
	return e.kind() == busy || strings.HasPrefix(e.Code, "APIG.03") || strings.HasPrefix(e.Code, "APIGW.03")
}

// unauthorized reports whether the call was refused for its proof, which may
// have run out. It is matched by the gateway's and the service's code too
// ("the token must be renewed"), as the status varies.
func (e *Error) unauthorized() bool {
	if e.Effect != NoEffect {
		return false
	}
	switch e.Code {
	case "APIG.0307", "APIGW.0307", "DBS.280056":
		return true
	}
	return e.Status == http.StatusUnauthorized
}

// Error tells what is known, in one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Operation)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": %d", e.Status)
		if e.Code == "" && e.Message == "" {
			b.WriteString(" " + http.StatusText(e.Status))
		}
	}
	for _, part := range []string{e.Code, e.Message} {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	if e.Cause != nil {
		b.WriteString(": " + e.Cause.Error())
	}
	if e.RequestID != "" {
		b.WriteString(" (request " + e.RequestID + ")")
	}
	if e.Effect != NoEffect {
		b.WriteString(" (effect " + e.Effect.String() + ")")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// LogValue is the error as a group of attributes, the empty ones left out.
func (e *Error) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("operation", e.Operation), slog.String("effect", e.Effect.String())}
	if e.Status != 0 {
		attrs = append(attrs, slog.Int("status", e.Status))
	}
	texts := []struct{ key, value string }{{"code", e.Code}, {"message", e.Message}, {"request_id", e.RequestID}}
	for _, text := range texts {
		if text.value != "" {
			attrs = append(attrs, slog.String(text.key, text.value))
		}
	}
	if e.RetryAfter > 0 {
		attrs = append(attrs, slog.Duration("retry_after", e.RetryAfter))
	}
	if e.Cause != nil {
		attrs = append(attrs, slog.String("cause", e.Cause.Error()))
	}
	return slog.GroupValue(attrs...)
}

// local is the error of a call that was not sent.
func local(operation string, err error) *Error {
	if already := (*Error)(nil); errors.As(err, &already) {
		return already
	}
	return &Error{Operation: operation, Cause: err}
}

// Unproven is the error of an [Authenticator] that has no proof for a call: it is
// Denied, and was not sent.
func Unproven(operation string, cause error) *Error {
	return &Error{Operation: operation, Cause: cause, means: denied}
}

// finish takes out what an error of this operation cannot have: an effect of
// what only reads, and secrets that the cloud repeated.
func (e *Error) finish(op *operation, secrets []string) *Error {
	if op.reads() {
		e.Effect = NoEffect
	}
	return e.redact(secrets)
}

// redact takes the secrets out.
func (e *Error) redact(secrets []string) *Error {
	e.Code = brief(redact(e.Code, secrets), 64)
	e.Message = brief(redact(e.Message, secrets), 1024)
	e.RequestID = brief(redact(e.RequestID, secrets), 128)
	if e.Cause != nil {
		if text := redact(e.Cause.Error(), secrets); text != e.Cause.Error() {
			e.Cause = errors.New(text) // the chain would still tell
		}
	}
	return e
}
