package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

// secret proves who is calling by credentials from a Secrets Manager secret. It
// is fetched at the first call and kept; after a refusal it is fetched once
// more, as it may have been rotated.
type secret struct {
	client *awsjson.Client
	id     string
	iam    string

	mu          sync.Mutex
	credentials config.Credentials
	auth        cloudapi.Authenticator
	// stale: refused since it was fetched.
	stale bool
}

// Authorize proves the call by the secret's credentials.
func (s *secret) Authorize(ctx context.Context, req *http.Request, call cloudapi.Call) error {
	auth, err := s.current(ctx)
	if err != nil {
		return err
	}
	return auth.Authorize(ctx, req, call)
}

// Refused has the secret fetched again before the next call, and the call made
// again once: the authenticator itself stops after two refusals.
func (s *secret) Refused(req *http.Request, call cloudapi.Call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.auth == nil {
		return false
	}
	again := s.auth.Refused(req, call)
	first := !s.stale
	s.stale = true
	return again || first
}

func (s *secret) current(ctx context.Context) (cloudapi.Authenticator, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.auth != nil && !s.stale {
		return s.auth, nil
	}
	c, err := s.fetch(ctx)
	if err != nil {
		return nil, fmt.Errorf("secret %s: %w", s.id, err)
	}
	// The same credentials keep what their authenticator knows: its tokens, and
	// how often it was refused.
	if s.auth == nil || c != s.credentials {
		s.credentials, s.auth, s.stale = c, c.Authenticator(s.iam), false
	}
	return s.auth, nil
}

func (s *secret) fetch(ctx context.Context) (config.Credentials, error) {
	var answer struct{ SecretString string }
	if err := s.client.Do(ctx, "GetSecretValue", map[string]string{"SecretId": s.id}, &answer); err != nil {
		return config.Credentials{}, err
	}
	var values map[string]any
	if err := json.Unmarshal([]byte(answer.SecretString), &values); err != nil {
		// The error of encoding/json would quote from the secret.
		return config.Credentials{}, errors.New("expected a JSON object")
	}
	texts := make(map[string]string, len(values))
	for name, v := range values {
		if text, ok := v.(string); ok {
			texts[name] = text
		}
	}
	return config.FromSecret(texts)
}
