package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
)

const secret = "very-secret"

// chat stands in for Slack or Teams.
type chat struct {
	*httptest.Server
	mu     sync.Mutex
	took   []string
	status int
	after  string
}

func newChat(t *testing.T) *chat {
	c := &chat{status: http.StatusOK}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		if c.status == http.StatusOK {
			c.took = append(c.took, string(body))
		}
		if c.after != "" {
			w.Header().Set("Retry-After", c.after)
		}
		w.WriteHeader(c.status)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *chat) answers(status int, after string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status, c.after = status, after
}

func (c *chat) got() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.took
}

// onBus is the sink behind the bus that INTERLOCK_BUS=http: is, with what it logs.
func onBus(t *testing.T, slack, teams *chat) (*bus.HTTP, *httptest.Server, *bytes.Buffer) {
	t.Helper()
	environ := map[string]string{"SLACK_WEBHOOK_URL": slack.URL + "/services/" + secret, "TEAMS_WEBHOOK_URL": teams.URL + "/hook?sig=" + secret}
	hooks, err := webhooks(func(name string) string { return environ[name] })
	require.NoError(t, err)
	var log bytes.Buffer
	server := httptest.NewServer(newSink(hooks, http.DefaultClient, slog.New(slog.NewTextHandler(&log, nil))))
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	require.NoError(t, err)
	return &bus.HTTP{URL: at, Client: http.DefaultClient}, server, &log
}

func sample(t *testing.T, name string) bus.Event {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "events", "samples", name+".json"))
	require.NoError(t, err)
	var ev event.Event
	require.NoError(t, json.Unmarshal(text, &ev))
	return bus.Event{Event: ev, JSON: text}
}

// Every event that ends something is told, in the form that each chat takes; what
// asks for something, and what has a job that goes on, is not.
func TestTells(t *testing.T) {
	slack, teams := newChat(t), newChat(t)
	b, _, _ := onBus(t, slack, teams)
	files, err := filepath.Glob("../../events/samples/*.json")
	require.NoError(t, err)
	told := map[string]bool{}
	for _, file := range files {
		before, ev := len(slack.got()), sample(t, strings.TrimSuffix(filepath.Base(file), ".json"))
		require.NoError(t, b.Publish(t.Context(), ev), file)
		require.Len(t, teams.got(), len(slack.got()))
		if len(slack.got()) == before {
			asks := slices.Contains(events.Types()[:3], ev.Event.Type())
			require.True(t, asks || strings.Contains(string(ev.Event.Data()), `"accepted"`), file)
			continue
		}
		told[ev.Event.Type()] = true
		var card struct {
			Blocks []struct {
				Type string
				Text struct{ Type, Text string }
			}
		}
		require.NoError(t, json.Unmarshal([]byte(slack.got()[before]), &card))
		require.Equal(t, "plain_text", card.Blocks[0].Text.Type)
		require.NotEmpty(t, strings.Fields(card.Blocks[0].Text.Text)[1:])
		var message struct {
			Type        string
			Attachments []struct {
				ContentType string
				Content     struct {
					Type string
					Body []json.RawMessage
				}
			}
		}
		require.NoError(t, json.Unmarshal([]byte(teams.got()[before]), &message))
		require.Equal(t, []string{"message", "application/vnd.microsoft.card.adaptive", "AdaptiveCard"},
			[]string{message.Type, message.Attachments[0].ContentType, message.Attachments[0].Content.Type})
	}
	for _, typ := range events.Types() {
		require.Equal(t, !slices.Contains(events.Types()[:3], typ), told[typ], typ)
	}
}

// What one chat has not taken, the bus brings again; the other is not told twice.
func TestNothingIsLostOrToldTwice(t *testing.T) {
	slack, teams := newChat(t), newChat(t)
	b, server, log := onBus(t, slack, teams)
	ev := sample(t, "job.failed")
	teams.answers(http.StatusTooManyRequests, "30")
	require.ErrorContains(t, b.Publish(t.Context(), ev), "503")
	res, err := http.Post(server.URL, "application/json", bytes.NewReader(ev.JSON))
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, []string{"503 Service Unavailable", "30"}, []string{res.Status, res.Header.Get("Retry-After")})
	teams.answers(http.StatusOK, "")
	require.NoError(t, b.Publish(t.Context(), ev))
	require.NoError(t, b.Publish(t.Context(), ev))
	require.Len(t, slack.got(), 1)
	require.Len(t, teams.got(), 1)
	require.Contains(t, log.String(), "TEAMS_WEBHOOK_URL: answered 429")
}

