package host

import (
	"context"
	"encoding/json"
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

// secret proves who is calling by credentials from a Secrets Manager secret. It
// is fetched at the first call and kept. A refusal has it fetched again, as it
// may have been rotated.
type secret struct {
	client *awsjson.Client
	id     string
	iam    string

	mu sync.Mutex
	// values are those of the secret, credentials and auth what they come to.
	values      map[string]string
	credentials config.Credentials
	auth        cloudapi.Authenticator
	// refused is when the cloud last refused the credentials. For a while after
	// that, every call looks whether there are others.
	refused time.Time
}

// suspect is how long refused credentials are looked after: as long as the
// cloud counts refusals.
const suspect = 5 * time.Minute

// Authorize proves the call by the secret's credentials.
func (s *secret) Authorize(ctx context.Context, req *http.Request, call cloudapi.Call) error {
	auth, fresh, err := s.current(ctx, call.Now)
	if err != nil {
		return err
	}
	err = auth.Authorize(ctx, req, call)
	// With an old password, no token is to be had.
	if denied := (*cloudapi.Error)(nil); !fresh && errors.As(err, &denied) && denied.Denied() && s.changed(ctx, call) {
		return s.Authorize(ctx, req, call)
	}
	return err
}

// current returns the authenticator, and whether the secret was fetched for it
// just now.
func (s *secret) current(ctx context.Context, now time.Time) (_ cloudapi.Authenticator, fresh bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.auth == nil || !s.refused.IsZero() && now.Sub(s.refused) < suspect {
		if _, err := s.renew(ctx); err != nil {
			return nil, false, err
		}
		fresh = true
	}
	return s.auth, fresh, nil
}

// Refused fetches the secret again, and has the call made again if it has
// changed, or if the authenticator itself can renew what was refused. With
// credentials that have not changed the call would only be refused once more,
// and the cloud counts.
func (s *secret) Refused(req *http.Request, call cloudapi.Call) bool {
	s.mu.Lock()
	auth := s.auth
	s.mu.Unlock()
	if auth == nil {
		return false
	}
	again := auth.Refused(req, call)
	return s.changed(req.Context(), call) || again
}

// changed tells whether the secret holds other credentials than those refused.
func (s *secret) changed(ctx context.Context, call cloudapi.Call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = call.Now
	changed, err := s.renew(ctx)
	return err == nil && changed
}

// renew fetches the secret. The same credentials keep what their authenticator
// knows: its tokens, and how often it was refused.
func (s *secret) renew(ctx context.Context) (changed bool, err error) {
	values, err := s.fetch(ctx)
	if err != nil {
		return false, fmt.Errorf("secret %s: %w", s.id, err)
	}
	c, err := config.FromSecret(values)
	if err != nil {
		return false, fmt.Errorf("secret %s: %w", s.id, err)
	}
	s.values = values
	if s.auth != nil && c == s.credentials {
		return false, nil
	}
	s.credentials, s.auth, s.refused = c, c.Authenticator(s.iam), time.Time{}
	return true, nil
}

// tickets are the ticket system's credentials in the secret, which is fetched
// again for them where they were refused.
func (s *secret) tickets(ctx context.Context, refused bool) (ticketsystem.Credentials, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values == nil || refused {
		if _, err := s.renew(ctx); err != nil {
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
	if _, err := s.renew(ctx); err != nil {
		return nil, err
	}
	keys, err := config.KeysFromSecret(s.values)
	if err != nil {
		return nil, fmt.Errorf("secret %s: %w", s.id, err)
	}
	return keys, nil
}

func (s *secret) fetch(ctx context.Context) (map[string]string, error) {
	var answer struct{ SecretString string }
	if err := s.client.Do(ctx, "GetSecretValue", map[string]string{"SecretId": s.id}, &answer); err != nil {
		return nil, err
	}
	var values map[string]any
	if err := json.Unmarshal([]byte(answer.SecretString), &values); err != nil {
		// The error of encoding/json would quote from the secret.
		return nil, errors.New("expected a JSON object")
	}
	texts := make(map[string]string, len(values))
	for name, v := range values {
		if text, ok := v.(string); ok {
			texts[name] = text
		}
	}
	return texts, nil
}
