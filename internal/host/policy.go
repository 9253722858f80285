package host

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/internal/policy"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

// PolicyOptions are what a policy about these switches is read with.
func PolicyOptions(switches []huawei.Switch) policy.Options {
	kinds := map[huawei.Kind]policy.Kind{huawei.OnInstance: policy.Instance, huawei.OnProxy: policy.Proxy, huawei.OnDatabase: policy.Database}
	o := policy.Options{
		Types:     []string{events.TypeTicketApproved, events.TypeTagChanged, events.TypeSwitchRequested},
		Normalise: decision.Principal,
	}
	for _, s := range switches {
		o.Switches = append(o.Switches, policy.Switch{Name: s.Name, On: kinds[s.Kind]})
	}
	return o
}

// Policy is the policy that a configuration names; nil where it names none, and
// the engine's own rules are all there are.
func Policy(c config.Config, switches []huawei.Switch, aws *AWS) (engine.Policy, error) {
	if c.Policy == "" {
		return nil, nil
	}
	o := PolicyOptions(switches)
	o.Zone = c.Timezone
	// The deadline of Lambda's start is ten seconds.
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
	defer cancel()
	p, err := policy.Load(ctx, policy.Places{
		Policy: c.Policy, Entities: c.PolicyEntities, Dir: cmp.Or(os.Getenv("LAMBDA_TASK_ROOT"), os.Getenv("RUNTIME_CODE_ROOT")),
		Parameter: policy.FromSSM(func() (*awsjson.Client, error) { return aws.Client(awsjson.SSM) }),
	}, o)
	if err != nil {
		return nil, fmt.Errorf("INTERLOCK_POLICY: %w", err)
	}
	return &asked{p, c.Region}, nil
}

// asked is the policy as the engine asks it.
type asked struct {
	*policy.Policy
	region string
}

func (a *asked) Ask(ctx context.Context, d *decision.Decision, now time.Time) (engine.Permission, error) {
	q, err := Question(d, a.region, now)
	if err != nil {
		return engine.Permission{}, err
	}
	said, err := a.Policy.Ask(ctx, q)
	return engine.Permission{Granted: said.Permit, Policies: said.Policies, Reason: said.Reason}, err
}

// Question is what a policy is asked of a decision about one of Huawei Cloud's
// switches, in a region unless its target names one.
func Question(d *decision.Decision, region string, now time.Time) (policy.Question, error) {
	var t events.Target
	if err := d.Decode(&t, nil); err != nil {
		return policy.Question{}, err
	}
	if t.Region != "" {
		region = t.Region
	}
	q := policy.Question{
		Switch: d.Switch, Enabled: d.Enabled, Type: d.Cause.Type, Source: d.Cause.Source, Door: d.Door, Signer: d.Signer,
		Region: region, Project: t.ProjectID, Instance: t.InstanceID, Proxy: t.ProxyID, Database: t.DatabaseID, Now: now, Step: d.Step(),
	}
	if t := d.Ticket; t != nil {
		q.Ticket = &policy.Ticket{
			ID: t.ID, RequestedBy: t.RequestedBy, Approvers: t.ApprovedBy, ApprovedAt: t.ApprovedAt,
			Bound: d.Bound(), More: d.Further,
		}
		if t.Window != nil {
			q.Ticket.Start, q.Ticket.End = t.Window.Start, t.Window.End
		}
	}
	return q, nil
}
