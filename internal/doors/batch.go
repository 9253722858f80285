package doors

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/internal/jsontree"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// handleAll handles events that came together, and returns their results in
// the same order once every one of them has ended. An item that holds no event
// is rejected.
func (d *Door) handleAll(ctx context.Context, items []cloudevent.Item) []engine.Result {
	for _, item := range items {
		if item.Err != nil {
			d.arrived(ctx, item.Event, item.Err)
		}
	}
	return d.handleEach(items, handling{in: func(int) context.Context { return ctx }})
}

// handling is what a sender wants of items that came together.
type handling struct {
	// in is the context of each.
	in func(i int) context.Context
	// line, if set, names the line in which an item stands, if in any: they are
	// taken one after another, and none behind one at which the line stops.
	line func(i int) string
	stop func(i int, r engine.Result) bool
}

// handleEach is handleAll as a sender wants it.
func (d *Door) handleEach(items []cloudevent.Item, h handling) []engine.Result {
	results := make([]engine.Result, len(items))
	groups := make(chan []int, len(items))
	for _, g := range grouped(items, h.line) {
		groups <- g
	}
	close(groups)
	var workers sync.WaitGroup
	for range min(cmp.Or(d.Side, 8), len(groups)) {
		workers.Go(func() {
			for g := range groups {
				for at, i := range g {
					results[i] = d.handleItem(h.in(i), items[i])
					if h.line == nil || h.line(i) == "" || !h.stop(i, results[i]) {
						continue
					}
					for _, behind := range g[at+1:] {
						results[behind] = later("a message before it in its group comes first")
						results[behind].RetryAfter = max(results[i].RetryAfter, hopeless)
					}
					break
				}
			}
		})
	}
	workers.Wait()
	return results
}

func (d *Door) handleItem(ctx context.Context, item cloudevent.Item) engine.Result {
	if item.Err != nil {
		return d.invalid(item.Err)
	}
	if end, ok := ctx.Deadline(); ctx.Err() != nil || ok && time.Until(end) < reserve {
		return later("there was no time left for the event in this delivery")
	}
	return d.handle(ctx, item)
}

// grouped returns the indexes of events that stand in the same line, or else are
// about the same instance, in the order of the first of each.
func grouped(items []cloudevent.Item, line func(i int) string) [][]int {
	var groups [][]int
	at := map[string]int{}
	for i := range items {
		key := ""
		if line != nil {
			key = line(i)
		}
		if key != "" {
			key = "line " + key
		} else {
			key = group(items[i])
		}
		g, ok := at[key]
		if !ok {
			g = len(groups)
			at[key] = g
			groups = append(groups, nil)
		}
		groups[g] = append(groups[g], i)
	}
	return groups
}

// group names the instance that an event is about, or, where its data names
// none, its source.
func group(item cloudevent.Item) string {
	if item.Err != nil {
		return ""
	}
	if id := instance(item); id != "" {
		return "instance " + id
	}
	return "source " + item.Event.Source()
}

func instance(item cloudevent.Item) string {
	data := item.Data
	if data == nil {
		n, err := jsontree.Parse(item.Event.Data(), cloudevent.Depth)
		if err != nil {
			return ""
		}
		data = &n
	}
	if id := data.Get("target").Get("instance_id"); id != nil {
		return id.Text
	}
	return ""
}
