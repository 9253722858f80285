package host

import (
	"net/http"
	"time"

	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/webhook"
)

// Verify is what a door asks of HTTP requests: a signature by one of the
// configured keys; nil where none is configured.
func Verify(c config.Config, now func() time.Time) func(http.Header, []byte) error {
	if len(c.WebhookSecrets) == 0 {
		return nil
	}
	v := &webhook.Verifier{Keys: c.WebhookSecrets, Now: now}
	return v.Verify
}
