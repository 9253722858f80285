package page

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

var began = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// world is a page on a ledger in memory.
type world struct {
	*Watched
	page *Page
	url  string
}

func start(t testing.TB, l *ledger.Transactional) *world {
	t.Helper()
	w := &world{Watched: Watch(l)}
	w.page = New(w.View)
	server := httptest.NewServer(w.page)
	t.Cleanup(server.Close)
	t.Cleanup(w.page.Close)
	w.url = server.URL
	return w
}

func claim(id, ticket string, at time.Time) ledger.Claim {
	stored, err := json.Marshal(map[string]any{
		"switch": "proxy-ssl", "enabled": true, "cause": map[string]any{"id": id, "ticket": ticket},
		"target": map[string]string{"project_id": "p", "instance_id": "i-" + id, "proxy_id": "x"},
	})
	if err != nil {
		panic(err)
	}
	return ledger.Claim{
		Key: ledger.Key{Switch: "proxy-ssl", Source: "urn:x", ID: id}, Project: "p", Instance: "i-" + id, Slot: "proxy-ssl " + id,
		Nonce: "n", Order: at, Now: at, Lease: at.Add(time.Minute), Stored: stored,
	}
}

func (w *world) claim(t testing.TB, id, ticket string) ledger.Claim {
	t.Helper()
	c := claim(id, ticket, began)
	_, err := w.Claim(t.Context(), c)
	require.NoError(t, err)
	return c
}

func (w *world) settle(t testing.TB, c ledger.Claim, o ledger.Outcome) {
	t.Helper()
	o.At = began.Add(time.Second)
	require.NoError(t, w.Settle(t.Context(), c.Key, c.Nonce, o))
}

func (w *world) get(t testing.TB, path string) (string, *http.Response) {
	t.Helper()
	res, err := http.Get(w.url + path)
	require.NoError(t, err)
	defer res.Body.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(res.Body)
	require.NoError(t, err)
	return b.String(), res
}

// read waits until the ledger has been read.
func (w *world) read(t testing.TB) {
	t.Helper()
	w.begin()
	require.Eventually(t, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.ready
	}, time.Minute, time.Millisecond)
}

// stream is what a browser is told.
type stream struct {
	t     *testing.T
	lines *bufio.Scanner
	leave context.CancelFunc
	at    string
}

func (w *world) stream(t *testing.T, query, last string) *stream {
	t.Helper()
	ctx, leave := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(leave)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/page/live"+query, nil)
	require.NoError(t, err)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	require.Equal(t, http.StatusOK, res.StatusCode)
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<22)
	return &stream{t: t, lines: lines, leave: leave}
}

// next is the next change.
func (s *stream) next() (c change) {
	s.t.Helper()
	for s.lines.Scan() {
		if at, ok := strings.CutPrefix(s.lines.Text(), "id: "); ok {
			s.at = at
		}
		if data, ok := strings.CutPrefix(s.lines.Text(), "data: "); ok {
			require.NoError(s.t, json.Unmarshal([]byte(data), &c))
			return c
		}
	}
	require.FailNow(s.t, "the stream has ended", s.lines.Err())
	return c
}

func positionIn(t *testing.T, html string) string {
	t.Helper()
	_, rest, ok := strings.Cut(html, `data-from="`)
	require.True(t, ok, html)
	at, _, _ := strings.Cut(rest, `"`)
	return at
}

