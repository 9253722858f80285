package host

import (
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
)

// Verify is what a door asks of HTTP requests: a signature by one of the
// configured keys; nil where none is configured. A key that is limited to what
// there is not would be good for nothing, and is an error.
func Verify(c config.Config, switches []huawei.Switch, now func() time.Time) (func(http.Header, []byte) (webhook.Key, error), error) {
	if len(c.WebhookSecrets) == 0 {
		return nil, nil
	}
	var names []string
	for _, s := range switches {
		names = append(names, s.Name)
	}
	for _, k := range c.WebhookSecrets {
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
					return nil, fmt.Errorf("INTERLOCK_WEBHOOK_SECRETS: key %s: %s: found %q, expected of %s", k.Name, l.name, given, strings.Join(l.here, ", "))
				}
			}
		}
	}
	v := &webhook.Verifier{Keys: c.WebhookSecrets, Now: now}
	return v.Verify, nil
}
