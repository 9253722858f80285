package deploy

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// object is what is looked at of an object of Kubernetes or Knative.
type object struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name string }
	Spec       struct {
		Selector any
		Template struct {
			Metadata struct{ Labels, Annotations map[string]string }
			Spec     struct {
				SecurityContext security `yaml:"securityContext"`
				Containers      []container
			}
		}
		Ports []struct{ Name, TargetPort string }
		// Of a NetworkPolicy.
		Ingress []struct {
			From []struct {
				NamespaceSelector selector `yaml:"namespaceSelector"`
			}
			Ports []struct{ Port string }
		}
		// Of a PodMonitor.
		PodMetricsEndpoints []struct{ Port, Path string } `yaml:"podMetricsEndpoints"`
		Filter              struct{ Attributes map[string]string }
		Broker              string
		Subject             reference
		// Of a Trigger and of a SinkBinding.
		Subscriber, Sink struct{ Ref reference }
	}
}

type selector struct {
	MatchLabels map[string]string `yaml:"matchLabels"`
}

type reference struct {
	APIVersion string `yaml:"apiVersion"`
	Kind, Name string
}

type security struct {
	RunAsNonRoot             bool  `yaml:"runAsNonRoot"`
	RunAsUser                int   `yaml:"runAsUser"`
	ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
	AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
}

type container struct {
	Image string
	Args  []string
	Env   []struct{ Name, Value string }
	Ports []struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
	}
	ReadinessProbe  probe    `yaml:"readinessProbe"`
	LivenessProbe   probe    `yaml:"livenessProbe"`
	SecurityContext security `yaml:"securityContext"`
}

type probe struct {
	HTTPGet struct{ Path string } `yaml:"httpGet"`
}

func manifests(t *testing.T, name string) (all []object) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../deploy", name))
	require.NoError(t, err)
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var o object
		err := d.Decode(&o)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err, name)
		require.NotEmpty(t, o.APIVersion, name)
		require.NotEmpty(t, o.Metadata.Name, name)
		all = append(all, o)
	}
}

func one(t *testing.T, all []object, kind string) object {
	t.Helper()
	var found []object
	for _, o := range all {
		if o.Kind == kind {
			found = append(found, o)
		}
	}
	require.Len(t, found, 1, kind)
	return found[0]
}

// What a container is told is what the program reads, and what is asked of it is
// what it serves.
func TestContainers(t *testing.T) {
	w := localtest.Start(t, localtest.Options{})
	for name, kind := range map[string]string{"kubernetes/interlock.yaml": "Deployment", "knative/service.yaml": "Service"} {
		o := one(t, manifests(t, name), kind)
		require.Len(t, o.Spec.Template.Spec.Containers, 1)
		c := o.Spec.Template.Spec.Containers[0]
		require.Equal(t, []string{"serve"}, c.Args)
		environ := []string{"INTERLOCK_LEDGER=memory:", "INTERLOCK_BUS=sink:", "K_SINK=http://broker-ingress.knative-eventing.svc/default", "HUAWEICLOUD_SDK_AK=a", "HUAWEICLOUD_SDK_SK=s"}
		for _, v := range c.Env {
			require.Contains(t, append(config.Names(), "PORT"), v.Name)
			environ = append(environ, v.Name+"="+v.Value)
		}
		read, err := config.Read(environ, "", "")
		require.NoError(t, err, name)
		require.True(t, read.Open, "it listens where others reach it")
		for _, p := range []probe{c.ReadinessProbe, c.LivenessProbe} {
			if p.HTTPGet.Path == "" {
				continue // Knative has one of its own
			}
			require.Equal(t, 200, get(t, w.URL+p.HTTPGet.Path), p.HTTPGet.Path)
		}
		require.Equal(t, "/readyz", c.ReadinessProbe.HTTPGet.Path)
		pod, own := o.Spec.Template.Spec.SecurityContext, c.SecurityContext
		require.True(t, pod.RunAsNonRoot || own.RunAsNonRoot)
		require.NotZero(t, pod.RunAsUser+own.RunAsUser)
		require.True(t, own.ReadOnlyRootFilesystem)
		require.False(t, *own.AllowPrivilegeEscalation)
	}
}

