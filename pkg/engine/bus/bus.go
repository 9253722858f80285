// Package bus publishes Interlock's out-events.
package bus

import (
	"context"

	"github.com/cloudevents/sdk-go/v2/event"
)

// Bus takes out-events. Publish returns nil only when every event was taken;
// after an error any of them may have been, and all are published again: a
// consumer drops repeats by source and id.
type Bus interface {
	Publish(ctx context.Context, events ...event.Event) error
}
