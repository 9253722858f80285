package local

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// halted asks the ledger for the operator's word. What cannot be read is taken
// for a halt: nothing is called then, and nothing lost.
func halted(ctx context.Context, l ledger.Ledger) bool {
	h, ok := l.(ledger.Halter)
	if !ok {
		return false
	}
	on, err := h.Halted(ctx)
	return on || err != nil
}

// deskFile is the file next to a ledger's in which the process that has the
// ledger says where it can be asked, readable for its own user only.
func deskFile(ledger string) string { return ledger + ".serve" }

// address is the content of a desk file.
type address struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// attend lets other processes work at the desk while this one has the ledger's
// file: at an address of its own, of this machine only, for those who can read
// the file that says where. The returned function ends it.
func (h *Host) attend() (leave func() error, err error) {
	if h.file == "" {
		return func() error { return nil }, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("operator's desk: %w", err)
	}
	a := address{URL: "http://" + l.Addr().String(), Token: rand.Text()}
	if err := a.write(deskFile(h.file)); err != nil {
		return nil, errors.Join(fmt.Errorf("operator's desk: %w", err), l.Close())
	}
	if h.page != nil {
		h.page.Attend(&desk{h}, a.Token, deskFile(h.file)+", which its user alone can read")
	}
	stopping, stop := context.WithCancel(context.Background())
	server := &http.Server{Handler: impatient(stopping, &admin{token: a.Token, desk: &desk{h}}), ReadTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	return func() error {
		stop()
		err := errors.Join(os.Remove(deskFile(h.file)), end(server, 5*time.Second))
		<-served
		return err
	}, nil
}

// write puts the file in its place whole, over one that a killed process left.
func (a address) write(path string) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// admin answers other processes' work at the desk.
type admin struct {
	token string
	desk  Desk
}

// Requests and answers, beside those of the ledger and the engine.
type (
	resolveRequest struct {
		Key        ledger.Key        `json:"key"`
		Resolution engine.Resolution `json:"resolution"`
	}
	haltRequest struct {
		Halted bool `json:"halted"`
	}
	// listed is one line of the list of decisions.
	listed struct {
		Decision *ledger.Record `json:"decision,omitempty"`
		Error    string         `json:"error,omitempty"`
	}
	// arrived is one line of the list of arrivals.
	arrived struct {
		ledger.Arrival
		Error string `json:"error,omitempty"`
	}
	// exported is one line of the audit trails.
	exported struct {
		ledger.AuditLine
		Wrong *ledger.AuditError `json:"wrong,omitempty"`
		Error string             `json:"error,omitempty"`
	}
	failure struct {
		Error    string            `json:"error"`
		NotFound bool              `json:"not_found,omitempty"`
		Held     *engine.HeldError `json:"held,omitempty"`
	}
)

func (a *admin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+a.token)) != 1 {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /decisions", a.decisions)
	mux.HandleFunc("GET /decision", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		d, err := a.desk.Decision(r.Context(), ledger.Key{Switch: q.Get("switch"), Source: q.Get("source"), ID: q.Get("id")})
		answer(w, d, err)
	})
	mux.HandleFunc("GET /arrivals", a.arrivals)
	mux.HandleFunc("GET /audit", a.audit)
	mux.HandleFunc("POST /resolve", func(w http.ResponseWriter, r *http.Request) {
		var in resolveRequest
		if read(w, r, &in) {
			// A resolution that was begun comes to its end.
			out, err := a.desk.Resolve(context.WithoutCancel(r.Context()), in.Key, in.Resolution)
			answer(w, out, err)
		}
	})
	mux.HandleFunc("GET /halt", func(w http.ResponseWriter, r *http.Request) {
		on, err := a.desk.Halted(r.Context())
		answer(w, on, err)
	})
	mux.HandleFunc("PUT /halt", func(w http.ResponseWriter, r *http.Request) {
		var in haltRequest
		if read(w, r, &in) {
			answer(w, in, a.desk.SetHalt(r.Context(), in.Halted))
		}
	})
	mux.ServeHTTP(w, r)
}

// decisions lists them as lines of JSON.
func (a *admin) decisions(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	wanted := a.desk.Decisions(r.Context(), q["text"]...)
	if q.Has("instance") {
		wanted = a.desk.About(r.Context(), q.Get("project"), q.Get("instance"))
	}
	lines := json.NewEncoder(w)
	for d, err := range wanted {
		line := listed{Decision: &d}
		if err != nil {
			line = listed{Error: err.Error()}
		}
		if lines.Encode(line) != nil {
			return // whoever asked has gone
		}
	}
}

// arrivals lists them, likewise.
func (a *admin) arrivals(w http.ResponseWriter, r *http.Request) {
	lines := json.NewEncoder(w)
	for l, err := range a.desk.Arrivals(r.Context()) {
		line := arrived{Arrival: l}
		if err != nil {
			line.Error = err.Error()
		}
		if lines.Encode(line) != nil {
			return // whoever asked has gone
		}
	}
}

// audit lists the audit trails, likewise.
func (a *admin) audit(w http.ResponseWriter, r *http.Request) {
	since, err := ledger.ParseStamp(r.URL.Query().Get("since"))
	if err != nil {
		answer(w, nil, fmt.Errorf("since: %w", err))
		return
	}
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	for l, err := range a.desk.Audit(r.Context(), since) {
		line := exported{AuditLine: l}
		if err != nil && !errors.As(err, &line.Wrong) {
			line.Error = err.Error()
		}
		if lines.Encode(line) != nil {
			return // whoever asked has gone
		}
	}
}

func read(w http.ResponseWriter, r *http.Request, into any) bool {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(into)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(failure{Error: err.Error()})
	}
	return err == nil
}

func answer(w http.ResponseWriter, v any, err error) {
	if err != nil {
		f := failure{Error: err.Error(), NotFound: errors.Is(err, ledger.ErrNotFound)}
		errors.As(err, &f.Held)
		w.WriteHeader(http.StatusConflict)
		v = f
	}
	// A caller that has gone asks again.
	_ = json.NewEncoder(w).Encode(v)
}
