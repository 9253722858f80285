package engine_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	multitenant "github.com/interlock-functions/interlock/functions/multitenant/simulation"
	proxyssl "github.com/interlock-functions/interlock/functions/proxyssl/simulation"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/local/localtest"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// stage is a world whose ledger file is looked at.
type stage struct {
	*localtest.World
	file string
}

func onStage(t *testing.T, environ ...string) *stage {
	file := filepath.Join(t.TempDir(), "interlock.db")
	return &stage{localtest.Start(t, localtest.Options{Environ: append(environ, "INTERLOCK_LEDGER=bolt:"+file)}), file}
}

// rehearse posts an event and wants it to leave no trace: no byte of the ledger
// changes, no event is published, nothing but reads reaches the cloud.
func (s *stage) rehearse(t *testing.T, function string, event []byte) localtest.Answer {
	t.Helper()
	before, err := os.ReadFile(s.file)
	require.NoError(t, err)
	s.Flips()
	s.Bus.Take()
	answer := s.Post(t, function, event)
	after, err := os.ReadFile(s.file)
	require.NoError(t, err)
	require.Equal(t, before, after, "the ledger has changed")
	require.Empty(t, s.Bus.Take())
	require.Empty(t, s.Flips())
	return answer
}

func found(t *testing.T, a localtest.Answer) (r engine.Rehearsal) {
	t.Helper()
	require.Equal(t, http.StatusOK, a.Status, string(a.Body))
	require.Equal(t, "application/json", a.Header.Get("Content-Type"))
	require.NoError(t, json.Unmarshal(a.Body, &r))
	require.True(t, r.DryRun)
	return r
}

func ticket(t *testing.T, name string, changes ...any) []byte {
	return localtest.Edit(t, localtest.Sample(t, "ticket.approved", name), append([]any{"data.options", localtest.Gone}, changes...)...)
}

// Every switch, by every type of event: what a dry run says would be called is
// what then is, and it has used nothing up.
func TestRehearseCall(t *testing.T) {
	for _, sw := range functions.All() {
		for _, kind := range []string{"ticket.approved", "tag.changed", "switch.requested"} {
			t.Run(sw.Name+" "+kind, func(t *testing.T) {
				s := onStage(t)
				sample := localtest.Sample(t, kind, sw.Name)
				real := sample
				if kind == "tag.changed" {
					real = localtest.Edit(t, sample, "data.changes.1.old", "off", "data.changes.1.new", "on")
				} else {
					real = localtest.Edit(t, sample, "data.enabled", true, "data.options", localtest.Gone)
				}
				r := found(t, s.rehearse(t, sw.Function, localtest.Edit(t, real, "dryrun", true)))
				require.Equal(t, engine.WouldCall, r.Would)
				require.Nil(t, r.Error)
				require.Equal(t, sw.Name, r.Switch)
				require.True(t, r.Enabled)
				if !sw.Reads {
					require.Nil(t, r.Now)
					require.Nil(t, r.Changes)
				} else {
					require.Equal(t, new(false), r.Now)
					require.Equal(t, new(true), r.Changes)
				}

				answer := s.Post(t, sw.Function, real)
				require.Equal(t, 2, answer.Status/100, string(answer.Body))
				flips := s.Flips()
				require.Len(t, flips, 1)
				require.Equal(t, flips[0].Method, r.Request.Method)
				require.True(t, strings.HasSuffix(r.Request.URL, flips[0].Path), r.Request.URL)
				require.JSONEq(t, flips[0].Body, r.Request.Body)
				require.NotContains(t, string(answer.Body), "dry")
			})
		}
	}
}

