package page

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/interlock-functions/interlock/internal/account"
	"github.com/interlock-functions/interlock/internal/position"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

const (
	// mostSwitches is how many switches on targets are shown and compared at once:
	// those that were decided on last.
	mostSwitches = 100
	// mostReads is how many decisions of each are read for it.
	mostReads = 8
	// comparing is how long the cloud may take for all of them, and atOnce how many
	// are asked for together: it counts requests.
	comparing = 20 * time.Second
	atOnce    = 4
)

// Compare gives the page the cloud, with which positions are compared where
// somebody asks for it.
func (p *Page) Compare(c *position.Cloud) { p.cloud = c }

// drift is what the last comparison has found.
type drift struct {
	At         time.Time
	Differ, Of int
}

// compared are the positions of the last comparison, by target and switch.
type compared struct {
	mu    sync.Mutex
	drift *drift
	by    map[[2]string]*position.Position
}

// last is a switch on a target as the page shows it.
type last struct {
	*position.Position
	// Link is that of the decision, and On words for the positions.
	Link, Was, Is string
	Look          string
}

// targets shows how the switches were decided, and how the cloud had them when that
// was last asked.
func (p *Page) targets(w http.ResponseWriter, r *http.Request) {
	all, more, err := p.ledger.positions(r.Context())
	if err != nil {
		p.failed(w, http.StatusServiceUnavailable, err)
		return
	}
	p.compared.mu.Lock()
	defer p.compared.mu.Unlock()
	rows := make([]last, len(all))
	for i, pos := range all {
		if c := p.compared.by[[2]string{pos.Target, pos.Switch}]; c != nil && c.At.Equal(pos.At) && reflect.DeepEqual(c.Cause, pos.Cause) {
			pos = c // nothing was decided since
		}
		rows[i] = shownAs(pos)
	}
	p.render(w, http.StatusOK, "targets.html", map[string]any{
		"Title": "Switches, as decided and as the cloud has them", "Rows": rows, "More": more, "Drift": p.compared.drift, "Compares": p.cloud != nil,
	})
}

func shownAs(pos *position.Position) last {
	l := last{Position: pos, Was: "–", Is: "–", Look: "wait"}
	if pos.Decided != nil {
		l.Was = account.OnOff(*pos.Decided)
		l.Link = link(ledger.Key{Switch: pos.Switch, Source: pos.Cause.Source, ID: pos.Cause.ID})
	}
	if pos.Now != nil {
		l.Is = account.OnOff(*pos.Now)
	}
	switch {
	case pos.Verdict.Differs():
		l.Look = "bad"
	case pos.Verdict == position.AsDecided:
		l.Look = "done"
	}
	return l
}

// compare asks the cloud for each, and then shows them. It changes nothing, and
// costs requests: another site's page cannot ask for it.
func (p *Page) compare(w http.ResponseWriter, r *http.Request) {
	if err := http.NewCrossOriginProtection().Check(r); err != nil || p.cloud == nil {
		p.failed(w, http.StatusForbidden, errors.Join(err, errors.New("the cloud is not asked from here")))
		return
	}
	all, _, err := p.ledger.positions(r.Context())
	if err != nil {
		p.failed(w, http.StatusServiceUnavailable, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), comparing)
	defer cancel()
	var asked sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for _, pos := range all {
		places <- struct{}{}
		asked.Go(func() {
			pos.Read(ctx, p.cloud)
			<-places
		})
	}
	asked.Wait()
	found, by := drift{At: time.Now()}, map[[2]string]*position.Position{}
	for _, pos := range all {
		by[[2]string{pos.Target, pos.Switch}] = pos
		if pos.Now != nil && pos.Decided != nil {
			found.Of++
		}
		if pos.Verdict.Differs() {
			found.Differ++
		}
	}
	p.compared.mu.Lock()
	p.compared.drift, p.compared.by = &found, by
	p.compared.mu.Unlock()
	http.Redirect(w, r, "/page/targets", http.StatusSeeOther)
}

// drift is what the last comparison has found; nil before one.
func (p *Page) drift() *drift {
	p.compared.mu.Lock()
	defer p.compared.mu.Unlock()
	return p.compared.drift
}

// positions are those of the switches that were decided on last, and how many there
// are beside among the decisions that are remembered.
func (w *View) positions(ctx context.Context) (all []*position.Position, more int, err error) {
	if err := w.refresh(ctx); err != nil {
		return nil, 0, err
	}
	w.mu.Lock()
	keys := map[string][]ledger.Key{} // of the decisions, by target and switch
	for _, r := range slices.Backward(w.order) {
		if r.Asks.Place.Subject == "" {
			continue // left out of a record that was too large
		}
		slot := r.Asks.Place.Subject + " " + r.Key.Switch
		switch of, known := keys[slot]; {
		case !known && len(keys)-more == mostSwitches:
			keys[slot] = nil
			more++
		case known && of == nil: // counted as more
		case len(of) < mostReads:
			keys[slot] = append(of, r.Key)
		}
	}
	w.mu.Unlock()
	var found []account.Entry
	for _, key := range slices.Concat(slices.Collect(maps.Values(keys))...) {
		rec, err := w.source.Decision(ctx, key)
		if errors.Is(err, ledger.ErrNotFound) {
			continue
		}
		var e account.Entry
		if err == nil {
			e, err = account.Of(rec)
		}
		if err != nil {
			return nil, 0, err
		}
		found = append(found, e)
	}
	return position.Decided(found), more, nil
}
