package page

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/interlock-functions/interlock/internal/account"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Desk is what an operator does on the page. It is as at the desk of
// internal/local, which the commands use.
type Desk interface {
	SetHalt(ctx context.Context, halt bool) error
	Resolve(ctx context.Context, key ledger.Key, r engine.Resolution) (engine.Resolved, error)
	// Again goes on with a decision as a delivery of its event would.
	Again(ctx context.Context, key ledger.Key) engine.Result
}

// attended is a desk, the token that who works at it has to show, and where that
// stands.
type attended struct {
	Desk
	token, where string
}

// Attend lets those work at a desk who know its token; where says to people where
// that is to be read. Without it nothing can be asked for.
func (p *Page) Attend(d Desk, token, where string) { p.desk.Store(&attended{d, token, where}) }

// deed is something that is done at the desk.
type deed struct {
	// Name is in the address, Label on the button.
	Name, Label string
	// To is the decision that it is done to; nil for none.
	To *account.Entry
	// Says is what will happen.
	Says string
}

// link is the address at which it is asked for.
func (d deed) Link() string {
	v := url.Values{"do": {d.Name}}
	if d.To != nil {
		v.Set("switch", d.To.Key.Switch)
		v.Set("source", d.To.Key.Source)
		v.Set("id", d.To.Key.ID)
	}
	return "/page/desk?" + v.Encode()
}

// Resolves tells whether who does it says what became of a call.
func (d deed) Resolves() bool { return d.Name == "resolve" }

// halting is the deed that stops all calls, or lets them go on.
func halting(halted bool) deed {
	if halted {
		return deed{Name: "resume", Label: "Let calls go on", Says: "The halt is lifted. What waits is taken up within a minute, and calls are made again."}
	}
	return deed{Name: "halt", Label: "Halt all calls", Says: "From the next call on nothing is called any more, also after a restart, until the halt is lifted. " +
		"What comes is put off: nothing is lost, and nothing rejected for it. A call that was sent is not called back."}
}

// deeds are what can be done to a decision as it is.
func deeds(e *account.Entry) (all []deed) {
	if e.Followed() {
		return nil
	}
	again := deed{Name: "again", Label: "Deliver again", To: e}
	doubt := deed{Name: "resolve", Label: "Say what became of it", To: e, Says: "Your word is taken for what became of the call, and goes on record with your name. " +
		"Accepted or applied: the decision is settled so, and its completion published. Absent: it is tried again at once, by every rule, and the switch may be flipped."}
	switch o := e.Outcome; {
	case e.InState("doubt"):
		again.Says = "It is taken up as its event would be: what became of the call is looked up first, and nothing is sent again unless it is certain that it had no effect. Before its rest is over nothing happens."
		all = append(all, again, doubt)
	case o == nil && e.State == ledger.Waiting:
		again.Says = fmt.Sprintf("It is taken up now, and not at %s only. What it waits for (%s) is looked at again: if nothing is in the way any more, the switch is flipped.", account.Stamp(e.Due), e.Last.Code)
		all = append(all, again)
	case o == nil:
		again.Says = "Somebody is at work on it. Until his hold ends, at " + account.Stamp(e.Due) + " at the latest, nothing happens."
		all = append(all, again)
	case o.Failed && !o.Final:
		again.Says = "It failed for then, and is taken up anew: by every rule, and the switch may be flipped."
		all = append(all, again, doubt)
	case e.Emitted.IsZero():
		again.Says = "Its event, " + o.Result + ", is published. Nothing is called."
		all = append(all, again)
	default:
		again.Says = "It is answered with what it came to, " + o.Result + ". Nothing is called."
		all = append(all, again)
	}
	return all
}

// asked is the deed that a request asks for.
func (p *Page) asked(r *http.Request) (deed, error) {
	name := r.FormValue("do")
	if name == "halt" || name == "resume" {
		return halting(name == "resume"), nil
	}
	rec, err := p.ledger.source.Decision(r.Context(), ledger.Key{Switch: r.FormValue("switch"), Source: r.FormValue("source"), ID: r.FormValue("id")})
	if err != nil {
		return deed{}, err
	}
	e, err := account.Of(rec)
	if err != nil {
		return deed{}, err
	}
	for _, d := range deeds(&e) {
		if d.Name == name {
			return d, nil
		}
	}
	return deed{}, fmt.Errorf("found %.32q, expected what can be done to this decision as it is now: %s %s", name, e.Key.Switch, e.Words())
}

// confirm asks who wants it whether he does, and who he is.
func (p *Page) confirm(w http.ResponseWriter, r *http.Request) {
	d, err := p.asked(r)
	switch {
	case p.desk.Load() == nil:
		p.failed(w, http.StatusNotFound, errors.New("nobody attends the operator's desk here; the commands halt, resume and resolve may do it"))
	case errors.Is(err, ledger.ErrNotFound):
		p.failed(w, http.StatusNotFound, err)
	case err != nil:
		p.failed(w, http.StatusConflict, err)
	default:
		p.offer(w, http.StatusOK, d, "")
	}
}

func (p *Page) offer(w http.ResponseWriter, status int, d deed, wrong string) {
	p.render(w, status, "desk.html", map[string]any{
		"Title": d.Label, "Deed": d, "Wrong": wrong, "Where": p.desk.Load().where, "Fates": []engine.Fate{engine.WasAccepted, engine.WasApplied, engine.WasAbsent},
	})
}

// atDesk does what an operator has confirmed.
func (p *Page) atDesk(w http.ResponseWriter, r *http.Request) {
	desk := p.desk.Load()
	if err := http.NewCrossOriginProtection().Check(r); err != nil || desk == nil {
		p.failed(w, http.StatusForbidden, cmp.Or(err, errors.New("nobody attends the operator's desk here")))
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10) // ids may be long
	d, err := p.asked(r)
	switch {
	case err != nil:
		p.failed(w, http.StatusConflict, err)
		return
	case subtle.ConstantTimeCompare([]byte(r.PostFormValue("token")), []byte(desk.token)) != 1:
		p.offer(w, http.StatusForbidden, d, "That is not the desk's token; nothing was done.")
		return
	}
	// What was begun comes to its end, whether the browser waits or not.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), time.Minute)
	defer cancel()
	if err := desk.do(ctx, d, r); err != nil {
		p.offer(w, http.StatusConflict, d, err.Error())
		return
	}
	back := "/"
	if d.To != nil {
		back = link(d.To.Key)
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

func (a *attended) do(ctx context.Context, d deed, r *http.Request) error {
	switch d.Name {
	case "halt", "resume":
		return a.SetHalt(ctx, d.Name == "halt")
	case "resolve":
		_, err := a.Resolve(ctx, d.To.Key, engine.Resolution{As: engine.Fate(r.PostFormValue("as")), JobID: r.PostFormValue("job"), By: r.PostFormValue("by")})
		return err
	}
	if res := a.Again(ctx, d.To.Key); res.Kind == engine.Later && !res.Stored {
		return errors.New(res.Error.Detail)
	}
	return nil
}