// What would not be called, and why.
func TestRehearseOtherwise(t *testing.T) {
	const ssl = "proxy-ssl"
	dry := func(t *testing.T, changes ...any) []byte { return ticket(t, ssl, append(changes, "dryrun", true)...) }
	for name, c := range map[string]struct {
		before func(*testing.T, *stage)
		event  func(*testing.T) []byte
		would  engine.Would
		code   events.Code
	}{
		"settled before": {
			func(t *testing.T, s *stage) { s.Post(t, "proxyssl", ticket(t, ssl)) },
			func(t *testing.T) []byte { return dry(t) }, engine.WouldRepeat, ""},
		"its id was used": {
			func(t *testing.T, s *stage) { s.Post(t, "proxyssl", ticket(t, ssl, "data.enabled", false)) },
			func(t *testing.T) []byte { return dry(t, "data.enabled", true) }, engine.WouldReject, events.IDReused},
		"a newer one is in effect": {
			func(t *testing.T, s *stage) {
				s.Post(t, "proxyssl", ticket(t, ssl, "id", "newer", "data.ticket.approved_at", "2026-11-22T09:20:00Z"))
			},
			func(t *testing.T) []byte { return dry(t) }, engine.WouldReject, events.Superseded},
		"nobody else approved": {nil,
			func(t *testing.T) []byte { return dry(t, "data.ticket.approved_by", []any{"requester@example.com"}) }, engine.WouldReject, events.NotApproved},
		"the window is over": {nil,
			func(t *testing.T) []byte { return dry(t, "data.ticket.window.end", "2026-11-22T09:10:00Z") }, engine.WouldReject, events.WindowOver},
		"the window is not open": {nil,
			func(t *testing.T) []byte { return dry(t, "data.ticket.window.start", "2026-11-22T10:00:00Z") }, engine.WouldWait, events.NotYet},
		"the instance is held": {
			func(t *testing.T, s *stage) {
				require.NoError(t, s.Cloud.Inject(cloudsim.Fault{Operation: multitenant.Flip, Kind: cloudsim.CutBefore}))
				require.Equal(t, 503, s.Post(t, "multitenant", ticket(t, "multi-tenancy", "id", "other")).Status)
			},
			func(t *testing.T) []byte { return dry(t) }, engine.WouldWait, events.Held},
		"it is in doubt, and at rest": {doubt,
			func(t *testing.T) []byte { return dry(t) }, engine.WouldWait, events.Held},
		"it is in doubt": {
			func(t *testing.T, s *stage) { doubt(t, s); s.Advance(2 * time.Minute) },
			func(t *testing.T) []byte { return dry(t) }, engine.WouldLookUp, ""},
		"its ticket is spent": {
			func(t *testing.T, s *stage) { s.Post(t, "proxyssl", ticket(t, ssl, "id", "other")) },
			func(t *testing.T) []byte { return dry(t) }, engine.WouldReject, events.TicketSpent},
		"its ticket is in use": {
			func(t *testing.T, s *stage) {
				require.NoError(t, s.Cloud.Inject(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.Busy, Times: 1}))
				require.Equal(t, 503, s.Post(t, "proxyssl", ticket(t, ssl, "id", "other")).Status)
			},
			func(t *testing.T) []byte { return dry(t) }, engine.WouldWait, events.Held},
		"a tag asks for what is": {
			func(t *testing.T, s *stage) {
				s.Post(t, "proxyssl", ticket(t, ssl, "data.enabled", true))
				s.Advance(2 * time.Minute)
			},
			func(t *testing.T) []byte {
				return localtest.Edit(t, localtest.Sample(t, "tag.changed", ssl), "data.changes.1.new", "on", "time", "2026-11-22T09:25:00Z", "dryrun", true)
			}, engine.WouldNotChange, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := onStage(t)
			if c.before != nil {
				c.before(t, s)
			}
			r := found(t, s.rehearse(t, "proxyssl", c.event(t)))
			require.Equal(t, c.would, r.Would)
			require.Nil(t, r.Request)
			if c.code == "" {
				require.Nil(t, r.Error)
			} else {
				require.Equal(t, c.code, r.Error.Code)
				require.NotEmpty(t, r.Error.Title)
				require.NotEmpty(t, r.Error.Detail)
			}
			if c.would == engine.WouldRepeat {
				require.Equal(t, "accepted", r.Outcome)
			}
		})
	}
}

// A dry run asks the policy, too, and says which of its rules said no.
func TestRehearsePolicy(t *testing.T) {
	s := onStage(t, `INTERLOCK_POLICY=@id("nobody") @reason("not today") forbid (principal, action == Action::"proxy-ssl:on", resource); @id("all") permit (principal, action, resource);`)
	r := found(t, s.rehearse(t, "proxyssl", ticket(t, "proxy-ssl", "data.enabled", true, "dryrun", true)))
	require.Equal(t, engine.WouldReject, r.Would)
	require.Equal(t, events.Denied, r.Error.Code)
	require.Equal(t, []string{"nobody"}, r.Error.Policy)
	require.Contains(t, r.Error.Detail, "not today")
	r = found(t, s.rehearse(t, "proxyssl", ticket(t, "proxy-ssl", "data.enabled", false, "dryrun", true)))
	require.Equal(t, engine.WouldCall, r.Would)
}

// With reusable tickets nothing is spent.
func TestRehearseReusable(t *testing.T) {
	s := onStage(t, "INTERLOCK_TICKETS=reusable")
	require.Equal(t, 202, s.Post(t, "proxyssl", ticket(t, "proxy-ssl", "id", "other")).Status)
	r := found(t, s.rehearse(t, "proxyssl", ticket(t, "proxy-ssl", "dryrun", true)))
	require.Equal(t, engine.WouldCall, r.Would)
}

// doubt leaves proxy-ssl's ticket in doubt.
func doubt(t *testing.T, s *stage) {
	t.Helper()
	require.NoError(t, s.Cloud.Inject(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.CutBefore, Times: 1}))
	a := s.Post(t, "proxyssl", ticket(t, "proxy-ssl"))
	require.Equal(t, events.Doubt, a.Problem(t).Code)
}

