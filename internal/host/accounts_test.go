package host

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// clouds are the accounts of one region: each request goes to the account whose
// project its path names, or, for a token, its body.
type clouds map[string]*cloudsim.Cloud

func (c clouds) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	req = req.Clone(req.Context())
	req.Body = io.NopCloser(bytes.NewReader(body))
	for project, cloud := range c {
		if bytes.Contains(append([]byte(req.URL.Path), body...), []byte(project)) {
			return cloud.RoundTripper().RoundTrip(req)
		}
	}
	return nil, http.ErrNotSupported
}

// One stack flips switches of two accounts, one by a key and one by a user, and
// follows their jobs. Neither account accepts what the other does. A third one's
// decision waits until its credentials are there.
func TestTwoAccountsInOneStack(t *testing.T) {
	const third = "256538411200d4cd2f79c003c7606412"
	now := &clock{at: noon}
	account := func(o cloudsim.Options) *cloudsim.Cloud {
		o.Simulations, o.Now, o.Seed = simulations.All(), now.tell, uint64(len(o.Credentials)+2*len(o.Users))
		return cloudsim.New(o)
	}
	accounts := clouds{
		first:  account(cloudsim.Options{Credentials: []cloudsim.Credentials{{AccessKey: "AK1", SecretKey: "SK1"}}}),
		second: account(cloudsim.Options{Users: []cloudsim.User{{Domain: "two", Name: "interlock", Password: "password"}}}),
		third:  account(cloudsim.Options{Credentials: []cloudsim.Credentials{{AccessKey: "AK3", SecretKey: "SK3"}, {AccessKey: "AK4", SecretKey: "SK4"}}}),
	}
	held := map[string]any{
		first:  pair("1"),
		second: keys{"INTERLOCK_IAM_DOMAIN": "two", "INTERLOCK_IAM_USER": "interlock", "INTERLOCK_IAM_PASSWORD": "password"},
	}
	v := &vault{value: held}
	c := config.Config{Endpoints: cloudapi.EndpointSet{GaussDB: "https://cloud.test", DBSS: "https://cloud.test", IAM: "https://iam.test"}}
	client := Client(c, open(t, v, c.Endpoints.IAM), &http.Client{Transport: accounts})
	client.Now = now.tell
	var completed, ended []event.Event
	b := &bus.Memory{}
	b.Subscribe(func(ev event.Event) {
		switch ev.Type() {
		case events.TypeSwitchCompleted:
			completed = append(completed, ev)
		case events.TypeJobSucceeded:
			ended = append(ended, ev)
		}
	})
	h := New(c, functions.All(), client, ledger.NewMemory(), b)
	h.Engine.Now = now.tell
	require.NoError(t, h.Engine.Init())

	flip := func(project string) engine.Result { return h.Handle(t.Context(), "proxyssl", request(t, project)) }
	require.Equal(t, events.Accepted, flip(first).Result)
	require.Equal(t, events.Accepted, flip(second).Result)
	r := flip(third)
	require.Equal(t, events.CloudDenied, r.Error.Code)
	require.Contains(t, r.Error.Detail, "found no credentials for project "+third)
	require.Empty(t, accounts[third].Calls(), "called with the credentials of another account")

	now.advance(5 * time.Minute)
	for _, ev := range completed {
		require.Equal(t, engine.Completed, h.Handle(t.Context(), engine.JobFollow, ev).Kind)
	}
	require.Len(t, ended, 2)
	for _, project := range []string{first, second} {
		require.Len(t, accounts[project].Effects(), 1, project)
	}

	held[third] = pair("3")
	v.set(held, false)
	require.Equal(t, events.Accepted, h.Resume(t.Context(), ledger.Key{Switch: "proxy-ssl", Source: "urn:test", ID: third}).Result)
	require.Len(t, accounts[third].Effects(), 1)
}

// request asks for a proxy's SSL in a project.
func request(t *testing.T, project string) event.Event {
	t.Helper()
	on := true
	ev := event.New()
	ev.SetID(project)
	ev.SetSource("urn:test")
	ev.SetType(events.TypeSwitchRequested)
	ev.SetTime(noon)
	data, err := json.Marshal(events.SwitchRequested{Switch: "proxy-ssl", Enabled: &on, Target: &events.Target{
		ProjectID: project, InstanceID: "096c0fc43e804757b59946b80dc27f8bin07", ProxyID: "2ec617ba62da4eafb921b69438beed3cpo01",
	}})
	require.NoError(t, err)
	require.NoError(t, ev.SetData(event.ApplicationJSON, json.RawMessage(data)))
	return ev
}
