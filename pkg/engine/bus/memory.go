package bus

import (
	"context"
	"slices"
	"sync"

	"github.com/cloudevents/sdk-go/v2/event"
)

// Memory is a bus within one process. Events that nobody subscribed to are
// gone.
type Memory struct {
	mu   sync.Mutex
	subs []func(event.Event)
}

// Subscribe has f called for each event published from now on, in the
// publisher's goroutine: f must be quick and must not publish.
func (m *Memory) Subscribe(f func(event.Event)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.subs = append(m.subs, f)
}

// Publish hands the events to every subscriber.
func (m *Memory) Publish(_ context.Context, out ...Event) error {
	m.mu.Lock()
	subs := slices.Clone(m.subs)
	m.mu.Unlock()
	for _, ev := range out {
		for _, f := range subs {
			f(ev.Event)
		}
	}
	return nil
}
