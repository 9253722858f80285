package main

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/spf13/cobra"
)

// jsonFlag gives a command the flag --json, which every command has that prints.
func jsonFlag(c *cobra.Command, asJSON *bool, prints string) {
	c.Flags().BoolVar(asJSON, "json", false, prints)
}

// sayJSON prints a value as a line of JSON, as a terminal may get it.
func sayJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, printableText(b.String()))
	return err
}

// sayAllJSON prints a line for each of some values.
func sayAllJSON[T any](w io.Writer, all []T) error {
	for _, v := range all {
		if err := sayJSON(w, v); err != nil {
			return err
		}
	}
	return nil
}

// jsonOrText is a text as it stands in a line of JSON: as what it is if it is
// JSON, else as a string.
func jsonOrText(text []byte) any {
	switch {
	case len(text) == 0:
		return nil
	case json.Valid(text):
		return json.RawMessage(text)
	}
	return string(text)
}
