package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/bolt"
)

// Desk is what an operator does with the ledger.
type Desk interface {
	// Decisions lists every decision, and the jobs that are followed, in no
	// order, as [ledger.Ledger.All] does.
	Decisions(ctx context.Context, texts ...string) iter.Seq2[ledger.Record, error]
	// About lists those on an instance, as [ledger.About] does.
	About(ctx context.Context, project, instance string) iter.Seq2[ledger.Record, error]
	// Decision reads one, or fails with [ledger.ErrNotFound].
	Decision(ctx context.Context, key ledger.Key) (ledger.Record, error)
	// Arrivals lists what came and became no decision, as [ledger.Arrivals] does.
	Arrivals(ctx context.Context) iter.Seq2[ledger.Arrival, error]
	// Audit lists the audit trails, as [ledger.Export] does.
	Audit(ctx context.Context, since time.Time) iter.Seq2[ledger.AuditLine, error]
	// Resolve is as in [engine.Engine].
	Resolve(ctx context.Context, key ledger.Key, r engine.Resolution) (engine.Resolved, error)
	// Halted tells what stops all calls. SetHalt stops them, or lets them go on
	// as far as the ledger is concerned. They fail with [ErrNoHalt] on a
	// DynamoDB ledger.
	Halted(ctx context.Context) (Halt, error)
	SetHalt(ctx context.Context, halt bool) error
	Close() error
}

// Halt is what stops all calls. Either is enough.
type Halt struct {
	// Ledger: the operator has said so, and it is kept in the ledger.
	Ledger bool `json:"ledger"`
	// Variable: INTERLOCK_HALT is true for the process that has the ledger.
	Variable bool `json:"variable"`
}

// OpenDesk opens the ledger that a configuration names for an operator. Where
// another process has its file, that one is asked.
func OpenDesk(ctx context.Context, c config.Config, switches []huawei.Switch, o Options) (Desk, error) {
	if c.Ledger.Kind == "memory" {
		return nil, errors.New("INTERLOCK_LEDGER: a ledger in memory is its process's own; expected bolt:PATH, dynamodb:TABLE or postgres:URL")
	}
	if c.Ledger.Kind == "bolt" {
		if _, err := os.Stat(c.Ledger.Rest); errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("ledger file %s: there is none; name it with INTERLOCK_LEDGER=bolt:PATH", c.Ledger.Rest)
		}
		d, err := askedAt(ctx, c.Ledger.Rest)
		if untrusted := (*untrustedError)(nil); err == nil || errors.As(err, &untrusted) {
			return d, err
		}
	}
	h, err := Open(c, switches, o)
	if inUse := (*bolt.InUseError)(nil); errors.As(err, &inUse) {
		// It may just have begun; opening the file took a moment.
		if d, unanswered := askedAt(ctx, c.Ledger.Rest); unanswered == nil {
			return d, nil
		}
		return nil, fmt.Errorf("%w; it does not answer at the address in %s", err, deskFile(c.Ledger.Rest))
	}
	if err != nil {
		return nil, err
	}
	return &desk{h}, nil
}

// desk is a desk on a ledger that this process has.
type desk struct{ *Host }

func (d *desk) Decisions(ctx context.Context, texts ...string) iter.Seq2[ledger.Record, error] {
	return d.Ledger.All(ctx, texts...)
}

func (d *desk) About(ctx context.Context, project, instance string) iter.Seq2[ledger.Record, error] {
	return ledger.About(ctx, d.Ledger, project, instance)
}

func (d *desk) Decision(ctx context.Context, key ledger.Key) (ledger.Record, error) {
	return d.Ledger.Get(ctx, key)
}

func (d *desk) Arrivals(ctx context.Context) iter.Seq2[ledger.Arrival, error] {
	l, ok := d.Ledger.(ledger.Arrivals)
	if !ok {
		return func(func(ledger.Arrival, error) bool) {}
	}
	return l.Arrived(ctx, d.Engine.Now())
}

func (d *desk) Audit(ctx context.Context, since time.Time) iter.Seq2[ledger.AuditLine, error] {
	return ledger.Export(ctx, d.Ledger, since)
}

func (d *desk) Resolve(ctx context.Context, key ledger.Key, r engine.Resolution) (engine.Resolved, error) {
	return d.Engine.Resolve(ctx, key, r)
}

// Again is as in [page.Desk].
func (d *desk) Again(ctx context.Context, key ledger.Key) engine.Result {
	return d.Resume(ctx, key)
}

// ErrNoHalt says that a halt is not kept in this kind of ledger.
var ErrNoHalt = errors.New("what works on a DynamoDB ledger is halted by its own configuration: on AWS by the stack's parameter Halt " +
	"(make deploy DEPLOY='--parameter-overrides Halt=true'), a local program by INTERLOCK_HALT=true")

func (d *desk) Halted(ctx context.Context) (Halt, error) {
	h, ok := d.Ledger.(ledger.Halter)
	if !ok || !d.halts {
		return Halt{}, ErrNoHalt
	}
	on, err := h.Halted(ctx)
	return Halt{Ledger: on, Variable: d.halt}, err
}

func (d *desk) SetHalt(ctx context.Context, halt bool) error {
	h, ok := d.Ledger.(ledger.Halter)
	if !ok || !d.halts {
		return ErrNoHalt
	}
	return h.SetHalt(ctx, halt)
}

// remote is a desk at another process.
type remote struct{ address }

