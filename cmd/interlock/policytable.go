package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/host"
	"github.com/interlock-functions/interlock/internal/policy"
	"github.com/interlock-functions/interlock/pkg/engine/admission"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

func policyTestCommand() *cobra.Command {
	var p placing
	var asJSON bool
	c := &cobra.Command{
		Use:   "test FILE",
		Short: "Ask a policy a table of questions, and compare its answers with those expected",
		Long: `Test reads a table in YAML, asks the policy each of its questions, and says which
are answered otherwise than the table expects.

  policy: production.cedar        # beside the table; also entities, timezone
  base:                           # a question
    switch: proxy-ssl
    enabled: true
    target: {project_id: …, instance_id: …, proxy_id: …}
    type: dev.interlock.ticket.approved.v1
    source: https://tickets.example.com/changes
    door: bus                     # also signer, step
    now: 2026-11-24T10:00:00Z
    bound: true                   # the ticket's digest fits
    ticket: {id: CHG1, requested_by: …, approved_by: […]}
  cases:
    - name: one approver
      with: {ticket: {approved_by: [approver@example.com]}}
      verdict: deny               # or permit
      policies: [two-approvers]   # those that decide

A case is the base merged with what it says under with (RFC 7396: an object is
merged, null takes a member away, anything else replaces it). Policies may be
left out.
` + placeHelp + ` What a table names goes before the variables.

Exit code: 0 if every answer is as expected; 1 otherwise.`,
		Example: `  interlock policy test policies/production_test.yaml`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := readTable(args[0])
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			p.policy, p.entities = cmp.Or(p.policy, beside(args[0], t.Policy)), cmp.Or(p.entities, beside(args[0], t.Entities))
			p.timezone = cmp.Or(p.timezone, t.Timezone)
			loaded, err := p.load(cmd.Context())
			if err != nil {
				return err
			}
			return t.run(cmd.Context(), cmd.OutOrStdout(), loaded, asJSON)
		},
	}
	p.flags(c)
	jsonFlag(c, &asJSON, "a line of JSON for each answer")
	return c
}

// beside is a file that a table names: relative to the table.
func beside(table, name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(table), name)
}

// table is a table of questions and answers.
type table struct {
	Policy   string         `json:"policy"`
	Entities string         `json:"entities"`
	Timezone string         `json:"timezone"`
	Base     map[string]any `json:"base"`
	Cases    []tableCase    `json:"cases"`
}

type tableCase struct {
	Name     string         `json:"name"`
	With     map[string]any `json:"with"`
	Verdict  string         `json:"verdict"`
	Policies []string       `json:"policies"`
}

// tableQuestion is a question as a table writes it.
type tableQuestion struct {
	Switch  string          `json:"switch"`
	Enabled bool            `json:"enabled"`
	Target  json.RawMessage `json:"target"`
	Type    string          `json:"type"`
	Source  string          `json:"source"`
	Door    string          `json:"door"`
	Signer  string          `json:"signer"`
	Step    int             `json:"step"`
	Now     time.Time       `json:"now"`
	Bound   bool            `json:"bound"`
	Ticket  json.RawMessage `json:"ticket"`
}

func readTable(file string) (t table, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return t, err
	}
	text, err = yaml.YAMLToJSON(text)
	if err != nil {
		return t, errors.New(yaml.FormatError(err, false, false))
	}
	if err := strictly(text, &t); err != nil {
		return t, err
	}
	if len(t.Cases) == 0 {
		return t, errors.New("cases: found none, expected at least one")
	}
	for i, c := range t.Cases {
		if c.Verdict != "permit" && c.Verdict != "deny" {
			return t, fmt.Errorf("cases[%d].verdict: found %q, expected permit or deny", i, c.Verdict)
		}
	}
	return t, nil
}

// strictly decodes JSON whose members are all known. A number stays as it is
// written.
func strictly(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	d.UseNumber()
	return d.Decode(into)
}

// run asks each question and says what was answered.
func (t *table) run(ctx context.Context, w io.Writer, p *policy.Policy, asJSON bool) error {
	wrong := 0
	for i, c := range t.Cases {
		name := cmp.Or(c.Name, fmt.Sprintf("cases[%d]", i))
		q, err := t.question(c)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		answer, err := p.Ask(ctx, q)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		good := c.expects(answer)
		if !good {
			wrong++
		}
		if err := c.show(w, name, answer, good, asJSON); err != nil {
			return err
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d answers are not as expected", wrong, len(t.Cases))
	}
	if !asJSON {
		say(w, "%d answers, all as expected", len(t.Cases))
	}
	return nil
}

// show says what was answered, and what was expected where that is another.
func (c *tableCase) show(w io.Writer, name string, a policy.Answer, good, asJSON bool) error {
	switch {
	case asJSON:
		return sayJSON(w, struct {
			Case       string `json:"case"`
			AsExpected bool   `json:"as_expected"`
			answered
			Verdict  string   `json:"expected_verdict"`
			Expected []string `json:"expected_policies,omitempty"`
		}{name, good, answeredBy(a), c.Verdict, c.Policies})
	case good:
		say(w, "ok    %s: %s", name, a.Reason)
	default:
		say(w, "WRONG %s: %s; expected %s %s", name, a.Reason, c.Verdict, strings.Join(c.Policies, ", "))
	}
	return nil
}

func (c *tableCase) expects(a policy.Answer) bool {
	return a.Permit == (c.Verdict == "permit") && (c.Policies == nil || slices.Equal(slices.Sorted(slices.Values(a.Policies)), slices.Sorted(slices.Values(c.Policies))))
}

func (t *table) question(c tableCase) (policy.Question, error) {
	text, err := json.Marshal(merged(t.Base, c.With))
	if err != nil {
		return policy.Question{}, err
	}
	var q tableQuestion
	if err := strictly(text, &q); err != nil {
		return policy.Question{}, err
	}
	d := &decision.Decision{
		Switch: q.Switch, Enabled: q.Enabled, Target: q.Target, Cause: events.Cause{Type: q.Type, Source: q.Source},
		Admission: admission.Admission{Door: q.Door, Signer: q.Signer},
	}
	if len(q.Ticket) > 0 {
		if err := json.Unmarshal(q.Ticket, &d.Ticket); err != nil {
			return policy.Question{}, fmt.Errorf("ticket: %w", err)
		}
		if err := json.Unmarshal(q.Ticket, &d.Further); err != nil {
			return policy.Question{}, fmt.Errorf("ticket: %w", err)
		}
		for _, name := range strings.Fields("id requested_by approved_by approved_at window digest") {
			delete(d.Further, name)
		}
	}
	asked, err := host.Question(d, "", q.Now)
	if err != nil {
		return policy.Question{}, err
	}
	asked.Step = q.Step
	if asked.Ticket != nil {
		asked.Ticket.Bound = q.Bound
	}
	return asked, nil
}

// merged is JSON merged with a patch, as RFC 7396 has it.
func merged(into, patch map[string]any) map[string]any {
	all := maps.Clone(into)
	if all == nil {
		all = map[string]any{}
	}
	for name, value := range patch {
		below, isObject := value.(map[string]any)
		switch {
		case value == nil:
			delete(all, name)
		case isObject:
			before, _ := all[name].(map[string]any)
			all[name] = merged(before, below)
		default:
			all[name] = value
		}
	}
	return all
}
