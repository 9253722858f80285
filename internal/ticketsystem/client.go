package ticketsystem

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/interlock-functions/interlock/internal/jsontree"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

// Credentials are who asks: a token, or a user with a password (in Jira's cloud
// an API token).
type Credentials struct {
	Token          cloudapi.Secret
	User, Password cloudapi.Secret
}

func (c Credentials) authorize(req *http.Request) {
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+string(c.Token))
		return
	}
	req.SetBasicAuth(string(c.User), string(c.Password))
}

const (
	// maxAnswer is more than a page of any ticket should take, and maxPages more
	// approvals than anybody gives.
	maxAnswer = 1 << 20
	maxPages  = 20
	maxDepth  = 32
)

type client struct {
	Options
	http *http.Client
}

func newClient(o Options) *client {
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	h := *cmp.Or(o.HTTP, http.DefaultClient)
	// Credentials go where they were configured to go.
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client{Options: o, http: &h}
}

// read has a ticket read within the time there is, and, where the credentials
// are refused and there are others, once more.
func (c *client) read(ctx context.Context, id string, read func(*reading) (Found, error)) (Found, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	var used Credentials
	for renew := false; ; renew = true {
		credentials, err := c.Credentials(ctx, renew)
		if err != nil {
			return Found{}, later(id, fmt.Errorf("credentials: %w", err))
		}
		if renew && credentials == used {
			return Found{}, later(id, &refusal{status: http.StatusUnauthorized})
		}
		found, err := read(&reading{client: c, ctx: ctx, credentials: credentials})
		if refused := (*refusal)(nil); errors.As(err, &refused) && refused.status == http.StatusUnauthorized && !renew {
			used = credentials
			continue
		}
		if err != nil {
			return Found{}, later(id, err)
		}
		return found, nil
	}
}

func later(id string, err error) *Error {
	e := &Error{Ticket: id, Err: err}
	if r := (*refusal)(nil); errors.As(err, &r) {
		e.Status, e.RetryAfter = r.status, r.retryAfter
	}
	return e
}

// refusal is an answer that is none: its body is not shown to anybody.
type refusal struct {
	status     int
	retryAfter time.Duration
	// missing: the system itself says that there is nothing of that name.
	missing bool
}

func (r *refusal) Error() string {
	return fmt.Sprintf("found status %d %s, expected 200 OK", r.status, http.StatusText(r.status))
}

// missing tells whether an error is the system's word that there is nothing.
func missing(err error) bool {
	r := (*refusal)(nil)
	return errors.As(err, &r) && r.missing
}

// reading reads one ticket.
type reading struct {
	*client
	ctx         context.Context
	credentials Credentials
}

// get reads a page of the API.
func (r *reading) get(path string, query url.Values) (*jsontree.Node, http.Header, error) {
	at := *r.Base.JoinPath(path)
	at.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(r.ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, nil, errors.New("request: found an address that is no URL")
	}
	req.Header.Set("Accept", "application/json")
	r.credentials.authorize(req)
	res, err := r.http.Do(req)
	if err != nil {
		if ue := (*url.Error)(nil); errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, nil, fmt.Errorf("no answer: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, nil, fmt.Errorf("no answer: %w", err)
	}
	n, parseErr := jsontree.Parse(body, maxDepth)
	switch {
	case anonymous(res.Header):
		return nil, nil, &refusal{status: http.StatusUnauthorized}
	case res.StatusCode != http.StatusOK:
		return nil, nil, &refusal{
			status: res.StatusCode, retryAfter: retryAfter(res.Header.Get("Retry-After"), r.Now()),
			missing: res.StatusCode == http.StatusNotFound && parseErr == nil && isNotFound(&n),
		}
	case len(body) > maxAnswer:
		return nil, nil, fmt.Errorf("answer: found more than %d bytes, expected a page of one ticket", maxAnswer)
	case parseErr != nil:
		return nil, nil, fmt.Errorf("answer: found %s, expected JSON with each member once", broken(parseErr))
	}
	return &n, res.Header, nil
}

// broken says where an answer is no JSON, and not what is there.
func broken(err error) string {
	if e := (*jsontree.Error)(nil); errors.As(err, &e) {
		return fmt.Sprintf("something else at byte %d", e.Offset)
	}
	return "something else"
}

// anonymous tells an answer of Jira to nobody: refused credentials may be
// passed over, with an answer as to everybody.
func anonymous(h http.Header) bool {
	switch h.Get("X-Seraph-LoginReason") {
	case "AUTHENTICATED_FAILED", "AUTHENTICATION_DENIED", "AUTHORISATION_FAILED":
		return true
	}
	return false
}

// isNotFound tells the two systems' own words for nothing from those of whatever
// stands at a wrong address: ServiceNow's "No Record found", and Jira's list of
// errors.
func isNotFound(n *jsontree.Node) bool {
	message := n.Get("error").Get("message")
	return message.Is(jsontree.String) && message.Text == "No Record found" || n.Get("errorMessages").Is(jsontree.Array)
}

func retryAfter(header string, now time.Time) time.Duration {
	const most = time.Hour
	if seconds, err := strconv.ParseUint(header, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, most)
	}
	if date, err := http.ParseTime(header); err == nil {
		return min(max(date.Sub(now), 0), most)
	}
	return 0
}
