package cloudapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// Channel names an event channel of EventGrid.
type Channel struct{ ProjectID, ChannelID string }

// PutResult is what became of one event: it was taken, unless there is a code.
type PutResult struct{ Code, Message string }

// PutEvents publishes events to a channel, each a CloudEvent as it is to be sent
// (page "Publishing an Event to an Event Channel", PutEvents), and returns what became
// of each, in their order.
func (c *Client) PutEvents(ctx context.Context, ch Channel, events []json.RawMessage) ([]PutResult, error) {
	body := written(`{"events":[`)
	for i, ev := range events {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, ev...)
	}
	got := putEventsAnswer{of: len(events)}
	_, err := c.do(ctx, operation{
		name: "PutEvents", method: http.MethodPost,
		base: c.EventGrid, path: "/v1/{project_id}/channels/{channel_id}/events", ids: []string{ch.ProjectID, ch.ChannelID},
		body: append(body, "]}"...), unread: MayHave,
	}, &got)
	if err != nil {
		return nil, err
	}
	results := make([]PutResult, len(events))
	for i, r := range got.Events {
		results[i] = PutResult{brief(string(r.Code), 64), brief(string(r.Message), 200)}
	}
	return results, nil
}

// putEventsAnswer counts the events that were not taken, and names them by their
// places in the list.
type putEventsAnswer struct {
	of     int
	Failed *int `json:"failed_count"`
	Events []struct {
		Code    text `json:"error_code"`
		Message text `json:"error_msg"`
	} `json:"events"`
}

// check believes no list that does not fit what is counted: which events were not
// taken then cannot be told.
func (a *putEventsAnswer) check() (Effect, error) {
	if a.Failed == nil {
		return MayHave, errors.New("answer: failed_count is missing")
	}
	named := 0
	for _, r := range a.Events {
		if r.Code != "" {
			named++
		}
	}
	if named != *a.Failed || len(a.Events) > a.of || named > 0 && len(a.Events) != a.of {
		return MayHave, errors.New("answer: the events that failed cannot be told from its list")
	}
	return NoEffect, nil
}
