// Package brokertest is a stand-in for a broker of Knative's, for tests. It goes by
// Knative's data plane contract (specs/eventing/data-plane.md): what it takes it
// delivers to the address of its Triggers, in binary mode, again and again where the
// contract's table says so; what it is answered with is one more event.
package brokertest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/internal/cloudevent"
)

// Answer is what became of one attempt to deliver an event.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	// Again: the event is to be delivered once more. Dead: it is not, and goes to the
	// dead letters. Neither: it is delivered.
	Again, Dead bool
	// Reply is the event that it was answered with, if any.
	Reply *event.Event
}

// Deliver posts an event as a broker does, once. Its error is that of a connection,
// or of a reply that is no event.
func Deliver(ctx context.Context, url string, header http.Header, body []byte) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	req.Header = header.Clone()
	req.Header.Set("Prefer", "reply")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return Answer{Again: true}, err
	}
	defer res.Body.Close()
	a := Answer{Status: res.StatusCode, Header: res.Header}
	if a.Body, err = io.ReadAll(res.Body); err != nil {
		a.Again = true
		return a, err
	}
	switch {
	case a.Status == http.StatusOK && len(a.Body) > 0:
		_, items, err := cloudevent.DecodeHTTP(a.Header, a.Body)
		if err != nil {
			return a, err
		}
		a.Reply = &items[0].Event
	case a.Status/100 == 2: // at 202 what is answered is no reply
	case slices.Contains([]int{404, 408, 409, 429}, a.Status) || a.Status/100 == 5:
		a.Again = true
	default:
		a.Dead = true
	}
	return a, nil
}

// Broker is the stand-in. As an [http.Handler] it is where events are posted to.
type Broker struct {
	// Subscriber is where the Triggers lead, asked at each attempt, and Types are
	// what they filter for.
	Subscriber func() string
	Types      []string
	// Retry is how often an event is delivered again, and Backoff how long it is
	// waited before the first time; before each other it is twice as long.
	Retry   int
	Backoff time.Duration

	work sync.WaitGroup
	stop chan struct{}

	mu     sync.Mutex
	taken  []event.Event
	dead   []event.Event
	posts  int
	broken int
	err    error
}

// Start starts its work, which the returned function ends.
func (b *Broker) Start() (stop func()) {
	b.stop = make(chan struct{})
	return func() {
		close(b.stop)
		b.work.Wait()
	}
}

// Send has the broker take an event.
func (b *Broker) Send(ev event.Event) {
	b.mu.Lock()
	b.taken = append(b.taken, ev)
	b.mu.Unlock()
	if slices.Contains(b.Types, ev.Type()) {
		b.work.Go(func() { b.deliver(ev) })
	}
}

// Taken are all events that it has taken, as often as they came.
func (b *Broker) Taken() []event.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.taken)
}

// Dead are the events that could not be delivered.
func (b *Broker) Dead() []event.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.dead)
}

// Broken is how many attempts ended without an answer, and Err what a broker should
// not be answered.
func (b *Broker) Broken() (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.broken, b.err
}

func (b *Broker) deliver(ev event.Event) {
	for wait, left := b.Backoff, b.Retry; ; wait, left = 2*wait, left-1 {
		a := b.attempt(ev)
		if a.Reply != nil {
			b.Send(*a.Reply)
		}
		if a.Dead || a.Again && left == 0 {
			b.mu.Lock()
			b.dead = append(b.dead, ev)
			b.mu.Unlock()
		}
		if !a.Again || left == 0 {
			return
		}
		select {
		case <-time.After(wait):
		case <-b.stop:
			return
		}
	}
}

// attempt delivers once, under a trace of its own: "traceparent and tracestate […] MAY
// be modified in this way for each delivery attempt of the same event".
func (b *Broker) attempt(ev event.Event) Answer {
	ev = ev.Clone()
	ev.SetExtension("traceparent", "00-"+random(16)+"-"+random(8)+"-01")
	header, body, err := cloudevent.EncodeHTTPBinary(ev)
	if err == nil {
		var a Answer
		a, err = Deliver(context.Background(), b.Subscriber(), header, body)
		if err == nil || a.Again {
			b.mu.Lock()
			defer b.mu.Unlock()
			if err != nil {
				b.broken++
			}
			return a
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = errors.Join(b.err, err)
	return Answer{Dead: true}
}

func random(bytes int) string {
	text := make([]byte, bytes)
	_, _ = rand.Read(text) // it never fails
	return hex.EncodeToString(text)
}

// ServeHTTP takes an event. Of five it refuses one, and of seven it takes one and
// gives no answer: whoever sends has to send again, with the same id.
func (b *Broker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_, items, err := cloudevent.DecodeHTTP(r.Header, body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	b.posts++
	posts := b.posts
	b.mu.Unlock()
	if posts%5 == 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	for _, item := range items {
		b.Send(item.Event)
	}
	if posts%7 == 0 {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusAccepted)
}
