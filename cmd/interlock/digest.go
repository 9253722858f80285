package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/internal/digest"
	"github.com/interlock-functions/interlock/internal/jsontree"
)

func digestCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "digest FILE",
		Short: "Print the digest that binds a ticket to what it approves",
		Long: `Digest prints the SHA-256 of what an event asks for: of the members switch,
enabled, target, options, then and on_failure of its data, in their canonical
form (RFC 8785). A ticket that carries it, in ticket.digest, is good for exactly
that.

FILE is a structured CloudEvent, or its data alone. - is standard input.`,
		Example: `  interlock digest functions/proxyssl/sample.json
  interlock send --from servicenow --file change.json --show | interlock digest -`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := readData(cmd.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			sum, err := digest.Of(data)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			if asJSON {
				return sayJSON(cmd.OutOrStdout(), map[string]string{"digest": sum})
			}
			fmt.Fprintln(cmd.OutOrStdout(), sum)
			return nil
		},
	}
	jsonFlag(c, &asJSON, "a line of JSON")
	return c
}

// readData reads the data in a file: that of an event, or what is no event.
func readData(stdin io.Reader, file string) ([]byte, error) {
	text, err := readFile(stdin, file)
	if err != nil {
		return nil, err
	}
	n, err := jsontree.Parse(text, cloudevent.Depth)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if n.Get("specversion") == nil {
		return text, nil
	}
	item := cloudevent.DecodeNode(&n)
	if item.Err != nil {
		return nil, fmt.Errorf("%s: %w", file, item.Err)
	}
	return item.Event.Data(), nil
}

// readFile reads a file, or standard input for -.
func readFile(stdin io.Reader, file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(file)
}
