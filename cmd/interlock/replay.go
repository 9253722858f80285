package main

import (
	"errors"
	"fmt"

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
			fmt.Fprintf(w, "%d: no event: %s\n", i+1, item.Err)
			bad++
			continue
		}
		body, err := cloudevent.EncodeJSON(item.Event)
		if err != nil {
			return err
		}
		to := []string{base}
		if !whole {
			to = nil
			for _, function := range o.meant(ctx, item.Event) {
				to = append(to, base+"/functions/"+function)
			}
		}
		if len(to) == 0 {
			fmt.Fprintf(w, "%d: %s %s: for no function\n", i+1, item.Event.Type(), item.Event.ID())
		}
		for _, address := range to {
			fmt.Fprintf(w, "%d: %s %s to %s\n", i+1, item.Event.Type(), item.Event.ID(), address)
			err := deliver(ctx, w, url, address, item.Event.ID(), body)
			var answered *answerError
			if err != nil && !errors.As(err, &answered) {
				return err
			}
			if err != nil {
				bad++
			}
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d not taken, of %d items", bad, len(items))
	}
	return nil
}
