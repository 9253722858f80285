package cloudsim_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	auditswitch "github.com/interlock-functions/interlock/functions/auditswitch/simulation"
	proxyssl "github.com/interlock-functions/interlock/functions/proxyssl/simulation"
	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

var (
	proxy    = cloudapi.Proxy{ProjectID: "056538411200d4cd2f79c003c7606412", InstanceID: "096c0fc43e804757b59946b80dc27f8bin07", ProxyID: "2ec617ba62da4eafb921b69438beed3cpo01"}
	instance = cloudapi.Instance{ProjectID: proxy.ProjectID, InstanceID: proxy.InstanceID}
	database = cloudapi.AuditDatabase{ProjectID: proxy.ProjectID, InstanceID: "1b1b4d3c-6f0e-4f52-9d84-0c5f6a7b8c9d", DatabaseID: "Gadr-Y4B51p4J06s5s5B"}
)

// The real client and the simulated cloud were written apart from the same
// facts: every operation, in every way of authenticating, over sockets and
// without.
func TestClientAgreesWithTheCloud(t *testing.T) {
	const temporary = "temporary"
	options := cloudsim.Options{
		Simulations: simulations.All(),
		Credentials: []cloudsim.Credentials{
			{AccessKey: "AK", SecretKey: "SK"},
			{AccessKey: "TEMP", SecretKey: "SK", SecurityToken: temporary},
		},
		Tokens:     map[string]string{"given": proxy.ProjectID},
		Users:      []cloudsim.User{{Domain: "domain", Name: "user", Password: "password"}},
		JobVisible: -1, JobPending: -1, JobRunning: -1,
	}
	ways := map[string]func(iam string) cloudapi.Authenticator{
		"key": func(string) cloudapi.Authenticator { return &cloudapi.AKSK{AccessKey: "AK", SecretKey: "SK"} },
		"temporary key": func(string) cloudapi.Authenticator {
			return &cloudapi.AKSK{AccessKey: "TEMP", SecretKey: "SK", SecurityToken: temporary}
		},
		"token": func(string) cloudapi.Authenticator { return cloudapi.Token("given") },
		"user": func(iam string) cloudapi.Authenticator {
			return &cloudapi.UserToken{IAM: iam, Domain: "domain", User: "user", Password: "password"}
		},
	}
	for name, auth := range ways {
		for _, loose := range []bool{false, true} {
			options.Loose = loose
			t.Run(fmt.Sprintf("%s/loose=%t/http", name, loose), func(t *testing.T) {
				cloud := cloudsim.New(options)
				server := httptest.NewServer(cloud)
				defer server.Close()
				everyOperation(t, cloud, &cloudapi.Client{GaussDB: server.URL, DBSS: server.URL, Auth: auth(server.URL)})
			})
			t.Run(fmt.Sprintf("%s/loose=%t/direct", name, loose), func(t *testing.T) {
				cloud := cloudsim.New(options)
				const base = "https://cloud.example"
				everyOperation(t, cloud, &cloudapi.Client{GaussDB: base, DBSS: base, Auth: auth(base), HTTP: &http.Client{Transport: cloud.RoundTripper()}})
			})
		}
	}
}

func everyOperation(t *testing.T, cloud *cloudsim.Cloud, c *cloudapi.Client) {
	ctx := t.Context()
	yes, one := true, 1
	for round := range 8 { // all loose forms of a read
		on := round%2 == 0
		var ids []string
		job := func(id string, err error) {
			require.NoError(t, err)
			ids = append(ids, id)
		}
		job(c.SwitchProxyALT(ctx, proxy, on, &yes))
		job(c.SwitchProxySSL(ctx, proxy, on))
		job(c.SwitchMultiTenancy(ctx, instance, on))
		require.NoError(t, c.SwitchAccessControl(ctx, proxy, on))
		require.NoError(t, c.SwitchAuditDatabase(ctx, database, on, &one))

		for name, read := range map[string]func() (bool, error){
			"ssl":     func() (bool, error) { return c.ProxySSL(ctx, proxy) },
			"access":  func() (bool, error) { return c.AccessControl(ctx, proxy) },
			"tenants": func() (bool, error) { return c.MultiTenancy(ctx, instance) },
			"audit":   func() (bool, error) { return c.AuditDatabase(ctx, database) },
		} {
			got, err := read()
			require.NoError(t, err, name)
			require.Equal(t, on, got, name)
		}
		for _, id := range ids {
			shown, err := c.ShowJob(ctx, proxy.ProjectID, id)
			require.NoError(t, err)
			require.Equal(t, cloudapi.JobCompleted, shown.Status)
			require.False(t, cloudapi.IsOtherJob(shown.Name), shown.Name)
			page, err := c.ListImmediateJobs(ctx, proxy.ProjectID, cloudapi.JobQuery{JobID: id, Start: shown.Created, End: shown.Created})
			require.NoError(t, err)
			require.Len(t, page.Jobs, 1)
			require.True(t, shown.Created.Equal(page.Jobs[0].Created), "the same moment in two time zones")
			require.Equal(t, []string{id, proxy.InstanceID, shown.Name}, []string{page.Jobs[0].ID, page.Jobs[0].InstanceID, page.Jobs[0].Name})
		}
	}
	page, err := c.ListImmediateJobs(ctx, proxy.ProjectID, cloudapi.JobQuery{Limit: 10, Offset: 3})
	require.NoError(t, err)
	require.Equal(t, []int{24, 4}, []int{page.Total, len(page.Jobs)})
	require.WithinDuration(t, time.Now(), page.Date, time.Minute)

	require.Len(t, cloud.Effects(), 8*5)
	for _, call := range cloud.Calls() {
		require.True(t, call.Authenticated, call.Operation)
		require.Less(t, call.Status, 300, call.Operation)
	}
}

