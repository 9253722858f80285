package decision_test

import (
	"fmt"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

// bulb is the target of a switch: json names say how it stands in events, and
// validate tags what is refused.
type bulb struct {
	Region string `json:"region,omitempty" validate:"omitempty,region"`
	House  string `json:"house" validate:"required"`
	Room   string `json:"room" validate:"required"`
	Socket int    `json:"socket" validate:"min=1"`
}

// Place: one decision at a time works on a room, and order is kept for each of
// its sockets.
func (b bulb) Place() decision.Place {
	return decision.Place{Project: b.House, Instance: b.Room, Subject: fmt.Sprintf("%s/%s/%d", b.House, b.Room, b.Socket)}
}

func ExampleTarget() {
	d, err := decision.New([]decision.Spec{{Switch: "bulb", Target: func() any { return new(bulb) }}}, "")
	if err != nil {
		panic(err)
	}
	ev := event.New()
	ev.SetID("1")
	ev.SetSource("https://evenings.example.com")
	ev.SetType(events.TypeSwitchRequested)
	for _, target := range []string{`{"house":"7","room":"hall","socket":2}`, `{"house":"7","romo":"hall","socket":0}`} {
		_ = ev.SetData(event.ApplicationJSON, []byte(`{"switch":"bulb","enabled":true,"target":`+target+`}`))
		switch asked, _, wrong := d.Decode("bulb", ev); {
		case wrong != nil:
			for _, f := range wrong.Fields {
				fmt.Printf("%s: found %s, expected %s\n", f.Path, f.Found, f.Expected)
			}
		default:
			fmt.Printf("%+v\n", asked.Place)
		}
	}
	// Output:
	// {Project:7 Instance:hall Subject:7/hall/2}
	// data.target.romo: found string "hall", expected no such member; known are region, house, room and socket
	// data.target.room: found nothing, expected a string that is not empty
	// data.target.socket: found number 0, expected at least 1
}
