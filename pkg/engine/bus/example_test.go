package bus_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/pkg/engine/bus"
)

func ExampleMemory() {
	var b bus.Memory
	b.Subscribe(func(ev event.Event) { fmt.Println(ev.Type(), ev.ID()) })
	fmt.Println(b.Publish(context.Background(), numbered(1), numbered(2)))
	// Output:
	// dev.interlock.switch.completed.v1 1
	// dev.interlock.switch.completed.v1 2
	// <nil>
}

// An event that is not taken is to be published again; consumers drop what they
// have by source and id.
func ExampleHTTP() {
	answers := []int{http.StatusServiceUnavailable, http.StatusAccepted}
	consumer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("posted:", r.Header.Get("Content-Type"))
		w.WriteHeader(answers[0])
		answers = answers[1:]
	}))
	defer consumer.Close()
	to, err := url.Parse(consumer.URL)
	if err != nil {
		panic(err)
	}
	b := &bus.HTTP{URL: to, Client: consumer.Client()}
	for range 2 {
		fmt.Println("taken:", b.Publish(context.Background(), numbered(1)) == nil)
	}
	// Output:
	// posted: application/cloudevents+json; charset=utf-8
	// taken: false
	// posted: application/cloudevents+json; charset=utf-8
	// taken: true
}
