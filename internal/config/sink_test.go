package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/config"
)

func TestSink(t *testing.T) {
	sink := append(enough, "INTERLOCK_BUS=sink:", "K_SINK=http://broker-ingress.knative-eventing.svc.cluster.local/ns/default")
	c, err := read(append(sink, `K_CE_OVERRIDES={"extensions":{"cluster":"prod1"}}`)...)
	require.NoError(t, err)
	require.Equal(t, config.Sink{URL: "http://broker-ingress.knative-eventing.svc.cluster.local/ns/default", Extensions: map[string]string{"cluster": "prod1"}}, c.Sink)

	for _, c := range []struct{ variable, says string }{
		{"K_SINK=", "K_SINK: not set; expected the URL that a SinkBinding sets"},
		{"K_SINK=broker", `K_SINK: found "broker", expected an absolute URL`},
		{"K_CA_CERTS=-----BEGIN", "K_CA_CERTS: found no certificate, expected some in PEM"},
		{"K_CE_OVERRIDES=[]", `K_CE_OVERRIDES: found "[]", expected JSON like {"extensions":{"name":"value"}}`},
		{`K_CE_OVERRIDES={"extensions":{"Cluster":"x"}}`, `K_CE_OVERRIDES: found the extension "Cluster", expected at most 20 lower-case letters and digits, and no attribute's name`},
		{`K_CE_OVERRIDES={"extensions":{"source":"x"}}`, `K_CE_OVERRIDES: found the extension "source"`},
	} {
		_, err := read(append(sink, c.variable)...)
		require.ErrorContains(t, err, c.says)
	}
	// Where the bus is another, they are whoever else's.
	_, err = read(append(enough, "K_SINK=broker")...)
	require.NoError(t, err)
}
