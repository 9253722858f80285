package host

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/eventbridge"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
)

func TestBus(t *testing.T) {
	aws := &AWS{Getenv: func(name string) string { return map[string]string{"AWS_REGION": "eu-central-1"}[name] }}
	b, err := Bus(config.Config{Bus: config.Place{Kind: "eventbridge", Rest: "interlock"}}, aws)
	require.NoError(t, err)
	require.Equal(t, "interlock", b.(*eventbridge.Bus).Name)
	b, err = Bus(config.Config{Bus: config.Place{Kind: "http", Rest: "https://bus.example.com/in"}}, aws)
	require.NoError(t, err)
	require.Equal(t, "https://bus.example.com/in", b.(*bus.HTTP).URL.String())
	b, err = Bus(config.Config{Bus: config.Place{Kind: "memory"}}, aws)
	require.NoError(t, err)
	require.IsType(t, &bus.Memory{}, b)
	_, err = Bus(config.Config{Bus: config.Place{Kind: "eventbridge"}}, &AWS{Getenv: func(string) string { return "" }})
	require.ErrorContains(t, err, "AWS_REGION")
}
