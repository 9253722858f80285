package host

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/internal/producers"
	"github.com/interlock-functions/interlock/internal/webhook"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

// Verify is what a door asks of HTTP requests: a signature by one of the
// configured keys, or of those in the secret that auth, of [AWS.Auth], has the
// cloud's credentials from; nil where none is configured.
func Verify(c config.Config, switches []huawei.Switch, auth cloudapi.Authenticator, now func() time.Time) (func(context.Context, http.Header, []byte) (webhook.Key, error), error) {
	v := &webhook.Verifier{Keys: c.WebhookSecrets, Now: now}
	if s, kept := auth.(*secret); kept && c.WebhooksStored {
		v.Fetch = func(ctx context.Context) ([]webhook.Key, error) {
			keys, err := s.webhooks(ctx)
			if err == nil {
				err = useful(keys, switches)
			}
			return keys, err
		}
	} else if len(c.WebhookSecrets) == 0 {
		return nil, nil
	}
	return v.Verify, useful(c.WebhookSecrets, switches)
}

// useful reports a key that is limited to what there is not: it would be good
// for nothing.
func useful(keys []webhook.Key, switches []huawei.Switch) error {
	var names []string
	for _, s := range switches {
		names = append(names, s.Name)
	}
	for _, k := range keys {
		for _, l := range []struct {
			name        string
			given, here []string
		}{
			{"from", k.Limits.From, append(producers.Names(), webhook.CloudEvents)},
			{"types", k.Limits.Types, []string{events.TypeTicketApproved, events.TypeTagChanged, events.TypeSwitchRequested, events.TypeSwitchCompleted}},
			{"switches", k.Limits.Switches, names},
		} {
			for _, given := range l.given {
				if !slices.Contains(l.here, given) {
					return fmt.Errorf("INTERLOCK_WEBHOOK_SECRETS: key %s: %s: found %q, expected of %s", k.Name, l.name, given, strings.Join(l.here, ", "))
				}
			}
		}
	}
	return nil
}
