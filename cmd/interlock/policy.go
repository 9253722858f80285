package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/spf13/cobra"

	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/account"
	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/host"
	"github.com/interlock-functions/interlock/internal/policy"
)

// placeHelp tells where the commands find the policy.
const placeHelp = `
The policy is the one that INTERLOCK_POLICY names, with the groups and tags of
INTERLOCK_POLICY_ENTITIES and the time zone of INTERLOCK_TIMEZONE, unless flags
say otherwise.`

// placing is what the flags say of where the policy is.
type placing struct{ policy, entities, timezone string }

func (p *placing) flags(c *cobra.Command) {
	c.Flags().StringVar(&p.policy, "policy", "", "a file with a policy, instead of INTERLOCK_POLICY")
	c.Flags().StringVar(&p.entities, "entities", "", "a file with entities, instead of INTERLOCK_POLICY_ENTITIES")
	c.Flags().StringVar(&p.timezone, "timezone", "", "a time zone, instead of INTERLOCK_TIMEZONE")
}

// load loads the policy.
func (p *placing) load(ctx context.Context) (*policy.Policy, error) {
	environ := os.Environ()
	if p.timezone != "" {
		environ = append(environ, "INTERLOCK_TIMEZONE="+p.timezone)
	}
	c, err := config.ReadPolicy(environ)
	if err != nil {
		return nil, err
	}
	at := policy.Places{Policy: c.Policy, Entities: c.PolicyEntities, Parameter: policy.FromSSM(func() (*awsjson.Client, error) {
		return awsjson.FromEnv(awsjson.SSM, os.Getenv, http.DefaultClient)
	})}
	if p.policy != "" {
		at.Policy = "file:" + p.policy
	}
	if p.entities != "" {
		at.Entities = "file:" + p.entities
	}
	o := host.PolicyOptions(functions.All())
	o.Zone = c.Timezone
	return policy.Load(ctx, at, o)
}

func policyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "policy",
		Short: "Check, test, explain and show the policy that says who may flip what, when",
		Long: `A policy, written in Cedar, says who may flip which switch on what, and when.
What it may speak of is in docs/policy.md; policies/production.cedar is one to
start from.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(policyCheckCommand(), policyTestCommand(), policyExplainCommand(), policyShowCommand())
	return c
}

func policyCheckCommand() *cobra.Command {
	var p placing
	var asJSON bool
	c := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check a policy and its entities, and say each mistake with its line and column",
		Long: `Check reads a policy as a start does, and checks it against the schema: it says
what does not parse, types, actions and attributes that there are not, types that
do not fit, and comparisons that are never true.
` + placeHelp + `

Exit code: 0 if there is nothing wrong; 1 otherwise.`,
		Example: `  interlock policy check policies/production.cedar --entities policies/entities.json`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				p.policy = args[0]
			}
			loaded, err := p.load(cmd.Context())
			var problems policy.Problems
			if errors.As(err, &problems) {
				return errors.Join(showProblems(cmd.OutOrStdout(), problems, asJSON), errors.New(plural(len(problems), "mistake")))
			}
			if err != nil {
				return err
			}
			if asJSON {
				return sayJSON(cmd.OutOrStdout(), map[string]int{"rules": loaded.Rules()})
			}
			say(cmd.OutOrStdout(), "%s, nothing wrong", plural(loaded.Rules(), "rule"))
			return nil
		},
	}
	p.flags(c)
	jsonFlag(c, &asJSON, "a line of JSON for each mistake, or one with the number of rules")
	return c
}

func showProblems(w io.Writer, problems policy.Problems, asJSON bool) error {
	for _, one := range problems {
		if !asJSON {
			say(w, "%s", strings.TrimPrefix(one.String(), "INTERLOCK_POLICY: "))
			continue
		}
		err := sayJSON(w, struct {
			Document string `json:"document"`
			Line     int    `json:"line"`
			Column   int    `json:"column"`
			Problem  string `json:"problem"`
		}{strings.TrimPrefix(one.Name, "INTERLOCK_POLICY"), one.Line, one.Column, one.Text})
		if err != nil {
			return err
		}
	}
	return nil
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func policyShowCommand() *cobra.Command {
	var schema, asJSON bool
	c := &cobra.Command{
		Use:   "show",
		Short: "Print the policy that counts where none is set, or the schema",
		Long: `Show prints, as a policy, the rules that count where INTERLOCK_POLICY is not set;
with --schema, what a policy may speak of, in Cedar's language for schemas.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			what, text := "policy", policy.Default
			if schema {
				what, text = "schema", policy.SchemaOf(host.PolicyOptions(functions.All()).Switches)
			}
			if asJSON {
				return sayJSON(cmd.OutOrStdout(), map[string]string{what: text})
			}
			_, err := io.WriteString(cmd.OutOrStdout(), text)
			return err
		},
	}
	c.Flags().BoolVar(&schema, "schema", false, "print the schema instead")
	jsonFlag(c, &asJSON, "a line of JSON that holds the text")
	return c
}

// asking is what the flags of explain say of what no event tells.
type asking struct {
	file, door, signer, at string
	bound, json            bool
}

