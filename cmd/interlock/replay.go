package main

import (
	"context"
	"fmt"
	"io"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/spf13/cobra"

	"github.com/interlock-functions/interlock/internal/cloudevent"
)

func replayCommand() *cobra.Command {
	var file, url string
	var asJSON, aws bool
	c := &cobra.Command{
		Use:   "replay --file FILE",
		Short: "Send events again from a file, a dead-letter queue or an archive",
		Long: `Replay sends the events in a file again, one after another, and shows each
answer. That is safe: what was settled is answered as it was the first time, and
what failed is taken up again.

` + keptHelp + `

The address is that of a local program, where every function that an event is
meant for gets it, or a function's own URL, which gets all. Events for no
function, as Interlock's own, are passed over.
` + awsHelp + `

Exit code: 0 if every answer is 2xx; 1 otherwise, or if an item is no event.`,
		Example: `  aws sqs receive-message --queue-url URL --max-number-of-messages 10 > dlq.json
  interlock replay --file dlq.json --url http://127.0.0.1:8080`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			items, err := readKept(cmd.InOrStdin(), file)
			if err != nil {
				return err
			}
			return replay(cmd, &courier{at: url, aws: aws}, items, asJSON)
		},
	}
	c.Flags().StringVar(&file, "file", "", "file with the events; - is standard input")
	c.Flags().StringVar(&url, "url", "http://"+defaultAddr, "address of the local program, or a function's URL")
	awsFlag(c, &aws)
	jsonFlag(c, &asJSON, "a line of JSON for each answer, and for each item that is passed over or is no event")
	_ = c.MarkFlagRequired("file") // the flag is there
	return c
}

// replayed is what became of an item: where it was sent to, and the answer.
type replayed struct {
	Item int    `json:"item"`
	Type string `json:"type,omitempty"`
	ID   string `json:"id,omitempty"`
	// Error says why it is no event. PassedOver: it is for no function.
	Error      string `json:"error,omitempty"`
	PassedOver bool   `json:"passed_over,omitempty"`
	*delivery
}

func (r replayed) String() string {
	switch what := fmt.Sprintf("%d: %s %s", r.Item, r.Type, r.ID); {
	case r.Error != "":
		return fmt.Sprintf("%d: no event: %s", r.Item, r.Error)
	case r.PassedOver:
		return what + ": for no function"
	default:
		return what + " to " + r.URL
	}
}

// show prints an item and, where it was sent, the answer.
func (r replayed) show(w io.Writer, asJSON bool) error {
	if asJSON {
		return sayJSON(w, r)
	}
	say(w, "%s", r)
	if r.delivery == nil {
		return nil
	}
	return r.delivery.show(w, false)
}

func replay(cmd *cobra.Command, c *courier, items []cloudevent.Item, asJSON bool) error {
	base, whole, err := addressed(c.at)
	if err != nil {
		return err
	}
	o, err := newOffline()
	if err != nil {
		return err
	}
	ctx, bad := cmd.Context(), 0
	show := func(r replayed) error { return r.show(cmd.OutOrStdout(), asJSON) }
	for i, item := range items {
		if item.Err != nil {
			bad++
			if err := show(replayed{Item: i + 1, Error: item.Err.Error()}); err != nil {
				return err
			}
			continue
		}
		to := []string{base}
		if !whole {
			to = o.meant(ctx, item.Event)
			for i := range to {
				to[i] = base + "/functions/" + to[i]
			}
		}
		r := replayed{Item: i + 1, Type: item.Event.Type(), ID: item.Event.ID(), PassedOver: len(to) == 0}
		if r.PassedOver {
			err = show(r)
		} else {
			var refused int
			refused, err = c.again(ctx, r, to, item.Event, show)
			bad += refused
		}
		if err != nil {
			return err
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d not taken, of %d items", bad, len(items))
	}
	return nil
}

// again posts an event to each address, shows the answers, and counts those that
// are not 2xx.
func (c *courier) again(ctx context.Context, r replayed, to []string, ev event.Event, show func(replayed) error) (refused int, err error) {
	body, err := cloudevent.EncodeJSON(ev)
	if err != nil {
		return 0, err
	}
	for _, address := range to {
		if r.delivery, err = c.deliver(ctx, address, ev.ID(), body); err != nil {
			return refused, err
		}
		if err := show(r); err != nil {
			return refused, err
		}
		if r.refused() != nil {
			refused++
		}
	}
	return refused, nil
}
