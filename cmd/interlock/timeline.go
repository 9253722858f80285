package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/account"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

// timeline shows people, or programs, what happens: event in, call made,
// answer, event out.
type timeline struct {
	mu    sync.Mutex
	w     io.Writer
	json  bool
	color bool
	now   func() time.Time
}

func newTimeline(w io.Writer, asJSON bool) *timeline {
	f, ok := w.(*os.File)
	color := ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == ""
	return &timeline{w: w, json: asJSON, color: color && !asJSON, now: time.Now}
}

// line is one thing that happened.
type line struct {
	Time   time.Time `json:"time"`
	What   string    `json:"what"`
	Text   string    `json:"text,omitempty"`
	Type   string    `json:"type,omitempty"`
	ID     string    `json:"id,omitempty"`
	Switch string    `json:"switch,omitempty"`
	Target string    `json:"target,omitempty"`
	Method string    `json:"method,omitempty"`
	Path   string    `json:"path,omitempty"`
	Body   string    `json:"body,omitempty"`
	Status int       `json:"status,omitempty"`
	Result string    `json:"result,omitempty"`
	JobID  string    `json:"job_id,omitempty"`
	Step   string    `json:"step,omitempty"`
}

var colors = map[string]string{"event in": "36", "call": "33", "answer": "35", "event out": "32", "error": "31"}

func (t *timeline) show(l line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l.Time = t.now()
	if t.json {
		_ = json.NewEncoder(t.w).Encode(l)
		return
	}
	what := fmt.Sprintf("%-9s", l.What)
	if t.color && colors[l.What] != "" {
		what = "\x1b[" + colors[l.What] + "m" + what + "\x1b[0m"
	}
	fmt.Fprintln(t.w, l.Time.Format("15:04:05.000"), what, printable(strings.Join(l.words(), "  ")))
}

func (l line) words() (words []string) {
	word := func(format, s string) {
		if s != "" {
			words = append(words, fmt.Sprintf(format, s))
		}
	}
	word("%s", l.Text)
	word("%s", l.Type)
	word("%s", strings.TrimSpace(l.Method+" "+l.Path))
	if l.Status != 0 {
		words = append(words, fmt.Sprintf("HTTP %d", l.Status))
	}
	word("%s", clipped(l.Body))
	word("%s", l.Switch)
	word("%s", l.Result)
	word("job_id=%s", l.JobID)
	word("on %s", l.Target)
	word("%s", l.Step)
	return words
}

// note shows a remark.
func (t *timeline) note(format string, args ...any) {
	t.show(line{What: "·", Text: fmt.Sprintf(format, args...)})
}

// observe shows an event that has come in, whoever sent it.
func (t *timeline) observe(_ context.Context, s engine.Step) {
	if s.Name != "decode" || s.Decision == nil {
		return
	}
	d := s.Decision
	t.show(line{
		What: "event in", Type: d.Cause.Type, ID: d.Cause.ID, Switch: d.Switch,
		Result: account.OnOff(d.Enabled), Target: account.Narrowest(targetOf(d)),
	})
}

// out shows an event that was published.
func (t *timeline) out(ev *event.Event) {
	var data struct {
		events.Completed
		Error *events.Error      `json:"error"`
		Job   *events.Job        `json:"job"`
		Chain *events.Chain      `json:"chain"`
		Steps []events.ChainStep `json:"steps"`
	}
	_ = json.Unmarshal(ev.Data(), &data)
	l := line{What: "event out", Type: ev.Type(), ID: ev.ID(), Switch: data.Switch, Result: string(data.Result), JobID: data.JobID}
	if data.Error != nil {
		l.Result = string(data.Error.Code) + ": " + data.Error.Detail
	}
	if data.Job != nil {
		l.Result = data.Job.Status
		if data.Job.FailReason != "" {
			l.Result += ": " + data.Job.FailReason
		}
	}
	if c := data.Chain; c != nil {
		l.Result, l.Target = account.OnOff(data.Enabled), account.Narrowest(data.Target)
		l.Step = fmt.Sprintf("step %d of %d", c.At+1, len(c.Steps))
	}
	for _, s := range data.Steps {
		l.Result = strings.TrimPrefix(l.Result+", ", ", ") + s.Switch + " " + account.OnOff(s.Enabled) + " " + string(s.State)
	}
	t.show(l)
}

// targetOf is the target of a decision about one of Huawei Cloud's switches.
func targetOf(d *decision.Decision) (t events.Target) {
	_ = d.Decode(&t, nil) // the engine wrote it
	return t
}

// watched is a client that shows the calls to the cloud's API.
func (t *timeline) watched() *http.Client {
	return &http.Client{
		Transport:     &watcher{t, http.DefaultTransport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type watcher struct {
	*timeline
	next http.RoundTripper
}

func (w *watcher) RoundTrip(req *http.Request) (*http.Response, error) {
	l := line{What: "call", Method: req.Method, Path: req.URL.RequestURI()}
	if req.Body != nil && !strings.HasSuffix(req.URL.Path, "/auth/tokens") {
		// The body is small; a copy of it is sent on.
		body, err := io.ReadAll(req.Body)
		_ = req.Body.Close()
		if err != nil {
			return nil, err
		}
		l.Body = string(body)
		req = req.Clone(req.Context())
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	w.show(l)
	res, err := w.next.RoundTrip(req)
	if err != nil {
		w.show(line{What: "answer", Text: "none: " + err.Error()})
		return nil, err
	}
	body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), res.Body), res.Body}
	w.show(line{What: "answer", Status: res.StatusCode, Body: string(bytes.TrimSpace(body))})
	return res, nil
}

// tap is a bus that shows what is published.
type tap struct {
	*timeline
	next interface {
		Publish(context.Context, ...bus.Event) error
	}
}

func (p *tap) Publish(ctx context.Context, out ...bus.Event) error {
	if err := p.next.Publish(ctx, out...); err != nil {
		return err
	}
	for i := range out {
		p.out(&out[i].Event)
	}
	return nil
}

// clipped keeps a line short: a list of jobs is long.
func clipped(s string) string {
	const most = 160
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
