package main

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/position"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

func clientBy(transport http.RoundTripper) *cloudapi.Client {
	const base = "https://cloud.example"
	auth := &cloudapi.AKSK{AccessKey: cloudsim.DefaultAccessKey, SecretKey: cloudsim.DefaultSecretKey}
	return &cloudapi.Client{GaussDB: base, DBSS: base, Auth: auth, HTTP: &http.Client{Transport: transport}}
}

func probing(sim *cloudsim.Cloud) *probe {
	wire := &readOnly{next: sim.RoundTripper()}
	return &probe{wire: wire, cloud: position.At(clientBy(wire))}
}

// Whatever of what no source settles a cloud does, no assumption falls, the
// table tells it, and nobody's ids or keys.
func TestProbe(t *testing.T) {
	const (
		project  = "056538411200d4cd2f79c003c7606412"
		instance = "096c0fc43e804757b59946b80dc27f8bin07"
		pool     = "2ec617ba62da4eafb921b69438beed3cpo01"
		auditor  = "1b1b4d3c-6f0e-4f52-9d84-0c5f6a7b8c9d"
		database = "Gadr-Y4B51p4J06s5s5B"
		place    = "projects/" + project + "/instances/"
	)
	for name, c := range map[string]struct {
		options cloudsim.Options
		says    []string
	}{
		"listed, by pages, typed": {cloudsim.Options{}, []string{"holds     pages", "holds     7 of 12 jobs", "listed: true, by id: true", "enable_ip_group boolean\n", "ssl_option string\n"}},
		"unlisted":                {cloudsim.Options{Unlisted: true}, []string{"listed: false, by id: true"}},
		"by records":              {cloudsim.Options{OffsetsByJobs: true}, []string{"holds     jobs"}},
		"loose":                   {cloudsim.Options{Loose: true}, []string{"enable_ip_group boolean, or enable_ip_group string\n", "status number, or status string\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.options.Simulations, c.options.JobVisible, c.options.JobPending, c.options.JobRunning = simulations.All(), -1, -1, -1
			at := time.Now().Add(-time.Minute)
			c.options.Now = func() time.Time { return at }
			sim := cloudsim.New(c.options)
			for range 11 {
				at = at.Add(time.Second)
				sim.StartJob(cloudsim.ConsoleJob{ProjectID: project, InstanceID: instance, Name: "RebootGaussDBforMySQLInstance"})
			}
			client := clientBy(sim.RoundTripper())
			proxy := cloudapi.Proxy{ProjectID: project, InstanceID: instance, ProxyID: pool}
			job, err := client.SwitchProxySSL(t.Context(), proxy, true)
			require.NoError(t, err)
			require.NoError(t, client.SwitchAuditDatabase(t.Context(), cloudapi.AuditDatabase{ProjectID: project, InstanceID: auditor, DatabaseID: database}, true, nil))
			before := len(sim.Effects())

			p := probing(sim)
			require.NoError(t, p.all(t.Context(), []string{place + instance, place + instance + "/proxies/" + pool, place + auditor + "/databases/" + database}, []string{job}))
			var table bytes.Buffer
			require.NoError(t, p.show(&table, false))
			require.Zero(t, p.fallen(), table.String())
			for _, text := range c.says {
				require.Contains(t, table.String(), text)
			}
			for _, hidden := range []string{project, instance, pool, auditor, database, job, cloudsim.DefaultAccessKey, cloudsim.DefaultSecretKey, "cloud.example"} {
				require.NotContains(t, table.String(), hidden)
			}
			for _, a := range p.found {
				require.Equal(t, a.Found == "the API has no such read", a.Verdict == notSeen, a)
				if a.Assumption == "proxy-alt can be read" {
					require.Equal(t, notSeen, a.Verdict)
				}
			}

			// It could not flip a switch.
			_, err = p.cloud.Client.SwitchProxySSL(t.Context(), proxy, false)
			require.ErrorContains(t, err, "probe only reads")
			require.Len(t, sim.Effects(), before)
		})
	}
}

// What does not hold is said, and by nothing of what a cloud writes.
func TestProbeTellsWhatFails(t *testing.T) {
	for name, c := range map[string]struct {
		fault cloudsim.Fault
		says  string
	}{
		"no list":        {cloudsim.Fault{Operation: cloudsim.ListImmediateJobs, Kind: cloudsim.Status, Status: 403}, "ListImmediateJobs: 403"},
		"no list at all": {cloudsim.Fault{Operation: cloudsim.ListImmediateJobs, Kind: cloudsim.CutBefore}, "ListImmediateJobs: no answer"},
		"no read":        {cloudsim.Fault{Operation: "ShowMultiTenant", Kind: cloudsim.Unreadable}, "which cannot be read"},
		"no id":          {cloudsim.Fault{Operation: cloudsim.ShowJob, Kind: cloudsim.HTML}, "ShowGaussMySqlJobInfo: 502"},
	} {
		t.Run(name, func(t *testing.T) {
			sim := cloudsim.New(cloudsim.Options{Simulations: simulations.All()})
			require.NoError(t, sim.Inject(c.fault))
			p := probing(sim)
			require.NoError(t, p.all(t.Context(), []string{"projects/056538411200d4cd2f79c003c7606412/instances/096c0fc43e804757b59946b80dc27f8bin07"}, nil))
			require.Equal(t, 1, p.fallen(), p.found)
			var lines bytes.Buffer
			require.NoError(t, p.show(&lines, true))
			require.Contains(t, lines.String(), c.says)
		})
	}
}
