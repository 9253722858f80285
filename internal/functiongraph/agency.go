package functiongraph

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

// agency proves who is calling by the credentials of the invocation that the call
// belongs to. While they are the same, so is what signs with them: it counts
// refusals.
type agency struct {
	mu   sync.Mutex
	last *cloudapi.AKSK
}

// Authorize signs with the invocation's credentials.
func (a *agency) Authorize(ctx context.Context, req *http.Request, call cloudapi.Call) error {
	by := a.of(ctx)
	if by == nil {
		return cloudapi.Unproven(call.Operation, errors.New("found no credentials with the invocation, expected a function with an agency, or INTERLOCK's own credentials"))
	}
	return by.Authorize(ctx, req, call)
}

// Refused counts the refusal.
func (a *agency) Refused(req *http.Request, call cloudapi.Call) bool {
	by := a.of(req.Context())
	return by != nil && by.Refused(req, call)
}

func (a *agency) of(ctx context.Context) *cloudapi.AKSK {
	by := from(ctx).by
	if by == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last == nil || a.last.AccessKey != by.AccessKey || a.last.SecretKey != by.SecretKey || a.last.SecurityToken != by.SecurityToken {
		a.last = by
	}
	return a.last
}

// credentials are those that an invocation's header has, nil for none. The
// temporary key has a name of its own where FunctionGraph tells it from the older,
// longer-lived one ("Replacing the Temporary AK/SK").
func credentials(header http.Header) *cloudapi.AKSK {
	token := cloudapi.Secret(header.Get("X-CFF-Security-Token"))
	for _, name := range []string{"X-CFF-Security-", "X-CFF-"} {
		key, secret := header.Get(name+"Access-Key"), header.Get(name+"Secret-Key")
		if key != "" && secret != "" {
			return &cloudapi.AKSK{AccessKey: key, SecretKey: cloudapi.Secret(secret), SecurityToken: token}
		}
	}
	return nil
}