// The Triggers bring each type of event that a switch takes, to a Service that is
// there; the SinkBinding binds a Deployment that is there.
func TestTriggers(t *testing.T) {
	plain, eventing := manifests(t, "kubernetes/interlock.yaml"), manifests(t, "knative/interlock.yaml")
	deployment, service := one(t, plain, "Deployment"), one(t, plain, "Service")
	require.Equal(t, map[string]any{"app.kubernetes.io/name": deployment.Spec.Template.Metadata.Labels["app.kubernetes.io/name"]}, service.Spec.Selector)
	broker := one(t, eventing, "Broker")
	var types []string
	for _, o := range eventing {
		if o.Kind != "Trigger" {
			continue
		}
		require.Equal(t, broker.Metadata.Name, o.Spec.Broker)
		require.Equal(t, reference{service.APIVersion, "Service", service.Metadata.Name}, o.Spec.Subscriber.Ref)
		types = append(types, o.Spec.Filter.Attributes["type"])
	}
	require.ElementsMatch(t, []string{events.TypeTicketApproved, events.TypeTagChanged, events.TypeSwitchRequested}, types)
	binding := one(t, eventing, "SinkBinding")
	require.Equal(t, reference{deployment.APIVersion, "Deployment", deployment.Metadata.Name}, binding.Spec.Subject)
	require.Equal(t, reference{broker.APIVersion, "Broker", broker.Metadata.Name}, binding.Spec.Sink.Ref)
}

// Prometheus is led to the port that the program tells its metrics at, which is
// another than that for events, and is let in there alone.
func TestMetricsPort(t *testing.T) {
	plain := manifests(t, "kubernetes/interlock.yaml")
	deployment := one(t, plain, "Deployment")
	pod := deployment.Spec.Template
	ports := map[string]string{}
	for _, p := range pod.Spec.Containers[0].Ports {
		ports[p.Name] = strconv.Itoa(p.ContainerPort)
	}
	require.Len(t, ports, 2)
	environ := map[string]string{}
	for _, v := range pod.Spec.Containers[0].Env {
		environ[v.Name] = v.Value
	}
	require.Equal(t, environ["INTERLOCK_METRICS"], ":"+ports["metrics"])
	require.Equal(t, environ["PORT"], ports["http"])
	require.Equal(t, map[string]string{"prometheus.io/scrape": "true", "prometheus.io/port": ports["metrics"], "prometheus.io/path": "/metrics"}, pod.Metadata.Annotations)
	for _, rule := range one(t, plain, "NetworkPolicy").Spec.Ingress {
		require.Len(t, rule.Ports, 1)
		require.Len(t, rule.From, 1)
		from := rule.From[0].NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"]
		require.Equal(t, map[string]string{"http": "knative-eventing", "metrics": "monitoring"}[rule.Ports[0].Port], from)
	}
	monitor := one(t, manifests(t, "kubernetes/podmonitor.yaml"), "PodMonitor")
	require.Equal(t, map[string]any{"matchLabels": map[string]any{"app.kubernetes.io/name": pod.Metadata.Labels["app.kubernetes.io/name"]}}, monitor.Spec.Selector)
	require.Len(t, monitor.Spec.PodMetricsEndpoints, 1)
	require.Equal(t, "metrics", monitor.Spec.PodMetricsEndpoints[0].Port)
	require.Equal(t, 200, get(t, localtest.Start(t, localtest.Options{}).URL+monitor.Spec.PodMetricsEndpoints[0].Path))
}

// Each metric that docs/kubernetes.md names is told once it has happened, and each of
// ours that is told is named there.
func TestMetricsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/kubernetes.md")
	require.NoError(t, err)
	names := regexp.MustCompile(`\binterlock_[a-z_]+`)
	documented, told := map[string]bool{}, map[string]bool{}
	for _, name := range names.FindAllString(string(text), -1) {
		documented[name] = true
	}
	w := localtest.Start(t, localtest.Options{})
	for range 2 {
		w.Post(t, "proxyssl", localtest.Sample(t, "ticket.approved", "proxy-ssl"))
		w.Post(t, "multitenant", localtest.Sample(t, "ticket.approved", "multi-tenancy"))
		w.Post(t, "proxyalt", localtest.Sample(t, "ticket.approved", "proxy-ssl"))
	}
	res, err := http.Get(w.URL + "/metrics")
	require.NoError(t, err)
	defer res.Body.Close()
	metrics, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	for _, line := range regexp.MustCompile(`(?m)^# TYPE (interlock_\S+)`).FindAllSubmatch(metrics, -1) {
		told[string(line[1])] = true
	}
	require.Equal(t, told, documented)
}

func get(t *testing.T, url string) int {
	t.Helper()
	res, err := http.Get(url)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}