// Whoever comes back with the position that it was told last is told each row
// that has changed since, and no other.
func TestNothingIsLostOverReconnect(t *testing.T) {
	w := start(t, ledger.NewMemory())
	old := w.claim(t, "old", "")
	w.read(t)
	html, _ := w.get(t, "/")
	require.Contains(t, html, "proxy-ssl on")
	s := w.stream(t, "?from="+positionIn(t, html), "")
	first := w.claim(t, "first", "")
	c := s.next()
	require.False(t, c.All)
	require.Len(t, c.Rows, 1)
	require.Contains(t, c.Rows[0].HTML, "claimed")
	s.leave()
	w.settle(t, first, ledger.Outcome{Result: "applied", Effective: true})
	w.claim(t, "second", "")
	s = w.stream(t, "?from="+positionIn(t, html), s.at) // a browser's own address does not change
	var text string
	for rows := 0; rows < 2; {
		c = s.next()
		require.False(t, c.All)
		rows += len(c.Rows)
		for _, r := range c.Rows {
			text += r.HTML
		}
	}
	require.Contains(t, text, "applied")
	require.Contains(t, text, "<td data-name=\"Event\">second</td>")
	require.NotContains(t, text, "<td data-name=\"Event\">old</td>")
	w.settle(t, old, ledger.Outcome{Result: "rejected", Code: "cloud-refused"})
	require.Contains(t, s.next().Summary, "rejected: cloud-refused")
}

// A position of another process tells nothing: the whole list is sent.
func TestPositionOfAnotherProcess(t *testing.T) {
	w := start(t, ledger.NewMemory())
	w.claim(t, "one", "")
	w.read(t)
	w.claim(t, "two", "")
	for _, at := range []string{"OTHERRUN-3", "x", w.run + "-99999", ""} {
		c := w.stream(t, "?from=", at).next()
		require.True(t, c.All, at)
		require.Len(t, c.Rows, 2, at)
	}
}

// A row that the filter does not want any more leaves the list.
func TestFilteredStream(t *testing.T) {
	w := start(t, ledger.NewMemory())
	c := w.claim(t, "one", "")
	w.read(t)
	html, _ := w.get(t, "/?state=claimed")
	require.Contains(t, html, ">one</td>")
	s := w.stream(t, "?state=claimed&from="+positionIn(t, html), "")
	w.settle(t, c, ledger.Outcome{Result: "applied", Effective: true})
	got := s.next()
	require.Empty(t, got.Rows)
	require.Equal(t, []string{"d" + c.Key.Digest()}, got.Gone)
	html, _ = w.get(t, "/?state=claimed")
	require.NotContains(t, html, ">one</td>")
	require.Contains(t, html, "There is no such decision")
}

// The end of a job is news of the decision that it belongs to.
func TestJobIsNewsOfItsDecision(t *testing.T) {
	for result, want := range map[string]struct{ look, words, title string }{
		"job-failed":    {"bad", "job failed", ">Rejected, failed, or its job failed"},
		"job-unknown":   {"doubt", "job unknown", ">In doubt"},
		"job-succeeded": {"done", "job succeeded", ""},
	} {
		t.Run(result, func(t *testing.T) { jobIsNews(t, result, want.look, want.words, want.title) })
	}
}

func jobIsNews(t *testing.T, result, look, words, title string) {
	w := start(t, ledger.NewMemory())
	c := w.claim(t, "one", "")
	out := json.RawMessage(`{"specversion":"1.0","id":"out-1","source":"urn:interlock:proxy-ssl","type":"dev.interlock.switch.completed.v1"}`)
	w.settle(t, c, ledger.Outcome{Result: "accepted", JobID: "job-1", Effective: true, Events: []json.RawMessage{out}})
	w.read(t)
	html, _ := w.get(t, "/")
	s := w.stream(t, "?from="+positionIn(t, html), "")
	job := ledger.Claim{
		Key: ledger.Key{Switch: engine.JobFollow, Source: "urn:interlock:proxy-ssl", ID: "out-1"}, Project: "p", Instance: "i-one",
		Slot: "jobfollow job-1", Nonce: "n", Order: began, Now: began, Lease: began.Add(time.Minute), Stored: json.RawMessage(`{}`),
	}
	require.NoError(t, w.Wait(t.Context(), job, ledger.Wait{Due: began.Add(time.Hour)}))
	got := s.next()
	require.Len(t, got.Rows, 1)
	require.Contains(t, got.Rows[0].HTML, "job following")
	require.NoError(t, w.Reject(t.Context(), job, ledger.Outcome{Result: result, At: began}))
	got = s.next()
	require.Len(t, got.Rows, 1)
	require.Contains(t, got.Rows[0].HTML, `class="state `+look+`"`)
	require.Contains(t, got.Rows[0].HTML, words)
	html, _ = w.get(t, "/")
	for _, list := range []string{">Rejected, failed, or its job failed", ">In doubt"} {
		_, after, found := strings.Cut(html, list)
		require.True(t, found, list)
		section, _, _ := strings.Cut(after, "</section>")
		require.Equal(t, list == title, strings.Contains(section, words), list)
	}
}

