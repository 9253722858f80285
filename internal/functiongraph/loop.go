package functiongraph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

// loop fetches invocations from FunctionGraph's runtime API, one at a time, and
// answers them ("Custom Runtime", FunctionGraph's developer guide).
type loop struct {
	// api is the base URL of invocations.
	api  string
	http *http.Client
	// timeout is the function's: no invocation says when it ends.
	timeout time.Duration
	invoke  func(context.Context, []byte) ([]byte, error)
	now     func() time.Time
	log     *slog.Logger
}

// invocation is one that was fetched.
type invocation struct {
	id      string
	payload []byte
	end     time.Time
	// by are the agency's credentials, nil where the function has none.
	by *cloudapi.AKSK
}

// run answers invocations until the runtime API is gone.
func (l *loop) run(ctx context.Context) error {
	for {
		i, err := l.next(ctx)
		if err != nil {
			return fmt.Errorf("runtime API: %w", err)
		}
		if i.id == "" {
			continue // there was none: FunctionGraph's own example asks again, too
		}
		if err := l.serve(ctx, i); err != nil {
			return fmt.Errorf("runtime API: %w", err)
		}
	}
}

// next waits for an invocation.
func (l *loop) next(ctx context.Context) (i invocation, err error) {
	header, body, err := l.do(ctx, http.MethodGet, "/request", nil)
	if err != nil {
		return i, err
	}
	return invocation{
		id: header.Get("X-Cff-Request-Id"), payload: body, end: l.now().Add(l.timeout), by: credentials(header),
	}, nil
}

// serve has an invocation handled and says what came of it. An answer that
// FunctionGraph does not take is the end of the process: it counts as failed then,
// and is invoked again.
func (l *loop) serve(ctx context.Context, i invocation) error {
	path := "/response/"
	body, err := l.handle(ctx, i)
	if err != nil {
		path, body = "/error/", failure(err)
	}
	_, _, err = l.do(ctx, http.MethodPost, path+url.PathEscape(i.id), body)
	return err
}

func (l *loop) handle(ctx context.Context, i invocation) (answer []byte, err error) {
	ctx, cancel := context.WithDeadline(context.WithValue(ctx, invocationKey{}, i), i.end)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			// Its value may hold anything; its type and place are enough.
			l.log.ErrorContext(ctx, "panic while handling an invocation", "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			err = errors.New("the invocation's handling broke off")
		}
	}()
	answer, err = l.invoke(ctx, i.payload)
	if err != nil {
		l.log.WarnContext(ctx, "an invocation fails, and is to come back", "error", err)
	}
	return answer, err
}

func (l *loop) do(ctx context.Context, method, path string, body []byte) (http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, l.api+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := l.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: answered %s", method, path, res.Status)
	}
	return res.Header, answer, err
}

// failure is an error as FunctionGraph's own runtimes report it.
func failure(err error) []byte {
	_, name, _ := strings.Cut(fmt.Sprintf("%T", err), ".")
	// Two texts always encode.
	text, _ := json.Marshal(map[string]string{"errorType": name, "errorMessage": err.Error()})
	return text
}

type invocationKey struct{}

// from is the invocation that a context belongs to; the zero value if none.
func from(ctx context.Context) invocation {
	i, _ := ctx.Value(invocationKey{}).(invocation)
	return i
}

// requestLog adds to each line the id of the invocation that it belongs to.
type requestLog struct{ slog.Handler }

func (h *requestLog) Handle(ctx context.Context, r slog.Record) error {
	if id := from(ctx).id; id != "" {
		r.AddAttrs(slog.String("requestId", id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h *requestLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &requestLog{h.Handler.WithAttrs(attrs)}
}

func (h *requestLog) WithGroup(name string) slog.Handler {
	return &requestLog{h.Handler.WithGroup(name)}
}
