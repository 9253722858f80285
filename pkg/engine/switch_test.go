package engine

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

type colour struct {
	Colour string `json:"colour"`
}

// The same target, position and options reach the call, the read and the
// preview.
func TestSwitchOfItsOwnTypes(t *testing.T) {
	var got []any
	s := Switch[room, colour]{
		Name: "lamp",
		Flip: func(_ context.Context, r room, on bool, c colour) (string, error) {
			got = append(got, r, on, c)
			return "job", nil
		},
		Read: func(_ context.Context, r room) (bool, error) {
			got = append(got, r)
			return true, nil
		},
		Preview: func(_ context.Context, r room, on bool, c colour) *Request {
			got = append(got, r, on, c)
			return &Request{Method: "PUT"}
		},
	}.Register()
	d := &decision.Decision{Target: []byte(`{"house":"h","room":"r"}`), Enabled: true, Options: map[string]any{"colour": "red"}}
	job, err := s.flip(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, "job", job)
	on, err := s.Read(t.Context(), d)
	require.NoError(t, err)
	require.True(t, on)
	require.Equal(t, &Request{Method: "PUT"}, s.preview(t.Context(), d))
	hall, red := room{"h", "r"}, colour{"red"}
	require.Equal(t, []any{hall, true, red, hall, hall, true, red}, got)
	require.False(t, s.Creates())
	require.True(t, s.Reads())
	require.False(t, s.Blind().Reads())
	require.NotNil(t, s.Spec().Options)
	require.False(t, s.foreign("any"), "who knows whose it is")

	// What cannot be read of a decision is never sent, and says so.
	got, d.Target = nil, json.RawMessage(`[]`)
	_, flipped := s.flip(t.Context(), d)
	_, read := s.Read(t.Context(), d)
	for _, err := range []error{flipped, read} {
		var f Failure
		require.ErrorAs(t, err, &f)
		require.Equal(t, None, f.Effect())
		require.Equal(t, Unreachable, reasonOf(err))
	}
	require.Nil(t, s.preview(t.Context(), d))
	require.Empty(t, got)

	bare := lamp()
	require.Nil(t, bare.Spec().Options)
	require.True(t, bare.Creates())
	require.False(t, bare.Reads())
	require.Nil(t, bare.preview)
}

// told is a failure of a call, in the words of whoever made it.
type told struct {
	effect Effect
	reason Reason
	after  time.Duration
}

func (told) Error() string               { return "told" }
func (e told) Effect() Effect            { return e.effect }
func (e told) Reason() Reason            { return e.reason }
func (e told) RetryAfter() time.Duration { return e.after }
func (told) Cloud() *events.Cloud        { return &events.Cloud{Status: 7} }

// What an error means to the decision whose call it answered. Whoever does not
// say what a call has done leaves a doubt.
func TestMeaning(t *testing.T) {
	sw := lamp()
	a := &attempt{sw: &sw}
	require.Equal(t, verdict{code: events.Doubt, detail: "who knows", effect: Possible}, a.classify("", errors.New("who knows")))
	for _, c := range []struct {
		err    told
		result Kind
		code   events.Code
		effect Effect
		wait   time.Duration
	}{
		{told{effect: Possible, reason: Refused}, "", events.Doubt, Possible, 0},
		{told{effect: Certain, reason: Busy}, "", events.Doubt, Certain, 0},
		{told{reason: Unknown}, Rejected, events.CloudRefused, None, 0},
		{told{reason: Refused}, Rejected, events.CloudRefused, None, 0},
		{told{reason: NotFound}, Rejected, events.CloudRefused, None, 0},
		{told{reason: Busy}, "", events.Busy, None, busyWait},
		{told{reason: Busy, after: time.Hour}, "", events.Busy, None, time.Hour},
		{told{reason: Throttled}, "", events.Throttled, None, cloudWait},
		{told{reason: Throttled, after: time.Hour}, "", events.Throttled, None, time.Hour},
		{told{reason: Denied}, "", events.CloudDenied, None, deniedWait},
		{told{reason: Denied, after: time.Hour}, "", events.CloudDenied, None, time.Hour},
		{told{reason: Unreachable}, "", events.Unavailable, None, cloudWait},
	} {
		require.Equal(t, verdict{
			result: c.result, code: c.code, detail: "told", effect: c.effect, wait: c.wait, cloud: &events.Cloud{Status: 7},
		}, a.classify("", c.err), c.err)
	}
	require.Equal(t, completed(events.Accepted, "job"), a.classify("job", nil))
}