// What the client makes of each fault.
func TestClientUnderstandsFaults(t *testing.T) {
	const ssl = proxyssl.Flip
	for name, c := range map[string]struct {
		fault  cloudsim.Fault
		status int
		effect cloudapi.Effect
		is     func(*cloudapi.Error) bool
	}{
		"refuse":      {cloudsim.Fault{Kind: cloudsim.Refuse}, 0, cloudapi.NoEffect, nil},
		"cut before":  {cloudsim.Fault{Kind: cloudsim.CutBefore}, 0, cloudapi.MayHave, nil},
		"cut after":   {cloudsim.Fault{Kind: cloudsim.CutAfter}, 0, cloudapi.MayHave, nil},
		"late":        {cloudsim.Fault{Kind: cloudsim.Late}, 0, cloudapi.MayHave, nil},
		"cut body":    {cloudsim.Fault{Kind: cloudsim.CutBody}, 200, cloudapi.Had, nil},
		"no job":      {cloudsim.Fault{Kind: cloudsim.NoJob}, 200, cloudapi.Had, nil},
		"unreadable":  {cloudsim.Fault{Kind: cloudsim.Unreadable}, 200, cloudapi.Had, nil},
		"busy 400":    {cloudsim.Fault{Kind: cloudsim.Busy, Status: 400}, 400, cloudapi.NoEffect, (*cloudapi.Error).Busy},
		"busy 403":    {cloudsim.Fault{Kind: cloudsim.Busy, Status: 403}, 403, cloudapi.NoEffect, (*cloudapi.Error).Busy},
		"busy 409":    {cloudsim.Fault{Kind: cloudsim.Busy}, 409, cloudapi.NoEffect, (*cloudapi.Error).Busy},
		"401":         {cloudsim.Fault{Kind: cloudsim.Status, Status: 401}, 401, cloudapi.NoEffect, (*cloudapi.Error).Denied},
		"403":         {cloudsim.Fault{Kind: cloudsim.Status, Status: 403}, 403, cloudapi.NoEffect, (*cloudapi.Error).Denied},
		"404":         {cloudsim.Fault{Kind: cloudsim.Status, Status: 404}, 404, cloudapi.NoEffect, (*cloudapi.Error).NotFound},
		"429":         {cloudsim.Fault{Kind: cloudsim.Status, Status: 429, RetryAfter: "3"}, 429, cloudapi.NoEffect, (*cloudapi.Error).Throttled},
		"500":         {cloudsim.Fault{Kind: cloudsim.Status, Status: 500}, 500, cloudapi.MayHave, nil},
		"html":        {cloudsim.Fault{Kind: cloudsim.HTML}, 502, cloudapi.MayHave, nil},
		"empty":       {cloudsim.Fault{Kind: cloudsim.Empty}, 500, cloudapi.MayHave, nil},
		"html of 200": {cloudsim.Fault{Kind: cloudsim.HTML, Status: 200, Effect: true}, 200, cloudapi.Had, nil},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := cloudsim.New(cloudsim.Options{Simulations: simulations.All()})
			c.fault.Operation = ssl
			require.NoError(t, cloud.Inject(c.fault))
			_, err := client(cloud).SwitchProxySSL(t.Context(), proxy, true)
			var e *cloudapi.Error
			require.True(t, errors.As(err, &e), err)
			require.Equal(t, []any{ssl, c.status, c.effect}, []any{e.Operation, e.Status, e.Effect}, err)
			if c.is != nil {
				require.True(t, c.is(e), err)
			}
			require.Len(t, cloud.Calls(), 1, "never sent twice")
		})
	}
}

func TestClientRenewsADeadToken(t *testing.T) {
	cloud := cloudsim.New(cloudsim.Options{Simulations: simulations.All()})
	c := client(cloud)
	c.Auth = &cloudapi.UserToken{IAM: c.GaussDB, Domain: cloudsim.DefaultDomain, User: cloudsim.DefaultUser, Password: cloudsim.DefaultPassword}
	require.NoError(t, c.SwitchAccessControl(t.Context(), proxy, true))
	cloud.RevokeTokens()
	require.NoError(t, c.SwitchAccessControl(t.Context(), proxy, false))
	require.Len(t, cloud.CallsOf(cloudsim.CreateToken), 2)
	require.Len(t, cloud.Effects(), 2)
}

func TestClientSeesFailedAudit(t *testing.T) {
	cloud := cloudsim.New(cloudsim.Options{Simulations: simulations.All()})
	require.NoError(t, cloud.Inject(cloudsim.Fault{Operation: auditswitch.Flip, Kind: cloudsim.AuditFailed}))
	err := client(cloud).SwitchAuditDatabase(context.Background(), database, true, nil)
	var e *cloudapi.Error
	require.True(t, errors.As(err, &e), err)
	require.Equal(t, []any{200, cloudapi.NoEffect}, []any{e.Status, e.Effect})
}

func client(cloud *cloudsim.Cloud) *cloudapi.Client {
	const base = "https://cloud.example"
	return &cloudapi.Client{GaussDB: base, DBSS: base, Auth: cloudapi.Token(cloudsim.DefaultToken), HTTP: &http.Client{Transport: cloud.RoundTripper()}}
}
