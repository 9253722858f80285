package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/spf13/cobra"

	"github.com/interlock-functions/interlock/internal/cloudevent"
)

func replayCommand() *cobra.Command {
	var file, url string
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

Exit code: 0 if every answer is 2xx; 1 otherwise, or if an item is no event.`,
		Example: `  aws sqs receive-message --queue-url URL --max-number-of-messages 10 > dlq.json
  interlock replay --file dlq.json --url http://127.0.0.1:8080`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			items, err := readKept(cmd.InOrStdin(), file)
			if err != nil {
				return err
			}
			return replay(cmd, url, items)
		},
	}
	c.Flags().StringVar(&file, "file", "", "file with the events; - is standard input")
	c.Flags().StringVar(&url, "url", "http://"+defaultAddr, "address of the local program, or a function's URL")
	_ = c.MarkFlagRequired("file") // the flag is there
	return c
}

func replay(cmd *cobra.Command, url string, items []cloudevent.Item) error {
	base, whole, err := addressed(url)
	if err != nil {
		return err
	}
	o, err := newOffline()
	if err != nil {
		return err
	}
	ctx, w := cmd.Context(), cmd.OutOrStdout()
	bad := 0
	for i, item := range items {
		if item.Err != nil {
			say(w, "%d: no event: %s", i+1, item.Err)
			bad++
			continue
		}
		to := []string{base}
		if !whole {
			to = o.meant(ctx, item.Event)
			for i := range to {
				to[i] = base + "/functions/" + to[i]
			}
		}
		what := fmt.Sprintf("%d: %s %s", i+1, item.Event.Type(), item.Event.ID())
		if len(to) == 0 {
			say(w, "%s: for no function", what)
		}
		refused, err := sendAgain(ctx, w, what, url, to, item.Event)
		if err != nil {
			return err
		}
		bad += refused
	}
	if bad > 0 {
		return fmt.Errorf("%d not taken, of %d items", bad, len(items))
	}
	return nil
}

// sendAgain posts an event to each address, and counts the answers that are not
// 2xx.
func sendAgain(ctx context.Context, w io.Writer, what, at string, to []string, ev event.Event) (refused int, err error) {
	body, err := cloudevent.EncodeJSON(ev)
	if err != nil {
		return 0, err
	}
	for _, address := range to {
		say(w, "%s to %s", what, address)
		err := deliver(ctx, w, at, address, ev.ID(), body)
		if answered := (*answerError)(nil); errors.As(err, &answered) {
			refused++
		} else if err != nil {
			return refused, err
		}
	}
	return refused, nil
}
