package host

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/eventbridge"
	"github.com/interlock-functions/interlock/internal/eventgrid"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
)

func TestBus(t *testing.T) {
	aws := &AWS{Getenv: func(name string) string { return map[string]string{"AWS_REGION": "eu-central-1"}[name] }}
	b, err := Bus(config.Config{Bus: config.Place{Kind: "eventbridge", Rest: "interlock"}}, aws, nil)
	require.NoError(t, err)
	require.Equal(t, "interlock", b.(*eventbridge.Bus).Name)
	b, err = Bus(config.Config{Bus: config.Place{Kind: "http", Rest: "https://bus.example.com/in"}}, aws, nil)
	require.NoError(t, err)
	require.Equal(t, "https://bus.example.com/in", b.(*bus.HTTP).URL.String())
	auth := cloudapi.Token("t")
	b, err = Bus(config.Config{
		Bus: config.Place{Kind: "eventgrid", Rest: "c-1"}, EventGrid: config.EventGrid{Project: "p", Source: "s"},
		Endpoints: cloudapi.EndpointSet{EventGrid: "https://eg.example.com"},
	}, aws, auth)
	require.NoError(t, err)
	grid := b.(*eventgrid.Bus)
	require.Equal(t, cloudapi.Channel{ProjectID: "p", ChannelID: "c-1"}, grid.Channel)
	require.Equal(t, []any{"s", "https://eg.example.com", auth}, []any{grid.Source, grid.Client.EventGrid, grid.Client.Auth})
	b, err = Bus(config.Config{Bus: config.Place{Kind: "memory"}}, aws, nil)
	require.NoError(t, err)
	require.IsType(t, &bus.Memory{}, b)
	_, err = Bus(config.Config{Bus: config.Place{Kind: "eventbridge"}}, &AWS{Getenv: func(string) string { return "" }}, nil)
	require.ErrorContains(t, err, "AWS_REGION")
}
