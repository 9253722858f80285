package cloudapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// UserToken fetches tokens from IAM for a user with a password ("Obtaining a
// User Token Through Password Authentication"): one for each project called
// on, kept until nine tenths of its life are over, and renewed once where it
// is refused before that, as happens after a change of permissions. Callers
// who need the same token wait for one fetch. Use it by pointer.
//
// An error of IAM's names IAM's operation and had no effect; a 4xx is Denied.
// After two 401 within five minutes for a project, IAM is not asked for the
// rest of them, as it locks a user who fails more often.
type UserToken struct {
	// IAM is the base URL of IAM, without a trailing slash.
	IAM string
	// Domain is the name of the account the user belongs to.
	Domain string
	// User is the user's name.
	User string
	// Password is the user's password.
	Password Secret

	mu       sync.Mutex
	projects map[string]*projectToken
}

// projectToken is what is known of one project.
type projectToken struct {
	token    string
	renew    time.Time
	fetching *fetch
	refusals refusals
}

// fetch is a request under way for a token, and who waits for it.
type fetch struct {
	cancel  context.CancelFunc
	waiting int
	done    chan struct{} // closed when token or err is set
	token   string
	err     error
}

const (
	opToken = "KeystoneCreateUserTokenByPassword"

	// defaultTokenLife is assumed where IAM does not tell; it is 24 hours by
	// its page.
	defaultTokenLife = time.Hour
)

// Authorize sends a token of the project along, fetching it where needed.
func (u *UserToken) Authorize(ctx context.Context, req *http.Request, call Call) error {
	token, err := u.token(ctx, call)
	if err != nil {
		return err
	}
	return setSecret(req, headerToken, token)
}

// Refused forgets the token that was refused and reports true.
func (u *UserToken) Refused(req *http.Request, call Call) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	// Another caller may have renewed it meanwhile.
	if p := u.project(call.ProjectID); p.token == req.Header.Get(headerToken) {
		p.token = ""
	}
	return true
}

// Format shows the user's name alone.
func (u *UserToken) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "UserToken(%s/%s)", u.Domain, u.User)
}

func (u *UserToken) project(id string) *projectToken {
	p := u.projects[id]
	if p == nil {
		p = new(projectToken)
		if u.projects == nil {
			u.projects = make(map[string]*projectToken)
		}
		u.projects[id] = p
	}
	return p
}

func (u *UserToken) token(ctx context.Context, call Call) (string, error) {
	u.mu.Lock()
	p := u.project(call.ProjectID)
	if p.token != "" && call.Now.Before(p.renew) {
		defer u.mu.Unlock()
		return p.token, nil
	}
	if err := p.refusals.paused(opToken, call.Now); err != nil {
		defer u.mu.Unlock()
		return "", err
	}
	f := p.fetching
	if f == nil {
		f = u.start(ctx, p, call)
	}
	f.waiting++
	u.mu.Unlock()
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		u.leave(p, f)
		return "", &Error{Operation: opToken, Cause: ctx.Err()}
	}
}

// start fetches a token in the background: who began it may leave before the
// others who wait for it.
func (u *UserToken) start(ctx context.Context, p *projectToken, call Call) *fetch {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	f := &fetch{cancel: cancel, done: make(chan struct{})}
	p.fetching = f
	go func() {
		defer cancel()
		token, life, err := u.fetch(ctx, call)
		u.mu.Lock()
		defer u.mu.Unlock()
		if err == nil {
			p.token, p.renew = token, call.Now.Add(life/10*9)
		} else if err.Status == http.StatusUnauthorized {
			p.refusals.add(call.Now)
		}
		if p.fetching == f {
			p.fetching = nil
		}
		f.token = token
		if err != nil {
			f.err = err
		}
		close(f.done)
	}()
	return f
}

// leave gives up waiting. The last one to leave ends the fetch, so that it
// does not outlive the calls it was for.
func (u *UserToken) leave(p *projectToken, f *fetch) {
	u.mu.Lock()
	f.waiting--
	last := f.waiting == 0
	if last && p.fetching == f {
		p.fetching = nil // nobody may join what is being cancelled
	}
	u.mu.Unlock()
	if last {
		f.cancel()
		<-f.done
	}
}

// fetch asks IAM for a token and how long it lives.
func (u *UserToken) fetch(ctx context.Context, call Call) (string, time.Duration, *Error) {
	req, err := u.request(ctx, call.ProjectID)
	if err != nil {
		return "", 0, &Error{Operation: opToken, Cause: err}
	}
	re, _, err := exchange(call.HTTP, req)
	secrets := []string{string(u.Password), re.header.Get("X-Subject-Token")}
	if err != nil {
		return "", 0, (&Error{Operation: opToken, Cause: err}).redact(secrets)
	}
	failure := re.failure(call.Now)
	token := re.header.Get("X-Subject-Token")
	if failure == nil && token == "" {
		failure = re.told()
		failure.Cause = errors.New("answer: the header X-Subject-Token is missing")
	}
	if failure != nil {
		failure.Operation, failure.Effect = opToken, NoEffect
		if failure.Status >= 400 && failure.Status < 500 && failure.Status != http.StatusRequestTimeout && failure.kind() != throttled {
			failure.means = denied // a proof that cannot be had is not the fault of what was asked for
		}
		return "", 0, failure.redact(secrets)
	}
	return token, re.tokenLife(call.Now), nil
}

func (u *UserToken) request(ctx context.Context, projectID string) (*http.Request, error) {
	type object = map[string]any
	body, err := json.Marshal(object{"auth": object{
		"identity": object{"methods": []string{"password"}, "password": object{"user": object{
			"domain": object{"name": u.Domain}, "name": u.User, "password": string(u.Password)}}},
		"scope": object{"project": object{"id": projectID}},
	}})
	if err != nil {
		return nil, fmt.Errorf("request body: %w", err)
	}
	if u.IAM == "" {
		return nil, errors.New("UserToken has no base URL for IAM")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(u.IAM, "/")+"/v3/auth/tokens", bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	return req, nil
}

// tokenLife is how long a token lives by IAM's own clock, which need not
// agree with ours.
func (r *reply) tokenLife(now time.Time) time.Duration {
	var body struct {
		Token struct {
			Expires stamp `json:"expires_at"`
			Issued  stamp `json:"issued_at"`
		} `json:"token"`
	}
	if json.Unmarshal(r.body, &body) != nil || body.Token.Expires.IsZero() {
		return defaultTokenLife
	}
	from := body.Token.Issued.Time
	if from.IsZero() {
		from = now
	}
	return max(body.Token.Expires.Sub(from), 0)
}
