package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/interlock-functions/interlock/internal/position"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

func probeCommand() *cobra.Command {
	var asJSON bool
	var ours []string
	c := &cobra.Command{
		Use:   "probe TARGET…",
		Short: "Find out which of Interlock's assumptions hold in an account, reading only",
		Long: `Probe asks the cloud what no source settles: whether the list of jobs shows
those of switches, what its offset counts, how times and booleans are written. It
only reads: whatever else a call would be is not sent, but for IAM's request of a
token. The table has neither ids nor names nor addresses in it, beside names of
jobs; please send it to Interlock's maintainers.

TARGET is projects/P/instances/I[/proxies/X|/databases/D]. The id of a job that a
switch has started, as interlock decisions show tells it, is given by --job:
without one, nothing is learnt of such jobs. What cannot be seen in this account
is "not seen". The cloud is configured as for serve.

Exit code: 0; 1 for an error; 2 if an assumption does not hold.`,
		Example: `  interlock probe projects/056538411200d4cd2f79c003c7606412/instances/096c0fc43e804757b59946b80dc27f8bin07 --job 5c7618be-5729-4e4c-aa05-ba66553fab19`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, targets []string) error {
			p := &probe{wire: &readOnly{next: http.DefaultTransport}}
			var err error
			if p.cloud, err = openCloud(&http.Client{Transport: p.wire, Timeout: 30 * time.Second}); err != nil {
				return err
			}
			if err := p.all(cmd.Context(), targets, ours); err != nil {
				return err
			}
			if err := p.show(cmd.OutOrStdout(), asJSON); err != nil {
				return err
			}
			if n := p.fallen(); n > 0 {
				return &exitError{differs, fmt.Errorf("%d of %d assumptions do not hold", n, len(p.found))}
			}
			return nil
		},
	}
	c.Flags().StringArrayVar(&ours, "job", nil, "id of a job that a switch has started; may be repeated")
	jsonFlag(c, &asJSON, "a line of JSON for each assumption")
	return c
}

// assumption is one of those that Interlock makes.
type assumption struct {
	Assumption string  `json:"assumption"`
	Verdict    holding `json:"verdict"`
	Found      string  `json:"found"`
}

type holding string

// How an assumption stands in an account.
const (
	holds   holding = "holds"
	fails   holding = "does not hold"
	notSeen holding = "not seen"
)

type probe struct {
	cloud *position.Cloud
	wire  *readOnly
	found []assumption
}

func (p *probe) say(text string, v holding, format string, args ...any) {
	p.found = append(p.found, assumption{text, v, fmt.Sprintf(format, args...)})
}

// that says whether it is so.
func (p *probe) that(text string, so bool, format string, args ...any) {
	p.say(text, map[bool]holding{false: fails, true: holds}[so], format, args...)
}

func (p *probe) fallen() (n int) {
	for _, a := range p.found {
		if a.Verdict == fails {
			n++
		}
	}
	return n
}

