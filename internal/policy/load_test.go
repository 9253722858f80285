package policy_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/policy"
)

const onlyOn = `@id("on") permit (principal, action in Action::"on", resource);`

func load(at policy.Places) (*policy.Policy, error) {
	o := options("")
	o.Policies = nil
	return policy.Load(context.Background(), at, o)
}

// A policy is in a file, in parameters, in the variable, or nowhere.
func TestLoad(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "p.cedar"), []byte(onlyOn), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "e.json"), []byte(entities), 0o600))
	parameters := map[string]string{"/interlock/policy": onlyOn, "/interlock/more": `@id("dba") forbid (principal, action, resource) unless { principal in Group::"developers" };`, "entities": entities}
	parameter := func(_ context.Context, name string) (string, error) {
		text, ok := parameters[name]
		if !ok {
			return "", errors.New("GetParameter: 400 ParameterNotFound: ")
		}
		return text, nil
	}
	for _, c := range []struct {
		at     policy.Places
		reason string
	}{
		{policy.Places{}, "permitted by anybody"},
		{policy.Places{Policy: onlyOn}, "permitted by on"},
		{policy.Places{Policy: "file:p.cedar", Dir: dir}, "permitted by on"},
		{policy.Places{Policy: "file:" + filepath.Join(dir, "p.cedar"), Dir: "/nowhere"}, "permitted by on"},
		{policy.Places{Policy: "ssm:/interlock/policy", Parameter: parameter}, "permitted by on"},
		{policy.Places{Policy: "ssm:/interlock/policy, /interlock/more", Parameter: parameter}, "forbidden by dba"},
		{policy.Places{Policy: "ssm:/interlock/policy,/interlock/more", Entities: "ssm:entities", Parameter: parameter}, "permitted by on"},
		{policy.Places{Policy: "ssm:/interlock/policy,/interlock/more", Entities: "file:e.json", Dir: dir, Parameter: parameter}, "permitted by on"},
	} {
		p, err := load(c.at)
		require.NoError(t, err)
		require.Equal(t, c.reason, ask(t, p, question()).Reason)
	}
	for _, c := range []struct {
		at  policy.Places
		err string
	}{
		{policy.Places{Policy: "file:q.cedar", Dir: dir}, "INTERLOCK_POLICY: open " + filepath.Join(dir, "q.cedar") + ": no such file or directory"},
		{policy.Places{Policy: "ssm:/interlock/policy,/none", Parameter: parameter}, "INTERLOCK_POLICY: ssm:/none: GetParameter: 400 ParameterNotFound: "},
		{policy.Places{Policy: "ssm:x"}, "INTERLOCK_POLICY: ssm:x cannot be read here"},
		{policy.Places{Policy: "permit"}, `INTERLOCK_POLICY: line 1, column 7: found the end, expected (`},
		{policy.Places{Policy: "file:e.json", Dir: dir}, `INTERLOCK_POLICY: e.json: line 1, column 1: unexpected effect: [`},
		{policy.Places{Entities: "file:p.cedar", Dir: dir}, `INTERLOCK_POLICY_ENTITIES: p.cedar: line 1, column 1: `},
		{policy.Places{Entities: "ssm:none", Parameter: parameter}, `INTERLOCK_POLICY_ENTITIES: ssm:none: GetParameter`},
	} {
		_, err := load(c.at)
		require.ErrorContains(t, err, c.err)
		require.NotContains(t, err.Error(), "\n")
	}
}
