package proof

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// observer reads the cloud without anybody's noticing.
func (w *world) observer() *cloudapi.Client {
	return &cloudapi.Client{
		GaussDB: "http://cloud", DBSS: "http://cloud", Auth: cloudapi.Token(cloudsim.DefaultToken),
		HTTP: &http.Client{Transport: w.way},
	}
}

// calm ends all faults and halts, and lets whatever is held up go on.
func (w *world) calm() {
	w.cloud.ClearFaults()
	w.watch()
	w.halted.Store(false)
	w.gate = func(context.Context, *invocation, string) fate {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.steps++
		return succeeds
	}
}

// settle drives a calm world until everything has come to its end: by
// delivering again each event that was not acknowledged, or, with none, by the
// sweep alone. It reports what does not.
func (w *world) settle(unacknowledged []event.Event) {
	for round := 0; ; round++ {
		worker := round % len(w.workers)
		if len(unacknowledged) == 0 {
			for _, resume := range w.due(worker) {
				<-resume().done
			}
		}
		unacknowledged = slices.DeleteFunc(slices.Clone(unacknowledged), func(ev event.Event) bool {
			inv := w.deliver(worker, ev)
			<-inv.done
			return !inv.died && inv.result.Kind != engine.Later
		})
		switch {
		case len(unacknowledged) == 0 && w.atRest():
			w.rest(quiet) // what is still to take effect, and jobs, come to their end
			return
		case round == 500:
			w.wrong("it does not come to an end: %s", w.unsettled())
			return
		case round < 30:
			w.rest(11 * time.Second)
		default:
			w.rest(5 * time.Minute)
		}
	}
}

func (w *world) atRest() bool {
	for _, rec := range w.records() {
		if rec.State != ledger.Settled || rec.Emitted.IsZero() {
			return false
		}
	}
	return true
}

func (w *world) unsettled() string {
	var b strings.Builder
	for _, rec := range w.records() {
		if rec.State != ledger.Settled || rec.Emitted.IsZero() {
			fmt.Fprintf(&b, "%s %s: %s, %+v; ", rec.Key.Switch, rec.Key.ID, rec.State, rec.Last)
		}
	}
	return b.String()
}

// finding is what was wrong in a world, "" if nothing.
func (w *world) finding() string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.wrongs) == 0 {
		return ""
	}
	return strings.Join(w.wrongs, "\n") + "\nThe story:\n" + strings.Join(w.story[max(0, len(w.story)-300):], "\n")
}
