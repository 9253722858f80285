package position

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	proxyssl "github.com/interlock-functions/interlock/functions/proxyssl/simulation"
	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/account"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// What lies otherwise than it was decided is somebody's doing only where the job
// does not say why, and could have been asked.
func TestVerdicts(t *testing.T) {
	target := cloudsim.Target{ProjectID: "056538411200d4cd2f79c003c7606412", InstanceID: "096c0fc43e804757b59946b80dc27f8bin07", ProxyID: "2ec617ba62da4eafb921b69438beed3cpo01"}
	for name, c := range map[string]struct {
		fault   cloudsim.Kind
		options cloudsim.Options
		job     string // asked for in the place of its own
		age     time.Duration
		decided bool
		want    Verdict
	}{
		"as decided":                    {options: cloudsim.Options{JobVisible: -1, JobPending: -1, JobRunning: -1}, decided: true, want: AsDecided},
		"by hand":                       {options: cloudsim.Options{JobVisible: -1, JobPending: -1, JobRunning: -1}, decided: false, want: ByHand},
		"at work":                       {options: cloudsim.Options{JobVisible: -1, JobPending: time.Hour}, decided: true, want: AtWork},
		"its job failed":                {fault: cloudsim.JobFails, options: cloudsim.Options{JobVisible: -1, JobPending: -1, JobRunning: -1}, decided: true, want: JobFailed},
		"its job is not shown yet":      {options: cloudsim.Options{JobPending: time.Hour}, job: "another", decided: true, want: AtWork},
		"its job is not shown any more": {options: cloudsim.Options{JobPending: time.Hour}, job: "another", age: time.Hour, decided: true, want: ByHand},
	} {
		t.Run(name, func(t *testing.T) {
			c.options.Simulations, c.options.Targets = simulations.All(), []cloudsim.Target{target}
			sim := cloudsim.New(c.options)
			if c.fault != "" {
				require.NoError(t, sim.Inject(cloudsim.Fault{Operation: proxyssl.Flip, Kind: c.fault, Times: 1}))
			}
			client := &cloudapi.Client{GaussDB: "https://cloud.test", Auth: cloudapi.Token(cloudsim.DefaultToken), HTTP: &http.Client{Transport: sim.RoundTripper()}}
			job, err := client.SwitchProxySSL(t.Context(), cloudapi.Proxy{ProjectID: target.ProjectID, InstanceID: target.InstanceID, ProxyID: target.ProxyID}, true)
			require.NoError(t, err)
			if c.job != "" {
				job = c.job
			}
			all := Decided([]account.Entry{entry(t, target, c.decided, job, time.Now().Add(-c.age))})
			require.Len(t, all, 1)
			all[0].Read(t.Context(), At(client))
			require.Equal(t, c.want, all[0].Verdict, all[0].Note)
			require.Equal(t, c.want == ByHand || c.want == JobFailed, all[0].Verdict.Differs())
		})
	}
}

func entry(t *testing.T, target cloudsim.Target, on bool, job string, at time.Time) account.Entry {
	t.Helper()
	asks := InFull("projects/" + target.ProjectID + "/instances/" + target.InstanceID + "/proxies/" + target.ProxyID)
	for _, a := range asks {
		if a.Switch == "proxy-ssl" {
			a.Enabled, a.Cause = on, events.Cause{ID: "one", Source: "urn:x"}
			return account.Entry{Asks: a, Record: ledger.Record{
				Key: a.Key(), State: ledger.Settled, Outcome: &ledger.Outcome{Result: "accepted", Effective: true, JobID: job, At: at},
			}}
		}
	}
	t.Fatal("proxy-ssl is no switch of a proxy")
	return account.Entry{}
}