func policyExplainCommand() *cobra.Command {
	var p placing
	var a asking
	c := &cobra.Command{
		Use:   "explain --file EVENT",
		Short: "Say what the policy answers to an event, which rules decide, and what they see",
		Long: `Explain asks the policy about an event, and says the verdict, the rules that
decide, and all that the policy sees of it: the ticket, the wall clock, the tags.
What no event tells is told by flags: how it came in, by which key it was signed,
when it is, and whether the ticket's digest fits.

` + keptHelp + `
` + placeHelp + `

Exit code: 0 if all is permitted, 1 if anything is not, or for an error.`,
		Example: `  interlock policy explain --file functions/proxyssl/sample.json --policy policies/production.cedar --at 2026-11-24T10:00:00Z`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := p.load(cmd.Context())
			if err != nil {
				return err
			}
			return a.explain(cmd.Context(), loaded, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	p.flags(c)
	c.Flags().StringVar(&a.file, "file", "", "the event; - is standard input")
	c.Flags().StringVar(&a.door, "door", "url", "how it came in: url, bus, queue, direct or local")
	c.Flags().StringVar(&a.signer, "signer", "", "the name of the key that it was signed with")
	c.Flags().StringVar(&a.at, "at", "", "when it is, as 2026-11-24T10:00:00Z (default now)")
	c.Flags().BoolVar(&a.bound, "bound", false, "as if the ticket carried a digest that fits")
	jsonFlag(c, &a.json, "a line of JSON for each answer")
	_ = c.MarkFlagRequired("file")
	return c
}

func (a *asking) explain(ctx context.Context, p *policy.Policy, stdin io.Reader, w io.Writer) error {
	now := time.Now()
	if a.at != "" {
		var err error
		if now, err = time.Parse(time.RFC3339, a.at); err != nil {
			return fmt.Errorf("--at: found %q, expected a time as 2026-11-24T10:00:00Z", a.at)
		}
	}
	items, err := readKept(stdin, a.file)
	if err != nil {
		return err
	}
	asked, denied := 0, 0
	for i, item := range items {
		if item.Err != nil {
			return fmt.Errorf("%s:%d: no event: %w", a.file, i+1, item.Err)
		}
		questions, err := questionsOf(item.Event)
		if err != nil {
			return fmt.Errorf("%s:%d: %w", a.file, i+1, err)
		}
		for _, q := range questions {
			q.Door, q.Signer, q.Now = a.door, a.signer, now
			if q.Ticket != nil {
				q.Ticket.Bound = q.Ticket.Bound || a.bound
			}
			asked++
			permitted, err := a.answer(ctx, w, p, q)
			if err != nil {
				return err
			}
			if !permitted {
				denied++
			}
		}
	}
	switch {
	case asked == 0:
		return errors.New("no function is meant")
	case denied > 0:
		return fmt.Errorf("%d of %d would be denied", denied, asked)
	}
	return nil
}

// answer says what the policy answers to a question, and what it sees of it.
func (a *asking) answer(ctx context.Context, w io.Writer, p *policy.Policy, q policy.Question) (permitted bool, err error) {
	answer, err := p.Ask(ctx, q)
	if err != nil {
		return false, err
	}
	seen, unseen, err := p.Facts(q)
	if err != nil {
		return false, err
	}
	if a.json {
		return answer.Permit, sayJSON(w, struct {
			Switch  string `json:"switch"`
			Enabled bool   `json:"enabled"`
			answered
			Seen   map[string]string `json:"seen"`
			Unseen map[string]string `json:"unseen,omitempty"`
		}{q.Switch, q.Enabled, answeredBy(answer), byName(seen), byName(unseen)})
	}
	verdict := "denied"
	if answer.Permit {
		verdict = "permitted"
	}
	say(w, "%s %s: %s", q.Switch, account.OnOff(q.Enabled), verdict)
	say(w, "  %s", answer.Reason)
	for _, f := range seen {
		say(w, "    %s: %s", f.Name, f.Value)
	}
	for _, f := range unseen {
		say(w, "    %s: %s, which no rule sees: none declares it with @ticket", f.Name, f.Value)
	}
	return answer.Permit, nil
}

// answered is a policy's answer as a line of JSON has it.
type answered struct {
	Permit   bool     `json:"permit"`
	Policies []string `json:"policies"`
	Reason   string   `json:"reason"`
}

func answeredBy(a policy.Answer) answered {
	return answered{a.Permit, append([]string{}, a.Policies...), a.Reason}
}

func byName(facts []policy.Fact) map[string]string {
	all := map[string]string{}
	for _, f := range facts {
		all[f.Name] = f.Value
	}
	return all
}

// questionsOf are the questions that an event puts, one for each switch that it
// is meant for: as far as the event tells.
func questionsOf(ev event.Event) (all []policy.Question, err error) {
	decoder, err := newDecoder()
	if err != nil {
		return nil, err
	}
	for _, s := range functions.All() {
		d, meant, invalid := decoder.Decode(s.Name, ev)
		if invalid != nil {
			return nil, invalid
		}
		if !meant {
			continue
		}
		q, err := host.Question(d, "", time.Time{})
		if err != nil {
			return nil, err
		}
		all = append(all, q)
	}
	return all, nil
}
