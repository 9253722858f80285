package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/internal/doors"
	"github.com/interlock-functions/interlock/internal/webhook"
)

// courier posts structured events to functions.
type courier struct {
	// at is the address as it was given.
	at string
	// aws: requests are signed as AWS has it.
	aws bool
}

// delivery is what a function answered.
type delivery struct {
	URL    string `json:"url"`
	Status int    `json:"status"`
	// RetryAfter is how long to wait, in seconds.
	RetryAfter string `json:"retry_after,omitempty"`
	// NotApplied says why the event was not meant for the function, and TakenBy
	// whose it is.
	NotApplied string `json:"not_applied,omitempty"`
	TakenBy    string `json:"taken_by,omitempty"`
	// Answer is the body: JSON, or a string.
	Answer any `json:"answer,omitempty"`

	status   string
	body     []byte
	unsigned bool // and sent to a function URL
}

// deliver posts an event to a function.
func (c *courier) deliver(ctx context.Context, url, id string, body []byte) (*delivery, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", event.ApplicationCloudEventsJSON+"; charset=utf-8")
	if err := sign(req.Header, id, body, os.Getenv); err != nil {
		return nil, err
	}
	if c.aws {
		if err := signAWS(req, body, os.Getenv, time.Now()); err != nil {
			return nil, fmt.Errorf("--aws: %w", err)
		}
	}
	// Followed, a redirect would take what is signed to wherever it says.
	client := http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("nobody answers at %s; start interlock run or interlock serve, or give another address with --url", c.at)
	}
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	d := &delivery{
		URL: url, Status: res.StatusCode, status: res.Status, unsigned: !c.aws && onAWS(req.URL),
		RetryAfter: res.Header.Get("Retry-After"), NotApplied: res.Header.Get(doors.ReasonHeader),
	}
	if d.NotApplied != "" {
		d.TakenBy = takenBy(body)
	}
	d.body, err = io.ReadAll(io.LimitReader(res.Body, 1<<20))
	d.Answer = jsonOrText(d.body)
	return d, err
}

// show prints the answer.
func (d *delivery) show(w io.Writer, asJSON bool) error {
	if asJSON {
		return sayJSON(w, d)
	}
	say(w, "HTTP %s", d.status)
	if d.RetryAfter != "" {
		say(w, "Retry-After: %s", d.RetryAfter)
	}
	if d.NotApplied != "" {
		say(w, "Not applied: %s", d.NotApplied)
		say(w, "%s", d.TakenBy)
	}
	return indented(w, d.body)
}

// refused is an error where the answer is not 2xx.
func (d *delivery) refused() error {
	if d.Status/100 == 2 {
		return nil
	}
	text := d.URL + " answered " + printable(d.status)
	if d.unsigned && d.Status == http.StatusForbidden {
		text += "; where it wants a signature of AWS's, give --aws"
	}
	return errors.New(text)
}

// takenBy says which function takes an event that was not meant for another.
func takenBy(body []byte) string {
	ev, err := cloudevent.DecodeJSON(body)
	if err != nil || !slices.Contains(events.Types()[:3], ev.Type()) {
		return "No function takes events of this type."
	}
	name, err := switchOf(&ev)
	if err != nil {
		return "No function takes it: it is about no switch."
	}
	sw, err := switchNamed(name)
	if err != nil {
		return "No function takes it: " + err.Error()
	}
	return "The function of its switch is " + sw.Function + "."
}

// sign signs an event's request where keys are configured, as those who receive
// it have them.
func sign(header http.Header, id string, body []byte, getenv func(string) string) error {
	const name = "INTERLOCK_WEBHOOK_SECRETS"
	first, _, _ := strings.Cut(getenv(name), ",")
	if first == "" {
		return nil
	}
	key, err := webhook.ParseKey(first)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	key.Sign(header, id, time.Now(), body)
	return nil
}
