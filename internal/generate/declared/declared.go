// Package declared reads what the generator has to know of each switch from
// the switches' declarations.
package declared

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/generate"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

// Switches are those of functions.All.
func Switches() ([]generate.Switch, error) {
	var all []generate.Switch
	for _, s := range functions.All() {
		g, err := read(s)
		if err != nil {
			return nil, fmt.Errorf("functions/%s: %w", s.Function, err)
		}
		all = append(all, g)
	}
	return all, nil
}

func read(s engine.Switch) (g generate.Switch, err error) {
	g = generate.Switch{Name: s.Name, Function: s.Function, Flips: s.Flips, Page: s.Page, Creates: s.Creates}
	if s.Options != nil {
		if g.Options, err = generate.OptionsOf(s.Options()); err != nil {
			return g, err
		}
	}
	kinds := map[decision.Kind]string{decision.Instance: "instance", decision.Proxy: "proxy", decision.AuditedDatabase: "auditedDatabase"}
	known := false
	if g.Kind, known = generate.KindNamed(kinds[s.Target]); !known {
		return g, fmt.Errorf("Target: found %d, expected decision.Instance, Proxy or AuditedDatabase", s.Target)
	}
	for enabled, body := range map[bool]*string{true: &g.On, false: &g.Off} {
		if err := call(s, enabled, &g, body); err != nil {
			return g, err
		}
	}
	return g, nil
}

// call notes what a switch sends about a target whose ids are placeholders; it
// is sent to nobody.
func call(s engine.Switch, enabled bool, g *generate.Switch, body *string) error {
	var kept keeping
	c := &cloudapi.Client{GaussDB: "https://nobody", DBSS: "https://nobody", Auth: cloudapi.Token("none"), HTTP: &http.Client{Transport: &kept}}
	target := events.Target{ProjectID: "-project-", InstanceID: "-instance-", ProxyID: "-proxy-", DatabaseID: "-database-"}
	_, err := s.Flip(context.Background(), c, &decision.Decision{Switch: s.Name, Enabled: enabled, Target: target})
	if kept.request == nil {
		return fmt.Errorf("Flip: found no call, expected one: %w", err)
	}
	if failed := (*cloudapi.Error)(nil); errors.As(err, &failed) {
		g.Operation = failed.Operation
	}
	path := strings.NewReplacer("/-", "/{", "-/", "}/").Replace(kept.request.URL.Path + "/")
	g.Method, g.Path = kept.request.Method, strings.TrimSuffix(path, "/")
	text, err := io.ReadAll(kept.request.Body)
	*body = string(text)
	return err
}

// keeping is a transport that sends nothing.
type keeping struct{ request *http.Request }

func (k *keeping) RoundTrip(r *http.Request) (*http.Response, error) {
	k.request = r
	return nil, errors.New("not sent")
}
