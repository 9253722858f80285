package huawei

import (
	"errors"
	"time"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// failure is what an error of the client means to the engine: an
// [engine.Failure].
type failure struct{ err *cloudapi.Error }

// failed is an error as the engine understands it.
func failed(err error) error {
	var ce *cloudapi.Error
	if !errors.As(err, &ce) {
		return err
	}
	return failure{ce}
}

func (f failure) Error() string             { return f.err.Error() }
func (f failure) Unwrap() error             { return f.err }
func (f failure) RetryAfter() time.Duration { return f.err.RetryAfter }

func (f failure) Effect() engine.Effect {
	switch f.err.Effect {
	case cloudapi.NoEffect:
		return engine.None
	case cloudapi.Had:
		return engine.Certain
	}
	return engine.Possible
}

func (f failure) Reason() engine.Reason {
	switch e := f.err; {
	case e.Busy():
		return engine.Busy
	case e.Throttled():
		return engine.Throttled
	case e.Denied():
		return engine.Denied
	case e.NotFound():
		return engine.NotFound
	case e.Status == 0:
		return engine.Unreachable
	case e.Status/100 == 4:
		return engine.Refused
	}
	return engine.Unknown
}

func (f failure) Cloud() *events.Cloud {
	said := events.Cloud{Status: f.err.Status, ErrorCode: f.err.Code, ErrorMsg: f.err.Message, RequestID: f.err.RequestID}
	if said == (events.Cloud{}) {
		return nil
	}
	return &said
}
