package config_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/config"
)

func TestEventGrid(t *testing.T) {
	longest := strings.Repeat("a.", 64)
	grid := append(enough, "INTERLOCK_BUS=eventgrid:c-1")
	c, err := read(append(grid, "INTERLOCK_EVENTGRID_PROJECT=p", "INTERLOCK_EVENTGRID_SOURCE="+longest, "INTERLOCK_EVENTGRID_ENDPOINT=https://eg.example.com/")...)
	require.NoError(t, err)
	require.Equal(t, config.Place{Kind: "eventgrid", Rest: "c-1"}, c.Bus)
	require.Equal(t, config.EventGrid{Project: "p", Source: longest}, c.EventGrid)
	require.Equal(t, "https://eg.example.com", c.Endpoints.EventGrid)
	c, err = read(append(grid, "RUNTIME_PROJECT_ID=own")...)
	require.NoError(t, err)
	require.Equal(t, config.EventGrid{Project: "own", Source: "interlock"}, c.EventGrid)

	_, err = read(grid...)
	require.EqualError(t, err, "INTERLOCK_EVENTGRID_PROJECT: not set; expected the ID of the project that the channel is in")
	for _, wrong := range []string{"urn:interlock:proxy-ssl", "Interlock", "-a", "a b", strings.Repeat("a", 129)} {
		_, err = read(append(grid, "INTERLOCK_EVENTGRID_PROJECT=p", "INTERLOCK_EVENTGRID_SOURCE="+wrong)...)
		require.ErrorContains(t, err, "INTERLOCK_EVENTGRID_SOURCE: found ")
	}
	_, err = read(append(grid, "INTERLOCK_EVENTGRID_PROJECT=p", "INTERLOCK_EVENTGRID_ENDPOINT=http://eg.example.com")...)
	require.ErrorContains(t, err, "INTERLOCK_EVENTGRID_ENDPOINT: ")
	_, err = read("INTERLOCK_AUTH_TOKEN=t", "INTERLOCK_GAUSSDB_ENDPOINT=https://db.example.com", "INTERLOCK_DBSS_ENDPOINT=https://audit.example.com",
		"INTERLOCK_BUS=eventgrid:c-1", "INTERLOCK_EVENTGRID_PROJECT=p")
	require.ErrorContains(t, err, "for a bus of EventGrid INTERLOCK_EVENTGRID_ENDPOINT")
}

// Where the host hands over credentials none need be set, and one way is enough.
func TestAgency(t *testing.T) {
	place := []string{"INTERLOCK_REGION=cn-north-4", "INTERLOCK_LEDGER=memory:", "INTERLOCK_BUS=memory:"}
	c, err := config.ReadWithAgency(place)
	require.NoError(t, err)
	require.True(t, c.ByAgency())
	c, err = config.ReadWithAgency(append(place, "INTERLOCK_AUTH_TOKEN=t"))
	require.NoError(t, err)
	require.False(t, c.ByAgency())
	_, err = config.ReadWithAgency(append(place, "INTERLOCK_AUTH_TOKEN=t", "INTERLOCK_SECRET_ID=s"))
	require.ErrorContains(t, err, "INTERLOCK_SECRET_ID: ")
	_, err = config.ReadWithAgency(append(place, "HUAWEICLOUD_SDK_SK=s"))
	require.ErrorContains(t, err, "HUAWEICLOUD_SDK_AK: not set")
	_, err = config.Read(place, "", "")
	require.ErrorContains(t, err, "one way of authenticating")
}
