package host

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/ticketsystem"
	"github.com/interlock-functions/interlock/internal/webhook"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

// secret proves who is calling by credentials from a Secrets Manager secret: the
// project's own where the secret has such, and those for every other project. It
// is fetched at the first call and kept. A refusal has it fetched again, as it
// may have been rotated.
type secret struct {
	client *awsjson.Client
	id     string
	iam    string

	mu sync.Mutex
	// values are those of the secret, nil before it was read, accounts what its
	// credentials come to, by project.
	values   map[string]string
	accounts map[string]*account
}

// account is what is known of one account's credentials.
type account struct {
	config.Account
	auth cloudapi.Authenticator
	// refused is when the cloud last refused them. For a while after that, every
	// call looks whether there are others.
	refused time.Time
}

// suspect is how long refused credentials are looked after: as long as the
// cloud counts refusals.
const suspect = 5 * time.Minute

// Authorize proves the call by the secret's credentials for its project.
func (s *secret) Authorize(ctx context.Context, req *http.Request, call cloudapi.Call) error {
	a, fresh, err := s.current(ctx, call)
	if err != nil {
		return err
	}
	err = a.auth.Authorize(ctx, req, call)
	// With an old password, no token is to be had.
	if denied := (*cloudapi.Error)(nil); !fresh && errors.As(err, &denied) && denied.Denied() && s.changed(ctx, a, call) {
		return s.Authorize(ctx, req, call)
	}
	return err
}

// current returns the account of a call's project, and whether the secret was
// fetched for it just now.
func (s *secret) current(ctx context.Context, call cloudapi.Call) (a *account, fresh bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a = s.of(call.ProjectID)
	if a == nil || a.Err != nil || !a.refused.IsZero() && call.Now.Sub(a.refused) < suspect {
		if err := s.renew(ctx); err != nil {
			return nil, false, err
		}
		a, fresh = s.of(call.ProjectID), true
	}
	switch {
	case a == nil:
		return nil, false, cloudapi.Unproven(call.Operation, fmt.Errorf("secret %s: found no credentials for project %s, expected a member of that name, or some for every project", s.id, call.ProjectID))
	case a.Err != nil:
		return nil, false, fmt.Errorf("secret %s: %w", s.id, a.Err)
	}
	return a, fresh, nil
}

// of is the account by which a project is called on, nil where there is none.
func (s *secret) of(project string) *account {
	if own := s.accounts[project]; own != nil {
		return own
	}
	return s.accounts[""]
}

// Refused fetches the secret again, and has the call made again if the project's
// credentials have changed, or if the authenticator itself can renew what was
// refused. With credentials that have not changed the call would only be refused
// once more, and the cloud counts.
func (s *secret) Refused(req *http.Request, call cloudapi.Call) bool {
	s.mu.Lock()
	a := s.of(call.ProjectID)
	s.mu.Unlock()
	if a == nil || a.Err != nil {
		return false
	}
	again := a.auth.Refused(req, call)
	return s.changed(req.Context(), a, call) || again
}

// changed tells whether the secret holds other credentials for the project than
// those refused.
func (s *secret) changed(ctx context.Context, refused *account, call cloudapi.Call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	refused.refused = call.Now
	if err := s.renew(ctx); err != nil {
		return false
	}
	now := s.of(call.ProjectID)
	return now != nil && now.Err == nil && now != refused
}

// renew fetches the secret. The same credentials keep what their authenticator
// knows: its tokens, and how often it was refused.
func (s *secret) renew(ctx context.Context) error {
	held, err := s.fetch(ctx)
	if err != nil {
		return fmt.Errorf("secret %s: %w", s.id, err)
	}
	accounts := map[string]*account{}
	for project, is := range held.Accounts() {
		if was := s.accounts[project]; was != nil && was.Err == nil && is.Err == nil && was.Credentials == is.Credentials {
			accounts[project] = was
			continue
		}
		accounts[project] = &account{Account: is, auth: is.Credentials.Authenticator(s.iam)}
	}
	s.values, s.accounts = held.Values, accounts
	return nil
}

// tickets are the ticket system's credentials in the secret, which is fetched
// again for them where they were refused.
func (s *secret) tickets(ctx context.Context, refused bool) (ticketsystem.Credentials, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values == nil || refused {
		if err := s.renew(ctx); err != nil {
			return ticketsystem.Credentials{}, err
		}
	}
	c, err := config.TicketsFromSecret(s.values)
	if err != nil {
		return c, fmt.Errorf("secret %s: %w", s.id, err)
	}
	return c, nil
}

// webhooks are the keys of senders in the secret, as it is now.
func (s *secret) webhooks(ctx context.Context) ([]webhook.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.renew(ctx); err != nil {
		return nil, err
	}
	keys, err := config.KeysFromSecret(s.values)
	if err != nil {
		return nil, fmt.Errorf("secret %s: %w", s.id, err)
	}
	return keys, nil
}

func (s *secret) fetch(ctx context.Context) (config.Secret, error) {
	var answer struct{ SecretString string }
	if err := s.client.Do(ctx, "GetSecretValue", map[string]string{"SecretId": s.id}, &answer); err != nil {
		return config.Secret{}, err
	}
	return config.ParseSecret(answer.SecretString)
}