// askedAt is the desk of the process that has a ledger's file. A file that a
// killed process left names one that does not answer.
func askedAt(ctx context.Context, ledger string) (Desk, error) {
	text, err := ownFile(deskFile(ledger))
	if err != nil {
		return nil, err
	}
	d := new(remote)
	if err := json.Unmarshal(text, &d.address); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if _, err := d.Halted(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// untrustedError says that a desk file is not its reader's own.
type untrustedError struct{ path, found string }

func (e *untrustedError) Error() string {
	return fmt.Sprintf("%s: found %s, expected a file of this user's own that nobody else can write: whoever wrote it could say where the operator's word goes, and answer that it was done", e.path, e.found)
}

// Attended tells whether a process that has a ledger's file answers for it.
func Attended(ctx context.Context, ledger string) bool {
	_, err := askedAt(ctx, ledger)
	return err == nil
}

// ownFile reads a file that nobody but this user can have written.
func ownFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	owner, known := config.Owner(info)
	switch {
	case !info.Mode().IsRegular():
		return nil, &untrustedError{path, "no plain file"}
	case !known:
		return nil, &untrustedError{path, "one whose owner this system does not tell"}
	case owner != os.Geteuid():
		return nil, &untrustedError{path, fmt.Sprintf("one of the user %d", owner)}
	case info.Mode().Perm()&0o022 != 0:
		return nil, &untrustedError{path, "one of mode " + info.Mode().Perm().String()}
	}
	return io.ReadAll(io.LimitReader(f, 4<<10))
}

func (d *remote) Close() error { return nil }

func (d *remote) Decisions(ctx context.Context, texts ...string) iter.Seq2[ledger.Record, error] {
	return d.list(ctx, url.Values{"text": texts})
}

func (d *remote) About(ctx context.Context, project, instance string) iter.Seq2[ledger.Record, error] {
	return d.list(ctx, url.Values{"project": {project}, "instance": {instance}})
}

func (d *remote) list(ctx context.Context, which url.Values) iter.Seq2[ledger.Record, error] {
	return func(yield func(ledger.Record, error) bool) {
		res, err := d.send(ctx, http.MethodGet, "/decisions?"+which.Encode(), nil)
		if err != nil {
			yield(ledger.Record{}, err)
			return
		}
		defer res.Body.Close()
		for lines := json.NewDecoder(res.Body); ; {
			l := listed{Decision: new(ledger.Record)}
			err := lines.Decode(&l)
			if errors.Is(err, io.EOF) {
				return
			}
			if err == nil && l.Error != "" {
				err = errors.New(l.Error)
			}
			if !yield(*l.Decision, err) || err != nil && l.Error == "" {
				return
			}
		}
	}
}

func (d *remote) Arrivals(ctx context.Context) iter.Seq2[ledger.Arrival, error] {
	return func(yield func(ledger.Arrival, error) bool) {
		res, err := d.send(ctx, http.MethodGet, "/arrivals", nil)
		if err != nil {
			yield(ledger.Arrival{}, err)
			return
		}
		defer res.Body.Close()
		for lines := json.NewDecoder(res.Body); ; {
			var l arrived
			err := lines.Decode(&l)
			if errors.Is(err, io.EOF) {
				return
			}
			if err == nil && l.Error != "" {
				err = errors.New(l.Error)
			}
			if !yield(l.Arrival, err) || err != nil && l.Error == "" {
				return
			}
		}
	}
}

func (d *remote) Decision(ctx context.Context, key ledger.Key) (rec ledger.Record, err error) {
	q := url.Values{"switch": {key.Switch}, "source": {key.Source}, "id": {key.ID}}
	return rec, d.ask(ctx, http.MethodGet, "/decision?"+q.Encode(), nil, &rec)
}

func (d *remote) Audit(ctx context.Context, since time.Time) iter.Seq2[ledger.AuditLine, error] {
	return func(yield func(ledger.AuditLine, error) bool) {
		res, err := d.send(ctx, http.MethodGet, "/audit?since="+ledger.Stamp(since), nil)
		if err != nil {
			yield(ledger.AuditLine{}, err)
			return
		}
		defer res.Body.Close()
		for lines := json.NewDecoder(res.Body); ; {
			var l exported
			switch err := lines.Decode(&l); {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				yield(ledger.AuditLine{}, err)
				return
			case l.Wrong != nil:
				yield(ledger.AuditLine{}, l.Wrong)
				return
			case l.Error != "":
				yield(ledger.AuditLine{}, errors.New(l.Error))
				return
			}
			if !yield(l.AuditLine, nil) {
				return
			}
		}
	}
}

func (d *remote) Resolve(ctx context.Context, key ledger.Key, r engine.Resolution) (out engine.Resolved, err error) {
	return out, d.ask(ctx, http.MethodPost, "/resolve", resolveRequest{key, r}, &out)
}

func (d *remote) Halted(ctx context.Context) (h Halt, err error) {
	return h, d.ask(ctx, http.MethodGet, "/halt", nil, &h)
}

func (d *remote) SetHalt(ctx context.Context, halt bool) error {
	var done haltRequest
	return d.ask(ctx, http.MethodPut, "/halt", haltRequest{halt}, &done)
}

func (d *remote) ask(ctx context.Context, method, path string, in, out any) error {
	res, err := d.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return json.NewDecoder(res.Body).Decode(out)
}

// send returns an answer that is no failure.
func (d *remote) send(ctx context.Context, method, path string, in any) (*http.Response, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, d.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+d.Token)
	// It is on this machine: no proxy has any business with it.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil || res.StatusCode == http.StatusOK {
		return res, err
	}
	defer res.Body.Close()
	var f failure
	switch err := json.NewDecoder(res.Body).Decode(&f); {
	case err != nil:
		return nil, fmt.Errorf("the process that has the ledger answered %s", res.Status)
	case f.NotFound:
		return nil, ledger.ErrNotFound
	case f.Held != nil:
		return nil, f.Held
	}
	return nil, errors.New(f.Error)
}