// What senders write stands on the page as text, however long it is, and the
// policy lets nothing run that is not the page's own.
func TestHostileTexts(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	w := start(t, ledger.NewMemory())
	c := w.claim(t, evil+strings.Repeat("n", 4096), evil)
	w.read(t)
	story := "/page/decision?" + url.Values{"switch": {c.Key.Switch}, "source": {c.Key.Source}, "id": {c.Key.ID}}.Encode()
	for _, path := range []string{"/", "/?ticket=" + url.QueryEscape(evil), "/?target=" + url.QueryEscape(evil), story, "/page/decision?id=" + url.QueryEscape(evil), "/page/chain?id=" + url.QueryEscape(evil)} {
		html, res := w.get(t, path)
		require.NotContains(t, html, "<script>alert", path)
		require.NotContains(t, html, "<img", path)
		require.Contains(t, html, "alert(1)", path)
		require.Contains(t, res.Header.Get("Content-Security-Policy"), "default-src 'none'")
		require.NotContains(t, res.Header.Get("Content-Security-Policy"), "unsafe")
		require.Equal(t, "nosniff", res.Header.Get("X-Content-Type-Options"))
	}
	for _, r := range w.stream(t, "", "").next().Rows {
		require.NotContains(t, r.HTML, "<script>alert")
		require.NotContains(t, r.HTML, "<img")
	}
	_, res := w.get(t, "/page/decision?id=none")
	require.Equal(t, http.StatusNotFound, res.StatusCode)
}

// However many decisions there are, the page has a bounded number of them, and
// the process too, and none that has not ended is forgotten.
func TestBounded(t *testing.T) {
	w := start(t, ledger.NewMemory())
	w.kept = 300
	waiting := w.claim(t, "waiting", "")
	for i := range 500 {
		c := claim(fmt.Sprint("id-", i), "", began.Add(time.Duration(i+1)*time.Second))
		_, err := w.Claim(t.Context(), c)
		require.NoError(t, err)
		w.settle(t, c, ledger.Outcome{Result: "applied", Effective: true})
	}
	w.read(t)
	html, _ := w.get(t, "/")
	require.Equal(t, mostListed, strings.Count(html, `<td data-name="Event">`))
	require.Contains(t, html, "Counted are the 300 decisions")
	require.Contains(t, html, ">id-499</td>")
	require.NotContains(t, html, ">id-299</td>")
	require.Len(t, w.order, 300)
	require.NotNil(t, w.rows[waiting.Key])
	rest := html[strings.LastIndex(html, `<p><a href="`)+len(`<p><a href="`):]
	older, _, ok := strings.Cut(rest, `">Older decisions`)
	require.True(t, ok)
	html, _ = w.get(t, strings.ReplaceAll(older, "&amp;", "&"))
	require.Contains(t, html, ">id-299</td>")
	require.Equal(t, 100, strings.Count(html, `<td data-name="Event">`))
	story, res := w.get(t, link(ledger.Key{Switch: "proxy-ssl", Source: "urn:x", ID: "id-0"}))
	require.Equal(t, http.StatusOK, res.StatusCode, "what is not remembered is still read: %s", story)
}