// A webhook's URL is told nowhere.
func TestNoSecretIsTold(t *testing.T) {
	slack, teams := newChat(t), newChat(t)
	_, server, log := onBus(t, slack, teams)
	slack.Close()
	teams.answers(http.StatusInternalServerError, "")
	res, err := http.Post(server.URL, "application/json", bytes.NewReader(sample(t, "job.failed").JSON))
	require.NoError(t, err)
	answer, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Contains(t, string(answer), "SLACK_WEBHOOK_URL: dial tcp")
	require.NotContains(t, string(answer)+log.String(), secret)

	for _, address := range []string{"http://chat.example.com/" + secret, secret, "https://" + secret + ":x/"} {
		_, err := webhooks(func(name string) string { return map[string]string{"SLACK_WEBHOOK_URL": address}[name] })
		require.ErrorContains(t, err, "SLACK_WEBHOOK_URL: expected ")
		require.NotContains(t, err.Error(), secret)
	}
}

// What stands in an event is text: it mentions nobody and links nowhere.
func TestTextIsNoMarkup(t *testing.T) {
	n := &notice{Title: "<!channel> & [x](https://evil.example.com)"}
	n.fact("Reason", "<!here> *bold* [x](https://evil.example.com)")
	text, err := json.Marshal(n.slack())
	require.NoError(t, err)
	require.Contains(t, string(text), `"text":"❗ \u0026lt;!channel\u0026gt; \u0026amp; [x](https://evil.example.com)"`)
	require.NotContains(t, string(text), "mrkdwn")
	text, err = json.Marshal(n.teams())
	require.NoError(t, err)
	require.Contains(t, string(text), `\\*bold\\* \\[x\\]\\(https://evil.example.com\\)`)
	n.fact("Long", strings.Repeat("ä", 3000))
	require.Len(t, []rune(n.Facts[1][1]), longest+1)
}

// A secret may be in a file; nothing set, or both ways, stops the start.
func TestWebhooks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "teams")
	require.NoError(t, os.WriteFile(file, []byte("https://example.com/hook\n"), 0o600))
	environ := map[string]string{"TEAMS_WEBHOOK_URL_FILE": file}
	get := func(name string) string { return environ[name] }
	all, err := webhooks(get)
	require.NoError(t, err)
	require.Equal(t, "https://example.com/hook", all[0].url)
	environ["TEAMS_WEBHOOK_URL"] = "https://example.com/other"
	_, err = webhooks(get)
	require.ErrorContains(t, err, "found both, expected one")
	clear(environ)
	require.ErrorContains(t, run(context.Background(), "127.0.0.1:0", get), "not set; expected one or both")
	environ["SLACK_WEBHOOK_URL_FILE"] = file + ".none"
	_, err = webhooks(get)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// What is no event is refused, so that a bus gives it up.
func TestRefuses(t *testing.T) {
	slack, teams := newChat(t), newChat(t)
	_, server, _ := onBus(t, slack, teams)
	for body, status := range map[string]int{
		"{}": http.StatusBadRequest, "no JSON": http.StatusBadRequest,
		`{"specversion":"1.0","id":"1","source":"u","type":"dev.interlock.job.failed.v1","datacontenttype":"application/json","data":"text"}`: http.StatusBadRequest,
		`"` + strings.Repeat("x", 300<<10) + `"`: http.StatusRequestEntityTooLarge,
	} {
		res, err := http.Post(server.URL, "application/cloudevents+json", strings.NewReader(body))
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, status, res.StatusCode, "%.40s", body)
	}
	res, err := http.Get(server.URL)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusMethodNotAllowed, res.StatusCode)
	require.Empty(t, slack.got())
}