// A wrong event is answered as any other, but nobody else is told.
func TestRehearseInvalid(t *testing.T) {
	s := onStage(t)
	a := s.rehearse(t, "proxyssl", ticket(t, "proxy-ssl", "data.enabled", "on", "dryrun", true))
	require.Equal(t, http.StatusUnprocessableEntity, a.Status)
	require.Equal(t, "data.enabled", a.Problem(t).Fields[0].Path)

	// That it should be a dry run has to be plain.
	a = s.Post(t, "proxyssl", ticket(t, "proxy-ssl", "dryrun", "yes"))
	require.Equal(t, []events.Field{{Path: "dryrun", Found: `"yes"`, Expected: "true or false"}}, a.Problem(t).Fields)
	require.Len(t, s.Bus.Take(), 1)
}

// A deployment that only rehearses makes a dry run of everything, and leaves
// alone what an earlier one began.
func TestRehearsingDeployment(t *testing.T) {
	s := onStage(t, "INTERLOCK_DRYRUN=true")
	event := ticket(t, "proxy-ssl")
	r := found(t, s.rehearse(t, "proxyssl", event))
	require.Equal(t, engine.WouldCall, r.Would)
	a := s.rehearse(t, "proxyssl", localtest.Edit(t, event, "data.enabled", "on"))
	require.Equal(t, http.StatusUnprocessableEntity, a.Status)

	s = onStage(t)
	s.Post(t, "multitenant", ticket(t, "multi-tenancy"))
	s.Advance(2 * time.Minute)
	doubt(t, s)
	s.Advance(3 * time.Hour)
	due, err := s.Host.Ledger.Due(t.Context(), s.Now(), 10)
	require.NoError(t, err)
	require.Len(t, due, 2)
	s.Host.Engine.DryRun = true
	s.Sent()
	for _, d := range due {
		r := s.Host.Resume(t.Context(), d.Key)
		require.Equal(t, engine.Later, r.Kind, d.Key.Switch)
	}
	require.Empty(t, s.Sent())
}

// Nor does it look after the jobs that were followed before, or report them.
func TestRehearsingDeploymentFollows(t *testing.T) {
	s := onStage(t)
	s.Post(t, "proxyssl", ticket(t, "proxy-ssl"))
	s.Advance(3 * time.Hour)
	due, err := s.Host.Ledger.Due(t.Context(), s.Now(), 10)
	require.NoError(t, err)
	require.Len(t, due, 1)
	f := &engine.Follower{Engine: s.Host.Engine}
	s.Bus.SetAway(true)
	require.Equal(t, engine.Later, f.Resume(t.Context(), due[0].Key).Kind)
	s.Bus.SetAway(false)
	s.Bus.Take()
	s.Sent()

	// It has ended, and that is not published yet.
	s.Host.Engine.DryRun = true
	require.Equal(t, engine.Later, f.Resume(t.Context(), due[0].Key).Kind)
	rec, err := s.Host.Ledger.Get(t.Context(), due[0].Key)
	require.NoError(t, err)
	require.NotNil(t, rec.Outcome)
	require.True(t, rec.Emitted.IsZero())
	var job engine.Followed
	require.NoError(t, json.Unmarshal(rec.Stored, &job))
	require.Equal(t, engine.Later, f.Look(t.Context(), &job).Kind)
	require.Empty(t, s.Sent())
	require.Empty(t, s.Bus.Take())
}

// A job is looked at, and neither written down nor reported.
func TestRehearseFollow(t *testing.T) {
	s := onStage(t)
	completed := localtest.Edit(t, s.Post(t, "proxyssl", ticket(t, "proxy-ssl")).Body, "dryrun", true)
	s.Advance(3 * time.Second)
	r := found(t, s.rehearse(t, "jobfollow", completed))
	require.Equal(t, engine.WouldFollow, r.Would)
	require.NotEmpty(t, r.JobID)
	s.Advance(time.Minute)
	r = found(t, s.rehearse(t, "jobfollow", completed))
	require.Equal(t, engine.WouldReport, r.Would)
	require.Equal(t, "Completed", r.Job.Status)
	s.Advance(40 * 24 * time.Hour)
	r = found(t, s.rehearse(t, "jobfollow", completed))
	require.Equal(t, engine.WouldReject, r.Would)
	require.Equal(t, events.Expired, r.Error.Code)
	a := s.rehearse(t, "jobfollow", localtest.Edit(t, completed, "data.job_id", "../x"))
	require.Equal(t, http.StatusUnprocessableEntity, a.Status)
}

