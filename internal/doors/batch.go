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
	return d.handleEach(items, func(int) context.Context { return ctx })
}

// handleEach is handleAll with a context for each item.
func (d *Door) handleEach(items []cloudevent.Item, in func(i int) context.Context) []engine.Result {
	results := make([]engine.Result, len(items))
	groups := make(chan []int, len(items))
	for _, g := range grouped(items) {
		groups <- g
	}
	close(groups)
	var workers sync.WaitGroup
	for range min(cmp.Or(d.Side, 8), len(groups)) {
		workers.Go(func() {
			for g := range groups {
				for _, i := range g {
					results[i] = d.handleItem(in(i), items[i])
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

// grouped returns the indexes of events that are about the same instance, in
// the order of the first of each.
func grouped(items []cloudevent.Item) [][]int {
	var groups [][]int
	at := map[string]int{}
	for i := range items {
		key := group(items[i])
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
