package proof

import (
	"context"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

const (
	rehearsal  = "rehearsal of "
	resolution = "resolution of "
)

// actRehearse delivers an event as a dry run, which writes, calls and says nothing.
func (s *schedule) actRehearse(rt *rapid.T) {
	ev := s.events[rapid.IntRange(0, 3).Draw(rt, "event")%len(s.events)].Clone()
	worker := rapid.IntRange(0, 2).Draw(rt, "worker")
	if len(s.alive) == mostAlive {
		return
	}
	ev.SetExtension("dryrun", true)
	s.alive = append(s.alive, s.start(worker, rehearsal+ev.ID(), func(ctx context.Context, e *engine.Engine) engine.Result {
		return e.Handle(ctx, switchOf(ev), ev)
	}))
	s.look()
}

func (inv *invocation) rehearses() bool { return strings.HasPrefix(inv.name, rehearsal) }

// changes is told of whatever is written, called or said.
func (inv *invocation) changes(what string) {
	if inv.rehearses() {
		inv.world.wrong("%s comes to %s", inv.name, what)
	}
}

// actResolve has an operator, who has looked long enough after the last call, say
// what became of a decision in doubt. It is done at once: of what happens
// meanwhile he would know nothing.
func (s *schedule) actResolve(rt *rapid.T) {
	worker, nth := rapid.IntRange(0, 2).Draw(rt, "worker"), rapid.IntRange(0, 3).Draw(rt, "decision")
	var doubted []ledger.Record
	for _, rec := range s.records() {
		if rec.Key.Switch != engine.JobFollow && (rec.Doubt || rec.Outcome != nil && rec.Outcome.Failed && rec.Outcome.Doubt) && s.certain(rec.Key) {
			doubted = append(doubted, rec)
		}
	}
	if len(doubted) == 0 {
		return
	}
	rec := doubted[nth%len(doubted)]
	r := engine.Resolution{As: engine.WasAbsent, By: "an operator"}
	if effects := since(rec, s.effectsOf()[rec.Key]); len(effects) > 0 {
		if r.As = engine.WasApplied; switchNamed(rec.Key.Switch).Creates {
			r.As, r.JobID = engine.WasAccepted, effects[0].JobID
		}
	}
	s.start(worker, resolution+rec.Key.ID, func(ctx context.Context, e *engine.Engine) engine.Result {
		_, err := e.Resolve(ctx, rec.Key, r)
		s.mu.Lock()
		defer s.mu.Unlock()
		if err == nil {
			s.seen["resolve "+string(r.As)]++
		} else {
			s.seen["resolve refused"]++
		}
		return engine.Result{Kind: engine.Ignored}
	})
	synctest.Wait()
}

// certain tells whether no call of a decision can take effect any more.
func (s *schedule) certain(key ledger.Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !slices.ContainsFunc(s.sends, func(x *send) bool { return x.key == key && time.Since(x.began) < 2*quiet })
}

// actFollow has a worker look after a job that was announced.
func (s *schedule) actFollow(rt *rapid.T) {
	nth, worker := rapid.IntRange(0, 3).Draw(rt, "job"), rapid.IntRange(0, 2).Draw(rt, "worker")
	if jobs := s.mail(); len(jobs) > 0 && len(s.alive) < mostAlive {
		s.alive = append(s.alive, s.deliver(worker, jobs[nth%len(jobs)]))
		s.look()
	}
}
