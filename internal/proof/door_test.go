package proof

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/doors"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// through is a world as a door's handler.
type through struct{ *world }

func (h through) Handle(_ context.Context, _ string, ev event.Event) engine.Result {
	return h.handle(ev)
}

// modes are CloudEvents' HTTP modes: a request that carries the event, and the
// out-event in its answer.
var modes = []struct {
	name  string
	ask   func(event.Event) doors.Request
	event func(doors.Response) string
}{
	{"structured", func(ev event.Event) doors.Request {
		return doors.Request{Admitted: true, Method: "POST", Header: http.Header{"Content-Type": {"application/cloudevents+json"}}, Body: encoded(ev)}
	}, func(r doors.Response) string { return string(r.Body) }},
	{"structured, indented", func(ev event.Event) doors.Request {
		var tree map[string]any
		if err := json.Unmarshal(encoded(ev), &tree); err != nil {
			panic(err)
		}
		body, err := json.MarshalIndent(tree, "", "\t") // its members sorted
		if err != nil {
			panic(err)
		}
		return doors.Request{Admitted: true, Method: "POST", Header: http.Header{"content-type": {"application/cloudevents+json; charset=utf-8"}}, Body: body}
	}, func(r doors.Response) string { return string(r.Body) }},
	{"binary", func(ev event.Event) doors.Request {
		return doors.Request{Admitted: true, Method: "POST", Body: ev.Data(), Header: http.Header{
			"Content-Type": {"application/json"}, "Ce-Specversion": {"1.0"}, "Ce-Id": {ev.ID()}, "Ce-Source": {ev.Source()},
			"Ce-Type": {ev.Type()}, "Ce-Time": {ev.Time().Format(time.RFC3339Nano)},
		}}
	}, func(r doors.Response) string { return string(r.Body) }},
	{"batched", func(ev event.Event) doors.Request {
		return doors.Request{Admitted: true, Method: "POST", Header: http.Header{"Content-Type": {"application/cloudevents-batch+json"}}, Body: []byte("[" + string(encoded(ev)) + "]")}
	}, func(r doors.Response) string {
		var all []json.RawMessage
		if json.Unmarshal(r.Body, &all) != nil || len(all) != 1 {
			return string(r.Body)
		}
		return string(all[0])
	}},
}

func encoded(ev event.Event) []byte {
	b, err := ev.MarshalJSON()
	if err != nil {
		panic(err)
	}
	return b
}

// TestModes delivers one event in every HTTP mode. Each mode alone leads to the
// same decision, with the same content; and after the first, in whatever mode, the
// others are repeats, answered with the same event.
func TestModes(t *testing.T) {
	lab := newLab(t)
	for _, sw := range functions.All() {
		for kind, ask := range map[string]func() ask{
			"request": func() ask { return request("CHG-1", sw.Name, true) },
			"ticket":  func() ask { return ticketed("CHG-1", sw.Name, true, window(-time.Minute, time.Hour)) },
			"tag":     func() ask { return tagged("CHG-1", sw.Name, true) },
		} {
			t.Run(sw.Name+"/"+kind, func(t *testing.T) {
				var contents []string
				for first := range modes {
					story(t, lab, func(is *require.Assertions, w *world) {
						door := &doors.Door{Function: sw.Function, Switch: sw.Name, Handler: through{w}}
						ev := ask().event()
						answers := map[string]int{}
						for i := range modes {
							m := modes[(first+i)%len(modes)]
							r := door.HTTP(context.Background(), m.ask(ev))
							is.Equal(2, r.Status/100, "%s: %s", m.name, r.Body)
							answers[m.event(r)]++
						}
						is.Len(answers, 1)
						is.Len(w.flips(), 1)
						contents = append(contents, w.records()[0].Content)
					})
				}
				for i := range modes {
					require.Equal(t, contents[0], contents[i], modes[i].name)
				}
			})
		}
	}
	t.Logf("proved: modes: %d switches, 3 types of event, %d HTTP modes: one decision each", len(functions.All()), len(modes))
}

// TestInvalidInEveryMode: an event that is refused is refused alike.
func TestInvalidInEveryMode(t *testing.T) {
	lab := newLab(t)
	story(t, lab, func(is *require.Assertions, w *world) {
		door := &doors.Door{Function: "proxyssl", Switch: ssl, Handler: through{w}}
		a := request("CHG-1", ssl, true)
		a.target.ProxyID = "wrong"
		ids := map[string]bool{}
		for _, m := range modes {
			r := door.HTTP(context.Background(), m.ask(a.event()))
			is.Contains([]int{422, 200}, r.Status, fmt.Sprint(m.name))
			is.Contains(string(r.Body), "data.target.proxy_id")
		}
		for id := range w.bus {
			ids[id] = true
		}
		is.Len(ids, 1)
	})
}
