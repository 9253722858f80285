package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/account"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/host"
	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/internal/local"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// differs is the exit code of status where something is not as decided.
const differs = 2

func statusCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status TARGET…",
		Short: "Compare what was decided with what the cloud says",
		Long: `Status reads, switch by switch, the position of each target from the cloud, and
compares it with the last decision that took effect. Where they differ, and the
decision's job has not failed and is not at work, somebody else changed it: by
hand, or by a program.

TARGET is projects/P/instances/I[/proxies/X|/databases/D], as in the subject of
events, or one of its ids if the ledger knows it. The API of proxy-alt has no
read, and no API tells the options.
` + ledgerHelp + `
The cloud is configured as for serve.

Exit code: 0 if all that can be read is as decided; 1 for an error, also if a
position could not be read; 2 if something is not as decided.`,
		Example: `  interlock status 096c0fc43e804757b59946b80dc27f8bin07
  interlock status projects/056538411200d4cd2f79c003c7606412/instances/096c0fc43e804757b59946b80dc27f8bin07 --json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return status(cmd, args, asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "a line of JSON for each switch")
	return c
}

func status(cmd *cobra.Command, targets []string, asJSON bool) error {
	ctx := cmd.Context()
	cloud, err := openCloud(nil)
	if err != nil {
		return err
	}
	var positions []*position
	err = withDesk(ctx, func(d local.Desk) error {
		found, err := (&account.Filter{}).Find(d.Decisions(ctx))
		if err != nil {
			return err
		}
		positions, err = positionsOf(targets, found)
		return err
	})
	if err != nil {
		return err
	}
	for _, p := range positions {
		p.read(ctx, cloud)
	}
	if err := showPositions(cmd.OutOrStdout(), positions, asJSON); err != nil {
		return err
	}
	return judged(positions)
}

// cloud is the cloud's client, and the switches by name that read by it.
type cloud struct {
	client   *cloudapi.Client
	switches map[string]engine.Registered
}

// openCloud has calls sent by transport, or as usual where that is nil.
func openCloud(transport *http.Client) (*cloud, error) {
	c, err := config.Read(os.Environ(), defaultLedger, "memory:")
	if err != nil {
		return nil, err
	}
	auth, err := (&host.AWS{Getenv: os.Getenv}).Auth(c)
	if err != nil {
		return nil, err
	}
	return newCloud(host.Client(c, auth, transport)), nil
}

func newCloud(client *cloudapi.Client) *cloud {
	own := &cloud{client, map[string]engine.Registered{}}
	for _, sw := range huawei.Bind(functions.All(), own.client) {
		own.switches[sw.Name] = sw
	}
	return own
}

// position is one switch on one target.
type position struct {
	Target string `json:"target"`
	Switch string `json:"switch"`
	// Decided is the position that was last decided and took effect; missing
	// where nothing is on record.
	Decided *bool         `json:"decided,omitempty"`
	At      time.Time     `json:"at,omitzero"`
	Result  string        `json:"result,omitempty"`
	JobID   string        `json:"job_id,omitempty"`
	Cause   *events.Cause `json:"cause,omitempty"`
	// Now is what the cloud says; missing where it does not.
	Now *bool `json:"now,omitempty"`
	// Verdict says how they compare, and Note what else there is to know.
	Verdict verdict `json:"verdict"`
	Note    string  `json:"note,omitempty"`

	asks decision.Decision
	last ledger.Record
	// failed is a decision that failed since then.
	failed string
}

type verdict string

const (
	asDecided  verdict = "as decided"
	byHand     verdict = "changed by hand"
	jobFailed  verdict = "its job failed"
	atWork     verdict = "at work"
	notDecided verdict = "nothing on record"
	noRead     verdict = "cannot be read"
	notRead    verdict = "not read"
)

// positionsOf are the switches of the targets: those with decisions on record,
// and all that a target in full can have.
func positionsOf(targets []string, found []account.Entry) ([]*position, error) {
	bySlot := map[string]*position{}
	add := func(asks decision.Decision) *position {
		p := bySlot[asks.Slot()]
		if p == nil {
			sw, err := switchNamed(asks.Switch)
			if err != nil {
				return nil // a switch of another version
			}
			p = &position{Target: asks.Place.Subject, Switch: sw.Name, asks: asks}
			bySlot[asks.Slot()] = p
		}
		return p
	}
	for _, target := range targets {
		before := len(bySlot)
		for _, e := range found {
			if !e.Is(target) {
				continue
			}
			if p := add(e.Asks); p != nil {
				p.take(&e)
			}
		}
		for _, asks := range inFull(target) {
			add(asks)
		}
		if len(bySlot) == before {
			return nil, fmt.Errorf("%s: nothing on record; give the target in full, as projects/P/instances/I/proxies/X", target)
		}
	}
	var all []*position
	for _, p := range bySlot {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *position) int { return strings.Compare(a.Target+" "+a.Switch, b.Target+" "+b.Switch) })
	return all, nil
}

// inFull are the switches that a target, named in full, can have.
func inFull(target string) (all []decision.Decision) {
	parts := strings.Split(target, "/")
	if len(parts) != 4 && len(parts) != 6 || parts[0] != "projects" || parts[2] != "instances" {
		return nil
	}
	t, kind := events.Target{ProjectID: parts[1], InstanceID: parts[3]}, huawei.OnInstance
	if len(parts) == 6 {
		switch parts[4] {
		case "proxies":
			t.ProxyID, kind = parts[5], huawei.OnProxy
		case "databases":
			t.DatabaseID, kind = parts[5], huawei.OnDatabase
		default:
			return nil
		}
	}
	raw, _ := json.Marshal(t) // a struct of texts
	for _, sw := range functions.All() {
		if sw.Kind == kind {
			all = append(all, decision.Decision{Switch: sw.Name, Target: raw, Place: huawei.Place(t)})
		}
	}
	return all
}

// take takes a decision into account: the last that took effect counts, and one
// that is not at its end is noted.
func (p *position) take(e *account.Entry) {
	o := e.Outcome
	word := e.Words() + ": " + e.Position() + ", event " + e.Key.ID
	switch {
	case o == nil:
		p.add(word)
		return
	case o.Failed:
		p.failed = word
		return
	}
	later := e.Order.After(p.last.Order) || e.Order.Equal(p.last.Order) && p.last.Outcome != nil && o.At.After(p.last.Outcome.At)
	if !o.Effective || p.last.Outcome != nil && !later {
		return
	}
	p.last, p.asks, p.failed = e.Record, e.Asks, ""
	p.Decided, p.At, p.Result, p.JobID, p.Cause = &e.Asks.Enabled, o.At, o.Result, o.JobID, &e.Asks.Cause
}

// read reads the position from the cloud, and compares.
func (p *position) read(ctx context.Context, c *cloud) {
	if p.failed != "" {
		p.add(p.failed)
	}
	sw := c.switches[p.Switch]
	if !sw.Reads() {
		p.Verdict = noRead
		p.add("the API has no such read")
		return
	}
	on, err := sw.Read(ctx, &p.asks)
	if err != nil {
		p.Verdict = notRead
		p.add(err.Error())
		return
	}
	p.Now = &on
	switch {
	case p.Decided == nil:
		p.Verdict = notDecided
	case on == *p.Decided:
		p.Verdict = asDecided
	default:
		p.Verdict = byHand
		p.askJob(ctx, c)
	}
}

// askJob looks whether the job of a decision says why its position is another.
func (p *position) askJob(ctx context.Context, c *cloud) {
	if p.JobID == "" {
		return
	}
	job, err := c.client.ShowJob(ctx, p.asks.Place.Project, p.JobID)
	switch {
	case err != nil:
		p.add("its job could not be asked: " + err.Error())
	case job.Status.Open():
		p.Verdict = atWork
		p.add("job " + p.JobID + " is " + string(job.Status))
	case job.Status != cloudapi.JobCompleted:
		p.Verdict = jobFailed
		p.add(strings.TrimSpace("job " + p.JobID + " " + string(job.Status) + " " + job.FailReason))
	}
}

func (p *position) add(note string) {
	p.Note = strings.TrimPrefix(p.Note+"; "+note, "; ")
}

func showPositions(w io.Writer, all []*position, asJSON bool) error {
	if asJSON {
		lines := json.NewEncoder(w)
		for _, p := range all {
			if err := lines.Encode(p); err != nil {
				return err
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	target := ""
	for _, p := range all {
		if p.Target != target {
			target = p.Target
			say(t, "%s", target)
			row(t, "  SWITCH", "DECIDED", "NOW", "VERDICT", "NOTE")
		}
		decided := "-"
		if p.Decided != nil {
			decided = account.OnOff(*p.Decided) + " " + account.Stamp(p.At) + " " + p.Cause.ID
		}
		now := "?"
		if p.Now != nil {
			now = account.OnOff(*p.Now)
		}
		row(t, "  "+p.Switch, decided, now, string(p.Verdict), p.Note)
	}
	return t.Flush()
}

// judged is the error by which the exit code tells what was found.
func judged(all []*position) error {
	var unread, other []string
	for _, p := range all {
		switch p.Verdict {
		case notRead:
			unread = append(unread, p.Switch)
		case byHand, jobFailed:
			other = append(other, p.Switch)
		}
	}
	switch {
	case len(other) > 0:
		return &exitError{differs, errors.New("not as decided: " + strings.Join(other, ", "))}
	case len(unread) > 0:
		return errors.New("could not be read: " + strings.Join(unread, ", "))
	}
	return nil
}
