// Package page shows people what is going on: what waits and why, what is in
// doubt, what failed, each decision's story, and chains. It reads, and changes
// nothing but by the buttons that it is given, see [Act], and for who shows the
// token of the operator's desk, see [Desk].
//
// The first screen is kept up to date by server-sent events. Their ids are
// positions in what this process has seen change, so that a browser that comes
// back with Last-Event-ID is told all that it has missed; a position of another
// process is answered with the whole list.
//
// The page needs no script to be read, asks no other host for anything, and
// says so in its content security policy.
package page

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"iter"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/interlock-functions/interlock/internal/account"
	"github.com/interlock-functions/interlock/internal/position"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

//go:embed assets
var assets embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"utc":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" },
	"iso":  account.Stamp,
	"link": link, "halting": halting,
	"join": func(base, name, value string) string { return base + "?" + url.Values{name: {value}}.Encode() },
}).ParseFS(assets, "assets/*.html"))

// policy lets a page do what it needs and nothing else: its own style sheet,
// script, picture and events.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// mostStreams is how many browsers are kept up to date at once.
const mostStreams = 64

// mostPatience is how long the first screen waits for the ledger to be read; then
// it comes with what there is, and the rest follows.
const mostPatience = 500 * time.Millisecond

// Page is the handler of everything at / and below /page/.
type Page struct {
	ledger  *View
	acts    []Act
	mux     *http.ServeMux
	streams atomic.Int64
	closed  chan struct{}
	desk    atomic.Pointer[attended]
	// cloud is what positions are compared with; nil: they are not.
	cloud    *position.Cloud
	compared compared
	close    sync.Once
	// beat is how often a stream with nothing to tell says that it is alive.
	beat time.Duration
}

// New is the page on what is remembered of a ledger, with buttons for the acts.
func New(v *View, acts ...Act) *Page {
	p := &Page{ledger: v, acts: acts, mux: http.NewServeMux(), closed: make(chan struct{}), beat: 15 * time.Second}
	if v.every > 0 {
		p.beat = v.every // then it is read again
	}
	p.mux.HandleFunc("GET /{$}", p.first)
	p.mux.HandleFunc("GET /page/live", p.live)
	p.mux.HandleFunc("GET /page/decision", p.decision)
	p.mux.HandleFunc("GET /page/chain", p.chain)
	p.mux.HandleFunc("GET /page/targets", p.targets)
	p.mux.HandleFunc("POST /page/targets", p.compare)
	p.mux.HandleFunc("GET /page/desk", p.confirm)
	p.mux.HandleFunc("POST /page/desk", p.atDesk)
	if len(acts) > 0 {
		p.mux.HandleFunc("POST /page/act", p.act)
	}
	for name, kind := range map[string]string{"style.css": "text/css", "script.js": "text/javascript", "icon.svg": "image/svg+xml"} {
		p.mux.HandleFunc("GET /page/"+name, func(w http.ResponseWriter, _ *http.Request) {
			text, err := assets.ReadFile("assets/" + name)
			if err != nil {
				panic(err) // it is embedded
			}
			w.Header().Set("Content-Type", kind+"; charset=utf-8")
			_, _ = w.Write(text)
		})
	}
	return p
}

// Close ends the streams; what is asked for later gets no stream.
func (p *Page) Close() { p.close.Do(func() { close(p.closed) }) }

func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range map[string]string{
		"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", // with none, a form's Origin would be null
		"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Cache-Control": "no-store",
	} {
		w.Header().Set(name, value)
	}
	p.ledger.begin()
	p.mux.ServeHTTP(w, r)
}

// first is the first screen.
func (p *Page) first(w http.ResponseWriter, r *http.Request) {
	q := queryOf(r.URL.Query())
	select { // a ledger that is not large is read by then
	case <-p.ledger.read:
	case <-time.After(mostPatience):
	case <-r.Context().Done():
	}
	s, err := p.ledger.look(r.Context(), q)
	if err != nil {
		p.failed(w, http.StatusServiceUnavailable, err)
		return
	}
	p.complete(&s.Summary)
	p.render(w, http.StatusOK, "first.html", map[string]any{
		"Title": "Interlock", "Query": q, "Snapshot": s, "States": account.States, "Live": "/page/live?" + q.Encode(), "Most": mostListed,
		"Acts": p.acts,
	})
}

// complete adds to a summary what the ledger does not know.
func (p *Page) complete(s *summary) {
	s.Desk, s.Drift = p.desk.Load() != nil, p.drift()
}

// reader reads a decision's story: of a ledger of this process its own instance's
// audit trail is enough.
func (w *View) reader(e *account.Entry) account.Reader {
	if l, ok := w.source.(own); ok {
		return trail{l, e}
	}
	return w.source
}

type trail struct {
	own
	of *account.Entry
}

func (r trail) Audit(ctx context.Context, _ time.Time) iter.Seq2[ledger.AuditLine, error] {
	return func(yield func(ledger.AuditLine, error) bool) {
		for a, err := range r.Trail(ctx, r.of.Project, r.of.Instance, 1) {
			if !yield(ledger.AuditLine{Record: &a}, err) || err != nil {
				return
			}
		}
	}
}

