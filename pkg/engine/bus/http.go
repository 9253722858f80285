package bus

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/cloudevents/sdk-go/v2/event"
)

// HTTP posts each event, structured, to a URL. Any 2xx answer means that it was
// taken.
type HTTP struct {
	URL    *url.URL
	Client *http.Client
}

// Publish posts the events one after the other and stops at the first that is
// not taken.
func (h *HTTP) Publish(ctx context.Context, out ...Event) error {
	for i := range out {
		if err := h.post(ctx, out[i].JSON); err != nil {
			// Without user info and query: they may hold a password or a token.
			return fmt.Errorf("%s://%s%s: %w", h.URL.Scheme, h.URL.Host, h.URL.Path, err)
		}
	}
	return nil
}

func (h *HTTP) post(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", event.ApplicationCloudEventsJSON+"; charset=utf-8")
	res, err := h.Client.Do(req)
	if err != nil {
		return bare(err)
	}
	defer res.Body.Close()
	// Read to the end, within reason, so that the connection is used again.
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10)
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("answered %s", res.Status)
	}
	return nil
}

// bare takes the URL out of an http.Client's error: it may hold a password or a
// token in its query.
func bare(err error) error {
	if ue, ok := err.(*url.Error); ok {
		return ue.Err
	}
	return err
}