func (p *probe) show(w io.Writer, asJSON bool) error {
	if asJSON {
		return sayAllJSON(w, p.found)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row(t, "ASSUMPTION", "VERDICT", "FOUND")
	for _, a := range p.found {
		row(t, a.Assumption, string(a.Verdict), a.Found)
	}
	return t.Flush()
}

func (p *probe) all(ctx context.Context, targets, ours []string) error {
	for _, target := range targets {
		if len(position.InFull(target)) == 0 {
			return fmt.Errorf("%s: expected projects/P/instances/I, or with /proxies/X or /databases/D", target)
		}
	}
	project := strings.Split(targets[0], "/")[1]
	if listed := p.list(ctx, project); listed != nil {
		p.offsets(ctx, project)
		p.byID(ctx, project, listed)
		p.ours(ctx, project, ours)
	}
	for _, target := range targets {
		p.reads(ctx, target)
	}
	return nil
}

// list looks at the newest jobs, and returns them; nil if they cannot be read.
func (p *probe) list(ctx context.Context, project string) []cloudapi.Job {
	const readable = "the list of jobs can be read, 50 at a time"
	page, err := p.cloud.Client.ListImmediateJobs(ctx, project, cloudapi.JobQuery{})
	if err != nil {
		p.say(readable, fails, "%s", outline(err))
		return nil
	}
	p.say(readable, holds, "%d of %d jobs", len(page.Jobs), page.Total)
	p.that("it tells how many jobs there are", page.Total >= len(page.Jobs), "%s", p.wire.types("total_count"))
	p.that("its answer is dated, by a clock like ours", !page.Date.IsZero() && time.Since(page.Date).Abs() < 15*time.Minute, "%s apart", time.Since(page.Date).Round(time.Second))
	if len(page.Jobs) == 0 {
		p.say("its jobs have ids, times with a zone, states and instances", notSeen, "no jobs")
		return []cloudapi.Job{}
	}
	odd, names := 0, map[string]bool{}
	for _, j := range page.Jobs {
		if j.ID == "" || j.Created.IsZero() || j.Status == "" || j.InstanceID == "" || j.Ended.IsZero() && j.Status.Ended() {
			odd++
		}
		names[j.Name] = true
	}
	p.that("its jobs have ids, times with a zone, states and instances", odd == 0, "%d of %d lack some; %s", odd, len(page.Jobs),
		p.wire.types("job_id", "job_name", "status", "instance_id", "process", "created_time", "ended_time"))
	p.say("jobs have names", holds, "%s", strings.Join(slices.Sorted(maps.Keys(names)), ", "))

	middle := page.Jobs[len(page.Jobs)/2].Created
	since, err := p.cloud.Client.ListImmediateJobs(ctx, project, cloudapi.JobQuery{Start: middle})
	switch {
	case err != nil:
		p.say("start_time leaves out what is older", fails, "%s", outline(err))
	case middle.IsZero():
		p.say("start_time leaves out what is older", notSeen, "no time")
	default:
		older := slices.ContainsFunc(since.Jobs, func(j cloudapi.Job) bool { return j.Created.Before(middle) })
		p.that("start_time leaves out what is older", !older && len(since.Jobs) > 0, "%d of %d jobs", since.Total, page.Total)
	}
	return page.Jobs
}

// offsets compares the first two pages of ten. Either count is understood.
func (p *probe) offsets(ctx context.Context, project string) {
	const text = "offset counts pages, or jobs"
	var pages [2]cloudapi.JobPage
	for i := range pages {
		var err error
		if pages[i], err = p.cloud.Client.ListImmediateJobs(ctx, project, cloudapi.JobQuery{Offset: i + 1, Limit: 10}); err != nil {
			p.say(text, fails, "%s", outline(err))
			return
		}
	}
	first, second := pages[0].Jobs, pages[1].Jobs
	at := -1
	if len(second) > 0 {
		at = slices.IndexFunc(first, func(j cloudapi.Job) bool { return j.ID == second[0].ID })
	}
	switch {
	case len(first) < 10 || pages[0].Total <= 10:
		p.say(text, notSeen, "there are no more than ten jobs")
	case at < 0 && len(second) > 0:
		p.say(text, holds, "pages")
	case at == 1:
		p.say(text, holds, "jobs")
	default:
		p.say(text, fails, "the second page of %d begins at number %d of the first", len(second), at+1)
	}
}

// byID asks for a job by its id that the list has, and for one that there is not.
func (p *probe) byID(ctx context.Context, project string, listed []cloudapi.Job) {
	const text = "a job is told by its id as the list tells it"
	i := slices.IndexFunc(listed, func(j cloudapi.Job) bool { return j.ID != "" && j.Status.Ended() })
	if i < 0 {
		p.say(text, notSeen, "no job that has ended")
	} else if job, err := p.cloud.Client.ShowJob(ctx, project, listed[i].ID); err != nil {
		p.say(text, fails, "%s", outline(err))
	} else {
		l := listed[i]
		same := job.Status == l.Status && job.Name == l.Name && job.InstanceID == l.InstanceID && job.Created.Equal(l.Created) && job.Ended.Equal(l.Ended)
		p.that(text, same, "%s", p.wire.types("id", "name", "status", "process", "created", "ended"))
	}
	_, err := p.cloud.Client.ShowJob(ctx, project, "00000000-0000-4000-a000-000000000000")
	var e *cloudapi.Error
	p.that("of an id that no job has, it is said so", errors.As(err, &e) && e.NotFound(), "%s", outline(err))
}

// ours looks for the jobs of switches, by their ids and in the list. Neither is
// needed where the other is.
func (p *probe) ours(ctx context.Context, project string, ids []string) {
	const text = "jobs of switches are listed, or found by id"
	if len(ids) == 0 {
		p.say(text, notSeen, "no --job")
	}
	for _, id := range ids {
		page, err := p.cloud.Client.ListImmediateJobs(ctx, project, cloudapi.JobQuery{JobID: id})
		listed := err == nil && slices.ContainsFunc(page.Jobs, func(j cloudapi.Job) bool { return j.ID == id })
		job, shown := p.cloud.Client.ShowJob(ctx, project, id)
		found := fmt.Sprintf("listed: %t, by id: %t", listed, shown == nil)
		for _, err := range []error{err, shown} {
			if err != nil {
				found += ", " + outline(err)
			}
		}
		if shown == nil {
			found += fmt.Sprintf(", %s, name %s", job.Status, job.Name)
		}
		p.that(text, listed || shown == nil, "%s", found)
		if shown == nil {
			p.that("their names are none of the documented ones", !cloudapi.IsOtherJob(job.Name), "%s", job.Name)
		}
	}
}

// member is what of an answer tells how a switch lies.
var member = map[string]string{"proxy-ssl": "ssl_option", "access-control": "enable_ip_group", "multi-tenancy": "multi_tenant_switch", "database-audit": "status"}

// reads reads the switches of a target, some times: the type may differ.
func (p *probe) reads(ctx context.Context, target string) {
	for _, asks := range position.InFull(target) {
		text, sw, types := asks.Switch+" can be read", p.cloud.Switches[asks.Switch], map[string]bool{}
		if !sw.Reads() {
			p.say(text, notSeen, "the API has no such read")
			continue
		}
		var err error
		for range 4 {
			if _, err = sw.Read(ctx, &asks); err != nil {
				break
			}
			types[p.wire.types(member[asks.Switch])] = true
		}
		if err != nil {
			p.say(text, fails, "%s", outline(err))
			continue
		}
		p.say(text, holds, "%s", strings.Join(slices.Sorted(maps.Keys(types)), ", or "))
	}
}

// outline is what of an error holds no id: messages of a cloud may.
func outline(err error) string {
	if err == nil {
		return "no error"
	}
	e := (*cloudapi.Error)(nil)
	if !errors.As(err, &e) {
		return "an error of its own kind"
	}
	if e.Status == 0 {
		return e.Operation + ": no answer"
	}
	text := strings.TrimRight(fmt.Sprintf("%s: %d %s", e.Operation, e.Status, e.Code), " ")
	if e.Cause != nil {
		text += ", which cannot be read"
	}
	return text
}

// readOnly lets reads through, and IAM's request of a token. It keeps the last
// answer to a read.
type readOnly struct {
	next http.RoundTripper
	last any
}

func (r *readOnly) RoundTrip(q *http.Request) (*http.Response, error) {
	if q.Method != http.MethodGet {
		if q.Method == http.MethodPost && strings.HasSuffix(q.URL.Path, "/v3/auth/tokens") {
			return r.next.RoundTrip(q)
		}
		return nil, errors.New("probe only reads")
	}
	r.last = nil
	res, err := r.next.RoundTrip(q)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	_ = json.Unmarshal(body, &r.last) // what is no JSON has no types
	return res, nil
}

// types tells the types that members of these names have in the last answer.
func (r *readOnly) types(names ...string) string {
	found := map[string]map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, each := range v {
				walk(each)
			}
		case map[string]any:
			for name, each := range v {
				if slices.Contains(names, name) {
					if found[name] == nil {
						found[name] = map[string]bool{}
					}
					found[name][typeOf(each)] = true
				}
				walk(each)
			}
		}
	}
	walk(r.last)
	var all []string
	for _, name := range names {
		types := "missing"
		if len(found[name]) > 0 {
			types = strings.Join(slices.Sorted(maps.Keys(found[name])), " or ")
		}
		all = append(all, name+" "+types)
	}
	return strings.Join(all, ", ")
}

func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}