// decision is one decision's story.
func (p *Page) decision(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	key := ledger.Key{Switch: v.Get("switch"), Source: v.Get("source"), ID: v.Get("id")}
	rec, err := p.ledger.source.Decision(r.Context(), key)
	if errors.Is(err, ledger.ErrNotFound) {
		p.failed(w, http.StatusNotFound, fmt.Errorf("no decision of %.128q on the event %.128q of %.128q is on record; it may have been forgotten since", key.Switch, key.ID, key.Source))
		return
	}
	if err != nil {
		p.failed(w, http.StatusServiceUnavailable, err)
		return
	}
	e, err := account.Of(rec)
	if err != nil {
		p.failed(w, http.StatusInternalServerError, err)
		return
	}
	facts, err := e.Story(r.Context(), p.ledger.reader(&e))
	var wrong string
	if err != nil {
		wrong = err.Error()
	}
	chain := ""
	if id := e.ChainID(); id != "" {
		chain = "/page/chain?" + url.Values{"id": {id}}.Encode()
	}
	p.render(w, http.StatusOK, "decision.html", map[string]any{
		"Title": e.Key.Switch + " " + e.Position() + ": " + e.Words(), "Entry": &e, "Facts": facts, "Wrong": wrong, "Chain": chain,
		"Live": "/page/live?" + query{Filter: account.Filter{Switch: e.Key.Switch, Target: e.Asks.Place.Subject}}.Encode(), "Watch": "d" + e.Key.Digest(),
		"Position": p.ledger.now(), "Desk": p.desk.Load() != nil, "Deeds": deeds(&e),
	})
}

// chain is a chain's story.
func (p *Page) chain(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("id")
	c, err := p.ledger.chain(r.Context(), id)
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		p.failed(w, http.StatusNotFound, fmt.Errorf("no step of the chain %.128q is among the decisions that the page remembers; interlock decisions show may know more", id))
		return
	case err != nil:
		p.failed(w, http.StatusServiceUnavailable, err)
		return
	}
	where, facts, err := c.Story()
	if err != nil {
		p.failed(w, http.StatusInternalServerError, err)
		return
	}
	steps := map[string]string{}
	for _, m := range c.Members {
		steps[fmt.Sprintf("step %d", m.Asks.Chain.At+1)] = link(m.Key)
	}
	p.render(w, http.StatusOK, "chain.html", map[string]any{
		"Title": "Chain of " + c.Root().ID + ": " + where, "Facts": facts, "Steps": steps,
		"Live": "/page/live?" + query{Filter: account.Filter{Chain: id}}.Encode(), "Watch": "any", "Position": p.ledger.now(),
	})
}

// change is what a stream sends: rows as they are to stand in the document.
type change struct {
	All     bool       `json:"all,omitempty"`
	Rows    []fragment `json:"rows,omitempty"`
	Gone    []string   `json:"gone,omitempty"`
	Summary string     `json:"summary"`
}

type fragment struct {
	ID   string `json:"id"`
	HTML string `json:"html"`
}

// live tells a browser what changes, from the position on that it names.
func (p *Page) live(w http.ResponseWriter, r *http.Request) {
	if p.streams.Add(1) > mostStreams {
		p.streams.Add(-1)
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many browsers are kept up to date", http.StatusServiceUnavailable)
		return
	}
	defer p.streams.Add(-1)
	v := r.URL.Query()
	q, at := queryOf(v), r.Header.Get("Last-Event-ID")
	if at == "" { // the browser has not been told anything by a stream yet
		at = v.Get("from")
	}
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	out := http.NewResponseController(w)
	beat := time.NewTicker(p.beat)
	defer beat.Stop()
	_, _ = fmt.Fprint(w, "retry: 1000\n\n")
	for {
		d, more, err := p.ledger.since(r.Context(), q, at)
		if err == nil && d.Position != at {
			err = p.send(w, d)
			at = d.Position
		}
		if err == nil {
			err = out.Flush()
		}
		if err != nil {
			return // the browser comes again, with its position
		}
		select {
		case <-more:
		case <-beat.C:
			_, _ = fmt.Fprint(w, ": here\n\n")
		case <-r.Context().Done():
			return
		case <-p.closed:
			return
		}
	}
}

func (p *Page) send(w http.ResponseWriter, d delta) error {
	c := change{All: d.All, Gone: d.Gone}
	for _, row := range d.Rows {
		html, err := fill("row", row)
		if err != nil {
			return err
		}
		c.Rows = append(c.Rows, fragment{row.Dom, html})
	}
	p.complete(&d.Summary)
	var err error
	if c.Summary, err = fill("summary", d.Summary); err != nil {
		return err
	}
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "id: %s\nevent: change\ndata: %s\n\n", d.Position, data)
	return err
}

func fill(name string, data any) (string, error) {
	var b bytes.Buffer
	err := templates.ExecuteTemplate(&b, name, data)
	return b.String(), err
}

// render writes a page whole, or not at all.
func (p *Page) render(w http.ResponseWriter, status int, name string, data any) {
	html, err := fill(name, data)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprint(w, html)
}

func (p *Page) failed(w http.ResponseWriter, status int, err error) {
	p.render(w, status, "wrong.html", map[string]any{"Title": http.StatusText(status), "Wrong": err.Error()})
}
