package cloudapi

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSwitchAccessControl(t *testing.T) {
	for _, tt := range []struct {
		name    string
		enabled bool
		body    string
		answer  string
		fails   bool
		effect  Effect
	}{
		{"on", true, `{"open_access_control":true}`, `{"open_access_control":true}`, false, NoEffect},
		{"off", false, `{"open_access_control":false}`, `{"open_access_control":false}`, false, NoEffect},
		{"loosely typed", true, `{"open_access_control":true}`, `{"open_access_control":"ON"}`, false, NoEffect},
		{"the other state", true, `{"open_access_control":true}`, `{"open_access_control":false}`, true, MayHave},
		{"no state", true, `{"open_access_control":true}`, `{}`, true, Had},
		{"no JSON", true, `{"open_access_control":true}`, `<html>`, true, Had},
		{"nothing", true, `{"open_access_control":true}`, ``, true, Had},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := steps(t, step{
				method: "POST", uri: "/v3/" + project + "/instances/" + instance + "/proxy/" + proxy + "/access-control-switch",
				body: tt.body, answer: tt.answer,
			})
			err := c.SwitchAccessControl(t.Context(), theProxy, tt.enabled)
			if !tt.fails {
				require.NoError(t, err)
				return
			}
			require.Equal(t, tt.effect, asError(t, err).Effect)
		})
	}
}

func TestAccessControl(t *testing.T) {
	for answer, want := range map[string]bool{`{"enable_ip_group":true}`: true, `{"enable_ip_group":"off"}`: false} {
		c := steps(t, step{method: "GET", uri: "/v3/" + project + "/instances/" + instance + "/proxy/" + proxy + "/ipgroup", answer: answer})
		on, err := c.AccessControl(t.Context(), theProxy)
		require.NoError(t, err)
		require.Equal(t, want, on)
	}
}
