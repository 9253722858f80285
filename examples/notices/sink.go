package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/cloudevents/sdk-go/v2/event"
)

// webhook is a place that takes notices. Its URL is a secret: whoever knows it can
// post there. It stands in no log and in no error.
type webhook struct {
	name string
	url  string
	form func(*notice) any
}

// sink posts a notice to each webhook for each event that people should know of.
// It takes an event only when every webhook has taken the notice, so that a bus
// that delivers again until an event is taken loses none.
type sink struct {
	webhooks []webhook
	client   *http.Client
	log      *slog.Logger

	mu sync.Mutex
	// told are the webhooks that have an event's notice, by its id: what comes
	// again because another had not is not told twice. The oldest are forgotten.
	told  map[string]map[string]bool
	order []string
}

const remembered = 4096

func newSink(webhooks []webhook, client *http.Client, log *slog.Logger) *sink {
	own := *client
	// A redirect would take the notice to wherever it says.
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &sink{webhooks: webhooks, client: &own, log: log, told: map[string]map[string]bool{}}
}

// ServeHTTP takes a structured CloudEvent: as the bus http: posts it, or a broker,
// or EventBridge's API destination with the input path $.detail.
func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "expected POST", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 256<<10))
	if err != nil {
		http.Error(w, "expected at most 256 KiB", http.StatusRequestEntityTooLarge)
		return
	}
	var ev event.Event
	if err := json.Unmarshal(body, &ev); err != nil || ev.Validate() != nil {
		http.Error(w, "expected a structured CloudEvent", http.StatusBadRequest)
		return
	}
	n, err := noticeOf(&ev)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if n == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if err := s.tell(r.Context(), ev.Source()+" "+ev.ID(), n); err != nil {
		s.log.Error("not told", "type", ev.Type(), "event_id", ev.ID(), "error", err)
		if later := (*laterError)(nil); errors.As(err, &later) && later.after != "" {
			w.Header().Set("Retry-After", later.after)
		}
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// tell posts the notice to every webhook that does not have it yet, also where one
// of them fails.
func (s *sink) tell(ctx context.Context, id string, n *notice) error {
	var errs []error
	for _, hook := range s.webhooks {
		if s.has(id, hook.name) {
			continue
		}
		if err := s.post(ctx, hook, n); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", hook.name, err))
			continue
		}
		s.note(id, hook.name)
	}
	return errors.Join(errs...)
}

func (s *sink) has(id, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told[id][name]
}

func (s *sink) note(id, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told[id] == nil {
		if s.order = append(s.order, id); len(s.order) > remembered {
			delete(s.told, s.order[0])
			s.order = s.order[1:]
		}
		s.told[id] = map[string]bool{}
	}
	s.told[id][name] = true
}

// laterError is an answer other than 2xx, and after how many seconds to try again.
type laterError struct{ status, after string }

func (e *laterError) Error() string { return "answered " + e.status }

func (s *sink) post(ctx context.Context, hook webhook, n *notice) error {
	body, err := json.Marshal(hook.form(n))
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("its URL is none")
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	res, err := s.client.Do(req)
	if ue := (*url.Error)(nil); errors.As(err, &ue) {
		err = ue.Err // the rest of it names the URL
	}
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10) // so that the connection is used again
	if res.StatusCode/100 != 2 {
		return &laterError{res.Status, res.Header.Get("Retry-After")}
	}
	return nil
}

// check reports a webhook's URL by which what is posted could be read on its way,
// without saying it.
func (h *webhook) check() error {
	u, err := url.Parse(h.url)
	switch {
	case err != nil || u.Host == "":
		return fmt.Errorf("%s: expected an absolute URL", h.name)
	case u.Scheme == "https", u.Scheme == "http" && (u.Hostname() == "localhost" || strings.HasPrefix(u.Hostname(), "127.")):
		return nil
	}
	return fmt.Errorf("%s: expected https, or http for this machine", h.name)
}
