package artefact

import (
	"sync/atomic"
	"testing"

	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// keys let a function into the cloud, and out of every log.
var keys = cloudsim.Credentials{AccessKey: "AK" + canary, SecretKey: "SK-" + canary}

// alone is a function with a ledger in its process and a bus that is an HTTP
// server, in front of a simulated cloud: it needs Go alone.
type alone struct {
	*lambda
	cloud       *cloudsim.Cloud
	cloudW, bus *wire
	got         *localtest.Bus
	leaks       *leaks
}

func newAlone(t testing.TB, pkg, name string, env ...string) *alone {
	t.Helper()
	w := &alone{
		cloud: newCloud(keys),
		got:   new(localtest.Bus), leaks: newLeaks(),
	}
	w.cloudW, w.bus = newWire(t, w.cloud, w.leaks), newWire(t, w.got, w.leaks)
	w.lambda = deploy(t, build(t, pkg), name, append(cloudEnv(w.cloudW),
		"INTERLOCK_LEDGER=memory:", "INTERLOCK_BUS=http:"+w.bus.URL()+"/events?token="+canary,
		"HUAWEICLOUD_SDK_AK="+keys.AccessKey, "HUAWEICLOUD_SDK_SK="+keys.SecretKey)...)
	w.env = append(w.env, env...)
	t.Cleanup(func() { nothingLeaked(t, w.leaks, w.lambda) })
	return w
}

// cloudEnv leads a function to a cloud.
func cloudEnv(cloud *wire) []string {
	return []string{
		"INTERLOCK_REGION=" + localtest.Region,
		"INTERLOCK_GAUSSDB_ENDPOINT=" + cloud.URL(), "INTERLOCK_DBSS_ENDPOINT=" + cloud.URL(), "INTERLOCK_IAM_ENDPOINT=" + cloud.URL(),
	}
}

// nothingLeaked looks through all that functions wrote and answered.
func nothingLeaked(t testing.TB, l *leaks, all ...*lambda) {
	t.Helper()
	for _, f := range all {
		f.kill() // what it wrote is all there then
		l.none(t, "what the process wrote", f.out.String())
		if text := f.answers.String(); text != "" {
			l.none(t, "what the process answered", text)
		}
	}
}

// clouds tells clouds apart: no two give out the same job.
var clouds atomic.Uint64

// newCloud is a cloud in which everything that [ticket] names exists and whose
// jobs end at once.
func newCloud(who ...cloudsim.Credentials) *cloudsim.Cloud {
	o := cloudsim.Options{Simulations: simulations.All(), Seed: clouds.Add(1), Credentials: who, JobVisible: -1, JobPending: -1, JobRunning: -1, Targets: []cloudsim.Target{localtest.Database}}
	for i := range 100 {
		target := localtest.Proxy
		target.InstanceID = instance(i)
		o.Targets = append(o.Targets, target)
	}
	return cloudsim.New(o)
}