// Until somebody looks, nothing is noted.
func TestCostsNothingUnseen(t *testing.T) {
	w := start(t, ledger.NewMemory())
	w.claim(t, "one", "")
	require.Empty(t, w.dirty)
	require.Empty(t, w.rows)
	w.read(t)
	w.claim(t, "two", "")
	require.Len(t, w.dirty, 1)
}

// BenchmarkFirstScreen opens the page on a ledger of 100000 decisions; "first"
// is how long the very first look takes, which does not wait for the ledger to
// be read.
func BenchmarkFirstScreen(b *testing.B) {
	l := ledger.NewMemory()
	for i := range 100_000 {
		c := claim(fmt.Sprint("id-", i), "", began.Add(time.Duration(i)*time.Second))
		if _, err := l.Claim(b.Context(), c); err != nil {
			b.Fatal(err)
		}
		if err := l.Settle(b.Context(), c.Key, c.Nonce, ledger.Outcome{Result: "applied", Effective: true, At: began}); err != nil {
			b.Fatal(err)
		}
	}
	w := start(b, l)
	at := time.Now()
	w.get(b, "/")
	first := time.Since(at)
	w.read(b)
	whole := time.Since(at)
	for b.Loop() {
		w.get(b, "/")
	}
	b.ReportMetric(first.Seconds()*1000, "first-ms")
	b.ReportMetric(whole.Seconds()*1000, "read-ms")
}

// shelf is a source that others write to. It counts how often all of it is read.
type shelf struct {
	own
	read int
	bad  error
}

func (s *shelf) Decisions(ctx context.Context, texts ...string) iter.Seq2[ledger.Record, error] {
	s.read++
	return func(yield func(ledger.Record, error) bool) {
		for rec, err := range s.own.Decisions(ctx, texts...) {
			if !yield(rec, err) {
				return
			}
		}
		if s.bad != nil {
			yield(ledger.Record{}, s.bad)
		}
	}
}

// A ledger that others write to is read again while somebody looks, and what has
// changed in it is told; what could not be read is not taken for forgotten.
func TestPolled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ledger.NewMemory()
		source := &shelf{own: own{l}}
		w := &world{Watched: &Watched{l, Poll(source, 10*time.Second)}}
		w.begin()
		synctest.Wait()
		require.Equal(t, 1, source.read)
		look := func() snapshot {
			s, err := w.look(t.Context(), query{})
			require.NoError(t, err)
			return s
		}
		require.Empty(t, look().Rows)
		c := claim("one", "", began)
		_, err := l.Claim(t.Context(), c)
		require.NoError(t, err)
		at := look().Position
		require.Equal(t, 1, source.read, "not that soon")
		time.Sleep(10 * time.Second)
		d, _, err := w.since(t.Context(), query{}, at)
		require.NoError(t, err)
		require.Len(t, d.Rows, 1)
		require.Equal(t, "claimed", d.Rows[0].Words)
		require.Equal(t, 2, source.read)

		time.Sleep(10 * time.Second)
		same, _, err := w.since(t.Context(), query{}, d.Position)
		require.NoError(t, err)
		require.Equal(t, d.Position, same.Position, "nothing is new")
		require.NoError(t, l.Settle(t.Context(), c.Key, c.Nonce, ledger.Outcome{Result: "applied", Effective: true, At: began}))
		time.Sleep(10 * time.Second)
		d, _, err = w.since(t.Context(), query{}, d.Position)
		require.NoError(t, err)
		require.Equal(t, "applied", d.Rows[0].Words)

		source.own, source.bad = own{ledger.NewMemory()}, errors.New("one record cannot be read")
		time.Sleep(10 * time.Second)
		s := look()
		require.Len(t, s.Rows, 1)
		require.Equal(t, "one record cannot be read", s.Summary.Wrong)
		source.bad = nil
		time.Sleep(10 * time.Second)
		require.Empty(t, look().Rows, "it was forgotten")
		n := source.read
		time.Sleep(time.Hour)
		require.Equal(t, n, source.read, "nobody looks")
	})
}
