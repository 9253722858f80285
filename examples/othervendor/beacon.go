package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

// device is what this vendor's switches are flipped on.
type device struct {
	Site   string `json:"site" validate:"required"`
	Device string `json:"device" validate:"required"`
}

// Place: changes of one device come one at a time, and in order.
func (d device) Place() decision.Place {
	return decision.Place{Project: d.Site, Instance: d.Device, Subject: "sites/" + d.Site + "/devices/" + d.Device}
}

// api is a client of the vendor's API.
type api struct {
	url  string
	http *http.Client
}

// beacon is the switch. Its API creates no jobs, and to set what is set does no
// harm; so there is no more to say than how to set it and how to read it.
func (a api) beacon() engine.Switch[device, struct{}] {
	return engine.Switch[device, struct{}]{
		Name: "beacon",
		Flip: func(ctx context.Context, d device, on bool, _ struct{}) (string, error) {
			_, err := a.call(ctx, http.MethodPut, d, on)
			return "", err
		},
		Read: func(ctx context.Context, d device) (bool, error) {
			return a.call(ctx, http.MethodGet, d, false)
		},
	}
}

type position struct {
	On bool `json:"on"`
}

func (a api) call(ctx context.Context, method string, d device, on bool) (bool, error) {
	body, err := json.Marshal(position{on})
	if err != nil {
		return false, err
	}
	path := a.url + "/sites/" + url.PathEscape(d.Site) + "/devices/" + url.PathEscape(d.Device) + "/beacon"
	req, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	res, err := a.http.Do(req)
	if err != nil {
		return false, failure{error: err}
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return false, failure{fmt.Errorf("%s %s: %s", method, path, res.Status), res.StatusCode}
	}
	var now position
	err = json.NewDecoder(res.Body).Decode(&now)
	return now.On, err
}

// failure tells the engine what an error of the API means: an [engine.Failure].
type failure struct {
	error
	status int
}

func (f failure) Unwrap() error { return f.error }

// Effect is the one thing that must be right: none only where that is certain.
func (f failure) Effect() engine.Effect {
	if f.status/100 == 4 || errors.Is(f.error, syscall.ECONNREFUSED) {
		return engine.None
	}
	return engine.Possible
}

func (f failure) Reason() engine.Reason {
	switch f.status {
	case 0:
		return engine.Unreachable
	case http.StatusUnauthorized, http.StatusForbidden:
		return engine.Denied
	case http.StatusNotFound:
		return engine.NotFound
	case http.StatusConflict:
		return engine.Busy
	case http.StatusTooManyRequests:
		return engine.Throttled
	}
	if f.status/100 == 4 {
		return engine.Refused
	}
	return engine.Unknown
}

func (failure) RetryAfter() time.Duration { return 0 }

func (f failure) Cloud() *events.Cloud { return &events.Cloud{Status: f.status} }