// Of a chain the whole is told: each call, and what to know of each before it is
// approved. What is told is what is called.
func TestRehearseChain(t *testing.T) {
	const end = "2026-11-22T10:00:00Z"
	s := onStage(t, "INTERLOCK_POLICY=permit (principal, action, resource);")
	ssl := map[string]any{"switch": "proxy-ssl", "enabled": true}
	event := ticket(t, "proxy-alt", "data.enabled", true, "data.options", map[string]any{"alt_for_readonly": true},
		"data.ticket.window", map[string]any{"end": end},
		"data.on_failure", "undo", "data.then", []any{ssl, map[string]any{"switch": "access-control", "enabled": true}, ssl})
	r := found(t, s.rehearse(t, "proxyalt", localtest.Edit(t, event, "dryrun", true)))
	const restarts = "every flip restarts the proxy, and the first enabling reboots the instance"
	require.Equal(t, engine.WouldCall, r.Would)
	require.Equal(t, []string{restarts, "it is not flipped back should a later step fail: nothing tells its position, so that it cannot be told whether it was changed"}, r.Warnings)
	require.Len(t, r.Then, 3)
	require.Empty(t, r.Then[0].Warnings)
	require.Empty(t, r.Then[1].Warnings)
	require.Equal(t, []string{
		"step 2 flips the same switch on the same target",
		"the window may be over before this last step is due: it ends at " + end + ", and the jobs of steps before have to end first: 2",
	}, r.Then[2].Warnings)

	require.Equal(t, http.StatusAccepted, s.Post(t, "proxyalt", event).Status)
	for range 60 {
		s.Advance(10 * time.Second)
		due, err := s.Host.Ledger.Due(t.Context(), s.Now().Add(3*time.Hour), 10)
		require.NoError(t, err)
		for _, d := range due {
			s.Host.Resume(t.Context(), d.Key)
		}
	}
	flips := s.Flips()
	require.Len(t, flips, 3, "the last is as wanted already")
	for i, would := range []*engine.Request{r.Request, r.Then[0].Request, r.Then[1].Request} {
		require.Equal(t, flips[i].Method, would.Method)
		require.True(t, strings.HasSuffix(would.URL, flips[i].Path), would.URL)
		require.JSONEq(t, flips[i].Body, would.Body)
	}
}

// What will not be done is not told, and one switch alone has no chain to warn
// of.
func TestRehearseChainOtherwise(t *testing.T) {
	s := onStage(t)
	then := []any{map[string]any{"switch": "proxy-ssl", "enabled": true}}
	r := found(t, s.rehearse(t, "proxyalt", ticket(t, "proxy-alt", "data.then", then, "data.ticket.approved_by", []any{}, "dryrun", true)))
	require.Equal(t, engine.WouldReject, r.Would)
	require.Empty(t, r.Then)
	require.Empty(t, r.Warnings)
	r = found(t, s.rehearse(t, "proxyssl", ticket(t, "proxy-ssl", "dryrun", true)))
	require.Empty(t, r.Warnings)
	r = found(t, s.rehearse(t, "proxyalt", ticket(t, "proxy-alt", "dryrun", true)))
	require.Len(t, r.Warnings, 1)

	// The policy is asked for every step.
	s = onStage(t, "INTERLOCK_POLICY="+`permit (principal, action, resource); @id("no-ssl") forbid (principal, action == Action::"proxy-ssl:on", resource);`)
	r = found(t, s.rehearse(t, "proxyalt", ticket(t, "proxy-alt", "data.then", then, "dryrun", true)))
	require.Len(t, r.Then, 1)
	require.Contains(t, strings.Join(r.Then[0].Warnings, ""), "now, it would not be let: denied: ")
}

// Where no ledger knows what is due, nothing but rehearsals comes of anything: of
// a step too, whoever says so.
func TestRehearseOffline(t *testing.T) {
	s := onStage(t)
	s.Post(t, "proxyssl", ticket(t, "proxy-ssl", "data.then", []any{map[string]any{"switch": "access-control", "enabled": true}}))
	s.run(t, 130)
	var step event.Event
	for _, ev := range s.Bus.Take() {
		if ev.Type() == events.TypeSwitchRequested {
			step = ev
		}
	}
	s = onStage(t)
	require.Equal(t, engine.Rejected, s.Host.Handle(t.Context(), "accesscontrol", step).Kind)
	s.Host.Engine.Offline = true
	r := found(t, s.rehearse(t, "proxyssl", ticket(t, "proxy-ssl")))
	require.Equal(t, engine.WouldCall, r.Would)
	got := s.Host.Handle(t.Context(), "accesscontrol", step)
	require.Equal(t, engine.Rehearsed, got.Kind)
	require.Equal(t, engine.WouldCall, got.Rehearsal.Would)
	require.Equal(t, http.StatusUnprocessableEntity, s.rehearse(t, "proxyssl", ticket(t, "proxy-ssl", "data.enabled", "on")).Status)
}
